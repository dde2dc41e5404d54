//! What an instance knows of one issuer's keys, and what to do about it: pure
//! functions of the time, so that every bound can be tested without waiting.

use std::rc::Rc;

use sluis_token::{IssuerKeys, KeyId};

use super::MAX_WAIT_MS;
use super::absent::AbsentKeys;
use crate::age::{since, within};
use crate::platform::DOCUMENT_LIMIT_MS;
use crate::vault::MAX_CLOCK_DIFFERENCE_MS;

/// Age from which a set is refreshed, behind the request that finds it so old,
/// in milliseconds. The same for every issuer, whatever its `Cache-Control`
/// says.
pub const SOFT_AGE_MS: u64 = 5 * 60 * 1000;
/// Age from which a request waits for that refresh: it bounds how long a key
/// serves that its issuer took back, also where no request came for a while,
/// as long as the issuer answers.
pub const MAX_REVALIDATE_MS: u64 = 2 * SOFT_AGE_MS;
/// Age up to which a set still serves if its issuer was asked and gave no new one.
pub const MAX_STALE_MS: u64 = 60 * 60 * 1000;
/// Time after a fetch that did not bring the key it was made for, before there
/// is another one of that sort: made-up key ids cannot drive fetches.
pub const UNKNOWN_KEY_COOL_DOWN_MS: u64 = 2 * 1000;
/// Up to so much longer each request is held, by chance: instances end a
/// cool-down that they share at one time, and the first to ask asks for all.
pub const HELD_SPREAD_MS: u64 = 500;
/// Requests that wait for the end of that time, an issuer. The others get 503
/// at once: nobody asked whether their key is new.
pub const MAX_HELD_REQUESTS: usize = 16;
/// Requests that wait for one fetch with key ids that the set lacks, while it
/// serves the others. Likewise.
pub const MAX_QUEUED_REQUESTS: usize = 256;
/// Time after a failed fetch before the next one. It doubles with each failure
/// as long as a set serves, up to [`MAX_FAILURE_COOL_DOWN_MS`].
pub const FAILURE_COOL_DOWN_MS: u64 = 1000;
/// Most of that doubling.
pub const MAX_FAILURE_COOL_DOWN_MS: u64 = 30 * 1000;
/// Age at which a fetch counts as lost: its request was given up.
const MAX_FETCH_MS: u64 = 10 * 1000;
const _: () = assert!(
    MAX_FETCH_MS > DOCUMENT_LIMIT_MS as u64,
    "a fetch that is under way is not lost"
);

/// A set, and how fresh it is.
#[derive(Debug, Clone)]
pub(super) struct KnownSet {
    pub(super) keys: Rc<IssuerKeys>,
    /// Which fetch of this instance brought it; 0 for one of another instance.
    /// What was published after that fetch began may not be in it.
    pub(super) fetch: u64,
    /// When it was asked of the issuer, by this instance or by another one:
    /// what was published later may not be in it.
    pub(super) fetched_at_ms: u64,
}

/// When a request came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came {
    pub(super) at_ms: u64,
    /// How many fetches had begun.
    pub(super) fetches: u64,
}

impl Came {
    /// Whether the set was asked for after that, on whichever clock: then a key that it
    /// lacks is none of the issuer's.
    fn before(self, set: &KnownSet) -> bool {
        set.fetch > self.fetches || self.is_well_before(set.fetched_at_ms)
    }

    /// Whether that was later, on whichever clock.
    pub(super) fn is_well_before(self, at_ms: u64) -> bool {
        at_ms > self.at_ms.saturating_add(MAX_CLOCK_DIFFERENCE_MS)
    }
}

