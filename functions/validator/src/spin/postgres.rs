//! The log in PostgreSQL: several nodes, one server.
//!
//! An append is one statement, a call of the function that takes the lock, so
//! that no failure here can leave it held on a pooled connection. The operator
//! applies the schema (`shared/log/sql/postgres.sql`); this role can only
//! append, publish and read.

use sluis_gate::{CheckpointKey, LogError, LogSlice};
use sluis_log::sequencer::{
    Sequencer, SequencerError, StoredCheckpoint, StoredLeaf, Swap, TreeStore,
};
use sluis_log::sql::{DamagedRow, postgres, tiles_json, tree_head};
use sluis_log::{ChainHash, ChainHead, EntryId, Origin, PendingEntry, Receipt, Row, SealedEntry};
use sluis_log::{PayloadRange, RetentionPeriod, TileId, TreeHead};
use spin_sdk::pg::{Connection, DbValue, Error, ParameterValue, PgError, QueryError};

use super::heads::{PostgresHeads, swapped};
use super::log::{Round, Written};

/// The store.
pub(super) struct PostgresLog {
    origin: Origin,
    /// The connection string, a password in it.
    address: String,
    /// The same of the trusted place.
    trusted: String,
}

impl PostgresLog {
    pub(super) fn new(origin: Origin, address: String, trusted: String) -> Self {
        Self {
            origin,
            address,
            trusted,
        }
    }

    /// Address of the trusted place.
    pub(super) fn trusted(&self) -> &str {
        &self.trusted
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
            ParameterValue::Str(entry.period().to_string()),
            ParameterValue::Binary(entry.sealed().to_vec()),
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
        let mut items = Vec::new();
        if limit > 0 {
            let from = i64::try_from(from).map_err(|_| LogError::Malformed)?;
            let parameters = vec![
                ParameterValue::Int64(from),
                ParameterValue::Int64(i64::from(limit)),
            ];
            let rows = run(&connection, postgres::READ, parameters).await?;
            items.extend(rows.into_iter().map_while(stored));
        }
        Ok(LogSlice::read_after(head.size, items))
    }

    /// One round of the sequencer. Its two writes are one call of a function each.
    pub(super) async fn round(&self, key: &CheckpointKey) -> Round {
        let connection = self.open().await.map_err(SequencerError::Store)?;
        let trusted = open(&self.trusted).await.map_err(SequencerError::Trusted)?;
        let sequencer = Sequencer {
            origin: &self.origin,
            store: &Tree(&connection),
            checkpoints: &PostgresHeads(&trusted),
            signer: key.signer(),
        };
        sequencer.round().await
    }

    /// The published checkpoint.
    pub(super) async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError> {
        Tree(&self.open().await?).checkpoint().await
    }

    /// A tile.
    pub(super) async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LogError> {
        Tree(&self.open().await?).tile(id).await
    }

    /// Entries without their payloads.
    pub(super) async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, LogError> {
        Tree(&self.open().await?).leaves(from, limit).await
    }

    /// Where the entry of an id stands.
    pub(super) async fn index_of(&self, id: EntryId) -> Result<Option<u64>, LogError> {
        let id = ParameterValue::Binary(id.as_bytes().to_vec());
        let rows = run(&self.open().await?, postgres::INDEX_OF, vec![id]).await?;
        match rows.first().map(Vec::as_slice) {
            None => Ok(None),
            Some([DbValue::Int64(index)]) => u64::try_from(*index)
                .map(Some)
                .map_err(|_| LogError::Malformed),
            Some(_) => Err(LogError::Malformed),
        }
    }

    /// The periods of which there are payloads.
    pub(super) async fn periods(&self) -> Result<Vec<RetentionPeriod>, LogError> {
        let rows = run(&self.open().await?, postgres::PERIODS, Vec::new()).await?;
        let periods = rows.into_iter().map(|row| match row.as_slice() {
            [DbValue::Str(period)] => {
                RetentionPeriod::parse(period).map_err(|_| LogError::Malformed)
            }
            _ => Err(LogError::Malformed),
        });
        periods.collect()
    }

    /// What there is of a period.
    pub(super) async fn payloads(
        &self,
        period: RetentionPeriod,
    ) -> Result<Option<PayloadRange>, LogError> {
        let parameters = vec![ParameterValue::Str(period.to_string())];
        let rows = run(&self.open().await?, postgres::PAYLOADS, parameters).await?;
        let number = |n: &i64| u64::try_from(*n).map_err(|_| LogError::Malformed);
        match rows.first().map(Vec::as_slice) {
            Some([DbValue::Int64(0), DbValue::DbNull, DbValue::DbNull]) => Ok(None),
            Some(
                [
                    DbValue::Int64(count),
                    DbValue::Int64(first),
                    DbValue::Int64(last),
                ],
            ) => PayloadRange::new(number(count)?, number(first)?, number(last)?)
                .map(Some)
                .ok_or(LogError::Malformed),
            Some(_) | None => Err(LogError::Malformed),
        }
    }

