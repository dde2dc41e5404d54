//! A trace as its reader may see it: who, what, where, when and why (M-21.5),
//! each with the party whose log answers it.

use serde::Serialize;

use super::call::Call;
use super::disclosure::{Audience, Fact as Class, Withheld};
use super::finding::{Finding, Severity};
use super::join::Traced;
use super::member::{Member, Party, RecordKind, Tie};
use super::record::PartyRecord;
use crate::chain::Origin;
use crate::names::names;
use crate::retention::RetentionPeriod;
use crate::time::UnixMillis;

/// The format of a report in JSON.
pub const REPORT_FORMAT: &str = "sluis-trace/1";

names! {
    /// The five questions (24/222 §21).
    Question {
        /// Which holder, through which user, about whom.
        Who = "who",
        /// Which service, which data, and what came of it.
        What = "what",
        /// At which institution, on which edge node, through which channel.
        Where = "where",
        /// When.
        When = "when",
        /// For which purpose, on which mandate and deliberation.
        Why = "why",
    }
}

/// A trace for one reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The format of this text.
    pub format: &'static str,
    /// For whom it is.
    #[serde(rename = "for")]
    pub audience: Audience,
    /// The validator's logs: one, or the shards of it.
    pub logs: Vec<TracedLog>,
    /// When the map of them was signed, if they were read under one that was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map_signed: Option<String>,
    /// Whose logs were given, beside it.
    pub parties: Vec<Party>,
    /// The calls, in the order of the log.
    pub calls: Vec<CallReport>,
    /// What was found beyond the calls.
    pub findings: Vec<FindingReport>,
    /// Decisions that could not be looked at, because their payload was erased.
    pub erased: u64,
    /// The retention periods that ended, where that is why something could not be looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<EndedPeriod>,
    /// Entries that could not be read or do not open their commitment.
    pub unreadable: u64,
}

/// A retention period that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndedPeriod {
    /// The period.
    pub period: RetentionPeriod,
    /// When its end was logged.
    pub at: String,
}

/// What is known of one of the validator's logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TracedLog {
    /// Its origin.
    pub origin: Origin,
    /// How many entries it had.
    pub size: u64,
    /// Why it does not verify, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallReport {
    /// The origin of its log.
    pub log: Origin,
    /// The index of its decision in that log.
    pub index: u64,
    /// granted or refused.
    pub decision: &'static str,
    /// Its records, as time orders them.
    pub chain: Vec<ChainLink>,
    /// The answers.
    pub answers: Vec<Answer>,
    /// What is missing or contradicts.
    pub findings: Vec<FindingReport>,
}

/// One record of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainLink {
    /// Whose.
    pub party: Party,
    /// When.
    pub time: String,
    /// What happened.
    pub event: &'static str,
    /// What ties it to the decision.
    pub by: &'static str,
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Which.
    pub question: Question,
    /// What the logs say.
    pub facts: Vec<Fact>,
    /// Whose log would say something too, and was not given or does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<Party>,
}

/// One fact of one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// Whose log.
    pub party: Party,
    /// What it is.
    pub name: &'static str,
    /// The value, or why not.
    #[serde(flatten)]
    pub shown: Shown,
}

/// A value, as far as the reader may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Shown {
    /// The value.
    Value(String),
    /// It is there, and not for this reader.
    Withheld(Withheld),
    /// It is there, not for this reader, and the same as the validator's or not.
    Agrees(bool),
}

/// A finding, for a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingReport {
    /// How much it says.
    pub severity: Severity,
    /// Its stable name.
    pub code: &'static str,
    /// For people.
    pub text: String,
}

impl From<Finding> for FindingReport {
    fn from(finding: Finding) -> Self {
        Self {
            severity: finding.severity(),
            code: finding.code(),
            text: finding.to_string(),
        }
    }
}

