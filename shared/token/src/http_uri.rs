//! Whether two texts are the same `http` or `https` URI, as RFC 9449 §4.3 wants `htu`
//! compared: after the normalisation of RFC 3986 §6.2.2 and §6.2.3.

/// Longest URI that is looked at.
pub(crate) const MAX_URI_BYTES: usize = 2048;

/// A URI without query and fragment in its normal form: scheme and host in lower case,
/// percent-encodings only where needed and in upper case, no dot segments, no default
/// port, no empty path. Equal texts are equivalent URIs.
#[derive(PartialEq, Eq)]
pub(crate) struct HttpUri(String);

impl HttpUri {
    /// Reads an absolute URI. `None` for anything else than RFC 3986 allows, for
    /// another scheme, and for one that names a user (RFC 9110 §4.2.4).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_URI_BYTES {
            return None;
        }
        let text = text.split(['?', '#']).next()?;
        let (scheme, rest) = text.split_once("://")?;
        let (scheme, default_port) = if scheme.eq_ignore_ascii_case("https") {
            ("https", 443)
        } else if scheme.eq_ignore_ascii_case("http") {
            ("http", 80)
        } else {
            return None;
        };
        let (authority, path) = match rest.find('/') {
            Some(start) => rest.split_at_checked(start)?,
            None => (rest, ""),
        };
        let (host, port) = split_port(authority)?;
        let host = normal_host(host)?;
        let mut uri = match port.filter(|port| *port != default_port) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        push_without_dot_segments(&mut uri, &normal(path, is_path_character)?);
        Some(Self(uri))
    }
}

/// Host and port; an empty port is none (RFC 3986 §6.2.3).
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_literal = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority.get(after_literal..)?.find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at_checked(after_literal + colon)?;
            (host, port.strip_prefix(':')?)
        }
        None => (authority, ""),
    };
    if port.is_empty() {
        return Some((host, None));
    }
    // `u16::from_str` also takes a sign.
    let is_number = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| is_number)?;
    Some((host, Some(port)))
}

fn normal_host(host: &str) -> Option<String> {
    if let Some(literal) = host.strip_prefix('[') {
        let literal = literal.strip_suffix(']')?;
        let is_address = !literal.is_empty()
            && literal
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
        return is_address.then(|| host.to_ascii_lowercase());
    }
    let host = normal(&host.to_ascii_lowercase(), is_host_character)?;
    (!host.is_empty()).then_some(host)
}

/// `text` with every percent-encoding of an unreserved character decoded and every
/// other in upper case (RFC 3986 §6.2.2.1–6.2.2.2); `None` if a character may not
/// stand there.
fn normal(text: &str, may_stand: impl Fn(u8) -> bool) -> Option<String> {
    let mut normal = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            if !may_stand(*first) {
                return None;
            }
            normal.push(char::from(*first));
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return None;
        };
        rest = after;
        let byte = hex(*high)? << 4 | hex(*low)?;
        if is_unreserved(byte) {
            // As the character itself would stand there.
            if !may_stand(byte) {
                return None;
            }
            normal.push(char::from(byte));
        } else {
            normal.push('%');
            normal.push(char::from(high.to_ascii_uppercase()));
            normal.push(char::from(low.to_ascii_uppercase()));
        }
    }
    Some(normal)
}

/// The value of a hexadecimal digit (RFC 3986 §2.1).
pub(crate) fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §3.2.2, `reg-name`; an encoded capital letter would be one more spelling.
const fn is_host_character(byte: u8) -> bool {
    (is_unreserved(byte) && !byte.is_ascii_uppercase()) || is_sub_delimiter(byte)
}

/// RFC 3986 §3.3.
const fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte) || is_sub_delimiter(byte) || matches!(byte, b':' | b'@' | b'/')
}

/// RFC 3986 §2.2.
const fn is_sub_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    )
}

