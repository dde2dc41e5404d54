//! The logs as the gate uses them: one call to a Durable Object an entry.

use std::borrow::Cow;
use std::cell::RefCell;

use sluis_gate::{AuditLog, LogError, LogSlice, LogState};
use sluis_log::sequencer::{StoredCheckpoint, StoredLeaf};
use sluis_log::{
    EntryId, PayloadRange, PendingEntry, Receipt, RetentionPeriod, SealedEntry, Shard, TileId,
    TreeHash, TreeHead,
};
use wasm_bindgen::JsValue;
use worker::{Env, ObjectNamespace};

use crate::cloudflare::js;
use crate::cloudflare::platform::Logs;
use crate::cloudflare::task::Operation;

/// Binding of the Durable Object's namespace.
pub(super) const BINDING: &str = "AUDIT_LOG";
/// An answer of the log must be here by then. A hung object would hang its
/// caller for as long as the client waits; this makes it a 503.
pub(super) const TIMEOUT_MS: u32 = 800;

/// What the object returns instead of an answer: it holds another entry under the id.
pub(crate) const CONFLICT: u32 = 409;
/// It holds another log than the one that was signed, or has not looked yet.
pub(crate) const NOT_TRUSTED: u32 = 410;
/// It could not do it.
pub(crate) const FAILED: u32 = 503;

/// What a read answers.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Slice {
    pub(crate) size: u64,
    pub(crate) items: Vec<SealedEntry>,
}

thread_local! {
    static NAMESPACE: RefCell<Option<ObjectNamespace>> = const { RefCell::new(None) };
}

/// One log, one object: its name.
pub(super) fn name_of(shard: Shard) -> Cow<'static, str> {
    match shard {
        Shard::Whole => "log".into(),
        Shard::Part(number) => format!("log-{number}").into(),
    }
}

/// The logs in the Durable Objects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DurableLogs;

impl DurableLogs {
    /// Remembers where the logs are; the binding is the instance's.
    pub(crate) fn bound(env: &Env) -> Self {
        NAMESPACE.with_borrow_mut(|namespace| {
            if namespace.is_none() {
                *namespace = env.durable_object(BINDING).ok();
            }
        });
        super::keys::bind(env);
        Self
    }
}

impl Logs for DurableLogs {
    type Log = DurableLog;

    fn of(&self, shard: Shard) -> DurableLog {
        DurableLog(shard)
    }
}

/// The log in a Durable Object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DurableLog(Shard);

impl DurableLog {
    /// Calls the object; the text that it returns.
    async fn call(self, begin: impl FnOnce(u32, &JsValue)) -> Result<String, LogError> {
        let namespace = NAMESPACE
            .with_borrow(Clone::clone)
            .ok_or(LogError::Unavailable)?;
        // A stub belongs to its request, so each has its own.
        let stub = namespace
            .get_by_name(&name_of(self.0))
            .map_err(|_| LogError::Unavailable)?;
        let stub: JsValue = stub.into_rpc();
        let outcome = Operation::begin(|number| begin(number, &stub)).await;
        match js::number(&outcome) {
            Some(CONFLICT) => Err(LogError::Conflict),
            Some(NOT_TRUSTED) => Err(LogError::NotTrusted),
            Some(js::TIMED_OUT) => Err(LogError::Timeout {
                limit_ms: TIMEOUT_MS,
            }),
            Some(_) => Err(LogError::Unavailable),
            None => outcome.as_string().ok_or(LogError::Unavailable),
        }
    }
}

/// What the Worker asks of the tree.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Question {
    State,
    Checkpoint,
    Tile { level: u8, index: u64 },
    Leaves { from: u64, limit: u64 },
    IndexOf { id: EntryId },
    Periods,
    Payloads { period: RetentionPeriod },
    Erase { period: RetentionPeriod, limit: u32 },
}

/// A published checkpoint on its way.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct PublishedCheckpoint {
    size: u64,
    root: Vec<u8>,
    note: String,
}

