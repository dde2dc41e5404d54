//! The random values of one request. They are drawn for several requests at once:
//! every draw crosses into the platform, which on Workers takes two microseconds.

use std::cell::RefCell;

use sluis_log::{CommitmentRandom, EntryId, TraceId};
use zeroize::Zeroize as _;

use crate::error::Fault;

const ID_BYTES: usize = 16;
const COMMITMENT_BYTES: usize = 32;
/// What one request takes.
const REQUEST_BYTES: usize = 4 * ID_BYTES + 2 * COMMITMENT_BYTES;
/// For how many requests is drawn.
const REQUESTS: usize = 16;

thread_local! {
    static POOL: RefCell<Pool> = const {
        RefCell::new(Pool { bytes: [[0; REQUEST_BYTES]; REQUESTS], left: 0 })
    };
}

/// Values that no request has taken yet, the first `left`.
struct Pool {
    bytes: [[u8; REQUEST_BYTES]; REQUESTS],
    left: usize,
}

impl Pool {
    /// Takes one request's values, once: nothing of them stays.
    fn take(&mut self) -> Result<[u8; REQUEST_BYTES], Fault> {
        if self.left == 0 {
            getrandom::fill(self.bytes.as_flattened_mut()).map_err(|_| Fault::Random)?;
            self.left = REQUESTS;
        }
        self.left -= 1;
        let slot = self.bytes.get_mut(self.left).ok_or(Fault::Random)?;
        let taken = *slot;
        slot.zeroize();
        Ok(taken)
    }
}

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
        let bytes = POOL.with_borrow_mut(Pool::take)?;
        let mut rest = bytes.as_slice();
        Ok(Self {
            trace: part(&mut rest)?,
            upstream_trace: part(&mut rest)?,
            entry: part(&mut rest)?,
            outcome_entry: part(&mut rest)?,
            commitment: part(&mut rest)?,
            outcome_commitment: part(&mut rest)?,
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

/// The next bytes.
fn part<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Fault> {
    let (part, after) = rest.split_first_chunk().ok_or(Fault::Random)?;
    *rest = after;
    Ok(*part)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_value_is_given_twice() {
        let mut seen = HashSet::new();
        for _ in 0..3 * REQUESTS {
            let nonces = Nonces::draw().unwrap();
            for id in [
                nonces.trace,
                nonces.upstream_trace,
                nonces.entry,
                nonces.outcome_entry,
            ] {
                assert!(seen.insert(id.to_vec()));
            }
            assert!(seen.insert(nonces.commitment.to_vec()));
            assert!(seen.insert(nonces.outcome_commitment.to_vec()));
        }
    }

    #[test]
    fn what_was_taken_is_wiped() {
        let mut pool = Pool {
            bytes: [[0; REQUEST_BYTES]; REQUESTS],
            left: 0,
        };
        for left in (0..REQUESTS).rev() {
            assert_ne!(pool.take().unwrap(), [0; REQUEST_BYTES]);
            assert_eq!(pool.left, left);
            let wiped = |slot: &[u8; REQUEST_BYTES]| *slot == [0; REQUEST_BYTES];
            assert!(pool.bytes[left..].iter().all(wiped));
            assert!(!pool.bytes[..left].iter().any(wiped));
        }
    }
}
