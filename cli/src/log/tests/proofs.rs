//! Proofs: made from a folder, verified off line.

use std::fs;

use sluis_log::BundleFault;

use super::written::{key, signer, write};
use super::{Folder, LogFailure, sluis};

#[test]
fn an_entry_is_proven_and_the_proof_verified_off_line() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 600, true);
    let dir = log.to_str().unwrap();
    let bundle = folder.path("entry.tlog-proof");
    let prove = |index: &str, out: &str| {
        sluis(&[
            "prove",
            "--dir",
            dir,
            "--key",
            &key(),
            "--index",
            index,
            "--out",
            out,
        ])
    };
    let said = prove("300", &bundle).unwrap();
    assert_eq!(said, format!("{bundle}: entry 300 of 600\n"));
    // Nothing is overwritten.
    assert!(matches!(
        prove("301", &bundle),
        Err(LogFailure::File { .. })
    ));
    let beyond = prove("600", &folder.path("beyond")).unwrap_err();
    assert_eq!(
        (beyond.exit_code(), beyond.to_string()),
        (4, "no entry 600: the tree has 600".to_owned())
    );
    fs::remove_dir_all(&log).unwrap();

    let verify = |more: &[&str]| sluis(&[&["verify", &bundle, "--key", &key()], more].concat());
    assert_eq!(
        verify(&[]).unwrap(),
        format!(
            "validator.example.be/log: entry 300 of 600, verified\n\
             2026-01-01T00:05Z refusals refusalsCounted, policy {}\n",
            "5a".repeat(32)
        )
    );
    let wrong = signer(2).verifier().to_string();
    let failure = sluis(&["verify", &bundle, "--key", &wrong]).unwrap_err();
    assert!(matches!(
        failure,
        LogFailure::Bundle(BundleFault::Checkpoint(_))
    ));
    assert_eq!(failure.exit_code(), 3);

    // Every byte counts.
    let text = fs::read_to_string(&bundle).unwrap();
    let changed = folder.path("changed");
    for place in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[place] ^= 4;
        fs::write(&changed, bytes).unwrap();
        let failure = sluis(&["verify", &changed, "--key", &key()]).unwrap_err();
        assert!(
            matches!(failure.exit_code(), 3 | 4),
            "byte {place}: {failure}"
        );
    }
    fs::write(&changed, text.replacen("extra ", "index ", 1)).unwrap();
    let failure = sluis(&["verify", &changed, "--key", &key()]).unwrap_err();
    assert_eq!(failure.exit_code(), 4);
    let without = text.lines().filter(|line| !line.starts_with("extra "));
    let without: Vec<_> = without.collect();
    fs::write(&changed, without.join("\n") + "\n").unwrap();
    let failure = sluis(&["verify", &changed, "--key", &key()]).unwrap_err();
    assert!(matches!(failure, LogFailure::NoEntry { .. }));
}

#[test]
fn a_record_is_shown_to_be_the_one_that_was_proven() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 3, true);
    let dir = log.to_str().unwrap();
    let bundle = folder.path("bundle");
    sluis(&[
        "prove",
        "--dir",
        dir,
        "--key",
        &key(),
        "--index",
        "1",
        "--out",
        &bundle,
    ])
    .unwrap();
    let records = fs::read_to_string(log.join("records.jsonl")).unwrap();
    let lines: Vec<_> = records.lines().collect();
    let verify = |record: &str| {
        let record = folder.write("record", record);
        sluis(&["verify", &bundle, "--key", &key(), "--record", &record])
    };
    let said = verify(lines[2]).unwrap();
    assert!(
        said.lines()
            .last()
            .unwrap()
            .starts_with("1 2026-01-01T00:00:01.000Z"),
        "{said}"
    );
    let failure = verify(lines[1]).unwrap_err();
    assert!(matches!(failure, LogFailure::OtherRecord { .. }));
    let failure = verify(&lines[2].replace("\\\"sample\\\"", "\\\"simple\\\"")).unwrap_err();
    assert!(matches!(failure, LogFailure::Record { .. }), "{failure}");
    assert_eq!(failure.exit_code(), 3);
    assert_eq!(verify("{}").unwrap_err().exit_code(), 4);
}
