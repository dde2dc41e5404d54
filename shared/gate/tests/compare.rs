//! Compare: a candidate catalogue and candidate keys beside those that decide.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up should panic"
)]
#![expect(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    dead_code,
    reason = "the bench's methods read the same at every call, and each file uses some"
)]

mod support;

use serde_json::{Value, json};
use sluis_gate::memory::{LogFault, MemoryRequest};
use support::{Bench, KEYS, OPERATOR, auditor, body_of};

const CANDIDATE_KEYS: &str = "http://127.0.0.1:8788/candidate/jwks.json";

/// A gate with a candidate catalogue: the project's own with some of its text replaced.
fn with_catalogue(changes: &[(&str, &str)]) -> Bench {
    Bench::comparing("[compare]\ncatalogue = \"catalogue.next.toml\"\n", changes)
}

fn with_keys() -> Bench {
    let from = "jwks = { url = \"http://127.0.0.1:8788/simulation/cbss/.well-known/jwks.json\" }";
    let to = format!("{from}\ncandidate_jwks = {{ url = \"{CANDIDATE_KEYS}\" }}");
    Bench::changed(&[(from, &to)])
}

fn ask(bench: &Bench, changes: Value) -> u16 {
    let token = bench.mint(changes);
    bench.serve(bench.request(&token)).status
}

fn comparison(bench: &Bench) -> Value {
    let request = MemoryRequest::new("GET", "/operator/comparison")
        .header("authorization", &format!("Bearer {OPERATOR}"));
    let reply = bench.serve(request);
    assert_eq!(reply.status, 200, "{}", body_of(&reply));
    serde_json::from_str(&body_of(&reply)).unwrap()
}

