//! A record, alone and against its log.

use std::fs;
use std::path::Path;

use sluis_log::{
    ChainHead, Checkpoint, CommitmentRandom, DestructionRecord, EdgeTiles, EntryBundle, EntryId,
    Envelope, Erasable, Event, EventSource, ExportHeader, LeafHash, NoteSigner, Origin,
    PayloadsDestroyed, PendingEntry, PolicyDigest, Shard, ShardMap, StoredEntry, TilePath, Trace,
    TraceId, conformance, integrate, seal,
};

use super::super::written::{key, signer};
use super::super::{Folder, LogFailure, origin, sluis};
use super::{AT, TOLD, at, key_of, logs, note, period, record};

/// The entry that tells of it, in that log.
fn told(of: &Origin, range: (u64, u64, u64)) -> PendingEntry {
    let source = EventSource::new("be.example.sim.validator.v1", "urn:sluis:sim", "sim").unwrap();
    let period = period("2026-01-01");
    let event = Event::PayloadsDestroyed(PayloadsDestroyed {
        operator: "operator",
        trace: Trace {
            id: TraceId::parse("t").unwrap(),
            related: None,
        },
        period,
        key: key_of(period).id(),
        logs: &logs(of, range),
    });
    let envelope = Envelope {
        source: &source,
        id: EntryId::from_random([9; 16]),
        at: at(AT),
        policy: PolicyDigest([0x5a; 32]),
    };
    let key = conformance::key(event.outcome_code().stream());
    seal(&envelope, &event, CommitmentRandom::new([3; 32]), &key).unwrap()
}

/// A log of samples, of which the third to the fifth are erased, and the entry that tells of it.
fn entries(of: &Origin, told: &PendingEntry) -> Vec<StoredEntry> {
    let mut chain = ChainHead::genesis(of);
    let samples = (0..TOLD).map(|number| conformance::sample(number, 0).unwrap());
    let all = samples.chain([told.clone()]).zip(0..);
    let stored = all.map(|(pending, index)| {
        chain = chain.followed_by(pending.leaf_hash());
        let opening = conformance::opening(&pending).unwrap();
        StoredEntry {
            index,
            id: pending.id(),
            stream: pending.stream(),
            entry: pending.entry_bytes().to_vec(),
            chain: chain.hash.0.to_vec(),
            erasable: if (2..=4).contains(&index) {
                Erasable::Erased
            } else {
                Erasable::Opened(opening)
            },
        }
    });
    stored.collect()
}

/// Writes a log of less than a tile as `export --dir` does.
fn write(folder: &Path, of: &Origin, entries: &[StoredEntry]) {
    fs::create_dir_all(folder).unwrap();
    let size = u64::try_from(entries.len()).unwrap();
    let header = ExportHeader {
        origin: of.clone(),
        size,
    };
    let mut lines = serde_json::to_string(&header).unwrap() + "\n";
    for entry in entries {
        lines += &(serde_json::to_string(entry).unwrap() + "\n");
    }
    fs::write(folder.join("records.jsonl"), lines).unwrap();
    let raw: Vec<_> = entries.iter().map(|entry| entry.entry.clone()).collect();
    let leaves: Vec<_> = raw.iter().map(|entry| LeafHash::of(entry)).collect();
    let grown = integrate(&EdgeTiles::empty(), &leaves).unwrap();
    let put = |path: String, bytes: &[u8]| {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    };
    for (tile, row) in grown.edge.tiles() {
        put(tile.path(tile.width_in(size)).unwrap().to_string(), &row);
    }
    let path = TilePath::of_entries(0, u16::try_from(entries.len()).unwrap()).unwrap();
    put(path.to_string(), &EntryBundle::new(raw).unwrap().encode());
    let name = sluis_log::KeyName::parse(of.as_str()).unwrap();
    let signer = NoteSigner::new(name, &[1; 32]).unwrap();
    let checkpoint = Checkpoint::new(of.clone(), grown.head).sign(&signer);
    let checkpoint = checkpoint.unwrap().note().to_string();
    put("checkpoint".to_owned(), checkpoint.as_bytes());
}

/// A deployment of one log, its record in `record`, and that log in `log`.
fn deployment(range: (u64, u64, u64)) -> Folder {
    let folder = Folder::new();
    let entries = entries(&origin(), &told(&origin(), range));
    write(&folder.0.join("log"), &origin(), &entries);
    folder.write(
        "record",
        &note(&record(&origin(), "2026-01-01", AT, range), &signer(1)),
    );
    folder
}

