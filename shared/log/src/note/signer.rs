//! Signing notes with Ed25519 (C2SP signed-note, Ed25519 signatures).

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use thiserror::Error;

use crate::note::key::{KeyName, NoteVerifier, PublicKey, SignatureType, VerifierKeyError};
use crate::note::signed::NoteSignature;

/// Bytes of a private key.
pub(crate) const SEED_BYTES: usize = 32;

/// Why a private key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignerError {
    /// Its public key is none.
    #[error("the private key gives no usable public key: {0}")]
    Public(#[from] VerifierKeyError),
}

/// A private key under a name, for one kind of signature. Its memory is wiped when it is dropped.
pub(crate) struct PrivateKey {
    key: SigningKey,
    public: PublicKey,
}

impl PrivateKey {
    pub(crate) fn new(
        name: KeyName,
        kind: SignatureType,
        seed: &[u8; SEED_BYTES],
    ) -> Result<Self, SignerError> {
        let key = SigningKey::from_bytes(seed);
        let public = PublicKey::new(name, kind, key.verifying_key().as_bytes())?;
        Ok(Self { key, public })
    }

    pub(crate) const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A signature line over the message, with what comes before the signature in it.
    pub(crate) fn sign(&self, before: &[u8], message: &[u8]) -> NoteSignature {
        let signature = self.key.sign(message).to_bytes();
        let bytes = [before, &signature].concat();
        NoteSignature::new(self.public.name().clone(), self.public.id(), bytes)
    }
}

/// A log's private key.
pub struct NoteSigner(PrivateKey);

impl NoteSigner {
    /// The key of that seed (RFC 8032 §5.1.5) under that name, which for a checkpoint is the log's origin.
    pub fn new(name: KeyName, seed: &[u8; SEED_BYTES]) -> Result<Self, SignerError> {
        PrivateKey::new(name, SignatureType::Ed25519, seed).map(Self)
    }

    /// Under which name it signs.
    pub const fn name(&self) -> &KeyName {
        self.0.public().name()
    }

    /// What others verify with.
    pub fn verifier(&self) -> NoteVerifier {
        NoteVerifier::of(self.0.public().clone())
    }

    pub(crate) fn sign(&self, text: &str) -> NoteSignature {
        self.0.sign(&[], text.as_bytes())
    }
}

/// Without the key.
impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({}, ..)", self.0.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::signed::SignedNote;

    #[test]
    fn what_is_signed_verifies_and_the_key_is_not_shown() {
        let name = KeyName::parse("example.com/log").unwrap();
        let signer = NoteSigner::new(name, &[7; 32]).unwrap();
        let verifier = signer.verifier();
        assert_eq!(
            NoteVerifier::parse(&verifier.to_string()),
            Ok(verifier.clone())
        );
        let text = "text\n".to_owned();
        let line = signer.sign(&text);
        let note = SignedNote::new(text, vec![line]).unwrap();
        assert_eq!(verifier.signed(&note), Ok(true));
        let debug = format!("{signer:?}");
        assert_eq!(debug, format!("NoteSigner({verifier}, ..)"));
    }

    #[test]
    fn no_changed_bit_of_a_signature_or_text_verifies() {
        let name = KeyName::parse("example.com/log").unwrap();
        let signer = NoteSigner::new(name, &[7; 32]).unwrap();
        let verifier = signer.verifier();
        let line = signer.sign("text\n");
        for bit in 0..64 * 8 {
            let mut bytes = line.bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let line = NoteSignature::new(line.name().clone(), line.key_id(), bytes);
            let note = SignedNote::new("text\n".to_owned(), vec![line]).unwrap();
            assert!(verifier.signed(&note).is_err(), "bit {bit}");
        }
        for bytes in [&line.bytes()[1..], &[line.bytes(), &[0]].concat()] {
            let short = NoteSignature::new(line.name().clone(), line.key_id(), bytes.to_vec());
            // A second signature that holds does not make good one that does not.
            let note = SignedNote::new("text\n".to_owned(), vec![line.clone(), short]).unwrap();
            assert!(verifier.signed(&note).is_err());
        }
    }
}
