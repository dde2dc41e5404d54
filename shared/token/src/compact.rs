//! The compact serialisation of a JSON Web Signature (token profile §3–5; RFC 7515
//! §7.1), as access tokens, DPoP proofs and status lists have it.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::base64url::{self, Base64UrlError};
use crate::json::{JsonError, Object};
use crate::verifier::CompactJws;

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

/// Why a text is no JSON Web Signature that the profile reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CompactError {
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
}

impl CompactError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotThreeParts => "tokenNotThreeParts",
            Self::Encoding { .. } => "tokenEncoding",
            Self::Json { error, .. } => error.code(),
        }
    }
}

/// The three parts, still encoded. The caller has bounded the length of the whole.
pub(crate) struct Compact<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    pub(crate) fn split(text: &'a str) -> Result<Self, CompactError> {
        let mut parts = text.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature), None) => Ok(Self {
                header,
                payload,
                signature,
            }),
            _ => Err(CompactError::NotThreeParts),
        }
    }

    /// The bytes of a part.
    pub(crate) fn decode(&self, part: Part) -> Result<Vec<u8>, CompactError> {
        let text = match part {
            Part::Header => self.header,
            Part::Payload => self.payload,
            Part::Signature => self.signature,
        };
        base64url::decode(text).map_err(|error| CompactError::Encoding { part, error })
    }
}

/// The JSON object that a decoded part is.
pub(crate) fn object(part: Part, bytes: &[u8]) -> Result<Object<'_>, CompactError> {
    Object::parse(bytes).map_err(|error| CompactError::Json { part, error })
}

/// A text of three parts and its decoded signature, which is still to be checked.
pub(crate) struct Signed {
    pub(crate) text: Arc<str>,
    pub(crate) signature: Vec<u8>,
}

impl Signed {
    /// What a verifier looks at. All but the last dot and the signature is signed
    /// (RFC 7515 §5.1); `None` for a text without a dot, which is never made.
    pub(crate) fn jws(&self) -> Option<CompactJws<'_>> {
        let (signing_input, _) = self.text.rsplit_once('.')?;
        Some(CompactJws::new(&self.text, signing_input, &self.signature))
    }
}
