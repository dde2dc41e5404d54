//! Audit records, committed log entries and the chain that links them.
//!
//! In scope: what is recorded ([`Event`]), how a record is bound to a small
//! entry that holds nothing personal ([`seal`], [`Entry`]), how entries are
//! linked ([`link`], [`ChainHead`]), how a stored log is verified
//! ([`verify_chain`]), the schema of the relational stores ([`sql`]) and a
//! store in memory that the others are compared with ([`MemoryLog`]).
//!
//! Over the same entries stands a Merkle tree (RFC 6962), in the formats of
//! C2SP: how it grows as tiles ([`integrate`], [`EdgeTiles`], tlog-tiles), its
//! signed heads ([`Checkpoint`], tlog-checkpoint and signed-note), proofs
//! ([`inclusion_proof`], [`ProofBundle`], tlog-proof), the word of witnesses
//! ([`Cosignature`], [`AddCheckpoint`], tlog-cosignature and tlog-witness), and
//! how a reader verifies all of it ([`TreeCheck`], [`VerifiedCheckpoint`]).
//!
//! And over logs of several parties stands the [`trace`] of a call: who, what,
//! where, when, why; and for who a holder is that must stay hidden, the
//! two-party procedure of [`reidentify`].
//!
//! What is personal is sealed under a key for each retention period
//! ([`RetentionPeriod`], [`PayloadKey`]), so that it can be destroyed and every proof
//! still holds.
//!
//! Beside it, in a log of its own, stands the custody of carriers with protected data
//! ([`CustodyRegister`]).
//!
//! Out of scope: doing the storage, a clock, randomness, HTTP.

mod auditor;
mod chain;
mod checks;
mod commitment;
pub mod conformance;
mod custody;
mod destruction;
mod edge_node;
mod entry;
mod erasure;
mod event;
mod export;
mod hash;
mod id;
mod memory;
mod names;
mod note;
mod payload;
mod payload_key;
mod pending;
mod receipt;
mod reference;
pub mod reidentify;
mod retention;
pub mod sequencer;
mod shard;
mod source;
pub mod sql;
mod stored;
mod time;
pub mod trace;
mod tree;
mod verify;

