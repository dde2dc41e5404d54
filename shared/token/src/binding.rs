//! A token and the proof that its sender may use it (token profile §22–23).

use std::fmt;
use std::ops::Deref;

use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::bearer::AuthorizationScheme;
use crate::confirmation::Confirmation;
use crate::dpop::VerifiedDpopProof;
use crate::verified::VerifiedAccessToken;

/// What came with a token.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// The scheme of this very request, [`AccessToken::scheme`](crate::AccessToken::scheme).
    pub scheme: AuthorizationScheme,
    /// The proof of this very request.
    pub proof: Option<&'a VerifiedDpopProof>,
    /// SHA-256 of the DER of the client's certificate, of which the platform verified
    /// that the client has its key.
    pub certificate: Option<[u8; 32]>,
}

/// Why a sender may not use a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BindingError {
    /// A token bound to a key, sent as a bearer token (RFC 9449 §7.2).
    #[error("bound to a key, but sent as a bearer token")]
    KeyBoundAsBearer,
    /// A token bound to no key, sent with the DPoP scheme (RFC 9449 §7.1).
    #[error("sent with the DPoP scheme, but bound to no key")]
    NotKeyBound,
    /// No proof beside a token bound to a key.
    #[error("no proof of possession of the key")]
    ProofMissing,
    /// The proof is by another key (RFC 9449 §4.3, check 12).
    #[error("the proof is by another key")]
    KeyMismatch,
    /// The proof was verified for another token.
    #[error("the proof is for another token")]
    ProofForAnotherToken,
    /// No verified certificate beside a token bound to one (RFC 8705 §3).
    #[error("no client certificate")]
    CertificateMissing,
    /// The client used another certificate (RFC 8705 §3).
    #[error("the client certificate is another one")]
    CertificateMismatch,
}

impl BindingError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyBoundAsBearer => "keyBoundTokenAsBearer",
            Self::NotKeyBound => "tokenNotKeyBound",
            Self::ProofMissing => "dpopProofMissing",
            Self::KeyMismatch => "dpopKeyMismatch",
            Self::ProofForAnotherToken => "dpopProofForAnotherToken",
            Self::CertificateMissing => "clientCertificateMissing",
            Self::CertificateMismatch => "clientCertificateMismatch",
        }
    }
}

/// A verified token whose sender proved possession of all that its `cnf` claim
/// names; of nothing, if it has none.
///
/// It cannot be made in another way than by [`VerifiedAccessToken::bind`]:
///
/// ```compile_fail,E0423
/// let forged = |token: sluis_token::VerifiedAccessToken| sluis_token::BoundAccessToken(token);
/// ```
///
/// ```compile_fail,E0277
/// let forged = |token: sluis_token::VerifiedAccessToken| sluis_token::BoundAccessToken::from(token);
/// ```
///
/// Like the token itself it is of one request, and to be used for that request only.
#[derive(Clone)]
pub struct BoundAccessToken(VerifiedAccessToken);

impl VerifiedAccessToken {
    /// Checks that the sender may use the token. Where the token names both a key and
    /// a certificate, both must hold.
    pub fn bind(self, presented: &Presented<'_>) -> Result<BoundAccessToken, BindingError> {
        let confirmation = self.confirmation();
        let names_key = confirmation.is_some_and(Confirmation::names_key);
        match (presented.scheme, names_key) {
            // Else a thief of the token would only have to change the scheme.
            (AuthorizationScheme::Bearer, true) => return Err(BindingError::KeyBoundAsBearer),
            (AuthorizationScheme::Dpop, false) => return Err(BindingError::NotKeyBound),
            (AuthorizationScheme::Bearer, false) | (AuthorizationScheme::Dpop, true) => {}
        }
        if let Some(confirmation) = confirmation {
            if confirmation.names_key() {
                let proof = presented.proof.ok_or(BindingError::ProofMissing)?;
                if !confirmation.is_key(&proof.key_thumbprint()) {
                    return Err(BindingError::KeyMismatch);
                }
                if !bool::from(proof.token_sha256().ct_eq(&self.token_sha256())) {
                    return Err(BindingError::ProofForAnotherToken);
                }
            }
            if confirmation.names_certificate() {
                let certificate = presented
                    .certificate
                    .ok_or(BindingError::CertificateMissing)?;
                if !confirmation.is_certificate(&certificate) {
                    return Err(BindingError::CertificateMismatch);
                }
            }
        }
        Ok(BoundAccessToken(self))
    }
}

impl Deref for BoundAccessToken {
    type Target = VerifiedAccessToken;

    fn deref(&self) -> &VerifiedAccessToken {
        &self.0
    }
}

impl fmt::Debug for BoundAccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("BoundAccessToken")
            .field(&self.0)
            .finish()
    }
}
