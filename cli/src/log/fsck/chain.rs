//! The records of a log beside its tree: each is verified and counted as it is read.

use sluis_log::{
    ChainHead, ChainVerifier, DestroyedPeriods, Erasures, IdCheck, LogSummary, Origin, StoredEntry,
    UnixMillis,
};

use super::Wanted;
use crate::log::failure::LogFailure;
use crate::log::source::Announced;

/// The records of a log as they are read, each verified.
pub(super) struct Chain<'a> {
    announced: Announced,
    entries: Box<dyn Iterator<Item = Result<StoredEntry, LogFailure>> + 'a>,
    verifier: ChainVerifier,
    erasures: Erasures,
    known: Option<ChainHead>,
}

/// The records of a log that verify, and what is missing of them.
pub(super) struct Records {
    pub(super) origin: Origin,
    pub(super) summary: LogSummary,
    pub(super) erasures: Erasures,
}

impl<'a> Chain<'a> {
    pub(super) fn new(
        wanted: &Wanted,
        announced: Announced,
        entries: Box<dyn Iterator<Item = Result<StoredEntry, LogFailure>> + 'a>,
        now: UnixMillis,
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
            erasures: Erasures::new(announced.origin.clone(), now),
            announced,
            entries,
            verifier,
            known,
        })
    }

    /// The records must be of the log of the checkpoint, and reach as far.
    pub(super) fn is_of(&self, origin: &Origin, size: u64) -> Result<(), LogFailure> {
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

    fn next(
        &mut self,
        destroyed: &mut DestroyedPeriods,
    ) -> Result<Option<StoredEntry>, LogFailure> {
        let Some(entry) = self.entries.next().transpose()? else {
            return Ok(None);
        };
        self.verifier.next(&entry)?;
        self.erasures.next(&entry, destroyed)?;
        grew(self.known, self.verifier.summary().head)?;
        Ok(Some(entry))
    }

    /// The next records are of these entries of the tree.
    pub(super) fn covers(
        &mut self,
        entries: &[Vec<u8>],
        destroyed: &mut DestroyedPeriods,
    ) -> Result<(), LogFailure> {
        for expected in entries {
            let index = self.verifier.summary().head.size;
            match self.next(destroyed)? {
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
    pub(super) fn finish(
        mut self,
        destroyed: &mut DestroyedPeriods,
    ) -> Result<Records, LogFailure> {
        while self.next(destroyed)?.is_some() {}
        let summary = self.verifier.finish(self.announced.size)?;
        match self.known {
            Some(known) if summary.head.size < known.size => Err(LogFailure::RolledBack {
                known: known.size,
                found: summary.head.size,
            }),
            Some(_) | None => Ok(Records {
                origin: self.announced.origin,
                summary,
                erasures: self.erasures,
            }),
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
