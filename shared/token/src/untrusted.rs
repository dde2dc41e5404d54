//! A token that was read, of which nothing is believed yet (token profile §2–10).

use std::fmt;

use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::bearer::AccessToken;
use crate::claims::{Claims, ClaimsError, MAX_IDENTIFIER_BYTES};
use crate::compact::{Compact, CompactError, Part, Signed, object};
use crate::fields::{FieldError, Fields};
use crate::header::{Header, HeaderError};
use crate::key_rules::KeyId;

/// `typ` of an access token (RFC 9068 §4).
const TOKEN_TYPE: &str = "at+jwt";

/// Why a bearer token is not a token of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Not a JSON Web Signature in compact serialisation (token profile §3–5).
    #[error(transparent)]
    Compact(#[from] CompactError),
    /// The header (token profile §7–10).
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// `iss`, without which no key can be looked up.
    #[error("claim {0}")]
    Issuer(FieldError),
}

impl ParseError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Compact(error) => error.code(),
            Self::Header(error) => error.code(),
            Self::Issuer(_) => "issuerInvalid",
        }
    }
}

/// A parsed token. Only issuer, key id and algorithm can be seen, which are needed
/// to look up a key; the claims come out by [`verify`](Self::verify) alone.
pub struct UntrustedToken {
    pub(crate) signed: Signed,
    pub(crate) header: Header,
    pub(crate) issuer: Box<str>,
    /// What the payload says, or what is wrong with it. A fault is told only once
    /// the signature held: before that, it is an outsider's.
    pub(crate) claims: Result<Claims, ClaimsError>,
}

impl UntrustedToken {
    /// Reads a token. Its length was bounded when the [`AccessToken`] was made.
    pub fn parse(token: &AccessToken) -> Result<Self, ParseError> {
        let parts = Compact::split(token.as_str())?;
        let header_bytes = parts.decode(Part::Header)?;
        let header = Header::parse(&object(Part::Header, &header_bytes)?, TOKEN_TYPE)?;

        let signature = parts.decode(Part::Signature)?;
        let payload_bytes = parts.decode(Part::Payload)?;
        let payload = object(Part::Payload, &payload_bytes)?;
        let issuer = Fields(&payload)
            .text("iss", MAX_IDENTIFIER_BYTES)
            .map_err(ParseError::Issuer)?;
        Ok(Self {
            signed: Signed {
                text: token.shared(),
                signature,
            },
            header,
            issuer: issuer.into(),
            claims: Claims::parse(&payload),
        })
    }

    /// The issuer that the token names, as it is written (token profile §6).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key that the token names, among the keys of its issuer.
    pub const fn key_id(&self) -> &KeyId {
        &self.header.key_id
    }

    /// The algorithm that the token names.
    pub const fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }
}

impl fmt::Debug for UntrustedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UntrustedToken")
            .field("algorithm", &self.header.algorithm)
            .finish_non_exhaustive()
    }
}
