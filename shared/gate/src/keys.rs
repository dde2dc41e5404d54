//! The keys of every issuer, as this instance knows them.
//!
//! - A set younger than [`MAX_AGE_MS`] is used as it is.
//! - An older one is fetched anew; if that fails, the last good set serves
//!   until [`MAX_STALE_MS`], then the issuer's tokens get 503.
//! - A key id that the set lacks makes one fetch, then none for
//!   [`UNKNOWN_KEY_COOL_DOWN_MS`]: made-up key ids cannot drive fetches.
//! - Issuers are apart: no failure of one touches another (profile §11).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use sluis_token::{IssuerKeys, JwkSet, KeyId};

use crate::config::{Config, IssuerConfig, KeyLocation};
use crate::error::Fault;
use crate::platform::Platform;

/// Age up to which a fetched set is not asked for again, in milliseconds.
pub const MAX_AGE_MS: u64 = 5 * 60 * 1000;
/// Age up to which a set still serves while its issuer gives no new one.
pub const MAX_STALE_MS: u64 = 60 * 60 * 1000;
/// Time between two fetches for key ids that the set lacks.
pub const UNKNOWN_KEY_COOL_DOWN_MS: u64 = 10 * 1000;
/// Time between two fetches after a failed one.
pub const FAILURE_COOL_DOWN_MS: u64 = 1000;
/// Largest JWK set, in bytes.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;

#[derive(Debug, Default)]
struct State {
    keys: Option<Rc<IssuerKeys>>,
    fetched_at_ms: u64,
    failed_at_ms: Option<u64>,
    unknown_key_at_ms: Option<u64>,
}

/// The key sets by issuer.
#[derive(Debug)]
pub(crate) struct KeyRing {
    states: RefCell<HashMap<String, State>>,
}

impl KeyRing {
    /// A ring with the sets that the configuration embeds.
    pub(crate) fn new(config: &Config) -> Self {
        let states = config
            .issuers
            .iter()
            .map(|issuer| {
                let mut state = State::default();
                if let KeyLocation::Embedded(set) = &issuer.keys {
                    state.keys = Some(Rc::new(IssuerKeys::new(issuer.rules.clone(), set.clone())));
                }
                (issuer.rules.issuer().to_owned(), state)
            })
            .collect();
        Self {
            states: RefCell::new(states),
        }
    }

    /// The issuer's keys, with `key_id` among them if the issuer has it.
    pub(crate) async fn resolve<P: Platform>(
        &self,
        platform: &P,
        issuer: &IssuerConfig,
        key_id: &KeyId,
    ) -> Result<Rc<IssuerKeys>, Fault> {
        let now_ms = platform.now_ms();
        let (known, fetch) = self.look(issuer, key_id, now_ms);
        let Some(url) = fetch else {
            return known.ok_or(Fault::Keys);
        };
        if let Some(set) = fetch_set(platform, issuer, &url).await {
            return Ok(self.store(issuer, set, platform.now_ms()));
        }
        self.failed(issuer, platform.now_ms());
        known.ok_or(Fault::Keys)
    }

    /// What is known, and the URL to fetch if that should be renewed. Marks
    /// the fetch, so that requests meanwhile go on with what is known.
    fn look(
        &self,
        issuer: &IssuerConfig,
        key_id: &KeyId,
        now_ms: u64,
    ) -> (Option<Rc<IssuerKeys>>, Option<String>) {
        let mut states = self.states.borrow_mut();
        let state = states.entry(issuer.rules.issuer().to_owned()).or_default();
        let url = match &issuer.keys {
            KeyLocation::Embedded(_) => return (state.keys.clone(), None),
            KeyLocation::Url(url) => url,
        };
        let since = |at: u64| now_ms.saturating_sub(at);
        let cooling = state
            .failed_at_ms
            .is_some_and(|at| since(at) < FAILURE_COOL_DOWN_MS);
        let age = since(state.fetched_at_ms);
        let known = state.keys.clone().filter(|_| age < MAX_STALE_MS);
        let has_key = known
            .as_ref()
            .is_some_and(|k| k.keys().get(key_id).is_some());
        let fetch = if cooling {
            false
        } else if known.is_none() {
            true
        } else if !has_key {
            let asked = state
                .unknown_key_at_ms
                .is_some_and(|at| since(at) < UNKNOWN_KEY_COOL_DOWN_MS);
            if !asked {
                state.unknown_key_at_ms = Some(now_ms);
            }
            !asked
        } else if age >= MAX_AGE_MS {
            // One request renews; the others use the set for this long more.
            state.failed_at_ms = Some(now_ms);
            true
        } else {
            false
        };
        (known, fetch.then(|| url.clone()))
    }

    fn store(&self, issuer: &IssuerConfig, set: JwkSet, now_ms: u64) -> Rc<IssuerKeys> {
        let keys = Rc::new(IssuerKeys::new(issuer.rules.clone(), set));
        let mut states = self.states.borrow_mut();
        let state = states.entry(issuer.rules.issuer().to_owned()).or_default();
        state.keys = Some(Rc::clone(&keys));
        state.fetched_at_ms = now_ms;
        state.failed_at_ms = None;
        keys
    }

    fn failed(&self, issuer: &IssuerConfig, now_ms: u64) {
        if let Some(state) = self.states.borrow_mut().get_mut(issuer.rules.issuer()) {
            state.failed_at_ms = Some(now_ms);
        }
    }

    /// Whether some issuer's keys are older than they should be.
    pub(crate) fn is_degraded(&self, config: &Config, now_ms: u64) -> bool {
        let states = self.states.borrow();
        config.issuers.iter().any(|issuer| {
            matches!(issuer.keys, KeyLocation::Url(_))
                && states.get(issuer.rules.issuer()).is_some_and(|state| {
                    state.failed_at_ms.is_some()
                        && now_ms.saturating_sub(state.fetched_at_ms) >= MAX_AGE_MS
                })
        })
    }
}

/// Fetches and parses a set; a bad set counts as none, so the last good one stays.
async fn fetch_set<P: Platform>(platform: &P, issuer: &IssuerConfig, url: &str) -> Option<JwkSet> {
    let bytes = platform.fetch_jwks(url, MAX_JWKS_BYTES).await.ok()?;
    JwkSet::parse(&bytes, &issuer.key_rules).ok()
}
