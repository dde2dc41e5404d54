//! One scenario against one contender for one round, and rounds of several in turn.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sluis_tests::issuer::SSIN;
use sluis_tests::runtime::Running;
use sluis_token::DEFAULT_CACHE_CAPACITY;

use super::tokens::Tokens;
use crate::load::{self, Load};

/// Keep-alive connections.
const CONNECTIONS: usize = 32;
/// Tokens that are seen again and again.
const SEEN: usize = 64;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
    /// Distinct tokens an algorithm.
    pub(crate) tokens: usize,
}

/// Requests, and the answer they must all get.
#[derive(Debug)]
pub(crate) struct Scenario {
    requests: Vec<Vec<u8>>,
    status: u16,
}

impl Scenario {
    /// An answer that takes no work.
    pub(crate) fn key_set() -> Self {
        Self {
            requests: vec![
                b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".to_vec(),
            ],
            status: 200,
        }
    }

    /// Tokens that the cache does not hold: it has room for [`DEFAULT_CACHE_CAPACITY`]
    /// in two generations, and more than that many others come in between.
    pub(crate) fn fresh(tokens: &Tokens) -> Self {
        assert!(
            tokens.0.len() > 2 * DEFAULT_CACHE_CAPACITY,
            "too few tokens to be new each time"
        );
        Self {
            requests: tokens.0.iter().map(|token| question(token)).collect(),
            status: 200,
        }
    }

    /// Tokens that it does.
    pub(crate) fn seen(tokens: &Tokens) -> Self {
        Self {
            requests: tokens
                .0
                .iter()
                .take(SEEN)
                .map(|token| question(token))
                .collect(),
            status: 200,
        }
    }

    /// The same tokens, each with the signature of another.
    pub(crate) fn forged(tokens: &Tokens) -> Self {
        let parts = |token: &String| {
            let (input, signature) = token.rsplit_once('.').unwrap_or_default();
            (input.to_owned(), signature.to_owned())
        };
        let others = tokens.0.iter().cycle().skip(1);
        let requests = tokens
            .0
            .iter()
            .zip(others)
            .map(|(token, other)| question(&format!("{}.{}", parts(token).0, parts(other).1)));
        Self {
            requests: requests.collect(),
            status: 401,
        }
    }
}

/// What nginx asks with `auth_request`.
fn question(token: &str) -> Vec<u8> {
    format!(
        "GET /decide HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\nx-original-method: GET\r\n\
         x-original-uri: /pension/v1/persons/{SSIN}/rights\r\n\r\n"
    )
    .into_bytes()
}

/// Figures of one contender in one scenario, a value a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    pub(crate) per_second: Vec<f64>,
    /// CPU of the process, kernel included, in microseconds a request.
    pub(crate) cpu: Vec<f64>,
}

/// Runs every pair once a round, the first of a round another one each time.
pub(crate) fn alternate(pace: &Pace, pairs: &[(&Running, &Scenario)]) -> Result<Vec<Rounds>> {
    let mut rows = vec![Rounds::default(); pairs.len()];
    let mut sent = vec![0_usize; pairs.len()];
    for (contender, scenario) in pairs {
        // Compiles, fetches keys, fills caches.
        once(contender, scenario, 0, pace.time / 2)?;
    }
    for round in 0..pace.rounds {
        for turn in 0..pairs.len() {
            let at = (round + turn) % pairs.len();
            let (Some((contender, scenario)), Some(sent), Some(row)) =
                (pairs.get(at), sent.get_mut(at), rows.get_mut(at))
            else {
                continue;
            };
            let (per_second, cpu, answers) = once(contender, scenario, *sent, pace.time)?;
            *sent += answers;
            row.per_second.push(per_second);
            row.cpu.push(cpu);
        }
    }
    Ok(rows)
}

fn once(
    contender: &Running,
    scenario: &Scenario,
    skip: usize,
    time: Duration,
) -> Result<(f64, f64, usize)> {
    let load = Load {
        address: contender.address(),
        connections: CONNECTIONS,
        requests: &scenario.requests,
        time,
    };
    let before = cpu_nanoseconds(contender.pid())?;
    let done = load::run(&load, skip)?;
    let after = cpu_nanoseconds(contender.pid())?;
    let expected = BTreeMap::from([(scenario.status, done.answers)]);
    ensure!(
        done.statuses == expected,
        "answers {:?} instead of {expected:?}",
        done.statuses
    );
    #[expect(
        clippy::cast_precision_loss,
        reason = "nanoseconds of a minute and a count of requests"
    )]
    let cpu = after.saturating_sub(before) as f64 / 1e3 / done.answers.max(1) as f64;
    Ok((done.per_second(), cpu, usize::try_from(done.answers)?))
}

/// What a process and its threads have had of the processors.
fn cpu_nanoseconds(pid: u32) -> Result<u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .context("the CPU time of a process is read from /proc")?;
    let mut sum = 0;
    for thread in threads {
        let file = thread?.path().join("schedstat");
        let text =
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let first = text.split(' ').next().unwrap_or_default();
        sum += first
            .parse::<u64>()
            .with_context(|| format!("the first number of {}", file.display()))?;
    }
    Ok(sum)
}
