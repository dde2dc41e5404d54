//! The keys that payloads are sealed under, one a retention period, and the form in
//! which such a key is kept.
//!
//! What a store keeps beside an entry is `XChaCha20-Poly1305(random ‖ payload)` under
//! the key of the entry's period. Destroying that one key destroys every payload of
//! the period, also in backups of the store and on disks that do not overwrite.
//! The commitment in the entry is over the random and the payload in clear, so no
//! entry and no proof changes when the key goes.
//!
//! The nonce is the front of that commitment, which is made under a fresh random over the
//! id and the payload. It stands in the entry already, and it is another one for
//! every other content, so that nothing depends on an id being used once.

use std::fmt;

use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::chain::Origin;
use crate::commitment::{Commitment, CommitmentRandom};
use crate::hash::{HASH_BYTES, base64url, from_base64url, hex, hmac_sha256};
use crate::id::EntryId;
use crate::payload::MAX_PAYLOAD_BYTES;
use crate::retention::RetentionPeriod;
use crate::stored::Opening;

/// Length of a key.
const KEY_BYTES: usize = 32;
/// Length of a nonce of `XChaCha20` (draft-irtf-cfrg-xchacha §2).
pub const NONCE_BYTES: usize = 24;
/// Length of a tag of Poly1305 (RFC 8439 §2.8).
const TAG_BYTES: usize = 16;
/// Length of a key's public name.
const KEY_ID_BYTES: usize = 16;
/// Shortest sealed payload: of nothing.
pub const MIN_SEALED_BYTES: usize = HASH_BYTES + TAG_BYTES;
/// Longest sealed payload.
pub const MAX_SEALED_BYTES: usize = MIN_SEALED_BYTES + MAX_PAYLOAD_BYTES;
/// Length of a wrapped key.
pub const WRAPPED_KEY_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

const PAYLOAD_DOMAIN: &[u8] = b"sluis log payload v1\0";
const WRAP_DOMAIN: &[u8] = b"sluis payload key v1\0";
const WRAP_KEY_DOMAIN: &[u8] = b"sluis payload key wrapping v1\0";
const KEY_ID_DOMAIN: &[u8] = b"sluis payload key id v1\0";

/// The key of one retention period of one log.
pub struct PayloadKey {
    period: RetentionPeriod,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    cipher: XChaCha20Poly1305,
    /// `domain ‖ period ‖ 0 ‖ origin`, to which each entry's id is put.
    context: Vec<u8>,
}

impl PayloadKey {
    /// Takes thirty-two bytes of a cryptographic generator as the key of a period.
    pub fn new(origin: &Origin, period: RetentionPeriod, bytes: [u8; KEY_BYTES]) -> Self {
        let bytes = Zeroizing::new(bytes);
        Self {
            period,
            cipher: XChaCha20Poly1305::new((&*bytes).into()),
            bytes,
            context: context(PAYLOAD_DOMAIN, origin, period),
        }
    }

    /// The period whose payloads it seals.
    pub const fn period(&self) -> RetentionPeriod {
        self.period
    }

    /// Its public name, which says nothing of it.
    pub fn id(&self) -> PayloadKeyId {
        let mut id = [0; KEY_ID_BYTES];
        let code = hmac_sha256(&self.bytes, KEY_ID_DOMAIN);
        for (to, from) in id.iter_mut().zip(code) {
            *to = from;
        }
        PayloadKeyId(id)
    }

    /// Seals what opens an entry's commitment. None for a payload beyond what the
    /// cipher takes, which is far beyond [`MAX_PAYLOAD_BYTES`].
    pub(crate) fn seal(
        &self,
        id: EntryId,
        commitment: &Commitment,
        random: &CommitmentRandom,
        payload: &str,
    ) -> Option<Vec<u8>> {
        let mut sealed = Vec::with_capacity(MIN_SEALED_BYTES + payload.len());
        sealed.extend_from_slice(random.as_bytes());
        sealed.extend_from_slice(payload.as_bytes());
        let (nonce, data) = (nonce(commitment), self.data(id));
        let whole = sealed.as_mut_slice().into();
        let tag = self.cipher.encrypt_inout_detached(&nonce, &data, whole);
        sealed.extend_from_slice(&tag.ok()?);
        Some(sealed)
    }

