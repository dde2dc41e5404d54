//! What is recorded: the events, as the pipeline hands them over.
//!
//! There is no field for a token, a national number, a name or an address:
//! what does not fit in here cannot be logged. Text is bounded
//! ([`MAX_TEXT_BYTES`]) and lists too; what a caller can choose freely, a trace
//! id, has a type that takes a short plain form only.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::auditor::ReadingPurpose;
use crate::custody::CustodyEvent;
use crate::destruction::DestroyedPayloads;
use crate::edge_node::EdgeNode;
use crate::entry::OutcomeCode;
use crate::hash::HASH_BYTES;
use crate::id::EntryId;
use crate::payload_key::PayloadKeyId;
use crate::reference::{HolderRef, MandateRef, ReferenceKeyId, SubjectRef};
use crate::retention::RetentionPeriod;
use crate::time::UnixMillis;

/// Longest text of a record, in bytes.
pub const MAX_TEXT_BYTES: usize = 256;
/// Longest list of data categories of a record.
pub const MAX_DATA_CATEGORIES: usize = 64;
/// Longest list of checks of a record.
pub const MAX_CHECKS: usize = 64;
/// Longest trace identifier (Belgif REST guide, `BelGov-Trace-Id`).
pub const MAX_TRACE_ID_BYTES: usize = 36;

/// One thing to record.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A token's signature held, and the request was allowed or refused.
    Decision(&'a DecisionRecord<'a>),
    /// What became of an allowed request.
    Outcome(OutcomeRecord<'a>),
    /// Refusals of one kind before a signature held, counted over an interval.
    RefusalAggregate(RefusalAggregate<'a>),
    /// An auditor read the log.
    LogRead(LogRead<'a>),
    /// An operator made the gate forget keys.
    KeysPurged(KeysPurged<'a>),
    /// What a candidate would have decided otherwise, counted over an interval.
    ComparisonCount(ComparisonCount<'a>),
    /// The payloads of a retention period are destroyed.
    PayloadsDestroyed(PayloadsDestroyed<'a>),
    /// Something happened to a carrier of protected data.
    Custody(&'a CustodyEvent),
}

impl Event<'_> {
    /// The outcome code of the leaf.
    pub const fn outcome_code(&self) -> OutcomeCode {
        match self {
            Self::Decision(decision) => match decision.verdict {
                Verdict::Granted => OutcomeCode::Granted,
                Verdict::Refused { .. } => OutcomeCode::Refused,
            },
            Self::Outcome(outcome) => match outcome.result {
                BackendResult::Answered { .. } => OutcomeCode::Completed,
                BackendResult::Failed { .. } => OutcomeCode::Failed,
            },
            Self::RefusalAggregate(_) => OutcomeCode::RefusalsCounted,
            Self::LogRead(_) => OutcomeCode::LogRead,
            Self::KeysPurged(_) => OutcomeCode::KeysPurged,
            Self::ComparisonCount(_) => OutcomeCode::ComparisonsCounted,
            Self::PayloadsDestroyed(_) => OutcomeCode::PayloadsDestroyed,
            Self::Custody(_) => OutcomeCode::Custody,
        }
    }
}

/// A decision over a token whose signature held (M-21.1, M-21.5).
#[derive(Debug, Clone, Copy)]
pub struct DecisionRecord<'a> {
    /// Allowed or refused, and why.
    pub verdict: Verdict<'a>,
    /// Who forwards an allowed request, and so knows what became of it.
    pub mode: GateMode,
    /// Where the gate runs, if that is known.
    pub edge_node: Option<&'a EdgeNode>,
    /// The identifiers that join this record with other parties' logs.
    pub trace: Trace,
    /// The token, without itself.
    pub token: TokenFacts<'a>,
    /// The mandate, when the claims could be read so far.
    pub mandate: Option<MandateFacts<'a>>,
    /// The deliberation that was applied, when one was found.
    pub deliberation: Option<DeliberationFacts<'a>>,
    /// What was asked for, when the request named a known operation.
    pub operation: Option<OperationFacts<'a>>,
    /// Every check that was made, and by whom (M-21.2).
    pub checks: &'a [Check],
    /// Whether the request went on, or would have, whatever was decided.
    pub shadow: bool,
}

/// In which of its two ways the gate stood in front of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateMode {
    /// It forwards, and records the outcome.
    Inline,
    /// A proxy asked and forwards itself; no outcome is ever known here.
    Decision,
}

impl GateMode {
    /// As it stands in a record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Decision => "decision",
        }
    }
}

/// Allowed or refused.
#[derive(Debug, Clone, Copy)]
pub enum Verdict<'a> {
    /// Allowed: once this is durable the request may go on.
    Granted,
    /// Refused.
    Refused {
        /// The stable reason code.
        reason: &'a str,
        /// The problem type that was answered.
        problem_type: &'a str,
        /// The status that was answered.
        http_status: u16,
    },
}

