//! A log and a trusted place whose writes stop half way, come late, come twice, or are refused.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Poll;

use sluis_log::sequencer::{
    AdvanceError, Checkpoints, MemoryCheckpoints, StoredCheckpoint, StoredLeaf, Swap, TreeStore,
};
use sluis_log::{MemoryLog, Origin, PendingEntry, Receipt};
use sluis_log::{TileId, TreeHead};
use thiserror::Error;

use crate::origin;

/// A generator of numbers from a seed (splitmix64), so that a failure can be had again.
#[derive(Debug)]
pub(crate) struct Random(Cell<u64>);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    pub(crate) fn below(&self, limit: u64) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub(crate) fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Where a write can be cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    BeforeAppend,
    AfterAppend,
    BeforeTrusted,
    AfterTrusted,
    BeforeTiles,
    BetweenTiles,
    BeforeCheckpoint,
    AfterCheckpoint,
}

pub(crate) const POINTS: [Point; 8] = [
    Point::BeforeAppend,
    Point::AfterAppend,
    Point::BeforeTrusted,
    Point::AfterTrusted,
    Point::BeforeTiles,
    Point::BetweenTiles,
    Point::BeforeCheckpoint,
    Point::AfterCheckpoint,
];

#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("the process is gone")]
    Crashed,
    #[error("no room")]
    Full,
    #[error(transparent)]
    Refused(#[from] AdvanceError),
}

/// An advance of the store as it was asked for, to be delivered again.
#[derive(Clone)]
struct Delivery {
    old: TreeHead,
    tiles: Vec<(TileId, Vec<u8>)>,
    new: StoredCheckpoint,
}

/// What is durable, and what goes wrong with it.
pub(crate) struct Disk {
    pub(crate) random: Random,
    pub(crate) log: RefCell<MemoryLog>,
    pub(crate) heads: MemoryCheckpoints,
    /// Whether the store has transactions, or writes tiles and the checkpoint one by one.
    pub(crate) atomic: bool,
    /// How many more writes until the process is cut off.
    fuse: Cell<Option<u64>>,
    crashed: Cell<bool>,
    pub(crate) full: Cell<bool>,
    pub(crate) crashes: RefCell<BTreeMap<Point, u64>>,
    /// Every checkpoint that could be read at some time.
    pub(crate) published: RefCell<Vec<TreeHead>>,
    delivered: RefCell<Vec<Delivery>>,
    moved: RefCell<Vec<(TreeHead, TreeHead)>>,
}

impl Disk {
    pub(crate) fn new(seed: u64) -> Rc<Self> {
        let random = Random::new(seed);
        Rc::new(Self {
            atomic: random.chance(50),
            random,
            log: RefCell::new(MemoryLog::new(origin())),
            heads: MemoryCheckpoints::default(),
            fuse: Cell::new(None),
            crashed: Cell::new(false),
            full: Cell::new(false),
            crashes: RefCell::default(),
            published: RefCell::default(),
            delivered: RefCell::default(),
            moved: RefCell::default(),
        })
    }

    /// Lets the process be cut off at one of the next writes.
    pub(crate) fn arm(&self) {
        self.fuse.set(Some(self.random.below(7)));
    }

    /// A new process on the same disk.
    pub(crate) fn restart(&self) {
        self.fuse.set(None);
        self.crashed.set(false);
    }

    pub(crate) fn is_down(&self) -> bool {
        self.crashed.get()
    }

    fn up(&self) -> Result<(), Failure> {
        if self.crashed.get() {
            return Err(Failure::Crashed);
        }
        Ok(())
    }

