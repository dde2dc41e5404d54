//! The five algorithms for jwt-compact's JOSE layer, over current cryptography.
//!
//! jwt-compact's own implementations are on older crates: its ECDSA and RSA verify
//! at half the speed, and its Ed25519 is not strict. Its `Algorithm` trait is
//! implemented here anew.

use std::borrow::Cow;

use getrandom::SysRng;
use jwt_compact::{Algorithm, AlgorithmSignature};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use rsa::pkcs1v15;
use rsa::pss;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use sha2::Sha256;

/// A signature as it stands in a token. Empty if signing failed, which jwt-compact's
/// `sign` cannot say; an empty signature is good under no key.
pub(crate) struct RawSignature(Vec<u8>);

impl AlgorithmSignature for RawSignature {
    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(slice.to_vec()))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0)
    }
}

/// Whether `signature` is that of `key` over `message`.
pub(crate) fn verify<A: Algorithm<Signature = RawSignature>>(
    algorithm: &A,
    key: &A::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    algorithm.verify_signature(&RawSignature(signature.to_vec()), key, message)
}

/// Ed25519, strict (RFC 8032; token profile §13).
pub(crate) struct EdDsa;

impl Algorithm for EdDsa {
    type SigningKey = ed25519_dalek::SigningKey;
    type VerifyingKey = ed25519_dalek::VerifyingKey;
    type Signature = RawSignature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("EdDSA")
    }

    fn sign(&self, key: &Self::SigningKey, message: &[u8]) -> RawSignature {
        RawSignature(key.sign(message).to_bytes().to_vec())
    }

    fn verify_signature(
        &self,
        signature: &RawSignature,
        key: &Self::VerifyingKey,
        message: &[u8],
    ) -> bool {
        ed25519_dalek::Signature::from_slice(&signature.0)
            .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
    }
}

/// ECDSA on P-256 with SHA-256; a high s is accepted (token profile §13).
pub(crate) struct Es256;

impl Algorithm for Es256 {
    type SigningKey = p256::ecdsa::SigningKey;
    type VerifyingKey = p256::ecdsa::VerifyingKey;
    type Signature = RawSignature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("ES256")
    }

    fn sign(&self, key: &Self::SigningKey, message: &[u8]) -> RawSignature {
        let signature: p256::ecdsa::Signature = key.sign(message);
        RawSignature(signature.to_bytes().to_vec())
    }

    fn verify_signature(
        &self,
        signature: &RawSignature,
        key: &Self::VerifyingKey,
        message: &[u8],
    ) -> bool {
        p256::ecdsa::Signature::from_slice(&signature.0)
            .is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}

/// ECDSA on P-384 with SHA-384.
pub(crate) struct Es384;

impl Algorithm for Es384 {
    type SigningKey = p384::ecdsa::SigningKey;
    type VerifyingKey = p384::ecdsa::VerifyingKey;
    type Signature = RawSignature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("ES384")
    }

    fn sign(&self, key: &Self::SigningKey, message: &[u8]) -> RawSignature {
        let signature: p384::ecdsa::Signature = key.sign(message);
        RawSignature(signature.to_bytes().to_vec())
    }

    fn verify_signature(
        &self,
        signature: &RawSignature,
        key: &Self::VerifyingKey,
        message: &[u8],
    ) -> bool {
        p384::ecdsa::Signature::from_slice(&signature.0)
            .is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}

/// RSASSA-PSS with SHA-256 for both hash and mask; the salt length is the key's
/// (RFC 7518 §3.5).
pub(crate) struct Ps256;

impl Algorithm for Ps256 {
    type SigningKey = pss::SigningKey<Sha256>;
    type VerifyingKey = pss::VerifyingKey<Sha256>;
    type Signature = RawSignature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("PS256")
    }

    fn sign(&self, key: &Self::SigningKey, message: &[u8]) -> RawSignature {
        let signature = key.try_sign_with_rng(&mut SysRng, message);
        RawSignature(signature.map_or_else(|_| Vec::new(), |signature| signature.to_vec()))
    }

    fn verify_signature(
        &self,
        signature: &RawSignature,
        key: &Self::VerifyingKey,
        message: &[u8],
    ) -> bool {
        pss::Signature::try_from(signature.0.as_slice())
            .is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256.
pub(crate) struct Rs256;

impl Algorithm for Rs256 {
    type SigningKey = pkcs1v15::SigningKey<Sha256>;
    type VerifyingKey = pkcs1v15::VerifyingKey<Sha256>;
    type Signature = RawSignature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("RS256")
    }

    fn sign(&self, key: &Self::SigningKey, message: &[u8]) -> RawSignature {
        let signature = key.try_sign_with_rng(&mut SysRng, message);
        RawSignature(signature.map_or_else(|_| Vec::new(), |signature| signature.to_vec()))
    }

    fn verify_signature(
        &self,
        signature: &RawSignature,
        key: &Self::VerifyingKey,
        message: &[u8],
    ) -> bool {
        pkcs1v15::Signature::try_from(signature.0.as_slice())
            .is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}
