//! Public keys of vectors, read the way an issuer's key set is read.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};
use sluis_token::{Algorithm, Jwk, JwkSet, KeyRules, vectors};

use crate::set::Verdict;

/// The id of a key whose vector has none.
pub const KEY_ID: &str = "vector";

/// A key of a vector, or the reason code for which it is refused.
pub type Key = Result<Jwk, &'static str>;

/// An Ed25519 key of its encoded point.
pub fn ed25519(point: &[u8]) -> Key {
    key(&json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": KEY_ID, "x": text(point)}))
}

/// A key on a NIST curve, of its uncompressed point (SEC 1 §2.3.3).
pub fn elliptic(algorithm: Algorithm, curve: &str, point: &[u8]) -> Key {
    let coordinates = point.strip_prefix(&[4]).unwrap_or(point);
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    key(
        &json!({"kty": "EC", "crv": curve, "alg": algorithm.as_str(), "kid": KEY_ID, "x": text(x), "y": text(y)}),
    )
}

/// An RSA key; its numbers may begin with zeros, which a JWK does not have.
pub fn rsa(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Key {
    let number = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        text(bytes.get(zeros..).unwrap_or_default())
    };
    key(
        &json!({"kty": "RSA", "alg": algorithm.as_str(), "kid": KEY_ID, "n": number(modulus), "e": number(exponent)}),
    )
}

/// The key of a set that holds this JWK and one that is certainly good, so that the set itself
/// is not refused for lack of a usable key and the reason for leaving this one out is seen.
pub fn key(jwk: &Value) -> Key {
    let good = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "good beside it",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let set = json!({"keys": [jwk, good]}).to_string();
    let set = JwkSet::parse(set.as_bytes(), &KeyRules::default()).map_err(|error| error.code())?;
    if let Some(ignored) = set.ignored().first() {
        return Err(ignored.reason.code());
    }
    set.iter().next().cloned().ok_or("keyUnknown")
}

/// The verdict on a bare signature.
pub fn verdict(key: &Key, message: &[u8], signature: &[u8]) -> Verdict {
    let key = key.as_ref().map_err(|code| *code)?;
    vectors::verify_bytes(key, message, signature).map_err(|error| error.code())
}

/// base64url without padding.
pub fn text(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
