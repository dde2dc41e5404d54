//! Why a request was refused: one variant a cause, with the facts of it.
//!
//! No variant carries anything that names a holder, a user or a data subject: a reason goes into logs and metrics
//! (M-15.4, M-22.1). Nothing of it is meant for the body of an answer but the code.

use sluis_token::UnixTime;
use thiserror::Error;

use crate::question::Basis;
use crate::rule::Rule;
use crate::value::Level;
use crate::vocabulary::{ConsentItem, HolderType, Usage, VerificationSystemKind};

/// The reason of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DenyReason {
    /// No statutory basis of the catalogue has the operation's purpose.
    #[error("no statutory basis for the purpose {purpose}")]
    StatutoryBasisUnknown {
        /// The purpose.
        purpose: Box<str>,
    },
    /// A mandate token on an operation for a statutory task.
    #[error("a mandate never serves the statutory operation {operation}")]
    MandateOnStatutoryOperation {
        /// The operation.
        operation: Box<str>,
    },
    /// A type that the catalogue does not have.
    #[error("no mandate type {code}")]
    MandateTypeUnknown {
        /// The code.
        code: Box<str>,
    },
    /// A fictitious type in production.
    #[error("the mandate type {code} is for the simulation only")]
    SimulationOnlyInProduction {
        /// The code.
        code: Box<str>,
    },
    /// A type that is no longer offered.
    #[error("the mandate type {code} is withdrawn from {from}, it is {at}")]
    MandateTypeWithdrawn {
        /// The code.
        code: Box<str>,
        /// From when.
        from: UnixTime,
        /// The time of the request.
        at: UnixTime,
    },
    /// No framework was in force.
    #[error("no framework is in force at {at}")]
    FrameworkNotInForce {
        /// The time of the request.
        at: UnixTime,
    },
    /// A framework was in force whose text the catalogue does not hold, so its conditions cannot be checked.
    #[error("the framework {number} governs at {at} and its text is not held")]
    FrameworkNotHeld {
        /// Which.
        number: Box<str>,
        /// The time of the request.
        at: UnixTime,
    },
    /// The token names a deliberation that the catalogue does not have.
    #[error("no deliberation {number}")]
    DeliberationUnknown {
        /// The number.
        number: Box<str>,
    },
    /// The token names the framework as its authority.
    #[error("the framework {number} never authorises by itself")]
    FrameworkNeverAuthorises {
        /// The number.
        number: Box<str>,
    },
    /// The token names a deliberation of the statutory flow.
    #[error("the deliberation {number} is of the statutory flow")]
    DeliberationOfStatutoryFlow {
        /// The number.
        number: Box<str>,
    },
    /// The token names a deliberation that approved other mandate types.
    #[error("the deliberation {number} does not approve the mandate type {code}")]
    DeliberationNotForMandateType {
        /// The number.
        number: Box<str>,
        /// The mandate type.
        code: Box<str>,
    },
    /// Too early for the deliberation.
    #[error("the deliberation {number} is in force from {from}, it is {at}")]
    DeliberationNotInForce {
        /// The flow.
        basis: Basis,
        /// The number.
        number: Box<str>,
        /// From when it is.
        from: UnixTime,
        /// The time of the request.
        at: UnixTime,
    },
    /// The deliberation ended.
    #[error("the deliberation {number} ended at {ended}, it is {at}")]
    DeliberationEnded {
        /// The flow.
        basis: Basis,
        /// The number.
        number: Box<str>,
        /// The first moment after it.
        ended: UnixTime,
        /// The time of the request.
        at: UnixTime,
    },
    /// The deliberation was repealed.
    #[error("the deliberation {number} is repealed by {by} from {since}, it is {at}")]
    DeliberationRepealed {
        /// The flow.
        basis: Basis,
        /// The number.
        number: Box<str>,
        /// The repealing deliberation.
        by: Box<str>,
        /// From when.
        since: UnixTime,
        /// The time of the request.
        at: UnixTime,
    },
    /// A verification system that may not attest this type.
    #[error("the verification system {system} ({kind}) may not attest the mandate type {code}")]
    VerificationSystemNotAdmissible {
        /// The system.
        system: Box<str>,
        /// Its kind.
        kind: VerificationSystemKind,
        /// The mandate type.
        code: Box<str>,
    },
    /// A kind of holder that the type does not admit.
    #[error("the mandate type {code} does not admit a holder of type {found}")]
    HolderTypeNotAdmitted {
        /// The mandate type.
        code: Box<str>,
        /// The holder's type.
        found: HolderType,
    },
    /// The operation's purpose is none of the token's.
    #[error("the token does not cover the purpose {purpose}")]
    PurposeNotCovered {
        /// The operation's purpose.
        purpose: Box<str>,
    },
    /// The token has a purpose beyond what was approved.
    #[error("the purpose {purpose} of the token is not approved")]
    PurposeNotApproved {
        /// The token's purpose.
        purpose: Box<str>,
    },
    /// A data category of the operation is none of the token's.
    #[error("the token does not cover the data category {category}")]
    DataCategoryNotCovered {
        /// The operation's category.
        category: Box<str>,
    },
    /// The token has a data category beyond what was approved.
    #[error("the data category {category} of the token is not approved")]
    DataCategoryNotApproved {
        /// The token's category.
        category: Box<str>,
    },
    /// The mandate has not begun.
    #[error("the mandate runs from {valid_from}, it is {at}")]
    MandateNotYetValid {
        /// Its start.
        valid_from: UnixTime,
        /// The time of the request.
        at: UnixTime,
    },
    /// The mandate is over.
    #[error("the mandate ended at {valid_until}, it is {at}")]
    MandateExpired {
        /// The first moment after it.
        valid_until: UnixTime,
        /// The time of the request.
        at: UnixTime,
    },
    /// The mandate runs longer than approved.
    #[error("the mandate runs {seconds} seconds, at most {maximum} are approved")]
    MandateDurationExceeded {
        /// Its length.
        seconds: u64,
        /// The approved length.
        maximum: u64,
    },
    /// The token outlives the mandate.
    #[error("the token expires at {expires_at}, after the mandate's end at {valid_until}")]
    TokenOutlivesMandate {
        /// The token's `exp`.
        expires_at: UnixTime,
        /// The mandate's end.
        valid_until: UnixTime,
    },
    /// Another usage than approved.
    #[error("the mandate is for {found} use, {approved} is approved")]
    UsageNotApproved {
        /// What the type says.
        approved: Usage,
        /// What the token says.
        found: Usage,
    },
    /// Granted below the level, or at an unreadable one.
    #[error("the mandate was granted at level {found:?}, at least {minimum} is demanded")]
    GrantLevelTooLow {
        /// The catalogue's minimum.
        minimum: Level,
        /// The level, if it could be read.
        found: Option<u16>,
    },
    /// Granted with the authentication of an enterprise's representative instead of a citizen's.
    #[error("the mandate was granted in an enterprise context")]
    GrantNotAsCitizen,
    /// Granted by anyone else than the data subject.
    #[error("the mandate was not granted by the data subject")]
    NotGrantedByDataSubject,
    /// The data subject was not told of an item.
    #[error("the consent lacks the item {item}")]
    ConsentItemMissing {
        /// The item.
        item: ConsentItem,
    },
    /// A consent text that the catalogue does not know.
    #[error("the consent text {version} is not known")]
    ConsentVersionUnknown {
        /// The version.
        version: Box<str>,
    },
    /// A mandate in another state than active.
    #[error("the mandate is not active")]
    MandateNotActive,
    /// Accepted by the holder after the request.
    #[error("the holder accepted the mandate at {accepted_at}, it is {at}")]
    HolderAcceptanceInFuture {
        /// When it was accepted.
        accepted_at: UnixTime,
        /// The time of the request.
        at: UnixTime,
    },
    /// A token that names a holder which must stay unknown to the institution. Raises an alarm; the number is not
    /// repeated here.
    #[error("a holder that must be pseudonymised is named in a token of a system of kind {kind}")]
    HolderIdentityExposed {
        /// The kind of the verification system that let it out.
        kind: VerificationSystemKind,
    },
    /// A pseudonym where the catalogue demands the enterprise number.
    #[error("a holder that must be named is pseudonymised")]
    HolderPseudonymUnexpected,
    /// The type is not offered over the channel.
    #[error("the mandate type {code} is not offered over {channel}")]
    ChannelNotOffered {
        /// The mandate type.
        code: Box<str>,
        /// `api` or `webApp`.
        channel: &'static str,
    },
    /// A holder of a type that has no access over the API.
    #[error("a holder of type {found} has no access over the API")]
    ApiNotForHolderType {
        /// The holder's type.
        found: HolderType,
    },
    /// No acceptance of the Circle of Trust.
    #[error("the Circle of Trust is not accepted")]
    CircleOfTrustNotAccepted,
    /// Another version than the current one.
    #[error("the Circle of Trust is accepted in version {found}, current is {current}")]
    CircleOfTrustOutdated {
        /// The catalogue's.
        current: Box<str>,
        /// The accepted one.
        found: Box<str>,
    },
    /// Not accepted before the request.
    #[error("the Circle of Trust is accepted at {accepted_at}, it is {at}")]
    CircleOfTrustAcceptedTooLate {
        /// When it was accepted.
        accepted_at: UnixTime,
        /// The time of the request.
        at: UnixTime,
    },
    /// No user in the web application.
    #[error("the web application needs a user")]
    UserMissing,
    /// The user's level is too low, or unreadable.
    #[error("the user is authenticated at level {found:?}, at least {minimum} is demanded")]
    UserLevelTooLow {
        /// The catalogue's minimum.
        minimum: Level,
        /// The level, if it could be read.
        found: Option<u16>,
    },
    /// The user states no role.
    #[error("the user states no role")]
    UserRoleMissing,
    /// The user acts for nobody, or for another than the holder.
    #[error("the user does not act for the holder")]
    UserNotActingForHolder,
    /// No acceptance of the specific terms.
    #[error("the specific terms are not accepted")]
    TermsNotAccepted,
    /// Another version than the current one.
    #[error("the specific terms are accepted in version {found}, current is {current}")]
    TermsOutdated {
        /// The catalogue's.
        current: Box<str>,
        /// The accepted one.
        found: Box<str>,
    },
    /// Not accepted before the request.
    #[error("the specific terms are accepted at {accepted_at}, it is {at}")]
    TermsAcceptedTooLate {
        /// When they were accepted.
        accepted_at: UnixTime,
        /// The time of the request.
        at: UnixTime,
    },
}

