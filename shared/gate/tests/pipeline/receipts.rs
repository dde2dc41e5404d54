//! Receipts: what comes with an answer, what its holder gets for it, and nobody else.

use pollster::block_on;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sluis_gate::memory::{MemoryRequest, MemoryResponse};
use sluis_gate::{AuditLog as _, CheckpointKey, Platform as _, Reply};
use sluis_log::{
    NoteVerifier, ReceiptDocument, ReceiptFault, ReceiptField, ReceiptKey, Shard, VerifiedReceipt,
    conformance,
};

use crate::support::{Bench, body_of, checkpoint_key, header, origin};

const FIELD: &str = "sluis-receipt";
const PATH: &str = "/log/receipt";

/// A gate with receipts, of the log that the platform keeps.
fn with_receipts() -> Bench {
    let line = "origin = \"gate.simulation.sluis.invalid/log\"";
    let ours = "origin = \"test.invalid/log\"\nreceipts = true";
    Bench::changed(&[("receipts = true\n", ""), (line, ours)])
}

fn keys() -> [NoteVerifier; 1] {
    [checkpoint_key(&origin()).signer().verifier()]
}

fn publish(bench: &Bench) {
    block_on(bench.platform.publish(checkpoint_key(&origin()).signer()));
}

/// An allowed call: its token, its answer, and the field that came with it.
fn call(bench: &Bench) -> (String, Reply<MemoryResponse>, String) {
    let token = bench.mint(json!({}));
    let reply = bench.serve(bench.request(&token));
    assert_eq!(reply.status, 200);
    let field = header(&reply, FIELD).unwrap().to_owned();
    (token, reply, field)
}

fn ask(bench: &Bench, field: &str) -> Reply<MemoryResponse> {
    bench.serve(MemoryRequest::new("GET", PATH).header(FIELD, field))
}

fn verified(reply: &Reply<MemoryResponse>) -> VerifiedReceipt {
    assert_eq!(reply.status, 200);
    let document = ReceiptDocument::parse(body_of(reply).as_bytes()).unwrap();
    document.verify(&origin(), &keys()).unwrap()
}

fn line<'a>(receipt: &'a VerifiedReceipt, label: &str) -> &'a str {
    let mut lines = receipt.receipt().lines();
    lines.find(|(name, _)| *name == label).unwrap().1
}

#[test]
fn the_holder_can_show_what_was_asked_and_answered() {
    let bench = with_receipts();
    let (token, reply, field) = call(&bench);
    publish(&bench);
    let receipt = verified(&ask(&bench, &field));
    let field = ReceiptField::parse(&field).unwrap();
    let of_token = |token: &str| receipt.is_of_token(&Sha256::digest(token.as_bytes()).into());
    assert_eq!(receipt.is_of_field(&field), Ok(()));
    assert_eq!(of_token(&token), Ok(()));
    let body = body_of(&reply);
    assert_eq!(receipt.is_of_answer(&field, body.as_bytes()), Ok(()));
    assert_eq!(line(&receipt, "operation"), "getPensionRights");
    assert_eq!(line(&receipt, "purpose"), "simPensionSimulation");
    assert_eq!(line(&receipt, "status"), "200");
    assert_eq!(
        line(&receipt, "trace-id"),
        header(&reply, "belgov-trace-id").unwrap()
    );

    // Of nothing else: another body, token or call.
    let other_body = format!("{body} ");
    assert_eq!(
        receipt.is_of_answer(&field, other_body.as_bytes()),
        Err(ReceiptFault::OtherAnswer)
    );
    assert_eq!(
        of_token(&bench.mint(json!({"jti": "another"}))),
        Err(ReceiptFault::OtherToken)
    );
    let (_, _, second) = call(&bench);
    let second = ReceiptField::parse(&second).unwrap();
    assert_eq!(receipt.is_of_field(&second), Err(ReceiptFault::OtherField));
}

#[test]
fn a_receipt_names_nobody() {
    let bench = with_receipts();
    let (_, _, field) = call(&bench);
    publish(&bench);
    let text = body_of(&ask(&bench, &field));
    verified(&ask(&bench, &field));
    let granted = &bench.events()[0]["data"];
    for hidden in [
        &granted["subjectRef"],
        &granted["mandateRef"],
        &granted["actor"]["holderRef"],
        &granted["referenceKey"],
    ] {
        assert!(!text.contains(hidden.as_str().unwrap()), "{hidden}");
    }
    // And the fetching of one's own receipt leaves no record.
    assert_eq!(bench.events().len(), 2);
}

