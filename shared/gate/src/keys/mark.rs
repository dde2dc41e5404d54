//! Purges: an operator's order to forget an issuer's keys, and the mark by
//! which the other instances learn of it.
//!
//! The mark stands in the shared store, sealed and with its time. Every
//! instance looks for it, an issuer, behind a request once
//! [`MARK_BACKGROUND_MS`] have passed since it last did, and before it uses any
//! key once [`MARK_DEADLINE_MS`] have: no request is served with purged keys
//! later than that after the mark can be read. Where no operator can purge,
//! nobody looks.

use std::rc::Rc;

use super::state::MAX_STALE_MS;
use super::{KeyRing, Location, Source};
use crate::age::{since, within};
use crate::platform::Platform;
use crate::shared_store::{MARK_PUT_MS, NotShared};
use crate::vault::{Label, Sealable};

/// Time after which a mark is looked for behind a request, in milliseconds.
pub const MARK_BACKGROUND_MS: u64 = 10 * 1000;
/// Time after which no key is used before it was looked for.
pub const MARK_DEADLINE_MS: u64 = 30 * 1000;
/// Age at which a reading counts as lost; a store answers sooner or never.
const MAX_READING_MS: u64 = 1000;
/// Time between two looks at whether another request has read the mark.
const READING_STEP_MS: u32 = 10;
/// How long a mark stands: no set from before a purge serves for longer.
const MARK_LIFETIME_MS: u64 = 2 * MAX_STALE_MS;

/// An issuer's keys are forgotten here; the others have to be told.
pub(crate) struct PurgedHere<'a> {
    source: &'a Source,
    url: &'a str,
    at_ms: u64,
}

impl KeyRing {
    /// Forgets an issuer's keys here, at once. None if there was nothing to
    /// forget: keys that are built in stay.
    pub(crate) fn purge(&self, issuer: &str, now_ms: u64) -> Option<PurgedHere<'_>> {
        let source = self.source(issuer)?;
        (source.forget)(issuer);
        let url = match &source.location {
            Location::Embedded(_) => return None,
            Location::Url(url) => url,
        };
        let at_ms = source.state.borrow_mut().purge_here(now_ms);
        Some(PurgedHere { source, url, at_ms })
    }
}

impl PurgedHere<'_> {
    /// Leaves the mark for the other instances. An error: they do not learn of
    /// the purge, as far as anybody knows.
    pub(crate) async fn tell<P: Platform>(&self, platform: &P) -> Result<(), NotShared> {
        let value = Sealable {
            at_ms: self.at_ms,
            content: &[],
            lifetime_ms: MARK_LIFETIME_MS,
        };
        let (store, label) = (platform.shared(), self.source.mark(self.url));
        let vault = &self.source.vault;
        vault.put(store, label, value, MARK_PUT_MS).await
    }
}

impl Source {
    /// Looks for a mark if it is time to: before anything else if it is
    /// overdue, behind the request if it is only due.
    pub(super) async fn heed_marks<P: Platform>(self: &Rc<Self>, platform: &P, now_ms: u64) {
        let Location::Url(url) = &self.location else {
            return;
        };
        if !self.purgeable {
            return;
        }
        let read_at_ms = self.state.borrow().mark_read_at_ms;
        let age_ms = read_at_ms.map_or(u64::MAX, |at| since(at, now_ms));
        if age_ms < MARK_BACKGROUND_MS {
            return;
        }
        let reading = self.is_reading(now_ms);
        if age_ms >= MARK_DEADLINE_MS {
            if reading {
                self.wait_for_mark(platform).await;
            } else {
                self.begin_reading(now_ms);
                self.read_mark(platform, url, now_ms).await;
            }
            return;
        }
        if reading {
            return;
        }
        self.begin_reading(now_ms);
        let (source, later, url) = (Rc::clone(self), platform.clone(), url.clone());
        platform.defer(async move { source.read_mark(&later, &url, now_ms).await });
    }

    fn begin_reading(&self, now_ms: u64) {
        self.state.borrow_mut().mark_reading_since_ms = Some(now_ms);
    }

    fn is_reading(&self, now_ms: u64) -> bool {
        let since_ms = self.state.borrow().mark_reading_since_ms;
        within(since_ms, MAX_READING_MS, now_ms)
    }

    /// Waits until another request has read the mark, or was given up.
    async fn wait_for_mark<P: Platform>(&self, platform: &P) {
        let mut waited_ms = 0;
        while waited_ms < MAX_READING_MS && self.is_reading(platform.now_ms()) {
            platform.sleep(READING_STEP_MS).await;
            waited_ms += u64::from(READING_STEP_MS);
        }
    }

    async fn read_mark<P: Platform>(&self, platform: &P, url: &str, now_ms: u64) {
        let store = platform.shared();
        let mark = self
            .vault
            .get(store, self.mark(url), now_ms, MARK_LIFETIME_MS)
            .await;
        let mut state = self.state.borrow_mut();
        state.mark_read_at_ms = Some(now_ms);
        state.mark_reading_since_ms = None;
        let purged = mark.is_some_and(|mark| state.purge(mark.at_ms));
        drop(state);
        if purged {
            (self.forget)(self.rules.issuer());
        }
    }

    fn mark<'a>(&'a self, url: &'a str) -> Label<'a> {
        Label {
            kind: "purge",
            parts: [self.rules.issuer(), url],
        }
    }
}
