//! Why a step of a re-identification is not taken, and the exit code that says so. No message has the holder's number.

use std::io;
use std::path::PathBuf;

use sluis_log::reidentify::ReidentificationError;
use sluis_log::trace::PartyRecordError;
use thiserror::Error;

use super::super::trace::TraceFailure;
use crate::files::FileFailure;
use crate::keys::KeysFailure;

/// One line each.
#[derive(Debug, Error)]
pub(crate) enum ReidentifyFailure {
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error(transparent)]
    Key(#[from] KeysFailure),
    /// The own log could not be read.
    #[error(transparent)]
    Log(#[from] TraceFailure),
    #[error("the request: {0}")]
    Asked(ReidentificationError),
    #[error("--institution, --supervisor: {0}")]
    Keys(ReidentificationError),
    #[error("{}: {error}", .path.display())]
    Procedure {
        path: PathBuf,
        error: ReidentificationError,
    },
    #[error("{0}")]
    Halves(ReidentificationError),
    #[error("--half: two are wanted, the institution's and the supervisor's")]
    TwoHalves,
    #[error("{}: no record of the issue of the token that is asked about", .0.display())]
    NotIssued(PathBuf),
    #[error("the record of this step: {0}")]
    Record(PartyRecordError),
    #[error("{}: {error}", .path.display())]
    Append { path: PathBuf, error: io::Error },
    #[error("{}: cut off: the last line is not ended, so nothing is added to it", .0.display())]
    CutOff(PathBuf),
}

impl ReidentifyFailure {
    /// The exit code; those of all commands are listed in `cli/src/failure.rs`.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) | Self::Append { .. } => FileFailure::EXIT_CODE,
            Self::Key(failure) => failure.exit_code(),
            Self::Log(failure) => failure.exit_code(),
            Self::TwoHalves | Self::Asked(_) | Self::Keys(_) | Self::Record(_) => 2,
            Self::CutOff(_) => 4,
            Self::NotIssued(_) => 3,
            Self::Procedure { error, .. } | Self::Halves(error) => match error {
                ReidentificationError::Note(_)
                | ReidentificationError::Lines(_)
                | ReidentificationError::Holder => 4,
                ReidentificationError::Signature(_)
                | ReidentificationError::NotRequested { .. }
                | ReidentificationError::NotAnswered(_)
                | ReidentificationError::OneRequester
                | ReidentificationError::Old { .. }
                | ReidentificationError::Early { .. }
                | ReidentificationError::OtherToken
                | ReidentificationError::NotHidden
                | ReidentificationError::OtherRequest
                | ReidentificationError::OtherRecipient(_)
                | ReidentificationError::SameSide(_)
                | ReidentificationError::OtherPair
                | ReidentificationError::NoHolder => 3,
            },
        }
    }
}
