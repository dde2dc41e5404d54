//! The random values of one request, drawn at once: every draw crosses into
//! the platform, which on Workers costs about a microsecond.

use sluis_log::{CommitmentRandom, EntryId, TraceId};

use crate::error::Fault;

const ID_BYTES: usize = 16;
const COMMITMENT_BYTES: usize = 32;

/// Random bytes for the ids and commitments of one request.
pub(crate) struct Nonces {
    trace: [u8; ID_BYTES],
    upstream_trace: [u8; ID_BYTES],
    entry: [u8; ID_BYTES],
    outcome_entry: [u8; ID_BYTES],
    commitment: [u8; COMMITMENT_BYTES],
    outcome_commitment: [u8; COMMITMENT_BYTES],
}

impl Nonces {
    pub(crate) fn draw() -> Result<Self, Fault> {
        let mut blocks = [[0; COMMITMENT_BYTES]; 6];
        getrandom::fill(blocks.as_flattened_mut()).map_err(|_| Fault::Random)?;
        let [
            trace,
            upstream_trace,
            entry,
            outcome_entry,
            commitment,
            outcome_commitment,
        ] = blocks;
        Ok(Self {
            trace: id(trace),
            upstream_trace: id(upstream_trace),
            entry: id(entry),
            outcome_entry: id(outcome_entry),
            commitment,
            outcome_commitment,
        })
    }

    /// The id of this answer.
    pub(crate) fn trace_id(&self) -> TraceId {
        EntryId::from_random(self.trace).into()
    }

    /// The id of the call to the upstream.
    pub(crate) fn upstream_trace_id(&self) -> TraceId {
        EntryId::from_random(self.upstream_trace).into()
    }

    /// The id and the commitment's random of the decision's entry.
    pub(crate) fn decision_entry(&self) -> (EntryId, CommitmentRandom) {
        (
            EntryId::from_random(self.entry),
            CommitmentRandom::new(self.commitment),
        )
    }

    /// The same for the outcome's entry.
    pub(crate) fn outcome_entry(&self) -> (EntryId, CommitmentRandom) {
        (
            EntryId::from_random(self.outcome_entry),
            CommitmentRandom::new(self.outcome_commitment),
        )
    }
}

fn id(block: [u8; COMMITMENT_BYTES]) -> [u8; ID_BYTES] {
    let mut id = [0; ID_BYTES];
    for (to, from) in id.iter_mut().zip(block) {
        *to = from;
    }
    id
}
