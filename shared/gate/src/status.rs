//! Token status lists: whether a token was revoked or suspended since it was issued
//! (draft-ietf-oauth-status-list; profile §24, M-10.4).
//!
//! - A list is fetched from the places alone that the configuration allows the
//!   token's issuer, and verified under that issuer's keys.
//! - One younger than its `ttl`, within bounds, is used as it is. An older one serves
//!   while a newer one is fetched behind the request, up to [`MAX_STATUS_TTL_MS`]. From
//!   then on the request waits for that fetch, and the older list answers only if it
//!   fails: up to [`MAX_STATUS_STALE_MS`] and never beyond its `exp`. After that the
//!   list's tokens get 503, never 200.
//! - One fetch a list at a time; after a failed one none for [`FAILURE_COOL_DOWN_MS`],
//!   or [`STALE_COOL_DOWN_MS`] while an older list answers. [`MAX_STATUS_FETCHES`] a request.
//! - A list goes with the key that signed it, and never back to an earlier one.
//! - Memory is bounded, issuer by issuer, so that none takes another's place (profile
//!   §11): the list that was not asked for the longest goes first, and never the one that
//!   was just fetched.

use std::cell::RefCell;
use std::rc::Rc;

use sluis_token::{
    IssuerKeys, MAX_STATUS_LIST_BYTES, MAX_STATUS_LIST_INFLATED_BYTES, StatusList, StatusListError,
    StatusReference, TokenStatus, UntrustedStatusList, VerifiedAccessToken,
};

use crate::age::{since, within};
use crate::config::IssuerConfig;
use crate::error::{Fault, StatusError, Stop};
use crate::gate::{Gate, unix_time};
use crate::keys::{self, FAILURE_COOL_DOWN_MS};
use crate::platform::{DOCUMENT_LIMIT_MS, Platform};

/// Age up to which a list that names no `ttl` is not fetched anew, in milliseconds.
pub const STATUS_TTL_MS: u64 = 60 * 1000;
/// Least of what a list's `ttl` can make of it.
pub const MIN_STATUS_TTL_MS: u64 = 10 * 1000;
/// Most of it: a token that is revoked is refused by then, if the list can be fetched,
/// for no list older than this answers before a newer one was asked for.
pub const MAX_STATUS_TTL_MS: u64 = 5 * 60 * 1000;
/// Age up to which a list serves while no newer one can be had.
pub const MAX_STATUS_STALE_MS: u64 = 10 * 60 * 1000;
/// Lists of one issuer that an instance knows at most.
pub const MAX_STATUS_LISTS: usize = 16;
/// Bytes that they take at most: two of the largest.
pub const MAX_STATUS_MEMORY_BYTES: usize = 2 * MAX_STATUS_LIST_INFLATED_BYTES;
/// Fetches that one request makes at most: a second one only where another list took the
/// place of the first, or the issuer's keys changed meanwhile.
pub const MAX_STATUS_FETCHES: u32 = 2;
/// Time after a failed fetch before the next one while an older list answers: requests
/// wait for it.
pub const STALE_COOL_DOWN_MS: u64 = 10 * 1000;

/// Longest wait for a list that another request fetches, in milliseconds: longer than
/// the fetch of a list whose signer's keys are known.
const MAX_WAIT_MS: u32 = 6000;
const _: () = assert!(
    MAX_WAIT_MS > DOCUMENT_LIMIT_MS,
    "whoever waits for a list sees the fetch end"
);
/// Time between two looks at whether that fetch has ended.
const WAIT_STEP_MS: u32 = 20;
/// Age at which a fetch counts as lost: its request was given up.
const MAX_FETCH_MS: u64 = 15 * 1000;
const _: () = assert!(
    MAX_FETCH_MS > DOCUMENT_LIMIT_MS as u64 + keys::MAX_WAIT_MS,
    "a fetch that is under way, and then waits for keys, is not lost"
);

/// Media type of a status list token (§5.1).
const ACCEPT: &str = "application/statuslist+jwt";

/// A list and its age.
#[derive(Debug)]
struct Known {
    list: StatusList,
    fetched_at_ms: u64,
    ttl_ms: u64,
}

/// What is known of one list.
#[derive(Debug)]
struct Entry {
    issuer: String,
    uri: String,
    known: Option<Known>,
    used_at_ms: u64,
    fetching_since_ms: Option<u64>,
    failed_at_ms: Option<u64>,
}

/// What a look at a list says to do.
enum Look {
    /// Use it.
    Known(StatusList),
    /// Use it, and fetch a newer one behind this request.
    Revalidate(StatusList),
    /// Fetch it.
    Fetch,
    /// Another request fetches it. If that takes too long, this one answers.
    Wait(Option<StatusList>),
    /// There is none, and it is too early to ask again.
    Nothing,
}

/// The lists that this instance knows.
#[derive(Debug, Default)]
pub(crate) struct StatusLists(RefCell<Vec<Entry>>);

