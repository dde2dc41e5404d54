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

type Parts = Vec<(String, Vec<u8>)>;

/// Some calls in a file that holds, with the log's signature.
struct Forged {
    case: Case,
    file: String,
}

impl Forged {
    fn new() -> Self {
        let case = Case::new();
        let (file, key) = (case.folder.path("complaint"), written::key());
        let signed = checkpoint(&case, 6);
        let since = ["--from", "2020-01-01T00:00:00Z", "--for", "supervisor"];
        let checkpoint = ["--checkpoint", &signed, "--key", &key];
        let (_, code, error) = complaint(&case, &file, &[&since[..], &checkpoint].concat());
        assert!(matches!(code, 0 | 7), "{error}");
        let made = Self { case, file };
        assert_eq!(made.check(&|_| {}).0, 0);
        made
    }

    /// What the check says of the file with its parts as they become, under sums that are right.
    fn check(&self, change: &dyn Fn(&mut Parts)) -> (u8, String) {
        let mut parts = crate::log::complaint::read_parts(Path::new(&self.file)).unwrap();
        change(&mut parts);
        let other = self.case.folder.path("put-together");
        let _ = fs::remove_file(&other);
        crate::log::complaint::write_parts(Path::new(&other), &parts).unwrap();
        let (said, code, error) = sluis(&["complaint-check", &other, "--key", &written::key()]);
        assert!(said.is_empty() == (code != 0), "{said}");
        (code, error)
    }

    fn refused(&self, change: &dyn Fn(&mut Parts), code: u8, why: &str) {
        let (found, error) = self.check(change);
        assert_eq!(found, code, "{error}");
        assert!(error.contains(why), "{error}");
    }

    fn trace_refused(&self, change: &dyn Fn(&mut Value), why: &str) {
        self.refused(&|parts| edit(parts, "trace.json", change), 3, why);
    }
}

fn part_of<'a>(parts: &'a mut Parts, name: &str) -> &'a mut Vec<u8> {
    let (_, bytes) = parts.iter_mut().find(|(other, _)| other == name).unwrap();
    bytes
}

/// Changes a part that is JSON.
fn edit(parts: &mut Parts, name: &str, change: impl Fn(&mut Value)) {
    let bytes = part_of(parts, name);
    let mut value = serde_json::from_slice(bytes).unwrap();
    change(&mut value);
    *bytes = serde_json::to_vec(&value).unwrap();
}

/// Leaves out the record at that place, and its proof.
fn drop_record(parts: &mut Parts, place: usize) {
    edit(parts, "proofs.json", |proofs| {
        let entries = proofs["logs"][0]["entries"].as_array_mut().unwrap();
        entries.remove(place);
    });
    let bytes = part_of(parts, "entries.jsonl");
    let text = String::from_utf8(bytes.clone()).unwrap();
    let kept = text.split_inclusive('\n').enumerate();
    let kept = kept.filter(|(number, _)| *number != place);
    *bytes = kept.flat_map(|(_, line)| line.bytes()).collect();
}

