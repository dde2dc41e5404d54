//! Outbound HTTP: the backend, on a permit only, and the issuers' documents.

use std::pin::pin;

use futures::future::{Either, select};
use sluis_gate::{
    BodyError, DOCUMENT_LIMIT_MS, FetchError, ForwardPermit, InboundRequest as _, UpstreamError,
    UpstreamResponse, headers,
};
use spin_sdk::wasip3::{
    http::{
        client,
        types::{ErrorCode, Fields, Request, RequestOptions, Response, Scheme},
    },
    spawn, wit_future,
};

use super::body::{self, Incoming, Outgoing, Work};
use super::request::{self, RequestBody, SpinRequest};
use super::time::within;

/// The backend's answer, its body not yet read.
pub(super) struct SpinResponse {
    status: u16,
    pub(super) response: Response,
}

impl UpstreamResponse for SpinResponse {
    fn status(&self) -> u16 {
        self.status
    }

    fn header(&self, name: &str) -> Option<String> {
        let values = self.response.get_headers().get(name);
        request::joined(values.iter().map(Vec::as_slice))
    }

    async fn read_body(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        read(self.response).whole(limit).await
    }

    /// The host lets go of what is dropped.
    fn discard(self) {}
}

/// Where a request goes, as the host wants it.
struct Destination<'a> {
    scheme: Scheme,
    authority: &'a str,
    path_with_query: &'a str,
}

impl<'a> Destination<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_with_query) = rest.split_at_checked(at)?;
        Some(Self {
            scheme,
            authority,
            path_with_query,
        })
    }

    fn apply(&self, request: &Request) -> Result<(), ()> {
        request.set_scheme(Some(&self.scheme))?;
        request.set_authority(Some(self.authority))?;
        request.set_path_with_query(Some(self.path_with_query))
    }
}

/// Sends a request on. Only the permitted headers go with it.
pub(super) async fn forward(
    permit: ForwardPermit,
    request: SpinRequest,
) -> Result<SpinResponse, UpstreamError> {
    let limit_ms = permit.timeout_ms();
    let mut passed = Vec::new();
    if permit.passes_as_it_came() {
        let connection = request.header("connection");
        for (name, value) in request.all() {
            let name = name.to_ascii_lowercase();
            if headers::passes_in_shadow(&name, connection.as_deref()) {
                passed.push((name, value.to_vec()));
            }
        }
    } else {
        for name in permit.passing() {
            for value in request.values(name) {
                passed.push((name.to_owned(), value.to_vec()));
            }
        }
    }
    for (name, value) in permit.headers() {
        passed.push(((*name).to_owned(), value.clone().into_bytes()));
    }
    let method = request::method(&request.method);
    let length = content_length(&request);
    let whole = async {
        let outgoing = match request.into_body() {
            RequestBody::Unread(unread) => pass_body(length, request::read(unread)).await?,
            RequestBody::Buffered(bytes) => {
                passed.retain(|(name, _)| name != "content-length");
                if !bytes.is_empty() || length.is_some() {
                    let length = bytes.len().to_string().into_bytes();
                    passed.push(("content-length".to_owned(), length));
                }
                body::bytes(bytes)
            }
            RequestBody::Spent => return Err(UpstreamError::NotSent),
        };
        let Outgoing { bytes, end, work } = outgoing;
        let fields = Fields::from_list(&passed).map_err(|_| UpstreamError::NotSent)?;
        let (outbound, _transmitted) = Request::new(fields, bytes, end, Some(options(limit_ms)));
        let destination = Destination::parse(permit.url()).ok_or(UpstreamError::NotSent)?;
        destination
            .apply(&outbound)
            .and_then(|()| outbound.set_method(&method))
            .map_err(|()| UpstreamError::NotSent)?;
        send(outbound, work)
            .await
            .map_err(|error| upstream_error(&error, limit_ms))
    };
    let response = within(limit_ms, whole)
        .await
        .ok_or(UpstreamError::Timeout { limit_ms })??;
    Ok(SpinResponse {
        status: response.get_status_code(),
        response,
    })
}

