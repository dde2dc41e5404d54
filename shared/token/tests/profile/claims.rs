//! Checks 14 to 21 of the token profile: the claims. The mandate is in `mandates.rs`.

use serde_json::{Value, json};
use sluis_token::{
    Algorithm, AuthenticationLevel, IssuerKeys, IssuerRules, JwkSet, KeyRules, ParseError,
    StatusReference, UntrustedToken,
};

use crate::common::*;

#[test]
fn check_14_required_claims() {
    for claim in [
        "sub",
        "aud",
        "exp",
        "iat",
        "jti",
        "client_id",
        "authorization_details",
    ] {
        let pointer = format!("/{claim}");
        let expected = if claim == "authorization_details" {
            ["mandateMemberMissing", "mandateMemberWrongType"]
        } else {
            ["memberMissing", "memberWrongType"]
        };
        assert_eq!(
            refusal(&with(&pointer, Value::Null)),
            expected[0],
            "{claim}"
        );
        // Wrong types: `null` is one of them, and never "absent".
        for wrong in [json!(false), json!({}), json!(1.5), json!(-1)] {
            assert_eq!(
                refusal(&with(&pointer, wrong.clone())),
                expected[1],
                "{claim} {wrong}"
            );
        }
        let mut null = claims();
        null[claim] = Value::Null;
        assert_eq!(refusal(&null), expected[1], "{claim} null");
    }
    for claim in ["sub", "jti", "client_id"] {
        let pointer = format!("/{claim}");
        assert_eq!(
            refusal(&with(&pointer, json!(""))),
            "memberEmpty",
            "{claim}"
        );
        assert_eq!(
            refusal(&with(&pointer, json!(5))),
            "memberWrongType",
            "{claim}"
        );
        assert_eq!(
            refusal(&with(&pointer, json!(["x"]))),
            "memberWrongType",
            "{claim}"
        );
        assert_eq!(
            refusal(&with(&pointer, json!("x".repeat(257)))),
            "memberTooLong",
            "{claim}"
        );
    }
    for wrong in [json!("x"), json!(null), json!(true)] {
        let mut claims = claims();
        claims["nbf"] = wrong;
        assert_eq!(refusal(&claims), "memberWrongType");
    }
}

#[test]
fn check_15_audience() {
    assert!(verify_claims(&with("/aud", json!([AUDIENCE]))).is_ok());
    assert!(verify_claims(&with("/aud", json!(["https://other.invalid", AUDIENCE]))).is_ok());
    for aud in [
        json!("https://other.invalid"),
        json!(["https://other.invalid"]),
        json!(format!("{AUDIENCE}/")),
        json!(format!("{AUDIENCE} https://other.invalid")),
        json!(&AUDIENCE[..AUDIENCE.len() - 1]),
    ] {
        assert_eq!(
            refusal(&with("/aud", aud.clone())),
            "audienceMismatch",
            "{aud}"
        );
    }
    assert_eq!(refusal(&with("/aud", json!([]))), "memberEmpty");
    assert_eq!(refusal(&with("/aud", json!(""))), "memberEmpty");
    assert_eq!(
        refusal(&with("/aud", json!([AUDIENCE, 1]))),
        "memberWrongType"
    );
    assert_eq!(
        refusal(&with("/aud", json!([AUDIENCE, [AUDIENCE]]))),
        "memberWrongType"
    );
    assert_eq!(
        refusal(&with("/aud", json!(vec![AUDIENCE; 17]))),
        "memberTooLong"
    );
}