/// What a look at an issuer's state says to do.
#[derive(Debug)]
pub(super) enum Look {
    /// Use these.
    Known(Rc<IssuerKeys>),
    /// Use these, and fetch newer ones behind this request.
    Revalidate(Rc<IssuerKeys>),
    /// Fetch, then look again.
    Fetch,
    /// Another request fetches what this one needs. If that takes too long,
    /// these will do.
    Wait(Option<Rc<IssuerKeys>>),
    /// It is too early to ask for an unknown key again; in so many milliseconds it is not.
    Hold(u64),
    /// Nobody can be asked now: it is too early, or too many wait already.
    Nothing,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) set: Option<KnownSet>,
    /// How many fetches have begun. They are told apart by number and not by
    /// time, which stands still on Workers while code runs.
    fetches: u64,
    fetching_since_ms: Option<u64>,
    /// Requests that wait for the fetch under way with an unknown key id.
    queued: usize,
    failed_at_ms: Option<u64>,
    failures: u32,
    /// When a fetch for an unknown key last ended without it.
    barren_at_ms: Option<u64>,
    absent: AbsentKeys,
    /// When each request that is held back goes on.
    held_until_ms: Vec<u64>,
    /// Sets that were fetched by then are not used again, nor is what a fetch
    /// up to that number brings.
    purged_at_ms: Option<u64>,
    purged_fetch: u64,
    pub(super) mark_read_at_ms: Option<u64>,
    pub(super) mark_reading_since_ms: Option<u64>,
}

impl State {
    /// The set, unless it is too old to be used at all.
    pub(super) fn usable(&self, now_ms: u64) -> Option<&KnownSet> {
        let set = self.set.as_ref()?;
        (since(set.fetched_at_ms, now_ms) < MAX_STALE_MS).then_some(set)
    }

    /// How many fetches have begun.
    pub(super) fn fetches(&self) -> u64 {
        self.fetches
    }

    /// What to do for a request that wants the key `key_id`. `queued` is the fetch for
    /// which it waits, 0 at first.
    pub(super) fn look(
        &mut self,
        key_id: &KeyId,
        came: Came,
        queued: &mut u64,
        now_ms: u64,
    ) -> Look {
        let fetching = within(self.fetching_since_ms, MAX_FETCH_MS, now_ms);
        let Some(set) = self.usable(now_ms).cloned() else {
            let failed = within(self.failed_at_ms, FAILURE_COOL_DOWN_MS, now_ms);
            return match (fetching, failed) {
                (true, _) => Look::Wait(None),
                (false, true) => Look::Nothing,
                (false, false) => Look::Fetch,
            };
        };
        let is_later = came.before(&set);
        let keys = set.keys;
        if keys.keys().get(key_id).is_some() {
            let age_ms = since(set.fetched_at_ms, now_ms);
            let failed = within(self.failed_at_ms, self.failure_cool_down_ms(), now_ms);
            // A fetch that began after this request came says what there is now.
            if age_ms < SOFT_AGE_MS || (failed && !fetching) || set.fetch > came.fetches {
                return Look::Known(keys);
            }
            return match (age_ms < MAX_REVALIDATE_MS, fetching) {
                (true, true) => Look::Known(keys),
                (true, false) => Look::Revalidate(keys),
                (false, true) => Look::Wait(Some(keys)),
                (false, false) => Look::Fetch,
            };
        }
        // It says so for sure, also to a request behind which others came that it says
        // nothing to.
        if is_later {
            self.absent.note(key_id, now_ms);
            return Look::Known(keys);
        }
        if self.absent.has(key_id, now_ms) {
            return Look::Known(keys);
        }
        if fetching {
            if *queued != self.fetches {
                if self.queued >= MAX_QUEUED_REQUESTS {
                    return Look::Nothing;
                }
                self.queued += 1;
                *queued = self.fetches;
            }
            return Look::Wait(None);
        }
        // Not "unknown" but "could not ask": the caller may try again.
        if within(self.failed_at_ms, FAILURE_COOL_DOWN_MS, now_ms) {
            return Look::Nothing;
        }
        match self.barren_at_ms.map(|at| since(at, now_ms)) {
            Some(age) if age < UNKNOWN_KEY_COOL_DOWN_MS => {
                // Others may begin one cool-down after another.
                if since(came.at_ms, now_ms) >= MAX_WAIT_MS {
                    return Look::Nothing;
                }
                // A request that was given up is not waited for: its time passes.
                self.held_until_ms.retain(|until| *until > now_ms);
                if self.held_until_ms.len() < MAX_HELD_REQUESTS {
                    let rest_ms = UNKNOWN_KEY_COOL_DOWN_MS - age;
                    self.held_until_ms.push(now_ms.saturating_add(rest_ms));
                    Look::Hold(rest_ms)
                } else {
                    Look::Nothing
                }
            }
            Some(_) | None => Look::Fetch,
        }
    }

