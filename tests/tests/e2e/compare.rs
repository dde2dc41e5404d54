//! Candidates beside what decides: what they would decide otherwise is counted, and they change no answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluis_tests::client::Request;
use sluis_tests::comparing::{CANDIDATE_KEYS, CATALOGUE, FOLDER};
use sluis_tests::issuer::{OTHER_SSIN, SSIN, key_set, now, set, sign};
use sluis_tests::runtime::Build;
use sluis_tests::world::{Record, World};
use sluis_token::Algorithm;
use sluis_token::sign::SigningKey;

use crate::Case;
use crate::problems::{NOT_FOUND, expect, expect_kind};
use crate::requests::rights_by_body;

pub(crate) const CASES: &[Case] = &[
    Case::new(
        "a_candidate_catalogue_is_counted_and_changes_no_answer",
        catalogue,
    ),
    Case::new("candidate_keys_are_counted_and_change_no_answer", keys),
];

/// How often a request had the one reason and would have had the other.
type Counts = BTreeMap<(String, String), u64>;

/// What of an answer, and of what reached the backend for it, does not differ from one call to the next.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: u16,
    body: String,
    fields: Vec<String>,
    forwarded: Vec<Vec<String>>,
}

fn outcome(world: &World, request: &Request) -> Result<Outcome> {
    let response = world.send(request)?;
    let names = |headers: &sluis_tests::wire::Headers| {
        let mut names: Vec<String> = headers.iter().map(|(name, _)| name.to_owned()).collect();
        names.sort();
        names
    };
    Ok(Outcome {
        status: response.status,
        body: response.text(),
        fields: names(&response.headers),
        forwarded: world
            .take_seen()
            .iter()
            .map(|seen| names(&seen.headers))
            .collect(),
    })
}

/// Sends the same kind of request to a gate without a candidate and to one with, which must answer alike.
fn both(
    worlds: [&World; 2],
    status: u16,
    request: impl Fn(&World) -> Result<Request>,
) -> Result<()> {
    let [plain, comparing] = worlds;
    let without = outcome(plain, &request(plain)?)?;
    let with = outcome(comparing, &request(comparing)?)?;
    ensure!(
        with == without,
        "{with:?} with a candidate, {without:?} without"
    );
    ensure!(with.status == status, "{with:?}");
    ensure!(
        with.forwarded.len() == usize::from(status == 200),
        "{with:?}"
    );
    Ok(())
}

fn counted(records: &[Record]) -> Counts {
    let text =
        |record: &Record, member| record.data(member).as_str().unwrap_or_default().to_owned();
    let mut counts = Counts::new();
    for record in records.iter().filter(|record| is_comparison(record)) {
        let pair = (text(record, "reasonNow"), text(record, "reasonThen"));
        *counts.entry(pair).or_default() += record.data("count").as_u64().unwrap_or_default();
    }
    counts
}

fn is_comparison(record: &Record) -> bool {
    let kind = record.payload["type"].as_str().unwrap_or_default();
    kind.ends_with(".comparisons.notify.counted")
}

fn expected(pairs: &[(&str, &str, u64)]) -> Counts {
    let pairs = pairs.iter();
    pairs
        .map(|(now, then, count)| (((*now).to_owned(), (*then).to_owned()), *count))
        .collect()
}

