//! The answer, written in one piece: `status LF (name LF value LF)* LF body`.

use js_sys::Uint8Array;
use sluis_gate::{Reply, ReplyBody};
use wasm_bindgen::JsValue;

use super::platform::WorkersResponse;

/// An answer as `js/serve.mjs` reads it.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) text: String,
    /// The upstream's answer, the bytes of a body, or undefined.
    pub(crate) upstream: JsValue,
}

/// Packs an answer.
pub(crate) fn pack(reply: Reply<WorkersResponse>) -> Packed {
    let Reply {
        status,
        headers,
        body,
    } = reply;
    let (body, upstream) = match body {
        ReplyBody::Text(text) => (text, JsValue::UNDEFINED),
        ReplyBody::Nothing => (String::new(), JsValue::UNDEFINED),
        ReplyBody::Bytes(bytes) => (String::new(), Uint8Array::from(bytes.as_slice()).into()),
        ReplyBody::Upstream(response) => (String::new(), response.into_raw()),
    };
    let length = headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum::<usize>();
    let mut text = String::with_capacity(5 + length + body.len());
    text.push_str(&status.to_string());
    text.push('\n');
    for (name, value) in &headers {
        // A line break would let a value pose as a header; the gate's values
        // have none, and one that had would be left out.
        if value.as_bytes().contains(&b'\n') || value.as_bytes().contains(&b'\r') {
            continue;
        }
        text.push_str(name);
        text.push('\n');
        text.push_str(value);
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&body);
    Packed { text, upstream }
}
