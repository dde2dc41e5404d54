//! The catalogue: deliberations, mandate types and statutory bases, checked as a whole before any of it is used.

mod entry;
mod error;
mod lint;
mod path;
mod timeline;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sluis_token::UnixTime;

pub use entry::{
    AdmissibleSystem, ApiChannel, Channels, DataCategory, Deliberation, Framework, Grant,
    MandateType, Period, Predecessor, SecurityMeasure, StatutoryBasis, Title, Version,
    WebAppChannel,
};
pub use error::{CatalogueError, CatalogueProblem};
pub use lint::LONGEST_MANDATE_DAYS;
pub use path::FieldPath;
pub use timeline::{DeliberationVersion, Standing};

pub(crate) use timeline::DatedDeliberation;

use crate::question::{Basis, Operation, OperationError};
use crate::value::FieldName;
use crate::vocabulary::{DeliberationKind, HolderIdentity, VerificationSystemKind};
use entry::RawCatalogue;
use path::line_of;

/// The format of the file that this build reads.
pub const FORMAT: u32 = 1;

/// The largest catalogue that is read.
pub const MAX_CATALOGUE_BYTES: usize = 1 << 20;

/// A catalogue that passed every lint. There is no other kind.
#[derive(Clone, Debug)]
pub struct Catalogue {
    deliberations: Vec<DatedDeliberation>,
    mandate_types: Vec<OfferedType>,
    statutory_bases: Vec<Arc<StatutoryBasis>>,
    by_number: BTreeMap<Box<str>, usize>,
    by_code: BTreeMap<Box<str>, usize>,
    by_statutory_purpose: BTreeMap<Box<str>, usize>,
    digest: [u8; 32],
}

/// A mandate type with what follows from its deliberations.
#[derive(Clone, Debug)]
pub(crate) struct OfferedType {
    pub(crate) entry: Arc<MandateType>,
    pub(crate) simulation_only: bool,
}

/// What `build.rs` embeds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Embedded {
    digest: [u8; 32],
    catalogue: RawCatalogue,
}

impl Catalogue {
    /// Reads and checks the catalogue file.
    pub fn from_toml(file: &str) -> Result<Self, CatalogueError> {
        bounded(file)?;
        let syntax = |error: &toml::de::Error| CatalogueError {
            path: FieldPath::root(),
            line: error.span().map(|span| line_of(file, span.start)),
            problem: CatalogueProblem::Syntax {
                message: one_line(error.message()),
            },
        };
        let parsed = toml::Deserializer::parse(file).map_err(|error| syntax(&error))?;
        let raw: RawCatalogue = serde_path_to_error::deserialize(parsed).map_err(|error| {
            let path = FieldPath::from_serde(error.path());
            let own = error.inner().span().map(|span| line_of(file, span.start));
            let line = path.line_in(file).max(own);
            CatalogueError {
                path,
                line,
                problem: CatalogueProblem::Field {
                    message: one_line(error.inner().message()),
                },
            }
        })?;
        let digest = Sha256::digest(file.as_bytes()).into();
        Self::check(raw, digest).map_err(|mut error| {
            error.line = error.path.line_in(file);
            error
        })
    }

    /// The catalogue and its digest as JSON, to be embedded in a function at build time, which then needs no TOML.
    pub fn to_embedded(&self) -> String {
        let catalogue = RawCatalogue {
            format: FORMAT,
            deliberations: self
                .deliberations
                .iter()
                .map(|dated| dated.entry.clone())
                .collect(),
            mandate_types: self
                .mandate_types
                .iter()
                .map(|offered| (*offered.entry).clone())
                .collect(),
            statutory_bases: self
                .statutory_bases
                .iter()
                .map(|basis| (**basis).clone())
                .collect(),
        };
        // Strings, numbers and string-keyed maps: serde_json cannot fail on them, and if it ever did,
        // `from_embedded` refuses the empty text.
        serde_json::to_string(&Embedded {
            digest: self.digest,
            catalogue,
        })
        .unwrap_or_default()
    }

    /// Reads what [`Catalogue::to_embedded`] wrote; every lint runs again.
    pub fn from_embedded(json: &str) -> Result<Self, CatalogueError> {
        bounded(json)?;
        let mut parser = serde_json::Deserializer::from_str(json);
        let embedded: Embedded = Embedded::deserialize(&mut parser)
            .and_then(|embedded| parser.end().map(|()| embedded))
            .map_err(|error| CatalogueError {
                path: FieldPath::root(),
                line: None,
                problem: CatalogueProblem::Syntax {
                    message: one_line(&error.to_string()),
                },
            })?;
        Self::check(embedded.catalogue, embedded.digest)
    }

