//! A load generator for loopback: one thread, keep-alive connections, prebuilt requests, an end in time and count.
//!
//! One thread that polls, because a thread a connection would spend on switching what the measured program needs.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// No run is longer, whatever was asked.
const MAX_TIME: Duration = Duration::from_mins(1);
/// An answer's head and body together; ours are far shorter.
const MAX_ANSWER: usize = 64 * 1024;
/// A server that says nothing for so long has failed.
const SILENCE: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// What to send where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    /// On this machine only.
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Whole requests, sent one after the other and from the first again.
    pub(crate) requests: &'a [Vec<u8>],
    pub(crate) time: Duration,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) answers: u64,
    pub(crate) time: Duration,
    /// How many of each status.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

impl Done {
    pub(crate) fn per_second(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count of requests is far below 2^52"
        )]
        let answers = self.answers as f64;
        answers / self.time.as_secs_f64()
    }
}

/// Runs the load to its end. `skip` requests of the cycle are left out first,
/// so that several runs go on where the last one ended.
#[expect(clippy::disallowed_methods, reason = "a load generator measures time")]
pub(crate) fn run(load: &Load<'_>, skip: usize) -> Result<Done> {
    ensure!(
        load.address.ip().is_loopback(),
        "a load goes to this machine only"
    );
    ensure!(!load.requests.is_empty(), "nothing to send");
    let mut next = load
        .requests
        .iter()
        .cycle()
        .skip(skip % load.requests.len());
    let mut lanes = (0..load.connections)
        .map(|_| Lane::open(load.address))
        .collect::<Result<Vec<_>>>()?;
    let mut statuses = BTreeMap::new();
    let mut answers = 0;
    let start = Instant::now();
    let end = load.time.min(MAX_TIME);
    for lane in &mut lanes {
        lane.send(next.next().context("an endless cycle")?)?;
    }
    let mut open = lanes.len();
    while open > 0 {
        let ready: Vec<bool> = {
            let mut fds: Vec<PollFd<'_>> = lanes
                .iter()
                .map(|lane| {
                    PollFd::new(
                        &lane.stream,
                        if lane.waiting {
                            PollFlags::IN
                        } else {
                            PollFlags::empty()
                        },
                    )
                })
                .collect();
            let count = poll(&mut fds, Some(&SILENCE)).context("waiting for answers")?;
            ensure!(count > 0, "no answer from {} for 10 s", load.address);
            fds.iter().map(|fd| !fd.revents().is_empty()).collect()
        };
        for (lane, ready) in lanes.iter_mut().zip(ready) {
            if !(ready && lane.waiting) {
                continue;
            }
            if let Some(status) = lane.receive()? {
                answers += 1;
                *statuses.entry(status).or_insert(0) += 1;
                if start.elapsed() < end {
                    lane.send(next.next().context("an endless cycle")?)?;
                } else {
                    lane.waiting = false;
                    open -= 1;
                }
            }
        }
    }
    Ok(Done {
        answers,
        time: start.elapsed(),
        statuses,
    })
}

/// One connection, with at most one request under way.
#[derive(Debug)]
struct Lane {
    stream: TcpStream,
    received: Vec<u8>,
    waiting: bool,
}

impl Lane {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(4096),
            waiting: false,
        })
    }

    fn send(&mut self, request: &[u8]) -> Result<()> {
        // A few kilobytes into an empty socket buffer: it takes them whole.
        self.stream
            .write_all(request)
            .context("sending a request")?;
        self.received.clear();
        self.waiting = true;
        Ok(())
    }

    /// Reads what is there; the status once the whole answer is.
    fn receive(&mut self) -> Result<Option<u16>> {
        let mut chunk = [0; 16 * 1024];
        let read = match self.stream.read(&mut chunk) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error).context("reading an answer"),
        };
        self.received
            .extend_from_slice(chunk.get(..read).unwrap_or_default());
        ensure!(
            self.received.len() <= MAX_ANSWER,
            "an answer over {MAX_ANSWER} bytes"
        );
        let Some(head) = find(&self.received, b"\r\n\r\n") else {
            return Ok(None);
        };
        let (head, body) = self.received.split_at(head + 4);
        let text = std::str::from_utf8(head).context("an answer's head is no text")?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.get(9..12))
            .and_then(|status| status.parse().ok());
        let status: u16 = status.context("an answer without a status")?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>())
        });
        let length = match length {
            Some(length) => length.context("a content-length")?,
            None if status == 204 || status == 304 => 0,
            None => bail!("an answer without a content-length"),
        };
        ensure!(body.len() <= length, "more than one answer to one request");
        Ok((body.len() == length).then_some(status))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn every_request_gets_its_answer_and_the_run_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = 0_u64;
            let mut buffer = [0; 64];
            while stream.read(&mut buffer).unwrap() > 0 {
                seen += 1;
                // In two pieces, as a network may deliver it.
                stream
                    .write_all(b"HTTP/1.1 204 No Content\r\nx: y\r\n")
                    .unwrap();
                stream.write_all(b"\r\n").unwrap();
            }
            seen
        });
        let requests = [
            b"GET /a HTTP/1.1\r\n\r\n".to_vec(),
            b"GET /b HTTP/1.1\r\n\r\n".to_vec(),
        ];
        let load = Load {
            address,
            connections: 1,
            requests: &requests,
            time: Duration::from_millis(50),
        };
        let done = run(&load, 1).unwrap();
        assert!(done.answers > 1 && done.per_second() > 1.0);
        assert_eq!(done.statuses, BTreeMap::from([(204, done.answers)]));
        assert_eq!(server.join().unwrap(), done.answers);
    }

    #[test]
    fn no_load_leaves_this_machine() {
        let address = "192.0.2.1:80".parse().unwrap();
        let load = Load {
            address,
            connections: 1,
            requests: &[vec![0]],
            time: Duration::ZERO,
        };
        assert!(run(&load, 0).is_err());
    }
}
