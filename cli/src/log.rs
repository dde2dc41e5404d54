//! `sluis log`: read the audit log and find it whole, prove what stands in it, and witness it.

mod complaint;
mod credential;
mod deployment;
mod destruction;
mod export;
mod failure;
mod folder;
mod fsck;
mod line;
mod progress;
mod prove;
mod receipt;
mod reidentify;
mod remote;
mod retain;
mod show;
mod source;
mod strays;
#[cfg(test)]
mod tests;
mod trace;
mod tree_source;
mod trust;
mod verify;
mod verify_destruction;
mod witness;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use sluis_log::{NoteVerifier, Origin};

pub(crate) use credential::parse_purpose;
pub(crate) use failure::LogFailure;
pub(crate) use folder::{LogFolder, checkpoint_in, head_of, put_checkpoint};
pub(crate) use tree_source::read_file;

use credential::Credential;
use deployment::Choice;
use trust::Witnesses;

/// What to do with a log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print entries, one a line
    Show(ShowArguments),
    /// Check a whole log: entries, tiles, root, signature, chain, commitments; names the first bad index
    Fsck(FsckArguments),
    /// Make a proof, in one file, that an entry stands in the log
    Prove(ProveArguments),
    /// Verify such a proof, without any network
    Verify(VerifyArguments),
    /// Save the whole log, to a file or a folder that `fsck` takes
    Export(ExportArguments),
    /// Put all that shows what happened into one file: records, proofs, policy, trace
    Complaint(Box<complaint::ComplaintArguments>),
    /// Check such a file, without any network
    ComplaintCheck(complaint::CheckArguments),
    /// Say who, what, where, when and why of calls, over the logs of several parties
    Trace(Box<trace::TraceArguments>),
    /// Fetch and verify what a mandate holder can show of its call
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    /// Learn who a hidden holder is, institution and supervisor together and neither alone
    #[command(subcommand)]
    Reidentify(reidentify::ReidentifyCommand),
    /// Destroy the payloads of the periods that are over, and keep what the validator signs of it
    Retain(retain::RetainArguments),
    /// Verify a destruction record, without any network or against its log
    VerifyDestruction(verify_destruction::VerifyDestructionArguments),
    /// Be a witness of logs, or have a checkpoint cosigned by one
    #[command(subcommand)]
    Witness(witness::WitnessCommand),
}

/// Where the log is served.
#[derive(Debug, Args)]
struct Server {
    /// The validator, such as <https://validator.example.be>; http only on this machine
    #[arg(long, value_name = "URL")]
    url: String,
    #[command(flatten)]
    credential: Credential,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    choice: Choice,
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
pub(crate) struct FsckArguments {
    #[command(flatten)]
    from: FsckSource,
    #[command(flatten)]
    credential: Credential,
    #[command(flatten)]
    choice: Choice,
    /// The log's verifier key, `<origin>+<id>+<key>`; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse, required_unless_present_any = ["file", "chain_only"])]
    keys: Vec<NoteVerifier>,
    #[command(flatten)]
    witnesses: Witnesses,
    /// The log's origin, as you know it; by default that of the key, or what an export says
    #[arg(long, value_parser = Origin::parse)]
    origin: Option<Origin>,
    /// A signed destruction record, for payloads that are missing; may be repeated. Wanted where one log of several is
    /// checked alone: what says that payloads were destroyed may stand in another of them
    #[arg(long = "destruction", value_name = "FILE", requires = "keys", conflicts_with_all = ["file", "chain_only"])]
    destructions: Vec<PathBuf>,
    /// An earlier head, as an earlier fsck printed it: the log must have grown from it
    #[arg(long, value_name = "SIZE:CHAIN", value_parser = fsck::KnownHead::parse)]
    extends: Option<fsck::KnownHead>,
    /// With --dir: the tree alone, of a folder without records; neither chain nor payloads are checked
    #[arg(long, requires = "dir", conflicts_with_all = ["extends", "destructions"])]
    tree_only: bool,
    /// With --url: the records and their chain alone, without the tree and its signature
    #[arg(long, requires = "url", conflicts_with_all = ["keys", "witnesses"])]
    chain_only: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct FsckSource {
    /// The validator, such as <https://validator.example.be>; http only on this machine
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A file of `export --out`: records and their chain, of one log
    #[arg(long, value_name = "FILE", conflicts_with_all = ["keys", "witnesses", "shard"])]
    file: Option<PathBuf>,
    /// A folder with `checkpoint`, `tile/…` and `records.jsonl`, or with several logs and their map, as `export --dir`
    /// writes it
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Where checkpoint and tiles are.
#[derive(Debug, Args)]
pub(crate) struct TreeFrom {
    /// The validator, such as <https://validator.example.be>; http only on this machine
    #[arg(long, value_name = "URL", required_unless_present = "dir")]
    url: Option<String>,
    #[command(flatten)]
    credential: Credential,
    /// A folder with `checkpoint` and `tile/…`
    #[arg(long, value_name = "FOLDER", conflicts_with = "url")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    #[command(flatten)]
    from: TreeFrom,
    /// Which entry
    #[arg(long, value_name = "N")]
    index: u64,
    /// The log's verifier key, `<origin>+<id>+<key>`; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse, required = true)]
    keys: Vec<NoteVerifier>,
    #[command(flatten)]
    witnesses: Witnesses,
    /// The file to write, `….tlog-proof` by custom; it must not exist. By default standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The bundle that `sluis log prove` wrote
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// The verifier key of the log or of its deployment, `<origin>+<id>+<key>`; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse, required = true)]
    keys: Vec<NoteVerifier>,
    #[command(flatten)]
    witnesses: Witnesses,
    /// The origin of the key, as you know it
    #[arg(long, value_parser = Origin::parse)]
    origin: Option<Origin>,
    /// The entry's record, a line of an export: it must be the one that the entry commits to
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    to: ExportTarget,
    /// For --dir: the log's verifier key, `<origin>+<id>+<key>`; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse, requires = "dir")]
    keys: Vec<NoteVerifier>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ExportTarget {
    /// The file to write, with the records; it must not exist
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The folder to make, with the records, the checkpoint and every tile; of several logs all, with their map
    #[arg(long, value_name = "FOLDER", requires = "keys")]
    dir: Option<PathBuf>,
}

/// Runs the command and writes what it has to say.
pub(crate) fn run(command: &LogCommand, out: &mut impl Write) -> Result<(), LogFailure> {
    match command {
        LogCommand::Show(arguments) => show::show(arguments, out),
        LogCommand::Fsck(arguments) => fsck::fsck(arguments, out),
        LogCommand::Prove(arguments) => prove::prove(arguments, out),
        LogCommand::Verify(arguments) => verify::verify(arguments, out),
        LogCommand::Export(arguments) => export::export(arguments, out),
        LogCommand::Complaint(arguments) => complaint::complaint(arguments, out),
        LogCommand::ComplaintCheck(arguments) => complaint::check(arguments, out),
        LogCommand::Trace(arguments) => trace::trace(arguments, out),
        LogCommand::Receipt(command) => receipt::run(command, out),
        LogCommand::Reidentify(command) => reidentify::run(command, out),
        LogCommand::Retain(arguments) => retain::retain(arguments, out),
        LogCommand::VerifyDestruction(arguments) => verify_destruction::verify(arguments, out),
        LogCommand::Witness(command) => witness::run(command, out),
    }
}
