//! What fails while retention periods end: it is told by its reason code, keeps nothing
//! else from being done, and is finished by the next order.

use pollster::block_on;
use serde_json::{Value, json};
use sluis_gate::memory::{EraseFault, LogFault, PayloadKeyFault};
use sluis_gate::{
    AuditLog as _, MAX_ENDED_PERIODS, MAX_STANDING_QUESTIONS, PayloadKeys as _, PeriodKey,
    Platform as _, Standing,
};
use sluis_log::{OutcomeCode, RetentionPeriod, Shard};

use crate::retain::{YEAR_MS, calls, code, erasing, keys, left_behind, obeyed, order, periods};
use crate::shards::publish;
use crate::support::{Bench, body_of, deployment};

/// What the order answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Done,
    /// 200, with that reason code.
    Fault(&'static str),
    /// 503.
    Nothing,
}

const CODES: [&str; 4] = [
    "logUnavailable",
    "logNotTrusted",
    "payloadKeyUnavailable",
    "periodNotDue",
];

pub(crate) fn told(bench: &Bench) -> Told {
    let reply = order(bench);
    if reply.status == 503 {
        return Told::Nothing;
    }
    assert_eq!(reply.status, 200);
    let answer: Value = serde_json::from_str(&body_of(&reply)).unwrap();
    match answer.get("fault") {
        None => Told::Done,
        Some(fault) => {
            assert_eq!(answer["more"], json!(true));
            let known = CODES.into_iter().find(|code| *fault == json!(code));
            Told::Fault(known.unwrap())
        }
    }
}

pub(crate) const LOG: Told = Told::Fault("logUnavailable");
const KEY: Told = Told::Fault("payloadKeyUnavailable");
pub(crate) const EARLY: Told = Told::Fault("periodNotDue");

/// Sets a fault, or ends it.
type Fault = fn(&Bench, bool);

fn log(bench: &Bench, fault: LogFault, on: bool) {
    let fault = if on { fault } else { LogFault::None };
    bench.platform.break_log(fault);
}

/// What happens, what is told, and whether the period's key is gone by it.
const FAULTS: [(&str, Fault, Told, bool); 14] = [
    (
        "the periods are not told",
        |bench, on| keys(bench, PayloadKeyFault::ListDown, on),
        Told::Nothing,
        false,
    ),
    (
        "the trusted place is down",
        |bench, on| keys(bench, PayloadKeyFault::Down, on),
        Told::Nothing,
        false,
    ),
    (
        "how much there is is not told",
        |bench, on| erasing(bench, EraseFault::Payloads, on),
        LOG,
        false,
    ),
    (
        "the log is down",
        |bench, on| log(bench, LogFault::Unavailable, on),
        LOG,
        false,
    ),
    (
        "the entry is written, no answer",
        |bench, on| log(bench, LogFault::CrashAfterWrite, on),
        LOG,
        false,
    ),
    (
        "the receipt is not the entry's",
        |bench, on| log(bench, LogFault::ForkedReceipt, on),
        LOG,
        false,
    ),
    (
        "the key stays",
        |bench, on| keys(bench, PayloadKeyFault::DestroyDown, on),
        KEY,
        false,
    ),
    (
        "by the trusted place's date it is too early",
        |bench, on| keys(bench, PayloadKeyFault::EarlyDate, on),
        EARLY,
        false,
    ),
    (
        "the key goes, no answer",
        |bench, on| keys(bench, PayloadKeyFault::DestroyLost, on),
        KEY,
        true,
    ),
    (
        "the periods of a log are not told",
        |bench, on| erasing(bench, EraseFault::Periods, on),
        LOG,
        true,
    ),
    (
        "nothing is erased",
        |bench, on| erasing(bench, EraseFault::Erase, on),
        LOG,
        true,
    ),
    (
        "it is erased, no answer",
        |bench, on| erasing(bench, EraseFault::EraseLost, on),
        LOG,
        true,
    ),
    (
        "by the log's date it is too early",
        |bench, on| erasing(bench, EraseFault::EarlyDate, on),
        EARLY,
        true,
    ),
    // Not a fault: the order that was faster has done it.
    (
        "another order erases it",
        |bench, on| erasing(bench, EraseFault::Raced, on),
        Told::Done,
        true,
    ),
];

#[test]
fn a_fault_at_any_step_is_finished_by_the_next_order() {
    for (what, fault, expected, gone) in FAULTS {
        let bench = Bench::new();
        calls(&bench);
        bench.platform.advance_ms(3 * YEAR_MS);
        // The keys of these days are there already.
        assert_eq!(
            bench.serve(bench.request(&bench.mint(json!({})))).status,
            200
        );
        let before = bench.platform.entries();
        let opened = bench.stored();
        fault(&bench, true);
        assert_eq!(told(&bench), expected, "{what}");
        fault(&bench, false);
        let left = bench.stored();
        assert_eq!(left[2].payload().is_none(), gone, "{what}");
        assert_eq!(left[..2], opened[..2], "{what}");

        let (answer, records) = obeyed(&bench);
        assert_eq!(answer["more"], json!(false), "{what}");
        assert_eq!(records.len(), 1, "{what}");
        let after = bench.platform.entries();
        assert!(!periods(&after).contains("refusals/2028-10-01"), "{what}");
        // The record names an entry that says it.
        let named = usize::try_from(records[0].entry().index).unwrap();
        assert_eq!(after[named].id, records[0].entry().id, "{what}");
        assert!(named >= before.len(), "{what}");
        let code = code(&after[named]);
        assert_eq!(code, Some(OutcomeCode::PayloadsDestroyed), "{what}");
        assert_eq!(bench.stored()[..2], opened[..2], "{what}");
    }
}

