//! An in-memory platform with faults to order, for tests and benchmarks.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use sluis_log::sequencer::{
    Checkpoints, MemoryCheckpoints, Sequencer, SequencerError, StoredCheckpoint, StoredLeaf, Swap,
};
use sluis_log::{
    ChainHash, HASH_BYTES, MemoryLog, Origin, PayloadRange, PendingEntry, Receipt, RetentionPeriod,
    SealedEntry, Shard, WrappedKey,
};
use sluis_log::{EntryId, KeyName, NoteSigner, TileId, TreeHead};
use sluis_token::{LocalVerifier, UnixTime};

use crate::headers;
use crate::payload_keys::{PayloadKeys, PeriodKey};
use crate::permit::ForwardPermit;
use crate::platform::{
    AuditLog, BodyError, FetchError, InboundRequest, LogError, LogSlice, LogState, Platform,
    Standing, UpstreamError, UpstreamResponse,
};
use crate::replay::{ReplayError, ReplayStore, Use};
use crate::shared_store::{NotShared, SharedStore};

/// A request in memory.
#[derive(Debug, Clone)]
pub struct MemoryRequest {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    certificate: Option<[u8; 32]>,
    body: Vec<u8>,
}

impl MemoryRequest {
    /// A request without headers and body.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: BTreeMap::new(),
            certificate: None,
            body: Vec::new(),
        }
    }

    /// Adds a header; a second one of the same name is joined (RFC 9110 §5.3).
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .entry(name.to_owned())
            .and_modify(|old| {
                old.push_str(", ");
                old.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
        self
    }

    /// Sets the SHA-256 of the certificate that the platform verified.
    #[must_use]
    pub fn certificate(mut self, sha256: [u8; 32]) -> Self {
        self.certificate = Some(sha256);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        body.as_bytes().clone_into(&mut self.body);
        self
    }
}

impl InboundRequest for MemoryRequest {
    fn method(&self) -> String {
        self.method.clone()
    }

    fn target(&self) -> String {
        self.target.clone()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).cloned()
    }

    fn client_certificate(&self) -> Option<[u8; 32]> {
        self.certificate
    }

    async fn buffer_body(&mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        if self.body.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        Ok(self.body.clone())
    }
}

/// How an answer's body fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyFault {
    /// It comes whole.
    #[default]
    None,
    /// It breaks off.
    BreaksOff,
    /// It never ends.
    Hangs,
}

/// An answer in memory.
#[derive(Debug, Clone)]
pub struct MemoryResponse {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    fault: BodyFault,
}

impl MemoryResponse {
    /// An answer without headers and body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: BTreeMap::new(),
            body: Vec::new(),
            fault: BodyFault::None,
        }
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// Lets the body fail.
    #[must_use]
    pub fn fault(mut self, fault: BodyFault) -> Self {
        self.fault = fault;
        self
    }
}

impl UpstreamResponse for MemoryResponse {
    fn status(&self) -> u16 {
        self.status
    }

    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).cloned()
    }

    async fn read_body(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        if self.body.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        match self.fault {
            BodyFault::None => Ok(self.body),
            BodyFault::BreaksOff => Err(BodyError::Incomplete),
            BodyFault::Hangs => std::future::pending().await,
        }
    }

    fn discard(self) {}
}

/// What the backend saw of one request.
#[derive(Debug, Clone)]
pub struct Forwarded {
    /// Method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers, those of the caller that passed and those the gate set.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Vec<u8>,
}

/// How the log fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFault {
    /// It works.
    #[default]
    None,
    /// It takes nothing and says so.
    Unavailable,
    /// It takes nothing and does not answer.
    Timeout,
    /// It takes the entry and crashes before it answers.
    CrashAfterWrite,
    /// It answers with a receipt for something else.
    ForkedReceipt,
    /// It takes entries, and never says how it stands.
    Hangs,
}

/// A log in memory. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryAuditLog(Rc<LogParts>);

