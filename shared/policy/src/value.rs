//! The small values of the catalogue, each with one strict reading.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest code ([`Code`]) or deliberation number ([`DeliberationNumber`]).
pub const MAX_CODE_LENGTH: usize = 64;

/// The longest sentence of the catalogue: titles, measures.
pub const MAX_TEXT_LENGTH: usize = 600;

/// A value that could not be read, with what was expected instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Not a calendar day.
    #[error("expected a date such as \"2024-12-03\", found \"{found}\"")]
    Date {
        /// What stands there.
        found: Box<str>,
    },
    /// Not an instant with an offset.
    #[error(
        "expected an RFC 3339 date-time with its offset, such as \"2024-12-18T00:00:00+01:00\", found \"{found}\""
    )]
    Instant {
        /// What stands there.
        found: Box<str>,
    },
    /// Not a duration of fixed length.
    #[error(
        "expected an ISO 8601 duration in weeks, days, hours, minutes and seconds, such as \"P365D\" \
         (years and months have no fixed length), found \"{found}\""
    )]
    FixedDuration {
        /// What stands there.
        found: Box<str>,
    },
    /// Neither a duration nor a last day.
    #[error(
        "expected an ISO 8601 duration such as \"P30D\", or a last day such as \"2024-03-31\", found \"{found}\""
    )]
    Retention {
        /// What stands there.
        found: Box<str>,
    },
    /// A wildcard where each member must be named (M-5.2).
    #[error(
        "expected one code; a wildcard is never accepted, each purpose and category is named (M-5.2), found \"{found}\""
    )]
    Wildcard {
        /// What stands there.
        found: Box<str>,
    },
    /// Not a code.
    #[error(
        "expected a lowerCamelCase code of at most {MAX_CODE_LENGTH} letters and digits, found \"{found}\""
    )]
    Code {
        /// What stands there.
        found: Box<str>,
    },
    /// Not the name of a field.
    #[error(
        "expected lowerCamelCase codes of at most {MAX_CODE_LENGTH} letters and digits joined by \".\", found \"{found}\""
    )]
    FieldName {
        /// What stands there.
        found: Box<str>,
    },
    /// Not a number of a deliberation.
    #[error("expected a deliberation number such as \"24/222\", found \"{found}\"")]
    DeliberationNumber {
        /// What stands there.
        found: Box<str>,
    },
    /// Not a level of the Federal Authentication Service.
    #[error("expected an authentication level from 100 to 999, found {found}")]
    Level {
        /// What stands there.
        found: u16,
    },
    /// Not a version label or an identifier.
    #[error(
        "expected 1 to {MAX_CODE_LENGTH} letters, digits, \".\", \"-\" or \"_\", found \"{found}\""
    )]
    Label {
        /// What stands there.
        found: Box<str>,
    },
    /// No sentence, or one too long.
    #[error(
        "expected a sentence of 1 to {MAX_TEXT_LENGTH} bytes without control characters, found {length} bytes"
    )]
    Text {
        /// How long it is.
        length: usize,
    },
}

