//! The social security identification number (INSZ, NISS).

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

const DIGITS: usize = 11;

/// Why a text is not an SSIN. Says nothing of the text itself: it may be one
/// digit away from a person's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SsinError {
    /// Not eleven digits.
    #[error("not eleven digits")]
    NotElevenDigits,
    /// A month or day that no number has, or a counter that is never given.
    #[error("no date and counter that a number can have")]
    Structure,
    /// The check digits do not fit, for a birth before 2000 nor since.
    #[error("wrong check digits")]
    CheckDigits,
}

impl SsinError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotElevenDigits => "ssinNotElevenDigits",
            Self::Structure => "ssinStructure",
            Self::CheckDigits => "ssinCheckDigits",
        }
    }
}

/// A well-formed SSIN: of the national register, or of the CBSS registers (a "bis"
/// number, month + 20 or + 40).
///
/// `Debug` does not print it, there is no `Display`, and it is wiped when dropped.
/// Whether the number was ever given to anyone is not known here; nor is whether
/// its birth date lies in the future, which needs a clock.
#[derive(Clone, PartialEq, Eq)]
pub struct Ssin(Zeroizing<String>);

impl Ssin {
    /// Reads eleven digits without separators (Belgif `Ssin`, `^\d{11}$`).
    pub fn parse(text: &str) -> Result<Self, SsinError> {
        if text.len() != DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SsinError::NotElevenDigits);
        }
        let number = |from: usize, to: usize| {
            text.get(from..to)
                .and_then(|digits| digits.parse::<u64>().ok())
                .ok_or(SsinError::NotElevenDigits)
        };
        let (month, day, counter) = (number(2, 4)?, number(4, 6)?, number(6, 9)?);
        // 0 stands for an unknown month or day.
        if month >= 60 || month % 20 > 12 || day > 31 {
            return Err(SsinError::Structure);
        }
        if month <= 12 && matches!(counter, 0 | 999) {
            return Err(SsinError::Structure);
        }
        let (first_nine, check) = (number(0, 9)?, number(9, 11)?);
        let since_2000 = 2_000_000_000 + first_nine;
        if [first_nine, since_2000]
            .iter()
            .any(|digits| digits % 97 + check == 97)
        {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(SsinError::CheckDigits)
        }
    }

    /// The eleven digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ssin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Ssin([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nine digits of year, month, day and counter, with their check digits.
    fn complete(parts: [u64; 4], since_2000: bool) -> String {
        let [year, month, day, counter] = parts;
        let first_nine = ((year * 100 + month) * 100 + day) * 1000 + counter;
        let base = if since_2000 { 2_000_000_000 } else { 0 };
        format!("{first_nine:09}{:02}", 97 - (base + first_nine) % 97)
    }

    #[test]
    fn examples_are_accepted() {
        for text in ["53480200724", "53400003597"] {
            assert_eq!(Ssin::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn both_centuries_and_bis_months() {
        for parts in [
            [10, 40, 0, 1],
            [10, 20, 0, 0],
            [53, 52, 0, 123],
            [53, 32, 31, 999],
            [53, 40, 0, 0],
        ] {
            for since_2000 in [false, true] {
                let text = complete(parts, since_2000);
                assert!(Ssin::parse(&text).is_ok(), "{text}");
            }
        }
    }

    /// A single wrong digit is always seen, unless it gives the check digits of the
    /// other century: 2 000 000 000 leaves 73 modulo 97, so some do.
    #[test]
    fn wrong_digits_are_seen() {
        let good = "53480200724";
        let mut refused = 0;
        for position in 0..DIGITS {
            for digit in '0'..='9' {
                let mut text: Vec<char> = good.chars().collect();
                if text[position] == digit {
                    continue;
                }
                text[position] = digit;
                let text: String = text.into_iter().collect();
                let other_century =
                    text[..9].parse::<u64>().unwrap() % 97 + 73 + text[9..].parse::<u64>().unwrap();
                match Ssin::parse(&text) {
                    Ok(_) => assert_eq!(other_century % 97, 0, "{text}"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 90, "{refused} of 99");
    }

    #[test]
    fn structure() {
        for (month, day) in [
            (13, 0),
            (33, 0),
            (53, 0),
            (60, 0),
            (99, 0),
            (40, 32),
            (1, 99),
        ] {
            assert_eq!(
                Ssin::parse(&complete([53, month, day, 1], false)),
                Err(SsinError::Structure),
                "{month} {day}"
            );
        }
        // Counters 000 and 999 are never given with a plain month, but are with a bis month.
        for counter in [0, 999] {
            assert_eq!(
                Ssin::parse(&complete([53, 1, 1, counter], false)),
                Err(SsinError::Structure)
            );
            assert!(Ssin::parse(&complete([53, 41, 1, counter], false)).is_ok());
        }
    }

    #[test]
    fn other_texts() {
        for text in [
            "",
            "5348020072",
            "534802007240",
            "53.48.02-007.24",
            "5348020072a",
            "5３480200724",
            "-3480200724",
            "+3480200724",
        ] {
            assert_eq!(Ssin::parse(text), Err(SsinError::NotElevenDigits), "{text}");
        }
        assert_eq!(Ssin::parse("53480200725"), Err(SsinError::CheckDigits));
        assert_eq!(Ssin::parse("53480200700"), Err(SsinError::CheckDigits));
    }

    #[test]
    fn debug_is_redacted() {
        let ssin = Ssin::parse("53480200724").unwrap();
        assert_eq!(format!("{ssin:?}"), "Ssin([redacted])");
    }
}
