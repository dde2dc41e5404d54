//! The access token of a request (token profile §1–2; RFC 6750, RFC 9449 §7.1).

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::http_uri::hex;

/// Longest token that is looked at (token profile §2). Checked before anything
/// is split, decoded or hashed (RFC 8725 §3; golang-jwt's CVE-2025-30204).
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How a token is sent, and so whether whoever sends it need prove more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizationScheme {
    /// `Bearer` (RFC 6750 §2.1).
    Bearer,
    /// `DPoP`: the token is bound to the key of a proof beside it (RFC 9449 §7.1).
    Dpop,
}

impl AuthorizationScheme {
    const ALL: [Self; 2] = [Self::Bearer, Self::Dpop];

    /// The scheme's name, as it is registered.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// The scheme of that name, in any case (RFC 9110 §11.1).
    fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scheme| scheme.as_str().eq_ignore_ascii_case(name))
    }
}

/// Name of the form and query parameter of RFC 6750 §2.2 and §2.3. Neither way
/// of sending a token is accepted (RFC 9700 §4.3.2).
const PARAMETER: &str = "access_token";

const FORM: &str = "application/x-www-form-urlencoded";

/// The parts of a request where a token can stand.
///
/// `Debug` does not print them: each can hold a token.
#[derive(Clone, Copy)]
pub struct BearerRequest<'a> {
    /// The `Authorization` field; the values of a repeated field are joined by
    /// a comma (RFC 9110 §5.3), which no bearer token contains.
    pub authorization: Option<&'a str>,
    /// The query, without its `?`.
    pub query: Option<&'a str>,
    /// The `Content-Type` field.
    pub content_type: Option<&'a str>,
}

impl fmt::Debug for BearerRequest<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BearerRequest")
            .finish_non_exhaustive()
    }
}

/// Why a request has no usable bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BearerError {
    /// No `Authorization` field: a bare challenge (RFC 6750 §3.1).
    #[error("no Authorization field")]
    Missing,
    /// More than one `Authorization` field, or more than one credential in it.
    #[error("more than one credential in the Authorization field")]
    Ambiguous,
    /// A token in the query.
    #[error("the query has an access_token parameter")]
    InQuery,
    /// A form-encoded body, which could hold a token.
    #[error("the body is form-encoded")]
    InForm,
    /// Another authentication scheme.
    #[error("the Authorization field has another scheme than Bearer and DPoP")]
    UnsupportedScheme,
    /// A token longer than [`MAX_TOKEN_BYTES`].
    #[error("the token has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Length of the token.
        bytes: usize,
        /// The most that is accepted.
        limit: usize,
    },
    /// What follows the scheme is not a `token68` (RFC 9110 §11.2).
    #[error("the credentials are not a token68")]
    NotToken68,
}

impl BearerError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "tokenMissing",
            Self::Ambiguous => "tokenAmbiguous",
            Self::InQuery => "tokenInQuery",
            Self::InForm => "tokenInForm",
            Self::UnsupportedScheme => "schemeUnsupported",
            Self::TooLarge { .. } => "tokenTooLarge",
            Self::NotToken68 => "tokenNotToken68",
        }
    }
}

impl BearerRequest<'_> {
    /// Takes the one token of the request.
    ///
    /// A token in the query or a form-encoded body is an error even beside a good
    /// `Authorization` field: a client uses one method only (RFC 6750 §2).
    pub fn parse(self) -> Result<AccessToken, BearerError> {
        if self.query.is_some_and(query_has_token) {
            return Err(BearerError::InQuery);
        }
        if self.content_type.is_some_and(is_form) {
            return Err(BearerError::InForm);
        }
        let field = self
            .authorization
            .ok_or(BearerError::Missing)?
            .trim_matches(is_optional_space);
        let (scheme, rest) = field.split_once(' ').unwrap_or((field, ""));
        let Some(scheme) = AuthorizationScheme::parse(scheme) else {
            // `Basic …, Bearer …` is two credentials; the commas of a Digest field are not.
            return Err(if field.split(',').skip(1).any(has_our_scheme) {
                BearerError::Ambiguous
            } else {
                BearerError::UnsupportedScheme
            });
        };
        // No token holds a comma, so it is looked for only where there is none.
        AccessToken::parse_as(scheme, rest.trim_start_matches(' ')).map_err(|error| {
            if rest.contains(',') {
                BearerError::Ambiguous
            } else {
                error
            }
        })
    }
}

/// The characters of a `token68` before its padding (RFC 9110 §11.2).
const TOKEN68: [bool; 256] = {
    let mut set = [false; 256];
    let mut rest = set.as_mut_slice();
    let mut byte = 0_u8;
    while let Some((is, after)) = rest.split_first_mut() {
        *is =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        byte = byte.wrapping_add(1);
        rest = after;
    }
    set
};

