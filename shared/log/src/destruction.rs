//! The signed record of a destruction: which period's key is gone, and what was under it.
//!
//! ```text
//! sluis log destruction v1
//! deployment validator.example.be/log
//! period accesses/2037-01-01
//! key 5f0a…
//! destroyed 2037-01-02T03:04:05.678Z
//! entry validator.example.be/log/0 17 0b1f7c7e-0000-4000-8000-000000000001
//! payloads validator.example.be/log/0 12 3 40
//! payloads validator.example.be/log/1 0
//! ```
//!
//! The `entry` is the one that was logged before: log, index, id. Each log of the
//! deployment has its line: how many payloads, and the first and last index of them.
//! The note (C2SP signed-note) is signed by the log's key under the name of the
//! deployment's origin. Its first line has spaces, which no origin has: it is never
//! taken for a checkpoint, nor for a map of shards. One record has one spelling.

mod logged;

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

use crate::chain::Origin;
use crate::hash::decimal;
use crate::id::EntryId;
use crate::note::lines::{self, LinesError};
use crate::note::{KeyName, NoteError, NoteSigner, NoteVerifier, SignatureFault, SignedNote};
use crate::payload_key::PayloadKeyId;
use crate::retention::RetentionPeriod;
use crate::shard::MAX_SHARDS;
use crate::time::UnixMillis;

pub use logged::{LoggedDestruction, LoggedDestructionError};

const FIRST_LINE: &str = "sluis log destruction v1";
const LABELS: [&str; 5] = ["deployment", "period", "key", "destroyed", "entry"];
const PAYLOADS: &str = "payloads";
/// Logs of a record at most: every shard, and the whole log.
pub const MAX_DESTRUCTION_LOGS: usize = MAX_SHARDS as usize + 1;

/// How many payloads a log has of a period, and between which indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadRange {
    count: u64,
    first: u64,
    last: u64,
}

impl PayloadRange {
    /// At least one, and no more than there is room for from the first to the last.
    pub const fn new(count: u64, first: u64, last: u64) -> Option<Self> {
        if count == 0 || first > last || count - 1 > last - first {
            return None;
        }
        Some(Self { count, first, last })
    }

    /// How many.
    pub const fn count(self) -> u64 {
        self.count
    }

    /// The index of the first.
    pub const fn first(self) -> u64 {
        self.first
    }

    /// The index of the last.
    pub const fn last(self) -> u64 {
        self.last
    }

    /// Whether that index is between them.
    pub const fn covers(self, index: u64) -> bool {
        self.first <= index && index <= self.last
    }
}

/// What one log had of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestroyedPayloads {
    /// The log.
    pub log: Origin,
    /// None if it had nothing.
    pub payloads: Option<PayloadRange>,
}

/// Where the destruction was logged before it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedAt {
    /// In which log.
    pub log: Origin,
    /// The index.
    pub index: u64,
    /// The id of the entry.
    pub id: EntryId,
}

/// What was destroyed, when, and where that was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestructionRecord {
    deployment: Origin,
    period: RetentionPeriod,
    key: PayloadKeyId,
    at: UnixMillis,
    entry: LoggedAt,
    logs: Vec<DestroyedPayloads>,
}

