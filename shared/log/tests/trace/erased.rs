//! Calls whose records were erased.

use sluis_log::trace::{
    Audience, Finding, LogKeys, MAX_DESTRUCTIONS_OF_A_TRACE, Query, TraceError,
};
use sluis_log::{
    DestroyedPayloads, EntryId, Erasable, Event, MemoryLog, PayloadKey, PayloadRange,
    PayloadsDestroyed, RetentionPeriod, StoredEntry, Trace, TraceId, UnixMillis, conformance,
};

use crate::calls::{LATER, Sample, log_of, origin, report, sealed, trace_with, tracer};

/// The first period that a call of these can be of.
const PERIOD: &str = "accesses/2028-01-01";

/// The `n`th entry that says how a period ended.
fn tell(log: &mut MemoryLog, n: u64, at: u64, period: &str, range: Option<PayloadRange>) {
    let period = RetentionPeriod::parse(period).unwrap();
    let logs = [DestroyedPayloads {
        log: origin(),
        payloads: range,
    }];
    let event = Event::PayloadsDestroyed(PayloadsDestroyed {
        operator: "operator",
        trace: Trace {
            id: TraceId::parse("t").unwrap(),
            related: None,
        },
        period,
        key: PayloadKey::new(&origin(), period, [5; 32]).id(),
        logs: &logs,
    });
    let mut id = [0xe0; 16];
    id[8..].copy_from_slice(&n.to_be_bytes());
    sealed(log, EntryId::from_random(id), at, &event);
}

/// A call whose records were erased, and behind it what the log says of the period.
fn ended(range: Option<PayloadRange>) -> (Sample, Vec<StoredEntry>) {
    ended_as(PERIOD, LATER, range)
}

/// The same of that period, which was over by then.
fn ended_as(period: &str, then: u64, range: Option<PayloadRange>) -> (Sample, Vec<StoredEntry>) {
    let sample = Sample::new(1);
    let mut log = MemoryLog::new(origin());
    sample.append(&mut log);
    // Twice: the first order was not answered.
    for n in [1, 2] {
        let at = then + n * 86_400_000;
        tell(&mut log, n, at, period, range);
    }
    let mut entries = conformance::opened(log.read(0, u32::MAX));
    let (decision, outcome) = (0, 1);
    entries[decision].erasable = Erasable::Erased;
    entries[outcome].erasable = Erasable::Erased;
    (sample, entries)
}

