//! How a target is reached: TCP on this machine, TLS anywhere.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_platform_verifier::Verifier;
use sluis_conformance::http::{Connect, Tcp};
use ureq::http::Uri;

use super::ConformanceFailure;

/// A connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            // Some servers close without saying so in TLS; what is cut off shows in the length.
            Self::Tls(stream) => match stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A server, by its URL.
pub(super) struct Server {
    tcp: Tcp,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The `Host` field.
    pub(super) host: String,
    /// The path of the URL, without a slash at its end.
    pub(super) prefix: String,
    /// Whether it is this machine.
    pub(super) is_loopback: bool,
}

impl Server {
    /// https, or http on this very machine: over any other http the tokens could be read.
    pub(super) fn new(url: &str, patience: Duration) -> Result<Self, ConformanceFailure> {
        let bad = |problem| ConformanceFailure::Url {
            url: url.to_owned(),
            problem,
        };
        let uri: Uri = url.parse().map_err(|_| bad("not a URL"))?;
        let authority = uri.authority().ok_or(bad("not an absolute URL"))?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(bad("a user name or a query is not expected"));
        }
        let host = authority.host();
        let is_loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let (tls, default_port) = match uri.scheme_str() {
            Some("https") => {
                let name = host.trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(name).map_err(|_| bad("not a host name"))?;
                (
                    Some((client().map_err(ConformanceFailure::Tls)?, name)),
                    443,
                )
            }
            Some("http") if is_loopback => (None, 80),
            Some("http") => return Err(bad("http is for this machine only; use https")),
            Some(_) | None => return Err(bad("the scheme is neither https nor http")),
        };
        let port = authority.port_u16().unwrap_or(default_port);
        Ok(Self {
            tcp: Tcp {
                authority: format!("{host}:{port}"),
                patience,
            },
            tls,
            host: authority.as_str().to_owned(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            is_loopback,
        })
    }
}

/// The operating system's roots: an institution's own authority is among them.
fn client() -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(Arc::clone(&provider))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl Connect for Server {
    type Stream = Stream;

    fn connect(&self) -> io::Result<Stream> {
        let stream = self.tcp.connect()?;
        let Some((config, name)) = &self.tls else {
            return Ok(Stream::Plain(stream));
        };
        let connection =
            ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        Ok(Stream::Tls(Box::new(StreamOwned::new(connection, stream))))
    }
}
