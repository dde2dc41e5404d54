//! A log in Spin's SQLite: one node, one file a log.
//!
//! Two requests on one connection would mix their transactions. So a reader
//! opens one of its own, and a writer takes the instance's writing connection
//! out of its place: the turn makes it the only one, and it puts the connection
//! back only after a commit. When anything fails, or time runs out, the
//! connection is dropped instead, and its transaction with it. One that stays
//! open also spares SQLite the work of closing the file for good each time.
//!
//! A writer takes the lock before it reads the head (`BEGIN IMMEDIATE`); a
//! deferred one would lose to other instances nine times out of ten.
//!
//! `execute` says `Ok` also of a statement that failed. Only its verdict tells,
//! so [`run`] and [`query`] always wait for it.

use std::cell::RefCell;

use sluis_gate::{CheckpointKey, LogError, LogSlice};
use sluis_log::sequencer::{
    Sequencer, SequencerError, StoredCheckpoint, StoredLeaf, Swap, TreeStore,
};
use sluis_log::sql::{DamagedRow, Existing, ExistingError, sqlite, tree_head};
use sluis_log::{ChainHead, EntryId, Origin, PendingEntry, Receipt, Row, SealedEntry, Shard};
use sluis_log::{PayloadRange, RetentionPeriod, TileId, TreeHead};
use spin_sdk::sqlite::{Connection, RowResult, Value};

use super::heads::SealedHeads;
use super::log::{Round, Written};
use super::sqlite_file::{self, Schema};

const SCHEMA: Schema = Schema {
    is_there: sqlite::IS_PREPARED,
    statements: sqlite::SCHEMA,
};

/// The manifest's label for a log's file.
fn label(shard: Shard) -> String {
    match shard {
        Shard::Whole => "default".to_owned(),
        Shard::Part(number) => format!("log-{number}"),
    }
}

/// The store.
pub(super) struct SqliteLog {
    origin: Origin,
    label: String,
    /// The connection to write with, while nobody does.
    idle: RefCell<Option<Connection>>,
}

impl SqliteLog {
    pub(super) fn new(shard: Shard, origin: Origin) -> Self {
        Self {
            origin,
            label: label(shard),
            idle: RefCell::new(None),
        }
    }

