//! `sluis log fsck`: a whole log. Every entry, every tile, the root and its signature; and by its records, unless the
//! user wants the tree alone, the chain, every commitment, that the log only grew, and that every payload which is
//! missing was destroyed by right.
//!
//! What was destroyed is said by entries, in any of a deployment's logs, or by signed records. So of several logs
//! whose payloads are missing is judged when all of them were read.

mod chain;

use std::io::{self, Write};
use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding};
use sluis_log::{
    ChainHash, ChainHead, CheckpointError, DestroyedPeriods, HASH_BYTES, LogSummary,
    MAX_NOTE_BYTES, NoteVerifier, Origin, Quorum, Shard, ShardMap, SignedNote, TilePath, TreeCheck,
    UnixMillis, VerifiedDestruction, VerifiedShardMap,
};
use thiserror::Error;

use self::chain::{Chain, Records};
use super::FsckArguments;
use super::deployment;
use super::destruction::{DestructionFailure, has_come, signed};
use super::failure::LogFailure;
use super::progress::Progress;
use super::remote::RemoteLog;
use super::source::{ExportedEntries, RemoteEntries};
use super::strays;
use super::tree_source::{TreeSource, read_file};
use super::trust::{self, Trusted};
use crate::clock;

/// The records in a folder, in the form of an export.
pub(crate) const RECORDS: &str = "records.jsonl";

/// A head that was verified before, `<size>:<chain>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownHead(ChainHead);

/// The text is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected <size>:<chain>, as `sluis log fsck` prints it")]
pub(crate) struct KnownHeadError;

impl KnownHead {
    pub(crate) fn parse(text: &str) -> Result<Self, KnownHeadError> {
        let (size, chain) = text.split_once(':').ok_or(KnownHeadError)?;
        let mut hash = [0; HASH_BYTES];
        let bytes = Base64UrlUnpadded::decode(chain, &mut hash).map_err(|_| KnownHeadError)?;
        if bytes.len() != HASH_BYTES {
            return Err(KnownHeadError);
        }
        let size = size.parse().map_err(|_| KnownHeadError)?;
        Ok(Self(ChainHead {
            size,
            hash: ChainHash(hash),
        }))
    }
}

pub(crate) fn fsck(arguments: &FsckArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let mut check = Check::new(arguments)?;
    let from = &arguments.from;
    let failures = match (&from.dir, &from.file, &from.url) {
        (Some(folder), ..) => in_folders(arguments, folder, &mut check)?,
        (_, Some(file), ..) => {
            let entries = ExportedEntries::open(file)?;
            let announced = entries.announced().clone();
            let wanted = Wanted::new(arguments, &[], None)?;
            let chain = Chain::new(&wanted, announced, Box::new(entries), check.now)?;
            check.chain_alone(chain)?;
            Vec::new()
        }
        (_, _, Some(url)) => {
            let server = RemoteLog::new(url, &arguments.credential)?;
            on_server(arguments, &server, &mut check)?
        }
        // INVARIANT: clap asks for one of the three.
        (None, None, None) => Vec::new(),
    };
    check.finish(failures, out)
}

/// One log's folder, or those of several beside their map.
fn in_folders(
    arguments: &FsckArguments,
    folder: &Path,
    check: &mut Check,
) -> Result<Vec<LogFailure>, LogFailure> {
    let keys = &arguments.keys;
    if let Some(shard) = arguments.choice.shard {
        let wanted = Wanted::new(arguments, keys, Some(shard))?;
        in_folder(&wanted, &deployment::place(folder, shard), check)?;
        return Ok(Vec::new());
    }
    let Some(note) = deployment::in_folder(folder)? else {
        in_folder(&Wanted::new(arguments, keys, None)?, folder, check)?;
        return Ok(Vec::new());
    };
    let origin = trust::origin_of(keys, arguments.origin.as_ref())?;
    let verified = deployment::verified(&note, &origin, keys)?;
    let map = verified.map();
    several(arguments, map)?;
    deployment::check_folder(folder, map)?;
    check.map = Some(ReadMap::from(&verified));
    Ok(deployment::failures(map, |log| {
        let wanted = Wanted::new(arguments, keys, Some(log.shard))?;
        in_folder(&wanted, &deployment::place(folder, log.shard), check)
    }))
}

