//! `sluis keys`, and a witness that says which key is its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::run::{Folder, parsed};

#[test]
fn keys_are_made_for_each_algorithm() {
    let folder = Folder::new();
    for (name, algorithm, kind) in [
        ("eddsa", "EdDSA", "OKP"),
        ("ES256", "ES256", "EC"),
        ("es384", "ES384", "EC"),
        ("ps256", "PS256", "RSA"),
        ("Rs256", "RS256", "RSA"),
    ] {
        let private = folder
            .run(&["keys", "generate", "--algorithm", name])
            .good();
        let key = parsed(&private);
        assert_eq!(
            (&key["alg"], &key["kty"]),
            (&json!(algorithm), &json!(kind))
        );
        assert!(key["d"].is_string());
        let set = parsed(&folder.run_with(&["keys", "public", "-"], &private).good());
        let public = &set["keys"][0];
        assert_eq!(
            (&public["kid"], &public["alg"], &public["use"]),
            (&key["kid"], &json!(algorithm), &json!("sig"))
        );
        for secret in ["d", "p", "q", "dp", "dq", "qi"] {
            assert!(public.get(secret).is_none(), "{algorithm} shows {secret}");
        }
    }
    folder
        .run(&["keys", "generate", "--algorithm", "hs256"])
        .bad(2, &["expected eddsa, es256"]);
    folder.run(&["keys", "generate"]).bad(2, &["--algorithm"]);
}

#[test]
fn a_private_key_is_its_owners_alone_and_never_overwritten() {
    let folder = Folder::new();
    let arguments = [
        "keys",
        "generate",
        "--algorithm",
        "eddsa",
        "--kid",
        "mine",
        "--out",
        "key.json",
    ];
    assert_eq!(
        folder.run(&arguments).good(),
        "",
        "the key goes to the file only"
    );
    let path = folder.0.join("key.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let before = fs::read_to_string(&path).unwrap();
    assert_eq!(parsed(&before)["kid"], "mine");
    folder
        .run(&arguments)
        .bad(1, &["key.json: there is a file already"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    folder
        .run(&["keys", "random", "--out", "key.json"])
        .bad(1, &["there is a file already"]);
    folder
        .run(&["keys", "public", "key.json", "key.json"])
        .bad(4, &["the key id \"mine\" stands for two keys"]);
    folder
        .run(&["keys", "public", "none.json"])
        .bad(1, &["none.json: "]);
    folder
        .run_with(
            &["keys", "public", "-"],
            "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}",
        )
        .bad(4, &["standard input: expected a private JWK"]);
}

#[test]
fn random_keys_are_32_bytes_and_differ() {
    let folder = Folder::new();
    let make = || folder.run(&["keys", "random"]).good();
    let (first, second) = (make(), make());
    assert_eq!(first.trim().len(), 43);
    assert_ne!(first, second);
}

#[test]
fn the_verifier_key_of_a_private_key_is_printed_and_taken() {
    let folder = Folder::new();
    folder.run(&["keys", "random", "--out", "log.key"]).good();
    let name = "validator.example.be/log";
    let verifier = |more: &[&str]| {
        let arguments = ["keys", "verifier", "--name", name, "log.key"];
        folder.run(&[&arguments, more].concat())
    };
    let key = verifier(&[]).good();
    let parsed = sluis_log::NoteVerifier::parse(key.trim()).unwrap();
    assert_eq!(parsed.name().as_str(), name);
    assert_eq!(verifier(&[]).good(), key);
    let witness = verifier(&["--witness"]).good();
    assert!(sluis_log::CosignatureVerifier::parse(witness.trim()).is_ok());

    // A key of the other kind is wrong usage, a log that is not there a file that cannot be read.
    let fsck = |key: &str| folder.run(&["log", "fsck", "--dir", "none", "--key", key.trim()]);
    fsck(&witness).bad(2, &["where one of kind Ed25519 (a log's) is wanted"]);
    fsck(&key).bad(1, &["none/checkpoint: "]);
    folder.file("log.key", "c2hvcnQ");
    verifier(&[]).bad(4, &["log.key: expected 32 bytes in base64url"]);
    folder
        .run(&["keys", "verifier", "--name", "two words", "log.key"])
        .bad(2, &["no white space"]);
}

#[test]
fn a_witness_says_who_it_is_and_where() {
    let folder = Folder::new();
    let key = |name: &str, more: &[&str]| {
        folder.run(&["keys", "random", "--out", name]).good();
        let arguments = ["keys", "verifier", "--name", "example.be/x", name];
        folder
            .run(&[&arguments, more].concat())
            .good()
            .trim()
            .to_owned()
    };
    let (log, witness) = (key("log.key", &[]), key("witness.key", &["--witness"]));
    let serve = [
        "log",
        "witness",
        "serve",
        "--name",
        "example.be/x",
        "--key-file",
        "witness.key",
        "--log",
        &log,
        "--state",
        "state",
        "--listen",
        "127.0.0.1:0",
    ];
    let mut child = Command::new(env!("CARGO_BIN_EXE_sluis"))
        .args(serve)
        .current_dir(&folder.0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = [
        lines.next().unwrap().unwrap(),
        lines.next().unwrap().unwrap(),
    ];
    let taken = folder.run(&serve);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(said[0], witness);
    assert!(said[1].starts_with("http://127.0.0.1:"), "{said:?}");
    taken.bad(4, &["another witness has this folder"]);
}