/// Reads and writes a type with `parse` and `Display` as a string, for serde's `try_from` and `into`.
macro_rules! text_form {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

pub(crate) use text_form;

/// Declares a checked string: one constructor, read and written as a string by serde.
macro_rules! checked_string {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Reads it, or says what was expected.
            pub fn parse(text: &str) -> Result<Self, ValueError> {
                let check: fn(&str) -> Result<(), ValueError> = $check;
                check(text).map(|()| Self(text.into()))
            }

            /// As written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        text_form!($name);

        // So that sets and maps of the type are searched by what a token says, without an allocation.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

checked_string! {
    /// A code of the catalogue: of a mandate type (M-12.1), a purpose (M-12.3), a data category or a field.
    ///
    /// lowerCamelCase as Belgif's `cod-design` wants it. Nothing that could be read as a pattern passes.
    Code, |text| {
        let found = || text.into();
        if text.contains('*') || matches!(text, "any" | "all") {
            return Err(ValueError::Wildcard { found: found() });
        }
        let starts_well = text.starts_with(|first: char| first.is_ascii_lowercase());
        let reads_well = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if starts_well && reads_well && text.len() <= MAX_CODE_LENGTH {
            Ok(())
        } else {
            Err(ValueError::Code { found: found() })
        }
    }
}

checked_string! {
    /// A field of an answer, as it stands there (M-6.2): codes joined by `.`, each the name of a member of the one
    /// before, `pension.amount`. Arrays on the way are not written.
    FieldName, |text| {
        let mut codes = text.split('.').map(Code::parse);
        if codes.clone().any(|code| matches!(code, Err(ValueError::Wildcard { .. }))) {
            return Err(ValueError::Wildcard { found: text.into() });
        }
        if codes.all(|code| code.is_ok()) { Ok(()) } else { Err(ValueError::FieldName { found: text.into() }) }
    }
}

checked_string! {
    /// The number of a deliberation, `24/222`; a fictitious one is visibly so, `SIM/001`.
    DeliberationNumber, |text| {
        let well_formed = text.split_once('/').is_some_and(|(year, serial)| {
            let year_holds = year == "SIM" || (year.len() == 2 && year.bytes().all(|byte| byte.is_ascii_digit()));
            year_holds && (2..=4).contains(&serial.len()) && serial.bytes().all(|byte| byte.is_ascii_digit())
        });
        if well_formed { Ok(()) } else { Err(ValueError::DeliberationNumber { found: text.into() }) }
    }
}

checked_string! {
    /// The label of a text version (consent, Circle of Trust, terms) or an identifier of the configuration.
    Label, |text| {
        let reads_well = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if reads_well && (1..=MAX_CODE_LENGTH).contains(&text.len()) {
            Ok(())
        } else {
            Err(ValueError::Label { found: text.into() })
        }
    }
}

checked_string! {
    /// A sentence for people.
    Text, |text| {
        if (1..=MAX_TEXT_LENGTH).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(())
        } else {
            Err(ValueError::Text { length: text.len() })
        }
    }
}

/// An authentication level of the Federal Authentication Service (M-13.2, M-24.2), three digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Level(u16);

impl Level {
    /// 24/222 §13 and §24: below this no grant and no user of a web application counts. A floor in code, so that
    /// no file can lower it (M-D.1).
    pub const FRAMEWORK_MINIMUM: Self = Self(400);

    /// The level, from 100 to 999.
    pub fn new(level: u16) -> Result<Self, ValueError> {
        if (100..=999).contains(&level) {
            Ok(Self(level))
        } else {
            Err(ValueError::Level { found: level })
        }
    }

    /// As a number.
    pub fn as_number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u16> for Level {
    type Error = ValueError;

    fn try_from(level: u16) -> Result<Self, ValueError> {
        Self::new(level)
    }
}

impl From<Level> for u16 {
    fn from(level: Level) -> Self {
        level.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_camel_case() {
        for text in ["policySupportResearch", "a", "simPensionRights2"] {
            assert!(Code::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "Upper",
            "2nd",
            "kebab-case",
            "with space",
            "dotted.name",
            "é",
            &"a".repeat(65),
        ] {
            assert!(
                matches!(Code::parse(text), Err(ValueError::Code { .. })),
                "{text}"
            );
        }
        for text in ["*", "sim*", "any", "all"] {
            assert!(
                matches!(Code::parse(text), Err(ValueError::Wildcard { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn a_field_is_codes_joined_by_dots() {
        for text in ["amount", "pension.amount", "a.b.c"] {
            assert!(FieldName::parse(text).is_ok(), "{text}");
        }
        for text in ["", ".", "a.", ".a", "a..b", "a.B", "a/b", "a[0]", "a.b-c"] {
            assert!(
                matches!(FieldName::parse(text), Err(ValueError::FieldName { .. })),
                "{text}"
            );
        }
        for text in ["*", "a.*", "a.any", "all.b"] {
            assert!(
                matches!(FieldName::parse(text), Err(ValueError::Wildcard { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn numbers_look_like_deliberations() {
        for text in ["24/222", "07/21", "SIM/001"] {
            assert!(DeliberationNumber::parse(text).is_ok(), "{text}");
        }
        for text in [
            "24-222", "2024/222", "24/2", "24/22222", "24/", "/222", "sim/001", "24/222@1",
            "24/222 ", "*/001",
        ] {
            assert!(DeliberationNumber::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn levels_have_three_digits() {
        assert_eq!(Level::new(400), Ok(Level::FRAMEWORK_MINIMUM));
        assert!(Level::new(99).is_err());
        assert!(Level::new(1000).is_err());
    }
}
