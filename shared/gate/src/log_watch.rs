//! How the deployment's logs stand, for `/health`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use futures::future::join_all;
use sluis_log::Shard;

use crate::age::within;
use crate::gate::Gate;
use crate::platform::{AuditLog as _, LogState, Platform};
use crate::subject::race;

/// How long an answer of a log stands for its health, in milliseconds.
const HEALTH_INTERVAL_MS: u64 = 1000;

/// How long a failed write speaks against a log's health, in milliseconds:
/// long enough to be seen, short enough to be tried again.
const FAILED_WRITE_MS: u64 = 10_000;

/// How long a request for health takes at most, in milliseconds, whatever the logs and
/// other requests do: less than those who ask, load balancers, wait.
pub const HEALTH_LIMIT_MS: u32 = 3_000;
/// How long the logs have to answer, in milliseconds: a request that first waited for a
/// question that was lost keeps to its limit all the same.
pub const HEALTH_QUESTION_MS: u32 = 2_400;
/// A question without a sign of life for so long was lost with its request: platforms
/// end one whose client has gone, and need not drop what it was at.
const LOST_AFTER_MS: u64 = 500;
/// Time between two signs of life.
const ALIVE_STEP_MS: u32 = 100;
/// Whoever has no more time than that left asks, whoever else does.
const LAST_CALL_MS: u64 = 500;
/// Time between two looks at whether another request's question was answered.
const WAIT_STEP_MS: u32 = 20;

/// What one instance knows of the logs.
#[derive(Debug, Default)]
pub(crate) struct LogWatch {
    /// When they were last asked how they stand, and what they answered.
    asked: RefCell<Option<(u64, Rc<[Watched]>)>>,
    /// When the request that asks them last gave a sign of life.
    asking: Cell<Option<u64>>,
    /// When a write last failed, of those where none has succeeded since.
    failed: RefCell<BTreeMap<Shard, u64>>,
}

/// How one log stands.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) shard: Shard,
    /// Whether entries are added to it.
    pub(crate) open: bool,
    /// None if it does not answer.
    pub(crate) state: Option<LogState>,
}

/// The one question to the logs; dropped, another may begin.
struct Asking<'a> {
    seen: &'a Cell<Option<u64>>,
    own: Cell<u64>,
}

impl<'a> Asking<'a> {
    /// None while another one is alive.
    fn begin(seen: &'a Cell<Option<u64>>, now_ms: u64) -> Option<Self> {
        let alive = within(seen.get(), LOST_AFTER_MS, now_ms);
        (!alive).then(|| Self::take(seen, now_ms))
    }

    fn take(seen: &'a Cell<Option<u64>>, now_ms: u64) -> Self {
        seen.set(Some(now_ms));
        let own = Cell::new(now_ms);
        Self { seen, own }
    }

    /// Whether no other request took its place.
    fn counts(&self) -> bool {
        self.seen.get() == Some(self.own.get())
    }

    /// Waits until then, with signs of life.
    async fn wait<P: Platform>(&self, platform: &P, until_ms: u64) {
        let mut left = u64::from(HEALTH_QUESTION_MS);
        loop {
            let now_ms = platform.now_ms();
            if self.counts() {
                self.own.set(now_ms);
                self.seen.set(Some(now_ms));
            }
            // A clock that was set back makes it no longer.
            left = left.min(until_ms.saturating_sub(now_ms));
            if left == 0 {
                return;
            }
            let step = u32::try_from(left).map_or(ALIVE_STEP_MS, |left| left.min(ALIVE_STEP_MS));
            platform.sleep(step).await;
            left = left.saturating_sub(step.into());
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        // One that was taken for lost leaves its successor's alone.
        if self.counts() {
            self.seen.set(None);
        }
    }
}

impl LogWatch {
    /// What was answered lately.
    fn known(&self, now_ms: u64) -> Option<Rc<[Watched]>> {
        match &*self.asked.borrow() {
            Some((asked_ms, known)) if within(Some(*asked_ms), HEALTH_INTERVAL_MS, now_ms) => {
                Some(Rc::clone(known))
            }
            Some(_) | None => None,
        }
    }

    /// How a write went: when it failed, or that it did not.
    pub(crate) fn noted(&self, shard: Shard, failed_ms: Option<u64>) {
        let mut failed = self.failed.borrow_mut();
        match failed_ms {
            Some(now_ms) => _ = failed.insert(shard, now_ms),
            None if failed.is_empty() => {}
            None => _ = failed.remove(&shard),
        }
    }

    /// Whether no write to the log has failed lately: one that can be read and not
    /// written to serves nobody.
    pub(crate) fn takes_writes(&self, shard: Shard, now_ms: u64) -> bool {
        let failed_ms = self.failed.borrow().get(&shard).copied();
        !within(failed_ms, FAILED_WRITE_MS, now_ms)
    }
}

impl Gate {
    /// How every log stands, the open and the closed. Anyone may ask for the health of
    /// this gate, so they are asked once an interval and not once a request, and by one
    /// request at a time. The limit counts from the beginning of each request.
    pub(crate) async fn log_states<P: Platform>(&self, platform: &P) -> Rc<[Watched]> {
        let limit_ms = platform.now_ms().saturating_add(HEALTH_LIMIT_MS.into());
        let asking = &self.log_watch.asking;
        loop {
            let now_ms = platform.now_ms();
            if let Some(known) = self.log_watch.known(now_ms) {
                return known;
            }
            let own = if limit_ms.saturating_sub(now_ms) <= LAST_CALL_MS {
                Some(Asking::take(asking, now_ms))
            } else {
                Asking::begin(asking, now_ms)
            };
            if let Some(asking) = own {
                let until_ms = now_ms.saturating_add(HEALTH_QUESTION_MS.into());
                return self
                    .ask_logs(platform, &asking, until_ms.min(limit_ms))
                    .await;
            }
            // No future of another request is awaited: Workers bind it to the request
            // that began it.
            platform.sleep(WAIT_STEP_MS).await;
        }
    }

    async fn ask_logs<P: Platform>(
        &self,
        platform: &P,
        asking: &Asking<'_>,
        until_ms: u64,
    ) -> Rc<[Watched]> {
        let logs = self.config.log.shards.logs().iter();
        // All at once, and none for longer than the limit: one that hangs must not keep
        // the word of the others back.
        let found = join_all(logs.map(async |mapped| Watched {
            shard: mapped.shard,
            open: mapped.open,
            state: match platform.log(mapped.shard) {
                Ok(log) => {
                    let answer = race(log.state(), asking.wait(platform, until_ms)).await;
                    answer.and_then(Result::ok)
                }
                Err(_) => None,
            },
        }));
        let found: Rc<[Watched]> = found.await.into();
        // From the answer on: one that took longer than the interval counts for it too.
        let asked_ms = platform.now_ms();
        let answer = Rc::clone(&found);
        self.log_watch.asked.replace(Some((asked_ms, found)));
        answer
    }
}
