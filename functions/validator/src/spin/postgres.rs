//! The log in PostgreSQL: several nodes, one server.
//!
//! An append is one statement, a call of the function that takes the lock, so
//! that no failure here can leave it held on a pooled connection. The operator
//! applies the schema (`shared/log/sql/postgres.sql`); this role can only
//! append and read.

use sluis_gate::{LogError, LogSlice};
use sluis_log::sql::{DamagedRow, postgres};
use sluis_log::{ChainHash, ChainHead, Origin, PendingEntry, Receipt, Row, StoredEntry};
use spin_sdk::pg::{Connection, DbValue, Error, ParameterValue, PgError, QueryError};

use super::log::Written;

/// The store.
pub(super) struct PostgresLog {
    origin: Origin,
    /// The connection string, a password in it.
    address: String,
}

impl PostgresLog {
    pub(super) fn new(origin: Origin, address: String) -> Self {
        Self { origin, address }
    }

    /// Appends, each entry for itself: the server takes the lock for one at a time.
    pub(super) async fn write(&self, entries: &[&PendingEntry]) -> Written {
        let connection = self.open().await?;
        let mut receipts = Vec::with_capacity(entries.len());
        for entry in entries {
            receipts.push(self.append(&connection, entry).await);
        }
        Ok(receipts)
    }

    async fn append(
        &self,
        connection: &Connection,
        entry: &PendingEntry,
    ) -> Result<Receipt, LogError> {
        let parameters = vec![
            ParameterValue::Str(self.origin.as_str().to_owned()),
            ParameterValue::Binary(entry.id().as_bytes().to_vec()),
            ParameterValue::Int16(i16::from(entry.stream().code())),
            ParameterValue::Binary(entry.entry_bytes().to_vec()),
            ParameterValue::Binary(entry.random().as_bytes().to_vec()),
            ParameterValue::Str(entry.payload().to_owned()),
        ];
        let rows = run(connection, postgres::APPEND, parameters).await?;
        let [row] = rows.as_slice() else {
            return Err(LogError::Malformed);
        };
        let [
            DbValue::Int64(index),
            DbValue::Binary(previous),
            DbValue::Binary(chain),
        ] = row.as_slice()
        else {
            return Err(LogError::Malformed);
        };
        Ok(Receipt {
            index: u64::try_from(*index).map_err(|_| LogError::Malformed)?,
            previous: chain_hash(previous)?,
            chain: chain_hash(chain)?,
        })
    }

    /// Entries from an index, and the size.
    pub(super) async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError> {
        let connection = self.open().await?;
        let mut items = Vec::new();
        if limit > 0 {
            let from = i64::try_from(from).map_err(|_| LogError::Malformed)?;
            let parameters = vec![
                ParameterValue::Int64(from),
                ParameterValue::Int64(i64::from(limit)),
            ];
            for row in run(&connection, postgres::READ, parameters).await? {
                items.push(stored(row)?);
            }
        }
        // After the rows, so that it is never less than they show.
        let rows = run(&connection, postgres::LAST, Vec::new()).await?;
        let last = match rows.first().map(Vec::as_slice) {
            None => None,
            Some([DbValue::Int64(index), DbValue::Binary(chain)]) => {
                Some((*index, chain.as_slice()))
            }
            Some(_) => return Err(LogError::Malformed),
        };
        let head =
            ChainHead::of_last(&self.origin, last).map_err(|_: DamagedRow| LogError::Malformed)?;
        Ok(LogSlice {
            size: head.size,
            items,
        })
    }

    async fn open(&self) -> Result<Connection, LogError> {
        Connection::open(self.address.as_str())
            .await
            .map_err(|_| LogError::Unavailable)
    }
}

/// Runs a statement to its verdict.
async fn run(
    connection: &Connection,
    statement: &str,
    parameters: Vec<ParameterValue>,
) -> Result<Vec<Vec<DbValue>>, LogError> {
    let mut result = connection
        .query(statement, parameters)
        .await
        .map_err(|error| log_error(&error))?;
    let mut rows = Vec::new();
    while let Some(row) = result.rows().next().await {
        rows.push(row);
    }
    result.result().await.map_err(|error| log_error(&error))?;
    Ok(rows)
}

fn log_error(error: &Error) -> LogError {
    if let Error::PgError(PgError::QueryFailed(QueryError::DbError(error))) = error
        && error.code == postgres::CONFLICT
    {
        return LogError::Conflict;
    }
    LogError::Unavailable
}

fn chain_hash(bytes: &[u8]) -> Result<ChainHash, LogError> {
    let bytes = bytes.try_into().map_err(|_| LogError::Malformed)?;
    Ok(ChainHash(bytes))
}

fn stored(row: Vec<DbValue>) -> Result<StoredEntry, LogError> {
    let malformed = || LogError::Malformed;
    let [index, id, stream, entry, chain, random, payload] =
        <[DbValue; 7]>::try_from(row).map_err(|_| malformed())?;
    let (DbValue::Int64(index), DbValue::Int16(stream)) = (index, stream) else {
        return Err(malformed());
    };
    let (DbValue::Binary(id), DbValue::Binary(entry), DbValue::Binary(chain)) = (id, entry, chain)
    else {
        return Err(malformed());
    };
    let (random, payload) = match (random, payload) {
        (DbValue::Binary(random), DbValue::Str(payload)) => (Some(random), Some(payload)),
        (DbValue::DbNull, DbValue::DbNull) => (None, None),
        _ => return Err(malformed()),
    };
    let row = Row {
        index,
        id,
        stream: i64::from(stream),
        entry,
        chain,
        random,
        payload,
    };
    StoredEntry::try_from(row).map_err(|_| malformed())
}
