//! Keys that are too weak to be keys, with signatures that hold under them wherever there are any.

use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPrivateKey};
use serde_json::{Value, json};
use sluis_token::Algorithm;

use super::{ed25519, hash, rsa_padding, sign};
use crate::case::{Hash, WeakKey};
use crate::error::BuildError;
use crate::keys::{Attacker, encode, strip};
use crate::random::Seeded;
use crate::token::unhex;

/// The key's id.
const KEY_ID: &str = "weak";

/// Primes as the generator of CVE-2017-15361 made them: k·M + (65537^a mod M), M the product of the
/// first 126 primes (Nemec and others 2017, §2.1). Searching for such takes too long for a test.
const FINGERPRINTED: [&str; 2] = [
    "cb56c05677b9a1d42be75fef9184b9d154ec63645c8423fa81e71cf2d60b0b5ae0cca78e7102294fa136109d4139a1e9a3014dfaf132d6c1ab4417eb9fd9089cad35c098efa731dbe5923f39164d8ad3edde428f9ca39073d2687c5e406413890416a47aaf400a88747b2001b97e1e4c236b1f5689f71f54474e39f90b36522b",
    "f7b0780fedd49b8b296b6bfa7412aa8154feb88cb079594ca57822b3ddc14dbb2011836c73e2ed47573f65626007946d972876cfd81e90e6fdf8a447846eb071808c02bcbd02102168d861930a165dcf29a043e3b515c474b29a1e4b8b6b3b6d16902021f86eb219beea0fa9392b4bdb78e36d771103c5cf96b824fac5e9cf25",
];

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
        WeakKey::RsaFingerprint => {
            let key = fingerprinted()?;
            rsa(&key.n_bytes(), &key.e_bytes())
        }
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

/// The private key of a modulus with the fingerprint.
fn fingerprinted() -> Result<RsaPrivateKey, BuildError> {
    let [p, q] = FINGERPRINTED;
    let prime = |text| Ok::<_, BuildError>(BoxedUint::from_be_slice_vartime(&unhex(text)?));
    let exponent = BoxedUint::from_be_slice_vartime(&[1, 0, 1]);
    RsaPrivateKey::from_p_q(prime(p)?, prime(q)?, exponent).map_err(|_| BuildError::Forgery {
        forgery: "weak key",
        problem: "its primes make no RSA key",
    })
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
        WeakKey::RsaFingerprint => {
            rsa_padding::pkcs1_hash(&fingerprinted()?, message, Hash::Sha256)?
        }
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