/// Correlation of one request over the parties (M-21.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// `BelGov-Trace-Id` of our answer.
    pub id: TraceId,
    /// `BelGov-Trace-Id` of the request, when it had one of plain form.
    pub related: Option<TraceId>,
}

/// A trace identifier: 1 to 36 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId {
    bytes: [u8; MAX_TRACE_ID_BYTES],
    length: u8,
}

impl TraceId {
    /// Takes an identifier of plain form; a caller's of another form is not
    /// worth a record.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if text.is_empty() || text.len() > MAX_TRACE_ID_BYTES || !text.bytes().all(plain) {
            return None;
        }
        let mut bytes = [0; MAX_TRACE_ID_BYTES];
        bytes
            .iter_mut()
            .zip(text.bytes())
            .for_each(|(to, from)| *to = from);
        u8::try_from(text.len())
            .ok()
            .map(|length| Self { bytes, length })
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        // INVARIANT: the constructor took ASCII and the length of it.
        self.bytes
            .get(..usize::from(self.length))
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

/// A random UUID is a trace identifier.
impl From<EntryId> for TraceId {
    fn from(id: EntryId) -> Self {
        Self {
            bytes: id.text(),
            length: 36,
        }
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({})", self.as_str())
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a record says of a token.
#[derive(Debug, Clone, Copy)]
pub struct TokenFacts<'a> {
    /// SHA-256 of the token, by which its bearer can show that it was this one.
    pub sha256: [u8; HASH_BYTES],
    /// The `jti`, when the claims could be read so far.
    pub id: Option<&'a str>,
    /// The verification system that issued it.
    pub verification_system: &'a str,
    /// RFC 7638 thumbprint of the key that signed it.
    pub key_thumbprint: [u8; HASH_BYTES],
}

/// What a record says of a mandate.
#[derive(Debug, Clone, Copy)]
pub struct MandateFacts<'a> {
    /// The key under which the references below are made.
    pub reference_key: ReferenceKeyId,
    /// The mandate.
    pub mandate: MandateRef,
    /// Its type, a code of the catalogue.
    pub mandate_type: &'a str,
    /// The data subject ("whom", M-21.5).
    pub subject: SubjectRef,
    /// The holder ("who", M-21.5). None where a system named a holder that must
    /// stay unknown here: even a keyed reference could be resolved by trying the
    /// few there are (M-15.4).
    pub holder: Option<HolderRef>,
    /// organization, enterprise or individualPractitioner (M-1.1).
    pub holder_type: &'a str,
    /// api or webApp (M-23, M-24).
    pub channel: &'a str,
}

/// The deliberation a decision rests on (M-12.2).
#[derive(Debug, Clone, Copy)]
pub struct DeliberationFacts<'a> {
    /// Its number.
    pub number: &'a str,
    /// Its version, as amended.
    pub version: &'a str,
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub struct OperationFacts<'a> {
    /// The operation's id in the configuration ("what").
    pub id: &'a str,
    /// mandate or statutory (M-11.1).
    pub basis: &'a str,
    /// The purpose ("why", M-6.1).
    pub purpose: &'a str,
    /// The categories of data it gives.
    pub data_categories: &'a [&'a str],
}

