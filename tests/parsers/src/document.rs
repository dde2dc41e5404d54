//! JSON documents: the body of a request, looked into for a subject, and that of an answer,
//! filtered.

use serde::de::IgnoredAny;
use serde_json::Value;
use sluis_minimise::{AllowList, minimise};
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

pub(crate) const RESPONSE_DOCUMENT: Parser = Parser {
    name: "response_document",
    run: response_document,
    longest: 256 * 1024,
    base: 100_000,
    // Two passes of the filter and three of another reader.
    per_byte: 1_200,
};

/// A line with the paths that may pass, apart by spaces, then the body.
fn response_document(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (paths, body) = input.split_at(end.unwrap_or(0));
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let paths = String::from_utf8_lossy(paths);
    let Ok(allowed) = AllowList::new(paths.split_whitespace()) else {
        return;
    };
    let Ok(minimised) = minimise(body, &allowed) else {
        return;
    };
    let left = minimised.document();
    // Another reader takes both, and what is left is allowed: nothing is dropped of it.
    assert!(serde_json::from_slice::<IgnoredAny>(body).is_ok());
    assert!(serde_json::from_str::<IgnoredAny>(left).is_ok());
    assert!(left.len() <= body.len());
    let again = minimise(left.as_bytes(), &allowed);
    assert!(again.is_ok_and(|again| again.document() == left && again.dropped() == 0));
    if let Ok(value) = serde_json::from_str::<Value>(left) {
        assert!(is_allowed(&value, "", allowed.paths()));
    }
}

/// Whether every text, number and literal stands at the end of a path.
fn is_allowed(value: &Value, path: &str, allowed: &[String]) -> bool {
    match value {
        Value::Array(elements) => elements.iter().all(|e| is_allowed(e, path, allowed)),
        Value::Object(members) => members.iter().all(|(name, member)| {
            let place = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            is_allowed(member, &place, allowed)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            allowed.iter().any(|allowed| allowed == path)
        }
    }
}
