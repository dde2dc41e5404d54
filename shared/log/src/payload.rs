//! An event as `CloudEvents` 1.0 JSON, with Belgif's `service` attribute.
//!
//! The members and their order follow from the types below, so one event has
//! one text. Absent facts are left out; Belgif knows no `null`.

use serde::Serialize;
use thiserror::Error;

use crate::auditor::ReadingPurpose;
use crate::checks::Checks;
use crate::custody::CustodyMembers;
use crate::destruction::{DestroyedPayloads, PayloadRange};
use crate::edge_node::EdgeNode;
use crate::entry::PolicyDigest;
use crate::event::{
    BackendResult, ComparisonCount, DecisionRecord, Event, KeysPurged, LogRead, MAX_CHECKS,
    MAX_DATA_CATEGORIES, MAX_TEXT_BYTES, OutcomeRecord, PayloadsDestroyed, RefusalAggregate,
    TraceId, Verdict,
};
use crate::hash::{base64url, hex};
use crate::id::EntryId;
use crate::reference::{MandateRef, ReferenceKeyId, SubjectRef};
use crate::retention::RetentionPeriod;
use crate::source::EventSource;
use crate::time::UnixMillis;

/// Longest payload. The bounds on text and lists keep below it; it is what
/// readers and stores may rely on.
pub const MAX_PAYLOAD_BYTES: usize = 128 * 1024;

/// Room for the record of a decision, so that it is not moved while it grows.
const USUAL_PAYLOAD_BYTES: usize = 3 * 1024;

/// Why a record cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// A text is longer than [`MAX_TEXT_BYTES`].
    #[error("{field} has {length} bytes; a record takes at most {MAX_TEXT_BYTES}")]
    TextTooLong {
        /// The member of the record.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// A list is longer than its limit.
    #[error("{field} has {length} items; a record takes at most {limit}")]
    ListTooLong {
        /// The member of the record.
        field: &'static str,
        /// How many items.
        length: usize,
        /// How many are taken.
        limit: usize,
    },
    /// `service` is not in Belgif's form.
    #[error("service {0:?} is not <reverse DNS name>.<name>.v<major version>")]
    Service(String),
    /// `source` is no absolute URI.
    #[error("source {0:?} is not an absolute URI")]
    Source(String),
    /// A text that must be there is empty.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// The JSON text is longer than [`MAX_PAYLOAD_BYTES`].
    #[error("the payload has {0} bytes; a record takes at most {MAX_PAYLOAD_BYTES}")]
    TooLong(usize),
    /// The key is of a period of the other stream.
    #[error("a key of {0} does not seal a record of the other stream")]
    Period(RetentionPeriod),
    /// The JSON could not be written.
    #[error("the payload could not be written as JSON")]
    Json,
}

