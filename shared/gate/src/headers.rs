//! Which headers cross the gate, and by what names.
//!
//! Towards the backend the list is an allow-list: an identity header, a trace
//! context from outside the trust boundary or a certificate header of the
//! client does not pass because nothing passes that is not named here
//! (profile §23, §34; M-15.2, M-21.3).

/// The signed assertion of the decision, for the backend.
pub const ASSERTION: &str = "sluis-assertion";
/// The nonce for a client's next DPoP proof (RFC 9449 §8).
pub const DPOP_NONCE: &str = "dpop-nonce";
/// On answers to proxies while the verdict is in shadow.
pub const ENFORCEMENT: &str = "sluis-enforcement";
/// Where the decision stands in the log, and the right to its receipt.
pub const RECEIPT: &str = "sluis-receipt";
/// Belgif's trace header, on requests and responses.
pub const TRACE_ID: &str = "belgov-trace-id";
/// The trace id of the request that a response answers.
pub const RELATED_TRACE_ID: &str = "belgov-related-trace-id";
/// What every answer about a person carries (Belgif security guide).
pub const NO_STORE: (&str, &str) = ("cache-control", "no-store, max-age=0");

/// Content negotiation, conditions and the body's description: what an API
/// needs and what names nobody.
pub const FORWARDED: [&str; 10] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "content-encoding",
    "content-length",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
];

/// What a backend is asked for whose answer is filtered: a body that can be read.
pub(crate) const IDENTITY: (&str, &str) = ("accept-encoding", "identity");

/// Headers of the upstream's answer that pass beside a filtered body. Any other is
/// of the body that is not passed on (its length, encoding, digest, range, and the
/// validators, which could be made of what was dropped), or could carry what the
/// body may not.
pub(crate) const FILTERED_BACK: [&str; 7] = [
    "allow",
    "content-language",
    "deprecation",
    "location",
    "retry-after",
    "sunset",
    "vary",
];

/// What stays here of the caller's headers where the answer is filtered: an encoding
/// that cannot be read, and a part of the body, which is no document.
const WITHHELD: [&str; 3] = ["accept-encoding", "if-range", "range"];

/// To read, also the conditions: the answer has no validators to refer to, and what
/// the backend's would say of a guess is said of the unfiltered body. Leaving one out
/// only costs a transfer. Of a request that changes something they are kept, for
/// without them it would be carried out unconditionally (RFC 9110 §13.1).
const WITHHELD_READING: [&str; 7] = [
    "accept-encoding",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
];

/// Which headers of a caller stay here where the answer to that method is filtered.
pub(crate) fn withheld_of_filtered(method: &str) -> &'static [&'static str] {
    if matches!(method, "GET" | "HEAD") {
        &WITHHELD_READING
    } else {
        &WITHHELD
    }
}

/// Hop-by-hop fields (RFC 9110 §7.6.1) and their kin, which an adapter removes
/// from the upstream's answer.
pub const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What does not pass in shadow either: what is of the hop, and what the gate
/// says itself.
pub fn never_in_shadow() -> impl Iterator<Item = &'static str> {
    HOP_BY_HOP
        .into_iter()
        .chain(["host", ASSERTION, ENFORCEMENT, RECEIPT, TRACE_ID])
}

/// Whether a header of the caller passes where the verdict is in shadow, by its
/// lower-case name. `connection` is the caller's, whose named fields are of the
/// hop too (RFC 9110 §7.6.1).
pub fn passes_in_shadow(name: &str, connection: Option<&str>) -> bool {
    !never_in_shadow().any(|never| never == name) && !is_named(name, connection)
}

/// Whether a message's own `Connection` names the field.
fn is_named(name: &str, connection: Option<&str>) -> bool {
    let mut hop = connection.unwrap_or_default().split(',').map(str::trim);
    hop.any(|field| field.eq_ignore_ascii_case(name))
}

/// Names that no configuration can let through to the backend.
const NEVER_FORWARDED: [&str; 17] = [
    "authorization",
    "baggage",
    "client-cert",
    "client-cert-chain",
    "cookie",
    "dpop",
    "forwarded",
    "from",
    "host",
    "origin",
    "referer",
    "traceparent",
    "tracestate",
    "true-client-ip",
    "user-agent",
    "via",
    TRACE_ID,
];

/// Whether a configuration may add this header to the forwarded ones.
pub(crate) fn may_be_configured(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty()
        && name.bytes().all(plain)
        && !HOP_BY_HOP.contains(&name)
        && !NEVER_FORWARDED.contains(&name)
        // Proxies speak among themselves in `X-…`; no API of today needs one.
        && !["x-", "cf-", "sluis-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Whether a header of the upstream's answer passes to the caller, by its lower-case
/// name. `connection` is that answer's, as far as the platform shows it.
pub fn passes_back(name: &str, connection: Option<&str>) -> bool {
    !HOP_BY_HOP.contains(&name)
        && !is_named(name, connection)
        && !matches!(
            name,
            // Towards its callers the gate is the resource server, and the nonces are its own.
            "cache-control" | TRACE_ID | RELATED_TRACE_ID | ASSERTION | DPOP_NONCE | RECEIPT
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_configuration_lets_an_identity_header_through() {
        for name in [
            "authorization",
            "cookie",
            "forwarded",
            "x-forwarded-for",
            "client-cert",
            "dpop",
            "traceparent",
            "te",
            "host",
            "cf-connecting-ip",
            "sluis-assertion",
            "Prefer",
            "",
            "a b",
        ] {
            assert!(!may_be_configured(name), "{name}");
        }
        assert!(may_be_configured("prefer"));
    }

    /// Named one by one: what leaves this list is one more that a caller can send on.
    #[test]
    fn in_shadow_these_do_not_pass_and_everything_else_does() {
        for name in [
            "connection",
            "http2-settings",
            "keep-alive",
            "proxy-authenticate",
            "proxy-authorization",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "host",
            "sluis-assertion",
            "sluis-enforcement",
            "sluis-receipt",
            "belgov-trace-id",
        ] {
            assert!(!passes_in_shadow(name, None), "{name}");
            assert!(never_in_shadow().any(|never| never == name), "{name}");
        }
        assert_eq!(never_in_shadow().count(), 15);
        for name in ["authorization", "cookie", "x-hop"] {
            assert!(passes_in_shadow(name, Some("close")), "{name}");
        }
        assert!(!passes_in_shadow("x-hop", Some("close , X-Hop")));
    }

    #[test]
    fn the_fixed_list_is_itself_admissible() {
        assert!(FORWARDED.iter().all(|name| may_be_configured(name)));
    }

    #[test]
    fn what_is_the_gates_own_does_not_pass_back() {
        for name in ["dpop-nonce", "sluis-assertion", "belgov-trace-id", "te"] {
            assert!(!passes_back(name, None), "{name}");
        }
        for name in ["content-type", "x-hop"] {
            assert!(passes_back(name, None), "{name}");
            assert!(passes_back(name, Some("close, x-other")), "{name}");
        }
        assert!(!passes_back("x-hop", Some("close , X-Hop")));
    }
}
