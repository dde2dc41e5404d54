//! `/log/receipt`: what the holder of a `Sluis-Receipt` field may have of the log, and
//! nobody else: the receipt of its own call.
//!
//! The field is sent back as it came with the answer. It is checked before anything is
//! looked up, so what a stranger sends costs one HMAC; and whether the log has such an
//! entry is told to nobody else. A call's own holder learns what it sent and got
//! ([`sluis_log::CallReceipt`]); this is no reading of records and is not recorded. Of a
//! record whose retention period has ended it learns that.

use std::rc::Rc;

use sluis_log::sequencer::StoredCheckpoint;
use sluis_log::{
    CallReceipt, CallReceiptError, PendingEntry, ReceiptDocument, ReceiptField, SealedEntry,
    StoredEntry,
};

use crate::audit;
use crate::error::{Fault, Refusal, Stop};
use crate::gate::Gate;
use crate::headers;
use crate::platform::{AuditLog, InboundRequest as _, LogError, Platform};
use crate::problem;
use crate::route::RouteError;
use crate::serve::{Reply, ReplyBody, json};
use crate::trace::Nonces;

/// Where receipts are had.
pub(crate) const RECEIPT_PATH: &str = "/log/receipt";
/// What an outcome may take besides the backend's answer, in milliseconds: the keys, the status
/// list and the request's body before it, and the writing of two entries.
const OUTCOME_MARGIN_MS: u64 = 30_000;
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
        let size = checkpoint.head.size;
        let decision = entry(&log, field.index()).await?;
        // What the field is of stands in its leaf: another entry there is the store's fault.
        if sluis_log::LeafHash::of(&decision.entry) != field.leaf() {
            return Err(Fault::Log(LogError::Malformed).into());
        }
        let decision = self.opened(platform, decision).await?;
        let Some(mut receipt) = said(&field, &decision, None)? else {
            return Ok(problem::gone());
        };
        if receipt.lacks_outcome() {
            let index = log.index_of(field.outcome()).await.map_err(Fault::Log)?;
            let Some(index) = index else {
                let waited_ms = platform.now_ms().saturating_sub(receipt.at().as_millis());
                if waited_ms < self.outcome_wait_ms() {
                    return Ok(later());
                }
                return self.receipt_reply(&log, &receipt, checkpoint).await;
            };
            if index >= size {
                return Ok(later());
            }
            let outcome = self.opened(platform, entry(&log, index).await?).await?;
            if let Some(whole) = said(&field, &decision, Some(&outcome))? {
                receipt = whole;
            }
        }
        self.receipt_reply(&log, &receipt, checkpoint).await
    }

    /// How long an outcome is waited for before a receipt goes without one, in milliseconds:
    /// longer than a backend may take for the head of its answer, and once more for the body of a filtered one.
    fn outcome_wait_ms(&self) -> u64 {
        let backend_ms = u64::from(self.config.upstream.timeout_ms);
        backend_ms
            .saturating_mul(2)
            .saturating_add(OUTCOME_MARGIN_MS)
    }

    /// A record that was read.
    async fn opened<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        sealed: SealedEntry,
    ) -> Result<StoredEntry, Stop> {
        let opened = self.open_entries(platform, vec![sealed]).await?;
        let opened = opened.into_iter().next();
        Ok(opened.ok_or(Fault::Log(LogError::Malformed))?)
    }

    async fn receipt_reply<L: AuditLog, B>(
        &self,
        log: &L,
        receipt: &CallReceipt,
        checkpoint: StoredCheckpoint,
    ) -> Result<Reply<B>, Stop> {
        let document = self.document(log, receipt, checkpoint).await?;
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

/// What the records of a call come to; none if the decision's was erased.
fn said(
    field: &ReceiptField,
    decision: &StoredEntry,
    outcome: Option<&StoredEntry>,
) -> Result<Option<CallReceipt>, Stop> {
    match CallReceipt::of(field.log(), decision, outcome) {
        Ok(receipt) => Ok(Some(receipt)),
        Err(CallReceiptError::Erased) => Ok(None),
        Err(
            CallReceiptError::FirstLine
            | CallReceiptError::Line(_)
            | CallReceiptError::NotAllowed
            | CallReceiptError::Commitment
            | CallReceiptError::OtherOutcome,
        ) => Err(Fault::Log(LogError::Malformed).into()),
    }
}

/// The entry at an index that is published.
async fn entry<L: AuditLog>(log: &L, index: u64) -> Result<SealedEntry, Fault> {
    let found = log.read(index, 1).await?.items.into_iter().next();
    let found = found.filter(|stored| stored.index == index);
    Ok(found.ok_or(LogError::Malformed)?)
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
