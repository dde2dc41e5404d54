//! The durable log: one of two stores, each call limited in time.
//!
//! An entry is written by the request that has the turn, with all that wait
//! (`turns`). It is acknowledged when the store says that it is durable. Behind
//! that, rounds of the sequencer integrate and publish what was written: work
//! that is done after the answer, or when somebody asks for the checkpoint. An
//! instance does one before its first entry too: nothing is added to a store
//! that is not the one that was signed.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::rc::Rc;

use sluis_gate::{AuditLog, CheckpointKey, LogError, LogSlice, LogState, Standing};
use sluis_log::TileId;
use sluis_log::sequencer::{Published, SequencerError, StoredCheckpoint, StoredLeaf};
use sluis_log::{EntryId, PayloadRange, PendingEntry, Receipt, RetentionPeriod};
use spin_sdk::wasip3::spawn;

use super::postgres::PostgresLog;
use super::sqlite::SqliteLog;
use super::time::{self, within};
use super::turns::{Rules, Turn, Turns};

/// Longest time for one call of a store, waiting for a turn included. An entry
/// that was not acknowledged by then may still come to stand in the log;
/// nothing was forwarded for it.
const STORE_LIMIT_MS: u32 = 4_000;

/// From an entry to the round that publishes it, so that one round takes many.
const PUBLISH_AFTER_MS: u32 = 400;
/// From a look at the store to the next one, and how many there are: longer than a
/// call may take.
const CHECK_AGAIN_MS: u32 = 25;
const MAX_CHECKS: u32 = 200;
/// Rounds that one piece of work makes at most; what is left is the next one's.
const MAX_ROUNDS: u32 = 8;

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

/// What a round of the sequencer comes to.
pub(super) type Round = Result<Published, SequencerError<LogError, LogError>>;

/// How a round ended.
enum Ended {
    /// It says something of the store.
    Told,
    /// Another sequencer was faster.
    Overtaken,
}

/// The one look at the store of an instance; dropped, another may begin.
struct Checking<'a>(&'a Cell<bool>);

impl<'a> Checking<'a> {
    fn begin(under_way: &'a Cell<bool>) -> Option<Self> {
        (!under_way.replace(true)).then_some(Self(under_way))
    }
}

impl Drop for Checking<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// The log of one instance.
#[derive(Clone)]
pub(super) struct SpinLog(Rc<Inner>);

struct Inner {
    store: Store,
    turns: Turns,
    key: CheckpointKey,
    standing: RefCell<Standing>,
    /// Whether a request looks at the store for all that wait.
    checking: Cell<bool>,
    /// Whether a round is to come.
    scheduled: Cell<bool>,
    /// Up to where this instance has written.
    written: Cell<u64>,
}

/// Where it is kept.
pub(super) enum Store {
    /// A file on one node.
    Sqlite(SqliteLog),
    /// A server that several nodes share.
    Postgres(PostgresLog),
}

impl SpinLog {
    pub(super) fn new(store: Store, key: CheckpointKey) -> Self {
        let rules = match &store {
            Store::Sqlite(_) => ONE_FOR_ALL,
            Store::Postgres(_) => EACH_FOR_ITSELF,
        };
        Self(Rc::new(Inner {
            store,
            turns: Turns::new(rules),
            key,
            standing: RefCell::default(),
            checking: Cell::new(false),
            scheduled: Cell::new(false),
            written: Cell::new(0),
        }))
    }

    /// Where it is kept.
    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    /// What a call of a store comes to, within its time.
    pub(super) async fn limited<T>(
        &self,
        call: impl Future<Output = Result<T, LogError>>,
    ) -> Result<T, LogError> {
        within(STORE_LIMIT_MS, call).await.ok_or(TIMEOUT)?
    }

    /// Publishes soon, after the answer.
    fn schedule(&self, receipt: &Receipt) {
        let end = receipt.index.saturating_add(1);
        self.0.written.set(self.0.written.get().max(end));
        if self.0.scheduled.replace(true) {
            return;
        }
        let log = self.clone();
        spawn(async move {
            time::sleep(PUBLISH_AFTER_MS).await;
            log.0.scheduled.set(false);
            let written = log.0.written.get();
            for _ in 0..MAX_ROUNDS {
                // Another instance may have taken these along.
                if log.0.published().await.is_ok_and(|size| size >= written) {
                    return;
                }
                log.0.round().await;
                if !log.0.standing.borrow().takes_entries() {
                    return;
                }
            }
        });
    }
}

