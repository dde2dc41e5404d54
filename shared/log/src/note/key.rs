//! Names, ids and public keys of who signs notes (C2SP signed-note, Signatures
//! and Verifier keys).

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};
use thiserror::Error;

use crate::hash::{base64, from_base64, hex, sha256};
use crate::note::signed::{NoteSignature, SignatureFault, SignedNote};

/// Bytes of a key id.
pub const KEY_ID_BYTES: usize = 4;
/// Longest key name: what a cosignature of any type can hold (C2SP tlog-cosignature, `cosigner_name`).
pub const MAX_KEY_NAME_BYTES: usize = 255;
/// Longest text of a key taken: a name, an id, and a key of ML-DSA-44.
const MAX_KEY_TEXT_BYTES: usize =
    MAX_KEY_NAME_BYTES + 2 * KEY_ID_BYTES + 2 + 4 * 1_313_usize.div_ceil(3);

/// Who signs: a URL without scheme as a rule, and for a log its origin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// Why a text is no key name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyNameError {
    /// Empty or too long.
    #[error("a key name has 1 to {MAX_KEY_NAME_BYTES} bytes, not {0}")]
    Length(usize),
    /// A character that ends a name, or that no note holds.
    #[error("a key name holds no white space, no control character and no \"+\"; found {0:?}")]
    Character(char),
}

impl KeyName {
    /// signed-note, Format: no Unicode space and no plus. Nor a control character, which no note has.
    pub fn parse(text: &str) -> Result<Self, KeyNameError> {
        if text.is_empty() || text.len() > MAX_KEY_NAME_BYTES {
            return Err(KeyNameError::Length(text.len()));
        }
        let bad = |c: &char| c.is_whitespace() || c.is_control() || *c == '+';
        match text.chars().find(bad) {
            Some(character) => Err(KeyNameError::Character(character)),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of a name's keys: short, so it identifies and proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteKeyId(pub [u8; KEY_ID_BYTES]);

impl NoteKeyId {
    /// `SHA-256(name || 0x0A || type || key)[:4]`.
    pub fn of(name: &KeyName, kind: SignatureType, key: &[u8]) -> Self {
        let hash = sha256(&[name.as_str().as_bytes(), b"\n", &[kind.code()], key]);
        let [a, b, c, d, ..] = hash;
        Self([a, b, c, d])
    }
}

impl fmt::Display for NoteKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What kind of signature a key makes (signed-note, Signature types).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// 0x01: Ed25519 over the note's text, as logs sign.
    Ed25519,
    /// 0x04: a timestamped Ed25519 cosignature, as witnesses sign.
    Cosignature,
    /// 0x06: a timestamped ML-DSA-44 cosignature. Known, and not verified yet.
    CosignatureMlDsa44,
    /// Any other.
    Other(u8),
}

impl SignatureType {
    /// The byte before the key.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
            Self::CosignatureMlDsa44 => 0x06,
            Self::Other(code) => code,
        }
    }

    /// Reads the byte.
    pub const fn from_code(code: u8) -> Self {
        match code {
            0x01 => Self::Ed25519,
            0x04 => Self::Cosignature,
            0x06 => Self::CosignatureMlDsa44,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for SignatureType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519 => f.write_str("Ed25519 (a log's)"),
            Self::Cosignature => f.write_str("Ed25519 cosignature (a witness's)"),
            Self::CosignatureMlDsa44 => f.write_str("ML-DSA-44 cosignature"),
            Self::Other(code) => write!(f, "type {code:#04x}"),
        }
    }
}

/// Why a text is no verifier key, or not of the kind that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifierKeyError {
    /// Not three parts, or one of them is not what it must be.
    #[error("expected <name>+<id>+<key>, the id in lower-case hexadecimal, the key in base64")]
    Form,
    /// Longer than any.
    #[error("{0} bytes; a verifier key has {MAX_KEY_TEXT_BYTES} at most")]
    Length(usize),
    /// The name is none.
    #[error("{0}")]
    Name(#[from] KeyNameError),
    /// Another kind of key than the one wanted here.
    #[error("a key of kind {found}, where one of kind {wanted} is wanted")]
    Type {
        /// What it is.
        found: SignatureType,
        /// What it should be.
        wanted: SignatureType,
    },
    /// The id is not that of name and key.
    #[error("the id {stated} is not {computed}, which follows from the name and the key")]
    Id {
        /// In the text.
        stated: NoteKeyId,
        /// As it should be.
        computed: NoteKeyId,
    },
    /// Not a point, not in its one encoding, or of small order.
    #[error("not a usable Ed25519 public key")]
    WeakKey,
}

/// A public Ed25519 key and its name, for one kind of signature.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    name: KeyName,
    id: NoteKeyId,
    kind: SignatureType,
    key: VerifyingKey,
}

