//! Crashes at every write, and all that a store can do short of lying.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use sluis_log::sequencer::{Published, Sequencer, SequencerError};
use sluis_log::{EdgeTiles, TreeHead, integrate};
use sluis_log::{LeafHash, PendingEntry, Receipt, conformance, verify_chain};

use crate::faults::{Disk, Failure, POINTS, Point, Random};
use crate::{entry, origin, signer};

/// Crashes to be seen at least.
const CRASHES: u64 = 1_000;
/// And of each write point.
const OF_EACH: u64 = 10;

type Round = Result<Published, SequencerError<Failure, Failure>>;

async fn round(disk: Rc<Disk>) -> Round {
    let (origin, signer) = (origin(), signer());
    let sequencer = Sequencer {
        origin: &origin,
        store: &*disk,
        checkpoints: &*disk,
        signer: &signer,
    };
    sequencer.round().await
}

/// Polls some futures, in an order that the generator chooses, until all have ended.
fn interleaved(
    random: &Random,
    mut rounds: Vec<Pin<Box<dyn Future<Output = Round>>>>,
) -> Vec<Round> {
    let mut ended = Vec::new();
    while !rounds.is_empty() {
        let which = usize::try_from(random.below(rounds.len() as u64)).unwrap();
        let polled = rounds[which]
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        if let std::task::Poll::Ready(output) = polled {
            ended.push(output);
            drop(rounds.swap_remove(which));
        }
    }
    ended
}

/// One life of a log: appends and rounds, two at a time or one, cut off, delivered twice, refused. What was acknowledged,
/// and the disk.
fn live(seed: u64) -> (Rc<Disk>, Vec<(PendingEntry, Receipt)>) {
    let disk = Disk::new(seed);
    let mut acknowledged = Vec::new();
    let mut number = 0;
    let mut unanswered: Vec<PendingEntry> = Vec::new();
    for _ in 0..30 {
        if disk.random.chance(40) {
            disk.arm();
        }
        disk.full.set(disk.random.chance(5));
        let dice = disk.random.below(10);
        match dice {
            0..=3 => {
                for _ in 0..=disk.random.below(200) {
                    // A caller that had no answer sends the same again; sometimes one that had.
                    let pending = match unanswered.pop() {
                        Some(pending) => pending,
                        None if number > 0 && disk.random.chance(10) => {
                            entry(disk.random.below(number))
                        }
                        None => {
                            number += 1;
                            entry(number - 1)
                        }
                    };
                    let Ok(receipt) = disk.append(&pending) else {
                        unanswered.push(pending);
                        break;
                    };
                    acknowledged.push((pending, receipt));
                }
            }
            4..=8 => {
                let many = 1 + disk.random.below(3);
                let rounds = (0..many).map(|_| Box::pin(round(Rc::clone(&disk))) as Pin<Box<_>>);
                for ended in interleaved(&disk.random, rounds.collect()) {
                    match ended {
                        Ok(_)
                        | Err(
                            SequencerError::Overtaken
                            | SequencerError::Store(Failure::Crashed | Failure::Full)
                            | SequencerError::Trusted(Failure::Crashed),
                        ) => {}
                        Err(error) => panic!("seed {seed}: {error}"),
                    }
                }
            }
            _ => disk.replay(),
        }
        if disk.is_down() {
            disk.restart();
        }
    }
    disk.full.set(false);
    disk.restart();
    (disk, acknowledged)
}

/// The heads that a log of those leaves has at some sizes, in ascending order.
fn heads(leaves: &[LeafHash], sizes: impl Iterator<Item = u64>) -> Vec<TreeHead> {
    let mut edge = EdgeTiles::empty();
    let at = sizes.map(|size| {
        let range = usize::try_from(edge.size()).unwrap()..usize::try_from(size).unwrap();
        edge = integrate(&edge, &leaves[range]).unwrap().edge;
        edge.head()
    });
    at.collect()
}

#[test]
fn no_crash_loses_an_acknowledged_entry_or_forks_the_log() {
    let mut crashes: BTreeMap<Point, u64> = BTreeMap::new();
    let mut checkpoints = 0;
    let mut seed = 0;
    while crashes.values().sum::<u64>() < CRASHES
        || POINTS
            .iter()
            .any(|point| crashes.get(point).is_none_or(|count| *count < OF_EACH))
    {
        assert!(seed < 2_000, "not every point is reached: {crashes:?}");
        let (disk, acknowledged) = live(seed);
        for (point, count) in &*disk.crashes.borrow() {
            *crashes.entry(*point).or_default() += count;
        }
        // A process that is left alone catches up: within two rounds, the first of which ends what was begun.
        let done = (0..2).map(|_| now_or_slow(&disk)).next_back().unwrap();
        let size = disk.log.borrow().head().size;
        assert_eq!((done.head.size, done.more), (size, false), "seed {seed}");

        let stored = disk.log.borrow().read(0, u32::MAX);
        for (pending, receipt) in &acknowledged {
            let found = &stored[usize::try_from(receipt.index).unwrap()];
            assert_eq!(
                found.entry,
                pending.entry_bytes(),
                "seed {seed}: acknowledged and lost"
            );
            assert_eq!(found.chain, receipt.chain.0, "seed {seed}");
        }
        // Every checkpoint that anybody could have seen is a prefix of the same log, so any two are consistent.
        let leaves: Vec<_> = stored.iter().map(|row| LeafHash::of(&row.entry)).collect();
        let published = disk.published.borrow();
        assert!(
            published.is_sorted_by(|a, b| a.size < b.size),
            "seed {seed}: {published:?}"
        );
        let of_log = heads(&leaves, published.iter().map(|head| head.size));
        assert_eq!(of_log, *published, "seed {seed}: a fork");
        assert_eq!(
            published.last().map_or(0, |head| head.size),
            size,
            "seed {seed}"
        );
        checkpoints += published.len();
        verify_chain(&origin(), conformance::opened(stored)).unwrap();
        seed += 1;
    }
    let total: u64 = crashes.values().sum();
    println!("{total} crashes over {seed} seeds, {checkpoints} checkpoints: {crashes:?}");
}

fn now_or_slow(disk: &Rc<Disk>) -> Published {
    let ended = interleaved(&disk.random, vec![Box::pin(round(Rc::clone(disk)))]);
    ended.into_iter().next().unwrap().unwrap()
}

/// A store that puts tiles and checkpoint back between two rounds is found out, not followed.
#[test]
fn a_copy_of_the_store_grown_apart_is_never_signed() {
    for seed in 0..50 {
        let disk = Disk::new(seed);
        for number in 0..300 {
            disk.append(&entry(number)).unwrap();
        }
        now_or_slow(&disk);
        let copy = disk.log.borrow().clone();
        let more = 1 + disk.random.below(300);
        for number in 300..300 + more {
            disk.append(&entry(number)).unwrap();
        }
        now_or_slow(&disk);
        let signed = disk.published.borrow().clone();
        // The copy comes back, and other entries are written behind it: fewer, as many, or more.
        *disk.log.borrow_mut() = copy;
        for number in 10_000..10_000 + disk.random.below(600) {
            disk.append(&entry(number)).unwrap();
        }
        let ended = interleaved(&disk.random, vec![Box::pin(round(Rc::clone(&disk)))]);
        let error = ended.into_iter().next().unwrap().unwrap_err();
        assert!(
            matches!(error, SequencerError::Evidence(_)),
            "seed {seed}: {error}"
        );
        assert_eq!(*disk.published.borrow(), signed);
    }
}
