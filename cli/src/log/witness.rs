//! `sluis log witness`: cosign the checkpoints of logs that only grow, or have one cosigned (C2SP tlog-witness).

mod ask;
mod http;
pub(super) mod serve;
pub(super) mod store;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sluis_log::{CosignatureSigner, CosignatureVerifier, KeyName, NoteVerifier};

use super::TreeFrom;
use super::failure::LogFailure;
use crate::keys::read_seed;

/// What to do about witnesses.
#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Be a witness: cosign what extends the checkpoint that was cosigned last, and nothing else
    Serve(ServeArguments),
    /// Have a log's checkpoint cosigned by a witness
    Ask(Box<AskArguments>),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The witness's name, such as witness.example/w1
    #[arg(long, value_parser = KeyName::parse)]
    name: KeyName,
    /// The file with its private key, as `sluis keys random` writes it; for this witness only
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// The verifier key of a log to witness, `<origin>+<id>+<key>`; may be repeated
    #[arg(long = "log", value_name = "KEY", value_parser = NoteVerifier::parse, required = true)]
    logs: Vec<NoteVerifier>,
    /// The folder that remembers what was cosigned; whoever can roll it back can make this witness lie
    #[arg(long, value_name = "FOLDER")]
    state: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8790")]
    listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct AskArguments {
    #[command(flatten)]
    from: TreeFrom,
    /// The log's verifier key, `<origin>+<id>+<key>`; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse, required = true)]
    keys: Vec<NoteVerifier>,
    /// The witness's address, below which it has `add-checkpoint`; http only on this machine
    #[arg(long, value_name = "URL")]
    to: String,
    /// The witness's verifier key, `<name>+<id>+<key>`
    #[arg(long, value_name = "KEY", value_parser = CosignatureVerifier::parse)]
    witness: CosignatureVerifier,
    /// The file to write the cosigned checkpoint to; by default the folder's own
    #[arg(long, value_name = "FILE", required_unless_present = "dir")]
    out: Option<PathBuf>,
}

/// Runs the command and writes what it has to say.
pub(crate) fn run(command: &WitnessCommand, out: &mut impl Write) -> Result<(), LogFailure> {
    match command {
        WitnessCommand::Serve(arguments) => serve::serve(arguments, out),
        WitnessCommand::Ask(arguments) => ask::ask(arguments, out),
    }
}

/// The witness's private key.
fn signer(name: &KeyName, path: &Path) -> Result<CosignatureSigner, LogFailure> {
    let failed = |problem: String| LogFailure::SigningKey {
        path: path.to_owned(),
        problem,
    };
    let seed = read_seed(path).map_err(LogFailure::Key)?;
    CosignatureSigner::new(name.clone(), &seed).map_err(|error| failed(error.to_string()))
}
