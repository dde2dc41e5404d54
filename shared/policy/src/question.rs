//! What is asked of the policy: may this verified token have this operation, here and now?

use std::fmt;

use serde::{Deserialize, Serialize};
use sluis_token::{UnixTime, VerifiedAccessToken};
use thiserror::Error;

use crate::value::{Code, Label, ValueError};
use crate::vocabulary::VerificationSystemKind;

/// Which of the two separate flows an operation belongs to (M-11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Basis {
    /// A mandate of the data subject.
    Mandate,
    /// A task laid down in regulation.
    Statutory,
}

impl Basis {
    /// As the configuration spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mandate => "mandate",
            Self::Statutory => "statutory",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the gate runs. Fictitious mandate types exist in the simulation only (token profile §21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Environment {
    /// Real data.
    Production,
    /// The simulation.
    Simulation,
}

impl Environment {
    /// As the configuration spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Simulation => "simulation",
        }
    }
}

/// What a route stands for: given by the configuration, never by the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    id: Label,
    basis: Basis,
    purpose: Code,
    data_categories: Vec<Code>,
}

/// Why an operation of the configuration cannot exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OperationError {
    /// Its identifier.
    #[error("id: {0}")]
    Id(ValueError),
    /// Its purpose.
    #[error("purpose: {0}")]
    Purpose(ValueError),
    /// One of its data categories.
    #[error("data category {index}: {error}")]
    DataCategory {
        /// Which, from 0.
        index: usize,
        /// What was expected.
        error: ValueError,
    },
    /// An operation that delivers nothing nameable cannot be covered by anything (M-12.3).
    #[error("expected at least one data category (M-12.3), found none")]
    NoDataCategory,
    /// The same category twice.
    #[error("expected each data category once, found \"{category}\" again")]
    DuplicateDataCategory {
        /// The category.
        category: Box<str>,
    },
    /// No mandate type or statutory basis of the catalogue has the purpose.
    #[error(
        "operation \"{operation}\": no entry of the catalogue approves the purpose \"{purpose}\" for this basis (M-12.3)"
    )]
    PurposeUnknown {
        /// The operation.
        operation: Box<str>,
        /// Its purpose.
        purpose: Box<str>,
    },
    /// No single entry with that purpose approves all its data categories.
    #[error(
        "operation \"{operation}\": no entry of the catalogue with purpose \"{purpose}\" approves all its data categories (M-12.3)"
    )]
    DataCategoriesUnapproved {
        /// The operation.
        operation: Box<str>,
        /// Its purpose.
        purpose: Box<str>,
    },
}

impl Operation {
    /// An operation named `id` (for the log), for one purpose, that delivers these data categories.
    pub fn new<S: AsRef<str>>(
        id: &str,
        basis: Basis,
        purpose: &str,
        data_categories: impl IntoIterator<Item = S>,
    ) -> Result<Self, OperationError> {
        let mut categories: Vec<Code> = Vec::new();
        for (index, text) in data_categories.into_iter().enumerate() {
            let category = Code::parse(text.as_ref())
                .map_err(|error| OperationError::DataCategory { index, error })?;
            if categories.contains(&category) {
                return Err(OperationError::DuplicateDataCategory {
                    category: category.as_str().into(),
                });
            }
            categories.push(category);
        }
        if categories.is_empty() {
            return Err(OperationError::NoDataCategory);
        }
        Ok(Self {
            id: Label::parse(id).map_err(OperationError::Id)?,
            basis,
            purpose: Code::parse(purpose).map_err(OperationError::Purpose)?,
            data_categories: categories,
        })
    }

    /// Its identifier.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// The flow it belongs to.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// The purpose it serves.
    pub fn purpose(&self) -> &str {
        self.purpose.as_str()
    }

    /// What it delivers.
    pub fn data_categories(&self) -> impl Iterator<Item = &str> {
        self.data_categories.iter().map(Code::as_str)
    }
}

/// A verification system as the configuration registers it (M-14.2, M-16.2), found through the token's issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationSystem {
    id: Label,
    kind: VerificationSystemKind,
}

impl VerificationSystem {
    /// A verification system.
    pub fn new(id: &str, kind: VerificationSystemKind) -> Result<Self, ValueError> {
        Ok(Self {
            id: Label::parse(id)?,
            kind,
        })
    }

    /// Its identifier.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Who runs it.
    pub fn kind(&self) -> VerificationSystemKind {
        self.kind
    }
}

/// Everything that [`crate::decide`] looks at, apart from the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Proof that signature, issuer, audience and time were checked.
    pub token: &'a VerifiedAccessToken,
    /// The route.
    pub operation: &'a Operation,
    /// Production or simulation.
    pub environment: Environment,
    /// The registered verification system behind the token's issuer.
    pub verification_system: &'a VerificationSystem,
    /// The time of the request.
    pub at: UnixTime,
}
