//! What a simulation is started with.

use sluis_token::sign::SigningKey;
use zeroize::Zeroizing;

use crate::system::{SystemName, VerificationSystem};

/// The settings as text, by the names that operators use.
pub struct RawSettings {
    /// `SLUIS_SIMULATION_KEYS_CBSS`: a JSON array of private JWKs, one an algorithm.
    pub keys_cbss: String,
    /// `SLUIS_SIMULATION_KEYS_NIC`: the same, other keys.
    pub keys_nic: String,
    /// `SLUIS_PSEUDONYM_KEY`: the validator's, base64url.
    pub pseudonym_key: String,
}

/// A running simulation.
pub struct Simulation {
    pub(crate) cbss: VerificationSystem,
    pub(crate) nic: VerificationSystem,
    pub(crate) pseudonym_key: Zeroizing<Vec<u8>>,
}

/// A setting that cannot be used. Never says what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No array of private JWKs, or two of one algorithm.
    #[error("{name}: expected a JSON array of private JWKs, at most one for each algorithm")]
    Keys {
        /// Name of the setting.
        name: &'static str,
    },
    /// No base64url.
    #[error("{name}: expected base64url")]
    PseudonymKey {
        /// Name of the setting.
        name: &'static str,
    },
}

impl TryFrom<RawSettings> for Simulation {
    type Error = SettingsError;

    fn try_from(raw: RawSettings) -> Result<Self, SettingsError> {
        use base64ct::{Base64UrlUnpadded, Encoding as _};
        let pseudonym_key =
            Base64UrlUnpadded::decode_vec(raw.pseudonym_key.trim()).map_err(|_| {
                SettingsError::PseudonymKey {
                    name: "SLUIS_PSEUDONYM_KEY",
                }
            })?;
        let cbss = parse_keys("SLUIS_SIMULATION_KEYS_CBSS", &raw.keys_cbss)?;
        let nic = parse_keys("SLUIS_SIMULATION_KEYS_NIC", &raw.keys_nic)?;
        Ok(Self {
            cbss: VerificationSystem::new(SystemName::Cbss, cbss),
            nic: VerificationSystem::new(SystemName::Nic, nic),
            pseudonym_key: Zeroizing::new(pseudonym_key),
        })
    }
}

impl Simulation {
    /// The verification system of that name.
    pub fn system(&self, name: SystemName) -> &VerificationSystem {
        match name {
            SystemName::Cbss => &self.cbss,
            SystemName::Nic => &self.nic,
        }
    }
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Simulation(redacted)")
    }
}

fn parse_keys(name: &'static str, json: &str) -> Result<Vec<SigningKey>, SettingsError> {
    let bad = || SettingsError::Keys { name };
    let values: Vec<serde_json::Value> = serde_json::from_str(json).map_err(|_| bad())?;
    let mut keys: Vec<SigningKey> = Vec::with_capacity(values.len());
    for value in values {
        let key = SigningKey::from_jwk_json(&value.to_string()).map_err(|_| bad())?;
        if keys
            .iter()
            .any(|other| other.algorithm() == key.algorithm())
        {
            return Err(bad());
        }
        keys.push(key);
    }
    if keys.is_empty() {
        Err(bad())
    } else {
        Ok(keys)
    }
}
