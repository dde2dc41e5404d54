//! Checks 11 and 12 of the token profile: key sets.

use serde_json::{Value, json};
use sluis_token::sign::jwks_json;
use sluis_token::{
    Algorithm, IssuerRules, IssuerRulesError, JwkSet, KeyId, KeyRules, KeyRulesError,
    MAX_JWKS_BYTES,
};

use crate::common::*;

fn public(algorithm: Algorithm) -> Value {
    serde_json::from_str(&key(algorithm).public_jwk_json()).unwrap()
}

fn changed(algorithm: Algorithm, name: &str, value: Value) -> Value {
    let mut jwk = public(algorithm);
    let members = jwk.as_object_mut().unwrap();
    if value == Value::Null {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    jwk
}

fn parse(keys: &[Value], rules: &KeyRules) -> Result<JwkSet, &'static str> {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes(), rules)
        .map_err(|error| error.code())
}

/// Why a key is left out of a set that has another, good one.
fn ignored(jwk: Value) -> &'static str {
    let mut good = public(Algorithm::EdDsa);
    good["kid"] = json!("good");
    let set = parse(&[jwk, good], &KeyRules::default()).unwrap();
    assert_eq!(set.iter().count(), 1);
    assert_eq!(set.ignored().len(), 1);
    assert_eq!(set.ignored()[0].index, 0);
    set.ignored()[0].reason.code()
}

#[test]
fn a_set_of_every_algorithm() {
    let set = jwks_json(Algorithm::ALL.map(key));
    let set = JwkSet::parse(set.as_bytes(), &KeyRules::default()).unwrap();
    assert_eq!(set.iter().count(), 5);
    assert!(set.ignored().is_empty());
    for algorithm in Algorithm::ALL {
        let jwk = set.get(key(algorithm).key_id()).unwrap();
        assert_eq!(jwk.algorithm(), algorithm);
        assert_eq!(jwk.public_key().algorithm(), algorithm);
        assert_eq!(jwk.thumbprint(), key(algorithm).public_key().thumbprint());
        let bytes = match algorithm {
            Algorithm::EdDsa | Algorithm::Es256 => 64,
            Algorithm::Es384 => 96,
            Algorithm::Ps256 | Algorithm::Rs256 => 256,
        };
        assert_eq!(jwk.public_key().signature_bytes(), bytes);
        // For importKey: the public members and nothing else.
        let members: Value = serde_json::from_str(&jwk.to_jwk_json()).unwrap();
        for (name, value) in members.as_object().unwrap() {
            assert!(["kty", "crv", "x", "y", "n", "e"].contains(&name.as_str()));
            assert_eq!(*value, public(algorithm)[name]);
        }
    }
    assert!(set.get(&KeyId::parse("es256").unwrap()).is_none());
}

/// The example of RFC 7638 §3.1, and that of RFC 8037 §A.3.
#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let rsa = json!({
        "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    });
    let okp = json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "x",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let set = parse(&[rsa, okp], &KeyRules::default()).unwrap();
    let thumbprints: Vec<String> = set.iter().map(|jwk| encode(jwk.thumbprint())).collect();
    assert_eq!(
        thumbprints,
        [
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        ]
    );
}

#[test]
fn one_private_or_symmetric_key_refuses_the_set() {
    for algorithm in Algorithm::ALL {
        let private: Value = serde_json::from_str(&key(algorithm).to_private_jwk_json()).unwrap();
        assert_eq!(
            parse(&[public(Algorithm::EdDsa), private], &KeyRules::default()).err(),
            Some("keySetSecretKey"),
            "{algorithm}"
        );
    }
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let jwk = changed(Algorithm::EdDsa, name, json!(false));
        assert_eq!(
            parse(&[jwk], &KeyRules::default()).err(),
            Some("keySetSecretKey"),
            "{name}"
        );
    }
    for kty in ["oct", "OCT"] {
        let symmetric = json!({"kty": kty, "kid": "s", "alg": "HS256"});
        assert_eq!(
            parse(&[public(Algorithm::EdDsa), symmetric], &KeyRules::default()).err(),
            Some("keySetSecretKey")
        );
    }
}

#[test]
fn a_key_id_twice_refuses_the_set() {
    let good = public(Algorithm::EdDsa);
    let mut twin = public(Algorithm::Es256);
    twin["kid"] = good["kid"].clone();
    assert_eq!(
        parse(&[good.clone(), twin.clone()], &KeyRules::default()).err(),
        Some("keySetDuplicateKeyId")
    );
    // Also when the second would not be used.
    twin["use"] = json!("enc");
    assert_eq!(
        parse(&[good.clone(), twin], &KeyRules::default()).err(),
        Some("keySetDuplicateKeyId")
    );
    assert_eq!(
        parse(&[good.clone(), good], &KeyRules::default()).err(),
        Some("keySetDuplicateKeyId")
    );
}

