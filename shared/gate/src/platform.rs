//! What a platform gives the gate: a clock, a verifier, a log, outbound HTTP.
//!
//! Plain `async fn` in traits with static dispatch: each function is compiled
//! for exactly one platform, so nothing is boxed on the way of a request. The
//! futures are not `Send`; Workers and Spin run one instance on one thread.

use std::future::Future;

use serde::{Deserialize, Serialize};
use sluis_log::TileId;
use sluis_log::sequencer::{Evidence, StoredCheckpoint, StoredLeaf};
use sluis_log::{
    EntryId, PayloadRange, PendingEntry, Receipt, RetentionPeriod, SealedEntry, Shard,
};
use sluis_token::SignatureVerifier;
use sluis_token::sign::{SignError, SigningKey};

use crate::payload_keys::PayloadKeys;
use crate::permit::ForwardPermit;
use crate::replay::ReplayStore;
use crate::shared_store::SharedStore;

/// Longest time for a document of an issuer, from the first byte sent to the last
/// received, in milliseconds; the same on every platform. Whoever waits for another
/// request's fetch waits longer than that.
pub const DOCUMENT_LIMIT_MS: u32 = 5_000;

/// The instance the gate runs on. Cloudflare, Spin and [`crate::memory`]
/// each implement it once.
#[expect(
    async_fn_in_trait,
    reason = "single-threaded runtimes: no caller needs a Send bound"
)]
pub trait Platform: Clone + 'static {
    /// The request as the platform hands it over.
    type Request: InboundRequest;
    /// The upstream's answer, its body not yet read.
    type Response: UpstreamResponse;
    /// Checks signatures, in WebAssembly or through the platform's own cryptography.
    type Verifier: SignatureVerifier;
    /// A durable log.
    type Log: AuditLog;
    /// What the instances of a deployment share.
    type Shared: SharedStore;
    /// The memory of what was used once.
    type Replay: ReplayStore;
    /// The keys of payloads, in the trusted place.
    type PayloadKeys: PayloadKeys;

    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// The signature verifier.
    fn verifier(&self) -> &Self::Verifier;

    /// Signs with the deployment's assertion key. In this program, unless the
    /// platform's own cryptography does it faster.
    fn sign(&self, key: &SigningKey, message: &[u8]) -> Result<Vec<u8>, SignError> {
        key.sign_bytes(message)
    }

    /// One of the deployment's audit logs; [`LogError::NoShard`] for one that the
    /// configuration does not have. Which one has an entry, the gate knows.
    fn log(&self, shard: Shard) -> Result<Self::Log, LogError>;

    /// The shared store. A deployment without one has one that is always empty.
    fn shared(&self) -> &Self::Shared;

    /// The memory of what was used once.
    fn replay(&self) -> &Self::Replay;

    /// The keys of payloads.
    fn payload_keys(&self) -> &Self::PayloadKeys;

    /// Fetches a document of an issuer (a JWK set, a status list): GET with that
    /// `Accept`, no redirects, at most `limit` bytes, within [`DOCUMENT_LIMIT_MS`].
    async fn fetch_document(
        &self,
        url: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Vec<u8>, FetchError>;

    /// Sends the request on to the institution's API. The permit is taken by
    /// value: one decision forwards one request.
    async fn forward(
        &self,
        permit: ForwardPermit,
        request: Self::Request,
    ) -> Result<Self::Response, UpstreamError>;

    /// Runs a future after the answer has left.
    fn defer(&self, work: impl Future<Output = ()> + 'static);

    /// Waits.
    async fn sleep(&self, milliseconds: u32);

    /// One line for the operator. Never holds anything of a request.
    fn report(&self, line: &str);
}

/// A request that came in.
#[expect(
    async_fn_in_trait,
    reason = "single-threaded runtimes: no caller needs a Send bound"
)]
pub trait InboundRequest {
    /// The method, upper case as received.
    fn method(&self) -> String;

