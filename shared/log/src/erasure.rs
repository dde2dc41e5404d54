//! Whether every payload that is missing was to be missing.
//!
//! A store can lose a payload, or its owner delete one, and the tree still verifies:
//! that is what erasing is made for. What tells the two apart is what the gate wrote
//! before it destroyed a period's key: an entry in one of the deployment's logs, and a
//! signed record. So a payload is missing by right if
//!
//! 1. the shortest term that its stream can have is over, and
//! 2. a period that it can have been of was destroyed, which had payloads of this log
//!    from its index to behind it, and
//! 3. as many were counted in such periods as are missing now.
//!
//! Of an entry without payload the leaf tells stream and minute, and no more. So the
//! count is held for all of a month together, and where it is exceeded the first one
//! missing of that month is named.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::chain::Origin;
use crate::destruction::{
    DestroyedPayloads, MAX_DESTRUCTION_LOGS, PayloadRange, VerifiedDestruction,
};
use crate::entry::{Entry, OutcomeCode, Stream};
use crate::retention::{RetentionPeriod, RetentionTerms};
use crate::stored::{Erasable, StoredEntry};
use crate::time::{Month, UnixMillis};
use crate::verify::{Fault, FsckError};

/// What a deployment's logs and records say was destroyed.
#[derive(Debug, Clone, Default)]
pub struct DestroyedPeriods(BTreeMap<RetentionPeriod, BTreeMap<String, PayloadRange>>);

impl DestroyedPeriods {
    /// What a signed record says, as far as that can be by now.
    pub fn record(&mut self, destruction: &VerifiedDestruction, now: UnixMillis) {
        let record = destruction.record();
        self.add(record.period(), record.logs(), now);
    }

    /// A gate whose clock was ahead announces, and signs, what the stores then refuse.
    /// Before its day that is a word about nothing: it covers nothing.
    ///
    /// An order that was given again after a fault is logged again: before the key is
    /// gone nothing is deleted, so the larger count is the one that was destroyed.
    fn add(&mut self, period: RetentionPeriod, logs: &[DestroyedPayloads], now: UnixMillis) {
        if !period.is_due(now) {
            return;
        }
        let of_period = self.0.entry(period).or_default();
        for DestroyedPayloads { log, payloads } in logs {
            let Some(range) = *payloads else { continue };
            let known = of_period.entry(log.as_str().to_owned()).or_insert(range);
            if known.count() < range.count() {
                *known = range;
            }
        }
    }

    /// What was counted in a log, by the periods' days.
    fn of(&self, log: &Origin) -> Vec<Counted> {
        let periods = self.0.iter();
        periods
            .filter_map(|(period, logs)| {
                let range = *logs.get(log.as_str())?;
                Some(Counted {
                    period: *period,
                    range,
                    left: range.count(),
                })
            })
            .collect()
    }
}

/// What a log had of a destroyed period, and how many of them are not found missing yet.
struct Counted {
    period: RetentionPeriod,
    range: PayloadRange,
    left: u64,
}

/// The payloads of a log that are missing.
#[derive(Debug, Clone)]
pub struct Erasures {
    log: Origin,
    now: UnixMillis,
    missing: BTreeMap<(Stream, Month), Missing>,
}

/// Those of a stream and a month.
#[derive(Debug, Clone, Copy)]
struct Missing {
    count: u64,
    first: u64,
    last: u64,
}

impl Erasures {
    /// Of the log of that origin, verified at that time.
    pub const fn new(log: Origin, now: UnixMillis) -> Self {
        Self {
            log,
            now,
            missing: BTreeMap::new(),
        }
    }

    /// Takes the next entry, which [`crate::ChainVerifier`] has verified, and what it
    /// says was destroyed.
    pub fn next(
        &mut self,
        stored: &StoredEntry,
        destroyed: &mut DestroyedPeriods,
    ) -> Result<(), FsckError> {
        let index = stored.index;
        let fault = |fault| FsckError { index, fault };
        let entry = stored.decode().map_err(Fault::Undecodable).map_err(fault)?;
        match &stored.erasable {
            Erasable::Erased => self.missed(index, &entry).map_err(fault),
            Erasable::Opened(opening) if entry.outcome == OutcomeCode::PayloadsDestroyed => {
                let unknown = || fault(Fault::UnknownDestruction);
                let (period, logs) = announced(&opening.payload).ok_or_else(unknown)?;
                destroyed.add(period, &logs, self.now);
                Ok(())
            }
            // The chain's verifier takes nothing that does not open.
            Erasable::Unopened | Erasable::Opened(_) => Ok(()),
        }
    }

