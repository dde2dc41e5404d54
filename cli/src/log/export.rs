//! `sluis log export`: the whole log in a file or a folder, complete or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sluis_log::{
    ChainVerifier, ExportHeader, FsckError, IdCheck, NoteVerifier, Quorum, TilePath, TreeCheck,
};

use super::ExportArguments;
use super::deployment;
use super::failure::LogFailure;
use super::fsck::RECORDS;
use super::progress::Progress;
use super::remote::RemoteLog;
use super::source::{Announced, RemoteEntries};
use super::tree_source::{CHECKPOINT, Copying, TreeSource};
use super::trust;
use crate::files::beside;

pub(crate) fn export(arguments: &ExportArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let ExportArguments {
        server,
        choice,
        to,
        keys,
    } = arguments;
    let server = RemoteLog::new(&server.url, &server.credential)?;
    match (&to.out, &to.dir) {
        (Some(path), _) => {
            // A log that does not verify is exported all the same: it is evidence.
            let size = records(&choice.on(&server)?, path)??;
            writeln!(out, "{}: {size} entries, all verify", path.display())
        }
        (None, Some(folder)) => {
            let made = NewFolder::create(folder)?;
            let size = match choice.shard {
                Some(shard) => {
                    let keys = deployment::keys_of(keys, shard)?;
                    tree(&server.at(shard), &made.path, &keys)?
                }
                None => trees(&server, &made.path, keys)?,
            };
            made.complete(folder)?;
            writeln!(out, "{}: {size} entries, all verify", folder.display())
        }
        // INVARIANT: clap asks for one of the two.
        (None, None) => Ok(()),
    }
    .map_err(LogFailure::Output)
}

/// The records, in a file.
fn records(log: &RemoteLog, path: &Path) -> Result<Result<u64, FsckError>, LogFailure> {
    let failed = |error| LogFailure::File {
        path: path.to_owned(),
        error,
    };
    if path.exists() {
        return Err(failed(io::Error::from(io::ErrorKind::AlreadyExists)));
    }
    let entries = RemoteEntries::begin(log)?;
    let partial = Partial::create(path).map_err(failed)?;
    let verdict = write(entries, &partial, path)?;
    partial.complete(path).map_err(failed)?;
    Ok(verdict)
}

/// Every log of the deployment: one as it is, several each in a folder of its own, beside their map.
fn trees(server: &RemoteLog, folder: &Path, keys: &[NoteVerifier]) -> Result<u64, LogFailure> {
    let origin = trust::origin_of(keys, None)?;
    let (verified, note) = deployment::signed_now(server, &origin, keys)?;
    let map = verified.map();
    if let [log] = map.logs() {
        return tree(&server.at(log.shard), folder, keys);
    }
    let mut size = 0_u64;
    deployment::each(map, |log| {
        let place = deployment::place(folder, log.shard);
        fs::create_dir(&place).map_err(|error| LogFailure::File {
            path: place.clone(),
            error,
        })?;
        let keys = deployment::keys_of(keys, log.shard)?;
        let entries = tree(&server.at(log.shard), &place, &keys)?;
        size = size.saturating_add(entries);
        Ok(())
    })?;
    let path = folder.join(deployment::SHARDS);
    fs::write(&path, note).map_err(|error| LogFailure::File { path, error })?;
    Ok(size)
}

/// Everything of a log, in a folder: what a verification of the whole tree reads is kept as it is read.
fn tree(log: &RemoteLog, folder: &Path, keys: &[NoteVerifier]) -> Result<u64, LogFailure> {
    let origin = trust::origin_of(keys, None)?;
    let source = TreeSource::Server(log);
    let bytes = source.checkpoint()?;
    let trusted = trust::checkpoint(&bytes, &origin, keys, &Quorum::none())?;
    let head = trusted.checkpoint.head();
    let copying = Copying::new(&source, folder);
    let progress = Progress::of(head.size);
    let mut check = TreeCheck::new(head);
    let mut read = |path: &TilePath| copying.tile(path);
    while check.next(&mut read)?.is_some() {
        progress.at(check.checked());
    }
    records(log, &folder.join(RECORDS))??;
    copying.keep(CHECKPOINT, &bytes)?;
    Ok(head.size)
}

/// Writes every entry, and tells whether they verify.
fn write(
    entries: RemoteEntries<'_>,
    partial: &Partial,
    path: &Path,
) -> Result<Result<u64, FsckError>, LogFailure> {
    let failed = |error| LogFailure::File {
        path: path.to_owned(),
        error,
    };
    let mut file = BufWriter::new(&partial.file);
    let Announced { origin, size } = entries.announced().clone();
    let mut verifier = ChainVerifier::new(&origin, IdCheck::All);
    let mut verdict = Ok(());
    write_line(&mut file, &ExportHeader { origin, size }).map_err(failed)?;
    for entry in entries {
        let entry = entry?;
        write_line(&mut file, &entry).map_err(failed)?;
        if verdict.is_ok() {
            verdict = verifier.next(&entry);
        }
    }
    file.flush().map_err(failed)?;
    partial.file.sync_all().map_err(failed)?;
    Ok(verdict
        .and_then(|()| verifier.finish(size))
        .map(|summary| summary.head.size))
}

fn write_line(file: &mut impl Write, line: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}

/// A file that goes by another name until it is complete, and goes away if it never is.
pub(super) struct Partial {
    path: PathBuf,
    pub(super) file: File,
}

impl Partial {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let path = beside(path, ".partial");
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // It holds personal data, if under pseudonyms.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        Ok(Self { path, file })
    }

    pub(super) fn complete(&self, path: &Path) -> io::Result<()> {
        // Unlike a rename, a link does not replace a file that has come meanwhile.
        fs::hard_link(&self.path, path)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A folder that goes by another name until it is complete, and goes away if it never is.
struct NewFolder {
    path: PathBuf,
}

impl NewFolder {
    fn create(folder: &Path) -> Result<Self, LogFailure> {
        let failed = |path: &Path, error| LogFailure::File {
            path: path.to_owned(),
            error,
        };
        if folder.exists() {
            return Err(failed(folder, io::ErrorKind::AlreadyExists.into()));
        }
        let path = beside(folder, ".partial");
        fs::create_dir(&path).map_err(|error| failed(&path, error))?;
        Ok(Self { path })
    }

    fn complete(&self, folder: &Path) -> Result<(), LogFailure> {
        // A folder with files in it is not replaced by a rename.
        fs::rename(&self.path, folder).map_err(|error| LogFailure::File {
            path: folder.to_owned(),
            error,
        })
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
