//! Signed notes (C2SP signed-note), and what is made of them: checkpoints
//! (tlog-checkpoint), cosignatures of witnesses (tlog-cosignature), proof
//! bundles (tlog-proof), the question to a witness (tlog-witness), and the map
//! of a deployment's logs.

mod add_checkpoint;
mod checkpoint;
mod cosignature;
mod key;
pub(crate) mod lines;
mod proof_bundle;
mod shard_map;
mod signed;
mod signer;

pub use add_checkpoint::{
    AddCheckpoint, AddCheckpointError, Advance, WitnessRefusal, WitnessedLog,
};
pub use checkpoint::{Checkpoint, CheckpointError, MAX_EXTENSION_LINES, VerifiedCheckpoint};
pub use cosignature::{
    Cosignature, CosignatureError, CosignatureSigner, CosignatureVerifier, Quorum, QuorumError,
};
pub use key::{
    KEY_ID_BYTES, KeyName, KeyNameError, MAX_KEY_NAME_BYTES, NoteKeyId, NoteVerifier,
    SignatureType, VerifierKeyError,
};
pub use lines::LinesError;
pub use proof_bundle::{
    BundleFault, MAX_EXTRA_BYTES, ProofBundle, ProofBundleError, VerifiedBundle,
};
pub use shard_map::{DatedShardMap, MAX_MAP_AGE_MS, ShardNoteError, VerifiedShardMap};
pub use signed::{
    MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, NoteError, NoteSignature, SignatureFault, SignedNote,
};
pub use signer::{NoteSigner, SignerError};
