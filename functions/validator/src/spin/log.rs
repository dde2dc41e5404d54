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
use super::sqlite::{self, SqliteLog};
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
/// From a store that was not what was signed to the next look at it, in case an
/// operator puts the right one there.
const REFUSED_MS: u64 = 3_000;
/// Rounds after each other at most; what is left comes after a pause.
const MAX_ROUNDS: u32 = 8;
/// From a round that failed, or that another one overtook.
const AGAIN_MS: u32 = 500;
/// Pauses that one piece of work makes at most, a minute in all; what is left then is
/// for the next entry, or for whoever asks.
const MAX_PAUSES: u32 = 120;

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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The store is what was signed, and is published.
    Done,
    /// It is not, or that could not be told or not be published.
    Failed,
    /// Another sequencer was faster.
    Overtaken,
}

/// A call of the store, whichever it is.
macro_rules! of_store {
    ($inner:expr, $call:ident($($argument:expr),*)) => {
        async {
            match &$inner.store {
                Store::Sqlite(log) => log.$call($($argument),*).await,
                Store::Postgres(log) => log.$call($($argument),*).await,
            }
        }
    };
}

/// What a call of a store comes to, within its time.
pub(super) async fn limited<T>(
    call: impl Future<Output = Result<T, LogError>>,
) -> Result<T, LogError> {
    within(STORE_LIMIT_MS, call).await.ok_or(TIMEOUT)?
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
    /// When the last round ended that was not overtaken, by [`time::passed_ms`].
    looked: Cell<u64>,
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

/// What entries are written with.
enum Appending<'a> {
    /// A transaction that holds the file's lock.
    Sqlite(sqlite::Appending<'a>),
    /// The server takes the lock for each.
    Postgres(&'a PostgresLog),
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
            looked: Cell::new(0),
            checking: Cell::new(false),
            scheduled: Cell::new(false),
            written: Cell::new(0),
        }))
    }

    /// Where it is kept.
    pub(super) fn store(&self) -> &Store {
        &self.0.store
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
            let mut pause_ms = PUBLISH_AFTER_MS;
            for _ in 0..MAX_PAUSES {
                time::sleep(pause_ms).await;
                log.0.scheduled.set(false);
                let again = log.0.publish().await;
                // What was written meanwhile may have another piece of work begun, which does it all.
                if !again || log.0.scheduled.replace(true) {
                    return;
                }
                pause_ms = AGAIN_MS;
            }
            log.0.scheduled.set(false);
        });
    }
}

impl Inner {
    /// Publishes what this instance has written; whether it is to be tried again.
    async fn publish(&self) -> bool {
        let written = self.written.get();
        for _ in 0..MAX_ROUNDS {
            // Another instance may have taken these along.
            if self.published().await.is_ok_and(|size| size >= written) {
                return false;
            }
            if self.round().await != Ended::Done {
                return self.standing.borrow().takes_entries();
            }
        }
        true
    }

    /// One round, and what it says of the store.
    async fn round(&self) -> Ended {
        let round = within(STORE_LIMIT_MS, of_store!(self, round(&self.key))).await;
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
        let ended = match outcome {
            Ok(()) => Ended::Done,
            Err(_) => Ended::Failed,
        };
        self.looked.set(time::passed_ms());
        self.standing
            .replace_with(|before| before.clone().after(outcome));
        ended
    }

    /// Whether an entry waits for a look at the store.
    fn is_to_be_looked_at(&self) -> bool {
        match *self.standing.borrow() {
            Standing::Unchecked => true,
            Standing::Refused(_) => {
                time::passed_ms().saturating_sub(self.looked.get()) >= REFUSED_MS
            }
            Standing::Sound | Standing::Unpublished => false,
        }
    }

    /// The first entries of an instance wait for a look at the store. One of them
    /// takes it; the others would only get in each other's way. So it is now and then
    /// while the store is another one than was signed: the right one may be back.
    async fn checked(&self) -> Result<(), LogError> {
        for _ in 0..MAX_CHECKS {
            if !self.is_to_be_looked_at() {
                break;
            }
            let Some(_checking) = Checking::begin(&self.checking) else {
                time::sleep(CHECK_AGAIN_MS).await;
                continue;
            };
            match self.round().await {
                Ended::Done | Ended::Failed => break,
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
        limited(of_store!(self, checkpoint())).await
    }

    async fn take_turn(&self, entry: &PendingEntry) -> Result<Receipt, LogError> {
        self.checked().await?;
        let writer = match self.turns.wait(entry).await {
            Turn::Done(result) => return result,
            Turn::Write(writer) => writer,
        };
        let appending = match &self.store {
            Store::Sqlite(log) => Appending::Sqlite(log.begin_append().await?),
            Store::Postgres(log) => Appending::Postgres(log),
        };
        // Those too that came while the lock was waited for.
        let others = writer.others();
        let entries: Vec<&PendingEntry> = std::iter::once(entry)
            .chain(others.iter().map(|waiter| &waiter.entry))
            .collect();
        let written = match appending {
            Appending::Sqlite(transaction) => transaction.write(&entries).await,
            Appending::Postgres(log) => log.write(&entries).await,
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
        let receipt = limited(self.0.take_turn(entry)).await?;
        self.schedule(&receipt);
        Ok(receipt)
    }

    async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError> {
        limited(of_store!(self.0, read(from, limit))).await
    }

    /// By a round, whatever was found before: a store that was put back to what it was once
    /// is as much at rest as one that is sound, and only a round asks the trusted place.
    async fn state(&self) -> Result<LogState, LogError> {
        let sequenced = self.read(0, 0).await?.size;
        self.0.round().await;
        Ok(LogState {
            sequenced,
            published: self.0.published().await?,
            standing: self.0.standing.borrow().clone(),
        })
    }

    /// Brought up to date: after an end of the process nobody else may come by. Readers ask
    /// for it with every tile, so there is no round for one that covers all there is.
    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError> {
        let sequenced = self.read(0, 0).await?.size;
        let sound = *self.0.standing.borrow() == Standing::Sound;
        if !sound || self.0.published().await? < sequenced {
            self.0.round().await;
        }
        self.0.checkpoint().await
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LogError> {
        limited(of_store!(self.0, tile(id))).await
    }

    async fn periods(&self) -> Result<Vec<RetentionPeriod>, LogError> {
        limited(of_store!(self.0, periods())).await
    }

    async fn payloads(&self, period: RetentionPeriod) -> Result<Option<PayloadRange>, LogError> {
        limited(of_store!(self.0, payloads(period))).await
    }

    async fn erase(&self, period: RetentionPeriod, limit: u32) -> Result<u64, LogError> {
        limited(of_store!(self.0, erase(period, limit))).await
    }

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, LogError> {
        limited(of_store!(self.0, leaves(from, limit))).await
    }

    async fn index_of(&self, id: EntryId) -> Result<Option<u64>, LogError> {
        limited(of_store!(self.0, index_of(id))).await
    }
}
