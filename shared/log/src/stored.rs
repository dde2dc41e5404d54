//! What a store returns: an entry as it was found, not yet believed. Sealed at
//! first ([`SealedEntry`]); then as who holds the keys opened it ([`StoredEntry`]).

use std::fmt;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::chain::{ChainHash, Origin};
use crate::commitment::CommitmentRandom;
use crate::entry::{Entry, EntryError, Stream};
use crate::hash::{base64url, from_base64url};
use crate::id::EntryId;
use crate::payload_key::PayloadKey;
use crate::retention::RetentionPeriod;

/// Most entries of one page.
pub const MAX_PAGE_ENTRIES: u32 = 1_000;

/// One row of a store.
///
/// The byte strings are as found: a row whose entry is damaged is still read
/// and served, so that a verification can name it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SealedJson", into = "SealedJson")]
pub struct SealedEntry {
    /// Where it stands.
    pub index: u64,
    /// Its identifier.
    pub id: EntryId,
    /// Its stream.
    pub stream: Stream,
    /// The bytes of the leaf.
    pub entry: Vec<u8>,
    /// The chain value with it.
    pub chain: Vec<u8>,
    /// The erasable part; none once it has been erased.
    pub payload: Option<SealedPayload>,
}

/// The erasable part of a row.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPayload {
    /// The period under whose key it is sealed, as found.
    pub period: String,
    /// What [`PayloadKey::open`] takes.
    pub sealed: Vec<u8>,
}

/// What is known of the key of a row's period.
#[derive(Debug, Clone, Copy)]
pub enum KnownKey<'a> {
    /// It is here.
    Held(&'a PayloadKey),
    /// It was destroyed, and every payload of the period with it.
    Destroyed,
    /// There never was one: what stands there was not sealed by us.
    Unknown,
}

/// A row whose payload was opened, if it could be.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredJson", into = "StoredJson")]
pub struct StoredEntry {
    /// Where it stands.
    pub index: u64,
    /// Its identifier.
    pub id: EntryId,
    /// Its stream.
    pub stream: Stream,
    /// The bytes of the leaf.
    pub entry: Vec<u8>,
    /// The chain value with it.
    pub chain: Vec<u8>,
    /// The erasable part.
    pub erasable: Erasable,
}

/// What became of the erasable part of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasable {
    /// It was opened.
    Opened(Opening),
    /// It is there and does not open, though it should.
    Unopened,
    /// It was erased.
    Erased,
}

impl Erasable {
    /// What opens the commitment, if it was opened.
    pub const fn opening_mut(&mut self) -> Option<&mut Opening> {
        match self {
            Self::Opened(opening) => Some(opening),
            Self::Unopened | Self::Erased => None,
        }
    }
}

/// What opens the commitment of an entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    /// The random of the commitment.
    pub random: Vec<u8>,
    /// The `CloudEvents` JSON text.
    pub payload: String,
}

/// Without the payload.
impl fmt::Debug for SealedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedEntry")
            .field("index", &self.index)
            .field("id", &self.id)
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SealedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedPayload({:?})", self.period)
    }
}

/// Without the payload, which is personal data.
impl fmt::Debug for StoredEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredEntry")
            .field("index", &self.index)
            .field("id", &self.id)
            .field("stream", &self.stream)
            .field("payload_bytes", &self.payload().map(str::len))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(..)")
    }
}

/// A row as a relational store returns it, column by column; see
/// [`crate::sql`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `idx`.
    pub index: i64,
    /// `id`.
    pub id: Vec<u8>,
    /// `stream`.
    pub stream: i64,
    /// `entry`.
    pub entry: Vec<u8>,
    /// `chain`.
    pub chain: Vec<u8>,
    /// `period`, null when erased.
    pub period: Option<String>,
    /// `sealed`, null when erased.
    pub sealed: Option<Vec<u8>>,
}

/// Why a row or a JSON text is no stored entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StoredError {
    /// The index is negative.
    #[error("index {0} is negative")]
    Index(i64),
    /// The id does not have 16 bytes.
    #[error("entry {index}: the id is not 16 bytes")]
    Id {
        /// The row.
        index: u64,
    },
    /// The stream is unknown.
    #[error("entry {index}: unknown stream")]
    Stream {
        /// The row.
        index: u64,
    },
    /// A part of what is erased is there, and the other is not.
    #[error("entry {index}: a payload is erased with all that belongs to it or not at all")]
    HalfErased {
        /// The row.
        index: u64,
    },
    /// A member is not base64url without padding.
    #[error("entry {index}: {member} is not base64url without padding")]
    Base64 {
        /// The row.
        index: u64,
        /// The member.
        member: &'static str,
    },
}

/// Why a commitment does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CommitmentError {
    /// The entry cannot be decoded.
    #[error("{0}")]
    Entry(#[from] EntryError),
    /// The random does not have 32 bytes.
    #[error("the random has {0} bytes")]
    Random(usize),
    /// The payload is there and does not open.
    #[error("the payload does not open under the key of its period")]
    Unopened,
    /// The entry commits to another payload, random or id.
    #[error("the entry does not commit to this payload, random and id")]
    Mismatch,
}

