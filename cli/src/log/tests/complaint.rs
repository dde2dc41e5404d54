//! Complaint files: what stands in them, and that no byte of one can be another.

use std::fs;
use std::path::Path;

use clap::Parser;
use serde_json::{Value, json};
use sluis_log::{Checkpoint, EdgeTiles, LeafHash, integrate};

use super::trace::{Case, SSIN, trace as sluis};
use super::{Command, origin, written};

fn complaint(case: &Case, file: &str, more: &[&str]) -> (String, u8, String) {
    let mut arguments = case.all();
    arguments[0] = "complaint";
    arguments.extend(["--out", file]);
    sluis(&[&arguments[..], more].concat())
}

/// The checkpoint of the first so many entries.
fn checkpoint(case: &Case, size: usize) -> String {
    let leaves: Vec<LeafHash> = case
        .entries
        .iter()
        .map(|e| LeafHash::of(&e.entry))
        .collect();
    let head = integrate(&EdgeTiles::empty(), &leaves[..size])
        .unwrap()
        .head;
    let signed = Checkpoint::new(origin(), head)
        .sign(&written::signer(1))
        .unwrap();
    case.folder
        .write(&format!("checkpoint-{size}"), &signed.note().to_string())
}

/// A part of the file that is one line.
fn part(text: &str, start: &str) -> Value {
    let line = text.lines().find(|line| line.starts_with(start)).unwrap();
    serde_json::from_str(line).unwrap()
}

