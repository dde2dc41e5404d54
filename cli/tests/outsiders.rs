//! A log of samples with a witness's cosignature, judged by an implementation that is not ours. That of a running
//! validator is put to it by `cargo xtask log-check`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on stops; what is skipped and counted is for the person who runs it"
)]

#[path = "../src/log/tests/written.rs"]
mod written;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::json;
use sluis_log::{CosignatureSigner, KeyName, NoteVerifier, Origin, SignedNote, VerifiedCheckpoint};
use sluis_tests::outsider::{Found, NAME, Outsider, Question, Verdict};

use written::{ORIGIN, key, leave_earlier, write};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trial = Trial::test("aics-tlog agrees about a cosigned log of samples", || {
        match Outsider::find() {
            Ok(Found::Here(outsider)) => {
                let folder = Folder::new();
                agrees(&outsider, &folder.0);
                println!(
                    "COUNT: {NAME}: a log of 700 samples, its proofs and its cosignature accepted; 7 changed ones refused"
                );
                Ok(())
            }
            Ok(Found::Absent { reason }) => {
                println!("SKIP: {NAME}: {reason}");
                Ok(())
            }
            Err(problem) => Err(Failed::from(format!("{problem:#}"))),
        }
    });
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("sluis-outsiders-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sluis(arguments: &[&str]) {
    let run = Command::new(env!("CARGO_BIN_EXE_sluis"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&run.stderr)
    );
}

/// Has a witness cosign the folder's checkpoint; its verifier key.
fn cosign(log: &Path) -> String {
    let name = KeyName::parse("witness.example/w1").unwrap();
    let witness = CosignatureSigner::new(name, &[7; 32]).unwrap();
    let path = log.join("checkpoint");
    let note = SignedNote::parse(&fs::read(&path).unwrap()).unwrap();
    let keys = [NoteVerifier::parse(&key()).unwrap()];
    let origin = Origin::parse(ORIGIN).unwrap();
    let checkpoint = VerifiedCheckpoint::verify(note, &origin, &keys).unwrap();
    let line = witness.cosign(&checkpoint, 1_767_225_600).unwrap();
    let cosigned = checkpoint.with_signatures([line]).unwrap();
    fs::write(path, cosigned.note().to_string()).unwrap();
    witness.verifier().to_string()
}

fn agrees(outsider: &Outsider, folder: &Path) {
    let (earlier, log) = (folder.join("earlier"), folder.join("log"));
    write(&earlier, 300, false);
    write(&log, 700, false);
    leave_earlier(&log, 44);
    let witness = cosign(&log);
    let bundle = folder.join("300.tlog-proof");
    let (dir, out) = (log.to_str().unwrap(), bundle.to_str().unwrap());
    let trust = ["--key", &key(), "--witness", &witness];
    sluis(&[&["log", "fsck", "--tree-only", "--dir", dir][..], &trust].concat());
    sluis(
        &[
            &["log", "prove", "--dir", dir, "--index", "300", "--out", out][..],
            &trust,
        ]
        .concat(),
    );

    let earlier = earlier.join("checkpoint");
    let log_key = key();
    let judge = || {
        let question = Question {
            log: dir,
            log_key: &log_key,
            earlier: &earlier,
            bundle: &bundle,
            witness: Some(&witness),
            token_file: None,
        };
        outsider.judge(&question).unwrap()
    };
    let accepted = json!({"size": 700, "tiles": 4, "bundles": 3, "from": 300});
    let accepted = Verdict::Accepted(accepted);
    assert_eq!(judge(), accepted);
    // What it refuses, so that what it accepts means something.
    for (file, place) in [
        (log.join("checkpoint"), 30),
        (log.join("tile/0/001"), 5_000),
        (log.join("tile/0/002.p/188"), 9),
        (log.join("tile/1/000.p/2"), 40),
        (log.join("tile/entries/001"), 73 * 44 + 20),
        (bundle.clone(), 40),
        (earlier.clone(), 70),
    ] {
        let whole = fs::read(&file).unwrap();
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&file, changed).unwrap();
        let said = judge();
        let refused = matches!(said, Verdict::Refused(_));
        assert!(refused, "{}: {said:?}", file.display());
        fs::write(&file, whole).unwrap();
    }
    assert_eq!(judge(), accepted);
}
