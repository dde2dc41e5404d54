//! What the entry says that stands in the log before a period ends (`payloadsDestroyed`).

use serde::Deserialize;
use thiserror::Error;

use super::{DestroyedPayloads, DestructionRecord};
use crate::chain::Origin;
use crate::entry::{OutcomeCode, Stream};
use crate::erasure::announced;
use crate::id::EntryId;
use crate::note::lines;
use crate::payload_key::PayloadKeyId;
use crate::retention::RetentionPeriod;
use crate::stored::{CommitmentError, CommitmentState, StoredEntry};
use crate::time::UnixMillis;

/// The end of a period, as an entry tells it whose payload opens its commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedDestruction {
    id: EntryId,
    at: UnixMillis,
    period: RetentionPeriod,
    key: PayloadKeyId,
    logs: Vec<DestroyedPayloads>,
}

/// Why nothing is known of what an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LoggedDestructionError {
    /// It is of another kind.
    #[error("the entry is not about the end of a period")]
    OtherKind,
    /// Its payload was erased in its turn.
    #[error("what the entry said was erased")]
    Erased,
    /// The payload is not the one committed to.
    #[error("the payload is not the one committed to: {0}")]
    Commitment(#[from] CommitmentError),
    /// The payload is none of this kind.
    #[error("the payload does not say which period ended, and what was in it")]
    Payload,
    /// By its own time it was too early.
    #[error("by the entry's own time the period was not over")]
    NotDue,
}

#[derive(Deserialize)]
struct Event {
    time: String,
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    key_id: String,
}

impl LoggedDestruction {
    /// Reads an entry. It is believed only if its payload is the one committed to.
    pub fn read(stored: &StoredEntry) -> Result<Self, LoggedDestructionError> {
        let state = stored.verify_commitment()?;
        let entry = stored.decode().map_err(CommitmentError::from)?;
        if entry.outcome != OutcomeCode::PayloadsDestroyed {
            return Err(LoggedDestructionError::OtherKind);
        }
        let payload = match state {
            CommitmentState::Opened => stored.payload(),
            CommitmentState::Erased => return Err(LoggedDestructionError::Erased),
        };
        let said = Self::said(stored.id, payload.unwrap_or_default());
        let said = said.ok_or(LoggedDestructionError::Payload)?;
        if said.period.is_due(said.at) {
            Ok(said)
        } else {
            Err(LoggedDestructionError::NotDue)
        }
    }

    fn said(id: EntryId, payload: &str) -> Option<Self> {
        let (period, logs) = announced(payload)?;
        let Event { time, data } = serde_json::from_str(payload).ok()?;
        Some(Self {
            id,
            at: UnixMillis::parse(&time).ok()?,
            period,
            key: PayloadKeyId::of_bytes(lines::bytes("key", &data.key_id).ok()?),
            logs,
        })
    }

    /// When it was logged.
    pub const fn at(&self) -> UnixMillis {
        self.at
    }

    /// The period.
    pub const fn period(&self) -> RetentionPeriod {
        self.period
    }

    /// What each log had.
    pub fn logs(&self) -> &[DestroyedPayloads] {
        &self.logs
    }

    /// Whether a payload of that stream and time, at that place of a log, can have been of the period.
    pub fn covers(&self, log: &Origin, index: u64, stream: Stream, at: UnixMillis) -> bool {
        let counted = |destroyed: &DestroyedPayloads| {
            destroyed.log == *log && destroyed.payloads.is_some_and(|range| range.covers(index))
        };
        self.period.can_be_of(stream, at.month_in_brussels()) && self.logs.iter().any(counted)
    }

