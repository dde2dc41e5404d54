//! `sluis log verify`: a proof bundle, off line.

use std::io::Write;
use std::path::Path;

use sluis_log::{
    Checkpoint, Entry, LeafHash, MAX_EXTRA_BYTES, MAX_NOTE_BYTES, ProofBundle, StoredEntry,
};
use sluis_log::{MAX_PAYLOAD_BYTES, UnixMillis};

use super::VerifyArguments;
use super::failure::LogFailure;
use super::line::line;
use super::tree_source::read_file;
use super::trust;

/// Longest bundle read; the parser has its own, lower limit.
const MAX_BUNDLE_BYTES: usize = MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES;
/// Longest record: a line of an export.
const MAX_RECORD_BYTES: usize = 6 * MAX_PAYLOAD_BYTES + 4_096;

pub(crate) fn verify(arguments: &VerifyArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let path = &arguments.bundle;
    let bundle = ProofBundle::parse(&read(path, MAX_BUNDLE_BYTES)?).map_err(|error| {
        LogFailure::NoBundle {
            path: path.clone(),
            error,
        }
    })?;
    let checkpoint = Checkpoint::parse(bundle.checkpoint.text())?;
    let origin = checkpoint.origin();
    let keys = trust::keys_of_log(&arguments.keys, arguments.origin.as_ref(), origin)?;
    let quorum = arguments.witnesses.quorum()?;
    let no_entry = || LogFailure::NoEntry { path: path.clone() };
    let bytes = bundle.extra.as_deref().ok_or_else(no_entry)?;
    let leaf = LeafHash::of(bytes);
    // The entry comes with the bundle, from whoever made it; the proof shows that it is the log's.
    let verified = bundle.verify(leaf, origin, &keys, &quorum)?;
    let entry = Entry::decode(bytes).map_err(|_| no_entry())?;
    let record = match &arguments.record {
        Some(path) => Some(record(path, bytes)?),
        None => None,
    };
    let included = verified.included();
    let head = included.head();
    writeln!(
        out,
        "{origin}: entry {} of {}, verified\n{} {} {}, policy {}",
        included.index(),
        head.size,
        entry.minute,
        entry.stream().as_str(),
        entry.outcome.as_str(),
        entry.policy
    )
    .and_then(|()| {
        verified.cosignatures().iter().try_for_each(|cosignature| {
            let time = moment(cosignature.time());
            writeln!(out, "cosigned by {} at {time}", cosignature.witness())
        })
    })
    .and_then(|()| match &record {
        Some(record) => writeln!(out, "{}", line(record).trim_start()),
        None => Ok(()),
    })
    .map_err(LogFailure::Output)
}

/// The record of that entry: a line of an export that opens its commitment.
fn record(path: &Path, entry: &[u8]) -> Result<StoredEntry, LogFailure> {
    let bytes = read(path, MAX_RECORD_BYTES)?;
    let record: StoredEntry = serde_json::from_slice(&bytes).map_err(|error| LogFailure::Line {
        path: path.to_owned(),
        line: 1,
        problem: error.to_string(),
    })?;
    if record.entry != entry {
        return Err(LogFailure::OtherRecord {
            path: path.to_owned(),
        });
    }
    record
        .verify_commitment()
        .map_err(|error| LogFailure::Record {
            path: path.to_owned(),
            error,
        })?;
    Ok(record)
}

/// A file that must be there, up to a bound.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>, LogFailure> {
    read_file(path, most)?.ok_or_else(|| LogFailure::File {
        path: path.to_owned(),
        error: std::io::Error::from(std::io::ErrorKind::NotFound),
    })
}

/// A witness's time for people.
pub(crate) fn moment(seconds: u64) -> String {
    match seconds.checked_mul(1_000).map(UnixMillis::new) {
        Some(Ok(millis)) => millis.to_string(),
        Some(Err(_)) | None => format!("{seconds} s since 1970"),
    }
}
