//! Every set of independent vectors, and one line of counts for each.
//!
//! `cargo test -p sluis-independent` runs them all, `-- NAME` a part of them.

#![expect(
    clippy::print_stdout,
    reason = "the counts are for the person who runs the tests"
)]

mod edwards;
mod jose;
mod ported;
mod primitives;
mod proofs;
mod status_lists;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use sluis_independent::{Divergences, Set, vectors};

/// A set: its name, which is its test's, and what fills it.
struct Source {
    name: &'static str,
    /// Runs every case; `None`, after a line that says why, where the vectors are not here.
    run: fn(&mut Set) -> Result<Found>,
}

/// Whether the vectors of a set were there to be run.
enum Found {
    Here,
    Absent { reason: String },
}

fn main() -> ExitCode {
    match trials() {
        Ok((trials, counts)) => {
            let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.sort();
            for line in counts.iter() {
                println!("{line}");
            }
            conclusion.exit_code()
        }
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The lines that are printed once every set has run.
type Counts = Arc<Mutex<Vec<String>>>;

fn trials() -> Result<(Vec<Trial>, Counts)> {
    let counts = Counts::default();
    let divergences = Arc::new(Divergences::read(&vectors().join("divergences.toml"))?);
    let sources = || {
        primitives::SOURCES
            .iter()
            .chain(jose::SOURCES)
            .chain(edwards::SOURCES)
            .chain(proofs::SOURCES)
            .chain(status_lists::SOURCES)
            .chain(ported::SOURCES)
    };
    for set in divergences.sets() {
        ensure!(
            sources().any(|source| source.name == set),
            "divergences.toml lists cases of {set:?}, which is no set"
        );
    }
    let trial = |source: &'static Source| {
        let (divergences, counts) = (Arc::clone(&divergences), Arc::clone(&counts));
        Trial::test(source.name, move || {
            let line = run(source, &divergences);
            let line = line.map_err(|error| Failed::from(format!("{error:#}")))?;
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.push(line);
            Ok(())
        })
    };
    let trials = sources().map(trial).collect();
    Ok((trials, counts))
}

fn run(source: &Source, divergences: &Divergences) -> Result<String> {
    let mut set = Set::new(source.name);
    Ok(match (source.run)(&mut set)? {
        Found::Here => format!("COUNT: {}", set.compare(divergences)?),
        Found::Absent { reason } => format!("SKIP: {}: {reason}", source.name),
    })
}
