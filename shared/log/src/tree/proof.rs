//! Making proofs from tiles (RFC 6962 §2.1.1 and §2.1.2).
//!
//! What is made here is only as good as the tiles: a store is not believed, so
//! who makes a proof verifies it against a signed head before he shows it.

use crate::hash::HASH_BYTES;
use crate::tree::edge::{MAX_TREE_SIZE, TreeError, hashes_of};
use crate::tree::hash::TreeHash;
use crate::tree::tile::{TILE_HEIGHT, TILE_WIDTH, TileId};

/// Most hashes of a proof, of either kind: one for each level of the largest tree, and one more.
pub const MAX_PROOF_HASHES: usize = 64;

/// Leaves `from..until` whose root is in a proof.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: u64,
    until: u64,
}

/// A complete subtree of `1 << height` leaves.
#[derive(Debug, Clone, Copy)]
struct Node {
    height: u32,
    index: u64,
}

impl Span {
    const fn size(self) -> u64 {
        self.until - self.from
    }

    /// Where RFC 6962 divides it: after the largest power of two that is less than its size.
    const fn split(self) -> u64 {
        let below = self.size() - 1;
        self.from + (1 << below.ilog2())
    }

    /// Narrows to one of the two parts; the other one.
    const fn narrow(&mut self, to_left: bool) -> Self {
        let (from, until, middle) = (self.from, self.until, self.split());
        let left = Self {
            from,
            until: middle,
        };
        let right = Self {
            from: middle,
            until,
        };
        let (kept, other) = if to_left {
            (left, right)
        } else {
            (right, left)
        };
        *self = kept;
        other
    }

    /// The complete subtrees it is made of, from the left.
    fn nodes(self) -> impl DoubleEndedIterator<Item = Node> {
        let size = self.size();
        (0..u64::BITS)
            .rev()
            .filter(move |height| size >> height & 1 == 1)
            .map(move |height| Node {
                height,
                // INVARIANT: what stands left of a node in a span is a multiple of its size.
                index: (self.from >> height) + ((size >> height) - 1),
            })
    }
}

impl Node {
    /// The tile that has it, and which of the tile's hashes it is the root of.
    fn place(self) -> (TileId, usize, usize) {
        let level = self.height / TILE_HEIGHT;
        let within = self.height % TILE_HEIGHT;
        let first = self.index << within;
        let tile = TileId {
            // INVARIANT: 64 levels of a tree are 8 of tiles.
            level: u8::try_from(level).unwrap_or(u8::MAX),
            index: first >> TILE_HEIGHT,
        };
        let start = usize::try_from(first % u64::from(TILE_WIDTH)).unwrap_or(usize::MAX);
        (tile, start, 1 << within)
    }

    fn hash<'a>(
        self,
        size: u64,
        tile: &impl Fn(TileId) -> Option<&'a [u8]>,
    ) -> Result<TreeHash, TreeError> {
        let (id, start, count) = self.place();
        let row = tile(id).ok_or(TreeError::TileMissing(id))?;
        let hashes = hashes_of(id, row, size)?;
        let end = start.saturating_add(count);
        let subtree = hashes.get(start..end).and_then(TreeHash::over_all);
        subtree.ok_or(TreeError::TileLength {
            tile: id,
            bytes: hashes.len() * HASH_BYTES,
            width: id.width_in(size),
            size,
        })
    }
}

/// RFC 6962 §2.1.1: the spans of a path, from the leaf to the root.
fn inclusion_spans(index: u64, size: u64) -> Result<Vec<Span>, TreeError> {
    if size > MAX_TREE_SIZE {
        return Err(TreeError::TooLarge);
    }
    if index >= size {
        return Err(TreeError::NoLeaf { index, size });
    }
    let mut spans = Vec::new();
    let mut rest = Span {
        from: 0,
        until: size,
    };
    while rest.size() > 1 {
        let to_left = index < rest.split();
        spans.push(rest.narrow(to_left));
    }
    spans.reverse();
    Ok(spans)
}

/// RFC 6962 §2.1.2: the spans of a consistency proof. From the empty tree, and between trees of one size, there is
/// nothing to prove.
fn consistency_spans(old: u64, new: u64) -> Result<Vec<Span>, TreeError> {
    if new > MAX_TREE_SIZE {
        return Err(TreeError::TooLarge);
    }
    if old > new {
        return Err(TreeError::Shrinks { old, new });
    }
    let mut spans = Vec::new();
    if old == 0 || old == new {
        return Ok(spans);
    }
    let mut rest = Span {
        from: 0,
        until: new,
    };
    while old != rest.until {
        let to_left = old <= rest.split();
        spans.push(rest.narrow(to_left));
    }
    // The old tree's own root is known to whom it is proven.
    if rest.from > 0 {
        spans.push(rest);
    }
    spans.reverse();
    Ok(spans)
}

fn tiles_of(spans: &[Span]) -> Vec<TileId> {
    let nodes = spans.iter().flat_map(|span| span.nodes());
    let mut tiles: Vec<TileId> = nodes.map(|node| node.place().0).collect();
    tiles.sort_unstable();
    tiles.dedup();
    tiles
}

