//! Runs cases against a target and compares what comes with what must.

use std::collections::BTreeMap;

use crate::case::{Case, Expectation, Need, Step};
use crate::corpus::Corpus;
use crate::error::{BuildError, TargetError};
use crate::request::{Builder, Built};
use crate::target::{Answer, Target, Witness};

/// Shorter parts of a token are no evidence when an answer holds them.
const MIN_TELLING_CHARACTERS: usize = 24;

/// Problems whose bodies and fields are the same whatever the cause: anything else is an oracle.
const UNIFORM: [&str; 6] = [
    "noAccessToken",
    "invalidAccessToken",
    "expiredAccessToken",
    "missingPermission",
    "resourceNotFound",
    "serviceUnavailable",
];

/// Fields that differ from answer to answer.
const VARYING: [&str; 5] = [
    "belgov-trace-id",
    "belgov-related-trace-id",
    "date",
    "cf-ray",
    NONCE,
];

/// Where a server gives its nonce for proofs (RFC 9449 §8).
const NONCE: &str = "dpop-nonce";

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything as it must be.
    Passed,
    /// What was not.
    Failed(Vec<String>),
    /// The target cannot take it, for this reason.
    NotApplicable(String),
    /// No verdict could be had.
    Error(String),
}

/// A case and what became of it.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// The case's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The file it stands in.
    pub theme: &'static str,
    /// The profile's section.
    pub section: String,
    /// Where the attack is known from.
    pub source: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Every answer, with what was expected.
    pub exchanges: Vec<Exchange>,
}

/// A request that was sent, and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What had to come of it.
    pub expected: Expectation,
    /// The token that was sent.
    pub token: String,
    /// Whether it was sent under the scheme of `DPoP`, in which it is then answered.
    pub dpop: bool,
    /// The answer.
    pub answer: Answer,
}

/// Runs one case.
pub fn run_case(
    corpus: &Corpus,
    theme: &'static str,
    case: &Case,
    builder: &Builder<'_>,
    target: &impl Target,
) -> CaseResult {
    let mut result = CaseResult {
        id: case.id.clone(),
        name: case.name.clone(),
        theme,
        section: case.section.clone(),
        source: case.source.clone(),
        verdict: Verdict::Passed,
        exchanges: Vec::new(),
    };
    if let Some(need) = case.needs.iter().find(|need| !target.offers(**need)) {
        result.verdict = Verdict::NotApplicable(corpus.reason(*need).to_owned());
        return result;
    }
    let mut problems = Vec::new();
    let outcome = steps(case, builder, target, &mut result.exchanges, &mut problems);
    result.verdict = match outcome {
        Err(Failure::Build(BuildError::Lacks { what })) => {
            Verdict::NotApplicable(format!("the target's profile names no {what}"))
        }
        Err(Failure::Build(error)) => Verdict::Error(error.to_string()),
        Err(Failure::Target(error)) => Verdict::Error(error.to_string()),
        Ok(()) if problems.is_empty() => Verdict::Passed,
        Ok(()) => Verdict::Failed(problems),
    };
    result
}

