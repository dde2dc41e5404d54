//! Shadow: what is decided and recorded when nothing, or not every rule, is enforced.
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
use support::{Bench, OPERATOR, SSIN, auditor, body_of, header};

fn whole() -> Bench {
    Bench::enforcing("verdict = \"shadow\"")
}

fn rules(list: &str) -> Bench {
    Bench::enforcing(&format!("shadow_rules = [{list}]"))
}

/// A request whose body is declared, as HTTP clients do.
fn request(bench: &Bench, token: &str) -> MemoryRequest {
    let request = bench.request(token);
    let length = format!("{{\"ssin\":\"{SSIN}\"}}").len();
    request.header("content-length", &length.to_string())
}

fn terms_outdated(bench: &Bench) -> Value {
    let mut details = bench.claims(false, json!({}))["authorization_details"].clone();
    details[0]["terms"]["version"] = json!("0");
    json!({ "authorization_details": details })
}

#[test]
fn a_refused_request_goes_on_as_it_came_and_is_recorded_as_refused() {
    let bench = whole();
    let token = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    let request = request(&bench, &token)
        .header("cookie", "a=b")
        .header("user-agent", "caller")
        .header("x-custom", "1")
        .header("connection", "close, x-hop")
        .header("x-hop", "1")
        .header("te", "trailers")
        .header("host", "gate.example")
        .header("sluis-assertion", "forged");
    let reply = bench.serve(request);
    assert_eq!(reply.status, 200, "{}", body_of(&reply));
    let forwarded = &bench.platform.forwarded()[0];
    assert_eq!(
        forwarded.headers["authorization"],
        format!("Bearer {token}")
    );
    for name in ["cookie", "user-agent", "x-custom"] {
        assert!(forwarded.headers.contains_key(name), "{name}");
    }
    for name in ["connection", "x-hop", "te", "host", "sluis-assertion"] {
        assert!(!forwarded.headers.contains_key(name), "{name}");
    }
    assert_eq!(
        forwarded.body,
        format!("{{\"ssin\":\"{SSIN}\"}}").into_bytes()
    );
    let events = bench.events();
    assert_eq!(events.len(), 2);
    let decision = &events[0]["data"];
    assert_eq!(decision["decision"], "refused");
    assert_eq!(decision["reason"], "purposeNotCovered");
    assert_eq!(decision["httpStatus"], 403);
    assert_eq!(decision["shadow"], true);
    assert_eq!(events[1]["relatedto"], events[0]["id"]);
}

#[test]
fn an_allowed_request_is_marked_too_and_has_its_assertion() {
    let bench = whole();
    let token = bench.mint(json!({}));
    assert_eq!(bench.serve(request(&bench, &token)).status, 200);
    assert_eq!(bench.events()[0]["data"]["decision"], "granted");
    assert_eq!(bench.events()[0]["data"]["shadow"], true);
    let forwarded = &bench.platform.forwarded()[0];
    bench.open_assertion(&forwarded.headers["sluis-assertion"]);
    assert_eq!(
        forwarded.headers["authorization"],
        format!("Bearer {token}")
    );
}

#[test]
fn what_has_no_entry_is_counted_and_goes_on() {
    let bench = whole();
    let token = bench.mint(json!({}));
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let plain = |target: &str| MemoryRequest::new("GET", target);
    let requests = [
        (plain("/in/use/already"), "operationUnknown"),
        (request(&bench, &forged), "signatureMismatch"),
        (
            plain(&format!("/pension/v1/persons/{SSIN}/rights")),
            "tokenMissing",
        ),
        (
            plain(&format!("/pension/v1/persons/{SSIN}/rights"))
                .header("authorization", "Basic dTpw"),
            "",
        ),
    ];
    for (number, (request, reason)) in requests.into_iter().enumerate() {
        assert_eq!(bench.serve(request).status, 200, "{reason}");
        assert_eq!(bench.platform.forwarded().len(), number + 1, "{reason}");
        let last = bench.events().pop().unwrap();
        assert_eq!(last["data"]["shadow"], true, "{last}");
        assert_eq!(last["data"]["count"], 1, "{last}");
    }
    assert_eq!(
        bench.platform.forwarded()[3].headers["authorization"],
        "Basic dTpw"
    );
}

