//! Dates, instants and durations as the catalogue writes them.
//!
//! What bounds a validity is an instant with its offset, so that no rule ever needs a time zone database: the
//! author writes `2024-12-18T00:00:00+01:00` and the comparison is one of integers. A day on which something was
//! adopted is a civil date and is never compared with the clock.

use std::fmt;

use serde::{Deserialize, Serialize};
use sluis_token::UnixTime;

use crate::value::{ValueError, text_form};

const SECONDS_PER_DAY: u64 = 86_400;

/// A calendar day, `2024-12-03`, without a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CivilDate {
    year: u16,
    month: u8,
    day: u8,
}

impl CivilDate {
    /// Reads `yyyy-MM-dd`; the day must exist in that month of that year.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        read_date(text).ok_or_else(|| ValueError::Date { found: text.into() })
    }

    /// Days since 1970-01-01, negative before (Howard Hinnant's `days_from_civil`).
    fn days_since_epoch(self) -> i64 {
        let month = i64::from(self.month);
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }
}

impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

text_form!(CivilDate);

/// A moment, written as an RFC 3339 date-time with its offset and without fractions: `2024-12-18T00:00:00+01:00`.
///
/// Compared by the moment, not by the spelling; the spelling is kept because it is what the author wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instant {
    text: Box<str>,
    moment: UnixTime,
    local_date: CivilDate,
    local_midnight: bool,
}

impl Instant {
    /// Reads `yyyy-MM-ddTHH:mm:ss` and `Z` or `±HH:mm`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        read_instant(text).ok_or_else(|| ValueError::Instant { found: text.into() })
    }

    /// The moment.
    pub fn moment(&self) -> UnixTime {
        self.moment
    }

    /// The day it is at that moment where the offset holds.
    pub fn local_date(&self) -> CivilDate {
        self.local_date
    }

    /// Whether a day begins at this moment, where the offset holds.
    pub fn is_local_midnight(&self) -> bool {
        self.local_midnight
    }

    /// As the author wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_form!(Instant);

/// A length of time that does not depend on the calendar: ISO 8601 with weeks, days, hours, minutes and seconds.
///
/// Years and months are refused: a rule "at most P1Y" would have to choose a calendar and a time zone, and two
/// readers would choose differently. A day is 86 400 seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FixedDuration {
    text: Box<str>,
    seconds: u64,
}

impl FixedDuration {
    /// Reads for example `P365D` or `PT15M`; zero is refused.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let refused = || ValueError::FixedDuration { found: text.into() };
        let parts = read_duration(text).ok_or_else(refused)?;
        let seconds = parts.iter().try_fold(0_u64, |total, &(amount, unit)| {
            let seconds_per_unit = match unit {
                Unit::Year | Unit::Month => None,
                Unit::Week => Some(7 * SECONDS_PER_DAY),
                Unit::Day => Some(SECONDS_PER_DAY),
                Unit::Hour => Some(3_600),
                Unit::Minute => Some(60),
                Unit::Second => Some(1),
            }?;
            total.checked_add(u64::from(amount).checked_mul(seconds_per_unit)?)
        });
        match seconds {
            Some(seconds) if seconds > 0 => Ok(Self {
                text: text.into(),
                seconds,
            }),
            Some(_) | None => Err(refused()),
        }
    }

    /// Its length in seconds, never zero.
    pub fn as_seconds(&self) -> u64 {
        self.seconds
    }

    /// As the author wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for FixedDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_form!(FixedDuration);

/// How long the recipient may keep the data (M-12.4, S-12.1): a duration, or the last day.
///
/// The edge does not enforce it, it tells the recipient; so years and months are fine here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Retention {
    /// An ISO 8601 duration after the communication, as written.
    For(Box<str>),
    /// Up to and including this day.
    Until(CivilDate),
}

impl Retention {
    /// Reads an ISO 8601 duration (`P30D`, `P1Y`) or a date (`2024-03-31`).
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if let Some(date) = read_date(text) {
            return Ok(Self::Until(date));
        }
        match read_duration(text) {
            Some(parts) if parts.iter().any(|&(amount, _)| amount > 0) => {
                Ok(Self::For(text.into()))
            }
            Some(_) | None => Err(ValueError::Retention { found: text.into() }),
        }
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(duration) => f.write_str(duration),
            Self::Until(date) => date.fmt(f),
        }
    }
}

text_form!(Retention);

