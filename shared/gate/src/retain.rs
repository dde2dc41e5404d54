//! `POST /operator/retain`: destroy the payloads of the periods that are over.
//!
//! A period that is due goes in three steps: an entry in the log says what is about to
//! be destroyed; its key is destroyed in the trusted place, which keeps the signed
//! record instead; its payloads are deleted in every log of the deployment, closed
//! ones too. After the second step nothing opens them any more, in backups of the
//! stores neither. What a record counts is counted in logs that are what was signed:
//! while one is not, or does not tell, no period ends.
//!
//! An end between any two steps is finished by the next order: without the key's end
//! the period is logged again, and the record names the entry that counts; rows of a
//! period whose key is gone are deleted whenever they are found. The body is empty.
//! One order does bounded work and tells whether there is `more`; the records of all
//! periods that ever ended are in the answer, so that none is lost with an answer.
//! What fails of one period or log keeps nothing else from being done: the answer is
//! 200, and `fault` is the reason code of the first that failed. Only when the periods
//! themselves cannot be had it is 503.

use serde::Serialize;
use sluis_log::{
    DestroyedPayloads, DestructionRecord, LoggedAt, PayloadKeyId, RetentionPeriod, Shard,
    UnixMillis,
};

use crate::error::{Fault, Refusal, Stop};
use crate::gate::Gate;
use crate::headers;
use crate::payload_keys::{PayloadKeys, PeriodKey};
use crate::permit::append;
use crate::platform::{AuditLog, InboundRequest, LogError, Platform, Standing};
use crate::record;
use crate::serve::{Reply, json};
use crate::trace::Nonces;

/// Periods whose key one order destroys at most.
pub const MAX_ENDED_PERIODS: usize = 4;
/// Payloads that one order deletes at most.
pub const MAX_ERASED_PAYLOADS: u32 = 4096;
/// How often a log is asked that does not know how it stands: another instance may have
/// published just then.
pub const MAX_STANDING_QUESTIONS: usize = 5;
/// Time between two of those questions.
const LOOK_AGAIN_MS: u32 = 100;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The signed records of all periods that ended, by period.
    records: Vec<String>,
    /// How many payloads this order deleted.
    erased: u32,
    /// Whether the order is to be given again.
    more: bool,
    /// The reason code of the first thing that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
}

impl Answer {
    /// It is left for the next order.
    fn failed(&mut self, fault: &Fault) {
        self.more = true;
        self.fault.get_or_insert(fault.code());
    }
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
        let unavailable = Fault::Log(LogError::KeyUnavailable);
        let periods = platform.payload_keys().list(origin).await;
        let mut periods = periods.map_err(|_| unavailable.clone())?;
        periods.sort_by_key(|(period, _)| *period);
        let (mut answer, mut ended) = (Answer::default(), Vec::new());
        let mut left = MAX_ENDED_PERIODS;
        let ends = |(period, key): &(RetentionPeriod, PeriodKey)| match key {
            PeriodKey::Held(_) => period.is_due(now),
            PeriodKey::Destroyed(_) => false,
        };
        if periods.iter().any(ends)
            && let Err(fault) = self.logs_are_signed_for(platform).await
        {
            answer.failed(&fault);
            left = 0;
        }
        for (period, key) in periods {
            let record = match key {
                PeriodKey::Destroyed(record) => record,
                PeriodKey::Held(_) if !period.is_due(now) => continue,
                PeriodKey::Held(wrapped) => {
                    let wrapping = &self.secrets.wrapping_key;
                    let Some(key) = wrapping.unwrap(origin, period, &wrapped) else {
                        answer.failed(&unavailable);
                        continue;
                    };
                    if left == 0 {
                        answer.more = true;
                        continue;
                    }
                    left = left.saturating_sub(1);
                    match self.end(platform, (period, key.id()), now).await {
                        Ok(record) => record,
                        Err(fault) => {
                            answer.failed(&fault);
                            continue;
                        }
                    }
                }
            };
            // What is known as destroyed and is not due would be a clock put back.
            if period.is_due(now) {
                ended.push(period);
            }
            answer.records.push(record);
        }
        for mapped in self.config.log.shards.logs() {
            let erased = erase(platform, mapped.shard, &ended, &mut answer).await;
            if let Err(fault) = erased {
                answer.failed(&fault);
            }
        }
        // Where the last one was just reached there may be more: the next order tells.
        answer.more |= answer.erased >= MAX_ERASED_PAYLOADS;
        let body = serde_json::to_string(&answer).map_err(|_| Fault::Record)?;
        Ok(json(200, body, headers::NO_STORE.1))
    }

    /// Whether every log is what was signed, closed ones too: a store that was put back
    /// has fewer payloads than there were, and a record would say so for ever. What was
    /// found before does not count, only what is found now.
    async fn logs_are_signed_for<P: Platform>(&self, platform: &P) -> Result<(), Fault> {
        for mapped in self.config.log.shards.logs() {
            let log = platform.log(mapped.shard)?;
            let mut standing = log.state().await?.standing;
            for _ in 1..MAX_STANDING_QUESTIONS {
                match standing {
                    Standing::Sound | Standing::Refused(_) => break,
                    Standing::Unchecked | Standing::Unpublished => {}
                }
                platform.sleep(LOOK_AGAIN_MS).await;
                standing = log.state().await?.standing;
            }
            if standing != Standing::Sound {
                return Err(LogError::NotTrusted.into());
            }
        }
        Ok(())
    }

    /// Logs that a period ends, and destroys its key. The record of it.
    async fn end<P: Platform>(
        &self,
        platform: &P,
        (period, key): (RetentionPeriod, PayloadKeyId),
        now: UnixMillis,
    ) -> Result<String, Fault> {
        let map = &self.config.log.shards;
        let origin = map.origin();
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
        match known.map_err(|_| Fault::Log(LogError::KeyUnavailable))? {
            // Another order's record, if that was first.
            PeriodKey::Destroyed(record) => {
                self.payload_keys.forget(period);
                Ok(record)
            }
            PeriodKey::Held(_) => Err(LogError::NotDue.into()),
        }
    }
}

/// Deletes payloads of those periods in one log, as many as the order still may.
async fn erase<P: Platform>(
    platform: &P,
    shard: Shard,
    ended: &[RetentionPeriod],
    answer: &mut Answer,
) -> Result<(), Fault> {
    let log = platform.log(shard)?;
    for period in log.periods().await? {
        if !ended.contains(&period) {
            continue;
        }
        let left = MAX_ERASED_PAYLOADS.saturating_sub(answer.erased);
        if left == 0 {
            break;
        }
        let erased = log.erase(period, left).await?;
        // None although there still are some: by the store's own date it is too early.
        // Else another order was faster.
        if erased == 0 && log.payloads(period).await?.is_some() {
            answer.failed(&LogError::NotDue.into());
        }
        let erased = u32::try_from(erased).unwrap_or(u32::MAX);
        answer.erased = answer.erased.saturating_add(erased);
    }
    Ok(())
}
