//! The words of a custody record: codes and days.

use std::fmt;

use thiserror::Error;

use crate::time::UnixMillis;
use crate::trace::holds_ssin;

/// Longest code, in bytes.
pub const MAX_CUSTODY_CODE_BYTES: usize = 64;
/// What a carrier, a member of staff, a seal or a location is called: 1 to 64 of
/// `A-Z a-z 0-9 . _ -`. A roster that stands elsewhere says who a code is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustodyCode(Box<str>);

/// Why a text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CustodyCodeError {
    /// Empty, too long, or with other characters.
    #[error("expected a code: 1 to {MAX_CUSTODY_CODE_BYTES} of A-Z a-z 0-9 . _ -")]
    Form,
    /// A national number, however it is set off. It is not repeated here.
    #[error("a national number has no place in a register of custody")]
    NationalNumber,
}

impl CustodyCode {
    /// Reads a code.
    pub fn parse(text: &str) -> Result<Self, CustodyCodeError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if text.is_empty() || text.len() > MAX_CUSTODY_CODE_BYTES || !text.bytes().all(plain) {
            return Err(CustodyCodeError::Form);
        }
        if holds_ssin(text) {
            return Err(CustodyCodeError::NationalNumber);
        }
        Ok(Self(text.into()))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CustodyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A calendar day from 1970 to 9999, as `2024-03-31`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustodyDay {
    year: u64,
    month: u64,
    day: u64,
}

/// The text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a day, such as 2024-03-31")]
pub struct CustodyDayError;

impl CustodyDay {
    /// Reads `yyyy-MM-dd`; the day must exist.
    pub fn parse(text: &str) -> Result<Self, CustodyDayError> {
        let midnight = UnixMillis::parse(&format!("{text}T00:00:00Z"));
        midnight.map(Self::in_utc).map_err(|_| CustodyDayError)
    }

    fn in_utc(at: UnixMillis) -> Self {
        let (year, month, day) = at.date();
        Self { year, month, day }
    }

    /// The day that it is in Brussels.
    pub fn in_brussels(at: UnixMillis) -> Self {
        Self::in_utc(at.in_brussels())
    }
}

impl fmt::Display for CustodyDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Debug for CustodyDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustodyDay({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_plain_and_no_national_number() {
        for text in [
            "hd-1",
            "KT.07",
            "a",
            "20250101",
            "S-00000000001",
            &"x".repeat(64),
        ] {
            assert_eq!(CustodyCode::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a b", "Jan Peeters", "é", "a/b", &"x".repeat(65)] {
            assert_eq!(
                CustodyCode::parse(text),
                Err(CustodyCodeError::Form),
                "{text}"
            );
        }
        // The test number of Belgif's guide, and how people write such a number.
        for text in [
            "85073003328",
            "85.07.30-033.28",
            "kt-85073003328",
            "NISS85073003328",
        ] {
            let refused = CustodyCode::parse(text);
            assert_eq!(refused, Err(CustodyCodeError::NationalNumber), "{text}");
        }
    }

    #[test]
    fn a_day_exists_and_is_that_of_brussels() {
        assert_eq!(
            CustodyDay::parse("2024-02-29").unwrap().to_string(),
            "2024-02-29"
        );
        for text in [
            "2023-02-29",
            "2024-2-9",
            "2024-02",
            "1969-12-31",
            "2024-02-29T",
        ] {
            assert_eq!(CustodyDay::parse(text), Err(CustodyDayError), "{text}");
        }
        let day = |text| CustodyDay::in_brussels(UnixMillis::parse(text).unwrap()).to_string();
        // S-12.1: the last day of 17/020 ends at 22:00 UTC.
        assert_eq!(day("2024-03-31T21:59:59Z"), "2024-03-31");
        assert_eq!(day("2024-03-31T22:00:00Z"), "2024-04-01");
        assert_eq!(day("2024-12-31T00:00:00+01:00"), "2024-12-31");
        assert_eq!(day("2024-12-30T23:59:59+01:00"), "2024-12-30");
        assert_eq!(day("9999-12-31T23:59:59Z"), "9999-12-31");
    }
}
