//! Checks 10 and 13 of the token profile: five algorithms, one for each key.

use std::cell::Cell;

use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use serde_json::{Value, json};
use sha2::Sha256;
use sluis_token::sign::{SignError, SigningKey};
use sluis_token::{
    AccessToken, Algorithm, CompactJws, IssuerKeys, IssuerRules, Jwk, JwkSet, KeyRules,
    SignatureError, SignatureVerifier, UntrustedToken, VerifyError, ed25519,
};

use crate::common::*;

fn verdict(token: &AccessToken, keys: &IssuerKeys) -> Result<(), &'static str> {
    UntrustedToken::parse(token)
        .map_err(|error| error.code())?
        .verify_locally(keys, AUDIENCE, at(NOW))
        .map(|_| ())
        .map_err(|error| error.code())
}

/// A token with the good header and another signature.
fn resigned(token: &AccessToken, signature: &[u8]) -> AccessToken {
    let (input, _) = token.as_str().rsplit_once('.').unwrap();
    access(&format!("{input}.{}", encode(signature)))
}

fn signature_of(token: &AccessToken) -> Vec<u8> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let (_, signature) = token.as_str().rsplit_once('.').unwrap();
    Base64UrlUnpadded::decode_vec(signature).unwrap()
}

#[test]
fn every_algorithm_round_trips() {
    let keys = keys_of(&Algorithm::ALL);
    for algorithm in Algorithm::ALL {
        let token = token(key(algorithm), &claims());
        let untrusted = UntrustedToken::parse(&token).unwrap();
        assert_eq!(untrusted.algorithm(), algorithm);
        let verified = untrusted.verify_locally(&keys, AUDIENCE, at(NOW)).unwrap();
        assert_eq!(verified.algorithm(), algorithm);
        assert_eq!(
            verified.key_thumbprint(),
            key(algorithm).public_key().thumbprint()
        );
    }
}

#[test]
fn every_changed_byte_is_seen() {
    let keys = keys_of(&Algorithm::ALL);
    for algorithm in Algorithm::ALL {
        let token = token(key(algorithm), &claims());
        let signature = signature_of(&token);
        let step = signature.len() / 16;
        for position in (0..signature.len())
            .step_by(step)
            .chain([signature.len() - 1])
        {
            let mut changed = signature.clone();
            changed[position] ^= 1;
            assert!(
                matches!(
                    verdict(&resigned(&token, &changed), &keys),
                    Err("signatureMismatch" | "signatureNotStrict")
                ),
                "{algorithm} byte {position}"
            );
        }
        // The signature of another payload.
        let other = crate::common::token(key(algorithm), &with("/jti", json!("other")));
        assert_eq!(
            verdict(&resigned(&token, &signature_of(&other)), &keys),
            Err("signatureMismatch"),
            "{algorithm}"
        );
    }
}

#[test]
fn length_is_exact() {
    let keys = keys_of(&Algorithm::ALL);
    for algorithm in Algorithm::ALL {
        let token = token(key(algorithm), &claims());
        let signature = signature_of(&token);
        for changed in [
            Vec::new(),
            vec![0],
            signature[1..].to_vec(),
            signature[..signature.len() - 1].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            [&signature[..], &signature[..]].concat(),
        ] {
            assert_eq!(
                verdict(&resigned(&token, &changed), &keys),
                Err("signatureLength"),
                "{algorithm} {} bytes",
                changed.len()
            );
        }
    }
}

