//! `sluis token`.

use std::fs;

use serde_json::json;

use crate::run::{Folder, parsed};

const CATALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../catalogue.toml");
const ISSUER: &str = "https://cbss.simulation.sluis.invalid";
const AUDIENCE: &str = "https://api.simulation.sluis.invalid";

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
        assert_eq!(parsed(&shown)["verified"], true);
        assert_eq!(parsed(&shown)["mandateType"], "simPensionOverview");
        assert_eq!(parsed(&shown)["boundToKey"], false);
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
    let shown = parsed(&ran.good());
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
    let shown = parsed(&folder.run_with(&["token", "inspect"], &token).good());
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
