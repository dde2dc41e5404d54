//! A log in a folder, as `export --dir` leaves it, that is added to here: records, tiles, bundles, checkpoint. It is read
//! and written whole, which suits a log of some thousands of entries.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sluis_log::{
    ChainVerifier, EdgeTiles, ExportHeader, IdCheck, LeafHash, MAX_NOTE_BYTES, NoteVerifier,
    Origin, Quorum, StoredEntry, TILE_WIDTH, TilePath, TreeError, TreeFile, TreeFiles,
    TreeFilesError, TreeHead, VerifiedCheckpoint, integrate,
};

use super::failure::LogFailure;
use super::fsck::RECORDS;
use super::source::ExportedEntries;
use super::tree_source::{CHECKPOINT, read_file};
use super::trust;
use crate::files::{Readers, make_folder, replace};

/// The folder.
pub(crate) struct LogFolder {
    path: PathBuf,
}

impl LogFolder {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether there is nothing in it, or no folder.
    pub(crate) fn is_empty(&self) -> Result<bool, LogFailure> {
        match fs::read_dir(&self.path) {
            Ok(mut files) => Ok(files.next().is_none()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(failed(&self.path, error)),
        }
    }

    /// Every record, its chain and commitments verified, and what verifies the next; none where there is no file of them.
    pub(crate) fn records(
        &self,
        origin: &Origin,
    ) -> Result<(Vec<StoredEntry>, ChainVerifier), LogFailure> {
        let path = self.path.join(RECORDS);
        let mut verifier = ChainVerifier::new(origin, IdCheck::All);
        if !is_there(&path)? {
            return Ok((Vec::new(), verifier));
        }
        let entries = ExportedEntries::open(&path)?;
        let announced = entries.announced().clone();
        if announced.origin != *origin {
            return Err(LogFailure::OtherOrigin {
                expected: origin.clone(),
                found: announced.origin,
            });
        }
        let mut records = Vec::new();
        for entry in entries {
            let entry = entry?;
            verifier.next(&entry)?;
            records.push(entry);
        }
        Ok((records, verifier))
    }

    /// Replaces the records by these, durably.
    pub(crate) fn put_records(
        &self,
        origin: &Origin,
        records: &[StoredEntry],
    ) -> Result<(), LogFailure> {
        let path = self.path.join(RECORDS);
        let header = ExportHeader {
            origin: origin.clone(),
            size: u64::try_from(records.len()).unwrap_or(u64::MAX),
        };
        let mut text = Vec::new();
        line(&mut text, &header)
            .and_then(|()| records.iter().try_for_each(|entry| line(&mut text, entry)))
            .and_then(|()| make_folder(&self.path))
            .and_then(|()| replace(&path, &text, Readers::Owner))
            .map_err(|error| failed(&path, error))
    }

    /// The checkpoint, verified; none where none was published.
    pub(crate) fn checkpoint(
        &self,
        origin: &Origin,
        key: &NoteVerifier,
    ) -> Result<Option<VerifiedCheckpoint>, LogFailure> {
        checkpoint_in(&self.path.join(CHECKPOINT), origin, key)
    }

    /// Writes the checkpoint, behind every tile and bundle that is not as it is to be.
    pub(crate) fn publish(
        &self,
        checkpoint: &VerifiedCheckpoint,
        entries: impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), LogFailure> {
        let mut files = TreeFiles::default();
        let mut bundle = Vec::new();
        let mut written = Vec::new();
        for entry in entries {
            bundle.push(entry);
            if bundle.len() == usize::from(TILE_WIDTH) {
                written.extend(self.put(files.add(std::mem::take(&mut bundle)))?);
            }
        }
        if !bundle.is_empty() {
            written.extend(self.put(files.add(bundle))?);
        }
        written.extend(self.put(files.edge())?);
        put_checkpoint(&self.path.join(CHECKPOINT), checkpoint)?;
        written.iter().try_for_each(|name| self.tidy(name))
    }

    /// Removes the partial tiles that this one came in the place of (tlog-tiles, Partial Tiles).
    fn tidy(&self, name: &TilePath) -> Result<(), LogFailure> {
        let full = name.with_width(TILE_WIDTH).map_err(LogFailure::Path)?;
        let partials = self.path.join(format!("{full}.p"));
        let removed = if name.is_partial() {
            let earlier = (1..name.width()).map(|width| partials.join(width.to_string()));
            earlier
                .map(fs::remove_file)
                .find(|removed| !is_gone(removed))
        } else {
            Some(fs::remove_dir_all(&partials)).filter(|removed| !is_gone(removed))
        };
        removed
            .unwrap_or(Ok(()))
            .map_err(|error| failed(&partials, error))
    }

    /// Tells which were written; what is there already is left as it is.
    fn put(
        &self,
        files: Result<Vec<TreeFile>, TreeFilesError>,
    ) -> Result<Vec<TilePath>, LogFailure> {
        let files = files.map_err(|error| failed(&self.path, io::Error::other(error)))?;
        let mut written = Vec::new();
        for (name, bytes) in files {
            let path = self.path.join(name.to_string());
            if is_there(&path)?
                && read_file(&path, bytes.len())?.as_deref() == Some(bytes.as_slice())
            {
                continue;
            }
            make_folder(path.parent().unwrap_or(&self.path))
                .and_then(|()| replace(&path, &bytes, Readers::Any))
                .map_err(|error| failed(&path, error))?;
            written.push(name);
        }
        Ok(written)
    }
}

/// Whether nothing is there any more.
fn is_gone(removed: &io::Result<()>) -> bool {
    removed
        .as_ref()
        .err()
        .is_none_or(|error| error.kind() == io::ErrorKind::NotFound)
}

/// A checkpoint of that log in a file, if there is one, verified.
pub(crate) fn checkpoint_in(
    path: &Path,
    origin: &Origin,
    key: &NoteVerifier,
) -> Result<Option<VerifiedCheckpoint>, LogFailure> {
    if !is_there(path)? {
        return Ok(None);
    }
    let Some(bytes) = read_file(path, MAX_NOTE_BYTES)? else {
        return Ok(None);
    };
    let keys = std::slice::from_ref(key);
    let trusted = trust::checkpoint(&bytes, origin, keys, &Quorum::none());
    let trusted = trusted.map_err(|failure| LogFailure::State {
        path: path.to_owned(),
        problem: failure.to_string(),
    })?;
    Ok(Some(trusted.checkpoint))
}

/// Replaces the checkpoint in a file, durably.
pub(crate) fn put_checkpoint(
    path: &Path,
    checkpoint: &VerifiedCheckpoint,
) -> Result<(), LogFailure> {
    let text = checkpoint.note().to_string();
    replace(path, text.as_bytes(), Readers::Any).map_err(|error| failed(path, error))
}

/// Size and root of the tree over the first of those entries.
pub(crate) fn head_of(entries: &[StoredEntry], size: u64) -> Result<Option<TreeHead>, TreeError> {
    let Some(entries) = usize::try_from(size)
        .ok()
        .and_then(|size| entries.get(..size))
    else {
        return Ok(None);
    };
    let leaves = entries.iter().map(|stored| LeafHash::of(&stored.entry));
    let leaves: Vec<LeafHash> = leaves.collect();
    Ok(Some(integrate(&EdgeTiles::empty(), &leaves)?.head))
}

/// Whether there is a file. What is something else is not opened: who may write in the folder could have a reader wait
/// for ever.
fn is_there(path: &Path) -> Result<bool, LogFailure> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(_) => Err(failed(path, io::Error::other("not a regular file"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(path, error)),
    }
}

fn line(text: &mut Vec<u8>, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *text, value)?;
    text.push(b'\n');
    Ok(())
}

fn failed(path: &Path, error: io::Error) -> LogFailure {
    LogFailure::File {
        path: path.to_owned(),
        error,
    }
}