/// The recorded disagreements: now, then, how many.
fn recorded(bench: &Bench) -> Vec<(String, String, u64)> {
    let events = bench.events();
    let counts = events.iter().filter(|event| {
        event["type"]
            .as_str()
            .unwrap()
            .ends_with("comparisons.notify.counted")
    });
    counts
        .map(|event| {
            let data = &event["data"];
            (
                data["reasonNow"].as_str().unwrap().to_owned(),
                data["reasonThen"].as_str().unwrap().to_owned(),
                data["count"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_stricter_and_a_laxer_candidate_are_counted_and_change_no_answer() {
    // The candidate wants another version of the terms.
    let bench = with_catalogue(&[("termsVersion = \"1\"", "termsVersion = \"2\"")]);
    assert_eq!(ask(&bench, json!({})), 200);
    assert_eq!(ask(&bench, json!({})), 200);
    assert_eq!(ask(&bench, json!({"purposes": ["simBenefitAdvice"]})), 403);
    let mut details = bench.claims(false, json!({}))["authorization_details"].clone();
    details[0]["terms"]["version"] = json!("2");
    assert_eq!(ask(&bench, json!({"authorization_details": details})), 403);
    let shown = comparison(&bench);
    assert_eq!(shown["compared"], 4);
    assert_eq!(
        shown["disagreements"],
        json!([
            {"reasonNow": "granted", "reasonThen": "termsOutdated", "count": 2},
            {"reasonNow": "termsOutdated", "reasonThen": "granted", "count": 1},
        ])
    );
    let counts = recorded(&bench);
    let sum = |now: &str| -> u64 {
        counts
            .iter()
            .filter(|(n, ..)| n == now)
            .map(|(.., count)| count)
            .sum()
    };
    assert_eq!((sum("granted"), sum("termsOutdated")), (2, 1), "{counts:?}");
    let event = bench
        .events()
        .into_iter()
        .find(|event| event["data"].get("reasonThen").is_some())
        .unwrap();
    assert_eq!(event["data"]["candidateDigest"].as_str().unwrap().len(), 64);
    assert_ne!(
        event["data"]["candidateDigest"],
        event["data"]["policyDigest"]
    );
}

#[test]
fn the_same_catalogue_disagrees_with_nothing() {
    let bench = with_catalogue(&[]);
    for changes in [
        json!({}),
        json!({"purposes": ["simBenefitAdvice"]}),
        json!({"mandateType": "simUnknown"}),
        json!({"sub": "A".repeat(43)}),
        json!({"lifetime": -10}),
        json!({"aud": "https://other.invalid"}),
    ] {
        ask(&bench, changes);
    }
    let shown = comparison(&bench);
    assert_eq!(shown["disagreements"], json!([]));
    assert_eq!(shown["compared"], 6);
    assert!(recorded(&bench).is_empty());
}

#[test]
fn what_a_candidate_has_no_part_in_is_taken_as_it_was() {
    let bench = with_catalogue(&[("termsVersion = \"1\"", "termsVersion = \"2\"")]);
    // The subject does not match, and the candidate would not have come so far.
    assert_eq!(ask(&bench, json!({"sub": "A".repeat(43)})), 403);
    assert_eq!(
        comparison(&bench)["disagreements"],
        json!([{"reasonNow": "subjectMismatch", "reasonThen": "termsOutdated", "count": 1}])
    );
    // Nothing to put to a candidate.
    let token = bench.mint(json!({}));
    for request in [
        MemoryRequest::new("GET", "/nowhere"),
        MemoryRequest::new("POST", "/pension/v1/rights/get"),
        bench.request("rubbish"),
    ] {
        bench.serve(request);
    }
    bench.platform.break_log(LogFault::Unavailable);
    assert_eq!(bench.serve(bench.request(&token)).status, 503);
    bench.platform.break_log(LogFault::None);
    assert_eq!(comparison(&bench)["compared"], 1);
}

#[test]
fn candidate_keys_are_compared_and_cannot_fail_a_request() {
    let bench = with_keys();
    // They cannot be had: that is what would have been answered.
    assert_eq!(ask(&bench, json!({})), 200);
    assert_eq!(
        comparison(&bench)["disagreements"],
        json!([{"reasonNow": "granted", "reasonThen": "keysUnavailable", "count": 1}])
    );
    // The same keys at the new address.
    bench.serve_set(CANDIDATE_KEYS);
    bench.platform.advance_ms(2_000);
    let before = comparison(&bench);
    assert_eq!(ask(&bench, json!({})), 200);
    assert_eq!(comparison(&bench)["disagreements"], before["disagreements"]);
    // A key that only the candidate has.
    let bench = bench.rotate_later();
    bench.serve_set(CANDIDATE_KEYS);
    bench.platform.advance_ms(10_000);
    assert_eq!(ask(&bench, json!({})), 401);
    assert_eq!(
        comparison(&bench)["disagreements"][1],
        json!({"reasonNow": "keyUnknown", "reasonThen": "granted", "count": 1})
    );
}

#[test]
fn a_candidate_is_asked_behind_the_answer() {
    let bench = with_keys();
    bench.platform.slow_keys_at(CANDIDATE_KEYS, 60_000);
    let token = bench.mint(json!({}));
    let before = sluis_gate::Platform::now_ms(&bench.platform);
    assert_eq!(bench.serve_only(bench.request(&token)).status, 200);
    assert_eq!(sluis_gate::Platform::now_ms(&bench.platform), before);
    bench.run_deferred();
}

#[test]
fn reasons_beyond_the_limit_are_counted_together_and_a_lost_record_is_not() {
    let bench = with_catalogue(&[("termsVersion = \"1\"", "termsVersion = \"2\"")]);
    let token = bench.mint(json!({}));
    assert_eq!(bench.serve_only(bench.request(&token)).status, 200);
    bench.platform.break_log(LogFault::Unavailable);
    bench.run_deferred();
    assert!(recorded(&bench).is_empty());
    bench.platform.break_log(LogFault::None);
    assert_eq!(ask(&bench, json!({})), 200);
    let counts = recorded(&bench);
    assert_eq!(counts.iter().map(|(.., count)| count).sum::<u64>(), 2);
}

#[test]
fn only_operators_see_it_and_only_where_something_is_compared() {
    let bench = with_catalogue(&[]);
    let get = |token: &str| {
        MemoryRequest::new("GET", "/operator/comparison")
            .header("authorization", &format!("Bearer {token}"))
    };
    assert_eq!(bench.serve(get(&auditor())).status, 401);
    assert_eq!(bench.serve(get(OPERATOR)).status, 200);
    let post = MemoryRequest::new("POST", "/operator/comparison")
        .header("authorization", &format!("Bearer {OPERATOR}"));
    assert_eq!(bench.serve(post).status, 405);
    assert_eq!(Bench::new().serve(get(OPERATOR)).status, 404);
}

#[test]
fn without_a_candidate_nothing_is_put_off() {
    let bench = Bench::new();
    let token = bench.mint(json!({}));
    assert_eq!(bench.serve(bench.request(&token)).status, 200);
    bench.run_deferred();
    let fetches = bench.platform.fetches();
    assert_eq!(bench.serve_only(bench.request(&token)).status, 200);
    // The outcome record alone.
    assert_eq!(bench.platform.deferred(), 1);
    assert_eq!(bench.platform.fetches(), fetches);
    assert_eq!(KEYS.len(), 4);
}
