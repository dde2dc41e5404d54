//! Single-use mandates (profile §25, M-9.2).

use base64ct::{Base64UrlUnpadded, Encoding as _};
use futures::future::join_all;
use serde_json::{Value, json};
use sluis_gate::memory::{LogFault, ReplayFault};
use sluis_token::sign::SigningKey;
use sluis_token::{Algorithm, MAX_CLOCK_SKEW_SECONDS};

use crate::support::{Bench, body_of, header};

fn claims(jti: &str) -> Value {
    json!({"mandateType": "simPensionQuote", "usage": "singleUse", "jti": jti})
}

fn last_reason(bench: &Bench) -> String {
    let events = bench.events();
    let reason = &events.last().unwrap()["data"]["reason"];
    reason.as_str().unwrap_or_default().to_owned()
}

#[test]
fn of_many_at_a_time_exactly_one_passes() {
    let bench = Bench::new();
    let token = bench.mint(claims("one"));
    let many = (0..50).map(|_| bench.gate.serve(&bench.platform, bench.request(&token)));
    let replies = pollster::block_on(join_all(many));
    let count = |status| replies.iter().filter(|r| r.status == status).count();
    assert_eq!((count(200), count(401)), (1, 49));
    assert_eq!(bench.platform.forwarded().len(), 1);
    let refused = replies.iter().find(|reply| reply.status == 401).unwrap();
    assert!(body_of(refused).contains("invalidAccessToken"));
    assert!(
        header(refused, "www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
    // Each refusal has its own entry, with its reason.
    let reasons = bench.fault_counts();
    assert_eq!(
        reasons
            .iter()
            .filter(|reason| *reason == "tokenReplayed")
            .count(),
        49
    );
    // It is remembered for as long as the token could pass.
    let exp = bench.claims(false, json!({}))["exp"].as_u64().unwrap();
    let until: Vec<u64> = bench
        .platform
        .used()
        .values()
        .map(|at| at.as_seconds())
        .collect();
    assert_eq!(until, [exp + MAX_CLOCK_SKEW_SECONDS]);
    // Another token is another use.
    assert_eq!(
        bench
            .serve(bench.request(&bench.mint(claims("two"))))
            .status,
        200
    );
}

#[test]
fn another_spelling_of_the_signature_is_the_same_token() {
    let bench = Bench::new();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let set = format!("{{\"keys\":[{}]}}", key.public_jwk_json());
    let url = "http://127.0.0.1:8788/simulation/cbss/.well-known/jwks.json";
    bench.platform.serve_keys(url, &set);
    let token = key
        .sign("at+jwt", &bench.claims(false, claims("one")))
        .unwrap();
    let other = with_other_s(&token);
    assert_ne!(other, token);
    assert_eq!(bench.serve(bench.request(&token)).status, 200);
    assert_eq!(bench.serve(bench.request(&other)).status, 401);
    assert_eq!(last_reason(&bench), "tokenReplayed");
    // Both are good signatures: of a repeated mandate each passes.
    let token = key.sign("at+jwt", &bench.claims(false, json!({}))).unwrap();
    for token in [with_other_s(&token), token] {
        assert_eq!(bench.serve(bench.request(&token)).status, 200);
    }
}

/// The token with `n - s` in the place of `s`, which ECDSA accepts as well.
fn with_other_s(token: &str) -> String {
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
        0x25, 0x51,
    ];
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let mut borrow = false;
    for (byte, n) in signature[32..].iter_mut().zip(N).rev() {
        let (difference, first) = n.overflowing_sub(*byte);
        let (difference, second) = difference.overflowing_sub(borrow.into());
        *byte = difference;
        borrow = first || second;
    }
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
}

#[test]
fn a_use_is_consumed_last_and_only_by_an_allowance() {
    let bench = Bench::new();
    let token = bench.mint(claims("one"));
    let other_person = bench.request_to("POST", "/pension/v1/rights/get", &token);
    let other_person = other_person.body("{\"ssin\":\"53400003597\"}");
    assert_eq!(bench.serve(other_person).status, 403);
    let wrong_scope = bench.mint(json!({
        "mandateType": "simPensionQuote", "usage": "singleUse", "jti": "one", "purposes": ["simOther"],
    }));
    assert_eq!(bench.serve(bench.request(&wrong_scope)).status, 403);
    assert!(bench.platform.used().is_empty());
    assert_eq!(bench.serve(bench.request(&token)).status, 200);
    // A use whose record cannot be written is gone: nothing was let through on it.
    let token = bench.mint(claims("two"));
    bench.platform.break_log(LogFault::Unavailable);
    assert_eq!(bench.serve(bench.request(&token)).status, 503);
    bench.platform.break_log(LogFault::None);
    assert_eq!(bench.serve(bench.request(&token)).status, 401);
    assert_eq!(bench.platform.forwarded().len(), 1);
}

#[test]
fn without_the_memory_of_uses_nothing_passes() {
    for fault in [ReplayFault::Down, ReplayFault::Slow] {
        let bench = Bench::new();
        let token = bench.mint(claims("one"));
        bench.platform.break_replay(fault);
        assert_eq!(bench.serve(bench.request(&token)).status, 503, "{fault:?}");
        assert_eq!(last_reason(&bench), "replayUnavailable");
        assert!(bench.platform.forwarded().is_empty());
        bench.platform.break_replay(ReplayFault::None);
        let status = bench.serve(bench.request(&token)).status;
        // A use whose answer was lost may be gone.
        assert_eq!(status, if fault == ReplayFault::Down { 200 } else { 401 });
    }
}

#[test]
fn a_type_of_one_use_takes_no_mandate_of_many_nor_the_other_way_round() {
    let bench = Bench::new();
    for (mandate_type, usage) in [
        ("simPensionQuote", "repeated"),
        ("simPensionOverview", "singleUse"),
    ] {
        let token = bench.mint(json!({"mandateType": mandate_type, "usage": usage}));
        assert_eq!(bench.serve(bench.request(&token)).status, 403);
        assert_eq!(last_reason(&bench), "usageNotApproved");
    }
    assert!(bench.platform.used().is_empty());
}
