//! The Durable Objects that remember what was used once.
//!
//! A use is one statement and nothing is awaited in it; durability is the
//! platform's output gate, as for the log.

use std::cell::Cell;

use sluis_gate::USED_KEY_MARGIN_SECONDS;
use sluis_gate::replay::sql::sqlite;
use sluis_log::sql::statements;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{
    DurableObject, Env, Request, Response, Result, SqlStorage, SqlStorageValue, State,
    durable_object,
};

use super::log::FAILED;
use crate::cloudflare::js;

/// The used keys of one prefix.
#[durable_object(fetch)]
pub struct ReplayStore {
    sql: SqlStorage,
    /// Whether the schema is there.
    prepared: Cell<bool>,
}

impl DurableObject for ReplayStore {
    fn new(state: State, _env: Env) -> Self {
        Self {
            sql: state.storage().sql(),
            prepared: Cell::new(false),
        }
    }

    /// The Worker calls `consume`; nothing is served over HTTP.
    async fn fetch(&self, _request: Request) -> Result<Response> {
        Response::error("not found", 404)
    }
}

#[wasm_bindgen]
impl ReplayStore {
    /// Uses a key: true if it is the first use, false if not, else [`FAILED`].
    #[wasm_bindgen(js_name = consume)]
    pub fn consume_key(&self, key: Vec<u8>, until: f64) -> JsValue {
        match self.consume(key, until) {
            Ok(first) => first.into(),
            Err(error) => {
                js::report(&format!("sluis used keys: {error}"));
                FAILED.into()
            }
        }
    }

    /// Clears away keys that are past their time, at `now` in seconds. Whether
    /// some are left.
    #[wasm_bindgen(js_name = clear)]
    pub fn clear_keys(&self, now: f64) -> bool {
        match self.clear(now) {
            Ok(left) => left,
            Err(error) => {
                js::report(&format!("sluis used keys: {error}"));
                true
            }
        }
    }
}

impl ReplayStore {
    fn consume(&self, key: Vec<u8>, until: f64) -> Result<bool> {
        self.prepare()?;
        let parameters = vec![key.into(), seconds(until)?];
        Ok(!self.rows(sqlite::CONSUME, parameters)?.is_empty())
    }

    fn clear(&self, now: f64) -> Result<bool> {
        self.prepare()?;
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let margin = USED_KEY_MARGIN_SECONDS as f64;
        self.rows(sqlite::CLEAR, vec![seconds(now - margin)?])?;
        let next = self.rows(sqlite::NEXT, Vec::new())?.pop();
        let next = next.and_then(|row| row.into_iter().next());
        Ok(matches!(next, Some(SqlStorageValue::Integer(_))))
    }

    fn prepare(&self) -> Result<()> {
        if !self.prepared.get() {
            for statement in statements(sqlite::SCHEMA) {
                self.sql.exec(statement, None)?;
            }
            self.prepared.set(true);
        }
        Ok(())
    }

    fn rows(&self, query: &str, values: Vec<SqlStorageValue>) -> Result<Vec<Vec<SqlStorageValue>>> {
        // The raw iterator alone reports an error of the storage, and the
        // statement is not over before it ends.
        self.sql.exec(query, values)?.raw().collect()
    }
}

fn seconds(seconds: f64) -> Result<SqlStorageValue> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, far beyond any time that a token can name"
    )]
    let whole = seconds as i64;
    SqlStorageValue::try_from_i64(whole.max(0))
}