enum Failure {
    Build(BuildError),
    Target(TargetError),
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

fn steps(
    case: &Case,
    builder: &Builder<'_>,
    target: &impl Target,
    exchanges: &mut Vec<Exchange>,
    problems: &mut Vec<String>,
) -> Result<(), Failure> {
    target.begin(case.steps.iter().any(|step| step.keys.is_some()))?;
    let mut nonce = None;
    for (place, step) in case.steps.iter().enumerate() {
        if let Some(seconds) = step.after_seconds {
            target.move_on(seconds)?;
        }
        if let Some(recipe) = &step.keys {
            target.publish(recipe.issuer, &builder.publication(recipe)?)?;
        }
        if let Some(recipe) = &step.status_list {
            let (uri, what) = builder.status_list(case, recipe, target.now())?;
            target.publish_status(&uri, &what)?;
        }
        let mut found = Vec::new();
        let mut answers: Vec<Answer> = Vec::new();
        if step.proof.as_ref().is_some_and(|proof| !proof.no_nonce) && nonce.is_none() {
            // RFC 9449 §8: the server gives its nonce to whoever asks without one.
            let asking = builder.build(case, place, step, u32::MAX, (target.now(), None))?;
            nonce = target
                .send(&asking.request)?
                .header(NONCE)
                .map(str::to_owned);
            target.witness(None)?;
        }
        let began = target.now();
        let mut take = |built: Built, answer, nonce: &mut Option<String>| {
            let answer = match answer {
                // A server may hang up on what it will not read.
                Err(TargetError::Unreachable { .. }) if !step.expect.server.is_empty() => {
                    Answer::hung_up()
                }
                answer => answer?,
            };
            if let Some(given) = answer.header(NONCE) {
                *nonce = Some(given.to_owned());
            }
            let expected = step.expect.of(answer.status);
            compare(&expected, &built, &answer, &mut found);
            exchanges.push(Exchange {
                expected,
                token: built.token,
                dpop: built.is_dpop,
                answer: answer.clone(),
            });
            answers.push(answer);
            Ok::<(), TargetError>(())
        };
        if step.at_once > 1 && !target.offers(Need::FixedClock) {
            let all = (0..step.times)
                .map(|number| {
                    let moment = (target.now(), nonce.as_deref());
                    builder.build(case, place, step, number, moment)
                })
                .collect::<Result<Vec<_>, _>>()?;
            let requests: Vec<_> = all.iter().map(|built| built.request.clone()).collect();
            let sent = target.send_all(&requests, step.at_once);
            for (built, answer) in all.into_iter().zip(sent) {
                take(built, answer, &mut nonce)?;
            }
        } else {
            for number in 0..step.times {
                let moment = (target.now(), nonce.as_deref());
                let built = builder.build(case, place, step, number, moment)?;
                let answer = target.send(&built.request);
                take(built, answer, &mut nonce)?;
            }
        }
        if step.expect.crowded && answers.iter().all(|answer| answer.status == 503) {
            found.push("every one was told that too many wait".to_owned());
        }
        let seconds = target.now().saturating_sub(began);
        compare_witness(
            step,
            (seconds, target.instances(step.at_once)),
            &answers,
            &target.witness(step.expect.code.as_deref())?,
            &mut found,
        );
        let several = case.steps.len() > 1;
        problems.extend(found.into_iter().map(|problem| {
            if several {
                format!("step {}: {problem}", place + 1)
            } else {
                problem
            }
        }));
    }
    Ok(())
}

/// Whether a server may have answered before any validator saw the request.
fn is_servers_own(expected: &Expectation, answer: &Answer) -> bool {
    let refused = expected.server.contains(&answer.status) || answer.has_hung_up();
    (refused && answer.header("belgov-trace-id").is_none())
        || expected.tidied.contains(&answer.status)
}

fn compare(expected: &Expectation, built: &Built, answer: &Answer, found: &mut Vec<String>) {
    // What the API itself answers is the API's affair.
    if answer.status != 200 {
        found.extend(leaks(built, answer));
    }
    if is_servers_own(expected, answer) {
        return;
    }
    if answer.status != expected.status {
        found.push(format!(
            "status {}, expected {}",
            answer.status, expected.status
        ));
        return;
    }
    if expected.status == 200 {
        return;
    }
    // An answer to HEAD has no body.
    if built.request.method != "HEAD" && answer.problem() != expected.problem {
        found.push(format!(
            "problem type {:?}, expected {:?}",
            answer.problem().unwrap_or_default(),
            expected.problem.as_deref().unwrap_or_default()
        ));
    }
    if let (Some(told), Some(code)) = (answer.told_reason(), &expected.code)
        && told != *code
    {
        found.push(format!("reason {told:?} in the body, expected {code:?}"));
    }
    if answer.header("content-type") != Some("application/problem+json") {
        found.push("a refusal that is no application/problem+json".to_owned());
    }
    if !answer
        .header("cache-control")
        .is_some_and(|value| value.contains("no-store"))
    {
        found.push("a refusal that may be cached".to_owned());
    }
    let challenged = answer
        .headers
        .iter()
        .any(|(name, _)| name == "www-authenticate");
    if expected.status == 401 && !challenged {
        found.push("a 401 without a challenge (RFC 6750 §3)".to_owned());
    }
}

/// What of the request an answer of ours must not show (profile, "Answers"; CVE-2019-7644).
fn leaks(built: &Built, answer: &Answer) -> Vec<String> {
    let mut whole = answer.text();
    for (name, value) in &answer.headers {
        whole.push('\n');
        whole.push_str(name);
        whole.push_str(": ");
        whole.push_str(value);
    }
    let parts = built
        .token
        .split(['.', '=', ' '])
        .filter(|part| part.len() >= MIN_TELLING_CHARACTERS)
        .map(|part| ("the token", part));
    let identifiers = built
        .identifiers
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| ("an identifier", text.as_str()));
    parts
        .chain(identifiers)
        .filter(|(_, needle)| whole.contains(needle))
        .map(|(what, _)| format!("the answer shows {what}"))
        .collect()
}

