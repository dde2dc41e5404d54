//! `sluis log complaint-check`: that a complaint file is as it was written, and that its records stand in the log.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use sluis_log::{LeafHash, NoteVerifier, Quorum, StoredEntry, TreeHash, verify_inclusion};

use super::failure::ComplaintFailure;
use super::file::{CHECKPOINT, ENTRIES, PROOFS, read};
use super::proofs::ProofLists;
use crate::log::deployment;
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
    let proofs = find(PROOFS).and_then(|bytes| serde_json::from_slice::<ProofLists>(bytes).ok());
    let proofs = proofs.ok_or_else(|| wrong(PROOFS))?;
    let entries =
        serde_json::Deserializer::from_slice(find(ENTRIES).ok_or_else(|| wrong(ENTRIES))?)
            .into_iter::<StoredEntry>()
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| wrong(ENTRIES))?;
    let count: usize = proofs.logs.iter().map(|list| list.entries.len()).sum();
    if entries.len() != count {
        return Err(wrong(PROOFS).into());
    }
    let mut heads = Vec::new();
    let mut proven = Vec::with_capacity(count);
    for list in &proofs.logs {
        let head = list.head().map_err(|_| wrong(PROOFS))?;
        heads.push(head);
        proven.extend(list.entries.iter().map(|proof| (head, proof)));
    }
    for (entry, (head, proof)) in entries.iter().zip(proven) {
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
    let mut said = Vec::new();
    for (list, head) in proofs.logs.iter().zip(heads) {
        let checkpoint = find(&format!("{CHECKPOINT} {}", list.origin));
        let signed = match (checkpoint, arguments.keys.is_empty()) {
            (None, true) => "no checkpoint is in it: compare the root with one that you know",
            (Some(_), true) => "its checkpoint was not verified: give --key",
            (None, false) => return Err(ComplaintFailure::NoCheckpoint { path: path() }.into()),
            (Some(bytes), false) => {
                let keys = deployment::keys_for(&arguments.keys, &list.origin)?;
                let trusted = trust::checkpoint(bytes, &list.origin, &keys, &Quorum::none())?;
                if trusted.checkpoint.head() != head {
                    return Err(ComplaintFailure::OtherCheckpoint.into());
                }
                "signed by the log"
            }
        };
        said.push((list, signed));
    }
    let name = arguments.file.display();
    said.into_iter()
        .try_for_each(|(list, signed)| {
            let (count, size) = (list.entries.len(), list.size);
            writeln!(
                out,
                "{name}: {count} records stand in {} of {size} entries",
                list.origin
            )?;
            writeln!(out, "root {} ({signed})", list.root)
        })
        .map_err(LogFailure::Output)
}
