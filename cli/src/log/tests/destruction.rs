//! The end of retention periods: the order, and the records that are kept of it.

mod orders;
mod records;

use sluis_log::{
    DestroyedPayloads, DestructionRecord, EntryId, LoggedAt, NoteSigner, Origin, PayloadKey,
    PayloadRange, RetentionPeriod, UnixMillis,
};

use super::origin;
use super::written::signer;

/// 2026-01-02T03:04:05.678Z.
const AT: u64 = 1_767_323_045_678;
/// Where the entry stands that tells of the destruction, behind the samples.
const TOLD: u64 = 9;

fn period(day: &str) -> RetentionPeriod {
    RetentionPeriod::parse(&format!("refusals/{day}")).unwrap()
}

fn at(millis: u64) -> UnixMillis {
    UnixMillis::new(millis).unwrap()
}

fn logs(of: &Origin, range: (u64, u64, u64)) -> Vec<DestroyedPayloads> {
    vec![DestroyedPayloads {
        log: of.clone(),
        payloads: PayloadRange::new(range.0, range.1, range.2),
    }]
}

fn key_of(period: RetentionPeriod) -> PayloadKey {
    PayloadKey::new(&origin(), period, [5; 32])
}

/// A record of that period, logged in that log at [`TOLD`].
fn record(of: &Origin, day: &str, millis: u64, range: (u64, u64, u64)) -> DestructionRecord {
    let place = LoggedAt {
        log: of.clone(),
        index: TOLD,
        id: EntryId::from_random([9; 16]),
    };
    let period = period(day);
    let key = key_of(period).id();
    DestructionRecord::new(origin(), (period, key), at(millis), place, logs(of, range)).unwrap()
}

fn note(record: &DestructionRecord, signer: &NoteSigner) -> String {
    record.sign(signer).unwrap().to_string()
}

fn plain(day: &str) -> String {
    note(&record(&origin(), day, AT, (3, 2, 4)), &signer(1))
}
