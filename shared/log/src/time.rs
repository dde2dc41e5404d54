//! Instants of records: milliseconds in the payload, minutes in the leaf.

use std::fmt;

use thiserror::Error;

/// The last millisecond of the year 9999, the last that RFC 3339 can write.
const LAST_MILLIS: u64 = 253_402_300_799_999;
const MILLIS_PER_MINUTE: u64 = 60_000;
const MILLIS_PER_HOUR: u64 = 3_600_000;
const MILLIS_PER_DAY: u64 = 86_400_000;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMillis(u64);

/// The instant is past the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} ms since 1970 is past the year 9999")]
pub struct TimeError(pub u64);

impl UnixMillis {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Takes milliseconds since 1970, up to the end of the year 9999.
    pub const fn new(millis: u64) -> Result<Self, TimeError> {
        if millis > LAST_MILLIS {
            return Err(TimeError(millis));
        }
        Ok(Self(millis))
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Without what is less than a second.
    pub(crate) const fn whole_seconds(self) -> Self {
        Self(self.0 - self.0 % 1_000)
    }

    /// Year, month and day, in UTC.
    pub(crate) fn date(self) -> (u64, u64, u64) {
        civil_date(self.0 / MILLIS_PER_DAY)
    }

    /// The whole minute the instant falls in, as it stands in a leaf.
    pub fn minute(self) -> Minute {
        // The last minute of 9999 is 4 223 371 679, below 2^32.
        Minute(u32::try_from(self.0 / MILLIS_PER_MINUTE).unwrap_or(u32::MAX))
    }

    /// The month, UTC.
    pub(crate) fn month(self) -> Month {
        let (year, month, _) = civil_date(self.0 / MILLIS_PER_DAY);
        Month::at(year, month)
    }

    /// What a clock in Brussels shows, as if it were UTC: ahead by two hours in summer
    /// time, from the last Sunday of March at 01:00 UTC to that of October (Directive
    /// 2000/84/EC), and by one in winter.
    pub(crate) fn in_brussels(self) -> Self {
        let days = self.0 / MILLIS_PER_DAY;
        let (_, month, day) = civil_date(days);
        // 1970 began on a Thursday; 0 is a Sunday.
        let weekday_of_the_31st = (days + 4 + 31 - day) % 7;
        let last_sunday = 31 - weekday_of_the_31st;
        let changed = (day, self.0 % MILLIS_PER_DAY) >= (last_sunday, MILLIS_PER_HOUR);
        let summer = match month {
            3 => changed,
            4..=9 => true,
            10 => !changed,
            _ => false,
        };
        let ahead = if summer { 2 } else { 1 } * MILLIS_PER_HOUR;
        Self(self.0.saturating_add(ahead).min(LAST_MILLIS))
    }

    /// The month in Brussels.
    pub(crate) fn month_in_brussels(self) -> Month {
        self.in_brussels().month()
    }
}

/// A month of a year, counted from that of year 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Month(u32);

impl Month {
    /// December 9999.
    pub(crate) const LAST: Self = Self(9999 * 12 + 11);

    /// A month of the years 1970 to 9999.
    pub(crate) fn new(year: u64, month: u64) -> Option<Self> {
        let known = (1970..=9999).contains(&year) && (1..=12).contains(&month);
        known.then(|| Self::at(year, month))
    }

    fn at(year: u64, month: u64) -> Self {
        // Years have four digits, or five right at the end of what there is.
        Self(u32::try_from(year * 12 + month - 1).unwrap_or(u32::MAX))
    }

    /// 1 to 12.
    const fn of_year(self) -> u32 {
        self.0 % 12 + 1
    }

    /// The next January.
    pub(crate) const fn january_after(self) -> Self {
        Self((self.0 / 12 + 1) * 12)
    }

    /// So many months later.
    pub(crate) const fn plus(self, months: u32) -> Self {
        Self(self.0.saturating_add(months))
    }
}

/// `2026-01`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 12, self.of_year())
    }
}

/// RFC 3339, UTC, with milliseconds: `2026-01-02T03:04:05.678Z`.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_date(self.0 / MILLIS_PER_DAY);
        let rest = self.0 % MILLIS_PER_DAY;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            rest / 3_600_000,
            rest / 60_000 % 60,
            rest / 1_000 % 60,
            rest % 1_000
        )
    }
}

/// A whole minute since 1970: the only time that stands in a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(pub(crate) u32);

impl Minute {
    /// Minutes since 1970.
    pub const fn as_minutes(self) -> u32 {
        self.0
    }

    /// Its first moment.
    pub(crate) fn start(self) -> UnixMillis {
        // The last minute that there is ends behind the year 9999.
        UnixMillis((u64::from(self.0) * MILLIS_PER_MINUTE).min(LAST_MILLIS))
    }
}

/// RFC 3339 to the minute, UTC: `2026-01-02T03:04Z`.
impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_date(u64::from(self.0) / 1_440);
        let rest = self.0 % 1_440;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}Z",
            rest / 60,
            rest % 60
        )
    }
}

/// The proleptic Gregorian date of a day since 1970, by 400-year eras that
/// begin on 1 March, so that the leap day is the last of its year.
fn civil_date(days_since_1970: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097;
    let days = days_since_1970 + 719_468;
    let era = days / DAYS_PER_ERA;
    let day_of_era = days % DAYS_PER_ERA;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_711_922_400_000, "2024-03-31T22:00:00.000Z"),
            (1_734_476_400_000, "2024-12-17T23:00:00.000Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (LAST_MILLIS, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(UnixMillis::new(millis).unwrap().to_string(), text);
        }
        assert_eq!(
            UnixMillis::new(LAST_MILLIS + 1),
            Err(TimeError(LAST_MILLIS + 1))
        );
    }

    #[test]
    fn clocks_in_brussels_change_on_the_last_sundays_of_march_and_october() {
        let shown = |text| UnixMillis::parse(text).unwrap().in_brussels().to_string();
        for (utc, brussels) in [
            ("2024-01-01T00:00:00Z", "2024-01-01T01:00:00.000Z"),
            ("2024-03-31T00:59:59Z", "2024-03-31T01:59:59.000Z"),
            ("2024-03-31T01:00:00Z", "2024-03-31T03:00:00.000Z"),
            ("2025-03-30T00:59:59Z", "2025-03-30T01:59:59.000Z"),
            ("2025-03-30T01:00:00Z", "2025-03-30T03:00:00.000Z"),
            ("2025-03-31T00:00:00Z", "2025-03-31T02:00:00.000Z"),
            ("2024-10-27T00:59:59Z", "2024-10-27T02:59:59.000Z"),
            ("2024-10-27T01:00:00Z", "2024-10-27T02:00:00.000Z"),
            ("2021-10-31T00:59:59Z", "2021-10-31T02:59:59.000Z"),
            ("2021-10-31T01:00:00Z", "2021-10-31T02:00:00.000Z"),
            ("2024-12-31T23:00:00Z", "2025-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(shown(utc), brussels, "{utc}");
        }
    }

    #[test]
    fn a_minute_forgets_the_seconds() {
        let minute = UnixMillis::new(1_734_476_459_999).unwrap().minute();
        assert_eq!(minute.to_string(), "2024-12-17T23:00Z");
        let last = UnixMillis::new(LAST_MILLIS).unwrap().minute();
        assert_eq!(last.to_string(), "9999-12-31T23:59Z");
    }
}
