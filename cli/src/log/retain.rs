//! `sluis log retain`: the payloads of the periods that are over go, and what the validator signed of each is kept.
//!
//! An order does bounded work, so it is given until nothing is left. The validator gives the records of all periods
//! that ever ended; each is verified and written to a file of its own, once. A record that is not what it was, or that
//! the validator does not know any more, is what somebody would want who put its trusted place back.

mod failure;
mod folder;
mod order;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use sluis_log::{NoteVerifier, SignedNote, VerifiedDestruction};

pub(crate) use failure::RetainFailure;

use super::destruction::{DestructionFailure, has_come, signed};
use super::failure::LogFailure;
use super::trust;
use crate::clock::now_millis;
use folder::{Kept, RecordFolder};
use order::{Answer, Orders};

/// Orders of one run: each destroys the keys of up to four periods, or deletes up to 4096 payloads.
const MAX_ORDERS: u32 = 65_536;

#[derive(Debug, Args)]
pub(crate) struct RetainArguments {
    /// The validator, such as <https://validator.example.be>; http only on this machine
    #[arg(long, value_name = "URL")]
    url: String,
    /// The file with the operators' credential, the validator's `SLUIS_OPERATOR_TOKEN`
    #[arg(long, value_name = "FILE")]
    operator_token_file: PathBuf,
    /// The deployment's verifier key, `<origin>+<id>+<key>`; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse, required = true)]
    keys: Vec<NoteVerifier>,
    /// The folder of this deployment's destruction records: a file for each period, never overwritten; made if there is none
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

pub(crate) fn retain(arguments: &RetainArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    trust::origin_of(&arguments.keys, None)?;
    let orders = Orders::new(&arguments.url, &arguments.operator_token_file)?;
    let folder = RecordFolder::open(&arguments.out)?;
    let (mut erased, mut known) = (0_u64, 0_usize);
    for _ in 0..MAX_ORDERS {
        let Answer {
            records,
            erased: now_erased,
            more,
            fault,
        } = orders.give()?;
        let names = keep(&records, arguments, &folder, out)?;
        // What is given is kept first. Nothing else is ordered: the validator has done what it could.
        if let Some(fault) = fault {
            return Err(orders.failed(fault).into());
        }
        erased = erased.saturating_add(now_erased);
        if !more {
            folder.has_only(&names)?;
            return writeln!(
                out,
                "{erased} payloads deleted; {} periods have ended, and nothing is left that is due",
                records.len()
            )
            .map_err(LogFailure::Output);
        }
        if now_erased == 0 && records.len() <= known {
            return Err(orders.idle().into());
        }
        known = records.len();
    }
    Err(orders.unfinished(MAX_ORDERS).into())
}

/// Verifies and keeps the records; the names of their files. One that does not verify keeps no other from being kept,
/// and ends the run: what else is due waits for somebody to look.
fn keep(
    records: &[String],
    arguments: &RetainArguments,
    folder: &RecordFolder,
    out: &mut impl Write,
) -> Result<Vec<String>, LogFailure> {
    let now = now_millis().map_err(LogFailure::Clock)?;
    let mut names = Vec::with_capacity(records.len());
    let mut fault = None;
    for text in records {
        match keep_one(text, arguments, folder) {
            Ok((name, kept, verified)) => {
                let record = verified.record();
                if kept == Kept::New {
                    writeln!(
                        out,
                        "{}: destroyed at {}, {}",
                        record.period(),
                        record.at(),
                        folder.path(&name).display()
                    )
                    .map_err(LogFailure::Output)?;
                }
                // It is kept all the same: it is evidence.
                if let Err(ahead) = has_come(record, now) {
                    fault = fault.or(Some(ahead.into()));
                }
                names.push(name);
            }
            Err(failure) => fault = fault.or(Some(failure)),
        }
    }
    fault.map_or(Ok(names), Err)
}

fn keep_one(
    text: &str,
    arguments: &RetainArguments,
    folder: &RecordFolder,
) -> Result<(String, Kept, VerifiedDestruction), LogFailure> {
    let note = SignedNote::parse(text.as_bytes())
        .map_err(|error| DestructionFailure::Record(error.into()))?;
    let verified = signed(&note, &arguments.keys).map_err(DestructionFailure::Record)?;
    let name = folder::name_of(verified.record().period());
    let kept = folder.keep(&name, &note)?;
    Ok((name, kept, verified))
}
