//! What a store and a trusted place must do.

use crate::chain::Origin;
use crate::tree::{TileId, TreeHead};

/// A sequenced entry, as integration reads it: without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeaf {
    /// Where it stands.
    pub index: u64,
    /// The bytes of the leaf.
    pub entry: Vec<u8>,
    /// The chain value with it.
    pub chain: Vec<u8>,
}

/// The published checkpoint, as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// Size and root.
    pub head: TreeHead,
    /// The signed note over them (C2SP tlog-checkpoint).
    pub note: String,
}

/// What became of a compare-and-swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// The new value stands.
    Done,
    /// Another value than the expected one stood there; nothing was changed.
    Moved,
}

/// The store of entries, tiles and the checkpoint. It is not trusted.
#[expect(
    async_fn_in_trait,
    reason = "single-threaded runtimes: no caller needs a Send bound"
)]
pub trait TreeStore {
    /// What goes wrong in it.
    type Error;

    /// Up to `limit` sequenced entries from an index on, in order.
    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, Self::Error>;

    /// The checkpoint, if one was published.
    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, Self::Error>;

    /// The hashes of a tile, as many as there are; none if there is no such tile.
    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Writes tiles, whole rows, and then the checkpoint, if `old` is the head that stands (of size 0 when none does).
    ///
    /// In one transaction where the store has them. Where it has not, tiles first: one that holds more hashes than the
    /// checkpoint covers does no harm, since it is only ever read up to there and only ever grows.
    async fn advance(
        &self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> Result<Swap, Self::Error>;
}

/// The trusted place: the last tree head that may be signed, for each log.
///
/// It stands where whoever puts back or changes the store does not reach.
#[expect(
    async_fn_in_trait,
    reason = "single-threaded runtimes: no caller needs a Send bound"
)]
pub trait Checkpoints {
    /// What goes wrong in it.
    type Error;

    /// The head of a log; none if it never had one.
    async fn last(&self, origin: &Origin) -> Result<Option<TreeHead>, Self::Error>;

    /// Moves it from `old` (of size 0 when there is none) to the larger `new`, durably, in one step.
    async fn advance(
        &self,
        origin: &Origin,
        old: TreeHead,
        new: TreeHead,
    ) -> Result<Swap, Self::Error>;
}