/// `text` as a number, if it is exactly `width` decimal digits.
fn digits(text: &str, width: usize) -> Option<u16> {
    let all_digits = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

fn two_digits(text: &str) -> Option<u8> {
    digits(text, 2).and_then(|value| u8::try_from(value).ok())
}

fn read_date(text: &str) -> Option<CivilDate> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let (year, month, day) = (digits(year, 4)?, two_digits(month)?, two_digits(day)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    (1..=last)
        .contains(&day)
        .then_some(CivilDate { year, month, day })
}

fn read_instant(text: &str) -> Option<Instant> {
    let (date, time) = text.split_once('T')?;
    let local_date = read_date(date)?;
    let (clock, offset) = time.split_at_checked(8)?;
    let mut fields = clock.split(':');
    let (hour, minute, second) = (
        two_digits(fields.next()?)?,
        two_digits(fields.next()?)?,
        two_digits(fields.next()?)?,
    );
    if fields.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset_minutes = read_offset(offset)?;
    let local_seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    let seconds = local_date.days_since_epoch() * 86_400 + local_seconds - offset_minutes * 60;
    let moment = UnixTime::from_seconds(u64::try_from(seconds).ok()?)?;
    Some(Instant {
        text: text.into(),
        moment,
        local_date,
        local_midnight: local_seconds == 0,
    })
}

/// Minutes east of UTC. `-00:00` is refused: in RFC 3339 §4.3 it means "offset unknown".
fn read_offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let total = i64::from(hours) * 60 + i64::from(minutes);
    let known = hours <= 23 && minutes <= 59 && !(sign == -1 && total == 0);
    known.then_some(sign * total)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

/// The parts of an ISO 8601 duration, each unit at most once, in order, no fractions, at least one part.
fn read_duration(text: &str) -> Option<Vec<(u32, Unit)>> {
    let (date, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (text.strip_prefix('P')?, ""),
    };
    let mut parts = Vec::new();
    read_units(date, &mut parts, |letter| match letter {
        'Y' => Some(Unit::Year),
        'M' => Some(Unit::Month),
        'W' => Some(Unit::Week),
        'D' => Some(Unit::Day),
        _ => None,
    })?;
    read_units(time, &mut parts, |letter| match letter {
        'H' => Some(Unit::Hour),
        'M' => Some(Unit::Minute),
        'S' => Some(Unit::Second),
        _ => None,
    })?;
    let in_order = parts
        .iter()
        .zip(parts.iter().skip(1))
        .all(|(left, right)| left.1 < right.1);
    (in_order && !parts.is_empty()).then_some(parts)
}

fn read_units(
    mut text: &str,
    parts: &mut Vec<(u32, Unit)>,
    unit: impl Fn(char) -> Option<Unit>,
) -> Option<()> {
    while !text.is_empty() {
        let end = text.find(|letter: char| !letter.is_ascii_digit())?;
        let (amount, rest) = text.split_at_checked(end)?;
        let letter = rest.chars().next()?;
        parts.push((amount.parse().ok()?, unit(letter)?));
        text = rest.get(letter.len_utf8()..)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> u64 {
        Instant::parse(text).unwrap().moment().as_seconds()
    }

    #[test]
    fn instants_are_moments() {
        assert_eq!(at("1970-01-01T00:00:00Z"), 0);
        assert_eq!(at("2024-12-18T00:00:00+01:00"), at("2024-12-17T23:00:00Z"));
        assert_eq!(at("2024-04-01T00:00:00+02:00"), at("2024-03-31T22:00:00Z"));
        // `date -u -d '2024-02-29T12:34:56Z' +%s` and friends.
        assert_eq!(at("2024-02-29T12:34:56Z"), 1_709_210_096);
        assert_eq!(at("2000-03-01T00:00:00Z"), 951_868_800);
        assert_eq!(at("1969-12-31T23:30:00-01:00"), 1_800);
    }

    #[test]
    fn days_follow_one_another() {
        let mut expected = CivilDate::parse("1970-01-01").unwrap().days_since_epoch();
        for year in 1970..2101_u16 {
            for month in 1..=12_u8 {
                for day in 1..=31_u8 {
                    if let Some(date) = read_date(&format!("{year:04}-{month:02}-{day:02}")) {
                        assert_eq!(date.days_since_epoch(), expected, "{date}");
                        expected += 1;
                    }
                }
            }
        }
        assert_eq!(expected, 47_847, "2101-01-01 is day 47 847");
    }

    #[test]
    fn sloppy_dates_are_refused() {
        for text in [
            "2024-2-03",
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "24-01-01",
            "",
            "2024-01-01 ",
        ] {
            assert!(CivilDate::parse(text).is_err(), "{text}");
        }
        for text in [
            "2024-12-18",
            "2024-12-18T00:00:00",
            "2024-12-18 00:00:00Z",
            "2024-12-18T24:00:00Z",
            "2024-12-18T00:00:60Z",
            "2024-12-18T00:00:00.0Z",
            "2024-12-18T00:00:00z",
            "2024-12-18T00:00:00+0100",
            "2024-12-18T00:00:00-00:00",
            "2024-12-18T00:00:00+24:00",
            "1969-12-31T23:59:59Z",
            "2024-12-18T00:00:é0Z",
        ] {
            assert!(Instant::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_fixed() {
        let seconds = |text| {
            FixedDuration::parse(text)
                .map(|duration| duration.as_seconds())
                .ok()
        };
        assert_eq!(seconds("P365D"), Some(365 * 86_400));
        assert_eq!(seconds("P1W"), Some(604_800));
        assert_eq!(seconds("P1DT2H3M4S"), Some(86_400 + 7_384));
        assert_eq!(seconds("PT15M"), Some(900));
        for text in [
            "P1Y",
            "P6M",
            "P1Y2D",
            "P0D",
            "PT0S",
            "P",
            "PT",
            "P1DT",
            "1D",
            "PD",
            "P1H",
            "PT1D",
            "P-1D",
            "P1.5D",
            "P1D1D",
            "PT1S1M",
            "P99999999999999D",
            "P1Dé",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn retention_is_a_duration_or_a_day() {
        assert!(matches!(Retention::parse("P1Y6M"), Ok(Retention::For(_))));
        assert!(matches!(
            Retention::parse("2024-03-31"),
            Ok(Retention::Until(_))
        ));
        for text in ["", "P0D", "forever", "*", "2024-03-32", "P"] {
            assert!(Retention::parse(text).is_err(), "{text}");
        }
    }
}
