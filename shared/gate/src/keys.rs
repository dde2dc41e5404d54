//! The keys of every issuer, as this instance knows them.
//!
//! - A set younger than [`MAX_AGE_MS`] is used as it is.
//! - An older one is fetched anew; if that fails, the last good set serves
//!   until [`MAX_STALE_MS`], then the issuer's tokens get 503.
//! - A key id that the set lacks makes one fetch, then none for
//!   [`UNKNOWN_KEY_COOL_DOWN_MS`]: made-up key ids cannot drive fetches.
//! - One fetch an issuer at a time. Who needs what it brings waits for it, at
//!   most [`MAX_WAIT_MS`]; who does not goes on with what is known.
//! - Issuers are apart: no failure of one touches another (profile §11).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use sluis_token::{IssuerKeys, JwkSet, KeyId, MAX_JWKS_BYTES};

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
/// Longest wait for a fetch that another request began. Longer than a fetch
/// takes that ends, shorter than a caller's patience.
pub const MAX_WAIT_MS: u32 = 4000;
/// Time between two looks at whether that fetch has ended.
const WAIT_STEP_MS: u32 = 20;
/// Age at which a fetch counts as lost: its request was given up.
const MAX_FETCH_MS: u64 = 10 * 1000;

#[derive(Debug, Default)]
struct State {
    keys: Option<Rc<IssuerKeys>>,
    fetched_at_ms: u64,
    fetching_since_ms: Option<u64>,
    failed_at_ms: Option<u64>,
    unknown_key_at_ms: Option<u64>,
}

/// What a look at an issuer's state says to do.
enum Look {
    /// Use these.
    Known(Rc<IssuerKeys>),
    /// Fetch, and if that fails use these.
    Fetch(String, Option<Rc<IssuerKeys>>),
    /// Another request fetches what this one needs.
    Wait,
    /// There is nothing, and it is too early to ask again.
    Nothing,
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
        let mut waited_ms = 0;
        loop {
            match self.look(issuer, key_id, platform.now_ms()) {
                Look::Known(keys) => return Ok(keys),
                Look::Fetch(url, known) => {
                    let set = fetch_set(platform, issuer, &url).await;
                    let stored = self.end_fetch(issuer, set, platform.now_ms());
                    return stored.or(known).ok_or(Fault::Keys);
                }
                // No future of another request is awaited: Workers bind it to
                // the request that began it.
                Look::Wait if waited_ms < MAX_WAIT_MS => {
                    platform.sleep(WAIT_STEP_MS).await;
                    waited_ms += WAIT_STEP_MS;
                }
                Look::Wait | Look::Nothing => return Err(Fault::Keys),
            }
        }
    }

    fn look(&self, issuer: &IssuerConfig, key_id: &KeyId, now_ms: u64) -> Look {
        let mut states = self.states.borrow_mut();
        let state = states.entry(issuer.rules.issuer().to_owned()).or_default();
        let url = match &issuer.keys {
            KeyLocation::Embedded(_) => {
                return state.keys.clone().map_or(Look::Nothing, Look::Known);
            }
            KeyLocation::Url(url) => url,
        };
        // A time in the future is of a clock that was set back: as old as can be.
        let since = |at: u64| now_ms.checked_sub(at).unwrap_or(u64::MAX);
        let within = |at: Option<u64>, limit: u64| at.is_some_and(|at| since(at) < limit);
        let age = since(state.fetched_at_ms);
        let known = state.keys.clone().filter(|_| age < MAX_STALE_MS);
        let has_key = known
            .as_ref()
            .is_some_and(|k| k.keys().get(key_id).is_some());
        let fetching = within(state.fetching_since_ms, MAX_FETCH_MS);
        let failed = within(state.failed_at_ms, FAILURE_COOL_DOWN_MS);
        let asked = within(state.unknown_key_at_ms, UNKNOWN_KEY_COOL_DOWN_MS);
        let fetch = match &known {
            Some(keys) if has_key && (age < MAX_AGE_MS || fetching || failed) => {
                return Look::Known(Rc::clone(keys));
            }
            _ if fetching => return Look::Wait,
            Some(keys) if !has_key && (asked || failed) => return Look::Known(Rc::clone(keys)),
            None if failed => return Look::Nothing,
            Some(_) | None => Look::Fetch(url.clone(), known.clone()),
        };
        if known.is_some() && !has_key {
            state.unknown_key_at_ms = Some(now_ms);
        }
        state.fetching_since_ms = Some(now_ms);
        fetch
    }

    /// Keeps what a fetch brought; a failed one leaves the last good set.
    fn end_fetch(
        &self,
        issuer: &IssuerConfig,
        set: Option<JwkSet>,
        now_ms: u64,
    ) -> Option<Rc<IssuerKeys>> {
        let mut states = self.states.borrow_mut();
        let state = states.entry(issuer.rules.issuer().to_owned()).or_default();
        state.fetching_since_ms = None;
        let Some(set) = set else {
            state.failed_at_ms = Some(now_ms);
            return None;
        };
        let keys = Rc::new(IssuerKeys::new(issuer.rules.clone(), set));
        state.keys = Some(Rc::clone(&keys));
        state.fetched_at_ms = now_ms;
        state.failed_at_ms = None;
        Some(keys)
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

/// Media types of a JWK set (RFC 7517 §8.5.2), and what most servers call it.
const ACCEPT: &str = "application/jwk-set+json, application/json";

/// Fetches and parses a set; a bad set counts as none, so the last good one stays.
async fn fetch_set<P: Platform>(platform: &P, issuer: &IssuerConfig, url: &str) -> Option<JwkSet> {
    let fetched = platform.fetch_document(url, ACCEPT, MAX_JWKS_BYTES);
    let bytes = fetched.await.ok()?;
    JwkSet::parse(&bytes, &issuer.key_rules).ok()
}
