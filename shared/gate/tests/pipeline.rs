//! The pipeline on the in-memory platform: what passes, what is recorded,
//! what the backend sees, and what happens when a part fails.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up should panic"
)]
#![expect(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    dead_code,
    reason = "the bench's methods read the same at every call"
)]

#[path = "pipeline/binding.rs"]
mod binding;
#[path = "pipeline/destroyed.rs"]
mod destroyed;
#[path = "pipeline/edge_node.rs"]
mod edge_node;
#[path = "pipeline/health.rs"]
mod health;
#[path = "pipeline/payload_keys.rs"]
mod payload_keys;
#[path = "pipeline/published.rs"]
mod published;
#[path = "pipeline/receipts.rs"]
mod receipts;
#[path = "pipeline/retain.rs"]
mod retain;
#[path = "pipeline/retain_faults.rs"]
mod retain_faults;
#[path = "pipeline/shards.rs"]
mod shards;
#[path = "pipeline/single_use.rs"]
mod single_use;
#[path = "pipeline/status.rs"]
mod status;
mod support;

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Waker};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use pollster::block_on;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sluis_gate::memory::{LogFault, MemoryRequest};
use sluis_gate::{LogError, UpstreamError};
use sluis_log::ReadingPurpose;
use support::{Bench, ENTERPRISE, SSIN, body_of, header};

fn outcomes(bench: &Bench) -> Vec<String> {
    bench
        .events()
        .iter()
        .map(|event| {
            let kind = event["type"].as_str().unwrap();
            kind.rsplit_once(".notify.").unwrap().1.to_owned()
        })
        .collect()
}

#[test]
fn an_allowed_request_is_recorded_forwarded_and_followed_by_its_outcome() {
    let bench = Bench::new();
    let token = bench.mint(json!({}));
    let reply = bench.serve(bench.request(&token));
    assert_eq!(reply.status, 200, "{}", body_of(&reply));
    assert_eq!(header(&reply, "cache-control"), Some("no-store, max-age=0"));
    assert_eq!(outcomes(&bench), ["granted", "completed"]);

    let events = bench.events();
    assert_eq!(events[1]["relatedto"], events[0]["id"]);
    assert_eq!(events[0]["data"]["operation"], "getPensionRights");
    assert_eq!(
        events[0]["data"]["traceId"],
        header(&reply, "belgov-trace-id").unwrap()
    );

    let forwarded = &bench.platform.forwarded()[0];
    assert_eq!(forwarded.method, "POST");
    let prefix = "/simulation/backend";
    assert!(
        forwarded
            .url
            .ends_with(&format!("{prefix}/pension/v1/rights/get"))
    );
    assert_eq!(
        forwarded.body,
        format!("{{\"ssin\":\"{SSIN}\"}}").into_bytes()
    );
    assert!(!forwarded.headers.contains_key("authorization"));
    let assertion = bench.open_assertion(&forwarded.headers["sluis-assertion"]);
    assert_eq!(assertion["jti"], events[0]["id"]);
    assert_eq!(assertion["operation"], "getPensionRights");
    assert_eq!(assertion["logIndex"], 0);
    assert_eq!(assertion["method"], "POST");
    let hash = |text: &str| Base64UrlUnpadded::encode_string(&Sha256::digest(text.as_bytes()));
    // What the backend gets, and not what the caller asked for.
    assert_eq!(
        assertion["targetHash"],
        hash(&format!("{prefix}/pension/v1/rights/get"))
    );
    assert_eq!(
        assertion["bodyHash"],
        hash(&format!("{{\"ssin\":\"{SSIN}\"}}"))
    );
}

