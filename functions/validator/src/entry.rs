//! The export that the Worker's script calls.

#![expect(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;

use crate::cloudflare::serve;
use crate::durable::log::DurableLogs;

/// Answers a request, or undefined when the answer comes later.
#[wasm_bindgen(js_name = serve)]
pub fn serve_request(
    number: u32,
    head: Vec<u8>,
    request: JsValue,
    env: &Env,
    context: JsValue,
) -> Option<String> {
    let logs = DurableLogs::bound(env);
    serve::serve(number, head, request, env, context, logs)
}