    /// Path and query as received: `/a/b?c=d`.
    fn target(&self) -> String;

    /// A header by its lower-case name. Repeated fields are joined with `, `
    /// (RFC 9110 §5.3); a value that is not visible ASCII counts as present
    /// and is returned lossily, so that it is refused and not overlooked.
    fn header(&self, name: &str) -> Option<String>;

    /// SHA-256 of the DER of the client's certificate, if the platform ended the
    /// TLS connection, verified the certificate and did not find it revoked. Never
    /// by a field of the request.
    fn client_certificate(&self) -> Option<[u8; 32]>;

    /// Reads the whole body, at most `limit` bytes, and keeps it so that the
    /// request can still be forwarded.
    async fn buffer_body(&mut self, limit: usize) -> Result<Vec<u8>, BodyError>;
}

/// The upstream's answer.
#[expect(
    async_fn_in_trait,
    reason = "single-threaded runtimes: no caller needs a Send bound"
)]
pub trait UpstreamResponse {
    /// The HTTP status code.
    fn status(&self) -> u16;

    /// A header by its lower-case name. Repeated fields are joined with `, `
    /// (RFC 9110 §5.3).
    fn header(&self, name: &str) -> Option<String>;

    /// Reads the whole body as it came, at most `limit` bytes.
    async fn read_body(self, limit: usize) -> Result<Vec<u8>, BodyError>;

    /// Lets the body go unread.
    fn discard(self);
}

/// The durable log as the gate sees it.
#[expect(
    async_fn_in_trait,
    reason = "single-threaded runtimes: no caller needs a Send bound"
)]
pub trait AuditLog {
    /// Makes an entry durable and tells where it stands. Idempotent on the
    /// entry's id. Returns only once the entry survives a crash.
    async fn append(&self, entry: &PendingEntry) -> Result<Receipt, LogError>;

    /// Entries from index `from`, at most `limit`, in order, and how many
    /// there are in all. A limit of 0 asks for the size alone. They end before a row that
    /// is no entry, so that who asks from there on is told nothing else.
    async fn read(&self, from: u64, limit: u32) -> Result<LogSlice, LogError>;

    /// How the log stands. It is compared with its trusted head now, whatever was found
    /// before: a store can be put back while it is served; see [`sluis_log::sequencer`].
    async fn state(&self) -> Result<LogState, LogError>;

    /// The published checkpoint, if there is one.
    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, LogError>;

    /// The hashes of a tile, as many as there are.
    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, LogError>;

    /// Entries without their payloads, from an index on.
    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, LogError>;

    /// Where the entry of an id stands, if it is sequenced.
    async fn index_of(&self, id: EntryId) -> Result<Option<u64>, LogError>;

    /// The periods of which there are payloads.
    async fn periods(&self) -> Result<Vec<RetentionPeriod>, LogError>;

    /// What there is of a period; none if nothing is.
    async fn payloads(&self, period: RetentionPeriod) -> Result<Option<PayloadRange>, LogError>;

    /// Deletes payloads of a period, at most `limit`, and tells how many. None of a
    /// period whose day has not come by the store's own date, where it has one.
    async fn erase(&self, period: RetentionPeriod, limit: u32) -> Result<u64, LogError>;
}

/// How the log stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogState {
    /// How many entries are sequenced.
    pub sequenced: u64,
    /// How many the published checkpoint covers.
    pub published: u64,
    /// Whether what is sequenced gets signed.
    pub standing: Standing,
}

/// What the last round of the sequencer came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Standing {
    /// There was none yet: nothing may be appended.
    #[default]
    Unchecked,
    /// The store is what was signed, and its checkpoint was published.
    Sound,
    /// The store is what was signed, and something failed since; it is tried again.
    Unpublished,
    /// The store is not what was signed: by the name of an
    /// [`Evidence`]. Nothing is signed and nothing appended.
    Refused(String),
}