fn against(folder: &Folder, more: &[&str]) -> Result<String, LogFailure> {
    let (record, key) = (folder.path("record"), key());
    sluis(&[&["verify-destruction", &record, "--key", &key], more].concat())
}

fn against_log(folder: &Folder) -> Result<String, LogFailure> {
    against(folder, &["--dir", &folder.path("log")])
}

#[test]
fn a_record_is_verified_off_line_to_its_last_byte() {
    let folder = deployment((3, 2, 4));
    let said = against(&folder, &[]).unwrap();
    let key_id = key_of(period("2026-01-01")).id();
    let entry_id = EntryId::from_random([9; 16]);
    assert_eq!(
        said,
        format!(
            "refusals/2026-01-01: destroyed at 2026-01-02T03:04:05.678Z\n\
             its key {key_id}, logged before as entry 9 of validator.example.be/log ({entry_id})\n\
             validator.example.be/log: 3 payloads, from entry 2 to 4\n\
             verified: the log signed it, and the period was over by then\n"
        )
    );
    let text = fs::read_to_string(folder.path("record")).unwrap();
    for place in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[place] ^= 4;
        fs::write(folder.path("record"), bytes).unwrap();
        let failure = against(&folder, &[]).unwrap_err();
        assert!(
            matches!(failure.exit_code(), 3 | 4),
            "byte {place}: {failure}"
        );
    }
    fs::write(folder.path("record"), &text).unwrap();
    let wrong = signer(2).verifier().to_string();
    let record = folder.path("record");
    let failure = sluis(&["verify-destruction", &record, "--key", &wrong]).unwrap_err();
    assert_eq!(failure.exit_code(), 3);
    // Of two keys one has to have signed it.
    let both = ["--key", &wrong, "--key", &key()];
    assert!(sluis(&[&["verify-destruction", &record], &both[..]].concat()).is_ok());
    let missing = sluis(&["verify-destruction", &folder.path("none"), "--key", &key()]);
    assert_eq!(missing.unwrap_err().exit_code(), 1);
}

#[test]
fn a_record_is_held_against_its_log() {
    let folder = deployment((3, 2, 4));
    let said = against_log(&folder).unwrap();
    assert!(
        said.ends_with(
            "verified: the entry stands in the log, and says the same\n\
             verified: the first and the last entry that each log counts stand there, and their payloads are gone\n"
        ),
        "{said}"
    );
    let url = super::super::served::serve(&folder.0.join("log"));
    let server = ["--url", &url, "--auditor-token-file", &folder.path("token")];
    assert_eq!(against(&folder, &server).unwrap(), said);
}

#[test]
fn a_record_of_something_else_than_the_log_tells_is_found() {
    let refused = |folder: &Folder, expected: &str| {
        let failure = against_log(folder).unwrap_err();
        assert_eq!(failure.to_string(), expected);
        assert_eq!(failure.exit_code(), 3);
    };
    // The log tells of fewer payloads, or of other ones.
    let folder = deployment((3, 2, 4));
    let sign = |range| note(&record(&origin(), "2026-01-01", AT, range), &signer(1));
    for range in [(2, 2, 4), (3, 2, 5), (3, 1, 4)] {
        folder.write("record", &sign(range));
        refused(
            &folder,
            "entry 9 of validator.example.be/log tells of another destruction",
        );
    }
    // It counts what is still there.
    for (range, index) in [((4, 1, 4), 1), ((4, 2, 5), 5)] {
        refused(
            &deployment(range),
            &format!(
                "entry {index} of validator.example.be/log still has its payload, which is said to be destroyed"
            ),
        );
    }
    // The entry itself is of the other stream.
    refused(
        &deployment((8, 2, 9)),
        "entry 9 of validator.example.be/log cannot have had a payload of refusals/2026-01-01",
    );
    // Another entry stands there.
    let folder = deployment((3, 2, 4));
    let mut stored = entries(&origin(), &told(&origin(), (3, 2, 4)));
    stored.swap(8, 9);
    let (eight, nine) = (stored[8].clone(), stored[9].clone());
    stored[8].index = nine.index - 1;
    stored[9].index = eight.index;
    write(&folder.0.join("log"), &origin(), &stored);
    refused(
        &folder,
        "entry 9 of validator.example.be/log does not tell of this destruction: the entry is not about the end of a period",
    );
    // The record in the folder is of another entry than the tree has.
    let folder = deployment((3, 2, 4));
    let records = folder.0.join("log/records.jsonl");
    let text = fs::read_to_string(&records).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    let eighth = lines[9].replace("\"index\":8", "\"index\":9");
    lines[10] = &eighth;
    fs::write(&records, lines.join("\n") + "\n").unwrap();
    let failure = against_log(&folder).unwrap_err();
    assert!(
        matches!(failure, LogFailure::OtherEntry { index: 9 }),
        "{failure}"
    );
    // What it told was erased, or is not what the entry commits to.
    let folder = deployment((3, 2, 4));
    let mut stored = entries(&origin(), &told(&origin(), (3, 2, 4)));
    stored[9].erasable = Erasable::Erased;
    write(&folder.0.join("log"), &origin(), &stored);
    refused(
        &folder,
        "entry 9 of validator.example.be/log does not tell of this destruction: what the entry said was erased",
    );
    let mut stored = entries(&origin(), &told(&origin(), (3, 2, 4)));
    let other = entries(&origin(), &told(&origin(), (2, 2, 4)));
    stored[9].erasable = other[9].erasable.clone();
    write(&folder.0.join("log"), &origin(), &stored);
    let failure = against_log(&folder).unwrap_err();
    assert!(
        failure.to_string().contains("not the one committed to"),
        "{failure}"
    );
}

