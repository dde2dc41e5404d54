//! The chain that links entries, kept beside them.
//!
//! Index *n* carries `chain[n] = SHA-256("sluis log chain v1" 0x00 || chain[n-1] || leaf_hash(entry[n]))`,
//! and `chain[-1] = SHA-256("sluis log origin v1" 0x00 || origin)`. The chain is
//! not part of the entry: a Merkle tree over the same leaves can stand beside
//! it, or replace it, and no entry changes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::entry::LeafHash;
use crate::hash::{HASH_BYTES, base64url, sha256};

/// Separates a link from RFC 6962's leaves (0x00…) and nodes (0x01…).
const CHAIN_DOMAIN: &[u8] = b"sluis log chain v1\0";
const ORIGIN_DOMAIN: &[u8] = b"sluis log origin v1\0";
/// Longest origin taken.
pub const MAX_ORIGIN_BYTES: usize = 200;

/// The log's name: a URL without scheme, as in a C2SP checkpoint's first line
/// (`validator.example.be/log`). Two logs have two origins, so that they never
/// share a chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// Why a text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OriginError {
    /// Empty or too long.
    #[error("an origin has 1 to {MAX_ORIGIN_BYTES} bytes, not {0}")]
    Length(usize),
    /// A character that a checkpoint's origin or a key name cannot hold.
    #[error("an origin holds visible ASCII without \"+\" only; found {0:?}")]
    Character(char),
}

impl Origin {
    /// The log of the stores' conformance suite.
    pub(crate) fn sample() -> Self {
        Self("sluis.invalid/conformance".to_owned())
    }

    /// Checks an origin: visible ASCII, and no plus sign, which ends a key name
    /// in a signed note.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        if text.is_empty() || text.len() > MAX_ORIGIN_BYTES {
            return Err(OriginError::Length(text.len()));
        }
        match text.chars().find(|c| !c.is_ascii_graphic() || *c == '+') {
            Some(character) => Err(OriginError::Character(character)),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// One value of the chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash(pub [u8; HASH_BYTES]);

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}

/// base64url, as in JSON.
impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url(&self.0))
    }
}

/// The end of a chain: how many entries it links and its last value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// The number of entries, and the index of the next one.
    pub size: u64,
    /// The chain value of the last entry, or the genesis value.
    pub hash: ChainHash,
}

impl ChainHead {
    /// The empty chain of the log of that origin.
    pub fn genesis(origin: &Origin) -> Self {
        Self {
            size: 0,
            hash: ChainHash(sha256(&[ORIGIN_DOMAIN, origin.as_str().as_bytes()])),
        }
    }

    /// The head after one more entry. The size saturates: a log of 2^64 entries
    /// is not reached.
    #[must_use]
    pub fn followed_by(&self, leaf: LeafHash) -> Self {
        Self {
            size: self.size.saturating_add(1),
            hash: link(self.hash, leaf),
        }
    }
}

/// The chain value of an entry, from the previous one and the entry's leaf hash.
pub fn link(previous: ChainHash, leaf: LeafHash) -> ChainHash {
    ChainHash(sha256(&[CHAIN_DOMAIN, &previous.0, &leaf.0]))
}
