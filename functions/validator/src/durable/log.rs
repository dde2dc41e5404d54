//! The log as the gate uses it: one call to the Durable Object an entry.

use std::cell::RefCell;

use sluis_gate::{AuditLog, LogError, LogSlice};
use sluis_log::{PendingEntry, Receipt, StoredEntry};
use worker::{Env, Method, ObjectNamespace, Request, RequestInit, Response};

use crate::cloudflare::js;
use crate::cloudflare::task::Operation;

/// Binding of the Durable Object's namespace.
const BINDING: &str = "AUDIT_LOG";
/// One log, one object.
const NAME: &str = "log";
/// An answer of the log must be here by then. A hung object would hang its
/// caller for as long as the client waits; this makes it a 503.
pub(crate) const TIMEOUT_MS: u32 = 800;

/// Path of an append: the entry in, the receipt out, both JSON.
pub(crate) const APPEND: &str = "/append";
/// Path of a read: `?from=&limit=`.
pub(crate) const READ: &str = "/read";
/// The object holds another entry under the id.
pub(crate) const CONFLICT: u16 = 409;

/// What a read answers.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Slice {
    pub(crate) size: u64,
    pub(crate) items: Vec<StoredEntry>,
}

thread_local! {
    static NAMESPACE: RefCell<Option<ObjectNamespace>> = const { RefCell::new(None) };
}

/// The log in the Durable Object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DurableLog;

impl DurableLog {
    /// Remembers where the log is; the binding is the instance's.
    pub(crate) fn bound(env: &Env) -> Self {
        NAMESPACE.with_borrow_mut(|namespace| {
            if namespace.is_none() {
                *namespace = env.durable_object(BINDING).ok();
            }
        });
        Self
    }

    async fn call(self, request: Request) -> Result<String, LogError> {
        let namespace = NAMESPACE.with_borrow(Clone::clone).ok_or(LogError::Unavailable)?;
        // A stub belongs to its request, so each has its own.
        let stub = namespace.get_by_name(NAME).map_err(|_| LogError::Unavailable)?;
        let answer = async {
            let answer = stub.fetch_with_request(request).await.map_err(|_| LogError::Unavailable)?;
            read(answer).await
        };
        let timeout = Operation::begin(|number| js::sleep(number, TIMEOUT_MS));
        race(answer, timeout).await.unwrap_or(Err(LogError::Timeout { limit_ms: TIMEOUT_MS }))
    }
}

async fn read(mut answer: Response) -> Result<String, LogError> {
    match answer.status_code() {
        200 => answer.text().await.map_err(|_| LogError::Unavailable),
        CONFLICT => Err(LogError::Conflict),
        _ => Err(LogError::Unavailable),
    }
}

/// The first future's output, or none once the second has ended.
async fn race<T>(first: impl Future<Output = T>, second: Operation) -> Option<T> {
    let (mut first, mut second) = (std::pin::pin!(first), std::pin::pin!(second));
    std::future::poll_fn(|context| {
        if let std::task::Poll::Ready(output) = first.as_mut().poll(context) {
            return std::task::Poll::Ready(Some(output));
        }
        second.as_mut().poll(context).map(|_| None)
    })
    .await
}

impl AuditLog for DurableLog {
    async fn append(&self, entry: &PendingEntry) -> Result<Receipt, LogError> {
        let body = serde_json::to_string(entry).map_err(|_| LogError::Malformed)?;
        let mut init = RequestInit::new();
        init.with_method(Method::Post).with_body(Some(body.into()));
        let request = Request::new_with_init(&format!("https://log{APPEND}"), &init)
            .map_err(|_| LogError::Unavailable)?;
        let answer = self.call(request).await?;
        serde_json::from_str(&answer).map_err(|_| LogError::Malformed)
    }

    async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError> {
        let url = format!("https://log{READ}?from={from}&limit={limit}");
        let request = Request::new(&url, Method::Get).map_err(|_| LogError::Unavailable)?;
        let answer = self.call(request).await?;
        let Slice { size, items } = serde_json::from_str(&answer).map_err(|_| LogError::Malformed)?;
        Ok(LogSlice { size, items })
    }
}
