//! The end of retention periods: nothing before its day, and everything after it.

use std::collections::BTreeSet;

use pollster::block_on;
use serde_json::{Value, json};
use sluis_gate::memory::{
    EraseFault, FASTER_RECORD, MemoryRequest, MemoryResponse, PayloadKeyFault,
};
use sluis_gate::{
    AuditLog as _, MAX_ENDED_PERIODS, MAX_ERASED_PAYLOADS, PayloadKeys as _, Platform as _, Reply,
};
use sluis_log::{
    AuditorGrant, AuditorKey, CommitmentRandom, DestructionRecord, EntryId, Envelope, Event,
    EventSource, NoteVerifier, OutcomeCode, PayloadKey, PayloadRange, PendingEntry, PolicyDigest,
    ReadingPurpose, RefusalAggregate, RetentionPeriod, SealedEntry, Shard, SignedNote, UnixMillis,
    VerifiedDestruction, seal,
};

use crate::retain_faults::{LOG, told};
use crate::support::{Bench, OPERATOR, auditor, body_of, checkpoint_key, deployment};

pub(crate) const YEAR_MS: u64 = 366 * 86_400_000;

fn verifier() -> NoteVerifier {
    checkpoint_key(&deployment()).signer().verifier()
}

pub(crate) fn order(bench: &Bench) -> Reply<MemoryResponse> {
    let request = MemoryRequest::new("POST", "/operator/retain");
    bench.serve(request.header("authorization", &format!("Bearer {OPERATOR}")))
}

/// What an order that was obeyed answers, its records verified.
pub(crate) fn obeyed(bench: &Bench) -> (Value, Vec<DestructionRecord>) {
    let reply = order(bench);
    let body = body_of(&reply);
    assert_eq!(reply.status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let records = answer["records"].as_array().unwrap().iter().map(|note| {
        let note = SignedNote::parse(note.as_str().unwrap().as_bytes()).unwrap();
        let verified = VerifiedDestruction::verify(&note, &verifier()).unwrap();
        verified.record().clone()
    });
    let records = records.collect();
    (answer, records)
}

/// An allowed call and a refused one.
pub(crate) fn calls(bench: &Bench) {
    assert_eq!(
        bench.serve(bench.request(&bench.mint(json!({})))).status,
        200
    );
    bench.run_deferred();
    let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    assert_eq!(bench.serve(bench.request(&wrong)).status, 403);
}

pub(crate) fn code(entry: &SealedEntry) -> Option<OutcomeCode> {
    // The third byte of an entry.
    OutcomeCode::from_code(entry.entry[2])
}

/// An auditor's token of these days.
pub(crate) fn auditor_now(bench: &Bench) -> String {
    let grant = AuditorGrant::new("dpo", Some(ReadingPurpose::Audit), None).unwrap();
    let from = UnixMillis::new(bench.platform.now_ms()).unwrap();
    let key = AuditorKey::new(&[4; 32]);
    key.mint(&grant, &deployment(), from, 3600).unwrap()
}

pub(crate) fn periods(entries: &[SealedEntry]) -> BTreeSet<String> {
    let periods = entries.iter().filter_map(SealedEntry::period);
    periods.map(|period| period.to_string()).collect()
}

#[test]
fn what_is_not_due_stays() {
    let bench = Bench::new();
    calls(&bench);
    let before = bench.platform.entries();
    let (answer, records) = obeyed(&bench);
    assert_eq!(answer, json!({"records": [], "erased": 0, "more": false}));
    assert!(records.is_empty());
    assert_eq!(bench.platform.entries(), before);
}

#[test]
fn what_is_due_is_logged_and_destroyed_once() {
    let bench = Bench::new();
    calls(&bench);
    let before = bench.platform.entries();
    // Past the refusals' day (October 2028), not the accesses' (2037).
    bench.platform.advance_ms(3 * YEAR_MS);
    let (answer, records) = obeyed(&bench);
    assert_eq!(
        (&answer["erased"], &answer["more"]),
        (&json!(1), &json!(false))
    );
    let [record] = records.as_slice() else {
        panic!("{records:?}");
    };
    assert_eq!(record.period().to_string(), "refusals/2028-10-01");
    let [log] = record.logs() else {
        panic!("{record:?}");
    };
    let range = log.payloads.unwrap();
    assert_eq!((range.count(), range.first(), range.last()), (1, 2, 2));
    // The entry that was logged before, and nothing else.
    let after = bench.platform.entries();
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!((record.entry().index, record.entry().id), (3, after[3].id));
    assert_eq!(code(&after[3]), Some(OutcomeCode::PayloadsDestroyed));
    // It is kept without end.
    let lasting = BTreeSet::from([RetentionPeriod::LASTING.to_string()]);
    assert_eq!(periods(&after[3..]), lasting);
    // No entry changed, so every proof still holds; what was erased is served as that.
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((&old.entry, &old.chain), (&new.entry, &new.chain));
    }
    assert_eq!(
        periods(&after[..3]),
        BTreeSet::from(["accesses/2037-01-01".to_owned()])
    );
    let request = MemoryRequest::new("GET", "/log/entries");
    let request = request.header("authorization", &format!("Bearer {}", auditor_now(&bench)));
    let page: Value = serde_json::from_str(&body_of(&bench.serve(request))).unwrap();
    assert!(page["items"][0]["payload"].is_string() && page["items"][2].get("payload").is_none());
    let stored = bench.stored();
    assert!(stored[0].payload().is_some() && stored[2].payload().is_none());
    assert!(stored.iter().all(|entry| entry.verify_commitment().is_ok()));

    let (again, same) = obeyed(&bench);
    assert_eq!(again["erased"], json!(0));
    assert_eq!(same, records);
    // Behind them stands no other entry than that of the reading above.
    let further = bench.platform.entries();
    assert_eq!(further[..after.len()], after[..]);
    assert_eq!(further.len(), after.len() + 1);
    assert_eq!(code(&further[4]), Some(OutcomeCode::LogRead));
}

