//! Payloads are sealed under the key of their retention period, or not recorded.

use futures::FutureExt as _;
use futures::future::join_all;
use serde_json::{Value, json};
use sluis_gate::memory::{MemoryRequest, MemoryResponse, PayloadKeyFault};
use sluis_gate::{MAX_PERIODS_OF_A_PAGE, Platform as _, Reply};
use sluis_log::{EntryPage, ReadingPurpose, SealedEntry};

use crate::outcomes;
use crate::support::{Bench, auditor, auditor_at, body_of, header};

fn pass(bench: &Bench) -> u16 {
    let status = bench.serve(bench.request(&bench.mint(json!({})))).status;
    bench.run_deferred();
    status
}

fn periods(entries: &[SealedEntry]) -> Vec<String> {
    let payloads = entries.iter().map(|entry| entry.payload.as_ref().unwrap());
    payloads.map(|payload| payload.period.clone()).collect()
}

#[test]
fn a_key_that_cannot_be_had_stops_everything() {
    for fault in [PayloadKeyFault::Down, PayloadKeyFault::Lost] {
        let bench = Bench::new();
        bench.platform.break_payload_keys(fault);
        let reply = bench.serve(bench.request(&bench.mint(json!({}))));
        assert_eq!(reply.status, 503, "{fault:?}");
        assert_eq!(header(&reply, "retry-after"), Some("5"));
        let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
        assert_eq!(bench.serve(bench.request(&wrong)).status, 503, "{fault:?}");
        bench.run_deferred();
        assert!(bench.platform.forwarded().is_empty(), "{fault:?}");
        assert!(bench.platform.entries().is_empty(), "{fault:?}");
        // A key that was kept although the answer was lost is the one that is used.
        bench.platform.break_payload_keys(PayloadKeyFault::None);
        assert_eq!(pass(&bench), 200);
        assert!(outcomes(&bench).ends_with(&["granted".to_owned(), "completed".to_owned()]));
    }
}

#[test]
fn a_key_is_asked_for_once() {
    let bench = Bench::new();
    assert_eq!((pass(&bench), pass(&bench)), (200, 200));
    assert_eq!(bench.platform.payload_key_questions(), 1);
    // It is not needed again, for accesses; a refusal has another.
    bench.platform.break_payload_keys(PayloadKeyFault::Down);
    assert_eq!(pass(&bench), 200);
    let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    assert_eq!(bench.serve(bench.request(&wrong)).status, 503);
}

/// A request that stands still at its question for the key.
fn asking(bench: &Bench) -> impl Future<Output = Reply<MemoryResponse>> {
    let request = bench.request(&bench.mint(json!({})));
    let mut asking = Box::pin(bench.gate.serve(&bench.platform, request));
    assert!(asking.as_mut().now_or_never().is_none());
    assert_eq!(bench.platform.payload_key_questions(), 1);
    asking
}

/// As many requests at once as want the first key of a period together.
fn crowd(bench: &Bench) -> Vec<u16> {
    let requests = (0..20).map(|_| bench.request(&bench.mint(json!({}))));
    let all = requests.map(|request| bench.gate.serve(&bench.platform, request));
    let replies = pollster::block_on(join_all(all));
    bench.run_deferred();
    replies.iter().map(|reply| reply.status).collect()
}

#[test]
fn one_request_asks_for_all() {
    let bench = Bench::new();
    bench.platform.break_payload_keys(PayloadKeyFault::Slow);
    assert_eq!(crowd(&bench), [200; 20]);
    assert_eq!(bench.platform.payload_key_questions(), 1);
}

#[test]
fn what_one_is_refused_the_others_do_not_ask_again() {
    let bench = Bench::new();
    bench
        .platform
        .break_payload_keys(PayloadKeyFault::SlowlyDown);
    assert_eq!(crowd(&bench), [503; 20]);
    assert_eq!(bench.platform.payload_key_questions(), 1);
    assert!(bench.platform.forwarded().is_empty());
    bench.platform.break_payload_keys(PayloadKeyFault::None);
    assert_eq!(pass(&bench), 200);
}

#[test]
fn a_question_that_was_lost_is_asked_again_after_its_time() {
    let bench = Bench::new();
    bench
        .platform
        .break_payload_keys(PayloadKeyFault::HangsOnce);
    let lost = asking(&bench);
    assert_eq!(crowd(&bench), [200; 20]);
    assert_eq!(bench.platform.payload_key_questions(), 2);
    drop(lost);
}

