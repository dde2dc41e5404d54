//! Traces over entries of the real sealing code and records of other parties.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up should panic"
)]

mod calls;
mod erased;
mod found;
mod lines;
mod readers;

use proptest::prelude::*;
use serde_json::json;
use sluis_log::trace::{
    Audience, LogKeys, MAX_CALLS, Party, PartyRecord, Pass, RecordKind, TraceError,
};
use sluis_log::{MemoryLog, conformance};

use calls::{AT, Sample, log_key, log_of, origin, text, trace_with, tracer};

#[test]
fn a_trace_has_a_bound() {
    let mut log = MemoryLog::new(origin());
    Sample {
        outcome: false,
        ..Sample::new(1)
    }
    .append(&mut log);
    let entry = conformance::opened(log.read(0, 1)).remove(0);
    let (query, keys) = (Sample::new(1).query(), LogKeys::default());
    let mut tracer = tracer(&query, &keys);
    for _ in 0..MAX_CALLS {
        assert_eq!(tracer.entry(&entry), Ok(true));
    }
    assert_eq!(tracer.entry(&entry), Err(TraceError::TooManyCalls));
    for _ in 0..10 {
        tracer
            .record(Pass::Calls, &Sample::new(1).issued())
            .unwrap();
    }
    for _ in 0..9 {
        let n = u64::from(Sample::new(1).n);
        for extra in 0..10 {
            let data = json!({"traceId": "caller-1", "tokenHash": "01".repeat(32), "userRef": format!("{n}-{extra}")});
            let record = Sample::new(1).record(
                Party::MandateHolder,
                RecordKind::RequestSent,
                AT + extra,
                data,
            );
            if tracer.record(Pass::Calls, &record) == Err(TraceError::TooManyRecords) {
                return;
            }
        }
    }
    panic!("never too many");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the order of the records, and however many other calls there are, a call's trace is the same.
    #[test]
    fn order_does_not_matter_and_other_calls_do_not_leak(
        calls in prop::collection::btree_set(1_u8..60, 1..8),
        hidden in any::<u64>(),
        pick in any::<prop::sample::Index>(),
        order in any::<u64>(),
        keyed in any::<bool>(),
    ) {
        let samples: Vec<Sample> = calls.into_iter().map(|n| Sample { hidden: hidden >> n & 1 == 1, ..Sample::new(n) }).collect();
        let wanted = *pick.get(&samples);
        let given = [Party::VerificationSystem, Party::SecondaryNetwork, Party::MandateHolder];
        let keys = LogKeys::from(if keyed { vec![log_key()] } else { Vec::new() });
        let alone = trace_with(&wanted.query(), &keys, &log_of(&samples), &wanted.records(), &given);
        let mut all: Vec<PartyRecord> = samples.iter().flat_map(|sample| sample.records()).collect();
        // A permutation out of one number.
        let mut state = order | 1;
        for at in (1..all.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            all.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        let among = trace_with(&wanted.query(), &keys, &log_of(&samples), &all, &given);
        for audience in Audience::ALL {
            let text = text(&among, *audience);
            prop_assert_eq!(&text, &self::text(&alone, *audience));
            for other in samples.iter().filter(|sample| sample.n != wanted.n) {
                prop_assert!(!text.contains(&other.token_hash()));
            }
        }
    }
}