    fn failure_cool_down_ms(&self) -> u64 {
        let doublings = self.failures.saturating_sub(1).min(16);
        (FAILURE_COOL_DOWN_MS << doublings).min(MAX_FAILURE_COOL_DOWN_MS)
    }

    /// A fetch begins, its number; there is one at a time.
    pub(super) fn begin_fetch(&mut self, now_ms: u64) -> u64 {
        self.fetching_since_ms = Some(now_ms);
        self.queued = 0;
        self.fetches = self.fetches.saturating_add(1);
        self.fetches
    }

    /// The fetch has ended; `wanted` is the key it was made for. Without a set
    /// the last good one stays.
    pub(super) fn end_fetch(&mut self, set: Option<KnownSet>, wanted: Option<&KeyId>, now_ms: u64) {
        self.fetching_since_ms = None;
        let Some(set) = set else {
            self.failed_at_ms = Some(now_ms);
            self.failures = self.failures.saturating_add(1);
            return;
        };
        // Purged meanwhile: what was under way may be what was to be forgotten.
        // And a fetch that counted as lost may end after a later one.
        let known = self.set.as_ref().map_or(0, |known| known.fetch);
        if set.fetch <= self.purged_fetch.max(known) {
            return;
        }
        if let Some(key_id) = wanted {
            let brought = set.keys.keys().get(key_id).is_some();
            self.barren_at_ms = (!brought).then_some(now_ms);
        }
        self.failed_at_ms = None;
        self.failures = 0;
        self.absent.clear();
        self.set = Some(set);
    }

    /// Takes over what another instance fetched, unless that is older than what
    /// is known or than a purge, on whichever clock. `barren_at_ms` says that it
    /// lacks the key that was wanted and was fetched in vain then. Whether that
    /// ends the fetch.
    pub(super) fn end_adoption(&mut self, set: KnownSet, barren_at_ms: Option<u64>) -> bool {
        let newer = self.is_newer(&set);
        if newer {
            self.absent.clear();
            self.failed_at_ms = None;
            self.failures = 0;
            self.set = Some(set);
        }
        if barren_at_ms.is_some() {
            self.barren_at_ms = self.barren_at_ms.max(barren_at_ms);
        } else if !newer {
            return false;
        }
        self.fetching_since_ms = None;
        true
    }

    /// Takes over an older set of another instance: the fetch, which ended, has
    /// failed, and that is how it stays.
    pub(super) fn fall_back(&mut self, set: KnownSet) {
        if self.is_newer(&set) {
            self.set = Some(set);
        }
    }

    fn is_newer(&self, set: &KnownSet) -> bool {
        let at_ms = set.fetched_at_ms;
        let limit_ms = |purged: u64| purged.saturating_add(MAX_CLOCK_DIFFERENCE_MS);
        let unpurged = self
            .purged_at_ms
            .is_none_or(|purged| at_ms > limit_ms(purged));
        let known_ms = self.set.as_ref().map(|set| set.fetched_at_ms);
        unpurged && known_ms.is_none_or(|known| at_ms > known)
    }

    /// Whether newer keys were asked for in vain and those that serve grow old.
    pub(super) fn is_degraded(&self, now_ms: u64) -> bool {
        let young = self
            .set
            .as_ref()
            .is_some_and(|set| since(set.fetched_at_ms, now_ms) < SOFT_AGE_MS);
        self.failed_at_ms.is_some() && !young
    }

    /// An operator's order to this instance: it is obeyed even if a mark of the
    /// same millisecond, or of a clock that is ahead, was heard of before. The
    /// time of the purge.
    pub(super) fn purge_here(&mut self, now_ms: u64) -> u64 {
        let after = |at: u64| at.saturating_add(1);
        let at_ms = now_ms.max(self.purged_at_ms.map_or(0, after));
        self.purge(at_ms);
        at_ms
    }

