//! What the corpus is run against.

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

    /// What happened since the last call, or since the case began. A reason may be recorded
    /// a moment after the answer: a target waits a little for the `expected` one.
    fn witness(&self, expected: Option<&str>) -> Result<Witness, TargetError>;
}