#[derive(Debug)]
struct LogParts {
    entries: RefCell<MemoryLog>,
    heads: MemoryCheckpoints,
    standing: RefCell<Standing>,
    fault: Cell<LogFault>,
    erase_fault: Cell<EraseFault>,
    damage: Cell<Damage>,
    /// How often it was asked how it stands.
    asked: Cell<usize>,
}

/// What of a store is not as it was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Damage {
    /// Nothing.
    #[default]
    None,
    /// The entry is gone.
    Lost(u64),
    /// The entry's row is none.
    Unreadable(u64),
    /// A tile has so many hashes left; with none it is gone.
    Tile(TileId, usize),
}

/// How erasing payloads fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EraseFault {
    /// It does not.
    #[default]
    None,
    /// It cannot be asked what there is.
    Periods,
    /// It cannot be asked how much there is of a period.
    Payloads,
    /// Nothing is erased.
    Erase,
    /// It is erased, and the answer is lost.
    EraseLost,
    /// By the store's own date no period is over.
    EarlyDate,
    /// Somebody else erases it first.
    Raced,
}

impl MemoryAuditLog {
    fn new(origin: Origin) -> Self {
        Self(Rc::new(LogParts {
            entries: RefCell::new(MemoryLog::new(origin)),
            heads: MemoryCheckpoints::default(),
            standing: RefCell::new(Standing::Sound),
            fault: Cell::default(),
            erase_fault: Cell::default(),
            damage: Cell::default(),
            asked: Cell::default(),
        }))
    }
}

/// The trusted place, which is only read of.
struct ReadOnly<'a>(&'a MemoryCheckpoints);

impl Checkpoints for ReadOnly<'_> {
    type Error = Infallible;

    async fn last(&self, origin: &Origin) -> Result<Option<TreeHead>, Infallible> {
        self.0.last(origin).await
    }

    async fn advance(&self, _: &Origin, _: TreeHead, _: TreeHead) -> Result<Swap, Infallible> {
        Ok(Swap::Moved)
    }
}

impl MemoryAuditLog {
    /// Holds the entries against the trusted head, as a store's round does. Nothing is published: tests say when.
    async fn compare(&self) {
        let copy = RefCell::new(self.0.entries.borrow().clone());
        let origin = copy.borrow().origin().clone();
        let Ok(name) = KeyName::parse(origin.as_str()) else {
            return;
        };
        // What it would sign stays in the copy.
        let Ok(signer) = NoteSigner::new(name, &[0; 32]) else {
            return;
        };
        let sequencer = Sequencer {
            origin: &origin,
            store: &copy,
            checkpoints: &ReadOnly(&self.0.heads),
            signer: &signer,
        };
        let round = sequencer.round().await.map(drop);
        self.0.found(&round);
    }
}

impl LogParts {
    /// What a round came to.
    fn found<S, C>(&self, round: &Result<(), SequencerError<S, C>>) {
        let outcome = match round {
            Ok(()) => Ok(()),
            // There is something to publish.
            Err(SequencerError::Overtaken) => return,
            Err(SequencerError::Evidence(evidence)) => Err(Some(*evidence)),
            Err(
                SequencerError::Store(_)
                | SequencerError::Trusted(_)
                | SequencerError::Tree(_)
                | SequencerError::Sign(_),
            ) => Err(None),
        };
        self.standing
            .replace_with(|before| before.clone().after(outcome));
    }
}

impl AuditLog for MemoryAuditLog {
    async fn append(&self, entry: &PendingEntry) -> Result<Receipt, LogError> {
        let write = || {
            let mut entries = self.0.entries.borrow_mut();
            entries.append(entry).map_err(|_| LogError::Conflict)
        };
        if !self.0.standing.borrow().takes_entries() {
            return Err(LogError::NotTrusted);
        }
        match self.0.fault.get() {
            LogFault::None | LogFault::Hangs => write(),
            LogFault::Unavailable => Err(LogError::Unavailable),
            LogFault::Timeout => Err(LogError::Timeout { limit_ms: 0 }),
            LogFault::CrashAfterWrite => {
                write()?;
                Err(LogError::Timeout { limit_ms: 0 })
            }
            LogFault::ForkedReceipt => {
                let mut receipt = write()?;
                receipt.previous = ChainHash([0xff; 32]);
                Ok(receipt)
            }
        }
    }