    /// Whether both say the same of one period: an order that a fault ended is logged again.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        (self.period, self.key, &self.logs) == (other.period, other.key, &other.logs)
    }

    /// Whether that record is of what this entry says.
    pub fn is_of(&self, record: &DestructionRecord) -> bool {
        self.id == record.entry().id
            && self.period == record.period()
            && self.key == record.key()
            && self.logs == record.logs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commitment::CommitmentRandom;
    use crate::destruction::{LoggedAt, PayloadRange};
    use crate::entry::PolicyDigest;
    use crate::event::{Event, PayloadsDestroyed, Trace, TraceId};
    use crate::payload_key::PayloadKey;
    use crate::pending::{Envelope, seal};
    use crate::source::EventSource;
    use crate::stored::{Erasable, Opening};
    use crate::{MemoryLog, conformance};

    /// 2026-01-02T03:04:05.678Z.
    const AT: u64 = 1_767_323_045_678;

    fn origin(path: &str) -> Origin {
        Origin::parse(&format!("validator.example.be/log{path}")).unwrap()
    }

    fn key(period: &str) -> PayloadKey {
        let period = RetentionPeriod::parse(period).unwrap();
        PayloadKey::new(&origin(""), period, [5; 32])
    }

    fn logs() -> Vec<DestroyedPayloads> {
        let of = |path, payloads| DestroyedPayloads {
            log: origin(path),
            payloads,
        };
        vec![of("/0", PayloadRange::new(2, 3, 9)), of("/1", None)]
    }

    /// An entry that tells of that period, as an auditor is served it.
    fn entry(period: &str) -> StoredEntry {
        let source = EventSource::new("be.example.sim.validator.v1", "urn:sluis:sim", "sim");
        let key = key(period);
        let event = Event::PayloadsDestroyed(PayloadsDestroyed {
            operator: "operator",
            trace: Trace {
                id: TraceId::parse("t").unwrap(),
                related: None,
            },
            period: key.period(),
            key: key.id(),
            logs: &logs(),
        });
        let envelope = Envelope {
            source: &source.unwrap(),
            id: EntryId::from_random([9; 16]),
            at: UnixMillis::new(AT).unwrap(),
            policy: PolicyDigest([7; 32]),
        };
        let own = conformance::key(Stream::Accesses);
        let sealed = seal(&envelope, &event, CommitmentRandom::new([3; 32]), &own).unwrap();
        let mut log = MemoryLog::new(origin("/0"));
        log.append(&sealed).unwrap();
        conformance::opened(log.read(0, 1)).remove(0)
    }

    fn opening(entry: &mut StoredEntry) -> &mut Opening {
        entry.erasable.opening_mut().unwrap()
    }

    #[test]
    fn what_the_entry_says_is_read_and_compared_with_a_record() {
        let said = LoggedDestruction::read(&entry("refusals/2026-01-01")).unwrap();
        assert_eq!(said.period().to_string(), "refusals/2026-01-01");
        assert_eq!((said.at().as_millis(), said.logs()), (AT, &logs()[..]));
        let record = |period: &str, id, logs| {
            let (key, at) = (key(period), UnixMillis::new(AT + 5).unwrap());
            let entry = LoggedAt {
                log: origin("/0"),
                index: 0,
                id: EntryId::from_random(id),
            };
            let what = (key.period(), key.id());
            DestructionRecord::new(origin(""), what, at, entry, logs).unwrap()
        };
        assert!(said.is_of(&record("refusals/2026-01-01", [9; 16], logs())));
        assert!(!said.is_of(&record("refusals/2025-12-01", [9; 16], logs())));
        assert!(!said.is_of(&record("refusals/2026-01-01", [8; 16], logs())));
        let mut fewer = logs();
        fewer[0].payloads = PayloadRange::new(1, 3, 9);
        assert!(!said.is_of(&record("refusals/2026-01-01", [9; 16], fewer)));
    }

    #[test]
    fn it_covers_its_own_stream_and_range_and_log_and_months() {
        let said = LoggedDestruction::read(&entry("refusals/2026-01-01")).unwrap();
        let at = |text: &str| UnixMillis::parse(text).unwrap();
        let november = at("2025-11-15T00:00:00Z");
        for (path, index, stream, covers) in [
            ("/0", 3, Stream::Refusals, true),
            ("/0", 9, Stream::Refusals, true),
            ("/0", 2, Stream::Refusals, false),
            ("/0", 10, Stream::Refusals, false),
            ("/0", 3, Stream::Accesses, false),
            ("/1", 3, Stream::Refusals, false),
            ("/2", 3, Stream::Refusals, false),
        ] {
            let found = said.covers(&origin(path), index, stream, november);
            assert_eq!(found, covers, "{path} {index} {stream:?}");
        }
        // A refusal is kept for 1 to 360 months, from the first of the month after.
        for (time, covers) in [
            ("1995-11-15T00:00:00Z", false),
            ("1995-12-15T00:00:00Z", true),
            ("2025-11-30T22:59:59Z", true),
            ("2025-11-30T23:00:00Z", false),
        ] {
            let found = said.covers(&origin("/0"), 3, Stream::Refusals, at(time));
            assert_eq!(found, covers, "{time}");
        }
    }

    #[test]
    fn nothing_else_is_believed() {
        use LoggedDestructionError as Error;
        let read = |entry: &StoredEntry| LoggedDestruction::read(entry).unwrap_err();
        assert_eq!(read(&entry("refusals/2026-02-01")), Error::NotDue);
        let good = || entry("refusals/2026-01-01");
        let mut erased = good();
        erased.erasable = Erasable::Erased;
        assert_eq!(read(&erased), Error::Erased);
        let mut changed = good();
        let text = &mut opening(&mut changed).payload;
        *text = text.replacen("\"payloads\":2", "\"payloads\":1", 1);
        assert_eq!(read(&changed), Error::Commitment(CommitmentError::Mismatch));
        let sample = conformance::sample(1, 0).unwrap();
        let mut log = MemoryLog::new(origin("/0"));
        log.append(&sample).unwrap();
        let other = conformance::opened(log.read(0, 1)).remove(0);
        assert_eq!(read(&other), Error::OtherKind);
    }
}