    fn missed(&mut self, index: u64, entry: &Entry) -> Result<(), Fault> {
        let at = entry.minute.start();
        let shortest = RetentionTerms::SHORTEST.period_of(entry.outcome, at);
        if !shortest.is_due(self.now) {
            return Err(Fault::ErasedEarly { until: shortest });
        }
        let month = (entry.stream(), at.month_in_brussels());
        let missing = self.missing.entry(month).or_insert(Missing {
            count: 0,
            first: index,
            last: index,
        });
        missing.count = missing.count.saturating_add(1);
        missing.last = index;
        Ok(())
    }

    /// Whether all that is missing was destroyed, once everything was read that may
    /// say so: all logs of the deployment, or the records.
    pub fn finish(&self, destroyed: &DestroyedPeriods) -> Result<(), FsckError> {
        let mut first: Option<FsckError> = None;
        let mut counted = destroyed.of(&self.log);
        for ((stream, month), missing) in &self.missing {
            let Err(found) = missing.taken_from(&mut counted, *stream, *month) else {
                continue;
            };
            if first.is_none_or(|first| found.index < first.index) {
                first = Some(found);
            }
        }
        first.map_or(Ok(()), Err)
    }
}

impl Missing {
    /// Takes them from what was counted. Months come in their order, and so do the
    /// first and the last day that a month's payloads can have: what the earlier
    /// month leaves of the earliest day is of no use to a later one, so the earliest
    /// is taken first, and if that does not do nothing does.
    fn taken_from(
        self,
        counted: &mut [Counted],
        stream: Stream,
        month: Month,
    ) -> Result<(), FsckError> {
        let counted = counted.iter_mut();
        let mut possible: Vec<_> = counted
            .filter(|counted| counted.period.can_be_of(stream, month))
            .collect();
        let covers = |index| possible.iter().any(|counted| counted.range.covers(index));
        let outside = [self.first, self.last]
            .into_iter()
            .find(|index| !covers(*index));
        let mut unrecorded = self.count;
        for counted in &mut possible {
            let taken = unrecorded.min(counted.left);
            counted.left = counted.left.saturating_sub(taken);
            unrecorded = unrecorded.saturating_sub(taken);
        }
        if unrecorded == 0 && outside.is_none() {
            return Ok(());
        }
        Err(FsckError {
            index: outside.unwrap_or(self.first),
            fault: Fault::ErasedUnrecorded {
                unrecorded: unrecorded.max(1),
            },
        })
    }
}

/// What is read of the payload of an entry that announces a destruction.
#[derive(Deserialize)]
struct Announcement {
    data: Announced,
}

#[derive(Deserialize)]
struct Announced {
    period: RetentionPeriod,
    logs: Vec<AnnouncedLog>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnnouncedLog {
    log: Origin,
    payloads: u64,
    first_index: Option<u64>,
    last_index: Option<u64>,
}

/// The period, and what each log had of it. The payload is the gate's own: the entry
/// commits to it.
pub(crate) fn announced(payload: &str) -> Option<(RetentionPeriod, Vec<DestroyedPayloads>)> {
    let Announced { period, logs } = serde_json::from_str::<Announcement>(payload).ok()?.data;
    if logs.len() > MAX_DESTRUCTION_LOGS {
        return None;
    }
    let logs = logs.into_iter().map(|said| {
        let payloads = match (said.payloads, said.first_index, said.last_index) {
            (0, None, None) => None,
            (count, Some(first), Some(last)) => Some(PayloadRange::new(count, first, last)?),
            (_, _, _) => return None,
        };
        Some(DestroyedPayloads {
            log: said.log,
            payloads,
        })
    });
    Some((period, logs.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests;
