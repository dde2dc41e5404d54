//! How long payloads are kept: the terms, and the period that a payload falls in.
//!
//! A payload is sealed under the key of its *retention period*: its stream, and the
//! day from which everything of the period may be destroyed. The norm for an audit
//! trail is ten years from 1 January after the event (e-Box ATREQ01, M-6.3);
//! refusals are kept for less, and apart.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::entry::{OutcomeCode, Stream};
use crate::hash::decimal;
use crate::time::{Month, UnixMillis};

/// Years that records of accesses are kept, where nothing else is said (ATREQ01).
pub const DEFAULT_ACCESS_YEARS: u8 = 10;
/// Months that records of refusals are kept, where nothing else is said.
pub const DEFAULT_REFUSAL_MONTHS: u16 = 24;
/// Most years of a term: nothing personal is kept without end (M-6.3).
pub const MAX_ACCESS_YEARS: u8 = 30;
/// Most months of a term of refusals.
const MAX_REFUSAL_MONTHS: u16 = MAX_ACCESS_YEARS as u16 * 12;
/// Longest text of a period, in bytes.
pub const MAX_PERIOD_BYTES: usize = 19;

/// How long the payloads of the two streams are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionTerms {
    access_years: u8,
    refusal_months: u16,
}

/// Why terms are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RetentionTermsError {
    /// Kept for no time, or without end.
    #[error("accesses are kept 1 to {MAX_ACCESS_YEARS} years, not {0}")]
    AccessYears(u8),
    /// Kept for no time, or longer than what was allowed.
    #[error(
        "refusals are kept 1 month to as long as accesses ({most} months), not {months} months"
    )]
    RefusalMonths {
        /// What is asked for.
        months: u16,
        /// The most there can be.
        most: u16,
    },
}

impl RetentionTerms {
    /// Ten years, and two.
    pub const DEFAULT: Self = Self {
        access_years: DEFAULT_ACCESS_YEARS,
        refusal_months: DEFAULT_REFUSAL_MONTHS,
    };

    /// The shortest that there can be, of each stream.
    pub(crate) const SHORTEST: Self = Self {
        access_years: 1,
        refusal_months: 1,
    };

    /// The longest.
    pub(crate) const LONGEST: Self = Self {
        access_years: MAX_ACCESS_YEARS,
        refusal_months: MAX_REFUSAL_MONTHS,
    };

    /// Takes terms within the bounds.
    pub const fn new(access_years: u8, refusal_months: u16) -> Result<Self, RetentionTermsError> {
        if access_years == 0 || access_years > MAX_ACCESS_YEARS {
            return Err(RetentionTermsError::AccessYears(access_years));
        }
        // At most 30 × 12.
        let most = access_years as u16 * 12;
        if refusal_months == 0 || refusal_months > most {
            return Err(RetentionTermsError::RefusalMonths {
                months: refusal_months,
                most,
            });
        }
        Ok(Self {
            access_years,
            refusal_months,
        })
    }

    /// Years that accesses are kept, from 1 January after the event.
    pub const fn access_years(self) -> u8 {
        self.access_years
    }

    /// Months that refusals are kept, from the first of the month after.
    pub const fn refusal_months(self) -> u16 {
        self.refusal_months
    }

    /// The period of a record. What says that payloads were destroyed stays: it is
    /// asked about for as long as their entries stand, and names no person.
    pub fn period_of(self, outcome: OutcomeCode, at: UnixMillis) -> RetentionPeriod {
        match outcome {
            OutcomeCode::PayloadsDestroyed => RetentionPeriod::LASTING,
            OutcomeCode::Granted
            | OutcomeCode::Refused
            | OutcomeCode::Completed
            | OutcomeCode::Failed
            | OutcomeCode::RefusalsCounted
            | OutcomeCode::LogRead
            | OutcomeCode::KeysPurged
            | OutcomeCode::ComparisonsCounted
            | OutcomeCode::Custody => self.period(outcome.stream(), at),
        }
    }

    /// The period of an event. Its year and month are those in Brussels: the norm
    /// counts in civil time.
    pub fn period(self, stream: Stream, at: UnixMillis) -> RetentionPeriod {
        self.period_of_month(stream, at.month_in_brussels())
    }

    /// The same, of all events of a month in Brussels.
    pub(crate) fn period_of_month(self, stream: Stream, month: Month) -> RetentionPeriod {
        let from = match stream {
            Stream::Accesses => month
                .january_after()
                .plus(u32::from(self.access_years) * 12),
            Stream::Refusals => month.plus(1 + u32::from(self.refusal_months)),
        };
        RetentionPeriod { stream, from }
    }
}

/// A stream, and the first day on which its payloads of this period may be
/// destroyed: `accesses/2037-01-01`. The day is the first of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RetentionPeriod {
    stream: Stream,
    from: Month,
}

/// The text is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a stream and the first of a month, such as accesses/2037-01-01")]
pub struct RetentionPeriodError;

impl RetentionPeriod {
    /// Of what is kept without end: its day is the last there is, `accesses/9999-12-01`.
    pub const LASTING: Self = Self {
        stream: Stream::Accesses,
        from: Month::LAST,
    };

    /// The stream.
    pub const fn stream(self) -> Stream {
        self.stream
    }

    /// Whether its payloads may be destroyed. The day begins at midnight UTC, an
    /// hour or two after it did in Brussels: never too early.
    pub fn is_due(self, now: UnixMillis) -> bool {
        now.month() >= self.from
    }