#[test]
fn what_was_erased_by_right_is_said_with_its_period_and_day() {
    let both = PayloadRange::new(2, 0, 1);
    let (sample, entries) = ended(both);
    let all = Query {
        from: UnixMillis::new(0).ok(),
        ..Query::default()
    };
    let made = trace_with(&all, &LogKeys::default(), &entries, &[], &[]);
    let period = RetentionPeriod::parse(PERIOD).unwrap();
    let at = UnixMillis::new(LATER + 2 * 86_400_000).unwrap();
    let found: Vec<Finding> = made.findings().collect();
    // That nothing tells what became of it is no gap: it was erased with it.
    assert_eq!(found, [Finding::PayloadErased { period, at }]);
    assert_eq!(
        report(&made, Audience::DataSubject).calls[0].findings[0].text,
        "the payload was erased: the end of accesses/2028-01-01 was logged at \
         2028-01-04T03:04:05.678Z; the leaf alone answers, and nothing can be joined"
    );
    // What is asked for by name is not found; what it can have been is told.
    let made = trace_with(&sample.query(), &LogKeys::default(), &entries, &[], &[]);
    let told = report(&made, Audience::DataSubject);
    assert_eq!((told.calls.len(), told.erased), (0, 1));
    let ended_then = told
        .ended
        .iter()
        .map(|ended| (ended.period, ended.at.clone()));
    assert_eq!(ended_then.collect::<Vec<_>>(), [(period, at.to_string())]);
    // Another log, another place, or nothing: it is missing.
    for range in [PayloadRange::new(1, 1, 1), None] {
        let (_, entries) = ended(range);
        let made = trace_with(&all, &LogKeys::default(), &entries, &[], &[]);
        let found: Vec<Finding> = made.findings().collect();
        assert_eq!(found, [Finding::PayloadMissing], "{range:?}");
    }
    // Of a period that no call of its month can be of, or that is over by the log's clock alone.
    for (period, then) in [
        ("accesses/2026-01-01", LATER),
        ("accesses/2027-12-01", LATER),
        ("refusals/2028-01-01", LATER),
        ("accesses/2029-01-01", LATER + 366 * 86_400_000),
    ] {
        let (_, entries) = ended_as(period, then, both);
        let made = trace_with(&all, &LogKeys::default(), &entries, &[], &[]);
        let found: Vec<Finding> = made.findings().collect();
        assert_eq!(found, [Finding::PayloadMissing], "{period}");
        assert_eq!(report(&made, Audience::Supervisor).unreadable, 0);
    }
    // What says so must be what its entry commits to.
    let (_, mut entries) = ended(both);
    for told in [2, 3] {
        let opening = entries[told].erasable.opening_mut().unwrap();
        opening.payload = opening.payload.replace("\"payloads\":2", "\"payloads\":1");
    }
    let made = trace_with(&all, &LogKeys::default(), &entries, &[], &[]);
    assert_eq!(
        made.findings().collect::<Vec<_>>(),
        [Finding::PayloadMissing]
    );
    assert_eq!(report(&made, Audience::Supervisor).unreadable, 2);
}

#[test]
fn what_was_erased_or_altered_is_said_and_not_believed() {
    let sample = Sample::new(1);
    let mut entries = log_of(&[sample, Sample::new(2)]);
    entries[0].erasable = Erasable::Erased;
    let made = trace_with(&sample.query(), &LogKeys::default(), &entries, &[], &[]);
    assert_eq!(made.calls().count(), 0);
    assert_eq!(report(&made, Audience::Supervisor).erased, 1);
    let period = Query {
        from: UnixMillis::new(0).ok(),
        until: UnixMillis::new(sample.at()).ok(),
        ..Query::default()
    };
    let made = trace_with(&period, &LogKeys::default(), &entries, &[], &[]);
    let found: Vec<Finding> = made.findings().collect();
    assert_eq!(found, [Finding::PayloadMissing]);

    let mut entries = log_of(&[sample]);
    let opening = entries[0].erasable.opening_mut().unwrap();
    opening.payload = opening
        .payload
        .replace("getPensionOverview", "getSomethingElse!!");
    let made = trace_with(&sample.query(), &LogKeys::default(), &entries, &[], &[]);
    assert_eq!(
        (
            made.calls().count(),
            report(&made, Audience::Supervisor).unreadable
        ),
        (0, 1)
    );
}

#[test]
fn what_is_said_again_of_a_period_is_held_once() {
    let mut log = MemoryLog::new(origin());
    let most = u64::try_from(MAX_DESTRUCTIONS_OF_A_TRACE).unwrap();
    for last in 0..=most {
        let range = PayloadRange::new(1, 0, last);
        tell(&mut log, last, LATER, PERIOD, range);
    }
    let entries = conformance::opened(log.read(0, u32::MAX));
    let (query, keys) = (Sample::new(1).query(), LogKeys::default());
    let mut tracer = tracer(&query, &keys);
    for _ in 0..=MAX_DESTRUCTIONS_OF_A_TRACE {
        assert_eq!(tracer.entry(&entries[0]), Ok(false));
    }
    let (last, others) = entries.split_last().unwrap();
    for entry in others {
        assert_eq!(tracer.entry(entry), Ok(false));
    }
    assert_eq!(tracer.entry(last), Err(TraceError::TooManyDestructions));
}
