//! Payloads that are missing: by right, where a destruction says so, and else named.

use std::fs;
use std::path::Path;

use sluis_log::{
    DestroyedPayloads, DestructionRecord, EntryId, Erasable, Fault, FsckError, LoggedAt,
    NoteSigner, Origin, PayloadRange, RetentionPeriod, Shard, ShardMap, StoredEntry, Stream,
    UnixMillis, conformance,
};

use super::served::signed_at;
use super::written::{PERIOD, erased, key, signer, write, write_saying};
use super::{Folder, LogFailure, origin, sluis};
use crate::log::destruction::DestructionFailure;

const RECORDS: &str = "records.jsonl";

fn fsck(folder: &Folder, more: &[&str]) -> Result<String, LogFailure> {
    let dir = folder.path("log");
    let key = key();
    sluis(&[&["fsck", "--dir", &dir, "--key", &key], more].concat())
}

/// Takes the payload out of a record, as who deletes the row of it.
fn take(log: &Path, index: usize) {
    let file = log.join(RECORDS);
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // The first line is the header.
    let mut record: StoredEntry = serde_json::from_str(&lines[index + 1]).unwrap();
    assert!(matches!(record.erasable, Erasable::Opened(_)));
    record.erasable = Erasable::Erased;
    lines[index + 1] = serde_json::to_string(&record).unwrap();
    fs::write(&file, format!("{}\n", lines.join("\n"))).unwrap();
}

fn unrecorded(result: Result<String, LogFailure>, at: u64, most: u64) -> bool {
    let Err(failure) = result else { return false };
    assert_eq!(failure.exit_code(), 3, "{failure}");
    assert_eq!(failure.to_string().lines().count(), 1, "{failure}");
    let one = if let LogFailure::OfShard { failure, .. } = &failure {
        failure
    } else {
        &failure
    };
    matches!(one, LogFailure::Fsck(FsckError {
        index,
        fault: Fault::ErasedUnrecorded { unrecorded },
    }) if (*index, *unrecorded) == (at, most))
}

/// A record of it, as the gate signs it.
fn record(logs: Vec<DestroyedPayloads>, signer: &NoteSigner) -> String {
    record_of(PERIOD, 1_772_409_600_000, logs, signer)
}

/// A record of that period, signed at that time.
fn record_of(period: &str, at: u64, logs: Vec<DestroyedPayloads>, signer: &NoteSigner) -> String {
    let period = RetentionPeriod::parse(period).unwrap();
    let place = LoggedAt {
        log: origin(),
        index: 50,
        id: EntryId::from_random([1; 16]),
    };
    let key = conformance::key(Stream::Refusals).id();
    let at = UnixMillis::new(at).unwrap();
    let record = DestructionRecord::new(origin(), (period, key), at, place, logs).unwrap();
    record.sign(signer).unwrap().to_string()
}

#[test]
fn a_payload_that_somebody_took_is_found() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 700, true);
    assert!(fsck(&folder, &[]).unwrap().contains("7 erased\n"));
    // Among those that were counted, before them, and behind the last.
    for (size, index, at) in [(700, 150, 99), (700, 3, 3), (650, 640, 640)] {
        write(&log, size, true);
        take(&log, index);
        assert!(unrecorded(fsck(&folder, &[]), at, 1), "{index}");
        // In the records alone too.
        let file = folder.path("log/records.jsonl");
        assert!(
            unrecorded(sluis(&["fsck", "--file", &file]), at, 1),
            "{index}"
        );
        fs::remove_dir_all(&log).unwrap();
    }
    // What says that payloads were destroyed is never missing by right.
    write(&log, 700, true);
    take(&log, 50);
    let failure = fsck(&folder, &[]).unwrap_err();
    assert!(
        matches!(
            failure,
            LogFailure::Fsck(FsckError {
                index: 50,
                fault: Fault::ErasedEarly {
                    until: RetentionPeriod::LASTING
                },
            })
        ),
        "{failure}"
    );
}