impl PublicKey {
    pub(crate) fn new(
        name: KeyName,
        kind: SignatureType,
        key: &[u8; 32],
    ) -> Result<Self, VerifierKeyError> {
        let weak = VerifierKeyError::WeakKey;
        let verifying = VerifyingKey::from_bytes(key).map_err(|_| weak)?;
        // A point has one encoding (RFC 8032 §5.1.3); under one of small order a signature says nothing.
        if verifying.is_weak() || verifying.to_edwards().compress().to_bytes() != *key {
            return Err(weak);
        }
        let id = NoteKeyId::of(&name, kind, key);
        Ok(Self {
            name,
            id,
            kind,
            key: verifying,
        })
    }

    pub(crate) fn parse(text: &str, wanted: SignatureType) -> Result<Self, VerifierKeyError> {
        if text.len() > MAX_KEY_TEXT_BYTES {
            return Err(VerifierKeyError::Length(text.len()));
        }
        let form = VerifierKeyError::Form;
        let (name, rest) = text.split_once('+').ok_or(form)?;
        // Base64 has a plus too, so the second plus ends the id.
        let (id, key) = rest.split_once('+').ok_or(form)?;
        let name = KeyName::parse(name)?;
        let material = from_base64(key).ok_or(form)?;
        let (code, key) = material.split_first().ok_or(form)?;
        let found = SignatureType::from_code(*code);
        if found != wanted {
            return Err(VerifierKeyError::Type { found, wanted });
        }
        let key: &[u8; 32] = key.try_into().map_err(|_| form)?;
        let key = Self::new(name, wanted, key)?;
        if key.id.to_string() != id {
            let digits = u32::from_str_radix(id, 16).map_err(|_| form)?;
            let stated = NoteKeyId(digits.to_be_bytes());
            // Another spelling of the right id.
            if stated == key.id {
                return Err(form);
            }
            return Err(VerifierKeyError::Id {
                stated,
                computed: key.id,
            });
        }
        Ok(key)
    }

    pub(crate) const fn name(&self) -> &KeyName {
        &self.name
    }

    pub(crate) const fn id(&self) -> NoteKeyId {
        self.id
    }

    pub(crate) fn renamed(&self, name: KeyName) -> Self {
        let id = NoteKeyId::of(&name, self.kind, self.key.as_bytes());
        Self {
            name,
            id,
            ..self.clone()
        }
    }

    /// Whether it is the same key, under whatever name.
    pub(crate) fn same_key(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// The signatures on a note that claim to be this key's: both name and id count (signed-note, Signatures).
    pub(crate) fn claimed<'n>(
        &self,
        note: &'n SignedNote,
    ) -> impl Iterator<Item = &'n NoteSignature> {
        note.signatures().iter().filter(move |signature| {
            *signature.name() == self.name && signature.key_id() == self.id
        })
    }

    /// Strict verification (RFC 8032 §5.1.7, without its cofactor): one verdict everywhere on any bytes.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
        let fault = || SignatureFault {
            name: self.name.clone(),
            id: self.id,
        };
        let signature = Signature::from_slice(signature).map_err(|_| fault())?;
        self.key
            .verify_strict(message, &signature)
            .map_err(|_| fault())
    }
}

/// As a verifier key.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [&[self.kind.code()], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, base64(&material))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// A log's key: verifies signatures over a note's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVerifier(PublicKey);

impl NoteVerifier {
    pub(crate) const fn of(key: PublicKey) -> Self {
        Self(key)
    }

    /// The key of those bytes under that name.
    pub fn new(name: KeyName, key: &[u8; 32]) -> Result<Self, VerifierKeyError> {
        PublicKey::new(name, SignatureType::Ed25519, key).map(Self)
    }

    /// Reads `<name>+<id>+<key>`.
    pub fn parse(text: &str) -> Result<Self, VerifierKeyError> {
        PublicKey::parse(text, SignatureType::Ed25519).map(Self)
    }

    /// The same key under another name, which gives it another id: a log's key is also that of its shards.
    #[must_use]
    pub fn renamed(&self, name: KeyName) -> Self {
        Self(self.0.renamed(name))
    }

    /// Whose key it is.
    pub const fn name(&self) -> &KeyName {
        self.0.name()
    }

    /// Its id.
    pub const fn id(&self) -> NoteKeyId {
        self.0.id()
    }

    /// Whether it is the same key, under whatever name.
    pub(crate) fn same_key(&self, other: &Self) -> bool {
        self.0.same_key(&other.0)
    }

    /// Whether it signed the note. A signature that claims to be its and is not makes the note void (signed-note,
    /// Signatures), whoever else signed.
    pub fn signed(&self, note: &SignedNote) -> Result<bool, SignatureFault> {
        let mut signed = false;
        for signature in self.0.claimed(note) {
            self.0.verify(note.text().as_bytes(), signature.bytes())?;
            signed = true;
        }
        Ok(signed)
    }
}