impl Standing {
    /// Whether entries may be appended.
    pub fn takes_entries(&self) -> bool {
        match self {
            Self::Sound | Self::Unpublished => true,
            Self::Unchecked | Self::Refused(_) => false,
        }
    }

    /// What follows from a round that ended, or that found something.
    #[must_use]
    pub fn after(self, round: Result<(), Option<Evidence>>) -> Self {
        match (round, self) {
            (Ok(()), _) => Self::Sound,
            (Err(Some(evidence)), _) => Self::Refused(evidence.name().to_owned()),
            // A round that could not be made says nothing of the store, neither good nor bad.
            (Err(None), Self::Sound | Self::Unpublished) => Self::Unpublished,
            (Err(None), before @ (Self::Unchecked | Self::Refused(_))) => before,
        }
    }
}

/// A part of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSlice {
    /// How many entries the log holds.
    pub size: u64,
    /// Those that were asked for.
    pub items: Vec<SealedEntry>,
}

impl LogSlice {
    /// A part that was read entry by entry while others append. `known` entries were there
    /// before it was read: of those one that is not in it is missing, and not merely too
    /// young. It holds at least what it shows.
    #[must_use]
    pub fn read_after(known: u64, items: Vec<SealedEntry>) -> Self {
        let shown = items.last().map_or(0, |last| last.index.saturating_add(1));
        Self {
            size: known.max(shown),
            items,
        }
    }
}

/// Why the log did not take or give an entry. All of them are our fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The store answered with an error or could not be reached.
    #[error("the log store is unavailable")]
    Unavailable,
    /// The store did not answer in time; the entry may or may not be there.
    #[error("the log store did not answer within {limit_ms} ms")]
    Timeout {
        /// The limit that passed.
        limit_ms: u32,
    },
    /// The store holds another entry under this id.
    #[error("the log store holds another entry under the same id")]
    Conflict,
    /// The store answered with something that is no receipt.
    #[error("the log store's answer is malformed")]
    Malformed,
    /// The store is not what was signed ([`Standing::Refused`]), or was not compared
    /// with it yet.
    #[error("the log store is not the one that was signed, or that is not known yet")]
    NotTrusted,
    /// The platform keeps no such log.
    #[error("there is no log {}", .0.path())]
    NoShard(Shard),
    /// The key of the record's retention period cannot be had, so nothing is recorded.
    #[error("the key of the record's retention period cannot be had")]
    KeyUnavailable,
    /// By the store's own date the period is not over.
    #[error("by the store's own date the period is not over")]
    NotDue,
    /// The receipt does not extend the chain by this entry.
    #[error("the log store's receipt does not cover the entry")]
    ReceiptMismatch,
}

/// Why an issuer's document could not be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection, or it broke.
    #[error("no connection to the issuer")]
    Unreachable,
    /// No whole answer in time.
    #[error("the issuer did not answer within {limit_ms} ms")]
    Timeout {
        /// The limit that passed.
        limit_ms: u32,
    },
    /// Any answer but 200; redirects are not followed.
    #[error("the issuer answered {status}")]
    Status {
        /// What it answered.
        status: u16,
    },
    /// More bytes than allowed.
    #[error("the issuer's answer is over {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// Why the upstream gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection, or it broke before the answer's head.
    #[error("no connection to the upstream")]
    Unreachable,
    /// No answer's head in time.
    #[error("the upstream did not answer within {limit_ms} ms")]
    Timeout {
        /// The limit that passed.
        limit_ms: u32,
    },
    /// The platform refused to send the request (a URL or header it rejects).
    #[error("the request could not be sent")]
    NotSent,
}

impl UpstreamError {
    /// The stable code that the outcome record carries.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "upstreamUnreachable",
            Self::Timeout { .. } => "upstreamTimeout",
            Self::NotSent => "upstreamNotSent",
        }
    }
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More bytes than allowed.
    #[error("the body is over {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Whoever sent it stopped before its end.
    #[error("the body ended early")]
    Incomplete,
}
