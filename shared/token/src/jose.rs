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

/// The two crates of curves have the same interface and no type in common.
macro_rules! ecdsa {
    ($(#[$doc:meta])* $name:ident, $header:literal, $curve:ident) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Algorithm for $name {
            type SigningKey = $curve::ecdsa::SigningKey;
            type VerifyingKey = $curve::ecdsa::VerifyingKey;
            type Signature = RawSignature;

            fn name(&self) -> Cow<'static, str> {
                Cow::Borrowed($header)
            }

            fn sign(&self, key: &Self::SigningKey, message: &[u8]) -> RawSignature {
                let signature: $curve::ecdsa::Signature = key.sign(message);
                RawSignature(signature.to_bytes().to_vec())
            }

            fn verify_signature(
                &self,
                signature: &RawSignature,
                key: &Self::VerifyingKey,
                message: &[u8],
            ) -> bool {
                $curve::ecdsa::Signature::from_slice(&signature.0)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    };
}

ecdsa! {
    /// ECDSA on P-256 with SHA-256; a high s is accepted (token profile §13).
    Es256, "ES256", p256
}
ecdsa! {
    /// ECDSA on P-384 with SHA-384, likewise.
    Es384, "ES384", p384
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

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::BoxedUint;
    use sha2::{Digest, Sha512};

    fn number(little_endian: &[u8]) -> BoxedUint {
        let bits = u32::try_from(little_endian.len() * 8).unwrap();
        BoxedUint::from_le_slice(little_endian, bits).unwrap()
    }

    /// A holder of the key can make signatures whose R is the identity and for which
    /// the equation [S]B = R + [k]A holds all the same: S = k·a. Only a strict
    /// verifier refuses them.
    #[test]
    fn ed25519_is_strict_about_r() {
        let order = {
            // Twice as wide as it need be, so that the product below fits.
            let mut order = [0; 64];
            order[..16].copy_from_slice(&[
                0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
                0xde, 0x14,
            ]);
            order[31] = 0x10;
            number(&order).to_nz().unwrap()
        };
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key();
        let message = b"message";
        let mut identity = [0; 32];
        identity[0] = 1;
        let hash = Sha512::new()
            .chain_update(identity)
            .chain_update(public.as_bytes())
            .chain_update(message)
            .finalize();
        let k = number(&hash).rem(&order);
        let mut a = key.to_scalar_bytes();
        a[0] &= 0xf8;
        a[31] = a[31] & 0x7f | 0x40;
        let scalar = (k * number(&a)).rem(&order);
        let mut signature = identity.to_vec();
        signature.extend_from_slice(&scalar.to_le_bytes()[..32]);

        let loose = ed25519_dalek::Signature::from_slice(&signature).unwrap();
        assert!(public.verify(message, &loose).is_ok(), "the equation holds");
        assert!(!verify(&EdDsa, &public, message, &signature));
        assert!(crate::ed25519::check_signature(&signature).is_err());
        let good = key.sign(message).to_bytes();
        assert!(verify(&EdDsa, &public, message, &good));
    }
}