#[test]
fn sets_that_are_none() {
    let rules = KeyRules::default();
    for (text, expected) in [
        ("", "jsonSyntax"),
        ("<html>", "jsonSyntax"),
        ("[]", "jsonNotAnObject"),
        ("{}", "keySetKeys"),
        (r#"{"keys":{}}"#, "keySetKeys"),
        (r#"{"keys":[]}"#, "keySetKeys"),
        (r#"{"keys":[[]]}"#, "keySetKeys"),
        (r#"{"keys":[null]}"#, "keySetKeys"),
        (r#"{"keys":[{}]}"#, "keySetNoUsableKey"),
        (r#"{"keys":[],"keys":[]}"#, "jsonDuplicateMember"),
        (
            r#"{"keys":[{"kty":"RSA","k\u0074y":"EC"}]}"#,
            "jsonDuplicateMember",
        ),
    ] {
        assert_eq!(
            JwkSet::parse(text.as_bytes(), &rules)
                .map(|_| ())
                .map_err(|error| error.code()),
            Err(expected),
            "{text}"
        );
    }
    let large = " ".repeat(MAX_JWKS_BYTES + 1);
    assert_eq!(
        JwkSet::parse(large.as_bytes(), &rules).unwrap_err().code(),
        "keySetTooLarge"
    );
    let many: Vec<Value> = (0..33)
        .map(|n| changed(Algorithm::EdDsa, "kid", json!(n.to_string())))
        .collect();
    assert_eq!(parse(&many, &rules).err(), Some("keySetTooManyKeys"));
    assert!(parse(&many[..32], &rules).is_ok());
}

#[test]
fn use_and_key_ops() {
    for (name, value) in [("use", json!("enc")), ("use", json!("SIG"))] {
        assert_eq!(
            ignored(changed(Algorithm::Es256, name, value)),
            "keyNotForSignatures"
        );
    }
    for operations in [
        json!(["encrypt"]),
        json!(["sign"]),
        json!(["verify", "encrypt"]),
        json!(["verify", "verify"]),
        json!([]),
        json!("verify"),
        json!([1]),
    ] {
        assert_eq!(
            ignored(changed(Algorithm::Es256, "key_ops", operations.clone())),
            "keyNotForSignatures",
            "{operations}"
        );
    }
    assert_eq!(
        ignored(changed(Algorithm::Es256, "use", json!(1))),
        "keyMemberInvalid"
    );
    for jwk in [
        changed(Algorithm::Es256, "key_ops", json!(["verify"])),
        changed(Algorithm::Es256, "use", Value::Null),
        changed(Algorithm::Es256, "x5c", json!(["MIIB", "MIIC"])),
    ] {
        assert!(parse(&[jwk], &KeyRules::default()).is_ok());
    }
}

#[test]
fn kid_is_required_and_short() {
    for kid in [Value::Null, json!(""), json!(1), json!("k".repeat(129))] {
        assert_eq!(
            ignored(changed(Algorithm::Es256, "kid", kid.clone())),
            "keyMemberInvalid",
            "{kid}"
        );
    }
    assert!(KeyId::parse("").is_none());
    assert!(KeyId::parse(&"k".repeat(128)).is_some());
    assert!(KeyId::parse(&"k".repeat(129)).is_none());
}

#[test]
fn algorithms_of_keys() {
    assert_eq!(
        ignored(changed(Algorithm::Es256, "alg", json!("ES256K"))),
        "keyAlgorithmUnsupported"
    );
    assert_eq!(
        ignored(changed(Algorithm::Rs256, "alg", json!("RS512"))),
        "keyAlgorithmUnsupported"
    );
    assert_eq!(
        ignored(changed(Algorithm::Es256, "alg", json!("ES384"))),
        "keyAlgorithmMismatch"
    );
    assert_eq!(
        ignored(changed(Algorithm::Rs256, "alg", json!("ES256"))),
        "keyAlgorithmMismatch"
    );
    assert_eq!(
        ignored(changed(Algorithm::Es256, "crv", json!("P-521"))),
        "keyTypeUnsupported"
    );
    assert_eq!(
        ignored(changed(Algorithm::Es256, "crv", json!("secp256k1"))),
        "keyTypeUnsupported"
    );
    assert_eq!(
        ignored(changed(Algorithm::EdDsa, "crv", json!("Ed448"))),
        "keyTypeUnsupported"
    );
    assert_eq!(
        ignored(changed(Algorithm::EdDsa, "crv", json!("X25519"))),
        "keyTypeUnsupported"
    );
    assert_eq!(
        ignored(changed(Algorithm::Rs256, "crv", json!("P-256"))),
        "keyTypeUnsupported"
    );
    let ed25519 = changed(Algorithm::EdDsa, "alg", json!("Ed25519"));
    assert!(parse(&[ed25519], &KeyRules::default()).is_ok());
}

#[test]
fn a_key_without_alg_takes_it_from_configuration() {
    let without = |algorithm| changed(algorithm, "alg", Value::Null);
    for algorithm in Algorithm::ALL {
        assert_eq!(ignored(without(algorithm)), "keyAlgorithmNotPinned");
    }
    let id = |text| KeyId::parse(text).unwrap();
    // The RSA key named RS256 is pinned to PS256: only configuration decides.
    let pins = KeyRules::new([(id("RS256"), Algorithm::Ps256)], []).unwrap();
    let set = parse(&[without(Algorithm::Rs256)], &pins).unwrap();
    assert_eq!(set.get(&id("RS256")).unwrap().algorithm(), Algorithm::Ps256);
    // A pin that the key contradicts, and one that does not fit it.
    let conflict = parse(&[public(Algorithm::Rs256), public(Algorithm::EdDsa)], &pins).unwrap();
    assert_eq!(conflict.ignored()[0].reason.code(), "keyPinMismatch");
    let misfit = KeyRules::new([(id("RS256"), Algorithm::Es256)], []).unwrap();
    let set = parse(
        &[without(Algorithm::Rs256), public(Algorithm::EdDsa)],
        &misfit,
    )
    .unwrap();
    assert_eq!(set.ignored()[0].reason.code(), "keyAlgorithmMismatch");

    let defaults = KeyRules::new([], [Algorithm::Es256, Algorithm::Rs256]).unwrap();
    let set = parse(
        &[
            without(Algorithm::Es256),
            without(Algorithm::Rs256),
            without(Algorithm::EdDsa),
        ],
        &defaults,
    )
    .unwrap();
    assert_eq!(set.get(&id("ES256")).unwrap().algorithm(), Algorithm::Es256);
    assert_eq!(set.get(&id("RS256")).unwrap().algorithm(), Algorithm::Rs256);
    assert_eq!(set.ignored()[0].reason.code(), "keyAlgorithmNotPinned");
}

#[test]
fn rules_that_contradict_themselves() {
    let id = KeyId::parse("k").unwrap();
    assert_eq!(
        KeyRules::new(
            [
                (id.clone(), Algorithm::Es256),
                (id.clone(), Algorithm::Es256)
            ],
            []
        ),
        Err(KeyRulesError::PinnedTwice { key_id: id })
    );
    assert_eq!(
        KeyRules::new([], [Algorithm::Rs256, Algorithm::Ps256]),
        Err(KeyRulesError::AmbiguousDefault {
            first: Algorithm::Rs256,
            second: Algorithm::Ps256
        })
    );
    for (algorithms, lifetime, skew, expected) in [
        (&[][..], 300, 30, IssuerRulesError::NoAlgorithm),
        (
            &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es256],
            300,
            30,
            IssuerRulesError::AlgorithmTwice {
                algorithm: Algorithm::Es256,
            },
        ),
        (
            &Algorithm::ALL,
            0,
            30,
            IssuerRulesError::TokenLifetime {
                seconds: 0,
                limit: 3600,
            },
        ),
        (
            &Algorithm::ALL,
            3601,
            30,
            IssuerRulesError::TokenLifetime {
                seconds: 3601,
                limit: 3600,
            },
        ),
        (
            &Algorithm::ALL,
            300,
            61,
            IssuerRulesError::ClockSkew {
                seconds: 61,
                limit: 60,
            },
        ),
    ] {
        assert_eq!(
            IssuerRules::new(ISSUER, algorithms, lifetime, skew),
            Err(expected)
        );
    }
    assert!(IssuerRules::new("", &Algorithm::ALL, 300, 30).is_err());
    assert!(IssuerRules::new("oauth.example", &Algorithm::ALL, 3600, 60).is_ok());
}

#[test]
fn elliptic_curve_points() {
    for (algorithm, bytes) in [(Algorithm::Es256, 32), (Algorithm::Es384, 48)] {
        // Not on the curve; the point at infinity; coordinates out of range.
        for x in [vec![1; bytes], vec![0; bytes], vec![0xff; bytes]] {
            assert_eq!(
                ignored(changed(algorithm, "x", json!(encode(x)))),
                "keyNotOnCurve"
            );
        }
        // Swapped coordinates are on no curve of ours.
        let jwk = public(algorithm);
        let mut swapped = jwk.clone();
        swapped["x"] = jwk["y"].clone();
        swapped["y"] = jwk["x"].clone();
        assert_eq!(ignored(swapped), "keyNotOnCurve");
        // Shorter and longer than the curve (leading zeros cut off or added).
        for bytes in [bytes - 1, bytes + 1] {
            assert_eq!(
                ignored(changed(algorithm, "y", json!(encode(vec![1; bytes])))),
                "keyCoordinateLength"
            );
        }
        assert_eq!(
            ignored(changed(algorithm, "y", Value::Null)),
            "keyMemberInvalid"
        );
        assert_eq!(
            ignored(changed(algorithm, "y", json!("AA=="))),
            "keyEncoding"
        );
    }
}

#[test]
fn ed25519_points() {
    let point = |low: u8, rest: u8, high: u8| {
        let mut point = [rest; 32];
        (point[0], point[31]) = (low, high);
        json!(encode(point))
    };
    // Order 1, 2 and 4; their second encodings; y = 2 is on no point.
    for (x, expected) in [
        (point(1, 0, 0), "keyEd25519Point"),
        (point(1, 0, 0x80), "keyEd25519Point"),
        (point(0xec, 0xff, 0x7f), "keyEd25519Point"),
        (point(0, 0, 0), "keyEd25519Point"),
        (point(0, 0, 0x80), "keyEd25519Point"),
        (point(0xed, 0xff, 0x7f), "keyEd25519Point"),
        (point(0xee, 0xff, 0x7f), "keyEd25519Point"),
        (point(0xff, 0xff, 0xff), "keyEd25519Point"),
        (point(2, 0, 0), "keyNotOnCurve"),
        (json!(encode([9; 31])), "keyCoordinateLength"),
        (json!(encode([9; 33])), "keyCoordinateLength"),
    ] {
        assert_eq!(
            ignored(changed(Algorithm::EdDsa, "x", x.clone())),
            expected,
            "{x}"
        );
    }
}

#[test]
fn rsa_parameters() {
    let modulus = |bytes: usize, first: u8, last: u8| {
        let mut modulus = vec![0xa5; bytes];
        modulus[0] = first;
        modulus[bytes - 1] = last;
        json!(encode(modulus))
    };
    for (n, expected) in [
        (modulus(128, 0xff, 1), "keyModulusSize"),
        (modulus(255, 0xff, 1), "keyModulusSize"),
        (modulus(256, 0x7f, 1), "keyModulusSize"),
        (modulus(513, 0x01, 1), "keyModulusSize"),
        (modulus(1024, 0xff, 1), "keyModulusSize"),
        (modulus(256, 0xff, 2), "keyEvenModulus"),
        (modulus(257, 0, 1), "keyLeadingZeros"),
        (json!(""), "keyMemberInvalid"),
        (json!("n".repeat(1367)), "keyMemberInvalid"),
    ] {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
            assert_eq!(ignored(changed(algorithm, "n", n.clone())), expected, "{n}");
        }
    }
    for (e, expected) in [
        (vec![1], "keyExponent"),
        (vec![2], "keyExponent"),
        (vec![1, 0, 0], "keyExponent"),
        (vec![1, 0, 0, 0, 1], "keyExponent"),
        (vec![0, 1, 0, 1], "keyLeadingZeros"),
        (vec![0], "keyLeadingZeros"),
    ] {
        assert_eq!(
            ignored(changed(Algorithm::Rs256, "e", json!(encode(&e)))),
            expected,
            "{e:?}"
        );
    }
    for (name, value) in [
        ("e", json!(encode([3]))),
        ("n", modulus(256, 0x80, 1)),
        ("n", modulus(257, 0x01, 1)),
        ("n", modulus(512, 0xff, 1)),
    ] {
        let set = parse(
            &[changed(Algorithm::Rs256, name, value.clone())],
            &KeyRules::default(),
        );
        assert!(set.is_ok(), "{name} {value}");
    }
}

#[test]
fn a_bad_key_does_not_silence_a_good_one() {
    let weak = changed(Algorithm::Rs256, "n", json!(encode([0xff; 128])));
    let set = parse(&[weak, public(Algorithm::EdDsa)], &KeyRules::default()).unwrap();
    assert!(set.get(&KeyId::parse("EdDSA").unwrap()).is_some());
    assert!(set.get(&KeyId::parse("RS256").unwrap()).is_none());
}
