//! The order, and what is kept of the answers.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use super::super::written::{key, signer};
use super::super::{Folder, LogFailure, TOKEN, origin, sluis};
use super::{AT, note, plain, record};

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
