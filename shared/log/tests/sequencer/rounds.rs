//! What rounds publish, and what is published.

use std::cell::RefCell;

use sluis_log::sequencer::{
    AdvanceError, Checkpoints as _, MAX_ROUND_ENTRIES, MemoryCheckpoints, Published, Sequencer,
    StoredCheckpoint, Swap, TreeStore as _, conformance,
};
use sluis_log::{LeafHash, MemoryLog};
use sluis_log::{TileId, TreeHead, inclusion_proof, inclusion_tiles, verify_inclusion};

use crate::{entry, now, origin, signer};

pub(crate) fn log_of(entries: u64) -> RefCell<MemoryLog> {
    let mut log = MemoryLog::new(origin());
    for number in 0..entries {
        log.append(&entry(number)).unwrap();
    }
    RefCell::new(log)
}

pub(crate) fn round(log: &RefCell<MemoryLog>, heads: &MemoryCheckpoints) -> Published {
    let (origin, signer) = (origin(), signer());
    let sequencer = Sequencer {
        origin: &origin,
        store: log,
        checkpoints: heads,
        signer: &signer,
    };
    now(sequencer.round()).unwrap()
}

#[test]
fn nothing_is_published_over_nothing() {
    let (log, heads) = (log_of(0), MemoryCheckpoints::default());
    let published = round(&log, &heads);
    assert_eq!((published.head, published.more), (TreeHead::empty(), false));
    assert_eq!(log.borrow().tree().checkpoint(), None);
    assert_eq!(now(heads.last(&origin())).unwrap(), None);
}

/// Every entry is provable from the tiles that stand in the store, at every size that was published.
#[test]
fn every_entry_is_provable_from_the_stored_tiles() {
    let (log, heads) = (log_of(0), MemoryCheckpoints::default());
    let mut number = 0;
    for batch in [1, 1, 253, 1, 1, 300, 0, 44] {
        for _ in 0..batch {
            log.borrow_mut().append(&entry(number)).unwrap();
            number += 1;
        }
        let published = round(&log, &heads);
        assert_eq!(published.head.size, number);
        let log = log.borrow();
        let checkpoint = log.tree().checkpoint().unwrap();
        assert_eq!(checkpoint.head, published.head);
        assert!(checkpoint.note.starts_with("validator.example.be/log\n"));
        let tile = |id| log.tree().tile(id);
        for (index, leaf) in log.leaves(0, number).iter().enumerate() {
            let index = index as u64;
            let needed = inclusion_tiles(index, number).unwrap();
            assert!(needed.iter().all(|id| tile(*id).is_some()));
            let proof = inclusion_proof(index, number, &tile).unwrap();
            verify_inclusion(LeafHash::of(&leaf.entry), index, published.head, &proof).unwrap();
        }
    }
    assert_eq!(
        now(heads.last(&origin())).unwrap().map(|head| head.size),
        Some(number)
    );
}

#[test]
fn a_round_takes_so_many_entries_and_says_that_there_are_more() {
    let (log, heads) = (
        log_of(2 * MAX_ROUND_ENTRIES + 7),
        MemoryCheckpoints::default(),
    );
    let sizes = [
        MAX_ROUND_ENTRIES,
        2 * MAX_ROUND_ENTRIES,
        2 * MAX_ROUND_ENTRIES + 7,
    ];
    for (size, more) in sizes.into_iter().zip([true, true, false]) {
        let published = round(&log, &heads);
        assert_eq!((published.head.size, published.more), (size, more));
    }
    // Nothing new: nothing is written, and the same stands.
    let stands = log.borrow().tree().checkpoint().cloned();
    assert_eq!(round(&log, &heads).head.size, 2 * MAX_ROUND_ENTRIES + 7);
    assert_eq!(log.borrow().tree().checkpoint().cloned(), stands);
}

#[test]
fn a_store_takes_no_advance_that_would_change_what_stands() {
    let (log, heads) = (log_of(300), MemoryCheckpoints::default());
    round(&log, &heads);
    log.borrow_mut().append(&entry(300)).unwrap();
    let stands = log.borrow().tree().checkpoint().cloned().unwrap();
    let edge = TileId { level: 0, index: 1 };
    let row = log.borrow().tree().tile(edge).unwrap().to_vec();
    let grown = [row.as_slice(), &[9; 32]].concat();
    let head = |size| TreeHead {
        size,
        ..stands.head
    };
    let new = |size| StoredCheckpoint {
        head: head(size),
        note: String::new(),
    };
    let advance =
        |old, tile: &[u8], size| now(log.advance(old, &[(edge, tile.to_vec())], &new(size)));
    for old in [
        head(299),
        TreeHead::empty(),
        TreeHead {
            size: 300,
            ..TreeHead::empty()
        },
    ] {
        assert_eq!(advance(old, &grown, 301), Ok(Swap::Moved));
    }
    assert_eq!(advance(stands.head, &grown, 300), Ok(Swap::Moved));
    assert_eq!(
        advance(stands.head, &grown, 302),
        Err(AdvanceError::BeyondEntries {
            size: 302,
            entries: 301
        })
    );
    for tile in [&row[32..], &row[..row.len() - 32]] {
        assert_eq!(
            advance(stands.head, tile, 301),
            Err(AdvanceError::TileChanged(edge))
        );
    }
    assert_eq!(log.borrow().tree().tile(edge), Some(row.as_slice()));
    assert_eq!(log.borrow().tree().checkpoint(), Some(&stands));
    assert_eq!(advance(stands.head, &grown, 301), Ok(Swap::Done));
}

#[test]
fn the_reference_conforms() {
    let (log, heads) = (log_of(0), MemoryCheckpoints::default());
    let append = |pending: &_| log.borrow_mut().append(pending).map(drop);
    now(conformance::run(append, &log, &heads, &origin(), &signer())).unwrap();
}
