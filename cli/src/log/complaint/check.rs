//! `sluis log complaint-check`: that a complaint file is as it was written, and that its records stand in the log.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use sluis_log::{
    LeafHash, NoteVerifier, Quorum, StoredEntry, TreeHash, TreeHead, verify_inclusion,
};

use super::failure::ComplaintFailure;
use super::file::{CHECKPOINT, ENTRIES, POLICY, PROOFS, Part, TRACE, read};
use super::proofs::{Proof, ProofLists};
use super::traced;
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
    let trace = find(TRACE).ok_or_else(|| wrong(TRACE))?;
    if find(POLICY).is_none() {
        return Err(wrong(POLICY).into());
    }
    only_known(&arguments.file, &parts, &proofs)?;
    let entries =
        serde_json::Deserializer::from_slice(find(ENTRIES).ok_or_else(|| wrong(ENTRIES))?)
            .into_iter::<StoredEntry>()
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| wrong(ENTRIES))?;
    let count: usize = proofs.logs.iter().map(|list| list.entries.len()).sum();
    if entries.len() != count {
        return Err(wrong(PROOFS).into());
    }
    whole(&arguments.file, &proofs)?;
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
    let origins = proofs.logs.iter().flat_map(|list| {
        let origin = &list.origin;
        list.entries.iter().map(move |_| origin)
    });
    traced::compare(&arguments.file, trace, origins.zip(&entries))?;
    let checkpoint_of = |name: &str| find(name).map(<[u8]>::to_vec);
    let said = signatures(arguments, checkpoint_of, &proofs, heads)?;
    let name = arguments.file.display();
    proofs
        .logs
        .iter()
        .zip(said)
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

/// Each part once, and none that is not looked at: of two parts of one name, one would not be.
fn only_known(file: &Path, parts: &[Part], proofs: &ProofLists) -> Result<(), ComplaintFailure> {
    let checkpoints = proofs.logs.iter();
    let checkpoints = checkpoints.map(|list| format!("{CHECKPOINT} {}", list.origin));
    let mut known: HashSet<String> = checkpoints.collect();
    known.extend([TRACE, ENTRIES, PROOFS, POLICY].map(str::to_owned));
    match parts.iter().find(|part| !known.remove(&part.name)) {
        None => Ok(()),
        Some(other) => Err(ComplaintFailure::UnknownPart {
            path: file.to_owned(),
            part: other.name.clone(),
        }),
    }
}

/// The logs with records in the file, each once with its records in their order, and they alone.
fn whole(file: &Path, proofs: &ProofLists) -> Result<(), ComplaintFailure> {
    let path = || file.to_owned();
    let logs = &proofs.logs;
    if logs.is_empty() || logs.iter().any(|list| list.entries.is_empty()) {
        return Err(ComplaintFailure::NoRecords { path: path() });
    }
    let mut origins = HashSet::new();
    if let Some(list) = logs.iter().find(|list| !origins.insert(&list.origin)) {
        let (path, origin) = (path(), list.origin.clone());
        return Err(ComplaintFailure::RepeatedLog { path, origin });
    }
    let ascends = |proofs: &[Proof]| proofs.is_sorted_by(|one, next| one.index < next.index);
    if logs.iter().all(|list| ascends(&list.entries)) {
        Ok(())
    } else {
        let (path, part) = (path(), PROOFS);
        Err(ComplaintFailure::Part { path, part })
    }
}

/// That the checkpoints in the file are of these roots, under the keys; what is to be said of each log.
fn signatures(
    arguments: &CheckArguments,
    checkpoint_of: impl Fn(&str) -> Option<Vec<u8>>,
    proofs: &ProofLists,
    heads: Vec<TreeHead>,
) -> Result<Vec<&'static str>, LogFailure> {
    let mut said = Vec::new();
    for (list, head) in proofs.logs.iter().zip(heads) {
        let checkpoint = checkpoint_of(&format!("{CHECKPOINT} {}", list.origin));
        let path = || arguments.file.clone();
        said.push(match (checkpoint, arguments.keys.is_empty()) {
            (None, true) => "no checkpoint is in it: compare the root with one that you know",
            (Some(_), true) => "its checkpoint was not verified: give --key",
            (None, false) => return Err(ComplaintFailure::NoCheckpoint { path: path() }.into()),
            (Some(bytes), false) => {
                let keys = deployment::keys_for(&arguments.keys, &list.origin)?;
                let trusted = trust::checkpoint(&bytes, &list.origin, &keys, &Quorum::none())?;
                if trusted.checkpoint.head() != head {
                    return Err(ComplaintFailure::OtherCheckpoint.into());
                }
                "signed by the log"
            }
        });
    }
    Ok(said)
}
