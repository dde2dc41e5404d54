//! Signatures that no signing interface makes: over keys, paddings and points that are none.
//!
//! Every function here attacks: the private keys are those of a test issuer or of a made-up attacker.

pub(crate) mod certificate;
mod der;
mod ecdsa;
mod ed25519;
mod jwe;
mod mac;
pub(crate) mod pem;
mod rsa_padding;
pub(crate) mod weak;

use ring::digest;
use sluis_token::Algorithm;

use crate::case::{Forgery, Hash};
use crate::error::BuildError;
use crate::keys::PrivateKey;
use crate::random::Seeded;
use crate::token::{Signing, unhex};

/// What a forgery gives.
pub(crate) enum Forged {
    /// A signature.
    Signature(Vec<u8>),
    /// A whole token.
    Token(String),
}

/// The signature that the profile asks for, the same for the same randomness.
pub(crate) fn sign(
    key: &PrivateKey,
    message: &[u8],
    random: &mut Seeded,
) -> Result<Vec<u8>, BuildError> {
    match key.algorithm() {
        Algorithm::Ps256 => rsa_padding::pss(&key.rsa()?, message, 32, Hash::Sha256, None, random),
        Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Es384 | Algorithm::Rs256 => {
            Ok(key.signing().sign_bytes(message)?)
        }
    }
}

/// The signature of a recipe.
pub(crate) fn forge(forgery: &Forgery, signing: &mut Signing<'_>) -> Result<Forged, BuildError> {
    let message = signing.input.as_bytes();
    let signer = signing.signer;
    let random = &mut signing.random;
    let bytes = match forgery {
        Forgery::Hex(text) => unhex(text)?,
        Forgery::FlipBit(at) => flip(sign(signer, message, random)?, *at),
        Forgery::Resize(length) => {
            let mut good = sign(signer, message, random)?;
            good.resize(*length, 0);
            good
        }
        Forgery::ZerosBefore(count) => [vec![0; *count], sign(signer, message, random)?].concat(),
        Forgery::Random(length) => {
            let mut bytes = vec![0; *length];
            for piece in bytes.chunks_mut(32) {
                piece
                    .iter_mut()
                    .zip(random.bytes::<32>())
                    .for_each(|(to, from)| *to = from);
            }
            bytes
        }
        Forgery::OfAnotherToken => sign(signer, &[message, b"x"].concat(), random)?,
        Forgery::Hmac {
            hash,
            key,
            public,
            hex,
        } => mac::forged(*hash, key, *public, hex.as_deref(), signing)?,
        Forgery::Ecdsa { r, s } => ecdsa::pair(signer, &sign(signer, message, random)?, r, s)?,
        Forgery::EcdsaForm(form) => ecdsa::written(*form, &sign(signer, message, random)?),
        Forgery::EcdsaOtherHash => ecdsa::other_hash(signer, message)?,
        Forgery::Ed25519(which) => ed25519::forged(*which, signer, message)?,
        Forgery::Pkcs1(which) => rsa_padding::pkcs1(*which, &signer.rsa()?, message)?,
        Forgery::Pss { salt, hash, mask } => {
            rsa_padding::pss(&signer.rsa()?, message, *salt, *hash, *mask, random)?
        }
        Forgery::Pkcs1Hash(hash) => rsa_padding::pkcs1_hash(&signer.rsa()?, message, *hash)?,
        Forgery::WeakKey(which) => weak::signature(*which, signing.attacker, message, random)?,
        Forgery::Jwe => return jwe::encrypted(signing).map(Forged::Token),
    };
    Ok(Forged::Signature(bytes))
}

fn flip(mut bytes: Vec<u8>, at: i32) -> Vec<u8> {
    let bits = i32::try_from(bytes.len() * 8).unwrap_or(i32::MAX);
    let at = usize::try_from(at.rem_euclid(bits.max(1))).unwrap_or_default();
    if let Some(byte) = bytes.get_mut(at / 8) {
        *byte ^= 0x80 >> (at % 8);
    }
    bytes
}

/// A digest.
pub(crate) fn hash(hash: Hash, message: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, message).as_ref().to_vec()
}

/// A forgery that no verifier whatever would take shows nothing: where there is a lax verifier
/// at hand, it takes them.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Attacker;
    use rsa::signature::Verifier as _;
    use rsa::{BoxedUint, RsaPublicKey, pkcs1v15};
    use serde_json::Value;
    use sha2::Sha256;

    use crate::case::WeakKey;

    fn number(jwk: &Value, name: &str) -> BoxedUint {
        use base64ct::{Base64UrlUnpadded, Encoding as _};
        let text = jwk.get(name).unwrap().as_str().unwrap();
        BoxedUint::from_be_slice_vartime(&Base64UrlUnpadded::decode_vec(text).unwrap())
    }

    #[test]
    fn a_weak_rsa_key_signs() {
        let attacker = Attacker::new(b"seed");
        let mut random = attacker.random("x");
        for which in [WeakKey::Rsa1024, WeakKey::RsaFingerprint] {
            let jwk = weak::jwk(which, &attacker).unwrap();
            let signature = weak::signature(which, &attacker, b"m", &mut random).unwrap();
            let key = RsaPublicKey::new_unchecked(number(&jwk, "n"), number(&jwk, "e"));
            let key = pkcs1v15::VerifyingKey::<Sha256>::new(key);
            let signature = pkcs1v15::Signature::try_from(signature.as_slice()).unwrap();
            assert!(key.verify(b"m", &signature).is_ok(), "{which:?}");
        }
    }

    #[test]
    fn one_signature_fits_every_message_under_a_small_key() {
        let attacker = Attacker::new(b"seed");
        let mut random = attacker.random("x");
        let which = WeakKey::Ed25519SmallOrder;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&ed25519::identity()).unwrap();
        for message in [&b"one"[..], b"another"] {
            let signature = weak::signature(which, &attacker, message, &mut random).unwrap();
            let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
            assert!(key.verify(message, &signature).is_ok());
        }
    }

    #[test]
    fn a_place_counts_from_either_end() {
        assert_eq!(flip(vec![0, 0], -1), [0, 1]);
        assert_eq!(flip(vec![0, 0], 0), [0x80, 0]);
    }
}
