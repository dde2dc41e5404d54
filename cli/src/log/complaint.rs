//! `sluis log complaint`: one file with all that shows what happened in some calls, and its check.
//!
//! ```text
//! sluis-complaint/1 <SHA-256 of the next line>
//! {"parts":[{"name":"trace.json","bytes":…,"sha256":…},…]}
//! <the parts, one after the other>
//! ```
//!
//! The parts: the trace, the records of the calls with what opens their commitments, a proof for each that it stands in
//! the log, under which policy and by whom it was checked, and the checkpoints that were given, each
//! under its log's origin.

mod check;
mod failure;
mod file;
mod policy;
mod proofs;
mod traced;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use sluis_log::NoteVerifier;
use sluis_log::trace::Audience;

pub(crate) use check::{CheckArguments, check};
pub(crate) use failure::ComplaintFailure;

use super::failure::LogFailure;
use super::trace::{LogFrom, Made, Sought, TraceFailure, make, verdict_of};
use super::trust;
use file::{CHECKPOINT, ENTRIES, POLICY, PROOFS, Part, TRACE};
use proofs::{LogProofs, ProofLists};

#[derive(Debug, Args)]
pub(crate) struct ComplaintArguments {
    #[command(flatten)]
    sought: Sought,
    /// For whom: institution or supervisor; others are not given the institution's records, but a trace
    #[arg(long = "for", value_name = "READER", value_parser = parse_reader)]
    audience: Audience,
    /// The log's signed checkpoint, as `export --dir` keeps it: the proofs are then proofs against it; of several logs repeated
    #[arg(long = "checkpoint", value_name = "FILE", requires = "keys")]
    checkpoints: Vec<PathBuf>,
    /// The deployment's verifier key, for the checkpoints and with --url for the map of its logs; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse)]
    keys: Vec<NoteVerifier>,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn parse_reader(text: &str) -> Result<Audience, &'static str> {
    // The records hold the institution's references, which are of no concern to the others.
    Audience::parse(text)
        .filter(|one| matches!(one, Audience::Institution | Audience::Supervisor))
        .ok_or("expected institution or supervisor")
}

pub(crate) fn complaint(
    arguments: &ComplaintArguments,
    out: &mut impl Write,
) -> Result<(), LogFailure> {
    let from_files = matches!(arguments.sought.log()?, LogFrom::Exports(_));
    if from_files && arguments.checkpoints.is_empty() && !arguments.keys.is_empty() {
        return Err(ComplaintFailure::NothingSigned.into());
    }
    let asked = arguments.sought.ask()?;
    let checkpoints = arguments.checkpoints.iter().map(|path| {
        let bytes = std::fs::read(path).map_err(|error| LogFailure::File {
            path: path.clone(),
            error,
        })?;
        let checkpoint = trust::checkpoint_of_any(&bytes, &arguments.keys)?.checkpoint;
        Ok((bytes, checkpoint))
    });
    let checkpoints = checkpoints.collect::<Result<Vec<_>, LogFailure>>()?;
    let sizes = checkpoints
        .iter()
        .map(|(_, signed)| (signed.checkpoint().origin().clone(), signed.head().size));
    let mut proofs = LogProofs::new(sizes.collect());
    let mut entries = Vec::new();
    let made = make(
        &arguments.sought,
        &asked,
        arguments.audience,
        &arguments.keys,
        &mut |origin, entry, selected| {
            proofs.add(origin, entry, selected);
            if selected {
                serde_json::to_writer(&mut entries, entry)
                    .map_err(|error| LogFailure::Output(error.into()))?;
                entries.push(b'\n');
            }
            Ok(())
        },
    )?;
    let Made {
        traced,
        report,
        verdict,
    } = made;
    if report.calls.is_empty() {
        let erased = report.erased;
        return Err(TraceFailure::NothingFound { erased }.into());
    }
    let mut logs = proofs.finish()?;
    for (_, signed) in &checkpoints {
        let list = logs
            .iter()
            .find(|list| list.origin == *signed.checkpoint().origin())
            .ok_or(ComplaintFailure::OtherCheckpoint)?;
        if signed.head() != list.head()? {
            return Err(ComplaintFailure::OtherCheckpoint.into());
        }
    }
    logs.retain(|list| !list.entries.is_empty());
    let records: usize = logs.iter().map(|list| list.entries.len()).sum();
    let proofs = ProofLists { logs };
    let policy = policy::policy(&traced, &asked.catalogues);
    let mut parts = vec![
        Part::json(TRACE, &report)?,
        Part::new(ENTRIES, entries),
        Part::json(PROOFS, &proofs)?,
        Part::json(POLICY, &policy)?,
    ];
    // Only of the logs that have records in the file.
    for (bytes, signed) in checkpoints {
        let origin = signed.checkpoint().origin();
        if proofs.logs.iter().any(|list| list.origin == *origin) {
            let name = format!("{CHECKPOINT} {origin}");
            parts.push(Part::new(&name, bytes));
        }
    }
    file::write(&arguments.out, &parts)?;
    writeln!(
        out,
        "{}: {} calls, {} records",
        arguments.out.display(),
        report.calls.len(),
        records
    )
    .map_err(LogFailure::Output)?;
    // The file is evidence of what is missing or wrong as well; but it never passes for good.
    verdict?;
    Ok(verdict_of(&report)?)
}

/// The parts of a file, for tests that put them together otherwise.
#[cfg(test)]
pub(super) fn read_parts(path: &std::path::Path) -> Result<Vec<(String, Vec<u8>)>, LogFailure> {
    let parts = file::read(path)?.into_iter();
    Ok(parts.map(|part| (part.name, part.bytes)).collect())
}

#[cfg(test)]
pub(super) fn write_parts(
    path: &std::path::Path,
    parts: &[(String, Vec<u8>)],
) -> Result<(), LogFailure> {
    let parts = parts
        .iter()
        .map(|(name, bytes)| Part::new(name, bytes.clone()));
    file::write(path, &parts.collect::<Vec<_>>())
}