/// What is known of an entry's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitmentState {
    /// The payload is there, and it is the one committed to.
    Opened,
    /// The payload was erased: the commitment can no longer be opened.
    Erased,
}

impl StoredEntry {
    /// Decodes the leaf.
    pub fn decode(&self) -> Result<Entry, EntryError> {
        Entry::decode(&self.entry)
    }

    /// The payload, unless it was erased.
    pub fn payload(&self) -> Option<&str> {
        match &self.erasable {
            Erasable::Opened(opening) => Some(&opening.payload),
            Erasable::Unopened | Erasable::Erased => None,
        }
    }

    /// Whether reading this entry is reading about a person: it still has its
    /// payload, and its leaf says so, or cannot be read.
    pub fn is_about_a_person(&self) -> bool {
        let by_leaf = self
            .decode()
            .map_or(true, |entry| entry.outcome.is_about_a_person());
        self.erasable != Erasable::Erased && by_leaf
    }

    /// The chain value, when it has the length of one.
    pub fn chain_hash(&self) -> Option<ChainHash> {
        self.chain.as_slice().try_into().ok().map(ChainHash)
    }

    /// Checks that the payload is the one the entry commits to.
    pub fn verify_commitment(&self) -> Result<CommitmentState, CommitmentError> {
        let entry = self.decode()?;
        let Opening { random, payload } = match &self.erasable {
            Erasable::Opened(opening) => opening,
            Erasable::Unopened => return Err(CommitmentError::Unopened),
            Erasable::Erased => return Ok(CommitmentState::Erased),
        };
        let random = random
            .as_slice()
            .try_into()
            .map(CommitmentRandom::new)
            .map_err(|_| CommitmentError::Random(random.len()))?;
        if entry.commitment.opens(payload, self.id, &random) {
            Ok(CommitmentState::Opened)
        } else {
            Err(CommitmentError::Mismatch)
        }
    }
}

impl SealedEntry {
    /// The period of its payload; none if that was erased, or names no period.
    pub fn period(&self) -> Option<RetentionPeriod> {
        let payload = self.payload.as_ref()?;
        RetentionPeriod::parse(&payload.period).ok()
    }

    /// Opens it with what is known of the key of its period.
    pub fn open(self, key: KnownKey<'_>) -> StoredEntry {
        let entry = Entry::decode(&self.entry).ok();
        let erasable = match (&self.payload, key) {
            (None, _) | (Some(_), KnownKey::Destroyed) => Erasable::Erased,
            (Some(_), KnownKey::Unknown) => Erasable::Unopened,
            (Some(payload), KnownKey::Held(key)) => entry
                .and_then(|entry| key.open(self.id, &entry.commitment, &payload.sealed))
                .map_or(Erasable::Unopened, Erasable::Opened),
        };
        StoredEntry {
            index: self.index,
            id: self.id,
            stream: self.stream,
            entry: self.entry,
            chain: self.chain,
            erasable,
        }
    }
}

fn sealed_payload(
    index: u64,
    period: Option<String>,
    sealed: Option<Vec<u8>>,
) -> Result<Option<SealedPayload>, StoredError> {
    match (period, sealed) {
        (Some(period), Some(sealed)) => Ok(Some(SealedPayload { period, sealed })),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(StoredError::HalfErased { index }),
    }
}

impl TryFrom<Row> for SealedEntry {
    type Error = StoredError;

    fn try_from(row: Row) -> Result<Self, StoredError> {
        let index = u64::try_from(row.index).map_err(|_| StoredError::Index(row.index))?;
        let stream = u8::try_from(row.stream).ok().and_then(Stream::from_code);
        let payload = sealed_payload(index, row.period, row.sealed)?;
        Ok(Self {
            index,
            id: EntryId::from_stored(&row.id).map_err(|_| StoredError::Id { index })?,
            stream: stream.ok_or(StoredError::Stream { index })?,
            entry: row.entry,
            chain: row.chain,
            payload,
        })
    }
}

/// A member that is there, or left out: null would be a second spelling.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A member that says something by being there.
fn only_true<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    if bool::deserialize(from)? {
        Ok(true)
    } else {
        Err(D::Error::invalid_value(
            Unexpected::Bool(false),
            &"true, or no such member",
        ))
    }
}

/// The JSON form, binary in base64url without padding:
/// `{"index","id","stream","entry","chain","random"?,"payload"?,"unopened"?}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredJson {
    index: u64,
    id: EntryId,
    stream: String,
    entry: String,
    chain: String,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    random: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    payload: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "std::ops::Not::not",
        deserialize_with = "only_true"
    )]
    unopened: bool,
}

impl From<StoredEntry> for StoredJson {
    fn from(stored: StoredEntry) -> Self {
        let unopened = stored.erasable == Erasable::Unopened;
        let (random, payload) = match stored.erasable {
            Erasable::Opened(Opening { random, payload }) => {
                (Some(base64url(&random)), Some(payload))
            }
            Erasable::Unopened | Erasable::Erased => (None, None),
        };
        Self {
            index: stored.index,
            id: stored.id,
            stream: stored.stream.as_str().to_owned(),
            entry: base64url(&stored.entry),
            chain: base64url(&stored.chain),
            random,
            payload,
            unopened,
        }
    }
}

