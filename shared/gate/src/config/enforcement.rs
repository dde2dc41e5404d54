//! Whether the verdict counts: `[enforcement]` of the configuration.

use serde::{Deserialize, Serialize};
use sluis_policy::ShadowRules;

use super::ConfigError;
use super::value::unusable;

/// `[enforcement]` as it is written; without it everything is enforced.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEnforcement {
    #[serde(default)]
    verdict: RawVerdict,
    #[serde(default)]
    shadow_rules: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum RawVerdict {
    #[default]
    Enforce,
    Shadow,
}

/// What is enforced.
#[derive(Debug, Default)]
pub(crate) struct Enforcement {
    licence: Option<ShadowLicence>,
    /// Rules that are only watched.
    pub(crate) rules: ShadowRules,
}

/// That the configuration puts the whole verdict in shadow (in the simulation
/// also a variable). Nothing else makes one, and without it no refused request
/// goes on.
#[derive(Debug)]
pub(crate) struct ShadowLicence(());

impl Enforcement {
    /// The licence to let refused requests go on, if there is one.
    pub(crate) fn licence(&self) -> Option<&ShadowLicence> {
        self.licence.as_ref()
    }

    /// Puts the whole verdict in shadow, or out of it. The caller has checked
    /// that this is the simulation.
    pub(super) fn set_simulation(&mut self, verdict: &str) -> Result<(), ConfigError> {
        self.licence = match verdict {
            "shadow" => Some(ShadowLicence(())),
            "enforce" => None,
            _ => {
                return Err(ConfigError::invalid(
                    "SLUIS_SIMULATION_ENFORCEMENT",
                    "another value",
                    "`enforce` or `shadow`",
                ));
            }
        };
        Ok(())
    }

    /// What operators should be told at every build and in every report.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.licence.is_some() {
            warnings.push(
                "field `enforcement.verdict`: \"shadow\": every request goes on, whatever is decided"
                    .to_owned(),
            );
        }
        if !self.rules.is_empty() {
            warnings.push(
                "field `enforcement.shadow_rules`: these rules are recorded and refuse nothing"
                    .to_owned(),
            );
        }
        warnings
    }
}

impl TryFrom<RawEnforcement> for Enforcement {
    type Error = ConfigError;

    fn try_from(raw: RawEnforcement) -> Result<Self, ConfigError> {
        let rules = ShadowRules::parse(raw.shadow_rules.iter().map(String::as_str))
            .map_err(|error| unusable("enforcement.shadow_rules", &error))?;
        let licence = (raw.verdict == RawVerdict::Shadow).then_some(ShadowLicence(()));
        Ok(Self { licence, rules })
    }
}
