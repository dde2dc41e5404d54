//! One entry as one line: who, what, about whom, when, why, as far as the log tells.

use serde_json::Value;
use sluis_log::{Erasable, StoredEntry};

/// How much of a keyed reference is shown: enough to see that two are the same.
const SHORT_REFERENCE: usize = 8;

/// The line of an entry. What cannot be read is said to be so.
pub(crate) fn line(stored: &StoredEntry) -> String {
    let mut words = vec![format!("{:>8}", stored.index)];
    let payload = stored.payload().map(serde_json::from_str::<Value>);
    match (stored.decode(), payload) {
        (Err(error), _) => words.push(error.to_string()),
        (Ok(entry), None) => {
            words.push(format!("{:<24}", entry.minute.to_string()));
            words.push(stored.stream.as_str().to_owned());
            words.push(entry.outcome.as_str().to_owned());
            words.push(absent(&stored.erasable).to_owned());
        }
        (Ok(entry), Some(Err(_))) => {
            words.push(format!("{:<24}", entry.minute.to_string()));
            words.push(stored.stream.as_str().to_owned());
            words.push(entry.outcome.as_str().to_owned());
            words.push("(payload is no JSON)".to_owned());
        }
        (Ok(entry), Some(Ok(event))) => {
            words.push(format!(
                "{:<24}",
                text(event.get("time")).unwrap_or_default()
            ));
            words.push(stored.stream.as_str().to_owned());
            words.push(format!("{:<9}", entry.outcome.as_str()));
            describe(&event, &mut words);
        }
    }
    printable(&words.join(" "))
}

/// Why there is no payload to be read.
fn absent(erasable: &Erasable) -> &'static str {
    match erasable {
        Erasable::Erased => "(payload erased)",
        Erasable::Unopened | Erasable::Opened(_) => "(payload does not open)",
    }
}

fn describe(event: &Value, words: &mut Vec<String>) {
    let Some(data) = event.get("data") else {
        return;
    };
    // In the order of the record: what, why, the rules, who, about whom, then how to find it again.
    let members = [
        ("", "operation"),
        ("", "reason"),
        ("", "failure"),
        ("", "httpStatus"),
        ("dropped=", "droppedMembers"),
        ("purpose=", "purpose"),
        ("type=", "mandateType"),
        ("by=", "deliberation"),
        ("vs=", "verificationSystem"),
        ("via=", "channel"),
        ("holder=", "actor"),
        ("subject=", "subjectRef"),
        ("mandate=", "mandateRef"),
        ("token=", "tokenId"),
        ("count=", "count"),
        ("auditor=", "auditor"),
        ("case=", "reference"),
        ("log=", "log"),
        ("from=", "from"),
        ("until=", "until"),
        ("limit=", "limit"),
        ("ms=", "durationMs"),
        ("trace=", "traceId"),
        ("related=", "relatedTraceId"),
    ];
    for (label, name) in members {
        let value = match name {
            "actor" => short(data.pointer("/actor/holderRef")),
            "subjectRef" | "mandateRef" => short(data.get(name)),
            "deliberation" => text(data.get(name)).map(|number| {
                let version = text(data.get("deliberationVersion"));
                version.map_or(number.clone(), |version| format!("{number}@{version}"))
            }),
            _ => text(data.get(name)),
        };
        words.extend(value.map(|value| format!("{label}{value}")));
    }
    let decision = text(event.get("relatedto"));
    words.extend(decision.map(|decision| format!("decision={decision}")));
    let parties = data["checks"].as_array().into_iter().flatten();
    let failed = parties.filter_map(|party| party["failed"].as_array());
    words.extend(failed.flatten().filter_map(|check| {
        let (requirement, id) = check.as_str()?.split_once(' ')?;
        Some(format!("failed={id}({requirement})"))
    }));
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn short(value: Option<&Value>) -> Option<String> {
    let reference = value?.as_str()?;
    Some(format!(
        "{}…",
        reference.chars().take(SHORT_REFERENCE).collect::<String>()
    ))
}

/// Without control characters: a record must not move the reader's cursor.
pub(super) fn printable(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
