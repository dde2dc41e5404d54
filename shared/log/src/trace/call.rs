//! One call: the validator's decision, what became of it, and what the other
//! parties recorded of the same call.

use super::decision::{DecisionFacts, OutcomeFacts};
use super::finding::Finding;
use super::keys::LogKeys;
use super::member::{Member, Party, RecordKind, Tie};
use super::record::PartyRecord;
use crate::chain::Origin;
use crate::reference::EpochKey;

/// Most records of other parties in one trace.
pub const MAX_RECORDS_OF_A_TRACE: usize = 10_000;

/// A call and its records.
#[derive(Debug, Clone)]
pub struct Call {
    /// The log that it stands in.
    pub(crate) log: Origin,
    pub(crate) decision: DecisionFacts,
    pub(crate) outcome: Option<OutcomeFacts>,
    pub(crate) records: Vec<PartyRecord>,
    /// What joining itself found; the rest is found at the end.
    pub(crate) found: Vec<Finding>,
}

/// Whether a record is of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    No,
    Yes,
    /// It claims to be and is not: nothing of it may be shown.
    Claims(Finding),
}

impl Call {
    pub(crate) const fn new(log: Origin, decision: DecisionFacts) -> Self {
        Self {
            log,
            decision,
            outcome: None,
            records: Vec::new(),
            found: Vec::new(),
        }
    }

    /// The origin of the log that it stands in.
    pub const fn log(&self) -> &Origin {
        &self.log
    }

    /// The validator's decision.
    pub const fn decision(&self) -> &DecisionFacts {
        &self.decision
    }

    /// What became of it.
    pub const fn outcome(&self) -> Option<&OutcomeFacts> {
        self.outcome.as_ref()
    }

    /// Whether the record is of this call. With the log's keys its mandate can be compared.
    pub(crate) fn fit(&self, record: &PartyRecord, keys: &LogKeys) -> Fit {
        match record.kind.tie() {
            Tie::Call => self.fit_by_trace(record),
            Tie::Token => self.fit_by_token(record),
            Tie::Mandate if self.is_of_mandate(record, keys) => Fit::Yes,
            Tie::Mandate => Fit::No,
        }
    }

    /// A caller chooses its trace ids, so the token has to be the same as well.
    fn fit_by_trace(&self, record: &PartyRecord) -> Fit {
        let Some(data) = self.decision.data() else {
            return Fit::No;
        };
        let answer = Some(data.trace_id.as_str());
        let shares = if let Some(related) = record.get(Member::RelatedTraceId) {
            // The holder names the answer: it is of that one alone.
            Some(related) == answer
        } else {
            let own = record.get(Member::TraceId);
            own == answer || own.is_some() && own == data.related_trace_id.as_deref()
        };
        if !shares {
            Fit::No
        } else if record.get(Member::TokenHash) == Some(&data.token_hash) {
            Fit::Yes
        } else {
            Fit::Claims(Finding::OtherToken {
                party: record.party,
            })
        }
    }

    fn fit_by_token(&self, record: &PartyRecord) -> Fit {
        let Some(data) = self.decision.data() else {
            return Fit::No;
        };
        let same_id = data.token_id.is_some()
            && record.get(Member::TokenId) == data.token_id.as_deref()
            && record.get(Member::VerificationSystem) == Some(&data.verification_system);
        if record.get(Member::TokenHash) == Some(&data.token_hash) {
            Fit::Yes
        } else if same_id {
            Fit::Claims(Finding::OtherTokenHash {
                party: record.party,
            })
        } else {
            Fit::No
        }
    }

    /// By the log's own reference, or else by the record of the token that was issued for it.
    fn is_of_mandate(&self, record: &PartyRecord, keys: &LogKeys) -> bool {
        let Some(data) = self.decision.data() else {
            return false;
        };
        if !keys.is_empty() {
            let mandate = record
                .get(Member::Issuer)
                .zip(record.get(Member::MandateId));
            return mandate.is_some_and(|(issuer, id)| {
                let make = |key: &EpochKey| key.mandate_ref(issuer, id).text();
                keys.made(self.decision.at(), data.mandate_ref.as_ref(), &make) == Some(true)
            });
        }
        let names = |r: &PartyRecord| {
            r.get(Member::Issuer) == record.get(Member::Issuer)
                && r.get(Member::MandateId) == record.get(Member::MandateId)
        };
        self.of_kind(RecordKind::TokenIssued).any(names)
    }

    pub(crate) fn add(&mut self, record: PartyRecord) -> bool {
        let known = |r: &&PartyRecord| {
            r.party == record.party && r.source == record.source && r.id == record.id
        };
        let mut same = self.records.iter().filter(known).peekable();
        let twice = same.peek().is_some();
        // CloudEvents 1.0: source and id are an event's identity; a duplicate delivery is the same event.
        if same.any(|r| *r == record) {
            return false;
        }
        if twice {
            self.found.push(Finding::RecordTwice {
                party: record.party,
            });
        }
        self.records.push(record);
        true
    }

    pub(crate) fn of_kind(&self, kind: RecordKind) -> impl Iterator<Item = &PartyRecord> {
        self.records
            .iter()
            .filter(move |record| record.kind == kind)
    }

    /// Whether the institution may not learn who the holder is. Where it cannot
    /// be told, it may not.
    pub fn is_holder_hidden(&self) -> bool {
        let actor = self.decision.data().and_then(|data| data.actor.as_ref());
        let named = actor.is_some_and(|actor| actor.identification == "enterpriseNumber");
        let pseudonym = |r: &PartyRecord| {
            r.party == Party::SecondaryNetwork || r.get(Member::HolderPseudonym).is_some()
        };
        !named || self.records.iter().any(pseudonym)
    }
}