impl Inner {
    /// One round, and what it says of the store.
    async fn round(&self) -> Ended {
        let round = async {
            match &self.store {
                Store::Sqlite(log) => log.round(&self.key).await,
                Store::Postgres(log) => log.round(&self.key).await,
            }
        };
        let round = within(STORE_LIMIT_MS, round).await;
        let outcome = match round {
            Some(Ok(_)) => Ok(()),
            // What another one did is as good.
            Some(Err(SequencerError::Overtaken)) => return Ended::Overtaken,
            Some(Err(SequencerError::Evidence(evidence))) => {
                // Sizes and indices; no payload is in any of them.
                _ = writeln!(std::io::stderr(), "sluis log: not signed: {evidence}");
                Err(Some(evidence))
            }
            Some(Err(error)) => {
                _ = writeln!(std::io::stderr(), "sluis log: not published: {error}");
                Err(None)
            }
            None => Err(None),
        };
        self.standing
            .replace_with(|before| before.clone().after(outcome));
        Ended::Told
    }

    /// The first entries of an instance wait for a look at the store. One of them
    /// takes it; the others would only get in each other's way.
    async fn checked(&self) -> Result<(), LogError> {
        for _ in 0..MAX_CHECKS {
            if *self.standing.borrow() != Standing::Unchecked {
                break;
            }
            let Some(_checking) = Checking::begin(&self.checking) else {
                time::sleep(CHECK_AGAIN_MS).await;
                continue;
            };
            match self.round().await {
                Ended::Told => break,
                // Another instance publishes: this one has not seen the store at rest yet.
                Ended::Overtaken => time::sleep(CHECK_AGAIN_MS).await,
            }
        }
        if self.standing.borrow().takes_entries() {
            Ok(())
        } else {
            Err(LogError::NotTrusted)
        }
    }

    async fn published(&self) -> Result<u64, LogError> {
        let checkpoint = self.checkpoint().await?;
        Ok(checkpoint.map_or(0, |checkpoint| checkpoint.head.size))
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError> {
        let read = async {
            match &self.store {
                Store::Sqlite(log) => log.checkpoint().await,
                Store::Postgres(log) => log.checkpoint().await,
            }
        };
        within(STORE_LIMIT_MS, read).await.ok_or(TIMEOUT)?
    }

    async fn take_turn(&self, entry: &PendingEntry) -> Result<Receipt, LogError> {
        self.checked().await?;
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
        let receipt = within(STORE_LIMIT_MS, self.0.take_turn(entry))
            .await
            .ok_or(TIMEOUT)??;
        self.schedule(&receipt);
        Ok(receipt)
    }

    async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError> {
        let read = async {
            match &self.0.store {
                Store::Sqlite(log) => log.read(from, limit).await,
                Store::Postgres(log) => log.read(from, limit).await,
            }
        };
        within(STORE_LIMIT_MS, read).await.ok_or(TIMEOUT)?
    }

    async fn state(&self) -> Result<LogState, LogError> {
        let sequenced = self.read(0, 0).await?.size;
        let mut published = self.0.published().await?;
        let sound = *self.0.standing.borrow() == Standing::Sound;
        // Nothing there: a store that was emptied since looks like one that never had anything, and
        // only a round asks the trusted place.
        if !sound || published < sequenced || sequenced == 0 {
            self.0.round().await;
            published = self.0.published().await?;
        }
        Ok(LogState {
            sequenced,
            published,
            standing: self.0.standing.borrow().clone(),
        })
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError> {
        // Brought up to date: after an end of the process nobody else may come by.
        self.state().await?;
        self.0.checkpoint().await
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LogError> {
        let read = async {
            match &self.0.store {
                Store::Sqlite(log) => log.tile(id).await,
                Store::Postgres(log) => log.tile(id).await,
            }
        };
        within(STORE_LIMIT_MS, read).await.ok_or(TIMEOUT)?
    }

    async fn periods(&self) -> Result<Vec<RetentionPeriod>, LogError> {
        let read = async {
            match &self.0.store {
                Store::Sqlite(log) => log.periods().await,
                Store::Postgres(log) => log.periods().await,
            }
        };
        self.limited(read).await
    }

    async fn payloads(&self, period: RetentionPeriod) -> Result<Option<PayloadRange>, LogError> {
        let read = async {
            match &self.0.store {
                Store::Sqlite(log) => log.payloads(period).await,
                Store::Postgres(log) => log.payloads(period).await,
            }
        };
        self.limited(read).await
    }

    async fn erase(&self, period: RetentionPeriod, limit: u32) -> Result<u64, LogError> {
        let erase = async {
            match &self.0.store {
                Store::Sqlite(log) => log.erase(period, limit).await,
                Store::Postgres(log) => log.erase(period, limit).await,
            }
        };
        self.limited(erase).await
    }

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, LogError> {
        let read = async {
            match &self.0.store {
                Store::Sqlite(log) => log.leaves(from, limit).await,
                Store::Postgres(log) => log.leaves(from, limit).await,
            }
        };
        within(STORE_LIMIT_MS, read).await.ok_or(TIMEOUT)?
    }

    async fn index_of(&self, id: EntryId) -> Result<Option<u64>, LogError> {
        let read = async {
            match &self.0.store {
                Store::Sqlite(log) => log.index_of(id).await,
                Store::Postgres(log) => log.index_of(id).await,
            }
        };
        within(STORE_LIMIT_MS, read).await.ok_or(TIMEOUT)?
    }
}
