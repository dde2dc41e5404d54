//! A custody event as an entry of a log, and read back from one.

use serde::Deserialize;
use thiserror::Error;

use crate::chain::ChainHead;
use crate::commitment::{Commitment, CommitmentRandom};
use crate::custody::event::CustodyEvent;
use crate::custody::members::CustodyMembers;
use crate::entry::{Entry, OutcomeCode};
use crate::event::Event;
use crate::payload::{PayloadError, write};
use crate::pending::Envelope;
use crate::source::EventSource;
use crate::stored::{CommitmentError, CommitmentState, Erasable, Opening, StoredEntry};
use crate::time::UnixMillis;

/// A record of custody whose payload is the one that its entry commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustodyRecord {
    recorded_at: UnixMillis,
    event: CustodyEvent,
}

/// Why an entry is no record of custody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CustodyRecordError {
    /// It is of another kind.
    #[error("the entry is not about custody")]
    OtherKind,
    /// Its payload is not there.
    #[error("the record was erased")]
    Erased,
    /// The payload is not the one committed to.
    #[error("the payload is not the one committed to: {0}")]
    Commitment(#[from] CommitmentError),
    /// The payload is not as such a record is written.
    #[error("the payload is not a record of custody as one is written")]
    Payload,
}

/// As much of the `CloudEvent` as is needed to write it again.
#[derive(Deserialize)]
struct Written {
    source: String,
    service: String,
    #[serde(rename = "type")]
    kind: String,
    time: String,
    data: CustodyMembers,
}

impl CustodyRecord {
    /// The entry that follows a log of that head, with its payload in clear: a register
    /// of custody is kept by who may read it.
    pub fn entry(
        envelope: &Envelope<'_>,
        event: &CustodyEvent,
        random: CommitmentRandom,
        head: ChainHead,
    ) -> Result<StoredEntry, PayloadError> {
        let Envelope {
            source,
            id,
            at,
            policy,
        } = *envelope;
        let payload = write(source, id, at, policy, &Event::Custody(event))?;
        let outcome = OutcomeCode::Custody;
        let entry = Entry {
            outcome,
            minute: at.minute(),
            policy,
            commitment: Commitment::to(&payload, id, &random),
        };
        Ok(StoredEntry {
            index: head.size,
            id,
            stream: outcome.stream(),
            entry: entry.encode().to_vec(),
            chain: head.followed_by(entry.leaf_hash()).hash.0.to_vec(),
            erasable: Erasable::Opened(Opening {
                random: random.as_bytes().to_vec(),
                payload,
            }),
        })
    }

    /// Reads an entry. It is believed only if its payload is the one committed to, and
    /// has the one spelling in which such a record is written.
    pub fn read(stored: &StoredEntry) -> Result<Self, CustodyRecordError> {
        let state = stored.verify_commitment()?;
        let entry = stored.decode().map_err(CommitmentError::from)?;
        if entry.outcome != OutcomeCode::Custody {
            return Err(CustodyRecordError::OtherKind);
        }
        match (state, stored.payload()) {
            (CommitmentState::Opened, Some(payload)) => {
                Self::of(stored, &entry, payload).ok_or(CustodyRecordError::Payload)
            }
            (CommitmentState::Opened | CommitmentState::Erased, _) => {
                Err(CustodyRecordError::Erased)
            }
        }
    }

    fn of(stored: &StoredEntry, entry: &Entry, payload: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(payload).ok()?;
        let Written {
            source,
            service,
            kind,
            time,
            data,
        } = &written;
        let recorded_at = UnixMillis::parse(time).ok()?;
        let event = data.event(kind.rsplit('.').next()?)?;
        let source = EventSource::new(service, source, &data.institution).ok()?;
        let again = Event::Custody(&event);
        let again = write(&source, stored.id, recorded_at, entry.policy, &again).ok()?;
        (again == payload && entry.minute == recorded_at.minute())
            .then_some(Self { recorded_at, event })
    }

    /// When it was recorded.
    pub const fn recorded_at(&self) -> UnixMillis {
        self.recorded_at
    }

    /// What happened.
    pub const fn event(&self) -> &CustodyEvent {
        &self.event
    }
}
