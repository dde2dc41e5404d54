//! `sluis log complaint-check`: that a complaint file is as it was written, and that its records stand in the log.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use sluis_log::{LeafHash, NoteVerifier, Quorum, StoredEntry, TreeHash, verify_inclusion};

use super::failure::ComplaintFailure;
use super::file::{CHECKPOINT, ENTRIES, PROOFS, read};
use super::proofs::ProofList;
use crate::log::failure::LogFailure;
use crate::log::trust;

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The file that `sluis log complaint` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The log's verifier key: the records must stand under a checkpoint that it signed; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse)]
    keys: Vec<NoteVerifier>,
}

pub(crate) fn check(arguments: &CheckArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let path = || arguments.file.clone();
    let parts = read(&arguments.file)?;
    let find = |name: &str| {
        parts
            .iter()
            .find(|part| part.name == name)
            .map(|part| part.bytes.as_slice())
    };
    let wrong = |part| ComplaintFailure::Part { path: path(), part };
    let proofs = find(PROOFS).and_then(|bytes| serde_json::from_slice::<ProofList>(bytes).ok());
    let proofs = proofs.ok_or_else(|| wrong(PROOFS))?;
    let entries =
        serde_json::Deserializer::from_slice(find(ENTRIES).ok_or_else(|| wrong(ENTRIES))?)
            .into_iter::<StoredEntry>()
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| wrong(ENTRIES))?;
    let head = proofs.head().map_err(|_| wrong(PROOFS))?;
    if entries.len() != proofs.entries.len() {
        return Err(wrong(PROOFS).into());
    }
    for (entry, proof) in entries.iter().zip(&proofs.entries) {
        let (index, path) = (entry.index, path());
        if index != proof.index {
            return Err(wrong(PROOFS).into());
        }
        if let Err(error) = entry.verify_commitment() {
            return Err(ComplaintFailure::Commitment { path, index, error }.into());
        }
        let hashes = proof.path.iter().map(|hash| TreeHash::parse(hash));
        let hashes = hashes
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| wrong(PROOFS))?;
        let leaf = LeafHash::of(&entry.entry);
        if let Err(error) = verify_inclusion(leaf, index, head, &hashes) {
            return Err(ComplaintFailure::Proof { path, index, error }.into());
        }
    }
    let signed = match (find(CHECKPOINT), arguments.keys.is_empty()) {
        (None, true) => "no checkpoint is in it: compare the root with one that you know",
        (Some(_), true) => "its checkpoint was not verified: give --key",
        (None, false) => return Err(ComplaintFailure::NoCheckpoint { path: path() }.into()),
        (Some(bytes), false) => {
            let trusted =
                trust::checkpoint(bytes, &proofs.origin, &arguments.keys, &Quorum::none())?;
            if trusted.checkpoint.head() != head {
                return Err(ComplaintFailure::OtherCheckpoint.into());
            }
            "signed by the log"
        }
    };
    let (name, count, size) = (arguments.file.display(), entries.len(), proofs.size);
    writeln!(
        out,
        "{name}: {count} records stand in {} of {size} entries",
        proofs.origin
    )
    .and_then(|()| writeln!(out, "root {} ({signed})", proofs.root))
    .map_err(LogFailure::Output)
}