    async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError> {
        match self.0.fault.get() {
            LogFault::None
            | LogFault::CrashAfterWrite
            | LogFault::ForkedReceipt
            | LogFault::Hangs => {
                let entries = self.0.entries.borrow();
                let mut items = entries.read(from, limit);
                match self.0.damage.get() {
                    Damage::Lost(index) => items.retain(|item| item.index != index),
                    Damage::Unreadable(index) if from <= index => {
                        items.retain(|item| item.index < index);
                    }
                    Damage::None | Damage::Unreadable(_) | Damage::Tile(..) => {}
                }
                Ok(LogSlice {
                    size: entries.head().size,
                    items,
                })
            }
            LogFault::Unavailable | LogFault::Timeout => Err(LogError::Unavailable),
        }
    }

    async fn state(&self) -> Result<LogState, LogError> {
        self.0.asked.set(self.0.asked.get() + 1);
        if self.0.fault.get() == LogFault::Hangs {
            return std::future::pending().await;
        }
        let sequenced = self.read(0, 0).await?.size;
        self.compare().await;
        Ok(LogState {
            sequenced,
            published: self
                .checkpoint()
                .await?
                .map_or(0, |stored| stored.head.size),
            standing: self.0.standing.borrow().clone(),
        })
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError> {
        let log = self.0.entries.borrow();
        Ok(log.tree().checkpoint().cloned())
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LogError> {
        let mut row = self.0.entries.borrow().tree().tile(id).map(<[u8]>::to_vec);
        if let (Damage::Tile(tile, hashes), Some(hashes_there)) = (self.0.damage.get(), &mut row)
            && tile == id
        {
            hashes_there.truncate(hashes * HASH_BYTES);
        }
        Ok(row.filter(|row| !row.is_empty()))
    }

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, LogError> {
        let more = limit.saturating_add(1);
        let mut leaves = self.0.entries.borrow().leaves(from, more);
        if let Damage::Lost(index) = self.0.damage.get() {
            leaves.retain(|leaf| leaf.index != index);
        }
        leaves.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(leaves)
    }

    async fn index_of(&self, id: EntryId) -> Result<Option<u64>, LogError> {
        Ok(self.0.entries.borrow().index_of(id))
    }

    async fn periods(&self) -> Result<Vec<RetentionPeriod>, LogError> {
        match self.0.erase_fault.get() {
            EraseFault::None
            | EraseFault::Payloads
            | EraseFault::Erase
            | EraseFault::EraseLost
            | EraseFault::EarlyDate
            | EraseFault::Raced => Ok(self.0.entries.borrow().periods()),
            EraseFault::Periods => Err(LogError::Unavailable),
        }
    }

    async fn payloads(&self, period: RetentionPeriod) -> Result<Option<PayloadRange>, LogError> {
        match self.0.erase_fault.get() {
            EraseFault::None
            | EraseFault::Periods
            | EraseFault::Erase
            | EraseFault::EraseLost
            | EraseFault::EarlyDate
            | EraseFault::Raced => Ok(self.0.entries.borrow().payloads(period)),
            EraseFault::Payloads => Err(LogError::Unavailable),
        }
    }

    async fn erase(&self, period: RetentionPeriod, limit: u32) -> Result<u64, LogError> {
        let work = || self.0.entries.borrow_mut().erase_period(period, limit);
        match self.0.erase_fault.get() {
            EraseFault::None | EraseFault::Periods | EraseFault::Payloads => Ok(work()),
            EraseFault::Erase => Err(LogError::Unavailable),
            EraseFault::EraseLost => {
                work();
                Err(LogError::Timeout { limit_ms: 0 })
            }
            EraseFault::EarlyDate => Ok(0),
            EraseFault::Raced => {
                work();
                Ok(0)
            }
        }
    }
}

/// The shared store in memory.
#[derive(Debug, Default)]
pub struct MemorySharedStore {
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    gone: Cell<bool>,
    reads: Cell<usize>,
}

impl SharedStore for MemorySharedStore {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.reads.set(self.reads.get() + 1);
        let value = self.values.borrow().get(key).cloned();
        value.filter(|_| !self.gone.get())
    }

    async fn put(
        &self,
        key: &str,
        value: &[u8],
        _lifetime_seconds: u32,
        _limit_ms: u32,
    ) -> Result<(), NotShared> {
        if self.gone.get() {
            return Err(NotShared::Refused);
        }
        let mut values = self.values.borrow_mut();
        values.insert(key.to_owned(), value.to_vec());
        Ok(())
    }
}

/// How the memory of used keys fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplayFault {
    /// It works.
    #[default]
    None,
    /// It says that it cannot.
    Down,
    /// It uses the key, and its answer is lost.
    Slow,
}

