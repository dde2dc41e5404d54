//! What the validator's logs say of retention periods that ended.

use std::collections::BTreeMap;

use super::decision::DecisionFacts;
use super::join::{MAX_DESTRUCTIONS_OF_A_TRACE, TraceError};
use crate::chain::Origin;
use crate::destruction::LoggedDestruction;
use crate::retention::RetentionPeriod;
use crate::time::UnixMillis;

/// The periods that are over at a reader's time, and what was logged of the end of each.
pub(crate) struct LoggedEnds {
    now: UnixMillis,
    logged: BTreeMap<RetentionPeriod, Vec<LoggedDestruction>>,
    count: usize,
}

impl LoggedEnds {
    /// None yet, for who reads at that time.
    pub(crate) const fn new(now: UnixMillis) -> Self {
        Self {
            now,
            logged: BTreeMap::new(),
            count: 0,
        }
    }

    /// Takes what an entry says. What was said before counts once, with the last time.
    /// Before its day it is a word about nothing, as for [`crate::DestroyedPeriods`].
    pub(crate) fn add(&mut self, said: LoggedDestruction) -> Result<(), TraceError> {
        if !said.period().is_due(self.now) {
            return Ok(());
        }
        let logged = self.logged.entry(said.period()).or_default();
        if let Some(before) = logged.iter_mut().find(|before| before.repeats(&said)) {
            if before.at() < said.at() {
                *before = said;
            }
            return Ok(());
        }
        if self.count == MAX_DESTRUCTIONS_OF_A_TRACE {
            return Err(TraceError::TooManyDestructions);
        }
        self.count += 1;
        logged.push(said);
        Ok(())
    }

    /// Those that the payload of a decision in that log can have been of, and when that was logged last.
    pub(crate) fn covering(
        &self,
        log: &Origin,
        decision: &DecisionFacts,
    ) -> impl Iterator<Item = (RetentionPeriod, UnixMillis)> {
        let (stream, at) = (decision.outcome_code().stream(), decision.at());
        self.latest(move |said| said.covers(log, decision.index, stream, at))
    }

    /// All of them.
    pub(crate) fn all(&self) -> BTreeMap<RetentionPeriod, UnixMillis> {
        self.latest(|_| true).collect()
    }

    fn latest(
        &self,
        is_wanted: impl Fn(&LoggedDestruction) -> bool,
    ) -> impl Iterator<Item = (RetentionPeriod, UnixMillis)> {
        self.logged.iter().filter_map(move |(period, logged)| {
            let wanted = logged.iter().filter(|said| is_wanted(said));
            let last = wanted.map(LoggedDestruction::at).max()?;
            Some((*period, last))
        })
    }
}
