//! The keys of every issuer, as this instance knows them (profile §11).
//!
//! - A set younger than [`SOFT_AGE_MS`] is used as it is. An older one serves
//!   on while a newer one is fetched behind the request that found it so, up to
//!   [`MAX_REVALIDATE_MS`]; from then on a request waits for that fetch.
//! - If it fails the last good set serves until [`MAX_STALE_MS`], then the
//!   issuer's tokens get 503. So it does for an instance that takes a set over.
//! - A request with a key id that the set lacks waits for a fetch too. A fetch
//!   that does not bring the key begins a cool-down
//!   ([`UNKNOWN_KEY_COOL_DOWN_MS`]), and the key id is remembered as absent:
//!   made-up key ids cannot drive fetches. A fetch that brings it does not, so
//!   a rotation is never refused for having followed another.
//! - One fetch an issuer at a time; who needs what it brings waits for it, at
//!   most [`MAX_WAIT_MS`], and no cool-down begins for a request after that time.
//! - Instances share what they fetch ([`crate::vault`]): a cold one takes a set
//!   over instead of asking the issuer, and so does one that looks for a key.
//!   The cool-down is theirs together, as far as the store is up to date.
//! - An operator's purge makes every instance forget (`mark`).
//! - Issuers are apart: no failure of one touches another.

mod absent;
mod fetch;
mod mark;
mod state;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use sluis_token::{IssuerKeys, IssuerRules, KeyId, KeyRules};

use crate::age::since;
use crate::config::{Config, IssuerConfig, KeyLocation, KeySource};
use crate::error::Fault;
use crate::platform::{DOCUMENT_LIMIT_MS, Platform};
use crate::vault::Vault;

pub use absent::{ABSENT_KEY_MS, MAX_ABSENT_KEYS};
pub use mark::{MARK_BACKGROUND_MS, MARK_DEADLINE_MS};
use state::{Came, Look, State};
pub use state::{
    FAILURE_COOL_DOWN_MS, HELD_SPREAD_MS, MAX_FAILURE_COOL_DOWN_MS, MAX_HELD_REQUESTS,
    MAX_QUEUED_REQUESTS, MAX_REVALIDATE_MS, MAX_STALE_MS, SOFT_AGE_MS, UNKNOWN_KEY_COOL_DOWN_MS,
};

/// Longest wait for keys. Longer than a cool-down and a fetch that ends take
/// together, shorter than a caller's patience.
pub const MAX_WAIT_MS: u64 = 8000;
const _: () = assert!(
    MAX_WAIT_MS > UNKNOWN_KEY_COOL_DOWN_MS + HELD_SPREAD_MS + DOCUMENT_LIMIT_MS as u64,
    "whoever waits for keys sees the fetch end"
);
/// Time between two looks at whether another request's fetch has ended.
const WAIT_STEP_MS: u64 = 20;

/// Fetches that one request makes at most, those that took a set over included.
const MAX_FETCHES: u32 = 4;

/// The key that a request waits for, and when it came.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    key_id: &'a KeyId,
    came: Came,
}

/// What is called with the issuer whose keys were purged.
type Forget = Rc<dyn Fn(&str)>;

/// The key sets by issuer.
pub(crate) struct KeyRing {
    sources: HashMap<String, Rc<Source>>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing")
            .field("issuers", &self.sources.len())
            .finish_non_exhaustive()
    }
}

/// Where the keys of one issuer come from, and what is known of them.
struct Source {
    rules: IssuerRules,
    key_rules: KeyRules,
    location: Location,
    state: RefCell<State>,
    vault: Rc<Vault>,
    /// Whether operators can purge, so that marks are to be looked for.
    purgeable: bool,
    forget: Forget,
}

enum Location {
    /// Built in: never older than the deployment.
    Embedded(Rc<IssuerKeys>),
    Url(String),
}

/// The keys of one issuer, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeysHealth {
    /// Since they came from the issuer; none if there are none, or built in.
    pub(crate) age_ms: Option<u64>,
    pub(crate) keys: usize,
    pub(crate) degraded: bool,
}

impl KeyRing {
    /// A ring with the sets that the configuration embeds. `forget` is called
    /// with an issuer when its keys were purged, here or elsewhere.
    pub(crate) fn new(
        config: &Config,
        vault: &Rc<Vault>,
        purgeable: bool,
        forget: impl Fn(&str) + 'static,
    ) -> Self {
        let forget: Forget = Rc::new(forget);
        Self::of(config, vault, purgeable, &forget, |issuer| &issuer.keys)
    }

    /// A ring with the candidate keys of issuers that have some, and the keys
    /// that decide of the others. Nobody purges it: it decides nothing.
    pub(crate) fn candidate(config: &Config, vault: &Rc<Vault>) -> Self {
        let forget: Forget = Rc::new(|_| {});
        Self::of(config, vault, false, &forget, |issuer| {
            issuer.candidate_keys.as_ref().unwrap_or(&issuer.keys)
        })
    }

