//! Media types of bodies that are looked into.

/// The type and subtype of a body that everyone reads as the same text: UTF-8, said
/// by the format or by the one parameter that may stand there.
fn essence_in_utf8(content_type: &str) -> Option<&str> {
    let (essence, parameters) = match content_type.split_once(';') {
        Some((essence, parameters)) => (essence, Some(parameters.trim())),
        None => (content_type, None),
    };
    let utf_8 = parameters.is_none_or(|parameters| {
        ["charset=utf-8", "charset=\"utf-8\""]
            .iter()
            .any(|known| parameters.eq_ignore_ascii_case(known))
    });
    utf_8.then_some(essence.trim())
}

/// Whether it is `application/json`.
pub(crate) fn is_json(content_type: &str) -> bool {
    is(content_type, "application/json")
}

/// Whether it is JSON by its name or by its suffix (RFC 6839 §3.1).
pub(crate) fn is_some_json(content_type: &str) -> bool {
    let suffixed = |essence: &str| {
        let essence = essence.to_ascii_lowercase();
        essence.starts_with("application/") && essence.ends_with("+json")
    };
    is_json(content_type) || essence_in_utf8(content_type).is_some_and(suffixed)
}

/// Whether it is a problem (RFC 9457).
pub(crate) fn is_problem(content_type: &str) -> bool {
    is(content_type, PROBLEM)
}

/// The media type of problems in JSON.
pub(crate) const PROBLEM: &str = "application/problem+json";

fn is(content_type: &str, wanted: &str) -> bool {
    essence_in_utf8(content_type).is_some_and(|essence| essence.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_json_in_utf_8() {
        for content_type in [
            "application/json",
            "Application/JSON ; Charset=\"UTF-8\"",
            "application/json;charset=utf-8",
        ] {
            assert!(is_json(content_type), "{content_type}");
        }
        for content_type in [
            "application/hal+json",
            "application/problem+json;charset=utf-8",
        ] {
            assert!(
                !is_json(content_type) && is_some_json(content_type),
                "{content_type}"
            );
        }
        for content_type in [
            "",
            "text/json",
            "text/x+json",
            "application/jsonp",
            "application/json-seq",
            "application/json, application/json",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-16",
            "application/x+json; charset=latin1",
        ] {
            assert!(!is_some_json(content_type), "{content_type}");
        }
    }
}
