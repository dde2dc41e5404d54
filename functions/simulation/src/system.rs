//! A test verification system: a name, an issuer, keys.

use serde::{Deserialize, Serialize};
use sluis_token::Algorithm;
use sluis_token::sign::{SigningKey, jwks_json};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SystemName {
    /// Plays the Crossroads Bank's verification system (M-14.2): plain holders.
    #[default]
    Cbss,
    /// Plays the managing institution of a secondary network (M-15.4):
    /// pseudonymised holders.
    Nic,
}

impl SystemName {
    /// The `iss` of its tokens.
    pub const fn issuer(self) -> &'static str {
        match self {
            Self::Cbss => "https://cbss.simulation.sluis.invalid",
            Self::Nic => "https://nic.simulation.sluis.invalid",
        }
    }
}

/// A verification system with its keys.
pub struct VerificationSystem {
    name: SystemName,
    keys: Vec<SigningKey>,
}

impl VerificationSystem {
    pub(crate) fn new(name: SystemName, keys: Vec<SigningKey>) -> Self {
        Self { name, keys }
    }

    /// Which one it is.
    pub const fn name(&self) -> SystemName {
        self.name
    }

    /// Its public keys, as it publishes them.
    pub fn jwks_json(&self) -> String {
        jwks_json(&self.keys)
    }

    pub(crate) fn key(&self, algorithm: Algorithm) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.algorithm() == algorithm)
    }

    pub(crate) fn first_key(&self) -> Option<&SigningKey> {
        self.keys.first()
    }
}
