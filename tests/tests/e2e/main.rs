//! One suite over real HTTP, run against the validator on every runtime there is here.
//!
//! Each runtime gets one world (backend, verification systems, log), which its cases share and use one after the other, as a
//! deployment would see them. `cargo test -p sluis-tests --test e2e -- spin::policy` runs a part.

#![expect(
    clippy::print_stdout,
    reason = "a test runner talks to the person who started it"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "of JSON values: a missing member is null, which fails the check that asked for it"
)]

mod compare;
mod corpus;
mod decision_mode;
mod faults;
mod keys;
mod load;
mod minimise;
mod passing;
mod policy;
mod problems;
mod published;
mod receipts;
mod recording;
mod requests;
mod retention;
mod secrecy;
mod senders;
mod shadow;
mod shards;
mod signatures;
mod status;
mod tokens;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use sluis_tests::runtime::{LogCondition, Runtime};
use sluis_tests::runtimes::{Found, runtimes};
use sluis_tests::world::World;

/// One case: a name, what it needs, and what it does.
struct Case {
    name: &'static str,
    needs: Need,
    run: fn(&mut World) -> Result<()>,
}

/// What a case cannot do without.
#[derive(Clone, Copy)]
enum Need {
    Nothing,
    /// A log in that condition.
    Log(LogCondition),
    /// A memory of uses that fails on demand, or a clock that can be set.
    Faults,
    /// A program on PATH.
    Program(&'static str),
    /// The runtime of that name.
    Runtime(&'static str),
}

impl Case {
    const fn new(name: &'static str, run: fn(&mut World) -> Result<()>) -> Self {
        Self {
            name,
            needs: Need::Nothing,
            run,
        }
    }

    const fn needing(mut self, needs: Need) -> Self {
        self.needs = needs;
        self
    }

    /// Why it cannot run here, if it cannot.
    fn obstacle(&self, runtime: &dyn Runtime) -> Option<String> {
        match self.needs {
            Need::Nothing => None,
            Need::Log(condition) => runtime.supports(condition).err(),
            Need::Faults => runtime.supports_faults().err(),
            Need::Runtime(name) => (runtime.name() != name).then(|| format!("only {name} has it")),
            Need::Program(program) => (!sluis_tests::runtime::on_path(program))
                .then(|| format!("{program} is not on PATH")),
        }
    }
}

/// Every case, in the order in which they run: the last ones search what all of them left behind.
fn cases() -> impl Iterator<Item = &'static Case> {
    [
        requests::CASES,
        tokens::CASES,
        signatures::CASES,
        keys::CASES,
        shadow::CASES,
        compare::CASES,
        policy::CASES,
        passing::CASES,
        minimise::CASES,
        decision_mode::CASES,
        senders::CASES,
        status::CASES,
        recording::CASES,
        published::CASES,
        shards::CASES,
        retention::CASES,
        receipts::CASES,
        load::CASES,
        corpus::CASES,
        faults::CASES,
        secrecy::CASES,
    ]
    .into_iter()
    .flatten()
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The cases of a runtime share its world, and two runtimes would share two cores.
    arguments.test_threads = Some(1);
    let Some(root) = Path::new(env!("CARGO_MANIFEST_DIR")).parent() else {
        return ExitCode::FAILURE;
    };
    let mut trials = Vec::new();
    let mut worlds = Vec::new();
    for runtime in runtimes(root) {
        match runtime {
            Found::Here(runtime) => {
                let runtime: Arc<dyn Runtime> = runtime.into();
                let world = Arc::new(Mutex::new(None));
                let skipped = &arguments.skip;
                trials.extend(cases().map(|case| trial(case, &runtime, root, &world, skipped)));
                worlds.push(world);
            }
            Found::Missing(reason) => {
                trials.push(Trial::test(reason.clone(), || Err(Failed::from(reason))));
            }
            Found::Absent(reason) => {
                println!("SKIP: {reason}");
                trials.push(Trial::test(reason, || Ok(())).with_ignored_flag(true));
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Stops the runtimes; statics would outlive us.
    drop(worlds);
    conclusion.exit_code()
}

fn trial(
    case: &'static Case,
    runtime: &Arc<dyn Runtime>,
    root: &Path,
    world: &Arc<Mutex<Option<World>>>,
    skipped: &[String],
) -> Trial {
    let name = format!("{}::{}", slug(&**runtime), case.name);
    if let Some(obstacle) = case.obstacle(&**runtime) {
        // What is filtered out by name is somebody else's to count.
        if !skipped.iter().any(|part| name.contains(part)) {
            println!("SKIP: {name}: {obstacle}");
        }
        return Trial::test(name, || Ok(())).with_ignored_flag(true);
    }
    let (runtime, root, world) = (Arc::clone(runtime), root.to_owned(), Arc::clone(world));
    Trial::test(name, move || {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        run(case, &runtime, &root, &mut world).map_err(|error| Failed::from(format!("{error:#}")))
    })
}

fn run(
    case: &Case,
    runtime: &Arc<dyn Runtime>,
    root: &Path,
    world: &mut Option<World>,
) -> Result<()> {
    if world.is_none() {
        let state = root.join("target/e2e").join(slug(&**runtime));
        *world = Some(World::start(Arc::clone(runtime), root, state)?);
    }
    let world = world.as_mut().context("the world has just been made")?;
    world.reset()?;
    (case.run)(world)?;
    Ok(())
}

/// A runtime's name as a word: `spin-compatible-host`.
fn slug(runtime: &dyn Runtime) -> String {
    let words = runtime.name().split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}
