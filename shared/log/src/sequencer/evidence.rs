//! What speaks against a store.

use thiserror::Error;

use crate::note::CheckpointError;
use crate::tree::{TileId, TreeError};

/// The store is not the one that the last signed checkpoint was made over. Nothing is signed, and nothing may be let through
/// on it, until an operator has looked: a log that lost records would be grown over the gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Evidence {
    /// Entries below the trusted head are not there: the store was put back to an earlier state.
    #[error("rolled back: entry {index} is gone, and {trusted} entries were signed")]
    RolledBack {
        /// The first entry that is missing.
        index: u64,
        /// The size of the trusted head.
        trusted: u64,
    },
    /// The store's tree is another one than the trusted head's.
    #[error("forked: the tree of {size} entries has another root than the one that was signed")]
    Forked {
        /// The size at which they differ.
        size: u64,
    },
    /// The trusted place knows less than was published: it was put back, or emptied.
    #[error("the checkpoint of {stored} entries is beyond the trusted head of {trusted}")]
    TrustedBehind {
        /// The size of the store's checkpoint.
        stored: u64,
        /// The size of the trusted head.
        trusted: u64,
    },
    /// The store's tree ends further behind the trusted head than a stop can leave it.
    #[error("the tree of {stored} entries is too far behind the trusted head of {trusted}")]
    TreeLost {
        /// The size of the store's checkpoint.
        stored: u64,
        /// The size of the trusted head.
        trusted: u64,
    },
    /// A tile on the tree's edge is missing, or has not the hashes that the checkpoint covers.
    #[error("{0} is missing or damaged")]
    Tile(TileId),
    /// The tiles on the edge do not give the root of the store's own checkpoint.
    #[error("the tiles do not give the root of the checkpoint of {size} entries")]
    Root {
        /// The size of the checkpoint.
        size: u64,
    },
    /// The last entry in the tree is not the one that is stored.
    #[error("entry {index} is not the one in the tree")]
    Leaf {
        /// The entry.
        index: u64,
    },
    /// An entry behind the tree does not follow from the one before.
    #[error("the chain value of entry {index} does not follow")]
    Chain {
        /// The entry.
        index: u64,
    },
}

impl Evidence {
    /// A short stable name, for operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RolledBack { .. } => "rolledBack",
            Self::Forked { .. } => "forked",
            Self::TrustedBehind { .. } => "trustedBehind",
            Self::TreeLost { .. } => "treeLost",
            Self::Tile(_) => "tileDamaged",
            Self::Root { .. } => "rootMismatch",
            Self::Leaf { .. } => "leafMismatch",
            Self::Chain { .. } => "chainBroken",
        }
    }
}

/// Why a round did not end in a checkpoint over what is sequenced.
#[derive(Debug, Error)]
pub enum SequencerError<S, C> {
    /// The store is not to be signed for.
    #[error(transparent)]
    Evidence(#[from] Evidence),
    /// Another sequencer was faster; what it did stands, and the next round begins there.
    #[error("another sequencer was faster")]
    Overtaken,
    /// The store failed.
    #[error("the store: {0}")]
    Store(S),
    /// The trusted place failed.
    #[error("the trusted place: {0}")]
    Trusted(C),
    /// The tree refused what it was given.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The key is another log's.
    #[error(transparent)]
    Sign(#[from] CheckpointError),
}