/// The used keys in memory.
#[derive(Debug, Default)]
pub struct MemoryReplayStore {
    used: RefCell<BTreeMap<[u8; 32], UnixTime>>,
    fault: Cell<ReplayFault>,
}

impl ReplayStore for MemoryReplayStore {
    async fn consume(&self, key: &[u8; 32], until: UnixTime) -> Result<Use, ReplayError> {
        let insert = || self.used.borrow_mut().insert(*key, until);
        match self.fault.get() {
            ReplayFault::None => match insert() {
                None => Ok(Use::First),
                Some(_) => Ok(Use::Repeated),
            },
            ReplayFault::Down => Err(ReplayError::Unavailable),
            ReplayFault::Slow => {
                insert();
                Err(ReplayError::Timeout { limit_ms: 0 })
            }
        }
    }
}

/// How the keys of payloads fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadKeyFault {
    /// They are there.
    #[default]
    None,
    /// The place says that it cannot.
    Down,
    /// It keeps the key, and its answer is lost.
    Lost,
    /// It does not tell which periods there are.
    ListDown,
    /// It says that it cannot destroy a key.
    DestroyDown,
    /// It destroys the key, and its answer is lost.
    DestroyLost,
    /// By its own date no period is over.
    EarlyDate,
    /// Another order destroys the key first, under [`FASTER_RECORD`].
    Raced,
    /// It makes a key after a while, in which other requests go on.
    Slow,
    /// It makes none after a while.
    SlowlyDown,
    /// The first question is never answered, and those after it are.
    HangsOnce,
}

/// What a faster order leaves as its record.
pub const FASTER_RECORD: &str = "the record of a faster order";

/// What the place is asked for.
#[derive(Debug, Clone, Copy)]
enum KeyQuestion {
    Key,
    List,
    Destroy,
}

/// The keys of payloads in memory.
#[derive(Debug, Default)]
pub struct MemoryPayloadKeys {
    keys: RefCell<BTreeMap<(String, RetentionPeriod), PeriodKey>>,
    fault: Cell<PayloadKeyFault>,
    asked: Cell<usize>,
}

impl MemoryPayloadKeys {
    fn answer<T>(&self, question: KeyQuestion, work: impl FnOnce() -> T) -> Result<T, LogError> {
        self.asked.set(self.asked.get() + 1);
        match (self.fault.get(), question) {
            (PayloadKeyFault::Down | PayloadKeyFault::SlowlyDown, _)
            | (PayloadKeyFault::ListDown, KeyQuestion::List)
            | (PayloadKeyFault::DestroyDown, KeyQuestion::Destroy) => Err(LogError::Unavailable),
            (PayloadKeyFault::Lost, _) | (PayloadKeyFault::DestroyLost, KeyQuestion::Destroy) => {
                work();
                Err(LogError::Timeout { limit_ms: 0 })
            }
            (
                PayloadKeyFault::None
                | PayloadKeyFault::ListDown
                | PayloadKeyFault::DestroyDown
                | PayloadKeyFault::DestroyLost
                | PayloadKeyFault::EarlyDate
                | PayloadKeyFault::Raced
                | PayloadKeyFault::Slow
                | PayloadKeyFault::HangsOnce,
                _,
            ) => Ok(work()),
        }
    }
}

