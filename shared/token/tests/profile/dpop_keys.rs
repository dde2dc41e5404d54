//! Checks 5 to 7 of RFC 9449 §4.3: the key that a proof brings along, and its
//! signature. The key is an attacker's, so it is held to every rule of the profile.

use std::cell::Cell;

use serde_json::{Value, json};
use sluis_token::sign::SigningKey;
use sluis_token::{
    Algorithm, CompactJws, DpopError, DpopProof, DpopRequest, Jwk, SignatureError,
    SignatureVerifier,
};

use crate::common::*;
use crate::dpop::{METHOD, NONCE, URL, bound_token, header, proof, verdict};

fn payload() -> Value {
    json!({
        "jti": "x", "htm": METHOD, "htu": URL, "iat": NOW, "nonce": NONCE,
        "ath": encode(bound_token().sha256()),
    })
}

/// The reason code of the refusal of a proof that `algorithm`'s key signed.
fn code(algorithm: Algorithm, header: &Value) -> &'static str {
    verdict(&proof(algorithm, header, &payload()))
        .expect_err("refused")
        .code()
}

/// The good header with members of its key changed.
fn with_key(algorithm: Algorithm, members: &Value) -> Value {
    let mut header = header(algorithm);
    for (name, value) in members.as_object().unwrap() {
        header["jwk"][name] = value.clone();
    }
    header
}

#[test]
fn check_5_only_the_five_algorithms() {
    for algorithm in [
        "none", "None", "HS256", "HS512", "ES512", "ES256K", "RS512", "eddsa", "RSA-OAEP", "dir",
    ] {
        let mut header = header(Algorithm::Es256);
        header["alg"] = json!(algorithm);
        assert_eq!(
            code(Algorithm::Es256, &header),
            "dpopAlgorithmUnsupported",
            "{algorithm}"
        );
    }
    for value in [json!(null), json!(""), json!(["ES256"]), json!(1)] {
        let mut header = header(Algorithm::Es256);
        header["alg"] = value;
        assert_eq!(
            code(Algorithm::Es256, &header),
            "dpopHeaderParameterInvalid"
        );
    }
    // The header's algorithm, and that of another kind of key.
    for named in Algorithm::ALL {
        for actual in Algorithm::ALL {
            let mut header = header(actual);
            header["alg"] = json!(named.as_str());
            let both_rsa = [named, actual]
                .iter()
                .all(|algorithm| matches!(algorithm, Algorithm::Ps256 | Algorithm::Rs256));
            let text = proof(actual, &header, &payload());
            match (named == actual, both_rsa) {
                (true, _) => assert!(verdict(&text).is_ok()),
                // Keys of RSA fit both, their signatures do not.
                (false, true) => {
                    assert_eq!(verdict(&text).unwrap_err().code(), "dpopSignatureInvalid");
                }
                (false, false) => {
                    assert_eq!(verdict(&text).unwrap_err().code(), "dpopKeyUnusable");
                }
            }
        }
    }
    // RFC 9864's name.
    let mut header = header(Algorithm::EdDsa);
    header["alg"] = json!("Ed25519");
    assert!(verdict(&proof(Algorithm::EdDsa, &header, &payload())).is_ok());
}

#[test]
fn parameters_that_no_proof_has() {
    for name in ["crit", "b64", "zip", "jku", "x5u", "x5c", "cty"] {
        for value in [
            json!(null),
            json!([]),
            json!(["exp"]),
            json!("https://x.invalid"),
        ] {
            let mut header = header(Algorithm::Es256);
            header[name] = value;
            assert_eq!(
                code(Algorithm::Es256, &header),
                "dpopHeaderParameterForbidden",
                "{name}"
            );
        }
    }
    let mut header = header(Algorithm::Es256);
    header["kid"] = json!("ignored");
    header["x5t"] = json!("ignored");
    assert!(verdict(&proof(Algorithm::Es256, &header, &payload())).is_ok());
}

