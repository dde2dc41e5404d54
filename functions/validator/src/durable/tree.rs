//! The tree of the log, in the storage of its Durable Object.
//!
//! What is written between two waits is one transaction of the platform's; a
//! statement that fails leaves the ones before it. So the tiles come first: more
//! of them than the checkpoint covers does no harm.

use sluis_log::sequencer::{StoredCheckpoint, StoredLeaf, Swap, TreeStore};
use sluis_log::sql::{sqlite, tree_head};
use sluis_log::{EntryId, TileId, TreeHead};
use worker::{SqlStorage, SqlStorageValue};

use super::object::Failure;
use super::rows::{Columns, integer, rows};

/// The storage, its schema applied.
#[derive(Clone)]
pub(super) struct ObjectTree(pub(super) SqlStorage);

impl ObjectTree {
    /// The head of the published checkpoint.
    pub(super) fn head(&self) -> Result<TreeHead, Failure> {
        let stored = self.stored()?;
        Ok(stored.map_or_else(TreeHead::empty, |stored| stored.head))
    }

    pub(super) fn stored(&self) -> Result<Option<StoredCheckpoint>, Failure> {
        let Some(row) = rows(&self.0, sqlite::CHECKPOINT, Vec::new())?.pop() else {
            return Ok(None);
        };
        let mut columns = Columns::from(row);
        let (size, root) = (columns.integer("size")?, columns.blob("root")?);
        Ok(Some(StoredCheckpoint {
            head: tree_head(size, &root)?,
            note: columns.text("note")?,
        }))
    }

    pub(super) fn hashes(&self, id: TileId) -> Result<Option<Vec<u8>>, Failure> {
        let values = vec![i32::from(id.level).into(), integer(id.index)?];
        let row = rows(&self.0, sqlite::TILE, values)?.pop();
        row.map(|row| Columns::from(row).blob("hashes")).transpose()
    }

    pub(super) fn entries(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, Failure> {
        let found = rows(
            &self.0,
            sqlite::LEAVES,
            vec![integer(from)?, integer(limit)?],
        )?;
        let leaf = |row: Vec<SqlStorageValue>| {
            let mut columns = Columns::from(row);
            let index = columns.integer("idx")?;
            Ok(StoredLeaf {
                index: u64::try_from(index).map_err(|_| Failure::Row("idx"))?,
                entry: columns.blob("entry")?,
                chain: columns.blob("chain")?,
            })
        };
        found.into_iter().map(leaf).collect()
    }

    pub(super) fn index_of(&self, id: EntryId) -> Result<Option<u64>, Failure> {
        let id = vec![id.as_bytes().to_vec().into()];
        let row = rows(&self.0, sqlite::BY_ID, id)?.pop();
        let index = row
            .map(|row| Columns::from(row).integer("idx"))
            .transpose()?;
        let index = index.map(|index| u64::try_from(index).map_err(|_| Failure::Row("idx")));
        index.transpose()
    }

    fn write(
        &self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> Result<Swap, Failure> {
        if self.head()? != old {
            return Ok(Swap::Moved);
        }
        for (id, hashes) in tiles {
            let values = vec![
                i32::from(id.level).into(),
                integer(id.index)?,
                hashes.clone().into(),
            ];
            rows(&self.0, sqlite::PUT_TILE, values)?;
        }
        let values = vec![
            integer(old.size)?,
            old.root.0.to_vec().into(),
            integer(new.head.size)?,
            new.head.root.0.to_vec().into(),
            new.note.clone().into(),
        ];
        rows(&self.0, sqlite::PUBLISH, values)?;
        Ok(Swap::Done)
    }
}

/// Nothing here waits.
impl TreeStore for ObjectTree {
    type Error = Failure;

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, Failure> {
        self.entries(from, limit)
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, Failure> {
        self.stored()
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, Failure> {
        self.hashes(id)
    }

    async fn advance(
        &self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> Result<Swap, Failure> {
        self.write(old, tiles, new)
    }
}
