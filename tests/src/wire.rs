//! HTTP/1.1 on the wire, as little of it as both ends of the tests need.
//!
//! Written by hand because the tests send what no library agrees to send (two `Authorization` fields, raw bytes, half a request)
//! and check what libraries tidy away (which header fields arrived, in which form).

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};

/// A head larger than this is not read on.
const MAX_HEAD_BYTES: usize = 256 * 1024;
/// More fields than this are not parsed.
const MAX_HEADERS: usize = 128;

/// Field names in lower case, values as text; repeated fields stand apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// From pairs.
    pub fn new(pairs: &[(&str, &str)]) -> Self {
        Self(
            pairs
                .iter()
                .map(|(n, v)| (n.to_ascii_lowercase(), (*v).to_owned()))
                .collect(),
        )
    }

    /// The value of a field that stands there exactly once.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value),
            _ => None,
        }
    }

    /// Every value of a field.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// Every field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Adds a field.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_ascii_lowercase(), value.to_owned()));
    }

    fn from_parsed(parsed: &[httparse::Header<'_>]) -> Self {
        Self(
            parsed
                .iter()
                .map(|h| {
                    (
                        h.name.to_ascii_lowercase(),
                        String::from_utf8_lossy(h.value).into_owned(),
                    )
                })
                .collect(),
        )
    }
}

impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(name, value)| writeln!(f, "{name}: {value}"))
    }
}

/// How long a message's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Framing {
    /// RFC 9112 §6.3. A request without either field has no body, a response without either lasts until the connection closes.
    fn of(headers: &Headers, without: Self) -> Result<Self> {
        if headers
            .all("transfer-encoding")
            .any(|v| v.eq_ignore_ascii_case("chunked"))
        {
            return Ok(Self::Chunked);
        }
        match headers.get("content-length") {
            Some(value) => Ok(Self::Length(value.parse().context("content-length")?)),
            None => Ok(without),
        }
    }
}

/// Reads the bytes of a head up to and including the empty line. `None`: the connection closed before the first byte.
fn read_head(stream: &mut BufReader<TcpStream>) -> Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    loop {
        let line_start = head.len();
        if stream.read_until(b'\n', &mut head)? == 0 {
            ensure!(
                head.is_empty(),
                "the connection closed in the middle of a head"
            );
            return Ok(None);
        }
        ensure!(
            head.len() <= MAX_HEAD_BYTES,
            "a head over {MAX_HEAD_BYTES} bytes"
        );
        let line = head.get(line_start..).unwrap_or_default();
        if line_start > 0 && (line == b"\r\n" || line == b"\n") {
            return Ok(Some(head));
        }
    }
}

/// Method, target and fields of a request; `None` when the client hung up.
pub(crate) fn read_request(
    stream: &mut BufReader<TcpStream>,
) -> Result<Option<(String, String, Headers, Framing)>> {
    let Some(head) = read_head(stream)? else {
        return Ok(None);
    };
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut fields);
    request.parse(&head)?;
    let (Some(method), Some(target)) = (request.method, request.path) else {
        bail!("half a request line");
    };
    let (method, target) = (method.to_owned(), target.to_owned());
    let headers = Headers::from_parsed(request.headers);
    let framing = Framing::of(&headers, Framing::Length(0))?;
    Ok(Some((method, target, headers, framing)))
}

/// Status and fields of the final response to a request with that method.
pub(crate) fn read_response(
    stream: &mut BufReader<TcpStream>,
    method: &str,
) -> Result<(u16, Headers, Framing)> {
    loop {
        let head = read_head(stream)?.context("the connection closed before an answer")?;
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut fields);
        response.parse(&head)?;
        let status = response.code.context("half a status line")?;
        let headers = Headers::from_parsed(response.headers);
        if (100..200).contains(&status) {
            continue;
        }
        let empty = method == "HEAD" || status == 204 || status == 304;
        let framing = if empty {
            Framing::Length(0)
        } else {
            Framing::of(&headers, Framing::UntilClose)?
        };
        return Ok((status, headers, framing));
    }
}

/// Reads a body and hands each piece to `sink`.
pub(crate) fn read_body(
    stream: &mut BufReader<TcpStream>,
    framing: Framing,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    match framing {
        Framing::Length(length) => copy(stream, Some(length), sink),
        Framing::UntilClose => copy(stream, None, sink),
        Framing::Chunked => loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let size = line.trim().split(';').next().unwrap_or_default();
            let size = u64::from_str_radix(size, 16).context("chunk size")?;
            copy(stream, Some(size), sink)?;
            let mut end = String::new();
            stream.read_line(&mut end)?;
            ensure!(end == "\r\n", "a chunk without its end");
            if size == 0 {
                return Ok(());
            }
        },
    }
}

