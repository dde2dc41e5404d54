//! What can go wrong, and the exit code that says so.

use std::io;
use std::path::PathBuf;

use sluis_log::{
    AuditorGrantError, BundleFault, ChainHash, CheckpointError, CommitmentError, FsckError,
    KeyName, NoteError, Origin, ProofBundleError, QuorumError, ShardNoteError, TilePathError,
    TreeError, TreeFault,
};
use thiserror::Error;

use super::complaint::ComplaintFailure;
use super::destruction::DestructionFailure;
use super::receipt::ReceiptFailure;
use super::reidentify::ReidentifyFailure;
use super::retain::RetainFailure;
use super::trace::TraceFailure;
use crate::files::FileFailure;
use crate::keys::KeysFailure;

/// Why a log command failed. Each is one line.
#[derive(Debug, Error)]
pub(crate) enum LogFailure {
    /// The log is damaged or was tampered with.
    #[error("the log does not verify: {0}")]
    Fsck(#[from] FsckError),
    /// The tree is damaged or was tampered with.
    #[error("the log does not verify: {0}")]
    Tree(#[from] TreeFault),
    /// The checkpoint is not one of the log.
    #[error("the log does not verify: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Too few witnesses.
    #[error("{0}")]
    Quorum(#[from] QuorumError),
    /// A record is of another entry than the one in the tree.
    #[error(
        "the log does not verify: entry {index}: the record is of another entry than the tree has"
    )]
    OtherEntry { index: u64 },
    /// The records end before the tree does.
    #[error(
        "the log does not verify: entry {records}: there are records of {records} entries only, and the tree has {size}"
    )]
    FewerRecords { records: u64, size: u64 },
    /// A folder without what opens its entries.
    #[error(
        "the log does not verify: {}: missing: without it no payload is checked (--tree-only, for a folder that never had it)",
        .path.display()
    )]
    NoRecords { path: PathBuf },
    /// A file among the log's that the tree does not vouch for.
    #[error("the log does not verify: {}: not part of the log of {size} entries", .path.display())]
    Stray { path: PathBuf, size: u64 },
    /// A bundle that proves nothing.
    #[error("{0}")]
    Bundle(#[from] BundleFault),
    /// A proof that cannot be made.
    #[error("{0}")]
    Proof(TreeError),
    /// A tile that has no path.
    #[error("{0}")]
    Path(TilePathError),
    /// The file is no proof bundle.
    #[error("{}: no proof bundle: {error}", .path.display())]
    NoBundle {
        path: PathBuf,
        error: ProofBundleError,
    },
    /// The bundle has no entry of this log's format with it.
    #[error("{}: the bundle does not come with an entry of this format", .path.display())]
    NoEntry { path: PathBuf },
    /// The record is of another entry.
    #[error("{}: this record is not of the entry that is proven", .path.display())]
    OtherRecord { path: PathBuf },
    /// The record does not open the entry's commitment.
    #[error("{}: {error}", .path.display())]
    Record {
        path: PathBuf,
        error: CommitmentError,
    },
    /// A destruction record that is none, not the log's, or of what is still to come.
    #[error("{}: {error}", .path.display())]
    Destruction {
        path: PathBuf,
        error: DestructionFailure,
    },
    /// There is no time to verify at.
    #[error(transparent)]
    Clock(FileFailure),
    /// A key is of another log than the others.
    #[error("the key of {key} is not one of {origin}")]
    OtherKey { key: KeyName, origin: Origin },
    /// No key to verify with.
    #[error("a verifier key of the log is wanted: --key")]
    NoKey,
    /// A witness answered otherwise than a witness does.
    #[error("{url}: {problem}")]
    Witness { url: String, problem: String },
    /// A witness refuses.
    #[error("{url}: answered {status}: {why}")]
    WitnessRefused {
        url: String,
        status: u16,
        why: String,
    },
    /// What is cosigned cannot be put together, or a map is no note.
    #[error("no signed note: {0}")]
    Note(NoteError),
    /// The witness's own store is not what it wrote.
    #[error("{}: {problem}", .path.display())]
    State { path: PathBuf, problem: String },
    /// No private key in the file.
    #[error(transparent)]
    Key(KeysFailure),
    /// The witness's key cannot be used.
    #[error("{}: {problem}", .path.display())]
    SigningKey { path: PathBuf, problem: String },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        address: std::net::SocketAddr,
        error: io::Error,
    },
    /// A complaint file that cannot be made, or does not hold.
    #[error(transparent)]
    Complaint(#[from] ComplaintFailure),
    /// A trace that cannot be made, or is not whole.
    #[error(transparent)]
    Trace(#[from] TraceFailure),
    /// A step of a re-identification that is not taken.
    #[error(transparent)]
    Reidentify(#[from] ReidentifyFailure),
    /// An order to destroy that was not obeyed, or not wholly.
    #[error(transparent)]
    Retain(#[from] RetainFailure),
    /// A record of a destruction that shows nothing.
    #[error(transparent)]
    DestructionRecord(#[from] DestructionFailure),
    /// The map of a deployment's logs is none, or not the deployment's.
    #[error("{0}")]
    Map(#[from] ShardNoteError),
    /// Something of one of several logs.
    #[error("{origin}: {failure}")]
    OfShard {
        origin: Origin,
        failure: Box<LogFailure>,
    },
    /// Something of more than one of them.
    #[error("{}", one_line(.0))]
    OfShards(Vec<LogFailure>),
    /// The map has a log that is not there.
    #[error("{}: missing: the map has the log {origin}", .path.display())]
    MissingShard { path: PathBuf, origin: Origin },
    /// There is something beside the logs that the map does not have.
    #[error("{}: not one of the logs of the map", .path.display())]
    StrayShard { path: PathBuf },
    /// One log has to be chosen.
    #[error("there are {count} logs: say which one, with --shard")]
    ManyLogs { count: usize },
    /// No shard can have this name and a number.
    #[error("the key of {key} is of no deployment with shards")]
    LongName { key: KeyName },
    /// No receipt, or one that shows nothing.
    #[error(transparent)]
    Receipt(#[from] ReceiptFailure),
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
    /// The server finds that an entry is not what it should be in its own store.
    #[error(
        "the log does not verify: entry {index}: the server finds it, or what the tree has of it, missing or damaged: {url}"
    )]
    Damaged { url: String, index: u64 },
    /// The server refused.
    #[error("{url}: answered {status}{}", hint(*.status))]
    Refused { url: String, status: u16 },
    /// The server was not reached.
    #[error("{url}: {problem}")]
    Unreachable { url: String, problem: String },
    /// The URL cannot be used.
    #[error("--url {url}: {problem}")]
    Url { url: String, problem: &'static str },
    /// The file holds no credential.
    #[error("{}: expected one line with the token", .0.display())]
    Token(PathBuf),
    /// Nothing to read the log with.
    #[error("--url wants --auditor-token-file, or --auditor-key-file with --auditor and --log")]
    NoCredential,
    /// No token for that reader.
    #[error("no auditor token: {0}")]
    Grant(AuditorGrantError),
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
            Self::File { .. }
            | Self::Clock(_)
            | Self::Output(_)
            | Self::Token(_)
            | Self::Url { .. }
            | Self::Listen { .. }
            | Self::Path(_) => 1,
            Self::NoKey
            | Self::NoCredential
            | Self::Grant(_)
            | Self::ManyLogs { .. }
            | Self::LongName { .. }
            | Self::Quorum(QuorumError::Impossible { .. } | QuorumError::Repeated(_)) => 2,
            Self::Fsck(_)
            | Self::Tree(_)
            | Self::Quorum(QuorumError::NotReached { .. } | QuorumError::Signature(_))
            | Self::OtherEntry { .. }
            | Self::FewerRecords { .. }
            | Self::NoRecords { .. }
            | Self::Stray { .. }
            | Self::StrayShard { .. }
            | Self::MissingShard { .. }
            | Self::Bundle(_)
            | Self::OtherRecord { .. }
            | Self::Record { .. }
            | Self::Damaged { .. }
            | Self::OtherKey { .. }
            | Self::OtherOrigin { .. }
            | Self::Rewritten { .. }
            | Self::RolledBack { .. } => 3,
            Self::Checkpoint(error) => match error {
                CheckpointError::Note(_)
                | CheckpointError::Lines
                | CheckpointError::TooManyExtensions
                | CheckpointError::Origin(_)
                | CheckpointError::Size
                | CheckpointError::Root => 4,
                CheckpointError::OtherOrigin { .. }
                | CheckpointError::Signature(_)
                | CheckpointError::NotSigned(_)
                | CheckpointError::OtherName { .. } => 3,
            },
            Self::Proof(_)
            | Self::NoBundle { .. }
            | Self::NoEntry { .. }
            | Self::Note(_)
            | Self::State { .. }
            | Self::SigningKey { .. }
            | Self::Witness { .. }
            | Self::TruncatedExport { .. }
            | Self::OverlongExport { .. }
            | Self::Line { .. }
            | Self::Answer { .. } => 4,
            Self::Map(error) => match error {
                ShardNoteError::Note(_)
                | ShardNoteError::Form
                | ShardNoteError::Origin(_)
                | ShardNoteError::Map(_) => 4,
                ShardNoteError::OtherOrigin { .. }
                | ShardNoteError::Signature(_)
                | ShardNoteError::NotSigned(_)
                | ShardNoteError::OtherTime { .. }
                | ShardNoteError::OtherName { .. } => 3,
            },
            Self::OfShard { failure, .. } => failure.exit_code(),
            Self::OfShards(failures) => failures.first().map_or(1, Self::exit_code),
            Self::Key(failure) => failure.exit_code(),
            Self::Complaint(failure) => failure.exit_code(),
            Self::Trace(failure) => failure.exit_code(),
            Self::Reidentify(failure) => failure.exit_code(),
            Self::Receipt(failure) => failure.exit_code(),
            Self::Retain(failure) => failure.exit_code(),
            Self::DestructionRecord(failure) | Self::Destruction { error: failure, .. } => {
                failure.exit_code()
            }
            Self::Refused { .. } | Self::WitnessRefused { .. } => 5,
            Self::Unreachable { .. } => 6,
        }
    }
}

impl LogFailure {
    /// Whether a server says that it cannot just now. A log that takes no entries shows no records: that they were read
    /// could not be recorded.
    pub(crate) const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Refused { status: 503, .. })
    }
}

fn one_line(failures: &[LogFailure]) -> String {
    let failures = failures.iter().map(LogFailure::to_string);
    failures.collect::<Vec<_>>().join("; ")
}

fn hint(status: u16) -> &'static str {
    match status {
        401 => ": the auditor token is not accepted",
        403 => ": the auditor token has no purpose, which reading records wants",
        404 => ": no such thing is served there",
        _ => "",
    }
}