#[test]
fn a_signed_record_says_what_no_entry_says() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write_saying(&log, &origin(), (300, true), &[]);
    assert!(unrecorded(fsck(&folder, &[]), 99, 3));
    let good = folder.write("good", &record(vec![erased(&origin(), 300)], &signer(1)));
    let said = fsck(&folder, &["--destruction", &good]).unwrap();
    assert!(said.contains("297 payloads opened, 3 erased\n"), "{said}");

    let fewer = DestroyedPayloads {
        payloads: PayloadRange::new(2, 99, 299),
        log: origin(),
    };
    let fewer = folder.write("fewer", &record(vec![fewer], &signer(1)));
    assert!(unrecorded(fsck(&folder, &["--destruction", &fewer]), 99, 1));
    let text = fs::read_to_string(&good).unwrap();
    for (name, text, code) in [
        (
            "another key",
            record(vec![erased(&origin(), 300)], &signer(2)),
            3,
        ),
        ("changed", text.replace(" 3 99 299", " 4 99 299"), 3),
        ("no note", "sluis".to_owned(), 4),
        (
            "too early",
            text.replace("destroyed 2026", "destroyed 2025"),
            3,
        ),
    ] {
        let file = folder.write("other", &text);
        let failure = fsck(&folder, &["--destruction", &file]).unwrap_err();
        assert!(matches!(failure, LogFailure::Destruction { .. }), "{name}");
        assert_eq!(failure.exit_code(), code, "{name}: {failure}");
    }
    let gone = folder.path("gone");
    let failure = fsck(&folder, &["--destruction", &gone]).unwrap_err();
    assert_eq!(failure.exit_code(), 1, "{failure}");
}

#[test]
fn a_record_of_what_is_still_to_come_excuses_nothing() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write_saying(&log, &origin(), (300, true), &[]);
    // 2050-01-01, by a clock that was put ahead: of a period that these payloads can be of, and of one that is over.
    for period in ["refusals/2050-01-01", PERIOD] {
        let logs = vec![erased(&origin(), 300)];
        let text = record_of(period, 2_524_608_000_000, logs, &signer(1));
        let file = folder.write("record", &text);
        let failure = fsck(&folder, &["--destruction", &file]).unwrap_err();
        assert!(
            matches!(
                failure,
                LogFailure::Destruction {
                    error: DestructionFailure::Ahead { .. },
                    ..
                }
            ),
            "{failure}"
        );
        assert_eq!(failure.exit_code(), 3);
        let expected = format!(
            "{file}: {period} is said to have been destroyed at 2050-01-01T00:00:00.000Z, which is still to come: the validator's clock was put ahead"
        );
        assert_eq!(failure.to_string(), expected);
        // As it is called where the record is looked at alone.
        let failure = sluis(&["verify-destruction", &file, "--key", &key()]).unwrap_err();
        assert_eq!(failure.exit_code(), 3);
    }
}

#[test]
fn one_log_of_several_may_say_it_for_another() {
    let folder = Folder::new();
    let map = ShardMap::new(origin(), 2, &[]).unwrap();
    let names: Vec<Origin> = map.logs().iter().map(|log| log.origin.clone()).collect();
    let all = [erased(&names[0], 200), erased(&names[1], 300)];
    // The second log has the entry.
    let write_all = || {
        for (log, size, says) in [(0, 200, &all[..0]), (1, 300, &all[..])] {
            let place = folder.0.join("log").join(log.to_string());
            write_saying(&place, &names[log], (size, true), says);
        }
    };
    write_all();
    fs::write(
        folder.0.join("log/shards"),
        signed_at(&map, UnixMillis::EPOCH),
    )
    .unwrap();
    let said = fsck(&folder, &[]).unwrap();
    assert_eq!(said.matches("all verify").count(), 2, "{said}");

    // Alone the first one wants a record.
    assert!(unrecorded(fsck(&folder, &["--shard", "0"]), 99, 2));
    fsck(&folder, &["--shard", "1"]).unwrap();
    let file = folder.write("record", &record(all.to_vec(), &signer(1)));
    fsck(&folder, &["--shard", "0", "--destruction", &file]).unwrap();

    // What is missing too many is named with its log, and the other is reported.
    take(&folder.0.join("log/0"), 120);
    let found = fsck(&folder, &[]);
    let place = Shard::Part(0).origin(&origin()).unwrap();
    assert!(
        matches!(&found, Err(LogFailure::OfShard { origin, .. }) if *origin == place),
        "{found:?}"
    );
    assert!(unrecorded(found, 99, 1));
    // And the first one's fault does not hide what the second one says.
    write_all();
    take(&folder.0.join("log/1"), 250);
    let found = fsck(&folder, &[]);
    let place = Shard::Part(1).origin(&origin()).unwrap();
    assert!(
        matches!(&found, Err(LogFailure::OfShard { origin, .. }) if *origin == place),
        "{found:?}"
    );
    assert!(unrecorded(found, 99, 1));
}
