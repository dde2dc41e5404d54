//! The trusted place of a register: the last head that was signed, and the record that it was signed for.
//!
//! | file | what |
//! |---|---|
//! | `<head>.record` | the record that is next, before its head is signed |
//! | `<head>` | the signed head: once it stands, so does that record |
//! | `<head>.lock` | held by who writes, shared by who reads |

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sluis_log::{NoteVerifier, Origin, StoredEntry, VerifiedCheckpoint};

use super::failure::CustodyFailure;
use super::settings::Settings;
use crate::files::{FileFailure, Readers, make_folder, replace};
use crate::log::{LogFailure, checkpoint_in, put_checkpoint, read_file};

/// Longest record of custody: some hundred bytes, of which codes and settings are bounded.
const MAX_RECORD_BYTES: usize = 64 * 1024;

/// The trusted place, locked.
pub(super) struct TrustedPlace<'a> {
    head: &'a Path,
    _lock: File,
}

impl<'a> TrustedPlace<'a> {
    /// Makes it, with its folder, for a register that is begun.
    pub(super) fn make(settings: &'a Settings) -> Result<Self, CustodyFailure> {
        let head = &settings.head;
        let lock = beside(head, ".lock");
        for folder in [&settings.folder, parent(head)] {
            make_folder(folder).map_err(failed(folder))?;
        }
        apart(settings)?;
        let lock = File::create(&lock).map_err(failed(&lock))?;
        Self::taken(head, lock)
    }

    /// To write in, by this process alone.
    pub(super) fn to_write(settings: &'a Settings) -> Result<Self, CustodyFailure> {
        let lock = Self::open(settings)?;
        Self::taken(&settings.head, lock)
    }

    /// To read, while nobody writes.
    pub(super) fn to_read(settings: &'a Settings) -> Result<Self, CustodyFailure> {
        let lock = Self::open(settings)?;
        let head = settings.head.as_path();
        lock.lock_shared().map_err(failed(head))?;
        Ok(Self { head, _lock: lock })
    }

    fn open(settings: &Settings) -> Result<File, CustodyFailure> {
        apart(settings)?;
        let path = beside(&settings.head, ".lock");
        match File::open(&path) {
            Ok(lock) => Ok(lock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(CustodyFailure::NotBegun(settings.head.clone()))
            }
            Err(error) => Err(failed(&path)(error)),
        }
    }

    fn taken(head: &'a Path, lock: File) -> Result<Self, CustodyFailure> {
        match lock.try_lock() {
            Ok(()) => Ok(Self { head, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(CustodyFailure::Busy(head.to_owned())),
            Err(TryLockError::Error(error)) => Err(failed(head)(error)),
        }
    }

    /// The last head that was signed.
    pub(super) fn head(
        &self,
        origin: &Origin,
        key: &NoteVerifier,
    ) -> Result<Option<VerifiedCheckpoint>, LogFailure> {
        checkpoint_in(self.head, origin, key)
    }

    /// Moves it, durably.
    pub(super) fn put_head(&self, checkpoint: &VerifiedCheckpoint) -> Result<(), LogFailure> {
        put_checkpoint(self.head, checkpoint)
    }

    /// The record that was to be signed last. Whether it was, the head tells.
    pub(super) fn record(&self) -> Result<Option<StoredEntry>, CustodyFailure> {
        let path = beside(self.head, ".record");
        let bytes = read_file(&path, MAX_RECORD_BYTES)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Writes the record that is to be signed, durably.
    pub(super) fn put_record(&self, record: &StoredEntry) -> Result<(), CustodyFailure> {
        let path = beside(self.head, ".record");
        let text = serde_json::to_vec(record).map_err(io::Error::from);
        text.and_then(|text| replace(&path, &text, Readers::Owner))
            .map_err(failed(&path))
    }
}

/// Whoever puts the folder back must not put the head back with it.
fn apart(settings: &Settings) -> Result<(), CustodyFailure> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    match (real(&settings.folder), real(parent(&settings.head))) {
        (Some(folder), Some(parent)) if parent.starts_with(&folder) => {
            Err(CustodyFailure::NotApart(settings.head.clone()))
        }
        (_, _) => Ok(()),
    }
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent();
    let named = parent.filter(|parent| !parent.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

fn beside(head: &Path, ending: &str) -> PathBuf {
    let mut name = head.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn failed(path: &Path) -> impl Fn(io::Error) -> CustodyFailure {
    let name = path.display().to_string();
    move |error| {
        let name = name.clone();
        FileFailure::Write { name, error }.into()
    }
}
