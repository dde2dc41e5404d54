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
    /// `typ` is of another kind of token (RFC 8725 §3.11, RFC 9068 §4).
    #[error("typ is not {expected}")]
    WrongType {
        /// What it should be.
        expected: &'static str,
    },
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
            Self::WrongType { .. } => "tokenTypeWrong",
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
    /// Reads the header of a token of the kind `expected`, signed by a key of its
    /// issuer.
    pub(crate) fn parse(object: &Object<'_>, expected: &'static str) -> Result<Self, HeaderError> {
        refuse(object, FORBIDDEN_PARAMETERS)?;
        Ok(Self {
            algorithm: algorithm(object, expected)?,
            key_id: KeyId::new(text(object, "kid", KeyId::MAX_BYTES)?),
        })
    }

    /// Reads the header of a signature that need not be a token of any kind.
    pub(crate) fn parse_of_any_kind(object: &Object<'_>) -> Result<Self, HeaderError> {
        refuse(object, FORBIDDEN_PARAMETERS)?;
        Ok(Self {
            algorithm: named_algorithm(object)?,
            key_id: KeyId::new(text(object, "kid", KeyId::MAX_BYTES)?),
        })
    }
}

/// Refuses a header that has one of `parameters`, whatever its value.
pub(crate) fn refuse(
    object: &Object<'_>,
    parameters: impl IntoIterator<Item = &'static str>,
) -> Result<(), HeaderError> {
    match parameters
        .into_iter()
        .find(|parameter| object.get(parameter).is_some())
    {
        Some(parameter) => Err(HeaderError::ForbiddenParameter { parameter }),
        None => Ok(()),
    }
}

/// The algorithm of a token of the kind `expected`, which `typ` must be.
pub(crate) fn algorithm(
    object: &Object<'_>,
    expected: &'static str,
) -> Result<Algorithm, HeaderError> {
    const MEDIA_TYPE: &str = "application/";
    let token_type = text(object, "typ", MAX_PARAMETER_BYTES)?;
    // A media type, in any case; `application/` may be left out (RFC 7515 §4.1.9).
    let kind = match token_type.split_at_checked(MEDIA_TYPE.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(MEDIA_TYPE) => rest,
        Some(_) | None => token_type,
    };
    if !kind.eq_ignore_ascii_case(expected) {
        return Err(HeaderError::WrongType { expected });
    }
    named_algorithm(object)
}

fn named_algorithm(object: &Object<'_>) -> Result<Algorithm, HeaderError> {
    Algorithm::parse(text(object, "alg", MAX_PARAMETER_BYTES)?)
        .ok_or(HeaderError::UnsupportedAlgorithm)
}

fn text<'o>(
    object: &'o Object<'_>,
    name: &'static str,
    limit: usize,
) -> Result<&'o str, HeaderError> {
    Fields(object)
        .text(name, limit)
        .map_err(HeaderError::Parameter)
}
