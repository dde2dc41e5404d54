//! The register's log, replayed as it is read, and added to.
//!
//! A record is written in five steps, each on the disk before the next: the record and then its signed head in the
//! trusted place; the records, the tiles and the checkpoint in the folder. It stands once the head does: a command that
//! is stopped before that has recorded nothing, and what was not done of the rest the next one does, from the trusted
//! place. So nothing is taken from the folder that was not signed, and no second history is ever signed.

use std::path::Path;

use sluis_log::{
    ChainHead, Checkpoint, CommitmentRandom, CustodyAction, CustodyEvent, CustodyRecord,
    CustodyRegister, Envelope, LeafHash, NoteSigner, StoredEntry, TreeHead, VerifiedCheckpoint,
};

use super::failure::CustodyFailure;
use super::place::TrustedPlace;
use super::settings::Settings;
use crate::log::{LogFailure, LogFolder, head_of};

/// Most records of a register, which is read and written whole; then those alone by which carriers come to their end.
pub(super) const MAX_RECORDS: usize = 20_000;

/// A register that holds: its signature, its history and its rules.
pub(super) struct Book<'a> {
    settings: &'a Settings,
    place: TrustedPlace<'a>,
    folder: LogFolder,
    entries: Vec<StoredEntry>,
    /// The end of their chain.
    end: ChainHead,
    records: Vec<CustodyRecord>,
    register: CustodyRegister,
    /// The last head that was signed, which is over all of them.
    signed: VerifiedCheckpoint,
    /// Whether the folder has all of it.
    is_settled: bool,
}

impl<'a> Book<'a> {
    /// Begins a register where there is none.
    pub(super) fn begin(settings: &Settings, signer: &NoteSigner) -> Result<(), CustodyFailure> {
        let Settings { origin, key, .. } = settings;
        let place = TrustedPlace::make(settings)?;
        let folder = LogFolder::new(settings.folder.clone());
        if place.head(origin, key)?.is_some() || !folder.is_empty()? {
            return Err(CustodyFailure::BegunBefore(settings.folder.clone()));
        }
        let nothing = signed(settings, TreeHead::empty(), signer)?;
        place.put_head(&nothing)?;
        folder.put_records(origin, &[])?;
        Ok(folder.publish(&nothing, std::iter::empty())?)
    }

    /// Reads it, to be looked at.
    pub(super) fn open(settings: &'a Settings) -> Result<Self, CustodyFailure> {
        Self::read(settings, TrustedPlace::to_read(settings)?)
    }

    /// Reads it, to be added to by this process alone.
    pub(super) fn open_to_write(settings: &'a Settings) -> Result<Self, CustodyFailure> {
        Self::read(settings, TrustedPlace::to_write(settings)?)
    }

    fn read(settings: &'a Settings, place: TrustedPlace<'a>) -> Result<Self, CustodyFailure> {
        let Settings { origin, key, .. } = settings;
        let signed = place.head(origin, key)?;
        let signed = signed.ok_or_else(|| CustodyFailure::NotBegun(settings.head.clone()))?;
        let folder = LogFolder::new(settings.folder.clone());
        let (mut entries, mut verifier) = folder.records(origin)?;
        let published = folder.checkpoint(origin, key)?;
        let shown = published.map_or_else(TreeHead::empty, |published| published.head());
        let head = signed.head();
        let there = count(&entries);
        if there.saturating_add(1) == head.size {
            // Signed, and not in the folder yet. That it is the record that was signed the comparison tells.
            if let Some(record) = place.record()? {
                verifier.next(&record).map_err(LogFailure::Fsck)?;
                entries.push(record);
            }
        }
        compare(&entries, head, shown, &settings.head)?;
        let (records, register) = replayed(&entries, settings)?;
        Ok(Self {
            settings,
            place,
            folder,
            end: verifier.summary().head,
            entries,
            records,
            register,
            signed,
            is_settled: there == head.size && shown == head,
        })
    }

    /// Every record, in order.
    pub(super) fn records(&self) -> &[CustodyRecord] {
        &self.records
    }

    /// What they come to.
    pub(super) const fn register(&self) -> &CustodyRegister {
        &self.register
    }

    /// Whether the folder has all that was signed.
    pub(super) const fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Adds one record, if it follows from those before, and tells its index.
    pub(super) fn append(
        &mut self,
        envelope: &Envelope<'_>,
        event: &CustodyEvent,
        random: CommitmentRandom,
        signer: &NoteSigner,
    ) -> Result<u64, CustodyFailure> {
        // First what an earlier command did not come to the end of, whatever becomes of this one.
        if !self.is_settled {
            self.settle()?;
        }
        room_for(&event.action, self.entries.len())?;
        self.register.follow(envelope.at, event)?;
        let index = self.end.size;
        let record = CustodyRecord::entry(envelope, event, random, self.end)?;
        self.place.put_record(&record)?;
        self.end = self.end.followed_by(LeafHash::of(&record.entry));
        self.entries.push(record);
        let head = head_of(&self.entries, self.end.size).map_err(LogFailure::Proof)?;
        // INVARIANT: so many entries are there; they were just counted.
        let head = head.ok_or(CustodyFailure::Full)?;
        self.signed = signed(self.settings, head, signer)?;
        self.place.put_head(&self.signed)?;
        let settled = self.settle();
        settled.map_err(|failure| CustodyFailure::Unsettled {
            index,
            failure: Box::new(failure),
        })?;
        Ok(index)
    }

