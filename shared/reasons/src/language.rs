//! The languages of the table: the three of the country, and English.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// Dutch.
    Nl,
    /// French.
    Fr,
    /// German.
    De,
    /// English.
    En,
}

/// No language of the table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no language {found}; there are nl, fr, de and en")]
pub struct UnknownLanguage {
    found: String,
}

impl Language {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Nl, Self::Fr, Self::De, Self::En];

    /// As ISO 639-1 has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nl => "nl",
            Self::Fr => "fr",
            Self::De => "de",
            Self::En => "en",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        Self::ALL
            .into_iter()
            .find(|language| language.as_str() == text)
            .ok_or_else(|| UnknownLanguage {
                found: text.to_owned(),
            })
    }
}
