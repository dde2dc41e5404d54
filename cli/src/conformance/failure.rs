//! What can go wrong, and the exit code that says so.

use sluis_conformance::error::CorpusError;
use sluis_conformance::keys::KeySetError;
use sluis_conformance::settings::PersonError;
use sluis_token::sign::SignError;
use thiserror::Error;

use crate::files::FileFailure;

/// Why a conformance command failed. One line, and nothing of a key.
#[derive(Debug, Error)]
pub(crate) enum ConformanceFailure {
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error("no key could be made: {0}")]
    NotMade(SignError),
    #[error("{0}")]
    Corpus(#[from] CorpusError),
    #[error("no profile: name it with --profile, or start `cargo xtask dev`")]
    NoProfile,
    #[error("several local runs have profiles here: name one with --profile")]
    SeveralProfiles,
    #[error("{name}: {problem}")]
    Profile { name: String, problem: String },
    #[error("{name}: no private keys of a test issuer: {error}")]
    Keys { name: String, error: KeySetError },
    #[error("{name}: {error}")]
    Person { name: String, error: PersonError },
    #[error(
        "{name}: {ssin_place}: expected a number of the bis type, which no person has as a national number"
    )]
    RealPerson {
        name: String,
        ssin_place: &'static str,
    },
    #[error("{url}: {problem}")]
    Url { url: String, problem: &'static str },
    #[error("{url} is not this machine: say --authorized if it is yours to attack")]
    NotAuthorized { url: String },
    #[error("{url}: {problem}")]
    Unreachable { url: String, problem: String },
    #[error("TLS cannot be had: {0}")]
    Tls(rustls::Error),
    #[error("no case begins with {0:?}")]
    NoCase(String),
    #[error("{failed} cases not as expected, {errors} without a verdict")]
    NotConformant { failed: usize, errors: usize },
}

impl ConformanceFailure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_)
            | Self::NotMade(_)
            | Self::Corpus(_)
            | Self::NoProfile
            | Self::SeveralProfiles
            | Self::Tls(_) => FileFailure::EXIT_CODE,
            Self::Url { .. } | Self::NotAuthorized { .. } | Self::NoCase(_) => 2,
            Self::NotConformant { .. } => 3,
            Self::Profile { .. }
            | Self::Keys { .. }
            | Self::Person { .. }
            | Self::RealPerson { .. } => 4,
            Self::Unreachable { .. } => 6,
        }
    }
}