    /// Whether a payload of that stream and month can be of it: under some terms that
    /// there can be. Which there were then, nobody tells.
    pub(crate) fn can_be_of(self, stream: Stream, month: Month) -> bool {
        let from = RetentionTerms::SHORTEST.period_of_month(stream, month);
        let to = RetentionTerms::LONGEST.period_of_month(stream, month);
        (from..=to).contains(&self)
    }

    /// Reads the one spelling.
    pub fn parse(text: &str) -> Result<Self, RetentionPeriodError> {
        let parts = || {
            let (stream, day) = text.split_once('/')?;
            let (year, rest) = day.split_at_checked(4)?;
            let month = rest.strip_prefix('-')?.strip_suffix("-01")?;
            let number = |text: &str| decimal(text.trim_start_matches('0'));
            let from = Month::new(number(year)?, number(month)?)?;
            let period = Self {
                stream: Stream::parse(stream)?,
                from,
            };
            (period.to_string() == text).then_some(period)
        };
        parts().ok_or(RetentionPeriodError)
    }
}

impl fmt::Display for RetentionPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-01", self.stream.as_str(), self.from)
    }
}

impl TryFrom<String> for RetentionPeriod {
    type Error = RetentionPeriodError;

    fn try_from(text: String) -> Result<Self, RetentionPeriodError> {
        Self::parse(&text)
    }
}

impl From<RetentionPeriod> for String {
    fn from(period: RetentionPeriod) -> Self {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-12-31T22:59:59.999Z is the last moment of the year in Brussels.
    const NEW_YEAR: u64 = 1_798_758_000_000;

    fn at(millis: u64) -> UnixMillis {
        UnixMillis::new(millis).unwrap()
    }

    fn period(stream: Stream, millis: u64) -> String {
        RetentionTerms::DEFAULT
            .period(stream, at(millis))
            .to_string()
    }

    #[test]
    fn a_period_is_counted_as_brussels_counts() {
        for (millis, accesses, refusals) in [
            (NEW_YEAR - 1, "accesses/2037-01-01", "refusals/2029-01-01"),
            (NEW_YEAR, "accesses/2038-01-01", "refusals/2029-02-01"),
            // 2026-03-31T22:00Z is 1 April in Brussels already, with summer time.
            (
                1_774_994_399_999,
                "accesses/2037-01-01",
                "refusals/2028-04-01",
            ),
            (
                1_774_994_400_000,
                "accesses/2037-01-01",
                "refusals/2028-05-01",
            ),
            // 2026-10-31T22:00Z is not 1 November yet.
            (
                1_793_487_599_999,
                "accesses/2037-01-01",
                "refusals/2028-11-01",
            ),
            (
                1_793_487_600_000,
                "accesses/2037-01-01",
                "refusals/2028-12-01",
            ),
        ] {
            assert_eq!(period(Stream::Accesses, millis), accesses, "{millis}");
            assert_eq!(period(Stream::Refusals, millis), refusals, "{millis}");
        }
    }

    #[test]
    fn a_period_is_due_from_its_day_on() {
        let period = RetentionPeriod::parse("refusals/2027-01-01").unwrap();
        // Midnight UTC.
        let midnight = NEW_YEAR + 3_600_000;
        assert!(!period.is_due(at(NEW_YEAR)));
        assert!(!period.is_due(at(midnight - 1)));
        assert!(period.is_due(at(midnight)));
        assert!(period.is_due(at(midnight + 1_000_000_000_000)));
    }

    #[test]
    fn what_tells_of_a_destruction_is_kept_without_end() {
        let terms = RetentionTerms::DEFAULT;
        for millis in [NEW_YEAR, 253_370_764_800_000] {
            let period = terms.period_of(OutcomeCode::PayloadsDestroyed, at(millis));
            assert_eq!(period.to_string(), "accesses/9999-12-01");
            assert!(!period.is_due(at(millis)));
            let other = terms.period_of(OutcomeCode::KeysPurged, at(millis));
            assert_eq!(other, terms.period(Stream::Accesses, at(millis)));
        }
    }

    #[test]
    fn a_period_has_one_spelling() {
        for text in [
            "accesses/2037-01-01",
            "refusals/2028-11-01",
            "accesses/9999-12-01",
        ] {
            assert_eq!(RetentionPeriod::parse(text).unwrap().to_string(), text);
            assert!(text.len() <= MAX_PERIOD_BYTES);
        }
        for text in [
            "",
            "accesses",
            "accesses/",
            "accesses/2037",
            "accesses/2037-1-01",
            "accesses/2037-01-1",
            "accesses/2037-01-02",
            "accesses/2037-00-01",
            "accesses/2037-13-01",
            "accesses/+037-01-01",
            "accesses/ 2037-01-01",
            "accesses/2037-01-01 ",
            "Accesses/2037-01-01",
            "other/2037-01-01",
            "accesses/02037-01-01",
            "accesses/0037-01-01",
            "accesses/1969-01-01",
            "accesses/é37-01-01",
            "accesses//2037-01-01",
        ] {
            assert_eq!(
                RetentionPeriod::parse(text),
                Err(RetentionPeriodError),
                "{text:?}"
            );
        }
    }

    #[test]
    fn terms_have_bounds() {
        assert!(RetentionTerms::new(1, 12).is_ok());
        assert!(RetentionTerms::new(MAX_ACCESS_YEARS, 360).is_ok());
        for (years, months) in [(0, 1), (31, 1), (10, 0), (1, 13), (30, 361)] {
            assert!(
                RetentionTerms::new(years, months).is_err(),
                "{years} {months}"
            );
        }
    }
}
