//! The entry: the leaf that stays when everything else is erased.
//!
//! Fixed size, [`ENTRY_BYTES`] bytes, integers big-endian:
//!
//! | offset | bytes | field |
//! |---:|---:|---|
//! | 0 | 1 | version, [`ENTRY_VERSION`] |
//! | 1 | 1 | stream, see [`Stream`] |
//! | 2 | 1 | outcome, see [`OutcomeCode`] |
//! | 3 | 4 | whole minutes since 1970-01-01T00:00Z |
//! | 7 | 32 | policy version: SHA-256 of the catalogue's file |
//! | 39 | 32 | commitment to the payload, see [`Commitment`] |
//!
//! An entry is kept, and may be shown, for ever: it stands in every proof. So
//! it holds nothing about a person. The time is in *whole minutes* because that
//! is as much as retention, ordering by period and a supervisor's "which rules
//! held then" need, while an exact instant could be matched with another
//! party's log to tell which holder asked about whom (M-9.1, M-22.1) after both
//! payloads are gone. The exact instant is in the payload, and goes with it.

use std::fmt;

use thiserror::Error;

use crate::commitment::Commitment;
use crate::hash::{HASH_BYTES, hex, sha256};
use crate::time::Minute;

/// The version this code writes, and the only one it reads.
pub const ENTRY_VERSION: u8 = 1;
/// Length of an entry of this version.
pub const ENTRY_BYTES: usize = 71;
/// RFC 6962 §2.1: the prefix of a leaf, so that no leaf is a node.
const LEAF_PREFIX: &[u8] = &[0x00];

/// The two streams of one log. They differ in how long their payloads are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Who used what about whom (M-21.5): allowed requests, what became of
    /// them, readings of the log itself, what operators did, and who had a
    /// carrier.
    Accesses,
    /// What was refused, one by one or counted, or would be.
    Refusals,
}

impl Stream {
    /// The byte in an entry, and the number in a store.
    pub const fn code(self) -> u8 {
        match self {
            Self::Accesses => 1,
            Self::Refusals => 2,
        }
    }

    /// Reads the byte of an entry or the number of a store.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Accesses),
            2 => Some(Self::Refusals),
            _ => None,
        }
    }

    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accesses => "accesses",
            Self::Refusals => "refusals",
        }
    }

    /// Reads the name in JSON.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "accesses" => Some(Self::Accesses),
            "refusals" => Some(Self::Refusals),
            _ => None,
        }
    }
}

/// What an entry records, as far as the leaf tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutcomeCode {
    /// A request was allowed.
    Granted,
    /// A request was refused although its token's signature held.
    Refused,
    /// An allowed request was answered by the backend.
    Completed,
    /// An allowed request got no answer from the backend.
    Failed,
    /// Refusals before the signature held, counted over an interval.
    RefusalsCounted,
    /// An auditor read the log.
    LogRead,
    /// An operator made the gate forget keys.
    KeysPurged,
    /// Decisions that a candidate catalogue or key set would have taken
    /// otherwise, counted over an interval.
    ComparisonsCounted,
    /// The payloads of a retention period are destroyed.
    PayloadsDestroyed,
    /// Something happened to a carrier of protected data, in a register of custody.
    Custody,
}

impl OutcomeCode {
    /// The byte in an entry.
    pub const fn code(self) -> u8 {
        match self {
            Self::Granted => 1,
            Self::Refused => 2,
            Self::Completed => 3,
            Self::Failed => 4,
            Self::RefusalsCounted => 5,
            Self::LogRead => 6,
            Self::KeysPurged => 7,
            Self::ComparisonsCounted => 8,
            Self::PayloadsDestroyed => 9,
            Self::Custody => 10,
        }
    }

    /// Reads the byte of an entry.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Granted),
            2 => Some(Self::Refused),
            3 => Some(Self::Completed),
            4 => Some(Self::Failed),
            5 => Some(Self::RefusalsCounted),
            6 => Some(Self::LogRead),
            7 => Some(Self::KeysPurged),
            8 => Some(Self::ComparisonsCounted),
            9 => Some(Self::PayloadsDestroyed),
            10 => Some(Self::Custody),
            _ => None,
        }
    }

    /// The stream such an entry belongs to.
    pub const fn stream(self) -> Stream {
        match self {
            Self::Granted
            | Self::Completed
            | Self::Failed
            | Self::LogRead
            | Self::KeysPurged
            | Self::PayloadsDestroyed
            | Self::Custody => Stream::Accesses,
            Self::Refused | Self::RefusalsCounted | Self::ComparisonsCounted => Stream::Refusals,
        }
    }

    /// Whether the payload is about a data subject, so that reading it is an
    /// access of its own (M-25.1). A reading of nothing else need not be
    /// recorded: else every look at the log would make something new to look at.
    pub const fn is_about_a_person(self) -> bool {
        match self {
            Self::Granted | Self::Refused | Self::Completed | Self::Failed => true,
            Self::RefusalsCounted
            | Self::LogRead
            | Self::KeysPurged
            | Self::ComparisonsCounted
            | Self::PayloadsDestroyed
            | Self::Custody => false,
        }
    }

    /// A short name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::RefusalsCounted => "refusalsCounted",
            Self::LogRead => "logRead",
            Self::KeysPurged => "keysPurged",
            Self::ComparisonsCounted => "comparisonsCounted",
            Self::PayloadsDestroyed => "payloadsDestroyed",
            Self::Custody => "custody",
        }
    }
}