    fn of(
        config: &Config,
        vault: &Rc<Vault>,
        purgeable: bool,
        forget: &Forget,
        keys: impl Fn(&IssuerConfig) -> &KeySource,
    ) -> Self {
        let source = |issuer: &IssuerConfig| Source {
            rules: issuer.rules.clone(),
            key_rules: keys(issuer).rules.clone(),
            location: match &keys(issuer).location {
                KeyLocation::Embedded(set) => {
                    let keys = IssuerKeys::new(issuer.rules.clone(), set.clone());
                    Location::Embedded(Rc::new(keys))
                }
                KeyLocation::Url(url) => Location::Url(url.clone()),
            },
            state: RefCell::default(),
            vault: Rc::clone(vault),
            purgeable,
            forget: Rc::clone(forget),
        };
        Self {
            sources: config
                .issuers
                .iter()
                .map(|issuer| (issuer.rules.issuer().to_owned(), Rc::new(source(issuer))))
                .collect(),
        }
    }

    /// The issuer's keys, with `key_id` among them if the issuer has it.
    pub(crate) async fn resolve<P: Platform>(
        &self,
        platform: &P,
        issuer: &IssuerConfig,
        key_id: &KeyId,
    ) -> Result<Rc<IssuerKeys>, Fault> {
        let source = self.source(issuer.rules.issuer()).ok_or(Fault::Keys)?;
        let url = match &source.location {
            Location::Embedded(keys) => return Ok(Rc::clone(keys)),
            Location::Url(url) => url,
        };
        let asked_ms = platform.now_ms();
        source.heed_marks(platform, asked_ms).await;
        let came = Came {
            at_ms: asked_ms,
            fetches: source.state.borrow().fetches(),
        };
        let (mut fetches, mut queued) = (0, 0);
        loop {
            let now_ms = platform.now_ms();
            // No future of another request is awaited: Workers bind it to the
            // request that began it.
            let wait_ms = match source.look(key_id, came, &mut queued, now_ms) {
                Look::Known(keys) => return Ok(keys),
                Look::Revalidate(keys) => {
                    source.revalidate(platform, url, now_ms);
                    return Ok(keys);
                }
                // More than one only if another instance made the first, after
                // a purge, or when a fetch was lost.
                Look::Fetch if fetches >= MAX_FETCHES => {
                    let state = source.state.borrow();
                    let known = state.usable(now_ms).map(|set| Rc::clone(&set.keys));
                    return known.ok_or(Fault::Keys);
                }
                Look::Fetch => {
                    fetches += 1;
                    let fetch = source.state.borrow_mut().begin_fetch(now_ms);
                    let wanted = Some(Wanted { key_id, came });
                    source.obtain(platform, url, fetch, wanted).await;
                    continue;
                }
                Look::Nothing => return Err(Fault::Keys),
                Look::Wait(known) if since(asked_ms, now_ms) >= MAX_WAIT_MS => {
                    return known.ok_or(Fault::Keys);
                }
                Look::Wait(_) => WAIT_STEP_MS,
                Look::Hold(milliseconds) => milliseconds.saturating_add(spread_ms()?),
            };
            let wait_ms = u32::try_from(wait_ms).unwrap_or(u32::MAX);
            platform.sleep(wait_ms).await;
        }
    }

    /// The state of an issuer's keys.
    pub(crate) fn health(&self, issuer: &str, now_ms: u64) -> KeysHealth {
        let none = KeysHealth {
            age_ms: None,
            keys: 0,
            degraded: false,
        };
        let Some(source) = self.source(issuer) else {
            return none;
        };
        if let Location::Embedded(keys) = &source.location {
            let keys = keys.keys().iter().count();
            return KeysHealth { keys, ..none };
        }
        let state = source.state.borrow();
        KeysHealth {
            age_ms: state
                .set
                .as_ref()
                .map(|set| since(set.fetched_at_ms, now_ms)),
            keys: state
                .set
                .as_ref()
                .map_or(0, |set| set.keys.keys().iter().count()),
            degraded: state.is_degraded(now_ms),
        }
    }

    /// Whether some issuer's keys are older than they should be.
    pub(crate) fn is_degraded(&self, now_ms: u64) -> bool {
        self.sources
            .values()
            .any(|source| source.state.borrow().is_degraded(now_ms))
    }

    fn source(&self, issuer: &str) -> Option<&Rc<Source>> {
        self.sources.get(issuer)
    }
}

/// How much longer than others a request is held.
fn spread_ms() -> Result<u64, Fault> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| Fault::Random)?;
    Ok(u64::from_le_bytes(random) % HELD_SPREAD_MS)
}

impl Source {
    fn look(&self, key_id: &KeyId, came: Came, queued: &mut u64, now_ms: u64) -> Look {
        let mut state = self.state.borrow_mut();
        state.look(key_id, came, queued, now_ms)
    }
}