#[test]
fn the_backend_sees_only_headers_of_the_list() {
    let bench = Bench::new();
    let token = bench.mint(json!({}));
    let mut request = bench.request(&token).header("accept", "application/json");
    let hidden = [
        "cookie",
        "x-forwarded-for",
        "forwarded",
        "client-cert",
        "traceparent",
        "dpop",
        "x-user",
        "connection",
        "transfer-encoding",
        "user-agent",
        "referer",
        "origin",
    ];
    for name in hidden {
        request = request.header(name, "somebody");
    }
    let request = request
        .header("sluis-assertion", "forged")
        .header("prefer", "minimal");
    assert_eq!(bench.serve(request).status, 200);
    let forwarded = &bench.platform.forwarded()[0];
    for name in hidden {
        assert!(!forwarded.headers.contains_key(name), "{name}");
    }
    assert_eq!(forwarded.headers["accept"], "application/json");
    assert_eq!(forwarded.headers["prefer"], "minimal");
    assert_ne!(forwarded.headers["sluis-assertion"], "forged");
}

#[test]
fn a_configured_header_does_not_pass_for_a_pseudonymised_holder() {
    let bench = Bench::new();
    let token = bench.mint_nic(json!({}));
    let request = bench
        .request_to("POST", "/mutuality/v1/benefits/get", &token)
        .header("prefer", "minimal")
        .header("accept-language", "nl");
    let reply = bench.serve(request);
    assert_eq!(reply.status, 200, "{}", body_of(&reply));
    let forwarded = &bench.platform.forwarded()[0];
    assert!(!forwarded.headers.contains_key("prefer"));
    assert_eq!(forwarded.headers["accept-language"], "nl");
    let assertion = bench.open_assertion(&forwarded.headers["sluis-assertion"]);
    assert!(assertion["holder"].get("enterpriseNumber").is_none());
}

#[test]
fn a_log_that_fails_stops_everything() {
    for fault in [
        LogFault::Unavailable,
        LogFault::Timeout,
        LogFault::CrashAfterWrite,
        LogFault::ForkedReceipt,
    ] {
        let bench = Bench::new();
        let token = bench.mint(json!({}));
        bench.platform.break_log(fault);
        let reply = bench.serve(bench.request(&token));
        assert_eq!(reply.status, 503, "{fault:?}");
        assert!(bench.platform.forwarded().is_empty(), "{fault:?}");
        assert_eq!(header(&reply, "retry-after"), Some("5"));
        // A refusal that cannot be recorded is no answer either.
        let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
        assert_eq!(bench.serve(bench.request(&wrong)).status, 503, "{fault:?}");
    }
}

#[test]
fn an_outcome_that_the_log_does_not_take_is_tried_again_and_reported() {
    let health = |bench: &Bench| {
        bench
            .serve_only(MemoryRequest::new("GET", "/health"))
            .status
    };
    for fault in [
        LogFault::Unavailable,
        LogFault::Timeout,
        LogFault::CrashAfterWrite,
    ] {
        // The log comes back before it is tried again: nothing is lost, and nothing there twice.
        let bench = Bench::new();
        let reply = bench.serve_only(bench.request(&bench.mint(json!({}))));
        assert_eq!(reply.status, 200, "{fault:?}");
        bench.platform.break_log(fault);
        let mut later = pin!(bench.platform.run_deferred());
        let context = &mut Context::from_waker(Waker::noop());
        assert!(later.as_mut().poll(context).is_pending(), "{fault:?}");
        bench.platform.break_log(LogFault::None);
        block_on(later);
        assert_eq!(outcomes(&bench), ["granted", "completed"], "{fault:?}");
        assert!(bench.platform.reported().is_empty(), "{fault:?}");

        // It does not: the decision stays open, and whoever asks is told.
        let reply = bench.serve_only(bench.request(&bench.mint(json!({}))));
        assert_eq!(reply.status, 200, "{fault:?}");
        assert_eq!(health(&bench), 200, "{fault:?}");
        bench.platform.break_log(fault);
        bench.run_deferred();
        let lines = bench.platform.reported();
        let id = bench.events()[2]["id"].as_str().unwrap().to_owned();
        assert_eq!(lines.len(), 1, "{fault:?}");
        assert!(lines[0].contains(&id), "{lines:?}");
        bench.platform.break_log(LogFault::None);
        assert_eq!(health(&bench), 503, "{fault:?}");
    }
}

