//! The validator's own records: decisions and what became of them.
//!
//! They are read as written by this or another version: a field that is not
//! known is left alone, one that is known must have its form.

use serde::{Deserialize, Serialize};

use super::instant::InstantError;
use crate::edge_node::EdgeNode;
use crate::entry::{Entry, OutcomeCode};
use crate::event::{GateMode, TraceId};
use crate::hash::hex;
use crate::id::EntryId;
use crate::stored::StoredEntry;
use crate::time::{Minute, UnixMillis};

/// What the validator recorded of one decision.
#[derive(Debug, Clone)]
pub struct DecisionFacts {
    /// Its index in the log.
    pub index: u64,
    /// Its id.
    pub id: EntryId,
    /// The minute in the leaf.
    pub minute: Minute,
    /// The policy digest in the leaf, in hexadecimal.
    pub policy: String,
    /// Allowed.
    pub granted: bool,
    /// The payload; none once it was erased.
    pub payload: Option<DecisionPayload>,
}

/// The payload of a decision.
#[derive(Debug, Clone)]
pub struct DecisionPayload {
    pub(crate) at: UnixMillis,
    pub(crate) data: DecisionData,
}

/// What became of an allowed request.
#[derive(Debug, Clone)]
pub struct OutcomeFacts {
    /// Its index in the log.
    pub index: u64,
    /// The decision's id.
    pub(crate) decision: EntryId,
    pub(crate) at: UnixMillis,
    pub(crate) http_status: u16,
    pub(crate) failure: Option<String>,
    pub(crate) dropped_members: Option<u64>,
    pub(crate) answer_digest: Option<String>,
}

/// The checks that one party made (M-21.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartyChecks {
    /// Who.
    pub by: String,
    /// Those that held, as requirement and name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<String>,
    /// Those that did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// Those that did not and were only watched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_in_shadow: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecisionData {
    pub(crate) trace_id: String,
    pub(crate) related_trace_id: Option<String>,
    pub(crate) institution: String,
    pub(crate) mode: Option<String>,
    pub(crate) edge_node: Option<String>,
    pub(crate) shadow: Option<bool>,
    pub(crate) reason: Option<String>,
    pub(crate) http_status: Option<u16>,
    pub(crate) operation: Option<String>,
    pub(crate) basis: Option<String>,
    pub(crate) purpose: Option<String>,
    #[serde(default)]
    pub(crate) data_categories: Vec<String>,
    pub(crate) verification_system: String,
    pub(crate) token_hash: String,
    pub(crate) token_id: Option<String>,
    pub(crate) mandate_ref: Option<String>,
    pub(crate) mandate_type: Option<String>,
    pub(crate) actor: Option<ActorData>,
    pub(crate) subject_ref: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) deliberation: Option<String>,
    pub(crate) deliberation_version: Option<String>,
    pub(crate) policy_digest: String,
    #[serde(default)]
    pub(crate) checks: Vec<PartyChecks>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActorData {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) identification: String,
    pub(crate) holder_ref: String,
}

#[derive(Deserialize)]
struct Event<T> {
    time: String,
    relatedto: Option<EntryId>,
    data: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutcomeData {
    http_status: u16,
    failure: Option<String>,
    dropped_members: Option<u64>,
    answer_digest: Option<String>,
}

/// An entry, as far as a trace is concerned.
pub(crate) enum ValidatorRecord {
    Decision(Box<DecisionFacts>),
    Outcome(OutcomeFacts),
    /// The end of a retention period.
    Destruction,
    /// Neither, or an outcome whose payload was erased.
    Other,
}

/// Why a payload cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl From<serde_json::Error> for Unreadable {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

impl From<InstantError> for Unreadable {
    fn from(_: InstantError) -> Self {
        Self
    }
}

impl ValidatorRecord {
    pub(crate) fn read(stored: &StoredEntry, entry: &Entry) -> Result<Self, Unreadable> {
        let granted = match entry.outcome {
            OutcomeCode::Granted => true,
            OutcomeCode::Refused => false,
            OutcomeCode::Completed | OutcomeCode::Failed => {
                return match stored.payload() {
                    Some(payload) => outcome(stored.index, payload).map(Self::Outcome),
                    None => Ok(Self::Other),
                };
            }
            OutcomeCode::RefusalsCounted
            | OutcomeCode::LogRead
            | OutcomeCode::KeysPurged
            | OutcomeCode::ComparisonsCounted
            | OutcomeCode::Custody => return Ok(Self::Other),
            OutcomeCode::PayloadsDestroyed => return Ok(Self::Destruction),
        };
        let payload = stored.payload().map(decision).transpose()?;
        Ok(Self::Decision(Box::new(DecisionFacts {
            index: stored.index,
            id: stored.id,
            minute: entry.minute,
            policy: hex(&entry.policy.0),
            granted,
            payload,
        })))
    }
}

fn decision(payload: &str) -> Result<DecisionPayload, Unreadable> {
    let event: Event<DecisionData> = serde_json::from_str(payload)?;
    let at = UnixMillis::parse(&event.time)?;
    let data = event.data;
    let traces = [Some(&data.trace_id), data.related_trace_id.as_ref()];
    let plain = |text: &String| TraceId::parse(text).is_some();
    if !traces.into_iter().flatten().all(plain) {
        return Err(Unreadable);
    }
    let node = data.edge_node.as_deref().map(EdgeNode::parse);
    node.transpose().map_err(|_| Unreadable)?;
    Ok(DecisionPayload { at, data })
}

fn outcome(index: u64, payload: &str) -> Result<OutcomeFacts, Unreadable> {
    let event: Event<OutcomeData> = serde_json::from_str(payload)?;
    Ok(OutcomeFacts {
        index,
        decision: event.relatedto.ok_or(Unreadable)?,
        at: UnixMillis::parse(&event.time)?,
        http_status: event.data.http_status,
        failure: event.data.failure,
        dropped_members: event.data.dropped_members,
        answer_digest: event.data.answer_digest,
    })
}

impl DecisionFacts {
    /// When it was taken: to the millisecond, or to the minute once the payload is gone.
    pub(crate) fn at(&self) -> UnixMillis {
        let minute = u64::from(self.minute.as_minutes()) * 60_000;
        let minute = || UnixMillis::new(minute).unwrap_or(UnixMillis::EPOCH);
        self.payload
            .as_ref()
            .map_or_else(minute, |payload| payload.at)
    }

    /// What its leaf calls it.
    pub(crate) const fn outcome_code(&self) -> OutcomeCode {
        if self.granted {
            OutcomeCode::Granted
        } else {
            OutcomeCode::Refused
        }
    }

    pub(crate) fn data(&self) -> Option<&DecisionData> {
        self.payload.as_ref().map(|payload| &payload.data)
    }

    /// Whether a proxy asked: what became of the request, it alone knows.
    pub(crate) fn proxy_forwards(&self) -> bool {
        let mode = self.data().and_then(|data| data.mode.as_deref());
        mode == Some(GateMode::Decision.as_str())
    }

    /// Who made which checks.
    pub fn checks(&self) -> &[PartyChecks] {
        self.data().map_or(&[], |data| data.checks.as_slice())
    }

    /// The mandate's type, a code of the catalogue.
    pub fn mandate_type(&self) -> Option<&str> {
        self.data().and_then(|data| data.mandate_type.as_deref())
    }

    /// The deliberation that was applied, with its version.
    pub fn deliberation(&self) -> Option<(&str, &str)> {
        let data = self.data()?;
        let number = data.deliberation.as_deref()?;
        Some((number, data.deliberation_version.as_deref()?))
    }
}
