//! The signed tree, checked whole.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use sluis_log::{BundleFault, CheckpointError, MemoryLog, QuorumError, TreeFault, conformance};

use super::served::serve;
use super::written::{key, leave_earlier, signer, write};
use super::{Command, Folder, LogFailure, origin, sluis};

fn fsck(folder: &Path) -> Result<String, LogFailure> {
    sluis(&["fsck", "--dir", folder.to_str().unwrap(), "--key", &key()])
}

/// Of a folder that never had records.
fn fsck_tree(folder: &Path) -> Result<String, LogFailure> {
    let dir = folder.to_str().unwrap();
    sluis(&["fsck", "--dir", dir, "--tree-only", "--key", &key()])
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn whole_logs_verify() {
    for size in [0, 1, 256, 700] {
        let folder = Folder::new();
        let log = folder.0.join("log");
        write(&log, size, size != 256);
        let said = match size {
            256 => fsck_tree(&log),
            _ => fsck(&log),
        };
        let said = said.unwrap();
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(
            lines[0],
            format!("validator.example.be/log: {size} entries, all verify")
        );
        assert!(lines[1].ends_with(", signed"), "{said}");
        match size {
            256 => assert_eq!(
                lines[2],
                "the tree alone: neither chain nor payloads were checked"
            ),
            700 => assert!(
                lines[2].ends_with("693 payloads opened, 7 erased"),
                "{said}"
            ),
            _ => assert!(lines[3].starts_with(&format!("head {size}:")), "{said}"),
        }
    }
}

#[test]
fn records_that_are_gone_are_missed_unless_there_never_were_any() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 300, true);
    assert!(fsck(&log).is_ok());
    let records = log.join("records.jsonl");
    fs::remove_file(&records).unwrap();
    let failure = fsck(&log).unwrap_err();
    assert_eq!(
        (failure.exit_code(), failure.to_string()),
        (
            3,
            format!(
                "the log does not verify: {}: missing: without it no payload is checked (--tree-only, for a folder that never had it)",
                records.display()
            )
        )
    );
    let said = fsck_tree(&log).unwrap();
    assert!(said.contains("300 entries, all verify"), "{said}");
    // A tree that is damaged is found all the same.
    fs::remove_file(log.join("tile/0/000")).unwrap();
    assert_eq!(fsck_tree(&log).unwrap_err().exit_code(), 3);
    // What is told by records alone is not asked of a tree.
    let dir = log.to_str().unwrap();
    let head = format!("300:{}", "A".repeat(43));
    for more in [["--extends", head.as_str()], ["--destruction", "file"]] {
        let tree = ["sluis-log", "fsck", "--dir", dir, "--tree-only"];
        let of = ["--key", &key()];
        assert!(Command::try_parse_from([&tree[..], &of, &more].concat()).is_err());
        assert!(Command::try_parse_from([&tree[..4], &of, &more].concat()).is_ok());
    }
}

#[test]
fn any_one_changed_byte_of_any_file_is_found() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 2, true);
    let files = files(&log);
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        let whole = fs::read(&file).unwrap();
        for place in 0..whole.len() {
            // Bit 5 is the case of a letter.
            for bit in [5, place % 5] {
                let mut changed = whole.clone();
                changed[place] ^= 1 << bit;
                fs::write(&file, &changed).unwrap();
                let failure = fsck(&log).expect_err(&format!("{file:?}, byte {place}, bit {bit}"));
                assert!(matches!(failure.exit_code(), 3 | 4), "{failure}");
                assert_eq!(failure.to_string().lines().count(), 1, "{failure}");
            }
        }
        // And a byte too many or too few.
        for changed in [&[&whole[..], b"\n"].concat(), &whole[..whole.len() - 1]] {
            fs::write(&file, changed).unwrap();
            assert!(fsck(&log).is_err(), "{file:?}");
        }
        fs::write(&file, whole).unwrap();
    }
    assert!(fsck(&log).is_ok());
}

#[test]
fn a_changed_byte_of_a_larger_log_is_found_wherever_it_is() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 600, true);
    leave_earlier(&log, 77);
    assert!(fsck(&log).is_ok());
    let files = files(&log);
    assert_eq!(files.len(), 3 + 3 + 1 + 2 + 2, "{files:?}");
    for (number, file) in files.iter().enumerate() {
        let whole = fs::read(file).unwrap();
        for step in 0..6 {
            let place = (whole.len() / 6) * step + number;
            let Some(byte) = whole.get(place) else {
                continue;
            };
            let mut changed = whole.clone();
            changed[place] = byte ^ 0x10;
            fs::write(file, &changed).unwrap();
            assert!(fsck(&log).is_err(), "{file:?}, byte {place}");
        }
        fs::write(file, whole).unwrap();
    }
}

