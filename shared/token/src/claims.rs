//! The claims of a token (token profile §14–20; RFC 9068 §2.2).

use thiserror::Error;

use crate::confirmation::{Confirmation, ConfirmationError};
use crate::fields::{Fault, FieldError, Fields, as_text};
use crate::json::{Json, Object};
use crate::mandate::Mandate;
use crate::mandate_detail::{self, MandateError};
use crate::pseudonym::SubjectPseudonym;
use crate::time::UnixTime;

/// Longest `iss`, `aud` and `status` URI.
pub const MAX_IDENTIFIER_BYTES: usize = 512;

/// Longest `client_id`, and longest member of `act`.
pub const MAX_CLIENT_ID_BYTES: usize = 256;

/// Longest `jti`.
pub const MAX_TOKEN_ID_BYTES: usize = 128;

/// Most audiences of one token.
pub const MAX_AUDIENCES: usize = 16;

const SUBJECT_CHARACTERS: usize = 43;

/// Why the claims of an authentic token are not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClaimsError {
    /// A claim is missing, of a wrong type or malformed (token profile §14).
    #[error("claim {0}")]
    Claim(FieldError),
    /// `now` is not before `exp` plus the allowed skew (RFC 7519 §4.1.4).
    #[error("expired at {at}, now {now}")]
    Expired {
        /// The `exp` claim.
        at: UnixTime,
        /// The time of the request.
        now: UnixTime,
    },
    /// `nbf` is after `now` plus the allowed skew (RFC 7519 §4.1.5).
    #[error("not valid before {at}, now {now}")]
    NotYetValid {
        /// The `nbf` claim.
        at: UnixTime,
        /// The time of the request.
        now: UnixTime,
    },
    /// `iat` is after `now` plus the allowed skew.
    #[error("issued at {at}, now {now}")]
    IssuedInFuture {
        /// The `iat` claim.
        at: UnixTime,
        /// The time of the request.
        now: UnixTime,
    },
    /// `exp` is not after `iat`, or not after `nbf`.
    #[error("expires at {at}, not after it begins")]
    NeverValid {
        /// The `exp` claim.
        at: UnixTime,
    },
    /// `exp − iat` is more than the issuer may give (token profile §16).
    #[error("lives {seconds} s, more than {limit} s")]
    LifetimeTooLong {
        /// The token's lifetime.
        seconds: u64,
        /// The most that the issuer may give.
        limit: u64,
    },
    /// No audience is exactly ours (RFC 9068 §4).
    #[error("none of its {audiences} audiences is this one")]
    AudienceMismatch {
        /// How many audiences the token names.
        audiences: usize,
    },
    /// The token is bound to its sender in a way that is not verified here, so a
    /// thief could use it (RFC 7800 §3.1, token profile §20).
    #[error("bound to a sender by a cnf claim that cannot be verified here")]
    ConfirmationUnsupported,
    /// The `authorization_details` (token profile §19).
    #[error(transparent)]
    AuthorizationDetails(#[from] MandateError),
}

impl From<FieldError> for ClaimsError {
    fn from(error: FieldError) -> Self {
        Self::Claim(error)
    }
}

impl From<ConfirmationError> for ClaimsError {
    fn from(error: ConfirmationError) -> Self {
        match error {
            ConfirmationError::Unsupported => Self::ConfirmationUnsupported,
            ConfirmationError::Member(error) => Self::Claim(error),
        }
    }
}

impl ClaimsError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Claim(error) => error.code(),
            Self::Expired { .. } => "tokenExpired",
            Self::NotYetValid { .. } => "tokenNotYetValid",
            Self::IssuedInFuture { .. } => "tokenIssuedInFuture",
            Self::NeverValid { .. } => "tokenNeverValid",
            Self::LifetimeTooLong { .. } => "tokenLifetimeTooLong",
            Self::AudienceMismatch { .. } => "audienceMismatch",
            Self::ConfirmationUnsupported => "confirmationUnsupported",
            Self::AuthorizationDetails(error) => error.code(),
        }
    }
}

/// The acting party (RFC 8693 §4.1). Only the outermost actor counts for a
/// decision; those before it inform (token profile §18).
#[derive(Clone, PartialEq, Eq)]
pub struct Actor {
    subject: Box<str>,
    issuer: Option<Box<str>>,
    earlier: Option<Box<Actor>>,
}

