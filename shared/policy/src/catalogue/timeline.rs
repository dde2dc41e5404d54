//! Which version of a deliberation was in force at a moment (S-0.1, M-D.3): "as at" evaluation.

use std::fmt;
use std::sync::Arc;

use sluis_token::UnixTime;

use super::entry::{Deliberation, RawCatalogue};
use crate::time::{CivilDate, Instant};

/// One dated version of a deliberation, as a decision names it: `17/020@6`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliberationVersion {
    number: Arc<str>,
    version: u32,
    adopted_on: CivilDate,
}

impl DeliberationVersion {
    /// The deliberation's number.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The version, from 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// When that version was adopted.
    pub fn adopted_on(&self) -> CivilDate {
        self.adopted_on
    }
}

impl fmt::Display for DeliberationVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.number, self.version)
    }
}

/// How a deliberation stands at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// This version is in force.
    InForce(DeliberationVersion),
    /// No version is in force, a later one will be.
    NotYet {
        /// From when.
        from: UnixTime,
    },
    /// It ended itself.
    Ended {
        /// The first moment after it.
        at: UnixTime,
    },
    /// Another deliberation repealed it.
    Repealed {
        /// Which.
        by: Arc<str>,
        /// From when.
        at: UnixTime,
    },
}

/// A deliberation with its periods prepared for comparison.
#[derive(Clone, Debug)]
pub(crate) struct DatedDeliberation {
    pub(crate) entry: Deliberation,
    pub(crate) number: Arc<str>,
    periods: Vec<Period>,
    repealed: Option<(Arc<str>, UnixTime)>,
}

#[derive(Clone, Debug)]
struct Period {
    version: u32,
    adopted_on: CivilDate,
    from: UnixTime,
    /// Exclusive. The next version's start, or where the text ends itself; none for the last that does not.
    until: Option<UnixTime>,
}

impl DatedDeliberation {
    /// Prepares `entry`, given the whole file because a repeal stands with the repealing entry.
    pub(super) fn new(entry: Deliberation, raw: &RawCatalogue) -> Self {
        let next_starts = entry
            .versions
            .iter()
            .skip(1)
            .map(|next| Some(next.in_force_from.moment()));
        let periods = entry
            .versions
            .iter()
            .zip(next_starts.chain([None]))
            .map(|(version, next)| {
                let own_end = version.in_force_until.as_ref().map(Instant::moment);
                Period {
                    version: version.number,
                    adopted_on: version.adopted_on,
                    from: version.in_force_from.moment(),
                    // The lints refuse an own end after the next start.
                    until: own_end.or(next),
                }
            })
            .collect();
        let repealing = raw
            .deliberations
            .iter()
            .find(|other| other.repeals.contains(&entry.number));
        let repealed = repealing.and_then(|other| {
            let first = other.versions.first()?;
            Some((
                Arc::from(other.number.as_str()),
                first.in_force_from.moment(),
            ))
        });
        Self {
            number: Arc::from(entry.number.as_str()),
            periods,
            repealed,
            entry,
        }
    }

    /// How it stands at `at`. Bounds are exact: no clock skew applies to the law.
    pub(crate) fn standing(&self, at: UnixTime) -> Standing {
        if let Some((by, since)) = self.repealed.as_ref().filter(|(_, since)| at >= *since) {
            return Standing::Repealed {
                by: by.clone(),
                at: *since,
            };
        }
        let mut ended = None;
        for period in &self.periods {
            if at < period.from {
                return Standing::NotYet { from: period.from };
            }
            match period.until {
                Some(until) if at >= until => ended = Some(until),
                Some(_) | None => {
                    return Standing::InForce(DeliberationVersion {
                        number: self.number.clone(),
                        version: period.version,
                        adopted_on: period.adopted_on,
                    });
                }
            }
        }
        // Without a period it was never in force; the lints refuse an empty list.
        Standing::Ended {
            at: ended.unwrap_or(at),
        }
    }
}
