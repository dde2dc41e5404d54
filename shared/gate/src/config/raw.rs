//! The configuration file as it is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluis_log::{DEFAULT_ACCESS_YEARS, DEFAULT_REFUSAL_MONTHS};
use sluis_policy::{Basis, Environment, VerificationSystemKind};
use sluis_token::Algorithm;

use super::ConfigError;
use super::compare::RawCompare;
use super::enforcement::RawEnforcement;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) institution: RawInstitution,
    #[serde(default)]
    pub(super) enforcement: RawEnforcement,
    #[serde(default)]
    pub(super) compare: RawCompare,
    pub(super) issuers: Vec<RawIssuer>,
    pub(super) routes: Vec<RawRoute>,
    pub(super) upstream: RawUpstream,
    pub(super) limits: RawLimits,
    pub(super) log: RawLog,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInstitution {
    pub(super) id: String,
    pub(super) environment: RawEnvironment,
    pub(super) url: String,
    pub(super) audience: String,
    pub(super) realm: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RawEnvironment {
    Production,
    Simulation,
}

impl From<RawEnvironment> for Environment {
    fn from(raw: RawEnvironment) -> Self {
        match raw {
            RawEnvironment::Production => Self::Production,
            RawEnvironment::Simulation => Self::Simulation,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIssuer {
    pub(super) issuer: String,
    pub(super) verification_system: String,
    pub(super) kind: RawKind,
    pub(super) algorithms: Vec<RawAlgorithm>,
    pub(super) max_token_lifetime_seconds: u64,
    pub(super) clock_skew_seconds: u64,
    pub(super) jwks: RawJwks,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) candidate_jwks: Option<RawJwks>,
    /// Where its status lists may stand, each ending in `/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) status_lists: Vec<String>,
}

impl RawIssuer {
    /// The files that it names, and the fields that name them.
    pub(super) fn key_files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let now = ("issuers.jwks.file", self.jwks.file.as_deref());
        let candidate = self.candidate_jwks.as_ref();
        let then = candidate.and_then(|jwks| jwks.file.as_deref());
        [now, ("issuers.candidate_jwks.file", then)]
            .into_iter()
            .filter_map(|(field, path)| Some((field, path?)))
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RawKind {
    Cbss,
    SecondaryNetwork,
}

impl From<RawKind> for VerificationSystemKind {
    fn from(raw: RawKind) -> Self {
        match raw {
            RawKind::Cbss => Self::Cbss,
            RawKind::SecondaryNetwork => Self::SecondaryNetwork,
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum RawAlgorithm {
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "ES384")]
    Es384,
    #[serde(rename = "PS256")]
    Ps256,
    #[serde(rename = "RS256")]
    Rs256,
}

impl From<RawAlgorithm> for Algorithm {
    fn from(raw: RawAlgorithm) -> Self {
        match raw {
            RawAlgorithm::EdDsa => Self::EdDsa,
            RawAlgorithm::Es256 => Self::Es256,
            RawAlgorithm::Es384 => Self::Es384,
            RawAlgorithm::Ps256 => Self::Ps256,
            RawAlgorithm::Rs256 => Self::Rs256,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawJwks {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    /// Key id to algorithm, for keys that do not name theirs (profile §10).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) algorithms: BTreeMap<String, RawAlgorithm>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    pub(super) operation: String,
    pub(super) method: String,
    pub(super) path: String,
    /// Query parameters that the operation knows; any other is refused.
    #[serde(default)]
    pub(super) query: Vec<String>,
    pub(super) basis: RawBasis,
    pub(super) purpose: String,
    pub(super) data_categories: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<RawSubject>,
    pub(super) response: RawResponse,
    /// Where the fields stand, if not in the document itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fields_in: Option<String>,
}

/// What of the API's answer passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RawResponse {
    Fields,
    Opaque,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RawBasis {
    Mandate,
    Statutory,
}

impl From<RawBasis> for Basis {
    fn from(raw: RawBasis) -> Self {
        match raw {
            RawBasis::Mandate => Self::Mandate,
            RawBasis::Statutory => Self::Statutory,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSubject {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
}

/// How the gate stands in front of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum RawMode {
    Inline,
    Decision,
    Both,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUpstream {
    pub(super) mode: RawMode,
    pub(super) url: String,
    pub(super) timeout_ms: u32,
    #[serde(default)]
    pub(super) forward_headers: Vec<String>,
    #[serde(default)]
    pub(super) trust_client_cert_field: bool,
    pub(super) assertion_audience: String,
    pub(super) assertion_lifetime_seconds: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub(super) buffered_body_bytes: usize,
    pub(super) filtered_body_bytes: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) origin: String,
    pub(super) source: String,
    pub(super) service: String,
    pub(super) aggregate_interval_ms: u32,
    /// Whether the answer to an allowed request has a receipt.
    #[serde(default)]
    pub(super) receipts: bool,
    /// Over how many logs the entries are spread.
    #[serde(default = "one")]
    pub(super) shards: u16,
    /// Paths of logs that nothing is added to any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) closed: Vec<String>,
    #[serde(default)]
    pub(super) retention: RawRetention,
}

const fn one() -> u16 {
    1
}

/// How long payloads are kept; without it the defaults.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRetention {
    pub(super) access_years: u8,
    pub(super) refusal_months: u16,
}

impl Default for RawRetention {
    fn default() -> Self {
        Self {
            access_years: DEFAULT_ACCESS_YEARS,
            refusal_months: DEFAULT_REFUSAL_MONTHS,
        }
    }
}

/// Parses the file, naming the line and the path of a field that does not fit.
pub(super) fn from_toml(text: &str) -> Result<RawConfig, ConfigError> {
    let line_of = |error: &toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or(text);
        before.matches('\n').count() + 1
    };
    let syntax = |field: String, error: &toml::de::Error| ConfigError::Syntax {
        field,
        line: line_of(error),
        message: error.message().lines().collect::<Vec<_>>().join("; "),
    };
    let document = toml::Deserializer::parse(text).map_err(|e| syntax("(file)".to_owned(), &e))?;
    serde_path_to_error::deserialize(document).map_err(|error| {
        let field = error.path().to_string();
        syntax(field, &error.into_inner())
    })
}
