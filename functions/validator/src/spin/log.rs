//! The durable log: one of two stores, each call limited in time.

use sluis_gate::{AuditLog, LogError, LogSlice};
use sluis_log::{PendingEntry, Receipt};

use super::postgres::PostgresLog;
use super::sqlite::SqliteLog;
use super::time::within;

/// Longest time for one call of a store. An entry that was not acknowledged by
/// then may still come to stand in the log; nothing was forwarded for it.
const STORE_LIMIT_MS: u32 = 4_000;

/// The log's store.
pub(super) enum SpinLog {
    /// A file on one node.
    Sqlite(SqliteLog),
    /// A server that several nodes share.
    Postgres(PostgresLog),
}

impl AuditLog for SpinLog {
    async fn append(&self, entry: &PendingEntry) -> Result<Receipt, LogError> {
        let append = async {
            match self {
                Self::Sqlite(log) => log.append(entry).await,
                Self::Postgres(log) => log.append(entry).await,
            }
        };
        within(STORE_LIMIT_MS, append).await.ok_or(TIMEOUT)?
    }

    async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError> {
        let read = async {
            match self {
                Self::Sqlite(log) => log.read(from, limit).await,
                Self::Postgres(log) => log.read(from, limit).await,
            }
        };
        within(STORE_LIMIT_MS, read).await.ok_or(TIMEOUT)?
    }
}

const TIMEOUT: LogError = LogError::Timeout {
    limit_ms: STORE_LIMIT_MS,
};
