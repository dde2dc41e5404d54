//! The relational stores: schema and statements, in one place, as data.
//!
//! **`SQLite`** (a Durable Object's storage, or a file on one node). Apply
//! [`sqlite::SCHEMA`] once per start, statement by statement if the driver wants
//! it so ([`statements`]). To append: look for the id ([`sqlite::BY_ID`], then
//! [`Existing::receipt`]); if it is not there read the last row
//! ([`sqlite::LAST`], then [`ChainHead::of_last`]), compute the receipt
//! ([`ChainHead::receipt_for`]) and run [`sqlite::APPEND`]. The insert refuses a
//! head that has moved, so no transaction is needed for correctness; where
//! several connections write, `BEGIN IMMEDIATE` spares the retries.
//!
//! **`PostgreSQL`** (several nodes). The operator applies [`postgres::SCHEMA`];
//! [`postgres::APPEND`] is one call of one function, to be run as a statement of
//! its own and never inside `BEGIN … COMMIT`: a client that dies in between
//! would keep the lock.
//!
//! Publishing (see [`crate::sequencer`]) is the same in both: tiles that only
//! grow and a checkpoint that moves by compare-and-swap. In SQLite the tiles
//! ([`sqlite::PUT_TILE`]) and the checkpoint ([`sqlite::PUBLISH`]) are one
//! transaction, the checkpoint last; in `PostgreSQL` one call
//! ([`postgres::PUBLISH`]).
//!
//! Both return the columns of [`Row`] in its order from `READ`.
//!
//! [`Row`]: crate::Row

use std::fmt::Write as _;

use thiserror::Error;

use crate::chain::{ChainHash, ChainHead, Origin, link};
use crate::hash::HASH_BYTES;
use crate::memory::AppendError;
use crate::pending::{PendingEntry, Receipt};
use crate::tree::{TileId, TreeHash, TreeHead};

