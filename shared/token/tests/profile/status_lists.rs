//! Check 24 of the token profile: draft-ietf-oauth-status-list.

use serde_json::{Value, json};
use sluis_token::sign::StatusListClaims;
use sluis_token::{
    Algorithm, IssuerKeys, IssuerRules, MAX_STATUS_LIST_AGE_SECONDS, MAX_STATUS_LIST_BYTES,
    StatusList, StatusListError, TokenStatus, UntrustedStatusList,
};

use crate::common::*;

const URI: &str = "https://status.sluis-simulation.invalid/1";

/// A good payload; the list is the draft's first example.
fn payload() -> Value {
    json!({
        "sub": URI,
        "iss": ISSUER,
        "iat": NOW - 100,
        "exp": NOW + 3600,
        "ttl": 600,
        "status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"},
    })
}

fn list_of(payload: &Value) -> String {
    key(Algorithm::EdDsa)
        .sign("statuslist+jwt", payload)
        .unwrap()
}

fn verdict_of(document: &[u8]) -> Result<StatusList, StatusListError> {
    UntrustedStatusList::parse(document)?.verify_locally(issuer(), URI, at(NOW))
}

fn verdict(payload: &Value) -> Result<StatusList, StatusListError> {
    verdict_of(list_of(payload).as_bytes())
}

fn code(payload: &Value) -> &'static str {
    verdict(payload).expect_err("refused").code()
}

fn code_of_list(list: Value) -> &'static str {
    let mut payload = payload();
    payload["status_list"] = list;
    code(&payload)
}

fn status(value: u8) -> TokenStatus {
    match value {
        0 => TokenStatus::Valid,
        1 => TokenStatus::Invalid,
        2 => TokenStatus::Suspended,
        other => TokenStatus::ApplicationSpecific(other),
    }
}