    /// What was sealed for the entry of that id and commitment; none if it is not
    /// this, to the byte, or was sealed under another key.
    pub fn open(&self, id: EntryId, commitment: &Commitment, sealed: &[u8]) -> Option<Opening> {
        if sealed.len() > MAX_SEALED_BYTES {
            return None;
        }
        let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
        let (nonce, data) = (nonce(commitment), self.data(id));
        let mut clear = body.to_vec();
        let whole = clear.as_mut_slice().into();
        self.cipher
            .decrypt_inout_detached(&nonce, &data, whole, &Tag::from(*tag))
            .ok()?;
        let payload = clear.split_off_checked(HASH_BYTES)?;
        Some(Opening {
            random: clear,
            payload: String::from_utf8(payload).ok()?,
        })
    }

    fn data(&self, id: EntryId) -> Vec<u8> {
        [self.context.as_slice(), id.as_bytes()].concat()
    }
}

/// `Vec::split_off` that cannot panic.
trait SplitOff: Sized {
    fn split_off_checked(&mut self, at: usize) -> Option<Self>;
}

impl SplitOff for Vec<u8> {
    fn split_off_checked(&mut self, at: usize) -> Option<Self> {
        (at <= self.len()).then(|| self.split_off(at))
    }
}

/// Without the key.
impl fmt::Debug for PayloadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PayloadKey({})", self.period)
    }
}

/// What a key is called where it is not shown: in the record of its destruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadKeyId([u8; KEY_ID_BYTES]);

impl PayloadKeyId {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; KEY_ID_BYTES] {
        &self.0
    }

    /// The id as somebody has written it down.
    pub(crate) const fn of_bytes(bytes: [u8; KEY_ID_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for PayloadKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PayloadKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PayloadKeyId({self})")
    }
}

/// The key under which the periods' keys are kept: derived from a secret of the
/// deployment, so that neither the trusted place nor its backups hold a usable key.
pub struct WrappingKey(XChaCha20Poly1305);

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappingKey(..)")
    }
}

/// A period's key as the trusted place keeps it: `nonce ‖ sealed key ‖ tag`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WrappedKey([u8; WRAPPED_KEY_BYTES]);

/// The bytes are no wrapped key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a wrapped key has {WRAPPED_KEY_BYTES} bytes, as text in base64url without padding")]
pub struct WrappedKeyError;

impl WrappingKey {
    /// Derives it.
    pub fn derive(secret: &[u8; HASH_BYTES]) -> Self {
        let key = Zeroizing::new(hmac_sha256(secret, WRAP_KEY_DOMAIN));
        Self(XChaCha20Poly1305::new((&*key).into()))
    }

    /// Wraps a key. The nonce is fresh for every call.
    pub fn wrap(
        &self,
        origin: &Origin,
        key: &PayloadKey,
        nonce: [u8; NONCE_BYTES],
    ) -> Option<WrappedKey> {
        let mut bytes = Zeroizing::new(*key.bytes);
        let data = context(WRAP_DOMAIN, origin, key.period);
        let whole = bytes.as_mut_slice().into();
        let tag = self
            .0
            .encrypt_inout_detached(&nonce.into(), &data, whole)
            .ok()?;
        let wrapped = [nonce.as_slice(), bytes.as_slice(), &tag].concat();
        WrappedKey::try_from(wrapped.as_slice()).ok()
    }

    /// The key, if it was wrapped for that period of that log under this secret.
    pub fn unwrap(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        wrapped: &WrappedKey,
    ) -> Option<PayloadKey> {
        let (nonce, rest) = wrapped.0.split_first_chunk::<NONCE_BYTES>()?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let mut bytes = Zeroizing::new(<[u8; KEY_BYTES]>::try_from(sealed).ok()?);
        let data = context(WRAP_DOMAIN, origin, period);
        let whole = bytes.as_mut_slice().into();
        self.0
            .decrypt_inout_detached(&XNonce::from(*nonce), &data, whole, &Tag::from(*tag))
            .ok()?;
        Some(PayloadKey::new(origin, period, *bytes))
    }
}

impl WrappedKey {
    /// The bytes, for a store.
    pub const fn as_bytes(&self) -> &[u8; WRAPPED_KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappedKey(..)")
    }
}

impl TryFrom<&[u8]> for WrappedKey {
    type Error = WrappedKeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, WrappedKeyError> {
        bytes.try_into().map(Self).map_err(|_| WrappedKeyError)
    }
}

impl TryFrom<String> for WrappedKey {
    type Error = WrappedKeyError;

    fn try_from(text: String) -> Result<Self, WrappedKeyError> {
        let bytes = from_base64url(&text).ok_or(WrappedKeyError)?;
        Self::try_from(bytes.as_slice())
    }
}