    /// Brings the folder to what was signed.
    fn settle(&self) -> Result<(), LogFailure> {
        self.folder
            .put_records(&self.settings.origin, &self.entries)?;
        let entries = self.entries.iter().map(|stored| stored.entry.clone());
        self.folder.publish(&self.signed, entries)
    }
}

/// Whether there is room for one record more. At the end every carrier can be found, taken out and destroyed.
fn room_for(action: &CustodyAction, records: usize) -> Result<(), CustodyFailure> {
    match action {
        CustodyAction::Found { .. }
        | CustodyAction::TakenOut { .. }
        | CustodyAction::Destroyed { .. } => Ok(()),
        CustodyAction::Registered { .. }
        | CustodyAction::Withdrawn { .. }
        | CustodyAction::HandedOver { .. }
        | CustodyAction::Moved { .. }
        | CustodyAction::Stored { .. }
        | CustodyAction::Used { .. }
        | CustodyAction::KeptLonger { .. }
        | CustodyAction::Lost { .. } => {
            let room = records < MAX_RECORDS;
            room.then_some(()).ok_or(CustodyFailure::Full)
        }
    }
}

fn count(entries: &[StoredEntry]) -> u64 {
    u64::try_from(entries.len()).unwrap_or(u64::MAX)
}

fn signed(
    settings: &Settings,
    head: TreeHead,
    signer: &NoteSigner,
) -> Result<VerifiedCheckpoint, CustodyFailure> {
    let checkpoint = Checkpoint::new(settings.origin.clone(), head);
    Ok(checkpoint.sign(signer).map_err(LogFailure::Checkpoint)?)
}

/// Whether the records are those that were signed, all and no others, and the folder's checkpoint is an earlier head of
/// the same, or that one.
fn compare(
    entries: &[StoredEntry],
    signed: TreeHead,
    shown: TreeHead,
    head: &Path,
) -> Result<(), CustodyFailure> {
    if shown.size > signed.size {
        return Err(CustodyFailure::TrustedBehind {
            head: head.to_owned(),
            shown: shown.size,
            signed: signed.size,
        });
    }
    let records = count(entries);
    if records > signed.size {
        return Err(CustodyFailure::Unsigned {
            records,
            signed: signed.size,
        });
    }
    let earlier = (shown != signed).then_some((shown, "checkpoint"));
    for (known, name) in [(signed, "trusted head")].into_iter().chain(earlier) {
        match head_of(entries, known.size).map_err(LogFailure::Proof)? {
            None => {
                return Err(CustodyFailure::RolledBack {
                    records,
                    signed: known.size,
                });
            }
            Some(found) if found != known => {
                return Err(CustodyFailure::Forked {
                    name,
                    size: known.size,
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Every record by the rules, in order.
fn replayed(
    entries: &[StoredEntry],
    settings: &Settings,
) -> Result<(Vec<CustodyRecord>, CustodyRegister), CustodyFailure> {
    let mut register = CustodyRegister::default();
    let mut records = Vec::with_capacity(entries.len());
    for (entry, index) in entries.iter().zip(0..) {
        let record =
            CustodyRecord::read(entry).map_err(|error| CustodyFailure::Record { index, error })?;
        let basis = &record.event().basis;
        if *basis != settings.basis {
            return Err(CustodyFailure::OtherBasis {
                index,
                found: basis.clone(),
                expected: settings.basis.clone(),
            });
        }
        register
            .take(&record)
            .map_err(|error| CustodyFailure::History { index, error })?;
        records.push(record);
    }
    Ok((records, register))
}

#[cfg(test)]
mod tests {
    use sluis_log::CustodyCode;

    use super::*;

    #[test]
    fn a_full_register_takes_what_ends_a_chain_and_nothing_else() {
        let by = CustodyCode::parse("kt-1").unwrap();
        let ends = [
            CustodyAction::Found { by: by.clone() },
            CustodyAction::TakenOut {
                by: by.clone(),
                outside: false,
            },
            CustodyAction::Destroyed {
                by: by.clone(),
                method: sluis_log::DestructionMethod::Overwritten,
            },
        ];
        for action in ends {
            assert!(room_for(&action, MAX_RECORDS + 5).is_ok());
        }
        let used = CustodyAction::Used { by: by.clone() };
        let lost = CustodyAction::Lost { by };
        for action in [used, lost] {
            assert!(room_for(&action, MAX_RECORDS - 1).is_ok());
            let full = room_for(&action, MAX_RECORDS);
            assert!(matches!(full, Err(CustodyFailure::Full)));
        }
    }
}