impl PayloadKeys for MemoryPayloadKeys {
    async fn obtain(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        candidate: &WrappedKey,
    ) -> Result<PeriodKey, LogError> {
        match self.fault.get() {
            PayloadKeyFault::Slow | PayloadKeyFault::SlowlyDown => others_first().await,
            PayloadKeyFault::HangsOnce if self.asked.get() == 0 => {
                self.asked.set(1);
                std::future::pending::<()>().await;
            }
            PayloadKeyFault::None
            | PayloadKeyFault::Down
            | PayloadKeyFault::Lost
            | PayloadKeyFault::ListDown
            | PayloadKeyFault::DestroyDown
            | PayloadKeyFault::DestroyLost
            | PayloadKeyFault::EarlyDate
            | PayloadKeyFault::Raced
            | PayloadKeyFault::HangsOnce => {}
        }
        self.answer(KeyQuestion::Key, || {
            let mut keys = self.keys.borrow_mut();
            let key = keys.entry((origin.as_str().to_owned(), period));
            key.or_insert_with(|| PeriodKey::Held(candidate.clone()))
                .clone()
        })
    }

    async fn find(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
    ) -> Result<Option<PeriodKey>, LogError> {
        self.answer(KeyQuestion::Key, || {
            let keys = self.keys.borrow();
            keys.get(&(origin.as_str().to_owned(), period)).cloned()
        })
    }

    async fn list(&self, origin: &Origin) -> Result<Vec<(RetentionPeriod, PeriodKey)>, LogError> {
        self.answer(KeyQuestion::List, || {
            let keys = self.keys.borrow();
            let own = keys
                .iter()
                .filter(|((of, _), _)| of == origin.as_str())
                .map(|((_, period), key)| (*period, key.clone()));
            own.collect()
        })
    }

    async fn destroy(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        record: &str,
    ) -> Result<PeriodKey, LogError> {
        let early = self.fault.get() == PayloadKeyFault::EarlyDate;
        let raced = self.fault.get() == PayloadKeyFault::Raced;
        let record = if raced { FASTER_RECORD } else { record };
        let known = self.answer(KeyQuestion::Destroy, || {
            let mut keys = self.keys.borrow_mut();
            let key = keys.get_mut(&(origin.as_str().to_owned(), period))?;
            if matches!(key, PeriodKey::Held(_)) && !early {
                *key = PeriodKey::Destroyed(record.to_owned());
            }
            Some(key.clone())
        });
        known?.ok_or(LogError::Malformed)
    }
}

struct Inner {
    now_ms: Cell<u64>,
    origin: Origin,
    /// Made when they are first asked for.
    logs: RefCell<BTreeMap<Shard, MemoryAuditLog>>,
    shared: MemorySharedStore,
    replay: MemoryReplayStore,
    payload_keys: MemoryPayloadKeys,
    keys: RefCell<HashMap<String, Result<Vec<u8>, FetchError>>>,
    fetches: Cell<usize>,
    fetch_ms: Cell<u32>,
    fetch_ms_of: RefCell<HashMap<String, u32>>,
    upstream: RefCell<Result<MemoryResponse, UpstreamError>>,
    forwarded: RefCell<Vec<Forwarded>>,
    deferred: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
    reported: RefCell<Vec<String>>,
}

/// The platform in memory. Clones share their state.
#[derive(Clone)]
pub struct MemoryPlatform(Rc<Inner>);

