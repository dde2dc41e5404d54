//! How the deployment's logs stand, for `/health`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures::future::join_all;
use sluis_log::Shard;

use crate::age::within;
use crate::gate::Gate;
use crate::platform::{AuditLog as _, LogState, Platform};

/// How long an answer of a log stands for its health, in milliseconds.
const HEALTH_INTERVAL_MS: u64 = 1000;

/// How long a failed write speaks against a log's health, in milliseconds:
/// long enough to be seen, short enough to be tried again.
const FAILED_WRITE_MS: u64 = 10_000;

/// What one instance knows of the logs.
#[derive(Debug, Default)]
pub(crate) struct LogWatch {
    /// When they were last asked how they stand, and what they answered.
    asked: RefCell<Option<(u64, Rc<[Watched]>)>>,
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

impl LogWatch {
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
    /// this gate, so they are asked once an interval and not once a request.
    pub(crate) async fn log_states<P: Platform>(&self, platform: &P) -> Rc<[Watched]> {
        let now_ms = platform.now_ms();
        if let Some((asked_ms, known)) = &*self.log_watch.asked.borrow()
            && within(Some(*asked_ms), HEALTH_INTERVAL_MS, now_ms)
        {
            return Rc::clone(known);
        }
        let logs = self.config.log.shards.logs().iter();
        // All at once: one that hangs must not keep the word of the others back.
        let found = join_all(logs.map(async |mapped| Watched {
            shard: mapped.shard,
            open: mapped.open,
            state: match platform.log(mapped.shard) {
                Ok(log) => log.state().await.ok(),
                Err(_) => None,
            },
        }));
        let found: Rc<[Watched]> = found.await.into();
        let answer = Rc::clone(&found);
        // From the answer on: one that took longer than the interval counts for it too.
        let asked_ms = platform.now_ms();
        self.log_watch.asked.replace(Some((asked_ms, found)));
        answer
    }
}
