//! From the shared store or from the issuer to a set that serves.

use std::rc::Rc;

use sluis_token::{IssuerKeys, JwkSet, MAX_JWKS_BYTES};

use super::state::{
    KnownSet, MAX_REVALIDATE_MS, MAX_STALE_MS, SOFT_AGE_MS, UNKNOWN_KEY_COOL_DOWN_MS,
};
use super::{Source, Wanted};
use crate::age::since;
use crate::platform::Platform;
use crate::shared_store::SHARED_PUT_MS;
use crate::vault::{Label, Sealable};

/// Media types of a JWK set (RFC 7517 §8.5.2), and what most servers call it.
const ACCEPT: &str = "application/jwk-set+json, application/json";

/// What is put into the shared store: a set, and that a fetch for an unknown
/// key has just been made in vain.
const KEYS: &str = "keys";
const BARREN: &str = "barren";

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
        wanted: Option<Wanted<'_>>,
    ) {
        if self.take_over(platform, url, fetch, wanted).await {
            return;
        }
        // What the issuer publishes while it answers may not be in the answer.
        let fetched_at_ms = platform.now_ms();
        let fetched = self.fetch(platform, url).await;
        let fallback = match &fetched {
            Some(_) => None,
            None => self.older(platform, url).await,
        };
        let ended_at_ms = platform.now_ms();
        let set = fetched.as_ref().map(|(_, set)| KnownSet {
            keys: self.keys_of(set.clone()),
            fetch,
            fetched_at_ms,
        });
        let mut state = self.state.borrow_mut();
        state.end_fetch(set, wanted.map(|wanted| wanted.key_id), ended_at_ms);
        if let Some(set) = fallback {
            state.fall_back(set);
        }
        drop(state);
        let Some((bytes, set)) = fetched else {
            return;
        };
        let barren = wanted.is_some_and(|wanted| set.get(wanted.key_id).is_none());
        let (source, later, url) = (Rc::clone(self), platform.clone(), url.to_owned());
        platform.defer(async move {
            let (vault, store) = (&source.vault, later.shared());
            let label = source.label(KEYS, &url);
            let value = Sealable {
                at_ms: fetched_at_ms,
                content: &bytes,
                lifetime_ms: MAX_STALE_MS,
            };
            // What another instance does not find it fetches for itself.
            let _ = vault.put(store, label, value, SHARED_PUT_MS).await;
            if barren {
                let label = source.label(BARREN, &url);
                let value = Sealable {
                    at_ms: ended_at_ms,
                    content: &[],
                    lifetime_ms: UNKNOWN_KEY_COOL_DOWN_MS,
                };
                let _ = vault.put(store, label, value, SHARED_PUT_MS).await;
            }
        });
    }

    /// What another instance fetched longer ago, for one that has nothing and
    /// got nothing from the issuer.
    async fn older<P: Platform>(&self, platform: &P, url: &str) -> Option<KnownSet> {
        let now_ms = platform.now_ms();
        if self.state.borrow().usable(now_ms).is_some() {
            return None;
        }
        let (set, at_ms) = self.stored(platform, url, MAX_STALE_MS).await?;
        Some(KnownSet {
            keys: self.keys_of(set),
            fetch: 0,
            fetched_at_ms: at_ms.min(now_ms),
        })
    }

    /// What stands in the shared store, at most that old, and its time.
    async fn stored<P: Platform>(
        &self,
        platform: &P,
        url: &str,
        max_age_ms: u64,
    ) -> Option<(JwkSet, u64)> {
        let (store, label) = (platform.shared(), self.label(KEYS, url));
        let now_ms = platform.now_ms();
        let opened = self.vault.get(store, label, now_ms, max_age_ms).await?;
        // Sealed or not, it is parsed like a set from the issuer.
        let set = JwkSet::parse(&opened.content, &self.key_rules).ok()?;
        Some((set, opened.at_ms))
    }

    /// Takes over what another instance fetched. A set that is past its soft
    /// age will do for an instance that has none: it is refreshed at once.
    async fn take_over<P: Platform>(
        &self,
        platform: &P,
        url: &str,
        fetch: u64,
        wanted: Option<Wanted<'_>>,
    ) -> bool {
        let now_ms = platform.now_ms();
        let is_cold = self.state.borrow().usable(now_ms).is_none();
        let max_age_ms = if is_cold {
            MAX_REVALIDATE_MS - 1
        } else {
            SOFT_AGE_MS - 1
        };
        let Some((set, fetched_at_ms)) = self.stored(platform, url, max_age_ms).await else {
            return false;
        };
        let missing = wanted.filter(|wanted| set.get(wanted.key_id).is_none());
        // It speaks for a key that it lacks if it was asked for after that, on
        // whichever clock.
        let speaks = missing.is_some_and(|wanted| wanted.came.is_well_before(fetched_at_ms));
        let mut barren_at_ms = None;
        if missing.is_some() && !is_cold && !speaks {
            let (store, label) = (platform.shared(), self.label(BARREN, url));
            let mark = self
                .vault
                .get(store, label, now_ms, UNKNOWN_KEY_COOL_DOWN_MS);
            // One as old as the cool-down is over, or nobody would ever ask again.
            let recent = |at_ms: u64| since(at_ms, now_ms) < UNKNOWN_KEY_COOL_DOWN_MS;
            let barren = mark.await.map(|mark| mark.at_ms.min(now_ms));
            match barren.filter(|at_ms| recent(*at_ms)) {
                Some(at_ms) => barren_at_ms = Some(at_ms),
                None => return false,
            }
        }
        let set = KnownSet {
            keys: self.keys_of(set),
            fetch: if speaks { fetch } else { 0 },
            fetched_at_ms: fetched_at_ms.min(now_ms),
        };
        self.state.borrow_mut().end_adoption(set, barren_at_ms)
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

    fn label<'a>(&'a self, kind: &'static str, url: &'a str) -> Label<'a> {
        Label {
            kind,
            parts: [self.rules.issuer(), url],
        }
    }
}
