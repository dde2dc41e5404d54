//! A deployment's logs: which there are, where each is read, and under which keys.
//!
//! A folder of several logs has the signed map, `shards`, and beside it a folder for each log.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use sluis_log::{
    DatedShardMap, KeyName, MAX_NOTE_BYTES, MappedLog, NoteVerifier, Origin, Shard, ShardMap,
    SignedNote, VerifiedShardMap,
};

use super::failure::LogFailure;
use super::remote::RemoteLog;
use super::tree_source::read_file;
use crate::clock::now_millis;

/// The map's name, in a folder and on a server.
pub(crate) const SHARDS: &str = "shards";
/// How the log without a number is called.
const WHOLE: &str = "whole";

/// One of a deployment's logs.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Choice {
    /// Which log, where a deployment has several: its number, or `whole` for the one without
    #[arg(long, value_name = "N", value_parser = parse)]
    pub(crate) shard: Option<Shard>,
}

fn parse(text: &str) -> Result<Shard, &'static str> {
    let shard = if text == WHOLE {
        Some(Shard::Whole)
    } else {
        Shard::numbered(text)
    };
    shard.ok_or("expected the number of a shard, or whole")
}

impl Choice {
    /// The log on a server that was chosen, or the only one there is.
    pub(crate) fn on(self, server: &RemoteLog) -> Result<RemoteLog, LogFailure> {
        let shard = match self.shard {
            Some(shard) => shard,
            None => only(&served(server)?)?,
        };
        Ok(server.at(shard))
    }

    /// The same of a folder.
    pub(crate) fn within(self, folder: &Path) -> Result<PathBuf, LogFailure> {
        match self.shard {
            Some(shard) => Ok(place(folder, shard)),
            None => match in_folder(folder)? {
                None => Ok(folder.to_owned()),
                Some(bytes) => Ok(place(folder, only(&parsed(&bytes)?)?)),
            },
        }
    }

    /// The deployment's keys as those of that log.
    pub(crate) fn keys(self, keys: &[NoteVerifier]) -> Result<Vec<NoteVerifier>, LogFailure> {
        match self.shard {
            Some(shard) => keys_of(keys, shard),
            None => Ok(keys.to_vec()),
        }
    }
}

/// A deployment's key is that of each of its logs, under the log's own name.
pub(crate) fn keys_of(
    keys: &[NoteVerifier],
    shard: Shard,
) -> Result<Vec<NoteVerifier>, LogFailure> {
    let renamed = keys.iter().map(|key| {
        let long = || LogFailure::LongName {
            key: key.name().clone(),
        };
        let deployment = Origin::parse(key.name().as_str()).map_err(|_| long())?;
        let origin = shard.origin(&deployment).map_err(|_| long())?;
        let name = KeyName::parse(origin.as_str()).map_err(|_| long())?;
        Ok(key.renamed(name))
    });
    renamed.collect()
}

/// Those of the keys that are of the log of that origin, or of the deployment that has it.
pub(crate) fn keys_for(
    keys: &[NoteVerifier],
    origin: &Origin,
) -> Result<Vec<NoteVerifier>, LogFailure> {
    let mut found = Vec::new();
    for key in keys {
        match shard_of(key.name().as_str(), origin) {
            Some(Shard::Whole) => found.push(key.clone()),
            Some(shard) => found.extend(keys_of(std::slice::from_ref(key), shard)?),
            None => {}
        }
    }
    Ok(found)
}

/// Which log of the deployment of that name has that origin, if it can be one of its logs.
pub(crate) fn shard_of(deployment: &str, origin: &Origin) -> Option<Shard> {
    match origin.as_str().strip_prefix(deployment)? {
        "" => Some(Shard::Whole),
        rest => Shard::numbered(rest.strip_prefix('/')?),
    }
}

/// The folder of a log, in that of all.
pub(crate) fn place(folder: &Path, shard: Shard) -> PathBuf {
    match shard {
        Shard::Whole => folder.join(WHOLE),
        Shard::Part(number) => folder.join(number.to_string()),
    }
}

