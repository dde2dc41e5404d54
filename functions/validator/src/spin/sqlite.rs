//! The log in Spin's SQLite: one node, one file.
//!
//! Every call opens a connection of its own, because a connection that two
//! requests share would mix their transactions. An append takes the write lock
//! before it reads the head (`BEGIN IMMEDIATE`); a deferred one would lose to
//! its neighbours nine times out of ten. When anything fails the connection is
//! dropped, which rolls back.
//!
//! `execute` says `Ok` also of a statement that failed. Only collecting the
//! rows tells, so [`run`] always does.

use std::cell::Cell;

use sluis_gate::{LogError, LogSlice};
use sluis_log::sql::{DamagedRow, Existing, ExistingError, sqlite, statements};
use sluis_log::{ChainHead, Origin, PendingEntry, Receipt, Row, StoredEntry};
use spin_sdk::sqlite::{Connection, RowResult, Value};

/// The manifest's label.
const DATABASE: &str = "default";

/// The store.
pub(super) struct SqliteLog {
    origin: Origin,
    /// Whether this instance has seen to the schema.
    prepared: Cell<bool>,
}

impl SqliteLog {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            prepared: Cell::new(false),
        }
    }

    /// Makes an entry durable.
    pub(super) async fn append(&self, entry: &PendingEntry) -> Result<Receipt, LogError> {
        let connection = self.open().await?;
        run(&connection, "BEGIN IMMEDIATE", Vec::new()).await?;
        let id = Value::Blob(entry.id().as_bytes().to_vec());
        let existing = run(&connection, sqlite::BY_ID, vec![id]).await?;
        if let Some(row) = existing.first() {
            return self.existing(row, entry);
        }
        let receipt = self.head(&connection).await?.receipt_for(entry);
        let parameters = vec![
            Value::Text(self.origin.as_str().to_owned()),
            Value::Integer(index(receipt.index)?),
            Value::Blob(receipt.previous.0.to_vec()),
            Value::Blob(entry.id().as_bytes().to_vec()),
            Value::Integer(i64::from(entry.stream().code())),
            Value::Blob(entry.entry_bytes().to_vec()),
            Value::Blob(receipt.chain.0.to_vec()),
            Value::Blob(entry.random().as_bytes().to_vec()),
            Value::Text(entry.payload().to_owned()),
        ];
        run(&connection, sqlite::APPEND, parameters).await?;
        run(&connection, "COMMIT", Vec::new()).await?;
        Ok(receipt)
    }

    /// Entries from an index, and the size.
    pub(super) async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError> {
        let connection = self.open().await?;
        let mut items = Vec::new();
        if limit > 0 {
            let parameters = vec![
                Value::Integer(index(from)?),
                Value::Integer(i64::from(limit)),
            ];
            for row in run(&connection, sqlite::READ, parameters).await? {
                items.push(stored(&row)?);
            }
        }
        // After the rows, so that it is never less than they show.
        let size = self.head(&connection).await?.size;
        Ok(LogSlice { size, items })
    }

    async fn open(&self) -> Result<Connection, LogError> {
        let connection = Connection::open(DATABASE)
            .await
            .map_err(|_| LogError::Unavailable)?;
        if !self.prepared.get() {
            // The journal mode stays with the file, as the schema does.
            run(&connection, "PRAGMA journal_mode = WAL", Vec::new()).await?;
            for statement in statements(sqlite::SCHEMA) {
                run(&connection, statement, Vec::new()).await?;
            }
            self.prepared.set(true);
        }
        Ok(connection)
    }

    async fn head(&self, connection: &Connection) -> Result<ChainHead, LogError> {
        let rows = run(connection, sqlite::LAST, Vec::new()).await?;
        let last = match rows.first() {
            None => None,
            Some(row) => Some((
                row.get::<i64>(0).ok_or(LogError::Malformed)?,
                row.get::<&[u8]>(1).ok_or(LogError::Malformed)?,
            )),
        };
        ChainHead::of_last(&self.origin, last).map_err(|_: DamagedRow| LogError::Malformed)
    }

    fn existing(&self, row: &RowResult, entry: &PendingEntry) -> Result<Receipt, LogError> {
        let existing = Existing {
            index: row.get(0).ok_or(LogError::Malformed)?,
            entry: row.get(1).ok_or(LogError::Malformed)?,
            chain: row.get(2).ok_or(LogError::Malformed)?,
            previous: row.get(3),
        };
        existing
            .receipt(&self.origin, entry)
            .map_err(|error| match error {
                ExistingError::Conflict(_) => LogError::Conflict,
                ExistingError::Damaged(_) => LogError::Malformed,
            })
    }
}

/// Runs a statement to its verdict. "database is locked", a full disk and all
/// the rest are one thing here: nothing was recorded.
async fn run(
    connection: &Connection,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<Vec<RowResult>, LogError> {
    let result = connection
        .execute(statement, parameters)
        .await
        .map_err(|_| LogError::Unavailable)?;
    result.collect().await.map_err(|_| LogError::Unavailable)
}

fn index(index: u64) -> Result<i64, LogError> {
    i64::try_from(index).map_err(|_| LogError::Malformed)
}

fn stored(row: &RowResult) -> Result<StoredEntry, LogError> {
    let bytes = |column| row.get::<&[u8]>(column).map(<[u8]>::to_vec);
    let row = Row {
        index: row.get(0).ok_or(LogError::Malformed)?,
        id: bytes(1).ok_or(LogError::Malformed)?,
        stream: row.get(2).ok_or(LogError::Malformed)?,
        entry: bytes(3).ok_or(LogError::Malformed)?,
        chain: bytes(4).ok_or(LogError::Malformed)?,
        random: bytes(5),
        payload: row.get::<&str>(6).map(str::to_owned),
    };
    StoredEntry::try_from(row).map_err(|_| LogError::Malformed)
}
