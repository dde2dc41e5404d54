//! The one error of the command: each group's own, and its exit code.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | a file or stream could not be read or written |
//! | 2 | wrong usage |
//! | 3 | looked at and refused: a token, a catalogue, a log, a record of custody, a validator that does not conform |
//! | 4 | not what it should be: no key, no key set, no export, no profile, no reason code |
//! | 5, 6 | a server refused, or was not reached |
//! | 7 | traced, with gaps or contradictions; a register of custody with a carrier that is lost or was to be destroyed |
//! | 8 | traced, and nothing was found |

use thiserror::Error;

use crate::catalogue::CatalogueFailure;
use crate::conformance::ConformanceFailure;
use crate::custody::CustodyFailure;
use crate::files::FileFailure;
use crate::keys::KeysFailure;
use crate::log::LogFailure;
use crate::reason::ReasonFailure;
use crate::token::TokenFailure;

/// Why a command failed. One line.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Catalogue(#[from] CatalogueFailure),
    #[error(transparent)]
    Conformance(#[from] ConformanceFailure),
    #[error(transparent)]
    Custody(#[from] CustodyFailure),
    #[error(transparent)]
    Keys(#[from] KeysFailure),
    #[error(transparent)]
    Log(#[from] LogFailure),
    #[error(transparent)]
    Reason(#[from] ReasonFailure),
    #[error(transparent)]
    Token(#[from] TokenFailure),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Catalogue(failure) => failure.exit_code(),
            Self::Conformance(failure) => failure.exit_code(),
            Self::Custody(failure) => failure.exit_code(),
            Self::Keys(failure) => failure.exit_code(),
            Self::Log(failure) => failure.exit_code(),
            Self::Reason(failure) => failure.exit_code(),
            Self::Token(failure) => failure.exit_code(),
        }
    }
}

impl FileFailure {
    /// Of every failed read or write.
    pub(crate) const EXIT_CODE: u8 = 1;
}
