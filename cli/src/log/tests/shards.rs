//! Deployments of several logs, in folders and over HTTP.

use std::fs;
use std::path::Path;

use clap::Parser;
use serde_json::Value;
use sluis_log::{
    Checkpoint, EdgeTiles, ExportHeader, KeyName, LeafHash, NoteSigner, NoteVerifier, Shard,
    ShardMap, integrate,
};
use sluis_simulation::SystemName;

use super::served::serve;
use super::trace::{SSIN, World, trace};
use super::written::{key, signer, write_as};
use super::{Command, Folder, LogFailure, origin, sluis};

/// Three open logs, and the one that there was before.
fn deployment() -> Folder {
    let folder = Folder::new();
    let map = ShardMap::new(origin(), 3, &[Shard::Whole]).unwrap();
    write_shards(&folder.0.join("log"), &map);
    folder
}

/// Every log of the map, each a little larger than the one before, and the map.
fn write_shards(folder: &Path, map: &ShardMap) {
    for (log, number) in map.logs().iter().zip(0..) {
        let place = match log.shard {
            Shard::Whole => folder.join("whole"),
            Shard::Part(number) => folder.join(number.to_string()),
        };
        write_as(&place, &log.origin, number * 300, true);
    }
    let note = map.sign(&signer(1)).unwrap();
    fs::write(folder.join("shards"), note.to_string()).unwrap();
}

fn fsck(folder: &Folder) -> Result<String, LogFailure> {
    sluis(&["fsck", "--dir", &folder.path("log"), "--key", &key()])
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let other = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &other);
        } else {
            fs::copy(&path, &other).unwrap();
        }
    }
}

#[test]
fn all_logs_of_the_map_are_checked() {
    let folder = deployment();
    let said = fsck(&folder).unwrap();
    for (name, size) in [("log/0", 0), ("log/1", 300), ("log/2", 600), ("log", 900)] {
        let line = format!("validator.example.be/{name}: {size} entries, all verify\n");
        assert!(said.contains(&line), "{said}");
    }
    let token = folder.path("token");
    let url = serve(&folder.0.join("log"));
    let server = ["--url", &url, "--auditor-token-file", &token];
    let online = sluis(&[&["fsck", "--key", &key()], &server[..]].concat()).unwrap();
    assert_eq!(online, said);
    let chains = sluis(&[&["fsck", "--chain-only"], &server[..]].concat()).unwrap();
    assert_eq!(chains.matches("all verify").count(), 4);
    let one = sluis(&[&["fsck", "--shard", "2", "--key", &key()], &server[..]].concat()).unwrap();
    assert!(
        one.starts_with("validator.example.be/log/2: 600 entries"),
        "{one}"
    );
    let known = ["--extends", "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"];
    let dir = folder.path("log");
    let failure = sluis(&[&["fsck", "--dir", &dir, "--key", &key()], &known[..]].concat());
    assert!(matches!(failure, Err(LogFailure::ManyLogs { count: 4 })));
}

#[test]
fn a_missing_log_and_one_too_many_are_named() {
    let folder = deployment();
    let log = folder.0.join("log");
    fs::rename(log.join("1"), folder.0.join("away")).unwrap();
    let failure = fsck(&folder).unwrap_err();
    assert!(
        matches!(failure, LogFailure::MissingShard { .. }),
        "{failure}"
    );
    assert!(
        failure.to_string().contains("validator.example.be/log/1"),
        "{failure}"
    );
    assert_eq!(failure.exit_code(), 3);
    copy(&folder.0.join("away"), &log.join("1"));
    for (name, stray) in [("3", "0"), ("01", "1"), ("tile", "2")] {
        copy(&log.join(stray), &log.join(name));
        let failure = fsck(&folder).unwrap_err();
        let expected = format!(
            "{}: not one of the logs of the map",
            log.join(name).display()
        );
        assert_eq!(failure.to_string(), expected);
        assert_eq!(failure.exit_code(), 3);
        fs::remove_dir_all(log.join(name)).unwrap();
    }
    assert!(fsck(&folder).is_ok());
    // The map without it, then: it is signed.
    let map = fs::read_to_string(log.join("shards")).unwrap();
    let without = map.replace("open validator.example.be/log/2\n", "");
    fs::write(log.join("shards"), without).unwrap();
    fs::remove_dir_all(log.join("2")).unwrap();
    let failure = fsck(&folder).unwrap_err();
    assert!(matches!(failure, LogFailure::Map(_)), "{failure}");
    assert_eq!(failure.exit_code(), 3);
    // Nor is one log of several the deployment's.
    fs::remove_file(log.join("shards")).unwrap();
    for name in ["0", "1"] {
        let place = log.join(name).display().to_string();
        let failure = sluis(&["fsck", "--dir", &place, "--key", &key()]).unwrap_err();
        assert_eq!(failure.exit_code(), 3, "{failure}");
    }
    // A log that the map has and the server has not.
    let folder = deployment();
    fs::remove_dir_all(folder.0.join("log/1")).unwrap();
    fs::create_dir(folder.0.join("log/1")).unwrap();
    let url = serve(&folder.0.join("log"));
    let token = folder.path("token");
    let arguments = [
        "fsck",
        "--key",
        &key(),
        "--url",
        &url,
        "--auditor-token-file",
        &token,
    ];
    let failure = sluis(&arguments).unwrap_err();
    assert!(
        failure
            .to_string()
            .starts_with("validator.example.be/log/1: "),
        "{failure}"
    );
    assert_eq!(failure.exit_code(), 5);
}

