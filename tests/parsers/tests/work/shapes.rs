//! Inputs that are made to be expensive: what parsers repeat, nest or compare, at any size.

use base64ct::{Base64UrlUnpadded, Encoding as _};

/// A JSON text of about that many bytes.
type Shape = fn(usize) -> String;

/// JSON objects that stress one thing each.
const JSON: [(&str, Shape); 13] = [
    ("nested arrays", |size| {
        let depth = size / 2;
        format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth))
    }),
    ("nested objects", |size| {
        let depth = size / 7;
        format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))
    }),
    ("as many members as fit", |size| members(size, size, "")),
    ("many members with long names that begin alike", |size| {
        members(size, 512, &"n".repeat(size / 520))
    }),
    ("64 members with long names that begin alike", |size| {
        members(size, 64, &"n".repeat(size / 66))
    }),
    ("names that fold", |size| {
        members(size, 512, &"ſİK".repeat(size / 4000))
    }),
    ("escapes", |size| {
        format!("{{\"a\":\"{}\"}}", "\\u00e9".repeat(size / 6))
    }),
    ("escaped quotes", |size| {
        format!("{{\"a\":\"{}\"}}", "\\\"".repeat(size / 2))
    }),
    ("surrogate pairs", |size| {
        format!("{{\"a\":\"{}\"}}", "\\ud83d\\ude00".repeat(size / 12))
    }),
    ("a long number", |size| {
        format!("{{\"a\":{}}}", "9".repeat(size))
    }),
    ("a long fraction with an exponent", |size| {
        format!("{{\"a\":0.{}e-300}}", "123456789".repeat(size / 9))
    }),
    ("many elements", |size| {
        format!("{{\"a\":[{}0]}}", "0,".repeat(size / 2))
    }),
    ("white space", |size| {
        format!("{{{}}}", " \n\t\r".repeat(size / 4))
    }),
];

fn members(size: usize, most: usize, prefix: &str) -> String {
    let each = prefix.len() + 12;
    let count = (size / each).min(most);
    let members: Vec<String> = (0..count)
        .map(|number| format!("\"{prefix}{number:06}\":0"))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// TOML texts that stress one thing each.
const TOML: [(&str, Shape); 9] = [
    ("nested arrays", |size| {
        format!("a = {}{}", "[".repeat(size / 2), "]".repeat(size / 2))
    }),
    ("nested inline tables", |size| {
        let depth = size / 5;
        format!("a = {}1{}", "{a=".repeat(depth), "}".repeat(depth))
    }),
    ("a dotted key", |size| {
        format!("{}a = 1", "a.".repeat(size / 2))
    }),
    ("many keys", |size| {
        (0..size / 12)
            .map(|number| format!("k{number:06} = 0\n"))
            .collect::<Vec<_>>()
            .concat()
    }),
    ("many tables", |size| {
        (0..size / 11)
            .map(|number| format!("[t{number:06}]\n"))
            .collect::<Vec<_>>()
            .concat()
    }),
    ("many elements of an array of tables", |size| {
        "[[issuers]]\n".repeat(size / 12)
    }),
    ("a deep table header", |size| {
        format!("[{}a]\n", "a.".repeat(size / 2))
    }),
    ("a long text", |size| {
        format!("a = \"{}\"", "\\u00e9".repeat(size / 6))
    }),
    ("comments", |size| "# a\n".repeat(size / 4)),
];

/// Every expensive input of one parser at one size.
pub(crate) fn of(parser: &str, size: usize) -> Vec<(String, Vec<u8>)> {
    let mut inputs = match parser {
        "compact_token" => signed("at+jwt", size),
        "status_list" => signed("statuslist+jwt", size),
        "dpop_proof" => encoded(size, |part| format!("{part}.{part}.{SIGNATURE}")),
        "json_document" => json(size, |text| format!("/a\n{text}")),
        "response_document" => responses(size),
        "gate_request" => requests(size),
        "configuration" | "catalogue" => TOML
            .iter()
            .map(|(name, shape)| named(name, shape(size)))
            .collect(),
        "jwk_set" => key_sets(size),
        "bearer_request" => vec![
            named("commas", format!("Basic {}", "a,".repeat(size / 2))),
            named("schemes", "Bearer ".repeat(size / 7)),
            named(
                "many parameters",
                format!("Bearer a\n{}", "access_toke=1&".repeat(size / 14)),
            ),
            named(
                "escapes",
                format!("Bearer a\n{}", "%61ccess&".repeat(size / 9)),
            ),
            named(
                "content types",
                format!("Bearer a\n\n{}", "a/b;c=d,".repeat(size / 8)),
            ),
        ],
        "log_page" => {
            let mut inputs = json(size, str::to_owned);
            inputs.push(named("many entries", page(size)));
            inputs
        }
        "log_export" => {
            let mut inputs = json(size, str::to_owned);
            let entries = "{}\n".repeat(size / 3);
            inputs.push(named("many lines", format!("{EXPORT}\n{entries}")));
            inputs
        }
        "signed_note" | "proof_bundle" | "add_checkpoint" | "checkpoint" | "tile_path"
        | "verifier_key" => tree(parser, size),
        _ => json(size, str::to_owned),
    };
    for (name, unit) in [
        ("zeros", "\0"),
        ("dots", "."),
        ("letters", "A"),
        ("quotes", "\""),
        ("brackets", "["),
        ("lines", "\n"),
        ("two bytes", "é"),
    ] {
        inputs.push(named(name, unit.repeat(size / unit.len())));
    }
    inputs
}

/// Every shape of JSON, put into something.
fn json(size: usize, wrap: impl Fn(&str) -> String) -> Vec<(String, Vec<u8>)> {
    JSON.iter()
        .map(|(name, shape)| named(name, wrap(&shape(size.saturating_sub(40)))))
        .collect()
}

/// The same, encoded, by which it becomes a third longer.
fn encoded(size: usize, wrap: impl Fn(&str) -> String) -> Vec<(String, Vec<u8>)> {
    JSON.iter()
        .map(|(name, shape)| {
            let text = shape(size.saturating_sub(300) * 3 / 4);
            named(name, wrap(&encode(&text)))
        })
        .collect()
}

/// Tokens of a type, with the shape for a payload or for a header.
fn signed(token_type: &str, size: usize) -> Vec<(String, Vec<u8>)> {
    let header = header(token_type);
    let mut inputs = encoded(size, |part| format!("{header}.{part}.{SIGNATURE}"));
    inputs.extend(encoded(size, |part| format!("{part}.e30.{SIGNATURE}")));
    inputs
}

/// Answers of which all passes, nothing, or what stands deep.
fn responses(size: usize) -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    for (paths, passing) in [("", "nothing"), ("a a.a a.a.a", "a"), ("b b.c", "b")] {
        for (name, input) in json(size, |text| format!("{paths}\n{text}")) {
            inputs.push((format!("{name}, {passing} passing"), input));
        }
        let rows = r#"{"a":1,"b":"x","n":{"c":[1,2,3]}},"#.repeat(size / 35);
        inputs.push(named(
            &format!("rows, {passing} passing"),
            format!("{paths}\n[{rows}1]"),
        ));
    }
    inputs
}

