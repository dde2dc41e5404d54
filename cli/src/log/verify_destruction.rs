//! `sluis log verify-destruction`: the record of a period that ended. Off line: who signed it, and that the period was over
//! by then. With the log: that the entry it names stands there and says the same, and that the first and last payload
//! that it counts are gone.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use sluis_log::{
    DestructionRecord, LoggedDestruction, MAX_NOTE_BYTES, NoteVerifier, Origin, Quorum, Shard,
    SignedNote, StoredEntry,
};

use super::credential::Credential;
use super::deployment;
use super::destruction::{DestructionFailure, has_come, show, signed};
use super::failure::LogFailure;
use super::fsck::RECORDS;
use super::prove;
use super::remote::RemoteLog;
use super::source::ExportedEntries;
use super::tree_source::TreeSource;
use super::trust;
use super::verify::read;
use crate::clock::now_millis;

#[derive(Debug, Args)]
pub(crate) struct VerifyDestructionArguments {
    /// The record, as `sluis log retain` keeps it
    #[arg(value_name = "FILE")]
    record: PathBuf,
    /// The deployment's verifier key, `<origin>+<id>+<key>`; may be repeated
    #[arg(long = "key", value_name = "KEY", value_parser = NoteVerifier::parse, required = true)]
    keys: Vec<NoteVerifier>,
    /// Against the logs of this validator, such as <https://validator.example.be>; http only on this machine
    #[arg(long, value_name = "URL", conflicts_with = "dir")]
    url: Option<String>,
    #[command(flatten)]
    credential: Credential,
    /// Against the logs in this folder, as `export --dir` writes it
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub(crate) fn verify(
    arguments: &VerifyDestructionArguments,
    out: &mut impl Write,
) -> Result<(), LogFailure> {
    let keys = &arguments.keys;
    let deployment = trust::origin_of(keys, None)?;
    let note = SignedNote::parse(&read(&arguments.record, MAX_NOTE_BYTES)?)
        .map_err(|error| DestructionFailure::Record(error.into()))?;
    let verified = signed(&note, keys).map_err(DestructionFailure::Record)?;
    let record = verified.record();
    let now = now_millis().map_err(LogFailure::Clock)?;
    has_come(record, now)?;
    show(record, out).map_err(LogFailure::Output)?;
    say("the log signed it, and the period was over by then", out)?;
    let place = match (&arguments.url, &arguments.dir) {
        (Some(url), _) => Place::Server(RemoteLog::new(url, &arguments.credential)?),
        (None, Some(folder)) => Place::Folder(folder.clone()),
        (None, None) => return Ok(()),
    };
    let logs = Logs { deployment, place };
    logs.has_entry(record, keys)?;
    say("the entry stands in the log, and says the same", out)?;
    logs.have_nothing(record, keys)?;
    say(
        "the first and the last entry that each log counts stand there, and their payloads are gone",
        out,
    )
}

fn say(what: &str, out: &mut impl Write) -> Result<(), LogFailure> {
    writeln!(out, "verified: {what}").map_err(LogFailure::Output)
}

/// Where the deployment's logs are.
enum Place {
    Server(RemoteLog),
    Folder(PathBuf),
}

struct Logs {
    deployment: Origin,
    place: Place,
}

/// One of them.
enum OneLog {
    Server(RemoteLog),
    Folder(PathBuf),
}

impl Logs {
    /// The log of that origin, which a record names.
    fn at(&self, log: &Origin) -> Result<OneLog, LogFailure> {
        let shard = deployment::shard_of(self.deployment.as_str(), log);
        let shard = shard.ok_or_else(|| DestructionFailure::NoSuchLog {
            log: log.clone(),
            deployment: self.deployment.clone(),
        })?;
        Ok(match &self.place {
            Place::Server(server) => OneLog::Server(server.at(shard)),
            Place::Folder(folder) => {
                let alone = shard == Shard::Whole && deployment::in_folder(folder)?.is_none();
                OneLog::Folder(if alone {
                    folder.clone()
                } else {
                    deployment::place(folder, shard)
                })
            }
        })
    }

