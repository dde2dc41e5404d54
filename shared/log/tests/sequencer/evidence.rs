//! Stores that lie, and what the sequencer says of each.

use std::cell::RefCell;

use sluis_log::MemoryLog;
use sluis_log::sequencer::{
    AdvanceError, Checkpoints as _, Evidence, MAX_ROUND_ENTRIES, MemoryCheckpoints, Sequencer,
    SequencerError, StoredCheckpoint, StoredLeaf, Swap, TreeStore,
};
use sluis_log::{TileId, TreeHash, TreeHead};

use crate::rounds::{log_of, round};
use crate::{entry, now, origin, signer};

/// What the owner of a store did to it.
#[derive(Clone, Copy)]
enum Lie {
    None,
    /// The last entry of the tree was replaced.
    LastEntry,
    /// An entry behind the tree was replaced, and its chain value was not.
    Tail,
    /// The entries from there on are gone.
    Cut(u64),
    /// A hash of the edge was changed.
    Tile(TileId),
    /// A tile of the edge is gone.
    NoTile,
    /// The checkpoint has another root.
    Root,
}

struct Liar<'a> {
    log: &'a RefCell<MemoryLog>,
    lie: Lie,
}

impl TreeStore for Liar<'_> {
    type Error = AdvanceError;

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, AdvanceError> {
        let size = self
            .log
            .borrow()
            .tree()
            .checkpoint()
            .map_or(0, |c| c.head.size);
        let mut leaves = self.log.borrow().leaves(from, limit);
        for leaf in &mut leaves {
            let replaced = match self.lie {
                Lie::LastEntry => leaf.index + 1 == size,
                Lie::Tail => leaf.index == size + 2,
                Lie::None | Lie::Cut(_) | Lie::Tile(_) | Lie::NoTile | Lie::Root => false,
            };
            if replaced {
                leaf.entry[6] ^= 1;
            }
        }
        if let Lie::Cut(end) = self.lie {
            leaves.retain(|leaf| leaf.index < end);
        }
        Ok(leaves)
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, AdvanceError> {
        let mut stored = self.log.checkpoint().await?;
        if let (Lie::Root, Some(stored)) = (self.lie, &mut stored) {
            stored.head.root = TreeHash([1; 32]);
        }
        Ok(stored)
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, AdvanceError> {
        let mut row = self.log.tile(id).await?;
        if let (Lie::Tile(tile), Some(row)) = (self.lie, &mut row)
            && tile == id
        {
            row[40] ^= 1;
        }
        Ok(row.filter(|_| !matches!(self.lie, Lie::NoTile)))
    }

    async fn advance(
        &self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> Result<Swap, AdvanceError> {
        self.log.advance(old, tiles, new).await
    }
}

fn evidence(log: &RefCell<MemoryLog>, heads: &MemoryCheckpoints, lie: Lie) -> Option<Evidence> {
    let (origin, signer) = (origin(), signer());
    let before = log.borrow().tree().checkpoint().cloned();
    let sequencer = Sequencer {
        origin: &origin,
        store: &Liar { log, lie },
        checkpoints: heads,
        signer: &signer,
    };
    match now(sequencer.round()) {
        Ok(_) => None,
        Err(SequencerError::Evidence(evidence)) => {
            assert_eq!(
                log.borrow().tree().checkpoint(),
                before.as_ref(),
                "signed all the same"
            );
            Some(evidence)
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_lie_is_named_and_nothing_is_signed() {
    let (log, heads) = (log_of(600), MemoryCheckpoints::default());
    round(&log, &heads);
    for number in 600..610 {
        log.borrow_mut().append(&entry(number)).unwrap();
    }
    let edge = TileId { level: 0, index: 2 };
    let above = TileId { level: 1, index: 0 };
    for (lie, expected) in [
        (Lie::LastEntry, Evidence::Leaf { index: 599 }),
        (Lie::Tail, Evidence::Chain { index: 602 }),
        (
            Lie::Cut(599),
            Evidence::RolledBack {
                index: 599,
                trusted: 600,
            },
        ),
        (Lie::Tile(edge), Evidence::Root { size: 600 }),
        (Lie::Tile(above), Evidence::Root { size: 600 }),
        (Lie::NoTile, Evidence::Tile(edge)),
        (Lie::Root, Evidence::Root { size: 600 }),
    ] {
        assert_eq!(evidence(&log, &heads, lie), Some(expected));
    }
    // A tree that is gone is made again, and must come out as it was.
    let again = log_of(610);
    assert_eq!(evidence(&again, &heads, Lie::None), None);
    assert_eq!(
        again
            .borrow()
            .tree()
            .checkpoint()
            .map(|stored| stored.head.size),
        Some(610)
    );
    let forgotten = MemoryCheckpoints::default();
    assert_eq!(
        evidence(&log, &forgotten, Lie::None),
        Some(Evidence::TrustedBehind {
            stored: 600,
            trusted: 0
        })
    );
}

#[test]
fn the_last_entry_is_checked_where_its_tile_is_full_too() {
    let first = TileId { level: 0, index: 0 };
    let second = TileId { level: 0, index: 1 };
    for (size, last) in [(256, first), (512, second)] {
        let (log, heads) = (log_of(size), MemoryCheckpoints::default());
        round(&log, &heads);
        assert_eq!(evidence(&log, &heads, Lie::None), None);
        for number in size..size + 10 {
            log.borrow_mut().append(&entry(number)).unwrap();
        }
        let index = size - 1;
        for (lie, expected) in [
            (Lie::LastEntry, Evidence::Leaf { index }),
            (Lie::Tile(last), Evidence::Tile(last)),
            (Lie::Tail, Evidence::Chain { index: size + 2 }),
        ] {
            assert_eq!(evidence(&log, &heads, lie), Some(expected), "{size}");
        }
        // Only then is anything added.
        assert_eq!(evidence(&log, &heads, Lie::None), None);
        let published = log.borrow().tree().checkpoint().map(|c| c.head.size);
        assert_eq!(published, Some(size + 10));
    }
}

#[test]
fn a_store_that_was_put_back_is_found_however_far_it_has_grown_since() {
    let (log, heads) = (log_of(400), MemoryCheckpoints::default());
    round(&log, &heads);
    let copy = log.borrow().clone();
    for number in 400..500 {
        log.borrow_mut().append(&entry(number)).unwrap();
    }
    round(&log, &heads);
    let back = RefCell::new(copy);
    assert_eq!(
        evidence(&back, &heads, Lie::None),
        Some(Evidence::RolledBack {
            index: 400,
            trusted: 500
        })
    );
    for (number, expected) in [
        (
            450,
            Evidence::RolledBack {
                index: 450,
                trusted: 500,
            },
        ),
        (500, Evidence::Forked { size: 500 }),
        (700, Evidence::Forked { size: 500 }),
    ] {
        while back.borrow().head().size < number {
            let other = 10_000 + back.borrow().head().size;
            back.borrow_mut().append(&entry(other)).unwrap();
        }
        assert_eq!(evidence(&back, &heads, Lie::None), Some(expected));
    }
    // The log as it was is good still.
    assert_eq!(evidence(&log, &heads, Lie::None), None);
}

#[test]
fn a_tree_of_the_same_size_over_other_entries_is_a_fork() {
    let heads = MemoryCheckpoints::default();
    let (log, other) = (log_of(10), RefCell::new(MemoryLog::new(origin())));
    round(&log, &heads);
    for number in 20..30 {
        other.borrow_mut().append(&entry(number)).unwrap();
    }
    round(&other, &MemoryCheckpoints::default());
    assert_eq!(
        evidence(&other, &heads, Lie::None),
        Some(Evidence::Forked { size: 10 })
    );
}

#[test]
fn a_tree_that_no_stop_could_leave_behind_is_not_made_again() {
    let heads = MemoryCheckpoints::default();
    let log = log_of(MAX_ROUND_ENTRIES + 1);
    while round(&log, &heads).more {}
    let again = log_of(MAX_ROUND_ENTRIES + 1);
    let trusted = MAX_ROUND_ENTRIES + 1;
    assert_eq!(
        evidence(&again, &heads, Lie::None),
        Some(Evidence::TreeLost { stored: 0, trusted })
    );
    assert!(now(heads.last(&origin())).unwrap().is_some());
}

#[test]
fn the_names_are_apart() {
    let tile = TileId { level: 0, index: 0 };
    let names = [
        Evidence::RolledBack {
            index: 0,
            trusted: 0,
        },
        Evidence::Forked { size: 0 },
        Evidence::TrustedBehind {
            stored: 0,
            trusted: 0,
        },
        Evidence::TreeLost {
            stored: 0,
            trusted: 0,
        },
        Evidence::Tile(tile),
        Evidence::Root { size: 0 },
        Evidence::Leaf { index: 0 },
        Evidence::Chain { index: 0 },
    ]
    .map(Evidence::name);
    for (at, name) in names.iter().enumerate() {
        assert!(!names[at + 1..].contains(name), "{name}");
    }
}
