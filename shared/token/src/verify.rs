//! From untrusted to verified: the only way (token profile §9–16).

use std::sync::OnceLock;

use thiserror::Error;

use crate::authentic::{AuthenticityError, Doubt, check_signature, ready, resolve};
use crate::claims::{Claims, ClaimsError};
use crate::issuer::{IssuerKeys, IssuerRules};
use crate::time::UnixTime;
use crate::untrusted::UntrustedToken;
use crate::verified::{Verified, VerifiedAccessToken};
use crate::verifier::{LocalVerifier, SignatureVerifier};

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

impl From<Doubt> for VerifyError {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::UnknownKey { keys } => Self::UnknownKey { keys },
            Doubt::NotAuthentic(error) => Self::NotAuthentic(error),
            Doubt::Unavailable { operation } => Self::Unavailable { operation },
        }
    }
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
        if *self.issuer != *keys.rules().issuer() {
            return Err(VerifyError::NotAuthentic(AuthenticityError::IssuerMismatch));
        }
        let key = resolve(keys, self.algorithm(), self.key_id())?;
        check_signature(verifier, key, &self.signed).await?;

        // INVARIANT: the signature held. Only now does a fault of the claims count.
        let claims = self.claims.map_err(VerifyError::Unacceptable)?;
        check_acceptable(&claims, keys.rules(), audience, now)
            .map_err(VerifyError::Unacceptable)?;
        Ok(VerifiedAccessToken::new(Verified {
            token: self.signed.text,
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
        ready(self.verify(keys, audience, &LocalVerifier, now)).unwrap_or(Err(
            VerifyError::Unavailable {
                operation: "localVerifier",
            },
        ))
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