fn requests(size: usize) -> Vec<(String, Vec<u8>)> {
    let mut inputs = json(size, |text| {
        format!("POST\n/pension/v1/rights/get\ncontent-type:application/json\n\n{text}")
    });
    let header = header("at+jwt");
    inputs.extend(encoded(size, |part| {
        format!("GET\n/\nauthorization:Bearer {header}.{part}.{SIGNATURE}\n")
    }));
    for (name, start, unit) in [
        ("a long path", "GET\n/", "a/"),
        ("a path of escapes", "GET\n/", "%61"),
        ("a query", "GET\n/log/entries?", "a=b&"),
        ("many fields", "GET\n/\n", "a:b\n"),
    ] {
        let text = format!("{start}{}\n", unit.repeat(size / unit.len()));
        inputs.push(named(name, text));
    }
    inputs
}

fn key_sets(size: usize) -> Vec<(String, Vec<u8>)> {
    let mut inputs = json(size, str::to_owned);
    for (name, key) in KEYS {
        let keys: Vec<String> = (0..size / (key.len() + 20))
            .take(32)
            .map(|number| format!("{{\"kid\":\"{number}\",{key}}}"))
            .collect();
        inputs.push(named(name, format!("{{\"keys\":[{}]}}", keys.join(","))));
    }
    inputs
}

