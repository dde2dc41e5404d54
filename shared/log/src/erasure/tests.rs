use serde_json::json;

use super::*;
use crate::commitment::{Commitment, CommitmentRandom};
use crate::destruction::{DestructionRecord, LoggedAt};
use crate::entry::PolicyDigest;
use crate::id::EntryId;
use crate::note::{KeyName, NoteSigner};
use crate::payload_key::PayloadKeyId;
use crate::stored::Opening;

const LOG: &str = "gate.example.be/log";

fn origin(name: &str) -> Origin {
    Origin::parse(name).unwrap()
}

fn period(text: &str) -> RetentionPeriod {
    RetentionPeriod::parse(text).unwrap()
}

/// The first moment of a month, UTC.
fn month(text: &str) -> UnixMillis {
    let period = period(&format!("accesses/{text}-01"));
    let mut day = 0;
    loop {
        let at = UnixMillis::new(day * 86_400_000).unwrap();
        if period.is_due(at) {
            return at;
        }
        day += 1;
    }
}

fn stored(
    index: u64,
    outcome: OutcomeCode,
    at: UnixMillis,
    payload: Option<String>,
) -> StoredEntry {
    let id = EntryId::from_random([1; 16]);
    let entry = Entry {
        outcome,
        minute: at.minute(),
        policy: PolicyDigest([0; 32]),
        commitment: Commitment::to("", id, &CommitmentRandom::new([0; 32])),
    };
    let opening = |payload| Opening {
        random: vec![0; 32],
        payload,
    };
    StoredEntry {
        index,
        id,
        stream: outcome.stream(),
        entry: entry.encode().to_vec(),
        chain: Vec::new(),
        erasable: payload.map_or(Erasable::Erased, |payload| {
            Erasable::Opened(opening(payload))
        }),
    }
}

/// Such a log, verified at that time.
struct Bench {
    erasures: Erasures,
    destroyed: DestroyedPeriods,
    index: u64,
}

impl Bench {
    fn at(now: &str) -> Self {
        Self {
            erasures: Erasures::new(origin(LOG), month(now)),
            destroyed: DestroyedPeriods::default(),
            index: 0,
        }
    }

    fn put(
        &mut self,
        outcome: OutcomeCode,
        at: &str,
        payload: Option<String>,
    ) -> Result<(), FsckError> {
        let entry = stored(self.index, outcome, month(at), payload);
        self.index += 1;
        self.erasures.next(&entry, &mut self.destroyed)
    }

    fn missing(&mut self, outcome: OutcomeCode, at: &str) {
        self.put(outcome, at, None).unwrap();
    }

    fn kept(&mut self, at: &str) {
        let payload = Some("{}".to_owned());
        self.put(OutcomeCode::Granted, at, payload).unwrap();
    }

    fn says(
        &mut self,
        of: &str,
        log: &str,
        range: Option<(u64, u64, u64)>,
    ) -> Result<(), FsckError> {
        let logs = match range {
            None => json!([{"log": log, "payloads": 0}]),
            Some((count, first, last)) => json!([
                {"log": "gate.example.be/log/7", "payloads": 0},
                {"log": log, "payloads": count, "firstIndex": first, "lastIndex": last},
            ]),
        };
        let payload = json!({"id": "x", "data": {"period": of, "keyId": "00", "logs": logs}});
        self.put(
            OutcomeCode::PayloadsDestroyed,
            "2026-01",
            Some(payload.to_string()),
        )
    }

    fn finish(&self) -> Result<(), FsckError> {
        self.erasures.finish(&self.destroyed)
    }
}

fn unrecorded(index: u64, unrecorded: u64) -> Result<(), FsckError> {
    let fault = Fault::ErasedUnrecorded { unrecorded };
    Err(FsckError { index, fault })
}

