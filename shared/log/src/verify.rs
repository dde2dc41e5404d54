//! Verification of a stored log, entry by entry.
//!
//! Order and links need the previous chain value only, so a log of any length
//! is read once, from the front, and forgotten as it goes. To find a repeated
//! identifier something must be remembered: [`IdCheck::All`] keeps sixteen bytes
//! an entry (some 20 to 40 MB a million, with the table's slack) and finds every
//! repetition; [`IdCheck::Recent`] keeps a bounded window, enough for a retry
//! that a store counted twice, in constant memory. A repeated *index* needs
//! neither: indices must follow each other.

use std::collections::{HashSet, VecDeque};

use thiserror::Error;

use crate::chain::{ChainHead, Origin, link};
use crate::entry::{EntryError, LeafHash, OutcomeCode, Stream};
use crate::id::EntryId;
use crate::retention::RetentionPeriod;
use crate::stored::{CommitmentError, CommitmentState, StoredEntry};

/// How many identifiers [`IdCheck::Recent`] remembers.
pub const RECENT_IDS: usize = 65_536;

/// How far repeated identifiers are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdCheck {
    /// Over the whole log.
    All,
    /// Over the last [`RECENT_IDS`] entries.
    Recent,
}

/// The first thing found wrong in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("entry {index}: {fault}")]
pub struct FsckError {
    /// The index at which it was expected or found.
    pub index: u64,
    /// What is wrong there.
    pub fault: Fault,
}

/// What can be wrong with an entry of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// Another index stands where this one belongs.
    #[error("missing; index {found} follows instead")]
    Gap {
        /// The index that was found.
        found: u64,
    },
    /// The log ends before this index.
    #[error("missing; the log ends here but should have {size} entries")]
    Truncated {
        /// How many entries there should be.
        size: u64,
    },
    /// The leaf is not one.
    #[error("the entry cannot be decoded: {0}")]
    Undecodable(EntryError),
    /// The row says another stream than the leaf.
    #[error("stored as {stored:?} but the entry says {entry:?}")]
    WrongStream {
        /// What the row says.
        stored: Stream,
        /// What the leaf says.
        entry: Stream,
    },
    /// The chain value does not follow from the previous one and the leaf.
    #[error("the chain value does not follow from the entries before it")]
    WrongChain,
    /// The payload, its random or the id is not what the leaf commits to.
    #[error("the payload is not the one committed to: {0}")]
    WrongCommitment(CommitmentError),
    /// The identifier is none that is ever written.
    #[error("the id is not a version 4 UUID")]
    WrongId,
    /// The payload is missing, and nobody may have destroyed it yet.
    #[error("the payload is missing and must be kept until the day of {until}, at the least")]
    ErasedEarly {
        /// The shortest that an entry of its kind and time is kept.
        until: RetentionPeriod,
    },
    /// The payload is missing, and nothing says that it was destroyed.
    #[error(
        "the payload is missing, of this entry or another of its month, and no record of a destruction counts it ({unrecorded} more are missing than were counted)"
    )]
    ErasedUnrecorded {
        /// How many of its month are missing without a record.
        unrecorded: u64,
    },
    /// It announces a destruction, and cannot be read.
    #[error("announces a destruction and does not say of what")]
    UnknownDestruction,
    /// An earlier entry has the same identifier.
    #[error("the id {0} was seen before")]
    DuplicateId(EntryId),
}

/// What a verified log, or the part of it verified so far, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSummary {
    /// Its end.
    pub head: ChainHead,
    /// Payloads that were opened.
    pub opened: u64,
    /// Payloads that were erased.
    pub erased: u64,
    /// Allowed requests.
    pub granted: u64,
    /// Refused requests whose token's signature held.
    pub refused: u64,
}

/// Verifies a log entry by entry.
pub struct ChainVerifier {
    summary: LogSummary,
    ids: SeenIds,
}

impl ChainVerifier {
    /// Begins at the front of the log of that origin.
    pub fn new(origin: &Origin, ids: IdCheck) -> Self {
        Self::resume(ChainHead::genesis(origin), ids)
    }

