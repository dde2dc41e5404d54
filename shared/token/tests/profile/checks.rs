//! The checks of the token profile, by number: each is passed by a good token and
//! refuses a bad one. §1–2 and §5–6 are tested beside their code too, §11–12 in
//! `key_sets.rs`, §10 and §13 in `signatures.rs`, §14 and later in `claims.rs`.

use serde_json::{Value, json};
use sluis_token::{
    AccessToken, Algorithm, BearerError, BearerRequest, Channel, ConsentItem, FORBIDDEN_PARAMETERS,
    GrantChannel, Grantor, HolderType, IssuerKeys, IssuerRules, MAX_TOKEN_BYTES, MandateStatus,
    TokenFor, UntrustedToken, Usage,
};

use crate::common::*;

fn parse_code(token: &AccessToken) -> &'static str {
    UntrustedToken::parse(token).expect_err("refused").code()
}

/// The reason code of a token with this header.
fn header_code(header: &str) -> &'static str {
    parse_code(&forge(key(Algorithm::EdDsa), header, claims().to_string()))
}

/// The reason code of a token with this payload, at parsing.
fn payload_code(payload: impl AsRef<[u8]>) -> &'static str {
    parse_code(&forge(key(Algorithm::EdDsa), HEADER, payload))
}

#[test]
fn a_good_token_says_all_it_says() {
    let token = token(key(Algorithm::EdDsa), &claims());
    let verified = verify(&token).unwrap();
    assert_eq!(verified.issuer(), ISSUER);
    assert_eq!(*verified.subject(), subject());
    assert_eq!(verified.client_id(), "sim-holder-1");
    assert_eq!(verified.token_id(), "b5c7d6f0-2f4e-4a39-9d1c-0f2b7a0c9e11");
    assert_eq!(verified.issued_at(), at(NOW - 100));
    assert_eq!(verified.expires_at(), at(NOW + 200));
    assert_eq!(verified.key_id().as_str(), "EdDSA");
    assert_eq!(
        verified.key_thumbprint(),
        key(Algorithm::EdDsa).public_key().thumbprint()
    );
    assert_eq!(verified.algorithm(), Algorithm::EdDsa);
    assert_eq!(verified.token_sha256(), token.sha256());
    assert!(verified.actor().is_none());
    assert!(verified.status_reference().is_none());

    let mandate = verified.mandate();
    assert_eq!(mandate.id(), "3a4c9b1e-7d55-4b0e-8a57-6a1f0f6b2c3d");
    assert_eq!(mandate.mandate_type(), "simPensionOverview");
    assert_eq!(mandate.deliberation(), "SIM/001");
    assert_eq!(mandate.status(), MandateStatus::Active);
    assert!(mandate.has_purpose("simPensionSimulation"));
    assert!(!mandate.has_purpose("simPension"));
    assert_eq!(mandate.purposes().len(), 1);
    assert_eq!(mandate.data_categories().len(), 2);
    assert!(mandate.has_data_category("simCareer"));
    assert_eq!(mandate.valid_from(), at(1_760_000_000));
    assert_eq!(mandate.valid_until(), at(1_790_000_000));
    assert_eq!(mandate.usage(), Usage::Repeated);
    assert!(mandate.grant().level().is_at_least(450));
    assert_eq!(mandate.grant().granted_by(), Grantor::DataSubject);
    assert_eq!(mandate.grant().channel(), GrantChannel::Online);
    assert_eq!(mandate.grant().consent_version(), "2026-01");
    assert_eq!(mandate.grant().consent_items(), ConsentItem::ALL);
    assert_eq!(mandate.grant().accepted_at(), at(1_760_000_100));
    assert_eq!(mandate.holder().kind(), HolderType::Organization);
    let number = mandate.holder().identity().enterprise_number().unwrap();
    assert_eq!(number.as_str(), "0202239951");
    assert_eq!(mandate.channel(), Channel::Api);
    assert_eq!(mandate.token_for(), TokenFor::Application);
    assert_eq!(mandate.circle_of_trust().unwrap().version(), "1");
    assert_eq!(mandate.terms().unwrap().version(), "2");
    assert_eq!(mandate.terms().unwrap().accepted_at(), at(1_750_000_001));
    assert!(mandate.user().is_none());
}