#[test]
fn a_changed_log_is_named_and_two_in_each_others_place_too() {
    let folder = deployment();
    let log = folder.0.join("log");
    let tile = log.join("2/tile/entries/001");
    let mut bytes = fs::read(&tile).unwrap();
    // Entries have two bytes of length before them.
    let place = 3 * 73 + 40;
    bytes[place] ^= 1;
    fs::write(&tile, &bytes).unwrap();
    let failure = fsck(&folder).unwrap_err();
    let said = failure.to_string();
    assert!(
        said.starts_with("validator.example.be/log/2: the log does not verify: entry 259"),
        "{said}"
    );
    assert_eq!(failure.exit_code(), 3);
    // Another one besides: both are told, in one line.
    fs::remove_file(log.join("1/tile/0/000")).unwrap();
    let both = fsck(&folder).unwrap_err();
    let started = both.to_string();
    assert!(
        started.starts_with("validator.example.be/log/1: "),
        "{started}"
    );
    assert!(
        started.ends_with(&said) && started.contains("; "),
        "{started}"
    );
    assert_eq!((both.exit_code(), started.lines().count()), (3, 1));
    let folder = deployment();
    let log = folder.0.join("log");
    for (from, to) in [("1", "away"), ("2", "1"), ("away", "2")] {
        fs::rename(log.join(from), log.join(to)).unwrap();
    }
    let failure = fsck(&folder).unwrap_err();
    let said = failure.to_string();
    assert!(said.starts_with("validator.example.be/log/1: "), "{said}");
    assert_eq!(failure.exit_code(), 3);
}

#[test]
fn an_export_has_every_log_and_the_map() {
    let folder = deployment();
    let url = serve(&folder.0.join("log"));
    let token = folder.path("token");
    let server = ["--url", &url, "--auditor-token-file", &token];
    let export = |more: &[&str]| sluis(&[&["export"], &server[..], more].concat());
    let copied = folder.path("copy");
    let said = export(&["--dir", &copied, "--key", &key()]).unwrap();
    assert!(said.ends_with("copy: 1800 entries, all verify\n"), "{said}");
    let again = sluis(&["fsck", "--dir", &copied, "--key", &key()]).unwrap();
    assert_eq!(again, fsck(&folder).unwrap());
    // One log alone is a folder of its own, under its own key.
    let one = folder.path("one");
    export(&["--dir", &one, "--key", &key(), "--shard", "1"]).unwrap();
    let own = shard_key("1");
    assert!(sluis(&["fsck", "--dir", &one, "--key", &own]).is_ok());
    let file = folder.path("records");
    let failure = export(&["--out", &file]).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "there are 4 logs: say which one, with --shard"
    );
    assert_eq!(failure.exit_code(), 2);
    export(&["--out", &file, "--shard", "whole"]).unwrap();
    assert!(
        sluis(&["fsck", "--file", &file])
            .unwrap()
            .starts_with("validator.example.be/log: 900")
    );
    // A file is of one log: there is nothing to choose.
    let chosen = ["sluis-log", "fsck", "--file", &file, "--shard", "2"];
    assert!(Command::try_parse_from(chosen).is_err());
    let all = sluis(&[&["show", "--limit", "1"], &server[..]].concat()).unwrap();
    let origins = all.lines().filter(|line| line.starts_with("validator."));
    // One of them has no entry.
    assert_eq!((origins.count(), all.lines().count()), (4, 7), "{all}");
    assert!(sluis(&[&["show", "--from", "1"], &server[..]].concat()).is_err());
    let shown = sluis(&[&["show", "--shard", "2", "--limit", "1"], &server[..]].concat());
    assert_eq!(shown.unwrap().lines().count(), 1);
    // A deployment that cannot be exported whole leaves nothing behind.
    fs::remove_file(folder.0.join("log/1/checkpoint")).unwrap();
    let failed = folder.path("failed");
    assert!(export(&["--dir", &failed, "--key", &key()]).is_err());
    assert!(!Path::new(&failed).exists());
}

