//! Sealing: from an event to what a store appends, and the store's receipt.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chain::{ChainHash, ChainHead, link};
use crate::commitment::{Commitment, CommitmentRandom};
use crate::entry::{ENTRY_BYTES, Entry, EntryError, LeafHash, PolicyDigest, Stream};
use crate::event::Event;
use crate::hash::{HASH_BYTES, HkdfSha256, base64url, from_base64url, hkdf_sha256};
use crate::id::EntryId;
use crate::payload::{PayloadError, write};
use crate::payload_key::{MAX_SEALED_BYTES, MIN_SEALED_BYTES, PayloadKey};
use crate::retention::{RetentionPeriod, RetentionPeriodError};
use crate::source::EventSource;
use crate::time::UnixMillis;

/// What stands around an event: who records it, when, under which catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The deployment.
    pub source: &'a EventSource,
    /// The new entry's identifier, fresh for every event.
    pub id: EntryId,
    /// When it happened.
    pub at: UnixMillis,
    /// The catalogue in force.
    pub policy: PolicyDigest,
}

/// An entry with its sealed payload, ready to append. A store learns nothing of the
/// payload, and who opens it is told by the commitment if anything was changed.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingEntry {
    id: EntryId,
    entry: Entry,
    /// Of the entry, hashed once: store, chain and receipt all ask for it.
    leaf: LeafHash,
    period: RetentionPeriod,
    sealed: Vec<u8>,
}

/// Commits to an event and seals it under the key of its period. `random` is fresh
/// for every call.
pub fn seal(
    envelope: &Envelope<'_>,
    event: &Event<'_>,
    random: CommitmentRandom,
    key: &PayloadKey,
) -> Result<PendingEntry, PayloadError> {
    seal_with(envelope, event, random, key, hkdf_sha256)
}

/// [`seal`] where something else calculates the commitment.
pub fn seal_with(
    envelope: &Envelope<'_>,
    event: &Event<'_>,
    random: CommitmentRandom,
    key: &PayloadKey,
    hkdf: HkdfSha256,
) -> Result<PendingEntry, PayloadError> {
    let Envelope {
        source,
        id,
        at,
        policy,
    } = *envelope;
    let outcome = event.outcome_code();
    let period = key.period();
    if period.stream() != outcome.stream() {
        return Err(PayloadError::Period(period));
    }
    let payload = write(source, id, at, policy, event)?;
    let commitment = Commitment::calculated(&payload, id, &random, hkdf);
    let sealed = key.seal(id, &commitment, &random, &payload);
    let entry = Entry {
        outcome,
        minute: at.minute(),
        policy,
        commitment,
    };
    Ok(PendingEntry {
        id,
        leaf: entry.leaf_hash(),
        entry,
        period,
        sealed: sealed.ok_or(PayloadError::TooLong(payload.len()))?,
    })
}

impl PendingEntry {
    /// The identifier, by which an append is idempotent.
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// The entry.
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The bytes of the leaf.
    pub fn entry_bytes(&self) -> [u8; ENTRY_BYTES] {
        self.entry.encode()
    }

    /// The leaf hash.
    pub const fn leaf_hash(&self) -> LeafHash {
        self.leaf
    }

    /// The stream.
    pub const fn stream(&self) -> Stream {
        self.entry.stream()
    }

    /// The period under whose key the payload is sealed.
    pub const fn period(&self) -> RetentionPeriod {
        self.period
    }

    /// The sealed payload, which is erased when its period ends.
    pub fn sealed(&self) -> &[u8] {
        &self.sealed
    }