impl Actor {
    /// The actor's `sub`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The actor's `iss`, where it is not the token's.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The actor before this one.
    pub fn earlier(&self) -> Option<&Self> {
        self.earlier.as_deref()
    }

    fn parse(act: Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            subject: act.identifier("act.sub", MAX_CLIENT_ID_BYTES)?.into(),
            issuer: act
                .optional_text("act.iss", MAX_IDENTIFIER_BYTES)?
                .map(Box::from),
            // The depth of the JSON bounds the recursion.
            earlier: act
                .optional_object("act.act")?
                .map(|earlier| Self::parse(earlier).map(Box::new))
                .transpose()?,
        })
    }
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Actor([redacted])")
    }
}

/// Where the status of the token can be looked up (draft-ietf-oauth-status-list §6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusReference {
    /// An entry of a Token Status List.
    StatusList {
        /// `idx`
        index: u64,
        /// `uri`; from a token, so never to be fetched without an allow-list.
        uri: Box<str>,
    },
    /// A mechanism that the profile does not know.
    Unsupported,
}

impl StatusReference {
    fn parse(status: Fields<'_, '_>) -> Result<Self, FieldError> {
        let Some(list) = status.optional_object("status.status_list")? else {
            return Ok(Self::Unsupported);
        };
        Ok(Self::StatusList {
            index: list.unsigned("status.status_list.idx")?,
            uri: list
                .text("status.status_list.uri", MAX_IDENTIFIER_BYTES)?
                .into(),
        })
    }
}

/// The claims, read into types; neither time nor audience is checked yet.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) subject: SubjectPseudonym,
    pub(crate) audiences: Vec<Box<str>>,
    pub(crate) expires_at: UnixTime,
    pub(crate) issued_at: UnixTime,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) token_id: Box<str>,
    pub(crate) client_id: Box<str>,
    pub(crate) confirmation: Option<Confirmation>,
    pub(crate) actor: Option<Actor>,
    pub(crate) status: Option<StatusReference>,
    pub(crate) mandate: Mandate,
}

impl Claims {
    /// Reads every claim of the profile. Unknown claims are ignored (token profile §20).
    pub(crate) fn parse(payload: &Object<'_>) -> Result<Self, ClaimsError> {
        let claims = Fields(payload);
        let confirmation = claims
            .optional_object("cnf")?
            .map(Confirmation::parse)
            .transpose()?;
        let subject = claims.text("sub", SUBJECT_CHARACTERS)?;
        let client_id = claims.identifier("client_id", MAX_CLIENT_ID_BYTES)?;
        // A client that calls itself as the data subject is called could pass for
        // that person (RFC 9700 §4.15).
        if client_id == subject {
            return Err(FieldError::new("client_id", Fault::Malformed).into());
        }
        Ok(Self {
            subject: SubjectPseudonym::parse(subject)
                .map_err(|_| FieldError::new("sub", Fault::Malformed))?,
            audiences: audiences(claims)?,
            expires_at: claims.time("exp")?,
            issued_at: claims.time("iat")?,
            not_before: claims.optional_time("nbf")?,
            token_id: claims.identifier("jti", MAX_TOKEN_ID_BYTES)?.into(),
            client_id: client_id.into(),
            confirmation,
            actor: claims
                .optional_object("act")?
                .map(Actor::parse)
                .transpose()?,
            status: claims
                .optional_object("status")?
                .map(StatusReference::parse)
                .transpose()?,
            mandate: mandate_detail::parse(claims)?,
        })
    }
}

/// `aud` is a text or an array of texts (RFC 7519 §4.1.3).
fn audiences(claims: Fields<'_, '_>) -> Result<Vec<Box<str>>, FieldError> {
    let read = |value| as_text(value, "aud", MAX_IDENTIFIER_BYTES).map(Box::from);
    match claims.any("aud") {
        None => Err(FieldError::new("aud", Fault::Missing)),
        Some(Json::Array(_)) => claims
            .array("aud", MAX_AUDIENCES)?
            .iter()
            .map(read)
            .collect(),
        Some(value) => Ok(vec![read(value)?]),
    }
}