pub(crate) fn keys(bench: &Bench, fault: PayloadKeyFault, on: bool) {
    let fault = if on { fault } else { PayloadKeyFault::None };
    bench.platform.break_payload_keys(fault);
}

pub(crate) fn erasing(bench: &Bench, fault: EraseFault, on: bool) {
    let fault = if on { fault } else { EraseFault::None };
    bench.platform.break_erasing(Shard::Whole, fault);
}

#[test]
fn of_two_orders_at_once_the_first_ones_record_counts() {
    let bench = Bench::new();
    calls(&bench);
    bench.platform.advance_ms(3 * YEAR_MS);
    keys(&bench, PayloadKeyFault::Raced, true);
    let reply = order(&bench);
    let answer: Value = serde_json::from_str(&body_of(&reply)).unwrap();
    assert_eq!(answer["records"], json!([FASTER_RECORD]));
    assert_eq!(answer["erased"], json!(1));
    keys(&bench, PayloadKeyFault::Raced, false);
    let again: Value = serde_json::from_str(&body_of(&order(&bench))).unwrap();
    assert_eq!(again["records"], answer["records"]);
}

#[test]
fn whatever_the_day_what_is_due_goes_and_nothing_else() {
    let bench = Bench::new();
    let refusals = |entries: &[SealedEntry]| {
        let mut periods = periods(entries);
        periods.retain(|period| period.starts_with("refusals/"));
        periods
    };
    let mut ever = BTreeSet::new();
    for month in 0..30 {
        let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
        assert_eq!(bench.serve(bench.request(&wrong)).status, 403, "{month}");
        ever.extend(refusals(&bench.platform.entries()));
        let now = UnixMillis::new(bench.platform.now_ms()).unwrap();
        obeyed(&bench);
        let due = |period: &String| RetentionPeriod::parse(period).unwrap().is_due(now);
        let expected: BTreeSet<String> =
            ever.iter().filter(|period| !due(period)).cloned().collect();
        assert_eq!(refusals(&bench.platform.entries()), expected, "{month}");
        bench.platform.advance_ms(30 * 86_400_000);
    }
    assert!(ever.len() > 28);
    // The first ones are gone, the rest opens.
    assert!(refusals(&bench.platform.entries()).len() < 26);
    let sealed = bench.platform.entries();
    for (sealed, opened) in sealed.iter().zip(bench.stored()) {
        assert_eq!(sealed.payload.is_some(), opened.payload().is_some());
    }
}

