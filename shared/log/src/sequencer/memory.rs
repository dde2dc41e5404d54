//! Both places in memory: the references that the others are compared with.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

use thiserror::Error;

use crate::chain::Origin;
use crate::memory::MemoryLog;
use crate::sequencer::store::{Checkpoints, StoredCheckpoint, StoredLeaf, Swap, TreeStore};
use crate::tree::{TileId, TreeHead};

/// The tiles and the checkpoint of a log in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    tiles: BTreeMap<TileId, Vec<u8>>,
    checkpoint: Option<StoredCheckpoint>,
}

/// What every store refuses of an advance, whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AdvanceError {
    /// A tile would lose or change a hash.
    #[error("{0} would not only grow")]
    TileChanged(TileId),
    /// The checkpoint would be over entries that are not there.
    #[error("a checkpoint of {size} entries over {entries}")]
    BeyondEntries {
        /// The size of the checkpoint.
        size: u64,
        /// How many entries there are.
        entries: u64,
    },
}

impl MemoryTree {
    /// The checkpoint, if one was published.
    pub const fn checkpoint(&self) -> Option<&StoredCheckpoint> {
        self.checkpoint.as_ref()
    }

    /// The hashes of a tile.
    pub fn tile(&self, id: TileId) -> Option<&[u8]> {
        self.tiles.get(&id).map(Vec::as_slice)
    }

    /// Writes one tile, if it only grows.
    pub fn put_tile(&mut self, id: TileId, hashes: &[u8]) -> Result<(), AdvanceError> {
        let row = self.tiles.entry(id).or_default();
        if !hashes.starts_with(row) {
            return Err(AdvanceError::TileChanged(id));
        }
        *row = hashes.to_vec();
        Ok(())
    }

    /// Whether that is the head that stands.
    pub fn stands(&self, old: TreeHead) -> bool {
        let stored = self.checkpoint.as_ref();
        stored.map_or_else(TreeHead::empty, |stored| stored.head) == old
    }

    /// Replaces the checkpoint, if `old` stands, over a log of so many entries.
    pub fn swap(
        &mut self,
        old: TreeHead,
        new: &StoredCheckpoint,
        entries: u64,
    ) -> Result<Swap, AdvanceError> {
        let size = new.head.size;
        if !self.stands(old) || size <= old.size {
            return Ok(Swap::Moved);
        }
        if size > entries {
            return Err(AdvanceError::BeyondEntries { size, entries });
        }
        self.checkpoint = Some(new.clone());
        Ok(Swap::Done)
    }
}

impl MemoryLog {
    /// Tiles and checkpoint in one step, as a store with transactions does it.
    pub fn advance(
        &mut self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> Result<Swap, AdvanceError> {
        let entries = self.head().size;
        let mut tree = self.tree().clone();
        for (id, hashes) in tiles {
            if !tree.stands(old) {
                return Ok(Swap::Moved);
            }
            tree.put_tile(*id, hashes)?;
        }
        let swap = tree.swap(old, new, entries)?;
        if swap == Swap::Done {
            *self.tree_mut() = tree;
        }
        Ok(swap)
    }

    /// Sequenced entries from an index on, without their payloads.
    pub fn leaves(&self, from: u64, limit: u64) -> Vec<StoredLeaf> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let entries = self.read(from, limit).into_iter();
        let leaves = entries.map(|stored| StoredLeaf {
            index: stored.index,
            entry: stored.entry,
            chain: stored.chain,
        });
        leaves.collect()
    }
}

impl TreeStore for RefCell<MemoryLog> {
    type Error = AdvanceError;

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, AdvanceError> {
        Ok(self.borrow().leaves(from, limit))
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, AdvanceError> {
        Ok(self.borrow().tree().checkpoint().cloned())
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, AdvanceError> {
        Ok(self.borrow().tree().tile(id).map(<[u8]>::to_vec))
    }

    async fn advance(
        &self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> Result<Swap, AdvanceError> {
        self.borrow_mut().advance(old, tiles, new)
    }
}

/// The trusted place in memory.
#[derive(Debug, Default)]
pub struct MemoryCheckpoints {
    heads: RefCell<HashMap<String, TreeHead>>,
}

impl Checkpoints for MemoryCheckpoints {
    type Error = Infallible;

    async fn last(&self, origin: &Origin) -> Result<Option<TreeHead>, Infallible> {
        Ok(self.heads.borrow().get(origin.as_str()).copied())
    }

    async fn advance(
        &self,
        origin: &Origin,
        old: TreeHead,
        new: TreeHead,
    ) -> Result<Swap, Infallible> {
        let mut heads = self.heads.borrow_mut();
        let stored = heads.get(origin.as_str()).copied();
        if stored.unwrap_or_else(TreeHead::empty) != old || new.size <= old.size {
            return Ok(Swap::Moved);
        }
        heads.insert(origin.as_str().to_owned(), new);
        Ok(Swap::Done)
    }
}