#[test]
fn nothing_is_missing_before_the_shortest_term_is_over() {
    for (outcome, until, before) in [
        (OutcomeCode::Granted, "accesses/2012-01-01", "2011-12"),
        (OutcomeCode::Completed, "accesses/2012-01-01", "2011-12"),
        (OutcomeCode::LogRead, "accesses/2012-01-01", "2011-12"),
        (OutcomeCode::Refused, "refusals/2010-05-01", "2010-04"),
        (
            OutcomeCode::RefusalsCounted,
            "refusals/2010-05-01",
            "2010-04",
        ),
        // Never.
        (
            OutcomeCode::PayloadsDestroyed,
            "accesses/9999-12-01",
            "9998-01",
        ),
    ] {
        let mut early = Bench::at(before);
        early.kept("2010-03");
        let until = period(until);
        assert_eq!(
            early.put(outcome, "2010-03", None),
            Err(FsckError {
                index: 1,
                fault: Fault::ErasedEarly { until }
            }),
            "{outcome:?}"
        );
        if until == RetentionPeriod::LASTING {
            continue;
        }
        let day = until.to_string();
        let mut due = Bench::at(&day[9..16]);
        due.missing(outcome, "2010-03");
        // It may be missing by then, and still nothing says so.
        assert_eq!(due.finish(), unrecorded(0, 1), "{outcome:?}");
    }
}

#[test]
fn what_was_destroyed_is_missing_by_right_and_nothing_beside_it() {
    let whole = || {
        let mut bench = Bench::at("2026-06");
        bench.missing(OutcomeCode::Granted, "2010-03");
        bench.kept("2010-03");
        bench.missing(OutcomeCode::Completed, "2010-03");
        bench
    };
    let of = "accesses/2021-01-01";
    let mut bench = whole();
    assert_eq!(bench.finish(), unrecorded(0, 2));
    bench.says(of, LOG, Some((2, 0, 2))).unwrap();
    assert_eq!(bench.finish(), Ok(()));

    // One more is missing.
    bench.missing(OutcomeCode::Granted, "2010-03");
    assert_eq!(bench.finish(), unrecorded(4, 1));
    let mut bench = whole();
    bench.says(of, LOG, Some((2, 0, 4))).unwrap();
    bench.missing(OutcomeCode::Granted, "2010-03");
    assert_eq!(bench.finish(), unrecorded(0, 1));

    // Fewer were counted, elsewhere, of another stream, of another log or of none.
    for (of, log, range) in [
        (of, LOG, Some((1, 0, 2))),
        (of, LOG, Some((2, 0, 1))),
        (of, LOG, Some((2, 1, 2))),
        ("refusals/2021-01-01", LOG, Some((2, 0, 2))),
        (of, "gate.example.be/log/0", Some((2, 0, 2))),
        (of, LOG, None),
        // No period of 2010: before the shortest term.
        ("accesses/2011-12-01", LOG, Some((2, 0, 2))),
    ] {
        let mut bench = whole();
        bench.says(of, log, range).unwrap();
        assert!(bench.finish().is_err(), "{of} {log} {range:?}");
    }
    // Behind the longest.
    let mut bench = Bench::at("2100-01");
    bench.missing(OutcomeCode::Granted, "2010-03");
    bench
        .says("accesses/2041-02-01", LOG, Some((1, 0, 0)))
        .unwrap();
    assert_eq!(bench.finish(), unrecorded(0, 1));
    bench
        .says("accesses/2041-01-01", LOG, Some((1, 0, 0)))
        .unwrap();
    assert_eq!(bench.finish(), Ok(()));
}

#[test]
fn the_first_index_is_named_over_both_streams() {
    let mut bench = Bench::at("2026-06");
    bench.kept("2010-03");
    bench.missing(OutcomeCode::Refused, "2010-03");
    bench.missing(OutcomeCode::Granted, "2010-03");
    assert_eq!(bench.finish(), unrecorded(1, 1));
    bench
        .says("refusals/2012-04-01", LOG, Some((1, 1, 1)))
        .unwrap();
    assert_eq!(bench.finish(), unrecorded(2, 1));

    let mut bench = Bench::at("2026-06");
    bench.missing(OutcomeCode::Granted, "2010-03");
    bench.missing(OutcomeCode::Refused, "2010-03");
    assert_eq!(bench.finish(), unrecorded(0, 1));
}

#[test]
fn periods_of_several_terms_are_told_apart_as_far_as_can_be() {
    let mut bench = Bench::at("2045-06");
    for at in ["2010-03", "2010-03", "2011-03"] {
        bench.missing(OutcomeCode::Granted, at);
    }
    // One of one year, which 2011 cannot have; and two of longer terms.
    bench
        .says("accesses/2012-01-01", LOG, Some((1, 0, 9)))
        .unwrap();
    bench
        .says("accesses/2030-01-01", LOG, Some((2, 0, 9)))
        .unwrap();
    assert_eq!(bench.finish(), Ok(()));
    bench.missing(OutcomeCode::Granted, "2011-03");
    assert_eq!(bench.finish(), unrecorded(2, 1));
}

