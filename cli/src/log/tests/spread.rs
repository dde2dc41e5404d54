//! Calls that stand in several logs: what `trace` and `complaint` find of them, and which maps of the logs they believe.

use std::fs;
use std::path::Path;

use clap::Parser;
use serde_json::Value;
use sluis_log::{
    Checkpoint, DatedShardMap, EdgeTiles, ExportHeader, KeyName, LeafHash, MAX_MAP_AGE_MS,
    NoteSigner, ShardMap, UnixMillis, integrate,
};
use sluis_simulation::SystemName;

use super::served::{serve, signed_at};
use super::shards::{deployment, fsck};
use super::trace::{SSIN, World, trace};
use super::written::{key, signer};
use super::{Command, Folder, origin};
use crate::clock::now_millis;

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
        let note = signed_at(&map, now_millis().unwrap());
        fs::write(log.join("shards"), note).unwrap();
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
    let key = key();
    let server = ["--url", &url, "--auditor-token-file", &token];
    let keyed = [&server[..], &["--key", &key]].concat();
    let (by_url, code, _) = trace(&[&["trace", "--json"], &keyed[..], &SINCE[..]].concat());
    let mut online: Value = serde_json::from_str(&by_url).unwrap();
    let signed = online.as_object_mut().unwrap().remove("mapSigned").unwrap();
    let signed = UnixMillis::parse(signed.as_str().unwrap()).unwrap();
    let apart = now_millis().unwrap().as_millis() - signed.as_millis();
    assert!(apart <= MAX_MAP_AGE_MS, "{apart}");
    assert_eq!((code, online), (0, report.clone()));
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
fn a_log_that_is_left_out_of_the_map_is_not_passed_over() {
    let calls = Calls::new();
    let log = calls.folder.0.join("log");
    let (url, token, key) = (serve(&log), calls.folder.path("token"), key());
    let server = ["--url", &url, "--auditor-token-file", &token];
    let ask = |more: &[&str]| trace(&[&["trace"], &server[..], &SINCE[..], more].concat());
    // Without a key all may be there, and nobody knows.
    let (table, code, _) = ask(&[]);
    assert!(
        code == 7 && table.contains("gap            logsNotKnown"),
        "{table}"
    );
    let (table, code, _) = ask(&["--key", &key]);
    assert!(
        code == 0 && table.contains("the map that was signed at 2"),
        "{table}"
    );
    let unknown = ["--token-id", "none"];
    assert_eq!(ask(&unknown).1, 7);
    assert_eq!(ask(&[&unknown[..], &["--key", &key]].concat()).1, 8);
    let file = calls.folder.path("complaint");
    let complain = |more: &[&str]| {
        let _ = fs::remove_file(&file);
        trace(
            &[
                &["complaint", "--out", &file],
                &server[..],
                &SINCE[..],
                more,
            ]
            .concat(),
        )
        .1
    };
    assert_eq!((complain(&[]), complain(&["--key", &key])), (7, 0));
    assert_eq!(trace(&["complaint-check", &file]).1, 0);
    // The map without the last log: under the signature that there was, and under none that is known.
    let whole = fs::read_to_string(log.join("shards")).unwrap();
    let without = whole.replace("open validator.example.be/log/2\n", "");
    let two = ShardMap::new(origin(), 2, &[]).unwrap();
    let now = now_millis().unwrap();
    let other = DatedShardMap::new(two, now).sign(&signer(2)).unwrap();
    for map in [without, other.to_string()] {
        fs::write(log.join("shards"), map).unwrap();
        let (table, code, _) = ask(&[]);
        assert!(code == 7 && table.contains("logsNotKnown"), "{table}");
        let (_, code, error) = ask(&["--key", &key]);
        assert_eq!(code, 3, "{error}");
        assert_eq!(complain(&["--key", &key]), 3);
    }
    // One log in the place of another is none of the map's.
    fs::write(log.join("shards"), whole).unwrap();
    fs::copy(log.join("1/records.jsonl"), log.join("2/records.jsonl")).unwrap();
    let (_, code, error) = ask(&["--key", &key]);
    assert!(
        code == 3 && error.contains("not of validator.example.be/log/2"),
        "{error}"
    );
    // In files there is no map to verify.
    let keyed = ["sluis-log", "trace", "--file", "x", "--key", &key];
    assert!(Command::try_parse_from([&keyed[..], &SINCE[..]].concat()).is_err());
    let files = [&["complaint", "--out", "y"], &calls.files()[..], &SINCE[..]].concat();
    assert_eq!(trace(&[&files[..], &["--key", &key]].concat()).1, 2);
}

#[test]
fn a_map_of_an_earlier_time_is_refused_by_url_and_shown_of_a_folder() {
    let folder = deployment();
    let log = folder.0.join("log");
    let (url, token, key) = (serve(&log), folder.path("token"), key());
    let server = ["--url", &url, "--auditor-token-file", &token, "--key", &key];
    let (copy, one) = (folder.path("copy"), folder.path("one"));
    let commands = [
        vec!["fsck"],
        vec!["export", "--dir", &copy],
        [&["trace"], &SINCE[..]].concat(),
        [&["complaint", "--out", &one], &SINCE[..]].concat(),
    ];
    // What the deployment once signed, when it had two logs: the signature is good.
    let two = ShardMap::new(origin(), 2, &[]).unwrap();
    let now = now_millis().unwrap().as_millis();
    let minute = 60_000;
    for at in [now - MAX_MAP_AGE_MS - minute, now + MAX_MAP_AGE_MS + minute] {
        let at = UnixMillis::new(at).unwrap();
        fs::write(log.join("shards"), signed_at(&two, at)).unwrap();
        for command in &commands {
            let (said, code, error) = trace(&[command, &server[..]].concat());
            let expected =
                format!("the map of shards of validator.example.be/log was signed at {at}");
            assert!(
                code == 3 && error.starts_with(&expected),
                "{command:?}: {error}"
            );
            assert_eq!(said, "");
        }
    }
    assert!(!Path::new(&copy).exists() && !Path::new(&one).exists());
    // The same in a folder is as old as its export.
    for stray in ["2", "whole"] {
        fs::remove_dir_all(log.join(stray)).unwrap();
    }
    let at = UnixMillis::new(1_790_000_000_000).unwrap();
    fs::write(log.join("shards"), signed_at(&two, at)).unwrap();
    let said = fsck(&folder).unwrap();
    let map =
        "map of the logs of validator.example.be/log: 2, signed at 2026-09-21T14:13:20.000Z\n";
    assert!(said.starts_with(map), "{said}");
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
