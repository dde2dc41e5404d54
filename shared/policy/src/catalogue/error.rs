//! Why a catalogue was refused: one line with the place and what was expected there.

use std::fmt;

use thiserror::Error;

use super::path::FieldPath;
use crate::value::Level;
use crate::vocabulary::{
    ConsentItem, Contents, DeliberationKind, HolderType, LogParty, LogRecords,
};

/// A catalogue that cannot be used, and where it is wrong.
///
/// Displayed as one line, `line 12: mandateTypes[0].retention: expected …`; the caller knows the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueError {
    pub(super) path: FieldPath,
    pub(super) line: Option<usize>,
    pub(super) problem: CatalogueProblem,
}

impl CatalogueError {
    /// The field.
    pub fn path(&self) -> &FieldPath {
        &self.path
    }

    /// The line in the file, from 1; none where the catalogue did not come from a file.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong there.
    pub fn problem(&self) -> &CatalogueProblem {
        &self.problem
    }
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        let path = self.path.to_string();
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for CatalogueError {}

/// What is wrong at a place of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CatalogueProblem {
    /// Not TOML, or not the JSON that `to_embedded` writes.
    #[error("cannot be read: {message}")]
    Syntax {
        /// The parser's words, on one line.
        message: Box<str>,
    },
    /// A field that is missing, unknown or of a wrong form.
    #[error("{message}")]
    Field {
        /// What was expected.
        message: Box<str>,
    },
    /// A catalogue of another format.
    #[error("expected format {supported}, found {found}")]
    Format {
        /// The one format that this build reads.
        supported: u32,
        /// What stands there.
        found: u32,
    },
    /// A file larger than any catalogue.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// The size.
        found: usize,
    },
    /// A list that may not be empty.
    #[error("expected at least one entry, found an empty list")]
    Empty,
    /// The same thing twice.
    #[error("expected each entry once, found \"{value}\" again")]
    Duplicate {
        /// The repeated value.
        value: Box<str>,
    },
    /// A deliberation that the catalogue does not have.
    #[error("expected the number of a deliberation of this catalogue, found \"{number}\"")]
    UnknownDeliberation {
        /// The number.
        number: Box<str>,
    },
    /// A deliberation of another kind than the place asks for (M-2.1, M-11.1, M-12.2).
    #[error("expected a deliberation of kind {expected}, \"{number}\" is of kind {found} (M-12.2)")]
    WrongKind {
        /// The number.
        number: Box<str>,
        /// What the place asks for.
        expected: DeliberationKind,
        /// What it is.
        found: DeliberationKind,
    },
    /// A deliberation whose text the catalogue does not hold cannot authorise.
    #[error(
        "expected a deliberation with contents {}, those of \"{number}\" are not held",
        Contents::Encoded
    )]
    NotHeld {
        /// The number.
        number: Box<str>,
    },
    /// No framework whose conditions are held: nothing could be decided (M-D.1).
    #[error("expected a deliberation of kind framework with contents encoded (M-D.1), found none")]
    NoFramework,
    /// The table `framework` stands where the deliberation is no held framework, or is missing where it is.
    #[error(
        "expected the table `framework` exactly where kind is framework and contents is encoded"
    )]
    FrameworkTable,
    /// Something repeals itself, or two entries repeal the same.
    #[error("expected one other deliberation to repeal \"{number}\", once")]
    Repeal {
        /// The repealed number.
        number: Box<str>,
    },
    /// Version numbers must run 1, 2, 3 …
    #[error("expected version {expected}, found {found}")]
    VersionNumber {
        /// The next number.
        expected: u32,
        /// What stands there.
        found: u32,
    },
    /// Versions out of order (S-0.1).
    #[error(
        "expected a date later than that of the version before, {before}, found {found} (S-0.1)"
    )]
    VersionOrder {
        /// The version before.
        before: Box<str>,
        /// What stands there.
        found: Box<str>,
    },
    /// Two versions in force at once.
    #[error(
        "expected an end between this version's start and the next one's, {limit}, found {found}"
    )]
    VersionOverlap {
        /// The bound that is crossed.
        limit: Box<str>,
        /// What stands there.
        found: Box<str>,
    },
    /// In force before it was adopted.
    #[error(
        "expected an entry into force on or after the adoption of {adopted_on}, found {found} (M-D.4)"
    )]
    InForceBeforeAdoption {
        /// The day of adoption.
        adopted_on: Box<str>,
        /// What stands there.
        found: Box<str>,
    },
    /// A date that is not stated must be the start of the day of adoption, nothing invented.
    #[error(
        "expected the start of {adopted_on}, because the text states no entry into force, found {found}"
    )]
    UnstatedEntryIntoForce {
        /// The day of adoption.
        adopted_on: Box<str>,
        /// What stands there.
        found: Box<str>,
    },
    /// A fictitious deliberation must be visibly so, and a real one must not look fictitious.
    #[error(
        "expected simulationOnly = true, chamber = \"none\" and a number \"SIM/…\" together or not at all"
    )]
    SimulationMark,
    /// The code of a mandate type of the simulation begins with `sim`, no other does.
    #[error(
        "expected a code that begins with \"sim\" exactly where the deliberations are simulation-only, found \"{code}\""
    )]
    SimulationCode {
        /// The code.
        code: Box<str>,
    },
    /// Simulation and production deliberations behind one mandate type.
    #[error("expected deliberations that are all simulation-only or none of them")]
    SimulationMixed,
    /// A level below the framework's (M-8.1, M-13.2, M-24.2).
    #[error("expected a level of at least {minimum}, the framework's (M-8.1), found {found}")]
    LevelTooLow {
        /// The framework's.
        minimum: Level,
        /// What stands there.
        found: Level,
    },
    /// A consent item of the framework is left out (M-13.1).
    #[error("expected the consent item \"{missing}\", which the framework demands (M-13.1)")]
    ConsentItemMissing {
        /// The item.
        missing: ConsentItem,
    },
    /// A holder type that the framework does not admit (M-1.1, M-23.1).
    #[error(
        "expected only holder types that the framework admits here (M-1.1, M-23.1), found \"{found}\""
    )]
    HolderTypeNotAdmitted {
        /// The type.
        found: HolderType,
    },
    /// A user without a role (M-24.3).
    #[error(
        "expected true: the framework demands a role of every user of a web application (M-24.3)"
    )]
    RoleNotRequired,
    /// An open-ended mandate in disguise (M-12.5).
    #[error(
        "expected at most {limit_days} days: open-ended mandates are refused (M-12.5), found \"{found}\""
    )]
    OpenEnded {
        /// The limit.
        limit_days: u64,
        /// What stands there.
        found: Box<str>,
    },
    /// A sensitive relation whose holder would be named (M-15.2, M-17.3).
    #[error(
        "expected \"pseudonymised\", because the relation is sensitive (M-15.2) or a secondary network attests it (M-15.4)"
    )]
    MustBePseudonymised,
    /// The Crossroads Bank must not hold sensitive relations (M-16.1).
    #[error("expected no verification system of kind cbss for a sensitive relation (M-16.1)")]
    SensitiveAtCbss,
    /// Lawfulness that does not fit the flow (M-5.1, S-6.1).
    #[error("expected \"{expected}\" here, found \"{found}\" (M-5.1, S-6.1)")]
    Lawfulness {
        /// What the flow asks for.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// Neither API nor web application.
    #[error("expected at least one of `api` and `webApp`")]
    NoChannel,
    /// A hard measure without its rule, or a rule on a measure that is not hard (M-12.6).
    #[error("expected a `check` exactly where class is \"hard\" (M-12.6)")]
    MeasureCheck,
    /// A log that is not that party's to keep (M-21.4).
    #[error(
        "expected what a {party} has to record, {}, found \"{found}\" (M-21.4)",
        listed(party.writes())
    )]
    LogOfOthers {
        /// The party.
        party: LogParty,
        /// What it was to keep.
        found: LogRecords,
    },
    /// A log without which the chain of a call is not whole (M-21.1, M-15.4).
    #[error("expected the {party} to keep \"{records}\" here (M-21.1, M-21.4)")]
    LogMissing {
        /// Who must keep it.
        party: LogParty,
        /// What it has records of.
        records: LogRecords,
    },
    /// A period that ends before it begins.
    #[error("expected a last day on or after {from}, found {until}")]
    PeriodBackwards {
        /// First day.
        from: Box<str>,
        /// Last day.
        until: Box<str>,
    },
    /// A purpose of both flows, which would let one serve the other's routes (M-11.1).
    #[error(
        "expected a purpose of one flow only (M-11.1), \"{purpose}\" is also one of a mandate type or statutory basis"
    )]
    PurposeOfBothFlows {
        /// The purpose.
        purpose: Box<str>,
    },
}

/// The members of a closed list, for a message.
fn listed(members: &[LogRecords]) -> String {
    let quoted: Vec<String> = members.iter().map(|one| format!("\"{one}\"")).collect();
    quoted.join(" or ")
}
