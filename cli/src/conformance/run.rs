//! Sends the cases, a few at once and not too many a second, and reports.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use sluis_conformance::case::{Case, IssuerName, Need};
use sluis_conformance::corpus::Corpus;
use sluis_conformance::error::TargetError;
use sluis_conformance::http::{Connect as _, HttpTarget};
use sluis_conformance::report::Report;
use sluis_conformance::request::{Builder, Publication, WireRequest};
use sluis_conformance::run::{CaseResult, mark_oracles, run_case};
use sluis_conformance::target::{Answer, Target, Witness, in_parallel};

use super::connect::Server;
use super::{ConformanceFailure, RunArguments, profile};
use crate::clock;
use crate::files::{FileFailure, name_of};

/// Tells the tokens of two runs apart.
fn seed() -> Vec<u8> {
    let mut seed = vec![0; 16];
    // Without randomness the time serves: a seed is no secret.
    if getrandom::fill(&mut seed).is_err() {
        seed = now().to_be_bytes().to_vec();
    }
    seed
}

fn now() -> u64 {
    clock::now().map_or(0, sluis_token::UnixTime::as_seconds)
}

/// A target to which each worker sends at its share of the rate.
struct Paced<'t, T> {
    target: &'t T,
    pause: Duration,
}

impl<T: Target + Sync> Target for Paced<'_, T> {
    fn name(&self) -> String {
        self.target.name()
    }

    fn offers(&self, need: Need) -> bool {
        self.target.offers(need)
    }

    fn now(&self) -> u64 {
        self.target.now()
    }

    fn begin(&self, publishes: bool) -> Result<(), TargetError> {
        self.target.begin(publishes)
    }

    fn publish(&self, issuer: IssuerName, what: &Publication) -> Result<(), TargetError> {
        self.target.publish(issuer, what)
    }

    fn publish_status(&self, uri: &str, what: &Publication) -> Result<(), TargetError> {
        self.target.publish_status(uri, what)
    }

    fn send(&self, request: &WireRequest) -> Result<Answer, TargetError> {
        thread::sleep(self.pause);
        self.target.send(request)
    }

    fn send_all(
        &self,
        requests: &[WireRequest],
        at_once: usize,
    ) -> Vec<Result<Answer, TargetError>> {
        // All of them together at this worker's share of the rate.
        let pause = self.pause * u32::try_from(at_once).unwrap_or(u32::MAX);
        in_parallel(requests, at_once, |request| {
            thread::sleep(pause);
            self.target.send(request)
        })
    }

    fn witness(&self, expected: Option<&str>) -> Result<Witness, TargetError> {
        self.target.witness(expected)
    }
}

pub(super) fn run(
    arguments: &RunArguments,
    out: &mut impl Write,
) -> Result<(), ConformanceFailure> {
    let known = profile::read(arguments)?;
    let server = Server::new(&known.url, arguments.timeout)?;
    if !server.is_loopback && !arguments.authorized {
        return Err(ConformanceFailure::NotAuthorized { url: known.url });
    }
    let corpus = Corpus::load()?;
    let cases: Vec<(&'static str, &Case)> = corpus
        .cases()
        .filter(|(_, case)| case.id.starts_with(&arguments.case))
        .collect();
    if cases.is_empty() {
        return Err(ConformanceFailure::NoCase(arguments.case.clone()));
    }
    // One look before a thousand requests.
    server
        .connect()
        .map_err(|error| ConformanceFailure::Unreachable {
            url: known.url.clone(),
            problem: error.to_string(),
        })?;
    let target = HttpTarget {
        name: known.url.clone(),
        host: server.host.clone(),
        prefix: server.prefix.clone(),
        connector: server,
        offers: known.abilities,
        clock: now,
    };
    let builder = Builder::new(&known.settings, &seed());
    let mut results = at_once(arguments, &corpus, &cases, &builder, &target);
    mark_oracles(&mut results);
    let report = Report {
        target: known.url,
        results: &results,
    };
    write!(out, "{report}").map_err(FileFailure::Output)?;
    if let Some(path) = &arguments.json {
        let json = report.to_json().map_err(|error| FileFailure::Write {
            name: name_of(path),
            error: error.into(),
        })?;
        write_report(path, &json)?;
    }
    if let Some(path) = &arguments.junit {
        write_report(path, &report.to_junit())?;
    }
    let counts = report.counts();
    if counts.failed + counts.errors > 0 {
        return Err(ConformanceFailure::NotConformant {
            failed: counts.failed,
            errors: counts.errors,
        });
    }
    Ok(())
}

fn write_report(path: &Path, text: &str) -> Result<(), FileFailure> {
    fs::write(path, text).map_err(|error| FileFailure::Write {
        name: name_of(path),
        error,
    })
}

/// The results in the corpus' order, whichever worker brought them. What crowds a validator comes last and alone: the others
/// would be told that too many wait.
fn at_once(
    arguments: &RunArguments,
    corpus: &Corpus,
    cases: &[(&'static str, &Case)],
    builder: &Builder<'_>,
    target: &(impl Target + Sync),
) -> Vec<CaseResult> {
    let done: Mutex<Vec<(usize, CaseResult)>> = Mutex::default();
    let work = |places: &[usize], workers: u16| {
        let next = AtomicUsize::new(0);
        let pause = Duration::from_secs(1) * u32::from(workers) / u32::from(arguments.rate);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    let target = Paced { target, pause };
                    loop {
                        let place = places.get(next.fetch_add(1, Ordering::Relaxed));
                        let case = place.and_then(|at| Some((*at, cases.get(*at)?)));
                        let Some((at, (theme, case))) = case else {
                            return;
                        };
                        let result = run_case(corpus, theme, case, builder, &target);
                        done.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((at, result));
                    }
                });
            }
        });
    };
    let crowds = |at: &usize| {
        let case = cases.get(*at);
        case.is_some_and(|(_, case)| case.steps.iter().any(|step| step.at_once > 1))
    };
    let (crowding, others): (Vec<usize>, Vec<usize>) = (0..cases.len()).partition(crowds);
    work(&others, arguments.concurrency);
    work(&crowding, 1);
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