/// Writes the event. `policy` is the catalogue in force, also where no rule of
/// it was reached.
pub(crate) fn write(
    source: &EventSource,
    id: EntryId,
    at: UnixMillis,
    policy: PolicyDigest,
    event: &Event<'_>,
) -> Result<String, PayloadError> {
    let (resource, participle) = match event {
        Event::Decision(decision) => match decision.verdict {
            Verdict::Granted => ("accesses", "granted"),
            Verdict::Refused { .. } => ("accesses", "refused"),
        },
        Event::Outcome(outcome) => match outcome.result {
            BackendResult::Answered { .. } => ("accesses", "completed"),
            BackendResult::Failed { .. } => ("accesses", "failed"),
        },
        Event::RefusalAggregate(_) => ("refusals", "counted"),
        Event::LogRead(_) => ("entries", "read"),
        Event::KeysPurged(_) => ("keys", "purged"),
        Event::ComparisonCount(_) => ("comparisons", "counted"),
        Event::PayloadsDestroyed(_) => ("payloads", "destroyed"),
        Event::Custody(custody) => ("carriers", custody.action.as_str()),
    };
    let related = match event {
        Event::Outcome(outcome) => Some(outcome.decision),
        Event::Decision(_)
        | Event::RefusalAggregate(_)
        | Event::LogRead(_)
        | Event::KeysPurged(_)
        | Event::ComparisonCount(_)
        | Event::PayloadsDestroyed(_)
        | Event::Custody(_) => None,
    };
    let event = CloudEvent {
        specversion: "1.0",
        id,
        source: &source.source,
        service: &source.service,
        kind: format!("{}.{resource}.notify.{participle}", source.service),
        time: at.to_string(),
        relatedto: related,
        relatedtosource: related.map(|_| source.source.as_str()),
        datacontenttype: "application/json",
        data: Data::of(event, source, policy)?,
    };
    let mut text = Vec::with_capacity(USUAL_PAYLOAD_BYTES);
    serde_json::to_writer(&mut text, &event).map_err(|_| PayloadError::Json)?;
    let text = String::from_utf8(text).map_err(|_| PayloadError::Json)?;
    if text.len() > MAX_PAYLOAD_BYTES {
        return Err(PayloadError::TooLong(text.len()));
    }
    Ok(text)
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: EntryId,
    source: &'a str,
    service: &'a str,
    #[serde(rename = "type")]
    kind: String,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    relatedto: Option<EntryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relatedtosource: Option<&'a str>,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Decision(Box<DecisionData<'a>>),
    Outcome(OutcomeData<'a>),
    RefusalAggregate(AggregateData<'a>),
    LogRead(ReadData<'a>),
    KeysPurged(PurgeData<'a>),
    ComparisonCount(ComparisonData<'a>),
    PayloadsDestroyed(DestructionData<'a>),
    Custody(Box<CustodyMembers>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DecisionData<'a> {
    trace_id: TraceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    related_trace_id: Option<TraceId>,
    institution: &'a str,
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    edge_node: Option<&'a str>,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_categories: Option<&'a [&'a str]>,
    verification_system: &'a str,
    token_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<&'a str>,
    key_thumbprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_key: Option<ReferenceKeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mandate_ref: Option<MandateRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mandate_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<ActorData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_ref: Option<SubjectRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliberation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliberation_version: Option<&'a str>,
    policy_digest: String,
    checks: Checks<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActorData<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    identification: &'static str,
    holder_ref: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutcomeData<'a> {
    trace_id: TraceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    related_trace_id: Option<TraceId>,
    institution: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
    http_status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_members: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_digest: Option<String>,
    duration_ms: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AggregateData<'a> {
    institution: &'a str,
    reason: &'a str,
    count: u64,
    from: String,
    until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<bool>,
    policy_digest: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PurgeData<'a> {
    trace_id: TraceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    related_trace_id: Option<TraceId>,
    institution: &'a str,
    operator: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_system: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ComparisonData<'a> {
    institution: &'a str,
    reason_now: &'a str,
    reason_then: &'a str,
    count: u64,
    from: String,
    until: String,
    policy_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_digest: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadData<'a> {
    trace_id: TraceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    related_trace_id: Option<TraceId>,
    institution: &'a str,
    auditor: &'a str,
    purpose: ReadingPurpose,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    log: &'a str,
    from: u64,
    limit: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DestructionData<'a> {
    trace_id: TraceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    related_trace_id: Option<TraceId>,
    institution: &'a str,
    operator: &'a str,
    period: RetentionPeriod,
    key_id: String,
    logs: Vec<DestroyedData<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DestroyedData<'a> {
    log: &'a str,
    payloads: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_index: Option<u64>,
}

impl<'a> DestroyedData<'a> {
    fn of(destroyed: &'a DestroyedPayloads) -> Self {
        let DestroyedPayloads { log, payloads } = destroyed;
        Self {
            log: log.as_str(),
            payloads: payloads.map_or(0, PayloadRange::count),
            first_index: payloads.map(PayloadRange::first),
            last_index: payloads.map(PayloadRange::last),
        }
    }
}

impl<'a> Data<'a> {
    fn of(
        event: &Event<'a>,
        source: &'a EventSource,
        policy: PolicyDigest,
    ) -> Result<Self, PayloadError> {
        let institution = source.institution.as_str();
        Ok(match event {
            Event::Decision(decision) => {
                Self::Decision(Box::new(DecisionData::of(decision, institution, policy)?))
            }
            Event::Outcome(outcome) => Self::Outcome(OutcomeData::of(outcome, institution)?),
            Event::RefusalAggregate(RefusalAggregate {
                reason,
                count,
                from,
                until,
                shadow,
            }) => Self::RefusalAggregate(AggregateData {
                institution,
                reason: bounded("reason", reason)?,
                count: *count,
                from: from.to_string(),
                until: until.to_string(),
                shadow: shadow.then_some(true),
                policy_digest: hex(&policy.0),
            }),
            Event::KeysPurged(KeysPurged {
                operator,
                trace,
                verification_system,
            }) => Self::KeysPurged(PurgeData {
                trace_id: trace.id,
                related_trace_id: trace.related,
                institution,
                operator: bounded("operator", operator)?,
                verification_system: optional("verificationSystem", *verification_system)?,
            }),
            Event::ComparisonCount(ComparisonCount {
                now,
                then,
                count,
                from,
                until,
                candidate,
            }) => Self::ComparisonCount(ComparisonData {
                institution,
                reason_now: bounded("reasonNow", now)?,
                reason_then: bounded("reasonThen", then)?,
                count: *count,
                from: from.to_string(),
                until: until.to_string(),
                policy_digest: hex(&policy.0),
                candidate_digest: candidate.as_ref().map(|digest| hex(digest)),
            }),
            Event::PayloadsDestroyed(PayloadsDestroyed {
                operator,
                trace,
                period,
                key,
                logs,
            }) => Self::PayloadsDestroyed(DestructionData {
                trace_id: trace.id,
                related_trace_id: trace.related,
                institution,
                operator: bounded("operator", operator)?,
                period: *period,
                key_id: key.to_string(),
                logs: logs.iter().map(DestroyedData::of).collect(),
            }),
            Event::Custody(custody) => {
                bounded("deliberation", &custody.deliberation)?;
                Self::Custody(Box::new(CustodyMembers::of(custody, institution)))
            }
            Event::LogRead(LogRead {
                auditor,
                purpose,
                reference,
                trace,
                log,
                from,
                limit,
            }) => Self::LogRead(ReadData {
                trace_id: trace.id,
                related_trace_id: trace.related,
                institution,
                auditor: bounded("auditor", auditor)?,
                purpose: *purpose,
                reference: optional("reference", *reference)?,
                log: bounded("log", log)?,
                from: *from,
                limit: *limit,
            }),
        })
    }
}

impl<'a> DecisionData<'a> {
    fn of(
        record: &DecisionRecord<'a>,
        institution: &'a str,
        policy: PolicyDigest,
    ) -> Result<Self, PayloadError> {
        let DecisionRecord {
            verdict,
            mode,
            edge_node,
            trace,
            token,
            mandate,
            deliberation,
            operation,
            checks,
            shadow,
        } = record;
        let (decision, reason, problem_type, http_status) = match verdict {
            Verdict::Granted => ("granted", None, None, None),
            Verdict::Refused {
                reason,
                problem_type,
                http_status,
            } => (
                "refused",
                Some(bounded("reason", reason)?),
                Some(bounded("problemType", problem_type)?),
                Some(*http_status),
            ),
        };
        let actor = match mandate.and_then(|mandate| Some((mandate, mandate.holder?))) {
            None => None,
            Some((mandate, holder)) => Some(ActorData {
                kind: bounded("actor.type", mandate.holder_type)?,
                identification: holder.identification,
                holder_ref: base64url(&holder.reference),
            }),
        };
        let data_categories = operation.map(|operation| operation.data_categories);
        short_list(
            "dataCategories",
            data_categories.unwrap_or_default(),
            MAX_DATA_CATEGORIES,
        )?;
        for category in data_categories.unwrap_or_default() {
            bounded("dataCategories[]", category)?;
        }
        short_list("checks", checks, MAX_CHECKS)?;
        for check in *checks {
            bounded("checks[].id", check.id)?;
            bounded("checks[].requirement", check.requirement)?;
            bounded("checks[].by", check.by)?;
        }
        Ok(Self {
            trace_id: trace.id,
            related_trace_id: trace.related,
            institution,
            mode: mode.as_str(),
            edge_node: edge_node.map(EdgeNode::as_str),
            decision,
            shadow: shadow.then_some(true),
            reason,
            problem_type,
            http_status,
            operation: optional("operation", operation.map(|o| o.id))?,
            basis: optional("basis", operation.map(|o| o.basis))?,
            purpose: optional("purpose", operation.map(|o| o.purpose))?,
            data_categories,
            verification_system: bounded("verificationSystem", token.verification_system)?,
            token_hash: hex(&token.sha256),
            token_id: optional("tokenId", token.id)?,
            key_thumbprint: base64url(&token.key_thumbprint),
            reference_key: mandate.map(|m| m.reference_key),
            mandate_ref: mandate.map(|m| m.mandate),
            mandate_type: optional("mandateType", mandate.map(|m| m.mandate_type))?,
            actor,
            subject_ref: mandate.map(|m| m.subject),
            channel: optional("channel", mandate.map(|m| m.channel))?,
            deliberation: optional("deliberation", deliberation.map(|d| d.number))?,
            deliberation_version: optional("deliberationVersion", deliberation.map(|d| d.version))?,
            policy_digest: hex(&policy.0),
            checks: Checks(checks),
        })
    }
}

impl<'a> OutcomeData<'a> {
    fn of(record: &OutcomeRecord<'a>, institution: &'a str) -> Result<Self, PayloadError> {
        let (failure, http_status, dropped_members, digest) = match record.result {
            BackendResult::Answered {
                http_status,
                dropped_members,
                answer_digest,
            } => (None, http_status, dropped_members, answer_digest),
            BackendResult::Failed {
                failure,
                http_status,
            } => (Some(bounded("failure", failure)?), http_status, None, None),
        };
        Ok(Self {
            trace_id: record.trace.id,
            related_trace_id: record.trace.related,
            institution,
            failure,
            http_status,
            dropped_members,
            answer_digest: digest.map(|digest| base64url(&digest)),
            duration_ms: record.duration_ms,
        })
    }
}

pub(crate) fn bounded<'a>(field: &'static str, text: &'a str) -> Result<&'a str, PayloadError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(PayloadError::TextTooLong {
            field,
            length: text.len(),
        });
    }
    Ok(text)
}

fn optional<'a>(
    field: &'static str,
    text: Option<&'a str>,
) -> Result<Option<&'a str>, PayloadError> {
    text.map(|text| bounded(field, text)).transpose()
}

fn short_list<T>(field: &'static str, list: &[T], limit: usize) -> Result<(), PayloadError> {
    if list.len() > limit {
        return Err(PayloadError::ListTooLong {
            field,
            length: list.len(),
            limit,
        });
    }
    Ok(())
}
