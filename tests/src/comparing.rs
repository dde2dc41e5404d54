//! The build that compares: what `cargo xtask build --tests` writes for it, and where.

/// The folder of its configuration, from the root.
pub const FOLDER: &str = "target/comparing";
/// The candidate catalogue, in that folder.
pub const CATALOGUE: &str = "catalogue.next.toml";
/// The path of the secondary network's candidate keys.
pub const CANDIDATE_KEYS: &str = "/simulation/nic/next/jwks.json";
