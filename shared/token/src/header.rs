//! The JOSE header (token profile §7–10; RFC 7515 §4).

use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::fields::{FieldError, Fields};
use crate::json::Object;
use crate::key_rules::KeyId;

/// Parameters that a token of the profile never has (token profile §8).
///
/// `crit` and `b64` change what is signed (RFC 7797), `zip` what is read, `cty`
/// announces a nested token, and the others bring a key or the place of one: the
/// key comes from configuration, and no URL of a token is fetched (RFC 8725 §3.10).
pub const FORBIDDEN_PARAMETERS: [&str; 8] =
    ["crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "cty"];

const MAX_PARAMETER_BYTES: usize = 64;

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// A parameter of [`FORBIDDEN_PARAMETERS`].
    #[error("header parameter {parameter} is not allowed")]
    ForbiddenParameter {
        /// The parameter's name.
        parameter: &'static str,
    },
    /// `typ`, `alg` or `kid` is missing, of a wrong type or too long.
    #[error("header parameter {0}")]
    Parameter(FieldError),
    /// `typ` is not that of an access token (RFC 9068 §4).
    #[error("typ is not at+jwt")]
    WrongType,
    /// `alg` is no algorithm of the profile: `none` and every MAC among them.
    #[error("alg is not an algorithm of the profile")]
    UnsupportedAlgorithm,
}

impl HeaderError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ForbiddenParameter { .. } => "headerParameterForbidden",
            Self::Parameter(_) => "headerParameterInvalid",
            Self::WrongType => "tokenTypeWrong",
            Self::UnsupportedAlgorithm => "algorithmUnsupported",
        }
    }
}

/// What of a header is used. Other parameters are ignored (RFC 7515 §4).
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: KeyId,
}

impl Header {
    pub(crate) fn parse(object: &Object<'_>) -> Result<Self, HeaderError> {
        for parameter in FORBIDDEN_PARAMETERS {
            if object.get(parameter).is_some() {
                return Err(HeaderError::ForbiddenParameter { parameter });
            }
        }
        let fields = Fields(object);
        let text = |name, limit| fields.text(name, limit).map_err(HeaderError::Parameter);
        let token_type = text("typ", MAX_PARAMETER_BYTES)?;
        // A media type; `application/` may be left out (RFC 7515 §4.1.9).
        if !["at+jwt", "application/at+jwt"]
            .iter()
            .any(|name| token_type.eq_ignore_ascii_case(name))
        {
            return Err(HeaderError::WrongType);
        }
        let algorithm = Algorithm::parse(text("alg", MAX_PARAMETER_BYTES)?)
            .ok_or(HeaderError::UnsupportedAlgorithm)?;
        let key_id = KeyId::new(text("kid", KeyId::MAX_BYTES)?);
        Ok(Self { algorithm, key_id })
    }
}