/// `SQLite`, 3.37 or later (strict tables).
pub mod sqlite {
    /// Tables, the view to append through, and the triggers behind it.
    pub const SCHEMA: &str = include_str!("../sql/sqlite.sql");
    /// The origin, once an entry was appended. Column: `origin`.
    pub const ORIGIN: &str = "SELECT origin FROM sluis_log";
    /// The last row, or none. Columns: `idx`, `chain`; see
    /// [`ChainHead::of_last`](crate::ChainHead::of_last).
    pub const LAST: &str = "SELECT idx, chain FROM sluis_entries ORDER BY idx DESC LIMIT 1";
    /// The row of an id, or none. Parameter: `id`. Columns: `idx`, `entry`,
    /// `chain`, `previous` (null at index 0); see [`Existing`](super::Existing).
    pub const BY_ID: &str = "SELECT e.idx, e.entry, e.chain, p.chain AS previous \
         FROM sluis_entries e LEFT JOIN sluis_entries p ON p.idx = e.idx - 1 WHERE e.id = ?";
    /// Appends. Parameters: `origin`, `idx`, `previous`, `id`, `stream`,
    /// `entry`, `chain`, `period`, `sealed`.
    pub const APPEND: &str = "INSERT INTO sluis_append \
         (origin, idx, previous, id, stream, entry, chain, period, sealed) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// Appends so many entries, in their order: all of them or none. Parameters: those
    /// of [`APPEND`] of each.
    #[must_use]
    pub fn append_together(entries: usize) -> String {
        const ONE_MORE: &str = ", (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let mut statement = APPEND.to_owned();
        statement.push_str(&ONE_MORE.repeat(entries.saturating_sub(1)));
        statement
    }
    /// Reads. Parameters: first index, limit. Columns: as in
    /// [`Row`](crate::Row).
    pub const READ: &str = "SELECT e.idx, e.id, e.stream, e.entry, e.chain, p.period, p.sealed \
         FROM sluis_entries e LEFT JOIN sluis_payloads p ON p.idx = e.idx \
         WHERE e.idx >= ? ORDER BY e.idx LIMIT ?";
    /// Sequenced entries without their payloads. Parameters: first index, limit.
    /// Columns: `idx`, `entry`, `chain`.
    pub const LEAVES: &str =
        "SELECT idx, entry, chain FROM sluis_entries WHERE idx >= ? ORDER BY idx LIMIT ?";
    /// The checkpoint, or none. Columns: `size`, `root`, `note`.
    pub const CHECKPOINT: &str = "SELECT size, root, note FROM sluis_checkpoint";
    /// A tile, or none. Parameters: `level`, `idx`. Column: `hashes`.
    pub const TILE: &str = "SELECT hashes FROM sluis_tiles WHERE level = ? AND idx = ?";
    /// Writes a tile, which may only grow. Parameters: `level`, `idx`, `hashes`.
    pub const PUT_TILE: &str = "INSERT INTO sluis_tiles (level, idx, hashes) VALUES (?, ?, ?) \
         ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes";
    /// Publishes a checkpoint, after its tiles. Parameters: `old_size`, `old_root`,
    /// `size`, `root`, `note`.
    pub const PUBLISH: &str = "INSERT INTO sluis_publish \
         (old_size, old_root, size, root, note) VALUES (?, ?, ?, ?, ?)";
    /// The trusted place, in another database than the log's.
    pub const TRUSTED_SCHEMA: &str = include_str!("../sql/sqlite-trusted.sql");
    /// The trusted head of a log, or none. Parameter: `origin`. Columns: `size`, `root`.
    pub const TRUSTED: &str = "SELECT size, root FROM sluis_heads WHERE origin = ?";
    /// Moves it, if the old one stands there; then there is a row. Parameters: `origin`,
    /// `size`, `root`, old size, `origin` again, `size` again, old size, old size
    /// again, old root.
    pub const ADVANCE_TRUSTED: &str = "INSERT INTO sluis_heads (origin, size, root) \
         SELECT ?, ?, ? WHERE (? = 0 OR EXISTS (SELECT 1 FROM sluis_heads WHERE origin = ?)) \
         AND ? > ? \
         ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root \
         WHERE sluis_heads.size = ? AND sluis_heads.root = ? RETURNING 1";
    /// Makes a candidate the key of a period, if that never had one. Parameters:
    /// `origin`, `period`, `wrapped`.
    pub const OFFER_PAYLOAD_KEY: &str = "INSERT INTO sluis_payload_keys \
         (origin, period, wrapped) VALUES (?, ?, ?) ON CONFLICT (origin, period) DO NOTHING";
    /// The key of a period, or none. Parameters: `origin`, `period`. Columns:
    /// `wrapped`, `destroyed`, one of them null.
    pub const PAYLOAD_KEY: &str =
        "SELECT wrapped, destroyed FROM sluis_payload_keys WHERE origin = ? AND period = ?";
    /// Every period of a log's trusted place. Parameter: `origin`. Columns: `period`,
    /// `wrapped`, `destroyed`.
    pub const PAYLOAD_KEYS: &str = "SELECT period, wrapped, destroyed FROM sluis_payload_keys \
         WHERE origin = ? ORDER BY period";
    /// Destroys a period's key, by this database's own date too. Parameters: `destroyed`,
    /// `origin`, `period`.
    pub const DESTROY_PAYLOAD_KEY: &str = "UPDATE sluis_payload_keys \
         SET wrapped = NULL, destroyed = ? WHERE origin = ? AND period = ? \
         AND wrapped IS NOT NULL AND substr(period, instr(period, '/') + 1) <= date('now')";
    /// Whether a period is over by this database's own date. Parameter: `period`, twice.
    /// Column: `due`, 0 or 1.
    pub const IS_DUE: &str = "SELECT substr(?, instr(?, '/') + 1) <= date('now') AS due";
    /// The periods that have payloads, each found through the index. Column: `period`.
    pub const PERIODS: &str = "WITH RECURSIVE p(period) AS ( \
         SELECT min(period) FROM sluis_payloads UNION ALL \
         SELECT (SELECT min(period) FROM sluis_payloads WHERE period > p.period) FROM p \
         WHERE p.period IS NOT NULL) SELECT period FROM p WHERE period IS NOT NULL";
    /// What there is of a period. Parameter: `period`. Columns: `payloads`, `first`,
    /// `last`, the latter two null if there is nothing.
    pub const PAYLOADS: &str = "SELECT count(*) AS payloads, min(idx) AS first, \
         max(idx) AS last FROM sluis_payloads WHERE period = ?";
    /// Deletes payloads of a period that is over, by this database's own date too. A row
    /// for each. Parameters: `period`, limit.
    pub const ERASE: &str = "DELETE FROM sluis_payloads WHERE idx IN ( \
         SELECT idx FROM sluis_payloads WHERE period = ? \
         AND substr(period, instr(period, '/') + 1) <= date('now') LIMIT ?) RETURNING idx";
    /// The last thing that [`SCHEMA`] makes: a row once the schema is there.
    pub const IS_PREPARED: &str =
        "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = 'sluis_tiles_grow'";
    /// What the message contains when another checkpoint stood there.
    pub const CHECKPOINT_HAS_MOVED: &str = "sluis: the checkpoint has moved";
    /// What the database's message contains when another writer was first; try
    /// again. (Drivers put words of their own around it.)
    pub const HEAD_HAS_MOVED: &str = "sluis: the head has moved";
    /// What the message contains when the database holds the log of another
    /// origin.
    pub const OTHER_ORIGIN: &str = "sluis: the stored log has another origin";
}

