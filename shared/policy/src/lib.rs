//! The catalogue of deliberations and mandate types, and the decision over one request.
//!
//! A [`Catalogue`] is data: what the Information Security Committee deliberated, in dated versions, with the mandate
//! types whose scope it approved. [`decide`] answers one [`Question`] about a verified token by that data and names,
//! in its [`Decision`], every rule it applied, the deliberation and version in force at the time of the request, and
//! the digest of the catalogue file.
//!
//! # In scope
//! - Reading the catalogue strictly: unknown and missing fields, wildcards, open-ended mandates, anything laxer than
//!   the framework is refused with the field, the line and what was expected ([`CatalogueError`]).
//! - "As at" evaluation: entry into force, succession of versions, end and repeal, to the second.
//! - Token profile §26 to §32: type and deliberation, purpose and data, window and duration, grant and consent,
//!   the holder's identity, the channels, the separation of the mandate flow from the statutory flow.
//!
//! # Out of scope
//! - Signature, issuer, audience and times of the token: a [`Question`] can only be put with a
//!   [`VerifiedAccessToken`](sluis_token::VerifiedAccessToken).
//! - Which issuer is which verification system, and whether one serves several holders (M-17.4): the gate's
//!   configuration.
//! - Whether the subject of the request is that of the token, revocation status, replay (token profile §17, §24, §25).
//! - Filtering of the response: the catalogue lists fields and their granularity, it does not apply them
//!   (`sluis-minimise` and the gate apply the list of fields).
//! - Statutory communications: they are described, so that a mandate can be kept away from them and the end of a
//!   deliberation is known, but no token of this profile can obtain one.
//!
//! The crate is synchronous, has no clock and does no input or output.

mod catalogue;
mod decide;
mod decision;
mod log_keeping;
mod log_retention;
mod question;
mod reason;
mod rule;
mod shadow;
mod time;
mod value;
mod vocabulary;

pub use catalogue::{
    AdmissibleSystem, ApiChannel, Catalogue, CatalogueError, CatalogueProblem, Channels,
    DataCategory, Deliberation, DeliberationVersion, FORMAT, FieldPath, Framework, Grant,
    LONGEST_MANDATE_DAYS, MAX_CATALOGUE_BYTES, MandateType, Period, Predecessor, SecurityMeasure,
    Standing, StatutoryBasis, Title, Version, WebAppChannel,
};
pub use decide::{decide, decide_in_shadow};
pub use decision::{Allowance, AppliedRule, Decision, Outcome};
pub use log_keeping::LogKeeping;
pub use log_retention::{LogRetention, LogRetentionError, MAX_LOG_YEARS};
pub use question::{Basis, Environment, Operation, OperationError, Question, VerificationSystem};
pub use reason::DenyReason;
pub use rule::Rule;
pub use shadow::{ShadowRules, ShadowRulesError};
pub use time::{CivilDate, FixedDuration, Instant, Retention};
pub use value::{
    Code, DeliberationNumber, FieldName, Label, Level, MAX_CODE_LENGTH, MAX_TEXT_LENGTH, Text,
    ValueError,
};
pub use vocabulary::{
    Chamber, ConsentItem, Contents, DeliberationKind, Granularity, HolderIdentity, HolderType,
    Lawfulness, LogParty, LogRecords, MeasureClass, OnwardTransfer, Usage, VerificationSystemKind,
};
