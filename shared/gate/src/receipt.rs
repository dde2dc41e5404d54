//! `/log/receipt`: what the holder of a `Sluis-Receipt` field may have of the log, and
//! nobody else: the receipt of its own call.
//!
//! The field is sent back as it came with the answer. It is checked before anything is
//! looked up, so what a stranger sends costs one HMAC; and whether the log has such an
//! entry is told to nobody else. A call's own holder learns what it sent and got
//! ([`sluis_log::CallReceipt`]); this is no reading of records and is not recorded.

use std::rc::Rc;

use sluis_log::sequencer::StoredCheckpoint;
use sluis_log::{
    CallReceipt, CallReceiptError, PendingEntry, ReceiptDocument, ReceiptField, SealedEntry,
};

use crate::audit;
use crate::error::{Fault, Refusal, Stop};
use crate::gate::Gate;
use crate::headers;
use crate::platform::{AuditLog, InboundRequest as _, LogError, Platform};
use crate::route::RouteError;
use crate::serve::{Reply, ReplyBody, json};
use crate::trace::Nonces;

/// Where receipts are had.
pub(crate) const RECEIPT_PATH: &str = "/log/receipt";
/// How many entries behind a decision its outcome is looked for in.
const MAX_SEARCHED: u64 = 1_000;
/// How many of them at a time.
const PAGE: u64 = 100;
/// How long an outcome is waited for before a receipt goes without one, in milliseconds:
/// longer than any backend is.
const OUTCOME_WAIT_MS: u64 = 60_000;
/// When to ask again for what is not published yet, in seconds.
const RETRY_SECONDS: &str = "1";

impl Gate {
    /// The field for the answer to an allowed request; none if there are no receipts.
    pub(crate) fn receipt_of(
        &self,
        entry: &PendingEntry,
        index: u64,
        nonces: &Nonces,
    ) -> Option<ReceiptField> {
        let log = &self.config.log;
        if !log.receipts {
            return None;
        }
        let mapped = log.shards.find(self.shard_of(entry.id()))?;
        let (outcome, _) = nonces.outcome_entry();
        let key = &self.secrets.receipt_key;
        Some(key.field(&mapped.origin, index, entry.leaf_hash(), outcome))
    }

    /// Answers the holder of a field.
    pub(crate) async fn call_receipt<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        request: &P::Request,
    ) -> Result<Reply<P::Response>, Stop> {
        let not_found = || Refusal::Route(RouteError::NotFound);
        let made =
            |field: &ReceiptField| self.config.log.receipts && self.secrets.receipt_key.made(field);
        let field = request.header(headers::RECEIPT);
        let field = field.and_then(|text| ReceiptField::parse(&text).ok());
        let field = field.filter(made).ok_or_else(not_found)?;
        let mut logs = self.config.log.shards.logs().iter();
        let mapped = logs.find(|mapped| mapped.origin == *field.log());
        let log = platform.log(mapped.ok_or_else(not_found)?.shard);
        let log = log.map_err(Fault::Log)?;
        let checkpoint = log.checkpoint().await.map_err(Fault::Log)?;
        let published = checkpoint.filter(|published| published.head.size > field.index());
        let Some(checkpoint) = published else {
            return Ok(later());
        };
        let (decision, outcome) = records(&log, &field, checkpoint.head.size).await?;
        let sealed = [decision].into_iter().chain(outcome).collect();
        let mut opened = self.open_entries(platform, sealed).await?.into_iter();
        let decision = opened.next().ok_or(Fault::Log(LogError::Malformed))?;
        let outcome = opened.next();
        let receipt = CallReceipt::of(field.log(), &decision, outcome.as_ref());
        let receipt = receipt.map_err(|error| match error {
            CallReceiptError::Erased => Stop::from(not_found()),
            CallReceiptError::FirstLine
            | CallReceiptError::Line(_)
            | CallReceiptError::NotAllowed
            | CallReceiptError::Commitment
            | CallReceiptError::OtherOutcome => Fault::Log(LogError::Malformed).into(),
        })?;
        let waited_ms = platform.now_ms().saturating_sub(receipt.at().as_millis());
        if receipt.lacks_outcome() && waited_ms < OUTCOME_WAIT_MS {
            return Ok(later());
        }
        let document = self.document(&log, &receipt, checkpoint).await?;
        Ok(json(200, document.to_json(), headers::NO_STORE.1))
    }

    /// The receipt, signed, with its proofs.
    async fn document<L: AuditLog>(
        &self,
        log: &L,
        receipt: &CallReceipt,
        checkpoint: StoredCheckpoint,
    ) -> Result<ReceiptDocument, Stop> {
        let outcome = match receipt.outcome {
            None => None,
            Some(place) => Some(audit::bundle(log, place.index, checkpoint.clone()).await?),
        };
        let decision = audit::bundle(log, receipt.decision.index, checkpoint).await?;
        let signer = self.secrets.note_signer(&receipt.log)?;
        let document = ReceiptDocument::sign(receipt, &signer, decision, outcome);
        Ok(document.map_err(|_| Fault::Record)?)
    }
}

/// The records of the decision and, if it is among the next, of the outcome.
async fn records<L: AuditLog>(
    log: &L,
    field: &ReceiptField,
    published: u64,
) -> Result<(SealedEntry, Option<SealedEntry>), Fault> {
    let found = log.read(field.index(), 1).await?.items;
    let decision = found.into_iter().next();
    // What the field is of stands in its leaf: another entry there is the store's fault.
    let decision = decision
        .filter(|stored| {
            stored.index == field.index() && sluis_log::LeafHash::of(&stored.entry) == field.leaf()
        })
        .ok_or(LogError::Malformed)?;
    let mut from = field.index().saturating_add(1);
    let end = published.min(from.saturating_add(MAX_SEARCHED));
    while from < end {
        let limit = u32::try_from(PAGE.min(end - from)).unwrap_or(1);
        let page = log.read(from, limit).await?.items;
        let Some(next) = page.last().map(|last| last.index.saturating_add(1)) else {
            break;
        };
        let mut page = page.into_iter();
        if let Some(outcome) = page.find(|stored| stored.id == field.outcome()) {
            return Ok((decision, Some(outcome)));
        }
        // A store that does not go on is not asked for ever.
        from = next.max(from.saturating_add(1));
    }
    Ok((decision, None))
}

/// Not published yet.
fn later<B>() -> Reply<B> {
    Reply {
        status: 202,
        headers: vec![
            (headers::NO_STORE.0, headers::NO_STORE.1.to_owned()),
            ("retry-after", RETRY_SECONDS.to_owned()),
        ],
        body: ReplyBody::Text(String::new()),
    }
}