/// `PostgreSQL`, 14 or later.
pub mod postgres {
    /// Schema `sluis`: tables, the function to append, and the triggers.
    pub const SCHEMA: &str = include_str!("../sql/postgres.sql");
    /// The origin, once an entry was appended. Column: `origin`.
    pub const ORIGIN: &str = "SELECT origin FROM sluis.log";
    /// The last row, or none. Columns: `idx`, `chain`; see
    /// [`ChainHead::of_last`](crate::ChainHead::of_last).
    pub const LAST: &str = "SELECT idx, chain FROM sluis.entries ORDER BY idx DESC LIMIT 1";
    /// Appends. Parameters: `origin` text, `id` bytea, `stream` smallint,
    /// `entry` bytea, `period` text, `sealed` bytea. Columns: `index` bigint,
    /// `previous` bytea, `chain` bytea.
    pub const APPEND: &str = "SELECT o_index AS index, o_previous AS previous, o_chain AS chain \
         FROM sluis.append($1, $2, $3, $4, $5, $6)";
    /// Reads. Parameters: first index bigint, limit bigint. Columns: as in
    /// [`Row`](crate::Row).
    pub const READ: &str = "SELECT e.idx, e.id, e.stream, e.entry, e.chain, p.period, p.sealed \
         FROM sluis.entries e LEFT JOIN sluis.payloads p ON p.idx = e.idx \
         WHERE e.idx >= $1 ORDER BY e.idx LIMIT $2";
    /// Sequenced entries without their payloads. Parameters: first index bigint,
    /// limit bigint. Columns: `idx`, `entry`, `chain`.
    pub const LEAVES: &str =
        "SELECT idx, entry, chain FROM sluis.entries WHERE idx >= $1 ORDER BY idx LIMIT $2";
    /// Where the entry of an id stands, or none. Parameter: `id` bytea. Column: `idx` bigint.
    pub const INDEX_OF: &str = "SELECT idx FROM sluis.entries WHERE id = $1";
    /// The checkpoint, or none. Columns: `size` bigint, `root` bytea, `note` text.
    pub const CHECKPOINT: &str = "SELECT size, root, note FROM sluis.checkpoint";
    /// A tile, or none. Parameters: `level` smallint, `idx` bigint. Column: `hashes`.
    pub const TILE: &str = "SELECT hashes FROM sluis.tiles WHERE level = $1 AND idx = $2";
    /// Writes tiles and a checkpoint. Parameters: old size bigint, old root bytea,
    /// size bigint, root bytea, note text, tiles text ([`super::tiles_json`]).
    /// Column: boolean, whether the old one stood there.
    pub const PUBLISH: &str = "SELECT sluis.publish($1, $2, $3, $4, $5, $6)";
    /// The trusted place, in this database or another one: the last head that may be
    /// signed, and the function that moves it.
    pub const TRUSTED_SCHEMA: &str = include_str!("../sql/postgres-trusted.sql");
    /// The trusted head of a log, or none. Parameter: `origin` text. Columns: `size`
    /// bigint, `root` bytea.
    pub const TRUSTED: &str = "SELECT size, root FROM sluis_trusted.heads WHERE origin = $1";
    /// Moves it. Parameters: `origin` text, old size bigint, old root bytea, size
    /// bigint, root bytea. Column: boolean, whether the old one stood there.
    pub const ADVANCE_TRUSTED: &str = "SELECT sluis_trusted.advance($1, $2, $3, $4, $5)";
    /// The key of a period, made of the candidate if it never had one. Parameters:
    /// `origin` text, `period` text, candidate bytea. Columns: `wrapped` bytea,
    /// `destroyed` text, one of them null.
    pub const OBTAIN_PAYLOAD_KEY: &str =
        "SELECT o_wrapped, o_destroyed FROM sluis_trusted.payload_key($1, $2, $3)";
    /// The key of a period, or none. Parameters: `origin` text, `period` text. Columns:
    /// as above.
    pub const PAYLOAD_KEY: &str = "SELECT wrapped, destroyed FROM sluis_trusted.payload_keys \
         WHERE origin = $1 AND period = $2";
    /// Every period of a log's trusted place. Parameter: `origin` text. Columns: `period`
    /// text, `wrapped`, `destroyed` as above.
    pub const PAYLOAD_KEYS: &str = "SELECT period, wrapped, destroyed \
         FROM sluis_trusted.payload_keys WHERE origin = $1 ORDER BY period";
    /// Destroys a period's key, by the server's own date too. Parameters: `origin` text,
    /// `period` text, `destroyed` text. Column: boolean, whether it was there and due.
    pub const DESTROY_PAYLOAD_KEY: &str = "SELECT sluis_trusted.destroy_payload_key($1, $2, $3)";
    /// The periods that have payloads, each found through the index. Column: `period`
    /// text.
    pub const PERIODS: &str = "WITH RECURSIVE p(period) AS ( \
         SELECT min(period) FROM sluis.payloads UNION ALL \
         SELECT (SELECT min(q.period) FROM sluis.payloads q WHERE q.period > p.period) FROM p \
         WHERE p.period IS NOT NULL) SELECT period FROM p WHERE period IS NOT NULL";
    /// What there is of a period. Parameter: `period` text. Columns: `payloads` bigint,
    /// `first` bigint, `last` bigint, the latter two null if there is nothing.
    pub const PAYLOADS: &str = "SELECT count(*) AS payloads, min(idx) AS first, \
         max(idx) AS last FROM sluis.payloads WHERE period = $1";
    /// Deletes payloads of a period that is over, by the server's own date too.
    /// Parameters: `period` text, limit bigint. Column: bigint, how many.
    pub const ERASE: &str = "SELECT sluis.erase($1, $2)";
    /// SQLSTATE of an id that stands for another entry.
    pub const CONFLICT: &str = "SL001";
    /// SQLSTATE of a database that holds the log of another origin.
    pub const OTHER_ORIGIN: &str = "SL002";
}