impl Traced {
    /// What that reader may see of the trace.
    pub fn report(&self, audience: Audience, logs: Vec<TracedLog>) -> Report {
        let call = |(call, found): &(Call, Vec<Finding>)| CallReport {
            log: call.log.clone(),
            index: call.decision.index,
            decision: if call.decision.granted {
                "granted"
            } else {
                "refused"
            },
            chain: chain(call),
            answers: View {
                call,
                audience,
                hidden: call.is_holder_hidden(),
            }
            .answers(),
            findings: found.iter().copied().map(FindingReport::from).collect(),
        };
        Report {
            format: REPORT_FORMAT,
            audience,
            logs,
            map_signed: None,
            parties: self.parties.clone(),
            calls: self.calls.iter().map(call).collect(),
            findings: self
                .strays
                .iter()
                .map(|(finding, _)| FindingReport::from(*finding))
                .collect(),
            erased: self.erased,
            ended: self.ended(),
            unreadable: self.unreadable,
        }
    }

    fn ended(&self) -> Vec<EndedPeriod> {
        if self.erased == 0 {
            return Vec::new();
        }
        let ended = self.destroyed.iter().map(|(period, at)| EndedPeriod {
            period: *period,
            at: at.to_string(),
        });
        ended.collect()
    }
}

fn chain(call: &Call) -> Vec<ChainLink> {
    let link = |party, at: UnixMillis, event, by| {
        (
            at,
            ChainLink {
                party,
                time: at.to_string(),
                event,
                by,
            },
        )
    };
    let decided = if call.decision.granted {
        "accesses.notify.granted"
    } else {
        "accesses.notify.refused"
    };
    let mut links = vec![link(Party::Validator, call.decision.at(), decided, "log")];
    if let Some(outcome) = &call.outcome {
        let event = if outcome.failure.is_some() {
            "accesses.notify.failed"
        } else {
            "accesses.notify.completed"
        };
        links.push(link(Party::Validator, outcome.at, event, "decision"));
    }
    links.extend(call.records.iter().map(|record| {
        let by = match record.kind.tie() {
            Tie::Mandate => "mandate",
            Tie::Token => "token",
            Tie::Call => "trace and token",
        };
        link(record.party, record.at, record.kind.as_str(), by)
    }));
    links.sort_by_key(|(at, _)| *at);
    links.into_iter().map(|(_, link)| link).collect()
}

/// One call in the eyes of one reader.
struct View<'a> {
    call: &'a Call,
    audience: Audience,
    hidden: bool,
}

