//! The export that the script calls, with the log in memory.

#![expect(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

use std::cell::RefCell;

use sluis_gate::{AuditLog, LogError, LogSlice, LogState, PayloadKeys, PeriodKey, Standing};
use sluis_log::sequencer::{StoredCheckpoint, StoredLeaf};
use sluis_log::{
    ChainHead, EntryId, Origin, PayloadRange, PendingEntry, Receipt, RetentionPeriod, Shard,
    TileId, WrappedKey,
};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;

use crate::cloudflare::platform::Logs;
use crate::cloudflare::{instance, serve};

thread_local! {
    static HEAD: RefCell<Option<ChainHead>> = const { RefCell::new(None) };
}

/// Links every entry and forgets it.
#[derive(Debug, Clone, Copy)]
struct ForgetfulLog;

impl Logs for ForgetfulLog {
    type Log = Self;

    fn of(&self, _shard: Shard) -> Self {
        *self
    }
}

impl AuditLog for ForgetfulLog {
    async fn append(&self, entry: &PendingEntry) -> Result<Receipt, LogError> {
        HEAD.with_borrow_mut(|head| {
            let before = if let Some(head) = *head {
                head
            } else {
                let logs = instance::logs().map_err(|_| LogError::Unavailable)?;
                ChainHead::genesis(logs.origin())
            };
            let receipt = before.receipt_for(entry);
            *head = Some(receipt.head());
            Ok(receipt)
        })
    }

    async fn read(&self, _from: u64, _limit: u32) -> Result<LogSlice, LogError> {
        Ok(LogSlice {
            size: 0,
            items: Vec::new(),
        })
    }

    async fn state(&self) -> Result<LogState, LogError> {
        Ok(LogState {
            sequenced: 0,
            published: 0,
            standing: Standing::Sound,
        })
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError> {
        Ok(None)
    }

    async fn tile(&self, _id: TileId) -> Result<Option<Vec<u8>>, LogError> {
        Ok(None)
    }

    async fn leaves(&self, _from: u64, _limit: u64) -> Result<Vec<StoredLeaf>, LogError> {
        Ok(Vec::new())
    }

    async fn index_of(&self, _id: EntryId) -> Result<Option<u64>, LogError> {
        Ok(None)
    }

    async fn periods(&self) -> Result<Vec<RetentionPeriod>, LogError> {
        Ok(Vec::new())
    }

    async fn payloads(&self, _period: RetentionPeriod) -> Result<Option<PayloadRange>, LogError> {
        Ok(None)
    }

    async fn erase(&self, _period: RetentionPeriod, _limit: u32) -> Result<u64, LogError> {
        Ok(0)
    }
}

/// Keeps no key either: an instance has the one that it made.
impl PayloadKeys for ForgetfulLog {
    async fn obtain(
        &self,
        _origin: &Origin,
        _period: RetentionPeriod,
        candidate: &WrappedKey,
    ) -> Result<PeriodKey, LogError> {
        Ok(PeriodKey::Held(candidate.clone()))
    }

    async fn find(
        &self,
        _origin: &Origin,
        _period: RetentionPeriod,
    ) -> Result<Option<PeriodKey>, LogError> {
        Ok(None)
    }

    async fn list(&self, _origin: &Origin) -> Result<Vec<(RetentionPeriod, PeriodKey)>, LogError> {
        Ok(Vec::new())
    }

    async fn destroy(
        &self,
        _origin: &Origin,
        _period: RetentionPeriod,
        record: &str,
    ) -> Result<PeriodKey, LogError> {
        Ok(PeriodKey::Destroyed(record.to_owned()))
    }
}

/// Answers a request, or undefined when the answer comes later.
#[wasm_bindgen(js_name = serve)]
pub fn serve_request(
    number: u32,
    head: Vec<u8>,
    request: JsValue,
    env: &Env,
    context: JsValue,
) -> Option<String> {
    serve::serve(number, head, request, env, context, ForgetfulLog)
}
