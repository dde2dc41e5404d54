//! What the gate asks of a platform, on Spin.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write as _;
use std::rc::Rc;

use sluis_gate::{FetchError, ForwardPermit, LogError, Platform, UpstreamError};
use sluis_log::Shard;
use sluis_token::LocalVerifier;
use spin_sdk::wasip3::spawn;

use super::keys::SpinKeys;
use super::log::SpinLog;
use super::replay::SpinReplay;
use super::request::SpinRequest;
use super::shared::KeyValueStore;
use super::time;
use super::upstream::{self, SpinResponse};

/// The instance.
#[derive(Clone)]
pub(super) struct SpinPlatform(Rc<Parts>);

struct Parts {
    verifier: LocalVerifier,
    logs: BTreeMap<Shard, SpinLog>,
    keys: SpinKeys,
    replay: SpinReplay,
}

impl SpinPlatform {
    pub(super) fn new(logs: BTreeMap<Shard, SpinLog>, replay: SpinReplay) -> Self {
        Self(Rc::new(Parts {
            verifier: LocalVerifier,
            // What makes a key holds the write lock of one of the files.
            keys: SpinKeys(logs.values().next().cloned()),
            logs,
            replay,
        }))
    }
}

impl Platform for SpinPlatform {
    type Request = SpinRequest;
    type Response = SpinResponse;
    type Verifier = LocalVerifier;
    type Log = SpinLog;
    type Shared = KeyValueStore;
    type Replay = SpinReplay;
    type PayloadKeys = SpinKeys;

    fn now_ms(&self) -> u64 {
        time::now_ms()
    }

    fn verifier(&self) -> &LocalVerifier {
        &self.0.verifier
    }

    fn log(&self, shard: Shard) -> Result<SpinLog, LogError> {
        let found = self.0.logs.get(&shard).cloned();
        found.ok_or(LogError::NoShard(shard))
    }

    fn shared(&self) -> &KeyValueStore {
        &KeyValueStore
    }

    fn replay(&self) -> &SpinReplay {
        &self.0.replay
    }

    fn payload_keys(&self) -> &SpinKeys {
        &self.0.keys
    }

    async fn fetch_document(
        &self,
        url: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Vec<u8>, FetchError> {
        upstream::fetch(url, accept, limit).await
    }

    async fn forward(
        &self,
        permit: ForwardPermit,
        request: SpinRequest,
    ) -> Result<SpinResponse, UpstreamError> {
        upstream::forward(permit, request).await
    }

    /// Spin keeps an instance until the work it has taken on is done, also
    /// after the answer; only the end of the process cuts it short.
    fn defer(&self, work: impl Future<Output = ()> + 'static) {
        spawn(work);
    }

    async fn sleep(&self, milliseconds: u32) {
        time::sleep(milliseconds).await;
    }

    fn report(&self, line: &str) {
        _ = writeln!(std::io::stderr(), "{line}");
    }
}
