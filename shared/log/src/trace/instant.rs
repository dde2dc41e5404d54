//! Reading RFC 3339 instants of other parties' logs.

use thiserror::Error;

use crate::time::UnixMillis;

/// Longest text: nanoseconds and an offset.
const MAX_TEXT_BYTES: usize = 35;
const MINUTES_PER_DAY: u64 = 1_440;

/// The text is no instant of RFC 3339 §5.6 between 1970 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an RFC 3339 instant with its offset, such as 2026-01-02T03:04:05.678Z")]
pub struct InstantError;

impl UnixMillis {
    /// Reads RFC 3339 with its offset. What is finer than a millisecond is cut
    /// off, and a leap second is not taken.
    pub fn parse(text: &str) -> Result<Self, InstantError> {
        read(text).ok_or(InstantError)
    }
}

fn read(text: &str) -> Option<UnixMillis> {
    if text.len() > MAX_TEXT_BYTES || !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix('T')?;
    let (time, rest) = rest.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (millis, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let (digits, zone) = rest.split_at_checked(end)?;
            if digits.is_empty() {
                return None;
            }
            let three: String = digits.chars().chain("00".chars()).take(3).collect();
            (three.parse().ok()?, zone)
        }
    };
    let days = days_since_1970(year, month, day)?;
    let minutes = days * MINUTES_PER_DAY + hour * 60 + minute;
    let minutes = match zone.split_at_checked(1)? {
        ("Z", "") => minutes,
        ("+", offset) => minutes.checked_sub(offset_minutes(offset)?)?,
        ("-", offset) => minutes + offset_minutes(offset)?,
        _ => return None,
    };
    UnixMillis::new((minutes * 60 + second) * 1_000 + millis).ok()
}

fn offset_minutes(text: &str) -> Option<u64> {
    let [hours, minutes] = numbers(text, ':', [2, 2])?;
    (hours <= 23 && minutes <= 59).then_some(hours * 60 + minutes)
}

/// Numbers of so many digits each, with that between them.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(between);
    for (number, width) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Of a civil date from 1970 on, none if there is no such day.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [
        31,
        if leap { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let month = usize::try_from(month).ok()?.checked_sub(1)?;
    let length = *lengths.get(month)?;
    if year < 1970 || day == 0 || day > length {
        return None;
    }
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400;
    // 1969 / 4 - 1969 / 100 + 1969 / 400
    let leap_days = leap_days.checked_sub(477)?;
    let months: u64 = lengths.iter().take(month).sum();
    Some((year - 1970) * 365 + leap_days + months + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for millis in [
            0,
            951_782_399_999,
            951_782_400_000,
            1_711_922_400_000,
            4_107_542_400_000,
            253_402_300_799_999,
        ] {
            let at = UnixMillis::new(millis).unwrap();
            assert_eq!(UnixMillis::parse(&at.to_string()), Ok(at));
        }
        for day in 0..200_000 {
            let at = UnixMillis::new(day * 86_400_000).unwrap();
            assert_eq!(UnixMillis::parse(&at.to_string()), Ok(at));
        }
    }

    #[test]
    fn offsets_and_fractions_are_taken() {
        let read = |text| UnixMillis::parse(text).map(UnixMillis::as_millis);
        assert_eq!(read("2024-12-18T00:00:00+01:00"), Ok(1_734_476_400_000));
        assert_eq!(read("2024-12-17T22:00:00-01:00"), Ok(1_734_476_400_000));
        assert_eq!(read("1970-01-01T00:00:00.1Z"), Ok(100));
        assert_eq!(read("1970-01-01T00:00:00.123999Z"), Ok(123));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02 03:04:05Z",
            "2026-01-02T03:04:05z",
            "2026-02-29T03:04:05Z",
            "2026-13-01T03:04:05Z",
            "2026-00-01T03:04:05Z",
            "2026-01-00T03:04:05Z",
            "2026-01-02T24:00:00Z",
            "2026-01-02T23:59:60Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05+1:00",
            "2026-01-02T03:04:05+24:00",
            "2026-01-02T03:04:05+01:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "+026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.678901234567890123456789Z",
            "2026-01-02T03:04:0\u{663}Z",
        ] {
            assert_eq!(UnixMillis::parse(text), Err(InstantError), "{text}");
        }
    }
}
