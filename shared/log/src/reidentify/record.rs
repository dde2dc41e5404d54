//! The record of a step, a line of the party's own log that a trace reads.

use serde_json::json;

use super::half::PAIR_BYTES;
use super::request::ReidentificationRequest;
use crate::hash::hex;
use crate::time::UnixMillis;
use crate::trace::{Member, Party, PartyRecord, PartyRecordError, RecordKind};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The request was signed.
    Requested,
    /// The holder was split in two, in the answer of that id.
    Answered([u8; PAIR_BYTES]),
    /// The halves of that answer were put together.
    Combined([u8; PAIR_BYTES]),
}

/// Who writes the record.
#[derive(Debug, Clone)]
pub struct Author {
    /// Whose log it is.
    pub party: Party,
    /// `CloudEvents`' source, an absolute URI.
    pub source: String,
    /// Belgif's service.
    pub service: String,
}

impl Author {
    /// The line, without its end. It is read back as a trace reads it, so what this party may not write, or what no
    /// trace could read, is an error.
    pub fn record(
        &self,
        step: Step,
        request: &ReidentificationRequest,
        at: UnixMillis,
    ) -> Result<String, PartyRecordError> {
        let hash = hex(&request.hash());
        let (kind, of) = match &step {
            Step::Requested => (RecordKind::ReidentificationRequested, hash.clone()),
            Step::Answered(pair) => (RecordKind::ReidentificationAnswered, hex(pair)),
            Step::Combined(pair) => (RecordKind::ReidentificationCombined, hex(pair)),
        };
        let mut data = json!({
            "party": self.party,
            Member::Issuer.as_str(): request.issuer,
            Member::TokenId.as_str(): request.token_id,
            Member::TokenHash.as_str(): hex(&request.token_hash),
            Member::RequestHash.as_str(): hash,
        });
        if let (Step::Requested, Some(data)) = (step, data.as_object_mut()) {
            data.insert(
                Member::Reason.as_str().to_owned(),
                request.reason.as_str().into(),
            );
            data.insert(
                Member::Reference.as_str().to_owned(),
                request.reference.as_str().into(),
            );
        }
        let kind = kind.as_str();
        let line = json!({
            "specversion": "1.0",
            // One step has one id: done twice, it is one event.
            "id": format!("{of}-{}", kind.rsplit('.').next().unwrap_or_default()),
            "source": self.source,
            "service": self.service,
            "type": format!("{}.{kind}", self.service),
            "time": at.to_string(),
            "data": data,
        })
        .to_string();
        PartyRecord::parse(self.party, line.as_bytes())?;
        Ok(line)
    }
}