#[test]
fn a_backend_that_fails_is_502_and_recorded() {
    for (error, code) in [
        (UpstreamError::Unreachable, "upstreamUnreachable"),
        (UpstreamError::Timeout { limit_ms: 1 }, "upstreamTimeout"),
        (UpstreamError::NotSent, "upstreamNotSent"),
    ] {
        let bench = Bench::new();
        bench.platform.answer(Err(error));
        let reply = bench.serve(bench.request(&bench.mint(json!({}))));
        assert_eq!(reply.status, 502);
        assert_eq!(outcomes(&bench), ["granted", "failed"]);
        assert_eq!(bench.events()[1]["data"]["failure"], code);
    }
}

#[test]
fn a_refusal_after_the_signature_has_an_entry_of_its_own() {
    let cases: [(Value, u16, &str); 5] = [
        (json!({"lifetime": -10}), 401, "tokenExpired"),
        (
            json!({"aud": "https://other.invalid"}),
            401,
            "audienceMismatch",
        ),
        (
            json!({"purposes": ["simBenefitAdvice"]}),
            403,
            "purposeNotCovered",
        ),
        (json!({"sub": "A".repeat(43)}), 403, "subjectMismatch"),
        (
            json!({"authorization_details": [{"type": "payment"}]}),
            403,
            "authorizationDetailUnknown",
        ),
    ];
    for (defect, status, reason) in &cases {
        let bench = Bench::new();
        let reply = bench.serve(bench.request(&bench.mint(defect.clone())));
        assert_eq!(reply.status, *status, "{defect}");
        assert_eq!(outcomes(&bench), ["refused"], "{defect}");
        assert!(bench.platform.forwarded().is_empty());
        assert_eq!(bench.events()[0]["data"]["httpStatus"], *status);
        assert_eq!(bench.events()[0]["data"]["reason"], *reason);
    }
}

#[test]
fn a_record_lists_each_rule_that_was_reached_with_what_came_of_it() {
    let bench = Bench::new();
    bench.serve(bench.request(&bench.mint(json!({}))));
    let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    bench.serve(bench.request(&wrong));
    let checks = |at: usize| bench.events()[at]["data"]["checks"].clone();
    let (granted, refused) = (checks(0), checks(2));
    assert_eq!(granted.as_array().unwrap().len(), 1);
    assert_eq!(granted[0]["by"], "sluis");
    assert!(granted[0].get("failed").is_none(), "{granted}");
    assert!(granted[0].get("failedInShadow").is_none(), "{granted}");
    let held = granted[0]["held"].as_array().unwrap();
    assert!(held.contains(&json!("M-5.2 purposeCovered")), "{granted}");
    assert!(held.contains(&json!("M-23.1 termsAccepted")), "{granted}");
    // The rule that refused, and none after it.
    assert_eq!(refused[0]["failed"], json!(["M-5.2 purposeCovered"]));
    let held = refused[0]["held"].as_array().unwrap();
    assert!(held.contains(&json!("M-12.1 mandateTypeKnown")));
    assert!(!held.contains(&json!("M-23.1 termsAccepted")), "{refused}");
}

#[test]
fn each_token_has_references_of_its_own_also_the_second_time() {
    let bench = Bench::new();
    let other = {
        let mut details = bench.claims(false, json!({}))["authorization_details"].clone();
        details[0]["mandateId"] = json!("6f2c1f0e-0000-4000-8000-000000000003");
        details[0]["holder"]["enterpriseNumber"] = json!("0123456749");
        bench.mint(json!({"authorization_details": details, "jti": "another"}))
    };
    let tokens = [bench.mint(json!({})), other];
    for token in tokens.iter().chain(&tokens) {
        assert_eq!(bench.serve(bench.request(token)).status, 200);
    }
    let named: Vec<[String; 3]> = bench
        .events()
        .iter()
        .filter(|event| event["data"]["decision"] == "granted")
        .map(|event| {
            let data = &event["data"];
            [
                &data["mandateRef"],
                &data["actor"]["holderRef"],
                &data["subjectRef"],
            ]
            .map(|reference| reference.as_str().unwrap().to_owned())
        })
        .collect();
    let [first, second, first_again, second_again] = named.try_into().unwrap();
    assert_ne!(first[0], second[0]);
    assert_ne!(first[1], second[1]);
    // Both are about one person.
    assert_eq!(first[2], second[2]);
    assert_eq!((first, second), (first_again, second_again));
}