#[test]
fn the_first_bad_index_is_named() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 600, true);
    let change = |name: &str, place: usize| {
        let file = log.join(name);
        let whole = fs::read(&file).unwrap();
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&file, changed).unwrap();
        let failure = fsck(&log).unwrap_err();
        fs::write(&file, whole).unwrap();
        (failure.exit_code(), failure.to_string())
    };
    assert_eq!(
        change("tile/entries/001", 73 * 5 + 40),
        (
            3,
            "the log does not verify: entry 261: tile/0/001 has another hash over the 1 entries from there".to_owned()
        )
    );
    let (_, said) = change("tile/0/002.p/88", 32 * 10);
    assert!(said.contains("entry 522: "), "{said}");
    let (_, said) = change("tile/1/000.p/2", 32);
    assert!(
        said.contains("entry 256: tile/1/000.p/2 has another hash over the 256 entries"),
        "{said}"
    );
    let missing = log.join("tile/0/001");
    fs::remove_file(&missing).unwrap();
    let said = fsck(&log).unwrap_err().to_string();
    assert!(said.contains("entry 256: tile/0/001 is missing"), "{said}");
}

#[test]
fn what_does_not_belong_to_the_log_is_found() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 300, false);
    leave_earlier(&log, 9);
    assert!(fsck_tree(&log).is_ok());
    for stray in [
        "tile/0/002",
        "tile/0/001.p/45",
        "tile/0/0",
        "tile/entries/000.p/300",
        "tile/2/000.p/1",
        "notes.txt",
        "tile/checkpoint",
    ] {
        let path = log.join(stray);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, [0; 32]).unwrap();
        let failure = fsck_tree(&log).unwrap_err();
        assert!(
            matches!(failure, LogFailure::Stray { size: 300, .. }),
            "{stray}: {failure}"
        );
        assert_eq!(failure.exit_code(), 3);
        fs::remove_file(path).unwrap();
    }
    assert!(fsck_tree(&log).is_ok());
}

#[test]
fn another_key_origin_or_head_is_refused() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 5, true);
    let dir = log.to_str().unwrap();
    let wrong = signer(2).verifier().to_string();
    let failure = sluis(&["fsck", "--dir", dir, "--key", &wrong]).unwrap_err();
    assert!(matches!(
        failure,
        LogFailure::Checkpoint(CheckpointError::NotSigned(_))
    ));
    assert_eq!(failure.exit_code(), 3);
    // With the right one beside it, as while keys change, it verifies.
    assert!(sluis(&["fsck", "--dir", dir, "--key", &wrong, "--key", &key()]).is_ok());
    let failure = sluis(&[
        "fsck",
        "--dir",
        dir,
        "--key",
        &key(),
        "--origin",
        "other.example.be",
    ]);
    assert_eq!(failure.unwrap_err().exit_code(), 3);
    let known = format!("5:{}", "A".repeat(43));
    let failure = sluis(&["fsck", "--dir", dir, "--key", &key(), "--extends", &known]);
    assert!(matches!(
        failure,
        Err(LogFailure::Rewritten { size: 5, .. })
    ));
    // A checkpoint that is none, and none at all.
    fs::write(log.join("checkpoint"), "validator.example.be/log\n5\n").unwrap();
    assert_eq!(fsck(&log).unwrap_err().exit_code(), 4);
    fs::remove_file(log.join("checkpoint")).unwrap();
    assert_eq!(fsck(&log).unwrap_err().exit_code(), 1);
}

#[test]
fn records_of_another_log_or_too_few_are_found() {
    let folder = Folder::new();
    let (one, other) = (folder.0.join("one"), folder.0.join("other"));
    write(&one, 5, true);
    write(&other, 4, true);
    let records = one.join("records.jsonl");
    let whole = fs::read(&records).unwrap();
    fs::copy(other.join("records.jsonl"), &records).unwrap();
    let failure = fsck(&one).unwrap_err();
    assert!(matches!(
        failure,
        LogFailure::FewerRecords {
            records: 4,
            size: 5
        }
    ));
    // A log that has gone on since its checkpoint: the rest is checked by the chain.
    fs::copy(one.join("records.jsonl"), folder.0.join("x")).unwrap();
    fs::write(other.join("records.jsonl"), &whole).unwrap();
    let said = fsck(&other).unwrap();
    assert!(
        said.contains(": 4 entries") && said.contains("head 5:"),
        "{said}"
    );
}

