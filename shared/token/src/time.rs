//! `NumericDate` (RFC 7519 §2), restricted to whole seconds.

use std::fmt;

/// Largest value of a [`UnixTime`]: 2^53 − 1, the largest integer that every JSON
/// implementation carries exactly (RFC 8259 §6).
pub const MAX_NUMERIC_DATE: u64 = (1 << 53) - 1;

/// A moment in whole seconds since 1970-01-01T00:00:00Z.
///
/// RFC 7519 allows fractions; this profile does not (token profile §16). The
/// current time is always an argument, never read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The moment `seconds` after the epoch, if it is a `NumericDate` of the profile.
    pub const fn from_seconds(seconds: u64) -> Option<Self> {
        if seconds <= MAX_NUMERIC_DATE {
            Some(Self(seconds))
        } else {
            None
        }
    }

    /// Seconds since the epoch.
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// This moment plus `seconds`, stopping at the largest `NumericDate`.
    #[must_use]
    pub const fn saturating_add(self, seconds: u64) -> Self {
        let sum = self.0.saturating_add(seconds);
        if sum <= MAX_NUMERIC_DATE {
            Self(sum)
        } else {
            Self(MAX_NUMERIC_DATE)
        }
    }

    /// Seconds from `earlier` to this moment; `None` when `earlier` is later.
    pub const fn seconds_since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0)
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_ends_at_two_to_the_53() {
        assert_eq!(UnixTime::from_seconds(0).map(UnixTime::as_seconds), Some(0));
        assert_eq!(
            UnixTime::from_seconds(9_007_199_254_740_991).map(UnixTime::as_seconds),
            Some(9_007_199_254_740_991)
        );
        assert_eq!(UnixTime::from_seconds(9_007_199_254_740_992), None);
        assert_eq!(UnixTime::from_seconds(u64::MAX), None);
    }

    #[test]
    fn addition_never_leaves_the_range() {
        let last = UnixTime::from_seconds(MAX_NUMERIC_DATE).unwrap();
        assert_eq!(last.saturating_add(60), last);
        assert_eq!(last.saturating_add(u64::MAX), last);
        let early = UnixTime::from_seconds(5).unwrap();
        assert_eq!(early.saturating_add(60).as_seconds(), 65);
        assert_eq!(early.seconds_since(last), None);
        assert_eq!(last.seconds_since(early), Some(MAX_NUMERIC_DATE - 5));
    }
}