    /// The write lock, on the connection that is kept to append with.
    pub(super) async fn begin_append(&self) -> Result<Appending<'_>, LogError> {
        let idle = self.idle.take();
        let connection = match idle {
            Some(connection) => connection,
            None => self.writing().await?,
        };
        begin(&connection).await?;
        Ok(Appending {
            log: self,
            connection,
        })
    }

    fn row(&self, entry: &PendingEntry, receipt: &Receipt) -> Result<Vec<Value>, LogError> {
        Ok(vec![
            Value::Text(self.origin.as_str().to_owned()),
            Value::Integer(index(receipt.index)?),
            Value::Blob(receipt.previous.0.to_vec()),
            Value::Blob(entry.id().as_bytes().to_vec()),
            Value::Integer(i64::from(entry.stream().code())),
            Value::Blob(entry.entry_bytes().to_vec()),
            Value::Blob(receipt.chain.0.to_vec()),
            Value::Text(entry.period().to_string()),
            Value::Blob(entry.sealed().to_vec()),
        ])
    }

    /// Entries from an index, and the size.
    pub(super) async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError> {
        let connection = self.prepared().await?;
        let known = self.head(&connection).await?.size;
        let mut items = Vec::new();
        if limit > 0 {
            let parameters = vec![
                Value::Integer(index(from)?),
                Value::Integer(i64::from(limit)),
            ];
            let rows = query(&connection, sqlite::READ, parameters).await?;
            items.extend(rows.iter().map_while(stored));
        }
        Ok(LogSlice::read_after(known, items))
    }

    /// One round of the sequencer, in one transaction: no entry and no other round
    /// comes in between. So reading and writing the trusted head is one step, which
    /// the key-value store itself does not offer.
    pub(super) async fn round(&self, key: &CheckpointKey) -> Round {
        let connection = self.writing().await.map_err(SequencerError::Store)?;
        begin(&connection).await.map_err(SequencerError::Store)?;
        let sequencer = Sequencer {
            origin: &self.origin,
            store: &Tree(&connection),
            checkpoints: &SealedHeads(key.seal()),
            signer: key.signer(),
        };
        // Dropped without a commit, the connection takes its transaction along.
        let published = sequencer.round().await?;
        let ended = run(&connection, "COMMIT", Vec::new()).await;
        ended.map_err(SequencerError::Store)?;
        Ok(published)
    }

    /// The write lock of the log, for as long as the connection lives: dropped, it
    /// takes its empty transaction along.
    pub(super) async fn lock(&self) -> Result<Connection, LogError> {
        let connection = self.writing().await?;
        begin(&connection).await?;
        Ok(connection)
    }

    /// The published checkpoint.
    pub(super) async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError> {
        Tree(&self.prepared().await?).checkpoint().await
    }

    /// A tile.
    pub(super) async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LogError> {
        Tree(&self.prepared().await?).tile(id).await
    }

    /// Entries without their payloads.
    pub(super) async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, LogError> {
        Tree(&self.prepared().await?).leaves(from, limit).await
    }

    /// Where the entry of an id stands.
    pub(super) async fn index_of(&self, id: EntryId) -> Result<Option<u64>, LogError> {
        let connection = self.prepared().await?;
        let id = Value::Blob(id.as_bytes().to_vec());
        let rows = query(&connection, sqlite::BY_ID, vec![id]).await?;
        let index = |row: &RowResult| u64::try_from(row.get::<i64>(0)?).ok();
        let found = rows
            .first()
            .map(|row| index(row).ok_or(LogError::Malformed));
        found.transpose()
    }

    /// The periods of which there are payloads.
    pub(super) async fn periods(&self) -> Result<Vec<RetentionPeriod>, LogError> {
        let connection = self.prepared().await?;
        let rows = query(&connection, sqlite::PERIODS, Vec::new()).await?;
        let period = |row: &RowResult| RetentionPeriod::parse(row.get::<&str>(0)?).ok();
        let periods = rows
            .iter()
            .map(|row| period(row).ok_or(LogError::Malformed));
        periods.collect()
    }

    /// What there is of a period.
    pub(super) async fn payloads(
        &self,
        period: RetentionPeriod,
    ) -> Result<Option<PayloadRange>, LogError> {
        let connection = self.prepared().await?;
        let parameters = vec![Value::Text(period.to_string())];
        let rows = query(&connection, sqlite::PAYLOADS, parameters).await?;
        let row = rows.first().ok_or(LogError::Malformed)?;
        let number = |column| row.get::<i64>(column).and_then(|n| u64::try_from(n).ok());
        match (number(0), number(1), number(2)) {
            (Some(0), None, None) => Ok(None),
            (Some(count), Some(first), Some(last)) => PayloadRange::new(count, first, last)
                .map(Some)
                .ok_or(LogError::Malformed),
            _ => Err(LogError::Malformed),
        }
    }

    /// Whether a period is over by the file's own date.
    pub(super) async fn is_due(&self, period: RetentionPeriod) -> Result<bool, LogError> {
        let connection = self.prepared().await?;
        let parameters = vec![
            Value::Text(period.to_string()),
            Value::Text(period.to_string()),
        ];
        let rows = query(&connection, sqlite::IS_DUE, parameters).await?;
        let due = rows.first().and_then(|row| row.get::<i64>(0));
        due.map(|due| due == 1).ok_or(LogError::Malformed)
    }

    /// Deletes payloads of a period that is over; how many.
    pub(super) async fn erase(&self, period: RetentionPeriod, limit: u32) -> Result<u64, LogError> {
        let connection = self.writing().await?;
        let parameters = vec![
            Value::Text(period.to_string()),
            Value::Integer(i64::from(limit)),
        ];
        let rows = sqlite_file::query_patiently(&connection, sqlite::ERASE, parameters).await;
        let rows = rows.map_err(|_| LogError::Unavailable)?;
        u64::try_from(rows.len()).map_err(|_| LogError::Malformed)
    }

    async fn prepared(&self) -> Result<Connection, LogError> {
        let opened = sqlite_file::open(&self.label, &SCHEMA).await;
        opened.map_err(|_| LogError::Unavailable)
    }

    /// A connection to write with.
    async fn writing(&self) -> Result<Connection, LogError> {
        let opened = sqlite_file::open_to_write(&self.label, &SCHEMA).await;
        opened.map_err(|_| LogError::Unavailable)
    }

    async fn head(&self, connection: &Connection) -> Result<ChainHead, LogError> {
        let rows = query(connection, sqlite::LAST, Vec::new()).await?;
        let last = match rows.first() {
            None => None,
            Some(row) => Some((
                row.get::<i64>(0).ok_or(LogError::Malformed)?,
                row.get::<&[u8]>(1).ok_or(LogError::Malformed)?,
            )),
        };
        ChainHead::of_last(&self.origin, last).map_err(|_: DamagedRow| LogError::Malformed)
    }

    /// The receipt of an entry that stands in the log, or why there is none.
    async fn existing(
        &self,
        connection: &Connection,
        entry: &PendingEntry,
    ) -> Result<Option<Result<Receipt, LogError>>, LogError> {
        let id = Value::Blob(entry.id().as_bytes().to_vec());
        let rows = query(connection, sqlite::BY_ID, vec![id]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let existing = Existing {
            index: row.get(0).ok_or(LogError::Malformed)?,
            entry: row.get(1).ok_or(LogError::Malformed)?,
            chain: row.get(2).ok_or(LogError::Malformed)?,
            previous: row.get(3),
        };
        let receipt = existing.receipt(&self.origin, entry);
        Ok(Some(receipt.map_err(|error| match error {
            ExistingError::Conflict(_) => LogError::Conflict,
            ExistingError::Damaged(_) => LogError::Malformed,
        })))
    }
}

