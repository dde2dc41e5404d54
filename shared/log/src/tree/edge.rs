//! Growing the tree: the tiles at its right edge are all that it takes.
//!
//! At level *l* the edge is the tile that is not full yet; a level whose last
//! tile is full has none. The hashes of the edges, level by level, are the
//! subtrees that the tree is made of (RFC 6962 §2.1), so that the root follows
//! from them alone, and a new leaf touches nothing else.

use thiserror::Error;

use crate::entry::LeafHash;
use crate::hash::HASH_BYTES;
use crate::tree::hash::{TreeHash, TreeHead};
use crate::tree::tile::{MAX_TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, TileId};

/// The largest tree: what a store's signed 64-bit index counts.
pub const MAX_TREE_SIZE: u64 = i64::MAX.cast_unsigned();
/// Levels of tiles that the largest tree has.
const LEVELS: u8 = 8;

/// Why a tree cannot be grown or a proof not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TreeError {
    /// Larger than [`MAX_TREE_SIZE`].
    #[error("a tree has {MAX_TREE_SIZE} leaves at most")]
    TooLarge,
    /// A tile that the tree has was not given.
    #[error("{0} is missing")]
    TileMissing(TileId),
    /// A tile is not whole hashes, too long, or shorter than the tree says.
    #[error("{tile} has {bytes} bytes, where a tree of {size} has at least {}", usize::from(*.width) * HASH_BYTES)]
    TileLength {
        /// Which.
        tile: TileId,
        /// What was given.
        bytes: usize,
        /// How many hashes the tree has there.
        width: u16,
        /// The tree.
        size: u64,
    },
    /// No such leaf.
    #[error("no entry {index}: the tree has {size}")]
    NoLeaf {
        /// What was asked for.
        index: u64,
        /// What there is.
        size: u64,
    },
    /// A proof from a larger tree to a smaller one.
    #[error("a tree of {new} does not extend one of {old}")]
    Shrinks {
        /// The earlier tree.
        old: u64,
        /// The later one.
        new: u64,
    },
}

/// The right edge of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeTiles {
    size: u64,
    /// From level 0; as many hashes in each as its partial tile has.
    levels: Vec<Vec<TreeHash>>,
}

/// A tree that has grown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integrated {
    /// The grown tree.
    pub head: TreeHead,
    /// Each tile that changed or is new, with all its hashes, in the order of levels and then from the left.
    pub tiles: Vec<(TileId, Vec<u8>)>,
    /// The new edge, from which it can grow on.
    pub edge: EdgeTiles,
}

impl EdgeTiles {
    /// The edge of the tree without leaves.
    pub fn empty() -> Self {
        Self {
            size: 0,
            levels: vec![Vec::new(); LEVELS.into()],
        }
    }

    /// The tiles to read for a tree of that size.
    pub fn needed(size: u64) -> Vec<TileId> {
        (0..LEVELS)
            .map(|level| edge_of(size, level))
            .filter(|tile| tile.width_in(size) > 0)
            .collect()
    }