fn in_folder(wanted: &Wanted, folder: &Path, check: &mut Check) -> Result<(), LogFailure> {
    let source = TreeSource::Folder(folder.to_owned());
    let trusted = wanted.signed(&source)?;
    let chain = if wanted.tree_only {
        None
    } else {
        let path = folder.join(RECORDS);
        // An export always has them: with them every payload would be gone, and nobody be told.
        if !path.exists() {
            return Err(LogFailure::NoRecords { path });
        }
        let entries = ExportedEntries::open(&path)?;
        let announced = entries.announced().clone();
        Some(Chain::new(wanted, announced, Box::new(entries), check.now)?)
    };
    let records = tree(&source, &trusted, chain, &mut check.destroyed)?;
    strays::check(folder, &source, trusted.checkpoint.head().size)?;
    check.read.push(ReadLog {
        trusted: Some(trusted),
        records,
    });
    Ok(())
}

/// The log that was chosen, or all of the map.
fn on_server(
    arguments: &FsckArguments,
    server: &RemoteLog,
    check: &mut Check,
) -> Result<Vec<LogFailure>, LogFailure> {
    let keys = &arguments.keys;
    let one = |shard, check: &mut Check| {
        let wanted = Wanted::new(arguments, keys, Some(shard))?;
        served(&wanted, &server.at(shard), arguments.chain_only, check)
    };
    if let Some(shard) = arguments.choice.shard {
        one(shard, check)?;
        return Ok(Vec::new());
    }
    let read = if arguments.chain_only {
        let map = deployment::served(server)?;
        ReadMap { map, signed: None }
    } else {
        let origin = trust::origin_of(keys, arguments.origin.as_ref())?;
        let (verified, _) = deployment::signed_now(server, &origin, keys)?;
        ReadMap::from(&verified)
    };
    let map = read.map.clone();
    several(arguments, &map)?;
    check.map = Some(read);
    Ok(deployment::failures(&map, |log| one(log.shard, check)))
}

fn served(
    wanted: &Wanted,
    log: &RemoteLog,
    chain_only: bool,
    check: &mut Check,
) -> Result<(), LogFailure> {
    if chain_only {
        let entries = RemoteEntries::begin(log)?;
        let announced = entries.announced().clone();
        let chain = Chain::new(wanted, announced, Box::new(entries), check.now)?;
        return check.chain_alone(chain);
    }
    let source = TreeSource::Server(log);
    // The checkpoint first: the entries that it is about are there when they are read.
    let trusted = wanted.signed(&source)?;
    let entries = match RemoteEntries::begin(log) {
        Ok(entries) => entries,
        // Without records the tree still tells what is damaged.
        Err(refused) if refused.is_unavailable() => {
            tree(&source, &trusted, None, &mut check.destroyed)?;
            return Err(refused);
        }
        Err(error) => return Err(error),
    };
    let announced = entries.announced().clone();
    let chain = Chain::new(wanted, announced, Box::new(entries), check.now)?;
    let records = tree(&source, &trusted, Some(chain), &mut check.destroyed)?;
    check.read.push(ReadLog {
        trusted: Some(trusted),
        records,
    });
    Ok(())
}

/// An earlier head is one log's.
fn several(arguments: &FsckArguments, map: &ShardMap) -> Result<(), LogFailure> {
    match arguments.extends {
        Some(_) => deployment::only(map).map(drop),
        None => Ok(()),
    }
}

/// What one log is held against.
struct Wanted {
    keys: Vec<NoteVerifier>,
    quorum: Quorum,
    origin: Option<Origin>,
    known: Option<ChainHead>,
    /// Of a folder without its records.
    tree_only: bool,
}