#[test]
fn a_holder_that_must_stay_unknown_is_not_let_out_in_shadow_either() {
    let bench = whole();
    for changes in [json!({}), json!({"purposes": ["simPensionSimulation"]})] {
        let token = bench.mint_nic(changes);
        let request = bench
            .request_to("POST", "/mutuality/v1/benefits/get", &token)
            .header("content-length", "22")
            .header("x-custom", "who")
            .header("prefer", "who");
        assert_eq!(bench.serve(request).status, 200);
        let forwarded = bench.platform.forwarded().pop().unwrap();
        for name in ["authorization", "x-custom", "prefer"] {
            assert!(!forwarded.headers.contains_key(name), "{name}");
        }
        assert!(forwarded.headers.contains_key("content-type"));
    }
    // Also of a token whose signature held and whose time has passed.
    let token = bench.mint_nic(json!({"lifetime": -10}));
    let late = bench
        .request_to("POST", "/mutuality/v1/benefits/get", &token)
        .header("x-custom", "who");
    assert_eq!(bench.serve(late).status, 200);
    let forwarded = bench.platform.forwarded().pop().unwrap();
    assert!(!forwarded.headers.contains_key("x-custom"));
    // And of a mandate of a type that nobody knows, whoever issued it.
    let mut details = bench.claims(false, json!({}))["authorization_details"].clone();
    details[0]["mandateType"] = json!("simUnknown");
    let token = bench.mint(json!({ "authorization_details": details }));
    assert_eq!(bench.serve(request(&bench, &token)).status, 200);
    let forwarded = bench.platform.forwarded().pop().unwrap();
    assert!(!forwarded.headers.contains_key("authorization"));
    // A proxy forwards itself, so it is told.
    let token = bench.mint_nic(json!({"purposes": ["simPensionSimulation"]}));
    let asked = MemoryRequest::new("GET", "/decide")
        .header("authorization", &format!("Bearer {token}"))
        .header("x-original-method", "POST")
        .header("x-original-uri", "/mutuality/v1/benefits/get");
    assert_eq!(
        header(&bench.serve(asked), "sluis-enforcement"),
        Some("shadow; holder=hidden")
    );
}