#[test]
fn what_is_said_to_be_gone_must_stand_in_the_log() {
    let range = (3, 2, 4);
    for (place, index) in [(2, 2), (4, 4)] {
        let folder = deployment(range);
        assert!(against_log(&folder).is_ok());
        let mut stored = entries(&origin(), &told(&origin(), range));
        let other = conformance::sample(20, 0).unwrap();
        stored[place].entry = other.entry_bytes().to_vec();
        write(&folder.0.join("other"), &origin(), &stored);
        let put = |file: &str| {
            let from = folder.0.join("other").join(file);
            fs::copy(from, folder.0.join("log").join(file)).unwrap();
        };
        // The record is of an entry that the log does not have there.
        put("records.jsonl");
        let failure = against_log(&folder).unwrap_err();
        assert!(
            matches!(failure, LogFailure::OtherEntry { index: found } if found == index),
            "{failure}"
        );
        // That entry stands where the log's was; the log never signed it.
        put("tile/entries/000.p/10");
        let failure = against_log(&folder).unwrap_err();
        assert!(matches!(failure, LogFailure::Bundle(_)), "{failure}");
        assert_eq!(failure.exit_code(), 3);
    }
}

#[test]
fn a_record_of_several_logs_is_held_against_the_one_it_names() {
    let folder = Folder::new();
    let shard = |number| Shard::Part(number).origin(&origin()).unwrap();
    let of = shard(1);
    let told = told(&of, (3, 2, 4));
    write(&folder.0.join("log/1"), &of, &entries(&of, &told));
    let map = ShardMap::new(origin(), 2, &[]).unwrap();
    folder.write("log/shards", &super::super::served::signed_at(&map, at(AT)));
    let place = |record: &DestructionRecord| folder.write("record", &note(record, &signer(1)));
    place(&record(&of, "2026-01-01", AT, (3, 2, 4)));
    let said = against_log(&folder).unwrap();
    assert_eq!(said.matches("verified: ").count(), 3, "{said}");
    // The other log of the deployment is not there; one of that name it cannot have.
    place(&record(&shard(0), "2026-01-01", AT, (3, 2, 4)));
    assert_eq!(against_log(&folder).unwrap_err().exit_code(), 1);
    let foreign = Origin::parse("validator.example.be/other").unwrap();
    place(&record(&foreign, "2026-01-01", AT, (3, 2, 4)));
    assert_eq!(
        against_log(&folder).unwrap_err().to_string(),
        "validator.example.be/other is no log of validator.example.be/log"
    );
}

#[test]
fn an_entry_that_is_not_under_the_signed_tree_announces_nothing() {
    let folder = deployment((3, 2, 4));
    let log = folder.0.join("log");
    let told = fs::read(log.join("records.jsonl")).unwrap();
    let bundle = log.join("tile/entries/000.p/10");
    let entry = fs::read(&bundle).unwrap();
    // What the log signed has a sample there; entry and record are put in its place.
    let without = entries(&origin(), &conformance::sample(TOLD, 0).unwrap());
    write(&log, &origin(), &without);
    fs::write(log.join("records.jsonl"), told).unwrap();
    fs::write(bundle, entry).unwrap();
    let failure = against_log(&folder).unwrap_err();
    assert!(matches!(failure, LogFailure::Bundle(_)), "{failure}");
    assert_eq!(failure.exit_code(), 3);
}