fn catalogue(world: &mut World) -> Result<()> {
    let comparing = world.beside(Build::Comparing)?;
    let index = comparing.log_size()?;
    let worlds = [&*world, &comparing];
    let ask = |world: &World, ssin: &str, pointer: &str, value: Value| -> Result<Request> {
        let mut claims = world.pension_claims()?;
        set(&mut claims, pointer, value);
        let token = world.token(Algorithm::EdDsa, &claims)?;
        Ok(rights_by_body(&json!({ "ssin": ssin }).to_string()).bearer(&token))
    };
    let terms = "/authorization_details/0/terms/version";
    // The candidate wants the next version of the terms.
    for _ in 0..2 {
        both(worlds, 200, |world| ask(world, SSIN, terms, json!("1")))?;
    }
    both(worlds, 403, |world| ask(world, SSIN, terms, json!("2")))?;
    // Refused after the policy, which the candidate would not have come to.
    both(worlds, 403, |world| {
        ask(world, OTHER_SSIN, terms, json!("1"))
    })?;
    // Refused before it, and by a rule that is the same.
    both(worlds, 401, |world| {
        ask(world, SSIN, "/exp", json!(now() - 60))
    })?;
    let purposes = "/authorization_details/0/purposes";
    both(worlds, 403, |world| {
        ask(world, SSIN, purposes, json!(["simBenefitAdvice"]))
    })?;
    // Nothing that a candidate could decide otherwise.
    both(worlds, 401, |_| Ok(rights_by_body("{}")))?;

    let wanted = expected(&[
        ("granted", "termsOutdated", 2),
        ("termsOutdated", "granted", 1),
        ("subjectMismatch", "termsOutdated", 1),
    ]);
    shown(&comparing, 6, &wanted)?;
    let records = comparing.records_until(index, |records| counted(records) == wanted)?;
    let folder = comparing.root().join(FOLDER);
    let digest = |file: &Path| -> Result<String> {
        let text = fs::read(file).with_context(|| file.display().to_string())?;
        let mut digits = String::new();
        for byte in Sha256::digest(&text) {
            write!(digits, "{byte:02x}")?;
        }
        Ok(digits)
    };
    let (decides, candidate) = (
        digest(&comparing.root().join("catalogue.toml"))?,
        digest(&folder.join(CATALOGUE))?,
    );
    for record in records.iter().filter(|record| is_comparison(record)) {
        ensure!(
            record.data("policyDigest") == &json!(decides)
                && record.data("candidateDigest") == &json!(candidate),
            "{record:?}"
        );
    }
    // The decisions themselves name what decided.
    let decisions = records
        .iter()
        .filter(|record| matches!(record.kind.as_str(), "granted" | "refused"));
    for record in decisions {
        ensure!(record.data("policyDigest") == &json!(decides), "{record:?}");
    }
    comparing.verify_log()?;
    // Without a candidate there is nothing to show.
    let operator = world.operator_token().to_owned();
    let request = Request::get("/operator/comparison").bearer(&operator);
    expect(&world.send(&request)?, NOT_FOUND)
}

/// What the operators are shown of the comparison.
fn shown(world: &World, compared: u64, wanted: &Counts) -> Result<()> {
    let request = || Request::get("/operator/comparison");
    expect_kind(&world.send(&request())?, 401)?;
    expect_kind(
        &world.send(&request().bearer(&world.auditor_token()?))?,
        401,
    )?;
    let mut last = Value::Null;
    // A candidate is asked behind the answer.
    for _ in 0..20 {
        let answer = world.send(&request().bearer(world.operator_token()))?;
        ensure!(answer.status == 200, "{}", answer.text());
        last = answer.json()?;
        let pairs = last["disagreements"].as_array().context("no list")?.iter();
        let text =
            |pair: &Value, member: &str| pair[member].as_str().unwrap_or_default().to_owned();
        let found: Counts = pairs
            .map(|pair| {
                let reasons = (text(pair, "reasonNow"), text(pair, "reasonThen"));
                (reasons, pair["count"].as_u64().unwrap_or_default())
            })
            .collect();
        if last["compared"] == compared && found == *wanted {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    anyhow::bail!("{last} is shown, not {compared} with {wanted:?}")
}

fn keys(world: &mut World) -> Result<()> {
    let comparing = world.beside(Build::Comparing)?;
    let index = comparing.log_size()?;
    let next = SigningKey::generate(Algorithm::EdDsa)?;
    comparing
        .issuers
        .publish_document(CANDIDATE_KEYS, &key_set([&next]));
    let worlds = [&*world, &comparing];
    let body = json!({ "ssin": SSIN }).to_string();
    let ask = |token: &str| Request::post_json("/mutuality/v1/benefits/get", &body).bearer(token);
    // Under a key that the candidate set has no more.
    both(worlds, 200, |world| {
        let token = world.token(Algorithm::EdDsa, &world.mutuality_claims()?)?;
        Ok(ask(&token))
    })?;
    // Under one that only the candidate set has, and good by the candidate catalogue too.
    both(worlds, 401, |world| {
        let mut claims = world.mutuality_claims()?;
        let terms = "/authorization_details/0/terms/version";
        set(&mut claims, terms, json!("2"));
        let token = sign(&next, &claims)?;
        world.remember_token(&token);
        Ok(ask(&token))
    })?;
    let wanted = expected(&[("granted", "keyUnknown", 1), ("keyUnknown", "granted", 1)]);
    comparing.records_until(index, |records| counted(records) == wanted)?;
    comparing.verify_log()?;
    let leaks = comparing.leaks(&[])?;
    ensure!(leaks.is_empty(), "{leaks:?}");
    Ok(())
}
