//! A log of which a period was destroyed: every proof holds that held before, and what is missing by right is told
//! apart from what somebody took.

use pollster::block_on;
use serde_json::json;
use sluis_gate::Platform as _;
use sluis_gate::memory::{MemoryRequest, PayloadKeyFault};
use sluis_log::{
    ChainVerifier, DestroyedPeriods, Erasures, Fault, FsckError, IdCheck, LeafHash, LogSummary,
    NoteVerifier, ProofBundle, Quorum, RetentionPeriod, SealedEntry, StoredEntry, UnixMillis,
};

use crate::retain::{YEAR_MS, auditor_now, calls, obeyed};
use crate::retain_faults::{EARLY, told};
use crate::support::{Bench, body_of, checkpoint_key, deployment, origin};

fn verifier() -> NoteVerifier {
    checkpoint_key(&origin()).signer().verifier()
}

fn proof(bench: &Bench, index: usize) -> ProofBundle {
    let request = MemoryRequest::new("GET", &format!("/log/proof/{index}"));
    let credential = format!("Bearer {}", auditor_now(bench));
    let reply = bench.serve(request.header("authorization", &credential));
    ProofBundle::parse(body_of(&reply).as_bytes()).unwrap()
}

/// The check of a whole log's records.
fn fsck(bench: &Bench, entries: &[StoredEntry]) -> Result<LogSummary, FsckError> {
    let now = UnixMillis::new(bench.platform.now_ms()).unwrap();
    let mut chain = ChainVerifier::new(&origin(), IdCheck::All);
    let mut erasures = Erasures::new(deployment(), now);
    let mut destroyed = DestroyedPeriods::default();
    for entry in entries {
        chain.next(entry)?;
        erasures.next(entry, &mut destroyed)?;
    }
    erasures.finish(&destroyed)?;
    chain.finish(entries.len() as u64)
}

fn opened(bench: &Bench, sealed: Vec<SealedEntry>) -> Vec<StoredEntry> {
    block_on(bench.gate.open_entries(&bench.platform, sealed)).unwrap()
}

#[test]
fn every_proof_holds_before_and_after() {
    let bench = Bench::new();
    for _ in 0..3 {
        calls(&bench);
    }
    block_on(bench.platform.publish(checkpoint_key(&origin()).signer()));
    let before = bench.stored();
    assert_eq!(fsck(&bench, &before).unwrap().erased, 0);
    let mut bundles: Vec<ProofBundle> = (0..before.len())
        .map(|index| proof(&bench, index))
        .collect();

    bench.platform.advance_ms(3 * YEAR_MS);
    let (answer, _) = obeyed(&bench);
    assert_eq!(answer["erased"], json!(3));
    block_on(bench.platform.publish(checkpoint_key(&origin()).signer()));
    let after = bench.stored();
    let summary = fsck(&bench, &after).unwrap();
    assert_eq!((summary.erased, summary.opened), (3, 7));
    // Those of before, and those that are made now of what is gone.
    bundles.extend((0..before.len()).map(|index| proof(&bench, index)));
    assert_eq!(bundles.len(), 18);
    for (number, bundle) in bundles.iter().enumerate() {
        let entry = &after[number % before.len()];
        let leaf = LeafHash::of(&entry.entry);
        let keys = [verifier()];
        let verified = bundle.verify(leaf, &origin(), &keys, &Quorum::none());
        assert!(verified.is_ok(), "{number}: {verified:?}");
        assert_eq!(bundle.extra.as_deref(), Some(entry.entry.as_slice()));
    }
}

#[test]
fn what_somebody_took_is_no_destruction() {
    let access = RetentionPeriod::parse("accesses/2028-01-01").unwrap();
    let early = |index| {
        Err(FsckError {
            index,
            fault: Fault::ErasedEarly { until: access },
        })
    };
    let unrecorded = |index| {
        Err(FsckError {
            index,
            fault: Fault::ErasedUnrecorded { unrecorded: 1 },
        })
    };
    // A record of an access: too early at first, and without a record when it may be gone.
    let bench = Bench::new();
    calls(&bench);
    calls(&bench);
    assert!(bench.platform.erase(1));
    assert_eq!(fsck(&bench, &bench.stored()), early(1));
    bench.platform.advance_ms(3 * YEAR_MS);
    obeyed(&bench);
    assert_eq!(fsck(&bench, &bench.stored()), unrecorded(1));

    // A refusal before it was counted; the order then counts the other one alone.
    let bench = Bench::new();
    calls(&bench);
    calls(&bench);
    assert!(bench.platform.erase(5));
    bench.platform.advance_ms(3 * YEAR_MS);
    let (answer, _) = obeyed(&bench);
    assert_eq!(answer["erased"], json!(1));
    assert_eq!(fsck(&bench, &bench.stored()), unrecorded(5));

    // What announces a destruction.
    let bench = Bench::new();
    calls(&bench);
    bench.platform.advance_ms(3 * YEAR_MS);
    obeyed(&bench);
    assert!(fsck(&bench, &bench.stored()).is_ok());
    assert!(bench.platform.erase(3));
    let until = RetentionPeriod::LASTING;
    assert_eq!(
        fsck(&bench, &bench.stored()),
        Err(FsckError {
            index: 3,
            fault: Fault::ErasedEarly { until }
        })
    );
}

#[test]
fn a_payload_under_another_periods_name_is_found() {
    let bench = Bench::new();
    calls(&bench);
    let relabelled = |entries: &[SealedEntry], index: usize, period: &str| {
        let mut entries = entries.to_vec();
        entries[index].payload.as_mut().unwrap().period = period.to_owned();
        opened(&bench, entries)
    };
    // While the other key is there it does not open under it.
    let found = relabelled(&bench.platform.entries(), 0, "refusals/2028-10-01");
    let error = fsck(&bench, &found).unwrap_err();
    assert!(
        error.index == 0 && matches!(error.fault, Fault::WrongCommitment(_)),
        "{error}"
    );
    bench.platform.advance_ms(3 * YEAR_MS);
    obeyed(&bench);
    assert!(fsck(&bench, &bench.stored()).is_ok());
    // And when that is gone nobody has counted it.
    let found = relabelled(&bench.platform.entries(), 0, "refusals/2028-10-01");
    assert_eq!(found[0].payload(), None);
    let error = fsck(&bench, &found).unwrap_err();
    assert!(
        error.index == 0 && matches!(error.fault, Fault::ErasedUnrecorded { .. }),
        "{error}"
    );
}

#[test]
fn an_order_under_a_clock_that_is_ahead_leaves_a_log_that_verifies() {
    let bench = Bench::new();
    calls(&bench);
    bench.platform.advance_ms(3 * YEAR_MS);
    bench
        .platform
        .break_payload_keys(PayloadKeyFault::EarlyDate);
    assert_eq!(told(&bench), EARLY);
    bench.platform.turn_back_ms(3 * YEAR_MS);
    let stored = bench.stored();
    let summary = fsck(&bench, &stored).unwrap();
    assert_eq!((summary.opened, summary.erased), (4, 0));
    // What it announced covers nothing.
    assert!(bench.platform.erase(2));
    assert!(fsck(&bench, &bench.stored()).is_err());
}
