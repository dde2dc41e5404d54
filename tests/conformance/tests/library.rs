//! The whole corpus against the library: a gate on the in-memory platform.

#![cfg(test)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use sluis_conformance::case::{Need, Step};
use sluis_conformance::corpus::Corpus;
use sluis_conformance::keys::IssuerKeySet;
use sluis_conformance::memory::{MemoryTarget, PSEUDONYM_KEY};
use sluis_conformance::report::Report;
use sluis_conformance::request::Builder;
use sluis_conformance::run::{CaseResult, Verdict, mark_oracles, run_case};
use sluis_conformance::settings::{Person, SIMULATION_SSINS, Settings, simulation};
use sluis_conformance::target::Target as _;

/// The rows of the project's attack list. Each must be in the corpus.
const ROWS: &str = "A01 A02 A03 A04 A05 A07 A08 A09 A10 A11 A12 A13 A14 A15 A16 A17 A18 A20 A21 A22 A24 A25 A26 \
    A27 A28 A29 A30 A32 A33 A34 A35 A36 A38 A39 A40 A41 A43 A44 A45 A48 A49 A50 A51 A52 A54 A55 A56 A57 A59 A60 A61 \
    A63 A64 A65 A66 A67 A69 A70 A71 A73 A74 A76 A77 A78 A79 A81 A82 A83 A84 A86 A87 A89 A90 A92 A93 A95 A96 A98 A99 A100";

const KEY_URLS: [&str; 2] = [
    "http://127.0.0.1:8788/simulation/cbss/.well-known/jwks.json",
    "http://127.0.0.1:8788/simulation/nic/.well-known/jwks.json",
];

fn root(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(file);
    std::fs::read_to_string(path).unwrap()
}

fn corpus() -> Corpus {
    Corpus::load().unwrap_or_else(|error| panic!("{error}"))
}

fn settings() -> Settings {
    let keys = || IssuerKeySet::generate().unwrap();
    let persons = SIMULATION_SSINS.map(|ssin| Person::new(&PSEUDONYM_KEY, ssin).unwrap());
    simulation(persons, keys(), keys())
}

fn target(settings: &Settings, config: &str, key_urls: [&str; 2]) -> MemoryTarget {
    let second = settings.second_issuer.as_ref().unwrap();
    let keys = [&settings.issuer.keys, &second.keys];
    MemoryTarget::new(config, &root("catalogue.toml"), key_urls, keys).unwrap()
}

#[test]
fn every_case_gets_the_answer_and_the_reason_that_it_must_get() {
    let corpus = corpus();
    let settings = settings();
    let builder = Builder::new(&settings, b"library");
    let target = target(&settings, &root("simulation.toml"), KEY_URLS);
    let only = std::env::var("SLUIS_CASE").unwrap_or_default();
    let mut results: Vec<CaseResult> = corpus
        .cases()
        .filter(|(_, case)| case.id.starts_with(&only))
        .map(|(theme, case)| run_case(&corpus, theme, case, &builder, &target))
        .collect();
    assert!(
        !results.is_empty(),
        "SLUIS_CASE={only}: there is no such case"
    );
    mark_oracles(&mut results);
    let report = Report {
        target: target.name(),
        results: &results,
    };
    let counts = report.counts();
    // Past the capture of the test runner: the counts are what the run is for.
    writeln!(
        std::io::stderr(),
        "the corpus against the library:\n{report}"
    )
    .unwrap();
    assert_eq!(counts.failed + counts.errors, 0, "{report}");
}

/// A production gate that trusts the test issuers.
fn production(settings: &Settings) -> MemoryTarget {
    let config = root("simulation.toml")
        .replace(
            "environment = \"simulation\"",
            "environment = \"production\"",
        )
        .replace("mode = \"both\"", "mode = \"inline\"")
        .replace(
            "trust_client_cert_field = true",
            "trust_client_cert_field = false",
        )
        .replace("http://127.0.0.1:8788", "https://keys.invalid");
    let urls = KEY_URLS.map(|url| url.replace("http://127.0.0.1:8788", "https://keys.invalid"));
    target(settings, &config, [&urls[0], &urls[1]])
}