/// One check that was made (M-21.2). A record lists them by who made them and what
/// came of them, each as requirement and name: `"M-12.5 mandateWindow"`.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The check's name.
    pub id: &'static str,
    /// The requirement it rests on, such as M-12.5.
    pub requirement: &'static str,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// Who made it.
    pub by: &'static str,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The rule held.
    Held,
    /// The rule did not hold.
    Failed,
    /// The rule did not hold, and was only watched.
    FailedInShadow,
}

/// What became of an allowed request.
#[derive(Debug, Clone, Copy)]
pub struct OutcomeRecord<'a> {
    /// The entry of the decision.
    pub decision: EntryId,
    /// The trace of the same request.
    pub trace: Trace,
    /// The backend's answer, or what went wrong.
    pub result: BackendResult<'a>,
    /// From forwarding to the head of the answer.
    pub duration_ms: u64,
}

/// The backend's answer, or what went wrong.
#[derive(Debug, Clone, Copy)]
pub enum BackendResult<'a> {
    /// It answered.
    Answered {
        /// With this status.
        http_status: u16,
        /// How many members of its document were not allowed and left out, where it
        /// was looked into. Not which (M-6.2).
        dropped_members: Option<u64>,
        /// A digest of the body that was sent, which only the receipt's holder can check
        /// ([`Capability::digest`](crate::Capability::digest)), where it was read here.
        answer_digest: Option<[u8; HASH_BYTES]>,
    },
    /// It did not.
    Failed {
        /// The stable code of what went wrong.
        failure: &'a str,
        /// The status that we answered instead.
        http_status: u16,
    },
}

/// Refusals of one kind before a signature held.
#[derive(Debug, Clone, Copy)]
pub struct RefusalAggregate<'a> {
    /// The stable reason code.
    pub reason: &'a str,
    /// How many.
    pub count: u64,
    /// From, inclusive.
    pub from: UnixMillis,
    /// Until, exclusive.
    pub until: UnixMillis,
    /// Whether the requests went on nevertheless.
    pub shadow: bool,
}

/// A reading of the log.
#[derive(Debug, Clone, Copy)]
pub struct LogRead<'a> {
    /// Which auditor, by the name in its token; no person's name.
    pub auditor: &'a str,
    /// What for.
    pub purpose: ReadingPurpose,
    /// The case, where the purpose has one.
    pub reference: Option<&'a str>,
    /// The trace of the request.
    pub trace: Trace,
    /// The origin of the log that was read.
    pub log: &'a str,
    /// The first index asked for.
    pub from: u64,
    /// How many entries were asked for at most.
    pub limit: u32,
}

/// A purge of keys.
#[derive(Debug, Clone, Copy)]
pub struct KeysPurged<'a> {
    /// Which of the configured operators; no person's name.
    pub operator: &'a str,
    /// The trace of the request.
    pub trace: Trace,
    /// Whose keys; none for those of all.
    pub verification_system: Option<&'a str>,
}

/// Decisions that a candidate would have taken otherwise.
#[derive(Debug, Clone, Copy)]
pub struct ComparisonCount<'a> {
    /// The reason code of the decision that counted, or `granted`.
    pub now: &'a str,
    /// The same of the candidate's.
    pub then: &'a str,
    /// How many.
    pub count: u64,
    /// From, inclusive.
    pub from: UnixMillis,
    /// Until, exclusive.
    pub until: UnixMillis,
    /// SHA-256 of the candidate catalogue's file, if there is one.
    pub candidate: Option<[u8; HASH_BYTES]>,
}

/// The end of a retention period: written before its key is destroyed, so that
/// nothing is ever gone without a word in the log.
#[derive(Debug, Clone, Copy)]
pub struct PayloadsDestroyed<'a> {
    /// Which of the configured operators; no person's name.
    pub operator: &'a str,
    /// The trace of the request.
    pub trace: Trace,
    /// The period.
    pub period: RetentionPeriod,
    /// The public name of its key.
    pub key: PayloadKeyId,
    /// What each of the deployment's logs had of it.
    pub logs: &'a [DestroyedPayloads],
}
