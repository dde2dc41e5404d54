//! `sluis log export`: the whole log in a file, complete or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sluis_log::{ChainVerifier, ExportHeader, FsckError, IdCheck};

use super::ExportArguments;
use super::failure::LogFailure;
use super::remote::RemoteLog;
use super::source::{Announced, RemoteEntries};

pub(crate) fn export(arguments: &ExportArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let ExportArguments { server, out: path } = arguments;
    let failed = |error| LogFailure::File {
        path: path.clone(),
        error,
    };
    if path.exists() {
        return Err(failed(io::Error::from(io::ErrorKind::AlreadyExists)));
    }
    let log = RemoteLog::new(&server.url, &server.auditor_token_file)?;
    let entries = RemoteEntries::begin(&log)?;
    let partial = Partial::create(path).map_err(failed)?;
    let verdict = write(entries, &partial, path)?;
    partial.complete(path).map_err(failed)?;
    // A log that does not verify is exported all the same: it is evidence.
    let size = verdict?;
    writeln!(out, "{}: {size} entries, all verify", path.display()).map_err(LogFailure::Output)
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
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    fn create(path: &Path) -> io::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // It holds personal data, if under pseudonyms.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        Ok(Self { path, file })
    }

    fn complete(&self, path: &Path) -> io::Result<()> {
        // Unlike a rename, a link does not replace a file that has come meanwhile.
        fs::hard_link(&self.path, path)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
