//! What each side is asked for.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sluis_log::reidentify::{Author, Reason};
use sluis_log::trace::Party;
use sluis_log::{KeyName, NoteVerifier};

/// What to do about a hidden holder.
#[derive(Debug, Subcommand)]
pub(crate) enum ReidentifyCommand {
    /// Institution or supervisor: ask who the holder of a token is
    Request(Box<RequestArguments>),
    /// Verification system: verify a request and answer in two halves, neither of which tells anything alone
    Answer(Box<AnswerArguments>),
    /// Institution or supervisor: put both halves together
    Combine(Box<CombineArguments>),
}

#[derive(Debug, Args)]
pub(crate) struct RequestArguments {
    /// Who asks: institution or supervisor
    #[arg(long, value_parser = asking)]
    pub(super) party: Party,
    /// The `iss` of the verification system that issued the token
    #[arg(long, value_name = "ISSUER")]
    pub(super) issuer: String,
    /// The token's `jti`, as a trace shows it
    #[arg(long, value_name = "ID")]
    pub(super) token_id: String,
    /// The token's SHA-256 in hexadecimal, as a trace shows it
    #[arg(long, value_name = "HEX")]
    pub(super) token_hash: String,
    /// Why: complaint, supervision, securityIncident or judicialOrder
    #[arg(long, value_parser = reason)]
    pub(super) reason: Reason,
    /// The complaint or file under which; it names nobody
    #[arg(long, value_name = "REFERENCE")]
    pub(super) reference: String,
    #[command(flatten)]
    pub(super) signer: Signer,
    #[command(flatten)]
    pub(super) record: RecordTo,
    /// The request note to write; it must not exist
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct AnswerArguments {
    #[command(flatten)]
    pub(super) from: RequestFrom,
    /// Who answers: verificationSystem or secondaryNetwork
    #[arg(long, value_parser = answering)]
    pub(super) party: Party,
    /// The own log, as `trace` reads it, in which the token's issue to a hidden holder must stand
    #[arg(long, value_name = "FILE")]
    pub(super) issued: PathBuf,
    /// The file with the holder's enterprise number, as the own register has it for the token; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(super) holder: PathBuf,
    #[command(flatten)]
    pub(super) signer: Signer,
    #[command(flatten)]
    pub(super) record: RecordTo,
    /// The institution's half to write, for it alone; it must not exist
    #[arg(long, value_name = "FILE")]
    pub(super) institution_out: PathBuf,
    /// The supervisor's half to write, for it alone; it must not exist
    #[arg(long, value_name = "FILE")]
    pub(super) supervisor_out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CombineArguments {
    #[command(flatten)]
    pub(super) from: RequestFrom,
    /// Who combines: institution or supervisor
    #[arg(long, value_parser = asking)]
    pub(super) party: Party,
    /// The verification system's verifier key, `<name>+<id>+<key>`
    #[arg(long, value_name = "KEY", value_parser = NoteVerifier::parse)]
    pub(super) system: NoteVerifier,
    /// A half; twice
    #[arg(long = "half", value_name = "FILE", required = true)]
    pub(super) halves: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) record: RecordTo,
    /// The file to write the holder's number to, which only you can read; by default standard output
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

/// A request, and who may have signed it.
#[derive(Debug, Args)]
pub(crate) struct RequestFrom {
    /// The request note
    #[arg(long, value_name = "FILE")]
    pub(super) request: PathBuf,
    /// The institution's verifier key, `<name>+<id>+<key>`
    #[arg(long, value_name = "KEY", value_parser = NoteVerifier::parse)]
    pub(super) institution: NoteVerifier,
    /// The supervisor's verifier key, `<name>+<id>+<key>`
    #[arg(long, value_name = "KEY", value_parser = NoteVerifier::parse)]
    pub(super) supervisor: NoteVerifier,
}

/// The own key.
#[derive(Debug, Args)]
pub(crate) struct Signer {
    /// The own name, that of the verifier key
    #[arg(long, value_parser = KeyName::parse)]
    pub(super) name: KeyName,
    /// The file with the own private key, as `sluis keys random` writes it
    #[arg(long, value_name = "FILE")]
    pub(super) key_file: PathBuf,
}

/// The own log, in which the step is recorded.
#[derive(Debug, Args)]
pub(crate) struct RecordTo {
    /// The own log, to which the step's record is added before anything else is written
    #[arg(long, value_name = "FILE")]
    pub(super) record: PathBuf,
    /// The record's `source`, an absolute URI
    #[arg(long, value_name = "URI")]
    source: String,
    /// The record's `service`, such as be.example.complaints.v1
    #[arg(long, value_name = "NAME")]
    service: String,
}

impl RecordTo {
    pub(super) fn author(&self, party: Party) -> Author {
        Author {
            party,
            source: self.source.clone(),
            service: self.service.clone(),
        }
    }
}

fn asking(text: &str) -> Result<Party, &'static str> {
    let asks = |party: &Party| matches!(party, Party::Institution | Party::Supervisor);
    let party = Party::parse(text).filter(asks);
    party.ok_or("expected institution or supervisor")
}

fn answering(text: &str) -> Result<Party, &'static str> {
    let answers =
        |party: &Party| matches!(party, Party::VerificationSystem | Party::SecondaryNetwork);
    let party = Party::parse(text).filter(answers);
    party.ok_or("expected verificationSystem or secondaryNetwork")
}

fn reason(text: &str) -> Result<Reason, &'static str> {
    Reason::parse(text).ok_or("expected complaint, supervision, securityIncident or judicialOrder")
}