impl TryFrom<StoredJson> for StoredEntry {
    type Error = StoredError;

    fn try_from(json: StoredJson) -> Result<Self, StoredError> {
        let index = json.index;
        let bytes =
            |member, text: &str| from_base64url(text).ok_or(StoredError::Base64 { index, member });
        let random = json
            .random
            .map(|random| bytes("random", &random))
            .transpose()?;
        let erasable = match (random, json.payload, json.unopened) {
            (Some(random), Some(payload), false) => Erasable::Opened(Opening { random, payload }),
            (None, None, true) => Erasable::Unopened,
            (None, None, false) => Erasable::Erased,
            (_, _, _) => return Err(StoredError::HalfErased { index }),
        };
        Ok(Self {
            index,
            id: json.id,
            stream: Stream::parse(&json.stream).ok_or(StoredError::Stream { index })?,
            entry: bytes("entry", &json.entry)?,
            chain: bytes("chain", &json.chain)?,
            erasable,
        })
    }
}

/// The JSON form in which a store's own parts exchange rows, binary in base64url
/// without padding: `{"index","id","stream","entry","chain","period"?,"sealed"?}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedJson {
    index: u64,
    id: EntryId,
    stream: String,
    entry: String,
    chain: String,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    period: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    sealed: Option<String>,
}

impl From<SealedEntry> for SealedJson {
    fn from(row: SealedEntry) -> Self {
        let (period, sealed) = match row.payload {
            Some(payload) => (Some(payload.period), Some(base64url(&payload.sealed))),
            None => (None, None),
        };
        Self {
            index: row.index,
            id: row.id,
            stream: row.stream.as_str().to_owned(),
            entry: base64url(&row.entry),
            chain: base64url(&row.chain),
            period,
            sealed,
        }
    }
}

impl TryFrom<SealedJson> for SealedEntry {
    type Error = StoredError;

    fn try_from(json: SealedJson) -> Result<Self, StoredError> {
        let index = json.index;
        let bytes =
            |member, text: &str| from_base64url(text).ok_or(StoredError::Base64 { index, member });
        let sealed = json.sealed.map(|text| bytes("sealed", &text)).transpose()?;
        Ok(Self {
            index,
            id: json.id,
            stream: Stream::parse(&json.stream).ok_or(StoredError::Stream { index })?,
            entry: bytes("entry", &json.entry)?,
            chain: bytes("chain", &json.chain)?,
            payload: sealed_payload(index, json.period, sealed)?,
        })
    }
}

/// One page of `GET /log/entries?from=N&limit=M`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryPage {
    /// The log these entries are of.
    pub origin: Origin,
    /// How many entries the log had.
    pub size: u64,
    /// Entries in the order of the log, from the index that was asked for.
    pub items: Vec<StoredEntry>,
    /// Where the next page begins; absent on the last one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub next: Option<u64>,
}

impl EntryPage {
    /// Makes a page of what a store returned for its log of `size` entries.
    pub fn new(origin: Origin, size: u64, items: Vec<StoredEntry>) -> Self {
        let next = items
            .last()
            .and_then(|last| last.index.checked_add(1))
            .filter(|next| *next < size);
        Self {
            origin,
            size,
            items,
            next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERASED: &str = r#"{"index":0,"id":"00000000-0000-4000-8000-000000000000","stream":"refusals","entry":"AQ","chain":"AQ""#;

    #[test]
    fn what_is_left_out_is_left_out() {
        let whole = |more: &str| format!("{ERASED}{more}}}");
        let stored = |more: &str| serde_json::from_str::<StoredEntry>(&whole(more)).ok();
        let sealed = |more: &str| serde_json::from_str::<SealedEntry>(&whole(more)).ok();
        for more in [
            "",
            ",\"unopened\":true",
            ",\"random\":\"AQ\",\"payload\":\"{}\"",
        ] {
            let text = serde_json::to_string(&stored(more).unwrap());
            assert_eq!(text.unwrap(), whole(more));
        }
        for more in ["", ",\"period\":\"p\",\"sealed\":\"AQ\""] {
            let text = serde_json::to_string(&sealed(more).unwrap());
            assert_eq!(text.unwrap(), whole(more));
        }
        for more in [
            ",\"unopened\":false",
            ",\"unopened\":null",
            ",\"random\":null",
            ",\"payload\":null",
            ",\"random\":null,\"payload\":null",
            ",\"random\":\"AQ\",\"payload\":\"{}\",\"unopened\":false",
        ] {
            assert_eq!(stored(more), None, "{more}");
        }
        for more in [",\"period\":null", ",\"period\":null,\"sealed\":null"] {
            assert_eq!(sealed(more), None, "{more}");
        }
        let page = |next: &str| format!("{{\"origin\":\"a\",\"size\":0,\"items\":[]{next}}}");
        let read = |next| serde_json::from_str::<EntryPage>(&page(next)).is_ok();
        assert!(read("") && read(",\"next\":7") && !read(",\"next\":null"));
    }
}