fn is_token68(byte: u8) -> bool {
    TOKEN68.get(usize::from(byte)).is_some_and(|is| *is)
}

fn is_optional_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn has_our_scheme(credential: &str) -> bool {
    let credential = credential.trim_matches(is_optional_space);
    let scheme = credential
        .split_once(' ')
        .map_or(credential, |(scheme, _)| scheme);
    AuthorizationScheme::parse(scheme).is_some()
}

/// Whether a parameter of the query is called `access_token`, in any case and any
/// percent-encoding, between `&` or the older separator `;`: a backend that reads
/// queries more loosely than we do must not find a token that we did not see.
fn query_has_token(query: &str) -> bool {
    query.split(['&', ';']).any(|pair| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        percent_decoded_equals(name.as_bytes(), PARAMETER.as_bytes())
    })
}

fn percent_decoded_equals(mut encoded: &[u8], expected: &[u8]) -> bool {
    for wanted in expected {
        let (byte, rest) = match encoded {
            [b'%', high, low, rest @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, rest),
                _ => return false,
            },
            [byte, rest @ ..] => (*byte, rest),
            [] => return false,
        };
        if !byte.eq_ignore_ascii_case(wanted) {
            return false;
        }
        encoded = rest;
    }
    encoded.is_empty()
}

fn is_form(content_type: &str) -> bool {
    content_type.split(',').any(|value| {
        value.split(';').next().is_some_and(|essence| {
            essence
                .trim_matches(is_optional_space)
                .eq_ignore_ascii_case(FORM)
        })
    })
}

/// A token as it was sent: a `token68` of at most [`MAX_TOKEN_BYTES`] and the scheme
/// before it. Nothing more is known of it.
///
/// `Debug` does not print it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    text: Arc<str>,
    scheme: AuthorizationScheme,
}

impl AccessToken {
    /// Takes a token that did not come in an HTTP field, for example from a
    /// command line: as a bearer token.
    pub fn parse(token: &str) -> Result<Self, BearerError> {
        Self::parse_as(AuthorizationScheme::Bearer, token)
    }

