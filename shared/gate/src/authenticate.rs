//! From a bearer token to a verified one that is its sender's (profile §2–23).

use sluis_token::{AccessToken, Jwk, UntrustedToken, VerifyError};

use crate::config::IssuerConfig;
use crate::count::leaves_no_entry;
use crate::error::{Fault, Refusal, Stop};
use crate::gate::{Gate, unix_time};
use crate::platform::Platform;
use crate::sender::{Bound, Sender};

/// A token whose signature held and that is no good here and now.
pub(crate) struct Unacceptable<'a> {
    pub(crate) issuer: &'a IssuerConfig,
    pub(crate) key_thumbprint: [u8; 32],
    pub(crate) stop: Stop,
}

/// What became of a bearer token.
pub(crate) enum Authentication<'a> {
    /// It is verified and its sender's; this is who issued it.
    Verified(Bound, &'a IssuerConfig),
    /// It is authentic and still no good: refused with a record of its own.
    Unacceptable(Unacceptable<'a>),
}

impl Gate {
    /// Profile §2–23: from the token to a verified one that is its sender's.
    pub(crate) async fn authenticate<P: Platform>(
        &self,
        platform: &P,
        bearer: &AccessToken,
        sender: &Sender<'_, P::Request>,
        now_ms: u64,
    ) -> Result<Authentication<'_>, Stop> {
        let now = unix_time(now_ms)?;
        let audience = &self.config.institution.audience;
        let cached = self.cache.borrow_mut().get(bearer);
        if let Some(cached) = cached {
            let issuer = self.issuer(cached.issuer())?;
            let keys = self.keys.resolve(platform, issuer, cached.key_id()).await?;
            let thumbprint = cached.key_thumbprint();
            return match cached.recheck(&keys, audience, now) {
                Ok(token) => {
                    let bound = self.bind(platform, token, bearer, sender, now);
                    settle_binding(bound.await, issuer, thumbprint)
                }
                Err(error) => {
                    // Expired, or no longer its issuer's: it takes no room from others.
                    self.cache.borrow_mut().remove(bearer);
                    settle(error, issuer, thumbprint)
                }
            };
        }
        let untrusted = UntrustedToken::parse(bearer).map_err(Refusal::from)?;
        let issuer = self.issuer(untrusted.issuer())?;
        let keys = self
            .keys
            .resolve(platform, issuer, untrusted.key_id())
            .await?;
        let key = keys.keys().get(untrusted.key_id());
        let thumbprint = key.map(Jwk::thumbprint).unwrap_or_default();
        match untrusted
            .verify(&keys, audience, platform.verifier(), now)
            .await
        {
            Ok(token) => {
                self.cache.borrow_mut().insert(bearer, token.clone());
                let bound = self.bind(platform, token, bearer, sender, now);
                settle_binding(bound.await, issuer, thumbprint)
            }
            Err(error) => settle(error, issuer, thumbprint),
        }
    }

    fn issuer(&self, issuer: &str) -> Result<&IssuerConfig, Refusal> {
        self.config.issuer(issuer).ok_or(Refusal::UnknownIssuer)
    }
}

/// What follows from a token that did not verify.
fn settle(
    error: VerifyError,
    issuer: &IssuerConfig,
    key_thumbprint: [u8; 32],
) -> Result<Authentication<'_>, Stop> {
    match error {
        VerifyError::Unavailable { .. } => Err(Fault::Verifier.into()),
        VerifyError::UnknownKey { .. } | VerifyError::NotAuthentic(_) => {
            Err(Refusal::Verify(error).into())
        }
        VerifyError::Unacceptable(_) => Ok(Authentication::Unacceptable(Unacceptable {
            issuer,
            key_thumbprint,
            stop: Refusal::Verify(error).into(),
        })),
    }
}

/// What follows from a verified token and its sender. Its signature held, so a
/// refusal has an entry of its own.
fn settle_binding(
    bound: Result<Bound, Stop>,
    issuer: &IssuerConfig,
    key_thumbprint: [u8; 32],
) -> Result<Authentication<'_>, Stop> {
    match bound {
        Ok(bound) => Ok(Authentication::Verified(bound, issuer)),
        // The proof's signature could not be checked: counted, as for a token's.
        Err(stop) if leaves_no_entry(&stop) => Err(stop),
        Err(stop) => Ok(Authentication::Unacceptable(Unacceptable {
            issuer,
            key_thumbprint,
            stop,
        })),
    }
}