fn proof_of<'a>(
    spans: &[Span],
    size: u64,
    tile: &impl Fn(TileId) -> Option<&'a [u8]>,
) -> Result<Vec<TreeHash>, TreeError> {
    let root = |span: &Span| {
        let mut root = None;
        for node in span.nodes().rev() {
            let left = node.hash(size, tile)?;
            root = Some(root.map_or(left, |right| TreeHash::over(left, right)));
        }
        // INVARIANT: no span is empty.
        Ok(root.unwrap_or_else(TreeHash::of_nothing))
    };
    spans.iter().map(root).collect()
}

/// The tiles that [`inclusion_proof`] asks for.
pub fn inclusion_tiles(index: u64, size: u64) -> Result<Vec<TileId>, TreeError> {
    Ok(tiles_of(&inclusion_spans(index, size)?))
}

/// The path from a leaf to the root of the tree of that size, the leaf's sibling first.
pub fn inclusion_proof<'a>(
    index: u64,
    size: u64,
    tile: &impl Fn(TileId) -> Option<&'a [u8]>,
) -> Result<Vec<TreeHash>, TreeError> {
    proof_of(&inclusion_spans(index, size)?, size, tile)
}

/// The tiles that [`consistency_proof`] asks for.
pub fn consistency_tiles(old: u64, new: u64) -> Result<Vec<TileId>, TreeError> {
    Ok(tiles_of(&consistency_spans(old, new)?))
}

/// The proof that the tree of size `new` begins with the one of size `old`.
pub fn consistency_proof<'a>(
    old: u64,
    new: u64,
    tile: &impl Fn(TileId) -> Option<&'a [u8]>,
) -> Result<Vec<TreeHash>, TreeError> {
    proof_of(&consistency_spans(old, new)?, new, tile)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::tree::edge::{EdgeTiles, integrate};
    use crate::tree::reference::{leaf, leaves, path, proof};

    fn tiles(size: u64) -> HashMap<TileId, Vec<u8>> {
        let new: Vec<_> = (0..size).map(leaf).collect();
        let grown = integrate(&EdgeTiles::empty(), &new).unwrap();
        grown.tiles.into_iter().collect()
    }

    /// Only the tiles that were asked for.
    fn only<'a>(
        all: &'a HashMap<TileId, Vec<u8>>,
        wanted: &'a [TileId],
    ) -> impl Fn(TileId) -> Option<&'a [u8]> {
        move |id| {
            let row = all.get(&id).filter(|_| wanted.contains(&id));
            row.map(Vec::as_slice)
        }
    }

    #[test]
    fn every_proof_of_every_small_tree_is_that_of_the_reference() {
        let all = tiles(300);
        for new in 0..=80_u64 {
            let leaves = leaves(new);
            for old in 0..=new {
                let m = usize::try_from(old).unwrap();
                let wanted = consistency_tiles(old, new).unwrap();
                let made = consistency_proof(old, new, &only(&all, &wanted)).unwrap();
                let expected = if old == 0 {
                    Vec::new()
                } else {
                    proof(m, &leaves)
                };
                assert_eq!(made, expected, "{old}..{new}");
                if old < new {
                    let wanted = inclusion_tiles(old, new).unwrap();
                    let made = inclusion_proof(old, new, &only(&all, &wanted)).unwrap();
                    assert_eq!(made, path(m, &leaves), "{old} in {new}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_proven_is_said() {
        let none = |_: TileId| None;
        assert_eq!(
            inclusion_proof(5, 5, &none),
            Err(TreeError::NoLeaf { index: 5, size: 5 })
        );
        assert_eq!(
            consistency_proof(6, 5, &none),
            Err(TreeError::Shrinks { old: 6, new: 5 })
        );
        assert_eq!(
            inclusion_proof(0, u64::MAX, &none),
            Err(TreeError::TooLarge)
        );
        assert_eq!(
            consistency_tiles(0, u64::MAX).unwrap_err(),
            TreeError::TooLarge
        );
        assert_eq!(
            inclusion_proof(0, 2, &none),
            Err(TreeError::TileMissing(TileId { level: 0, index: 0 }))
        );
        let short = [0; 32];
        assert!(matches!(
            inclusion_proof(0, 2, &|_| Some(&short[..])),
            Err(TreeError::TileLength { .. })
        ));
    }

    #[test]
    fn the_largest_tree_has_proofs_within_the_limit() {
        for index in [0, 1, MAX_TREE_SIZE / 2, MAX_TREE_SIZE - 1] {
            assert!(inclusion_spans(index, MAX_TREE_SIZE).unwrap().len() <= MAX_PROOF_HASHES);
            let spans = consistency_spans(index, MAX_TREE_SIZE).unwrap();
            assert!(spans.len() <= MAX_PROOF_HASHES);
            for tile in inclusion_tiles(index, MAX_TREE_SIZE).unwrap() {
                assert!(tile.width_in(MAX_TREE_SIZE) > 0, "{tile}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn larger_trees_too(size in 1_u64..3_000, place in any::<prop::sample::Index>()) {
            let all = tiles(size);
            let leaves = leaves(size);
            let m = place.index(leaves.len());
            let index = u64::try_from(m).unwrap();
            let wanted = inclusion_tiles(index, size).unwrap();
            prop_assert_eq!(inclusion_proof(index, size, &only(&all, &wanted)).unwrap(), path(m, &leaves));
            let wanted = consistency_tiles(index + 1, size).unwrap();
            prop_assert_eq!(consistency_proof(index + 1, size, &only(&all, &wanted)).unwrap(), proof(m + 1, &leaves));
        }
    }
}