    /// Takes a token that came with `scheme`.
    pub fn parse_as(scheme: AuthorizationScheme, token: &str) -> Result<Self, BearerError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(BearerError::TooLarge {
                bytes: token.len(),
                limit: MAX_TOKEN_BYTES,
            });
        }
        let text = token.trim_end_matches('=');
        // To the end, whatever stands in it: without a way out in the middle a long token
        // is looked through twice as fast, and every request has one.
        let is_token68 = text.bytes().fold(true, |all, byte| all & is_token68(byte));
        if is_token68 && !text.is_empty() {
            Ok(Self {
                text: Arc::from(token),
                scheme,
            })
        } else {
            Err(BearerError::NotToken68)
        }
    }

    /// The token itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme it came with.
    pub const fn scheme(&self) -> AuthorizationScheme {
        self.scheme
    }

    /// SHA-256 of the token, by which a log can name it without holding it.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AccessToken([{} bytes])", self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(authorization: &str) -> Result<AccessToken, BearerError> {
        BearerRequest {
            authorization: Some(authorization),
            query: None,
            content_type: None,
        }
        .parse()
    }

    #[test]
    fn scheme_in_any_case() {
        for field in [
            "Bearer a.b.c",
            "bearer a.b.c",
            "BEARER   a.b.c",
            " Bearer a.b.c\t",
        ] {
            assert_eq!(request(field).unwrap().as_str(), "a.b.c", "{field:?}");
        }
        assert_eq!(
            request("Bearer AZaz09-._~+/==").unwrap().as_str(),
            "AZaz09-._~+/=="
        );
    }

    #[test]
    fn a_token_knows_its_scheme() {
        for field in ["DPoP a.b.c", "dpop a.b.c", "DPOP   a.b.c"] {
            let token = request(field).unwrap();
            assert_eq!(token.scheme(), AuthorizationScheme::Dpop, "{field:?}");
            assert_eq!(token.as_str(), "a.b.c");
            assert_ne!(token, request("Bearer a.b.c").unwrap());
        }
        let bearer = AccessToken::parse("a.b.c").unwrap();
        assert_eq!(bearer.scheme(), AuthorizationScheme::Bearer);
        for field in ["DPoP", "DPoP ", "DPoP a b"] {
            assert_eq!(request(field), Err(BearerError::NotToken68), "{field:?}");
        }
    }

    #[test]
    fn no_field_is_missing() {
        let none = BearerRequest {
            authorization: None,
            query: Some("a=b"),
            content_type: Some("application/json"),
        };
        assert_eq!(none.parse(), Err(BearerError::Missing));
    }

    #[test]
    fn repeated_field_is_ambiguous() {
        for field in [
            "Bearer a.b.c, Bearer a.b.c",
            "Bearer a.b.c,Bearer d.e.f",
            "Basic dTpw, Bearer a.b.c",
            "DPoP a.b.c,bearer d.e.f",
            "Bearer a.b.c, DPoP d.e.f",
            "Bearer a.b.c,",
            "Basic dTpw, Bearer",
            "DPoP a.b.c, DPoP a.b.c",
            "Basic dTpw, dpop a.b.c",
            "DPoP a.b.c,",
        ] {
            assert_eq!(request(field), Err(BearerError::Ambiguous), "{field:?}");
        }
    }

    #[test]
    fn other_schemes() {
        for field in [
            "Basic dTpw",
            "Digest username=\"a\", realm=\"b\"",
            "Bearer\ta.b.c",
            "a.b.c",
            "",
            "BearerX a",
        ] {
            assert_eq!(
                request(field),
                Err(BearerError::UnsupportedScheme),
                "{field:?}"
            );
        }
    }

    #[test]
    fn not_a_token68() {
        for field in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a\tb",
            "Bearer =",
            "Bearer a=b",
            "Bearer a.b.c{}",
            "Bearer é.b.c",
            "Bearer a.b.c\0",
            "Bearer {\"payload\":\"\"}",
        ] {
            assert_eq!(request(field), Err(BearerError::NotToken68), "{field:?}");
        }
    }

    /// RFC 9110 §11.2, a byte at a time.
    #[test]
    fn the_characters_of_a_token68_are_these() {
        const ALL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
        for byte in 0..=u8::MAX {
            assert_eq!(is_token68(byte), ALL.contains(&byte), "{byte:#04x}");
        }
        for token in ["a/b+c", "a==", "-._~+/="] {
            assert_eq!(AccessToken::parse(token).unwrap().as_str(), token);
        }
        for token in ["=a", "a=b=", "a\u{80}", "\u{ff}"] {
            let refused = AccessToken::parse(token);
            assert_eq!(refused, Err(BearerError::NotToken68), "{token:?}");
        }
    }

    #[test]
    fn size_is_capped_at_the_constant() {
        let longest = "a".repeat(MAX_TOKEN_BYTES);
        assert!(request(&format!("Bearer {longest}")).is_ok());
        assert_eq!(
            request(&format!("Bearer {longest}a")),
            Err(BearerError::TooLarge {
                bytes: 8193,
                limit: 8192
            })
        );
        assert!(matches!(
            request(&format!("Bearer {}", ".".repeat(1_000_000))),
            Err(BearerError::TooLarge { .. })
        ));
    }

    #[test]
    fn token_in_query() {
        for query in [
            "access_token=x",
            "a=b&access_token=x",
            "access_token",
            "a=b;access_token=x",
            "%61ccess_token=x",
            "access%5ftoken=x",
            "ACCESS_TOKEN=x",
            "access_token=",
        ] {
            for authorization in [None, Some("Bearer a.b.c")] {
                let request = BearerRequest {
                    authorization,
                    query: Some(query),
                    content_type: None,
                };
                assert_eq!(request.parse(), Err(BearerError::InQuery), "{query:?}");
            }
        }
        for query in [
            "",
            "access_tokens=x",
            "xaccess_token=x",
            "a=access_token",
            "access_toke%6",
            "access_toke%zz=x",
        ] {
            let request = BearerRequest {
                authorization: Some("Bearer a.b.c"),
                query: Some(query),
                content_type: None,
            };
            assert!(request.parse().is_ok(), "{query:?}");
        }
    }

    #[test]
    fn form_bodies() {
        for content_type in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-Urlencoded ; charset=utf-8",
            "application/json, application/x-www-form-urlencoded",
        ] {
            let request = BearerRequest {
                authorization: Some("Bearer a.b.c"),
                query: None,
                content_type: Some(content_type),
            };
            assert_eq!(
                request.parse(),
                Err(BearerError::InForm),
                "{content_type:?}"
            );
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let token = request("Bearer secret.secret.secret").unwrap();
        assert_eq!(format!("{token:?}"), "AccessToken([20 bytes])");
        let request = BearerRequest {
            authorization: Some("Bearer secret"),
            query: Some("secret"),
            content_type: Some("secret"),
        };
        assert!(!format!("{request:?}").contains("secret"));
    }

    #[test]
    fn digest_is_of_the_text() {
        let token = AccessToken::parse("abc").unwrap();
        let expected = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae,
            0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61,
            0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(token.sha256(), expected);
    }
}
