//! As much HTTP/1.1 as a witness needs: small requests with a length, answers with one (RFC 9112).

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sluis_log::AddCheckpoint;

/// Longest request line and fields.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// Most fields.
const MAX_FIELDS: usize = 32;
/// Within this a request must be there, and its answer taken.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    /// Whether the connection ends with the answer.
    pub(crate) last: bool,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Answer {
    /// An answer for people.
    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: format!("{text}\n"),
        }
    }

    pub(crate) fn write(&self, connection: &mut TcpStream, last: bool) -> io::Result<()> {
        connection.set_write_timeout(Some(PATIENCE))?;
        let connection_field = if last { "close" } else { "keep-alive" };
        let whole = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: {connection_field}\r\n\r\n{}",
            self.status,
            reason(self.status),
            self.content_type,
            self.body.len(),
            self.body
        );
        connection.write_all(whole.as_bytes())
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        _ => "Internal Server Error",
    }
}

/// What comes over a connection.
pub(crate) struct Incoming<'a> {
    connection: &'a mut TcpStream,
    /// What was read beyond the last request.
    rest: Vec<u8>,
    deadline: Instant,
}

/// What there is instead of a request.
#[derive(Debug)]
pub(crate) enum NoRequest {
    /// The peer has gone, or is too slow.
    Gone,
    /// It sent no request; this is the answer.
    Bad(Answer),
}

impl<'a> Incoming<'a> {
    pub(crate) fn new(connection: &'a mut TcpStream) -> Self {
        Self {
            connection,
            rest: Vec::new(),
            deadline: deadline(),
        }
    }

    pub(crate) const fn connection(&mut self) -> &mut TcpStream {
        self.connection
    }

    /// The next request.
    pub(crate) fn next(&mut self) -> Result<Request, NoRequest> {
        self.deadline = deadline();
        loop {
            if let Some((mut request, head, length)) = parse(&self.rest)? {
                while self.rest.len() < head + length {
                    self.more()?;
                }
                let after = self.rest.split_off(head + length);
                request.body = self.rest.split_off(head);
                self.rest = after;
                return Ok(request);
            }
            if self.rest.len() > MAX_HEAD_BYTES {
                return Err(bad(400, "the head is too long"));
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> Result<(), NoRequest> {
        let left = self.deadline.saturating_duration_since(clock());
        if left.is_zero() {
            return Err(bad(408, "too slow"));
        }
        let mut buffer = [0; 4096];
        let read = self
            .connection
            .set_read_timeout(Some(left))
            .and_then(|()| self.connection.read(&mut buffer));
        match read {
            Ok(0) | Err(_) => Err(NoRequest::Gone),
            Ok(count) => {
                self.rest.extend(buffer.iter().take(count));
                Ok(())
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server gives up on a peer by the clock; nothing is decided by it"
)]
fn clock() -> Instant {
    Instant::now()
}

fn deadline() -> Instant {
    clock() + PATIENCE
}

fn bad(status: u16, text: &str) -> NoRequest {
    NoRequest::Bad(Answer::text(status, text))
}

/// A request without its body, the length of its head and that of its body; nothing if the head is not complete.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize, usize)>, NoRequest> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) if head <= MAX_HEAD_BYTES => head,
        Ok(httparse::Status::Complete(_)) => return Err(bad(400, "the head is too long")),
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(bad(400, "no HTTP request")),
    };
    let mut length = None;
    let mut last = parsed.version == Some(0);
    for field in parsed.headers.iter() {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(bad(411, "a body comes with its length"));
        }
        if field.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(field.value).unwrap_or_default();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // Two lengths, or none that is a number: not to be guessed (RFC 9112 §6.3).
            if length.is_some() || !digits {
                return Err(bad(400, "the body's length is not one number"));
            }
            length = Some(text.parse::<usize>().unwrap_or(usize::MAX));
        }
        if field.name.eq_ignore_ascii_case("connection")
            && field.value.eq_ignore_ascii_case(b"close")
        {
            last = true;
        }
    }
    let length = length.unwrap_or_default();
    if length > AddCheckpoint::MAX_BYTES {
        return Err(bad(413, "the body is too long"));
    }
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        body: Vec::new(),
        last,
    };
    Ok(Some((request, head, length)))
}