fn copy(
    stream: &mut BufReader<TcpStream>,
    length: Option<u64>,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    let mut left = length;
    let mut buffer = vec![0; 64 * 1024];
    while left != Some(0) {
        let room = left.map_or(buffer.len(), |l| usize::try_from(l).unwrap_or(usize::MAX));
        let room = room.min(buffer.len());
        let read = stream.read(buffer.get_mut(..room).unwrap_or_default())?;
        if read == 0 {
            ensure!(left.is_none(), "the body ended early");
            return Ok(());
        }
        sink(buffer.get(..read).unwrap_or_default());
        left = left.map(|l| l - read as u64);
    }
    Ok(())
}

/// A body to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// No body, no `content-length`.
    None,
    /// These bytes.
    Bytes(Vec<u8>),
    /// That many bytes of [`pattern`], never in memory at once.
    Pattern(u64),
    /// The same, without an announced length.
    ChunkedPattern(u64),
    /// These bytes, and one more is announced and never comes.
    Short {
        /// What comes.
        bytes: Vec<u8>,
        /// Whether the connection ends there, or is kept waiting.
        closes: bool,
    },
}

impl Body {
    /// Text.
    pub fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    pub(crate) fn framing_field(&self) -> Option<(&'static str, String)> {
        match self {
            Self::None => None,
            Self::Bytes(bytes) => Some(("content-length", bytes.len().to_string())),
            Self::Pattern(length) => Some(("content-length", length.to_string())),
            Self::Short { bytes, .. } => Some(("content-length", (bytes.len() + 1).to_string())),
            Self::ChunkedPattern(_) => Some(("transfer-encoding", "chunked".to_owned())),
        }
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> Result<()> {
        match self {
            Self::None => {}
            Self::Bytes(bytes) | Self::Short { bytes, .. } => out.write_all(bytes)?,
            Self::Pattern(length) => {
                write_pattern(*length, &mut |piece| Ok(out.write_all(piece)?))?;
            }
            Self::ChunkedPattern(length) => {
                write_pattern(*length, &mut |piece| {
                    write!(out, "{:x}\r\n", piece.len())?;
                    out.write_all(piece)?;
                    Ok(out.write_all(b"\r\n")?)
                })?;
                out.write_all(b"0\r\n\r\n")?;
            }
        }
        Ok(())
    }
}

/// Byte number `offset` of the endless test pattern. Its period is odd, so that pieces swapped or lost show.
pub fn pattern(offset: u64) -> u8 {
    u8::try_from(offset % 251).unwrap_or_default()
}

fn write_pattern(length: u64, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    // 251 × 256 bytes: a whole number of periods, so each piece starts alike.
    let piece: Vec<u8> = (0..251 * 256).map(pattern).collect();
    let mut left = length;
    while left > 0 {
        let size = left.min(piece.len() as u64);
        write(piece.get(..usize::try_from(size)?).unwrap_or_default())?;
        left -= size;
    }
    Ok(())
}

/// What is kept of a body that went by: its start, its length, and whether all of it was the test pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodySeen {
    /// Its first bytes, at most [`BodySeen::KEPT`].
    pub start: Vec<u8>,
    /// Its length.
    pub length: u64,
    /// Whether every byte was that of [`pattern`].
    pub is_pattern: bool,
}

impl Default for BodySeen {
    fn default() -> Self {
        Self {
            start: Vec::new(),
            length: 0,
            is_pattern: true,
        }
    }
}

impl BodySeen {
    /// How much of a body is kept.
    pub const KEPT: usize = 4 * 1024 * 1024;

    pub(crate) fn take(&mut self, piece: &[u8]) {
        let room = Self::KEPT.saturating_sub(self.start.len()).min(piece.len());
        self.start
            .extend_from_slice(piece.get(..room).unwrap_or_default());
        self.is_pattern = self.is_pattern
            && piece
                .iter()
                .zip(self.length..)
                .all(|(byte, offset)| *byte == pattern(offset));
        self.length += piece.len() as u64;
    }

    /// The kept part as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.start).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_or_swapped_piece_shows() {
        let whole: Vec<u8> = (0..1000).map(pattern).collect();
        let seen = |pieces: &[&[u8]]| {
            let mut seen = BodySeen::default();
            for piece in pieces {
                seen.take(piece);
            }
            seen.is_pattern
        };
        assert!(seen(&[&whole]));
        assert!(seen(&[&whole[..300], &whole[300..]]));
        assert!(!seen(&[&whole[300..], &whole[..300]]));
        assert!(!seen(&[&whole[..300], &whole[301..]]));
    }
}
