//! JSON itself: duplicates, nesting, sizes, spellings, and texts that are not JSON.

use std::fmt::Write as _;

use super::{Mutation, REQUIRED};
use crate::draft::Draft;

/// The payload's text with something done to it.
fn retext(draft: &mut Draft, change: impl FnOnce(String) -> Vec<u8>) {
    draft.claims_bytes = Some(change(draft.claims.text(draft.space)));
}

/// The same for the header.
fn retext_header(draft: &mut Draft, change: impl FnOnce(String) -> Vec<u8>) {
    draft.header_bytes = Some(change(draft.header.text(draft.space)));
}

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "a claim twice, the good one last",
        apply: |draft, random| {
            let claim = random.one_of(REQUIRED);
            draft
                .claims
                .push_front(claim, random.one_of(["\"x\"", "1", "[]", "null"]));
        },
    },
    Mutation {
        name: "a claim twice, the good one first",
        apply: |draft, random| {
            let claim = random.one_of(REQUIRED);
            draft
                .claims
                .push(claim, random.one_of(["\"x\"", "1", "[]", "null"]));
        },
    },
    Mutation {
        name: "a claim twice and equal",
        apply: |draft, random| {
            let claim = random.one_of(REQUIRED);
            if let Some(value) = draft.claims.get(claim).map(str::to_owned) {
                draft.claims.push(claim, value);
            }
        },
    },
    Mutation {
        name: "a claim twice, once escaped",
        apply: |draft, random| {
            let (claim, escaped) = random.one_of([
                ("iss", "\\u0069ss"),
                ("aud", "a\\u0075d"),
                ("exp", "ex\\u0070"),
            ]);
            if let Some(value) = draft.claims.get(claim).map(str::to_owned) {
                draft.claims.push(escaped, value);
            }
        },
    },
    Mutation {
        name: "an unknown claim twice",
        apply: |draft, _| {
            draft.claims.push("sim", "1");
            draft.claims.push("sim", "2");
        },
    },
    Mutation {
        name: "a duplicate inside an unknown claim",
        apply: |draft, random| {
            draft.claims.push(
                "sim",
                random.one_of([r#"{"a":1,"a":1}"#, r#"[{"a":{"b":1,"\u0062":2}}]"#]),
            );
        },
    },
    Mutation {
        name: "a claim's name with escapes",
        apply: |draft, random| {
            let (claim, escaped) = random.one_of([
                ("iss", "\\u0069ss"),
                ("aud", "a\\u0075d"),
                ("exp", "ex\\u0070"),
                ("jti", "\\u006a\\u0074\\u0069"),
            ]);
            draft.claims.rename(claim, escaped);
        },
    },
    Mutation {
        name: "a claim's name in other case",
        apply: |draft, random| {
            let (claim, other) = random.one_of([
                ("iss", "ISS"),
                ("aud", "Aud"),
                ("exp", "Exp"),
                ("jti", "Jti"),
                ("sub", "\u{17f}ub"),
            ]);
            draft.claims.rename(claim, other);
        },
    },
    Mutation {
        name: "nested a little",
        apply: |draft, random| nest(draft, 1 + random.below(6)),
    },
    Mutation {
        name: "nested deeply",
        apply: |draft, random| nest(draft, 8 + random.below(120)),
    },
    Mutation {
        name: "nested very deeply",
        apply: |draft, random| nest(draft, 150 + random.below(600)),
    },
    Mutation {
        name: "many members",
        apply: |draft, random| {
            for number in 0..20 + random.below(90) {
                draft.claims.push(&format!("m{number}"), "0");
            }
        },
    },
    Mutation {
        name: "many members in the header",
        apply: |draft, random| {
            for number in 0..20 + random.below(90) {
                draft.header.push(&format!("m{number}"), "0");
            }
        },
    },
    Mutation {
        name: "a long array",
        apply: |draft, random| {
            draft
                .claims
                .push("sim", format!("[{}0]", "0,".repeat(random.below(900))));
        },
    },
    Mutation {
        name: "large",
        apply: |draft, random| {
            let bytes = 3000 + random.below(4500);
            draft
                .claims
                .push("sim", format!("\"{}\"", "x".repeat(bytes)));
        },
    },
    Mutation {
        name: "a long number",
        apply: |draft, random| {
            let digits = "9".repeat(1 + random.below(700));
            draft.claims.push("sim", format!("{digits}.{digits}e-5"));
        },
    },
    Mutation {
        name: "many escapes",
        apply: |draft, random| {
            let mut text = String::new();
            for _ in 0..random.below(200) {
                let _ = write!(text, "\\u{:04x}", 32 + random.below(200));
            }
            draft.claims.push("sim", format!("\"{text}\""));
        },
    },
    Mutation {
        name: "a lone surrogate",
        apply: |draft, random| {
            draft.claims.push(
                "sim",
                random.one_of([r#""\ud800""#, r#""\udc00\ud800""#, r#""a\ud83d""#]),
            );
        },
    },
    Mutation {
        name: "a lone surrogate in a name",
        apply: |draft, _| draft.claims.push("\\udead", "1"),
    },
    Mutation {
        name: "an escape that JSON does not have",
        apply: |draft, random| {
            draft.claims.push(
                "sim",
                random.one_of([
                    r#""\x41""#,
                    r#""\u00g0""#,
                    r#""\'""#,
                    r#""\u{41}""#,
                    r#""\""#,
                ]),
            );
        },
    },
    Mutation {
        name: "a control character in a text",
        apply: |draft, random| {
            draft.claims.push(
                "sim",
                random.one_of(["\"a\nb\"", "\"a\tb\"", "\"\u{0}\"", "\"\u{1f}\""]),
            );
        },
    },
    Mutation {
        name: "not UTF-8",
        apply: |draft, random| {
            let bad = random.one_of([
                &b"\xff"[..],
                b"\xc0\x80",
                b"\xed\xa0\x80",
                b"\xf4\x90\x80\x80",
                b"\xe2\x82",
                b"\x80",
            ]);
            retext(draft, |text| {
                let mut bytes = text.into_bytes();
                bytes.pop();
                bytes.extend_from_slice(b",\"sim\":\"");
                bytes.extend_from_slice(bad);
                bytes.extend_from_slice(b"\"}");
                bytes
            });
        },
    },
    Mutation {
        name: "a byte order mark",
        apply: |draft, random| {
            let marked = |text: String| format!("\u{feff}{text}").into_bytes();
            if random.once_in(2) {
                retext(draft, marked);
            } else {
                retext_header(draft, marked);
            }
        },
    },
    Mutation {
        name: "UTF-16",
        apply: |draft, _| {
            retext(draft, |text| {
                text.encode_utf16().flat_map(u16::to_le_bytes).collect()
            });
        },
    },
    Mutation {
        name: "not quite JSON",
        apply: |draft, random| {
            let which = random.below(9);
            retext(draft, |text| {
                match which {
                    0 => text.replacen('}', ",}", 1),
                    1 => format!("{text}{text}"),
                    2 => format!("{text} x"),
                    3 => format!("/* */{text}"),
                    4 => text.replace('"', "'"),
                    5 => text.trim_end_matches('}').to_owned(),
                    6 => format!("{text}\u{0}"),
                    7 => text.replacen(':', " ", 1),
                    _ => format!("\u{a0}{text}"),
                }
                .into_bytes()
            });
        },
    },
    Mutation {
        name: "a header that is not quite JSON",
        apply: |draft, random| {
            let which = random.below(6);
            retext_header(draft, |text| {
                match which {
                    0 => text.replacen('}', ",}", 1),
                    1 => format!("{text}{text}"),
                    2 => format!("{text}//"),
                    3 => text.replace('"', "'"),
                    4 => text.trim_end_matches('}').to_owned(),
                    _ => format!("{text}\u{0}"),
                }
                .into_bytes()
            });
        },
    },
    Mutation {
        name: "another kind of value",
        apply: |draft, random| {
            let which = random.below(7);
            retext(draft, |text| {
                match which {
                    0 => format!("[{text}]"),
                    1 => serde_json::Value::from(text).to_string(),
                    2 => "null".to_owned(),
                    3 => "1".to_owned(),
                    4 => String::new(),
                    5 => "{}".to_owned(),
                    _ => "[]".to_owned(),
                }
                .into_bytes()
            });
        },
    },
    Mutation {
        name: "a header of another kind of value",
        apply: |draft, random| {
            let which = random.below(5);
            retext_header(draft, |text| {
                match which {
                    0 => format!("[{text}]"),
                    1 => serde_json::Value::from(text).to_string(),
                    2 => "null".to_owned(),
                    3 => String::new(),
                    _ => "{}".to_owned(),
                }
                .into_bytes()
            });
        },
    },
    Mutation {
        name: "white space around",
        apply: |draft, random| {
            let space = random.one_of([" ", "\r\n\t", "\n\n"]);
            retext(draft, |text| format!("{space}{text}{space}").into_bytes());
        },
    },
    Mutation {
        name: "any byte of the payload",
        apply: |draft, random| {
            let (place, value) = (random.below(4096), random.below(256));
            retext(draft, |text| with_byte(text, place, value));
        },
    },
    Mutation {
        name: "any byte of the header",
        apply: |draft, random| {
            let (place, value) = (random.below(4096), random.below(256));
            retext_header(draft, |text| with_byte(text, place, value));
        },
    },
    Mutation {
        name: "a byte of the payload gone",
        apply: |draft, random| {
            let place = random.below(4096);
            retext(draft, |text| {
                let mut bytes = text.into_bytes();
                let length = bytes.len().max(1);
                bytes.remove(place % length);
                bytes
            });
        },
    },
];

/// The text with another byte somewhere.
fn with_byte(text: String, place: usize, value: usize) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    let length = bytes.len().max(1);
    if let (Some(byte), Ok(value)) = (bytes.get_mut(place % length), u8::try_from(value)) {
        *byte = value;
    }
    bytes
}

fn nest(draft: &mut Draft, depth: usize) {
    draft
        .claims
        .push("sim", format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
}
