//! Development tasks. `cargo xtask dev` and `cargo xtask test` do all the set-up they need on a machine with rustup and any Node.

#![expect(
    clippy::print_stdout,
    reason = "a command line tool talks to the person who started it"
)]

mod attempts;
mod bench;
mod build;
mod comparing;
mod conformance;
mod dev;
mod fuzz;
mod load;
mod log_check;
mod node;
mod questions;
mod secrets;
mod setup;
mod steps;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Development tasks of this project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start the validator with simulation, demo backend and log on this machine, and print what to try.
    Dev(dev::Arguments),
    /// Run every check and every test.
    Test,
    /// Build the functions into dist/.
    Build(build::Arguments),
    /// Run the fuzz targets, for ten seconds each or for longer.
    Fuzz(fuzz::Arguments),
    /// Have the validator make a long log, kill it on the way, verify the log, and find every changed byte of it.
    LogCheck(log_check::Arguments),
    /// Measure requests per second and CPU per request.
    Bench(bench::Arguments),
    /// Fetch what this machine lacks to build and run the functions.
    Setup,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line: the chain of causes, the last of them saying what to do.
            println!("cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let root = root()?;
    match task {
        Task::Dev(arguments) => dev::run(&root, &arguments),
        Task::Test => test::test(&root),
        Task::Build(arguments) => build::run(&root, &arguments),
        Task::Fuzz(arguments) => fuzz::fuzz(&root, &arguments),
        Task::LogCheck(arguments) => log_check::run(&root, &arguments),
        Task::Bench(arguments) => bench::run(&root, &arguments),
        Task::Setup => setup::setup(&root),
    }
}

/// The root of the repository.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here
        .parent()
        .context("xtask stands at the root of the file system")?
        .to_owned())
}
