//! From the shared store or from the issuer to a set that serves.

use std::rc::Rc;

use sluis_token::{IssuerKeys, JwkSet, KeyId, MAX_JWKS_BYTES};

use super::Source;
use super::state::{KnownSet, MAX_STALE_MS, SOFT_AGE_MS};
use crate::platform::Platform;
use crate::vault::Label;

/// Media types of a JWK set (RFC 7517 §8.5.2), and what most servers call it.
const ACCEPT: &str = "application/jwk-set+json, application/json";

impl Source {
    /// Fetches newer keys behind the request, which has its answer.
    pub(super) fn revalidate<P: Platform>(self: &Rc<Self>, platform: &P, url: &str, now_ms: u64) {
        let fetch = self.state.borrow_mut().begin_fetch(now_ms);
        let (source, later, url) = (Rc::clone(self), platform.clone(), url.to_owned());
        platform.defer(async move { source.obtain(&later, &url, fetch, None).await });
    }

    /// Gets a set: from the shared store if what stands there is new and has
    /// what is wanted, else from the issuer. The caller has begun the fetch of
    /// that number; this ends it.
    pub(super) async fn obtain<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        url: &str,
        fetch: u64,
        wanted: Option<&KeyId>,
    ) {
        if self.take_over(platform, url, wanted).await {
            return;
        }
        let fetched = self.fetch(platform, url).await;
        let fetched_at_ms = platform.now_ms();
        let set = fetched.as_ref().map(|(_, set)| KnownSet {
            keys: self.keys_of(set.clone()),
            fetch,
            fetched_at_ms,
            soft_age_ms: SOFT_AGE_MS,
        });
        let mut state = self.state.borrow_mut();
        state.end_fetch(set, wanted, fetched_at_ms);
        drop(state);
        if let Some((bytes, _)) = fetched {
            let (source, later, url) = (Rc::clone(self), platform.clone(), url.to_owned());
            platform.defer(async move {
                let label = source.label(&url);
                let store = later.shared();
                source
                    .vault
                    .put(store, label, fetched_at_ms, &bytes, MAX_STALE_MS)
                    .await;
            });
        }
    }

    /// Takes over what another instance fetched. A set that is past its soft
    /// age will do for an instance that has none: it is refreshed at once.
    async fn take_over<P: Platform>(
        &self,
        platform: &P,
        url: &str,
        wanted: Option<&KeyId>,
    ) -> bool {
        let now_ms = platform.now_ms();
        let is_cold = self.state.borrow().usable(now_ms).is_none();
        let max_age_ms = if is_cold { MAX_STALE_MS } else { SOFT_AGE_MS };
        let label = self.label(url);
        let opened = self
            .vault
            .get(platform.shared(), label, now_ms, max_age_ms)
            .await;
        // Sealed or not, it is parsed like a set from the issuer.
        let parsed = opened.and_then(|opened| {
            let set = JwkSet::parse(&opened.content, &self.key_rules).ok()?;
            Some((set, opened.at_ms))
        });
        let Some((set, fetched_at_ms)) = parsed else {
            return false;
        };
        let brings = is_cold || wanted.is_none_or(|key_id| set.get(key_id).is_some());
        let mut state = self.state.borrow_mut();
        let taken = brings
            && state.adopt(KnownSet {
                keys: self.keys_of(set),
                fetch: 0,
                fetched_at_ms: fetched_at_ms.min(now_ms),
                soft_age_ms: SOFT_AGE_MS,
            });
        if taken {
            state.end_adoption();
        }
        taken
    }

    /// Fetches and parses a set; a bad one counts as none, so the last good
    /// one stays.
    async fn fetch<P: Platform>(&self, platform: &P, url: &str) -> Option<(Vec<u8>, JwkSet)> {
        let bytes = platform
            .fetch_document(url, ACCEPT, MAX_JWKS_BYTES)
            .await
            .ok()?;
        let set = JwkSet::parse(&bytes, &self.key_rules).ok()?;
        Some((bytes, set))
    }

    fn keys_of(&self, set: JwkSet) -> Rc<IssuerKeys> {
        Rc::new(IssuerKeys::new(self.rules.clone(), set))
    }

    fn label<'a>(&'a self, url: &'a str) -> Label<'a> {
        Label {
            kind: "keys",
            parts: [self.rules.issuer(), url],
        }
    }
}
