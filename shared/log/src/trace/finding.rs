//! What a trace finds wanting: gaps and contradictions.

use std::fmt;

use super::call::Call;
use super::ended::LoggedEnds;
use super::keys::LogKeys;
use super::member::{Member, Party, RecordKind};
use super::record::PartyRecord;
use super::reidentified::{reidentified, steps_before};
use crate::names::names;
use crate::reference::EpochKey;
use crate::retention::RetentionPeriod;
use crate::time::UnixMillis;

/// How far the clocks of two parties may be apart before their times contradict
/// each other: what verifiers of Belgian tokens allow each other at least.
pub const CLOCK_TOLERANCE_MS: u64 = 60_000;

names! {
    /// How much a finding says.
    Severity {
        /// Worth knowing, and in order.
        Note = "note",
        /// Something that should be there is not.
        Gap = "gap",
        /// Two records cannot both be right.
        Contradiction = "contradiction",
    }
}

/// One finding. It holds no value of a record: those of some parties are not
/// for every reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// The payload was erased, and with it what could be joined: it can have been of that
    /// period, whose end was logged then.
    PayloadErased {
        /// The period.
        period: RetentionPeriod,
        /// When its end was logged.
        at: UnixMillis,
    },
    /// The payload is not there, and no entry says that it was to be erased.
    PayloadMissing,
    /// Allowed and forwarded, and nothing says what became of it.
    NoOutcome,
    /// No party recorded the issue of the token.
    NoTokenIssued,
    /// A hidden holder, and the secondary network confirmed nothing.
    NoRelationConfirmed,
    /// The holder did not record the request.
    NoRequestSent,
    /// The holder did not record the answer.
    NoResponseReceived,
    /// The holder recorded a request on which the validator has no decision.
    RequestNotDecided,
    /// A token was issued that no decision is about.
    TokenNotSeen,
    /// A record has this call's trace id and another token.
    OtherToken {
        /// Whose.
        party: Party,
    },
    /// A record has this token's id and another hash.
    OtherTokenHash {
        /// Whose.
        party: Party,
    },
    /// A record could be of several calls.
    SeveralCalls {
        /// Whose.
        party: Party,
    },
    /// Two records of one source and id that say different things.
    RecordTwice {
        /// Whose.
        party: Party,
    },
    /// A party says otherwise than the validator.
    Differs {
        /// Who.
        party: Party,
        /// Of what.
        member: Member,
    },
    /// A party names a holder that the validator knows by pseudonym only (M-15.4).
    HolderNamed {
        /// Who.
        party: Party,
    },
    /// What must come first came later, by more than [`CLOCK_TOLERANCE_MS`].
    OutOfOrder {
        /// What must come first.
        first: &'static str,
        /// What comes then.
        then: &'static str,
        /// By how much it was the other way round.
        by_ms: u64,
    },
    /// The time in the leaf is not that of the payload.
    LeafMinute,
    /// The policy in the leaf is not that of the payload.
    LeafPolicy,
    /// Decided under a catalogue that was not given.
    PolicyNotGiven,
    /// Read from a server, and the signature over which logs there are was not verified.
    LogsNotKnown,
    /// It was asked who the holder is, and no answer is recorded.
    ReidentificationNotAnswered,
    /// A holder was re-identified, and neither of those who may ask recorded the request (M-22.1).
    ReidentificationNotRequested {
        /// Who answered, or put the halves together.
        party: Party,
    },
    /// Halves were put together that no verification system recorded to have given.
    CombinedNotAnswered {
        /// Who put them together.
        party: Party,
    },
}

impl Finding {
    /// Its stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PayloadErased { .. } => "payloadErased",
            Self::PayloadMissing => "payloadMissing",
            Self::NoOutcome => "noOutcome",
            Self::NoTokenIssued => "noTokenIssued",
            Self::NoRelationConfirmed => "noRelationConfirmed",
            Self::NoRequestSent => "noRequestSent",
            Self::NoResponseReceived => "noResponseReceived",
            Self::RequestNotDecided => "requestNotDecided",
            Self::TokenNotSeen => "tokenNotSeen",
            Self::OtherToken { .. } => "otherToken",
            Self::OtherTokenHash { .. } => "otherTokenHash",
            Self::SeveralCalls { .. } => "severalCalls",
            Self::RecordTwice { .. } => "recordTwice",
            Self::Differs { .. } => "differs",
            Self::HolderNamed { .. } => "holderNamed",
            Self::OutOfOrder { .. } => "outOfOrder",
            Self::LeafMinute => "leafMinute",
            Self::LeafPolicy => "leafPolicy",
            Self::PolicyNotGiven => "policyNotGiven",
            Self::LogsNotKnown => "logsNotKnown",
            Self::ReidentificationNotAnswered => "reidentificationNotAnswered",
            Self::ReidentificationNotRequested { .. } => "reidentificationNotRequested",
            Self::CombinedNotAnswered { .. } => "combinedNotAnswered",
        }
    }

    /// How much it says.
    pub const fn severity(self) -> Severity {
        match self {
            Self::PayloadErased { .. }
            | Self::TokenNotSeen
            | Self::SeveralCalls { .. }
            | Self::ReidentificationNotAnswered => Severity::Note,
            Self::PayloadMissing
            | Self::NoOutcome
            | Self::NoTokenIssued
            | Self::NoRelationConfirmed
            | Self::NoRequestSent
            | Self::NoResponseReceived
            | Self::RequestNotDecided
            | Self::PolicyNotGiven
            | Self::LogsNotKnown
            | Self::ReidentificationNotRequested { .. }
            | Self::CombinedNotAnswered { .. } => Severity::Gap,
            Self::OtherToken { .. }
            | Self::OtherTokenHash { .. }
            | Self::RecordTwice { .. }
            | Self::Differs { .. }
            | Self::HolderNamed { .. }
            | Self::OutOfOrder { .. }
            | Self::LeafMinute
            | Self::LeafPolicy => Severity::Contradiction,
        }
    }
}

