//! The one value that says: this token is authentic, current, from this issuer, for this audience.

use std::fmt;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::algorithm::Algorithm;
use crate::claims::{Actor, Claims, StatusReference};
use crate::confirmation::Confirmation;
use crate::key_rules::KeyId;
use crate::mandate::Mandate;
use crate::pseudonym::SubjectPseudonym;
use crate::time::UnixTime;

const REPLAY_CONTEXT: &[u8] = b"sluis single use v1\0";

/// A token whose signature, time, issuer and audience were checked.
///
/// It cannot be made in another way than by [`UntrustedToken::verify`] or, for a
/// token seen before, [`CachedToken::recheck`]:
///
/// ```compile_fail,E0451
/// use sluis_token::VerifiedAccessToken;
/// let forged = VerifiedAccessToken { inner: todo!() };
/// ```
///
/// ```compile_fail,E0599
/// use sluis_token::VerifiedAccessToken;
/// let forged = VerifiedAccessToken::default();
/// ```
///
/// ```compile_fail,E0624
/// use sluis_token::VerifiedAccessToken;
/// let forged = VerifiedAccessToken::new(todo!());
/// ```
///
/// nor read from text:
///
/// ```compile_fail,E0277
/// let forged: sluis_token::VerifiedAccessToken = serde_json::from_str("{}").unwrap();
/// ```
///
/// It was verified at some moment, and is to be used for the request of that
/// moment only. A clone is cheap. `Debug` prints no claim about a person or holder.
///
/// [`UntrustedToken::verify`]: crate::UntrustedToken::verify
/// [`CachedToken::recheck`]: crate::CachedToken::recheck
#[derive(Clone)]
pub struct VerifiedAccessToken {
    inner: Arc<Verified>,
}

/// What is known of a verified token.
pub(crate) struct Verified {
    pub(crate) token: Arc<str>,
    pub(crate) digest: OnceLock<[u8; 32]>,
    pub(crate) issuer: Box<str>,
    pub(crate) key_id: KeyId,
    pub(crate) key_thumbprint: [u8; 32],
    pub(crate) algorithm: Algorithm,
    pub(crate) claims: Claims,
}

impl VerifiedAccessToken {
    /// Called by `verify` alone, after every check.
    pub(crate) fn new(verified: Verified) -> Self {
        Self {
            inner: Arc::new(verified),
        }
    }

    pub(crate) fn verified(&self) -> &Verified {
        &self.inner
    }

    /// The verification system, `iss` (M-17.4).
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// The data subject, `sub` (M-21.5).
    pub fn subject(&self) -> &SubjectPseudonym {
        &self.inner.claims.subject
    }

    /// The client to which the token was issued, `client_id`. It can name a mandate holder.
    pub fn client_id(&self) -> &str {
        &self.inner.claims.client_id
    }

    /// `jti`, unique with the issuer. Replay and revocation go by (`iss`, `jti`),
    /// never by the token's bytes: an ECDSA signature has two forms (token profile §13).
    pub fn token_id(&self) -> &str {
        &self.inner.claims.token_id
    }

    /// `iat`
    pub fn issued_at(&self) -> UnixTime {
        self.inner.claims.issued_at
    }

    /// `exp`
    pub fn expires_at(&self) -> UnixTime {
        self.inner.claims.expires_at
    }

    /// The issuer's key that verified the signature.
    pub fn key_id(&self) -> &KeyId {
        &self.inner.key_id
    }

    /// The RFC 7638 thumbprint of that key.
    pub fn key_thumbprint(&self) -> [u8; 32] {
        self.inner.key_thumbprint
    }

    /// The algorithm of that key.
    pub fn algorithm(&self) -> Algorithm {
        self.inner.algorithm
    }

    /// SHA-256 of the token as it was sent; calculated when first asked for.
    pub fn token_sha256(&self) -> [u8; 32] {
        *self
            .inner
            .digest
            .get_or_init(|| Sha256::digest(self.inner.token.as_bytes()).into())
    }

    /// What names the token in a store of used ones (token profile §25): (`iss`,
    /// `jti`). The issuer's length keeps the two apart.
    pub fn replay_key(&self) -> [u8; 32] {
        // An issuer has at most `MAX_IDENTIFIER_BYTES`.
        let issuer_bytes = u64::try_from(self.issuer().len()).unwrap_or(u64::MAX);
        Sha256::new()
            .chain_update(REPLAY_CONTEXT)
            .chain_update(issuer_bytes.to_be_bytes())
            .chain_update(self.issuer().as_bytes())
            .chain_update(self.token_id().as_bytes())
            .finalize()
            .into()
    }

    /// What the sender must prove to have, `cnf`; [`bind`](Self::bind) checks it.
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.inner.claims.confirmation.as_ref()
    }

    /// The outermost actor, `act` (token profile §18).
    pub fn actor(&self) -> Option<&Actor> {
        self.inner.claims.actor.as_ref()
    }

    /// Where the token's status stands. A token that has a status and whose status
    /// was not looked up must not be honoured (M-10.4).
    pub fn status_reference(&self) -> Option<&StatusReference> {
        self.inner.claims.status.as_ref()
    }

    /// The mandate that the token asserts.
    pub fn mandate(&self) -> &Mandate {
        &self.inner.claims.mandate
    }
}

impl fmt::Debug for VerifiedAccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VerifiedAccessToken")
            .field("issuer", &self.issuer())
            .field("key_id", self.key_id())
            .field("algorithm", &self.algorithm())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
