//! The sequencer: from entries that are durable to a signed checkpoint over them.
//!
//! Three phases, each behind the other:
//!
//! 1. **Sequence.** An append gives an entry its index and its link of the chain, durably. That is what a permit needs, and it
//!    is done by the stores themselves; nothing of this module stands before it.
//! 2. **Integrate.** What was sequenced since is read, its links are checked, and its leaf hashes extend the Merkle tree.
//! 3. **Publish.** The new tree head is put in a *trusted* place by compare-and-swap; then the checkpoint is signed and
//!    written with the tiles under it.
//!
//! The store that keeps entries, tiles and the checkpoint is trusted with nothing here. What it says is compared with the
//! trusted place ([`Checkpoints`]) at every start and before every signature: a store that was put back to an earlier state
//! or changed below the last signed head is [`Evidence`], and nothing is signed.
//!
//! The order makes a fork impossible to publish. The trusted head only ever moves from one tree to an extension of it,
//! because the one that moves it has just recomputed the old root from the tiles that it extends. A checkpoint is signed
//! only for a head that the trusted place has taken. A sequencer that stops between the two leaves a trusted head ahead of the
//! store; the next one integrates up to exactly that head, and no other root will do.
//!
//! | file | what |
//! |---|---|
//! | `store` | what a store and a trusted place must do |
//! | `evidence` | what speaks against a store |
//! | `round` | one turn of integrating and publishing |
//! | `memory` | both places in memory |
//! | `conformance` | a suite for every store |
//! | `seal` | a trusted head where others could write |

pub mod conformance;
mod evidence;
mod memory;
mod round;
mod seal;
mod store;

pub use evidence::{Evidence, SequencerError};
pub use memory::{AdvanceError, MemoryCheckpoints, MemoryTree};
pub use round::{MAX_ROUND_ENTRIES, Published, Sequencer};
pub use seal::HeadSeal;
pub use store::{Checkpoints, StoredCheckpoint, StoredLeaf, Swap, TreeStore};