/// Why there is no such record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DestructionError {
    /// No note.
    #[error("no signed note: {0}")]
    Note(#[from] NoteError),
    /// Other lines than those of such a note.
    #[error("{0}")]
    Lines(#[from] LinesError),
    /// The period was not over.
    #[error("the payloads of {period} may not be destroyed at {at}")]
    NotDue {
        /// The period.
        period: RetentionPeriod,
        /// When it is said to have been.
        at: UnixMillis,
    },
    /// No log, one twice, or more than there can be.
    #[error("expected 1 to {MAX_DESTRUCTION_LOGS} logs, each once")]
    Logs,
    /// Of another deployment.
    #[error("this is a destruction in {found}, not in {expected}")]
    OtherDeployment {
        /// Whose key it is.
        expected: KeyName,
        /// Where it was.
        found: Origin,
    },
    /// A signature that claims to be the log's is not.
    #[error("the record is void: {0}")]
    Signature(#[from] SignatureFault),
    /// The key has not signed it.
    #[error("the record is not signed by {0}")]
    NotSigned(KeyName),
}

impl DestructionRecord {
    /// What is destroyed at that time, which must not be before the period's day.
    pub fn new(
        deployment: Origin,
        (period, key): (RetentionPeriod, PayloadKeyId),
        at: UnixMillis,
        entry: LoggedAt,
        logs: Vec<DestroyedPayloads>,
    ) -> Result<Self, DestructionError> {
        if !period.is_due(at) {
            return Err(DestructionError::NotDue { period, at });
        }
        let names: BTreeSet<&str> = logs.iter().map(|log| log.log.as_str()).collect();
        if logs.is_empty() || logs.len() > MAX_DESTRUCTION_LOGS || names.len() != logs.len() {
            return Err(DestructionError::Logs);
        }
        Ok(Self {
            deployment,
            period,
            key,
            at,
            entry,
            logs,
        })
    }

    /// The period.
    pub const fn period(&self) -> RetentionPeriod {
        self.period
    }

    /// The public name of the key that is gone.
    pub const fn key(&self) -> PayloadKeyId {
        self.key
    }

    /// When.
    pub const fn at(&self) -> UnixMillis {
        self.at
    }

    /// Where it was logged.
    pub const fn entry(&self) -> &LoggedAt {
        &self.entry
    }

    /// What each log had.
    pub fn logs(&self) -> &[DestroyedPayloads] {
        &self.logs
    }

    /// Signs it. The key's name is the deployment's origin.
    pub fn sign(&self, signer: &NoteSigner) -> Result<SignedNote, DestructionError> {
        self.is_for(signer.name())?;
        let text = self.to_string();
        let signature = signer.sign(&text);
        Ok(SignedNote::new(text, vec![signature])?)
    }

    fn is_for(&self, name: &KeyName) -> Result<(), DestructionError> {
        if name.as_str() == self.deployment.as_str() {
            return Ok(());
        }
        Err(DestructionError::OtherDeployment {
            expected: name.clone(),
            found: self.deployment.clone(),
        })
    }

    /// What a note says. Who signed it, [`VerifiedDestruction`] tells.
    pub fn parse(note: &SignedNote) -> Result<Self, DestructionError> {
        let ([deployment, period, key, at, entry], rest) =
            lines::read_front(note, FIRST_LINE, LABELS)?;
        let form = |line, expected| LinesError::Form { line, expected };
        let logs: Option<Vec<_>> = rest.take(MAX_DESTRUCTION_LOGS + 1).map(destroyed).collect();
        let expected = "an origin, a count, and if that is not 0 the first and last index";
        let record = Self::new(
            origin(deployment).ok_or(form("deployment", "an origin"))?,
            (
                RetentionPeriod::parse(period).map_err(|_| form("period", "a period"))?,
                PayloadKeyId::of_bytes(lines::bytes("key", key)?),
            ),
            lines::instant("destroyed", at)?,
            logged_at(entry).ok_or(form("entry", "an origin, an index and an id"))?,
            logs.ok_or(form(PAYLOADS, expected))?,
        )?;
        // Another spelling of the same is none.
        if record.to_string() == note.text() {
            Ok(record)
        } else {
            Err(form(PAYLOADS, expected).into())
        }
    }
}

/// The note's text.
impl fmt::Display for DestructionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LoggedAt { log, index, id } = &self.entry;
        let entry = format!("{log} {index} {id}");
        let (period, key, at) = (
            self.period.to_string(),
            self.key.to_string(),
            self.at.to_string(),
        );
        let values = [self.deployment.as_str(), &period, &key, &at, &entry];
        let mut all = LABELS.map(|label| (label, ""));
        for (line, value) in all.iter_mut().zip(values) {
            line.1 = value;
        }
        f.write_str(&lines::write(FIRST_LINE, all))?;
        self.logs.iter().try_for_each(|destroyed| {
            let log = &destroyed.log;
            match destroyed.payloads {
                None => writeln!(f, "{PAYLOADS} {log} 0"),
                Some(PayloadRange { count, first, last }) => {
                    writeln!(f, "{PAYLOADS} {log} {count} {first} {last}")
                }
            }
        })
    }
}

fn origin(text: &str) -> Option<Origin> {
    Origin::parse(text).ok()
}

fn logged_at(text: &str) -> Option<LoggedAt> {
    let mut words = text.split(' ');
    let (log, index, id) = (words.next()?, words.next()?, words.next()?);
    words.next().is_none().then_some(())?;
    Some(LoggedAt {
        log: origin(log)?,
        index: decimal(index)?,
        id: EntryId::parse(id).ok()?,
    })
}

fn destroyed(line: &str) -> Option<DestroyedPayloads> {
    let mut words = line.strip_prefix(PAYLOADS)?.strip_prefix(' ')?.split(' ');
    let (log, count) = (origin(words.next()?)?, words.next()?);
    let payloads = match decimal(count)? {
        0_u64 => None,
        count => {
            let (first, last) = (decimal(words.next()?)?, decimal(words.next()?)?);
            Some(PayloadRange::new(count, first, last)?)
        }
    };
    words.next().is_none().then_some(())?;
    Some(DestroyedPayloads { log, payloads })
}

/// A record that the log's key signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDestruction(DestructionRecord);

impl VerifiedDestruction {
    /// Verifies that the note is a record of the deployment whose name the key has.
    /// Signatures of other keys are ignored; one that claims to be of this and is not
    /// makes the note void.
    pub fn verify(note: &SignedNote, key: &NoteVerifier) -> Result<Self, DestructionError> {
        let record = DestructionRecord::parse(note)?;
        record.is_for(key.name())?;
        if key.signed(note)? {
            Ok(Self(record))
        } else {
            Err(DestructionError::NotSigned(key.name().clone()))
        }
    }

    /// What it says.
    pub const fn record(&self) -> &DestructionRecord {
        &self.0
    }
}

#[cfg(test)]
mod tests;