impl MemoryPlatform {
    /// A platform whose clock stands at `now_ms`, with empty logs of a deployment of
    /// that origin.
    pub fn new(now_ms: u64, origin: Origin) -> Self {
        Self(Rc::new(Inner {
            now_ms: Cell::new(now_ms),
            origin,
            logs: RefCell::default(),
            shared: MemorySharedStore::default(),
            replay: MemoryReplayStore::default(),
            payload_keys: MemoryPayloadKeys::default(),
            keys: RefCell::default(),
            fetches: Cell::new(0),
            fetch_ms: Cell::new(0),
            fetch_ms_of: RefCell::default(),
            upstream: RefCell::new(Ok(MemoryResponse::new(200))),
            forwarded: RefCell::default(),
            deferred: RefCell::default(),
            reported: RefCell::default(),
        }))
    }

    /// Puts the clock back.
    pub fn turn_back_ms(&self, by: u64) {
        self.0.now_ms.set(self.0.now_ms.get().saturating_sub(by));
    }

    /// Moves the clock.
    pub fn advance_ms(&self, by: u64) {
        self.0.now_ms.set(self.0.now_ms.get() + by);
    }

    /// Serves a key set at a URL; an unknown URL is unreachable.
    pub fn serve_keys(&self, url: &str, jwks: &str) {
        let mut keys = self.0.keys.borrow_mut();
        keys.insert(url.to_owned(), Ok(jwks.as_bytes().to_vec()));
    }

    /// Lets the fetch of a URL fail in that way.
    pub fn fail_keys(&self, url: &str, error: FetchError) {
        let mut keys = self.0.keys.borrow_mut();
        keys.insert(url.to_owned(), Err(error));
    }

    /// Stops serving a URL.
    pub fn drop_keys(&self, url: &str) {
        self.0.keys.borrow_mut().remove(url);
    }

    /// Lets every fetch of keys take this long.
    pub fn slow_keys(&self, milliseconds: u32) {
        self.0.fetch_ms.set(milliseconds);
    }

    /// Lets the fetch of that URL take this long.
    pub fn slow_keys_at(&self, url: &str, milliseconds: u32) {
        let mut times = self.0.fetch_ms_of.borrow_mut();
        times.insert(url.to_owned(), milliseconds);
    }

    /// How many key sets were asked for.
    pub fn fetches(&self) -> usize {
        self.0.fetches.get()
    }

    /// Lets the memory of used keys fail.
    pub fn break_replay(&self, fault: ReplayFault) {
        self.0.replay.fault.set(fault);
    }

    /// Lets the keys of payloads fail.
    pub fn break_payload_keys(&self, fault: PayloadKeyFault) {
        self.0.payload_keys.fault.set(fault);
    }

    /// How often the keys of payloads were asked for.
    pub fn payload_key_questions(&self) -> usize {
        self.0.payload_keys.asked.get()
    }

    /// What was used, and until when that counts.
    pub fn used(&self) -> BTreeMap<[u8; 32], UnixTime> {
        self.0.replay.used.borrow().clone()
    }

    /// Lets the shared store take and give nothing, or work again.
    pub fn break_shared(&self, gone: bool) {
        self.0.shared.gone.set(gone);
    }

    /// What the shared store holds, by key.
    pub fn shared_values(&self) -> BTreeMap<String, Vec<u8>> {
        self.0.shared.values.borrow().clone()
    }

    /// Puts a value into the shared store as its owner could.
    pub fn set_shared(&self, key: &str, value: Vec<u8>) {
        let mut values = self.0.shared.values.borrow_mut();
        values.insert(key.to_owned(), value);
    }

    /// How often the shared store was read.
    pub fn shared_reads(&self) -> usize {
        self.0.shared.reads.get()
    }

    /// A log, if its origin is one.
    fn made(&self, shard: Shard) -> Option<MemoryAuditLog> {
        let origin = shard.origin(&self.0.origin).ok()?;
        let mut logs = self.0.logs.borrow_mut();
        let log = logs
            .entry(shard)
            .or_insert_with(|| MemoryAuditLog::new(origin));
        Some(log.clone())
    }

    /// Lets erasing in one of the logs fail.
    pub fn break_erasing(&self, shard: Shard, fault: EraseFault) {
        if let Some(log) = self.made(shard) {
            log.0.erase_fault.set(fault);
        }
    }