/// The map's note in a folder, if it is one of several logs.
pub(crate) fn in_folder(folder: &Path) -> Result<Option<Vec<u8>>, LogFailure> {
    read_file(&folder.join(SHARDS), MAX_NOTE_BYTES)
}

/// The map's note on a server.
fn note(server: &RemoteLog) -> Result<Vec<u8>, LogFailure> {
    let note = server.file(SHARDS, MAX_NOTE_BYTES)?;
    note.ok_or_else(|| server.refused(SHARDS, 404))
}

/// The map that a validator serves; its signature was not looked at.
pub(crate) fn served(server: &RemoteLog) -> Result<ShardMap, LogFailure> {
    parsed(&note(server)?)
}

fn parsed(note: &[u8]) -> Result<ShardMap, LogFailure> {
    let note = SignedNote::parse(note).map_err(LogFailure::Note)?;
    Ok(DatedShardMap::parse(note.text())?.map().clone())
}

/// The map that a validator signs for who asks it now, and its note. An earlier one, which may lack a log, is refused.
pub(crate) fn signed_now(
    server: &RemoteLog,
    origin: &Origin,
    keys: &[NoteVerifier],
) -> Result<(VerifiedShardMap, Vec<u8>), LogFailure> {
    let note = note(server)?;
    let now = now_millis().map_err(LogFailure::Clock)?;
    let verified = verified(&note, origin, keys)?.signed_now(now)?;
    Ok((verified, note))
}

/// The map, signed by a key of the deployment, whenever that was.
pub(crate) fn verified(
    note: &[u8],
    origin: &Origin,
    keys: &[NoteVerifier],
) -> Result<VerifiedShardMap, LogFailure> {
    let note = SignedNote::parse(note).map_err(LogFailure::Note)?;
    Ok(VerifiedShardMap::verify(&note, origin, keys)?)
}

/// The one log of a deployment that has one.
pub(crate) fn only(map: &ShardMap) -> Result<Shard, LogFailure> {
    match map.logs() {
        [log] => Ok(log.shard),
        logs => Err(LogFailure::ManyLogs { count: logs.len() }),
    }
}

/// Whether a folder has the logs of the map and nothing else.
pub(crate) fn check_folder(folder: &Path, map: &ShardMap) -> Result<(), LogFailure> {
    let place_of = |log: &MappedLog| (place(folder, log.shard), log.origin.clone());
    let places: Vec<(PathBuf, Origin)> = map.logs().iter().map(place_of).collect();
    if let Some((path, origin)) = places.iter().find(|(path, _)| !path.is_dir()) {
        return Err(LogFailure::MissingShard {
            path: path.clone(),
            origin: origin.clone(),
        });
    }
    let failed = |error| LogFailure::File {
        path: folder.to_owned(),
        error,
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path != folder.join(SHARDS) && !places.iter().any(|(known, _)| *known == path) {
            return Err(LogFailure::StrayShard { path });
        }
    }
    Ok(())
}

/// Does something with every log of a deployment. Where there are several, the failures come at the end, each with its
/// log's name: one log that does not verify hides no other.
pub(crate) fn each(
    map: &ShardMap,
    one: impl FnMut(&MappedLog) -> Result<(), LogFailure>,
) -> Result<(), LogFailure> {
    together(failures(map, one))
}

/// The same, for who has more to add.
pub(crate) fn failures(
    map: &ShardMap,
    mut one: impl FnMut(&MappedLog) -> Result<(), LogFailure>,
) -> Vec<LogFailure> {
    let mut failures = Vec::new();
    for log in map.logs() {
        let done = one(log).map_err(|failure| match map.logs() {
            [_] => failure,
            _ => LogFailure::OfShard {
                origin: log.origin.clone(),
                failure: Box::new(failure),
            },
        });
        failures.extend(done.err());
    }
    failures
}

/// None, the one, or all of them.
pub(crate) fn together(mut failures: Vec<LogFailure>) -> Result<(), LogFailure> {
    match failures.pop() {
        None => Ok(()),
        Some(only) if failures.is_empty() => Err(only),
        Some(last) => {
            failures.push(last);
            Err(LogFailure::OfShards(failures))
        }
    }
}