#[test]
fn nobody_without_the_field_learns_that_there_is_an_entry() {
    let bench = with_receipts();
    let (_, _, field) = call(&bench);
    publish(&bench);
    let stranger = ReceiptKey::derive(&[99; 32]);
    let own = ReceiptField::parse(&field).unwrap();
    let forged = stranger.field(&origin(), own.index(), own.leaf(), own.outcome());
    let elsewhere = field.replace("index=0", "index=1");
    for field in [
        forged.to_string(),
        elsewhere,
        String::new(),
        format!("{field} "),
    ] {
        assert_eq!(ask(&bench, &field).status, 404, "{field}");
    }
    assert_eq!(bench.serve(MemoryRequest::new("GET", PATH)).status, 404);
    let post = MemoryRequest::new("POST", PATH).header(FIELD, &field);
    assert_eq!(bench.serve(post).status, 405);
}

#[test]
fn what_is_not_published_yet_is_had_later() {
    let bench = with_receipts();
    let token = bench.mint(json!({}));
    let reply = bench.serve_only(bench.request(&token));
    let field = header(&reply, FIELD).unwrap().to_owned();
    let wait = ask(&bench, &field);
    assert_eq!(
        (wait.status, header(&wait, "retry-after")),
        (202, Some("1"))
    );
    publish(&bench);
    assert_eq!(ask(&bench, &field).status, 200);
    // The decision alone is published: its outcome is waited for, not for ever.
    let bench = with_receipts();
    let reply = bench.serve_only(bench.request(&bench.mint(json!({}))));
    let alone = header(&reply, FIELD).unwrap().to_owned();
    publish(&bench);
    let ask_only = || bench.serve_only(MemoryRequest::new("GET", PATH).header(FIELD, &alone));
    assert_eq!(ask_only().status, 202);
    // Twice the backend's ten seconds, and half a minute.
    bench.platform.advance_ms(49_999);
    assert_eq!(ask_only().status, 202);
    bench.platform.advance_ms(1);
    let receipt = verified(&ask_only());
    assert_eq!(line(&receipt, "outcome"), "-");
    let field = ReceiptField::parse(&alone).unwrap();
    assert_eq!(
        receipt.is_of_answer(&field, b"{}"),
        Err(ReceiptFault::NoAnswer)
    );
}

#[test]
fn a_proxy_gets_one_without_an_outcome() {
    let bench = with_receipts();
    let token = bench.mint(json!({}));
    let request = MemoryRequest::new("GET", "/decide")
        .header("authorization", &format!("Bearer {token}"))
        .header("x-original-method", "GET")
        .header("x-original-uri", "/pension/v1/persons/53480200724/rights");
    let reply = bench.serve(request);
    assert_eq!(reply.status, 200);
    let field = header(&reply, FIELD).unwrap().to_owned();
    publish(&bench);
    let receipt = verified(&ask(&bench, &field));
    assert_eq!(line(&receipt, "mode"), "decision");
    assert_eq!(line(&receipt, "outcome"), "-");
}

#[test]
fn there_are_none_where_none_are_configured_and_none_for_a_refusal() {
    let off = Bench::changed(&[("receipts = true\n", "")]);
    let reply = off.serve(off.request(&off.mint(json!({}))));
    assert_eq!((reply.status, header(&reply, FIELD)), (200, None));
    let bench = with_receipts();
    let expired = bench.mint(json!({"exp": 1}));
    let reply = bench.serve(bench.request(&expired));
    assert_eq!((reply.status, header(&reply, FIELD)), (401, None));
    let (_, _, field) = call(&bench);
    assert_eq!(ask(&off, &field).status, 404);
}

#[test]
fn a_changed_document_shows_nothing_else() {
    let bench = with_receipts();
    let (_, _, field) = call(&bench);
    publish(&bench);
    let reply = ask(&bench, &field);
    let good = verified(&reply);
    let text = body_of(&reply);
    for place in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[place] ^= 1;
        let shown = ReceiptDocument::parse(&bytes)
            .ok()
            .and_then(|document| document.verify(&origin(), &keys()).ok());
        // White space of the JSON may be another; nothing that is shown may.
        assert!(shown.is_none_or(|shown| shown == good), "{place}");
    }
    let mut swapped: Value = serde_json::from_str(&text).unwrap();
    swapped["outcome"] = swapped["decision"].clone();
    let swapped = ReceiptDocument::parse(swapped.to_string().as_bytes()).unwrap();
    assert_eq!(
        swapped.verify(&origin(), &keys()),
        Err(ReceiptFault::OtherEntry("outcome"))
    );
    let other = CheckpointKey::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", &origin());
    let stranger = [other.unwrap().signer().verifier()];
    let document = ReceiptDocument::parse(text.as_bytes()).unwrap();
    assert_eq!(
        document.verify(&origin(), &stranger),
        Err(ReceiptFault::NotSigned)
    );
}