    /// Forgets what was known by then, if this purge was not heard of yet.
    pub(super) fn purge(&mut self, at_ms: u64) -> bool {
        if self.purged_at_ms.is_some_and(|known| known >= at_ms) {
            return false;
        }
        let limit_ms = at_ms.saturating_add(MAX_CLOCK_DIFFERENCE_MS);
        let set = self.set.take().filter(|set| set.fetched_at_ms > limit_ms);
        *self = Self {
            set,
            held_until_ms: std::mem::take(&mut self.held_until_ms),
            fetching_since_ms: self.fetching_since_ms,
            queued: self.queued,
            fetches: self.fetches,
            purged_fetch: self.fetches,
            purged_at_ms: Some(at_ms),
            mark_read_at_ms: self.mark_read_at_ms,
            mark_reading_since_ms: self.mark_reading_since_ms,
            ..Self::default()
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use sluis_token::sign::SigningKey;
    use sluis_token::{Algorithm, IssuerRules, JwkSet, KeyRules};

    use super::*;

    fn with_one_key() -> State {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let set = format!("{{\"keys\":[{}]}}", key.public_jwk_json());
        let set = JwkSet::parse(set.as_bytes(), &KeyRules::default()).unwrap();
        let rules = IssuerRules::new("issuer", &[Algorithm::EdDsa], 300, 5).unwrap();
        State {
            set: Some(KnownSet {
                keys: Rc::new(IssuerKeys::new(rules, set)),
                fetch: 0,
                fetched_at_ms: 1,
            }),
            barren_at_ms: Some(1),
            ..State::default()
        }
    }

    #[test]
    fn a_key_for_which_nobody_could_ask_is_not_called_unknown() {
        let mut state = with_one_key();
        let look = |state: &mut State, number: usize| {
            let key_id = KeyId::parse(&format!("new-{number}")).unwrap();
            let came = Came {
                at_ms: 2,
                fetches: 0,
            };
            state.look(&key_id, came, &mut 0, 2)
        };
        for number in 0..MAX_HELD_REQUESTS {
            assert!(matches!(look(&mut state, number), Look::Hold(_)));
        }
        let one_more = look(&mut state, MAX_HELD_REQUESTS);
        assert!(matches!(one_more, Look::Nothing), "{one_more:?}");
    }

    /// As after a fetch of another instance at that time, in vain too.
    fn taken_over_at(at_ms: u64) -> State {
        let mut state = with_one_key();
        state.set.as_mut().unwrap().fetched_at_ms = at_ms;
        state.barren_at_ms = Some(at_ms);
        state
    }

    #[test]
    fn a_set_speaks_to_every_request_that_came_well_before_it() {
        let key_id = KeyId::parse("new").unwrap();
        let at_ms = 100_000;
        let look = |came_ms: u64| {
            let came = Came {
                at_ms: came_ms,
                fetches: 0,
            };
            taken_over_at(at_ms).look(&key_id, came, &mut 0, at_ms)
        };
        let early = look(at_ms - MAX_CLOCK_DIFFERENCE_MS - 1);
        assert!(matches!(early, Look::Known(_)), "{early:?}");
        let late = look(at_ms - MAX_CLOCK_DIFFERENCE_MS);
        assert!(matches!(late, Look::Hold(_)), "{late:?}");
    }

    #[test]
    fn cool_downs_one_after_the_other_hold_nobody_for_long() {
        let key_id = KeyId::parse("new").unwrap();
        let came = Came {
            at_ms: 100_000,
            fetches: 0,
        };
        let held = taken_over_at(101_000).look(&key_id, came, &mut 0, 101_000);
        assert!(matches!(held, Look::Hold(_)), "{held:?}");
        let mut state = taken_over_at(101_000);
        state.barren_at_ms = Some(100_000 + MAX_WAIT_MS);
        let let_go = state.look(&key_id, came, &mut 0, 100_000 + MAX_WAIT_MS);
        assert!(matches!(let_go, Look::Nothing), "{let_go:?}");
    }
}
