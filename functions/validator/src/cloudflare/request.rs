//! The request, read in one piece.

use std::ops::Range;

use sluis_gate::{BodyError, InboundRequest};
use wasm_bindgen::{JsCast as _, JsValue};

use super::js;
use super::task::Operation;

/// The headers that come along with method and URL, in the order in which
/// `js/serve.mjs` writes them: what the gate asks of every request. Any other
/// is asked for when it is wanted.
const CARRIED: [&str; 7] = [
    "authorization",
    "content-type",
    "belgov-trace-id",
    "x-original-method",
    "x-original-uri",
    "x-forwarded-method",
    "x-forwarded-uri",
];

/// Stands for a header that is not there; no header value can hold it.
const ABSENT: &str = "\0";

/// A request to a Worker.
#[derive(Debug)]
pub(crate) struct WorkersRequest {
    /// `method LF url LF header…`, an absent header as [`ABSENT`].
    head: String,
    method: Range<usize>,
    target: Range<usize>,
    carried: [Range<usize>; CARRIED.len()],
    raw: JsValue,
    body: Option<Vec<u8>>,
}

impl WorkersRequest {
    /// Reads what `js/serve.mjs` wrote. A head that is cut short has no more headers.
    pub(crate) fn new(head: Vec<u8>, raw: JsValue) -> Self {
        let head = String::from_utf8(head).unwrap_or_default();
        let mut at = 0;
        let mut next = || {
            let rest = head.get(at..).unwrap_or_default();
            let length = rest.find('\n').unwrap_or(rest.len());
            let field = at..at + length;
            at = (at + length + 1).min(head.len());
            field
        };
        let method = next();
        let url = next();
        let carried = std::array::from_fn(|_| next());
        let target = target(head.get(url.clone()).unwrap_or_default())
            .map_or(url.end..url.end, |from| url.start + from..url.end);
        Self {
            head,
            method,
            target,
            carried,
            raw,
            body: None,
        }
    }

    /// The `Request` itself.
    pub(crate) fn raw(&self) -> &JsValue {
        &self.raw
    }

    /// The body, if it was read.
    pub(crate) fn into_body(self) -> Option<Vec<u8>> {
        self.body
    }

    fn part(&self, range: &Range<usize>) -> &str {
        self.head.get(range.clone()).unwrap_or_default()
    }
}

/// Reads the body of a `Request` or a `Response`.
pub(crate) async fn read_body(message: &JsValue, limit: usize) -> Result<Vec<u8>, BodyError> {
    let most = u32::try_from(limit).unwrap_or(u32::MAX);
    let outcome = Operation::begin(|number| js::read_body(number, message, most)).await;
    if js::number(&outcome) == Some(js::TOO_LARGE) {
        return Err(BodyError::TooLarge { limit });
    }
    let bytes = outcome
        .dyn_into::<js_sys::Uint8Array>()
        .map_err(|_| BodyError::Incomplete)?;
    Ok(bytes.to_vec())
}

/// Where path and query begin in an absolute URL.
fn target(url: &str) -> Option<usize> {
    let authority = url.find("://")? + 3;
    let path = url.get(authority..)?.find('/')?;
    Some(authority + path)
}

/// A SHA-256 in hexadecimal digits.
fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| {
        let digit = char::from(byte).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect::<Option<Vec<u8>>>()?;
    bytes.try_into().ok()
}

impl InboundRequest for WorkersRequest {
    fn method(&self) -> String {
        self.part(&self.method).to_owned()
    }

    fn target(&self) -> String {
        self.part(&self.target).to_owned()
    }

    fn header(&self, name: &str) -> Option<String> {
        let carried = CARRIED.iter().zip(&self.carried);
        for (carried, range) in carried {
            if *carried == name {
                return Some(self.part(range))
                    .filter(|value| *value != ABSENT)
                    .map(str::to_owned);
            }
        }
        js::header(&self.raw, name)
    }

    fn client_certificate(&self) -> Option<[u8; 32]> {
        fingerprint(&js::client_certificate(&self.raw)?)
    }

    async fn buffer_body(&mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let bytes = read_body(&self.raw, limit).await?;
        self.body = Some(bytes.clone());
        Ok(bytes)
    }
}