/// Entries of others, so many.
fn crowd(bench: &Bench, count: u64) {
    let log = bench.platform.log(Shard::Whole).unwrap();
    for number in 0..count {
        let entry = conformance::sample(number, 0).unwrap();
        block_on(log.append(&entry)).unwrap();
    }
}

#[test]
fn an_outcome_is_found_however_many_entries_later_it_stands() {
    let bench = with_receipts();
    let reply = bench.serve_only(bench.request(&bench.mint(json!({}))));
    let field = header(&reply, FIELD).unwrap().to_owned();
    crowd(&bench, 1_100);
    publish(&bench);
    let ask_only = || bench.serve_only(MemoryRequest::new("GET", PATH).header(FIELD, &field));
    assert_eq!(ask_only().status, 202);
    bench.run_deferred();
    // It stands in the log and is not published: however long that takes.
    bench.platform.advance_ms(600_000);
    assert_eq!(ask_only().status, 202);
    publish(&bench);
    let receipt = verified(&ask_only());
    assert_eq!(line(&receipt, "outcome"), "1101");
    assert_eq!(line(&receipt, "status"), "200");
}

#[test]
fn an_outcome_is_waited_for_as_long_as_the_backend_may_take() {
    let line = "origin = \"gate.simulation.sluis.invalid/log\"";
    let ours = "origin = \"test.invalid/log\"\nreceipts = true";
    let slow = ("timeout_ms = 10000", "timeout_ms = 120000");
    let bench = Bench::changed(&[("receipts = true\n", ""), (line, ours), slow]);
    let reply = bench.serve_only(bench.request(&bench.mint(json!({}))));
    let field = header(&reply, FIELD).unwrap().to_owned();
    publish(&bench);
    let ask_only = || bench.serve_only(MemoryRequest::new("GET", PATH).header(FIELD, &field));
    bench.platform.advance_ms(269_999);
    assert_eq!(ask_only().status, 202);
    bench.platform.advance_ms(1);
    assert_eq!(ask_only().status, 200);
}

#[test]
fn an_outcome_that_was_erased_is_left_out() {
    let bench = with_receipts();
    let (_, _, field) = call(&bench);
    publish(&bench);
    assert!(bench.platform.erase(1));
    let receipt = verified(&ask(&bench, &field));
    for label in ["outcome", "outcome-leaf", "status", "answer"] {
        assert_eq!(line(&receipt, label), "-", "{label}");
    }
    assert_eq!(line(&receipt, "operation"), "getPensionRights");
    assert!(bench.platform.erase(0));
    // Who holds the field learns why there is none any more.
    let reply = ask(&bench, &field);
    assert_eq!(reply.status, 410);
    let type_of = header(&reply, "content-type");
    assert_eq!(type_of, Some("application/problem+json"));
    let problem: Value = serde_json::from_str(&body_of(&reply)).unwrap();
    assert_eq!(problem["status"], 410);
    assert!(problem["detail"].as_str().unwrap().contains("erased"));
}

#[test]
fn a_token_id_that_no_line_can_say_is_left_out() {
    for (id, shown) in [
        ("a\nstatus 500", "-"),
        ("a\u{7f}", "-"),
        ("a\u{85}b", "-"),
        ("-", "-"),
        ("--", "--"),
        (" trace-id x", " trace-id x"),
    ] {
        let bench = with_receipts();
        let token = bench.mint(json!({ "jti": id }));
        let reply = bench.serve(bench.request(&token));
        assert_eq!(reply.status, 200, "{id:?}");
        let field = header(&reply, FIELD).unwrap().to_owned();
        publish(&bench);
        let receipt = verified(&ask(&bench, &field));
        assert_eq!(line(&receipt, "token-id"), shown);
        let hash = Sha256::digest(token.as_bytes()).into();
        assert_eq!(receipt.is_of_token(&hash), Ok(()), "{id:?}");
        assert_eq!(line(&receipt, "status"), "200");
    }
}