/// Several logs, and in two of them payloads of that period.
fn spread(period: RetentionPeriod) -> Bench {
    let line = "aggregate_interval_ms = 10000";
    let shards = format!("{line}\nshards = 4\nclosed = [\"/log\"]");
    let bench = Bench::changed(&[(line, &shards)]);
    let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    assert_eq!(bench.serve(bench.request(&wrong)).status, 403);
    for (number, shard) in [(0, Shard::Whole), (1, Shard::Whole), (2, Shard::Part(3))] {
        let log = bench.platform.log(shard).unwrap();
        block_on(log.append(&left_behind(period, number))).unwrap();
    }
    bench.platform.advance_ms(3 * YEAR_MS);
    bench
}

fn every_log() -> impl Iterator<Item = Shard> {
    (0..4).map(Shard::Part).chain([Shard::Whole])
}

fn payloads(bench: &Bench) -> usize {
    let rows = every_log().flat_map(|shard| bench.platform.entries_of(shard));
    rows.filter(|row| row.payload.is_some()).count()
}

#[test]
fn nothing_is_destroyed_while_a_log_is_not_what_was_signed() {
    let period = RetentionPeriod::parse("refusals/2028-10-01").unwrap();
    for put_back in [Shard::Whole, Shard::Part(3)] {
        let bench = spread(period);
        publish(&bench, put_back);
        // Published to the end at that time, and so at rest as if nothing had come since.
        let earlier = bench.platform.copy_of_shard(put_back).unwrap();
        let log = bench.platform.log(put_back).unwrap();
        block_on(log.append(&left_behind(period, 7))).unwrap();
        publish(&bench, put_back);
        let state = block_on(log.state()).unwrap();
        assert_eq!(state.standing, Standing::Sound);
        bench.platform.put_back_shard(put_back, earlier);
        let before = payloads(&bench);
        assert!(before > 0);
        assert_eq!(told(&bench), Told::Fault("logNotTrusted"), "{put_back:?}");
        let rows = every_log().flat_map(|shard| bench.platform.entries_of(shard));
        let logged = rows.filter(|row| code(row) == Some(OutcomeCode::PayloadsDestroyed));
        assert_eq!(logged.count(), 0, "{put_back:?}");
        assert_eq!(payloads(&bench), before, "{put_back:?}");
        let key = block_on(bench.platform.payload_keys().find(&deployment(), period));
        assert!(matches!(key, Ok(Some(PeriodKey::Held(_)))));
    }
}

#[test]
fn a_log_that_does_not_know_how_it_stands_is_asked_again_and_then_given_up() {
    let period = RetentionPeriod::parse("refusals/2028-10-01").unwrap();
    for standing in [Standing::Unchecked, Standing::Unpublished] {
        let bench = spread(period);
        bench.platform.set_standing(Shard::Whole, standing);
        let before = payloads(&bench);
        assert_eq!(told(&bench), Told::Fault("logNotTrusted"));
        assert_eq!(
            bench.platform.times_asked(Shard::Whole),
            MAX_STANDING_QUESTIONS
        );
        assert_eq!(payloads(&bench), before);
        publish(&bench, Shard::Whole);
        let (answer, records) = obeyed(&bench);
        assert_eq!((&answer["erased"], records.len()), (&json!(before), 1));
    }
}

#[test]
fn what_fails_in_one_log_keeps_nothing_from_being_deleted_in_the_others() {
    let period = RetentionPeriod::parse("refusals/2028-10-01").unwrap();
    for fault in [
        EraseFault::Periods,
        EraseFault::Erase,
        EraseFault::EarlyDate,
    ] {
        let bench = spread(period);
        let before = payloads(&bench);
        // The closed one comes after it.
        let broken = Shard::Part(3);
        bench.platform.break_erasing(broken, fault);
        let early = fault == EraseFault::EarlyDate;
        assert_eq!(told(&bench), if early { EARLY } else { LOG });
        let kept = bench.platform.entries_of(broken);
        let kept = kept.iter().filter(|row| row.period() == Some(period));
        let kept = kept.count();
        assert!(kept > 0 && kept < before);
        bench.platform.break_erasing(broken, EraseFault::None);
        let (answer, records) = obeyed(&bench);
        assert_eq!((&answer["erased"], records.len()), (&json!(kept), 1));
        assert!(answer.get("fault").is_none());
    }
}

#[test]
fn a_period_whose_key_does_not_open_keeps_no_other_from_ending() {
    let bench = Bench::new();
    for _ in 0..2 {
        let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
        assert_eq!(bench.serve(bench.request(&wrong)).status, 403);
        bench.platform.advance_ms(31 * 86_400_000);
    }
    // Earlier ones, more than one order ends, with what never was a key of them.
    let keys = bench.platform.payload_keys();
    let known = block_on(keys.list(&deployment())).unwrap();
    let (_, PeriodKey::Held(other)) = &known[0] else {
        panic!("{known:?}");
    };
    for month in 1..=MAX_ENDED_PERIODS + 1 {
        let period = RetentionPeriod::parse(&format!("refusals/2028-{month:02}-01")).unwrap();
        block_on(keys.obtain(&deployment(), period, other)).unwrap();
    }
    bench.platform.advance_ms(3 * YEAR_MS);
    let (answer, records) = obeyed(&bench);
    let ended: Vec<String> = records
        .iter()
        .map(|record| record.period().to_string())
        .collect();
    assert_eq!(ended, ["refusals/2028-10-01", "refusals/2028-11-01"]);
    assert_eq!(answer["fault"], json!("payloadKeyUnavailable"), "{answer}");
    assert_eq!(
        (&answer["erased"], &answer["more"]),
        (&json!(2), &json!(true))
    );
}
