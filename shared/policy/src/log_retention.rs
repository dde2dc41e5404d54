//! How long the records of a mandate type's calls are kept, where that differs from
//! what the deployment says (M-6.3, §3.3).

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most years: nothing personal is kept without end.
pub const MAX_LOG_YEARS: u8 = 30;

/// Whole years for accesses, from 1 January after the event; whole months for
/// refusals, from the first of the month after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawLogRetention", into = "RawLogRetention")]
pub struct LogRetention {
    access_years: u8,
    refusal_months: u16,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawLogRetention {
    access_years: u8,
    refusal_months: u16,
}

/// The terms are out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "expected accessYears of 1 to {MAX_LOG_YEARS} and refusalMonths of 1 to as many months, found {years} and {months}"
)]
pub struct LogRetentionError {
    /// Years that were found.
    pub years: u8,
    /// Months that were found.
    pub months: u16,
}

impl LogRetention {
    /// Years that records of accesses are kept.
    pub const fn access_years(self) -> u8 {
        self.access_years
    }

    /// Months that records of refusals are kept.
    pub const fn refusal_months(self) -> u16 {
        self.refusal_months
    }
}

impl TryFrom<RawLogRetention> for LogRetention {
    type Error = LogRetentionError;

    fn try_from(raw: RawLogRetention) -> Result<Self, LogRetentionError> {
        let RawLogRetention {
            access_years,
            refusal_months,
        } = raw;
        let years = 1..=MAX_LOG_YEARS;
        let months = 1..=u16::from(access_years) * 12;
        if !years.contains(&access_years) || !months.contains(&refusal_months) {
            return Err(LogRetentionError {
                years: access_years,
                months: refusal_months,
            });
        }
        Ok(Self {
            access_years,
            refusal_months,
        })
    }
}

impl From<LogRetention> for RawLogRetention {
    fn from(terms: LogRetention) -> Self {
        Self {
            access_years: terms.access_years,
            refusal_months: terms.refusal_months,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_within_bounds() {
        let read = |years, months| {
            let text = format!("accessYears = {years}\nrefusalMonths = {months}");
            toml::from_str::<LogRetention>(&text).map_err(|error| error.message().to_owned())
        };
        assert_eq!(read(5, 6).map(LogRetention::access_years), Ok(5));
        assert_eq!(read(30, 360).map(LogRetention::refusal_months), Ok(360));
        for (years, months) in [(0, 1), (31, 1), (1, 0), (1, 13)] {
            let error = read(years, months).unwrap_err();
            assert!(error.contains("expected accessYears of 1 to 30"), "{error}");
        }
    }
}
