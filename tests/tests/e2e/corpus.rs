//! The attack corpus over HTTP: every answer, the backend that saw nothing, and every reason in the log.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sluis_conformance::case::Case as CorpusCase;
use sluis_conformance::corpus::Corpus;
use sluis_conformance::report::Report;
use sluis_conformance::request::Builder;
use sluis_conformance::run::{CaseResult, Verdict, mark_oracles, run_case};
use sluis_tests::corpus::{WorldTarget, settings};
use sluis_tests::world::{Record, World};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    Case::new(
        "the_attack_corpus_is_answered_and_recorded_as_it_must_be",
        tokens,
    ),
    Case::new("the_attack_corpus_on_what_issuers_publish", publications),
];

/// Longer than an interval over which refusals are counted.
const INTERVAL: Duration = Duration::from_secs(11);

fn publishes(case: &CorpusCase) -> bool {
    case.steps.iter().any(|step| step.keys.is_some())
}

/// Runs the cases of one kind, prints the counts, and fails unless each is as expected.
fn run(world: &mut World, wanted: impl Fn(&CorpusCase) -> bool) -> Result<Vec<CaseResult>> {
    let corpus = Corpus::load()?;
    let settings = settings(world)?;
    let builder = Builder::new(&settings, b"end to end");
    let target = WorldTarget::new(world)?;
    let only = std::env::var("SLUIS_CASE").unwrap_or_default();
    let mut results: Vec<CaseResult> = corpus
        .cases()
        .filter(|(_, case)| wanted(case) && case.id.starts_with(&only))
        .map(|(theme, case)| run_case(&corpus, theme, case, &builder, &target))
        .collect();
    ensure!(
        !results.is_empty(),
        "SLUIS_CASE={only}: there is no such case"
    );
    mark_oracles(&mut results);
    let report = Report {
        target: sluis_conformance::target::Target::name(&target),
        results: &results,
    };
    println!("\n{}:\n{report}", report.target);
    let counts = report.counts();
    let wrong = results
        .iter()
        .filter(|result| matches!(result.verdict, Verdict::Failed(_) | Verdict::Error(_)));
    let first = wrong
        .map(|result| format!("{} {:?}", result.id, result.verdict))
        .next();
    ensure!(
        counts.failed + counts.errors == 0,
        "{} failed, {} without a verdict, the first: {}",
        counts.failed,
        counts.errors,
        first.unwrap_or_default()
    );
    Ok(results)
}

fn tokens(world: &mut World) -> Result<()> {
    if world.supports_faults() {
        world.restart_with_movable_clock()?;
    } else {
        world.restart()?;
    }
    let index = world.log_size()?;
    let results = run(world, |case| !publishes(case))?;
    recorded(world, index, &results)
}

fn publications(world: &mut World) -> Result<()> {
    let outcome = run(world, publishes);
    WorldTarget::new(world)?.restore()?;
    outcome.map(drop)
}

/// Each refusal that came after a signature held has its own entry with its own reason; the others
/// are counted by reason, and none is lost.
fn recorded(world: &World, index: u64, results: &[CaseResult]) -> Result<()> {
    thread::sleep(INTERVAL);
    let mut by_trace: BTreeMap<String, Record> = BTreeMap::new();
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for record in world.records(index)? {
        let text = |member: &str| record.data(member).as_str().unwrap_or_default().to_owned();
        match record.kind.as_str() {
            "granted" | "refused" => {
                let before = by_trace.insert(text("traceId"), record);
                ensure!(before.is_none(), "two decisions over one request");
            }
            "counted" => {
                let count = record.data("count").as_u64().context("a count")?;
                *counted.entry(text("reason")).or_default() += count;
            }
            _ => {}
        }
    }
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    // Requests that a runtime made another of may have been refused for another reason.
    let mut tidied = 0;
    let mut own = 0;
    for result in results {
        for exchange in &result.exchanges {
            let answer = &exchange.answer;
            let Some(trace_id) = answer.header("belgov-trace-id") else {
                continue;
            };
            if exchange.expected.tidied.contains(&answer.status) {
                tidied += 1;
                continue;
            }
            let code = exchange.expected.code.as_deref();
            match (by_trace.get(trace_id), code) {
                (Some(record), Some(code)) => {
                    ensure!(
                        record.kind == "refused" && record.data("reason") == code,
                        "{}: recorded as {} {:?}, not {code}",
                        result.id,
                        record.kind,
                        record.data("reason")
                    );
                    own += 1;
                }
                (Some(record), None) => {
                    ensure!(
                        record.kind == "granted",
                        "{}: recorded as {}",
                        result.id,
                        record.kind
                    );
                }
                (None, Some(code)) => *expected.entry(code.to_owned()).or_default() += 1,
                (None, None) => anyhow::bail!("{}: allowed and not recorded", result.id),
            }
        }
    }
    for (code, count) in &expected {
        let found = counted.get(code).copied().unwrap_or_default();
        ensure!(
            (*count..=count + tidied).contains(&found),
            "{code}: {found} counted, {count} were refused for it"
        );
    }
    let unexpected: Vec<&String> = counted
        .keys()
        .filter(|code| !expected.contains_key(*code))
        .collect();
    ensure!(
        unexpected.len() as u64 <= tidied,
        "counted for no case: {unexpected:?}"
    );
    println!(
        "{own} refusals with an entry of their own, {} counted under {} reasons",
        expected.values().sum::<u64>(),
        expected.len()
    );
    Ok(())
}