#[test]
fn nothing_that_names_anyone_is_printed() {
    let mut claims = with("/act", json!({"sub": "sim-actor-secret"}));
    claims["authorization_details"][0]["user"] = json!({
        "level": "urn:be:fedict:iam:fas:Level450", "role": "sim-role-secret", "actingFor": "sim-for-secret"
    });
    claims["client_id"] = json!("sim-client-secret");
    let token = token(key(Algorithm::EdDsa), &claims);
    let untrusted = UntrustedToken::parse(&token).unwrap();
    let printed = format!("{token:?} {untrusted:?}");
    let verified = verify(&token).unwrap();
    let printed = format!(
        "{printed} {verified:?} {:?} {:?}",
        verified.mandate(),
        verified.actor()
    );
    for secret in [
        "secret",
        "0202239951",
        &subject().to_base64url(),
        token.as_str(),
    ] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[test]
fn check_1_one_authorization_field() {
    let token = token(key(Algorithm::EdDsa), &claims());
    let request = |authorization: Option<&str>, query| {
        BearerRequest {
            authorization,
            query,
            content_type: None,
        }
        .parse()
    };
    let field = format!("bEARER {}", token.as_str());
    assert_eq!(request(Some(&field), None), Ok(token.clone()));
    assert_eq!(request(None, None), Err(BearerError::Missing));
    assert_eq!(
        request(Some(&format!("{field}, {field}")), None),
        Err(BearerError::Ambiguous)
    );
    let query = format!("access_token={}", token.as_str());
    assert_eq!(request(None, Some(&query)), Err(BearerError::InQuery));
}

#[test]
fn check_2_size_is_capped() {
    let mut long = claims();
    long["padding"] = json!("x".repeat(4000));
    assert!(verify_claims(&long).is_ok());
    long["padding"] = json!("x".repeat(MAX_TOKEN_BYTES));
    let text = key(Algorithm::EdDsa).sign("at+jwt", &long).unwrap();
    assert_eq!(
        AccessToken::parse(&text),
        Err(BearerError::TooLarge {
            bytes: text.len(),
            limit: MAX_TOKEN_BYTES
        })
    );
}

#[test]
fn check_3_three_parts() {
    let good = token(key(Algorithm::EdDsa), &claims());
    let (input, signature) = good.as_str().rsplit_once('.').unwrap();
    assert!(verify(&good).is_ok());
    for text in [
        input.to_owned(),
        format!("{}.", good.as_str()),
        format!("{}.{signature}", good.as_str()),
        format!(".{}", good.as_str()),
        format!("{}.x.x", good.as_str()),
        ".".repeat(MAX_TOKEN_BYTES),
        "a".to_owned(),
    ] {
        assert_eq!(parse_code(&access(&text)), "tokenNotThreeParts", "{text}");
    }
    // JSON serialisation does not even pass for a token68.
    let json = format!(r#"{{"payload":"","signatures":[{{"signature":"{signature}"}}]}}"#);
    assert_eq!(AccessToken::parse(&json), Err(BearerError::NotToken68));
}

#[test]
fn check_4_canonical_base64url() {
    let good = token(key(Algorithm::EdDsa), &claims());
    let parts: Vec<&str> = good.as_str().split('.').collect();
    for part in 0..3 {
        let refuse = |text: String| {
            let mut parts = parts.clone();
            parts[part] = &text;
            let token = access(&parts.join("."));
            assert_eq!(parse_code(&token), "tokenEncoding", "part {part}: {text}");
        };
        refuse(format!("{}+", &parts[part][1..]));
        refuse(format!("{}/", &parts[part][1..]));
        refuse(format!("~{}", &parts[part][1..]));
        // A length of one more than a multiple of four.
        let mut text = parts[part].to_owned();
        while text.len() % 4 != 1 {
            text.push('A');
        }
        refuse(text);
    }
    // Padding can only stand at the end of a token68.
    assert_eq!(
        parse_code(&access(&format!("{}==", good.as_str()))),
        "tokenEncoding"
    );

    // Stray bits at the end of each part, where the part has any.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut flipped = 0;
    for part in 0..3 {
        let last = parts[part].chars().last().unwrap();
        let value = alphabet.find(last).unwrap();
        if parts[part].len().is_multiple_of(4) {
            continue;
        }
        let stray = alphabet.chars().nth(value | 1).unwrap();
        assert_ne!(stray, last, "the last bit of a canonical part is zero");
        let text = format!("{}{stray}", &parts[part][..parts[part].len() - 1]);
        let mut parts = parts.clone();
        parts[part] = &text;
        assert_eq!(parse_code(&access(&parts.join("."))), "tokenEncoding");
        flipped += 1;
    }
    assert!(flipped >= 1, "the signature of 64 bytes has stray bits");
}

#[test]
fn check_5_strict_json() {
    let good = claims().to_string();
    assert_eq!(payload_code(format!("\u{feff}{good}")), "jsonByteOrderMark");
    assert_eq!(
        payload_code([b"{\"iss\":\"", &[0xff][..], b"\"}"].concat()),
        "jsonNotUtf8"
    );
    assert_eq!(payload_code(r#"["x",1]"#), "jsonNotAnObject");
    assert_eq!(payload_code(format!("[{good}]")), "jsonNotAnObject");
    for text in ["\"x\"", "1", "null", "true"] {
        assert_eq!(payload_code(text), "jsonNotAnObject", "{text}");
    }
    for text in [
        "",
        " ",
        "{} {}",
        r#"{"a":1,}"#,
        r#"{"a":NaN}"#,
        r#"{"a":"\ud800"}"#,
    ] {
        assert_eq!(payload_code(text), "jsonSyntax", "{text}");
    }
    // An array in place of the header, with the members in the order of a struct.
    assert_eq!(
        header_code(r#"["at+jwt","EdDSA","EdDSA"]"#),
        "jsonNotAnObject"
    );
    assert_eq!(
        header_code(&format!("\u{feff}{HEADER}")),
        "jsonByteOrderMark"
    );
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(8), "]".repeat(8));
    assert_eq!(payload_code(deep), "jsonTooDeep");
}

#[test]
fn check_5_duplicates_at_any_depth() {
    let duplicated = |at: &str, member: &str| {
        let good = claims().to_string();
        assert_eq!(good.matches(at).count(), 1, "{at}");
        payload_code(good.replacen(at, &format!("{member},{at}"), 1))
    };
    for (at, member) in [
        ("\"exp\":", "\"exp\":9999999999"),
        ("\"exp\":", r#""\u0065xp":9999999999"#),
        ("\"sub\":", "\"sub\":\"x\""),
        ("\"mandateType\":", r#""mandate\u0054ype":"x""#),
        ("\"grantedBy\":", "\"grantedBy\":\"holder\""),
        (
            "\"enterpriseNumber\":",
            r#""enterpriseNumber":"0123456749""#,
        ),
    ] {
        assert_eq!(duplicated(at, member), "jsonDuplicateMember", "{member}");
    }
    // Also in a claim that is otherwise ignored.
    let good = claims().to_string();
    let payload = good.replacen('{', r#"{"other":{"a":[{"b":1,"\u0062":2}]},"#, 1);
    assert_eq!(payload_code(payload), "jsonDuplicateMember");
    for header in [
        r#"{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":"EdDSA"}"#,
        r#"{"alg":"EdDSA","\u0061lg":"none","typ":"at+jwt","kid":"EdDSA"}"#,
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":"EdDSA","x":{"y":1,"y":1}}"#,
    ] {
        assert_eq!(header_code(header), "jsonDuplicateMember", "{header}");
    }
}

#[test]
fn check_6_strings_compare_by_code_point() {
    // A configured issuer with a composed é takes no decomposed one, and case counts.
    let composed = "https://\u{e9}.sluis-simulation.invalid";
    let keys = IssuerKeys::new(
        IssuerRules::new(composed, &[Algorithm::EdDsa], LIFETIME, SKEW).unwrap(),
        issuer().keys().clone(),
    );
    let code = |issuer: &str| {
        UntrustedToken::parse(&token(key(Algorithm::EdDsa), &with("/iss", json!(issuer))))
            .unwrap()
            .verify_locally(&keys, AUDIENCE, at(NOW))
            .map_err(|error| error.code())
            .map(|_| ())
    };
    assert_eq!(code(composed), Ok(()));
    for other in [
        "https://e\u{301}.sluis-simulation.invalid",
        "https://\u{c9}.sluis-simulation.invalid",
        "HTTPS://\u{e9}.sluis-simulation.invalid",
        "https://\u{e9}.sluis-simulation.invalid/",
        "https://\u{e9}.sluis-simulation.invalid ",
    ] {
        assert_eq!(code(other), Err("issuerMismatch"), "{other}");
    }
    let upper = AUDIENCE.to_uppercase();
    assert_eq!(refusal(&with("/aud", json!(upper))), "audienceMismatch");
    let other_kid = forge(
        key(Algorithm::EdDsa),
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":"eddsa"}"#,
        claims().to_string(),
    );
    assert_eq!(verify(&other_kid).unwrap_err().code(), "keyUnknown");
}

#[test]
fn check_7_typ() {
    let typed = |typ: &str| {
        let header = json!({"typ": typ, "alg": "EdDSA", "kid": "EdDSA"}).to_string();
        forge(key(Algorithm::EdDsa), header, claims().to_string())
    };
    for typ in [
        "at+jwt",
        "AT+JWT",
        "At+Jwt",
        "application/at+jwt",
        "Application/AT+jwt",
    ] {
        assert!(verify(&typed(typ)).is_ok(), "{typ}");
    }
    for typ in [
        "JWT",
        "jwt",
        "id_token",
        "logout+jwt",
        "dpop+jwt",
        "statuslist+jwt",
        "at+jwt ",
        "token-introspection+jwt",
        "application/jwt",
        "at+jwt;x",
        "application/application/at+jwt",
    ] {
        assert_eq!(parse_code(&typed(typ)), "tokenTypeWrong", "{typ}");
    }
    for header in [
        r#"{"alg":"EdDSA","kid":"EdDSA"}"#,
        r#"{"typ":null,"alg":"EdDSA","kid":"EdDSA"}"#,
        r#"{"typ":["at+jwt"],"alg":"EdDSA","kid":"EdDSA"}"#,
        r#"{"typ":"","alg":"EdDSA","kid":"EdDSA"}"#,
    ] {
        assert_eq!(header_code(header), "headerParameterInvalid", "{header}");
    }
}

#[test]
fn check_8_forbidden_header_parameters() {
    let values = [
        json!(null),
        json!(true),
        json!([]),
        json!(["exp"]),
        json!({}),
        json!("https://sluis-simulation.invalid/keys"),
    ];
    for name in FORBIDDEN_PARAMETERS {
        for value in &values {
            let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "EdDSA", name: value});
            assert_eq!(
                header_code(&header.to_string()),
                "headerParameterForbidden",
                "{header}"
            );
        }
    }
    assert_eq!(FORBIDDEN_PARAMETERS.len(), 8);
    // Any other parameter is ignored (RFC 7515 §4).
    let header = r#"{"typ":"at+jwt","alg":"EdDSA","kid":"EdDSA","x5t":"x","other":[1]}"#;
    let token = forge(key(Algorithm::EdDsa), header, claims().to_string());
    assert!(verify(&token).is_ok());
}

#[test]
fn check_9_kid() {
    for header in [
        r#"{"typ":"at+jwt","alg":"EdDSA"}"#,
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":1}"#,
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":null}"#,
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":""}"#,
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":["EdDSA"]}"#,
    ] {
        assert_eq!(header_code(header), "headerParameterInvalid", "{header}");
    }
    let with_kid = |kid: &str| {
        let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid}).to_string();
        forge(key(Algorithm::EdDsa), header, claims().to_string())
    };
    assert_eq!(
        parse_code(&with_kid(&"k".repeat(129))),
        "headerParameterInvalid"
    );
    for kid in [
        "../../dev/null",
        "' UNION SELECT 'k'--",
        "|sleep 10",
        "\u{0}",
        &"k".repeat(128),
    ] {
        assert_eq!(
            verify(&with_kid(kid)).unwrap_err().code(),
            "keyUnknown",
            "{kid}"
        );
    }
    assert!(verify(&with_kid("EdDSA")).is_ok());
}

#[test]
fn check_9_a_key_belongs_to_its_issuer() {
    // The token of another issuer, signed by our issuer's key and naming its kid.
    let crossed = token(
        key(Algorithm::EdDsa),
        &with("/iss", json!("https://other.sluis-simulation.invalid")),
    );
    let error = verify(&crossed).unwrap_err();
    assert_eq!(error.code(), "issuerMismatch");
    assert!(!error.signature_held());
}

#[test]
fn check_10_supported_algorithms() {
    for algorithm in [
        "none",
        "None",
        "nOnE",
        "none ",
        "HS256",
        "HS512",
        "ES512",
        "ES256K",
        "PS384",
        "RS512",
        "Ed448",
        "eddsa",
        "PBES2-HS512+A256KW",
        "",
    ] {
        let header = json!({"typ": "at+jwt", "alg": algorithm, "kid": "EdDSA"}).to_string();
        let expected = if algorithm.is_empty() {
            "headerParameterInvalid"
        } else {
            "algorithmUnsupported"
        };
        assert_eq!(header_code(&header), expected, "{algorithm}");
    }
    for header in [
        r#"{"typ":"at+jwt","kid":"EdDSA"}"#,
        r#"{"typ":"at+jwt","alg":null,"kid":"EdDSA"}"#,
        r#"{"typ":"at+jwt","alg":["EdDSA"],"kid":"EdDSA"}"#,
    ] {
        assert_eq!(header_code(header), "headerParameterInvalid", "{header}");
    }
    // RFC 9864 gives Ed25519 a name of its own.
    let header = r#"{"typ":"at+jwt","alg":"Ed25519","kid":"EdDSA"}"#;
    assert!(verify(&forge(key(Algorithm::EdDsa), header, claims().to_string())).is_ok());
}

#[test]
fn check_11_only_the_issuer_that_was_resolved() {
    let token = token(key(Algorithm::EdDsa), &claims());
    let untrusted = UntrustedToken::parse(&token).unwrap();
    assert_eq!(untrusted.issuer(), ISSUER);
    assert_eq!(untrusted.key_id().as_str(), "EdDSA");
    assert_eq!(untrusted.algorithm(), Algorithm::EdDsa);
    for claims in [
        with("/iss", Value::Null),
        with("/iss", json!([ISSUER, "https://evil.invalid"])),
        with("/iss", json!(7)),
        with("/iss", json!("")),
        with("/iss", json!("i".repeat(513))),
    ] {
        assert_eq!(payload_code(claims.to_string()), "issuerInvalid");
    }
}
