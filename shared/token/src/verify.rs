//! From untrusted to verified: the only way (token profile §9–16).

use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::claims::{Claims, ClaimsError};
use crate::ed25519::{self, Ed25519Error};
use crate::issuer::{IssuerKeys, IssuerRules};
use crate::jwk::Jwk;
use crate::time::UnixTime;
use crate::untrusted::UntrustedToken;
use crate::verified::{Verified, VerifiedAccessToken};
use crate::verifier::{CompactJws, LocalVerifier, SignatureError, SignatureVerifier};

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

/// Why a token is not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The issuer has no key of that id; it may have a new set (token profile §11).
    #[error("none of the issuer's {keys} keys has that id")]
    UnknownKey {
        /// How many keys the issuer has.
        keys: usize,
    },
    /// The token is not authentic. Nothing it says may be believed or recorded as said.
    #[error(transparent)]
    NotAuthentic(AuthenticityError),
    /// No verdict could be had: our fault, 503.
    #[error("no verdict: {operation}")]
    Unavailable {
        /// What could not be done.
        operation: &'static str,
    },
    /// The signature held, but the token is not for here and now.
    #[error(transparent)]
    Unacceptable(ClaimsError),
}

impl VerifyError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownKey { .. } => "keyUnknown",
            Self::NotAuthentic(error) => error.code(),
            Self::Unavailable { .. } => "verifierUnavailable",
            Self::Unacceptable(error) => error.code(),
        }
    }

    /// Whether the issuer did sign the token, so that the refusal is recorded as an
    /// entry of its own and not in an aggregate.
    pub const fn signature_held(&self) -> bool {
        match self {
            Self::Unacceptable(_) => true,
            Self::UnknownKey { .. } | Self::NotAuthentic(_) | Self::Unavailable { .. } => false,
        }
    }
}

impl UntrustedToken {
    /// Checks issuer, key, algorithm and signature, and then time and audience.
    ///
    /// `keys` are those of the issuer that the token names, `audience` is our own
    /// identifier, `now` the time of the request.
    pub async fn verify<V: SignatureVerifier>(
        self,
        keys: &IssuerKeys,
        audience: &str,
        verifier: &V,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, VerifyError> {
        let key = self.resolve(keys)?;
        let jws = self.jws()?;
        check_signature_form(key, jws.signature()).map_err(VerifyError::NotAuthentic)?;
        verifier
            .verify(key, &jws)
            .await
            .map_err(|error| match error {
                SignatureError::Mismatch => {
                    VerifyError::NotAuthentic(AuthenticityError::SignatureMismatch)
                }
                SignatureError::Unavailable { operation } => VerifyError::Unavailable { operation },
            })?;

        // INVARIANT: the signature held. Only now does a fault of the claims count.
        let claims = self.claims.map_err(VerifyError::Unacceptable)?;
        check_acceptable(&claims, keys.rules(), audience, now)
            .map_err(VerifyError::Unacceptable)?;
        Ok(VerifiedAccessToken::new(Verified {
            token: self.token,
            digest: OnceLock::new(),
            issuer: self.issuer,
            key_id: key.key_id().clone(),
            key_thumbprint: key.thumbprint(),
            algorithm: key.algorithm(),
            claims,
        }))
    }

    /// [`verify`](Self::verify) with the [`LocalVerifier`], without an executor: for
    /// command lines and tests.
    pub fn verify_locally(
        self,
        keys: &IssuerKeys,
        audience: &str,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, VerifyError> {
        let mut future = std::pin::pin!(self.verify(keys, audience, &LocalVerifier, now));
        match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(verdict) => verdict,
            // The local verifier never waits.
            Poll::Pending => Err(VerifyError::Unavailable {
                operation: "localVerifier",
            }),
        }
    }

    /// The key for this token: by issuer and key id, and only for the algorithm that
    /// configuration allows the issuer and pins to the key (token profile §9–10).
    fn resolve<'k>(&self, keys: &'k IssuerKeys) -> Result<&'k Jwk, VerifyError> {
        if *self.issuer != *keys.rules().issuer() {
            return Err(VerifyError::NotAuthentic(AuthenticityError::IssuerMismatch));
        }
        let algorithm = self.algorithm();
        if !keys.rules().allows(algorithm) {
            return Err(VerifyError::NotAuthentic(
                AuthenticityError::AlgorithmNotAllowed { algorithm },
            ));
        }
        let key = keys
            .keys()
            .get(self.key_id())
            .ok_or(VerifyError::UnknownKey {
                keys: keys.keys().iter().count(),
            })?;
        if key.algorithm() != algorithm {
            return Err(VerifyError::NotAuthentic(
                AuthenticityError::AlgorithmMismatch {
                    algorithm,
                    pinned: key.algorithm(),
                },
            ));
        }
        Ok(key)
    }

    fn jws(&self) -> Result<CompactJws<'_>, VerifyError> {
        self.token
            .get(..self.signing_input_bytes)
            .map(|signing_input| CompactJws::new(&self.token, signing_input, &self.signature))
            // The length was measured on this very text.
            .ok_or(VerifyError::Unavailable {
                operation: "signingInput",
            })
    }
}

/// Checks that no verifier is left to make: the exact length (RFC 7518 §3.3–3.5),
/// and for Ed25519 the encodings on which verifiers differ (token profile §13).
fn check_signature_form(key: &Jwk, signature: &[u8]) -> Result<(), AuthenticityError> {
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

/// Time and audience (token profile §15–16).
pub(crate) fn check_acceptable(
    claims: &Claims,
    rules: &IssuerRules,
    audience: &str,
    now: UnixTime,
) -> Result<(), ClaimsError> {
    let skew = rules.clock_skew_seconds();
    let latest_begin = now.saturating_add(skew);
    let expires_at = claims.expires_at;

    // RFC 7519 §4.1.4: "on or after which" it must not be accepted.
    if now >= expires_at.saturating_add(skew) {
        return Err(ClaimsError::Expired {
            at: expires_at,
            now,
        });
    }
    if let Some(at) = claims.not_before {
        if at > latest_begin {
            return Err(ClaimsError::NotYetValid { at, now });
        }
        if at >= expires_at {
            return Err(ClaimsError::NeverValid { at: expires_at });
        }
    }
    if claims.issued_at > latest_begin {
        return Err(ClaimsError::IssuedInFuture {
            at: claims.issued_at,
            now,
        });
    }
    let limit = rules.max_token_lifetime_seconds();
    match expires_at.seconds_since(claims.issued_at) {
        None | Some(0) => return Err(ClaimsError::NeverValid { at: expires_at }),
        Some(seconds) if seconds > limit => {
            return Err(ClaimsError::LifetimeTooLong { seconds, limit });
        }
        Some(_) => {}
    }
    if claims.audiences.iter().any(|named| **named == *audience) {
        Ok(())
    } else {
        Err(ClaimsError::AudienceMismatch {
            audiences: claims.audiences.len(),
        })
    }
}