#[test]
fn a_complaint_file_has_the_records_their_proofs_the_policy_and_the_trace() {
    let case = Case::new();
    let (file, key) = (case.folder.path("complaint"), written::key());
    let catalogue = format!("{}/../catalogue.toml", env!("CARGO_MANIFEST_DIR"));
    let (signed, hidden) = (checkpoint(&case, 5), case.hidden.token_id.as_str());
    let asked = [
        "--token-id",
        hidden,
        "--for",
        "institution",
        "--catalogue",
        &catalogue,
    ];
    let (said, code, error) = complaint(
        &case,
        &file,
        &[&asked[..], &["--checkpoint", &signed, "--key", &key]].concat(),
    );
    assert_eq!((code, error.as_str()), (0, ""));
    assert_eq!(said, format!("{file}: 1 calls, 2 records\n"));

    let (said, code, error) = sluis(&["complaint-check", &file, "--key", &key]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(
        said.starts_with(&format!(
            "{file}: 2 records stand in validator.example.be/log of 5 entries\n"
        )),
        "{said}"
    );
    assert!(said.ends_with("(signed by the log)\n"), "{said}");

    let text = fs::read_to_string(&file).unwrap();
    for secret in [
        "Mutualiteit van de proef",
        "mutualiteit-van-de-proef",
        "0202239951",
        SSIN,
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    let report = part(&text, "{\"format\":\"sluis-trace/1\"");
    assert_eq!(report["calls"][0]["index"], 2);
    let policy = part(&text, "{\"calls\":[");
    assert_eq!(policy["calls"][0]["deliberation"], "SIM/002@1");
    assert_eq!(
        policy["calls"][0]["policyDigest"],
        policy["catalogues"][0]["digest"]
    );
    assert_eq!(policy["calls"][0]["checks"][0]["by"], "sluis");
    let numbers = policy["catalogues"][0]["deliberations"].as_array().unwrap();
    assert!(
        numbers.iter().any(|one| one["number"] == "24/222"),
        "{numbers:?}"
    );
    assert!(
        !policy["catalogues"][0]["responsibilities"][0]["securityMeasures"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let matrix = &policy["catalogues"][0]["loggingMatrix"];
    assert_eq!(matrix[0]["mandateType"], "simMutualityBenefits");
    assert_eq!(matrix[1], Value::Null);
    assert_eq!(
        matrix[0]["logs"][1],
        json!({"party": "secondaryNetwork", "records": ["relations", "tokens", "reidentifications"]})
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    // Without a checkpoint: the same, and it says what that is worth.
    let unsigned = case.folder.path("unsigned");
    assert_eq!(complaint(&case, &unsigned, &asked).1, 0);
    let (said, code, _) = sluis(&["complaint-check", &unsigned]);
    assert!(
        code == 0 && said.contains("of 6 entries") && said.contains("no checkpoint is in it"),
        "{said}"
    );
    assert_eq!(sluis(&["complaint-check", &unsigned, "--key", &key]).1, 3);
}

#[test]
fn no_byte_of_a_complaint_file_can_be_changed_or_missing() {
    let case = Case::new();
    let file = case.folder.path("complaint");
    let signed = checkpoint(&case, 6);
    let key = written::key();
    let asked = [
        "--token-id",
        &case.plain.token_id,
        "--for",
        "supervisor",
        "--checkpoint",
        &signed,
        "--key",
        &key,
    ];
    assert_eq!(complaint(&case, &file, &asked).1, 0);
    let whole = fs::read(&file).unwrap();
    let check = |bytes: &[u8]| {
        let other = case.folder.path("other");
        fs::write(&other, bytes).unwrap();
        let (said, code, error) = sluis(&["complaint-check", &other]);
        assert!(
            said.is_empty() == (code != 0) && !error.contains('\n'),
            "{said}{error}"
        );
        (code, error)
    };
    assert_eq!(check(&whole).0, 0);
    for place in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        assert!(matches!(check(&changed).0, 3 | 4), "{place}");
        assert!(matches!(check(&whole[..place]).0, 3 | 4), "{place}");
    }
    let (code, error) = check(&whole[..whole.len() - 1]);
    assert_eq!(code, 4);
    assert!(
        error.ends_with("truncated in checkpoint validator.example.be/log"),
        "{error}"
    );
    let (code, error) = check(&[&whole[..], b"x"].concat());
    assert_eq!(code, 3);
    assert!(
        error.ends_with("something follows the last part"),
        "{error}"
    );
}

#[test]
fn records_that_do_not_stand_in_the_log_are_found_whatever_the_sums_say() {
    let case = Case::new();
    let file = case.folder.path("complaint");
    let asked = ["--token-id", &case.plain.token_id, "--for", "supervisor"];
    assert_eq!(complaint(&case, &file, &asked).1, 0);
    let parts = crate::log::complaint::read_parts(Path::new(&file)).unwrap();
    let forged = |part: &str, from: &str, to: &str| {
        let other = case.folder.path("forged");
        let _ = fs::remove_file(&other);
        let parts: Vec<(String, Vec<u8>)> = parts
            .iter()
            .map(|(name, bytes)| {
                let text = String::from_utf8(bytes.clone()).unwrap();
                let text = if name == part {
                    text.replace(from, to)
                } else {
                    text
                };
                (name.clone(), text.into_bytes())
            })
            .collect();
        crate::log::complaint::write_parts(Path::new(&other), &parts).unwrap();
        sluis(&["complaint-check", &other])
    };
    assert_eq!(forged("entries.jsonl", "", "").1, 0);
    let (_, code, error) = forged("entries.jsonl", "getPensionRights", "getPensionWrongs");
    assert_eq!(code, 3);
    assert!(
        error.contains("entry 0: the entry does not commit to this payload"),
        "{error}"
    );
    let (_, code, error) = forged("proofs.json", "\"size\":6", "\"size\":9");
    assert_eq!(code, 3, "{error}");
    assert_eq!(forged("proofs.json", "\"index\":1", "\"index\":3").1, 4);
    assert_eq!(forged("proofs.json", "\"origin\"", "\"other\"").1, 4);
    assert_eq!(forged("entries.jsonl", "\"index\":0", "\"index\":x").1, 4);
}

#[test]
fn a_complaint_file_is_whole_or_not_there() {
    let case = Case::new();
    let file = case.folder.path("complaint");
    let nothing = complaint(&case, &file, &["--token-id", "none", "--for", "supervisor"]);
    assert_eq!(nothing.1, 8);
    let (key, old) = (written::key(), checkpoint(&case, 1));
    let plain = [
        "--token-id",
        case.plain.token_id.as_str(),
        "--for",
        "supervisor",
    ];
    let (_, code, error) = complaint(
        &case,
        &file,
        &[&plain[..], &["--checkpoint", &old, "--key", &key]].concat(),
    );
    assert_eq!(
        (code, error.as_str()),
        (3, "entry 1 is newer than the checkpoint")
    );
    // A checkpoint of another log of that origin.
    let leaves = vec![LeafHash::of(b"other"); 6];
    let head = integrate(&EdgeTiles::empty(), &leaves).unwrap().head;
    let other = Checkpoint::new(origin(), head)
        .sign(&written::signer(1))
        .unwrap();
    let other = case.folder.write("other", &other.note().to_string());
    let (_, code, _) = complaint(
        &case,
        &file,
        &[&plain[..], &["--checkpoint", &other, "--key", &key]].concat(),
    );
    assert_eq!(code, 3);
    assert!(!Path::new(&file).exists() && !Path::new(&format!("{file}.partial")).exists());
    // A gap is evidence as well: the file is there, and the command does not pass.
    let empty = format!("mandateHolder={}", case.folder.write("empty", ""));
    let gap = [
        "complaint",
        "--file",
        &case.export,
        "--party",
        &empty,
        "--out",
        &file,
    ];
    assert_eq!(sluis(&[&gap[..], &plain].concat()).1, 7);
    assert_eq!(sluis(&["complaint-check", &file]).1, 0);
    // Nothing is overwritten, and it is for those who may have the institution's records.
    assert_eq!(complaint(&case, &file, &plain).1, 1);
    for reader in ["dataSubject", "verificationSystem"] {
        let arguments = [
            &["sluis-log"],
            &gap[..],
            &["--token-id", "x", "--for", reader],
        ]
        .concat();
        assert!(Command::try_parse_from(arguments).is_err());
    }
    let (_, code, error) = sluis(&["complaint-check", &case.export]);
    assert_eq!(code, 4);
    assert!(error.ends_with("no complaint file"), "{error}");
}