#[test]
fn records_whose_own_chain_holds_but_that_the_tree_does_not_have_are_found() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 3, true);
    let mut other = MemoryLog::new(origin());
    for number in [0, 1, 7] {
        other
            .append(&conformance::sample(number, 0).unwrap())
            .unwrap();
    }
    let records = fs::read_to_string(log.join("records.jsonl")).unwrap();
    let mut lines = vec![records.lines().next().unwrap().to_owned()];
    lines.extend(
        conformance::opened(other.read(0, 9))
            .iter()
            .map(|entry| serde_json::to_string(entry).unwrap()),
    );
    fs::write(log.join("records.jsonl"), lines.join("\n") + "\n").unwrap();
    let records = folder.0.join("log/records.jsonl");
    assert!(sluis(&["fsck", "--file", records.to_str().unwrap()]).is_ok());
    let failure = fsck(&log).unwrap_err();
    assert!(
        matches!(failure, LogFailure::OtherEntry { index: 2 }),
        "{failure}"
    );
    assert_eq!(failure.exit_code(), 3);
}

#[test]
fn a_quorum_that_is_not_reached_is_said() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 3, true);
    let dir = log.to_str().unwrap();
    let witness = super::witness::verifier(1);
    let failure =
        sluis(&["fsck", "--dir", dir, "--key", &key(), "--witness", &witness]).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "cosigned by 0 of the known witnesses; 1 are wanted"
    );
    assert_eq!(failure.exit_code(), 3);
    let failure = sluis(&[
        "fsck",
        "--dir",
        dir,
        "--key",
        &key(),
        "--witness",
        &witness,
        "--quorum",
        "2",
    ]);
    assert!(matches!(
        failure,
        Err(LogFailure::Quorum(QuorumError::Impossible { .. }))
    ));
}

#[test]
fn a_tree_whose_files_fit_each_other_but_not_the_checkpoint_is_found() {
    let folder = Folder::new();
    let (one, other) = (folder.0.join("one"), folder.0.join("other"));
    write(&one, 5, false);
    write(&other, 6, false);
    // The same files under a checkpoint of the same size that was signed over other entries.
    let checkpoint = fs::read_to_string(one.join("checkpoint")).unwrap();
    let root = checkpoint.lines().nth(2).unwrap();
    let forged = sluis_log::Checkpoint::parse(&format!("validator.example.be/log\n6\n{root}\n"));
    let forged = forged.unwrap().sign(&signer(1)).unwrap();
    fs::write(other.join("checkpoint"), forged.note().to_string()).unwrap();
    let failure = fsck_tree(&other).unwrap_err();
    assert!(
        matches!(failure, LogFailure::Tree(TreeFault::Root { size: 6, .. })),
        "{failure}"
    );
}

#[test]
fn a_server_that_finds_its_store_damaged_is_asked_for_all_it_has_and_says_where() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 300, true);
    let (url, token, key) = (serve(&log), folder.path("token"), key());
    let fsck = |fault: &str| {
        fs::write(log.join("fault"), fault).unwrap();
        let credential = ["--url", &url, "--auditor-token-file", &token];
        let failure = sluis(&[&["fsck", "--key", &key], &credential[..]].concat()).unwrap_err();
        (failure.exit_code(), failure.to_string())
    };
    for damage in [
        "tile/entries/001 500 {\"type\":\"x\",\"index\":258}",
        "tile/0/001 500 {\"index\":258}",
        "entries?from=200 500 {\"index\":258}",
    ] {
        let (code, said) = fsck(damage);
        assert!(
            code == 3 && said.contains("entry 258: "),
            "{damage}: {said}"
        );
    }
    for refusal in [
        "tile/entries/001 500 {\"index\":-1}",
        "tile/entries/001 500 -",
        "tile/entries/001 503 {\"index\":258}",
        "entries 503 -",
        "entries?from=200 503 -",
    ] {
        let (code, said) = fsck(refusal);
        assert!(code == 5 && !said.contains("258"), "{refusal}: {said}");
    }
    // Without its records the tree is read to its end, and first of all damage is told.
    fs::remove_file(log.join("tile/entries/001.p/44")).unwrap();
    for from in [0, 200] {
        let (code, said) = fsck(&format!("entries?from={from} 503 -"));
        assert!(code == 3 && said.contains("entry 256: "), "{said}");
    }
}