    /// Deletes payloads of a period that is over; how many.
    pub(super) async fn erase(&self, period: RetentionPeriod, limit: u32) -> Result<u64, LogError> {
        let parameters = vec![
            ParameterValue::Str(period.to_string()),
            ParameterValue::Int64(i64::from(limit)),
        ];
        let rows = run(&self.open().await?, postgres::ERASE, parameters).await?;
        match rows.first().map(Vec::as_slice) {
            Some([DbValue::Int64(erased)]) => {
                u64::try_from(*erased).map_err(|_| LogError::Malformed)
            }
            Some(_) | None => Err(LogError::Malformed),
        }
    }

    async fn open(&self) -> Result<Connection, LogError> {
        open(&self.address).await
    }
}

pub(super) async fn open(address: &str) -> Result<Connection, LogError> {
    Connection::open(address)
        .await
        .map_err(|_| LogError::Unavailable)
}

/// The tree, on one connection.
struct Tree<'a>(&'a Connection);

impl TreeStore for Tree<'_> {
    type Error = LogError;

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, LogError> {
        let parameters = vec![
            ParameterValue::Int64(integer(from)?),
            ParameterValue::Int64(integer(limit)?),
        ];
        let rows = run(self.0, postgres::LEAVES, parameters).await?;
        let leaves = rows.into_iter().map(|row| match row.as_slice() {
            [
                DbValue::Int64(index),
                DbValue::Binary(entry),
                DbValue::Binary(chain),
            ] => Ok(StoredLeaf {
                index: u64::try_from(*index).map_err(|_| LogError::Malformed)?,
                entry: entry.clone(),
                chain: chain.clone(),
            }),
            _ => Err(LogError::Malformed),
        });
        leaves.collect()
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError> {
        let rows = run(self.0, postgres::CHECKPOINT, Vec::new()).await?;
        match rows.first().map(Vec::as_slice) {
            None => Ok(None),
            Some(
                [
                    DbValue::Int64(size),
                    DbValue::Binary(root),
                    DbValue::Str(note),
                ],
            ) => Ok(Some(StoredCheckpoint {
                head: tree_head(*size, root).map_err(|_| LogError::Malformed)?,
                note: note.clone(),
            })),
            Some(_) => Err(LogError::Malformed),
        }
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LogError> {
        let parameters = vec![
            ParameterValue::Int16(i16::from(id.level)),
            ParameterValue::Int64(integer(id.index)?),
        ];
        let rows = run(self.0, postgres::TILE, parameters).await?;
        match rows.first().map(Vec::as_slice) {
            None => Ok(None),
            Some([DbValue::Binary(hashes)]) => Ok(Some(hashes.clone())),
            Some(_) => Err(LogError::Malformed),
        }
    }

    async fn advance(
        &self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> Result<Swap, LogError> {
        let parameters = vec![
            ParameterValue::Int64(integer(old.size)?),
            ParameterValue::Binary(old.root.0.to_vec()),
            ParameterValue::Int64(integer(new.head.size)?),
            ParameterValue::Binary(new.head.root.0.to_vec()),
            ParameterValue::Str(new.note.clone()),
            ParameterValue::Str(tiles_json(tiles)),
        ];
        swapped(&run(self.0, postgres::PUBLISH, parameters).await?)
    }
}

fn integer(value: u64) -> Result<i64, LogError> {
    i64::try_from(value).map_err(|_| LogError::Malformed)
}

/// Runs a statement to its verdict.
pub(super) async fn run(
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

/// The entry, if the row is one.
fn stored(row: Vec<DbValue>) -> Option<SealedEntry> {
    let [index, id, stream, entry, chain, period, sealed] = <[DbValue; 7]>::try_from(row).ok()?;
    let (DbValue::Int64(index), DbValue::Int16(stream)) = (index, stream) else {
        return None;
    };
    let (DbValue::Binary(id), DbValue::Binary(entry), DbValue::Binary(chain)) = (id, entry, chain)
    else {
        return None;
    };
    let (period, sealed) = match (period, sealed) {
        (DbValue::Str(period), DbValue::Binary(sealed)) => (Some(period), Some(sealed)),
        (DbValue::DbNull, DbValue::DbNull) => (None, None),
        _ => return None,
    };
    let row = Row {
        index,
        id,
        stream: i64::from(stream),
        entry,
        chain,
        period,
        sealed,
    };
    SealedEntry::try_from(row).ok()
}