#[test]
fn check_16_time_at_every_boundary() {
    // (exp, iat, nbf) relative to now → verdict. Skew 30 s, lifetime 300 s.
    type Row = (i64, i64, Option<i64>, Result<(), &'static str>);
    let table: [Row; 20] = [
        (200, -100, None, Ok(())),
        (1, 0, None, Ok(())),
        (0, -10, None, Ok(())),
        (-29, -100, None, Ok(())),
        (-30, -100, None, Err("tokenExpired")),
        (-31, -100, None, Err("tokenExpired")),
        (100, 30, None, Ok(())),
        (100, 31, None, Err("tokenIssuedInFuture")),
        (100, -1, Some(0), Ok(())),
        (100, -1, Some(30), Ok(())),
        (100, -1, Some(31), Err("tokenNotYetValid")),
        (100, -1, Some(99_999), Err("tokenNotYetValid")),
        (20, 0, Some(20), Err("tokenNeverValid")),
        (20, 0, Some(21), Err("tokenNeverValid")),
        (20, 0, Some(19), Ok(())),
        (20, 20, None, Err("tokenNeverValid")),
        (20, 21, None, Err("tokenNeverValid")),
        (200, -100, Some(-100), Ok(())),
        (201, -100, None, Err("tokenLifetimeTooLong")),
        (315_360_000, 0, None, Err("tokenLifetimeTooLong")),
    ];
    let moment = |offset: i64| json!(NOW.checked_add_signed(offset).unwrap());
    for (exp, iat, nbf, expected) in table {
        let mut claims = claims();
        claims["exp"] = moment(exp);
        claims["iat"] = moment(iat);
        if let Some(nbf) = nbf {
            claims["nbf"] = moment(nbf);
        }
        let verdict = verify_claims(&claims);
        if let Err(error) = &verdict {
            assert!(error.signature_held());
        }
        assert_eq!(
            verdict.map(|_| ()).map_err(|error| error.code()),
            expected,
            "exp {exp} iat {iat} nbf {nbf:?}"
        );
    }
}

#[test]
fn check_16_numeric_dates_are_integers() {
    // Milliseconds are a lifetime of millennia.
    assert_eq!(
        refusal(&with("/exp", json!((NOW + 200) * 1000))),
        "tokenLifetimeTooLong"
    );
    assert_eq!(
        refusal(&with("/exp", json!(9_007_199_254_740_991_u64))),
        "tokenLifetimeTooLong"
    );
    for claim in ["exp", "iat", "nbf"] {
        for wrong in [
            "9007199254740992",
            "1e10",
            "1770000000.0",
            "-5",
            "-0",
            "99999999999999999999",
            "\"1770000000\"",
        ] {
            let mut claims = claims();
            claims[claim] = json!(0);
            let payload = claims.to_string().replacen(
                &format!("\"{claim}\":0"),
                &format!("\"{claim}\":{wrong}"),
                1,
            );
            let error = verify(&forge(key(Algorithm::EdDsa), HEADER, payload)).unwrap_err();
            assert_eq!(error.code(), "memberWrongType", "{claim} {wrong}");
        }
    }
}

#[test]
fn check_17_subject_is_a_pseudonym() {
    let good = subject().to_base64url();
    for sub in ["53480200724", "someone", &good[..42]] {
        assert_eq!(
            refusal(&with("/sub", json!(sub))),
            "memberMalformed",
            "{sub}"
        );
    }
    assert_eq!(
        refusal(&with("/sub", json!(format!("{good}A")))),
        "memberTooLong"
    );
    // 43 characters with stray bits: a second spelling of one subject.
    let stray = format!("{}_", &good[..42]);
    assert_ne!(stray, good);
    assert_eq!(refusal(&with("/sub", json!(stray))), "memberMalformed");
}

#[test]
fn check_17_a_client_is_not_called_as_a_subject() {
    let claims = with("/client_id", json!(subject().to_base64url()));
    assert_eq!(refusal(&claims), "memberMalformed");
}

#[test]
fn check_17_no_ssin_anywhere() {
    for ssin in ["53480200724", "53.48.02-007.24", "53400003597"] {
        for pointer in ["/jti", "/client_id"] {
            let claims = with(pointer, json!(ssin));
            assert_eq!(refusal(&claims), "memberMalformed", "{pointer}");
        }
        let actor = with("/act", json!({"sub": ssin}));
        assert_eq!(refusal(&actor), "memberMalformed");
        let level = "urn:be:fedict:iam:fas:Level450";
        for user in [
            json!({"level": level, "role": ssin}),
            json!({"level": level, "actingFor": ssin}),
        ] {
            assert_eq!(
                refusal(&with_mandate("/user", user)),
                "mandateMemberMalformed"
            );
        }
    }
    assert!(verify_claims(&with("/client_id", json!("53480200725"))).is_ok());
}

#[test]
fn check_18_outermost_actor() {
    let act = json!({"sub": "outer", "iss": "https://i.invalid", "act": {"sub": "inner", "x": 1}});
    let verified = verify_claims(&with("/act", act)).unwrap();
    let actor = verified.actor().unwrap();
    assert_eq!(
        (actor.subject(), actor.issuer()),
        ("outer", Some("https://i.invalid"))
    );
    assert_eq!(actor.earlier().unwrap().subject(), "inner");
    assert!(actor.earlier().unwrap().earlier().is_none());
    for (act, expected) in [
        (json!("outer"), "memberWrongType"),
        (json!([]), "memberWrongType"),
        (json!({}), "memberMissing"),
        (json!({"sub": 1}), "memberWrongType"),
        (json!({"sub": "outer", "act": "inner"}), "memberWrongType"),
        (json!({"sub": "outer", "act": {}}), "memberMissing"),
    ] {
        assert_eq!(refusal(&with("/act", act.clone())), expected, "{act}");
    }
}

#[test]
fn check_20_unknown_claims_and_cnf() {
    assert!(verify_claims(&with("/scope", json!("x"))).is_ok());
    assert!(verify_claims(&with("/x", json!({"deep": [1, {"a": null}]}))).is_ok());
    // A binding that is none of ours, alone or beside one of ours (RFC 7800 §3).
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    for cnf in [
        json!({}),
        json!({"other": jkt}),
        json!({"JKT": jkt}),
        json!({"x5t#s256": jkt}),
        // SHA-1 of a certificate (RFC 7515 §4.1.7).
        json!({"x5t": "mvOT0QkFCTTyzL2yS9jIUYUbDLQ"}),
        json!({"jkt": jkt, "x5t": "mvOT0QkFCTTyzL2yS9jIUYUbDLQ"}),
        json!({"jkt": jkt, "jwk": {}}),
        json!({"jkt": jkt, "jwe": "x"}),
        json!({"jkt": jkt, "jku": "https://x.invalid"}),
        json!({"jkt": jkt, "kid": null}),
        json!({"x5t#S256": jkt, "x5c": []}),
        json!({"x5t#S256": jkt, "x5u": "https://x.invalid"}),
        json!({"x5t#S256": jkt, "osc": {}}),
        json!({"x5t#S256": jkt, "ckt": jkt}),
    ] {
        assert_eq!(
            refusal(&with("/cnf", cnf.clone())),
            "confirmationUnsupported",
            "{cnf}"
        );
    }
    let mut null = claims();
    null["cnf"] = Value::Null;
    assert_eq!(refusal(&null), "memberWrongType");
    for cnf in [json!("x"), json!(false), json!([{"jkt": jkt}])] {
        assert_eq!(refusal(&with("/cnf", cnf)), "memberWrongType");
    }
    for member in ["jkt", "x5t#S256"] {
        for (value, expected) in [
            (json!(null), "memberWrongType"),
            (json!(7), "memberWrongType"),
            (json!([jkt]), "memberWrongType"),
            (json!(""), "memberEmpty"),
            (json!("x"), "memberMalformed"),
            (json!(&jkt[..42]), "memberMalformed"),
            (json!(format!("{jkt}=")), "memberTooLong"),
            (json!(format!("{jkt}A")), "memberTooLong"),
            // Stray bits: a second spelling of the same 32 bytes.
            (
                json!("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J"),
                "memberMalformed",
            ),
            (
                json!("0ZcOCORZNYy+DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
                "memberMalformed",
            ),
            // A SHA-1, and a SHA-256 in hexadecimal.
            (json!("mvOT0QkFCTTyzL2yS9jIUYUbDLQ"), "memberMalformed"),
            (json!("00".repeat(32)), "memberTooLong"),
        ] {
            let mut changed = with("/cnf", json!({"jkt": jkt, "x5t#S256": jkt}));
            changed["cnf"][member] = value.clone();
            assert_eq!(refusal(&changed), expected, "{member} {value}");
        }
    }
    assert!(verify_claims(&claims()).unwrap().confirmation().is_none());
    for (cnf, names_key, names_certificate) in [
        (json!({"jkt": jkt}), true, false),
        (json!({"x5t#S256": jkt}), false, true),
        (json!({"jkt": jkt, "x5t#S256": jkt}), true, true),
        (json!({"jkt": jkt, "new": [1]}), true, false),
    ] {
        let verified = verify_claims(&with("/cnf", cnf)).unwrap();
        let confirmation = verified.confirmation().unwrap();
        assert_eq!(confirmation.names_key(), names_key);
        assert_eq!(confirmation.names_certificate(), names_certificate);
        assert!(
            !format!("{confirmation:?}").contains("209, 151"),
            "0xd1, 0x97, …"
        );
    }
}

#[test]
fn a_status_is_told() {
    let list =
        json!({"status_list": {"idx": 7, "uri": "https://status.sluis-simulation.invalid/1"}});
    let verified = verify_claims(&with("/status", list)).unwrap();
    assert_eq!(
        verified.status_reference(),
        Some(&StatusReference::StatusList {
            index: 7,
            uri: "https://status.sluis-simulation.invalid/1".into()
        })
    );
    let verified = verify_claims(&with("/status", json!({"other": 1}))).unwrap();
    assert_eq!(
        verified.status_reference(),
        Some(&StatusReference::Unsupported)
    );
    for (status, expected) in [
        (json!("x"), "memberWrongType"),
        (json!({"status_list": 1}), "memberWrongType"),
        (
            json!({"status_list": {"idx": "7", "uri": "x"}}),
            "memberWrongType",
        ),
        (json!({"status_list": {"uri": "x"}}), "memberMissing"),
    ] {
        assert_eq!(
            refusal(&with("/status", status.clone())),
            expected,
            "{status}"
        );
    }
}

#[test]
fn check_21_simulation_and_production_refuse_each_other() {
    // Same software, other issuer, keys and audience.
    let production_key = sluis_token::sign::SigningKey::generate(Algorithm::EdDsa).unwrap();
    let set = sluis_token::sign::jwks_json([&production_key]);
    let production = IssuerKeys::new(
        IssuerRules::new("https://vs.example", &[Algorithm::EdDsa], LIFETIME, SKEW).unwrap(),
        JwkSet::parse(set.as_bytes(), &KeyRules::default()).unwrap(),
    );
    let simulated = token(key(Algorithm::EdDsa), &claims());
    let verdict = UntrustedToken::parse(&simulated).unwrap().verify_locally(
        &production,
        "https://api.example",
        at(NOW),
    );
    assert_eq!(verdict.unwrap_err().code(), "issuerMismatch");

    let mut claims = with("/iss", json!("https://vs.example"));
    claims["aud"] = json!("https://api.example");
    let produced = token(&production_key, &claims);
    assert_eq!(verify(&produced).unwrap_err().code(), "issuerMismatch");
    // Even with the issuer's name, the key is not there; even with the key, the audience is not.
    claims["iss"] = json!(ISSUER);
    assert_eq!(
        verify(&token(&production_key, &claims)).unwrap_err().code(),
        "keyUnknown"
    );
    assert_eq!(refusal(&claims), "audienceMismatch");
}

#[test]
fn faults_of_claims_are_told_only_behind_a_signature() {
    let good = token(key(Algorithm::EdDsa), &with("/exp", json!(1)));
    let (input, _) = good.as_str().rsplit_once('.').unwrap();
    let mut signature = [1_u8; 64];
    signature[63] = 0;
    let forged = access(&format!("{input}.{}", encode(signature)));
    let error = verify(&forged).unwrap_err();
    assert_eq!(error.code(), "signatureMismatch");
    assert!(!error.signature_held());
    assert!(verify(&good).unwrap_err().signature_held());
}

#[test]
fn parse_errors_hold_nothing_of_the_token() {
    let token = forge(
        key(Algorithm::EdDsa),
        HEADER,
        r#"{"iss":["secret-issuer"]}"#,
    );
    let error: ParseError = UntrustedToken::parse(&token).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
    let claims = with_mandate("/holder/enterpriseNumber", json!("0000000000"));
    let error = verify_claims(&claims).unwrap_err();
    assert_eq!(
        error.to_string(),
        "mandate: holder.enterpriseNumber is malformed"
    );
}

#[test]
fn check_19_levels_that_are_no_level_are_unknown() {
    let verified = verify_claims(&with_mandate(
        "/grant/level",
        json!("urn:be:fedict:iam:fas:citizen:eid"),
    ))
    .unwrap();
    assert_eq!(
        verified.mandate().grant().level(),
        AuthenticationLevel::Unknown
    );
}