#[test]
fn a_log_that_fails_stops_nobody_in_shadow_and_is_counted() {
    for fault in [
        LogFault::Unavailable,
        LogFault::Timeout,
        LogFault::ForkedReceipt,
    ] {
        let bench = whole();
        bench.platform.break_log(fault);
        let token = bench.mint(json!({}));
        assert_eq!(
            bench.serve_only(request(&bench, &token)).status,
            200,
            "{fault:?}"
        );
        let wrong = bench.mint(json!({"purposes": ["x"]}));
        assert_eq!(
            bench.serve_only(request(&bench, &wrong)).status,
            200,
            "{fault:?}"
        );
        let health = bench.serve_only(MemoryRequest::new("GET", "/health"));
        assert_eq!(
            (health.status, body_of(&health).as_str()),
            (200, r#"{"status":"DEGRADED"}"#)
        );
        let before = bench.events().len();
        bench.platform.break_log(LogFault::None);
        bench.run_deferred();
        let counted: u64 = bench.events()[before..]
            .iter()
            .filter(|event| event["data"]["reason"] == "logUnavailable")
            .map(|event| event["data"]["count"].as_u64().unwrap())
            .sum();
        assert_eq!(counted, 2, "{fault:?}");
    }
}

#[test]
fn keys_that_cannot_be_had_stop_nobody_in_shadow() {
    let bench = whole();
    bench.stop_keys();
    let token = bench.mint(json!({}));
    assert_eq!(bench.serve(request(&bench, &token)).status, 200);
    assert_eq!(bench.fault_counts(), ["keysUnavailable"]);
}

#[test]
fn what_cannot_be_sent_on_whole_or_unambiguously_is_refused_in_shadow_too() {
    let bench = whole();
    for target in ["//pension", "/a/../b", "/a%2fb"] {
        let reply = bench.serve(MemoryRequest::new("GET", target));
        assert_eq!(reply.status, 400, "{target}");
    }
    assert!(bench.platform.forwarded().is_empty());
    // A body that may be too large to look into is not touched.
    let token = bench.mint(json!({}));
    for length in [None, Some("70000"), Some("x")] {
        let mut request = bench.request(&token);
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        assert_eq!(bench.serve(request).status, 200, "{length:?}");
        let decision = bench
            .events()
            .into_iter()
            .rev()
            .find(|event| event["data"].get("decision").is_some());
        assert_eq!(decision.unwrap()["data"]["reason"], "bodyTooLarge");
    }
}

#[test]
fn the_gates_own_endpoints_are_not_in_shadow() {
    let bench = whole();
    for (method, path) in [("GET", "/log/entries"), ("POST", "/operator/keys/purge")] {
        assert_eq!(bench.serve(MemoryRequest::new(method, path)).status, 401);
    }
    assert_eq!(
        bench.serve(MemoryRequest::new("GET", "/log/other")).status,
        404
    );
    assert!(bench.platform.forwarded().is_empty());
    let counted = bench.events();
    assert!(
        counted
            .iter()
            .all(|event| event["data"].get("shadow").is_none())
    );
    let read = MemoryRequest::new("GET", "/log/entries")
        .header("authorization", &format!("Bearer {}", auditor()));
    assert_eq!(bench.serve(read).status, 200);
}

#[test]
fn a_proxy_is_told_to_let_pass_and_gets_no_assertion_of_a_refusal() {
    let bench = whole();
    let ask = |ssin: &str, token: &str| {
        MemoryRequest::new("GET", "/decide")
            .header("authorization", &format!("Bearer {token}"))
            .header("x-original-method", "GET")
            .header(
                "x-original-uri",
                &format!("/pension/v1/persons/{ssin}/rights"),
            )
    };
    let token = bench.mint(json!({}));
    let allowed = bench.serve(ask(SSIN, &token));
    assert_eq!(allowed.status, 200);
    assert!(header(&allowed, "sluis-assertion").is_some());
    let refused = bench.serve(ask("53400003597", &token));
    assert_eq!(refused.status, 200);
    assert_eq!(header(&refused, "sluis-assertion"), None);
    for reply in [&allowed, &refused] {
        assert_eq!(header(reply, "sluis-enforcement"), Some("shadow"));
    }
    // Nor does a question that names nothing stop a running API.
    assert_eq!(
        bench.serve(MemoryRequest::new("GET", "/decide")).status,
        200
    );
    // Where the verdict counts there is no such header.
    let enforced = Bench::new();
    let token = enforced.mint(json!({}));
    let reply = enforced.serve(ask(SSIN, &token));
    assert_eq!(header(&reply, "sluis-enforcement"), None);
    assert_eq!(enforced.serve(ask("53400003597", &token)).status, 403);
}

#[test]
fn a_gate_in_shadow_is_degraded_and_says_why_to_operators() {
    for (bench, status, enforcement) in [
        (whole(), "DEGRADED", "shadow"),
        (rules("\"termsAccepted\""), "UP", "partly"),
        (Bench::new(), "UP", "enforced"),
    ] {
        let reply = bench.serve(MemoryRequest::new("GET", "/health"));
        assert_eq!(body_of(&reply), format!("{{\"status\":\"{status}\"}}"));
        let request = MemoryRequest::new("GET", "/health")
            .header("authorization", &format!("Bearer {OPERATOR}"));
        let body: Value = serde_json::from_str(&body_of(&bench.serve(request))).unwrap();
        assert_eq!(body["enforcement"], enforcement);
    }
}

#[test]
fn a_rule_in_shadow_is_recorded_and_the_request_goes_on_by_the_others() {
    let bench = rules("\"termsAccepted\", \"circleOfTrustAccepted\"");
    let token = bench.mint(terms_outdated(&bench));
    assert_eq!(bench.serve(request(&bench, &token)).status, 200);
    let decision = bench.events()[0]["data"].clone();
    assert_eq!(decision["decision"], "granted");
    assert_eq!(decision["shadow"], true);
    let watched = &decision["checks"][0]["failedInShadow"];
    assert_eq!(watched, &json!(["M-23.1 termsAccepted"]));
    assert!(decision["checks"][0].get("failed").is_none());
    // It was allowed: the fixed list passes, with an assertion.
    let forwarded = &bench.platform.forwarded()[0];
    let assertion = bench.open_assertion(&forwarded.headers["sluis-assertion"]);
    assert_eq!(assertion["failedInShadow"], json!(["termsAccepted"]));
    assert!(!forwarded.headers.contains_key("authorization"));
    // Another rule still refuses, and what holds is not marked.
    let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    assert_eq!(bench.serve(request(&bench, &wrong)).status, 403);
    let good = bench.mint(json!({}));
    assert_eq!(bench.serve(request(&bench, &good)).status, 200);
    let last = bench
        .events()
        .into_iter()
        .rev()
        .find(|event| event["data"]["decision"] == "granted");
    assert!(last.unwrap()["data"].get("shadow").is_none());
    let forwarded = bench.platform.forwarded().pop().unwrap();
    let assertion = bench.open_assertion(&forwarded.headers["sluis-assertion"]);
    assert!(assertion.get("failedInShadow").is_none());
    // A log that fails stops everything here: the verdict counts.
    bench.platform.break_log(LogFault::Unavailable);
    assert_eq!(bench.serve(request(&bench, &good)).status, 503);
}

#[test]
fn nothing_goes_on_in_shadow_where_the_verdict_is_enforced() {
    let bench = Bench::enforcing("verdict = \"enforce\"");
    let token = bench.mint(terms_outdated(&bench));
    assert_eq!(bench.serve(request(&bench, &token)).status, 403);
    assert!(bench.events()[0]["data"].get("shadow").is_none());
    assert_eq!(
        bench.serve(MemoryRequest::new("GET", "/in/use")).status,
        404
    );
    assert!(bench.platform.forwarded().is_empty());
}
