//! What can go wrong, and the exit code that says so.

use std::io;
use std::path::PathBuf;

use sluis_log::{ChainHash, FsckError, Origin};
use thiserror::Error;

/// Why a log command failed. Each is one line.
#[derive(Debug, Error)]
pub(crate) enum LogFailure {
    /// The log is damaged or was tampered with.
    #[error("the log does not verify: {0}")]
    Fsck(#[from] FsckError),
    /// It is another log than the one expected.
    #[error("this is the log of {found}, not of {expected}")]
    OtherOrigin { expected: Origin, found: Origin },
    /// It does not continue the log that was seen before.
    #[error("the log does not verify: at size {size} its chain was {known}, now it is {found}")]
    Rewritten {
        size: u64,
        known: ChainHash,
        found: ChainHash,
    },
    /// It is shorter than the log that was seen before.
    #[error("the log does not verify: it had {known} entries and now has {found}")]
    RolledBack { known: u64, found: u64 },
    /// The export ends too early.
    #[error("{}: truncated: {found} of {size} entries are there", .path.display())]
    TruncatedExport {
        path: PathBuf,
        found: u64,
        size: u64,
    },
    /// The export goes on after its last entry.
    #[error("{}: line {line}: more than the {size} entries that the header announces", .path.display())]
    OverlongExport { path: PathBuf, line: u64, size: u64 },
    /// A line of an export is not what it must be.
    #[error("{}: line {line}: {problem}", .path.display())]
    Line {
        path: PathBuf,
        line: u64,
        problem: String,
    },
    /// The server's answer is no page of a log.
    #[error("{url}: the answer is no page of a log: {problem}")]
    Answer { url: String, problem: String },
    /// The server refused.
    #[error("{url}: answered {status}{}", hint(*.status))]
    Refused { url: String, status: u16 },
    /// The server was not reached.
    #[error("{url}: {problem}")]
    Unreachable { url: String, problem: String },
    /// The URL cannot be used.
    #[error("--url {url}: {problem}")]
    Url { url: String, problem: &'static str },
    /// The token file holds no token.
    #[error("{}: expected one line with the auditor token", .0.display())]
    Token(PathBuf),
    /// A file could not be read or written.
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    /// Standard output is gone.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

impl LogFailure {
    /// The exit code. 2 is clap's, for wrong usage.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File { .. } | Self::Output(_) | Self::Token(_) | Self::Url { .. } => 1,
            Self::Fsck(_)
            | Self::OtherOrigin { .. }
            | Self::Rewritten { .. }
            | Self::RolledBack { .. } => 3,
            Self::TruncatedExport { .. }
            | Self::OverlongExport { .. }
            | Self::Line { .. }
            | Self::Answer { .. } => 4,
            Self::Refused { .. } => 5,
            Self::Unreachable { .. } => 6,
        }
    }
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => ": the auditor token is not accepted",
        404 => ": no log is served there",
        _ => "",
    }
}
