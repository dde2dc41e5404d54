//! One small suite for every tree store and trusted place: rounds over them come out as in memory, and neither takes a write
//! that would change what stands.
//!
//! Both must be empty at first. See [`crate::conformance`] for the entries under them.

use std::cell::RefCell;
use std::fmt::Display;

use thiserror::Error;

use super::{Checkpoints, MemoryCheckpoints, Sequencer, StoredCheckpoint, Swap, TreeStore};
use crate::chain::Origin;
use crate::conformance::sample;
use crate::memory::MemoryLog;
use crate::note::NoteSigner;
use crate::payload::PayloadError;
use crate::pending::PendingEntry;
use crate::tree::{EdgeTiles, TileId, TreeHead};

/// How a store or a trusted place differs from the reference.
#[derive(Debug, Error)]
pub enum Deviation {
    /// An operation failed that must not.
    #[error("with {size} entries: {error}")]
    Failed {
        /// How many entries there were.
        size: u64,
        /// What it said.
        error: String,
    },
    /// The checkpoint, its tiles or the trusted head are not the reference's.
    #[error("with {size} entries, {what} is not as in memory")]
    Differs {
        /// How many entries there were.
        size: u64,
        /// What differs.
        what: &'static str,
    },
    /// A write that must not be taken was taken.
    #[error("{0} was taken")]
    Taken(&'static str),
    /// The suite could not make an entry.
    #[error(transparent)]
    Sample(#[from] PayloadError),
}

/// Entries between two rounds: around a tile's end, none, and across several tiles.
const BATCHES: [u64; 7] = [1, 1, 253, 1, 0, 1, 600];

/// Runs the suite; `append` puts an entry into the store.
pub async fn run<S, C, E>(
    mut append: impl FnMut(&PendingEntry) -> Result<(), E>,
    store: &S,
    checkpoints: &C,
    origin: &Origin,
    signer: &NoteSigner,
) -> Result<(), Deviation>
where
    S: TreeStore<Error: Display>,
    C: Checkpoints<Error: Display>,
    E: Display,
{
    let reference = RefCell::new(MemoryLog::new(origin.clone()));
    let heads = MemoryCheckpoints::default();
    let mut size = 0;
    for batch in BATCHES {
        for number in size..size + batch {
            let pending = sample(number, 0)?;
            append(&pending).map_err(|error| failed(size, error))?;
            // INVARIANT: the samples have ids of their own, so the reference takes them.
            let _ = reference.borrow_mut().append(&pending);
        }
        size += batch;
        let sequencer = Sequencer {
            origin,
            store,
            checkpoints,
            signer,
        };
        sequencer
            .round()
            .await
            .map_err(|error| failed(size, error))?;
        let expected = Sequencer {
            origin,
            store: &reference,
            checkpoints: &heads,
            signer,
        };
        expected
            .round()
            .await
            .map_err(|error| failed(size, error))?;
        compare(size, store, &reference).await?;
        let trusted = checkpoints
            .last(origin)
            .await
            .map_err(|error| failed(size, error))?;
        let Ok(expected) = heads.last(origin).await;
        if expected != trusted {
            let what = "the trusted head";
            return Err(Deviation::Differs { size, what });
        }
    }
    append(&sample(size, 0)?).map_err(|error| failed(size, error))?;
    refuses(store, size).await?;
    refuses_heads(checkpoints, origin, size).await
}

fn failed(size: u64, error: impl Display) -> Deviation {
    let error = error.to_string();
    Deviation::Failed { size, error }
}

async fn compare<S: TreeStore<Error: Display>>(
    size: u64,
    store: &S,
    reference: &RefCell<MemoryLog>,
) -> Result<(), Deviation> {
    let differs = |what| Err(Deviation::Differs { size, what });
    let stored = store
        .checkpoint()
        .await
        .map_err(|error| failed(size, error))?;
    if stored.as_ref() != reference.borrow().tree().checkpoint() {
        return differs("the checkpoint");
    }
    let leaves = store
        .leaves(0, size)
        .await
        .map_err(|error| failed(size, error))?;
    if leaves != reference.borrow().leaves(0, size) {
        return differs("an entry");
    }
    let full = (0..size >> 8).map(|index| TileId { level: 0, index });
    let absent = [TileId { level: 3, index: 0 }];
    for id in full.chain(EdgeTiles::needed(size)).chain(absent) {
        let row = store.tile(id).await.map_err(|error| failed(size, error))?;
        if row.as_deref() != reference.borrow().tree().tile(id) {
            return differs("a tile");
        }
    }
    Ok(())
}

/// What the store must not take, with one entry more than its checkpoint covers.
async fn refuses<S: TreeStore<Error: Display>>(store: &S, size: u64) -> Result<(), Deviation> {
    let stored = store
        .checkpoint()
        .await
        .map_err(|error| failed(size, error))?;
    let head = stored.map_or_else(TreeHead::empty, |stored| stored.head);
    let edge = TileId {
        level: 0,
        index: size >> 8,
    };
    let row = store
        .tile(edge)
        .await
        .map_err(|error| failed(size, error))?;
    let row = row.unwrap_or_default();
    let grown = [row.as_slice(), &[9; 32]].concat();
    let shorter = row.get(32..).unwrap_or_default().to_vec();
    let to = |size| StoredCheckpoint {
        head: TreeHead { size, ..head },
        note: String::from("none"),
    };
    let older = TreeHead {
        size: size - 1,
        ..head
    };
    let other = TreeHead {
        size,
        ..TreeHead::empty()
    };
    for (old, what) in [
        (older, "a checkpoint behind an older one"),
        (other, "a checkpoint behind another one"),
        (TreeHead::empty(), "a first checkpoint behind another"),
    ] {
        let swap = store
            .advance(old, &[(edge, grown.clone())], &to(size + 1))
            .await;
        if swap.map_err(|error| failed(size, error))? != Swap::Moved {
            return Err(Deviation::Taken(what));
        }
    }
    // These are errors where a constraint finds them, or no change.
    for (tile, new, what) in [
        (&shorter, size + 1, "a tile that lost a hash"),
        (&grown, size + 2, "a checkpoint beyond the entries"),
        (&grown, size, "a checkpoint of the same size"),
    ] {
        let swap = store.advance(head, &[(edge, tile.clone())], &to(new)).await;
        if matches!(swap, Ok(Swap::Done)) {
            return Err(Deviation::Taken(what));
        }
    }
    let again = store
        .checkpoint()
        .await
        .map_err(|error| failed(size, error))?;
    if again.is_none_or(|again| again.head != head) {
        return Err(Deviation::Taken("a refused checkpoint"));
    }
    Ok(())
}

async fn refuses_heads<C: Checkpoints<Error: Display>>(
    checkpoints: &C,
    origin: &Origin,
    size: u64,
) -> Result<(), Deviation> {
    let last = checkpoints
        .last(origin)
        .await
        .map_err(|error| failed(size, error))?;
    let last = last.unwrap_or_else(TreeHead::empty);
    let larger = TreeHead {
        size: size + 1,
        ..last
    };
    let other = TreeHead {
        size,
        ..TreeHead::empty()
    };
    for (old, new, what) in [
        (TreeHead::empty(), larger, "a first head behind another"),
        (other, larger, "a head behind another one"),
        (
            TreeHead {
                size: size - 1,
                ..last
            },
            larger,
            "a head behind an older one",
        ),
        (last, last, "a head of the same size"),
        (
            last,
            TreeHead {
                size: size - 1,
                ..last
            },
            "a smaller head",
        ),
    ] {
        let swap = checkpoints.advance(origin, old, new).await;
        if swap.map_err(|error| failed(size, error))? != Swap::Moved {
            return Err(Deviation::Taken(what));
        }
    }
    let again = checkpoints
        .last(origin)
        .await
        .map_err(|error| failed(size, error))?;
    if again != Some(last) {
        return Err(Deviation::Taken("a refused head"));
    }
    Ok(())
}