#[test]
fn a_served_log_is_checked_proven_from_and_exported_whole() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 600, true);
    let (url, token) = (serve(&log), folder.path("token"));
    let server = [
        "--url",
        &url,
        "--auditor-token-file",
        &token,
        "--key",
        &key(),
    ];
    let said = sluis(&[&["fsck"], &server[..]].concat()).unwrap();
    assert!(
        said.contains("Z\nvalidator.example.be/log: 600 entries, all verify\nroot "),
        "{said}"
    );
    // The map is the server's: the folder of one log has none.
    let (_, said) = said.split_once('\n').unwrap();
    assert!(said.contains("594 payloads opened, 6 erased"), "{said}");

    let bundle = folder.path("bundle");
    sluis(&[&["prove", "--index", "599", "--out", &bundle], &server[..]].concat()).unwrap();
    let verified = sluis(&["verify", &bundle, "--key", &key()]).unwrap();
    assert!(
        verified.contains("entry 599 of 600, verified"),
        "{verified}"
    );

    let copy = folder.path("copy");
    let exported = sluis(&[&["export", "--dir", &copy], &server[..]].concat()).unwrap();
    assert_eq!(exported, format!("{copy}: 600 entries, all verify\n"));
    assert_eq!(fsck(Path::new(&copy)).unwrap(), said);
    let names = |folder: &Path| -> Vec<PathBuf> {
        let files = files(folder).into_iter();
        files
            .map(|file| file.strip_prefix(folder).unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(Path::new(&copy)), names(&log));
    for name in names(&log) {
        assert_eq!(
            fs::read(log.join(&name)).unwrap(),
            fs::read(Path::new(&copy).join(name)).unwrap()
        );
    }
    // Nothing is overwritten.
    let again = sluis(&[&["export", "--dir", &copy], &server[..]].concat());
    assert!(matches!(again, Err(LogFailure::File { .. })));

    // A server that lies is found out, and leaves no copy.
    let tile = log.join("tile/0/001");
    let mut changed = fs::read(&tile).unwrap();
    changed[77] ^= 2;
    fs::write(&tile, changed).unwrap();
    let lying = folder.path("lying");
    let index = "entry 258: ";
    for command in [&["fsck"][..], &["export", "--dir", &lying]] {
        let failure = sluis(&[command, &server[..]].concat()).unwrap_err();
        assert!(failure.to_string().contains(index), "{failure}");
        assert_eq!(failure.exit_code(), 3);
    }
    assert!(!Path::new(&lying).exists() && !Path::new(&format!("{lying}.partial")).exists());
    let failure = sluis(&[&["prove", "--index", "300"], &server[..]].concat()).unwrap_err();
    assert!(
        matches!(failure, LogFailure::Bundle(BundleFault::Proof(_))),
        "{failure}"
    );
    fs::remove_file(&tile).unwrap();
    let failure = sluis(&[&["prove", "--index", "300"], &server[..]].concat()).unwrap_err();
    assert_eq!(
        (failure.exit_code(), failure.to_string()),
        (4, "tile 1 of level 0 is missing".to_owned())
    );
    fs::remove_file(log.join("checkpoint")).unwrap();
    let failure = sluis(&[&["fsck"], &server[..]].concat()).unwrap_err();
    assert_eq!(failure.exit_code(), 5);
    assert!(
        failure
            .to_string()
            .ends_with("/log/checkpoint: answered 404: no such thing is served there"),
        "{failure}"
    );
}

/// Writes the log on which `fsck` is measured (BENCHMARKS.md): `SLUIS_LOG_FOLDER` is made, with
/// `SLUIS_LOG_ENTRIES` entries.
#[test]
#[ignore = "writes a log for a measurement"]
fn a_log_to_measure_with() {
    let folder = std::env::var("SLUIS_LOG_FOLDER").unwrap();
    let size = std::env::var("SLUIS_LOG_ENTRIES").unwrap().parse().unwrap();
    write(Path::new(&folder), size, true);
    fs::write(Path::new(&folder).with_extension("key"), key()).unwrap();
}