#[test]
fn who_asked_and_went_away_leaves_the_question_to_the_next() {
    let bench = Bench::new();
    bench
        .platform
        .break_payload_keys(PayloadKeyFault::HangsOnce);
    let begun_ms = bench.platform.now_ms();
    drop(asking(&bench));
    assert_eq!(crowd(&bench), [200; 20]);
    assert_eq!(bench.platform.payload_key_questions(), 2);
    assert_eq!(bench.platform.now_ms(), begun_ms);
}

#[test]
fn who_waits_hears_that_the_one_that_asked_went_away() {
    let bench = Bench::new();
    bench
        .platform
        .break_payload_keys(PayloadKeyFault::HangsOnce);
    let begun_ms = bench.platform.now_ms();
    let asked = asking(&bench);
    let waiting = asking(&bench);
    drop(asked);
    assert_eq!(pollster::block_on(waiting).status, 200);
    assert_eq!(bench.platform.payload_key_questions(), 2);
    // One look at whether it was answered, and not the time after which it counts as lost.
    assert_eq!(bench.platform.now_ms(), begun_ms + 10);
}

#[test]
fn each_stream_and_type_has_its_period() {
    let bench = Bench::new();
    assert_eq!(pass(&bench), 200);
    let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    assert_eq!(bench.serve(bench.request(&wrong)).status, 403);
    // It is September 2026.
    assert_eq!(
        periods(&bench.platform.entries()),
        [
            "accesses/2037-01-01",
            "accesses/2037-01-01",
            "refusals/2028-10-01"
        ]
    );
}

#[test]
fn nothing_of_a_payload_stands_in_the_store() {
    let bench = Bench::new();
    assert_eq!(pass(&bench), 200);
    let events = bench.events();
    let type_code = events[0]["data"]["mandateType"].as_str().unwrap();
    for entry in bench.platform.entries() {
        let sealed = entry.payload.unwrap().sealed;
        let text = String::from_utf8_lossy(&sealed);
        assert!(!text.contains(type_code) && !text.contains("specversion"));
    }
}

#[test]
fn a_page_tells_what_opens_and_a_key_that_is_missing_is_no_damage() {
    let bench = Bench::new();
    assert_eq!(pass(&bench), 200);
    let read = || {
        let request = MemoryRequest::new("GET", "/log/entries");
        bench.serve(request.header("authorization", &format!("Bearer {}", auditor())))
    };
    let page: Value = serde_json::from_str(&body_of(&read())).unwrap();
    let payload = page["items"][0]["payload"].as_str().unwrap();
    assert!(payload.contains("simPensionOverview"));

    // Another instance, which has no key yet.
    let other = Bench::new();
    let sealed = bench.platform.entries();
    let opening = other.gate.open_entries(&bench.platform, sealed.clone());
    let opened = pollster::block_on(opening).unwrap();
    assert_eq!(opened, bench.stored());
    bench.platform.break_payload_keys(PayloadKeyFault::Down);
    let another = Bench::new();
    let opening = another.gate.open_entries(&bench.platform, sealed.clone());
    assert!(pollster::block_on(opening).is_err());

    // What was never sealed under a key of ours does not open.
    let opening = another.gate.open_entries(&another.platform, sealed);
    for entry in pollster::block_on(opening).unwrap() {
        let json = serde_json::to_value(&entry).unwrap();
        assert_eq!((&json["unopened"], entry.payload()), (&json!(true), None));
    }
}

/// A log that was quiet for years has more periods than a page: every payload is served all the same, on the pages after.
#[test]
fn a_page_ends_before_a_period_too_many() {
    let bench = Bench::new();
    let months = MAX_PERIODS_OF_A_PAGE + 3;
    for _ in 0..months {
        let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
        assert_eq!(bench.serve(bench.request(&wrong)).status, 403);
        bench.platform.advance_ms(31 * 86_400_000);
    }
    let auditor = auditor_at(Some(ReadingPurpose::Audit), bench.platform.now_ms());
    let (mut pages, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let request = MemoryRequest::new("GET", &format!("/log/entries?from={from}"));
        let reply = bench.serve(request.header("authorization", &format!("Bearer {auditor}")));
        let page: EntryPage = serde_json::from_str(&body_of(&reply)).unwrap();
        assert!(page.items.iter().all(|entry| entry.payload().is_some()));
        assert_eq!(page.items.first().unwrap().index, from);
        next = page.next;
        pages.push(page.items.len());
    }
    // The last entry says that the first page was read.
    assert_eq!(pages, [MAX_PERIODS_OF_A_PAGE, 3 + 1]);
}