/// What the parsers of the log's tree repeat.
fn tree(parser: &str, size: usize) -> Vec<(String, Vec<u8>)> {
    match parser {
        "signed_note" => notes(size, ""),
        "proof_bundle" => {
            let mut inputs = notes(size, "c2sp.org/tlog-proof@v1\nindex 0\n\n");
            let hashes = format!("{HASH}\n").repeat(size / (HASH.len() + 1));
            let start = "c2sp.org/tlog-proof@v1\n";
            inputs.push(named(
                "many hashes",
                format!("{start}index 0\n{hashes}\n{NOTE}"),
            ));
            let most = format!("{HASH}\n").repeat(64);
            inputs.push(named(
                "a whole path",
                format!("{start}index 0\n{most}\n{NOTE}"),
            ));
            let extra = "AAAA".repeat(size / 4);
            inputs.push(named(
                "much extra data",
                format!("{start}extra {extra}\nindex 0\n\n{NOTE}"),
            ));
            inputs
        }
        "add_checkpoint" => {
            let mut inputs = notes(size, "old 0\n\n");
            let hashes = format!("{HASH}\n").repeat(size / (HASH.len() + 1));
            inputs.push(named("many hashes", format!("old 5\n{hashes}\n{NOTE}")));
            let most = format!("{HASH}\n").repeat(63);
            inputs.push(named("a whole proof", format!("old 5\n{most}\n{NOTE}")));
            inputs
        }
        "checkpoint" => vec![
            named(
                "many lines",
                format!("a\n1\n{HASH}\n{}", "x\n".repeat(size / 2)),
            ),
            named(
                "a long line",
                format!("a\n1\n{HASH}\n{}\n", "x".repeat(size)),
            ),
            named(
                "many logs",
                format!(
                    "sluis log shards v1\na\ntime 1\n{}",
                    "open a/0\n".repeat(size / 9)
                ),
            ),
            named("a long size", format!("a\n{}\n{HASH}\n", "9".repeat(size))),
        ],
        "tile_path" => vec![
            named("groups", format!("tile/0/{}000", "x001/".repeat(size / 5))),
            named("a long width", format!("tile/0/000.p/{}", "9".repeat(size))),
        ],
        _ => vec![
            named(
                "a long key",
                format!("a+00000000+{}", "AAAA".repeat(size / 4)),
            ),
            named("pluses", "+".repeat(size)),
        ],
    }
}

/// Notes that stress one thing each, behind what comes before a note.
fn notes(size: usize, before: &str) -> Vec<(String, Vec<u8>)> {
    let (text, line) = NOTE.split_once("\n\n").unwrap_or_default();
    let size = size.saturating_sub(before.len() + NOTE.len());
    [
        (
            "many signatures",
            format!("{text}\n\n{}", line.repeat(size / line.len())),
        ),
        (
            "as many signatures as are taken",
            format!("{text}\n\n{}", line.repeat(32)),
        ),
        (
            "a long signature",
            format!("{text}\n\n— a {}\n", "AAAA".repeat(size / 4)),
        ),
        (
            "a long name",
            format!("{text}\n\n— {} AAAAAAAA\n", "a".repeat(size)),
        ),
        ("empty lines", format!("{}{NOTE}", "\n".repeat(size))),
        (
            "many extension lines",
            format!("{text}\n{}\n{line}", "x\n".repeat(size / 2)),
        ),
    ]
    .map(|(name, note)| named(name, format!("{before}{note}")))
    .into()
}

fn named(name: &str, text: String) -> (String, Vec<u8>) {
    (name.to_owned(), text.into_bytes())
}

fn encode(text: &str) -> String {
    Base64UrlUnpadded::encode_string(text.as_bytes())
}

fn header(token_type: &str) -> String {
    encode(&format!(
        r#"{{"typ":"{token_type}","alg":"EdDSA","kid":"k"}}"#
    ))
}

/// A page whose entries are all like the first one.
fn page(size: usize) -> String {
    let entry = r#"{"index":0,"id":"00000000-0000-4000-8000-000000000000","stream":"refusals","entry":"AAAA","chain":"AAAA"}"#;
    let items: Vec<&str> = std::iter::repeat_n(entry, size / (entry.len() + 1)).collect();
    format!(
        r#"{{"origin":"sluis.invalid/log","size":1,"items":[{}]}}"#,
        items.join(",")
    )
}

/// A hash of a proof.
const HASH: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A note of a checkpoint of the largest tree, signed by nobody that is known.
const NOTE: &str = "sluis.invalid/log\n9223372036854775807\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— sluis.invalid/log AAAAAAAA\n";

const EXPORT: &str = r#"{"format":"sluis-log-export/1","origin":"sluis.invalid/log","size":3}"#;

/// 64 bytes of the right form: R is no point of small order, S is 0.
const SIGNATURE: &str =
    "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Keys of which a set can be full.
const KEYS: [(&str, &str); 4] = [
    (
        "Ed25519 keys",
        r#""kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#,
    ),
    (
        "P-256 keys",
        r#""kty":"EC","crv":"P-256","alg":"ES256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#,
    ),
    (
        "P-384 keys",
        r#""kty":"EC","crv":"P-384","alg":"ES384","x":"IDC-5s6FERlbC4Nc_4JhKW8sd51AhixtMdNUtPxhRFP323QY6cwWeIA3leyZhz-J","y":"eovmN9ocANS8IJxDAGSuC1FehTq5ZFLJU7XSPg36zHpv4H2byKGEcCBiwT4sFJsy""#,
    ),
    (
        "RSA keys",
        r#""kty":"RSA","alg":"PS256","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ""#,
    ),
];
