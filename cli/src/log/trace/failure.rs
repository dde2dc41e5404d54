//! What can go wrong with a trace, and the exit code that says so.

use std::io;
use std::path::PathBuf;

use sluis_log::ReferenceKeyError;
use sluis_log::trace::{PartyRecordError, TraceError};
use sluis_token::PseudonymError;
use thiserror::Error;

use crate::catalogue::CatalogueFailure;
use crate::files::FileFailure;
use crate::keys::KeysFailure;

/// Why there is no trace, or none that is whole. Each is one line.
#[derive(Debug, Error)]
pub(crate) enum TraceFailure {
    #[error("say which calls: --token-id, --trace-id, --mandate, --subject, --from or --until")]
    NothingAsked,
    #[error(
        "--for dataSubject: say who it is, with --subject, so that the trace has no other person's calls"
    )]
    SubjectWanted,
    #[error("{0}")]
    Limit(TraceError),
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error("{}: {error}", .path.display())]
    Party { path: PathBuf, error: io::Error },
    /// A line of a party's log is no record.
    #[error("{}: line {line}: {error}", .path.display())]
    Record {
        path: PathBuf,
        line: u64,
        error: PartyRecordError,
    },
    #[error("{}: line {line}: cut off: the line is not ended", .path.display())]
    CutOff { path: PathBuf, line: u64 },
    #[error("{name}: {error}")]
    LogKey {
        name: String,
        error: ReferenceKeyError,
    },
    #[error(transparent)]
    Key(#[from] KeysFailure),
    #[error("the pseudonym key: {0}")]
    PseudonymKey(PseudonymError),
    #[error("{name}: expected one line with a national number")]
    NotASubject { name: String },
    #[error(transparent)]
    Catalogue(CatalogueFailure),
    #[error("nothing was found{}", left(*.erased))]
    NothingFound {
        /// Decisions that could have been what is asked for, and whose payload was erased.
        erased: u64,
    },
    #[error(
        "the trace is not whole: {gaps} gaps, {contradictions} contradictions, {unreadable} entries that cannot be read"
    )]
    NotWhole {
        gaps: usize,
        contradictions: usize,
        unreadable: u64,
    },
}

impl TraceFailure {
    /// The exit code; those of all commands are listed in `cli/src/failure.rs`.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) | Self::Party { .. } => FileFailure::EXIT_CODE,
            Self::NothingAsked | Self::SubjectWanted | Self::Limit(_) => 2,
            Self::Record { .. }
            | Self::CutOff { .. }
            | Self::LogKey { .. }
            | Self::PseudonymKey(_)
            | Self::NotASubject { .. } => 4,
            Self::Key(failure) => failure.exit_code(),
            Self::Catalogue(failure) => failure.exit_code(),
            Self::NotWhole { .. } => 7,
            Self::NothingFound { .. } => 8,
        }
    }
}

fn left(erased: u64) -> String {
    match erased {
        0 => String::new(),
        erased => format!("; {erased} decisions that it could be were erased"),
    }
}
