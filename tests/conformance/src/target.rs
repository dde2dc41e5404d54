//! What the corpus is run against.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::case::{IssuerName, Need};
use crate::error::TargetError;
use crate::request::{Publication, WireRequest};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The fields, lower-case names, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// No answer: the server hung up.
    pub(crate) const fn hung_up() -> Self {
        Self {
            status: 0,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Whether the server hung up.
    pub const fn has_hung_up(&self) -> bool {
        self.status == 0
    }

    /// The value of a field that stands there exactly once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The problem type's last part.
    pub fn problem(&self) -> Option<String> {
        let urn = self.member("type")?;
        urn.rsplit(':').next().map(str::to_owned)
    }

    /// The reason code that a simulation tells in the body; production tells none.
    pub fn told_reason(&self) -> Option<String> {
        self.member("reason")
    }

    fn member(&self, name: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        body.get(name)?.as_str().map(str::to_owned)
    }
}

/// What else happened, as far as the target can tell. `None`: it cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witness {
    /// How many requests reached the backend.
    pub forwarded: Option<usize>,
    /// How often a key set was fetched.
    pub fetches: Option<usize>,
    /// The reason codes that were recorded, counted ones included.
    pub reasons: Option<Vec<String>>,
}

/// A validator, however it is reached.
pub trait Target {
    /// What it is called in reports.
    fn name(&self) -> String;

    /// Whether it can take cases that need that.
    fn offers(&self, need: Need) -> bool;

    /// Seconds since the Unix epoch, by the clock that tokens for it are made by.
    fn now(&self) -> u64;

    /// Makes ready for a case; `publishes` tells whether the case changes what issuers publish.
    fn begin(&self, publishes: bool) -> Result<(), TargetError>;

    /// Lets an issuer publish something else, until the case ends.
    fn publish(&self, issuer: IssuerName, what: &Publication) -> Result<(), TargetError>;

    /// Lets that be at the address of a status list.
    fn publish_status(&self, uri: &str, what: &Publication) -> Result<(), TargetError>;

    /// Sends a request.
    fn send(&self, request: &WireRequest) -> Result<Answer, TargetError>;

    /// Sends several, so many at a time; the answers in the order of the requests.
    fn send_all(
        &self,
        requests: &[WireRequest],
        _at_once: usize,
    ) -> Vec<Result<Answer, TargetError>> {
        requests.iter().map(|request| self.send(request)).collect()
    }

    /// How many instances so many requests at a time may meet: what is bounded is bounded an instance.
    fn instances(&self, _at_once: usize) -> usize {
        1
    }

    /// Moves the clock on.
    fn move_on(&self, _seconds: u64) -> Result<(), TargetError> {
        Err(TargetError::Surroundings {
            problem: "the clock cannot be moved".to_owned(),
        })
    }

    /// What happened since the last call, or since the case began. A reason may be recorded
    /// a moment after the answer: a target waits a little for the `expected` one.
    fn witness(&self, expected: Option<&str>) -> Result<Witness, TargetError>;
}

/// Calls `send` for each request from so many threads; the answers in the order of the requests.
pub fn in_parallel(
    requests: &[WireRequest],
    at_once: usize,
    send: impl Fn(&WireRequest) -> Result<Answer, TargetError> + Sync,
) -> Vec<Result<Answer, TargetError>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<Answer, TargetError>)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(request) = requests.get(at) else {
                        return;
                    };
                    let answer = send(request);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((at, answer));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}
