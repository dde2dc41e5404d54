//! `sluis log`: show, verify and export the audit log, by URL or from an export.

mod export;
mod failure;
mod line;
mod remote;
mod show;
mod source;
#[cfg(test)]
mod tests;
mod verify;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use sluis_log::Origin;

pub(crate) use failure::LogFailure;

/// What to do with a log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print entries, one a line
    Show(ShowArguments),
    /// Check the chain and every commitment; names the first bad index
    Verify(VerifyArguments),
    /// Save the whole log to a file that `verify --file` takes
    Export(ExportArguments),
}

/// Where the log is served.
#[derive(Debug, Args)]
struct Server {
    /// The validator, such as <https://validator.example.be>; http only on this machine
    #[arg(long, value_name = "URL")]
    url: String,
    /// The file that holds the auditor token
    #[arg(long, value_name = "FILE")]
    auditor_token_file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    server: Server,
    /// The first index
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
    /// How many entries at most
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Wait for further entries, until interrupted
    #[arg(long)]
    follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    from: VerifySource,
    /// The file that holds the auditor token, for --url
    #[arg(
        long,
        value_name = "FILE",
        requires = "url",
        required_unless_present = "file"
    )]
    auditor_token_file: Option<PathBuf>,
    /// The log's origin, as you know it; by default what the log says it is
    #[arg(long, value_parser = Origin::parse)]
    origin: Option<Origin>,
    /// An earlier head, as an earlier verification printed it: the log must have grown from it
    #[arg(long, value_name = "SIZE:CHAIN", value_parser = verify::KnownHead::parse)]
    extends: Option<verify::KnownHead>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct VerifySource {
    /// The validator, such as <https://validator.example.be>; http only on this machine
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// An export
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    server: Server,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the command and writes what it has to say.
pub(crate) fn run(command: &LogCommand, out: &mut impl Write) -> Result<(), LogFailure> {
    match command {
        LogCommand::Show(arguments) => show::show(arguments, out),
        LogCommand::Verify(arguments) => verify::verify(arguments, out),
        LogCommand::Export(arguments) => export::export(arguments, out),
    }
}
