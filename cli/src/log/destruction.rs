//! The signed record of a period that ended, as the commands read it: from a validator, or from a file.

use std::io::{self, Write};
use std::path::PathBuf;

use sluis_log::trace::CLOCK_TOLERANCE_MS;
use sluis_log::{
    DestructionError, DestructionRecord, LoggedDestructionError, NoteVerifier, Origin,
    RetentionPeriod, SignedNote, UnixMillis, VerifiedDestruction,
};
use thiserror::Error;

/// Why a record shows nothing, or not what it should. Each is one line.
#[derive(Debug, Error)]
pub(crate) enum DestructionFailure {
    /// It is none, or not one of the deployment.
    #[error("the destruction record does not verify: {0}")]
    Record(#[from] DestructionError),
    /// Destroyed at a time that has not come: the validator's clock is ahead, and nothing tells by how much.
    #[error(
        "{period} is said to have been destroyed at {at}, which is still to come: the validator's clock was put ahead"
    )]
    Ahead {
        period: RetentionPeriod,
        at: UnixMillis,
    },
    /// The entry that the record names is another.
    #[error("entry {index} of {log} does not tell of this destruction: {error}")]
    Entry {
        log: Origin,
        index: u64,
        error: LoggedDestructionError,
    },
    /// It tells of a destruction, and not as the record does.
    #[error("entry {index} of {log} tells of another destruction")]
    OtherDestruction { log: Origin, index: u64 },
    /// What is said to be gone is there.
    #[error("entry {index} of {log} still has its payload, which is said to be destroyed")]
    StillThere { log: Origin, index: u64 },
    /// What is said to have been destroyed is not of the period's stream, or not there at all.
    #[error("entry {index} of {log} cannot have had a payload of {period}")]
    NotOfPeriod {
        log: Origin,
        index: u64,
        period: RetentionPeriod,
    },
    /// The record is of a log that its deployment cannot have.
    #[error("{log} is no log of {deployment}")]
    NoSuchLog { log: Origin, deployment: Origin },
    /// Records are kept, and there is none to compare with.
    #[error("{}: no record of entry {index}", .path.display())]
    NoRecord { path: PathBuf, index: u64 },
}

impl DestructionFailure {
    /// The exit code; those of all commands are listed in `cli/src/failure.rs`.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Record(
                DestructionError::Note(_) | DestructionError::Lines(_) | DestructionError::Logs,
            )
            | Self::NoRecord { .. } => 4,
            Self::Record(
                DestructionError::NotDue { .. }
                | DestructionError::OtherDeployment { .. }
                | DestructionError::Signature(_)
                | DestructionError::NotSigned(_),
            )
            | Self::Ahead { .. }
            | Self::Entry { .. }
            | Self::OtherDestruction { .. }
            | Self::StillThere { .. }
            | Self::NotOfPeriod { .. }
            | Self::NoSuchLog { .. } => 3,
        }
    }
}

/// The record that one of the deployment's keys signed.
pub(crate) fn signed(
    note: &SignedNote,
    keys: &[NoteVerifier],
) -> Result<VerifiedDestruction, DestructionError> {
    let mut why = None;
    for key in keys {
        match VerifiedDestruction::verify(note, key) {
            Ok(verified) => return Ok(verified),
            // Another key's signature may stand there; one that is false is what to tell of.
            Err(error @ DestructionError::NotSigned(_)) => why = why.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    // INVARIANT: clap asks for at least one key.
    Err(why.unwrap_or(DestructionError::Logs))
}

/// The record's own time must have come by our clock. That the period was over by then, the record's type says.
pub(crate) fn has_come(
    record: &DestructionRecord,
    now: UnixMillis,
) -> Result<(), DestructionFailure> {
    let latest = now.as_millis().saturating_add(CLOCK_TOLERANCE_MS);
    if record.at().as_millis() <= latest {
        return Ok(());
    }
    Err(DestructionFailure::Ahead {
        period: record.period(),
        at: record.at(),
    })
}

/// What a record says, for people.
pub(crate) fn show(record: &DestructionRecord, out: &mut impl Write) -> io::Result<()> {
    let entry = record.entry();
    writeln!(out, "{}: destroyed at {}", record.period(), record.at())?;
    writeln!(
        out,
        "its key {}, logged before as entry {} of {} ({})",
        record.key(),
        entry.index,
        entry.log,
        entry.id
    )?;
    record.logs().iter().try_for_each(|log| match log.payloads {
        None => writeln!(out, "{}: nothing", log.log),
        Some(range) => writeln!(
            out,
            "{}: {} payloads, from entry {} to {}",
            log.log,
            range.count(),
            range.first(),
            range.last()
        ),
    })
}
