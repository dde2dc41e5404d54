//! The mandate that a token asserts (token profile §19; RFC 9396; M-12.1).
//!
//! A `Mandate` is what the verification system states, read into types. Whether
//! it suffices is the policy's decision: a state other than active, another
//! grantor than the data subject and an unknown authentication level are
//! therefore representable, so that they can be refused with their own reason.

use std::fmt;

use crate::authentication_level::AuthenticationLevel;
use crate::enterprise::EnterpriseNumber;
use crate::time::UnixTime;

/// The state of a mandate (M-5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MandateStatus {
    /// Granted by the data subject and accepted by the holder.
    Active,
    /// Any other state.
    NotActive,
}

/// How often a mandate may be used (M-9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// `repeated`
    Repeated,
    /// `singleUse`: for a simulation or a quote.
    SingleUse,
}

/// Who granted the mandate (M-10.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grantor {
    /// `dataSubject`
    DataSubject,
    /// Anyone else.
    Other,
}

/// How the mandate was granted (M-18.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantChannel {
    /// `online`
    Online,
    /// `paperUpload`: on paper, then uploaded.
    PaperUpload,
}

/// What the data subject was informed of (M-13.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsentItem {
    /// (a) `scope`: the scope of the mandate.
    Scope,
    /// (b) `holderIdentity`: who receives it.
    HolderIdentity,
    /// (c) `authenticationLevel`: that level 400 is used to grant it.
    AuthenticationLevel,
    /// (d) `revocation`: that it can be revoked.
    Revocation,
    /// (e) `registration`: that granting and revoking are registered.
    Registration,
}

impl ConsentItem {
    /// The five items of M-13.1.
    pub const ALL: [Self; 5] = [
        Self::Scope,
        Self::HolderIdentity,
        Self::AuthenticationLevel,
        Self::Revocation,
        Self::Registration,
    ];
}

/// How the mandate was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub(crate) level: AuthenticationLevel,
    pub(crate) granted_by: Grantor,
    pub(crate) channel: GrantChannel,
    pub(crate) consent_version: Box<str>,
    pub(crate) consent_items: Vec<ConsentItem>,
    pub(crate) accepted_at: UnixTime,
}

impl Grant {
    /// The level at which the data subject was authenticated (M-13.2).
    pub const fn level(&self) -> AuthenticationLevel {
        self.level
    }

    /// Who granted the mandate (M-10.1).
    pub const fn granted_by(&self) -> Grantor {
        self.granted_by
    }

    /// How it was granted (M-18.3).
    pub const fn channel(&self) -> GrantChannel {
        self.channel
    }

    /// The version of the text that was shown.
    pub fn consent_version(&self) -> &str {
        &self.consent_version
    }

    /// What the text informed of; no item twice (M-13.1).
    pub fn consent_items(&self) -> &[ConsentItem] {
        &self.consent_items
    }

    /// When the holder accepted the mandate (M-5.1).
    pub const fn accepted_at(&self) -> UnixTime {
        self.accepted_at
    }
}

/// What the holder is (M-1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderType {
    /// `organization`
    Organization,
    /// `enterprise`
    Enterprise,
    /// `individualPractitioner`
    IndividualPractitioner,
}

impl HolderType {
    /// The name in the token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Enterprise => "enterprise",
            Self::IndividualPractitioner => "individualPractitioner",
        }
    }
}

/// Who the holder is, in one of two ways and never both (M-17.3).
#[derive(Clone, PartialEq, Eq)]
pub enum HolderIdentity {
    /// By enterprise number.
    EnterpriseNumber(EnterpriseNumber),
    /// By a pseudonym of the verification system (M-15.4).
    Pseudonym(Box<str>),
}

impl HolderIdentity {
    /// Whether the holder is pseudonymised.
    pub const fn is_pseudonym(&self) -> bool {
        match self {
            Self::EnterpriseNumber(_) => false,
            Self::Pseudonym(_) => true,
        }
    }

    /// The enterprise number, of a holder that is not pseudonymised.
    pub const fn enterprise_number(&self) -> Option<&EnterpriseNumber> {
        match self {
            Self::EnterpriseNumber(number) => Some(number),
            Self::Pseudonym(_) => None,
        }
    }
}

impl fmt::Debug for HolderIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::EnterpriseNumber(_) => "EnterpriseNumber([redacted])",
            Self::Pseudonym(_) => "Pseudonym([redacted])",
        })
    }
}

/// The professional mandate holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MandateHolder {
    pub(crate) kind: HolderType,
    pub(crate) identity: HolderIdentity,
}

impl MandateHolder {
    /// What the holder is (M-1.1).
    pub const fn kind(&self) -> HolderType {
        self.kind
    }