#[test]
fn one_key_one_algorithm() {
    let keys = keys_of(&Algorithm::ALL);
    for signed in Algorithm::ALL {
        for named in Algorithm::ALL {
            for kid in Algorithm::ALL {
                let header = json!({"typ": "at+jwt", "alg": named.as_str(), "kid": kid.as_str()});
                let token = forge(key(signed), header.to_string(), claims().to_string());
                let verdict = verdict(&token, &keys);
                if named != kid {
                    assert_eq!(verdict, Err("algorithmMismatch"), "{signed} {named} {kid}");
                } else if signed == named {
                    assert_eq!(verdict, Ok(()), "{signed}");
                } else {
                    assert!(
                        matches!(
                            verdict,
                            Err("signatureLength" | "signatureMismatch" | "signatureNotStrict")
                        ),
                        "{signed} {named}: {verdict:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_same_rsa_key_is_not_both() {
    // A PS256 signature by the very RSA key that is published for RS256.
    let private: Value =
        serde_json::from_str(&key(Algorithm::Rs256).to_private_jwk_json()).unwrap();
    let mut other = private.clone();
    other["alg"] = json!("PS256");
    let other = SigningKey::from_jwk_json(&other.to_string()).unwrap();
    let keys = keys_of(&[Algorithm::Rs256]);
    assert_eq!(
        verdict(&token(&other, &claims()), &keys),
        Err("algorithmMismatch")
    );
    let header = r#"{"typ":"at+jwt","alg":"RS256","kid":"RS256"}"#;
    let token = forge(&other, header, claims().to_string());
    assert_eq!(verdict(&token, &keys), Err("signatureMismatch"));
}

#[test]
fn allow_list_of_the_issuer_counts_beside_the_pin() {
    let all = keys_of(&Algorithm::ALL);
    for allowed in Algorithm::ALL {
        let rules = IssuerRules::new(ISSUER, &[allowed], LIFETIME, SKEW).unwrap();
        let keys = IssuerKeys::new(rules, all.keys().clone());
        for algorithm in Algorithm::ALL {
            let expected = if algorithm == allowed {
                Ok(())
            } else {
                Err("algorithmNotAllowed")
            };
            assert_eq!(verdict(&token(key(algorithm), &claims()), &keys), expected);
        }
    }
}

#[test]
fn high_s_is_accepted_and_is_another_token() {
    // n − s verifies as well as s (token profile §13).
    let token = token(key(Algorithm::Es256), &claims());
    let keys = keys_of(&[Algorithm::Es256]);
    let signature = p256::ecdsa::Signature::from_slice(&signature_of(&token)).unwrap();
    let (r, s) = signature.split_scalars();
    let other = p256::ecdsa::Signature::from_scalars(*r, -*s).unwrap();
    let twin = resigned(&token, &other.to_bytes());
    assert_ne!(twin, token);
    let verify = |token: &AccessToken| {
        UntrustedToken::parse(token)
            .unwrap()
            .verify_locally(&keys, AUDIENCE, at(NOW))
            .unwrap()
    };
    let (one, two) = (verify(&token), verify(&twin));
    assert_ne!(one.token_sha256(), two.token_sha256());
    assert_eq!(
        (one.issuer(), one.token_id()),
        (two.issuer(), two.token_id())
    );
}

#[test]
fn ecdsa_scalars_out_of_range() {
    let orders = [
        (
            Algorithm::Es256,
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ),
        (
            Algorithm::Es384,
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        ),
    ];
    for (algorithm, order) in orders {
        let keys = keys_of(&[algorithm]);
        let token = token(key(algorithm), &claims());
        let size = order.len() / 2;
        let n: Vec<u8> = (0..size)
            .map(|byte| u8::from_str_radix(&order[2 * byte..2 * byte + 2], 16).unwrap())
            .collect();
        let mut one = vec![0; size];
        one[size - 1] = 1;
        let mut n_less_one = n.clone();
        n_less_one[size - 1] -= 1;
        let values = [vec![0; size], one, n_less_one, n, vec![0xff; size]];
        for r in &values {
            for s in &values {
                let signature = [r.as_slice(), s].concat();
                assert_eq!(
                    verdict(&resigned(&token, &signature), &keys),
                    Err("signatureMismatch"),
                    "{algorithm} {r:02x?} {s:02x?}"
                );
            }
        }
    }
}

#[test]
fn rsa_signatures_out_of_range() {
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let keys = keys_of(&[algorithm]);
        let token = token(key(algorithm), &claims());
        let mut one = vec![0; 256];
        one[255] = 1;
        for signature in [vec![0; 256], one, vec![0xff; 256]] {
            assert_eq!(
                verdict(&resigned(&token, &signature), &keys),
                Err("signatureMismatch"),
                "{algorithm}"
            );
        }
    }
}

#[test]
fn pss_salt_is_as_long_as_the_hash() {
    let private: Value =
        serde_json::from_str(&key(Algorithm::Ps256).to_private_jwk_json()).unwrap();
    let number = |name: &str| {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let bytes = Base64UrlUnpadded::decode_vec(private[name].as_str().unwrap()).unwrap();
        let bits = u32::try_from(bytes.len() * 8).unwrap();
        rsa::BoxedUint::from_be_slice(&bytes, bits).unwrap()
    };
    let rsa = rsa::RsaPrivateKey::from_components(
        number("n"),
        number("e"),
        number("d"),
        vec![number("p"), number("q")],
    )
    .unwrap();
    let keys = keys_of(&[Algorithm::Ps256]);
    let token = token(key(Algorithm::Ps256), &claims());
    let (input, _) = token.as_str().rsplit_once('.').unwrap();
    for (salt, expected) in [
        (32, Ok(())),
        (0, Err("signatureMismatch")),
        (20, Err("signatureMismatch")),
        (31, Err("signatureMismatch")),
        (33, Err("signatureMismatch")),
        (64, Err("signatureMismatch")),
    ] {
        let signer = rsa::pss::SigningKey::<Sha256>::new_with_salt_len(rsa.clone(), salt);
        let signature = signer
            .try_sign_with_rng(&mut getrandom::SysRng, input.as_bytes())
            .unwrap()
            .to_vec();
        assert_eq!(
            verdict(&resigned(&token, &signature), &keys),
            expected,
            "salt {salt}"
        );
    }
}

/// Says yes to everything, and counts.
struct Gullible(Cell<u32>);

impl SignatureVerifier for Gullible {
    async fn verify(&self, _: &Jwk, _: &CompactJws<'_>) -> Result<(), SignatureError> {
        self.0.set(self.0.get() + 1);
        Ok(())
    }
}

/// The order of the base point, little-endian, in the scalar's half of a signature.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn no_verifier_can_forget_the_ed25519_guard() {
    let token = token(key(Algorithm::EdDsa), &claims());
    let good = signature_of(&token);
    let verify = |signature: &[u8]| {
        let verifier = Gullible(Cell::new(0));
        let untrusted = UntrustedToken::parse(&resigned(&token, signature)).unwrap();
        let verdict = ready(untrusted.verify(issuer(), AUDIENCE, &verifier, at(NOW)));
        (
            verdict.map(|_| ()).map_err(|error| error.code()),
            verifier.0.get(),
        )
    };
    assert_eq!(verify(&good), (Ok(()), 1));

    let with_point = |point: [u8; 32]| [&point, &good[32..]].concat();
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut second_encoding_of_one = [0xff; 32];
    second_encoding_of_one[0] = 0xee;
    second_encoding_of_one[31] = 0x7f;
    let mut scalar_plus_order = good.clone();
    let mut carry = 0_u16;
    for (byte, order) in scalar_plus_order[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    for signature in [
        with_point(identity),
        with_point([0; 32]),
        with_point(second_encoding_of_one),
        scalar_plus_order,
    ] {
        assert!(ed25519::check_signature(&signature).is_err());
        assert_eq!(verify(&signature), (Err("signatureNotStrict"), 0));
    }
    assert_eq!(verify(&good[..63]), (Err("signatureLength"), 0));
}

#[test]
fn a_verifier_that_fails_gives_no_verdict() {
    let untrusted = UntrustedToken::parse(&token(key(Algorithm::EdDsa), &claims())).unwrap();
    let error = ready(untrusted.verify(issuer(), AUDIENCE, &Broken, at(NOW))).unwrap_err();
    assert_eq!(
        error,
        VerifyError::Unavailable {
            operation: "importKey"
        }
    );
    assert!(!error.signature_held());
}

#[test]
fn what_a_verifier_is_given() {
    struct Looking;
    impl SignatureVerifier for Looking {
        async fn verify(&self, key: &Jwk, jws: &CompactJws<'_>) -> Result<(), SignatureError> {
            let (input, signature) = jws.compact().rsplit_once('.').unwrap();
            assert_eq!(jws.signing_input(), input.as_bytes());
            assert_eq!(encode(jws.signature()), signature);
            assert_eq!(key.algorithm(), Algorithm::EdDsa);
            assert_eq!(format!("{jws:?}"), "CompactJws([redacted])");
            Err(SignatureError::Mismatch)
        }
    }
    let untrusted = UntrustedToken::parse(&token(key(Algorithm::EdDsa), &claims())).unwrap();
    let error = ready(untrusted.verify(issuer(), AUDIENCE, &Looking, at(NOW))).unwrap_err();
    assert_eq!(error.code(), "signatureMismatch");
}

#[test]
fn private_keys_round_trip() {
    for algorithm in Algorithm::ALL {
        let private = key(algorithm).to_private_jwk_json();
        let read = SigningKey::from_jwk_json(&private).unwrap();
        assert_eq!(read.algorithm(), algorithm);
        assert_eq!(read.key_id(), key(algorithm).key_id());
        assert_eq!(read.public_jwk_json(), key(algorithm).public_jwk_json());
        assert_eq!(*read.to_private_jwk_json(), *private);
        assert_eq!(
            verdict(&token(&read, &claims()), &keys_of(&[algorithm])),
            Ok(())
        );
        let d = serde_json::from_str::<Value>(&private).unwrap()["d"].to_string();
        let d = d.trim_matches('"');
        assert!(!format!("{read:?}").contains(d));
        assert!(!read.public_jwk_json().contains(d));
        // The public part is a key set that may be published; the private one is not.
        let set = |key: &str| format!(r#"{{"keys":[{key}]}}"#);
        let rules = KeyRules::default();
        assert!(JwkSet::parse(set(&read.public_jwk_json()).as_bytes(), &rules).is_ok());
        assert!(JwkSet::parse(set(&private).as_bytes(), &rules).is_err());
    }
}

#[test]
fn private_keys_that_are_none() {
    let private: Value =
        serde_json::from_str(&key(Algorithm::EdDsa).to_private_jwk_json()).unwrap();
    let other: Value = serde_json::from_str(
        &SigningKey::generate(Algorithm::EdDsa)
            .unwrap()
            .to_private_jwk_json(),
    )
    .unwrap();
    let error = |name: &str, value: Value| {
        let mut changed = private.clone();
        changed[name] = value;
        SigningKey::from_jwk_json(&changed.to_string()).unwrap_err()
    };
    assert_eq!(error("d", other["d"].clone()), SignError::PartsDiffer);
    assert_eq!(error("x", other["x"].clone()), SignError::PartsDiffer);
    assert_eq!(
        error("d", json!("AA")),
        SignError::PrivatePart { member: "d" }
    );
    assert_eq!(
        error("d", json!(null)),
        SignError::PrivatePart { member: "d" }
    );
    assert_eq!(error("alg", json!("ES256")).code(), "keyAlgorithmMismatch");
    assert_eq!(error("use", json!("enc")).code(), "keyNotForSignatures");
    assert_eq!(
        error("key_ops", json!(["verify"])).code(),
        "keyNotForSignatures"
    );
    let mut exported = private.clone();
    (exported["key_ops"], exported["ext"]) = (json!(["sign"]), json!(true));
    assert!(SigningKey::from_jwk_json(&exported.to_string()).is_ok());
    assert_eq!(error("kty", json!("oct")).code(), "keyTypeUnsupported");
    assert_eq!(
        SigningKey::from_jwk_json("[]").unwrap_err().code(),
        "jsonNotAnObject"
    );
    assert_eq!(
        SigningKey::from_jwk_json(&" ".repeat(8193))
            .unwrap_err()
            .code(),
        "privateKeyTooLarge"
    );

    let rsa: Value = serde_json::from_str(&key(Algorithm::Rs256).to_private_jwk_json()).unwrap();
    for name in ["p", "q"] {
        let mut changed = rsa.clone();
        changed.as_object_mut().unwrap().remove(name);
        assert_eq!(
            SigningKey::from_jwk_json(&changed.to_string())
                .unwrap_err()
                .code(),
            "privateKeyMember"
        );
    }
    let mut swapped = rsa.clone();
    swapped["p"] = json!("AQAB");
    assert!(SigningKey::from_jwk_json(&swapped.to_string()).is_err());
}

#[test]
fn a_new_key_is_called_by_its_thumbprint() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    assert_eq!(key.key_id().as_str(), encode(key.public_key().thumbprint()));
    assert_ne!(
        key.key_id(),
        SigningKey::generate(Algorithm::EdDsa).unwrap().key_id()
    );
}

#[test]
fn only_objects_are_claims() {
    let key = key(Algorithm::EdDsa);
    assert_eq!(key.sign("at+jwt", &json!([1])), Err(SignError::Claims));
    assert_eq!(key.sign("at+jwt", &json!("x")), Err(SignError::Claims));
    let text = key.sign("x+jwt", &json!({})).unwrap();
    assert_eq!(
        UntrustedToken::parse(&access(&text)).unwrap_err().code(),
        "tokenTypeWrong"
    );
}
