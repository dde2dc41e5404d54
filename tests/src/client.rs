//! An HTTP client that sends exactly what it is told to.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::wire::{Body, BodySeen, Headers, read_body, read_response};

/// No answer takes longer, not even one after a time-out of the validator.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request, as it goes on the wire.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Fields besides `host`, the body's length and `connection`.
    pub headers: Headers,
    /// The body.
    pub body: Body,
}

impl Request {
    /// A GET.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST of a JSON text.
    pub fn post_json(target: &str, json: &str) -> Self {
        Self::new("POST", target)
            .with("content-type", "application/json")
            .body(Body::text(json))
    }

    /// Any method, without a body.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Headers::default(),
            body: Body::None,
        }
    }

    /// Adds a field; a second call with the same name adds a second field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Adds `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Sends it on a connection of its own.
    pub fn send(&self, to: SocketAddr) -> Result<Response> {
        Connection::open(to)?.exchange(self, false)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Its fields.
    pub headers: Headers,
    /// Its body.
    pub body: BodySeen,
}

impl Response {
    /// The value of a field that stands there exactly once.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        self.body.text()
    }

    /// Fails, with the answer, if it has another status.
    pub fn expect_status(&self, status: u16) -> Result<()> {
        ensure!(self.status == status, "{}: {}", self.status, self.text());
        Ok(())
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body.start)
            .with_context(|| format!("no JSON in the answer {}: {}", self.status, self.text()))
    }
}

/// A connection that may carry several requests, one after the other. Nothing is ever sent twice.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).with_context(|| format!("connecting to {to}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends a request and reads its whole answer.
    pub fn exchange(&mut self, request: &Request, keep_alive: bool) -> Result<Response> {
        // The body goes out from a thread of its own: a server may answer, and stop reading, before it has all of it.
        let mut out = self.stream.get_ref().try_clone()?;
        let head = head_of(request, keep_alive)?;
        let method = request.method.as_str();
        std::thread::scope(|scope| {
            let sender = match request.body {
                Body::None | Body::Bytes(_) | Body::Short { .. } => {
                    let mut message = head;
                    request.body.write(&mut message)?;
                    // An early answer may close the connection under the rest of the request; the answer decides.
                    let _ = out.write_all(&message);
                    None
                }
                Body::Pattern(_) | Body::ChunkedPattern(_) => Some(scope.spawn(move || {
                    out.write_all(&head)?;
                    request.body.write(&mut out)
                })),
            };
            let (status, headers, framing) = read_response(&mut self.stream, method)?;
            let mut body = BodySeen::default();
            read_body(&mut self.stream, framing, &mut |piece| body.take(piece))?;
            if let Some(sender) = sender {
                if !keep_alive {
                    let _ = self.stream.get_ref().shutdown(Shutdown::Both);
                }
                // As above: when the answer came first, sending may have failed.
                let _ = sender.join();
            }
            Ok(Response {
                status,
                headers,
                body,
            })
        })
    }
}

fn head_of(request: &Request, keep_alive: bool) -> Result<Vec<u8>> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
    if request.headers.get("host").is_none() {
        head.extend_from_slice(b"host: api.test\r\n");
    }
    for (name, value) in request.headers.iter() {
        write!(head, "{name}: {value}\r\n")?;
    }
    if let Some((name, value)) = request.body.framing_field() {
        write!(head, "{name}: {value}\r\n")?;
    }
    let end: &[u8] = if keep_alive {
        b"\r\n"
    } else {
        b"connection: close\r\n\r\n"
    };
    head.extend_from_slice(end);
    Ok(head)
}

/// Sends bytes as they are and gives back whatever comes until the other side closes or falls silent.
pub fn send_raw(to: SocketAddr, bytes: &[u8], silence: Duration) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(silence))?;
    stream.set_write_timeout(Some(silence))?;
    // The other side may hang up in the middle of what it will not read.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read) = stream.read(&mut piece) {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    Ok(answer)
}
