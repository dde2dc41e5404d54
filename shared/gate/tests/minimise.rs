//! What of the backend's answer passes (profile §35), with backends that answer too
//! much, wrongly, late or not whole.
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

mod support;

use serde_json::{Value, json};
use sluis_gate::memory::{BodyFault, MemoryRequest, MemoryResponse};
use sluis_gate::{MAX_PROBLEM_BYTES, ReplyBody};
use support::{Bench, SSIN, body_of, header};

const RIGHTS: &str = "/pension/v1/persons/53480200724/rights";
const DOCUMENT: &str = "/pension/v1/persons/53480200724/document";
/// What must never come out.
const SECRET: &str = "of nobody's business";

fn answer(status: u16, content_type: &str, body: &str) -> MemoryResponse {
    MemoryResponse::new(status)
        .header("content-type", content_type)
        .body(body.as_bytes())
}

fn json_answer(body: &str) -> MemoryResponse {
    answer(200, "application/json", body)
}

fn get(bench: &Bench, target: &str) -> MemoryRequest {
    let token = bench.mint(json!({}));
    MemoryRequest::new("GET", target).header("authorization", &format!("Bearer {token}"))
}

/// Serves a request to a backend that answers so; status, body, and the outcome's data.
fn served(bench: &Bench, response: MemoryResponse) -> (u16, String, Value) {
    bench.platform.answer(Ok(response));
    let reply = bench.serve(get(bench, RIGHTS));
    assert!(!matches!(reply.body, ReplyBody::Upstream(_)));
    let outcome = bench.events().pop().unwrap();
    (reply.status, body_of(&reply), outcome["data"].clone())
}

#[test]
fn fields_of_the_list_pass_and_the_others_are_counted() {
    let bench = Bench::new();
    let body = r#"{ "fictitious": true, "data": [ {"scheme":"a\u0062", "bankAccount":"x",
        "accruedRights": 1.0e5, "careerStart": {"day":"2001-09-03"}}, "scheme" ], "scheme": "x" }"#;
    let (status, left, outcome) = served(&bench, json_answer(body));
    assert_eq!(status, 200);
    assert_eq!(
        left,
        r#"{"data":[{"scheme":"a\u0062","accruedRights":1.0e5,"careerStart":{}}]}"#
    );
    assert_eq!(outcome["httpStatus"], 200);
    assert_eq!(outcome["droppedMembers"], 5);
    let log = bench.events();
    let log = serde_json::to_string(&log).unwrap();
    assert!(!log.contains("bankAccount"), "{log}");
    let nothing_dropped = served(&bench, json_answer("{}")).2;
    assert_eq!(nothing_dropped["droppedMembers"], 0);
}

#[test]
fn the_mandates_type_says_which_fields_pass() {
    let bench = Bench::new();
    let body = r#"{"data":{"scheme":"a","accruedRights":"b","earliestPensionDate":"c"}}"#;
    bench.platform.answer(Ok(json_answer(body)));
    let quote = bench.mint(json!({"mandateType": "simPensionQuote", "usage": "singleUse"}));
    let reply = bench.serve(bench.request(&quote));
    assert_eq!(
        body_of(&reply),
        r#"{"data":{"accruedRights":"b","earliestPensionDate":"c"}}"#
    );
    let overview = bench.mint(json!({}));
    assert_eq!(body_of(&bench.serve(bench.request(&overview))), body);
}

#[test]
fn the_backend_is_told_the_fields_and_asked_for_plain_encoding() {
    let bench = Bench::new();
    let conditions = ["if-none-match", "if-match", "if-modified-since"];
    let mut request = get(&bench, RIGHTS).header("accept-encoding", "gzip, br");
    for name in conditions {
        request = request.header(name, "\"x\"");
    }
    bench.serve(request);
    let token = bench.mint(json!({}));
    bench.serve(bench.request(&token).header("if-match", "\"x\""));
    let document = get(&bench, DOCUMENT).header("accept-encoding", "gzip");
    bench.serve(document.header("if-none-match", "\"x\""));

    let seen = bench.platform.forwarded();
    assert_eq!(seen[0].headers["accept-encoding"], "identity");
    for name in conditions {
        assert!(!seen[0].headers.contains_key(name), "{name}");
    }
    // Without its condition it would change something unconditionally.
    assert_eq!(seen[1].headers["if-match"], "\"x\"");
    assert_eq!(seen[2].headers["accept-encoding"], "gzip");
    assert_eq!(seen[2].headers["if-none-match"], "\"x\"");
    let fields = |seen: usize| {
        let assertion = &bench.platform.forwarded()[seen].headers["sluis-assertion"];
        bench.open_assertion(assertion).get("fields").cloned()
    };
    let listed = json!([
        "data.accruedRights",
        "data.careerStart",
        "data.earliestPensionDate",
        "data.scheme"
    ]);
    assert_eq!(
        (fields(0), fields(1), fields(2)),
        (Some(listed.clone()), Some(listed), None)
    );
}