/// An entry without its payload, on its way.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Leaf {
    index: u64,
    entry: Vec<u8>,
    chain: Vec<u8>,
}

impl From<StoredCheckpoint> for PublishedCheckpoint {
    fn from(stored: StoredCheckpoint) -> Self {
        Self {
            size: stored.head.size,
            root: stored.head.root.0.to_vec(),
            note: stored.note,
        }
    }
}

impl From<StoredLeaf> for Leaf {
    fn from(leaf: StoredLeaf) -> Self {
        let StoredLeaf {
            index,
            entry,
            chain,
        } = leaf;
        Self {
            index,
            entry,
            chain,
        }
    }
}

impl DurableLog {
    async fn ask<T: serde::de::DeserializeOwned>(self, question: Question) -> Result<T, LogError> {
        let question = serde_json::to_string(&question).map_err(|_| LogError::Malformed)?;
        let begin = |number, stub: &JsValue| js::ask(number, stub, &question, TIMEOUT_MS);
        let answer = self.call(begin).await?;
        serde_json::from_str(&answer).map_err(|_| LogError::Malformed)
    }
}

impl AuditLog for DurableLog {
    async fn state(&self) -> Result<LogState, LogError> {
        self.ask(Question::State).await
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError> {
        let stored: Option<PublishedCheckpoint> = self.ask(Question::Checkpoint).await?;
        let checkpoint = |stored: PublishedCheckpoint| {
            let root = stored.root.try_into().map_err(|_| LogError::Malformed)?;
            Ok(StoredCheckpoint {
                head: TreeHead {
                    size: stored.size,
                    root: TreeHash(root),
                },
                note: stored.note,
            })
        };
        stored.map(checkpoint).transpose()
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LogError> {
        let TileId { level, index } = id;
        self.ask(Question::Tile { level, index }).await
    }

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, LogError> {
        let leaves: Vec<Leaf> = self.ask(Question::Leaves { from, limit }).await?;
        let stored = leaves.into_iter().map(|leaf| StoredLeaf {
            index: leaf.index,
            entry: leaf.entry,
            chain: leaf.chain,
        });
        Ok(stored.collect())
    }

    async fn index_of(&self, id: EntryId) -> Result<Option<u64>, LogError> {
        self.ask(Question::IndexOf { id }).await
    }

    async fn periods(&self) -> Result<Vec<RetentionPeriod>, LogError> {
        self.ask(Question::Periods).await
    }

    async fn payloads(&self, period: RetentionPeriod) -> Result<Option<PayloadRange>, LogError> {
        let found: Option<(u64, u64, u64)> = self.ask(Question::Payloads { period }).await?;
        let range =
            |(count, first, last)| PayloadRange::new(count, first, last).ok_or(LogError::Malformed);
        found.map(range).transpose()
    }

    async fn erase(&self, period: RetentionPeriod, limit: u32) -> Result<u64, LogError> {
        self.ask(Question::Erase { period, limit }).await
    }

    async fn append(&self, entry: &PendingEntry) -> Result<Receipt, LogError> {
        let head = entry.head_json().map_err(|_| LogError::Malformed)?;
        let begin = |number, stub: &JsValue| {
            js::append(number, stub, &head, entry.sealed(), TIMEOUT_MS);
        };
        let receipt = self.call(begin).await?;
        serde_json::from_str(&receipt).map_err(|_| LogError::Malformed)
    }

    async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError> {
        // Beyond 2^53 there is nothing to be read, and a rounded number finds nothing.
        #[expect(
            clippy::cast_precision_loss,
            reason = "an index that is too large stays too large"
        )]
        let from = from as f64;
        let begin = |number, stub: &JsValue| js::read(number, stub, from, limit, TIMEOUT_MS);
        let slice = self.call(begin).await?;
        let Slice { size, items } =
            serde_json::from_str(&slice).map_err(|_| LogError::Malformed)?;
        Ok(LogSlice { size, items })
    }
}
