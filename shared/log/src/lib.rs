//! Audit records, committed log entries and the chain that links them.
//!
//! In scope: what is recorded ([`Event`]), how a record is bound to a small
//! entry that holds nothing personal ([`seal`], [`Entry`]), how entries are
//! linked ([`link`], [`ChainHead`]), how a stored log is verified
//! ([`verify_chain`]), the schema of the relational stores ([`sql`]) and a
//! store in memory that the others are compared with ([`MemoryLog`]).
//!
//! Out of scope: doing the storage, a clock, randomness, HTTP. The bytes of an
//! entry are the leaves of RFC 6962 §2.1 and of C2SP tlog-tiles; the tree over
//! them, its checkpoints and the encryption of payloads are not made here, and
//! change no entry when they come.

mod chain;
mod checks;
mod commitment;
pub mod conformance;
mod entry;
mod event;
mod export;
mod hash;
mod id;
mod memory;
mod payload;
mod pending;
mod reference;
pub mod sql;
mod stored;
mod time;
mod verify;

pub use chain::{ChainHash, ChainHead, MAX_ORIGIN_BYTES, Origin, OriginError, link};
pub use commitment::{Commitment, CommitmentRandom};
pub use entry::{
    ENTRY_BYTES, ENTRY_VERSION, Entry, EntryError, LeafHash, OutcomeCode, PolicyDigest, Stream,
};
pub use event::{
    BackendResult, Check, CheckOutcome, ComparisonCount, DecisionRecord, DeliberationFacts, Event,
    KeysPurged, LogRead, MAX_CHECKS, MAX_DATA_CATEGORIES, MAX_TEXT_BYTES, MAX_TRACE_ID_BYTES,
    MandateFacts, OperationFacts, OutcomeRecord, RefusalAggregate, TokenFacts, Trace, TraceId,
    Verdict,
};
pub use export::ExportHeader;
pub use hash::{HASH_BYTES, HmacSha256, hmac_sha256};
pub use id::{ENTRY_ID_BYTES, EntryId, EntryIdError};
pub use memory::{AppendError, MemoryLog};
pub use payload::{EventSource, MAX_PAYLOAD_BYTES, PayloadError};
pub use pending::{Envelope, PendingEntry, PendingError, Receipt, ReceiptError, seal, seal_with};
pub use reference::{
    HolderIdentity, HolderRef, MandateRef, ReferenceKey, ReferenceKeyError, ReferenceKeyId,
    SubjectRef,
};
pub use stored::{
    CommitmentError, CommitmentState, EntryPage, MAX_PAGE_ENTRIES, Opening, Row, StoredEntry,
    StoredError,
};
pub use time::{Minute, TimeError, UnixMillis};
pub use verify::{ChainVerifier, Fault, FsckError, IdCheck, LogSummary, RECENT_IDS, verify_chain};