#[test]
fn a_flood_before_the_signature_costs_two_entries_a_reason() {
    let bench = Bench::new();
    let token = bench.mint(json!({}));
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    for _ in 0..500 {
        assert_eq!(bench.serve_only(bench.request(&forged)).status, 401);
        assert_eq!(
            bench
                .serve_only(MemoryRequest::new("POST", "/pension/v1/rights/get"))
                .status,
            401
        );
    }
    bench.run_deferred();
    let counts: Vec<u64> = bench
        .events()
        .iter()
        .map(|e| e["data"]["count"].as_u64().unwrap())
        .collect();
    assert_eq!(counts.len(), 4);
    assert_eq!(counts.iter().sum::<u64>(), 1000);
}

#[test]
fn a_refusal_counted_while_the_log_is_down_is_recorded_later() {
    let bench = Bench::new();
    let bare = || MemoryRequest::new("POST", "/pension/v1/rights/get");
    bench.platform.break_log(LogFault::Unavailable);
    assert_eq!(bench.serve(bare()).status, 401);
    assert!(bench.events().is_empty());
    bench.platform.break_log(LogFault::None);
    assert_eq!(bench.serve(bare()).status, 401);
    assert_eq!(bench.events()[0]["data"]["count"], 2);
}

#[test]
fn a_holder_that_must_stay_unknown_leaves_no_trace_in_the_log() {
    let bench = Bench::new();
    let mut details = bench.claims(true, json!({}))["authorization_details"].clone();
    details[0]["holder"] = json!({"type": "organization", "enterpriseNumber": ENTERPRISE});
    let token = bench.mint_nic(json!({"authorization_details": details}));
    let reply = bench.serve(bench.request_to("POST", "/mutuality/v1/benefits/get", &token));
    assert_eq!(reply.status, 403);
    let event = &bench.events()[0]["data"];
    assert!(event.get("actor").is_none(), "{event}");
    let failed = event["checks"][0]["failed"].as_array().unwrap();
    assert!(
        failed.contains(&json!("M-15.4 holderExposedAlarm")),
        "{event}"
    );
}

#[test]
fn every_invalid_token_gets_the_same_answer_in_production() {
    let answers = answers_to_invalid_tokens(&Bench::in_production());
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(answers[0].0, 401);
}

#[test]
fn the_simulation_tells_the_reason_in_the_body_and_nowhere_else() {
    let answers = answers_to_invalid_tokens(&Bench::new());
    let reasons: Vec<String> = answers
        .iter()
        .map(|(status, body, challenge)| {
            assert_eq!(*status, 401);
            assert_eq!(challenge, &answers[0].2);
            let body: Value = serde_json::from_str(body).unwrap();
            body["reason"].as_str().unwrap().to_owned()
        })
        .collect();
    let expected = [
        "signatureLength",
        "signatureLength",
        "tokenNotThreeParts",
        "tokenNotThreeParts",
        "tokenTooLarge",
        "issuerUnknown",
        "audienceMismatch",
        "memberWrongType",
    ];
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.starts_with(expected), "{reason}, not {expected}");
    }
    // What is no token's fault has no reason in the body.
    let bench = Bench::new();
    let unknown = bench.serve(MemoryRequest::new("GET", "/nowhere"));
    assert!(!body_of(&unknown).contains("reason"));
    bench.platform.break_log(LogFault::Unavailable);
    let fault = bench.serve(bench.request(&bench.mint(json!({}))));
    assert_eq!(fault.status, 503);
    assert!(!body_of(&fault).contains("reason"));
}