/// §4.1: the draft's two examples.
#[test]
fn the_examples_of_one_and_of_two_bits() {
    for (bits, lst, statuses) in [
        (
            1,
            "eNrbuRgAAhcBXQ",
            &[1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1][..],
        ),
        (2, "eNo76fITAAPfAgc", &[1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
    ] {
        let mut claims = payload();
        claims["status_list"] = json!({"bits": bits, "lst": lst});
        let list = verdict(&claims).unwrap();
        assert_eq!(list.entries(), u64::try_from(statuses.len()).unwrap());
        for (index, value) in (0..).zip(statuses) {
            assert_eq!(
                list.status(index, at(NOW)),
                Ok(status(*value)),
                "{bits} {index}"
            );
        }
        let beyond = list.entries();
        assert_eq!(
            list.status(beyond, at(NOW)),
            Err(StatusListError::IndexOutOfRange {
                index: beyond,
                entries: beyond
            })
        );
        assert!(list.status(u64::MAX, at(NOW)).is_err());
        // Ours says the same in the same letters.
        let made = key(Algorithm::EdDsa)
            .sign_status_list(&StatusListClaims {
                issuer: None,
                uri: URI,
                issued_at: at(NOW),
                expires_at: None,
                ttl_seconds: None,
                bits,
                statuses,
            })
            .unwrap();
        let payload = decoded_payload(&made);
        assert_eq!(payload["status_list"], json!({"bits": bits, "lst": lst}));
    }
}

fn decoded_payload(token: &str) -> Value {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
}

#[test]
fn every_width_round_trips() {
    for bits in [1_u8, 2, 4, 8] {
        let statuses: Vec<u8> = (0..=255_u8)
            .map(|value| value & (u8::MAX >> (8 - bits)))
            .collect();
        for algorithm in Algorithm::ALL {
            let text = key(algorithm)
                .sign_status_list(&StatusListClaims {
                    issuer: Some(ISSUER),
                    uri: URI,
                    issued_at: at(NOW),
                    expires_at: Some(at(NOW + 60)),
                    ttl_seconds: Some(30),
                    bits,
                    statuses: &statuses,
                })
                .unwrap();
            let list = UntrustedStatusList::parse(text.as_bytes()).unwrap();
            assert_eq!(list.key_id().as_str(), algorithm.as_str());
            assert_eq!(list.algorithm(), algorithm);
            let list = list
                .verify_locally(&keys_of(&[algorithm]), URI, at(NOW))
                .unwrap();
            assert_eq!(list.issued_at(), at(NOW));
            assert_eq!(list.expires_at(), Some(at(NOW + 60)));
            assert_eq!(list.ttl_seconds(), Some(30));
            let thumbprint = key(algorithm).public_key().thumbprint();
            assert_eq!(list.key_thumbprint(), thumbprint);
            for (index, value) in (0..).zip(&statuses) {
                assert_eq!(list.status(index, at(NOW)), Ok(status(*value)));
            }
        }
    }
}

#[test]
fn optional_claims_may_be_absent() {
    let mut claims = payload();
    for name in ["/iss", "/exp", "/ttl"] {
        claims = changed(claims, name, Value::Null);
    }
    claims["status_list"]["aggregation_uri"] = json!("https://x.invalid");
    let list = verdict(&claims).unwrap();
    assert_eq!(list.expires_at(), None);
    assert_eq!(list.ttl_seconds(), None);
    assert_eq!(list.status(1, at(NOW + 80_000)), Ok(TokenStatus::Valid));
}

#[test]
fn claims_with_strict_types() {
    for name in ["sub", "iat", "status_list"] {
        let without = changed(payload(), &format!("/{name}"), Value::Null);
        assert_eq!(code(&without), "statusListClaimInvalid", "{name}");
    }
    for (name, value) in [
        ("sub", json!([URI])),
        ("sub", json!("")),
        ("sub", json!("x".repeat(513))),
        ("iss", json!(null)),
        ("iss", json!([ISSUER])),
        ("iat", json!(NOW.to_string())),
        ("iat", json!(-1)),
        ("exp", json!(null)),
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("ttl", json!(0)),
        ("ttl", json!(-1)),
        ("ttl", json!(1.5)),
        ("ttl", json!("600")),
        ("ttl", json!(null)),
        ("status_list", json!([])),
        ("status_list", json!("eNrbuRgAAhcBXQ")),
        ("status_list", json!({"bits": 1})),
        ("status_list", json!({"lst": "eNrbuRgAAhcBXQ"})),
        ("status_list", json!({"bits": "1", "lst": "eNrbuRgAAhcBXQ"})),
        ("status_list", json!({"bits": 1.0, "lst": "eNrbuRgAAhcBXQ"})),
        ("status_list", json!({"bits": -1, "lst": "eNrbuRgAAhcBXQ"})),
        ("status_list", json!({"bits": 1, "lst": ""})),
        ("status_list", json!({"bits": 1, "lst": [0xdb]})),
    ] {
        let mut claims = payload();
        claims[name] = value.clone();
        assert_eq!(code(&claims), "statusListClaimInvalid", "{name} {value}");
    }
}

#[test]
fn bits_are_one_of_four() {
    for bits in [0_u64, 3, 5, 6, 7, 9, 16, 257, 258, u64::MAX] {
        assert_eq!(
            code_of_list(json!({"bits": bits, "lst": "eNrbuRgAAhcBXQ"})),
            "statusListBits",
            "{bits}"
        );
    }
}

#[test]
fn the_list_is_canonical_and_whole() {
    for lst in [
        "eNrbuRgAAhcBXQ==",
        "eNrbuRgAAhcBXR",
        "eNrbu+gAAhcBXQ",
        "eNrb\nuRgAAhcBXQ",
    ] {
        assert_eq!(
            code_of_list(json!({"bits": 1, "lst": lst})),
            "statusListEncoding",
            "{lst}"
        );
    }
    let zlib = |bytes: &[u8]| encode(miniz_oxide::deflate::compress_to_vec_zlib(bytes, 9));
    let good = {
        use base64ct::{Base64UrlUnpadded, Encoding};
        Base64UrlUnpadded::decode_vec("eNrbuRgAAhcBXQ").unwrap()
    };
    let mut checksum = good.clone();
    *checksum.last_mut().unwrap() ^= 1;
    let bomb = zlib(&vec![0; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    for lst in [
        encode(&checksum),
        encode(&good[..good.len() - 1]),
        encode([good.as_slice(), &[0]].concat()),
        encode([good.as_slice(), good.as_slice()].concat()),
        // DEFLATE alone, and nothing compressed at all.
        encode(&good[2..good.len() - 4]),
        encode([0xb9, 0xa3]),
        bomb,
    ] {
        assert_eq!(
            code_of_list(json!({"bits": 1, "lst": lst})),
            "statusListCompression"
        );
    }
    // A list without entries answers for no token.
    let mut claims = payload();
    claims["status_list"]["lst"] = json!(zlib(b""));
    let list = verdict(&claims).unwrap();
    assert_eq!(
        list.status(0, at(NOW)).unwrap_err().code(),
        "statusIndexOutOfRange"
    );
}

#[test]
fn the_limit_is_on_the_inflated_list() {
    use sluis_token::MAX_STATUS_LIST_INFLATED_BYTES;
    for (bytes, is_good) in [
        (MAX_STATUS_LIST_INFLATED_BYTES, true),
        (MAX_STATUS_LIST_INFLATED_BYTES + 1, false),
    ] {
        let mut claims = payload();
        let stream = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; bytes], 1);
        claims["status_list"]["lst"] = json!(encode(stream));
        assert_eq!(verdict(&claims).is_ok(), is_good, "{bytes}");
    }
    let document = vec![b'.'; MAX_STATUS_LIST_BYTES + 1];
    assert_eq!(
        UntrustedStatusList::parse(&document).unwrap_err(),
        StatusListError::TooLarge {
            bytes: document.len(),
            limit: MAX_STATUS_LIST_BYTES
        }
    );
    assert_eq!(
        UntrustedStatusList::parse(&document[1..])
            .unwrap_err()
            .code(),
        "statusListMalformed"
    );
}

#[test]
fn the_list_of_that_place_and_that_issuer() {
    for uri in [
        "https://status.sluis-simulation.invalid/2",
        "HTTPS://status.sluis-simulation.invalid/1",
        ISSUER,
    ] {
        let mut claims = payload();
        claims["sub"] = json!(uri);
        assert_eq!(code(&claims), "statusListUriMismatch", "{uri}");
    }
    let mut claims = payload();
    claims["iss"] = json!("https://other.invalid");
    assert_eq!(code(&claims), "statusListIssuerMismatch");
    let elsewhere = UntrustedStatusList::parse(list_of(&payload()).as_bytes()).unwrap();
    let verdict = elsewhere.verify_locally(issuer(), "https://elsewhere.invalid", at(NOW));
    assert_eq!(verdict.unwrap_err(), StatusListError::UriMismatch);
}

#[test]
fn a_list_is_in_force() {
    let mut claims = payload();
    claims["iat"] = json!(NOW + SKEW);
    assert!(verdict(&claims).is_ok());
    claims["iat"] = json!(NOW + SKEW + 1);
    assert_eq!(code(&claims), "statusListIssuedInFuture");
    let mut claims = payload();
    claims["exp"] = json!(NOW - SKEW + 1);
    let list = verdict(&claims).unwrap();
    assert_eq!(list.status(1, at(NOW)), Ok(TokenStatus::Valid));
    // One that was kept is asked with the time, and expires too.
    assert_eq!(
        list.status(1, at(NOW + 1)).unwrap_err().code(),
        "statusListExpired"
    );
    claims["exp"] = json!(NOW - SKEW);
    assert_eq!(code(&claims), "statusListExpired");
}

#[test]
fn a_list_without_an_end_is_in_force_for_a_bounded_time() {
    let mut claims = changed(payload(), "/exp", Value::Null);
    let oldest = NOW - MAX_STATUS_LIST_AGE_SECONDS - SKEW + 1;
    claims["iat"] = json!(oldest);
    let list = verdict(&claims).unwrap();
    assert_eq!(list.status(1, at(NOW)), Ok(TokenStatus::Valid));
    let later = list.status(1, at(NOW + 1)).unwrap_err();
    assert_eq!(later.code(), "statusListExpired");
    claims["iat"] = json!(oldest - 1);
    assert_eq!(code(&claims), "statusListExpired");
    // One with an end says so itself.
    claims["exp"] = json!(NOW + 60);
    assert!(verdict(&claims).is_ok());
}

#[test]
fn the_header_of_a_list() {
    let signed = |header: Value| {
        let (header, payload) = (header.to_string(), payload().to_string());
        key(Algorithm::EdDsa)
            .sign_compact(header.as_bytes(), payload.as_bytes())
            .unwrap()
    };
    let good = json!({"typ": "statuslist+jwt", "alg": "EdDSA", "kid": "EdDSA"});
    assert!(verdict_of(signed(good.clone()).as_bytes()).is_ok());
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("typ", json!("statuslist+cwt")),
        ("typ", json!(null)),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("kid", json!(7)),
        ("crit", json!(["exp"])),
        ("jwk", json!({})),
        ("jku", json!("https://x.invalid")),
        ("x5c", json!([])),
        ("zip", json!("DEF")),
    ] {
        let mut header = good.clone();
        header[name] = value;
        let verdict = verdict_of(signed(header.clone()).as_bytes());
        assert_eq!(
            verdict.unwrap_err().code(),
            "statusListHeaderInvalid",
            "{header}"
        );
    }
    // No token of another kind passes for a list, nor a list for a token.
    let token = token(key(Algorithm::EdDsa), &claims());
    assert!(UntrustedStatusList::parse(token.as_str().as_bytes()).is_err());
    let list = access(&list_of(&payload()));
    assert!(sluis_token::UntrustedToken::parse(&list).is_err());
}

#[test]
fn only_the_issuers_signature_counts() {
    // A fault is told only after the signature held.
    let mut claims = payload();
    claims["status_list"] = json!({"bits": 3, "lst": "+"});
    let forged = list_of(&claims);
    let (input, _) = forged.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}", encode([9; 64]));
    let code = |document: &str| verdict_of(document.as_bytes()).unwrap_err().code();
    assert_eq!(code(&forged), "statusListNotAuthentic");
    let good = list_of(&payload());
    let (input, signature) = good.rsplit_once('.').unwrap();
    for text in [format!("{input}."), format!("{input}.{}", &signature[4..])] {
        assert_eq!(code(&text), "statusListNotAuthentic");
    }
    for text in [
        input,
        "",
        "a.b",
        &format!("{good}.x"),
        &format!("{good}="),
        &format!(" {good}"),
    ] {
        assert_eq!(code(text), "statusListMalformed", "{text}");
    }
    assert!(verdict_of(format!("{good}\r\n").as_bytes()).is_ok());
    assert_eq!(
        verdict_of(b"\xff.\xff.\xff").unwrap_err().code(),
        "statusListMalformed"
    );
    // A key that the issuer has not, or may not use.
    let other = key(Algorithm::Es256)
        .sign("statuslist+jwt", &payload())
        .unwrap();
    assert_eq!(code(&other), "statusListKeyUnknown");
    let rules = IssuerRules::new(ISSUER, &[Algorithm::Es256], LIFETIME, SKEW).unwrap();
    let keys = IssuerKeys::new(rules, issuer().keys().clone());
    let list = UntrustedStatusList::parse(good.as_bytes()).unwrap();
    let error = list.verify_locally(&keys, URI, at(NOW)).unwrap_err();
    assert_eq!(error.code(), "statusListNotAuthentic");
}

#[test]
fn what_a_list_says_is_not_printed() {
    let text = list_of(&payload());
    let list = UntrustedStatusList::parse(text.as_bytes()).unwrap();
    let printed = format!("{list:?} {:?}", verdict(&payload()).unwrap());
    assert!(
        !printed.contains("eNrb") && !printed.contains(URI),
        "{printed}"
    );
}

/// §6.2: where a token names its entry.
#[test]
fn an_index_is_an_integer_from_nought() {
    for (index, expected) in [
        (json!(-1), "memberWrongType"),
        (json!(0.5), "memberWrongType"),
        (json!(1.0), "memberWrongType"),
        (json!("1"), "memberWrongType"),
        (json!(null), "memberWrongType"),
        (json!([1]), "memberWrongType"),
        (json!(1e30), "memberWrongType"),
    ] {
        let status = json!({"status_list": {"idx": index, "uri": URI}});
        assert_eq!(refusal(&with("/status", status)), expected);
    }
    let status = json!({"status_list": {"uri": URI}});
    assert_eq!(refusal(&with("/status", status)), "memberMissing");
}