/// The catalogue that decided: SHA-256 of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyDigest(pub [u8; HASH_BYTES]);

/// Lower-case hexadecimal, as `sha256sum` prints it.
impl fmt::Display for PolicyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// The hash of an entry as a leaf of a Merkle tree (RFC 6962 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeafHash(pub [u8; HASH_BYTES]);

impl LeafHash {
    /// Hashes encoded entry bytes, whatever they are.
    pub fn of(entry: &[u8]) -> Self {
        Self(sha256(&[LEAF_PREFIX, entry]))
    }
}

/// One entry, decoded. The stream follows from the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What is recorded.
    pub outcome: OutcomeCode,
    /// When, in whole minutes.
    pub minute: Minute,
    /// Under which catalogue.
    pub policy: PolicyDigest,
    /// The commitment to the payload.
    pub commitment: Commitment,
}

/// Why bytes are not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EntryError {
    /// Not [`ENTRY_BYTES`] long.
    #[error("an entry has {ENTRY_BYTES} bytes, not {0}")]
    Length(usize),
    /// Of a version this code does not know.
    #[error("unknown entry version {0}")]
    Version(u8),
    /// A stream this version does not know.
    #[error("unknown stream code {0}")]
    Stream(u8),
    /// An outcome this version does not know.
    #[error("unknown outcome code {0}")]
    Outcome(u8),
    /// The outcome does not belong to the stream.
    #[error("outcome {outcome:?} does not belong to stream {stream:?}")]
    OutcomeOfOtherStream {
        /// The stream in the entry.
        stream: Stream,
        /// The outcome in the entry.
        outcome: OutcomeCode,
    },
}

impl Entry {
    /// The stream of this entry.
    pub const fn stream(&self) -> Stream {
        self.outcome.stream()
    }

    /// The bytes of the leaf.
    pub fn encode(&self) -> [u8; ENTRY_BYTES] {
        let [m0, m1, m2, m3] = self.minute.0.to_be_bytes();
        let head = [
            ENTRY_VERSION,
            self.stream().code(),
            self.outcome.code(),
            m0,
            m1,
            m2,
            m3,
        ];
        let mut bytes = [0; ENTRY_BYTES];
        let fields = head
            .iter()
            .chain(&self.policy.0)
            .chain(self.commitment.as_bytes());
        for (to, from) in bytes.iter_mut().zip(fields) {
            *to = *from;
        }
        bytes
    }

    /// Reads the bytes of a leaf; every bit of them counts.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        // The version comes first, so that an entry of a later version is
        // called that, whatever its length.
        let version = bytes.first().copied().ok_or(EntryError::Length(0))?;
        if version != ENTRY_VERSION {
            return Err(EntryError::Version(version));
        }
        let exact: &[u8; ENTRY_BYTES] = bytes
            .try_into()
            .map_err(|_| EntryError::Length(bytes.len()))?;
        let length = EntryError::Length(bytes.len());
        let ([_, stream, outcome, m0, m1, m2, m3], rest) =
            exact.split_first_chunk::<7>().ok_or(length)?;
        let (policy, rest) = rest.split_first_chunk::<HASH_BYTES>().ok_or(length)?;
        let (commitment, _) = rest.split_first_chunk::<HASH_BYTES>().ok_or(length)?;

        let stream = Stream::from_code(*stream).ok_or(EntryError::Stream(*stream))?;
        let outcome = OutcomeCode::from_code(*outcome).ok_or(EntryError::Outcome(*outcome))?;
        if outcome.stream() != stream {
            return Err(EntryError::OutcomeOfOtherStream { stream, outcome });
        }
        Ok(Self {
            outcome,
            minute: Minute(u32::from_be_bytes([*m0, *m1, *m2, *m3])),
            policy: PolicyDigest(*policy),
            commitment: Commitment::from_bytes(*commitment),
        })
    }

    /// The leaf hash of this entry.
    pub fn leaf_hash(&self) -> LeafHash {
        LeafHash::of(&self.encode())
    }
}
