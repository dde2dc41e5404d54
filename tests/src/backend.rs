//! The institution's API behind the gate, as the tests play it: it remembers every request that reached it.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::wire::{Body, BodySeen, Headers, read_body, read_request};

/// A request that reached the backend.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Its fields.
    pub headers: Headers,
    /// Its body.
    pub body: BodySeen,
}

/// What the backend answers if it is not told otherwise: fields of a mandate, and so all of it passes.
pub const ALLOWED: &str = r#"{"data":{"scheme":"simulated"}}"#;

/// What to answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Fields besides the body's length.
    pub headers: Headers,
    /// The body.
    pub body: Body,
    /// How long to think first.
    pub delay: Duration,
}

impl Answer {
    /// 200 with a JSON text.
    pub fn json(json: &str) -> Self {
        Self {
            status: 200,
            headers: Headers::new(&[("content-type", "application/json")]),
            body: Body::text(json),
            delay: Duration::ZERO,
        }
    }
}

/// How the backend behaves.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// It answers.
    Answers(Answer),
    /// It takes the request and hangs up without a word.
    HangsUp,
}

/// What an [`HttpServer`] does with one request: `None` hangs up.
pub type Handler = dyn Fn(Seen) -> Option<Answer> + Send + Sync;

/// A small HTTP server on loopback, a thread a connection. Dropping it closes it, its open connections too.
pub struct HttpServer {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl HttpServer {
    /// Serves on a free loopback port, or on the given one.
    pub fn start(port: u16, handler: Arc<Handler>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let closed = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (is_closed, open) = (Arc::clone(&closed), Arc::clone(&connections));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if is_closed.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                if let Ok(copy) = stream.try_clone() {
                    let mut open = lock(&open);
                    open.retain(|s: &TcpStream| s.peer_addr().is_ok());
                    open.push(copy);
                }
                let handler = Arc::clone(&handler);
                thread::spawn(move || {
                    // A peer that breaks off is the peer's own affair.
                    let _ = serve(stream, &*handler);
                });
            }
        });
        Ok(Self {
            address,
            closed,
            connections,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is closed.
        let _ = TcpStream::connect(self.address);
        for stream in lock(&self.connections).drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn serve(stream: TcpStream, handler: &Handler) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut stream = BufReader::new(stream);
    while let Some((method, target, headers, framing)) = read_request(&mut stream)? {
        if headers.get("expect").is_some() {
            out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut body = BodySeen::default();
        read_body(&mut stream, framing, &mut |piece| body.take(piece))?;
        let Some(answer) = handler(Seen {
            method,
            target,
            headers,
            body,
        }) else {
            break;
        };
        thread::sleep(answer.delay);
        let mut message = format!("HTTP/1.1 {} Status\r\n", answer.status).into_bytes();
        for (name, value) in answer.headers.iter() {
            write!(message, "{name}: {value}\r\n")?;
        }
        let (name, value) = answer
            .body
            .framing_field()
            .unwrap_or(("content-length", "0".into()));
        write!(message, "{name}: {value}\r\n\r\n")?;
        if let Body::Bytes(bytes) = &answer.body {
            message.extend_from_slice(bytes);
            out.write_all(&message)?;
        } else {
            out.write_all(&message)?;
            answer.body.write(&mut out)?;
        }
        if matches!(answer.body, Body::Short { closes: true, .. }) {
            break;
        }
    }
    // Other handles to this connection exist, so dropping ours would not end it.
    Ok(out.shutdown(std::net::Shutdown::Both)?)
}

/// The backend: a server, what it saw, and how it behaves.
#[derive(Debug)]
pub struct Backend {
    server: HttpServer,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    seen: Vec<Seen>,
    behaviour: Behaviour,
}

impl Backend {
    /// Starts on a free loopback port, or on the given one, and answers 200 with [`ALLOWED`].
    pub fn start(port: u16) -> Result<Self> {
        let behaviour = Behaviour::Answers(Answer::json(ALLOWED));
        let state = Arc::new(Mutex::new(State {
            seen: Vec::new(),
            behaviour,
        }));
        let shared = Arc::clone(&state);
        let server = HttpServer::start(
            port,
            Arc::new(move |request| {
                let mut state = lock(&shared);
                state.seen.push(request);
                match &state.behaviour {
                    Behaviour::Answers(answer) => Some(answer.clone()),
                    Behaviour::HangsUp => None,
                }
            }),
        )?;
        Ok(Self { server, state })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Everything seen since the last call, oldest first.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.state).seen)
    }

    /// How it behaves from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        lock(&self.state).behaviour = behaviour;
    }
}

/// A thread that panicked while it held the lock fails its own test; the others go on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Connection, Request};

    #[test]
    fn it_remembers_what_it_saw_and_answers_as_told() {
        let backend = Backend::start(0).unwrap();
        let request = Request::post_json("/a?b=c", "{}")
            .with("x-twice", "1")
            .with("x-twice", "2");
        let mut connection = Connection::open(backend.address()).unwrap();
        for _ in 0..2 {
            let response = connection.exchange(&request, true).unwrap();
            assert_eq!(
                (response.status, response.text()),
                (200, ALLOWED.to_owned())
            );
        }
        let seen = backend.take_seen();
        assert_eq!(seen.len(), 2);
        assert_eq!(
            (seen[0].method.as_str(), seen[0].target.as_str()),
            ("POST", "/a?b=c")
        );
        assert_eq!(
            seen[0].headers.all("x-twice").collect::<Vec<_>>(),
            ["1", "2"]
        );
        assert_eq!(seen[0].body.text(), "{}");
        assert!(backend.take_seen().is_empty());

        backend.behave(Behaviour::HangsUp);
        assert!(Request::get("/").send(backend.address()).is_err());
    }

    #[test]
    fn large_bodies_pass_both_ways_with_and_without_a_length() {
        let backend = Backend::start(0).unwrap();
        let length = 3_000_000;
        for body in [Body::Pattern(length), Body::ChunkedPattern(length)] {
            backend.behave(Behaviour::Answers(Answer {
                body: body.clone(),
                ..Answer::json("")
            }));
            let response = Request::new("PUT", "/")
                .body(body)
                .send(backend.address())
                .unwrap();
            assert_eq!(
                (response.body.length, response.body.is_pattern),
                (length, true)
            );
            let seen = backend.take_seen();
            assert_eq!(
                (seen[0].body.length, seen[0].body.is_pattern),
                (length, true)
            );
        }
    }

    #[test]
    fn a_dropped_server_refuses_connections_and_ends_open_ones() {
        let backend = Backend::start(0).unwrap();
        let address = backend.address();
        let mut open = Connection::open(address).unwrap();
        open.exchange(&Request::get("/"), true).unwrap();
        drop(backend);
        assert!(open.exchange(&Request::get("/"), true).is_err());
        assert!(Request::get("/").send(address).is_err());
    }
}
