//! The command as a process: what it prints, where, and the exit code.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

const CATALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../catalogue.toml");
const ISSUER: &str = "https://cbss.simulation.sluis.invalid";
const AUDIENCE: &str = "https://api.simulation.sluis.invalid";

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Succeeded, with these words on standard output.
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    /// Failed with this code and one line, which says this much; nothing on standard output.
    fn bad(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert_eq!(self.out, "");
        for word in words {
            assert!(self.err.contains(word), "{word}: {}", self.err);
        }
        if code != 2 {
            assert_eq!(self.err.lines().count(), 1, "{}", self.err);
            assert!(self.err.starts_with("sluis: "), "{}", self.err);
        }
    }
}

/// A folder of its own for each test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sluis-cli-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sluis"))
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The secrets of a local run, as `cargo xtask dev` writes them.
    fn secrets(&self) -> PathBuf {
        let key = |algorithm| {
            let json = self
                .run(&["keys", "generate", "--algorithm", algorithm])
                .good();
            serde_json::from_str::<Value>(&json).unwrap()
        };
        let secrets = json!({
            "SLUIS_SIMULATION_KEYS_CBSS": json!([key("eddsa"), key("es256")]).to_string(),
            "SLUIS_SIMULATION_KEYS_NIC": json!([key("eddsa")]).to_string(),
            "SLUIS_PSEUDONYM_KEY": self.run(&["keys", "random"]).good().trim(),
            "SLUIS_SIMULATION_ORIGIN": "http://127.0.0.1:9001",
        });
        self.file("secrets.json", &secrets.to_string())
    }

    /// The public keys of the simulation's first system.
    fn key_set(&self, secrets: &Path) -> PathBuf {
        let secrets: Value = serde_json::from_str(&fs::read_to_string(secrets).unwrap()).unwrap();
        let keys: Vec<Value> =
            serde_json::from_str(secrets["SLUIS_SIMULATION_KEYS_CBSS"].as_str().unwrap()).unwrap();
        let files: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| self.file(&format!("key{index}.json"), &key.to_string()))
            .collect();
        let mut arguments = vec!["keys", "public"];
        arguments.extend(files.iter().map(|path| path.to_str().unwrap()));
        self.file("jwks.json", &self.run(&arguments).good())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

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
        let key = json(&private);
        assert_eq!(
            (&key["alg"], &key["kty"]),
            (&json!(algorithm), &json!(kind))
        );
        assert!(key["d"].is_string());
        let set = json(&folder.run_with(&["keys", "public", "-"], &private).good());
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
    assert_eq!(json(&before)["kid"], "mine");
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
    let mut child = Command::new(env!("CARGO_BIN_EXE_sluis"))
        .args([
            "log",
            "witness",
            "serve",
            "--name",
            "example.be/x",
            "--key-file",
            "witness.key",
        ])
        .args(["--log", &log, "--state", "state", "--listen", "127.0.0.1:0"])
        .current_dir(&folder.0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = [
        lines.next().unwrap().unwrap(),
        lines.next().unwrap().unwrap(),
    ];
    let taken = folder.run(&[
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
    ]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(said[0], witness);
    assert!(said[1].starts_with("http://127.0.0.1:"), "{said:?}");
    taken.bad(4, &["another witness has this folder"]);
}

#[test]
fn a_minted_token_verifies_and_a_spoiled_one_does_not() {
    let folder = Folder::new();
    let secrets = folder.secrets();
    let jwks = folder.key_set(&secrets);
    let (secrets, jwks) = (secrets.to_str().unwrap(), jwks.to_str().unwrap());
    let mint = |more: &[&str]| {
        let mut arguments = vec!["token", "mint", "--secrets", secrets];
        arguments.extend(more);
        folder.run(&arguments).good()
    };
    let verify = |token: &str, more: &[&str]| {
        let mut arguments = vec![
            "token",
            "verify",
            "--jwks",
            jwks,
            "--issuer",
            ISSUER,
            "--audience",
            AUDIENCE,
        ];
        arguments.extend(more);
        folder.run_with(&arguments, token)
    };
    for algorithm in ["eddsa", "es256"] {
        let token = mint(&["--algorithm", algorithm]);
        let shown = verify(&token, &[]).good();
        assert_eq!(json(&shown)["verified"], true);
        assert_eq!(json(&shown)["mandateType"], "simPensionOverview");
        assert_eq!(json(&shown)["boundToKey"], false);
        assert!(!shown.contains("0202239951"), "the holder is not repeated");
    }
    let good = mint(&[]);
    verify(&good, &["--algorithm", "es256"]).bad(3, &["refused ("]);
    verify(&good, &["--at", "2020-01-01T00:00:00Z"]).bad(3, &["refused ("]);
    verify(&mint(&["--defect", "forgedSignature"]), &[]).bad(3, &["refused (signatureMismatch)"]);
    verify(&mint(&["--defect", "expired"]), &[]).bad(3, &["refused (tokenExpired)"]);
    verify(&mint(&["--defect", "wrongAudience"]), &[]).bad(3, &["refused ("]);
    verify(&mint(&["--defect", "algNone"]), &[]).bad(3, &["refused ("]);
    verify(&mint(&["--system", "nic"]), &[]).bad(3, &["refused ("]);
    verify("nonsense", &[]).bad(3, &["refused ("]);
    folder
        .run_with(
            &[
                "token",
                "verify",
                "--jwks",
                CATALOGUE,
                "--issuer",
                ISSUER,
                "--audience",
                AUDIENCE,
            ],
            &good,
        )
        .bad(4, &["not a key set"]);
    verify(&good, &["--skew", "61"]).bad(2, &["61"]);
    folder
        .run(&["token", "mint", "--secrets", secrets, "--defect", "none"])
        .bad(2, &["forgedSignature", "expired"]);
    folder
        .run(&[
            "token",
            "mint",
            "--secrets",
            secrets,
            "--ssin",
            "53480200725",
        ])
        .bad(3, &["not minted: ssin"]);
    folder.run(&["token", "mint", "--secrets", jwks]).bad(
        4,
        &[
            "expected the secrets of a local run",
            "SLUIS_SIMULATION_KEYS_CBSS",
        ],
    );
}

#[test]
fn a_token_can_be_bound_and_a_proof_made_for_it() {
    let folder = Folder::new();
    let secrets = folder.secrets();
    let secrets = secrets.to_str().unwrap();
    let key = folder
        .run(&["keys", "generate", "--algorithm", "es256"])
        .good();
    let key = folder.file("client.jwk", &key);
    let key = key.to_str().unwrap();
    let token = folder
        .run(&[
            "token",
            "mint",
            "--secrets",
            secrets,
            "--dpop-key",
            key,
            "--single-use",
            "--status-index",
            "7",
        ])
        .good();
    let shown = folder.run_with(&["token", "inspect"], &token).good();
    for word in [
        "jkt",
        "singleUse",
        "simPensionQuote",
        "http://127.0.0.1:9001/simulation/cbss/status/1",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    // Without an address there the list is named, or there is no token.
    let listed = ["token", "mint", "--secrets", secrets, "--status-index", "7"];
    let with_origin = fs::read_to_string(secrets).unwrap();
    fs::write(secrets, with_origin.replace("SIMULATION_ORIGIN", "OTHER")).unwrap();
    folder.run(&listed).bad(4, &["SLUIS_SIMULATION_ORIGIN"]);
    let elsewhere = "http://127.0.0.1:9003/simulation/cbss/status/1";
    let named = [&listed[..], &["--status-list", elsewhere]].concat();
    let other = folder.run(&named).good();
    let shown = folder.run_with(&["token", "inspect"], &other).good();
    assert!(shown.contains(elsewhere), "{shown}");
    let url = "https://api.simulation.sluis.invalid/pension/v1/rights/get";
    let make = |nonce: &[&str]| {
        let mut arguments = vec![
            "token", "dpop", "--key", key, "--method", "POST", "--url", url,
        ];
        arguments.extend(nonce);
        folder.run_with(&arguments, &token).good()
    };
    let proof = make(&["--nonce", "n-1"]);
    assert_ne!(proof, make(&["--nonce", "n-1"]), "a proof is good once");
    let inspected = folder.run_with(&["token", "inspect"], &proof).good();
    for word in ["dpop+jwt", "\"POST\"", url, "n-1", "ath"] {
        assert!(inspected.contains(word), "{word}: {inspected}");
    }
    assert!(
        !inspected.contains("\"d\""),
        "the private key is in the proof"
    );
    folder
        .run(&["token", "mint", "--secrets", secrets, "--certificate", "x"])
        .bad(3, &["not minted"]);
}

#[test]
fn minting_takes_the_secrets_of_the_one_local_run() {
    let folder = Folder::new();
    folder
        .run(&["token", "mint"])
        .bad(1, &["start `cargo xtask dev` first"]);
    let secrets = folder.secrets();
    for runtime in ["workerd", "spin"] {
        let state = folder.0.join(".sluis/dev").join(runtime);
        fs::create_dir_all(&state).unwrap();
        fs::copy(&secrets, state.join("secrets.json")).unwrap();
        let ran = folder.run(&["token", "mint"]);
        if runtime == "workerd" {
            assert_eq!(ran.good().split('.').count(), 3);
        } else {
            ran.bad(1, &["several local runs"]);
        }
    }
}

#[test]
fn inspecting_says_that_nothing_was_verified() {
    let folder = Folder::new();
    let secrets = folder.secrets();
    let token = folder
        .run(&[
            "token",
            "mint",
            "--secrets",
            secrets.to_str().unwrap(),
            "--defect",
            "algNone",
        ])
        .good();
    let ran = folder.run_with(&["token", "inspect"], &token);
    assert!(ran.err.contains("not verified"), "{}", ran.err);
    let shown = json(&ran.good());
    assert_eq!(shown["verified"], false);
    assert_eq!(shown["header"]["alg"], "none");
    assert_eq!(shown["claims"]["aud"], AUDIENCE);
    assert!(
        shown["form"].as_str().unwrap().starts_with("refused ("),
        "{shown}"
    );
    folder
        .run_with(&["token", "inspect"], "a.b")
        .bad(4, &["no token"]);
    folder
        .run_with(&["token", "inspect"], "a.b.c.d")
        .bad(4, &["no token"]);
    folder
        .run_with(&["token", "inspect"], "")
        .bad(4, &["no token"]);
}

#[test]
fn claims_of_ones_own_are_signed() {
    let folder = Folder::new();
    folder
        .run(&[
            "keys",
            "generate",
            "--algorithm",
            "es256",
            "--kid",
            "k1",
            "--out",
            "key.json",
        ])
        .good();
    let token = folder
        .run_with(&["token", "sign", "--key", "key.json"], "{\"iss\":\"me\"}")
        .good();
    let shown = json(&folder.run_with(&["token", "inspect"], &token).good());
    assert_eq!(
        (
            &shown["header"]["kid"],
            &shown["header"]["typ"],
            &shown["claims"]["iss"]
        ),
        (&json!("k1"), &json!("at+jwt"), &json!("me"))
    );
    folder
        .run_with(&["token", "sign", "--key", "key.json"], "[]")
        .bad(4, &["standard input: expected a JSON object"]);
}

#[test]
fn the_catalogue_is_checked_with_line_and_field() {
    let folder = Folder::new();
    let checked = folder.run(&["catalogue", "check", CATALOGUE]).good();
    assert!(
        checked.ends_with("good: 6 deliberations, 4 mandate types, 1 statutory bases\n"),
        "{checked}"
    );
    let text = fs::read_to_string(CATALOGUE).unwrap();
    folder.file(
        "catalogue.toml",
        &text.replacen("grantMinimumLevel = 400", "grantMinimumLevel = 300", 1),
    );
    folder.run(&["catalogue", "check"]).bad(
        3,
        &[
            "catalogue.toml: line ",
            ": deliberations[1].framework.grantMinimumLevel: expected a level of at least 400",
        ],
    );
    folder
        .run(&["catalogue", "show"])
        .bad(3, &["catalogue.toml: line "]);
    folder
        .run(&["catalogue", "check", "none.toml"])
        .bad(1, &["none.toml: "]);
    folder.file("binary.toml", "");
    fs::write(folder.0.join("binary.toml"), [0xff, 0xfe]).unwrap();
    folder
        .run(&["catalogue", "check", "binary.toml"])
        .bad(1, &["expected text in UTF-8"]);
    folder.file("large.toml", &"#".repeat((1 << 20) + 1));
    folder
        .run(&["catalogue", "check", "large.toml"])
        .bad(1, &["larger than 1048576 bytes"]);
}

#[test]
fn the_catalogue_is_shown_as_at_a_moment() {
    let folder = Folder::new();
    let show = |at: &str| {
        folder
            .run(&["catalogue", "show", CATALOGUE, "--at", at])
            .good()
    };
    let before = show("2024-12-17T23:59:59+01:00");
    assert!(
        before.starts_with("At 2024-12-17T22:59:59Z, catalogue "),
        "{before}"
    );
    assert!(
        before.contains("24/222   framework  not yet in force, from 2024-12-17T23:00:00Z"),
        "{before}"
    );
    assert!(
        before.contains("19/004   framework  in force as version 1 of 2019-01-15"),
        "{before}"
    );
    let after = show("2024-12-18T00:00:00+01:00");
    assert!(
        after.contains("24/222   framework  in force as version 1 of 2024-12-03"),
        "{after}"
    );
    assert!(
        after.contains("19/004   framework  repealed by 24/222 from 2024-12-17T23:00:00Z"),
        "{after}"
    );
    // 2024-03-31T21:59:59Z and the next second, as seconds since 1970.
    assert!(
        show("1711922399")
            .contains("mimosis                17/020 in force as version 6 of 2023-12-05")
    );
    assert!(
        show("1711922400").contains("mimosis                17/020 ended at 2024-03-31T22:00:00Z")
    );
    assert!(
        folder
            .run(&["catalogue", "show", CATALOGUE])
            .good()
            .contains("SIM/001")
    );
    // M-21.4, below the type.
    assert!(
        after.contains(
            "retention P30D\n                         logs verificationSystem mandates, tokens; mandateHolder requests, responses; validator accesses\n"
        ),
        "{after}"
    );
    folder
        .run(&["catalogue", "show", CATALOGUE, "--at", "yesterday"])
        .bad(2, &["RFC 3339"]);
}

#[test]
fn the_digest_is_that_of_sha256sum() {
    let folder = Folder::new();
    folder.file("catalogue.toml", &fs::read_to_string(CATALOGUE).unwrap());
    let ours = folder.run(&["catalogue", "digest"]).good();
    let theirs = Command::new("sha256sum")
        .arg("catalogue.toml")
        .current_dir(&folder.0)
        .output();
    if let Ok(theirs) = theirs {
        assert_eq!(ours, String::from_utf8(theirs.stdout).unwrap());
    }
    assert_eq!(ours.split("  ").next().unwrap().len(), 64);
}

#[test]
fn wrong_usage_is_2() {
    let folder = Folder::new();
    folder.run(&["tokens"]).bad(2, &["tokens"]);
    assert_eq!(
        folder.run(&["--version"]).good(),
        format!("sluis {}\n", env!("CARGO_PKG_VERSION"))
    );
}
