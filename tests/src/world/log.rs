//! The log of a world, as its auditor reads it.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sluis_log::{
    ChainHead, EntryPage, MappedLog, Shard, ShardMap, SignedNote, StoredEntry, VerifiedShardMap,
    verify_chain,
};

use super::World;
use crate::client::{Request, Response};

/// The origin of the log in `simulation.toml`.
pub(super) const LOG_ORIGIN: &str = "gate.simulation.sluis.invalid/log";
/// How long deferred work (an outcome, a count) may take to appear in the log.
const DEFERRED: Duration = Duration::from_secs(5);

/// An entry of the log whose payload was read.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it stands.
    pub index: u64,
    /// `granted`, `refused`, `completed`, `failed`, `counted` or `read`.
    pub kind: String,
    /// The whole payload.
    pub payload: Value,
}

impl Record {
    /// A member of the record's `data`.
    pub fn data(&self, member: &str) -> &Value {
        self.payload
            .get("data")
            .and_then(|data| data.get(member))
            .unwrap_or(&Value::Null)
    }

    /// The event's id, which is the entry's.
    pub fn id(&self) -> &str {
        self.payload
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Whether it is the decision over the request whose answer had that trace id.
    pub fn is_decision_of(&self, trace_id: &str) -> bool {
        matches!(self.kind.as_str(), "granted" | "refused") && self.data("traceId") == trace_id
    }
}

impl World {
    /// Every entry of the log from `index` on, as stored. Of several logs those of all, one log after the other.
    pub fn entries(&self, index: u64) -> Result<Vec<StoredEntry>> {
        let logs = self.logs()?;
        ensure!(
            index == 0 || logs.logs().len() == 1,
            "an index is of one log"
        );
        let mut entries = Vec::new();
        for log in logs.logs() {
            entries.extend(self.entries_of(log, index)?);
        }
        Ok(entries)
    }

    /// The entries of one log.
    pub fn entries_of(&self, log: &MappedLog, index: u64) -> Result<Vec<StoredEntry>> {
        let mut entries = Vec::new();
        let mut next = Some(index);
        while let Some(from) = next {
            let page = self.page(log.shard, from, 200)?;
            ensure!(page.origin == log.origin, "a log of another origin");
            next = page.next;
            entries.extend(page.items);
        }
        Ok(entries)
    }

    /// The index that the next entry would have; of several logs, how many entries they have together.
    pub fn log_size(&self) -> Result<u64> {
        let mut size = 0;
        for log in self.logs()?.logs() {
            // Reading records of accesses is itself recorded, after the page was made.
            size += self.page(log.shard, 0, 1)?.size;
        }
        Ok(size)
    }

    /// Which logs there are.
    pub fn logs(&self) -> Result<ShardMap> {
        let request = Request::get("/log/shards").bearer(&self.auditor_token()?);
        let response = request.send(self.address()?)?;
        ensure!(
            response.status == 200,
            "no map of the logs: {}",
            response.status
        );
        let note = SignedNote::parse(&response.body.start)?;
        let origin = Self::log_origin()?;
        let map = VerifiedShardMap::verify(&note, &origin, &[self.log_verifier()?])?;
        Ok(map.map().clone())
    }

    fn page(&self, shard: Shard, from: u64, limit: u32) -> Result<EntryPage> {
        let path = shard.path();
        let request = Request::get(&format!("{path}/entries?from={from}&limit={limit}"));
        let response = request
            .bearer(&self.auditor_token()?)
            .send(self.address()?)?;
        ensure!(
            response.status == 200,
            "the log answers {}: {}",
            response.status,
            response.text()
        );
        Ok(serde_json::from_slice(&response.body.start)?)
    }

    /// The records of the log from `index` on.
    pub fn records(&self, index: u64) -> Result<Vec<Record>> {
        self.entries(index)?.iter().map(record).collect()
    }

    /// Waits until the records from `index` on satisfy `until`; deferred records come after the answer.
    pub fn records_until(
        &self,
        index: u64,
        until: impl Fn(&[Record]) -> bool,
    ) -> Result<Vec<Record>> {
        let step = Duration::from_millis(50);
        let mut waited = Duration::ZERO;
        loop {
            let records = self.records(index)?;
            if until(&records) {
                return Ok(records);
            }
            ensure!(
                waited < DEFERRED,
                "not within {DEFERRED:?} in the log: {records:#?}"
            );
            thread::sleep(step);
            waited += step;
        }
    }

    /// The one decision over the request with that answer.
    pub fn decision_of(&self, index: u64, response: &Response) -> Result<Record> {
        let trace_id = response
            .header("belgov-trace-id")
            .context("an answer without a trace id")?;
        let mut records = self.records(index)?;
        records.retain(|record| record.is_decision_of(trace_id));
        ensure!(
            records.len() == 1,
            "{} decisions over one request",
            records.len()
        );
        records.pop().context("no decision")
    }

    /// Verifies the whole log: every link, every commitment, no id twice. Of several logs all; the head of the first.
    pub fn verify_log(&self) -> Result<ChainHead> {
        let mut heads = Vec::new();
        for log in self.logs()?.logs() {
            heads.push(verify_chain(&log.origin, self.entries_of(log, 0)?)?);
        }
        heads.into_iter().next().context("no log")
    }
}

fn record(entry: &StoredEntry) -> Result<Record> {
    let payload = entry.payload().context("an entry without its payload")?;
    let payload: Value = serde_json::from_str(payload)?;
    let kind = payload
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let kind = kind.rsplit('.').next().unwrap_or_default().to_owned();
    Ok(Record {
        index: entry.index,
        kind,
        payload,
    })
}
