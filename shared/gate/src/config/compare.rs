//! What is compared with what decides: `[compare]` and `issuers.candidate_jwks`.

use serde::{Deserialize, Serialize};
use sluis_policy::Catalogue;

use super::ConfigError;
use super::keys::Files;

/// `[compare]` as it is written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCompare {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    catalogue: Option<String>,
}

impl RawCompare {
    /// Reads and checks the candidate catalogue, in the form that is embedded.
    pub(super) fn embed(
        &self,
        files: &mut Files,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<(), ConfigError> {
        if let Some(path) = &self.catalogue {
            let text = read(path).map_err(|message| failed(path, message))?;
            let catalogue =
                Catalogue::from_toml(&text).map_err(|error| failed(path, error.to_string()))?;
            files.insert(path.clone(), catalogue.to_embedded());
        }
        Ok(())
    }

    /// The candidate catalogue, if there is one.
    pub(super) fn catalogue(&self, files: &Files) -> Result<Option<Catalogue>, ConfigError> {
        let Some(path) = &self.catalogue else {
            return Ok(None);
        };
        let text = files
            .get(path)
            .ok_or_else(|| failed(path, "not embedded".to_owned()))?;
        let catalogue = Catalogue::from_embedded(text);
        catalogue
            .map(Some)
            .map_err(|error| failed(path, error.to_string()))
    }
}

fn failed(path: &str, message: String) -> ConfigError {
    ConfigError::File {
        field: "compare.catalogue".to_owned(),
        path: path.to_owned(),
        message,
    }
}