pub use auditor::{
    AuditorGrant, AuditorGrantError, AuditorKey, AuditorKeyError, AuditorTokenError,
    MAX_AUDITOR_TEXT_BYTES, MAX_AUDITOR_TOKEN_BYTES, MAX_AUDITOR_TOKEN_SECONDS, ReadingPurpose,
    VerifiedAuditor,
};
pub use chain::{ChainHash, ChainHead, MAX_ORIGIN_BYTES, Origin, OriginError, link};
pub use commitment::{Commitment, CommitmentRandom};
pub use custody::{
    CarrierCustody, CustodyAction, CustodyAlarm, CustodyCode, CustodyCodeError, CustodyDay,
    CustodyDayError, CustodyError, CustodyEvent, CustodyPlace, CustodyRecord, CustodyRecordError,
    CustodyRegister, DestructionMethod, Encryption, MAX_CUSTODY_CODE_BYTES, MAX_OPEN_CARRIERS,
};
pub use destruction::{
    DestroyedPayloads, DestructionError, DestructionRecord, LoggedAt, LoggedDestruction,
    LoggedDestructionError, MAX_DESTRUCTION_LOGS, PayloadRange, VerifiedDestruction,
};
pub use edge_node::{EdgeNode, EdgeNodeError, MAX_EDGE_NODE_BYTES};
pub use entry::{
    ENTRY_BYTES, ENTRY_VERSION, Entry, EntryError, LeafHash, OutcomeCode, PolicyDigest, Stream,
};
pub use erasure::{DestroyedPeriods, Erasures};
pub use event::{
    BackendResult, Check, CheckOutcome, ComparisonCount, DecisionRecord, DeliberationFacts, Event,
    GateMode, KeysPurged, LogRead, MAX_CHECKS, MAX_DATA_CATEGORIES, MAX_TEXT_BYTES,
    MAX_TRACE_ID_BYTES, MandateFacts, OperationFacts, OutcomeRecord, PayloadsDestroyed,
    RefusalAggregate, TokenFacts, Trace, TraceId, Verdict,
};
pub use export::ExportHeader;
pub use hash::{HASH_BYTES, HkdfSha256, decimal, hkdf_sha256, hmac_sha256};
pub use id::{ENTRY_ID_BYTES, EntryId, EntryIdError};
pub use memory::{AppendError, MemoryLog};
pub use note::{
    AddCheckpoint, AddCheckpointError, Advance, BundleFault, Checkpoint, CheckpointError,
    Cosignature, CosignatureError, CosignatureSigner, CosignatureVerifier, DatedShardMap,
    KEY_ID_BYTES, KeyName, KeyNameError, LinesError, MAX_EXTENSION_LINES, MAX_EXTRA_BYTES,
    MAX_KEY_NAME_BYTES, MAX_MAP_AGE_MS, MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, NoteError, NoteKeyId,
    NoteSignature, NoteSigner, NoteVerifier, ProofBundle, ProofBundleError, Quorum, QuorumError,
    ShardNoteError, SignatureFault, SignatureType, SignedNote, SignerError, VerifiedBundle,
    VerifiedCheckpoint, VerifiedShardMap, VerifierKeyError, WitnessRefusal, WitnessedLog,
};
pub use payload::{MAX_PAYLOAD_BYTES, PayloadError};
pub use payload_key::{
    MAX_SEALED_BYTES, MIN_SEALED_BYTES, NONCE_BYTES, PayloadKey, PayloadKeyId, WRAPPED_KEY_BYTES,
    WrappedKey, WrappedKeyError, WrappingKey,
};
pub use pending::{Envelope, PendingEntry, PendingError, Receipt, ReceiptError, seal, seal_with};
pub use receipt::{
    CallReceipt, CallReceiptError, Capability, MAX_RECEIPT_DOCUMENT_BYTES, MAX_RECEIPT_FIELD_BYTES,
    ReceiptDocument, ReceiptDocumentError, ReceiptFault, ReceiptField, ReceiptFieldError,
    ReceiptKey, VerifiedReceipt,
};
pub use reference::{
    Epoch, EpochKey, HolderIdentity, HolderRef, MandateRef, ReferenceKey, ReferenceKeyError,
    ReferenceKeyId, SubjectRef,
};
pub use retention::{
    DEFAULT_ACCESS_YEARS, DEFAULT_REFUSAL_MONTHS, MAX_ACCESS_YEARS, MAX_PERIOD_BYTES,
    RetentionPeriod, RetentionPeriodError, RetentionTerms, RetentionTermsError,
};
pub use shard::{MAX_SHARDS, MappedLog, Shard, ShardKey, ShardMap, ShardMapError};
pub use source::EventSource;
pub use stored::{
    CommitmentError, CommitmentState, EntryPage, Erasable, KnownKey, MAX_PAGE_ENTRIES, Opening,
    Row, SealedEntry, SealedPayload, StoredEntry, StoredError,
};
pub use time::{Minute, TimeError, UnixMillis};
pub use tree::{
    BundleError, EdgeTiles, EntryBundle, Extension, Included, Integrated, MAX_BUNDLE_BYTES,
    MAX_PROOF_HASHES, MAX_TILE_BYTES, MAX_TILE_PATH_BYTES, MAX_TREE_SIZE, ProofError, TILE_WIDTH,
    TileId, TileKind, TilePath, TilePathError, TreeCheck, TreeError, TreeFault, TreeFile,
    TreeFiles, TreeFilesError, TreeHash, TreeHead, consistency_proof, consistency_tiles,
    inclusion_proof, inclusion_tiles, integrate, verify_consistency, verify_inclusion,
};
pub use verify::{ChainVerifier, Fault, FsckError, IdCheck, LogSummary, RECENT_IDS, verify_chain};
