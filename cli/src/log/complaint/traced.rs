//! That the trace in a file and the proven records are of the same calls: a record that is left out, or one that no
//! call has, is no less a forgery than a changed one.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use sluis_log::trace::{
    Audience, CallReport, ChainLink, LogKeys, Party, Query, REPORT_FORMAT, Shown, Tracer,
};
use sluis_log::{Origin, StoredEntry, UnixMillis};

use super::failure::ComplaintFailure;
use super::file::TRACE;

/// The trace, as far as the validator's records bear it out.
#[derive(Deserialize)]
struct TracePart {
    format: String,
    #[serde(rename = "for")]
    audience: String,
    calls: Vec<TracedCall>,
}

#[derive(Deserialize)]
struct TracedCall {
    log: Origin,
    index: u64,
    decision: String,
    chain: Vec<TracedLink>,
    answers: Vec<TracedAnswer>,
}

#[derive(Deserialize)]
struct TracedLink {
    party: String,
    time: String,
    event: String,
}

#[derive(Deserialize)]
struct TracedAnswer {
    facts: Vec<TracedFact>,
}

#[derive(Deserialize)]
struct TracedFact {
    party: String,
    name: String,
    value: Option<String>,
}

/// Traces the proven records again, and compares.
pub(super) fn compare<'a>(
    file: &Path,
    trace: &[u8],
    proven: impl Iterator<Item = (&'a Origin, &'a StoredEntry)>,
) -> Result<(), ComplaintFailure> {
    let path = || file.to_owned();
    let wrong = || ComplaintFailure::Part {
        path: path(),
        part: TRACE,
    };
    let part: TracePart = serde_json::from_slice(trace).map_err(|_| wrong())?;
    let audience = Audience::parse(&part.audience).ok_or_else(wrong)?;
    if part.format != REPORT_FORMAT {
        return Err(wrong());
    }
    let (query, keys) = (Query::default(), LogKeys::default());
    // Of what follows nothing depends on the day: a file has the records of calls, and none about periods.
    let mut tracer = Tracer::new(&query, &keys, UnixMillis::EPOCH);
    for (log, entry) in proven {
        tracer.log(log);
        if !matches!(tracer.entry(entry), Ok(true)) {
            return Err(ComplaintFailure::NotTraced {
                path: path(),
                log: log.clone(),
                index: entry.index,
            });
        }
    }
    let report = tracer.finish(None).report(audience, Vec::new());
    let calls = report.calls.iter();
    let mut calls: BTreeMap<_, _> = calls
        .map(|call| ((call.log.as_str(), call.index), call))
        .collect();
    for traced in &part.calls {
        let (log, index) = (traced.log.clone(), traced.index);
        // Taken out, so that none is in the trace twice.
        let Some(call) = calls.remove(&(traced.log.as_str(), index)) else {
            let path = path();
            return Err(ComplaintFailure::NotProven { path, log, index });
        };
        if !traced.is_borne_out_by(call) {
            let path = path();
            return Err(ComplaintFailure::OtherTrace { path, log, index });
        }
    }
    match calls.into_values().next() {
        None => Ok(()),
        Some(call) => Err(ComplaintFailure::NotTraced {
            path: path(),
            log: call.log.clone(),
            index: call.index,
        }),
    }
}

impl TracedCall {
    /// Whether it says of the validator what the validator's records say: the decision, the outcome if there is one, and
    /// each value that is shown. What is withheld depends on the other parties' records too.
    fn is_borne_out_by(&self, call: &CallReport) -> bool {
        let ours = Party::Validator.as_str();
        let told = self.chain.iter().filter(|link| link.party == ours);
        let told = told.map(|link| (link.event.as_str(), link.time.as_str()));
        let known = |link: &&ChainLink| link.party == Party::Validator;
        let known = call.chain.iter().filter(known);
        let facts = self.answers.iter().flat_map(|answer| &answer.facts);
        let mut shown = facts.filter(|fact| fact.party == ours);
        self.decision == call.decision
            && told.eq(known.map(|link| (link.event, link.time.as_str())))
            && shown.all(|fact| fact.value.is_none() || fact.is_among(call))
    }
}

impl TracedFact {
    fn is_among(&self, call: &CallReport) -> bool {
        let facts = call.answers.iter().flat_map(|answer| &answer.facts);
        let mut ours = facts.filter(|fact| fact.party == Party::Validator);
        ours.any(|fact| match &fact.shown {
            Shown::Value(value) => fact.name == self.name && self.value.as_ref() == Some(value),
            Shown::Withheld(_) | Shown::Agrees(_) => false,
        })
    }
}