/// The statements of a script, for a driver that takes one at a time.
pub fn statements(script: &str) -> impl Iterator<Item = &str> {
    script.split("\n\n").map(str::trim).filter(|statement| {
        statement
            .lines()
            .any(|line| !line.is_empty() && !line.starts_with("--"))
    })
}

/// Tiles as [`postgres::PUBLISH`] takes them.
pub fn tiles_json(tiles: &[(TileId, Vec<u8>)]) -> String {
    let mut json = String::from("[");
    for (at, (id, hashes)) in tiles.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // Writing to a string never fails.
        let _ = write!(json, "{comma}[{},{},\"", id.level, id.index);
        for byte in hashes {
            let _ = write!(json, "{byte:02x}");
        }
        json.push_str("\"]");
    }
    json.push(']');
    json
}

/// A row of a store is not what this crate writes: it must not be built upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DamagedRow {
    /// The index is negative, or the last one there is.
    #[error("index {0} of the store is out of range")]
    Index(i64),
    /// A chain value has another length.
    #[error("the chain value of index {index} has {length} bytes")]
    Chain {
        /// The row.
        index: i64,
        /// The length found.
        length: usize,
    },
    /// The checkpoint's size is negative, or its root has another length.
    #[error("the checkpoint of size {size} is no tree head")]
    Checkpoint {
        /// The size found.
        size: i64,
    },
    /// The row's chain value does not follow from its entry and the row before.
    #[error("the chain value of index {index} does not follow")]
    Link {
        /// The row.
        index: u64,
    },
}

