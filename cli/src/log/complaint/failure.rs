//! What can be wrong with a complaint file.

use std::path::PathBuf;

use sluis_log::{CommitmentError, Origin, ProofError};
use thiserror::Error;

/// Why there is none, or none that holds. Each is one line.
#[derive(Debug, Error)]
pub(crate) enum ComplaintFailure {
    #[error(
        "the checkpoint is not of this log: another origin, or another root than its entries have"
    )]
    OtherCheckpoint,
    #[error("--key with --file wants --checkpoint: nothing else is signed there")]
    NothingSigned,
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
    #[error("{}: {part} is no part of such a file, or is in it twice", .path.display())]
    UnknownPart { path: PathBuf, part: String },
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
    #[error("{}: there are no records in it", .path.display())]
    NoRecords { path: PathBuf },
    #[error("{}: the log {origin} is in it twice", .path.display())]
    RepeatedLog { path: PathBuf, origin: Origin },
    #[error("{}: the trace has a call at entry {index} of {log}, and no record of it is proven", .path.display())]
    NotProven {
        path: PathBuf,
        log: Origin,
        index: u64,
    },
    #[error("{}: entry {index} of {log} is of no call of the trace", .path.display())]
    NotTraced {
        path: PathBuf,
        log: Origin,
        index: u64,
    },
    #[error("{}: the trace says otherwise of the call at entry {index} of {log} than its records, or one of them is missing", .path.display())]
    OtherTrace {
        path: PathBuf,
        log: Origin,
        index: u64,
    },
    #[error("{}: there is no signed checkpoint in it to hold against --key", .path.display())]
    NoCheckpoint { path: PathBuf },
}

impl ComplaintFailure {
    /// The exit code; those of all commands are listed in `cli/src/failure.rs`.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NothingSigned => 2,
            Self::OtherCheckpoint
            | Self::NewerThanCheckpoint { .. }
            | Self::Altered { .. }
            | Self::Overlong { .. }
            | Self::Commitment { .. }
            | Self::Proof { .. }
            | Self::NoRecords { .. }
            | Self::NotProven { .. }
            | Self::NotTraced { .. }
            | Self::OtherTrace { .. }
            | Self::NoCheckpoint { .. } => 3,
            Self::NotOne { .. }
            | Self::Truncated { .. }
            | Self::Part { .. }
            | Self::UnknownPart { .. }
            | Self::RepeatedLog { .. } => 4,
        }
    }
}