    fn point(&self, point: Point) -> Result<(), Failure> {
        self.up()?;
        match self.fuse.get() {
            Some(0) => {
                *self.crashes.borrow_mut().entry(point).or_default() += 1;
                self.crashed.set(true);
                Err(Failure::Crashed)
            }
            Some(left) => {
                self.fuse.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A slow store: others are polled in between.
    async fn slow(&self) {
        while self.random.chance(40) {
            let mut yielded = false;
            std::future::poll_fn(|_| {
                if std::mem::replace(&mut yielded, true) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }

    pub(crate) fn append(&self, pending: &PendingEntry) -> Result<Receipt, Failure> {
        self.point(Point::BeforeAppend)?;
        if self.full.get() {
            return Err(Failure::Full);
        }
        let receipt = self.log.borrow_mut().append(pending).unwrap();
        self.point(Point::AfterAppend)?;
        Ok(receipt)
    }

    fn write(&self, asked: &Delivery) -> Result<Swap, Failure> {
        let Delivery { old, tiles, new } = asked;
        self.point(Point::BeforeTiles)?;
        if self.full.get() {
            return Err(Failure::Full);
        }
        let swap = if self.atomic {
            self.point(Point::BeforeCheckpoint)?;
            self.log.borrow_mut().advance(*old, tiles, new)?
        } else {
            if !self.log.borrow().tree().stands(*old) {
                return Ok(Swap::Moved);
            }
            for (at, (id, hashes)) in tiles.iter().enumerate() {
                if at > 0 {
                    self.point(Point::BetweenTiles)?;
                }
                self.log.borrow_mut().tree_mut().put_tile(*id, hashes)?;
            }
            self.point(Point::BeforeCheckpoint)?;
            let mut log = self.log.borrow_mut();
            let entries = log.head().size;
            log.tree_mut().swap(*old, new, entries)?
        };
        if swap == Swap::Done {
            self.published.borrow_mut().push(new.head);
        }
        self.point(Point::AfterCheckpoint)?;
        Ok(swap)
    }

    /// Delivers an earlier write again; nothing may come of it.
    pub(crate) fn replay(&self) {
        let before = self.log.borrow().tree().clone();
        let deliveries = self.delivered.borrow().clone();
        if !deliveries.is_empty() {
            let which = self.random.below(deliveries.len() as u64);
            let again = &deliveries[usize::try_from(which).unwrap()];
            // The newest one may be the one that was cut off; what it would do now is right.
            if before
                .checkpoint()
                .is_some_and(|stored| stored.head.size >= again.new.head.size)
            {
                let answer = self
                    .log
                    .borrow_mut()
                    .advance(again.old, &again.tiles, &again.new);
                assert_eq!(answer, Ok(Swap::Moved), "replayed staging");
                assert_eq!(self.log.borrow().tree().checkpoint(), before.checkpoint());
            }
        }
        let moved = self.moved.borrow().clone();
        if let Some((old, new)) = moved.last() {
            let head = crate::now(self.heads.last(&origin())).unwrap();
            if head.is_some_and(|head| head.size >= new.size) {
                let again = crate::now(self.heads.advance(&origin(), *old, *new)).unwrap();
                assert_eq!(again, Swap::Moved, "a trusted head moved twice");
            }
        }
    }
}

impl TreeStore for Disk {
    type Error = Failure;

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, Failure> {
        self.slow().await;
        self.up()?;
        Ok(self.log.borrow().leaves(from, limit))
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, Failure> {
        self.slow().await;
        self.up()?;
        Ok(self.log.borrow().tree().checkpoint().cloned())
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, Failure> {
        self.slow().await;
        self.up()?;
        Ok(self.log.borrow().tree().tile(id).map(<[u8]>::to_vec))
    }

    async fn advance(
        &self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> Result<Swap, Failure> {
        self.slow().await;
        let asked = Delivery {
            old,
            tiles: tiles.to_vec(),
            new: new.clone(),
        };
        self.delivered.borrow_mut().push(asked.clone());
        let swap = self.write(&asked)?;
        self.slow().await;
        self.up()?;
        Ok(swap)
    }
}

impl Checkpoints for Disk {
    type Error = Failure;

    async fn last(&self, origin: &Origin) -> Result<Option<TreeHead>, Failure> {
        self.slow().await;
        self.up()?;
        Ok(self.heads.last(origin).await.unwrap())
    }

    async fn advance(
        &self,
        origin: &Origin,
        old: TreeHead,
        new: TreeHead,
    ) -> Result<Swap, Failure> {
        self.slow().await;
        self.point(Point::BeforeTrusted)?;
        let swap = self.heads.advance(origin, old, new).await.unwrap();
        if swap == Swap::Done {
            self.moved.borrow_mut().push((old, new));
        }
        self.point(Point::AfterTrusted)?;
        self.slow().await;
        self.up()?;
        Ok(swap)
    }
}