impl Wanted {
    /// Of one of a deployment's logs; of the log that the keys are of, if none is said.
    fn new(
        arguments: &FsckArguments,
        keys: &[NoteVerifier],
        shard: Option<Shard>,
    ) -> Result<Self, LogFailure> {
        let origin = arguments.origin.clone();
        let (keys, origin) = match shard {
            None => (keys.to_vec(), origin),
            Some(shard) => {
                let origin = origin.map(|origin| shard.origin(&origin));
                let origin = origin.transpose().map_err(CheckpointError::from)?;
                (deployment::keys_of(keys, shard)?, origin)
            }
        };
        Ok(Self {
            keys,
            quorum: arguments.witnesses.quorum()?,
            origin,
            known: arguments.extends.map(|KnownHead(head)| head),
            tree_only: arguments.tree_only,
        })
    }

    /// The checkpoint under the keys that were named.
    fn signed(&self, source: &TreeSource<'_>) -> Result<Trusted, LogFailure> {
        let origin = trust::origin_of(&self.keys, self.origin.as_ref())?;
        trust::checkpoint(&source.checkpoint()?, &origin, &self.keys, &self.quorum)
    }
}

/// The whole tree, and beside it the records if they are wanted. If those stop coming, the tree is read to its end all the
/// same: it tells what is damaged.
fn tree(
    source: &TreeSource<'_>,
    trusted: &Trusted,
    mut chain: Option<Chain<'_>>,
    destroyed: &mut DestroyedPeriods,
) -> Result<Option<Records>, LogFailure> {
    let head = trusted.checkpoint.head();
    if let Some(chain) = &chain {
        chain.is_of(trusted.checkpoint.checkpoint().origin(), head.size)?;
    }
    let progress = Progress::of(head.size);
    let mut check = TreeCheck::new(head);
    let mut read = |path: &TilePath| source.tile(path);
    let mut stopped = None;
    while let Some(bundle) = check.next(&mut read)? {
        let covered = chain
            .as_mut()
            .map_or(Ok(()), |chain| chain.covers(bundle.entries(), destroyed));
        match covered {
            Err(refused) if refused.is_unavailable() => {
                stopped = Some(refused);
                chain = None;
            }
            covered => covered?,
        }
        progress.at(check.checked());
    }
    if let Some(refused) = stopped {
        return Err(refused);
    }
    chain.map(|chain| chain.finish(destroyed)).transpose()
}

/// A log that was read, and verifies as far as that tells.
struct ReadLog {
    /// None where the records alone were read: there is no tree, or it was not asked for.
    trusted: Option<Trusted>,
    records: Option<Records>,
}

/// All that is read, and what of it says that payloads were destroyed.
struct Check {
    now: UnixMillis,
    destroyed: DestroyedPeriods,
    read: Vec<ReadLog>,
    map: Option<ReadMap>,
}

/// Which logs there are.
struct ReadMap {
    map: ShardMap,
    /// None if the signature was not verified.
    signed: Option<UnixMillis>,
}

impl From<&VerifiedShardMap> for ReadMap {
    fn from(verified: &VerifiedShardMap) -> Self {
        Self {
            map: verified.map().clone(),
            signed: Some(verified.at()),
        }
    }
}

impl ReadMap {
    /// An earlier map may have fewer logs: that of a folder is as old as the export, and for the reader to judge.
    fn report(&self, out: &mut impl Write) -> io::Result<()> {
        let (origin, count) = (self.map.origin(), self.map.logs().len());
        write!(out, "map of the logs of {origin}: {count}, ")?;
        match self.signed {
            Some(at) => writeln!(out, "signed at {at}"),
            None => writeln!(out, "not verified"),
        }
    }
}

