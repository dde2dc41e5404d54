//! Which calls are wanted. Conditions that are given must all hold.

use std::fmt;

use super::decision::DecisionFacts;
use super::keys::LogKeys;
use super::member::Member;
use super::record::PartyRecord;
use crate::event::TraceId;
use crate::reference::EpochKey;
use crate::time::UnixMillis;

/// The conditions.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// `jti` of the token.
    pub token_id: Option<String>,
    /// `BelGov-Trace-Id` of the request or of the answer.
    pub trace_id: Option<TraceId>,
    /// The mandate.
    pub mandate: Option<SoughtMandate>,
    /// The data subject.
    pub subject: Option<SoughtSubject>,
    /// Not before.
    pub from: Option<UnixMillis>,
    /// Before.
    pub until: Option<UnixMillis>,
}

/// A mandate, as its verification system and as the log name it.
#[derive(Debug, Clone)]
pub struct SoughtMandate {
    id: String,
    issuer: String,
}

/// A data subject, as the token and as the log name them.
#[derive(Clone)]
pub struct SoughtSubject {
    pseudonym: String,
}

impl fmt::Debug for SoughtSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SoughtSubject(..)")
    }
}

impl SoughtMandate {
    /// The mandate of that id at that issuer. The trace wants the log's key to find it.
    pub fn new(issuer: &str, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            issuer: issuer.to_owned(),
        }
    }
}

impl SoughtSubject {
    /// The person with that pairwise pseudonym. The trace wants the log's key to find it.
    pub fn new(pseudonym: &str) -> Self {
        Self {
            pseudonym: pseudonym.to_owned(),
        }
    }
}

impl Query {
    /// Whether nothing is asked for.
    pub const fn is_empty(&self) -> bool {
        self.names_nothing() && self.from.is_none() && self.until.is_none()
    }

    /// Whether a period alone is asked for, or nothing.
    pub(crate) const fn names_nothing(&self) -> bool {
        self.token_id.is_none()
            && self.trace_id.is_none()
            && self.mandate.is_none()
            && self.subject.is_none()
    }

    fn in_period(&self, at: UnixMillis) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether the decision could be one that is wanted, were its payload still there.
    pub(crate) fn could_be(&self, decision: &DecisionFacts) -> bool {
        // A leaf knows the minute; it is in the period if any of it is.
        let minute = u64::from(decision.minute.as_minutes()) * 60_000;
        let last = UnixMillis::new(minute.saturating_add(59_999)).unwrap_or(UnixMillis::EPOCH);
        let first = UnixMillis::new(minute).unwrap_or(UnixMillis::EPOCH);
        self.from.is_none_or(|from| from <= last) && self.until.is_none_or(|until| first < until)
    }

    pub(crate) fn wants(&self, decision: &DecisionFacts, keys: &LogKeys) -> bool {
        let Some(data) = decision.data() else {
            return self.names_nothing() && self.could_be(decision);
        };
        let at = decision.at();
        let is = |text: &str, other: Option<&str>| other == Some(text);
        self.in_period(at)
            && self
                .token_id
                .as_deref()
                .is_none_or(|id| is(id, data.token_id.as_deref()))
            && self.trace_id.is_none_or(|id| {
                is(id.as_str(), Some(&data.trace_id))
                    || is(id.as_str(), data.related_trace_id.as_deref())
            })
            && self.mandate.as_ref().is_none_or(|sought| {
                let make = |key: &EpochKey| key.mandate_ref(&sought.issuer, &sought.id).text();
                keys.made(at, data.mandate_ref.as_ref(), &make) == Some(true)
            })
            && self.subject.as_ref().is_none_or(|sought| {
                let make = |key: &EpochKey| key.subject_ref(&sought.pseudonym).text();
                keys.made(at, data.subject_ref.as_ref(), &make) == Some(true)
            })
    }

    /// Whether another party's record is one that is wanted by itself: it has every field that is asked for.
    pub(crate) fn wants_record(&self, record: &PartyRecord) -> bool {
        let is = |member, text: &str| record.get(member) == Some(text);
        self.in_period(record.at)
            && self
                .token_id
                .as_deref()
                .is_none_or(|id| is(Member::TokenId, id))
            && self.trace_id.is_none_or(|id| {
                is(Member::TraceId, id.as_str()) || is(Member::RelatedTraceId, id.as_str())
            })
            && self.mandate.as_ref().is_none_or(|mandate| {
                is(Member::MandateId, &mandate.id) && is(Member::Issuer, &mandate.issuer)
            })
            && self
                .subject
                .as_ref()
                .is_none_or(|subject| is(Member::SubjectPseudonym, &subject.pseudonym))
    }
}
