//! How the deployment's logs stand, for `/health`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

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
        let mut found = Vec::new();
        for mapped in self.config.log.shards.logs() {
            let state = match platform.log(mapped.shard) {
                Ok(log) => log.state().await.ok(),
                Err(_) => None,
            };
            found.push(Watched {
                shard: mapped.shard,
                open: mapped.open,
                state,
            });
        }
        let found: Rc<[Watched]> = found.into();
        let answer = Rc::clone(&found);
        self.log_watch.asked.replace(Some((now_ms, found)));
        answer
    }
}
