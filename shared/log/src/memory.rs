//! The log in memory: the reference that the stores are compared with.

use std::collections::{BTreeSet, HashMap};

use thiserror::Error;

use crate::chain::{ChainHead, Origin, link};
use crate::destruction::PayloadRange;
use crate::entry::LeafHash;
use crate::id::EntryId;
use crate::pending::{PendingEntry, Receipt};
use crate::retention::RetentionPeriod;
use crate::sequencer::MemoryTree;
use crate::stored::{SealedEntry, SealedPayload};

/// Why a store refused an entry for what it is; a store that fails has errors
/// of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AppendError {
    /// The identifier stands for another entry already.
    #[error("entry id {id} was used for another entry, at index {index}")]
    Conflict {
        /// The identifier.
        id: EntryId,
        /// Where it stands.
        index: u64,
    },
}

/// A log in memory. Durable for as long as it lives, which is what a test asks.
#[derive(Debug, Clone)]
pub struct MemoryLog {
    origin: Origin,
    head: ChainHead,
    entries: Vec<SealedEntry>,
    by_id: HashMap<EntryId, Receipt>,
    tree: MemoryTree,
}

impl MemoryLog {
    /// The empty log of that origin.
    pub fn new(origin: Origin) -> Self {
        let head = ChainHead::genesis(&origin);
        Self {
            origin,
            head,
            entries: Vec::new(),
            by_id: HashMap::new(),
            tree: MemoryTree::default(),
        }
    }

    /// The log's origin.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its tiles and its checkpoint.
    pub const fn tree(&self) -> &MemoryTree {
        &self.tree
    }

    /// The same, to write to.
    pub const fn tree_mut(&mut self) -> &mut MemoryTree {
        &mut self.tree
    }

    /// The log's end.
    pub const fn head(&self) -> ChainHead {
        self.head
    }

    /// Appends an entry. The same entry under the same id again gives the same
    /// receipt; another entry under that id is refused.
    pub fn append(&mut self, pending: &PendingEntry) -> Result<Receipt, AppendError> {
        let id = pending.id();
        if let Some(receipt) = self.by_id.get(&id) {
            return if receipt.is_for(pending) {
                Ok(*receipt)
            } else {
                Err(AppendError::Conflict {
                    id,
                    index: receipt.index,
                })
            };
        }
        let receipt = self.head.receipt_for(pending);
        self.entries.push(SealedEntry {
            index: receipt.index,
            id,
            stream: pending.stream(),
            entry: pending.entry_bytes().to_vec(),
            chain: receipt.chain.0.to_vec(),
            payload: Some(SealedPayload {
                period: pending.period().to_string(),
                sealed: pending.sealed().to_vec(),
            }),
        });
        self.head = receipt.head();
        self.by_id.insert(id, receipt);
        Ok(receipt)
    }

    /// Up to `limit` entries from index `from`.
    pub fn read(&self, from: u64, limit: u32) -> Vec<SealedEntry> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.entries
            .iter()
            .skip(from)
            .take(limit)
            .cloned()
            .collect()
    }

    /// Where the entry of an id stands.
    pub fn index_of(&self, id: EntryId) -> Option<u64> {
        self.by_id.get(&id).map(|receipt| receipt.index)
    }

    /// The log as it was when it had `size` entries and no tree: what a store's
    /// owner could put back.
    #[must_use]
    pub fn cut(&self, size: u64) -> Self {
        let mut earlier = Self::new(self.origin.clone());
        let kept = usize::try_from(size).unwrap_or(usize::MAX);
        for stored in self.entries.iter().take(kept) {
            let leaf = LeafHash::of(&stored.entry);
            let previous = earlier.head.hash;
            let (index, chain) = (stored.index, link(previous, leaf));
            let receipt = Receipt {
                index,
                previous,
                chain,
            };
            earlier.by_id.insert(stored.id, receipt);
            earlier.head = receipt.head();
            earlier.entries.push(stored.clone());
        }
        earlier
    }

    /// The periods of which there are payloads.
    pub fn periods(&self) -> Vec<RetentionPeriod> {
        let periods: BTreeSet<_> = self
            .entries
            .iter()
            .filter_map(SealedEntry::period)
            .collect();
        periods.into_iter().collect()
    }

    /// What there is of a period.
    pub fn payloads(&self, period: RetentionPeriod) -> Option<PayloadRange> {
        let mut indices = self.of_period(period);
        let first = indices.next()?;
        let (count, last) = indices.fold((1, first), |(count, _), index| (count + 1, index));
        PayloadRange::new(count, first, last)
    }

    /// Erases at most so many payloads of a period, and tells how many.
    pub fn erase_period(&mut self, period: RetentionPeriod, limit: u32) -> u64 {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let indices: Vec<u64> = self.of_period(period).take(limit).collect();
        indices
            .into_iter()
            .map(|index| u64::from(self.erase(index)))
            .sum()
    }

    fn of_period(&self, period: RetentionPeriod) -> impl Iterator<Item = u64> {
        let entries = self.entries.iter();
        entries
            .filter(move |stored| stored.period() == Some(period))
            .map(|stored| stored.index)
    }

    /// Erases the payload of an entry; the entry stays. Whether there was something
    /// to erase.
    pub fn erase(&mut self, index: u64) -> bool {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.entries.get_mut(index))
            .is_some_and(|stored| stored.payload.take().is_some())
    }
}