impl DenyReason {
    /// The stable reason code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::StatutoryBasisUnknown { .. } => "statutoryBasisUnknown",
            Self::MandateOnStatutoryOperation { .. } => "mandateOnStatutoryOperation",
            Self::MandateTypeUnknown { .. } => "mandateTypeUnknown",
            Self::SimulationOnlyInProduction { .. } => "simulationOnlyInProduction",
            Self::MandateTypeWithdrawn { .. } => "mandateTypeWithdrawn",
            Self::FrameworkNotInForce { .. } => "frameworkNotInForce",
            Self::FrameworkNotHeld { .. } => "frameworkNotHeld",
            Self::DeliberationUnknown { .. } => "deliberationUnknown",
            Self::FrameworkNeverAuthorises { .. } => "frameworkNeverAuthorises",
            Self::DeliberationOfStatutoryFlow { .. } => "deliberationOfStatutoryFlow",
            Self::DeliberationNotForMandateType { .. } => "deliberationNotForMandateType",
            Self::DeliberationNotInForce { .. } => "deliberationNotInForce",
            Self::DeliberationEnded { .. } => "deliberationEnded",
            Self::DeliberationRepealed { .. } => "deliberationRepealed",
            Self::VerificationSystemNotAdmissible { .. } => "verificationSystemNotAdmissible",
            Self::HolderTypeNotAdmitted { .. } => "holderTypeNotAdmitted",
            Self::PurposeNotCovered { .. } => "purposeNotCovered",
            Self::PurposeNotApproved { .. } => "purposeNotApproved",
            Self::DataCategoryNotCovered { .. } => "dataCategoryNotCovered",
            Self::DataCategoryNotApproved { .. } => "dataCategoryNotApproved",
            Self::MandateNotYetValid { .. } => "mandateNotYetValid",
            Self::MandateExpired { .. } => "mandateExpired",
            Self::MandateDurationExceeded { .. } => "mandateDurationExceeded",
            Self::TokenOutlivesMandate { .. } => "tokenOutlivesMandate",
            Self::UsageNotApproved { .. } => "usageNotApproved",
            Self::GrantLevelTooLow { .. } => "grantLevelTooLow",
            Self::GrantNotAsCitizen => "grantNotAsCitizen",
            Self::NotGrantedByDataSubject => "notGrantedByDataSubject",
            Self::ConsentItemMissing { .. } => "consentItemMissing",
            Self::ConsentVersionUnknown { .. } => "consentVersionUnknown",
            Self::MandateNotActive => "mandateNotActive",
            Self::HolderAcceptanceInFuture { .. } => "holderAcceptanceInFuture",
            Self::HolderIdentityExposed { .. } => "holderIdentityExposed",
            Self::HolderPseudonymUnexpected => "holderPseudonymUnexpected",
            Self::ChannelNotOffered { .. } => "channelNotOffered",
            Self::ApiNotForHolderType { .. } => "apiNotForHolderType",
            Self::CircleOfTrustNotAccepted => "circleOfTrustNotAccepted",
            Self::CircleOfTrustOutdated { .. } => "circleOfTrustOutdated",
            Self::CircleOfTrustAcceptedTooLate { .. } => "circleOfTrustAcceptedTooLate",
            Self::UserMissing => "userMissing",
            Self::UserLevelTooLow { .. } => "userLevelTooLow",
            Self::UserRoleMissing => "userRoleMissing",
            Self::UserNotActingForHolder => "userNotActingForHolder",
            Self::TermsNotAccepted => "termsNotAccepted",
            Self::TermsOutdated { .. } => "termsOutdated",
            Self::TermsAcceptedTooLate { .. } => "termsAcceptedTooLate",
        }
    }

    /// The rule that did not hold.
    pub fn rule(&self) -> Rule {
        match self {
            Self::StatutoryBasisUnknown { .. } => Rule::StatutoryBasisKnown,
            Self::MandateOnStatutoryOperation { .. } => Rule::FlowSeparated,
            Self::MandateTypeUnknown { .. } => Rule::MandateTypeKnown,
            Self::SimulationOnlyInProduction { .. } => Rule::EnvironmentMatches,
            Self::MandateTypeWithdrawn { .. } => Rule::MandateTypeOffered,
            Self::FrameworkNotInForce { .. } | Self::FrameworkNotHeld { .. } => {
                Rule::FrameworkInForce
            }
            Self::DeliberationUnknown { .. }
            | Self::FrameworkNeverAuthorises { .. }
            | Self::DeliberationOfStatutoryFlow { .. }
            | Self::DeliberationNotForMandateType { .. } => Rule::DeliberationApprovesType,
            Self::DeliberationNotInForce { basis, .. }
            | Self::DeliberationEnded { basis, .. }
            | Self::DeliberationRepealed { basis, .. } => match basis {
                Basis::Mandate => Rule::DeliberationInForce,
                Basis::Statutory => Rule::StatutoryBasisInForce,
            },
            Self::VerificationSystemNotAdmissible { .. } => Rule::VerificationSystemAdmissible,
            Self::HolderTypeNotAdmitted { .. } => Rule::HolderTypeAdmitted,
            Self::PurposeNotCovered { .. } => Rule::PurposeCovered,
            Self::PurposeNotApproved { .. } => Rule::PurposesApproved,
            Self::DataCategoryNotCovered { .. } => Rule::DataCategoriesCovered,
            Self::DataCategoryNotApproved { .. } => Rule::DataCategoriesApproved,
            Self::MandateNotYetValid { .. } | Self::MandateExpired { .. } => Rule::MandateWindow,
            Self::MandateDurationExceeded { .. } => Rule::MandateDuration,
            Self::TokenOutlivesMandate { .. } => Rule::TokenWithinMandate,
            Self::UsageNotApproved { .. } => Rule::UsageAdmitted,
            Self::GrantLevelTooLow { .. } | Self::GrantNotAsCitizen => Rule::GrantLevel,
            Self::NotGrantedByDataSubject => Rule::GrantedByDataSubject,
            Self::ConsentItemMissing { .. } => Rule::ConsentItems,
            Self::ConsentVersionUnknown { .. } => Rule::ConsentVersion,
            Self::MandateNotActive => Rule::MandateActive,
            Self::HolderAcceptanceInFuture { .. } => Rule::HolderAccepted,
            Self::HolderIdentityExposed { .. } | Self::HolderPseudonymUnexpected => {
                Rule::HolderIdentity
            }
            Self::ChannelNotOffered { .. } => Rule::ChannelOffered,
            Self::ApiNotForHolderType { .. } => Rule::ApiHolder,
            Self::CircleOfTrustNotAccepted
            | Self::CircleOfTrustOutdated { .. }
            | Self::CircleOfTrustAcceptedTooLate { .. } => Rule::CircleOfTrustAccepted,
            Self::UserMissing => Rule::UserPresent,
            Self::UserLevelTooLow { .. } => Rule::UserLevel,
            Self::UserRoleMissing | Self::UserNotActingForHolder => Rule::UserRole,
            Self::TermsNotAccepted
            | Self::TermsOutdated { .. }
            | Self::TermsAcceptedTooLate { .. } => Rule::TermsAccepted,
        }
    }

    /// The leading requirement behind it.
    pub fn requirement(&self) -> &'static str {
        self.rule().requirement()
    }
}
