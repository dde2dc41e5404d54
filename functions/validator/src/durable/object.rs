//! A log's Durable Object: one a log, so that one place gives out the indices.
//!
//! Durability is the platform's output gate: no answer leaves before the write
//! it follows is on disk. SQL that ran before a failure stays, so an append is
//! one statement, an insert into the view that `sluis_log::sql` defines.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Function;
use serde::Serialize;
use sluis_gate::{LogState, Standing};
use sluis_log::sql::{Existing, ExistingError, sqlite, statements};
use sluis_log::{
    ChainHead, MAX_PAGE_ENTRIES, Origin, PendingEntry, Receipt, RetentionPeriod, Row, SealedEntry,
    TileId, TreeHead,
};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{
    DurableObject, Env, Request, Response, Result, SqlStorage, SqlStorageValue, State,
    durable_object,
};

use super::log::{
    BINDING, CONFLICT, FAILED, Leaf, NOT_TRUSTED, PublishedCheckpoint, Question, Slice, name_of,
};
use super::publisher::{Publisher, round};
use super::rows::{Columns, integer, rows};
use super::tree::ObjectTree;
use crate::cloudflare::{instance, js, task};

/// The log.
#[durable_object(fetch)]
pub struct AuditLog {
    sql: SqlStorage,
    /// Which log this is; none if this object is none of the configuration's.
    origin: Option<Origin>,
    /// Publishes; none where the binding or the key is missing.
    publisher: Option<Rc<Publisher>>,
    standing: Rc<RefCell<Standing>>,
    /// None until the storage is ready, and after a write that failed: then
    /// what is stored is looked at anew before anything is added.
    opened: RefCell<Option<Opened>>,
}

/// A log whose last row was read.
#[derive(Debug, Clone)]
struct Opened {
    origin: Origin,
    head: ChainHead,
}

