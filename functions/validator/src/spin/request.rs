//! An inbound request and its body.

use sluis_gate::{BodyError, InboundRequest};
use spin_sdk::wasip3::{
    http::types::{Method, Request},
    wit_future,
};

use super::body::Incoming;

/// A request as the gate looks at it.
pub(super) struct SpinRequest {
    pub(super) method: String,
    target: String,
    /// Lower-case names, in the order received.
    headers: Vec<(String, Vec<u8>)>,
    body: RequestBody,
}

/// Where the body is.
pub(super) enum RequestBody {
    /// Still at the host.
    Unread(Request),
    /// Read whole, to find something in it.
    Buffered(Vec<u8>),
    /// Read and not kept: it broke a limit, or broke off.
    Spent,
}

impl SpinRequest {
    pub(super) fn new(request: Request) -> Self {
        Self {
            method: method_name(request.get_method()),
            target: request.get_path_with_query().unwrap_or_default(),
            headers: request.get_headers().copy_all(),
            body: RequestBody::Unread(request),
        }
    }

    /// The values of a header, by its lower-case name.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Every header field, in the order received.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let fields = self.headers.iter();
        fields.map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    pub(super) fn into_body(self) -> RequestBody {
        self.body
    }
}

/// Starts to read a request's body. The host learns nothing of how that goes.
pub(super) fn read(request: Request) -> Incoming {
    let (_, outcome) = wit_future::new(|| Ok(()));
    let (bytes, end) = Request::consume_body(request, outcome);
    Incoming { bytes, end }
}

impl InboundRequest for SpinRequest {
    fn method(&self) -> String {
        self.method.clone()
    }

    fn target(&self) -> String {
        self.target.clone()
    }

    fn header(&self, name: &str) -> Option<String> {
        joined(self.values(name))
    }

    /// Spin ends no TLS connection with a client's certificate.
    fn client_certificate(&self) -> Option<[u8; 32]> {
        None
    }

    async fn buffer_body(&mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let request = match std::mem::replace(&mut self.body, RequestBody::Spent) {
            RequestBody::Unread(request) => request,
            RequestBody::Buffered(bytes) => {
                self.body = RequestBody::Buffered(bytes.clone());
                return Ok(bytes);
            }
            RequestBody::Spent => return Err(BodyError::Incomplete),
        };
        let whole = read(request).whole(limit).await?;
        self.body = RequestBody::Buffered(whole.clone());
        Ok(whole)
    }
}

/// The values of a repeated field as one (RFC 9110 §5.3).
pub(super) fn joined<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut joined: Option<String> = None;
    for value in values {
        let value = String::from_utf8_lossy(value);
        match &mut joined {
            Some(joined) => {
                joined.push_str(", ");
                joined.push_str(&value);
            }
            None => joined = Some(value.into_owned()),
        }
    }
    joined
}

fn method_name(method: Method) -> String {
    match method {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(name) => name,
    }
}

/// The method of that name.
pub(super) fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}