    /// Begins behind a head that was verified, or signed, before.
    pub fn resume(head: ChainHead, ids: IdCheck) -> Self {
        let summary = LogSummary {
            head,
            opened: 0,
            erased: 0,
            granted: 0,
            refused: 0,
        };
        Self {
            summary,
            ids: SeenIds::new(ids),
        }
    }

    /// Verifies the next entry. After an error the verifier stays where it was.
    pub fn next(&mut self, stored: &StoredEntry) -> Result<(), FsckError> {
        let index = self.summary.head.size;
        let fault = |fault| FsckError { index, fault };
        if stored.index != index {
            return Err(fault(Fault::Gap {
                found: stored.index,
            }));
        }
        let entry = stored
            .decode()
            .map_err(|error| fault(Fault::Undecodable(error)))?;
        let leaf = LeafHash::of(&stored.entry);
        let chain = link(self.summary.head.hash, leaf);
        if stored.chain != chain.0 {
            return Err(fault(Fault::WrongChain));
        }
        if stored.stream != entry.stream() {
            return Err(fault(Fault::WrongStream {
                stored: stored.stream,
                entry: entry.stream(),
            }));
        }
        if !stored.id.is_random() {
            return Err(fault(Fault::WrongId));
        }
        let state = stored
            .verify_commitment()
            .map_err(|error| fault(Fault::WrongCommitment(error)))?;
        if !self.ids.insert(stored.id) {
            return Err(fault(Fault::DuplicateId(stored.id)));
        }

        let summary = &mut self.summary;
        summary.head = summary.head.followed_by(leaf);
        match state {
            CommitmentState::Opened => summary.opened += 1,
            CommitmentState::Erased => summary.erased += 1,
        }
        match entry.outcome {
            OutcomeCode::Granted => summary.granted += 1,
            OutcomeCode::Refused => summary.refused += 1,
            OutcomeCode::Completed
            | OutcomeCode::Failed
            | OutcomeCode::RefusalsCounted
            | OutcomeCode::LogRead
            | OutcomeCode::KeysPurged
            | OutcomeCode::ComparisonsCounted
            | OutcomeCode::PayloadsDestroyed
            | OutcomeCode::Custody => {}
        }
        Ok(())
    }

    /// What has been verified so far.
    pub const fn summary(&self) -> &LogSummary {
        &self.summary
    }

    /// Ends the verification of a log that should have `size` entries.
    pub fn finish(self, size: u64) -> Result<LogSummary, FsckError> {
        let index = self.summary.head.size;
        if index < size {
            return Err(FsckError {
                index,
                fault: Fault::Truncated { size },
            });
        }
        Ok(self.summary)
    }
}

/// Verifies a whole log from its front and returns its end.
///
/// The entries are taken one at a time. A shorter log than expected is not
/// noticed here: compare the head's size, or use [`ChainVerifier::finish`].
pub fn verify_chain<I>(origin: &Origin, entries: I) -> Result<ChainHead, FsckError>
where
    I: IntoIterator<Item = StoredEntry>,
{
    let mut verifier = ChainVerifier::new(origin, IdCheck::All);
    for stored in entries {
        verifier.next(&stored)?;
    }
    Ok(verifier.summary.head)
}

struct SeenIds {
    seen: HashSet<EntryId>,
    /// In order of arrival, when only the recent ones are kept.
    recent: Option<VecDeque<EntryId>>,
}

impl SeenIds {
    fn new(check: IdCheck) -> Self {
        let recent = match check {
            IdCheck::All => None,
            IdCheck::Recent => Some(VecDeque::with_capacity(RECENT_IDS)),
        };
        Self {
            seen: HashSet::new(),
            recent,
        }
    }

    fn insert(&mut self, id: EntryId) -> bool {
        if !self.seen.insert(id) {
            return false;
        }
        if let Some(recent) = &mut self.recent {
            if recent.len() == RECENT_IDS
                && let Some(oldest) = recent.pop_front()
            {
                self.seen.remove(&oldest);
            }
            recent.push_back(id);
        }
        true
    }
}