/// A transaction that appends; dropped, nothing of it stands.
pub(super) struct Appending<'a> {
    log: &'a SqliteLog,
    connection: Connection,
}

impl Appending<'_> {
    /// Appends all that can be, or nothing.
    pub(super) async fn write(self, entries: &[&PendingEntry]) -> Written {
        let head = self.log.head(&self.connection).await?;
        let written = match self.together(head, entries).await {
            Some(receipts) => receipts.into_iter().map(Ok).collect(),
            None => self.one_by_one(head, entries).await?,
        };
        run(&self.connection, "COMMIT", Vec::new()).await?;
        self.log.idle.replace(Some(self.connection));
        Ok(written)
    }

    /// All in one statement: nobody else writes meanwhile, and each statement is a way
    /// to the host and back. Nothing of it stands if one of them cannot be appended.
    async fn together(&self, head: ChainHead, entries: &[&PendingEntry]) -> Option<Vec<Receipt>> {
        let (mut receipts, mut rows) = (Vec::new(), Vec::new());
        let mut head = head;
        for entry in entries {
            let receipt = head.receipt_for(entry);
            rows.extend(self.log.row(entry, &receipt).ok()?);
            head = receipt.head();
            receipts.push(receipt);
        }
        let statement = sqlite::append_together(entries.len());
        let appended = run(&self.connection, &statement, rows).await;
        appended.is_ok().then_some(receipts)
    }

    async fn one_by_one(&self, head: ChainHead, entries: &[&PendingEntry]) -> Written {
        let mut head = head;
        let mut receipts = Vec::with_capacity(entries.len());
        for entry in entries {
            let receipt = head.receipt_for(entry);
            let row = self.log.row(entry, &receipt)?;
            let appended = run(&self.connection, sqlite::APPEND, row).await;
            receipts.push(match appended {
                Ok(()) => {
                    head = receipt.head();
                    Ok(receipt)
                }
                // Refused: because it stands there already, or for no good reason.
                Err(error) => {
                    let existing = self.log.existing(&self.connection, entry).await?;
                    existing.ok_or(error)?
                }
            });
        }
        Ok(receipts)
    }
}

