//! `sluis log fsck`: a whole log. Every entry, every tile, the root and its signature; where records are at hand, the
//! chain, every commitment, and that the log only grew.

use std::io::Write;
use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding};
use sluis_log::{
    ChainHash, ChainHead, ChainVerifier, CheckpointError, HASH_BYTES, IdCheck, LogSummary,
    NoteVerifier, Origin, Quorum, Shard, ShardMap, StoredEntry, TilePath, TreeCheck,
};
use thiserror::Error;

use super::FsckArguments;
use super::deployment;
use super::failure::LogFailure;
use super::progress::Progress;
use super::remote::RemoteLog;
use super::source::{Announced, ExportedEntries, RemoteEntries};
use super::strays;
use super::tree_source::TreeSource;
use super::trust::{self, Trusted};

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
    let from = &arguments.from;
    match (&from.dir, &from.file, &from.url) {
        (Some(folder), ..) => in_folders(arguments, folder, out),
        (_, Some(file), ..) => {
            let entries = ExportedEntries::open(file)?;
            let announced = entries.announced().clone();
            let wanted = Wanted::new(arguments, &[], None)?;
            let chain = Chain::new(&wanted, announced, Box::new(entries))?;
            chain_alone(chain, out)
        }
        (_, _, Some(url)) => {
            let server = RemoteLog::new(url, &arguments.credential)?;
            on_server(arguments, &server, out)
        }
        // INVARIANT: clap asks for one of the three.
        (None, None, None) => Ok(()),
    }
}

/// One log's folder, or those of several beside their map.
fn in_folders(
    arguments: &FsckArguments,
    folder: &Path,
    out: &mut impl Write,
) -> Result<(), LogFailure> {
    let keys = &arguments.keys;
    if let Some(shard) = arguments.choice.shard {
        let wanted = Wanted::new(arguments, keys, Some(shard))?;
        return in_folder(&wanted, &deployment::place(folder, shard), out);
    }
    let Some(note) = deployment::in_folder(folder)? else {
        return in_folder(&Wanted::new(arguments, keys, None)?, folder, out);
    };
    let origin = trust::origin_of(keys, arguments.origin.as_ref())?;
    let map = deployment::verified(&note, &origin, keys)?;
    several(arguments, &map)?;
    deployment::check_folder(folder, &map)?;
    deployment::each(&map, |log| {
        let wanted = Wanted::new(arguments, keys, Some(log.shard))?;
        in_folder(&wanted, &deployment::place(folder, log.shard), out)
    })
}

fn in_folder(wanted: &Wanted, folder: &Path, out: &mut impl Write) -> Result<(), LogFailure> {
    let source = TreeSource::Folder(folder.to_owned());
    let trusted = wanted.signed(&source)?;
    let records = folder.join(RECORDS);
    let chain = if records.exists() {
        let entries = ExportedEntries::open(&records)?;
        let announced = entries.announced().clone();
        Some(Chain::new(wanted, announced, Box::new(entries))?)
    } else {
        None
    };
    let summary = tree(&source, &trusted, chain)?;
    strays::check(folder, &source, trusted.checkpoint.head().size)?;
    report(&trusted, summary.as_ref(), out)
}

/// The log that was chosen, or all of the map.
fn on_server(
    arguments: &FsckArguments,
    server: &RemoteLog,
    out: &mut impl Write,
) -> Result<(), LogFailure> {
    let keys = &arguments.keys;
    let mut one = |shard| {
        let wanted = Wanted::new(arguments, keys, Some(shard))?;
        served(&wanted, &server.at(shard), arguments.chain_only, out)
    };
    if let Some(shard) = arguments.choice.shard {
        return one(shard);
    }
    let map = if arguments.chain_only {
        deployment::served(server)?
    } else {
        let origin = trust::origin_of(keys, arguments.origin.as_ref())?;
        deployment::verified(&deployment::note(server)?, &origin, keys)?
    };
    several(arguments, &map)?;
    deployment::each(&map, |log| one(log.shard))
}

fn served(
    wanted: &Wanted,
    log: &RemoteLog,
    chain_only: bool,
    out: &mut impl Write,
) -> Result<(), LogFailure> {
    if chain_only {
        let entries = RemoteEntries::begin(log)?;
        let announced = entries.announced().clone();
        return chain_alone(Chain::new(wanted, announced, Box::new(entries))?, out);
    }
    let source = TreeSource::Server(log);
    // The checkpoint first: the entries that it is about are there when they are read.
    let trusted = wanted.signed(&source)?;
    let entries = RemoteEntries::begin(log)?;
    let announced = entries.announced().clone();
    let chain = Chain::new(wanted, announced, Box::new(entries))?;
    let summary = tree(&source, &trusted, Some(chain))?;
    report(&trusted, summary.as_ref(), out)
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
        })
    }

    /// The checkpoint under the keys that were named.
    fn signed(&self, source: &TreeSource<'_>) -> Result<Trusted, LogFailure> {
        let origin = trust::origin_of(&self.keys, self.origin.as_ref())?;
        trust::checkpoint(&source.checkpoint()?, &origin, &self.keys, &self.quorum)
    }
}

