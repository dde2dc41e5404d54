//! Why a DPoP proof is refused.

use thiserror::Error;

use crate::authentic::{AuthenticityError, Doubt};
use crate::compact::CompactError;
use crate::fields::FieldError;
use crate::header::HeaderError;
use crate::jwk::JwkError;
use crate::time::UnixTime;

/// Why a proof is refused; the numbers are those of RFC 9449 §4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DpopError {
    /// Longer than [`MAX_DPOP_PROOF_BYTES`](crate::MAX_DPOP_PROOF_BYTES).
    #[error("a proof of {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The most that is accepted.
        limit: usize,
    },
    /// More than one `DPoP` field (check 1).
    #[error("more than one DPoP field")]
    Repeated,
    /// No well-formed JWT (check 2).
    #[error(transparent)]
    Malformed(#[from] CompactError),
    /// `typ` or `alg` (checks 4 and 5), a parameter that no proof has, or no `jwk`.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The key in the header is private or symmetric (check 7): whoever saw the proof
    /// has it.
    #[error("the key in the header is private or symmetric")]
    SecretKey,
    /// The key in the header is weak, malformed or not one for `alg`.
    #[error("the key in the header: {0}")]
    Key(JwkError),
    /// A claim is missing, of a wrong type or malformed (check 3).
    #[error("claim {0}")]
    Claim(#[from] FieldError),
    /// The key in the header did not sign the proof (check 6).
    #[error(transparent)]
    NotAuthentic(AuthenticityError),
    /// No verdict could be had: our fault, 503.
    #[error("no verdict: {operation}")]
    Unavailable {
        /// What could not be done.
        operation: &'static str,
    },
    /// `htm` is not the method of the request (check 8).
    #[error("for another method")]
    MethodMismatch,
    /// `htu` is not the URI of the request (check 9).
    #[error("for another URI")]
    UriMismatch,
    /// `nonce` is absent, not ours or too old (check 10): the client shall try again
    /// with the one that the answer brings (RFC 9449 §9).
    #[error("no nonce of ours")]
    NonceNeeded,
    /// Its time is past (check 11).
    #[error("good until {at} by its sender's clock, now {now}")]
    Stale {
        /// When its time ended.
        at: UnixTime,
        /// The time of the request.
        now: UnixTime,
    },
    /// Its time is yet to come (check 11).
    #[error("made at {at} by its sender's clock, now {now}")]
    InFuture {
        /// When its time begins.
        at: UnixTime,
        /// The time of the request.
        now: UnixTime,
    },
    /// `ath` is not the hash of the token beside the proof (check 12).
    #[error("for another token")]
    TokenHashMismatch,
}

impl DpopError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "dpopProofTooLarge",
            Self::Repeated => "dpopProofRepeated",
            Self::Malformed(_) => "dpopProofMalformed",
            Self::Header(error) => match error {
                HeaderError::ForbiddenParameter { .. } => "dpopHeaderParameterForbidden",
                HeaderError::Parameter(_) => "dpopHeaderParameterInvalid",
                HeaderError::WrongType { .. } => "dpopTypeWrong",
                HeaderError::UnsupportedAlgorithm => "dpopAlgorithmUnsupported",
            },
            Self::SecretKey => "dpopKeySecret",
            Self::Key(_) => "dpopKeyUnusable",
            Self::Claim(_) => "dpopClaimInvalid",
            Self::NotAuthentic(_) => "dpopSignatureInvalid",
            Self::Unavailable { .. } => "verifierUnavailable",
            Self::MethodMismatch => "dpopMethodMismatch",
            Self::UriMismatch => "dpopUriMismatch",
            Self::NonceNeeded => "dpopNonceNeeded",
            Self::Stale { .. } => "dpopProofStale",
            Self::InFuture { .. } => "dpopProofInFuture",
            Self::TokenHashMismatch => "dpopTokenHashMismatch",
        }
    }
}

impl From<Doubt> for DpopError {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::NotAuthentic(error) => Self::NotAuthentic(error),
            Doubt::Unavailable { operation } => Self::Unavailable { operation },
            // Of a proof no key is looked up.
            Doubt::UnknownKey { .. } => Self::Unavailable {
                operation: "keyLookup",
            },
        }
    }
}
