//! HTTP/1.1 on the wire, written as it is asked for: no library sends two `Authorization` fields, a
//! path with `..`, or a body with GET, and each of them is an attack.

use std::io::{self, Read, Write};

use crate::error::TargetError;
use crate::request::WireRequest;
use crate::target::Answer;

/// Most bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Most fields of an answer.
const MAX_FIELDS: usize = 128;

/// Sends a request and reads its answer, on a connection of their own.
pub fn exchange(
    stream: &mut (impl Read + Write),
    host: &str,
    request: &WireRequest,
) -> Result<Answer, TargetError> {
    // A server that answers early may close the connection under the rest of the
    // request; the answer decides.
    let sent = stream
        .write_all(&message(host, request))
        .and_then(|()| stream.flush());
    match (read(stream, &request.method), sent) {
        (Err(TargetError::Unreachable { .. }), Err(error)) => Err(unreachable(&error)),
        (answer, _) => answer,
    }
}

fn unreachable(error: &io::Error) -> TargetError {
    TargetError::Unreachable {
        problem: error.to_string(),
    }
}

fn not_http(problem: &str) -> TargetError {
    TargetError::NotHttp {
        problem: problem.to_owned(),
    }
}

fn message(host: &str, request: &WireRequest) -> Vec<u8> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: {host}\r\n",
        request.method, request.target
    );
    let mut field = |name: &str, value: &str| {
        for part in [name, ": ", value, "\r\n"] {
            head.push_str(part);
        }
    };
    for (name, value) in &request.headers {
        field(name, value);
    }
    if let Some(body) = &request.body {
        field("content-length", &body.len().to_string());
    }
    // Some cases say themselves what becomes of the connection.
    if request.header("connection").next().is_none() {
        field("connection", "close");
    }
    head.push_str("\r\n");
    [head.as_bytes(), request.body.as_deref().unwrap_or_default()].concat()
}

/// What of an answer's head counts.
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    /// Where the body begins.
    length: usize,
}

fn read(stream: &mut impl Read, method: &str) -> Result<Answer, TargetError> {
    let mut bytes = Vec::new();
    let head = loop {
        match head(&bytes)? {
            // An interim answer: the real one follows (RFC 9110 §15.2).
            Some(interim) if interim.status < 200 => {
                bytes.drain(..interim.length);
            }
            Some(head) => break head,
            None => {
                if more(stream, &mut bytes)? == 0 {
                    return Err(TargetError::Unreachable {
                        problem: "the connection closed before an answer".to_owned(),
                    });
                }
            }
        }
    };
    let field = |name: &str| {
        let mut values = head.headers.iter().filter(|(known, _)| known == name);
        values.next().map(|(_, value)| value.as_str())
    };
    let bodiless = method == "HEAD" || matches!(head.status, 204 | 304);
    let chunked = field("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
    let length = match field("content-length").map(str::parse::<usize>) {
        Some(Err(_)) => return Err(not_http("its content-length is no number")),
        Some(Ok(length)) => Some(length),
        None => None,
    };
    let mut rest = bytes.split_off(head.length);
    let body = if bodiless {
        Vec::new()
    } else if chunked {
        loop {
            if let Some(body) = dechunked(&rest)? {
                break body;
            }
            if more(stream, &mut rest)? == 0 {
                return Err(not_http("its last chunk is missing"));
            }
        }
    } else {
        while length.is_none_or(|length| rest.len() < length) && more(stream, &mut rest)? > 0 {}
        if let Some(length) = length {
            if rest.len() < length {
                return Err(not_http("its body ended early"));
            }
            rest.truncate(length);
        }
        rest
    };
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
    })
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> Result<usize, TargetError> {
    let mut piece = [0; 8192];
    let read = stream
        .read(&mut piece)
        .map_err(|error| unreachable(&error))?;
    bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
    if bytes.len() > MAX_ANSWER_BYTES {
        return Err(not_http("its answer is too large"));
    }
    Ok(read)
}

fn head(bytes: &[u8]) -> Result<Option<Head>, TargetError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response
        .parse(bytes)
        .map_err(|error| not_http(&error.to_string()))?;
    let httparse::Status::Complete(length) = parsed else {
        return Ok(None);
    };
    let headers = response.headers.iter().map(|field| {
        let value = String::from_utf8_lossy(field.value).into_owned();
        (field.name.to_ascii_lowercase(), value)
    });
    Ok(Some(Head {
        status: response.code.unwrap_or_default(),
        headers: headers.collect(),
        length,
    }))
}

/// The body of a chunked message; none while it is not all there.
fn dechunked(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, TargetError> {
    let mut body = Vec::new();
    loop {
        let parsed =
            httparse::parse_chunk_size(bytes).map_err(|_| not_http("a chunk without a size"))?;
        let httparse::Status::Complete((start, size)) = parsed else {
            return Ok(None);
        };
        if size == 0 {
            return Ok(Some(body));
        }
        let size = usize::try_from(size).map_err(|_| not_http("a chunk that is too large"))?;
        let end = start.checked_add(size).and_then(|end| end.checked_add(2));
        let end = end.ok_or_else(|| not_http("a chunk that is too large"))?;
        let Some(chunk) = bytes.get(start..end) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk.get(..size).unwrap_or_default());
        bytes = bytes.get(end..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scripted(io::Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Scripted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            // A byte at a time: nothing may depend on how bytes arrive.
            let end = buffer.len().min(1);
            self.0.read(&mut buffer[..end])
        }
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn answer(text: &str, method: &str) -> (Result<Answer, TargetError>, String) {
        let mut stream = Scripted(io::Cursor::new(text.as_bytes().to_vec()), Vec::new());
        let request = WireRequest {
            method: method.to_owned(),
            target: "/a//../b".to_owned(),
            headers: vec![("authorization".to_owned(), "x".to_owned()); 2],
            body: None,
            certificate: None,
        };
        let answer = exchange(&mut stream, "host", &request);
        (answer, String::from_utf8(stream.1).unwrap())
    }

    #[test]
    fn what_is_asked_is_sent() {
        let (_, sent) = answer("", "GET");
        assert_eq!(
            sent,
            "GET /a//../b HTTP/1.1\r\nhost: host\r\nauthorization: x\r\nauthorization: x\r\nconnection: close\r\n\r\n"
        );
    }

    #[test]
    fn answers_are_read_however_they_are_framed() {
        for (text, method, body) in [
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab",
                "GET",
                "ab",
            ),
            ("HTTP/1.1 200 OK\r\n\r\nab", "GET", "ab"),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
                "GET",
                "ab",
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab",
                "GET",
                "ab",
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", "HEAD", ""),
        ] {
            let answer = answer(text, method).0.unwrap();
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, body),
                "{text}"
            );
        }
    }

    #[test]
    fn half_an_answer_is_none() {
        for text in [
            "",
            "HTTP/1.1 200",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nab",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
            "SSH-2.0-x\r\n\r\n",
        ] {
            assert!(answer(text, "GET").0.is_err(), "{text}");
        }
    }
}
