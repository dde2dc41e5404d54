//! A token that was read, of which nothing is believed yet (token profile §2–10).

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::base64url::{self, Base64UrlError};
use crate::bearer::AccessToken;
use crate::claims::{Claims, ClaimsError, MAX_IDENTIFIER_BYTES};
use crate::fields::{FieldError, Fields};
use crate::header::{Header, HeaderError};
use crate::json::{JsonError, Object};
use crate::key_rules::KeyId;

/// A part of the compact serialisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The JOSE header.
    Header,
    /// The payload.
    Payload,
    /// The signature.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// Why a bearer token is not a token of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Not three parts: a JWE has five, JSON serialisation none (token profile §3).
    #[error("not three parts between two dots")]
    NotThreeParts,
    /// A part is not canonical base64url (token profile §4).
    #[error("{part}: {error}")]
    Encoding {
        /// The part.
        part: Part,
        /// What is wrong with it.
        error: Base64UrlError,
    },
    /// A part is not JSON of the profile (token profile §5).
    #[error("{part}: {error}")]
    Json {
        /// The part.
        part: Part,
        /// What is wrong with it.
        error: JsonError,
    },
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
            Self::NotThreeParts => "tokenNotThreeParts",
            Self::Encoding { .. } => "tokenEncoding",
            Self::Json { error, .. } => error.code(),
            Self::Header(error) => error.code(),
            Self::Issuer(_) => "issuerInvalid",
        }
    }
}

/// A parsed token. Only issuer, key id and algorithm can be seen, which are needed
/// to look up a key; the claims come out by [`verify`](Self::verify) alone.
pub struct UntrustedToken {
    pub(crate) token: Arc<str>,
    pub(crate) signing_input_bytes: usize,
    pub(crate) signature: Vec<u8>,
    pub(crate) header: Header,
    pub(crate) issuer: Box<str>,
    /// What the payload says, or what is wrong with it. A fault is told only once
    /// the signature held: before that, it is an outsider's.
    pub(crate) claims: Result<Claims, ClaimsError>,
}

impl UntrustedToken {
    /// Reads a token. Its length was bounded when the [`AccessToken`] was made.
    pub fn parse(token: &AccessToken) -> Result<Self, ParseError> {
        let text = token.as_str();
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParseError::NotThreeParts);
        };
        let header_bytes = decode(Part::Header, header)?;
        let object = json(Part::Header, &header_bytes)?;
        let header = Header::parse(&object)?;

        let signature_bytes = decode(Part::Signature, signature)?;
        let payload_bytes = decode(Part::Payload, payload)?;
        let payload = json(Part::Payload, &payload_bytes)?;
        let issuer = Fields(&payload)
            .text("iss", MAX_IDENTIFIER_BYTES)
            .map_err(ParseError::Issuer)?;
        Ok(Self {
            token: token.shared(),
            // All but the last dot and the signature (RFC 7515 §5.1).
            signing_input_bytes: text.len() - signature.len() - 1,
            signature: signature_bytes,
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

fn decode(part: Part, text: &str) -> Result<Vec<u8>, ParseError> {
    base64url::decode(text).map_err(|error| ParseError::Encoding { part, error })
}

fn json(part: Part, bytes: &[u8]) -> Result<Object<'_>, ParseError> {
    Object::parse(bytes).map_err(|error| ParseError::Json { part, error })
}