#[test]
fn a_file_without_its_records_does_not_hold_whatever_the_sums_say() {
    let forged = Forged::new();
    let emptied = |logs: &dyn Fn(&mut Value)| {
        let change = |parts: &mut Parts| {
            edit(parts, "proofs.json", logs);
            part_of(parts, "entries.jsonl").clear();
            parts.retain(|(name, _)| !name.starts_with("checkpoint"));
        };
        forged.refused(&change, 3, "there are no records in it");
    };
    emptied(&|proofs| proofs["logs"] = json!([]));
    emptied(&|proofs| proofs["logs"][0]["entries"] = json!([]));
    // A log of no records beside the one with some, and one twice.
    let beside = |parts: &mut Parts| {
        edit(parts, "proofs.json", |proofs| {
            let mut list = proofs["logs"][0].clone();
            list["origin"] = json!("other.example.be/log");
            list["entries"] = json!([]);
            proofs["logs"].as_array_mut().unwrap().push(list);
        });
    };
    forged.refused(&beside, 3, "there are no records in it");
    let halved = |parts: &mut Parts| {
        edit(parts, "proofs.json", |proofs| {
            let mut list = proofs["logs"][0].clone();
            let taken = proofs["logs"][0]["entries"].as_array_mut().unwrap().pop();
            list["entries"] = json!([taken.unwrap()]);
            proofs["logs"].as_array_mut().unwrap().push(list);
        });
    };
    let log = "validator.example.be/log";
    forged.refused(&halved, 4, &format!("the log {log} is in it twice"));
    // A decision without which the outcome is of no call, an outcome, and both.
    let no_call = format!("entry 1 of {log} is of no call");
    forged.refused(&|parts| drop_record(parts, 0), 3, &no_call);
    let otherwise = format!("entry 0 of {log} than its records, or one of them");
    forged.refused(&|parts| drop_record(parts, 1), 3, &otherwise);
    let both = |parts: &mut Parts| {
        drop_record(parts, 1);
        drop_record(parts, 0);
    };
    let call = format!("the trace has a call at entry 0 of {log}, and no record");
    forged.refused(&both, 3, &call);
}

#[test]
fn a_trace_of_other_calls_than_the_records_does_not_hold() {
    let forged = Forged::new();
    let calls = |trace: &mut Value, change: &dyn Fn(&mut Vec<Value>)| {
        change(trace["calls"].as_array_mut().unwrap());
    };
    forged.trace_refused(
        &|trace| {
            calls(trace, &|calls| {
                calls.remove(0);
            });
        },
        "entry 0 of validator.example.be/log is of no call",
    );
    forged.trace_refused(
        &|trace| calls(trace, &|calls| calls.push(calls[0].clone())),
        "and no record of it is proven",
    );
    forged.trace_refused(
        &|trace| trace["calls"][0]["log"] = json!("other.example.be/log"),
        "and no record of it is proven",
    );
    let otherwise = "the trace says otherwise";
    forged.trace_refused(
        &|trace| trace["calls"][0]["decision"] = json!("refused"),
        otherwise,
    );
    for member in ["time", "event", "party"] {
        let change = |trace: &mut Value| {
            let links = trace["calls"][0]["chain"].as_array_mut().unwrap();
            let mut links = links.iter_mut();
            let link = links.find(|link| link["party"] == "validator").unwrap();
            link[member] = json!("2020-01-01T00:00:00.000Z");
        };
        forged.trace_refused(&change, otherwise);
    }
    let value = |trace: &mut Value| {
        let answers = trace["calls"][0]["answers"].as_array_mut().unwrap();
        let facts = answers.iter_mut();
        let mut facts = facts.flat_map(|answer| answer["facts"].as_array_mut().unwrap());
        let fact = facts.find(|fact| fact["name"] == "operation").unwrap();
        assert_eq!(fact["party"], "validator");
        fact["value"] = json!("getPensionWrongs");
    };
    forged.trace_refused(&value, otherwise);
    let format = |parts: &mut Parts| edit(parts, "trace.json", |it| it["format"] = json!("x"));
    forged.refused(&format, 4, "trace.json");
}

#[test]
fn every_part_of_a_complaint_file_is_there_once_and_no_other() {
    let forged = Forged::new();
    for name in ["trace.json", "entries.jsonl", "proofs.json", "policy.json"] {
        let without = |parts: &mut Parts| parts.retain(|(other, _)| other != name);
        forged.refused(&without, 4, name);
        let twice = |parts: &mut Parts| {
            let part = parts.iter().find(|(other, _)| other == name).unwrap();
            parts.push(part.clone());
        };
        forged.refused(&twice, 4, "is in it twice");
    }
    let more = |parts: &mut Parts| parts.push(("more".to_owned(), Vec::new()));
    forged.refused(&more, 4, "more is no part of such a file");
}