#[test]
fn one_order_ends_so_many_periods_and_tells_that_there_are_more() {
    let bench = Bench::new();
    let months = MAX_ENDED_PERIODS + 2;
    for _ in 0..months {
        let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
        assert_eq!(bench.serve(bench.request(&wrong)).status, 403);
        bench.platform.advance_ms(31 * 86_400_000);
    }
    bench.platform.advance_ms(3 * YEAR_MS);
    let (first, records) = obeyed(&bench);
    assert_eq!(records.len(), MAX_ENDED_PERIODS);
    assert_eq!(
        (&first["erased"], &first["more"]),
        (&json!(MAX_ENDED_PERIODS), &json!(true))
    );
    // The earliest first.
    assert_eq!(records[0].period().to_string(), "refusals/2028-10-01");
    let (second, records) = obeyed(&bench);
    assert_eq!(records.len(), months);
    assert_eq!(
        (&second["erased"], &second["more"]),
        (&json!(2), &json!(false))
    );
    let (third, same) = obeyed(&bench);
    assert_eq!(
        (&third["erased"], &third["more"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(same, records);
}

/// An entry of that period as an earlier instance left it in a log.
pub(crate) fn left_behind(period: RetentionPeriod, number: u16) -> PendingEntry {
    let key = PayloadKey::new(&deployment(), period, [0x5a; 32]);
    let source = EventSource::new("be.example.sim.validator.v1", "urn:sluis:test", "sim").unwrap();
    let at = UnixMillis::new(1_788_000_000_000).unwrap();
    let mut id = [7; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    let envelope = Envelope {
        source: &source,
        id: EntryId::from_random(id),
        at,
        policy: PolicyDigest([0; 32]),
    };
    let event = Event::RefusalAggregate(RefusalAggregate {
        reason: "sample",
        count: 1,
        from: at,
        until: at,
        shadow: false,
    });
    seal(&envelope, &event, CommitmentRandom::new([8; 32]), &key).unwrap()
}

#[test]
fn a_period_goes_from_every_log_also_from_one_that_is_closed() {
    let line = "aggregate_interval_ms = 10000";
    let shards = format!("{line}\nshards = 4\nclosed = [\"/log\"]");
    let bench = Bench::changed(&[(line, &shards)]);
    let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    assert_eq!(bench.serve(bench.request(&wrong)).status, 403);
    let period = RetentionPeriod::parse("refusals/2028-10-01").unwrap();
    let later = RetentionPeriod::parse("refusals/2036-10-01").unwrap();
    for (number, shard, period) in [
        (0, Shard::Whole, period),
        (1, Shard::Whole, later),
        (2, Shard::Whole, period),
        (3, Shard::Part(3), period),
        (4, Shard::Part(3), later),
    ] {
        let log = bench.platform.log(shard).unwrap();
        block_on(log.append(&left_behind(period, number))).unwrap();
    }
    let shards = [Shard::Whole]
        .into_iter()
        .chain((0..4).map(Shard::Part))
        .collect::<Vec<_>>();
    let kept = |shard: &Shard| periods(&bench.platform.entries_of(*shard));
    bench.platform.advance_ms(3 * YEAR_MS);

    // One log that cannot be asked keeps the key where it is.
    bench
        .platform
        .break_erasing(Shard::Whole, EraseFault::Payloads);
    assert_eq!(told(&bench), LOG);
    let rows = shards
        .iter()
        .flat_map(|shard| bench.platform.entries_of(*shard));
    assert_eq!(rows.filter(|row| row.payload.is_some()).count(), 6);
    bench.platform.break_erasing(Shard::Whole, EraseFault::None);

    let (answer, records) = obeyed(&bench);
    assert_eq!(
        (&answer["erased"], &answer["more"]),
        (&json!(4), &json!(false))
    );
    let [record] = records.as_slice() else {
        panic!("{records:?}");
    };
    let counted: Vec<u64> = record
        .logs()
        .iter()
        .map(|log| log.payloads.map_or(0, PayloadRange::count))
        .collect();
    assert_eq!(record.logs().len(), 5);
    assert_eq!(counted.iter().sum::<u64>(), 4);
    let whole = deployment();
    let closed = record.logs().iter().find(|log| log.log == whole).unwrap();
    let range = closed.payloads.unwrap();
    assert_eq!((range.count(), range.first(), range.last()), (2, 0, 2));
    // The entry stands in a log that is open.
    assert_ne!(record.entry().log, whole);
    for shard in shards {
        assert!(!kept(&shard).contains("refusals/2028-10-01"), "{shard:?}");
    }
    assert_eq!(
        kept(&Shard::Whole),
        BTreeSet::from(["refusals/2036-10-01".to_owned()])
    );
    assert!(kept(&Shard::Part(3)).contains("refusals/2036-10-01"));
}

#[test]
fn one_order_deletes_so_many_payloads_and_the_next_the_rest() {
    let bench = Bench::new();
    calls(&bench);
    let period = RetentionPeriod::parse("refusals/2028-10-01").unwrap();
    let log = bench.platform.log(Shard::Whole).unwrap();
    let many = u16::try_from(MAX_ERASED_PAYLOADS).unwrap();
    for number in 0..many {
        block_on(log.append(&left_behind(period, number))).unwrap();
    }
    bench.platform.advance_ms(3 * YEAR_MS);
    let (first, records) = obeyed(&bench);
    assert_eq!(
        (&first["erased"], &first["more"]),
        (&json!(MAX_ERASED_PAYLOADS), &json!(true))
    );
    let range = records[0].logs()[0].payloads.unwrap();
    assert_eq!(range.count(), u64::from(many) + 1);
    let (second, _) = obeyed(&bench);
    assert_eq!(
        (&second["erased"], &second["more"]),
        (&json!(1), &json!(false))
    );
}

#[test]
fn a_clock_put_back_opens_nothing_and_destroys_nothing() {
    let bench = Bench::new();
    calls(&bench);
    bench.platform.advance_ms(3 * YEAR_MS);
    // The key is gone, and the payload is still there.
    erasing(&bench, EraseFault::Erase, true);
    assert_eq!(told(&bench), LOG);
    erasing(&bench, EraseFault::Erase, false);
    bench.platform.turn_back_ms(3 * YEAR_MS);
    let before = bench.platform.entries();
    let (answer, records) = obeyed(&bench);
    assert_eq!(records.len(), 1);
    assert_eq!(
        (&answer["erased"], &answer["more"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(bench.platform.entries(), before);
    let stored = bench.stored();
    assert!(before[2].payload.is_some() && stored[2].payload().is_none());
    assert!(stored[0].payload().is_some());
    // A refusal of that month cannot be recorded any more, so it is no answer either.
    let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    assert_eq!(bench.serve(bench.request(&wrong)).status, 503);
    let other = bench.another_instance();
    let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    assert_eq!(bench.status_at(&other, bench.request(&wrong)), 503);
}

#[test]
fn another_instance_opens_nothing_that_was_destroyed() {
    let bench = Bench::new();
    calls(&bench);
    let other = bench.another_instance();
    let open = || block_on(other.open_entries(&bench.platform, bench.platform.entries())).unwrap();
    // It has the key from now on.
    assert!(open()[2].payload().is_some());
    bench.platform.advance_ms(3 * YEAR_MS);
    bench
        .platform
        .break_erasing(Shard::Whole, EraseFault::Erase);
    assert_eq!(told(&bench), LOG);
    let row = bench.platform.entries().swap_remove(2);
    assert!(row.payload.is_some() && open()[2].payload().is_none());
}

#[test]
fn a_period_that_ended_gets_no_key_again() {
    let bench = Bench::new();
    calls(&bench);
    bench.platform.advance_ms(3 * YEAR_MS);
    obeyed(&bench);
    let keys = bench.platform.payload_keys();
    let period = RetentionPeriod::parse("refusals/2028-10-01").unwrap();
    let accesses = RetentionPeriod::parse("accesses/2037-01-01").unwrap();
    let Some(sluis_gate::PeriodKey::Held(candidate)) =
        block_on(keys.find(&deployment(), accesses)).unwrap()
    else {
        panic!("the accesses' key is there");
    };
    let known = block_on(keys.obtain(&deployment(), period, &candidate)).unwrap();
    assert!(matches!(known, sluis_gate::PeriodKey::Destroyed(_)));
}

#[test]
fn only_an_operator_orders_and_says_nothing_else() {
    let bench = Bench::new();
    calls(&bench);
    bench.platform.advance_ms(20 * YEAR_MS);
    let before = bench.platform.entries();
    let bare = || MemoryRequest::new("POST", "/operator/retain");
    let operator = format!("Bearer {OPERATOR}");
    assert_eq!(bench.serve(bare()).status, 401);
    let wrong = bare().header("authorization", &format!("Bearer {}", auditor()));
    assert_eq!(bench.serve(wrong).status, 401);
    let body = bare().header("authorization", &operator).body("{}");
    assert_eq!(bench.serve(body).status, 400);
    let read = MemoryRequest::new("GET", "/operator/retain");
    assert_eq!(
        bench.serve(read.header("authorization", &operator)).status,
        405
    );
    let without = bench.without_operators();
    assert_eq!(
        bench.status_at(&without, bare().header("authorization", &operator)),
        404
    );
    // Nothing was destroyed; what was refused may have been counted.
    assert!(periods(&bench.platform.entries()).is_superset(&periods(&before)));
}
