//! The log's Durable Object: one, so that one place gives out the indices.
//!
//! Durability is the platform's output gate: no answer leaves before the write
//! it follows is on disk. SQL that ran before a failure stays, so an append is
//! one statement, an insert into the view that `sluis_log::sql` defines.

use std::cell::RefCell;

use serde::Serialize;
use sluis_log::sql::{Existing, ExistingError, sqlite, statements};
use sluis_log::{ChainHead, MAX_PAGE_ENTRIES, Origin, PendingEntry, Receipt, Row, StoredEntry};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{
    DurableObject, Env, Request, Response, Result, SqlStorage, SqlStorageValue, State,
    durable_object,
};

use super::log::{CONFLICT, FAILED, Slice};
use crate::cloudflare::{instance, js};

/// The log.
#[durable_object(fetch)]
pub struct AuditLog {
    sql: SqlStorage,
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
enum Failure {
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

impl DurableObject for AuditLog {
    fn new(state: State, _env: Env) -> Self {
        Self {
            sql: state.storage().sql(),
            opened: RefCell::new(None),
        }
    }

    /// The Worker calls `append` and `read`; nothing is served over HTTP.
    async fn fetch(&self, _request: Request) -> Result<Response> {
        Response::error("not found", 404)
    }
}

#[wasm_bindgen]
impl AuditLog {
    /// Appends an entry (JSON); its receipt (JSON), [`CONFLICT`] or [`FAILED`].
    /// Nothing is awaited here, so appends cannot interleave.
    #[wasm_bindgen(js_name = append)]
    pub fn append_json(&self, entry: &str) -> JsValue {
        let Ok(pending) = serde_json::from_str::<PendingEntry>(entry) else {
            js::report("sluis log: no pending entry");
            return FAILED.into();
        };
        answer(&self.append(&pending))
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
            pending.random().as_bytes().to_vec().into(),
            pending.payload().into(),
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
        let Some(row) = self.rows(sqlite::BY_ID, id)?.pop() else {
            return Ok(None);
        };
        let mut columns = Columns(row.into_iter());
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
        let rows = self.rows(sqlite::READ, vec![integer(from)?, integer(limit)?])?;
        let items = rows.into_iter().map(stored).collect::<Result<_, _>>()?;
        Ok(Slice { size, items })
    }

    /// The state of the log, read from storage once.
    fn open(&self) -> Result<Opened, Failure> {
        if let Some(opened) = &*self.opened.borrow() {
            return Ok(opened.clone());
        }
        for statement in statements(sqlite::SCHEMA) {
            self.sql.exec(statement, None)?;
        }
        let origin = instance::log_origin()?;
        let last = match self.rows(sqlite::LAST, Vec::new())?.pop() {
            None => None,
            Some(row) => {
                let mut columns = Columns(row.into_iter());
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

    fn rows(
        &self,
        query: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Vec<Vec<SqlStorageValue>>, Failure> {
        // The raw iterator alone reports an error of the storage; the others
        // throw through WebAssembly.
        Ok(self.sql.exec(query, values)?.raw().collect::<Result<_>>()?)
    }
}

fn stored(row: Vec<SqlStorageValue>) -> Result<StoredEntry, Failure> {
    let mut columns = Columns(row.into_iter());
    let row = Row {
        index: columns.integer("idx")?,
        id: columns.blob("id")?,
        stream: columns.integer("stream")?,
        entry: columns.blob("entry")?,
        chain: columns.blob("chain")?,
        random: columns.blob_or_null("random")?,
        payload: columns.text_or_null("payload")?,
    };
    Ok(row.try_into()?)
}

/// A row, column by column.
struct Columns(std::vec::IntoIter<SqlStorageValue>);

impl Columns {
    fn integer(&mut self, name: &'static str) -> Result<i64, Failure> {
        match self.0.next() {
            Some(SqlStorageValue::Integer(value)) => Ok(value),
            _ => Err(Failure::Row(name)),
        }
    }

    fn blob(&mut self, name: &'static str) -> Result<Vec<u8>, Failure> {
        self.blob_or_null(name)?.ok_or(Failure::Row(name))
    }

    fn blob_or_null(&mut self, name: &'static str) -> Result<Option<Vec<u8>>, Failure> {
        match self.0.next() {
            Some(SqlStorageValue::Blob(value)) => Ok(Some(value)),
            Some(SqlStorageValue::Null) => Ok(None),
            _ => Err(Failure::Row(name)),
        }
    }

    fn text_or_null(&mut self, name: &'static str) -> Result<Option<String>, Failure> {
        match self.0.next() {
            Some(SqlStorageValue::String(value)) => Ok(Some(value)),
            Some(SqlStorageValue::Null) => Ok(None),
            _ => Err(Failure::Row(name)),
        }
    }
}

fn integer(value: u64) -> Result<SqlStorageValue, Failure> {
    let value = i64::try_from(value).map_err(|_| Failure::Row("an index"))?;
    Ok(SqlStorageValue::try_from_i64(value)?)
}
