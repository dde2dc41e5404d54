//! Whom a reader of a log trusts: the log's keys, and how many of which witnesses.

use clap::Args;
use sluis_log::{
    Checkpoint, CheckpointError, Cosignature, CosignatureVerifier, NoteVerifier, Origin, Quorum,
    SignedNote, VerifiedCheckpoint,
};

use super::deployment::keys_for;
use super::failure::LogFailure;

/// The witnesses that count.
#[derive(Debug, Clone, Args)]
pub(crate) struct Witnesses {
    /// A witness's verifier key, `<name>+<id>+<key>`; may be repeated
    #[arg(long = "witness", value_name = "KEY", value_parser = CosignatureVerifier::parse)]
    witnesses: Vec<CosignatureVerifier>,
    /// How many of the witnesses must have cosigned; by default all that are named
    #[arg(long, value_name = "N", requires = "witnesses")]
    quorum: Option<usize>,
}

impl Witnesses {
    pub(crate) fn quorum(&self) -> Result<Quorum, LogFailure> {
        let needed = self.quorum.unwrap_or(self.witnesses.len());
        Ok(Quorum::new(self.witnesses.clone(), needed)?)
    }
}

/// A checkpoint under the keys that were named, and the known witnesses that cosigned it.
#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) checkpoint: VerifiedCheckpoint,
    pub(crate) cosignatures: Vec<Cosignature>,
}

/// The origin that the keys are of: that of all of them, and the expected one if one is.
pub(crate) fn origin_of(
    keys: &[NoteVerifier],
    expected: Option<&Origin>,
) -> Result<Origin, LogFailure> {
    // INVARIANT: clap asks for at least one key.
    let first = keys.first().ok_or(LogFailure::NoKey)?;
    let origin = Origin::parse(first.name().as_str()).map_err(CheckpointError::from)?;
    let expected = expected.unwrap_or(&origin);
    match keys
        .iter()
        .find(|key| key.name().as_str() != expected.as_str())
    {
        None => Ok(origin),
        Some(other) => Err(LogFailure::OtherKey {
            key: other.name().clone(),
            origin: expected.clone(),
        }),
    }
}

/// The keys of the log that something says it is of: those that were named are the log's own, or
/// its deployment's. Of another log or deployment there are none.
pub(crate) fn keys_of_log(
    keys: &[NoteVerifier],
    expected: Option<&Origin>,
    log: &Origin,
) -> Result<Vec<NoteVerifier>, LogFailure> {
    let known = origin_of(keys, expected)?;
    let keys = keys_for(keys, log)?;
    if keys.is_empty() {
        return Err(LogFailure::OtherOrigin {
            expected: known,
            found: log.clone(),
        });
    }
    Ok(keys)
}

/// Verifies what was read as a checkpoint of whatever log of a deployment whose keys these are.
pub(crate) fn checkpoint_of_any(
    bytes: &[u8],
    keys: &[NoteVerifier],
) -> Result<Trusted, LogFailure> {
    let note = SignedNote::parse(bytes).map_err(CheckpointError::from)?;
    let origin = Checkpoint::parse(note.text())?.origin().clone();
    let keys = keys_for(keys, &origin)?;
    checkpoint(bytes, &origin, &keys, &Quorum::none())
}

/// Verifies what was read as a checkpoint.
pub(crate) fn checkpoint(
    bytes: &[u8],
    origin: &Origin,
    keys: &[NoteVerifier],
    quorum: &Quorum,
) -> Result<Trusted, LogFailure> {
    let note = SignedNote::parse(bytes).map_err(CheckpointError::from)?;
    let checkpoint = VerifiedCheckpoint::verify(note, origin, keys)?;
    let cosignatures = quorum.reached(&checkpoint)?;
    Ok(Trusted {
        checkpoint,
        cosignatures,
    })
}