/// RFC 3986 §5.2.4, on a path that is empty or begins with a slash.
fn push_without_dot_segments(uri: &mut String, path: &str) {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    uri.push('/');
    uri.push_str(&kept.join("/"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal_form(text: &str) -> Option<String> {
        HttpUri::parse(text).map(|uri| uri.0)
    }

    #[test]
    fn normal_forms() {
        for (text, expected) in [
            ("https://a.invalid", "https://a.invalid/"),
            ("HTTPS://A.Invalid/", "https://a.invalid/"),
            ("https://a.invalid:443/x", "https://a.invalid/x"),
            ("https://a.invalid:/x", "https://a.invalid/x"),
            ("https://a.invalid:0443/x", "https://a.invalid/x"),
            ("https://a.invalid:80/x", "https://a.invalid:80/x"),
            ("http://a.invalid:80/x", "http://a.invalid/x"),
            ("http://a.invalid:443/x", "http://a.invalid:443/x"),
            ("http://127.0.0.1:8787/x", "http://127.0.0.1:8787/x"),
            ("http://[::1]:8787/x", "http://[::1]:8787/x"),
            ("http://[::A]/x", "http://[::a]/x"),
            ("https://a.invalid/X?q#f", "https://a.invalid/X"),
            ("https://a.invalid#f?q", "https://a.invalid/"),
            ("https://a.invalid?q/x", "https://a.invalid/"),
            (
                "https://a.invalid/%7euser/%2f%c3%a9",
                "https://a.invalid/~user/%2F%C3%A9",
            ),
            ("https://%61.invalid/", "https://a.invalid/"),
            // RFC 3986 §6.2.2: its three spellings of one URI, and §5.2.4.
            (
                "https://example.invalid/a/./b/../b/%63/%7bfoo%7d",
                "https://example.invalid/a/b/c/%7Bfoo%7D",
            ),
            ("https://a.invalid/a/b/c/./../../g", "https://a.invalid/a/g"),
            ("https://a.invalid/a/b/..", "https://a.invalid/a/"),
            ("https://a.invalid/a/b/.", "https://a.invalid/a/b/"),
            ("https://a.invalid/..", "https://a.invalid/"),
            ("https://a.invalid/../../a", "https://a.invalid/a"),
            ("https://a.invalid/a//../b", "https://a.invalid/a/b"),
            ("https://a.invalid/a/%2e%2E/b", "https://a.invalid/b"),
            ("https://a.invalid/a//b/", "https://a.invalid/a//b/"),
            ("https://a.invalid/.../..a", "https://a.invalid/.../..a"),
            (
                "https://a.invalid/a;b=1,2@:!$&'()*+",
                "https://a.invalid/a;b=1,2@:!$&'()*+",
            ),
        ] {
            assert_eq!(normal_form(text).as_deref(), Some(expected), "{text}");
            assert_eq!(normal_form(expected).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_http_uri() {
        for text in [
            "",
            "a.invalid/x",
            "//a.invalid/x",
            "/x",
            "https:/a.invalid/x",
            "https:a.invalid",
            "ftp://a.invalid/x",
            "https ://a.invalid/x",
            "https:///x",
            "https://:443/x",
            "https://user@a.invalid/x",
            "https://user:pass@a.invalid/x",
            "https://a.invalid:+443/x",
            "https://a.invalid:443:443/x",
            "https://a.invalid:65536/x",
            "https://a.invalid:000443/x",
            "https://a.invalid:4x/x",
            "https://[::1/x",
            "https://[]/x",
            "https://[::1]x/x",
            "https://x[::1]/x",
            "https://[::g]/x",
            "https://a b.invalid/x",
            "https://%41.invalid/x",
            "https://a.invalid/a b",
            "https://a.invalid/%",
            "https://a.invalid/%4",
            "https://a.invalid/%zz",
            "https://a.invalid/%+1",
            "https://a.invalid/\\x",
            "https://a.invalid\\@b.invalid/x",
            "https://a.invalid/{x}",
            "https://a.invalid/\u{e9}",
            "https://\u{e9}.invalid/",
            " https://a.invalid/",
            "https://a.invalid/ ",
            "https://a.invalid/\n",
            "https://a.invalid/\0",
        ] {
            assert_eq!(normal_form(text), None, "{text:?}");
        }
        let longest = format!("https://a.invalid/{}", "x".repeat(MAX_URI_BYTES - 18));
        assert!(HttpUri::parse(&longest).is_some());
        assert!(HttpUri::parse(&format!("{longest}x")).is_none());
    }

    proptest::proptest! {
        /// A normal form is its own normal form, and no longer than the text allows.
        #[test]
        fn normalisation_is_done_once(text in "(HTTPS?|http)://[a-zA-Z0-9.:%\\[\\]@-]{0,12}(/|[a-f.%0-9A-F/;:?#é]){0,24}") {
            if let Some(normal) = normal_form(&text) {
                proptest::prop_assert_eq!(normal_form(&normal), Some(normal.clone()));
                proptest::prop_assert!(normal.len() <= text.len() + 1);
                proptest::prop_assert!(normal.is_ascii());
                let path = normal.splitn(4, '/').nth(3).unwrap();
                proptest::prop_assert!(path.split('/').all(|segment| !matches!(segment, "." | "..")));
            }
        }

        #[test]
        fn no_text_is_too_much(text in ".*") {
            let _ = normal_form(&text);
            let _ = normal_form(&format!("https://{text}"));
            let _ = normal_form(&format!("https://a/{text}"));
        }
    }
}