/// The tree, on one connection.
struct Tree<'a>(&'a Connection);

impl TreeStore for Tree<'_> {
    type Error = LogError;

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, LogError> {
        let parameters = vec![Value::Integer(index(from)?), Value::Integer(index(limit)?)];
        let rows = query(self.0, sqlite::LEAVES, parameters).await?;
        let leaf = |row: &RowResult| {
            Some(StoredLeaf {
                index: u64::try_from(row.get::<i64>(0)?).ok()?,
                entry: row.get::<&[u8]>(1)?.to_vec(),
                chain: row.get::<&[u8]>(2)?.to_vec(),
            })
        };
        let leaves = rows.iter().map(|row| leaf(row).ok_or(LogError::Malformed));
        leaves.collect()
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError> {
        let rows = query(self.0, sqlite::CHECKPOINT, Vec::new()).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let malformed = LogError::Malformed;
        let size = row.get(0).ok_or(malformed)?;
        let root: &[u8] = row.get(1).ok_or(malformed)?;
        let note: &str = row.get(2).ok_or(malformed)?;
        Ok(Some(StoredCheckpoint {
            head: tree_head(size, root).map_err(|_| malformed)?,
            note: note.to_owned(),
        }))
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LogError> {
        let parameters = vec![
            Value::Integer(i64::from(id.level)),
            Value::Integer(index(id.index)?),
        ];
        let rows = query(self.0, sqlite::TILE, parameters).await?;
        let hashes = rows.first().map(|row| row.get::<&[u8]>(0));
        hashes
            .map(|hashes| Ok(hashes.ok_or(LogError::Malformed)?.to_vec()))
            .transpose()
    }

    async fn advance(
        &self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> Result<Swap, LogError> {
        // In a transaction that nobody else can write beside, what was read still stands.
        let stored = self.checkpoint().await?;
        if stored.map_or_else(TreeHead::empty, |stored| stored.head) != old {
            return Ok(Swap::Moved);
        }
        for (id, hashes) in tiles {
            let parameters = vec![
                Value::Integer(i64::from(id.level)),
                Value::Integer(index(id.index)?),
                Value::Blob(hashes.clone()),
            ];
            run(self.0, sqlite::PUT_TILE, parameters).await?;
        }
        let parameters = vec![
            Value::Integer(index(old.size)?),
            Value::Blob(old.root.0.to_vec()),
            Value::Integer(index(new.head.size)?),
            Value::Blob(new.head.root.0.to_vec()),
            Value::Text(new.note.clone()),
        ];
        run(self.0, sqlite::PUBLISH, parameters).await?;
        Ok(Swap::Done)
    }
}

/// Begins a transaction with the write lock: no other writes beside it.
async fn begin(connection: &Connection) -> Result<(), LogError> {
    let begun = sqlite_file::query_patiently(connection, "BEGIN IMMEDIATE", Vec::new()).await;
    begun.map(drop).map_err(|_| LogError::Unavailable)
}

/// Runs a statement without rows. A full disk and all the rest are one thing here:
/// nothing was recorded.
async fn run(
    connection: &Connection,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<(), LogError> {
    query(connection, statement, parameters).await.map(drop)
}

async fn query(
    connection: &Connection,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<Vec<RowResult>, LogError> {
    let rows = sqlite_file::query(connection, statement, parameters).await;
    rows.map_err(|_| LogError::Unavailable)
}

fn index(index: u64) -> Result<i64, LogError> {
    i64::try_from(index).map_err(|_| LogError::Malformed)
}

/// The entry, if the row is one.
fn stored(row: &RowResult) -> Option<SealedEntry> {
    let bytes = |column| row.get::<&[u8]>(column).map(<[u8]>::to_vec);
    let row = Row {
        index: row.get(0)?,
        id: bytes(1)?,
        stream: row.get(2)?,
        entry: bytes(3)?,
        chain: bytes(4)?,
        period: row.get::<&str>(5).map(str::to_owned),
        sealed: bytes(6),
    };
    SealedEntry::try_from(row).ok()
}