    /// The one constructor.
    fn check(raw: RawCatalogue, digest: [u8; 32]) -> Result<Self, CatalogueError> {
        let refuse = |(path, problem)| CatalogueError {
            path,
            line: None,
            problem,
        };
        if raw.format != FORMAT {
            let problem = CatalogueProblem::Format {
                supported: FORMAT,
                found: raw.format,
            };
            return Err(refuse((FieldPath::root().key("format"), problem)));
        }
        lint::lint(&raw).map_err(refuse)?;
        let deliberations: Vec<_> = raw
            .deliberations
            .iter()
            .map(|entry| DatedDeliberation::new(entry.clone(), &raw))
            .collect();
        let fictitious: Vec<_> = raw
            .deliberations
            .iter()
            .filter(|entry| entry.simulation_only)
            .map(|entry| entry.number.clone())
            .collect();
        let mandate_types: Vec<_> = raw
            .mandate_types
            .into_iter()
            .map(|entry| {
                let simulation_only = entry
                    .deliberations
                    .iter()
                    .any(|number| fictitious.contains(number));
                OfferedType {
                    entry: Arc::new(entry),
                    simulation_only,
                }
            })
            .collect();
        let statutory_bases: Vec<_> = raw.statutory_bases.into_iter().map(Arc::new).collect();
        let position = |(index, name): (usize, &str)| (Box::from(name), index);
        let by_number = deliberations
            .iter()
            .map(|dated| &*dated.number)
            .enumerate()
            .map(position)
            .collect();
        let by_code = mandate_types
            .iter()
            .map(|offered| offered.entry.code())
            .enumerate()
            .map(position)
            .collect();
        let by_statutory_purpose = statutory_bases
            .iter()
            .enumerate()
            .flat_map(|(index, basis)| {
                basis
                    .purposes
                    .iter()
                    .map(move |purpose| (Box::from(purpose.as_str()), index))
            })
            .collect();
        Ok(Self {
            deliberations,
            mandate_types,
            statutory_bases,
            by_number,
            by_code,
            by_statutory_purpose,
            digest,
        })
    }

    /// SHA-256 of the file's bytes: what `sha256sum catalogue.toml` prints.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The deliberations, in the order of the file.
    pub fn deliberations(&self) -> impl Iterator<Item = &Deliberation> {
        self.deliberations.iter().map(|dated| &dated.entry)
    }

    /// The mandate types, in the order of the file.
    pub fn mandate_types(&self) -> impl Iterator<Item = &MandateType> {
        self.mandate_types.iter().map(|offered| &*offered.entry)
    }

    /// The statutory bases, in the order of the file.
    pub fn statutory_bases(&self) -> impl Iterator<Item = &StatutoryBasis> {
        self.statutory_bases.iter().map(|basis| &**basis)
    }

    /// The mandate type with this code.
    pub fn mandate_type(&self, code: &str) -> Option<&MandateType> {
        self.offered_type(code).map(|offered| &*offered.entry)
    }

    /// Whether the mandate type exists for the simulation only.
    pub fn is_simulation_only(&self, mandate_type: &MandateType) -> bool {
        // An unknown one is treated as fictitious: production then refuses it.
        self.offered_type(mandate_type.code())
            .is_none_or(|offered| offered.simulation_only)
    }

    /// How the deliberation `number` stands at `at`; none if the catalogue does not have it.
    pub fn standing(&self, number: &str, at: UnixTime) -> Option<Standing> {
        self.deliberation(number).map(|dated| dated.standing(at))
    }

    /// The framework that governs at `at`, held or not (M-D.3): 19/004 before 24/222.
    pub fn framework_at(&self, at: UnixTime) -> Option<DeliberationVersion> {
        self.frameworks_at(at).next().map(|(_, version)| version)
    }

    /// Whether a route can exist: its purpose and data categories are approved somewhere in its own flow (M-12.3).
    ///
    /// For the build of a configuration; whether a request is allowed is for [`crate::decide`] alone.
    pub fn check_operation(&self, operation: &Operation) -> Result<(), OperationError> {
        let purpose = operation.purpose();
        let approved: Vec<&[DataCategory]> = match operation.basis() {
            Basis::Mandate => self
                .mandate_types()
                .filter(|entry| entry.purposes.iter().any(|code| code.as_str() == purpose))
                .map(MandateType::data_categories)
                .collect(),
            Basis::Statutory => self
                .statutory_basis(purpose)
                .map(|basis| basis.data_categories())
                .into_iter()
                .collect(),
        };
        if approved.is_empty() {
            return Err(OperationError::PurposeUnknown {
                operation: operation.id().into(),
                purpose: purpose.into(),
            });
        }
        let covers = |categories: &&[DataCategory]| {
            operation
                .data_categories()
                .all(|wanted| categories.iter().any(|category| category.code() == wanted))
        };
        if approved.iter().any(covers) {
            return Ok(());
        }
        Err(OperationError::DataCategoriesUnapproved {
            operation: operation.id().into(),
            purpose: purpose.into(),
        })
    }

