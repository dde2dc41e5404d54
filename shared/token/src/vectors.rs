//! The signature layer alone, for test vectors that others made.
//!
//! Most public vectors sign something that is no access token. Here they go through
//! the code that a token goes through, up to where a token begins to be one. What
//! passes here is signed and nothing more: not typed (RFC 8725 §3.11), not for us,
//! not current. No function that serves a request calls these.

use thiserror::Error;

use crate::authentic::{self, AuthenticityError, ready};
use crate::bearer::{AccessToken, BearerError};
use crate::compact::{Compact, CompactError, Part, Signed, object};
use crate::header::{Header, HeaderError};
use crate::issuer::IssuerKeys;
use crate::jwk::Jwk;
use crate::untrusted::ParseError;
use crate::verifier::{self, LocalVerifier};
use crate::verify::VerifyError;

/// Why a text is no signature of any of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwsError {
    /// It could not be sent as a token.
    #[error(transparent)]
    Token(#[from] BearerError),
    /// It is not a JSON Web Signature of the profile.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It is not signed by one of the keys.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl JwsError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Token(error) => error.code(),
            Self::Parse(error) => error.code(),
            Self::Verify(error) => error.code(),
        }
    }
}

impl From<CompactError> for JwsError {
    fn from(error: CompactError) -> Self {
        Self::Parse(error.into())
    }
}

impl From<HeaderError> for JwsError {
    fn from(error: HeaderError) -> Self {
        Self::Parse(error.into())
    }
}

/// Checks a JSON Web Signature of any payload and of any `typ` (token profile §2–5,
/// §8–13), and gives the payload.
pub fn verify_jws(text: &str, keys: &IssuerKeys) -> Result<Vec<u8>, JwsError> {
    let token = AccessToken::parse(text)?;
    let parts = Compact::split(token.as_str())?;
    let header = parts.decode(Part::Header)?;
    let header = Header::parse_of_any_kind(&object(Part::Header, &header)?)?;
    let signed = Signed {
        signature: parts.decode(Part::Signature)?,
        text: token.shared(),
    };
    let payload = parts.decode(Part::Payload)?;
    let key =
        authentic::resolve(keys, header.algorithm, &header.key_id).map_err(VerifyError::from)?;
    ready(authentic::check_signature(&LocalVerifier, key, &signed))
        .unwrap_or(Err(authentic::Doubt::Unavailable {
            operation: "localVerifier",
        }))
        .map_err(VerifyError::from)?;
    Ok(payload)
}

/// Whether `signature` is that of `key` over `message`: the counterpart of
/// [`SigningKey::sign_bytes`](crate::sign::SigningKey::sign_bytes) (token profile §12–13).
pub fn verify_bytes(key: &Jwk, message: &[u8], signature: &[u8]) -> Result<(), AuthenticityError> {
    authentic::check_form(key, signature)?;
    if verifier::holds(key, message, signature) {
        Ok(())
    } else {
        Err(AuthenticityError::SignatureMismatch)
    }
}
