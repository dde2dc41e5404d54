//! What a witness remembers: for each log the checkpoint that it cosigned last, in a file of its own.
//!
//! The file is replaced, and on the disk, before a cosignature leaves. One process at a time has the folder, and one
//! request at a time the store, so that between looking at the last size and replacing it nothing comes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sluis_log::{
    AddCheckpoint, CosignatureSigner, MAX_NOTE_BYTES, NoteVerifier, Quorum, TreeHead,
    VerifiedCheckpoint, WitnessRefusal, WitnessedLog,
};

use crate::files::{Readers, replace};
use crate::log::failure::LogFailure;
use crate::log::tree_source::read_file;
use crate::log::trust;

/// Held by the one process that has the folder.
const LOCK: &str = "lock";

/// A log, and what was cosigned of it last.
struct Known {
    log: WitnessedLog,
    last: Option<VerifiedCheckpoint>,
}

/// The witness's key and memory.
pub(crate) struct WitnessStore {
    folder: PathBuf,
    signer: CosignatureSigner,
    logs: BTreeMap<String, Known>,
    /// Locked as long as it is open.
    _lock: File,
}

/// Why there is no cosignature.
#[derive(Debug)]
pub(crate) enum NotCosigned {
    /// The question's fault.
    Refused(WitnessRefusal),
    /// The witness's own.
    Failed(String),
}

impl WitnessStore {
    /// Opens the folder, and verifies what is in it.
    pub(crate) fn open(
        folder: &Path,
        signer: CosignatureSigner,
        keys: &[NoteVerifier],
    ) -> Result<Self, LogFailure> {
        let failed = |error| LogFailure::File {
            path: folder.to_owned(),
            error,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join(LOCK)).map_err(failed)?;
        lock.try_lock().map_err(|_| LogFailure::State {
            path: folder.to_owned(),
            problem: "another witness has this folder".to_owned(),
        })?;
        let mut logs: BTreeMap<String, Known> = BTreeMap::new();
        for key in keys {
            let origin = trust::origin_of(std::slice::from_ref(key), None)?;
            let known = logs.entry(origin.as_str().to_owned()).or_insert(Known {
                log: WitnessedLog {
                    origin,
                    keys: Vec::new(),
                },
                last: None,
            });
            known.log.keys.push(key.clone());
        }
        for known in logs.values_mut() {
            known.last = last(folder, &known.log, &signer)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            signer,
            logs,
            _lock: lock,
        })
    }

    /// What others verify its cosignatures with.
    pub(crate) fn verifier(&self) -> String {
        self.signer.verifier().to_string()
    }

    /// Cosigns, if the question is one to be cosigned, and only once that is stored.
    pub(crate) fn add_checkpoint(
        &mut self,
        question: AddCheckpoint,
        now: u64,
    ) -> Result<String, NotCosigned> {
        let known = self.logs.get_mut(question.origin_line());
        let last = known.as_ref().and_then(|known| known.last.as_ref());
        let head = last.map_or_else(TreeHead::empty, VerifiedCheckpoint::head);
        let log = known.as_ref().map(|known| &known.log);
        let advance = question.decide(log, head).map_err(NotCosigned::Refused)?;
        let checkpoint = advance.checkpoint().clone();
        let failed = |error: &dyn std::fmt::Display| NotCosigned::Failed(error.to_string());
        let line = self
            .signer
            .cosign(&checkpoint, now)
            .map_err(|error| failed(&error))?;
        let cosigned = checkpoint
            .with_signatures([line.clone()])
            .map_err(|error| failed(&error))?;
        let Some(known) = known else {
            // INVARIANT: `decide` refuses a log that is not known.
            return Err(failed(&"no such log"));
        };
        let path = self.folder.join(known.log.origin_hash());
        let text = cosigned.note().to_string();
        replace(&path, text.as_bytes(), Readers::Any).map_err(|error| failed(&error))?;
        known.last = Some(cosigned);
        Ok(line.to_string())
    }

    /// The checkpoint that was cosigned last of the log whose origin has that hash.
    pub(crate) fn checkpoint(&self, origin_hash: &str) -> Option<String> {
        let mut known = self.logs.values();
        let known = known.find(|known| known.log.origin_hash() == origin_hash)?;
        Some(known.last.as_ref()?.note().to_string())
    }
}

/// The last checkpoint of a log, which the log and this witness must have signed: a witness that does not know what it
/// said does not say more.
fn last(
    folder: &Path,
    log: &WitnessedLog,
    signer: &CosignatureSigner,
) -> Result<Option<VerifiedCheckpoint>, LogFailure> {
    let path = folder.join(log.origin_hash());
    let Some(bytes) = read_file(&path, MAX_NOTE_BYTES)? else {
        return Ok(None);
    };
    let own = Quorum::new(vec![signer.verifier()], 1)?;
    trust::checkpoint(&bytes, &log.origin, &log.keys, &own)
        .map(|trusted| Some(trusted.checkpoint))
        .map_err(|error| LogFailure::State {
            path,
            problem: error.to_string(),
        })
}
