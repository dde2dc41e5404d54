//! `sluis log verify`: the chain, every commitment, and that the log only grew.

use std::io::Write;

use base64ct::{Base64UrlUnpadded, Encoding};
use sluis_log::{ChainHash, ChainHead, ChainVerifier, HASH_BYTES, IdCheck, StoredEntry};
use thiserror::Error;

use super::VerifyArguments;
use super::failure::LogFailure;
use super::remote::RemoteLog;
use super::source::{Announced, ExportedEntries, RemoteEntries};

/// A head that was verified before, `<size>:<chain>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownHead(ChainHead);

/// The text is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected <size>:<chain>, as `sluis log verify` prints it")]
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

pub(crate) fn verify(arguments: &VerifyArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let source = &arguments.from;
    match (&source.url, &source.file, &arguments.auditor_token_file) {
        (Some(url), _, Some(token)) => {
            let log = RemoteLog::new(url, token)?;
            let entries = RemoteEntries::begin(&log)?;
            let announced = entries.announced().clone();
            verify_entries(&announced, entries, arguments, out)
        }
        (_, Some(file), _) => {
            let entries = ExportedEntries::open(file)?;
            let announced = entries.announced().clone();
            verify_entries(&announced, entries, arguments, out)
        }
        // INVARIANT: clap asks for --file, or --url with its token.
        (_, None, _) => Ok(()),
    }
}

fn verify_entries(
    announced: &Announced,
    entries: impl Iterator<Item = Result<StoredEntry, LogFailure>>,
    arguments: &VerifyArguments,
    out: &mut impl Write,
) -> Result<(), LogFailure> {
    let Announced { origin, size } = announced;
    if let Some(expected) = &arguments.origin
        && expected != origin
    {
        let (expected, found) = (expected.clone(), origin.clone());
        return Err(LogFailure::OtherOrigin { expected, found });
    }
    let mut verifier = ChainVerifier::new(origin, IdCheck::All);
    let known = arguments.extends.map(|KnownHead(head)| head);
    grew(known, verifier.summary().head)?;
    for entry in entries {
        verifier.next(&entry?)?;
        grew(known, verifier.summary().head)?;
    }
    let summary = verifier.finish(*size)?;
    if let Some(known) = known
        && summary.head.size < known.size
    {
        return Err(LogFailure::RolledBack {
            known: known.size,
            found: summary.head.size,
        });
    }
    let head = summary.head;
    writeln!(out, "{origin}: {} entries, all verify", head.size)
        .and_then(|()| {
            writeln!(
                out,
                "{} granted, {} refused; {} payloads opened, {} erased",
                summary.granted, summary.refused, summary.opened, summary.erased
            )
        })
        .and_then(|()| writeln!(out, "head {}:{}", head.size, head.hash))
        .map_err(LogFailure::Output)
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
