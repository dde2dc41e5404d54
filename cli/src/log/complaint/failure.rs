//! What can be wrong with a complaint file.

use std::path::PathBuf;

use sluis_log::{CommitmentError, ProofError};
use thiserror::Error;

/// Why there is none, or none that holds. Each is one line.
#[derive(Debug, Error)]
pub(crate) enum ComplaintFailure {
    #[error(
        "the checkpoint is not of this log: another origin, or another root than its entries have"
    )]
    OtherCheckpoint,
    #[error("entry {index} is newer than the checkpoint")]
    NewerThanCheckpoint { index: u64 },
    #[error("{}: no complaint file", .path.display())]
    NotOne { path: PathBuf },
    #[error("{}: truncated in {part}", .path.display())]
    Truncated { path: PathBuf, part: String },
    #[error("{}: {part} was altered", .path.display())]
    Altered { path: PathBuf, part: String },
    #[error("{}: something follows the last part", .path.display())]
    Overlong { path: PathBuf },
    #[error("{}: {part} is missing, or not of this format", .path.display())]
    Part { path: PathBuf, part: &'static str },
    #[error("{}: entry {index}: {error}", .path.display())]
    Commitment {
        path: PathBuf,
        index: u64,
        error: CommitmentError,
    },
    #[error("{}: entry {index}: {error}", .path.display())]
    Proof {
        path: PathBuf,
        index: u64,
        error: ProofError,
    },
    #[error("{}: there is no signed checkpoint in it to hold against --key", .path.display())]
    NoCheckpoint { path: PathBuf },
}

impl ComplaintFailure {
    /// The exit code; those of all commands are listed in `cli/src/failure.rs`.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::OtherCheckpoint
            | Self::NewerThanCheckpoint { .. }
            | Self::Altered { .. }
            | Self::Overlong { .. }
            | Self::Commitment { .. }
            | Self::Proof { .. }
            | Self::NoCheckpoint { .. } => 3,
            Self::NotOne { .. } | Self::Truncated { .. } | Self::Part { .. } => 4,
        }
    }
}
