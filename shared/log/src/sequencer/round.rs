//! One turn of integrating and publishing.

use std::collections::HashMap;

use crate::chain::{ChainHash, ChainHead, Origin, link};
use crate::entry::LeafHash;
use crate::note::{Checkpoint, NoteSigner};
use crate::sequencer::evidence::{Evidence, SequencerError};
use crate::sequencer::store::{Checkpoints, StoredCheckpoint, StoredLeaf, Swap, TreeStore};
use crate::tree::{EdgeTiles, Integrated, TreeError, TreeHash, TreeHead, integrate, last_of_full};

/// Most entries that one round integrates. A head is at most so far beyond the one before it, so that a stop in between
/// leaves the store at most so far behind.
pub const MAX_ROUND_ENTRIES: u64 = 2_048;

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The published tree head; of size 0 while there is no entry.
    pub head: TreeHead,
    /// Whether more entries than one round takes were there: there is work for another one.
    pub more: bool,
}

/// Integrates and publishes for one log. It keeps nothing between rounds: what it goes by is read anew each time.
#[derive(Debug)]
pub struct Sequencer<'a, S, C> {
    /// The log's origin, which is also the name of its key.
    pub origin: &'a Origin,
    /// The store of entries and tiles.
    pub store: &'a S,
    /// The trusted place.
    pub checkpoints: &'a C,
    /// What signs the checkpoints.
    pub signer: &'a NoteSigner,
}

type Failure<S, C> = SequencerError<<S as TreeStore>::Error, <C as Checkpoints>::Error>;

/// The store's tree, found to be what its checkpoint says.
struct Ground {
    head: TreeHead,
    edge: EdgeTiles,
    /// The last hash of level 0; none of a tree without leaves.
    last_leaf: Option<TreeHash>,
}

