//! The `sluis` command. One module a group of commands; each returns its own error, which knows its exit code.

mod catalogue;
mod clock;
mod conformance;
mod custody;
mod failure;
mod files;
mod keys;
mod local_run;
mod log;
mod reason;
mod token;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Sluis: mandate tokens, the catalogue of deliberations, the audit log, the custody of carriers, and the reason codes
#[derive(Debug, Parser)]
#[command(name = "sluis", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check and show the catalogue of deliberations
    #[command(subcommand)]
    Catalogue(catalogue::CatalogueCommand),
    Conformance(conformance::ConformanceArguments),
    /// Record and show who has which carrier of protected data, at each moment
    #[command(subcommand)]
    Custody(custody::CustodyCommand),
    /// Make keys and credentials
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Show, verify and export the audit log
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Explain a reason code: why a request was refused, and what to do
    Reason(reason::ReasonArguments),
    /// Mint, sign, inspect and verify mandate tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let mut out = io::stdout().lock();
    match run(&command, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to say it to when standard error is gone too.
            let _ = writeln!(io::stderr(), "sluis: {failure}");
            failure.exit_code().into()
        }
    }
}

fn run(command: &Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Catalogue(command) => catalogue::run(command, out)?,
        Command::Conformance(arguments) => conformance::run(arguments, out)?,
        Command::Custody(command) => custody::run(command, out)?,
        Command::Keys(command) => keys::run(command, out)?,
        Command::Log(command) => log::run(command, out)?,
        Command::Reason(arguments) => reason::run(arguments, out)?,
        Command::Token(command) => token::run(command, out)?,
    }
    Ok(())
}
