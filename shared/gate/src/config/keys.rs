//! Where an issuer's keys come from: `jwks` and `candidate_jwks`.

use std::collections::BTreeMap;

use sluis_policy::Environment;
use sluis_token::{JwkSet, KeyId, KeyRules};

use super::ConfigError;
use super::raw::RawJwks;
use super::value::{parse_key_url, unusable, with_origin};

/// The texts of the files that a configuration names, by their paths in it.
pub(super) type Files = BTreeMap<String, String>;

/// Where an issuer's keys come from.
#[derive(Debug)]
pub(crate) enum KeyLocation {
    /// Embedded with the configuration.
    Embedded(JwkSet),
    /// Fetched.
    Url(String),
}

/// A place for keys, and the rules for what is found there.
#[derive(Debug)]
pub(crate) struct KeySource {
    pub(crate) location: KeyLocation,
    pub(crate) rules: KeyRules,
}

impl KeySource {
    /// Reads `jwks` or `candidate_jwks`; `field` is its name for messages.
    pub(super) fn parse(
        field: &str,
        raw: RawJwks,
        environment: Environment,
        files: &Files,
    ) -> Result<Self, ConfigError> {
        let algorithms = format!("{field}.algorithms");
        let pins = raw.algorithms.into_iter().map(|(kid, algorithm)| {
            let key_id = KeyId::parse(&kid)
                .ok_or_else(|| ConfigError::invalid(&algorithms, &kid, "a key id"));
            key_id.map(|key_id| (key_id, algorithm.into()))
        });
        let rules = KeyRules::new(pins.collect::<Result<Vec<_>, _>>()?, [])
            .map_err(|error| unusable(&algorithms, &error))?;
        let location = match (raw.url, raw.file) {
            (Some(url), None) => {
                let field = format!("{field}.url");
                KeyLocation::Url(parse_key_url(&field, &url, environment)?)
            }
            (None, Some(path)) => {
                let failed = |message: String| ConfigError::File {
                    field: format!("{field}.file"),
                    path: path.clone(),
                    message,
                };
                let text = files
                    .get(&path)
                    .ok_or_else(|| failed("not embedded".to_owned()))?;
                let set = JwkSet::parse(text.as_bytes(), &rules);
                KeyLocation::Embedded(set.map_err(|error| failed(error.to_string()))?)
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err(ConfigError::invalid(
                    field,
                    "both or none",
                    "exactly one of `url` and `file`",
                ));
            }
        };
        Ok(Self { location, rules })
    }

    /// Moves a URL to another origin.
    pub(super) fn move_to(&mut self, origin: &str) {
        if let KeyLocation::Url(url) = &mut self.location {
            *url = with_origin(url, origin);
        }
    }
}
