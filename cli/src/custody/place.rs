//! The trusted place of a register: the last head that was signed, and the record that it was signed for.
//!
//! | file | what |
//! |---|---|
//! | `<head>.record` | the record that is next, before its head is signed |
//! | `<head>` | the signed head: once it stands, so does that record |
//! | `<head>.lock` | held by who writes, shared by who reads |

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use sluis_log::{NoteVerifier, Origin, StoredEntry, VerifiedCheckpoint};

use super::failure::CustodyFailure;
use super::settings::Settings;
use crate::files::{FileFailure, Readers, beside, folder_of, make_folder, replace};
use crate::log::{LogFailure, LogFolder, checkpoint_in, put_checkpoint, read_file};

/// Longest record of custody: some hundred bytes, of which codes and settings are bounded.
const MAX_RECORD_BYTES: usize = 64 * 1024;

/// For how long another process is waited for: five seconds.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// The trusted place, locked.
pub(super) struct TrustedPlace<'a> {
    head: &'a Path,
    _lock: File,
}

impl<'a> TrustedPlace<'a> {
    /// Makes it, with its folder, for a register that is begun.
    pub(super) fn make(settings: &'a Settings) -> Result<Self, CustodyFailure> {
        let head = &settings.head;
        for folder in [&settings.folder, folder_of(head)] {
            make_folder(folder).map_err(failed(folder))?;
        }
        apart(settings)?;
        Self::taken(head, Self::lock_file(head, true)?)
    }

    /// To write in, by this process alone.
    pub(super) fn to_write(settings: &'a Settings) -> Result<Self, CustodyFailure> {
        let head = begun(settings)?;
        Self::taken(head, Self::lock_file(head, true)?)
    }

    /// To read, while nobody writes.
    pub(super) fn to_read(settings: &'a Settings) -> Result<Self, CustodyFailure> {
        let head = begun(settings)?;
        let lock = Self::lock_file(head, false)?;
        lock.lock_shared().map_err(failed(head))?;
        Ok(Self { head, _lock: lock })
    }

    /// Opened to be written where the lock is to be exclusive, as file systems of other machines want it.
    fn lock_file(head: &Path, to_write: bool) -> Result<File, CustodyFailure> {
        let path = beside(head, ".lock");
        let mut options = File::options();
        let is_there = path.exists();
        options.read(true).write(to_write || !is_there);
        let opened = options.create(to_write || !is_there).open(&path);
        opened.map_err(failed(&path))
    }

    /// Readers are done in a moment, and so are those who write.
    fn taken(head: &'a Path, lock: File) -> Result<Self, CustodyFailure> {
        for _ in 0..LOCK_ATTEMPTS {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { head, _lock: lock }),
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(failed(head)(error)),
            }
        }
        Err(CustodyFailure::Busy(head.to_owned()))
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

/// The head of a register that was begun.
fn begun(settings: &Settings) -> Result<&Path, CustodyFailure> {
    let head = settings.head.as_path();
    apart(settings)?;
    if head.exists() {
        Ok(head)
    } else if LogFolder::new(settings.folder.clone()).is_empty()? {
        Err(CustodyFailure::NotBegun(head.to_owned()))
    } else {
        Err(CustodyFailure::HeadGone(head.to_owned()))
    }
}

/// Whoever puts the folder back must not put the head back with it.
fn apart(settings: &Settings) -> Result<(), CustodyFailure> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    match (real(&settings.folder), real(folder_of(&settings.head))) {
        (Some(folder), Some(parent)) if parent.starts_with(&folder) => {
            Err(CustodyFailure::NotApart(settings.head.clone()))
        }
        (_, _) => Ok(()),
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> CustodyFailure {
    let name = path.display().to_string();
    move |error| {
        let name = name.clone();
        FileFailure::Write { name, error }.into()
    }
}