    /// The fields that an operation may deliver under each mandate type (or statutory basis) for its purpose, by the
    /// code of that: those of its data categories, as far as the entry approves them (M-6.2, M-12.3).
    pub fn approved_fields<'a>(
        &'a self,
        operation: &'a Operation,
    ) -> impl Iterator<Item = (&'a str, BTreeSet<&'a str>)> {
        let purpose = operation.purpose();
        let mandate_types = self
            .mandate_types()
            .filter(move |entry| entry.purposes.iter().any(|code| code.as_str() == purpose))
            .map(|entry| (entry.code(), entry.data_categories()));
        let statutory = self.statutory_basis(purpose).into_iter();
        let statutory = statutory.map(|basis| (basis.code(), basis.data_categories()));
        let (mandates, statutes) = match operation.basis() {
            Basis::Mandate => (Some(mandate_types), None),
            Basis::Statutory => (None, Some(statutory)),
        };
        let entries = mandates
            .into_iter()
            .flatten()
            .chain(statutes.into_iter().flatten());
        entries.map(|(code, categories)| {
            let delivered = |category: &&DataCategory| {
                operation
                    .data_categories()
                    .any(|wanted| wanted == category.code())
            };
            let fields = categories.iter().filter(delivered);
            let fields = fields.flat_map(|category| category.fields().keys());
            (code, fields.map(FieldName::as_str).collect())
        })
    }

    /// Whether any mandate type may be attested by a system of this kind; a configured one that none names is a mistake.
    pub fn admits_verification_system(&self, id: &str, kind: VerificationSystemKind) -> bool {
        self.mandate_types().any(|entry| entry.admits(id, kind))
    }

    /// Whether the holder of some token of this verification system must stay unknown
    /// (M-15.4, M-17.3): of a token of which no more is known than who issued it.
    pub fn hides_holders_of(&self, id: &str, kind: VerificationSystemKind) -> bool {
        kind == VerificationSystemKind::SecondaryNetwork
            || self.mandate_types().any(|entry| {
                entry.holder_identity() == HolderIdentity::Pseudonymised && entry.admits(id, kind)
            })
    }

    pub(crate) fn offered_type(&self, code: &str) -> Option<&OfferedType> {
        self.by_code
            .get(code)
            .and_then(|&index| self.mandate_types.get(index))
    }

    pub(crate) fn deliberation(&self, number: &str) -> Option<&DatedDeliberation> {
        self.by_number
            .get(number)
            .and_then(|&index| self.deliberations.get(index))
    }

    pub(crate) fn statutory_basis(&self, purpose: &str) -> Option<&Arc<StatutoryBasis>> {
        self.by_statutory_purpose
            .get(purpose)
            .and_then(|&index| self.statutory_bases.get(index))
    }

    /// The frameworks in force at `at`.
    pub(crate) fn frameworks_at(
        &self,
        at: UnixTime,
    ) -> impl Iterator<Item = (&DatedDeliberation, DeliberationVersion)> {
        self.deliberations
            .iter()
            .filter(|dated| dated.entry.kind == DeliberationKind::Framework)
            .filter_map(move |dated| match dated.standing(at) {
                Standing::InForce(version) => Some((dated, version)),
                Standing::NotYet { .. } | Standing::Ended { .. } | Standing::Repealed { .. } => {
                    None
                }
            })
    }
}

impl MandateType {
    /// M-16.2: whether this verification system may attest the mandate type.
    pub(crate) fn admits(&self, id: &str, kind: VerificationSystemKind) -> bool {
        self.verification_systems.iter().any(|system| {
            system.kind == kind && system.id.as_ref().is_none_or(|named| named.as_str() == id)
        })
    }
}

fn bounded(text: &str) -> Result<(), CatalogueError> {
    if text.len() <= MAX_CATALOGUE_BYTES {
        return Ok(());
    }
    Err(CatalogueError {
        path: FieldPath::root(),
        line: None,
        problem: CatalogueProblem::TooLarge {
            limit: MAX_CATALOGUE_BYTES,
            found: text.len(),
        },
    })
}

/// A parser's message without line breaks, so that an error stays one line.
fn one_line(message: &str) -> Box<str> {
    message
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .into()
}
