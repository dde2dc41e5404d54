//! Who checks a signature.

use std::fmt;

use thiserror::Error;

use crate::jose;
use crate::jwk::Jwk;
use crate::public_key::KeyMaterial;

/// A token as a JSON Web Signature in compact serialisation (RFC 7515 §7.1).
#[derive(Clone, Copy)]
pub struct CompactJws<'a> {
    compact: &'a str,
    signing_input: &'a str,
    signature: &'a [u8],
}

impl<'a> CompactJws<'a> {
    pub(crate) const fn new(compact: &'a str, signing_input: &'a str, signature: &'a [u8]) -> Self {
        Self {
            compact,
            signing_input,
            signature,
        }
    }

    /// The whole token.
    pub const fn compact(&self) -> &'a str {
        self.compact
    }

    /// What is signed: header, dot, payload (RFC 7515 §5.1).
    pub const fn signing_input(&self) -> &'a [u8] {
        self.signing_input.as_bytes()
    }

    /// The signature, decoded; r‖s for ECDSA (RFC 7518 §3.4).
    pub const fn signature(&self) -> &'a [u8] {
        self.signature
    }
}

impl fmt::Debug for CompactJws<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CompactJws([redacted])")
    }
}

/// Why a signature was not found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// It is not that of the key over the signing input.
    #[error("the signature does not match")]
    Mismatch,
    /// The verifier could not do its work: our fault, and no verdict on the token.
    #[error("the verifier failed at {operation}")]
    Unavailable {
        /// What it could not do, for example `importKey`.
        operation: &'static str,
    },
}

/// Checks a signature.
///
/// It is called last of all that concerns the signature of a token, a proof or a list: the algorithm is allowed and is the key's, the
/// signature has the right length, and an Ed25519 signature passed
/// [`ed25519::check_signature`](crate::ed25519::check_signature). `async` because
/// Web Cryptography is. An implementation must look at [`Jwk::algorithm`] alone, never
/// at the token's header, to know what to do. The key of a DPoP proof is its sender's:
/// an implementation that keeps keys bounds how many.
#[expect(
    async_fn_in_trait,
    reason = "both platforms run a request on one thread, so a bound on Send would only get in the way"
)]
pub trait SignatureVerifier {
    /// Whether `jws` was signed by the private key of `key`.
    async fn verify(&self, key: &Jwk, jws: &CompactJws<'_>) -> Result<(), SignatureError>;
}

/// Verifies in this program, with `RustCrypto` and dalek. Ready at the first poll.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalVerifier;

impl SignatureVerifier for LocalVerifier {
    async fn verify(&self, key: &Jwk, jws: &CompactJws<'_>) -> Result<(), SignatureError> {
        if holds(key, jws.signing_input(), jws.signature()) {
            Ok(())
        } else {
            Err(SignatureError::Mismatch)
        }
    }
}

/// Whether `signature` is that of `key` over `message`.
pub(crate) fn holds(key: &Jwk, message: &[u8], signature: &[u8]) -> bool {
    match &key.public_key().0 {
        KeyMaterial::EdDsa(key) => jose::verify(&jose::EdDsa, key, message, signature),
        KeyMaterial::Es256(key) => jose::verify(&jose::Es256, key, message, signature),
        KeyMaterial::Es384(key) => jose::verify(&jose::Es384, key, message, signature),
        KeyMaterial::Ps256(key) => jose::verify(&jose::Ps256, key, message, signature),
        KeyMaterial::Rs256(key) => jose::verify(&jose::Rs256, key, message, signature),
    }
}