/// The declared length of the body. The host refuses a malformed one.
fn content_length(request: &SpinRequest) -> Option<u64> {
    let value = request.values("content-length").next()?;
    str::from_utf8(value).ok()?.parse().ok()
}

/// A body of declared length is joined to the outgoing request unseen. Of any
/// other the first bytes are read, to tell a body from none.
async fn pass_body(
    length: Option<u64>,
    mut incoming: Incoming,
) -> Result<Outgoing<Option<Work>>, UpstreamError> {
    match length {
        Some(0) => Ok(body::empty()),
        Some(_) => Ok(body::passed(incoming)),
        None => match incoming.next().await {
            Some(first) => Ok(body::continued(first, incoming)),
            None => match incoming.end.await {
                Ok(_) => Ok(body::empty()),
                // The caller broke off before the first byte.
                Err(_) => Err(UpstreamError::NotSent),
            },
        },
    }
}

/// Sends, and feeds the body meanwhile: a backend may answer only after the
/// last byte of it, or long before.
async fn send(request: Request, work: Option<Work>) -> Result<Response, ErrorCode> {
    let sending = pin!(client::send(request));
    let Some(work) = work else {
        return sending.await;
    };
    match select(sending, work).await {
        Either::Left((response, work)) => {
            spawn(work);
            response
        }
        Either::Right(((), sending)) => sending.await,
    }
}

fn options(limit_ms: u32) -> RequestOptions {
    let options = RequestOptions::new();
    let nanoseconds = Some(u64::from(limit_ms).saturating_mul(1_000_000));
    // A host without them has limits of its own; ours stands beside them.
    _ = options.set_connect_timeout(nanoseconds);
    _ = options.set_first_byte_timeout(nanoseconds);
    options
}

fn upstream_error(error: &ErrorCode, limit_ms: u32) -> UpstreamError {
    match error {
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout
        | ErrorCode::DnsTimeout => UpstreamError::Timeout { limit_ms },
        ErrorCode::HttpRequestDenied
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::ConfigurationError => UpstreamError::NotSent,
        ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTerminated
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_)
        | ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_)
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpProtocolError
        | ErrorCode::LoopDetected
        | ErrorCode::InternalError(_) => UpstreamError::Unreachable,
    }
}

/// Fetches a document: GET, no redirects, bounded in size and in time.
pub(super) async fn fetch(url: &str, accept: &str, limit: usize) -> Result<Vec<u8>, FetchError> {
    within(DOCUMENT_LIMIT_MS, fetch_unbounded(url, accept, limit))
        .await
        .ok_or(FetchError::Timeout {
            limit_ms: DOCUMENT_LIMIT_MS,
        })?
}

async fn fetch_unbounded(url: &str, accept: &str, limit: usize) -> Result<Vec<u8>, FetchError> {
    let unreachable = || FetchError::Unreachable;
    let accept = ("accept".to_owned(), accept.as_bytes().to_vec());
    let fields = Fields::from_list(&[accept]).map_err(|_| unreachable())?;
    let Outgoing { bytes, end, .. } = body::empty();
    let (request, _transmitted) =
        Request::new(fields, bytes, end, Some(options(DOCUMENT_LIMIT_MS)));
    let destination = Destination::parse(url).ok_or_else(unreachable)?;
    destination.apply(&request).map_err(|()| unreachable())?;
    let response = client::send(request).await.map_err(|_| unreachable())?;
    match response.get_status_code() {
        200 => {}
        status => return Err(FetchError::Status { status }),
    }
    let whole = read(response).whole(limit).await;
    whole.map_err(|error| match error {
        BodyError::TooLarge { limit } => FetchError::TooLarge { limit },
        BodyError::Incomplete => FetchError::Unreachable,
    })
}

/// Starts to read a response's body.
pub(super) fn read(response: Response) -> Incoming {
    let (_, outcome) = wit_future::new(|| Ok(()));
    let (bytes, end) = Response::consume_body(response, outcome);
    Incoming { bytes, end }
}
