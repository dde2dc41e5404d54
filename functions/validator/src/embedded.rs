//! Configuration and catalogue as the build checked them.

/// The configuration, as `sluis_gate::Embedded` reads it.
pub(crate) const CONFIG: &str = include_str!(concat!(env!("OUT_DIR"), "/config.json"));
/// The catalogue, as `sluis_policy::Catalogue` reads it.
pub(crate) const CATALOGUE: &str = include_str!(concat!(env!("OUT_DIR"), "/catalogue.json"));