impl StatusLists {
    /// What to do about a list, under the keys that its issuer has now. A request that
    /// may not fetch any more makes do with what there is.
    fn look(
        &self,
        issuer: &str,
        uri: &str,
        keys: &IssuerKeys,
        may_fetch: bool,
        now_ms: u64,
    ) -> Look {
        let mut entries = self.0.borrow_mut();
        let Some(entry) = find(&mut entries, issuer, uri, now_ms) else {
            return Look::Nothing;
        };
        entry.used_at_ms = now_ms;
        let fetching = entry.is_fetching(now_ms);
        let usable = entry
            .known
            .as_ref()
            .filter(|known| known.is_usable(keys, now_ms));
        let cool_down_ms = usable.map_or(FAILURE_COOL_DOWN_MS, |_| STALE_COOL_DOWN_MS);
        let failed = within(entry.failed_at_ms, cool_down_ms, now_ms) || !may_fetch;
        let look = match usable {
            Some(known) => {
                let (list, age_ms) = (known.list.clone(), known.age_ms(now_ms));
                if age_ms < known.ttl_ms || (failed && !fetching) {
                    return Look::Known(list);
                }
                match (age_ms < MAX_STATUS_TTL_MS, fetching) {
                    (true, true) => return Look::Known(list),
                    (true, false) => Look::Revalidate(list),
                    (false, true) => return Look::Wait(Some(list)),
                    (false, false) => Look::Fetch,
                }
            }
            None if fetching => return Look::Wait(None),
            None if failed => return Look::Nothing,
            None => Look::Fetch,
        };
        entry.fetching_since_ms = Some(now_ms);
        look
    }

    /// Keeps what a fetch brought; a failed one leaves what was known.
    fn end_fetch(&self, issuer: &str, uri: &str, fetched: Option<StatusList>, now_ms: u64) {
        let mut entries = self.0.borrow_mut();
        let Some(entry) = find(&mut entries, issuer, uri, now_ms) else {
            return;
        };
        entry.fetching_since_ms = None;
        // Not the first to go: somebody waits for it.
        entry.used_at_ms = now_ms;
        // An older list than the known one would take back a revocation.
        let newer = fetched.filter(|list| {
            let known = entry.known.as_ref();
            known.is_none_or(|known| known.list.issued_at() <= list.issued_at())
        });
        let Some(list) = newer else {
            entry.failed_at_ms = Some(now_ms);
            return;
        };
        let asked_ms = list
            .ttl_seconds()
            .map_or(STATUS_TTL_MS, |ttl| ttl.saturating_mul(1000));
        entry.failed_at_ms = None;
        entry.known = Some(Known {
            list,
            fetched_at_ms: now_ms,
            ttl_ms: asked_ms.clamp(MIN_STATUS_TTL_MS, MAX_STATUS_TTL_MS),
        });
        while memory(&entries, issuer) > MAX_STATUS_MEMORY_BYTES {
            let others = entries.iter_mut().filter(|entry| {
                entry.issuer == issuer && entry.uri != uri && entry.known.is_some()
            });
            // The entry stays: it tells whether the list is being fetched.
            match others.min_by_key(|entry| entry.used_at_ms) {
                Some(oldest) => oldest.known = None,
                None => return,
            }
        }
    }

    /// Forgets the lists of an issuer: its keys were purged.
    pub(crate) fn forget(&self, issuer: &str) {
        self.0.borrow_mut().retain(|entry| entry.issuer != issuer);
    }
}

impl Entry {
    fn is_fetching(&self, now_ms: u64) -> bool {
        within(self.fetching_since_ms, MAX_FETCH_MS, now_ms)
    }
}

impl Known {
    fn age_ms(&self, now_ms: u64) -> u64 {
        since(self.fetched_at_ms, now_ms)
    }

    /// Whether the list may be used at all: young enough, in force, and by a key
    /// that is still its issuer's.
    fn is_usable(&self, keys: &IssuerKeys, now_ms: u64) -> bool {
        let signer = self.list.key_thumbprint();
        self.age_ms(now_ms) < MAX_STATUS_STALE_MS
            && keys.keys().iter().any(|key| key.thumbprint() == signer)
            && unix_time(now_ms).is_ok_and(|now| self.list.is_in_force(now))
    }
}

/// The entry of a list, made if there is none. None if all that its issuer may have are
/// being fetched.
fn find<'a>(
    entries: &'a mut Vec<Entry>,
    issuer: &str,
    uri: &str,
    now_ms: u64,
) -> Option<&'a mut Entry> {
    let position = entries
        .iter()
        .position(|entry| entry.uri == uri && entry.issuer == issuer);
    let entry = if let Some(position) = position {
        entries.swap_remove(position)
    } else {
        let own = entries.iter().filter(|entry| entry.issuer == issuer);
        if own.count() >= MAX_STATUS_LISTS {
            let (position, _) = entries
                .iter()
                .enumerate()
                .filter(|(_, entry)| entry.issuer == issuer && !entry.is_fetching(now_ms))
                .min_by_key(|(_, entry)| entry.used_at_ms)?;
            entries.swap_remove(position);
        }
        Entry {
            issuer: issuer.to_owned(),
            uri: uri.to_owned(),
            known: None,
            used_at_ms: now_ms,
            fetching_since_ms: None,
            failed_at_ms: None,
        }
    };
    Some(entries.push_mut(entry))
}

