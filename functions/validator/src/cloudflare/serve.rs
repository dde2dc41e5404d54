//! One request: in as a string, out as a string, now or later.

#![expect(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

use sluis_gate::{headers, not_started};
use sluis_log::EdgeNode;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;

use super::instance;
use super::js;
use super::platform::{Logs, Workers};
use super::reply::pack;
use super::request::WorkersRequest;
use super::task;

/// Serves a request with those logs. The answer if it is there at once;
/// otherwise it comes through [`js::settle`] under the request's number.
pub(crate) fn serve<L: Logs>(
    number: u32,
    head: Vec<u8>,
    request: JsValue,
    env: &Env,
    context: JsValue,
    logs: L,
) -> Option<String> {
    let gate = match instance::gate(env) {
        Ok(gate) => gate,
        Err(error) => {
            js::report(&format!("sluis: {error}"));
            return Some(pack(not_started()).text);
        }
    };
    // Asked until it is known, and then no more: an instance does not move.
    if gate.edge_node().is_none()
        && let Some(Ok(node)) = js::colo(&request).map(|colo| EdgeNode::cloudflare(&colo))
    {
        gate.set_edge_node(node);
    }
    let request = WorkersRequest::new(head, request);
    let platform = Workers::new(logs, context);
    let answer = async move { pack(gate.serve(&platform, request).await) };
    let packed = task::start(answer, move |packed| {
        js::settle(number, &packed.text, &packed.upstream);
    })?;
    if packed.upstream.is_undefined() {
        return Some(packed.text);
    }
    js::settle(number, &packed.text, &packed.upstream);
    None
}

/// Whether a header of the upstream's answer passes to the caller.
#[wasm_bindgen]
pub fn passes_back(name: &str, connection: &str) -> bool {
    headers::passes_back(name, Some(connection))
}
