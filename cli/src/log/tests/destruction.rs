//! The end of retention periods: the order, the records that are kept of it, and their verification.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;
use sluis_log::{
    ChainHead, Checkpoint, CommitmentRandom, DestroyedPayloads, DestructionRecord, EdgeTiles,
    EntryBundle, EntryId, Envelope, Erasable, Event, EventSource, ExportHeader, LeafHash, LoggedAt,
    NoteSigner, Origin, PayloadKey, PayloadRange, PayloadsDestroyed, PendingEntry, PolicyDigest,
    RetentionPeriod, Shard, ShardMap, StoredEntry, TilePath, Trace, TraceId, UnixMillis,
    conformance, integrate, seal,
};

use super::written::{key, signer};
use super::{Folder, LogFailure, TOKEN, origin, sluis};

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

/// A validator that gives those answers to orders, the last of them again and again, and what it was asked.
fn validator(answers: Vec<(u16, String)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heads = Arc::clone(&asked);
    thread::spawn(move || {
        for (number, connection) in listener.incoming().enumerate() {
            let (status, body) = answers.get(number).or(answers.last()).unwrap();
            let mut connection = connection.unwrap();
            let head = head_of(&mut connection);
            heads.lock().unwrap().push(head);
            write!(
                connection,
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    });
    (url, asked)
}

fn head_of(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

fn done(records: &[String], erased: u64, more: bool) -> (u16, String) {
    let answer = json!({"records": records, "erased": erased, "more": more});
    (200, answer.to_string())
}

fn retain(folder: &Folder, url: &str) -> Result<String, LogFailure> {
    let (token, out) = (folder.path("token"), folder.path("records"));
    let key = key();
    sluis(&[
        "retain",
        "--url",
        url,
        "--operator-token-file",
        &token,
        "--key",
        &key,
        "--out",
        &out,
    ])
}

/// The files that were written, and what is in them.
fn kept(folder: &Folder) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder.0.join("records"))
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            (name, fs::read_to_string(file.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn file_of(day: &str) -> String {
    format!("refusals-{day}.destruction")
}

#[test]
fn orders_are_given_until_nothing_is_due_and_each_record_is_kept_once() {
    let folder = Folder::new();
    let (first, second) = (plain("2025-12-01"), plain("2026-01-01"));
    let both = [first.clone(), second.clone()];
    let (url, asked) = validator(vec![
        done(&both[..1], 0, true),
        done(&both, 0, true),
        done(&both, 4096, true),
        done(&both, 7, false),
    ]);
    let said = retain(&folder, &url).unwrap();
    let path = |day| folder.path(&format!("records/{}", file_of(day)));
    assert_eq!(
        said,
        format!(
            "refusals/2025-12-01: destroyed at 2026-01-02T03:04:05.678Z, {}\n\
             refusals/2026-01-01: destroyed at 2026-01-02T03:04:05.678Z, {}\n\
             4103 payloads deleted; 2 periods have ended, and nothing is left that is due\n",
            path("2025-12-01"),
            path("2026-01-01")
        )
    );
    let files = [
        (file_of("2025-12-01"), first),
        (file_of("2026-01-01"), second),
    ];
    assert_eq!(kept(&folder), files);
    let heads = asked.lock().unwrap().clone();
    assert_eq!(heads.len(), 4);
    for head in heads {
        assert!(
            head.starts_with("post /operator/retain http/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains(&format!("authorization: bearer {TOKEN}\r\n")));
        assert!(head.contains("content-length: 0\r\n"), "{head}");
    }
    // Again: nothing new is said or written.
    let (url, _) = validator(vec![done(&both, 0, false)]);
    let said = retain(&folder, &url).unwrap();
    assert_eq!(
        said,
        "0 payloads deleted; 2 periods have ended, and nothing is left that is due\n"
    );
    assert_eq!(kept(&folder), files);
}

#[test]
fn a_validator_that_does_nothing_is_not_asked_for_ever() {
    let one = [plain("2026-01-01")];
    for (answers, orders) in [
        (vec![done(&[], 0, true)], 1),
        (vec![done(&one, 0, true)], 2),
        (vec![done(&one, 3, true), done(&one, 0, true)], 2),
    ] {
        let folder = Folder::new();
        let (url, asked) = validator(answers);
        let failure = retain(&folder, &url).unwrap_err();
        let expected =
            format!("{url}/operator/retain: says that more is due, and destroys nothing");
        assert_eq!(failure.to_string(), expected);
        assert_eq!(failure.exit_code(), 4);
        assert_eq!(asked.lock().unwrap().len(), orders);
    }
}

#[test]
fn a_validator_that_refuses_or_answers_rubbish_is_told_of() {
    for (status, hint) in [
        (401, ": the operators' credential is not accepted"),
        (
            404,
            ": no such order is taken there, or the validator has no SLUIS_OPERATOR_TOKEN",
        ),
        (
            503,
            ": the periods cannot be read in the place of the keys, so nothing was begun",
        ),
        (500, ""),
        (302, ""),
        (204, ""),
    ] {
        let folder = Folder::new();
        let (url, asked) = validator(vec![(status, String::new())]);
        let failure = retain(&folder, &url).unwrap_err();
        let expected = format!("{url}/operator/retain: answered {status}{hint}");
        assert_eq!((failure.to_string(), failure.exit_code()), (expected, 5));
        assert_eq!(asked.lock().unwrap().len(), 1);
    }
    for body in [
        "",
        "[]",
        "{}",
        r#"{"records":[],"erased":0}"#,
        r#"{"records":[],"erased":-1,"more":false}"#,
        r#"{"records":[1],"erased":0,"more":false}"#,
        r#"{"records":[],"erased":0,"more":true,"fault":""}"#,
        r#"{"records":[],"erased":0,"more":true,"fault":"\u001b[2J"}"#,
        r#"{"records":[],"erased":0,"more":true,"fault":3}"#,
        r#"{"records":["no note"],"erased":0,"more":false}"#,
    ] {
        let folder = Folder::new();
        let (url, _) = validator(vec![(200, body.to_owned())]);
        let failure = retain(&folder, &url).unwrap_err();
        assert_eq!(failure.exit_code(), 4, "{body}: {failure}");
        assert_eq!(kept(&folder), []);
    }
}

#[test]
fn what_failed_is_told_by_its_code_and_what_was_given_is_kept() {
    let records = [plain("2025-12-01"), plain("2026-01-01")];
    let answer = json!({"records": records, "erased": 7, "more": true, "fault": "periodNotDue"});
    let folder = Folder::new();
    let (url, asked) = validator(vec![(200, answer.to_string())]);
    let failure = retain(&folder, &url).unwrap_err();
    let expected = format!(
        "{url}/operator/retain: not all that is due is destroyed: periodNotDue; \
         `sluis reason periodNotDue` says what to do"
    );
    assert_eq!((failure.to_string(), failure.exit_code()), (expected, 5));
    assert_eq!(asked.lock().unwrap().len(), 1);
    let [first, second] = records;
    let files = [
        (file_of("2025-12-01"), first),
        (file_of("2026-01-01"), second),
    ];
    assert_eq!(kept(&folder), files);
    // A record that does not verify is worse.
    let answer = json!({"records": ["no note"], "erased": 7, "more": true, "fault": "x"});
    let (url, _) = validator(vec![(200, answer.to_string())]);
    assert_ne!(retain(&folder, &url).unwrap_err().exit_code(), 5);
}

#[test]
fn what_does_not_verify_is_not_kept_and_ends_the_run() {
    let good = plain("2025-12-01");
    let of_other = note(&record(&origin(), "2026-01-01", AT, (3, 2, 4)), &signer(2));
    let changed = plain("2026-01-01").replace(" 3 2 4\n", " 2 2 4\n");
    assert_ne!(changed, plain("2026-01-01"));
    for bad in [of_other, changed] {
        let folder = Folder::new();
        let (url, asked) = validator(vec![done(&[bad, good.clone()], 3, true)]);
        let failure = retain(&folder, &url).unwrap_err();
        assert!(
            matches!(failure, LogFailure::DestructionRecord(_)),
            "{failure}"
        );
        assert_eq!(failure.exit_code(), 3, "{failure}");
        // The other one is kept, and no further order is given.
        assert_eq!(kept(&folder), [(file_of("2025-12-01"), good.clone())]);
        assert_eq!(asked.lock().unwrap().len(), 1);
    }
}

#[test]
fn a_record_is_never_replaced_nor_forgotten() {
    let folder = Folder::new();
    let first = plain("2026-01-01");
    let (url, _) = validator(vec![done(std::slice::from_ref(&first), 0, false)]);
    retain(&folder, &url).unwrap();
    // Another one of the same period, as well signed.
    let other = note(
        &record(&origin(), "2026-01-01", AT + 1, (3, 2, 4)),
        &signer(1),
    );
    let (url, _) = validator(vec![done(&[other], 0, false)]);
    let failure = retain(&folder, &url).unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("another record of this period"),
        "{failure}"
    );
    assert_eq!(failure.exit_code(), 3);
    assert_eq!(kept(&folder), [(file_of("2026-01-01"), first.clone())]);
    let (url, _) = validator(vec![done(&[], 0, false)]);
    let failure = retain(&folder, &url).unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("does not know of this destruction"),
        "{failure}"
    );
    assert_eq!(failure.exit_code(), 3);
    assert_eq!(kept(&folder), [(file_of("2026-01-01"), first)]);
}

#[test]
fn a_destruction_that_is_still_to_come_is_kept_and_told_of() {
    let folder = Folder::new();
    // 2100-01-01, by the clock of a validator that was put ahead.
    let ahead = 4_102_444_800_000;
    let note = note(
        &record(&origin(), "2099-01-01", ahead, (1, 3, 3)),
        &signer(1),
    );
    let (url, asked) = validator(vec![done(std::slice::from_ref(&note), 0, true)]);
    let failure = retain(&folder, &url).unwrap_err();
    assert!(
        failure.to_string().contains("which is still to come"),
        "{failure}"
    );
    assert_eq!((failure.exit_code(), asked.lock().unwrap().len()), (3, 1));
    assert_eq!(kept(&folder), [(file_of("2099-01-01"), note)]);
    let file = folder.path(&format!("records/{}", file_of("2099-01-01")));
    let failure = sluis(&["verify-destruction", &file, "--key", &key()]).unwrap_err();
    assert_eq!(failure.exit_code(), 3);
}

#[test]
fn nothing_is_ordered_that_could_not_be_kept() {
    let (url, asked) = validator(vec![done(&[], 0, false)]);
    let folder = Folder::new();
    fs::write(folder.0.join("records"), "a file").unwrap();
    assert_eq!(retain(&folder, &url).unwrap_err().exit_code(), 1);
    let folder = Folder::new();
    for token in ["", "two\nlines", "sp ace"] {
        fs::write(folder.0.join("token"), token).unwrap();
        assert!(matches!(retain(&folder, &url), Err(LogFailure::Token(_))));
    }
    assert!(asked.lock().unwrap().is_empty());
    let failure = retain(&Folder::new(), "http://validator.example.be").unwrap_err();
    assert!(matches!(failure, LogFailure::Url { .. }));
}

// A record and its log ------------------------------------------------------

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
    let url = super::served::serve(&folder.0.join("log"));
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
    folder.write("log/shards", &super::served::signed_at(&map, at(AT)));
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
