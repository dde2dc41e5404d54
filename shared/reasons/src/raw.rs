//! `reasons.toml` as it is written.

use serde::Deserialize;

use crate::language::Language;
use crate::table::{LogEntry, Wording};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTable {
    pub(crate) language: Vec<Wording>,
    pub(crate) stage: Vec<RawStage>,
    pub(crate) reason: Vec<RawReason>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStage {
    pub(crate) id: String,
    pub(crate) nl: String,
    pub(crate) fr: String,
    pub(crate) de: String,
    pub(crate) en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawReason {
    pub(crate) code: String,
    pub(crate) stage: String,
    pub(crate) status: u16,
    pub(crate) problem: String,
    pub(crate) basis: Vec<String>,
    pub(crate) entry: LogEntry,
    pub(crate) told: bool,
    pub(crate) nl: RawExplanation,
    pub(crate) fr: RawExplanation,
    pub(crate) de: RawExplanation,
    pub(crate) en: RawExplanation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawExplanation {
    pub(crate) meaning: String,
    pub(crate) action: String,
}

/// One thing in every language.
#[derive(Debug, Clone)]
pub(crate) struct Everywhere<T> {
    pub(crate) nl: T,
    pub(crate) fr: T,
    pub(crate) de: T,
    pub(crate) en: T,
}

impl<T> Everywhere<T> {
    pub(crate) fn in_language(&self, language: Language) -> &T {
        match language {
            Language::Nl => &self.nl,
            Language::Fr => &self.fr,
            Language::De => &self.de,
            Language::En => &self.en,
        }
    }
}
