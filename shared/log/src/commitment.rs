//! The commitment by which an erasable payload is bound to its entry.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::hash::{HASH_BYTES, HkdfSha256, hkdf_sha256};
use crate::id::{ENTRY_ID_BYTES, EntryId};

/// Separates this use of HKDF from any other.
const COMMITMENT_DOMAIN: &[u8; 24] = b"sluis log commitment v1\0";
/// Length of the domain and the id behind it.
const INFO_BYTES: usize = COMMITMENT_DOMAIN.len() + ENTRY_ID_BYTES;

/// Thirty-two fresh random bytes for one commitment.
///
/// They are stored beside the payload and erased with it; from then on the
/// commitment says nothing about the payload, not even to one who guesses it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CommitmentRandom([u8; HASH_BYTES]);

impl CommitmentRandom {
    /// Takes thirty-two bytes from a cryptographic generator, used once.
    pub const fn new(random: [u8; HASH_BYTES]) -> Self {
        Self(random)
    }

    /// The bytes, for a store.
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl fmt::Debug for CommitmentRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommitmentRandom(..)")
    }
}

/// `HKDF-SHA256(salt = random, IKM = payload, info = "sluis log commitment v1" 0x00 || id)`,
/// thirty-two bytes of it (RFC 5869): an HMAC of the payload under the random, and of the
/// id under that.
///
/// It covers the identifier, so that the payload of one entry cannot be shown
/// under another's, and the payload in clear, so that encrypting the stored
/// payload later changes no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment([u8; HASH_BYTES]);

impl Commitment {
    /// Commits to a payload.
    pub fn to(payload: &str, id: EntryId, random: &CommitmentRandom) -> Self {
        Self::calculated(payload, id, random, hkdf_sha256)
    }

    /// The same by another implementation.
    pub(crate) fn calculated(
        payload: &str,
        id: EntryId,
        random: &CommitmentRandom,
        hkdf: HkdfSha256,
    ) -> Self {
        let mut info = [0; INFO_BYTES];
        let parts = COMMITMENT_DOMAIN.iter().chain(id.as_bytes());
        info.iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = *from);
        Self(hkdf(&random.0, payload.as_bytes(), &info))
    }

    /// Whether `payload` and `random` are what was committed to.
    pub fn opens(&self, payload: &str, id: EntryId, random: &CommitmentRandom) -> bool {
        Self::to(payload, id, random).0.ct_eq(&self.0).into()
    }

    pub(crate) const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// The thirty-two bytes that stand in the entry.
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}
