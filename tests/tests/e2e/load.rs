//! A thousand requests at once: each allowed one has exactly one decision, and nothing is mixed up.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use sluis_tests::client::{Connection, Request, Response};
use sluis_tests::issuer::{ALGORITHMS, OTHER_SSIN};
use sluis_tests::world::World;

use crate::Case;
use crate::requests::rights;

pub(crate) const CASES: &[Case] = &[
    Case::new(
        "a_thousand_requests_over_64_connections_have_one_decision_each",
        sustained,
    ),
    Case::new(
        "a_thousand_concurrent_requests_have_one_decision_each",
        burst,
    ),
];

const REQUESTS: usize = 1_000;

/// Connections that a store keeps up with.
const MODERATE: usize = 64;
/// How often a request is sent at most: it was asked to come again.
const MAX_ATTEMPTS: usize = 4;

/// What the store takes in good time: every request gets its answer.
fn sustained(world: &mut World) -> Result<()> {
    thousand(world, MODERATE, false)
}

/// All at once. A store that cannot keep up makes some of them 503, and those reach no backend. They come again, not all at
/// once any more, and then each is decided.
fn burst(world: &mut World) -> Result<()> {
    thousand(world, REQUESTS, true)
}

/// What an answer must be, by its request's number: every fifth is refused before its token is read, every tenth after it.
fn expected(number: usize) -> (u16, Option<&'static str>) {
    match number % 10 {
        3 | 8 => (401, None),
        5 => (403, Some("refused")),
        _ => (200, Some("granted")),
    }
}

fn request(number: usize, tokens: &[String]) -> Result<Request> {
    let token = tokens.get(number % tokens.len()).context("no token")?;
    Ok(match expected(number).0 {
        401 => rights().bearer("a.b.c"),
        403 => Request::get(&format!("/pension/v1/persons/{OTHER_SSIN}/rights")).bearer(token),
        _ => rights().bearer(token),
    })
}

/// Sends these over a bounded number of connections; each answer with its request's number.
fn send_all(
    address: SocketAddr,
    tokens: &[String],
    numbers: &[usize],
    connections: usize,
) -> Result<Vec<(usize, Response)>> {
    let next = AtomicUsize::new(0);
    let one_connection = || -> Result<Vec<(usize, Response)>> {
        let mut answers = Vec::new();
        let mut connection = Connection::open(address)?;
        loop {
            let Some(number) = numbers.get(next.fetch_add(1, Ordering::SeqCst)) else {
                return Ok(answers);
            };
            let response = connection.exchange(&request(*number, tokens)?, true)?;
            answers.push((*number, response));
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|_| scope.spawn(one_connection))
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(
                thread
                    .join()
                    .map_err(|_| anyhow!("a connection's thread panicked"))??,
            );
        }
        Ok(all)
    })
}

fn thousand(world: &mut World, connections: usize, overload: bool) -> Result<()> {
    let index = world.log_size()?;
    let mut tokens = Vec::new();
    for algorithm in ALGORITHMS {
        tokens.push(world.token(algorithm, &world.pension_claims()?)?);
    }
    let mut kinds = HashMap::new();
    let mut overloaded = HashSet::new();
    let mut numbers: Vec<usize> = (0..REQUESTS).collect();
    for attempt in 0..MAX_ATTEMPTS {
        let connections = if attempt == 0 { connections } else { MODERATE };
        let answers = send_all(world.address()?, &tokens, &numbers, connections)?;
        ensure!(answers.len() == numbers.len(), "{} answers", answers.len());
        numbers.clear();
        for (number, response) in &answers {
            world.remember(response);
            let (status, kind) = expected(*number);
            let found = response.status;
            let trace_id = response.header("belgov-trace-id").context("no trace id")?;
            if overload && found == 503 && kind.is_some() {
                ensure!(
                    response.header("retry-after").is_some(),
                    "it does not ask to come again"
                );
                overloaded.insert(trace_id.to_owned());
                numbers.push(*number);
                continue;
            }
            ensure!(
                found == status,
                "request {number}: {found}, not {status}: {}",
                response.text()
            );
            kinds.insert(trace_id.to_owned(), kind);
        }
        if numbers.is_empty() {
            break;
        }
    }
    ensure!(
        numbers.is_empty(),
        "{} were never decided, the others after {} answers of 503",
        numbers.len(),
        overloaded.len()
    );
    ensure!(kinds.len() == REQUESTS, "a trace id was used twice");
    let granted = kinds
        .values()
        .filter(|kind| **kind == Some("granted"))
        .count();
    // A decision stands before its answer. An outcome follows it, unless the store cannot keep up with that either.
    let completed = if overload { 0 } else { granted };
    let records = world.records_until(index, |records| {
        records
            .iter()
            .filter(|record| record.kind == "completed")
            .count()
            >= completed
    })?;
    let mut decisions: HashMap<&str, Vec<&str>> = HashMap::new();
    for record in records
        .iter()
        .filter(|r| matches!(r.kind.as_str(), "granted" | "refused"))
    {
        let trace_id = record.data("traceId").as_str().context("no trace id")?;
        decisions.entry(trace_id).or_default().push(&record.kind);
    }
    for (trace_id, kind) in &kinds {
        let found = decisions.remove(trace_id.as_str()).unwrap_or_default();
        let wanted: Vec<&str> = kind.iter().copied().collect();
        ensure!(
            found == wanted,
            "{found:?} instead of {wanted:?} for one request"
        );
    }
    // An append that came too late for its answer may be there, once.
    for trace_id in &overloaded {
        let late = decisions.remove(trace_id.as_str()).unwrap_or_default();
        ensure!(late.len() <= 1, "{late:?} for a request answered 503");
    }
    ensure!(
        decisions.is_empty(),
        "decisions over no request: {decisions:?}"
    );
    let seen = world.take_seen();
    ensure!(
        seen.len() == granted,
        "the backend saw {} of {granted}",
        seen.len()
    );
    let assertions: HashSet<_> = seen
        .iter()
        .filter_map(|seen| seen.headers.get("sluis-assertion"))
        .collect();
    ensure!(assertions.len() == granted, "an assertion was used twice");
    world.verify_log()?;
    Ok(())
}
