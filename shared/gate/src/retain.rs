//! `POST /operator/retain`: destroy the payloads of the periods that are over.
//!
//! A period that is due goes in three steps: an entry in the log says what is about to
//! be destroyed; its key is destroyed in the trusted place, which keeps the signed
//! record instead; its payloads are deleted in every log of the deployment, closed
//! ones too. After the second step nothing opens them any more, in backups of the
//! stores neither.
//!
//! An end between any two steps is finished by the next order: without the key's end
//! the period is logged again, and the record names the entry that counts; rows of a
//! period whose key is gone are deleted whenever they are found. The body is empty.
//! One order does bounded work and tells whether there is `more`; the records of all
//! periods that ever ended are in the answer, so that none is lost with an answer.

use serde::Serialize;
use sluis_log::{
    DestroyedPayloads, DestructionRecord, LoggedAt, RetentionPeriod, UnixMillis, WrappedKey,
};

use crate::error::{Fault, Refusal, Stop};
use crate::gate::Gate;
use crate::headers;
use crate::payload_keys::{PayloadKeys, PeriodKey};
use crate::permit::append;
use crate::platform::{AuditLog, InboundRequest, LogError, Platform};
use crate::record;
use crate::serve::{Reply, json};
use crate::trace::Nonces;

/// Periods whose key one order destroys at most.
pub const MAX_ENDED_PERIODS: usize = 4;
/// Payloads that one order deletes at most.
pub const MAX_ERASED_PAYLOADS: u32 = 4096;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The signed records of all periods that ended, by period.
    records: Vec<String>,
    /// How many payloads this order deleted.
    erased: u64,
    /// Whether the order is to be given again.
    more: bool,
}

impl Gate {
    /// Ends what is over.
    pub(crate) async fn retain<P: Platform>(
        &self,
        platform: &P,
        request: &mut P::Request,
    ) -> Result<Reply<P::Response>, Stop> {
        let body = request.buffer_body(0).await;
        body.map_err(|_| Refusal::Order)?;
        let now = UnixMillis::new(platform.now_ms()).map_err(|_| Fault::Record)?;
        let origin = self.config.log.shards.origin();
        let periods = platform.payload_keys().list(origin).await;
        let mut periods = periods.map_err(|_| Fault::Log(LogError::KeyUnavailable))?;
        periods.sort_by_key(|(period, _)| *period);
        let (mut records, mut ended, mut more) = (Vec::new(), Vec::new(), false);
        let mut left = MAX_ENDED_PERIODS;
        for (period, key) in periods {
            let record = match key {
                PeriodKey::Destroyed(record) => record,
                PeriodKey::Held(_) if !period.is_due(now) => continue,
                PeriodKey::Held(_) if left == 0 => {
                    more = true;
                    continue;
                }
                PeriodKey::Held(wrapped) => {
                    left = left.saturating_sub(1);
                    self.end(platform, period, &wrapped, now).await?
                }
            };
            // What is known as destroyed and is not due would be a clock put back.
            if period.is_due(now) {
                ended.push(period);
            }
            records.push(record);
        }
        let (erased, further) = self.erase(platform, &ended).await?;
        let more = more || further;
        let answer = Answer {
            records,
            erased,
            more,
        };
        let body = serde_json::to_string(&answer).map_err(|_| Fault::Record)?;
        Ok(json(200, body, headers::NO_STORE.1))
    }

    /// Logs that a period ends, and destroys its key. The record of it.
    async fn end<P: Platform>(
        &self,
        platform: &P,
        period: RetentionPeriod,
        wrapped: &WrappedKey,
        now: UnixMillis,
    ) -> Result<String, Fault> {
        let unavailable = || Fault::Log(LogError::KeyUnavailable);
        let map = &self.config.log.shards;
        let origin = map.origin();
        let key = self.secrets.wrapping_key.unwrap(origin, period, wrapped);
        let key = key.ok_or_else(unavailable)?.id();
        let mut logs = Vec::with_capacity(map.logs().len());
        for mapped in map.logs() {
            logs.push(DestroyedPayloads {
                log: mapped.origin.clone(),
                payloads: platform.log(mapped.shard)?.payloads(period).await?,
            });
        }
        let nonces = Nonces::draw()?;
        let entry = record::destruction(self, platform, (period, key), &logs, &nonces).await?;
        let shard = self.shard_of(entry.id());
        let place = LoggedAt {
            log: shard.origin(origin).map_err(|_| Fault::Record)?,
            index: append(&entry, &platform.log(shard)?).await?,
            id: entry.id(),
        };
        let record = DestructionRecord::new(origin.clone(), (period, key), now, place, logs);
        let record = record.map_err(|_| Fault::Record)?;
        let note = record.sign(&self.secrets.note_signer(origin)?);
        let note = note.map_err(|_| Fault::Record)?.to_string();
        let known = platform.payload_keys().destroy(origin, period, &note).await;
        match known.map_err(|_| unavailable())? {
            // Another order's record, if that was first.
            PeriodKey::Destroyed(record) => {
                self.payload_keys.forget(period);
                Ok(record)
            }
            PeriodKey::Held(_) => Err(LogError::NotDue.into()),
        }
    }

    /// Deletes payloads of those periods; how many, and whether there are more.
    async fn erase<P: Platform>(
        &self,
        platform: &P,
        ended: &[RetentionPeriod],
    ) -> Result<(u64, bool), Fault> {
        let mut left = MAX_ERASED_PAYLOADS;
        for mapped in self.config.log.shards.logs() {
            let log = platform.log(mapped.shard)?;
            for period in log.periods().await? {
                if !ended.contains(&period) {
                    continue;
                }
                if left == 0 {
                    return Ok((u64::from(MAX_ERASED_PAYLOADS), true));
                }
                let erased = log.erase(period, left).await?;
                // None although there still are some: by the store's own date it is too
                // early. Else another order was faster.
                if erased == 0 && log.payloads(period).await?.is_some() {
                    return Err(LogError::NotDue.into());
                }
                left = left.saturating_sub(u32::try_from(erased).unwrap_or(u32::MAX));
            }
        }
        // Where the last one was just reached there may be more: the next order tells.
        Ok((u64::from(MAX_ERASED_PAYLOADS - left), left == 0))
    }
}
