//! The gate's platform on Workers.

use std::future::Future;
use std::rc::Rc;

use sluis_gate::{
    AuditLog, BodyError, DOCUMENT_LIMIT_MS, FetchError, ForwardPermit, LogError, PayloadKeys,
    Platform, UpstreamError, UpstreamResponse, headers,
};
use sluis_log::Shard;
use sluis_token::sign::{SignError, SigningKey};
use wasm_bindgen::{JsCast as _, JsValue};

use super::js;
use super::replay::DurableReplay;
use super::request::{self, WorkersRequest};
use super::shared::KvStore;
use super::signer;
use super::task::{Operation, spawn};
use super::verifier::WebCrypto;

/// Where a deployment's logs are, and the keys of their payloads.
pub(crate) trait Logs: PayloadKeys + Clone + 'static {
    type Log: AuditLog;

    /// One of them.
    fn of(&self, shard: Shard) -> Self::Log;
}

/// What one request has of its platform.
#[derive(Debug)]
pub(crate) struct Workers<L> {
    logs: L,
    /// The `ExecutionContext`.
    context: Rc<JsValue>,
    shared: KvStore,
}

impl<L> Workers<L> {
    pub(crate) fn new(logs: L, context: JsValue) -> Self {
        let context = Rc::new(context);
        Self {
            logs,
            shared: KvStore::new(Rc::clone(&context)),
            context,
        }
    }
}

impl<L: Clone> Clone for Workers<L> {
    fn clone(&self) -> Self {
        Self {
            logs: self.logs.clone(),
            context: Rc::clone(&self.context),
            shared: self.shared.clone(),
        }
    }
}

/// The upstream's answer, its body not yet read.
#[derive(Debug)]
pub(crate) struct WorkersResponse(JsValue);

impl WorkersResponse {
    pub(crate) fn into_raw(self) -> JsValue {
        self.0
    }
}

impl UpstreamResponse for WorkersResponse {
    fn status(&self) -> u16 {
        js::status(&self.0)
    }

    fn header(&self, name: &str) -> Option<String> {
        js::header(&self.0, name)
    }

    async fn read_body(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        request::read_body(&self.0, limit).await
    }

    fn discard(self) {
        js::discard(&self.0);
    }
}

impl<L: Logs> Platform for Workers<L> {
    type Request = WorkersRequest;
    type Response = WorkersResponse;
    type Verifier = WebCrypto;
    type Log = L::Log;
    type Shared = KvStore;
    type Replay = DurableReplay;
    type PayloadKeys = L;

    fn now_ms(&self) -> u64 {
        now_ms()
    }

    fn verifier(&self) -> &WebCrypto {
        &WebCrypto
    }

    fn sign(&self, key: &SigningKey, message: &[u8]) -> Result<Vec<u8>, SignError> {
        signer::sign(key, message)
    }

    fn log(&self, shard: Shard) -> Result<L::Log, LogError> {
        Ok(self.logs.of(shard))
    }

    fn shared(&self) -> &KvStore {
        &self.shared
    }

    fn replay(&self) -> &DurableReplay {
        &DurableReplay
    }

    fn payload_keys(&self) -> &L {
        &self.logs
    }

    async fn fetch_document(
        &self,
        url: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let most = u32::try_from(limit).unwrap_or(u32::MAX);
        let begin = |number| js::fetch_document(number, url, accept, most, DOCUMENT_LIMIT_MS);
        let outcome = Operation::begin(begin).await;
        match js::number(&outcome) {
            Some(js::TOO_LARGE) => Err(FetchError::TooLarge { limit }),
            Some(js::TIMED_OUT) => Err(FetchError::Timeout {
                limit_ms: DOCUMENT_LIMIT_MS,
            }),
            Some(number) => match number.checked_sub(js::STATUS).map(u16::try_from) {
                Some(Ok(status)) => Err(FetchError::Status { status }),
                Some(Err(_)) | None => Err(FetchError::Unreachable),
            },
            None => match outcome.dyn_into::<js_sys::Uint8Array>() {
                Ok(bytes) => Ok(bytes.to_vec()),
                Err(_) => Err(FetchError::Unreachable),
            },
        }
    }

    async fn forward(
        &self,
        permit: ForwardPermit,
        request: WorkersRequest,
    ) -> Result<WorkersResponse, UpstreamError> {
        let limit_ms = permit.timeout_ms();
        let passing = if permit.passes_as_it_came() {
            let stopping = headers::never_in_shadow();
            ["*"]
                .into_iter()
                .chain(stopping)
                .collect::<Vec<_>>()
                .join(" ")
        } else {
            permit.passing().collect::<Vec<_>>().join(" ")
        };
        let set = permit
            .headers()
            .iter()
            .flat_map(|(name, value)| [*name, value.as_str()]);
        let set = set.collect::<Vec<_>>().join("\n");
        let raw = request.raw().clone();
        let body = request.into_body();
        let outcome = Operation::begin(|number| {
            js::forward(number, &raw, permit.url(), &passing, &set, body, limit_ms);
        });
        let outcome = outcome.await;
        match js::number(&outcome) {
            Some(js::TIMED_OUT) => Err(UpstreamError::Timeout { limit_ms }),
            Some(js::NOT_SENT) => Err(UpstreamError::NotSent),
            None if outcome.is_object() => Ok(WorkersResponse(outcome)),
            Some(_) | None => Err(UpstreamError::Unreachable),
        }
    }

    fn defer(&self, work: impl Future<Output = ()> + 'static) {
        let operation = Keep::begin(&self.context);
        spawn(async move {
            work.await;
            drop(operation);
        });
    }

    async fn sleep(&self, milliseconds: u32) {
        Operation::begin(|number| js::sleep(number, milliseconds)).await;
    }

    fn report(&self, line: &str) {
        js::report(line);
    }
}

/// Milliseconds since the Unix epoch. On Workers time stands still while code
/// runs, so this is the time of the last I/O.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole milliseconds after 1970, far below 2^53"
)]
pub(crate) fn now_ms() -> u64 {
    js_sys::Date::now() as u64
}

/// `waitUntil` for as long as this lives.
struct Keep(u32);

impl Keep {
    fn begin(context: &JsValue) -> Self {
        thread_local! {
            static NEXT: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
        }
        let number = NEXT.replace(NEXT.get().wrapping_add(1));
        js::keep(context, number);
        Self(number)
    }
}

impl Drop for Keep {
    fn drop(&mut self) {
        js::release(self.0);
    }
}