    /// Lets something of the whole log be damaged.
    pub fn damage_log(&self, damage: Damage) {
        if let Some(log) = self.made(Shard::Whole) {
            log.0.damage.set(damage);
        }
    }

    /// Lets the whole log fail.
    pub fn break_log(&self, fault: LogFault) {
        self.break_shard(Shard::Whole, fault);
    }

    /// Lets one of the logs fail.
    pub fn break_shard(&self, shard: Shard, fault: LogFault) {
        if let Some(log) = self.made(shard) {
            log.0.fault.set(fault);
        }
    }

    /// Lets one of the logs believe that of its store: nothing, as after a start, or that something failed.
    pub fn set_standing(&self, shard: Shard, standing: Standing) {
        if let Some(log) = self.made(shard) {
            log.0.standing.replace(standing);
        }
    }

    /// How often one of the logs was asked how it stands.
    pub fn times_asked(&self, shard: Shard) -> usize {
        self.made(shard).map_or(0, |log| log.0.asked.get())
    }

    /// Puts the whole log back to its first `size` entries, as its owner could.
    pub fn roll_back_log(&self, size: u64) {
        self.roll_back_shard(Shard::Whole, size);
    }

    /// The same of one of the logs.
    pub fn roll_back_shard(&self, shard: Shard, size: u64) {
        let Some(MemoryAuditLog(log)) = self.made(shard) else {
            return;
        };
        let kept = log.entries.borrow().cut(size);
        log.entries.replace(kept);
    }

    /// What one of the logs is now, its tree and its checkpoint too.
    pub fn copy_of_shard(&self, shard: Shard) -> Option<MemoryLog> {
        let MemoryAuditLog(log) = self.made(shard)?;
        let copy = log.entries.borrow().clone();
        Some(copy)
    }

    /// Puts such a copy back, as its owner could.
    pub fn put_back_shard(&self, shard: Shard, copy: MemoryLog) {
        if let Some(log) = self.made(shard) {
            log.0.entries.replace(copy);
        }
    }

    /// Integrates what was appended and publishes a checkpoint, as a store does by itself.
    pub async fn publish(&self, signer: &NoteSigner) {
        self.publish_shard(Shard::Whole, signer).await;
    }

    /// The same of one of the logs.
    pub async fn publish_shard(&self, shard: Shard, signer: &NoteSigner) {
        let Some(MemoryAuditLog(log)) = self.made(shard) else {
            return;
        };
        let origin = log.entries.borrow().origin().clone();
        let sequencer = Sequencer {
            origin: &origin,
            store: &log.entries,
            checkpoints: &log.heads,
            signer,
        };
        log.found(&sequencer.round().await.map(drop));
    }

    /// Erases the payload of an entry; whether there was one.
    pub fn erase(&self, index: u64) -> bool {
        let log = self.made(Shard::Whole);
        log.is_some_and(|MemoryAuditLog(log)| log.entries.borrow_mut().erase(index))
    }

    /// Sets what the upstream answers.
    pub fn answer(&self, upstream: Result<MemoryResponse, UpstreamError>) {
        *self.0.upstream.borrow_mut() = upstream;
    }

    /// What the backend saw.
    pub fn forwarded(&self) -> Vec<Forwarded> {
        self.0.forwarded.borrow().clone()
    }

    /// The whole log's entries as they stand there, whatever fault is on; see
    /// [`Gate::open_entries`](crate::Gate::open_entries).
    pub fn entries(&self) -> Vec<SealedEntry> {
        self.entries_of(Shard::Whole)
    }

    /// The same of one of the logs.
    pub fn entries_of(&self, shard: Shard) -> Vec<SealedEntry> {
        let log = self.made(shard);
        log.map_or_else(Vec::new, |log| log.0.entries.borrow().read(0, u32::MAX))
    }

    /// The lines for the operator.
    pub fn reported(&self) -> Vec<String> {
        self.0.reported.borrow().clone()
    }

