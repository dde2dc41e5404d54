//! The shared store: a KV namespace.
//!
//! KV and not the Cache API: a namespace is one for all data centres, while a
//! cache is each data centre's own, so that neither a set nor the mark of a
//! purge would reach the others. A write is seen everywhere within about a
//! minute, which is part of the time that a purge takes.

use std::cell::RefCell;
use std::rc::Rc;

use sluis_gate::{NotShared, SharedStore};
use wasm_bindgen::{JsCast as _, JsValue};
use worker::Env;

use super::js;
use super::task::Operation;

/// Binding of the namespace.
const BINDING: &str = "SLUIS_SHARED";
/// A value must be here by then; asking the issuer takes about as long.
const TIMEOUT_MS: u32 = 500;
/// KV refuses a shorter lifetime, in seconds.
const MIN_LIFETIME_SECONDS: u32 = 60;

thread_local! {
    static NAMESPACE: RefCell<Option<JsValue>> = const { RefCell::new(None) };
}

/// The namespace that this instance is bound to; empty without a binding.
#[derive(Debug, Clone)]
pub(crate) struct KvStore {
    /// The `ExecutionContext`: a write goes on in it when nobody waits any more.
    context: Rc<JsValue>,
}

impl KvStore {
    pub(crate) fn new(context: Rc<JsValue>) -> Self {
        Self { context }
    }

    /// Remembers the binding, which is the instance's.
    pub(crate) fn bind(env: &Env) {
        let found = js_sys::Reflect::get(env, &JsValue::from_str(BINDING)).ok();
        NAMESPACE.set(found.filter(JsValue::is_object));
    }
}

impl SharedStore for KvStore {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let namespace = NAMESPACE.with_borrow(Clone::clone)?;
        let begin = |number| js::shared_get(number, &namespace, key, TIMEOUT_MS);
        let outcome = Operation::begin(begin).await;
        let bytes = outcome.dyn_into::<js_sys::Uint8Array>().ok()?;
        Some(bytes.to_vec())
    }

    async fn put(
        &self,
        key: &str,
        value: &[u8],
        lifetime_seconds: u32,
        limit_ms: u32,
    ) -> Result<(), NotShared> {
        let namespace = NAMESPACE.with_borrow(Clone::clone);
        let namespace = namespace.ok_or(NotShared::NoStore)?;
        let seconds = lifetime_seconds.max(MIN_LIFETIME_SECONDS);
        let context = &self.context;
        let begin =
            |number| js::shared_put(number, context, &namespace, key, value, seconds, limit_ms);
        let outcome = Operation::begin(begin).await;
        match js::number(&outcome) {
            Some(js::TIMED_OUT) => Err(NotShared::Timeout { limit_ms }),
            None if outcome.is_truthy() => Ok(()),
            Some(_) | None => Err(NotShared::Refused),
        }
    }
}
