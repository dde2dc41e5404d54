//! `sluis conformance`: the attack corpus against a deployed validator of this token profile.

mod connect;
mod failure;
mod profile;
mod run;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use sluis_conformance::keys::IssuerKeySet;
use sluis_token::sign::SignError;

use crate::files::{FileFailure, write_secret};
pub(crate) use failure::ConformanceFailure;

/// Run the attack corpus against a validator, and report.
///
/// It sends more than two thousand requests with forged, mistyped and malformed tokens of a test issuer, and some
/// good ones, which reach the API behind the validator. Run it only against a deployment that is yours to test.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ConformanceArguments {
    #[command(subcommand)]
    command: Option<ConformanceCommand>,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(Debug, Subcommand)]
enum ConformanceCommand {
    /// Make the private keys of a test issuer, one an algorithm, and print the set to publish
    Keys(KeysArguments),
}

#[derive(Debug, Args)]
struct KeysArguments {
    /// The file to write, which only you can read; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The validator; by default the profile's
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// What is known of the target, in TOML; by default that of the local run
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// The test issuer's private keys, in place of the profile's
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The test issuer's `iss`, in place of the profile's
    #[arg(long, value_name = "TEXT")]
    issuer: Option<String>,
    /// The API's audience, in place of the profile's
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,
    /// Only the cases whose id begins so: A, A67, A67-0-0
    #[arg(long, value_name = "ID", default_value = "")]
    case: String,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Requests at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: u16,
    /// Requests a second at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rate: u16,
    /// Seconds to wait for a connection, and for each piece of an answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// That the target is yours to attack; needed for any but this machine
    #[arg(long)]
    authorized: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=300) => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err("expected 1 to 300".to_owned()),
    }
}

/// Runs the command and writes what it has to say.
pub(crate) fn run(
    arguments: &ConformanceArguments,
    out: &mut impl Write,
) -> Result<(), ConformanceFailure> {
    match &arguments.command {
        Some(ConformanceCommand::Keys(arguments)) => keys(arguments, out),
        None => run::run(&arguments.run, out),
    }
}

/// Writes new private keys, and prints the set that the test issuer is to publish.
fn keys(arguments: &KeysArguments, out: &mut impl Write) -> Result<(), ConformanceFailure> {
    let keys =
        IssuerKeySet::generate().map_err(|error: SignError| ConformanceFailure::NotMade(error))?;
    let private = zeroize::Zeroizing::new(keys.private_set().to_string());
    write_secret(Some(&arguments.out), &private, out)?;
    Ok(writeln!(out, "{}", keys.public_set()).map_err(FileFailure::Output)?)
}