    /// The entry that was logged before: it is in the tree, and it tells of this destruction.
    fn has_entry(
        &self,
        record: &DestructionRecord,
        keys: &[NoteVerifier],
    ) -> Result<(), LogFailure> {
        let named = record.entry();
        let index = named.index;
        let stored = self.proven(&named.log, &[index], keys)?.into_iter().next();
        let stored = stored.ok_or(LogFailure::OtherEntry { index })?;
        let said = LoggedDestruction::read(&stored).map_err(|error| DestructionFailure::Entry {
            log: named.log.clone(),
            index,
            error,
        })?;
        if said.is_of(record) {
            return Ok(());
        }
        let log = named.log.clone();
        Err(DestructionFailure::OtherDestruction { log, index }.into())
    }

    /// The records at those indices, each of the entry that the signed tree has there.
    fn proven(
        &self,
        log: &Origin,
        indices: &[u64],
        keys: &[NoteVerifier],
    ) -> Result<Vec<StoredEntry>, LogFailure> {
        let read = self.at(log)?;
        let keys = trust::keys_of_log(keys, None, log)?;
        let (source, quorum) = (read.source(), Quorum::none());
        let trusted = trust::checkpoint(&source.checkpoint()?, log, &keys, &quorum)?;
        let found = read.records(log, indices)?;
        for stored in &found {
            let index = stored.index;
            let (bundle, leaf) = prove::bundle(&source, &trusted, index)?;
            bundle.verify(leaf, log, &keys, &quorum)?;
            if bundle.extra.as_ref() != Some(&stored.entry) {
                return Err(LogFailure::OtherEntry { index });
            }
        }
        Ok(found)
    }

    /// What the record counts begins and ends with entries of the stream whose payload is gone.
    fn have_nothing(
        &self,
        record: &DestructionRecord,
        keys: &[NoteVerifier],
    ) -> Result<(), LogFailure> {
        for destroyed in record.logs() {
            let Some(range) = destroyed.payloads else {
                continue;
            };
            let log = &destroyed.log;
            for stored in self.proven(log, &[range.first(), range.last()], keys)? {
                let index = stored.index;
                let entry = stored.decode().ok();
                let stream = entry.map(|entry| entry.stream());
                if stream != Some(record.period().stream()) {
                    let (log, period) = (log.clone(), record.period());
                    return Err(DestructionFailure::NotOfPeriod { log, index, period }.into());
                }
                if stored.erasable != sluis_log::Erasable::Erased {
                    let log = log.clone();
                    return Err(DestructionFailure::StillThere { log, index }.into());
                }
            }
        }
        Ok(())
    }
}

impl OneLog {
    fn source(&self) -> TreeSource<'_> {
        match self {
            Self::Server(log) => TreeSource::Server(log),
            Self::Folder(folder) => TreeSource::Folder(folder.clone()),
        }
    }

    /// The records at those indices, in their order. Each must be there.
    fn records(&self, origin: &Origin, indices: &[u64]) -> Result<Vec<StoredEntry>, LogFailure> {
        let mut found = Vec::new();
        match self {
            Self::Server(log) => {
                for index in indices {
                    let page = log.page(*index, 1)?;
                    is_of(origin, &page.origin)?;
                    found.extend(page.items.into_iter().filter(|item| item.index == *index));
                }
            }
            Self::Folder(folder) => {
                let entries = ExportedEntries::open(&folder.join(RECORDS))?;
                is_of(origin, &entries.announced().origin)?;
                for entry in entries {
                    let entry = entry?;
                    if indices.contains(&entry.index) {
                        found.push(entry);
                    }
                }
            }
        }
        for index in indices {
            if !found.iter().any(|entry| entry.index == *index) {
                let path = match self {
                    Self::Server(_) => PathBuf::from(origin.as_str()),
                    Self::Folder(folder) => folder.join(RECORDS),
                };
                let index = *index;
                return Err(DestructionFailure::NoRecord { path, index }.into());
            }
        }
        Ok(found)
    }
}

fn is_of(expected: &Origin, found: &Origin) -> Result<(), LogFailure> {
    if expected == found {
        return Ok(());
    }
    Err(LogFailure::OtherOrigin {
        expected: expected.clone(),
        found: found.clone(),
    })
}