#[test]
fn a_refusal_of_the_policy_tells_its_reason_in_the_simulation_only() {
    for (bench, told) in [(Bench::new(), true), (Bench::in_production(), false)] {
        let reply = bench.serve(bench.request(&bench.mint(json!({"mandateType": "simUnknown"}))));
        assert_eq!(reply.status, 403);
        let body: Value = serde_json::from_str(&body_of(&reply)).unwrap();
        let reason = bench.events()[0]["data"]["reason"].clone();
        assert_eq!(body.get("reason"), told.then_some(&reason));
    }
}

/// Status, body and challenge of the answers to tokens that are invalid in various ways.
fn answers_to_invalid_tokens(bench: &Bench) -> Vec<(u16, String, Option<String>)> {
    let token = bench.mint(json!({}));
    let parts: Vec<&str> = token.split('.').collect();
    let other = bench.mint(json!({"iss": "https://unknown.invalid"}));
    let bad = [
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}A", parts[0], parts[1], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        "rubbish".to_owned(),
        "a".repeat(9000),
        other,
        bench.mint(json!({"aud": "https://other.invalid"})),
        bench.mint(json!({"jti": 7})),
    ];
    bad.iter()
        .map(|token| {
            let reply = bench.serve(bench.request(token));
            let challenge = header(&reply, "www-authenticate").map(str::to_owned);
            (reply.status, body_of(&reply), challenge)
        })
        .collect()
}