impl From<WrappedKey> for String {
    fn from(wrapped: WrappedKey) -> Self {
        base64url(&wrapped.0)
    }
}

/// The front of the commitment.
fn nonce(commitment: &Commitment) -> XNonce {
    let mut nonce = [0; NONCE_BYTES];
    for (to, from) in nonce.iter_mut().zip(commitment.as_bytes()) {
        *to = *from;
    }
    nonce.into()
}

/// Which log and period: neither text has a zero byte.
fn context(domain: &[u8], origin: &Origin, period: RetentionPeriod) -> Vec<u8> {
    let period = period.to_string();
    [
        domain,
        period.as_bytes(),
        &[0],
        origin.as_str().as_bytes(),
        &[0],
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(name: &str) -> Origin {
        Origin::parse(name).unwrap()
    }

    fn period(text: &str) -> RetentionPeriod {
        RetentionPeriod::parse(text).unwrap()
    }

    fn id(byte: u8) -> EntryId {
        EntryId::from_random([byte; 16])
    }

    #[test]
    fn only_the_key_of_the_period_opens_what_was_sealed_for_the_entry() {
        let (log, when) = (origin("gate.example.be/log"), period("accesses/2037-01-01"));
        let key = PayloadKey::new(&log, when, [7; 32]);
        let random = CommitmentRandom::new([5; 32]);
        let commitment = Commitment::to("{}", id(1), &random);
        let sealed = key.seal(id(1), &commitment, &random, "{}").unwrap();
        assert_eq!(sealed.len(), MIN_SEALED_BYTES + 2);
        let opened = key.open(id(1), &commitment, &sealed).unwrap();
        assert_eq!(
            (opened.random.as_slice(), opened.payload.as_str()),
            ([5; 32].as_slice(), "{}")
        );

        for other in [
            PayloadKey::new(&log, when, [8; 32]),
            PayloadKey::new(&log, period("accesses/2038-01-01"), [7; 32]),
            PayloadKey::new(&log, period("refusals/2037-01-01"), [7; 32]),
            PayloadKey::new(&origin("gate.example.be/log/1"), when, [7; 32]),
        ] {
            assert_eq!(other.open(id(1), &commitment, &sealed), None, "{other:?}");
        }
        assert_eq!(key.open(id(2), &commitment, &sealed), None);
        let other = Commitment::to("{ }", id(1), &random);
        assert_eq!(key.open(id(1), &other, &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(id(1), &commitment, &changed), None, "{at}");
        }
        for cut in 0..sealed.len() {
            assert_eq!(key.open(id(1), &commitment, &sealed[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn a_key_is_wrapped_for_its_log_and_period() {
        let (log, when) = (origin("gate.example.be/log"), period("accesses/2037-01-01"));
        let wrapping = WrappingKey::derive(&[1; 32]);
        let key = PayloadKey::new(&log, when, [7; 32]);
        let wrapped = wrapping.wrap(&log, &key, [9; NONCE_BYTES]).unwrap();
        let again = wrapping.unwrap(&log, when, &wrapped).unwrap();
        assert_eq!((*again.bytes, again.id()), (*key.bytes, key.id()));
        assert!(!wrapped.as_bytes().windows(32).any(|part| part == [7; 32]));

        assert!(
            WrappingKey::derive(&[2; 32])
                .unwrap(&log, when, &wrapped)
                .is_none()
        );
        assert!(
            wrapping
                .unwrap(&log, period("accesses/2038-01-01"), &wrapped)
                .is_none()
        );
        assert!(
            wrapping
                .unwrap(&origin("gate.example.be/log/1"), when, &wrapped)
                .is_none()
        );
        for at in 0..WRAPPED_KEY_BYTES {
            let mut changed = wrapped.clone();
            changed.0[at] ^= 1;
            assert!(wrapping.unwrap(&log, when, &changed).is_none(), "{at}");
        }
        let json = serde_json::to_string(&wrapped).unwrap();
        assert_eq!(serde_json::from_str::<WrappedKey>(&json).unwrap(), wrapped);
        assert!(serde_json::from_str::<WrappedKey>("\"AAAA\"").is_err());
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let key = PayloadKey::new(
            &origin("gate.example.be/log"),
            period("accesses/2037-01-01"),
            [7; 32],
        );
        assert_eq!(format!("{key:?}"), "PayloadKey(accesses/2037-01-01)");
        assert_eq!(
            format!("{:?}", WrappingKey::derive(&[1; 32])),
            "WrappingKey(..)"
        );
    }
}