impl<S: TreeStore, C: Checkpoints> Sequencer<'_, S, C> {
    /// One round: checks the store against the trusted head, finishes what an earlier round left unfinished, integrates
    /// what was sequenced since, and publishes.
    ///
    /// It is also the check at a start: where nothing is to be done it reads two heads, one edge and one entry; and one full
    /// tile or a few, where the tree ends with them.
    pub async fn round(&self) -> Result<Published, Failure<S, C>> {
        // In this order: the trusted head moves first, so what is read of it later is never less than the store's.
        let mut ground = self.ground().await?;
        let trusted = self.checkpoints.last(self.origin).await;
        let trusted = trusted.map_err(SequencerError::Trusted)?;
        let trusted = trusted.unwrap_or_else(TreeHead::empty);
        let stored = ground.head.size;
        if stored > trusted.size {
            let trusted = trusted.size;
            return Err(Evidence::TrustedBehind { stored, trusted }.into());
        }
        // A tree that is not an extension of what stands is never reached from here: the root that was just recomputed
        // from the tiles is the trusted one, or the next step has to end in the trusted one.
        if let Some(gap) = trusted.size.checked_sub(stored).filter(|gap| *gap > 0) {
            if gap > MAX_ROUND_ENTRIES {
                // Others may have done several rounds since the store was read.
                if self.ground().await?.head != ground.head {
                    return Err(SequencerError::Overtaken);
                }
                let trusted = trusted.size;
                return Err(Evidence::TreeLost { stored, trusted }.into());
            }
            let integrated = self.extend(&ground, trusted, gap).await?;
            if integrated.head != trusted {
                return Err(Evidence::Forked { size: trusted.size }.into());
            }
            self.publish(ground.head, &integrated).await?;
            ground = self.ground().await?;
        }
        if ground.head != trusted {
            // A faster sequencer has moved the store's head since; or it is another tree.
            return Err(if ground.head.size == trusted.size {
                Evidence::Forked { size: trusted.size }.into()
            } else {
                SequencerError::Overtaken
            });
        }
        let integrated = self.extend(&ground, trusted, MAX_ROUND_ENTRIES).await?;
        let head = integrated.head;
        if head == trusted {
            return Ok(Published { head, more: false });
        }
        let swap = self.checkpoints.advance(self.origin, trusted, head).await;
        match swap.map_err(SequencerError::Trusted)? {
            Swap::Done => self.publish(ground.head, &integrated).await?,
            Swap::Moved => return Err(SequencerError::Overtaken),
        }
        let more = head.size.saturating_sub(trusted.size) >= MAX_ROUND_ENTRIES;
        Ok(Published { head, more })
    }

    /// Signs the head, which the trusted place has taken, and writes it with the tiles under it.
    async fn publish(&self, old: TreeHead, integrated: &Integrated) -> Result<(), Failure<S, C>> {
        let head = integrated.head;
        let checkpoint = Checkpoint::new(self.origin.clone(), head);
        let note = checkpoint.sign(self.signer)?.note().to_string();
        let new = StoredCheckpoint { head, note };
        let swap = self.store.advance(old, &integrated.tiles, &new).await;
        match swap.map_err(SequencerError::Store)? {
            Swap::Done => Ok(()),
            Swap::Moved => Err(SequencerError::Overtaken),
        }
    }

    /// The store's tree, if its edge gives the root of its checkpoint.
    async fn ground(&self) -> Result<Ground, Failure<S, C>> {
        let stored = self.store.checkpoint().await;
        let stored = stored.map_err(SequencerError::Store)?;
        let head = stored.map_or_else(TreeHead::empty, |checkpoint| checkpoint.head);
        let mut rows = HashMap::new();
        for id in EdgeTiles::needed(head.size) {
            let row = self.store.tile(id).await.map_err(SequencerError::Store)?;
            rows.extend(row.map(|row| (id, row)));
        }
        // What a row has beyond the checkpoint was written by a round that did not come to its end; it is not looked at.
        let edge = EdgeTiles::read(head.size, &|id| rows.get(&id).map(Vec::as_slice));
        let edge = edge.map_err(|error| match error {
            TreeError::TileMissing(tile) | TreeError::TileLength { tile, .. } => {
                Evidence::Tile(tile).into()
            }
            TreeError::TooLarge | TreeError::NoLeaf { .. } | TreeError::Shrinks { .. } => {
                SequencerError::Tree(error)
            }
        })?;
        if edge.head() != head {
            return Err(Evidence::Root { size: head.size }.into());
        }
        let last_leaf = self.last_leaf(&edge).await?;
        Ok(Ground {
            head,
            edge,
            last_leaf,
        })
    }

    /// The last leaf of the tree with that edge. Where its tile is full it is not on the edge, and the root says nothing of
    /// it yet: then that tile must give the hash that stands for it one level up.
    async fn last_leaf(&self, edge: &EdgeTiles) -> Result<Option<TreeHash>, Failure<S, C>> {
        let Some(mut last) = edge.last() else {
            return Ok(None);
        };
        for tile in edge.full_at_the_end() {
            let row = self.store.tile(tile).await.map_err(SequencerError::Store)?;
            let below = row.and_then(|row| last_of_full(&row, last));
            last = below.ok_or(Evidence::Tile(tile))?;
        }
        Ok(Some(last))
    }

    /// The tree after up to `limit` entries more. All entries below the trusted head must be there.
    async fn extend(
        &self,
        ground: &Ground,
        trusted: TreeHead,
        limit: u64,
    ) -> Result<Integrated, Failure<S, C>> {
        let size = ground.head.size;
        // One before, for its chain value and for the last leaf.
        let before = size.min(1);
        let from = size.saturating_sub(before);
        let found = self.store.leaves(from, limit.saturating_add(before)).await;
        let found = found.map_err(SequencerError::Store)?;
        let end = from.saturating_add(u64::try_from(found.len()).unwrap_or(u64::MAX));
        if end < trusted.size.max(size) {
            let trusted = trusted.size.max(size);
            return Err(Evidence::RolledBack {
                index: end,
                trusted,
            }
            .into());
        }
        let (mut previous, rest) = match found.split_first() {
            Some((last, rest)) if before == 1 => (known(last, from, ground)?, rest),
            Some(_) | None => (ChainHead::genesis(self.origin).hash, found.as_slice()),
        };
        let mut leaves = Vec::with_capacity(rest.len());
        for (leaf, index) in rest.iter().zip(size..) {
            let hash = LeafHash::of(&leaf.entry);
            previous = link(previous, hash);
            if leaf.index != index || leaf.chain != previous.0 {
                return Err(Evidence::Chain { index }.into());
            }
            leaves.push(hash);
        }
        Ok(integrate(&ground.edge, &leaves)?)
    }
}

/// The chain value of the last entry in the tree, if it is the one in the tree.
fn known(last: &StoredLeaf, index: u64, ground: &Ground) -> Result<ChainHash, Evidence> {
    let hash = LeafHash::of(&last.entry);
    if last.index != index || ground.last_leaf != Some(hash.into()) {
        return Err(Evidence::Leaf { index });
    }
    let chain = last.chain.as_slice().try_into();
    chain.map(ChainHash).map_err(|_| Evidence::Chain { index })
}