/// For people.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadErased { period, at } => write!(
                f,
                "the payload was erased: the end of {period} was logged at {at}; the leaf alone answers, and nothing can be joined"
            ),
            Self::PayloadMissing => f.write_str(
                "the payload is not there, and no entry of these logs says that its period has ended",
            ),
            Self::NoOutcome => f.write_str("allowed and forwarded, and no outcome is recorded"),
            Self::NoTokenIssued => f.write_str("no log given has the issue of this token"),
            Self::NoRelationConfirmed => {
                f.write_str("the secondary network's log has no confirmation of this mandate")
            }
            Self::NoRequestSent => f.write_str("the mandate holder's log has no such request"),
            Self::NoResponseReceived => {
                f.write_str("the mandate holder's log has no answer to this request")
            }
            Self::RequestNotDecided => f.write_str(
                "the mandate holder recorded a request on which the validator has no decision",
            ),
            Self::TokenNotSeen => f.write_str("a token was issued that no decision found is about"),
            Self::OtherToken { party } => {
                write!(f, "the {party} has this trace id with another token")
            }
            Self::OtherTokenHash { party } => {
                write!(f, "the {party} has this token id with another token's hash")
            }
            Self::SeveralCalls { party } => {
                write!(f, "a record of the {party} fits several of these calls")
            }
            Self::RecordTwice { party } => {
                write!(f, "the {party} has two records of one id that differ")
            }
            Self::Differs { party, member } => {
                write!(f, "the {party} and the validator differ about {member}")
            }
            Self::HolderNamed { party } => write!(
                f,
                "the {party} names a holder that the validator knows by pseudonym only (M-15.4)"
            ),
            Self::OutOfOrder { first, then, by_ms } => {
                write!(
                    f,
                    "{first} is {by_ms} ms after {then}, which it must precede"
                )
            }
            Self::LeafMinute => f.write_str("the leaf's minute is not that of the payload"),
            Self::LeafPolicy => f.write_str("the leaf's policy is not that of the payload"),
            Self::PolicyNotGiven => {
                f.write_str("decided under a catalogue that is not among those given")
            }
            Self::LogsNotKnown => f.write_str(
                "it is not known whether all logs were read: the map of them was not verified (--key)",
            ),
            Self::ReidentificationNotAnswered => f.write_str(
                "it was asked who the holder is, and no log given has an answer (it may come yet)",
            ),
            Self::ReidentificationNotRequested { party } => write!(
                f,
                "the {party} took part in a re-identification that neither institution nor supervisor recorded to have asked for"
            ),
            Self::CombinedNotAnswered { party } => write!(
                f,
                "the {party} put halves together that no verification system recorded to have given"
            ),
        }
    }
}

/// What else is known when a call is looked at.
pub(crate) struct Given<'a> {
    pub(crate) parties: &'a [Party],
    /// The digests of the catalogues given, in hexadecimal; none when none was given.
    pub(crate) policies: Option<&'a [String]>,
    pub(crate) keys: &'a LogKeys,
    /// What the logs say of periods that ended.
    pub(crate) ended: &'a LoggedEnds,
}

/// Everything found of a call.
pub(crate) fn examine(call: &Call, given: &Given<'_>) -> Vec<Finding> {
    let mut found = call.found.clone();
    let decision = &call.decision;
    if given
        .policies
        .is_some_and(|known| !known.contains(&decision.policy))
    {
        found.push(Finding::PolicyNotGiven);
    }
    let Some(data) = decision.data() else {
        erased(call, given, &mut found);
        return sorted(found);
    };
    if decision.granted && call.outcome.is_none() && !decision.proxy_forwards() {
        found.push(Finding::NoOutcome);
    }
    if decision.at().minute() != decision.minute {
        found.push(Finding::LeafMinute);
    }
    if data.policy_digest != decision.policy {
        found.push(Finding::LeafPolicy);
    }
    missing(call, given, &mut found);
    reidentified(call, given.parties, &mut found);
    for record in &call.records {
        differences(call, record, given, &mut found);
    }
    order(call, &mut found);
    sorted(found)
}