/// As a verifier key.
impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the note of the specification.
    const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const NOTE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    #[test]
    fn the_specifications_example_verifies() {
        let key = NoteVerifier::parse(KEY).unwrap();
        assert_eq!(key.to_string(), KEY);
        assert_eq!(key.id().to_string(), "530d903a");
        let note = SignedNote::parse(NOTE.as_bytes()).unwrap();
        assert_eq!(key.signed(&note), Ok(true));
        let other = NOTE.replace("example message", "Example message");
        let other = SignedNote::parse(other.as_bytes()).unwrap();
        let fault = key.signed(&other).unwrap_err();
        assert_eq!(fault.name, *key.name());
        // A key that shares the name, or the id, but not both: unknown, so ignored.
        for (from, to) in [
            ("— example.com/foo", "— example.com/bar"),
            ("Uw2QOk", "Vw2QOk"),
        ] {
            let other = SignedNote::parse(NOTE.replace(from, to).as_bytes()).unwrap();
            assert_eq!(key.signed(&other), Ok(false));
        }
    }

    #[test]
    fn what_is_no_key_of_a_log_is_refused() {
        let parse = |text: &str| NoteVerifier::parse(text).unwrap_err();
        for text in [
            "",
            "example.com/foo",
            "example.com/foo+530d903a",
            "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+0530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903g+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+",
            "example.com/foo+530d903a+AQ==",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        ] {
            assert_eq!(parse(text), VerifierKeyError::Form, "{text}");
        }
        assert!(matches!(
            parse(&KEY.replace("530d903a", "530d903b")),
            VerifierKeyError::Id { .. }
        ));
        assert!(matches!(
            parse(&KEY.replace("foo", "bar")),
            VerifierKeyError::Id { .. }
        ));
        assert!(matches!(
            parse(&KEY.replace("foo", "f oo")),
            VerifierKeyError::Name(KeyNameError::Character(' '))
        ));
        assert_eq!(
            parse(&KEY.replace("Aeky", "BOky")),
            VerifierKeyError::Type {
                found: SignatureType::Cosignature,
                wanted: SignatureType::Ed25519
            }
        );
        let pq = [&[6_u8][..], &[0; 1312]].concat();
        assert!(matches!(
            parse(&format!("example.com/foo+530d903a+{}", base64(&pq))),
            VerifierKeyError::Type {
                found: SignatureType::CosignatureMlDsa44,
                ..
            }
        ));
        let long = "a".repeat(MAX_KEY_TEXT_BYTES + 1);
        assert_eq!(parse(&long), VerifierKeyError::Length(long.len()));
    }

    #[test]
    fn weak_and_second_encodings_of_keys_are_refused() {
        let name = || KeyName::parse("example.com/foo").unwrap();
        // The neutral element; then p and all above it: second encodings of 0 to 18, some of them of good points.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut p = [0xff; 32];
        p[31] = 0x7f;
        for first in 0xed..=0xff {
            p[0] = first;
            assert_eq!(
                NoteVerifier::new(name(), &p),
                Err(VerifierKeyError::WeakKey)
            );
        }
        for key in [neutral, [0; 32], [0xff; 32]] {
            assert_eq!(
                NoteVerifier::new(name(), &key),
                Err(VerifierKeyError::WeakKey)
            );
        }
    }

    #[test]
    fn verification_is_strict() {
        use curve25519_dalek::scalar::{Scalar, clamp_integer};
        use ed25519_dalek::{SigningKey, Verifier as _};
        use sha2::{Digest, Sha512};

        let (seed, text) = ([7; 32], "text\n");
        let secret = *Sha512::digest(seed).first_chunk::<32>().unwrap();
        let secret = Scalar::from_bytes_mod_order(clamp_integer(secret));
        let public = SigningKey::from_bytes(&seed).verifying_key();
        // R is the neutral element, of order 1: the equation of RFC 8032 holds with S = k times the secret.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let hash = Sha512::new()
            .chain_update(neutral)
            .chain_update(public.as_bytes())
            .chain_update(text);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let bytes = [neutral, (k * secret).to_bytes()].concat();
        let signature = Signature::from_slice(&bytes).unwrap();
        assert!(public.verify(text.as_bytes(), &signature).is_ok());

        let name = KeyName::parse("example.com/log").unwrap();
        let key = NoteVerifier::new(name.clone(), public.as_bytes()).unwrap();
        let line = NoteSignature::new(name, key.id(), bytes);
        let note = SignedNote::new(text.to_owned(), vec![line]).unwrap();
        assert!(key.signed(&note).is_err());
    }

    #[test]
    fn names_hold_neither_space_nor_plus() {
        assert!(KeyName::parse("ünï.example/☃").is_ok());
        for (text, c) in [
            ("a b", ' '),
            ("a+b", '+'),
            ("a\u{a0}b", '\u{a0}'),
            ("a\u{2028}", '\u{2028}'),
            ("a\u{7f}", '\u{7f}'),
        ] {
            assert_eq!(KeyName::parse(text), Err(KeyNameError::Character(c)));
        }
        assert_eq!(KeyName::parse(""), Err(KeyNameError::Length(0)));
        assert_eq!(
            KeyName::parse(&"a".repeat(256)),
            Err(KeyNameError::Length(256))
        );
    }
}