    /// Takes the tiles that [`Self::needed`] lists. A tile may have grown since: what the tree of `size` has is a
    /// prefix of it.
    pub fn read<'a>(
        size: u64,
        tile: &impl Fn(TileId) -> Option<&'a [u8]>,
    ) -> Result<Self, TreeError> {
        if size > MAX_TREE_SIZE {
            return Err(TreeError::TooLarge);
        }
        let levels = (0..LEVELS).map(|level| {
            let id = edge_of(size, level);
            match id.width_in(size) {
                0 => Ok(Vec::new()),
                width => {
                    let row = tile(id).ok_or(TreeError::TileMissing(id))?;
                    let mut hashes = hashes_of(id, row, size)?;
                    hashes.truncate(width.into());
                    Ok(hashes)
                }
            }
        });
        Ok(Self {
            size,
            levels: levels.collect::<Result<_, _>>()?,
        })
    }

    /// How many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tiles at the edge, which are those that are not full.
    pub fn tiles(&self) -> impl Iterator<Item = (TileId, Vec<u8>)> {
        let levels = (0..LEVELS).zip(&self.levels);
        levels
            .filter(|(_, hashes)| !hashes.is_empty())
            .map(|(level, hashes)| (edge_of(self.size, level), bytes_of(hashes)))
    }

    /// The last hash of the lowest level that has one here: the last leaf's, or that of the last of
    /// [`Self::full_at_the_end`] first. None of a tree without leaves.
    pub(crate) fn last(&self) -> Option<TreeHash> {
        let lowest = self.levels.iter().find(|hashes| !hashes.is_empty())?;
        lowest.last().copied()
    }

    /// The full tiles that the tree ends with, from above: each stands in the one before by its last hash, the first in
    /// [`Self::last`]. None where the last leaf is on the edge.
    pub(crate) fn full_at_the_end(&self) -> impl Iterator<Item = TileId> {
        let levels = (0..LEVELS).zip(&self.levels);
        let full = levels.take_while(|(_, hashes)| hashes.is_empty());
        let full = full.filter_map(|(level, _)| {
            let index = edge_of(self.size, level).index.checked_sub(1)?;
            Some(TileId { level, index })
        });
        full.collect::<Vec<_>>().into_iter().rev()
    }

    /// The tree's head, computed from its edge.
    pub fn head(&self) -> TreeHead {
        let mut root = None;
        // From the right: the smallest subtree first, each larger one to its left.
        for level in &self.levels {
            let mut rest = level.as_slice();
            while !rest.is_empty() {
                let count = 1_usize << rest.len().trailing_zeros();
                let (before, subtree) = rest.split_at(rest.len().saturating_sub(count));
                rest = before;
                root = match (TreeHash::over_all(subtree), root) {
                    (Some(left), Some(right)) => Some(TreeHash::over(left, right)),
                    (left, right) => left.or(right),
                };
            }
        }
        TreeHead {
            size: self.size,
            root: root.unwrap_or_else(TreeHash::of_nothing),
        }
    }

    /// Adds a hash at a level, and the tile's root to the level above when that fills it.
    fn push(&mut self, mut hash: TreeHash, full: &mut Vec<(TileId, Vec<u8>)>) {
        let size = self.size;
        for (level, hashes) in (0..LEVELS).zip(&mut self.levels) {
            hashes.push(hash);
            if hashes.len() < TILE_WIDTH.into() {
                return;
            }
            full.push((edge_of(size, level), bytes_of(hashes)));
            let Some(root) = TreeHash::over_all(hashes) else {
                return;
            };
            hashes.clear();
            hash = root;
        }
    }
}

/// Adds leaves to a tree.
///
/// The tiles that come back are whole rows; written with the new head in one
/// transaction, under the condition that the old head is still there, they make
/// the tree grow.
pub fn integrate(edge: &EdgeTiles, leaves: &[LeafHash]) -> Result<Integrated, TreeError> {
    let count = u64::try_from(leaves.len()).map_err(|_| TreeError::TooLarge)?;
    let grown = edge.size.checked_add(count);
    let grown = grown.filter(|grown| *grown <= MAX_TREE_SIZE);
    let grown = grown.ok_or(TreeError::TooLarge)?;
    let mut edge_now = edge.clone();
    let mut tiles = Vec::new();
    for leaf in leaves {
        edge_now.push((*leaf).into(), &mut tiles);
        edge_now.size = edge_now.size.saturating_add(1);
    }
    for (level, hashes) in (0..LEVELS).zip(&edge_now.levels) {
        // A level has grown if it has more hashes than before.
        let grew = hashes_at(grown, level) > hashes_at(edge.size, level);
        if grew && !hashes.is_empty() {
            tiles.push((edge_of(grown, level), bytes_of(hashes)));
        }
    }
    tiles.sort_by_key(|(tile, _)| *tile);
    Ok(Integrated {
        head: edge_now.head(),
        tiles,
        edge: edge_now,
    })
}

/// How many hashes a level has in a tree of that size.
fn hashes_at(size: u64, level: u8) -> u64 {
    size.checked_shr(TILE_HEIGHT * u32::from(level))
        .unwrap_or_default()
}

/// The tile of a level that the next hash of it goes into.
fn edge_of(size: u64, level: u8) -> TileId {
    TileId {
        level,
        index: hashes_at(size, level) >> TILE_HEIGHT,
    }
}