    /// How many pieces of work are put off.
    pub fn deferred(&self) -> usize {
        self.0.deferred.borrow().len()
    }

    /// Runs the piece of work that was put off first.
    pub async fn run_oldest_deferred(&self) {
        let oldest = {
            let mut deferred = self.0.deferred.borrow_mut();
            (!deferred.is_empty()).then(|| deferred.remove(0))
        };
        if let Some(work) = oldest {
            work.await;
        }
    }

    /// Runs what was put off until after the answers.
    pub async fn run_deferred(&self) {
        loop {
            let next = self.0.deferred.borrow_mut().pop();
            match next {
                Some(work) => work.await,
                None => return,
            }
        }
    }
}

impl Platform for MemoryPlatform {
    type Request = MemoryRequest;
    type Response = MemoryResponse;
    type Verifier = LocalVerifier;
    type Log = MemoryAuditLog;
    type Shared = MemorySharedStore;
    type Replay = MemoryReplayStore;
    type PayloadKeys = MemoryPayloadKeys;

    fn now_ms(&self) -> u64 {
        self.0.now_ms.get()
    }

    fn verifier(&self) -> &LocalVerifier {
        &LocalVerifier
    }

    fn log(&self, shard: Shard) -> Result<MemoryAuditLog, LogError> {
        self.made(shard).ok_or(LogError::NoShard(shard))
    }

    fn shared(&self) -> &MemorySharedStore {
        &self.0.shared
    }

    fn replay(&self) -> &MemoryReplayStore {
        &self.0.replay
    }

    fn payload_keys(&self) -> &MemoryPayloadKeys {
        &self.0.payload_keys
    }

    async fn fetch_document(
        &self,
        url: &str,
        _accept: &str,
        limit: usize,
    ) -> Result<Vec<u8>, FetchError> {
        self.0.fetches.set(self.0.fetches.get() + 1);
        let own_ms = self.0.fetch_ms_of.borrow().get(url).copied();
        let until = self.now_ms() + u64::from(own_ms.unwrap_or(self.0.fetch_ms.get()));
        // What is served when the fetch begins is what it brings.
        let set = self.0.keys.borrow().get(url).cloned();
        while self.now_ms() < until {
            self.sleep(1).await;
        }
        let set = set.unwrap_or(Err(FetchError::Unreachable))?;
        if set.len() > limit {
            return Err(FetchError::TooLarge { limit });
        }
        Ok(set)
    }

    async fn forward(
        &self,
        permit: ForwardPermit,
        request: MemoryRequest,
    ) -> Result<MemoryResponse, UpstreamError> {
        let response = self.0.upstream.borrow().clone()?;
        let mut headers: BTreeMap<String, String> = if permit.passes_as_it_came() {
            let connection = request.headers.get("connection").cloned();
            let passes = |name: &str| headers::passes_in_shadow(name, connection.as_deref());
            let all = request.headers.iter().filter(|(name, _)| passes(name));
            all.map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        } else {
            let named =
                |name: &str| Some((name.to_owned(), InboundRequest::header(&request, name)?));
            permit.passing().filter_map(named).collect()
        };
        for (name, value) in permit.headers() {
            // One that passed too arrives twice.
            let field = headers.entry((*name).to_owned());
            let joined = field.and_modify(|passed| passed.push_str(", "));
            joined.or_default().push_str(value);
        }
        self.0.forwarded.borrow_mut().push(Forwarded {
            method: request.method,
            url: permit.url().to_owned(),
            headers,
            body: request.body,
        });
        Ok(response)
    }

    fn defer(&self, work: impl Future<Output = ()> + 'static) {
        self.0.deferred.borrow_mut().push(Box::pin(work));
    }

    /// Moves the clock instead of waiting, and lets the others run.
    async fn sleep(&self, milliseconds: u32) {
        self.advance_ms(milliseconds.into());
        others_first().await;
    }

    fn report(&self, line: &str) {
        self.0.reported.borrow_mut().push(line.to_owned());
    }
}

/// Lets the other requests go on.
async fn others_first() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