    /// Who the holder is (M-17.3).
    pub const fn identity(&self) -> &HolderIdentity {
        &self.identity
    }
}

/// The route by which the holder comes (M-23, M-24).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// `api`: the holder's own application.
    Api,
    /// `webApp`: the institution's web application.
    WebApp,
}

impl Channel {
    /// The name in the token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::WebApp => "webApp",
        }
    }
}

/// To whom the verification system issued the token (M-17.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFor {
    /// `application`
    Application,
    /// `user`
    User,
}

/// A version of terms, and when the holder accepted it (M-23.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    pub(crate) version: Box<str>,
    pub(crate) accepted_at: UnixTime,
}

impl Acceptance {
    /// The version of the text.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// When it was accepted.
    pub const fn accepted_at(&self) -> UnixTime {
        self.accepted_at
    }
}

/// The individual user of the holder (M-24).
#[derive(Clone, PartialEq, Eq)]
pub struct MandateUser {
    pub(crate) level: AuthenticationLevel,
    pub(crate) role: Option<Box<str>>,
    pub(crate) acting_for: Option<Box<str>>,
}

impl MandateUser {
    /// The level at which the user was authenticated (M-24.2).
    pub const fn level(&self) -> AuthenticationLevel {
        self.level
    }

    /// The role in which the user states to act (M-24.3).
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// For whom the user states to act (M-24.3).
    pub fn acting_for(&self) -> Option<&str> {
        self.acting_for.as_deref()
    }
}

impl fmt::Debug for MandateUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MandateUser")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// The one `mandate` of a token's `authorization_details`.
///
/// `Debug` prints neither the holder nor the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    pub(crate) id: Box<str>,
    pub(crate) type_code: Box<str>,
    pub(crate) deliberation: Box<str>,
    pub(crate) status: MandateStatus,
    pub(crate) purposes: Vec<Box<str>>,
    pub(crate) data_categories: Vec<Box<str>>,
    pub(crate) valid_from: UnixTime,
    pub(crate) valid_until: UnixTime,
    pub(crate) usage: Usage,
    pub(crate) grant: Grant,
    pub(crate) holder: MandateHolder,
    pub(crate) channel: Channel,
    pub(crate) token_for: TokenFor,
    pub(crate) circle_of_trust: Option<Acceptance>,
    pub(crate) terms: Option<Acceptance>,
    pub(crate) user: Option<MandateUser>,
}

impl Mandate {
    /// The verification system's identifier of the mandate: a UUID in lower case (M-18.1).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The code of the mandate type in the catalogue (M-12.1).
    pub fn mandate_type(&self) -> &str {
        &self.type_code
    }

    /// The number of the deliberation that is said to approve the type (M-12.2).
    pub fn deliberation(&self) -> &str {
        &self.deliberation
    }

    /// The state of the mandate (M-5.1).
    pub const fn status(&self) -> MandateStatus {
        self.status
    }

    /// The purposes, at least one, none twice, none a wildcard (M-5.2).
    pub fn purposes(&self) -> &[Box<str>] {
        &self.purposes
    }

    /// Whether `purpose` is one of the purposes.
    pub fn has_purpose(&self, purpose: &str) -> bool {
        self.purposes.iter().any(|code| **code == *purpose)
    }

    /// The data categories, at least one, none twice, none a wildcard (M-12.3).
    pub fn data_categories(&self) -> &[Box<str>] {
        &self.data_categories
    }

    /// Whether `category` is one of the data categories.
    pub fn has_data_category(&self, category: &str) -> bool {
        self.data_categories.iter().any(|code| **code == *category)
    }

    /// The first moment of the mandate (M-12.5).
    pub const fn valid_from(&self) -> UnixTime {
        self.valid_from
    }

    /// The first moment after the mandate (M-12.5). May be before
    /// [`valid_from`](Self::valid_from); the policy compares them.
    pub const fn valid_until(&self) -> UnixTime {
        self.valid_until
    }

    /// How often it may be used (M-9.2).
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// How it was granted (M-13).
    pub const fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The professional mandate holder (M-1.1).
    pub const fn holder(&self) -> &MandateHolder {
        &self.holder
    }

    /// The route by which the holder comes (M-23, M-24).
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// To whom the token was issued (M-17.2).
    pub const fn token_for(&self) -> TokenFor {
        self.token_for
    }

    /// The general terms of the Circle of Trust that the holder accepted (M-23.1).
    pub const fn circle_of_trust(&self) -> Option<&Acceptance> {
        self.circle_of_trust.as_ref()
    }

    /// The specific terms that the holder accepted (M-23.1).
    pub const fn terms(&self) -> Option<&Acceptance> {
        self.terms.as_ref()
    }

    /// The holder's individual user (M-24).
    pub const fn user(&self) -> Option<&MandateUser> {
        self.user.as_ref()
    }
}