#[test]
fn check_6_the_signature() {
    // By another key of the same kind.
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    let (header_text, payload_text) = (header(Algorithm::Es256).to_string(), payload().to_string());
    let text = other
        .sign_compact(header_text.as_bytes(), payload_text.as_bytes())
        .unwrap();
    assert_eq!(verdict(&text).unwrap_err().code(), "dpopSignatureInvalid");

    for algorithm in Algorithm::ALL {
        let good = proof(algorithm, &header(algorithm), &payload());
        let (input, signature) = good.rsplit_once('.').unwrap();
        let mut claims = payload();
        claims["jti"] = json!("y");
        let another = proof(algorithm, &header(algorithm), &claims);
        let (other_input, other_signature) = another.rsplit_once('.').unwrap();
        for text in [
            format!("{input}.{other_signature}"),
            format!("{other_input}.{signature}"),
            format!("{input}."),
            format!("{input}.{}", encode([0; 64])),
            format!("{input}.{}", &signature[..signature.len() - 4]),
            format!("{input}.AAAA{signature}"),
        ] {
            let code = verdict(&text).unwrap_err().code();
            assert!(
                matches!(code, "dpopSignatureInvalid" | "dpopProofMalformed"),
                "{algorithm} {code}"
            );
        }
    }
}

/// An ECDSA signature has a second form; both are one proof (token profile §13).
#[test]
fn a_proof_with_a_high_s_is_the_same_proof() {
    let low = proof(Algorithm::Es256, &header(Algorithm::Es256), &payload());
    let (input, signature) = low.rsplit_once('.').unwrap();
    let bytes = {
        use base64ct::{Base64UrlUnpadded, Encoding};
        Base64UrlUnpadded::decode_vec(signature).unwrap()
    };
    let signature = p256::ecdsa::Signature::from_slice(&bytes).unwrap();
    let (r, s) = signature.split_scalars();
    let flipped = p256::ecdsa::Signature::from_scalars(r, -s).unwrap();
    let high = format!("{input}.{}", encode(flipped.to_bytes()));
    assert_ne!(low, high);
    assert_eq!(
        verdict(&low).unwrap().replay_key(),
        verdict(&high).unwrap().replay_key()
    );
}

#[test]
fn check_7_no_private_key() {
    let private: Value =
        serde_json::from_str(&key(Algorithm::Es256).to_private_jwk_json()).unwrap();
    let mut header_with_private = header(Algorithm::Es256);
    header_with_private["jwk"]["d"] = private["d"].clone();
    assert_eq!(
        code(Algorithm::Es256, &header_with_private),
        "dpopKeySecret"
    );
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in [json!("AQAB"), json!(null), json!([])] {
            let header = with_key(Algorithm::EdDsa, &json!({member: value}));
            assert_eq!(code(Algorithm::EdDsa, &header), "dpopKeySecret", "{member}");
        }
    }
    for kty in ["oct", "OCT"] {
        let mut header = header(Algorithm::Es256);
        header["jwk"] = json!({"kty": kty, "x": "AQAB"});
        assert_eq!(code(Algorithm::Es256, &header), "dpopKeySecret");
    }
}

#[test]
fn the_key_is_an_object_that_is_there() {
    let without = changed(header(Algorithm::Es256), "/jwk", Value::Null);
    assert_eq!(
        code(Algorithm::Es256, &without),
        "dpopHeaderParameterInvalid"
    );
    let text = key(Algorithm::Es256).public_key().to_jwk_json();
    for value in [json!(null), json!(text), json!([]), json!(7)] {
        let mut header = header(Algorithm::Es256);
        header["jwk"] = value;
        assert_eq!(
            code(Algorithm::Es256, &header),
            "dpopHeaderParameterInvalid"
        );
    }
}

