//! The `sluis` command. One module a group of commands; each returns its own error, which knows its exit code.

mod log;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Sluis: mandate tokens, the catalogue of deliberations, and the audit log
#[derive(Debug, Parser)]
#[command(name = "sluis", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show, verify and export the audit log
    #[command(subcommand)]
    Log(log::LogCommand),
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let mut out = io::stdout().lock();
    let result = match &command {
        Command::Log(command) => log::run(command, &mut out),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to say it to when standard error is gone too.
            let _ = writeln!(io::stderr(), "sluis: {failure}");
            failure.exit_code().into()
        }
    }
}
