//! What can go wrong with an order to destroy, and the exit code that says so.

use std::path::PathBuf;

use thiserror::Error;

/// Why it was not done, or not whole. Each is one line.
#[derive(Debug, Error)]
pub(crate) enum RetainFailure {
    /// The validator refused, or could not.
    #[error("{url}: answered {status}{}", hint(*.status))]
    Refused { url: String, status: u16 },
    /// It did what it could, and something failed.
    #[error(
        "{url}: not all that is due is destroyed: {fault}; `sluis reason {fault}` says what to do"
    )]
    Failed { url: String, fault: String },
    /// Its answer is none to an order.
    #[error("{url}: not the answer to an order to destroy: {problem}")]
    Answer { url: String, problem: String },
    /// It says that there is more to do, and does nothing.
    #[error("{url}: says that more is due, and destroys nothing")]
    Idle { url: String },
    /// More was due than one run does.
    #[error("{url}: more is due after {orders} orders: run it again")]
    Unfinished { url: String, orders: u32 },
    /// There is a file for the period, and the validator now says otherwise.
    #[error("{}: another record of this period than the one that the validator gives now", .path.display())]
    Differs { path: PathBuf },
    /// A record that was kept and that the validator does not give.
    #[error("{}: the validator does not know of this destruction any more", .path.display())]
    Forgotten { path: PathBuf },
}

impl RetainFailure {
    /// The exit code; those of all commands are listed in `cli/src/failure.rs`.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Differs { .. } | Self::Forgotten { .. } => 3,
            Self::Answer { .. } | Self::Idle { .. } => 4,
            Self::Refused { .. } | Self::Failed { .. } | Self::Unfinished { .. } => 5,
        }
    }
}

fn hint(status: u16) -> &'static str {
    match status {
        401 => ": the operators' credential is not accepted",
        404 => ": no such order is taken there, or the validator has no SLUIS_OPERATOR_TOKEN",
        503 => ": the periods cannot be read in the place of the keys, so nothing was begun",
        _ => "",
    }
}
