//! The durable log: one of two stores, each call limited in time.
//!
//! An entry is written by the request that has the turn, with all that wait
//! (`turns`). It is acknowledged when the store says that it is durable.

use sluis_gate::{AuditLog, LogError, LogSlice};
use sluis_log::{PendingEntry, Receipt};

use super::postgres::PostgresLog;
use super::sqlite::SqliteLog;
use super::time::within;
use super::turns::{Rules, Turn, Turns};

/// Longest time for one call of a store, waiting for a turn included. An entry
/// that was not acknowledged by then may still come to stand in the log;
/// nothing was forwarded for it.
const STORE_LIMIT_MS: u32 = 4_000;

/// Entries of one transaction at most: four times what an instance serves at a
/// time, for the outcomes that come after.
const ONE_FOR_ALL: Rules = Rules {
    writers: 1,
    entries: 64,
};
/// The server serializes appends itself; a few of an instance may wait there.
const EACH_FOR_ITSELF: Rules = Rules {
    writers: 4,
    entries: 1,
};

const TIMEOUT: LogError = LogError::Timeout {
    limit_ms: STORE_LIMIT_MS,
};

/// What a store answers to each entry of a batch; or nothing of the batch stands.
pub(super) type Written = Result<Vec<Result<Receipt, LogError>>, LogError>;

/// The log of one instance.
pub(super) struct SpinLog {
    store: Store,
    turns: Turns,
}

/// Where it is kept.
pub(super) enum Store {
    /// A file on one node.
    Sqlite(SqliteLog),
    /// A server that several nodes share.
    Postgres(PostgresLog),
}

impl SpinLog {
    pub(super) fn new(store: Store) -> Self {
        let rules = match &store {
            Store::Sqlite(_) => ONE_FOR_ALL,
            Store::Postgres(_) => EACH_FOR_ITSELF,
        };
        Self {
            store,
            turns: Turns::new(rules),
        }
    }

    async fn take_turn(&self, entry: &PendingEntry) -> Result<Receipt, LogError> {
        let writer = match self.turns.wait(entry).await {
            Turn::Done(result) => return result,
            Turn::Write(writer) => writer,
        };
        let others = writer.others();
        let entries: Vec<&PendingEntry> = std::iter::once(entry)
            .chain(others.iter().map(|waiter| &waiter.entry))
            .collect();
        let written = match &self.store {
            Store::Sqlite(log) => log.write(&entries).await,
            Store::Postgres(log) => log.write(&entries).await,
        };
        // The next one may begin while these are answered.
        drop(writer);
        let receipts = match written {
            Ok(receipts) => receipts,
            Err(error) => {
                for waiter in others {
                    waiter.answer(Err(error));
                }
                return Err(error);
            }
        };
        let mut receipts = receipts.into_iter();
        let own = receipts.next().ok_or(LogError::Malformed)?;
        for (waiter, receipt) in others.into_iter().zip(receipts) {
            waiter.answer(receipt);
        }
        own
    }
}

impl AuditLog for SpinLog {
    async fn append(&self, entry: &PendingEntry) -> Result<Receipt, LogError> {
        within(STORE_LIMIT_MS, self.take_turn(entry))
            .await
            .ok_or(TIMEOUT)?
    }

    async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError> {
        let read = async {
            match &self.store {
                Store::Sqlite(log) => log.read(from, limit).await,
                Store::Postgres(log) => log.read(from, limit).await,
            }
        };
        within(STORE_LIMIT_MS, read).await.ok_or(TIMEOUT)?
    }
}