#[test]
fn an_order_that_was_given_again_counts_once() {
    let mut bench = Bench::at("2026-06");
    for _ in 0..3 {
        bench.missing(OutcomeCode::Granted, "2010-03");
    }
    bench
        .says("accesses/2021-01-01", LOG, Some((2, 0, 2)))
        .unwrap();
    bench
        .says("accesses/2021-01-01", LOG, Some((2, 0, 2)))
        .unwrap();
    assert_eq!(bench.finish(), unrecorded(0, 1));
    bench
        .says("accesses/2021-01-01", LOG, Some((3, 0, 2)))
        .unwrap();
    bench
        .says("accesses/2021-01-01", LOG, Some((1, 0, 2)))
        .unwrap();
    assert_eq!(bench.finish(), Ok(()));
}

#[test]
fn what_is_announced_before_its_day_covers_nothing_until_then() {
    for (now, found) in [
        ("2020-12", unrecorded(0, 1)),
        ("2021-01", Ok(())),
        ("2021-02", Ok(())),
    ] {
        let mut bench = Bench::at(now);
        bench.missing(OutcomeCode::Granted, "2010-03");
        bench
            .says("accesses/2021-01-01", LOG, Some((1, 0, 0)))
            .unwrap();
        assert_eq!(bench.finish(), found, "{now}");
    }
}

#[test]
fn a_destruction_that_is_announced_must_say_of_what() {
    let mut bench = Bench::at("2020-12");
    for data in [
        json!({}),
        json!({"period": "accesses/2012-01-01"}),
        json!({"period": "accesses/2012", "logs": []}),
        json!({"period": "accesses/2012-01-01", "logs": [{"log": LOG, "payloads": 2}]}),
        json!({"period": "accesses/2012-01-01", "logs": [
            {"log": LOG, "payloads": 0, "firstIndex": 0, "lastIndex": 0}]}),
        json!({"period": "accesses/2012-01-01", "logs": [
            {"log": LOG, "payloads": 3, "firstIndex": 0, "lastIndex": 1}]}),
        json!({"period": "accesses/2012-01-01", "logs": [
            {"log": LOG, "payloads": 1, "firstIndex": 0}]}),
        json!({"period": "accesses/2012-01-01",
               "logs": vec![json!({"log": LOG, "payloads": 0}); MAX_DESTRUCTION_LOGS + 1]}),
    ] {
        let payload = json!({ "data": data }).to_string();
        let found = bench.put(OutcomeCode::PayloadsDestroyed, "2015-01", Some(payload));
        assert_eq!(
            found.map_err(|error| error.fault),
            Err(Fault::UnknownDestruction),
            "{data}"
        );
    }
}

/// The record of one payload of that period, as a gate signs it by whose clock the month is that one.
fn signed(of: &str, at: &str) -> VerifiedDestruction {
    let place = LoggedAt {
        log: origin("gate.example.be/log/1"),
        index: 7,
        id: EntryId::from_random([3; 16]),
    };
    let logs = vec![DestroyedPayloads {
        log: origin(LOG),
        payloads: PayloadRange::new(1, 0, 0),
    }];
    let key = PayloadKeyId::of_bytes([4; 16]);
    let record = DestructionRecord::new(origin(LOG), (period(of), key), month(at), place, logs);
    let signer = NoteSigner::new(KeyName::parse(LOG).unwrap(), &[5; 32]).unwrap();
    let note = record.unwrap().sign(&signer).unwrap();
    VerifiedDestruction::verify(&note, &signer.verifier()).unwrap()
}

#[test]
fn a_signed_record_says_it_as_well() {
    let mut bench = Bench::at("2026-06");
    bench.missing(OutcomeCode::Granted, "2010-03");
    let record = signed("accesses/2021-01-01", "2022-01");
    bench.destroyed.record(&record, month("2026-06"));
    assert_eq!(bench.finish(), Ok(()));
}

#[test]
fn what_is_signed_before_its_day_covers_nothing_until_then() {
    let record = signed("accesses/2021-01-01", "2021-01");
    for (now, found) in [
        ("2020-12", unrecorded(0, 1)),
        ("2021-01", Ok(())),
        ("2021-02", Ok(())),
    ] {
        let mut bench = Bench::at(now);
        bench.missing(OutcomeCode::Granted, "2010-03");
        bench.destroyed.record(&record, month(now));
        assert_eq!(bench.finish(), found, "{now}");
    }
}