#[test]
fn a_part_of_the_body_is_not_asked_for() {
    let bench = Bench::changed(&[(
        "forward_headers = [\"prefer\"]",
        "forward_headers = [\"range\"]",
    )]);
    bench.serve(get(&bench, RIGHTS).header("range", "bytes=0-9"));
    bench.serve(get(&bench, DOCUMENT).header("range", "bytes=0-9"));
    let seen = bench.platform.forwarded();
    assert!(!seen[0].headers.contains_key("range"));
    assert_eq!(seen[1].headers["range"], "bytes=0-9");
}

#[test]
fn a_proxy_that_asks_gets_the_fields_in_the_assertion() {
    let bench = Bench::in_mode("decision");
    let token = bench.mint(json!({}));
    let asked = |target: &str| {
        let question = MemoryRequest::new("GET", "/decide")
            .header("authorization", &format!("Bearer {token}"))
            .header("x-original-method", "GET")
            .header("x-original-uri", target);
        let reply = bench.serve(question);
        assert_eq!(reply.status, 200);
        let assertion = bench.open_assertion(header(&reply, "sluis-assertion").unwrap());
        assertion.get("fields").cloned()
    };
    assert_eq!(asked(RIGHTS).unwrap()[0], "data.accruedRights");
    assert_eq!(asked(DOCUMENT), None);
}