#[test]
fn weak_and_malformed_keys() {
    let small_order = {
        let mut point = [0; 32];
        point[0] = 1;
        encode(point)
    };
    let zero_padded = |text: &Value| {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let mut bytes = vec![0];
        bytes.extend(Base64UrlUnpadded::decode_vec(text.as_str().unwrap()).unwrap());
        encode(bytes)
    };
    let p256 = header(Algorithm::Es256);
    let rsa = header(Algorithm::Rs256);
    for (algorithm, members) in [
        (Algorithm::EdDsa, json!({"x": small_order})),
        (Algorithm::EdDsa, json!({"x": encode([0xff; 32])})),
        (Algorithm::EdDsa, json!({"x": encode([1; 31])})),
        (Algorithm::EdDsa, json!({"crv": "X25519"})),
        (Algorithm::EdDsa, json!({"crv": "Ed448"})),
        (Algorithm::EdDsa, json!({"x": 7})),
        (Algorithm::Es256, json!({"crv": "secp256k1"})),
        (Algorithm::Es256, json!({"crv": "P-384"})),
        (Algorithm::Es256, json!({"x": encode([1; 32])})),
        (
            Algorithm::Es256,
            json!({"x": zero_padded(&p256["jwk"]["x"])}),
        ),
        (Algorithm::Es256, json!({"y": ""})),
        (Algorithm::Rs256, json!({"e": "AQ"})),
        (Algorithm::Rs256, json!({"e": "AAEAAQ"})),
        (Algorithm::Rs256, json!({"e": "BA"})),
        (Algorithm::Rs256, json!({"e": "AQAAAAE"})),
        (Algorithm::Rs256, json!({"n": encode([0xff; 128])})),
        (Algorithm::Rs256, json!({"n": encode([0xff; 513])})),
        (
            Algorithm::Rs256,
            json!({"n": zero_padded(&rsa["jwk"]["n"])}),
        ),
        (Algorithm::Ps256, json!({"n": encode([0xfe; 256])})),
        // What it says of its own use counts, as it does in a key set.
        (Algorithm::Es256, json!({"use": "enc"})),
        (Algorithm::Es256, json!({"key_ops": ["sign"]})),
        (Algorithm::Es256, json!({"key_ops": ["verify", "sign"]})),
        (Algorithm::Es256, json!({"alg": "ES384"})),
        (Algorithm::Rs256, json!({"alg": "PS256"})),
        (Algorithm::Rs256, json!({"alg": "HS256"})),
        (Algorithm::Rs256, json!({"alg": 7})),
    ] {
        let header = with_key(algorithm, &members);
        assert_eq!(code(algorithm, &header), "dpopKeyUnusable", "{members}");
    }
    for members in [
        json!({"use": "sig", "key_ops": ["verify"], "alg": "ES256"}),
        json!({"kid": "any", "x5t": "ignored"}),
    ] {
        let text = proof(
            Algorithm::Es256,
            &with_key(Algorithm::Es256, &members),
            &payload(),
        );
        let thumbprint = key(Algorithm::Es256).public_key().thumbprint();
        // What stands beside the required members has no part in the thumbprint.
        assert_eq!(verdict(&text).unwrap().key_thumbprint(), thumbprint);
    }
}

/// Says yes to every signature, and counts.
struct Credulous(Cell<usize>);

impl SignatureVerifier for Credulous {
    async fn verify(&self, key: &Jwk, jws: &CompactJws<'_>) -> Result<(), SignatureError> {
        self.0.set(self.0.get() + 1);
        assert_eq!(key.key_id().as_str(), encode(key.thumbprint()));
        let (input, _) = jws.compact().rsplit_once('.').unwrap();
        assert_eq!(jws.signing_input(), input.as_bytes());
        Ok(())
    }
}

fn verdict_by<V: SignatureVerifier>(verifier: &V, text: &str) -> Result<(), DpopError> {
    let token = bound_token();
    let request = DpopRequest {
        method: METHOD,
        url: URL,
        access_token: &token,
        now: at(NOW),
    };
    let proof = DpopProof::parse(text)?;
    ready(proof.verify(verifier, &request, |nonce| nonce == NONCE)).map(drop)
}

#[test]
fn no_verifier_has_to_check_the_form() {
    let credulous = Credulous(Cell::new(0));
    for algorithm in Algorithm::ALL {
        let good = proof(algorithm, &header(algorithm), &payload());
        assert_eq!(verdict_by(&credulous, &good), Ok(()));
        assert_eq!(
            verdict_by(&Broken, &good).unwrap_err(),
            DpopError::Unavailable {
                operation: "importKey"
            }
        );
    }
    assert_eq!(credulous.0.get(), 5);
    let good = proof(Algorithm::EdDsa, &header(Algorithm::EdDsa), &payload());
    let (input, _) = good.rsplit_once('.').unwrap();
    // S above the order, R of small order, another length: never asked.
    for signature in [vec![0xff; 64], vec![0; 64], vec![9; 63], vec![]] {
        let text = format!("{input}.{}", encode(signature));
        let code = verdict_by(&credulous, &text).unwrap_err().code();
        assert_eq!(code, "dpopSignatureInvalid");
    }
    assert_eq!(credulous.0.get(), 5);
    // With a signature that holds, every other check is still made.
    let mut claims = payload();
    claims["htm"] = json!("POST");
    let text = proof(Algorithm::EdDsa, &header(Algorithm::EdDsa), &claims);
    assert_eq!(
        verdict_by(&credulous, &text).unwrap_err(),
        DpopError::MethodMismatch
    );
}