fn memory(entries: &[Entry], issuer: &str) -> usize {
    let own = entries.iter().filter(|entry| entry.issuer == issuer);
    let lists = own.filter_map(|entry| entry.known.as_ref());
    lists.map(|known| known.list.inflated_bytes()).sum()
}

impl Gate {
    /// Profile §24: that a token which names a status is valid still.
    pub(crate) async fn check_status<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        issuer: &IssuerConfig,
        token: &VerifiedAccessToken,
    ) -> Result<(), Stop> {
        let (index, uri) = match token.status_reference() {
            None => return Ok(()),
            Some(StatusReference::Unsupported) => return Err(StatusError::MechanismUnknown.into()),
            Some(StatusReference::StatusList { index, uri }) => (*index, &**uri),
        };
        // No address from a token is fetched unless the configuration knows it (profile §8).
        if !issuer.may_list_status_at(uri) {
            return Err(StatusError::ListNotAllowed.into());
        }
        let list = self.status_list(platform, issuer, token, uri).await?;
        match list.status(index, unix_time(platform.now_ms())?) {
            Ok(TokenStatus::Valid) => Ok(()),
            Ok(TokenStatus::Invalid) => Err(StatusError::Revoked.into()),
            Ok(TokenStatus::Suspended) => Err(StatusError::Suspended.into()),
            Ok(TokenStatus::ApplicationSpecific(status)) => {
                Err(StatusError::NotValid { status }.into())
            }
            Err(StatusListError::IndexOutOfRange { index, entries }) => {
                Err(StatusError::IndexOutOfRange { index, entries }.into())
            }
            Err(_) => Err(Fault::StatusUnavailable.into()),
        }
    }

    async fn status_list<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        issuer: &IssuerConfig,
        token: &VerifiedAccessToken,
        uri: &str,
    ) -> Result<StatusList, Fault> {
        let name = issuer.rules.issuer();
        let (mut waited_ms, mut fetches) = (0, 0);
        loop {
            let keys = self.keys.resolve(platform, issuer, token.key_id()).await;
            let keys = keys.map_err(|_| Fault::StatusUnavailable)?;
            let (may_fetch, now_ms) = (fetches < MAX_STATUS_FETCHES, platform.now_ms());
            match self.status_lists.look(name, uri, &keys, may_fetch, now_ms) {
                Look::Revalidate(list) => {
                    let (gate, later) = (Rc::clone(self), platform.clone());
                    let (name, uri) = (name.to_owned(), uri.to_owned());
                    platform.defer(async move {
                        if let Some(issuer) = gate.config.issuer(&name) {
                            gate.fetch_status_list(&later, issuer, &uri).await;
                        }
                    });
                    return Ok(list);
                }
                // Then looked at again, so that it is held to the same rules.
                Look::Fetch => {
                    fetches += 1;
                    self.fetch_status_list(platform, issuer, uri).await;
                }
                // No future of another request is awaited: Workers bind it to
                // the request that began it.
                Look::Wait(_) if waited_ms < MAX_WAIT_MS => {
                    platform.sleep(WAIT_STEP_MS).await;
                    waited_ms += WAIT_STEP_MS;
                }
                Look::Known(list) | Look::Wait(Some(list)) => return Ok(list),
                Look::Wait(None) | Look::Nothing => return Err(Fault::StatusUnavailable),
            }
        }
    }

    async fn fetch_status_list<P: Platform>(&self, platform: &P, issuer: &IssuerConfig, uri: &str) {
        let list = self.try_status_list(platform, issuer, uri).await;
        let now_ms = platform.now_ms();
        self.status_lists
            .end_fetch(issuer.rules.issuer(), uri, list, now_ms);
    }

    /// Fetches and verifies a list; a bad one counts as none.
    async fn try_status_list<P: Platform>(
        &self,
        platform: &P,
        issuer: &IssuerConfig,
        uri: &str,
    ) -> Option<StatusList> {
        let fetched = platform.fetch_document(uri, ACCEPT, MAX_STATUS_LIST_BYTES);
        let list = UntrustedStatusList::parse(&fetched.await.ok()?).ok()?;
        let keys = self
            .keys
            .resolve(platform, issuer, list.key_id())
            .await
            .ok()?;
        let now = unix_time(platform.now_ms()).ok()?;
        list.verify(&keys, uri, platform.verifier(), now).await.ok()
    }
}
