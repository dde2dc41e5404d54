//! Deployments of several logs, in folders and over HTTP.

use std::fs;
use std::path::Path;

use clap::Parser;
use sluis_log::{KeyName, NoteVerifier, Shard, ShardMap};

use super::served::{serve, signed_at};
use super::witness;
use super::written::{key, signer, write_as};
use super::{Command, Folder, LogFailure, origin, sluis};
use crate::clock::now_millis;

/// Three open logs, and the one that there was before.
pub(super) fn deployment() -> Folder {
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
    let note = signed_at(map, now_millis().unwrap());
    fs::write(folder.join("shards"), note).unwrap();
}

pub(super) fn fsck(folder: &Folder) -> Result<String, LogFailure> {
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
    let map = "map of the logs of validator.example.be/log: 4, signed at 2";
    assert!(said.starts_with(map), "{said}");
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
    assert_eq!(chains.matches("not verified").count(), 1);
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

#[test]
fn a_witness_cosigns_one_log_of_several_under_its_name() {
    let folder = deployment();
    let (log, dir) = (folder.0.join("log"), folder.path("log"));
    let known = |number: &str| vec![NoteVerifier::parse(&shard_key(number)).unwrap()];
    let one = witness::serve_logs(&folder.0.join("w1"), 1, &known("1"));
    let two = witness::serve_logs(&folder.0.join("w2"), 2, &known("2"));
    let ask = |url: &str, number: u8, more: &[&str]| {
        let (key, own) = (key(), witness::verifier(number));
        let first = ["witness", "ask", "--dir", &dir, "--key", &key];
        sluis(&[&first[..], &["--to", url, "--witness", &own], more].concat())
    };
    let checkpoint =
        |number: &str| fs::read_to_string(log.join(number).join("checkpoint")).unwrap();
    let before = ["0", "1", "2", "whole"].map(checkpoint);
    let said = ask(&one, 1, &["--shard", "1"]).unwrap();
    assert!(
        said.contains("log/1/checkpoint: size 300, cosigned by witness.example/w1 at 20"),
        "{said}"
    );
    let cosigned = checkpoint("1");
    assert!(
        cosigned.starts_with(&before[1]) && cosigned.lines().count() == 6,
        "{cosigned}"
    );
    // It is that log's, under the deployment's key, and no other log's.
    let own = witness::verifier(1);
    let held = |number: &str| {
        let (key, witness) = (key(), ["--witness", &own]);
        let shard = ["fsck", "--dir", &dir, "--shard", number, "--key", &key];
        sluis(&[&shard[..], &witness].concat())
    };
    assert!(
        held("1")
            .unwrap()
            .contains("cosigned by witness.example/w1")
    );
    assert_eq!(held("2").unwrap_err().exit_code(), 3);
    // A witness of another log knows nothing of it; and without a choice there are four.
    for (url, number, more, code) in [
        (&two, 2, vec!["--shard", "1"], 5),
        (&one, 1, vec!["--shard", "2"], 5),
        (&one, 1, vec![], 2),
    ] {
        let failure = ask(url, number, &more).unwrap_err();
        assert_eq!(failure.exit_code(), code, "{more:?}: {failure}");
    }
    // Another log in its place is not sent to anybody.
    fs::copy(log.join("2/checkpoint"), log.join("1/checkpoint")).unwrap();
    let failure = ask(&one, 1, &["--shard", "1"]).unwrap_err();
    assert_eq!(failure.exit_code(), 3, "{failure}");
    assert!(
        failure
            .to_string()
            .contains("not of validator.example.be/log/1"),
        "{failure}"
    );
    assert_eq!(
        ["0", "2", "whole"].map(checkpoint),
        [&before[0], &before[2], &before[3]].map(Clone::clone)
    );
}

/// The verifier key of a shard, as `sluis keys verifier` prints it for the shard's origin.
fn shard_key(number: &str) -> String {
    let deployment = NoteVerifier::parse(&key()).unwrap();
    let name = format!("{}/{number}", origin());
    let name = KeyName::parse(&name).unwrap();
    deployment.renamed(name).to_string()
}