    /// What a store is told beside the sealed payload, as JSON:
    /// `{"id","entry","period"}`.
    pub fn head_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&PendingHead {
            id: self.id,
            entry: base64url(&self.entry.encode()),
            period: self.period.to_string(),
        })
    }

    /// Puts together what came over a wire. That the payload is the one committed to
    /// is for those to say who can open it.
    pub fn from_parts(head: &str, sealed: Vec<u8>) -> Result<Self, PendingError> {
        let PendingHead { id, entry, period } =
            serde_json::from_str(head).map_err(|_| PendingError::Head)?;
        if !id.is_random() {
            return Err(PendingError::Id);
        }
        let entry = from_base64url(&entry).ok_or(PendingError::Base64)?;
        let entry = Entry::decode(&entry)?;
        let period = RetentionPeriod::parse(&period)?;
        if period.stream() != entry.stream() {
            return Err(PendingError::Stream);
        }
        if !(MIN_SEALED_BYTES..=MAX_SEALED_BYTES).contains(&sealed.len()) {
            return Err(PendingError::Sealed(sealed.len()));
        }
        Ok(Self {
            id,
            leaf: entry.leaf_hash(),
            entry,
            period,
            sealed,
        })
    }
}

/// Without the payload.
impl fmt::Debug for PendingEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingEntry")
            .field("id", &self.id)
            .field("outcome", &self.entry.outcome)
            .field("period", &self.period)
            .field("sealed_bytes", &self.sealed.len())
            .finish_non_exhaustive()
    }
}

/// The entry in base64url without padding.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PendingHead {
    id: EntryId,
    entry: String,
    period: String,
}

/// Why a pending entry that came over a wire is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PendingError {
    /// The head is not the JSON that it should be.
    #[error("expected {{\"id\",\"entry\",\"period\"}}")]
    Head,
    /// The id is no version 4 UUID.
    #[error("id is not a version 4 UUID")]
    Id,
    /// The entry is not base64url without padding.
    #[error("entry is not base64url without padding")]
    Base64,
    /// The entry cannot be decoded.
    #[error("entry: {0}")]
    Entry(#[from] EntryError),
    /// The period is none.
    #[error("period: {0}")]
    Period(#[from] RetentionPeriodError),
    /// The period is of another stream than the entry.
    #[error("the period is of another stream than the entry")]
    Stream,
    /// The sealed payload is too short or too long.
    #[error("{0} bytes are no sealed payload")]
    Sealed(usize),
}

/// What a store answers once an entry is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ReceiptJson", into = "ReceiptJson")]
pub struct Receipt {
    /// Where the entry stands.
    pub index: u64,
    /// The chain value before it.
    pub previous: ChainHash,
    /// The chain value with it.
    pub chain: ChainHash,
}

impl Receipt {
    /// Whether this receipt is of that entry: a store that answers with another
    /// entry's receipt has not made this one durable.
    pub fn is_for(&self, pending: &PendingEntry) -> bool {
        link(self.previous, pending.leaf_hash()) == self.chain
    }

    /// The end of the chain with the entry.
    pub const fn head(&self) -> ChainHead {
        ChainHead {
            size: self.index.saturating_add(1),
            hash: self.chain,
        }
    }
}

/// The JSON form: `{"index","previous","chain"}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptJson {
    index: u64,
    previous: String,
    chain: String,
}

/// A chain value in a receipt is not 32 bytes in base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} is not {HASH_BYTES} bytes in base64url without padding")]
pub struct ReceiptError(pub &'static str);

impl From<Receipt> for ReceiptJson {
    fn from(receipt: Receipt) -> Self {
        Self {
            index: receipt.index,
            previous: receipt.previous.to_string(),
            chain: receipt.chain.to_string(),
        }
    }
}

impl TryFrom<ReceiptJson> for Receipt {
    type Error = ReceiptError;

    fn try_from(json: ReceiptJson) -> Result<Self, ReceiptError> {
        let hash = |name, text: &str| {
            from_base64url(text)
                .and_then(|bytes| <[u8; HASH_BYTES]>::try_from(bytes).ok())
                .map(ChainHash)
                .ok_or(ReceiptError(name))
        };
        Ok(Self {
            index: json.index,
            previous: hash("previous", &json.previous)?,
            chain: hash("chain", &json.chain)?,
        })
    }
}