#[test]
fn a_proof_is_of_one_log_and_under_its_name() {
    let folder = deployment();
    let url = serve(&folder.0.join("log"));
    let (token, dir) = (folder.path("token"), folder.path("log"));
    let prove =
        |more: &[&str]| sluis(&[&["prove", "--index", "7", "--key", &key()], more].concat());
    let served = ["--url", &url, "--auditor-token-file", &token];
    let by_url = prove(&[&served[..], &["--shard", "1"]].concat()).unwrap();
    let by_folder = prove(&["--dir", &dir, "--shard", "1"]).unwrap();
    assert_eq!(by_url, by_folder);
    let bundle = folder.write("bundle", &by_folder);
    for own in [key(), shard_key("1")] {
        let said = sluis(&["verify", &bundle, "--key", &own]).unwrap();
        assert!(
            said.starts_with("validator.example.be/log/1: entry 7 of 300, verified"),
            "{said}"
        );
    }
    let renamed = |name: &str| {
        let name = KeyName::parse(name).unwrap();
        NoteVerifier::parse(&key())
            .unwrap()
            .renamed(name)
            .to_string()
    };
    // Another log's, another deployment's, another key under the right name, and one whose name only begins alike.
    for other in [
        shard_key("2"),
        renamed("other.example.be/log"),
        signer(2).verifier().to_string(),
        renamed("validator.example.be"),
    ] {
        let failure = sluis(&["verify", &bundle, "--key", &other]).unwrap_err();
        assert_eq!(failure.exit_code(), 3, "{failure}");
    }
    for (more, code) in [
        (vec!["--dir", &dir], 2),
        (served.to_vec(), 2),
        (vec!["--dir", &dir, "--shard", "9"], 1),
        (vec!["--dir", &dir, "--shard", "0"], 4),
    ] {
        assert_eq!(prove(&more).unwrap_err().exit_code(), code, "{more:?}");
    }
}

/// Three logs of a gate that really ran: their files, a folder of them that can be served, and their checkpoints.
struct Calls {
    folder: Folder,
    files: Vec<String>,
    checkpoints: Vec<String>,
    /// How many calls each has.
    counts: Vec<usize>,
}

impl Calls {
    fn new() -> Self {
        let (folder, world) = (Folder::new(), World::spread(3));
        for number in 10..34 {
            let caller = format!("7d0f9a52-0000-4000-8000-0000000000{number}");
            world.call(SystemName::Cbss, SSIN, &caller);
            world.wait();
        }
        let map = ShardMap::new(origin(), 3, &[]).unwrap();
        let log = folder.0.join("log");
        let mut made = Self {
            folder,
            files: Vec::new(),
            checkpoints: Vec::new(),
            counts: Vec::new(),
        };
        for (mapped, number) in map.logs().iter().zip(0..) {
            let entries = world.entries_of(mapped.shard);
            let size = u64::try_from(entries.len()).unwrap();
            let origin = mapped.origin.clone();
            let mut text = serde_json::to_string(&ExportHeader { origin, size }).unwrap();
            for entry in &entries {
                text = format!("{text}\n{}", serde_json::to_string(entry).unwrap());
            }
            let place = log.join(number.to_string());
            fs::create_dir_all(&place).unwrap();
            let file = place.join("records.jsonl");
            fs::write(&file, format!("{text}\n")).unwrap();
            let leaves: Vec<_> = entries.iter().map(|e| LeafHash::of(&e.entry)).collect();
            let head = integrate(&EdgeTiles::empty(), &leaves).unwrap().head;
            let name = KeyName::parse(mapped.origin.as_str()).unwrap();
            let own = NoteSigner::new(name, &[1; 32]).unwrap();
            let signed = Checkpoint::new(mapped.origin.clone(), head).sign(&own);
            let checkpoint = place.join("checkpoint");
            fs::write(&checkpoint, signed.unwrap().note().to_string()).unwrap();
            made.files.push(file.display().to_string());
            made.checkpoints.push(checkpoint.display().to_string());
            made.counts.push(entries.len() / 2);
        }
        let note = map.sign(&signer(1)).unwrap();
        fs::write(log.join("shards"), note.to_string()).unwrap();
        made
    }

