//! Token status lists: whether a token was revoked or suspended since it was issued
//! (draft-ietf-oauth-status-list; profile §24, M-10.4).
//!
//! - A list is fetched from the places alone that the configuration allows the
//!   token's issuer, and verified under that issuer's keys.
//! - One younger than its `ttl`, within bounds, is used as it is. An older one serves
//!   while a newer one is fetched behind the request, up to [`MAX_STATUS_STALE_MS`] and never
//!   beyond its `exp`; after that the list's tokens get 503, never 200.
//! - One fetch a list at a time; after a failed one none for [`FAILURE_COOL_DOWN_MS`].
//! - A list goes with the key that signed it, and never back to an earlier one.
//! - Memory is bounded: the list that was not asked for the longest goes first.

use std::cell::RefCell;
use std::rc::Rc;

use sluis_token::{
    IssuerKeys, MAX_STATUS_LIST_BYTES, StatusList, StatusListError, StatusReference, TokenStatus,
    UntrustedStatusList, VerifiedAccessToken,
};

use crate::config::IssuerConfig;
use crate::error::{Fault, StatusError, Stop};
use crate::gate::{Gate, unix_time};
use crate::keys::FAILURE_COOL_DOWN_MS;
use crate::platform::Platform;

/// Age up to which a list that names no `ttl` is not fetched anew, in milliseconds.
pub const STATUS_TTL_MS: u64 = 60 * 1000;
/// Least of what a list's `ttl` can make of it.
pub const MIN_STATUS_TTL_MS: u64 = 10 * 1000;
/// Most of it: a token that is revoked is refused by then, if the list can be fetched.
pub const MAX_STATUS_TTL_MS: u64 = 5 * 60 * 1000;
/// Age up to which a list serves while no newer one can be had.
pub const MAX_STATUS_STALE_MS: u64 = 10 * 60 * 1000;
/// Lists that an instance knows at most.
pub const MAX_STATUS_LISTS: usize = 16;
/// Bytes that they take at most, but for one list alone.
pub const MAX_STATUS_MEMORY_BYTES: usize = 16 * 1024 * 1024;

/// Longest wait for a list that another request fetches, in milliseconds.
const MAX_WAIT_MS: u32 = 4000;
/// Time between two looks at whether that fetch has ended.
const WAIT_STEP_MS: u32 = 20;
/// Age at which a fetch counts as lost: its request was given up.
const MAX_FETCH_MS: u64 = 10 * 1000;

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
    /// Another request fetches it.
    Wait,
    /// There is none, and it is too early to ask again.
    Nothing,
}

/// The lists that this instance knows.
#[derive(Debug, Default)]
pub(crate) struct StatusLists(RefCell<Vec<Entry>>);

impl StatusLists {
    /// What to do about a list, under the keys that its issuer has now.
    fn look(&self, issuer: &str, uri: &str, keys: &IssuerKeys, now_ms: u64) -> Look {
        let mut entries = self.0.borrow_mut();
        let entry = find(&mut entries, issuer, uri, now_ms);
        entry.used_at_ms = now_ms;
        let fetching = within(entry.fetching_since_ms, MAX_FETCH_MS, now_ms);
        let failed = within(entry.failed_at_ms, FAILURE_COOL_DOWN_MS, now_ms);
        let usable = entry
            .known
            .as_ref()
            .filter(|known| known.is_usable(keys, now_ms));
        let look = match usable {
            Some(known) if known.age_ms(now_ms) < known.ttl_ms || fetching || failed => {
                return Look::Known(known.list.clone());
            }
            Some(known) => Look::Revalidate(known.list.clone()),
            None if fetching => return Look::Wait,
            None if failed => return Look::Nothing,
            None => Look::Fetch,
        };
        entry.fetching_since_ms = Some(now_ms);
        look
    }

    /// Keeps what a fetch brought; a failed one leaves what was known.
    fn end_fetch(&self, issuer: &str, uri: &str, fetched: Option<StatusList>, now_ms: u64) {
        let mut entries = self.0.borrow_mut();
        let entry = find(&mut entries, issuer, uri, now_ms);
        entry.fetching_since_ms = None;
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
        while entries.len() > 1 && memory(&entries) > MAX_STATUS_MEMORY_BYTES {
            drop_oldest(&mut entries);
        }
    }

    /// Forgets the lists of an issuer: its keys were purged.
    pub(crate) fn forget(&self, issuer: &str) {
        self.0.borrow_mut().retain(|entry| entry.issuer != issuer);
    }
}

impl Known {
    fn age_ms(&self, now_ms: u64) -> u64 {
        // Of a clock that was set back: as old as can be.
        now_ms.checked_sub(self.fetched_at_ms).unwrap_or(u64::MAX)
    }

    /// Whether the list may be used at all: young enough, and by a key that is
    /// still its issuer's. (Of its `exp` it knows itself.)
    fn is_usable(&self, keys: &IssuerKeys, now_ms: u64) -> bool {
        let signer = self.list.key_thumbprint();
        let in_force = |known: &Self| {
            let now = unix_time(now_ms).ok();
            now.is_some_and(|now| {
                !matches!(
                    known.list.status(0, now),
                    Err(StatusListError::Expired { .. })
                )
            })
        };
        self.age_ms(now_ms) < MAX_STATUS_STALE_MS
            && keys.keys().iter().any(|key| key.thumbprint() == signer)
            && in_force(self)
    }
}

fn within(at: Option<u64>, limit_ms: u64, now_ms: u64) -> bool {
    let since = |at| now_ms.checked_sub(at).unwrap_or(u64::MAX);
    at.is_some_and(|at| since(at) < limit_ms)
}

/// The entry of a list, made if there is none.
fn find<'a>(entries: &'a mut Vec<Entry>, issuer: &str, uri: &str, now_ms: u64) -> &'a mut Entry {
    let position = entries
        .iter()
        .position(|entry| entry.uri == uri && entry.issuer == issuer);
    let entry = if let Some(position) = position {
        entries.swap_remove(position)
    } else {
        while entries.len() >= MAX_STATUS_LISTS {
            drop_oldest(entries);
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
    entries.push_mut(entry)
}

fn drop_oldest(entries: &mut Vec<Entry>) {
    let oldest = entries
        .iter()
        .enumerate()
        .min_by_key(|(_, entry)| entry.used_at_ms);
    if let Some((position, _)) = oldest {
        entries.swap_remove(position);
    }
}

fn memory(entries: &[Entry]) -> usize {
    let lists = entries.iter().filter_map(|entry| entry.known.as_ref());
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
        let (mut waited_ms, mut fetched) = (0, false);
        loop {
            let keys = self.keys.resolve(platform, issuer, token.key_id()).await;
            let keys = keys.map_err(|_| Fault::StatusUnavailable)?;
            match self.status_lists.look(name, uri, &keys, platform.now_ms()) {
                Look::Known(list) => return Ok(list),
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
                Look::Fetch if !fetched => {
                    fetched = true;
                    self.fetch_status_list(platform, issuer, uri).await;
                }
                // No future of another request is awaited: Workers bind it to
                // the request that began it.
                Look::Wait if waited_ms < MAX_WAIT_MS => {
                    platform.sleep(WAIT_STEP_MS).await;
                    waited_ms += WAIT_STEP_MS;
                }
                Look::Fetch | Look::Wait | Look::Nothing => return Err(Fault::StatusUnavailable),
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