fn chain_hash(index: i64, bytes: &[u8]) -> Result<ChainHash, DamagedRow> {
    <[u8; HASH_BYTES]>::try_from(bytes)
        .map(ChainHash)
        .map_err(|_| DamagedRow::Chain {
            index,
            length: bytes.len(),
        })
}

/// The tree head of a row with `size` and `root`: a checkpoint's or a trusted one's.
pub fn tree_head(size: i64, root: &[u8]) -> Result<TreeHead, DamagedRow> {
    let damaged = DamagedRow::Checkpoint { size };
    Ok(TreeHead {
        size: u64::try_from(size).map_err(|_| damaged)?,
        root: TreeHash(root.try_into().map_err(|_| damaged)?),
    })
}

impl ChainHead {
    /// The head behind the last row of a store (`LAST`), or of an empty one.
    pub fn of_last(origin: &Origin, last: Option<(i64, &[u8])>) -> Result<Self, DamagedRow> {
        let Some((index, chain)) = last else {
            return Ok(Self::genesis(origin));
        };
        let size = index
            .checked_add(1)
            .and_then(|size| u64::try_from(size).ok())
            .filter(|size| *size > 0)
            .ok_or(DamagedRow::Index(index))?;
        Ok(Self {
            size,
            hash: chain_hash(index, chain)?,
        })
    }

    /// The receipt of an entry appended behind this head.
    pub fn receipt_for(&self, pending: &PendingEntry) -> Receipt {
        let chain = link(self.hash, pending.leaf_hash());
        Receipt {
            index: self.size,
            previous: self.hash,
            chain,
        }
    }
}

/// The row that an id stands for already ([`sqlite::BY_ID`]).
#[derive(Debug, Clone, Copy)]
pub struct Existing<'a> {
    /// `idx`.
    pub index: i64,
    /// `entry`.
    pub entry: &'a [u8],
    /// `chain`.
    pub chain: &'a [u8],
    /// `previous`; null at index 0.
    pub previous: Option<&'a [u8]>,
}

/// Why an id that is there already gives no receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ExistingError {
    /// It stands for another entry.
    #[error(transparent)]
    Conflict(#[from] AppendError),
    /// The row is damaged.
    #[error(transparent)]
    Damaged(#[from] DamagedRow),
}

impl Existing<'_> {
    /// The receipt that the first append gave, if it was of this very entry.
    pub fn receipt(
        &self,
        origin: &Origin,
        pending: &PendingEntry,
    ) -> Result<Receipt, ExistingError> {
        let index = u64::try_from(self.index).map_err(|_| DamagedRow::Index(self.index))?;
        if self.entry != pending.entry_bytes() {
            return Err(AppendError::Conflict {
                id: pending.id(),
                index,
            }
            .into());
        }
        let previous = match self.previous {
            Some(previous) => chain_hash(self.index.saturating_sub(1), previous)?,
            None => ChainHead::genesis(origin).hash,
        };
        let receipt = Receipt {
            index,
            previous,
            chain: chain_hash(self.index, self.chain)?,
        };
        if !receipt.is_for(pending) {
            return Err(DamagedRow::Link { index }.into());
        }
        Ok(receipt)
    }
}
