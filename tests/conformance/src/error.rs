//! What can go wrong besides a verdict: the data, the building of a case, the target.

use sluis_token::Algorithm;
use sluis_token::sign::SignError;
use thiserror::Error;

/// Why the corpus cannot be read. A mistake in the data, found by its tests.
#[derive(Debug, Error)]
pub enum CorpusError {
    /// Not TOML, or not of the corpus' form.
    #[error("{file}: {error}")]
    Form {
        /// The file.
        file: &'static str,
        /// What is wrong.
        error: Box<toml::de::Error>,
    },
    /// An entry that is no case after its variant was laid over it.
    #[error("{file}: {id}: {error}")]
    Case {
        /// The file.
        file: &'static str,
        /// The case.
        id: String,
        /// What is wrong.
        error: Box<toml::de::Error>,
    },
    /// An entry without what every case must have.
    #[error("{file}: {id}: {problem}")]
    Incomplete {
        /// The file.
        file: &'static str,
        /// The case, as far as it is known.
        id: String,
        /// What is missing.
        problem: &'static str,
    },
    /// Two cases of one id.
    #[error("{id} stands twice")]
    Twice {
        /// The id.
        id: String,
    },
}

/// Why a case cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BuildError {
    /// A name that stands for nothing.
    #[error("${{{name}}} stands for nothing")]
    Name {
        /// The name.
        name: String,
    },
    /// A name that does not end.
    #[error("a name in {text:?} does not end")]
    Template {
        /// The text.
        text: String,
    },
    /// A text that became too long.
    #[error("a text of more than {limit} bytes")]
    TooLong {
        /// The most that is made.
        limit: usize,
    },
    /// A pointer to nothing.
    #[error("{pointer} leads to nothing that can be edited")]
    Pointer {
        /// The pointer.
        pointer: String,
    },
    /// Not hexadecimal.
    #[error("{text:?} is not hexadecimal")]
    Hexadecimal {
        /// The text.
        text: String,
    },
    /// The issuer has no key of that algorithm.
    #[error("no {algorithm} key")]
    NoKey {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// The key does not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A forgery that does not work out.
    #[error("{forgery}: {problem}")]
    Forgery {
        /// Which.
        forgery: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The target's profile lacks what the case needs.
    #[error("the target's profile has no {what}")]
    Lacks {
        /// What.
        what: &'static str,
    },
}

/// Why a target gave no answer. No verdict on it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetError {
    /// It was not reached, or did not answer in time.
    #[error("no answer: {problem}")]
    Unreachable {
        /// What happened.
        problem: String,
    },
    /// It answered something that is no HTTP.
    #[error("no HTTP answer: {problem}")]
    NotHttp {
        /// What is wrong.
        problem: String,
    },
    /// Its surroundings (key server, log) failed.
    #[error("the surroundings failed: {problem}")]
    Surroundings {
        /// What happened.
        problem: String,
    },
}
