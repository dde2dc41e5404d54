//! Keys that are too weak to be keys, with signatures that hold under them wherever there are any.

use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use sluis_token::Algorithm;

use super::{ed25519, hash, rsa_padding, sign};
use crate::case::{Hash, WeakKey};
use crate::error::BuildError;
use crate::keys::{Attacker, encode, strip};
use crate::random::Seeded;

/// The key's id.
const KEY_ID: &str = "weak";

/// The JWK that the case publishes.
pub(crate) fn jwk(which: WeakKey, attacker: &Attacker) -> Result<Value, BuildError> {
    let rsa = |n: &[u8], e: &[u8]| json!({"kty": "RSA", "alg": "RS256", "n": encode(&strip(n)), "e": encode(&strip(e))});
    let okp = |x: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": encode(x)});
    let p256 = |x: &[u8], y: &[u8]| json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": encode(x), "y": encode(y)});
    let mut jwk = match which {
        WeakKey::Rsa1024 => {
            let key = attacker.short_rsa()?;
            rsa(&key.n_bytes(), &key.e_bytes())
        }
        WeakKey::Rsa2047 => rsa(&modulus(attacker, 256, 0x7f, 1), &[1, 0, 1]),
        WeakKey::RsaExponent1 => rsa(&modulus(attacker, 256, 0xff, 1), &[1]),
        WeakKey::RsaExponent2 => rsa(&modulus(attacker, 256, 0xff, 1), &[2]),
        WeakKey::RsaEvenModulus => rsa(&modulus(attacker, 256, 0xff, 0), &[1, 0, 1]),
        WeakKey::RsaHuge => rsa(&modulus(attacker, 2048, 0xff, 1), &[1, 0, 1]),
        WeakKey::Ed25519SmallOrder => okp(&ed25519::identity()),
        WeakKey::Ed25519NonCanonical => okp(&ed25519::identity_not_canonical()),
        WeakKey::P256OffCurve => p256(
            &[&[0; 31][..], &[1]].concat(),
            &[&[0; 31][..], &[1]].concat(),
        ),
        WeakKey::P256LongCoordinate => {
            let key = attacker.key(Algorithm::Es256)?;
            p256(&[vec![0], key.member("x")?].concat(), &key.member("y")?)
        }
        WeakKey::P256Zero => p256(&[0; 32], &[0; 32]),
    };
    if let Value::Object(members) = &mut jwk {
        members.insert("kid".to_owned(), KEY_ID.into());
        members.insert("use".to_owned(), "sig".into());
    }
    Ok(jwk)
}

/// A number of that many bytes, with those first and last bits.
fn modulus(attacker: &Attacker, bytes: usize, first: u8, last: u8) -> Vec<u8> {
    let mut random = attacker.random("modulus");
    let mut number = Vec::new();
    while number.len() < bytes {
        number.extend(random.bytes::<32>());
    }
    number.truncate(bytes);
    if let Some(byte) = number.first_mut() {
        *byte = first;
    }
    if let Some(byte) = number.last_mut() {
        *byte = *byte & 0xfe | last;
    }
    number
}

/// A signature under that key: a real one wherever the key allows one.
pub(crate) fn signature(
    which: WeakKey,
    attacker: &Attacker,
    message: &[u8],
    random: &mut Seeded,
) -> Result<Vec<u8>, BuildError> {
    let any = |bytes: usize, random: &mut Seeded| {
        let mut signature = Vec::new();
        while signature.len() < bytes {
            signature.extend(random.bytes::<32>());
        }
        signature.truncate(bytes);
        // Below every modulus.
        if let Some(first) = signature.first_mut() {
            *first = 0;
        }
        signature
    };
    Ok(match which {
        WeakKey::Rsa1024 => rsa_padding::pkcs1_hash(attacker.short_rsa()?, message, Hash::Sha256)?,
        // With e = 1 the encoded message is its own signature.
        WeakKey::RsaExponent1 => {
            let digest = hash(Hash::Sha256, message);
            rsa_padding::encoded(256, &digest)
        }
        WeakKey::Rsa2047 | WeakKey::RsaExponent2 | WeakKey::RsaEvenModulus => any(256, random),
        WeakKey::RsaHuge => any(2048, random),
        // [0]B = O + [k]O: holds for every message.
        WeakKey::Ed25519SmallOrder | WeakKey::Ed25519NonCanonical => {
            [ed25519::identity(), [0; 32]].concat()
        }
        WeakKey::P256LongCoordinate => sign(attacker.key(Algorithm::Es256)?, message, random)?,
        WeakKey::P256OffCurve | WeakKey::P256Zero => any(64, random),
    })
}