/// The other half of A66: a good token of the simulation opens nothing in production, even from
/// a gate that by mistake trusts its issuer.
#[test]
fn a_good_token_of_the_simulation_opens_nothing_in_production() {
    let corpus = corpus();
    let settings = settings();
    let builder = Builder::new(&settings, b"production");
    let target = production(&settings);
    let results: Vec<CaseResult> = corpus
        .cases()
        .filter(|(_, case)| case.row() == "X04")
        .map(|(theme, case)| run_case(&corpus, theme, case, &builder, &target))
        .collect();
    assert_eq!(results.len(), 8);
    for exchange in results.iter().flat_map(|result| &result.exchanges) {
        assert_eq!(exchange.answer.status, 403);
        assert_eq!(
            exchange.answer.problem().as_deref(),
            Some("missingPermission")
        );
    }
    for result in &results {
        let Verdict::Failed(problems) = &result.verdict else {
            panic!("{}: {:?}", result.id, result.verdict);
        };
        assert_eq!(problems, &["status 403, expected 200"], "{}", result.id);
    }
}

/// In production the body of a refusal says nothing of its reason, byte for byte.
#[test]
fn in_production_every_invalid_token_gets_one_and_the_same_answer() {
    let corpus = corpus();
    let settings = settings();
    let builder = Builder::new(&settings, b"production");
    let target = production(&settings);
    let results: Vec<CaseResult> = corpus
        .cases()
        .filter(|(_, case)| {
            let expected =
                |step: &Step| step.expect.problem.as_deref() == Some("invalidAccessToken");
            // Production stands in front in one way, here in line.
            // Its catalogue refuses the simulation's types before a status is looked up.
            let in_line = ![
                Need::DecisionEndpoint,
                Need::CertificateField,
                Need::StatusList,
            ]
            .iter()
            .any(|need| case.needs.contains(need));
            in_line && case.steps.iter().all(expected)
        })
        .map(|(theme, case)| run_case(&corpus, theme, case, &builder, &target))
        .collect();
    let answers: BTreeSet<String> = results
        .iter()
        .flat_map(|result| &result.exchanges)
        .map(|exchange| exchange.answer.text())
        .collect();
    assert!(results.len() > 700, "only {} cases", results.len());
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert!(
        !answers.iter().any(|answer| answer.contains("reason")),
        "{answers:?}"
    );
    let failed: Vec<&CaseResult> = results
        .iter()
        .filter(|result| matches!(result.verdict, Verdict::Failed(_) | Verdict::Error(_)))
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {}: {:?}",
        failed.len(),
        results.len(),
        failed.first()
    );
}

#[test]
fn every_row_of_the_attack_list_has_a_case() {
    let corpus = corpus();
    let rows: BTreeSet<&str> = corpus.cases().map(|(_, case)| case.row()).collect();
    let missing: Vec<&str> = ROWS
        .split_whitespace()
        .filter(|row| !rows.contains(row))
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
    let unknown: Vec<&&str> = rows
        .iter()
        .filter(|row| row.starts_with('A') && !ROWS.split_whitespace().any(|known| known == **row))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?} are no rows of the list");
}

#[test]
fn every_case_is_complete() {
    let corpus = corpus();
    for (theme, case) in corpus.cases() {
        let id = &case.id;
        assert!(
            case.section.starts_with('§'),
            "{theme}: {id}: {}",
            case.section
        );
        assert!(
            !case.source.is_empty() && !case.name.is_empty(),
            "{theme}: {id}"
        );
        for need in &case.needs {
            assert!(!corpus.reason(*need).is_empty(), "{need:?} has no reason");
        }
        for step in &case.steps {
            let expect = &step.expect;
            let refused = expect.problem.is_some() && expect.code.is_some();
            assert_eq!(expect.status == 200, !refused, "{theme}: {id}: {expect:?}");
        }
    }
}

/// The same keys, time and seed give the same bytes; another seed gives others.
#[test]
fn building_is_deterministic() {
    let corpus = corpus();
    let settings = settings();
    let build = |seed: &[u8]| -> Vec<String> {
        let builder = Builder::new(&settings, seed);
        corpus
            .cases()
            .flat_map(|(_, case)| {
                case.steps
                    .iter()
                    .enumerate()
                    .map(move |(at, step)| (case, at, step))
            })
            .map(|(case, at, step)| {
                let built = builder.build(case, at, step, 0, (1_790_000_000, Some("a nonce")));
                let built = built
                    .map_err(|error| format!("{}: {error}", case.id))
                    .unwrap();
                format!("{:?}", built.request)
            })
            .collect()
    };
    let first = build(b"a");
    assert_eq!(first, build(b"a"));
    let other = build(b"b");
    let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
    // Some cases send no token, or the same rubbish whatever the seed.
    assert!(
        same * 5 < first.len(),
        "{same} of {} do not depend on the seed",
        first.len()
    );
}