impl View<'_> {
    fn answers(&self) -> Vec<Answer> {
        let facts = [
            self.who(),
            self.what(),
            self.place(),
            self.when(),
            self.why(),
        ];
        Question::ALL
            .iter()
            .zip(facts)
            .map(|(question, facts)| {
                let silent = |party: &&Party| !facts.iter().any(|fact| fact.party == **party);
                let silent = expected(*question, self.hidden).iter().filter(silent);
                Answer {
                    question: *question,
                    silent: silent.copied().collect(),
                    facts,
                }
            })
            .collect()
    }

    fn fact(
        &self,
        party: Party,
        name: &'static str,
        class: Class,
        value: impl Into<String>,
    ) -> Fact {
        let shown = match self.audience.may_not_see(class, self.hidden) {
            Some(withheld) => Shown::Withheld(withheld),
            None => Shown::Value(value.into()),
        };
        Fact { party, name, shown }
    }

    /// A fact of the validator's record, if it has it.
    fn ours(
        &self,
        name: &'static str,
        class: Class,
        value: Option<impl Into<String>>,
    ) -> Option<Fact> {
        value.map(|value| self.fact(Party::Validator, name, class, value))
    }

    /// A field of the others' records of that kind.
    fn theirs(&self, kind: RecordKind, member: Member, class: Class) -> Vec<Fact> {
        let records = self.call.of_kind(kind);
        let value = |r: &PartyRecord| {
            let value = r.get(member)?;
            Some(self.fact(r.party, member.as_str(), class, value))
        };
        once(records.filter_map(value))
    }

    /// What the holder says in words of its own. Of a hidden one they might name it.
    fn words(&self, member: Member, ours: Option<&str>) -> Vec<Fact> {
        let records = self.call.of_kind(RecordKind::RequestSent);
        let value = |r: &PartyRecord| {
            let value = r.get(member)?;
            let shown = if self.hidden {
                Shown::Agrees(ours == Some(value))
            } else {
                Shown::Value(value.to_owned())
            };
            let (party, name) = (r.party, member.as_str());
            Some(Fact { party, name, shown })
        };
        once(records.filter_map(value))
    }

    fn who(&self) -> Vec<Fact> {
        let data = self.call.decision.data();
        let actor = data.and_then(|data| data.actor.as_ref());
        let mut facts = Vec::new();
        facts.extend(self.ours("holderType", Class::Open, actor.map(|a| a.kind.as_str())));
        facts.extend(self.ours(
            "holderIdentification",
            Class::Open,
            actor.map(|a| a.identification.as_str()),
        ));
        facts.extend(self.ours(
            "holderRef",
            Class::Reference,
            actor.map(|a| a.holder_ref.as_str()),
        ));
        let subject = data.and_then(|data| data.subject_ref.as_deref());
        facts.extend(self.ours("subjectRef", Class::Reference, subject));
        for (member, class) in [
            (Member::HolderEnterpriseNumber, Class::HolderNumber),
            (Member::HolderPseudonym, Class::HolderPseudonym),
        ] {
            for kind in [RecordKind::RelationConfirmed, RecordKind::TokenIssued] {
                facts.extend(self.theirs(kind, member, class));
            }
        }
        facts.extend(self.theirs(RecordKind::RequestSent, Member::UserRef, Class::HolderUser));
        facts
    }

    fn what(&self) -> Vec<Fact> {
        let call = self.call;
        let decided = if call.decision.granted {
            "granted"
        } else {
            "refused"
        };
        let mut facts = vec![self.fact(Party::Validator, "decision", Class::Open, decided)];
        let Some(data) = call.decision.data() else {
            return facts;
        };
        if data.shadow == Some(true) {
            facts.push(self.fact(Party::Validator, "shadow", Class::Open, "true"));
        }
        let status = |status: u16| status.to_string();
        facts.extend(self.ours("reason", Class::Open, data.reason.as_deref()));
        facts.extend(self.ours("operation", Class::Open, data.operation.as_deref()));
        let categories = (!data.data_categories.is_empty()).then(|| data.data_categories.join(" "));
        facts.extend(self.ours("dataCategories", Class::Open, categories));
        facts.extend(self.ours("refusedWith", Class::Open, data.http_status.map(status)));
        if let Some(outcome) = &call.outcome {
            facts.extend(self.ours("outcome", Class::Open, Some(status(outcome.http_status))));
            facts.extend(self.ours("failure", Class::Open, outcome.failure.as_deref()));
            let dropped = outcome.dropped_members.map(|count| count.to_string());
            facts.extend(self.ours("droppedMembers", Class::Open, dropped));
        }
        facts.extend(self.ours("tokenId", Class::TokenId, data.token_id.as_deref()));
        facts.extend(self.ours("tokenHash", Class::TokenId, Some(data.token_hash.as_str())));
        facts.extend(self.words(Member::Operation, data.operation.as_deref()));
        facts.extend(self.theirs(
            RecordKind::ResponseReceived,
            Member::HttpStatus,
            Class::Open,
        ));
        facts
    }

    fn place(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        if let Some(data) = self.call.decision.data() {
            facts.extend(self.ours("institution", Class::Open, Some(data.institution.as_str())));
            facts.extend(self.ours("edgeNode", Class::Open, data.edge_node.as_deref()));
            facts.extend(self.ours("channel", Class::Open, data.channel.as_deref()));
            let system = Some(data.verification_system.as_str());
            facts.extend(self.ours("verificationSystem", Class::Open, system));
            facts.extend(self.ours("traceId", Class::Open, Some(data.trace_id.as_str())));
            facts.extend(self.words(Member::Channel, data.channel.as_deref()));
        }
        let sent = self.call.of_kind(RecordKind::RequestSent);
        facts.extend(once(sent.map(|r| {
            self.fact(r.party, "system", Class::HolderSystem, r.source.as_str())
        })));
        facts
    }

    fn when(&self) -> Vec<Fact> {
        let call = self.call;
        let mut facts = vec![self.fact(
            Party::Validator,
            "decided",
            Class::Open,
            call.decision.at().to_string(),
        )];
        let ended = call.outcome.as_ref().map(|outcome| outcome.at.to_string());
        facts.extend(self.ours("ended", Class::Open, ended));
        facts.extend(call.records.iter().map(|r| {
            let name = match r.kind {
                RecordKind::MandateGranted => "mandateGranted",
                RecordKind::MandateRevoked => "mandateRevoked",
                RecordKind::RelationConfirmed => "relationConfirmed",
                RecordKind::TokenIssued => "tokenIssued",
                RecordKind::RequestSent => "requestSent",
                RecordKind::ResponseReceived => "responseReceived",
                RecordKind::ReidentificationRequested => "reidentificationRequested",
                RecordKind::ReidentificationAnswered => "reidentificationAnswered",
                RecordKind::ReidentificationCombined => "reidentificationCombined",
            };
            self.fact(r.party, name, Class::Open, r.at.to_string())
        }));
        facts
    }

    fn why(&self) -> Vec<Fact> {
        let decision = &self.call.decision;
        let mut facts = Vec::new();
        if let Some(data) = decision.data() {
            facts.extend(self.ours("purpose", Class::Open, data.purpose.as_deref()));
            facts.extend(self.ours("basis", Class::Open, data.basis.as_deref()));
            facts.extend(self.ours("mandateType", Class::Open, data.mandate_type.as_deref()));
            let deliberation = decision.deliberation();
            let deliberation = deliberation.map(|(number, version)| format!("{number}@{version}"));
            facts.extend(self.ours("deliberation", Class::Open, deliberation));
            facts.extend(self.ours("mandateRef", Class::Reference, data.mandate_ref.as_deref()));
            facts.extend(self.words(Member::Purpose, data.purpose.as_deref()));
        }
        facts.extend(self.ours("policyDigest", Class::Open, Some(decision.policy.as_str())));
        for member in [Member::MandateId, Member::MandateType, Member::Purpose] {
            facts.extend(self.theirs(RecordKind::TokenIssued, member, Class::Open));
        }
        facts.extend(self.theirs(RecordKind::MandateGranted, Member::GrantLevel, Class::Open));
        for member in [Member::Reason, Member::Reference] {
            let asked = RecordKind::ReidentificationRequested;
            facts.extend(self.theirs(asked, member, Class::Procedure));
        }
        facts
    }
}

/// Whose logs answer a question, where all keep their part (M-21.4).
const fn expected(question: Question, hidden: bool) -> &'static [Party] {
    const ISSUER: Party = Party::VerificationSystem;
    const NETWORK: Party = Party::SecondaryNetwork;
    const HOLDER: Party = Party::MandateHolder;
    const OURS: Party = Party::Validator;
    match (question, hidden) {
        (Question::Who | Question::When, true) => &[NETWORK, HOLDER, OURS],
        (Question::Who | Question::When, false) => &[ISSUER, HOLDER, OURS],
        (Question::What | Question::Where, _) => &[HOLDER, OURS],
        (Question::Why, true) => &[NETWORK, OURS],
        (Question::Why, false) => &[ISSUER, OURS],
    }
}

/// Each once, in its order.
fn once(facts: impl Iterator<Item = Fact>) -> Vec<Fact> {
    let mut list: Vec<Fact> = Vec::new();
    for fact in facts {
        if !list.contains(&fact) {
            list.push(fact);
        }
    }
    list
}
