//! The Merkle tree over the entries (RFC 6962 §2.1), kept as tiles (C2SP
//! tlog-tiles): hashes, tiles and their paths, growing, proofs, and what a
//! reader verifies.

mod bundle;
mod check;
mod edge;
mod files;
mod hash;
mod proof;
#[cfg(test)]
mod reference;
mod tile;
mod verify;

pub use bundle::{BundleError, EntryBundle, MAX_BUNDLE_BYTES};
pub use check::{TreeCheck, TreeFault};
pub(crate) use edge::last_of_full;
pub use edge::{EdgeTiles, Integrated, MAX_TREE_SIZE, TreeError, integrate};
pub use files::{TreeFile, TreeFiles, TreeFilesError};
pub use hash::{TreeHash, TreeHead};
pub use proof::{
    MAX_PROOF_HASHES, consistency_proof, consistency_tiles, inclusion_proof, inclusion_tiles,
};
pub use tile::{
    MAX_TILE_BYTES, MAX_TILE_PATH_BYTES, TILE_WIDTH, TileId, TileKind, TilePath, TilePathError,
};
pub use verify::{Extension, Included, ProofError, verify_consistency, verify_inclusion};
