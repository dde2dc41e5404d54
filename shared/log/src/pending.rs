//! Sealing: from an event to what a store appends, and the store's receipt.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chain::{ChainHash, ChainHead, link};
use crate::commitment::{Commitment, CommitmentRandom};
use crate::entry::{ENTRY_BYTES, Entry, EntryError, LeafHash, PolicyDigest, Stream};
use crate::event::Event;
use crate::hash::{HASH_BYTES, HmacSha256, base64url, from_base64url, hmac_sha256};
use crate::id::EntryId;
use crate::payload::{MAX_PAYLOAD_BYTES, PayloadError, write};
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

/// An entry with its payload, ready to append: nothing in it can be changed
/// without the commitment telling.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PendingJson", into = "PendingJson")]
pub struct PendingEntry {
    id: EntryId,
    entry: Entry,
    /// Of the entry, hashed once: store, chain and receipt all ask for it.
    leaf: LeafHash,
    random: CommitmentRandom,
    payload: String,
}

/// Commits to an event. `random` is fresh for every call.
pub fn seal(
    envelope: &Envelope<'_>,
    event: &Event<'_>,
    random: CommitmentRandom,
) -> Result<PendingEntry, PayloadError> {
    seal_with(envelope, event, random, hmac_sha256)
}

/// [`seal`] where something else calculates the commitment.
pub fn seal_with(
    envelope: &Envelope<'_>,
    event: &Event<'_>,
    random: CommitmentRandom,
    hmac: HmacSha256,
) -> Result<PendingEntry, PayloadError> {
    let Envelope {
        source,
        id,
        at,
        policy,
    } = *envelope;
    let payload = write(source, id, at, policy, event)?;
    let entry = Entry {
        outcome: event.outcome_code(),
        minute: at.minute(),
        policy,
        commitment: Commitment::calculated(&payload, id, &random, hmac),
    };
    Ok(PendingEntry {
        id,
        leaf: entry.leaf_hash(),
        entry,
        random,
        payload,
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

    /// The random of the commitment, stored and erased with the payload.
    pub const fn random(&self) -> &CommitmentRandom {
        &self.random
    }

    /// The `CloudEvents` JSON text.
    pub fn payload(&self) -> &str {
        &self.payload
    }
}

/// Without the payload, which is personal data.
impl fmt::Debug for PendingEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingEntry")
            .field("id", &self.id)
            .field("outcome", &self.entry.outcome)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// The JSON form: `{"id","entry","random","payload"}`, binary in base64url.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PendingJson {
    id: EntryId,
    entry: String,
    random: String,
    payload: String,
}

/// Why a pending entry that came over a wire is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PendingError {
    /// The id is no version 4 UUID.
    #[error("id is not a version 4 UUID")]
    Id,
    /// A member is not base64url without padding.
    #[error("{0} is not base64url without padding")]
    Base64(&'static str),
    /// The random has another length.
    #[error("random is not {HASH_BYTES} bytes")]
    Random,
    /// The entry cannot be decoded.
    #[error("entry: {0}")]
    Entry(#[from] EntryError),
    /// The payload is too long.
    #[error("the payload has {0} bytes; a record takes at most {MAX_PAYLOAD_BYTES}")]
    PayloadTooLong(usize),
    /// The commitment in the entry is not to this payload.
    #[error("the entry does not commit to this payload")]
    Commitment,
}

impl From<PendingEntry> for PendingJson {
    fn from(pending: PendingEntry) -> Self {
        Self {
            id: pending.id,
            entry: base64url(&pending.entry.encode()),
            random: base64url(pending.random.as_bytes()),
            payload: pending.payload,
        }
    }
}

impl TryFrom<PendingJson> for PendingEntry {
    type Error = PendingError;

    fn try_from(json: PendingJson) -> Result<Self, PendingError> {
        let PendingJson {
            id,
            entry,
            random,
            payload,
        } = json;
        if !id.is_random() {
            return Err(PendingError::Id);
        }
        let entry = from_base64url(&entry).ok_or(PendingError::Base64("entry"))?;
        let random = from_base64url(&random).ok_or(PendingError::Base64("random"))?;
        let random = <[u8; HASH_BYTES]>::try_from(random).map_err(|_| PendingError::Random)?;
        let random = CommitmentRandom::new(random);
        let entry = Entry::decode(&entry)?;
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(PendingError::PayloadTooLong(payload.len()));
        }
        if !entry.commitment.opens(&payload, id, &random) {
            return Err(PendingError::Commitment);
        }
        Ok(Self {
            id,
            leaf: entry.leaf_hash(),
            entry,
            random,
            payload,
        })
    }
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