#[test]
fn an_answer_that_cannot_be_filtered_is_502_and_recorded() {
    let bench = Bench::new();
    let secret = format!(r#"{{"data":{{"scheme":"{SECRET}"}}}}"#);
    let with = |name: &str, value: &str| json_answer(&secret).header(name, value);
    let large = format!(r#"{{"data":{{"scheme":"{}"}}}}"#, SECRET.repeat(60_000));
    let deep = format!("{}\"{SECRET}\"{}", "[".repeat(33), "]".repeat(33));
    let members: Vec<String> = (0..1025)
        .map(|n| format!("\"m{n}\":\"{SECRET}\""))
        .collect();
    let mut latin = secret.clone().into_bytes();
    latin.push(0xe9);
    for (response, code) in [
        (answer(200, "text/html", &secret), "responseNotJson"),
        (answer(200, "text/html", &large), "responseNotJson"),
        (answer(200, "", &secret), "responseNotJson"),
        (
            answer(200, "application/json; charset=utf-16", &secret),
            "responseNotJson",
        ),
        (with("content-encoding", "gzip"), "responseEncoded"),
        (with("content-encoding", "identity, br"), "responseEncoded"),
        (with("content-range", "bytes 0-9/99"), "responsePartial"),
        (answer(206, "application/json", &secret), "responsePartial"),
        (
            json_answer(&secret).fault(BodyFault::BreaksOff),
            "responseIncomplete",
        ),
        (
            json_answer(&secret).fault(BodyFault::Hangs),
            "responseTooSlow",
        ),
        (json_answer(&large), "responseTooLarge"),
        (json_answer(&secret[..secret.len() - 1]), "responseSyntax"),
        (json_answer(&format!("{secret}{secret}")), "responseSyntax"),
        (
            json_answer(&format!("{{\"a\":\"{SECRET}\",\"a\":1}}")),
            "responseDuplicateMember",
        ),
        (json_answer(&deep), "responseTooDeep"),
        (
            json_answer(&format!("{{{}}}", members.join(","))),
            "responseTooManyMembers",
        ),
        (
            json_answer(&format!("\"{SECRET}\"")),
            "responseWithoutMembers",
        ),
        (json_answer("").body(&latin), "responseNotUtf8"),
    ] {
        let (status, body, outcome) = served(&bench, response.header("location", SECRET));
        assert_eq!((status, &outcome["failure"]), (502, &Value::from(code)));
        assert_eq!(outcome["httpStatus"], 502, "{code}");
        assert!(outcome.get("droppedMembers").is_none(), "{code}");
        assert!(
            body.contains("urn:problem-type:belgif:badGateway"),
            "{code}: {body}"
        );
        assert!(!body.contains(SECRET), "{code}: {body}");
    }
    let log = serde_json::to_string(&bench.events()).unwrap();
    assert!(!log.contains(SECRET), "{log}");
    // It was asked each time, and decided and recorded before.
    assert_eq!(bench.platform.forwarded().len(), 18);
    assert_eq!(bench.events().len(), 36);
}

#[test]
fn plain_json_passes_whatever_it_is_called() {
    let bench = Bench::new();
    let body = r#"{"data":{"scheme":"a"}}"#;
    for content_type in [
        "application/json",
        "application/json;charset=UTF-8",
        "application/hal+json",
    ] {
        let response = answer(201, content_type, body).header("content-encoding", "Identity");
        bench.platform.answer(Ok(response));
        let reply = bench.serve(get(&bench, RIGHTS));
        assert_eq!((reply.status, body_of(&reply).as_str()), (201, body));
        assert_eq!(header(&reply, "content-type"), Some(content_type));
    }
}

#[test]
fn an_empty_body_passes_and_a_status_without_one_has_none() {
    let bench = Bench::new();
    for status in [200, 201, 202] {
        let (found, body, outcome) = served(&bench, MemoryResponse::new(status));
        assert_eq!((found, body.as_str()), (status, ""));
        assert!(outcome.get("droppedMembers").is_none());
    }
    let large = format!(r#"{{"data":{{"scheme":"{SECRET}"}}}}"#);
    for status in [301, 303, 307] {
        let response = answer(status, "text/html", &large).header("location", "/elsewhere");
        bench.platform.answer(Ok(response));
        let reply = bench.serve(get(&bench, RIGHTS));
        assert_eq!((reply.status, body_of(&reply).as_str()), (status, ""));
        assert_eq!(header(&reply, "location"), Some("/elsewhere"));
        assert_eq!(header(&reply, "content-type"), None);
    }
    for status in [204, 304] {
        bench
            .platform
            .answer(Ok(answer(status, "application/json", &large)));
        let reply = bench.serve(get(&bench, RIGHTS));
        assert_eq!(reply.status, status);
        assert!(matches!(reply.body, ReplyBody::Nothing), "{status}");
    }
    let bench = Bench::changed(&[("method = \"GET\"", "method = \"HEAD\"")]);
    for status in [200, 404] {
        let response = answer(status, "application/json", &large).header("content-length", "99");
        bench.platform.answer(Ok(response));
        let token = bench.mint(json!({}));
        let request = MemoryRequest::new("HEAD", RIGHTS);
        let reply = bench.serve(request.header("authorization", &format!("Bearer {token}")));
        assert_eq!(reply.status, status);
        assert!(matches!(reply.body, ReplyBody::Nothing));
        assert_eq!(header(&reply, "content-length"), None);
    }
}

#[test]
fn of_a_problem_pass_the_members_that_name_nobody() {
    let bench = Bench::new();
    let problem = json!({
        "type": "urn:problem-type:belgif:badRequest", "status": 400, "title": "Bad Request",
        "href": "https://www.belgif.be/specification/rest/api-guide/problems/badRequest.html",
        "detail": SSIN, "instance": format!("/persons/{SSIN}"), "replacedBy": SSIN,
        "issues": [{"type": "urn:problem-type:cbss:input-validation:replacedSsin", "in": "path",
                    "name": "ssin", "title": "Replaced", "value": SSIN, "detail": SSIN}],
    });
    for status in [400, 404, 503] {
        let response = answer(status, "application/problem+json", &problem.to_string());
        let (found, body, outcome) = served(&bench, response);
        assert_eq!(found, status);
        assert!(!body.contains(SSIN), "{body}");
        let left: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(left["type"], problem["type"]);
        assert_eq!(left["title"], "Bad Request");
        assert_eq!(left["issues"][0]["name"], "ssin");
        assert_eq!(outcome["httpStatus"], status);
        assert_eq!(outcome["droppedMembers"], 5);
    }
}

#[test]
fn instead_of_another_error_the_status_passes() {
    let bench = Bench::new();
    let problem = format!(r#"{{"title":"{SECRET}"}}"#);
    let large = format!(r#"{{"title":"{}"}}"#, "x".repeat(MAX_PROBLEM_BYTES));
    let kind = "application/problem+json";
    for (status, response) in [
        (500, answer(500, "text/html", SECRET)),
        (404, answer(404, "application/json", &problem)),
        (404, MemoryResponse::new(404)),
        (400, answer(400, kind, SECRET)),
        (400, answer(400, kind, &large)),
        (
            400,
            answer(400, kind, &problem).header("content-encoding", "gzip"),
        ),
        (400, answer(400, kind, &problem).fault(BodyFault::BreaksOff)),
        (400, answer(400, kind, &problem).fault(BodyFault::Hangs)),
    ] {
        let (found, body, outcome) = served(&bench, response);
        assert_eq!(found, status);
        assert_eq!(
            body,
            format!(r#"{{"type":"about:blank","status":{status}}}"#)
        );
        assert_eq!(outcome["httpStatus"], status);
        assert!(outcome.get("failure").is_none() && outcome.get("droppedMembers").is_none());
    }
}

#[test]
fn headers_of_the_unfiltered_body_stay_here() {
    let bench = Bench::new();
    let gone = [
        "content-length",
        "etag",
        "last-modified",
        "content-md5",
        "digest",
        "content-digest",
        "repr-digest",
        "accept-ranges",
        "content-location",
        "set-cookie",
        "x-person",
        "cache-control",
        "belgov-trace-id",
    ];
    let passing = [
        "allow",
        "content-language",
        "location",
        "retry-after",
        "vary",
    ];
    let mut response = json_answer("{}");
    for name in gone.into_iter().chain(passing) {
        response = response.header(name, SECRET);
    }
    bench.platform.answer(Ok(response));
    let reply = bench.serve(get(&bench, RIGHTS));
    for name in gone {
        assert_ne!(header(&reply, name), Some(SECRET), "{name}");
    }
    for name in passing {
        assert_eq!(header(&reply, name), Some(SECRET), "{name}");
    }
    assert_eq!(header(&reply, "cache-control"), Some("no-store, max-age=0"));
}

#[test]
fn an_opaque_answer_is_streamed() {
    let bench = Bench::new();
    for status in [200, 206, 404] {
        let response = answer(status, "application/pdf", SECRET).fault(BodyFault::Hangs);
        bench.platform.answer(Ok(response));
        let reply = bench.serve(get(&bench, DOCUMENT));
        assert_eq!(reply.status, status);
        assert!(matches!(reply.body, ReplyBody::Upstream(_)));
        let outcome = bench.events().pop().unwrap();
        assert!(outcome["data"].get("droppedMembers").is_none());
    }
}

#[test]
fn in_shadow_the_answer_goes_on_as_it_came() {
    let bench = Bench::enforcing("verdict = \"shadow\"");
    bench.platform.answer(Ok(answer(200, "text/html", SECRET)));
    let reply = bench.serve(get(&bench, RIGHTS).header("accept-encoding", "gzip"));
    assert!(matches!(reply.body, ReplyBody::Upstream(_)));
    let seen = &bench.platform.forwarded()[0].headers;
    assert_eq!(seen["accept-encoding"], "gzip");
    let assertion = bench.open_assertion(&seen["sluis-assertion"]);
    assert_eq!(assertion["fields"][0], "data.accruedRights");
}

/// The type approves none of the operation's data; a rule in shadow lets it come so far.
#[test]
fn a_rule_in_shadow_lets_no_field_pass_that_is_not_approved() {
    let bench = Bench::changed(&[
        (
            "data_categories = [\"simPensionRights\"]",
            "data_categories = [\"simCareerSummary\"]",
        ),
        (
            "[upstream]",
            "[enforcement]\nshadow_rules = [\"dataCategoriesApproved\"]\n\n[upstream]",
        ),
    ]);
    let body = r#"{"data":{"yearsWorked":"x","scheme":"y"}}"#;
    bench.platform.answer(Ok(json_answer(body)));
    let categories = json!(["simCareerSummary"]);
    let overview = bench.mint(json!({"dataCategories": categories}));
    let reply = bench.serve(bench.request(&overview));
    assert_eq!(body_of(&reply), r#"{"data":{"yearsWorked":"x"}}"#);
    let quote = json!({"mandateType": "simPensionQuote", "usage": "singleUse", "dataCategories": categories});
    let reply = bench.serve(bench.request(&bench.mint(quote)));
    assert_eq!((reply.status, body_of(&reply).as_str()), (200, "{}"));
}