fn compare_witness(
    step: &Step,
    (seconds, instances): (u64, usize),
    answers: &[Answer],
    witness: &Witness,
    found: &mut Vec<String>,
) {
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    if let Some(forwarded) = witness.forwarded
        && forwarded != passed
    {
        found.push(format!(
            "the backend saw {forwarded} requests, {passed} were allowed"
        ));
    }
    let further = step
        .expect
        .fetch_interval_seconds
        .map_or(0, |interval| seconds / interval);
    let limit = |limit| instances * (limit + usize::try_from(further).unwrap_or(usize::MAX));
    if let (Some(fetches), Some(limit)) = (witness.fetches, step.expect.fetches.map(limit))
        && fetches > limit
    {
        found.push(format!(
            "{fetches} fetches of keys, at most {limit} expected"
        ));
    }
    let judged = answers
        .iter()
        .any(|answer| !is_servers_own(&step.expect, answer));
    if let (Some(reasons), Some(code), true) = (&witness.reasons, &step.expect.code, judged)
        && !(reasons.contains(code)
            && reasons
                .iter()
                .all(|reason| reason == code || is_of_a_crowd(step, reason)))
    {
        found.push(format!("recorded reason {reasons:?}, expected {code:?}"));
    }
}

/// Whether a reason is that of those who could not wait.
fn is_of_a_crowd(step: &Step, reason: &str) -> bool {
    step.expect.of(503).code.as_deref() == Some(reason)
}

/// Compares the answers of all cases with each other: those of one kind must be one and the same.
///
/// Gives the cases that differ from the answer that most of their kind got.
pub fn oracles(results: &[CaseResult]) -> Vec<(String, String)> {
    let mut kinds: BTreeMap<String, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    for result in results {
        for exchange in &result.exchanges {
            let Some(problem) = exchange.answer.problem() else {
                continue;
            };
            if UNIFORM.contains(&problem.as_str()) {
                // RFC 9449 wants the scheme answered in kind, and told that it is the proof.
                let proof = exchange.expected.code.as_deref();
                let proof = proof.is_some_and(|code| code.starts_with("dpop"));
                let kind = match (exchange.dpop, proof) {
                    (false, _) => problem,
                    (true, false) => format!("{problem} (DPoP)"),
                    (true, true) => continue,
                };
                kinds
                    .entry(kind)
                    .or_default()
                    .entry(canonical(&exchange.answer))
                    .or_default()
                    .push(&result.id);
            }
        }
    }
    let mut odd = Vec::new();
    for (problem, answers) in kinds {
        let most = answers.values().map(Vec::len).max().unwrap_or_default();
        let mut usual = true;
        for (answer, ids) in answers {
            if ids.len() == most && std::mem::take(&mut usual) {
                continue;
            }
            odd.extend(ids.into_iter().map(|id| {
                (
                    id.to_owned(),
                    format!("an answer of its own among those of type {problem}: {answer}"),
                )
            }));
        }
    }
    odd
}

/// An answer without what differs from answer to answer.
fn canonical(answer: &Answer) -> String {
    let told = answer.told_reason();
    // The length follows from the body, which is compared as it is.
    let is_told_length = |name: &str| told.is_some() && name == "content-length";
    let mut fields: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !VARYING.contains(&name.as_str()) && !is_told_length(name))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    fields.sort();
    let mut body = answer.text();
    // What the simulation tells and production does not.
    if let Some(reason) = &told {
        body = body.replacen(&format!(",\"reason\":\"{reason}\""), "", 1);
    }
    format!("{} [{}] {body}", answer.status, fields.join("; "))
}

/// Marks the cases that [`oracles`] found.
pub fn mark_oracles(results: &mut [CaseResult]) {
    for (id, problem) in oracles(results) {
        if let Some(result) = results.iter_mut().find(|result| result.id == id) {
            match &mut result.verdict {
                Verdict::Failed(problems) => {
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
                Verdict::Passed => result.verdict = Verdict::Failed(vec![problem]),
                Verdict::NotApplicable(_) | Verdict::Error(_) => {}
            }
        }
    }
}
