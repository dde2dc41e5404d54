//! Outbound HTTP: the manifest's allowed hosts, and a pooled HTTP/1.1 client.
//! Plain HTTP only; a `https` destination is answered with a TLS error, never
//! with a connection in the clear.

use std::{pin::Pin, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use http::uri::Scheme;
use http_body_util::BodyExt as _;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::report;

/// What Spin waits for a connection or a first byte when the guest says nothing.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);

/// The client that all instances share, with its pool of idle connections.
pub(crate) type HttpClient = Client<HttpConnector, WasiBody>;

/// A client like Spin's: connections are pooled and kept alive.
pub(crate) fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// A component's `allowed_outbound_hosts`.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts(Vec<AllowedHost>);

#[derive(Clone, Debug)]
struct AllowedHost {
    scheme: String,
    host: String,
    port: AllowedPort,
}

#[derive(Clone, Copy, Debug)]
enum AllowedPort {
    Any,
    One(u16),
    Range(u16, u16),
}

impl AllowedHosts {
    /// Parse `scheme://host[:port]` entries; `*` stands for any scheme, host or
    /// port, `*.domain` for any subdomain, `a..b` for a half-open range of ports.
    pub(crate) fn parse(entries: &[String]) -> Result<Self> {
        let parse = |entry: &String| {
            AllowedHost::parse(entry).with_context(|| format!("allowed_outbound_hosts: `{entry}`"))
        };
        entries.iter().map(parse).collect::<Result<_>>().map(Self)
    }

    pub(crate) fn allows(&self, scheme: &str, host: &str, port: u16) -> bool {
        self.0
            .iter()
            .any(|allowed| allowed.allows(scheme, host, port))
    }
}

impl AllowedHost {
    fn parse(entry: &str) -> Result<Self> {
        let (scheme, rest) = entry.split_once("://").context("expected scheme://host")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        ensure!(!rest.contains('/'), "must not include a path");
        // The colons inside an IPv6 address are not the port's.
        let split = rest
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'));
        let (host, port) = if let Some((host, port)) = split {
            (host, AllowedPort::parse(port)?)
        } else {
            let port = well_known_port(scheme).context("this scheme needs a port")?;
            (rest, AllowedPort::One(port))
        };
        ensure!(!host.is_empty(), "no host");
        if host.trim_start_matches("*.").contains('*') && host != "*" {
            bail!("a wildcard is the whole host or its first label");
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    fn allows(&self, scheme: &str, host: &str, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        let host_allowed = match self.host.strip_prefix('*') {
            Some("") => true,
            Some(suffix) => host.ends_with(suffix),
            None => host == self.host,
        };
        let port_allowed = match self.port {
            AllowedPort::Any => true,
            AllowedPort::One(one) => port == one,
            AllowedPort::Range(start, end) => (start..end).contains(&port),
        };
        (self.scheme == "*" || self.scheme == scheme) && host_allowed && port_allowed
    }
}

impl AllowedPort {
    fn parse(port: &str) -> Result<Self> {
        let number = |text: &str| -> Result<u16> {
            text.parse()
                .with_context(|| format!("`{text}` is not a port"))
        };
        if port == "*" {
            return Ok(Self::Any);
        }
        match port.split_once("..") {
            Some((start, end)) => Ok(Self::Range(number(start)?, number(end)?)),
            None => Ok(Self::One(number(port)?)),
        }
    }
}

fn well_known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        _ => None,
    }
}

/// The hooks of one component's instances.
pub(crate) struct Outbound {
    pub(crate) client: HttpClient,
    pub(crate) allowed: AllowedHosts,
}

type IoResult = Box<dyn Future<Output = Result<(), Error>> + Send>;
type SendResult = Result<(http::Response<WasiBody>, IoResult), Error>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processing: IoResult,
    ) -> Box<dyn Future<Output = SendResult> + Send> {
        let client = self.client.clone();
        let checked = self.check(request.uri());
        Box::new(async move {
            checked?;
            let patience = |chosen: fn(RequestOptions) -> Option<Duration>| {
                options.and_then(chosen).unwrap_or(DEFAULT_TIMEOUT)
            };
            let first_byte = patience(|options| options.first_byte_timeout);
            let between_bytes = patience(|options| options.between_bytes_timeout);
            let response = tokio::time::timeout(first_byte, client.request(request))
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?
                .map_err(|error| request_error(&error))?;
            let response = response.map(|body| {
                Timely {
                    body,
                    patience: between_bytes,
                    deadline: Box::pin(tokio::time::sleep(between_bytes)),
                }
                .boxed_unsync()
            });
            // The pool's own tasks drive the connection: nothing is left to poll.
            Ok((response, Box::new(async { Ok(()) }) as IoResult))
        })
    }
}

impl Outbound {
    fn check(&self, uri: &http::Uri) -> Result<(), Error> {
        let scheme = uri.scheme().ok_or(Error::HttpRequestUriInvalid)?;
        let host = uri.host().ok_or(Error::HttpRequestUriInvalid)?;
        let port = uri.port_u16().or_else(|| well_known_port(scheme.as_str()));
        let port = port.ok_or(Error::HttpRequestUriInvalid)?;
        if !self.allowed.allows(scheme.as_str(), host, port) {
            let refused = format!("{scheme}://{host}:{port} is not in allowed_outbound_hosts");
            report(&refused);
            return Err(Error::HttpRequestDenied);
        }
        if *scheme != Scheme::HTTP {
            return Err(Error::TlsProtocolError);
        }
        Ok(())
    }
}

fn request_error(error: &hyper_util::client::legacy::Error) -> Error {
    if error.is_connect() {
        Error::ConnectionRefused
    } else {
        Error::HttpProtocolError
    }
}

/// A response body whose every frame must come within `patience`.
struct Timely {
    body: hyper::body::Incoming,
    patience: Duration,
    deadline: Pin<Box<tokio::time::Sleep>>,
}

impl hyper::body::Body for Timely {
    type Data = bytes::Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, Error>>> {
        use std::task::Poll;
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let next = tokio::time::Instant::now() + self.patience;
                self.deadline.as_mut().reset(next);
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
            }
            Poll::Pending => match self.deadline.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Error::ConnectionReadTimeout))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[&str]) -> Result<AllowedHosts> {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        AllowedHosts::parse(&entries)
    }

    #[test]
    fn only_what_is_listed_is_allowed() {
        let hosts = hosts(&[
            "http://127.0.0.1:3900",
            "https://*.example.be",
            "postgres://db",
            "http://[::1]:80",
            "http://ports:8000..8002",
        ])
        .unwrap();
        assert!(hosts.allows("http", "127.0.0.1", 3900));
        assert!(!hosts.allows("http", "127.0.0.1", 3901));
        assert!(!hosts.allows("https", "127.0.0.1", 3900));
        assert!(hosts.allows("https", "api.EXAMPLE.be", 443));
        assert!(!hosts.allows("https", "example.be", 443));
        assert!(!hosts.allows("https", "evilexample.be", 443));
        assert!(hosts.allows("postgres", "db", 5432));
        assert!(hosts.allows("http", "[::1]", 80));
        assert!(hosts.allows("http", "ports", 8001));
        assert!(!hosts.allows("http", "ports", 8002));
    }

    #[test]
    fn malformed_entries_are_refused() {
        for entry in [
            "127.0.0.1:80",
            "http://a/b",
            "http://a*b",
            "redis://a",
            "http://a:x",
        ] {
            assert!(hosts(&[entry]).is_err(), "{entry}");
        }
    }
}
