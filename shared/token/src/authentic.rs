//! Whether a text was signed by the key that it names: for access tokens, DPoP
//! proofs and status lists alike (token profile §9–13).

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::compact::Signed;
use crate::ed25519::{self, Ed25519Error};
use crate::issuer::IssuerKeys;
use crate::jwk::Jwk;
use crate::key_rules::KeyId;
use crate::verifier::{SignatureError, SignatureVerifier};

/// Why a token is not what it says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthenticityError {
    /// The token names another issuer than the one whose keys were given.
    #[error("another issuer")]
    IssuerMismatch,
    /// The issuer may not sign so (token profile §10; RFC 8725 §3.1).
    #[error("{algorithm} is not allowed for the issuer")]
    AlgorithmNotAllowed {
        /// The algorithm that the token names.
        algorithm: Algorithm,
    },
    /// The key is for another algorithm. One key, one algorithm.
    #[error("{algorithm}, but the key is for {pinned}")]
    AlgorithmMismatch {
        /// The algorithm that the token names.
        algorithm: Algorithm,
        /// The algorithm of the key.
        pinned: Algorithm,
    },
    /// The signature is not as long as every signature of the key is.
    #[error("a signature of {actual} bytes, not {expected}")]
    SignatureLength {
        /// Its length.
        actual: usize,
        /// The length of the key's signatures.
        expected: usize,
    },
    /// An Ed25519 signature that strict verification refuses.
    #[error(transparent)]
    Ed25519(#[from] Ed25519Error),
    /// The signature does not match.
    #[error("the signature does not match")]
    SignatureMismatch,
    /// A token seen before whose key is no longer the issuer's key of that id.
    #[error("the key of the token has been replaced")]
    KeyReplaced,
}

impl AuthenticityError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::IssuerMismatch => "issuerMismatch",
            Self::AlgorithmNotAllowed { .. } => "algorithmNotAllowed",
            Self::AlgorithmMismatch { .. } => "algorithmMismatch",
            Self::SignatureLength { .. } => "signatureLength",
            Self::Ed25519(_) => "signatureNotStrict",
            Self::SignatureMismatch => "signatureMismatch",
            Self::KeyReplaced => "keyReplaced",
        }
    }
}

/// Why a text is not known to be its signer's.
pub(crate) enum Doubt {
    /// The issuer has no key of that id.
    UnknownKey { keys: usize },
    /// It is not.
    NotAuthentic(AuthenticityError),
    /// It could not be found out.
    Unavailable { operation: &'static str },
}

impl From<AuthenticityError> for Doubt {
    fn from(error: AuthenticityError) -> Self {
        Self::NotAuthentic(error)
    }
}

/// The key of that id, and only for the algorithm that configuration allows the
/// issuer and pins to the key (token profile §9–10).
pub(crate) fn resolve<'k>(
    keys: &'k IssuerKeys,
    algorithm: Algorithm,
    key_id: &KeyId,
) -> Result<&'k Jwk, Doubt> {
    if !keys.rules().allows(algorithm) {
        return Err(AuthenticityError::AlgorithmNotAllowed { algorithm }.into());
    }
    let key = keys.keys().get(key_id).ok_or(Doubt::UnknownKey {
        keys: keys.keys().iter().count(),
    })?;
    if key.algorithm() != algorithm {
        return Err(AuthenticityError::AlgorithmMismatch {
            algorithm,
            pinned: key.algorithm(),
        }
        .into());
    }
    Ok(key)
}

/// Checks the signature under `key`.
pub(crate) async fn check_signature<V: SignatureVerifier>(
    verifier: &V,
    key: &Jwk,
    signed: &Signed,
) -> Result<(), Doubt> {
    check_form(key, &signed.signature)?;
    let jws = signed.jws().ok_or(Doubt::Unavailable {
        operation: "signingInput",
    })?;
    match verifier.verify(key, &jws).await {
        Ok(()) => Ok(()),
        Err(SignatureError::Mismatch) => Err(AuthenticityError::SignatureMismatch.into()),
        Err(SignatureError::Unavailable { operation }) => Err(Doubt::Unavailable { operation }),
    }
}

/// Checks that no verifier is left to make: the exact length (RFC 7518 §3.3–3.5),
/// and for Ed25519 the encodings on which verifiers differ (token profile §13).
pub(crate) fn check_form(key: &Jwk, signature: &[u8]) -> Result<(), AuthenticityError> {
    let expected = key.public_key().signature_bytes();
    if signature.len() != expected {
        return Err(AuthenticityError::SignatureLength {
            actual: signature.len(),
            expected,
        });
    }
    match key.algorithm() {
        Algorithm::EdDsa => Ok(ed25519::check_signature(signature)?),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Ps256 | Algorithm::Rs256 => Ok(()),
    }
}

/// What a future says that never waits, as the ones over the
/// [`LocalVerifier`](crate::LocalVerifier) do; `None` from one that does.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
