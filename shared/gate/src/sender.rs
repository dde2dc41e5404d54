//! Whether the sender of a token may use it: DPoP (RFC 9449) and client
//! certificates (RFC 8705); profile §22–23.
//!
//! A signature is checked only of a proof by the very key that the token
//! names, so that nobody makes us check signatures without a token for them.

use std::cell::Cell;

use sluis_token::{
    AccessToken, AuthorizationScheme, BindingError, BoundAccessToken, Confirmation, DpopError,
    DpopProof, DpopRequest, Presented, UnixTime, VerifiedAccessToken, VerifiedDpopProof,
};

use crate::certificate;
use crate::error::{Fault, Refusal, Stop};
use crate::gate::{Gate, unix_time};
use crate::nonce::Freshness;
use crate::original::OriginalRequest;
use crate::platform::Platform;
use crate::replay::{ReplayStore as _, Use};

/// Who sent a token: the request it came with, and the one that came in, which is
/// another one where a proxy asks.
pub(crate) struct Sender<'a, R> {
    pub(crate) original: &'a OriginalRequest,
    pub(crate) request: &'a R,
}

/// A token that its sender may use.
pub(crate) struct Bound {
    pub(crate) token: BoundAccessToken,
    /// The nonce for the sender's next proof, where that of this one ends soon.
    pub(crate) next_nonce: Option<String>,
}

impl Gate {
    /// Binds a token to its sender. A token that is bound to nobody costs
    /// nothing here.
    pub(crate) async fn bind<P: Platform>(
        &self,
        platform: &P,
        token: VerifiedAccessToken,
        access_token: &AccessToken,
        sender: &Sender<'_, P::Request>,
        now: UnixTime,
    ) -> Result<Bound, Stop> {
        let scheme = access_token.scheme();
        let names_key = token.confirmation().is_some_and(Confirmation::names_key);
        let (proof, next_nonce) = match (scheme, names_key) {
            // Apart, so that the others' future stays small.
            (AuthorizationScheme::Dpop, true) => {
                let proof = self.verify_proof(platform, &token, access_token, sender, now);
                let (proof, next_nonce) = Box::pin(proof).await?;
                (Some(proof), next_nonce)
            }
            // No proof makes these good; the token crate says why.
            (AuthorizationScheme::Dpop, false) | (AuthorizationScheme::Bearer, _) => (None, None),
        };
        let names_certificate = token
            .confirmation()
            .is_some_and(Confirmation::names_certificate);
        let certificate = if names_certificate {
            let trust_field = self.config.upstream.trust_client_cert_field;
            certificate::of_sender(sender.original, sender.request, trust_field)
        } else {
            None
        };
        let presented = Presented {
            scheme,
            proof: proof.as_ref(),
            certificate,
        };
        let token = token.bind(&presented).map_err(Refusal::from)?;
        // Last: a proof is used up only by a request that it is good for.
        if let Some(proof) = proof {
            let key = proof.replay_key();
            let used = platform.replay().consume(&key, proof.valid_until());
            match Box::pin(used).await.map_err(Fault::from)? {
                Use::First => {}
                Use::Repeated => return Err(Refusal::ProofReplayed.into()),
            }
        }
        Ok(Bound { token, next_nonce })
    }

    /// RFC 9449 §4.3, but for the store of used proofs; and the next nonce.
    async fn verify_proof<P: Platform>(
        &self,
        platform: &P,
        token: &VerifiedAccessToken,
        access_token: &AccessToken,
        sender: &Sender<'_, P::Request>,
        now: UnixTime,
    ) -> Result<(VerifiedDpopProof, Option<String>), Stop> {
        let original = sender.original;
        let missing = || Refusal::Binding(BindingError::ProofMissing);
        let field = original.dpop.as_deref().ok_or_else(missing)?;
        let proof = DpopProof::parse(field).map_err(Refusal::from)?;
        let is_tokens_key = token
            .confirmation()
            .is_some_and(|confirmation| confirmation.is_key(&proof.key_thumbprint()));
        if !is_tokens_key {
            return Err(Refusal::Binding(BindingError::KeyMismatch).into());
        }
        // The name that clients call this API by, never what a request calls its
        // host: the target alone is the request's.
        let url = format!("{}{}", self.config.institution.url, original.target);
        let asked = DpopRequest {
            method: &original.method,
            url: &url,
            access_token,
            now,
        };
        let freshness = Cell::new(None);
        let nonce_is_ours = |nonce: &str| {
            freshness.set(self.secrets.nonce_key.check(nonce, now));
            freshness.get().is_some()
        };
        let verified = proof
            .verify(platform.verifier(), &asked, nonce_is_ours)
            .await
            .map_err(|error| {
                if matches!(error, DpopError::Unavailable { .. }) {
                    Stop::Failed(Fault::Verifier)
                } else {
                    Stop::Refused(Refusal::Dpop(error))
                }
            })?;
        let ends = freshness.get() == Some(Freshness::Ending);
        Ok((verified, ends.then(|| self.nonce(now))))
    }

    /// The nonce to try again with, after a proof that only lacked one (RFC 9449 §9).
    pub(crate) fn nonce_after(&self, stop: &Stop, now_ms: u64) -> Option<String> {
        let lacked = *stop == Refusal::Dpop(DpopError::NonceNeeded).into();
        let now = unix_time(now_ms).ok().filter(|_| lacked)?;
        Some(self.nonce(now))
    }

    /// The nonce to give out now.
    pub(crate) fn nonce(&self, now: UnixTime) -> String {
        self.secrets.nonce_key.current(now)
    }
}