    fn files(&self) -> Vec<&str> {
        let files = self.files.iter();
        files.flat_map(|file| ["--file", file]).collect()
    }
}

const SINCE: [&str; 4] = ["--from", "2020-01-01T00:00:00Z", "--for", "institution"];

#[test]
fn a_trace_finds_the_calls_of_every_log() {
    let calls = Calls::new();
    assert!(
        calls.counts.iter().all(|count| *count > 0),
        "{:?}",
        calls.counts
    );
    let arguments = [&["trace", "--json"], &calls.files()[..], &SINCE[..]].concat();
    let (by_file, code, error) = trace(&arguments);
    assert_eq!((code, error.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&by_file).unwrap();
    let found = report["calls"].as_array().unwrap();
    assert_eq!(found.len(), 24);
    let times: Vec<_> = found
        .iter()
        .map(|call| call["chain"][0]["time"].as_str())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    for (log, count) in report["logs"].as_array().unwrap().iter().zip(&calls.counts) {
        let own = found.iter().filter(|call| call["log"] == log["origin"]);
        assert_eq!(own.count(), *count);
    }
    let url = serve(&calls.folder.0.join("log"));
    let token = calls.folder.path("token");
    let server = ["--url", &url, "--auditor-token-file", &token];
    let (by_url, code, _) = trace(&[&["trace", "--json"], &server[..], &SINCE[..]].concat());
    assert_eq!((code, by_url), (0, by_file));
    let (table, ..) = trace(&[&["trace"], &calls.files()[..], &SINCE[..]].concat());
    assert!(
        table.contains("of validator.example.be/log/2, granted"),
        "{table}"
    );
    // A changed record of one log is that log's.
    let records = fs::read_to_string(&calls.files[1]).unwrap();
    let changed = records.replacen("\"stream\":\"accesses\"", "\"stream\":\"refusals\"", 1);
    assert_ne!(changed, records);
    fs::write(&calls.files[1], changed).unwrap();
    let (_, code, error) = trace(&arguments);
    assert!(
        error.starts_with("validator.example.be/log/1: the log does not verify"),
        "{error}"
    );
    assert_eq!(code, 3);
}

#[test]
fn a_complaint_proves_its_records_in_every_log() {
    let calls = Calls::new();
    let file = calls.folder.path("complaint");
    let key = key();
    let signed = calls
        .checkpoints
        .iter()
        .flat_map(|one| ["--checkpoint", one]);
    let signed: Vec<&str> = signed.chain(["--key", &key]).collect();
    let all = [
        &["complaint", "--out", &file],
        &calls.files()[..],
        &SINCE[..],
        &signed,
    ]
    .concat();
    let (said, code, error) = trace(&all);
    assert_eq!((code, error.as_str()), (0, ""));
    assert_eq!(said, format!("{file}: 24 calls, 48 records\n"));
    let (said, code, error) = trace(&["complaint-check", &file, "--key", &key]);
    assert_eq!((code, error.as_str()), (0, ""));
    for (number, count) in calls.counts.iter().enumerate() {
        let line = format!(
            "{file}: {} records stand in validator.example.be/log/{number} of {} entries\n",
            2 * count,
            2 * count
        );
        assert!(said.contains(&line), "{said}");
    }
    assert_eq!(said.matches("(signed by the log)").count(), 3);
    // Without the checkpoint of one of them the file does not hold under the key.
    let without = calls.folder.path("without");
    let some = ["--checkpoint", &calls.checkpoints[0], "--key", &key];
    let some = [
        &["complaint", "--out", &without],
        &calls.files()[..],
        &SINCE[..],
        &some,
    ]
    .concat();
    assert_eq!(trace(&some).1, 0);
    assert_eq!(trace(&["complaint-check", &without, "--key", &key]).1, 3);
    assert_eq!(trace(&["complaint-check", &without]).1, 0);
    // A checkpoint of another log than those that are read.
    let own = calls.folder.path("own");
    let one = ["complaint", "--out", &own, "--file", &calls.files[0]];
    let other = ["--checkpoint", &calls.checkpoints[1], "--key", &key];
    assert_eq!(trace(&[&one[..], &SINCE[..], &other].concat()).1, 3);
}

/// The verifier key of a shard, as `sluis keys verifier` prints it for the shard's origin.
fn shard_key(number: &str) -> String {
    let deployment = NoteVerifier::parse(&key()).unwrap();
    let name = format!("{}/{number}", origin());
    let name = KeyName::parse(&name).unwrap();
    deployment.renamed(name).to_string()
}