impl Check {
    fn new(arguments: &FsckArguments) -> Result<Self, LogFailure> {
        let now = clock::now_millis().map_err(LogFailure::Clock)?;
        let mut destroyed = DestroyedPeriods::default();
        for path in &arguments.destructions {
            destroyed.record(&destruction(path, &arguments.keys, now)?, now);
        }
        Ok(Self {
            now,
            destroyed,
            read: Vec::new(),
            map: None,
        })
    }

    fn chain_alone(&mut self, chain: Chain<'_>) -> Result<(), LogFailure> {
        let records = chain.finish(&mut self.destroyed)?;
        self.read.push(ReadLog {
            trusted: None,
            records: Some(records),
        });
        Ok(())
    }

    /// Judges what is missing, and reports what verifies.
    fn finish(self, mut failures: Vec<LogFailure>, out: &mut impl Write) -> Result<(), LogFailure> {
        let several = match &self.map {
            Some(read) => {
                read.report(out).map_err(LogFailure::Output)?;
                read.map.logs().len() > 1
            }
            None => false,
        };
        for log in &self.read {
            let Some(records) = &log.records else {
                log.report(out)?;
                continue;
            };
            match records.erasures.finish(&self.destroyed) {
                Ok(()) => log.report(out)?,
                Err(error) if several => failures.push(LogFailure::OfShard {
                    origin: records.origin.clone(),
                    failure: Box::new(error.into()),
                }),
                Err(error) => failures.push(error.into()),
            }
        }
        deployment::together(failures)
    }
}

/// A destruction record, signed by one of the keys, of what is no more to come.
fn destruction(
    path: &Path,
    keys: &[NoteVerifier],
    now: UnixMillis,
) -> Result<VerifiedDestruction, LogFailure> {
    let failed = |error| LogFailure::Destruction {
        path: path.to_owned(),
        error,
    };
    let no_record = |error| failed(DestructionFailure::Record(error));
    let missing = || LogFailure::File {
        path: path.to_owned(),
        error: io::ErrorKind::NotFound.into(),
    };
    let bytes = read_file(path, MAX_NOTE_BYTES)?.ok_or_else(missing)?;
    let note = SignedNote::parse(&bytes).map_err(|error| no_record(error.into()))?;
    let verified = signed(&note, keys).map_err(no_record)?;
    has_come(verified.record(), now).map_err(failed)?;
    Ok(verified)
}

impl ReadLog {
    fn report(&self, out: &mut impl Write) -> Result<(), LogFailure> {
        match (&self.trusted, &self.records) {
            (Some(trusted), records) => tree_report(trusted, records.as_ref(), out),
            (
                None,
                Some(Records {
                    origin, summary, ..
                }),
            ) => writeln!(out, "{origin}: {} entries, all verify", summary.head.size)
                .and_then(|()| show_records(summary, out)),
            // INVARIANT: a log without its tree was read for its records.
            (None, None) => Ok(()),
        }
        .map_err(LogFailure::Output)
    }
}

fn tree_report(
    trusted: &Trusted,
    records: Option<&Records>,
    out: &mut impl Write,
) -> io::Result<()> {
    let checkpoint = trusted.checkpoint.checkpoint();
    let head = checkpoint.head();
    writeln!(
        out,
        "{}: {} entries, all verify",
        checkpoint.origin(),
        head.size
    )?;
    writeln!(out, "root {}, signed", head.root)?;
    for cosignature in &trusted.cosignatures {
        writeln!(
            out,
            "cosigned by {} at {}",
            cosignature.witness(),
            super::verify::moment(cosignature.time())
        )?;
    }
    match records {
        Some(records) => show_records(&records.summary, out),
        None => writeln!(
            out,
            "the tree alone: neither chain nor payloads were checked"
        ),
    }
}

fn show_records(summary: &LogSummary, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{} granted, {} refused; {} payloads opened, {} erased",
        summary.granted, summary.refused, summary.opened, summary.erased
    )?;
    writeln!(out, "head {}:{}", summary.head.size, summary.head.hash)
}

/// Whether a folder has records.
pub(crate) fn is_records(path: &Path) -> bool {
    path == Path::new(RECORDS)
}
