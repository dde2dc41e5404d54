//! The key or certificate that a token is bound to: the `cnf` claim (RFC 7800 §3.1;
//! token profile §20, §22–23).

use std::fmt;

use subtle::ConstantTimeEq as _;

use crate::base64url;
use crate::fields::{Fault, FieldError, Fields};

/// Characters of a SHA-256 in base64url.
const DIGEST_CHARACTERS: usize = 43;

/// Members that bind a token in a way that is not verified here (RFC 7800 §3.2–3.5,
/// RFC 8705 §3.1, RFC 9200 §3.2.1). Beside a supported member they would be one
/// more binding, and so are refused there too; SHA-1 thumbprints are among them.
const UNSUPPORTED_MEMBERS: [&str; 9] = [
    "jwk", "jwe", "jku", "kid", "x5t", "x5c", "x5u", "osc", "ckt",
];

/// What the sender of a token must prove to have.
///
/// `Debug` does not print the thumbprints: each names a client.
#[derive(Clone, PartialEq, Eq)]
pub struct Confirmation {
    key: Option<[u8; 32]>,
    certificate: Option<[u8; 32]>,
}

/// Why a `cnf` claim cannot be used.
pub(crate) enum ConfirmationError {
    /// It binds the token in no way that is verified here.
    Unsupported,
    /// It is malformed.
    Member(FieldError),
}

impl From<FieldError> for ConfirmationError {
    fn from(error: FieldError) -> Self {
        Self::Member(error)
    }
}

impl Confirmation {
    /// Reads the claim. A member that is no method of confirmation known to RFC 7800
    /// or its registry is ignored beside one of ours, as §3.1 there wants it.
    pub(crate) fn parse(cnf: Fields<'_, '_>) -> Result<Self, ConfirmationError> {
        if UNSUPPORTED_MEMBERS
            .iter()
            .any(|member| cnf.any(member).is_some())
        {
            return Err(ConfirmationError::Unsupported);
        }
        let confirmation = Self {
            key: digest(cnf, "cnf.jkt")?,
            certificate: digest(cnf, "cnf.x5t#S256")?,
        };
        if confirmation.key.is_none() && confirmation.certificate.is_none() {
            return Err(ConfirmationError::Unsupported);
        }
        Ok(confirmation)
    }

    /// Whether the sender must prove possession of a key (RFC 9449 §6.1, `jkt`).
    pub const fn names_key(&self) -> bool {
        self.key.is_some()
    }

    /// Whether the sender must use a certificate (RFC 8705 §3.1, `x5t#S256`).
    pub const fn names_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// Whether the key that the sender must have has that RFC 7638 thumbprint.
    /// Compared in constant time; `false` where no key is named.
    pub fn is_key(&self, thumbprint: &[u8; 32]) -> bool {
        is(self.key.as_ref(), thumbprint)
    }

    /// Whether the certificate that the sender must use has that SHA-256. Compared
    /// in constant time; `false` where no certificate is named.
    pub fn is_certificate(&self, sha256: &[u8; 32]) -> bool {
        is(self.certificate.as_ref(), sha256)
    }
}

fn is(named: Option<&[u8; 32]>, shown: &[u8; 32]) -> bool {
    named.is_some_and(|named| bool::from(named.ct_eq(shown)))
}

/// A SHA-256 as its one base64url encoding.
fn digest(cnf: Fields<'_, '_>, path: &'static str) -> Result<Option<[u8; 32]>, FieldError> {
    let Some(text) = cnf.optional_text(path, DIGEST_CHARACTERS)? else {
        return Ok(None);
    };
    base64url::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .map(Some)
        .ok_or(FieldError::new(path, Fault::Malformed))
}

impl fmt::Debug for Confirmation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Confirmation")
            .field("names_key", &self.names_key())
            .field("names_certificate", &self.names_certificate())
            .finish_non_exhaustive()
    }
}
