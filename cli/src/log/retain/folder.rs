//! The folder with the destruction records of a deployment, one file a period.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sluis_log::{MAX_NOTE_BYTES, RetentionPeriod, SignedNote};

use super::RetainFailure;
use crate::log::export::Partial;
use crate::log::failure::LogFailure;
use crate::log::tree_source::read_file;

/// How the files end.
const SUFFIX: &str = ".destruction";

/// Whether a record was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    New,
    Known,
}

/// The file of a period: `accesses-2037-01-01.destruction`.
pub(super) fn name_of(period: RetentionPeriod) -> String {
    format!("{}{SUFFIX}", period.to_string().replace('/', "-"))
}

/// A folder that is there.
pub(super) struct RecordFolder(PathBuf);

impl RecordFolder {
    /// Before anything is destroyed, it must be possible to keep what is said of it.
    pub(super) fn open(path: &Path) -> Result<Self, LogFailure> {
        let folder = Self(path.to_owned());
        fs::create_dir_all(path).map_err(|error| failed_at(path, error))?;
        let probe = folder.own("writable");
        Partial::create(&probe).map_err(|error| failed_at(&probe, error))?;
        Ok(folder)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Keeps a record, unless it is there. Another one in its place stays, and is a failure.
    pub(super) fn keep(&self, name: &str, note: &SignedNote) -> Result<Kept, LogFailure> {
        let path = self.path(name);
        let text = note.to_string();
        if let Some(there) = read_file(&path, MAX_NOTE_BYTES)? {
            return if there == text.as_bytes() {
                Ok(Kept::Known)
            } else {
                Err(RetainFailure::Differs { path }.into())
            };
        }
        let failed = |error| failed_at(&path, error);
        let mut partial = Partial::create(&self.own(name)).map_err(failed)?;
        partial.file.write_all(text.as_bytes()).map_err(failed)?;
        partial.file.sync_all().map_err(failed)?;
        partial.complete(&path).map_err(failed)?;
        Ok(Kept::New)
    }

    /// A name that no other run uses: what one that was killed left behind is in nobody's way.
    fn own(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.{}", std::process::id()))
    }

    /// Whether every record that was kept is among those names.
    pub(super) fn has_only(&self, names: &[String]) -> Result<(), LogFailure> {
        for entry in fs::read_dir(&self.0).map_err(|error| failed_at(&self.0, error))? {
            let entry = entry.map_err(|error| failed_at(&self.0, error))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(SUFFIX) && !names.iter().any(|known| *known == name) {
                let path = entry.path();
                return Err(RetainFailure::Forgotten { path }.into());
            }
        }
        Ok(())
    }
}

fn failed_at(path: &Path, error: io::Error) -> LogFailure {
    LogFailure::File {
        path: path.to_owned(),
        error,
    }
}
