//! `sluis log receipt`: what a mandate holder can show of a call that was allowed. It fetches the receipt with the field
//! that came with the answer, and anybody verifies it, without any network.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sha2::{Digest as _, Sha256};
use sluis_log::{
    MAX_RECEIPT_DOCUMENT_BYTES, NoteVerifier, ReceiptDocument, ReceiptDocumentError, ReceiptFault,
    ReceiptField,
};
use thiserror::Error;

use super::failure::LogFailure;
use super::remote::agent;
use super::trust;
use super::verify::read;
use crate::files::{FileFailure, name_of, read_text, write_secret};

/// The field, on answers and on the question for the receipt.
const FIELD: &str = "sluis-receipt";
/// Largest answer whose digest is compared: far above what a validator buffers.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// What to do with receipts.
#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Fetch the receipt of a call, once the log is published that far
    Fetch(FetchArguments),
    /// Verify a receipt, without any network
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct FetchArguments {
    /// The validator, such as <https://validator.example.be>; http only on this machine
    #[arg(long, value_name = "URL")]
    url: String,
    /// The file with the value of the answer's `Sluis-Receipt` field; - for standard input
    #[arg(long, value_name = "FILE")]
    field: PathBuf,
    /// The file to write, which only you can read; it must not exist. By default standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The receipt
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// The verifier key of the log or of its deployment, `<origin>+<id>+<key>`; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse, required = true)]
    keys: Vec<NoteVerifier>,
    /// The file with the value of the answer's `Sluis-Receipt` field: the receipt must be of that answer
    #[arg(long, value_name = "FILE")]
    field: Option<PathBuf>,
    /// The file with the token: the call must have been made with it
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// The file with the answer's body, byte for byte: it must be what was sent
    #[arg(long, value_name = "FILE", requires = "field")]
    answer: Option<PathBuf>,
}

/// Why there is no receipt, or it shows nothing.
#[derive(Debug, Error)]
pub(crate) enum ReceiptFailure {
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error("{name}: not a Sluis-Receipt field as a validator writes it")]
    Field { name: String },
    #[error("{}: no receipt: {error}", .path.display())]
    Document {
        path: PathBuf,
        error: ReceiptDocumentError,
    },
    #[error("the receipt does not verify: {0}")]
    Fault(#[from] ReceiptFault),
    #[error("{url}: not published yet; ask again in a moment")]
    NotYet { url: String },
    #[error("{url}: no receipt for this field: it is of another validator, or not as it came")]
    Unknown { url: String },
    #[error(
        "{url}: the retention period of this call's record has ended, and the record was erased"
    )]
    Erased { url: String },
}

impl ReceiptFailure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) => FileFailure::EXIT_CODE,
            Self::Fault(_) => 3,
            Self::Field { .. } | Self::Document { .. } => 4,
            Self::NotYet { .. } | Self::Unknown { .. } | Self::Erased { .. } => 5,
        }
    }
}

/// Runs the command and writes what it has to say.
pub(crate) fn run(command: &ReceiptCommand, out: &mut impl Write) -> Result<(), LogFailure> {
    match command {
        ReceiptCommand::Fetch(arguments) => fetch(arguments, out),
        ReceiptCommand::Verify(arguments) => verify(arguments, out),
    }
}

fn fetch(arguments: &FetchArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let url = format!("{}/log/receipt", arguments.url.trim_end_matches('/'));
    let field = field(&arguments.field)?;
    let unreachable = |error: &ureq::Error| LogFailure::Unreachable {
        url: url.clone(),
        problem: error.to_string(),
    };
    let response = agent(&arguments.url)?
        .get(&url)
        .header(FIELD, &field.to_string())
        .call()
        .map_err(|error| unreachable(&error))?;
    match response.status().as_u16() {
        200 => {}
        202 => return Err(ReceiptFailure::NotYet { url }.into()),
        404 => return Err(ReceiptFailure::Unknown { url }.into()),
        410 => return Err(ReceiptFailure::Erased { url }.into()),
        status => return Err(LogFailure::Refused { url, status }),
    }
    let limit = u64::try_from(MAX_RECEIPT_DOCUMENT_BYTES).unwrap_or(u64::MAX);
    let body = response.into_body().into_with_config().limit(limit);
    let body = body.read_to_vec().map_err(|error| unreachable(&error))?;
    let document = ReceiptDocument::parse(&body).map_err(|error| LogFailure::Answer {
        url: url.clone(),
        problem: error.to_string(),
    })?;
    write_secret(arguments.out.as_ref(), &document.to_json(), out).map_err(ReceiptFailure::File)?;
    Ok(())
}

fn verify(arguments: &VerifyArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let path = &arguments.receipt;
    let bytes = read(path, MAX_RECEIPT_DOCUMENT_BYTES)?;
    let document = ReceiptDocument::parse(&bytes).map_err(|error| ReceiptFailure::Document {
        path: path.clone(),
        error,
    })?;
    let log = document.log().map_err(ReceiptFailure::Fault)?;
    let keys = trust::keys_of_log(&arguments.keys, None, &log)?;
    let verified = document
        .verify(&log, &keys)
        .map_err(ReceiptFailure::Fault)?;
    let kept = arguments.field.as_deref().map(field).transpose()?;
    let mut shown = vec!["the log signed it, and its entries stand in the log"];
    if let Some(field) = &kept {
        verified.is_of_field(field).map_err(ReceiptFailure::Fault)?;
        shown.push("it is of the answer that came with this field");
    }
    if let Some(path) = &arguments.token {
        let token = read_text(path).map_err(ReceiptFailure::File)?;
        let hash: [u8; 32] = Sha256::digest(token.trim().as_bytes()).into();
        verified.is_of_token(&hash).map_err(ReceiptFailure::Fault)?;
        shown.push("the call was made with this token");
    }
    if let (Some(path), Some(field)) = (&arguments.answer, &kept) {
        let body = read(path, MAX_ANSWER_BYTES)?;
        verified
            .is_of_answer(field, &body)
            .map_err(ReceiptFailure::Fault)?;
        shown.push("this body is what was sent");
    }
    let said = verified.receipt().lines();
    said.into_iter()
        .try_for_each(|(label, value)| writeln!(out, "{label:<17} {value}"))
        .and_then(|()| {
            shown
                .iter()
                .try_for_each(|line| writeln!(out, "verified: {line}"))
        })
        .map_err(LogFailure::Output)
}

/// The field in a file.
fn field(path: &Path) -> Result<ReceiptField, ReceiptFailure> {
    let text = read_text(path)?;
    ReceiptField::parse(text.trim()).map_err(|_| ReceiptFailure::Field {
        name: name_of(path),
    })
}