/// The whole tree, and beside it the records if there are any.
fn tree(
    source: &TreeSource<'_>,
    trusted: &Trusted,
    mut chain: Option<Chain<'_>>,
) -> Result<Option<LogSummary>, LogFailure> {
    let head = trusted.checkpoint.head();
    if let Some(chain) = &chain {
        chain.is_of(trusted.checkpoint.checkpoint().origin(), head.size)?;
    }
    let progress = Progress::of(head.size);
    let mut check = TreeCheck::new(head);
    let mut read = |path: &TilePath| source.tile(path);
    while let Some(bundle) = check.next(&mut read)? {
        if let Some(chain) = &mut chain {
            chain.covers(bundle.entries())?;
        }
        progress.at(check.checked());
    }
    chain.map(Chain::finish).transpose()
}

/// The records alone: there is no tree, or it was not asked for.
fn chain_alone(chain: Chain<'_>, out: &mut impl Write) -> Result<(), LogFailure> {
    let origin = chain.announced.origin.clone();
    let summary = chain.finish()?;
    writeln!(out, "{origin}: {} entries, all verify", summary.head.size)
        .and_then(|()| show_records(&summary, out))
        .map_err(LogFailure::Output)
}

fn report(
    trusted: &Trusted,
    records: Option<&LogSummary>,
    out: &mut impl Write,
) -> Result<(), LogFailure> {
    let checkpoint = trusted.checkpoint.checkpoint();
    let head = checkpoint.head();
    writeln!(
        out,
        "{}: {} entries, all verify",
        checkpoint.origin(),
        head.size
    )
    .and_then(|()| writeln!(out, "root {}, signed", head.root))
    .and_then(|()| {
        trusted.cosignatures.iter().try_for_each(|cosignature| {
            writeln!(
                out,
                "cosigned by {} at {}",
                cosignature.witness(),
                super::verify::moment(cosignature.time())
            )
        })
    })
    .and_then(|()| match records {
        Some(summary) => show_records(summary, out),
        None => writeln!(out, "no records: neither chain nor payloads were checked"),
    })
    .map_err(LogFailure::Output)
}

fn show_records(summary: &LogSummary, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{} granted, {} refused; {} payloads opened, {} erased",
        summary.granted, summary.refused, summary.opened, summary.erased
    )?;
    writeln!(out, "head {}:{}", summary.head.size, summary.head.hash)
}

/// The records of a log as they are read, each verified.
struct Chain<'a> {
    announced: Announced,
    entries: Box<dyn Iterator<Item = Result<StoredEntry, LogFailure>> + 'a>,
    verifier: ChainVerifier,
    known: Option<ChainHead>,
}

impl<'a> Chain<'a> {
    fn new(
        wanted: &Wanted,
        announced: Announced,
        entries: Box<dyn Iterator<Item = Result<StoredEntry, LogFailure>> + 'a>,
    ) -> Result<Self, LogFailure> {
        if let Some(expected) = &wanted.origin
            && *expected != announced.origin
        {
            return Err(LogFailure::OtherOrigin {
                expected: expected.clone(),
                found: announced.origin,
            });
        }
        let verifier = ChainVerifier::new(&announced.origin, IdCheck::All);
        let known = wanted.known;
        grew(known, verifier.summary().head)?;
        Ok(Self {
            announced,
            entries,
            verifier,
            known,
        })
    }

    /// The records must be of the log of the checkpoint, and reach as far.
    fn is_of(&self, origin: &Origin, size: u64) -> Result<(), LogFailure> {
        if self.announced.origin != *origin {
            return Err(LogFailure::OtherOrigin {
                expected: origin.clone(),
                found: self.announced.origin.clone(),
            });
        }
        if self.announced.size < size {
            return Err(LogFailure::FewerRecords {
                records: self.announced.size,
                size,
            });
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<StoredEntry>, LogFailure> {
        let Some(entry) = self.entries.next().transpose()? else {
            return Ok(None);
        };
        self.verifier.next(&entry)?;
        grew(self.known, self.verifier.summary().head)?;
        Ok(Some(entry))
    }

    /// The next records are of these entries of the tree.
    fn covers(&mut self, entries: &[Vec<u8>]) -> Result<(), LogFailure> {
        for expected in entries {
            let index = self.verifier.summary().head.size;
            match self.next()? {
                Some(stored) if stored.entry == *expected => {}
                Some(_) => return Err(LogFailure::OtherEntry { index }),
                None => {
                    return Err(LogFailure::FewerRecords {
                        records: index,
                        size: self.announced.size,
                    });
                }
            }
        }
        Ok(())
    }

    /// Verifies what is left: what is sequenced and not yet in the tree.
    fn finish(mut self) -> Result<LogSummary, LogFailure> {
        while self.next()?.is_some() {}
        let summary = self.verifier.finish(self.announced.size)?;
        match self.known {
            Some(known) if summary.head.size < known.size => Err(LogFailure::RolledBack {
                known: known.size,
                found: summary.head.size,
            }),
            Some(_) | None => Ok(summary),
        }
    }
}

/// At the size of the known head the chain must have its value.
fn grew(known: Option<ChainHead>, head: ChainHead) -> Result<(), LogFailure> {
    match known {
        Some(known) if known.size == head.size && known.hash != head.hash => {
            Err(LogFailure::Rewritten {
                size: known.size,
                known: known.hash,
                found: head.hash,
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a folder has records.
pub(crate) fn is_records(path: &Path) -> bool {
    path == Path::new(RECORDS)
}
