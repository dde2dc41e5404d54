//! What was used once: one call to a Durable Object a use.
//!
//! A key's first digit says which of sixteen objects has it, so that many uses
//! at a time do not wait for one object; one key is always of one object, and
//! that one decides.

use std::cell::RefCell;

use sluis_gate::{ReplayError, ReplayStore, Use};
use sluis_token::UnixTime;
use wasm_bindgen::JsValue;
use worker::{Env, ObjectNamespace};

use super::js;
use super::task::Operation;

/// Binding of the Durable Objects' namespace.
const BINDING: &str = "REPLAY_STORE";
/// An answer must be here by then; see the log's.
const TIMEOUT_MS: u32 = 800;

thread_local! {
    static NAMESPACE: RefCell<Option<ObjectNamespace>> = const { RefCell::new(None) };
}

/// The objects that this instance is bound to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DurableReplay;

impl DurableReplay {
    /// Remembers the binding, which is the instance's.
    pub(crate) fn bind(env: &Env) {
        NAMESPACE.set(env.durable_object(BINDING).ok());
    }
}

impl ReplayStore for DurableReplay {
    async fn consume(&self, key: &[u8; 32], until: UnixTime) -> Result<Use, ReplayError> {
        let namespace = NAMESPACE
            .with_borrow(Clone::clone)
            .ok_or(ReplayError::Unavailable)?;
        let [first, ..] = key;
        // A stub belongs to its request, so each has its own.
        let stub = namespace
            .get_by_name(&format!("used-{:x}", first >> 4))
            .map_err(|_| ReplayError::Unavailable)?;
        let stub: JsValue = stub.into_rpc();
        #[expect(clippy::cast_precision_loss, reason = "a NumericDate is below 2^53")]
        let until = until.as_seconds() as f64;
        let begin = |number| js::consume(number, &stub, key, until, TIMEOUT_MS);
        let outcome = Operation::begin(begin).await;
        match outcome.as_bool() {
            Some(true) => Ok(Use::First),
            Some(false) => Ok(Use::Repeated),
            None if js::number(&outcome) == Some(js::TIMED_OUT) => Err(ReplayError::Timeout {
                limit_ms: TIMEOUT_MS,
            }),
            None => Err(ReplayError::Unavailable),
        }
    }
}