/// Under which period it was erased. What became of the call went with it, and is no gap.
fn erased(call: &Call, given: &Given<'_>, found: &mut Vec<Finding>) {
    let mut periods = given.ended.covering(&call.log, &call.decision).peekable();
    if periods.peek().is_none() {
        found.push(Finding::PayloadMissing);
    }
    found.extend(periods.map(|(period, at)| Finding::PayloadErased { period, at }));
}

fn sorted(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_unstable_by_key(|finding| (std::cmp::Reverse(finding.severity()), *finding));
    found.dedup();
    found
}

fn missing(call: &Call, given: &Given<'_>, found: &mut Vec<Finding>) {
    let gave = |party| given.parties.contains(&party);
    let lacks = |kind| call.of_kind(kind).next().is_none();
    let issuers = gave(Party::VerificationSystem) || gave(Party::SecondaryNetwork);
    if issuers && lacks(RecordKind::TokenIssued) {
        found.push(Finding::NoTokenIssued);
    }
    if gave(Party::SecondaryNetwork)
        && call.is_holder_hidden()
        && lacks(RecordKind::RelationConfirmed)
    {
        found.push(Finding::NoRelationConfirmed);
    }
    if gave(Party::MandateHolder) {
        if lacks(RecordKind::RequestSent) {
            found.push(Finding::NoRequestSent);
        }
        if lacks(RecordKind::ResponseReceived) {
            found.push(Finding::NoResponseReceived);
        }
    }
}

/// Where a record says otherwise than the decision.
fn differences(call: &Call, record: &PartyRecord, given: &Given<'_>, found: &mut Vec<Finding>) {
    let Some(data) = call.decision.data() else {
        return;
    };
    let party = record.party;
    let mut compare = |member, ours: Option<&str>| {
        if let (Some(theirs), Some(ours)) = (record.get(member), ours)
            && theirs != ours
        {
            found.push(Finding::Differs { party, member });
        }
    };
    compare(Member::TokenId, data.token_id.as_deref());
    compare(Member::VerificationSystem, Some(&data.verification_system));
    compare(Member::MandateType, data.mandate_type.as_deref());
    compare(Member::Operation, data.operation.as_deref());
    compare(Member::Purpose, data.purpose.as_deref());
    compare(Member::Channel, data.channel.as_deref());
    let outcome = call.outcome.as_ref().map(|outcome| outcome.http_status);
    let status = outcome
        .or(data.http_status)
        .map(|status| status.to_string());
    compare(Member::HttpStatus, status.as_deref());
    if record.kind == RecordKind::ResponseReceived {
        compare(Member::TraceId, data.related_trace_id.as_deref());
    }
    // A key that the decision was not recorded under says nothing: one must agree.
    let keyed = |make: &dyn Fn(&EpochKey) -> String, ours: Option<&String>| {
        given.keys.made(call.decision.at(), ours, make) == Some(false)
    };
    if let Some(subject) = record.get(Member::SubjectPseudonym)
        && keyed(
            &|key| key.subject_ref(subject).text(),
            data.subject_ref.as_ref(),
        )
    {
        let member = Member::SubjectPseudonym;
        found.push(Finding::Differs { party, member });
    }
    if let (Some(issuer), Some(id)) = (record.get(Member::Issuer), record.get(Member::MandateId))
        && keyed(
            &|key| key.mandate_ref(issuer, id).text(),
            data.mandate_ref.as_ref(),
        )
    {
        let member = Member::MandateId;
        found.push(Finding::Differs { party, member });
    }
    if call.is_holder_hidden() && record.get(Member::HolderEnterpriseNumber).is_some() {
        found.push(Finding::HolderNamed { party });
    }
}

/// Times that cannot be.
fn order(call: &Call, found: &mut Vec<Finding>) {
    let decided = call.decision.at();
    let mut precedes = |first: (&'static str, UnixMillis), then: (&'static str, UnixMillis)| {
        let by_ms = first.1.as_millis().saturating_sub(then.1.as_millis());
        if by_ms > CLOCK_TOLERANCE_MS {
            let (first, then) = (first.0, then.0);
            found.push(Finding::OutOfOrder { first, then, by_ms });
        }
    };
    let decision = ("the decision", decided);
    if let Some(outcome) = &call.outcome {
        precedes(decision, ("the outcome", outcome.at));
    }
    for record in &call.records {
        match record.kind {
            RecordKind::MandateGranted => precedes(("the grant", record.at), decision),
            RecordKind::RelationConfirmed => precedes(("the confirmation", record.at), decision),
            RecordKind::TokenIssued => precedes(("the token's issue", record.at), decision),
            RecordKind::RequestSent => precedes(("the request", record.at), decision),
            RecordKind::ResponseReceived => precedes(decision, ("the answer", record.at)),
            RecordKind::MandateRevoked if call.decision.granted => {
                precedes(
                    ("the decision to allow", decided),
                    ("the end of the mandate", record.at),
                );
            }
            RecordKind::ReidentificationRequested => {
                precedes(decision, ("the request to re-identify", record.at));
            }
            RecordKind::ReidentificationAnswered | RecordKind::ReidentificationCombined => {
                for (first, at) in steps_before(call, record) {
                    precedes((first, at), ("what follows it", record.at));
                }
            }
            RecordKind::MandateRevoked => {}
        }
    }
}