/// Why an append or a read was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("nothing is added before the store was found to be the one that was signed")]
    NotTrusted,
    #[error("this object is none of the logs of the configuration")]
    Unknown,
    #[error("not JSON as expected: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Start(#[from] instance::StartError),
    #[error("storage: {0}")]
    Storage(#[from] worker::Error),
    #[error(transparent)]
    Existing(#[from] ExistingError),
    #[error(transparent)]
    Damaged(#[from] sluis_log::sql::DamagedRow),
    #[error("the storage gave no row as expected: {0}")]
    Row(&'static str),
    #[error(transparent)]
    Stored(#[from] sluis_log::StoredError),
}

/// Which of the configuration's logs an object is, by its id: nobody who calls it can
/// say otherwise.
fn identify(state: &State, env: &Env) -> Result<Origin, Failure> {
    let objects = env.durable_object(BINDING)?;
    for mapped in instance::logs()?.logs() {
        if objects.id_from_name(&name_of(mapped.shard))? == state.id() {
            return Ok(mapped.origin.clone());
        }
    }
    Err(Failure::Unknown)
}

impl DurableObject for AuditLog {
    fn new(state: State, env: Env) -> Self {
        let sql = state.storage().sql();
        let origin = identify(&state, &env);
        let publisher = match &origin {
            Ok(origin) => Publisher::new(&env, origin.clone(), ObjectTree(sql.clone()))
                .map_err(|error| error.to_string()),
            Err(failure) => Err(failure.to_string()),
        };
        if let Err(error) = &publisher {
            js::report(&format!("sluis log: {error}"));
        }
        Self {
            sql,
            origin: origin.ok(),
            publisher: publisher.ok().map(Rc::new),
            standing: Rc::default(),
            opened: RefCell::new(None),
        }
    }

    /// The Worker calls `append`, `read` and `ask`; nothing is served over HTTP.
    async fn fetch(&self, _request: Request) -> Result<Response> {
        Response::error("not found", 404)
    }
}

#[wasm_bindgen]
impl AuditLog {
    /// Appends an entry (its head as JSON, its sealed payload); its receipt (JSON), [`CONFLICT`], [`NOT_TRUSTED`] or
    /// [`FAILED`].
    /// Nothing is awaited here, so appends cannot interleave.
    #[wasm_bindgen(js_name = append)]
    pub fn append_parts(&self, head: &str, sealed: Vec<u8>) -> JsValue {
        let Ok(pending) = PendingEntry::from_parts(head, sealed) else {
            js::report("sluis log: no pending entry");
            return FAILED.into();
        };
        answer(&self.append(&pending))
    }

    /// Whether entries may be added.
    #[wasm_bindgen(js_name = takes_entries)]
    pub fn takes_entries(&self) -> bool {
        self.standing.borrow().takes_entries()
    }

    /// Whether a [`Question`] (JSON) waits for a round: always for how the log stands,
    /// since only a round asks the trusted place; else when the store was not looked at
    /// since the start, or has entries that are not published.
    #[wasm_bindgen(js_name = wants_round)]
    pub fn wants_round(&self, question: &str) -> bool {
        let published = |sizes: (u64, TreeHead)| sizes.1.size >= sizes.0;
        matches!(serde_json::from_str(question), Ok(Question::State))
            || *self.standing.borrow() != Standing::Sound
            || !self.sizes().is_ok_and(published)
    }

    /// A round of the sequencer; `done` gets the milliseconds until the next one, 0 if
    /// there is nothing left to do. One at a time.
    #[wasm_bindgen(js_name = publish)]
    pub fn publish_round(&self, done: Function) {
        // A storage that cannot be opened is not published.
        let publisher = self.open().ok().and(self.publisher.clone());
        let round = round(publisher, Rc::clone(&self.standing));
        let finish = move |next: u32| {
            // It resolves a promise, which cannot fail.
            _ = done.call1(&JsValue::NULL, &next.into());
        };
        if let Some(next) = task::start(round, finish.clone()) {
            finish(next);
        }
    }

    /// Answers a [`Question`] (JSON); the answer (JSON) or [`FAILED`].
    #[wasm_bindgen(js_name = ask)]
    pub fn ask_json(&self, question: &str) -> JsValue {
        match self.ask(question) {
            Ok(json) => json.into(),
            Err(failure) => {
                js::report(&format!("sluis log: {failure}"));
                FAILED.into()
            }
        }
    }

    /// Reads entries; a [`Slice`] (JSON) or [`FAILED`].
    #[wasm_bindgen(js_name = read)]
    pub fn read_json(&self, from: f64, limit: u32) -> JsValue {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and no entry stands there"
        )]
        let from = from as u64;
        answer(&self.read(from, limit))
    }
}

/// What goes back to the Worker.
fn answer<T: Serialize>(result: &Result<T, Failure>) -> JsValue {
    match result {
        Ok(value) => match serde_json::to_string(value) {
            Ok(json) => json.into(),
            Err(_) => FAILED.into(),
        },
        Err(Failure::Existing(ExistingError::Conflict(_))) => CONFLICT.into(),
        Err(Failure::NotTrusted) => NOT_TRUSTED.into(),
        // Row numbers and SQL errors; no payload is in any of them.
        Err(failure) => {
            js::report(&format!("sluis log: {failure}"));
            FAILED.into()
        }
    }
}

impl AuditLog {
    /// Appends an entry, or gives its receipt again.
    fn append(&self, pending: &PendingEntry) -> Result<Receipt, Failure> {
        if !self.standing.borrow().takes_entries() {
            return Err(Failure::NotTrusted);
        }
        let opened = self.open()?;
        if let Some(receipt) = self.existing(&opened.origin, pending)? {
            return Ok(receipt);
        }
        let receipt = opened.head.receipt_for(pending);
        let values = vec![
            opened.origin.as_str().into(),
            integer(receipt.index)?,
            receipt.previous.0.to_vec().into(),
            pending.id().as_bytes().to_vec().into(),
            i32::from(pending.stream().code()).into(),
            pending.entry_bytes().to_vec().into(),
            receipt.chain.0.to_vec().into(),
            pending.period().to_string().into(),
            pending.sealed().to_vec().into(),
        ];
        // Whatever the write did, what is believed of the storage is read again.
        *self.opened.borrow_mut() = None;
        self.sql.exec(sqlite::APPEND, values)?;
        let head = receipt.head();
        *self.opened.borrow_mut() = Some(Opened { head, ..opened });
        Ok(receipt)
    }

    /// The receipt of an entry whose id is there already.
    fn existing(
        &self,
        origin: &Origin,
        pending: &PendingEntry,
    ) -> Result<Option<Receipt>, Failure> {
        let id = vec![pending.id().as_bytes().to_vec().into()];
        let Some(row) = rows(&self.sql, sqlite::BY_ID, id)?.pop() else {
            return Ok(None);
        };
        let mut columns = Columns::from(row);
        let index = columns.integer("idx")?;
        let entry = columns.blob("entry")?;
        let chain = columns.blob("chain")?;
        let previous = columns.blob_or_null("previous")?;
        let previous = previous.as_deref();
        let existing = Existing {
            index,
            entry: &entry,
            chain: &chain,
            previous,
        };
        Ok(Some(existing.receipt(origin, pending)?))
    }

    /// Entries from an index on, and how many there are.
    fn read(&self, from: u64, limit: u32) -> Result<Slice, Failure> {
        let size = self.open()?.head.size;
        if limit == 0 || from >= size {
            return Ok(Slice {
                size,
                items: Vec::new(),
            });
        }
        let limit = u64::from(limit.min(MAX_PAGE_ENTRIES));
        let rows = rows(
            &self.sql,
            sqlite::READ,
            vec![integer(from)?, integer(limit)?],
        )?;
        // Up to a row that is no entry: who asks from there on is told nothing else.
        let items = rows.into_iter().map_while(|row| stored(row).ok()).collect();
        Ok(Slice { size, items })
    }

    /// How many entries there are, and the head of the published checkpoint.
    fn sizes(&self) -> Result<(u64, TreeHead), Failure> {
        let sequenced = self.open()?.head.size;
        Ok((sequenced, ObjectTree(self.sql.clone()).head()?))
    }

    fn ask(&self, question: &str) -> Result<String, Failure> {
        let (sequenced, head) = self.sizes()?;
        let tree = ObjectTree(self.sql.clone());
        let question: Question = serde_json::from_str(question)?;
        let answer = match question {
            Question::State => serde_json::to_string(&LogState {
                sequenced,
                published: head.size,
                standing: self.standing.borrow().clone(),
            }),
            Question::Checkpoint => {
                let stored = tree.stored()?;
                serde_json::to_string(&stored.map(PublishedCheckpoint::from))
            }
            Question::Tile { level, index } => {
                serde_json::to_string(&tree.hashes(TileId { level, index })?)
            }
            Question::Leaves { from, limit } => {
                let leaves = tree.entries(from, limit.min(MAX_PAGE_ENTRIES.into()))?;
                let leaves = leaves.into_iter().map(Leaf::from);
                serde_json::to_string(&leaves.collect::<Vec<_>>())
            }
            Question::IndexOf { id } => serde_json::to_string(&tree.index_of(id)?),
            Question::Periods => {
                let rows = rows(&self.sql, sqlite::PERIODS, Vec::new())?;
                let periods = rows
                    .into_iter()
                    .map(|row| Columns::from(row).text("period"));
                serde_json::to_string(&periods.collect::<Result<Vec<_>, _>>()?)
            }
            Question::Payloads { period } => serde_json::to_string(&self.payloads(period)?),
            Question::Erase { period, limit } => {
                let values = vec![period.to_string().into(), integer(limit.into())?];
                serde_json::to_string(&rows(&self.sql, sqlite::ERASE, values)?.len())
            }
        };
        Ok(answer?)
    }

    /// How many payloads there are of a period, and the first and last index.
    fn payloads(&self, period: RetentionPeriod) -> Result<Option<(i64, i64, i64)>, Failure> {
        let values = vec![period.to_string().into()];
        let Some(row) = rows(&self.sql, sqlite::PAYLOADS, values)?.pop() else {
            return Err(Failure::Row("payloads"));
        };
        let mut columns = Columns::from(row);
        let count = columns.integer("payloads")?;
        if count == 0 {
            return Ok(None);
        }
        Ok(Some((
            count,
            columns.integer("first")?,
            columns.integer("last")?,
        )))
    }

    /// The state of the log, read from storage once.
    fn open(&self) -> Result<Opened, Failure> {
        if let Some(opened) = &*self.opened.borrow() {
            return Ok(opened.clone());
        }
        for statement in statements(sqlite::SCHEMA) {
            self.sql.exec(statement, None)?;
        }
        let origin = self.origin.clone().ok_or(Failure::Unknown)?;
        let last = match rows(&self.sql, sqlite::LAST, Vec::new())?.pop() {
            None => None,
            Some(row) => {
                let mut columns = Columns::from(row);
                Some((columns.integer("idx")?, columns.blob("chain")?))
            }
        };
        let last = last
            .as_ref()
            .map(|(index, chain)| (*index, chain.as_slice()));
        let head = ChainHead::of_last(&origin, last)?;
        let opened = Opened { origin, head };
        *self.opened.borrow_mut() = Some(opened.clone());
        Ok(opened)
    }
}

fn stored(row: Vec<SqlStorageValue>) -> Result<SealedEntry, Failure> {
    let mut columns = Columns::from(row);
    let row = Row {
        index: columns.integer("idx")?,
        id: columns.blob("id")?,
        stream: columns.integer("stream")?,
        entry: columns.blob("entry")?,
        chain: columns.blob("chain")?,
        period: columns.text_or_null("period")?,
        sealed: columns.blob_or_null("sealed")?,
    };
    Ok(row.try_into()?)
}
