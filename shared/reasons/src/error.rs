//! Why the table cannot be used.

use thiserror::Error;

use crate::language::{Language, UnknownLanguage};

/// A mistake in the table. Tests find it; a program that has one says so and stops.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReasonsError {
    /// Not the form of the table.
    #[error("reasons.toml: {0}")]
    Form(#[from] toml::de::Error),
    /// Words for a language that there is not.
    #[error("reasons.toml: {0}")]
    Language(#[from] UnknownLanguage),
    /// A language without its words, or with them twice.
    #[error("reasons.toml: the words of {language} stand there {found} times")]
    Words {
        /// The language.
        language: Language,
        /// How often they do.
        found: usize,
    },
    /// A code that stands there twice.
    #[error("reasons.toml: {code} stands there twice")]
    Twice {
        /// The code.
        code: String,
    },
    /// A reason of a stage that there is not.
    #[error("reasons.toml: {code} is of the unknown stage {stage}")]
    UnknownStage {
        /// The reason's code.
        code: String,
        /// The stage's id.
        stage: String,
    },
}
