//! One small suite for every store: what an append and a read must do.
//!
//! The store under test is compared with [`MemoryLog`], receipt by receipt and
//! row by row. It must be empty at first. The suite is synchronous; a store
//! that is not blocks on its own.

use std::fmt::Debug;

use thiserror::Error;

use crate::chain::Origin;
use crate::commitment::CommitmentRandom;
use crate::entry::{PolicyDigest, Stream};
use crate::event::{Event, RefusalAggregate};
use crate::id::EntryId;
use crate::memory::MemoryLog;
use crate::payload::PayloadError;
use crate::payload_key::PayloadKey;
use crate::pending::{Envelope, PendingEntry, Receipt, seal};
use crate::retention::RetentionTerms;
use crate::source::EventSource;
use crate::stored::{KnownKey, Opening, SealedEntry, StoredEntry};
use crate::time::UnixMillis;
use crate::verify::{FsckError, verify_chain};

/// A store under test.
pub trait Store {
    /// What goes wrong in it.
    type Error: Debug;
    /// Appends durably.
    fn append(&mut self, pending: &PendingEntry) -> Result<Receipt, Self::Error>;
    /// Up to `limit` entries from index `from`.
    fn read(&mut self, from: u64, limit: u32) -> Result<Vec<SealedEntry>, Self::Error>;
    /// Whether the error says that the id stands for another entry.
    fn is_conflict(error: &Self::Error) -> bool;
    /// Closes and opens it again, as after a restart; nothing for a store
    /// that cannot.
    fn reopen(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// How a store differs from the reference.
#[derive(Debug, Error)]
pub enum Deviation {
    /// An operation failed that must not.
    #[error("{step}: {error}")]
    Failed {
        /// Where in the suite.
        step: &'static str,
        /// What the store said.
        error: String,
    },
    /// A receipt is not the reference's.
    #[error("{step}: the receipt and the expected one are {receipts:?}")]
    Receipt {
        /// Where in the suite.
        step: &'static str,
        /// The store's and the reference's.
        receipts: Box<[Receipt; 2]>,
    },
    /// Rows are not the reference's.
    #[error("{step}: reading {limit} from {from} gives {found:?}, expected {expected:?}")]
    Rows {
        /// Where in the suite.
        step: &'static str,
        /// First index asked for.
        from: u64,
        /// Entries asked for.
        limit: u32,
        /// The store's.
        found: Vec<SealedEntry>,
        /// The reference's.
        expected: Vec<SealedEntry>,
    },
    /// Another entry under a used id was not refused as a conflict.
    #[error("another entry under a used id: {0}")]
    NoConflict(String),
    /// The log does not verify.
    #[error("verification: {0}")]
    Fsck(#[from] FsckError),
    /// The suite could not make an entry.
    #[error(transparent)]
    Sample(#[from] PayloadError),
}

/// The `number`th sample entry: always the same for a number, and another one
/// under the same id for another `variant`.
pub fn sample(number: u64, variant: u8) -> Result<PendingEntry, PayloadError> {
    let source = EventSource::new(
        "be.example.sim.validator.v1",
        "urn:sluis:conformance",
        "sim",
    )?;
    let mut bytes = [0; 32];
    let seeds = number.to_be_bytes();
    bytes
        .iter_mut()
        .zip(seeds.iter().cycle())
        .for_each(|(to, from)| *to = *from);
    let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = bytes;
    // 2026-01-01T00:00:00Z, and a second for every sample.
    let millis = 1_767_225_600_000_u64.saturating_add((number % (1 << 32)) * 1_000);
    let at = UnixMillis::new(millis).unwrap_or(UnixMillis::EPOCH);
    let envelope = Envelope {
        source: &source,
        id: EntryId::from_random(id),
        at,
        policy: PolicyDigest([0x5a; 32]),
    };
    let event = Event::RefusalAggregate(RefusalAggregate {
        reason: "sample",
        count: u64::from(variant),
        from: at,
        until: at,
        shadow: false,
    });
    let key = key(Stream::Refusals);
    seal(&envelope, &event, CommitmentRandom::new(bytes), &key)
}

/// The key under which samples are sealed.
pub fn key(stream: Stream) -> PayloadKey {
    let period = RetentionTerms::DEFAULT.period(stream, UnixMillis::EPOCH);
    PayloadKey::new(&Origin::sample(), period, [0x6b; 32])
}

/// What a sample commits to.
pub fn opening(pending: &PendingEntry) -> Option<Opening> {
    let key = key(pending.stream());
    key.open(pending.id(), &pending.entry().commitment, pending.sealed())
}

/// Opens samples that a store returned.
pub fn opened(entries: impl IntoIterator<Item = SealedEntry>) -> Vec<StoredEntry> {
    let keys = [Stream::Accesses, Stream::Refusals].map(key);
    let open = |sealed: SealedEntry| {
        let period = sealed.period();
        let key = keys.iter().find(|key| Some(key.period()) == period);
        sealed.open(key.map_or(KnownKey::Unknown, KnownKey::Held))
    };
    entries.into_iter().map(open).collect()
}

/// Runs the suite over an empty store of the log of that origin. The first
/// deviation ends it.
pub fn run<S: Store>(store: &mut S, origin: &Origin) -> Result<(), Deviation> {
    let mut reference = MemoryLog::new(origin.clone());
    rows(store, &reference, "an empty log", 0, 10)?;
    for number in 0..5 {
        let pending = sample(number, 0)?;
        append(store, &mut reference, "an append", &pending)?;
        append(store, &mut reference, "a retry at once", &pending)?;
    }
    append(
        store,
        &mut reference,
        "a retry of the first entry",
        &sample(0, 0)?,
    )?;
    append(
        store,
        &mut reference,
        "a retry of a middle entry",
        &sample(2, 0)?,
    )?;

    for number in [0, 2, 4] {
        match store.append(&sample(number, 1)?) {
            Err(error) if S::is_conflict(&error) => {}
            other => return Err(Deviation::NoConflict(format!("{other:?}"))),
        }
    }

    store
        .reopen()
        .map_err(|error| failed("reopening", &error))?;
    append(
        store,
        &mut reference,
        "a retry after reopening",
        &sample(4, 0)?,
    )?;
    append(
        store,
        &mut reference,
        "an append after reopening",
        &sample(5, 0)?,
    )?;

    for (from, limit) in [
        (0, 100),
        (0, 1),
        (2, 2),
        (5, 1),
        (6, 1),
        (1_000_000, 10),
        (3, 0),
    ] {
        rows(store, &reference, "reading", from, limit)?;
    }
    let all = store
        .read(0, 100)
        .map_err(|error| failed("reading all", &error))?;
    verify_chain(origin, opened(all))?;
    Ok(())
}

fn append<S: Store>(
    store: &mut S,
    reference: &mut MemoryLog,
    step: &'static str,
    pending: &PendingEntry,
) -> Result<(), Deviation> {
    let expected = reference
        .append(pending)
        .map_err(|error| failed(step, &error))?;
    let found = store
        .append(pending)
        .map_err(|error| failed(step, &error))?;
    if found != expected {
        return Err(Deviation::Receipt {
            step,
            receipts: Box::new([found, expected]),
        });
    }
    Ok(())
}

fn rows<S: Store>(
    store: &mut S,
    reference: &MemoryLog,
    step: &'static str,
    from: u64,
    limit: u32,
) -> Result<(), Deviation> {
    let expected = reference.read(from, limit);
    let found = store
        .read(from, limit)
        .map_err(|error| failed(step, &error))?;
    if found != expected {
        return Err(Deviation::Rows {
            step,
            from,
            limit,
            found,
            expected,
        });
    }
    Ok(())
}

fn failed(step: &'static str, error: &impl Debug) -> Deviation {
    Deviation::Failed {
        step,
        error: format!("{error:?}"),
    }
}
