//! The body of a request, looked into for a subject.

use serde_json::Value;
use sluis_token::text_at_pointer;

use crate::Parser;

pub(crate) const JSON_DOCUMENT: Parser = Parser {
    name: "json_document",
    run: json_document,
    longest: 64 * 1024,
    base: 100_000,
    per_byte: 400,
};

/// A line with a JSON pointer, then the body.
fn json_document(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (pointer, body) = input.split_at(end.unwrap_or(0));
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let pointer = String::from_utf8_lossy(pointer);
    if let Ok(Some(text)) = text_at_pointer(body, &pointer) {
        // A reader that keeps the last of two members finds the same.
        let value = serde_json::from_slice::<Value>(body).ok();
        let found = value.as_ref().and_then(|value| value.pointer(&pointer));
        assert_eq!(found.and_then(Value::as_str), Some(text.as_str()));
    }
}