#[test]
fn the_request_must_be_about_the_tokens_subject() {
    let bench = Bench::new();
    let token = bench.mint(json!({}));
    let post = |body: &str| {
        MemoryRequest::new("POST", "/pension/v1/rights/get")
            .header("authorization", &format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body)
    };
    for (body, status) in [
        (r#"{"ssin":"53400003597"}"#, 403),
        (r#"{"ssin":"12345678901"}"#, 400),
        (r#"{"ssin":53480200724}"#, 400),
        (r#"{"ssin":"53480200724","SSIN":"53400003597"}"#, 400),
        (r#"{"other":"53480200724"}"#, 400),
        (r#"{"ssin":"53480200724","ssin":"53400003597"}"#, 400),
        (r#"{"ssin":"53480200724","\u0073sin":"53400003597"}"#, 400),
        ("", 400),
        ("[]", 400),
        (
            &format!("{{\"ssin\":\"{SSIN}\",\"x\":\"{}\"}}", "a".repeat(70_000)),
            413,
        ),
    ] {
        let reply = bench.serve(post(body));
        assert_eq!(reply.status, status, "{body:.60}");
        assert!(!body_of(&reply).contains("53400003597"));
    }
    assert!(bench.platform.forwarded().is_empty());
    let good = format!("{{\"ssin\":\"{SSIN}\"}}");
    for content_type in [
        "application/json; charset=utf-7",
        "application/json;a=b",
        "application/json, application/xml",
        "application/json-patch+json",
        "text/plain",
        "",
    ] {
        let request = MemoryRequest::new("POST", "/pension/v1/rights/get")
            .header("authorization", &format!("Bearer {token}"))
            .header("content-type", content_type)
            .body(&good);
        assert_eq!(bench.serve(request).status, 400, "{content_type}");
    }
    let partial = post(&good).header("x-envoy-auth-partial-body", "true");
    assert_eq!(bench.serve(partial).status, 400);
    assert!(bench.platform.forwarded().is_empty());
    let form = post("ssin=1").header("content-encoding", "gzip");
    assert_eq!(bench.serve(form).status, 400);
    let path = |ssin: &str| {
        MemoryRequest::new("GET", &format!("/pension/v1/persons/{ssin}/rights"))
            .header("authorization", &format!("Bearer {token}"))
    };
    assert_eq!(bench.serve(path(SSIN)).status, 200);
    assert_eq!(bench.serve(path("53400003597")).status, 403);
    assert_eq!(bench.serve(path("1")).status, 400);
}

#[test]
fn a_proxy_gets_a_decision_and_forwards_itself() {
    let bench = Bench::new();
    let token = bench.mint(json!({}));
    let ask = |ssin: &str| {
        MemoryRequest::new("GET", "/decide")
            .header("authorization", &format!("Bearer {token}"))
            .header("x-original-method", "GET")
            .header(
                "x-original-uri",
                &format!("/pension/v1/persons/{ssin}/rights"),
            )
    };
    let reply = bench.serve(ask(SSIN));
    assert_eq!(reply.status, 200, "{}", body_of(&reply));
    assert!(header(&reply, "sluis-assertion").is_some());
    assert_eq!(outcomes(&bench), ["granted"]);
    assert!(bench.platform.forwarded().is_empty());
    assert_eq!(bench.serve(ask("53400003597")).status, 403);
    // The body stayed at the proxy, so a subject in it cannot be checked.
    let blind = MemoryRequest::new("GET", "/decide")
        .header("authorization", &format!("Bearer {token}"))
        .header("x-original-method", "POST")
        .header("x-original-uri", "/pension/v1/rights/get");
    assert_eq!(bench.serve(blind).status, 400);
}

#[test]
fn a_gate_stands_in_front_in_one_way() {
    let ask = |bench: &Bench, token: &str| {
        let request = MemoryRequest::new("GET", "/decide")
            .header("authorization", &format!("Bearer {token}"))
            .header("x-original-method", "GET")
            .header(
                "x-original-uri",
                &format!("/pension/v1/persons/{SSIN}/rights"),
            );
        bench.serve(request).status
    };
    let inline = Bench::in_mode("inline");
    let token = inline.mint(json!({}));
    assert_eq!(
        ask(&inline, &token),
        404,
        "an assertion without being forwarded"
    );
    assert_eq!(inline.serve(inline.request(&token)).status, 200);
    let decision = Bench::in_mode("decision");
    let token = decision.mint(json!({}));
    assert_eq!(ask(&decision, &token), 200);
    assert_eq!(decision.serve(decision.request(&token)).status, 404);
    assert!(decision.platform.forwarded().is_empty());
}

#[test]
fn own_endpoints_are_read_only() {
    let bench = Bench::new();
    for path in ["/health", "/.well-known/jwks.json", "/log/entries"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let reply = bench.serve(MemoryRequest::new(method, path));
            assert_eq!(reply.status, 405, "{method} {path}");
            assert_eq!(header(&reply, "allow"), Some("GET, HEAD"));
        }
    }
}

#[test]
fn a_cached_token_is_judged_anew_each_time() {
    let bench = Bench::new();
    let token = bench.mint(json!({}));
    assert_eq!(bench.serve(bench.request(&token)).status, 200);
    assert_eq!(cached_tokens(&bench), 1);
    bench.platform.advance_ms(400_000);
    let reply = bench.serve(bench.request(&token));
    assert_eq!(reply.status, 401);
    assert!(body_of(&reply).contains("expiredAccessToken"));
    // It is no good any more: it takes no room.
    assert_eq!(cached_tokens(&bench), 0);
}

#[test]
fn a_cached_token_goes_with_the_key_that_verified_it() {
    let bench = Bench::new();
    let token = bench.mint(json!({}));
    assert_eq!(bench.serve(bench.request(&token)).status, 200);
    let bench = bench.rotate();
    // A token under the new key makes the gate look.
    let newer = bench.mint(json!({}));
    assert_eq!(bench.serve(bench.request(&newer)).status, 200);
    assert_eq!(cached_tokens(&bench), 2);
    assert_eq!(bench.serve(bench.request(&token)).status, 401);
    assert_eq!(cached_tokens(&bench), 1);
}

/// How many verified tokens the gate keeps.
fn cached_tokens(bench: &Bench) -> usize {
    let shown = format!("{:?}", bench.gate);
    let (_, rest) = shown.split_once("VerifiedTokenCache { tokens: ").unwrap();
    rest.split_once(',').unwrap().0.parse().unwrap()
}

#[test]
fn a_token_with_a_status_or_a_confirmation_is_not_allowed_without_it() {
    let bench = Bench::new();
    let status =
        bench.mint(json!({"status": {"status_list": {"idx": 0, "uri": "https://x.invalid"}}}));
    assert_eq!(bench.serve(bench.request(&status)).status, 401);
    assert_eq!(outcomes(&bench), ["refused"]);
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    for cnf in [
        json!({"jkt": "x"}),
        json!({"jkt": thumbprint}),
        json!({"x5t#S256": thumbprint}),
    ] {
        let bound = bench.mint(json!({"cnf": cnf}));
        assert_eq!(bench.serve(bench.request(&bound)).status, 401);
        assert_eq!(outcomes(&bench).last(), Some(&"refused".to_owned()));
    }
    assert_eq!(outcomes(&bench).len(), 4);
    // Nor is a token that is bound to nothing good under the scheme for bound ones.
    let plain = bench.mint(json!({}));
    let request = MemoryRequest::new("POST", "/pension/v1/rights/get")
        .header("authorization", &format!("DPoP {plain}"));
    assert_eq!(bench.serve(request).status, 401);
    assert!(bench.platform.forwarded().is_empty());
}

#[test]
fn the_log_is_read_by_the_auditor_only_and_that_is_recorded() {
    let bench = Bench::new();
    assert_eq!(
        bench.serve(bench.request(&bench.mint(json!({})))).status,
        200
    );
    let read = |token: &str| {
        MemoryRequest::new("GET", "/log/entries?from=0&limit=10")
            .header("authorization", &format!("Bearer {token}"))
    };
    assert_eq!(
        bench
            .serve(MemoryRequest::new("GET", "/log/entries"))
            .status,
        401
    );
    assert_eq!(bench.serve(read("wrong")).status, 401);
    let reply = bench.serve(read(&support::auditor()));
    assert_eq!(reply.status, 200);
    let page: Value = serde_json::from_str(&body_of(&reply)).unwrap();
    // Granted, completed, and each of the two refused readings, counted.
    assert_eq!(page["items"].as_array().unwrap().len(), 4);
    assert_eq!(outcomes(&bench).last().unwrap(), "read");
    for bad in [
        "?from=x",
        "?limit=-1",
        "?other=1",
        "?from",
        "?from=",
        "?from=+5",
        "?from=007",
        "?from=0&from=0",
        "?limit=1&from=0&limit=1",
        "?limit=4294967296",
        "?",
    ] {
        let request = MemoryRequest::new("GET", &format!("/log/entries{bad}"))
            .header("authorization", &format!("Bearer {}", support::auditor()));
        assert_eq!(bench.serve(request).status, 400, "{bad}");
    }
}

#[test]
fn a_month_ends_the_references_of_a_token_that_is_still_good() {
    let bench = Bench::new();
    // 2026-09-30T23:58:00Z: the token is good for some minutes of October.
    let before = 1_790_812_680_000 - {
        use sluis_gate::Platform as _;
        bench.platform.now_ms()
    };
    bench.platform.advance_ms(before);
    let token = bench.mint(json!({}));
    let references = || {
        assert_eq!(bench.serve(bench.request(&token)).status, 200);
        let events = bench.events();
        let granted = events.iter().rfind(|event| {
            let kind = event["type"].as_str().unwrap();
            kind.ends_with("granted")
        });
        let data = &granted.unwrap()["data"];
        let holder = &data["actor"]["holderRef"];
        [
            &data["referenceKey"],
            &data["subjectRef"],
            &data["mandateRef"],
            holder,
        ]
        .map(Value::clone)
    };
    let september = references();
    assert_eq!(references(), september);
    bench.platform.advance_ms(120_000);
    let october = references();
    for (before, after) in september.iter().zip(&october) {
        assert!(before.is_string() && after.is_string());
        assert_ne!(before, after);
    }
    assert_eq!(references(), october);
}

#[test]
fn records_are_read_for_a_purpose_that_is_recorded() {
    let bench = Bench::new();
    assert_eq!(
        bench.serve(bench.request(&bench.mint(json!({})))).status,
        200
    );
    let read = |purpose| {
        let token = support::auditor_for(purpose);
        let request = MemoryRequest::new("GET", "/log/entries?from=0&limit=10");
        bench.serve(request.header("authorization", &format!("Bearer {token}")))
    };
    // What is published wants no purpose; there is nothing published yet.
    let token = support::auditor_for(None);
    let checkpoint = MemoryRequest::new("GET", "/log/checkpoint")
        .header("authorization", &format!("Bearer {token}"));
    assert_eq!(bench.serve(checkpoint).status, 404);
    assert_eq!(read(None).status, 403);

    assert_eq!(read(Some(ReadingPurpose::Complaint)).status, 200);
    let reading = bench.events().pop().unwrap();
    let data = &reading["data"];
    assert_eq!(
        [&data["auditor"], &data["purpose"], &data["reference"]],
        ["dpo", "complaint", "SIM/2026/42"]
    );

    bench.platform.advance_ms(support::AUDITOR_SECONDS * 1000);
    let expired = read(Some(ReadingPurpose::Complaint));
    assert_eq!(expired.status, 401);
    assert!(body_of(&expired).contains("expiredAccessToken"));
}

#[test]
fn health_tells_whether_a_request_could_pass() {
    let bench = Bench::new();
    let health = || bench.serve(MemoryRequest::new("GET", "/health"));
    assert_eq!(
        (health().status, body_of(&health())),
        (200, r#"{"status":"UP"}"#.to_owned())
    );
    bench.platform.break_log(LogFault::Unavailable);
    bench.platform.advance_ms(1_000);
    assert_eq!(
        (health().status, body_of(&health())),
        (503, r#"{"status":"DOWN"}"#.to_owned())
    );
}

#[test]
fn a_log_that_takes_no_writes_is_down_until_it_does() {
    let bench = Bench::new();
    let health = || bench.serve(MemoryRequest::new("GET", "/health")).status;
    // It can be read, which is what health asks for.
    bench.platform.break_log(LogFault::ForkedReceipt);
    assert_eq!(health(), 200);
    assert_eq!(
        bench.serve(bench.request(&bench.mint(json!({})))).status,
        503
    );
    assert_eq!(health(), 503);
    bench.platform.break_log(LogFault::None);
    assert_eq!(
        bench.serve(bench.request(&bench.mint(json!({})))).status,
        200
    );
    assert_eq!(health(), 200);
    bench.platform.break_log(LogFault::ForkedReceipt);
    assert_eq!(
        bench.serve(bench.request(&bench.mint(json!({})))).status,
        503
    );
    bench.platform.advance_ms(10_000);
    assert_eq!(health(), 200);
}

#[test]
fn no_record_holds_a_token_or_an_identifier() {
    let bench = Bench::new();
    let good = bench.mint(json!({}));
    let nic = bench.mint_nic(json!({}));
    bench.serve(bench.request(&good));
    bench.serve(bench.request_to("POST", "/mutuality/v1/benefits/get", &nic));
    bench.serve(bench.request(&bench.mint(json!({"purposes": ["x"]}))));
    let log = serde_json::to_string(&bench.events()).unwrap();
    for token in [&good, &nic] {
        for part in token.split('.') {
            assert!(!log.contains(part));
        }
    }
    for secret in [
        SSIN,
        ENTERPRISE,
        support::HOLDER_PSEUDONYM,
        &bench.subject(),
    ] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn the_log_error_of_a_lost_answer_is_not_taken_for_a_record() {
    // The entry is there, the answer was lost: the caller got 503 and the
    // backend nothing, so the log holds more than was acknowledged, never less.
    let bench = Bench::new();
    bench.platform.break_log(LogFault::CrashAfterWrite);
    assert_eq!(
        bench.serve(bench.request(&bench.mint(json!({})))).status,
        503
    );
    assert_eq!(bench.platform.entries().len(), 1);
    assert!(bench.platform.forwarded().is_empty());
    assert_ne!(LogError::Timeout { limit_ms: 0 }, LogError::Unavailable);
}