fn bytes_of(hashes: &[TreeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes of a tile's bytes; at least as many as a tree of that size has there.
pub(crate) fn hashes_of(tile: TileId, row: &[u8], size: u64) -> Result<Vec<TreeHash>, TreeError> {
    let width = tile.width_in(size);
    let (hashes, rest) = row.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || row.len() > MAX_TILE_BYTES || hashes.len() < width.into() {
        return Err(TreeError::TileLength {
            tile,
            bytes: row.len(),
            width,
            size,
        });
    }
    Ok(hashes.iter().copied().map(TreeHash).collect())
}

/// The last hash of a full tile, if the tile is the one that has that hash one level up.
pub(crate) fn last_of_full(row: &[u8], above: TreeHash) -> Option<TreeHash> {
    if row.len() != MAX_TILE_BYTES {
        return None;
    }
    let (hashes, _) = row.as_chunks::<HASH_BYTES>();
    let hashes: Vec<_> = hashes.iter().copied().map(TreeHash).collect();
    let is_that = TreeHash::over_all(&hashes) == Some(above);
    hashes.last().copied().filter(|_| is_that)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::tree::reference::{leaf, leaves, root};

    type Rows = HashMap<TileId, Vec<u8>>;

    /// Grows by those steps, each edge read from the rows that were written.
    fn grow(steps: &[u64]) -> (TreeHead, Rows) {
        let mut rows = Rows::new();
        let mut head = TreeHead::empty();
        for step in steps {
            let lookup = |id| rows.get(&id).map(Vec::as_slice);
            let edge = EdgeTiles::read(head.size, &lookup).unwrap();
            assert_eq!(edge.head(), head);
            let new: Vec<_> = (head.size..head.size + step).map(leaf).collect();
            let grown = integrate(&edge, &new).unwrap();
            assert_eq!(grown.edge.head(), grown.head);
            head = grown.head;
            rows.extend(grown.tiles);
        }
        (head, rows)
    }

    /// The rows are the tree's tiles, all of them, and nothing else.
    fn check(head: TreeHead, rows: &Rows) {
        let all = leaves(head.size);
        assert_eq!(head.root, root(&all));
        let mut tiles = 0;
        for level in 0_u8..3 {
            let below = 256_usize.pow(level.into());
            let hashes: Vec<_> = all.chunks_exact(below).map(root).collect();
            for (index, tile) in (0..).zip(hashes.chunks(256)) {
                let row = &rows[&TileId { level, index }];
                assert_eq!(*row, bytes_of(tile), "level {level}, tile {index}");
                tiles += 1;
            }
        }
        assert_eq!(rows.len(), tiles);
    }

    #[test]
    fn a_tree_grows_leaf_by_leaf_as_the_reference_says() {
        let (_, mut rows) = grow(&[]);
        let mut edge = EdgeTiles::empty();
        for size in 0..600 {
            assert_eq!(edge.head().root, root(&leaves(size)), "{size}");
            let grown = integrate(&edge, &[leaf(size)]).unwrap();
            rows.extend(grown.tiles);
            edge = grown.edge;
        }
        check(edge.head(), &rows);
    }

    #[test]
    fn tiles_at_every_boundary() {
        for size in [
            1, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 66_049,
        ] {
            let (head, rows) = grow(&[size]);
            check(head, &rows);
            let needed = EdgeTiles::needed(size);
            assert!(needed.iter().all(|tile| rows.contains_key(tile)));
        }
        assert_eq!(EdgeTiles::needed(65_536), [TileId { level: 2, index: 0 }]);
    }

    #[test]
    fn what_is_not_the_trees_edge_is_refused() {
        let (head, rows) = grow(&[300]);
        let with = |row: Option<Vec<u8>>| {
            EdgeTiles::read(head.size, &|id| match (id.level, &row) {
                (0, Some(row)) => Some(row.as_slice()),
                (0, None) => None,
                _ => rows.get(&id).map(Vec::as_slice),
            })
            .map(|edge| edge.head())
        };
        let tile = TileId { level: 0, index: 1 };
        let row = &rows[&tile];
        assert_eq!(with(Some(row.clone())), Ok(head));
        // Grown meanwhile: the tree of 300 is a prefix.
        assert_eq!(with(Some([row.as_slice(), &[7; 64]].concat())), Ok(head));
        assert_eq!(with(None), Err(TreeError::TileMissing(tile)));
        for bad in [&row[32..], &row[1..], &[], &[0; MAX_TILE_BYTES + 32][..]] {
            let refused = with(Some(bad.to_vec()));
            assert!(matches!(refused, Err(TreeError::TileLength { .. })));
        }
        let none = |_: TileId| None;
        assert_eq!(
            EdgeTiles::read(MAX_TREE_SIZE + 1, &none),
            Err(TreeError::TooLarge)
        );
    }

    #[test]
    fn a_tree_has_an_end() {
        let full = [0xab; MAX_TILE_BYTES];
        let edge = EdgeTiles::read(MAX_TREE_SIZE, &|_| Some(&full[..])).unwrap();
        assert_eq!(integrate(&edge, &[leaf(0)]), Err(TreeError::TooLarge));
        assert_eq!(integrate(&edge, &[]).unwrap().head, edge.head());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn however_it_grew_it_is_the_same_tree(steps in proptest::collection::vec(0_u64..700, 1..6)) {
            let (head, rows) = grow(&steps);
            check(head, &rows);
        }
    }
}
