//! Verifying proofs, by the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2, which
//! share nothing with how proofs are made.

use thiserror::Error;

use crate::entry::LeafHash;
use crate::tree::hash::{TreeHash, TreeHead};
use crate::tree::proof::MAX_PROOF_HASHES;

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofError {
    /// No such leaf.
    #[error("no entry {index} in a tree of {size}")]
    NoLeaf {
        /// What the proof is about.
        index: u64,
        /// The tree.
        size: u64,
    },
    /// Too few hashes, or too many.
    #[error("{0} hashes are not as many as the proof has")]
    Length(usize),
    /// It leads to another root.
    #[error("the proof leads to another root")]
    OtherRoot,
    /// It begins at another root than the earlier tree's.
    #[error("the proof begins at another root")]
    OtherOldRoot,
    /// The later tree is smaller.
    #[error("a tree of {new} does not extend one of {old}")]
    Shrinks {
        /// The earlier tree.
        old: u64,
        /// The later one.
        new: u64,
    },
    /// The tree without leaves has one root only.
    #[error("the tree without entries does not have this root")]
    EmptyRoot,
}

/// A leaf that was shown to stand in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Included {
    leaf: LeafHash,
    index: u64,
    head: TreeHead,
}

impl Included {
    /// The leaf.
    pub const fn leaf(&self) -> LeafHash {
        self.leaf
    }

    /// Where it stands.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// In which tree.
    pub const fn head(&self) -> TreeHead {
        self.head
    }
}

/// Two trees, the later of which was shown to begin with the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    old: TreeHead,
    new: TreeHead,
}

impl Extension {
    /// The earlier tree.
    pub const fn earlier(&self) -> TreeHead {
        self.old
    }

    /// The later tree.
    pub const fn later(&self) -> TreeHead {
        self.new
    }
}

/// Where an algorithm of RFC 9162 stands: `fn` and `sn`, which it shifts together.
struct Position {
    first: u64,
    second: u64,
}

impl Position {
    /// Whether the next hash of the proof stands to the left.
    const fn is_right(&self) -> bool {
        self.first & 1 == 1 || self.first == self.second
    }

    const fn up(&mut self) {
        self.first >>= 1;
        self.second >>= 1;
    }

    /// After a hash to the left: past the levels at which nothing stands to the right.
    const fn up_to_right(&mut self) {
        while self.first & 1 == 0 && self.first != 0 {
            self.up();
        }
    }
}

/// RFC 9162 §2.1.3.2: whether the leaf stands at that index of the tree.
pub fn verify_inclusion(
    leaf: LeafHash,
    index: u64,
    head: TreeHead,
    proof: &[TreeHash],
) -> Result<Included, ProofError> {
    let length = ProofError::Length(proof.len());
    if proof.len() > MAX_PROOF_HASHES {
        return Err(length);
    }
    let Some(last) = head.size.checked_sub(1).filter(|last| index <= *last) else {
        return Err(ProofError::NoLeaf {
            index,
            size: head.size,
        });
    };
    let mut at = Position {
        first: index,
        second: last,
    };
    let mut root = TreeHash::from(leaf);
    for hash in proof {
        if at.second == 0 {
            return Err(length);
        }
        if at.is_right() {
            root = TreeHash::over(*hash, root);
            at.up_to_right();
        } else {
            root = TreeHash::over(root, *hash);
        }
        at.up();
    }
    if at.second != 0 {
        return Err(length);
    }
    if root != head.root {
        return Err(ProofError::OtherRoot);
    }
    Ok(Included { leaf, index, head })
}

/// RFC 9162 §2.1.4.2: whether the tree `new` begins with the tree `old`. Any tree begins with the empty one.
pub fn verify_consistency(
    old: TreeHead,
    new: TreeHead,
    proof: &[TreeHash],
) -> Result<Extension, ProofError> {
    let length = ProofError::Length(proof.len());
    if proof.len() > MAX_PROOF_HASHES {
        return Err(length);
    }
    if old.size > new.size {
        return Err(ProofError::Shrinks {
            old: old.size,
            new: new.size,
        });
    }
    if [old, new]
        .iter()
        .any(|head| head.size == 0 && head.root != TreeHash::of_nothing())
    {
        return Err(ProofError::EmptyRoot);
    }
    let extension = Extension { old, new };
    if old.size == new.size || old.size == 0 {
        if !proof.is_empty() {
            return Err(length);
        }
        if old.size == new.size && old.root != new.root {
            return Err(ProofError::OtherRoot);
        }
        return Ok(extension);
    }
    let mut at = Position {
        first: old.size - 1,
        second: new.size - 1,
    };
    // Step 2 of the RFC: the proof does not repeat the root of a complete tree.
    let (start, rest) = if old.size.is_power_of_two() {
        (old.root, proof)
    } else {
        let (start, rest) = proof.split_first().ok_or(length)?;
        (*start, rest)
    };
    while at.first & 1 == 1 {
        at.up();
    }
    let (mut old_root, mut new_root) = (start, start);
    for hash in rest {
        if at.second == 0 {
            return Err(length);
        }
        if at.is_right() {
            old_root = TreeHash::over(*hash, old_root);
            new_root = TreeHash::over(*hash, new_root);
            at.up_to_right();
        } else {
            new_root = TreeHash::over(new_root, *hash);
        }
        at.up();
    }
    if at.second != 0 {
        return Err(length);
    }
    if old_root != old.root {
        return Err(ProofError::OtherOldRoot);
    }
    if new_root != new.root {
        return Err(ProofError::OtherRoot);
    }
    Ok(extension)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tree::reference::{leaf, leaves, path, proof, root};

    fn head(size: u64) -> TreeHead {
        TreeHead {
            size,
            root: root(&leaves(size)),
        }
    }

    fn flipped(hash: TreeHash, bit: usize) -> TreeHash {
        let mut bytes = hash.0;
        bytes[bit / 8 % 32] ^= 1 << (bit % 8);
        TreeHash(bytes)
    }

    /// Every way to change a proof by one thing.
    fn mutations(proof: &[TreeHash]) -> Vec<Vec<TreeHash>> {
        let mut all = vec![[proof, &[TreeHash([0; 32])]].concat()];
        for place in 0..proof.len() {
            let mut one = proof.to_vec();
            one[place] = flipped(one[place], 7 * place + 3);
            all.push(one);
            let mut one = proof.to_vec();
            one.remove(place);
            all.push(one);
            let mut one = proof.to_vec();
            one.insert(place, proof[place]);
            all.push(one);
            if place > 0 && proof[place] != proof[place - 1] {
                let mut one = proof.to_vec();
                one.swap(place, place - 1);
                all.push(one);
            }
        }
        all
    }

    #[test]
    fn every_inclusion_in_every_small_tree_and_nothing_else() {
        for size in 1..=40_u64 {
            let (all, head) = (leaves(size), head(size));
            for index in 0..size {
                let path = path(usize::try_from(index).unwrap(), &all);
                let shown = verify_inclusion(leaf(index), index, head, &path).unwrap();
                assert_eq!(
                    (shown.leaf(), shown.index(), shown.head()),
                    (leaf(index), index, head)
                );
                for other in 0..=size {
                    if other != index {
                        assert!(verify_inclusion(leaf(index), other, head, &path).is_err());
                        assert!(verify_inclusion(leaf(other), index, head, &path).is_err());
                    }
                }
                for mutation in mutations(&path) {
                    assert!(verify_inclusion(leaf(index), index, head, &mutation).is_err());
                }
                let other = TreeHead {
                    root: flipped(head.root, 9),
                    ..head
                };
                assert_eq!(
                    verify_inclusion(leaf(index), index, other, &path),
                    Err(ProofError::OtherRoot)
                );
            }
        }
    }

    #[test]
    fn every_extension_of_every_small_tree_and_nothing_else() {
        for new in 1..=40_u64 {
            let (all, later) = (leaves(new), head(new));
            for old in 1..=new {
                let proof = proof(usize::try_from(old).unwrap(), &all);
                let earlier = head(old);
                let shown = verify_consistency(earlier, later, &proof).unwrap();
                assert_eq!((shown.earlier(), shown.later()), (earlier, later));
                for mutation in mutations(&proof) {
                    assert!(verify_consistency(earlier, later, &mutation).is_err());
                }
                for (old, new) in [
                    (flipped(earlier.root, 1), later.root),
                    (earlier.root, flipped(later.root, 1)),
                ] {
                    let earlier = TreeHead {
                        root: old,
                        ..earlier
                    };
                    let later = TreeHead { root: new, ..later };
                    assert!(verify_consistency(earlier, later, &proof).is_err());
                }
                for size in (1..=new).filter(|size| *size != old) {
                    assert!(
                        verify_consistency(TreeHead { size, ..earlier }, later, &proof).is_err()
                    );
                }
            }
        }
    }

    #[test]
    fn the_empty_tree_and_the_same_tree() {
        let (empty, three) = (TreeHead::empty(), head(3));
        assert!(verify_consistency(empty, three, &[]).is_ok());
        assert!(verify_consistency(empty, empty, &[]).is_ok());
        assert!(verify_consistency(three, three, &[]).is_ok());
        let hash = three.root;
        for (old, new) in [(empty, three), (empty, empty), (three, three)] {
            assert_eq!(
                verify_consistency(old, new, &[hash]),
                Err(ProofError::Length(1))
            );
        }
        let rooted = TreeHead {
            size: 0,
            root: hash,
        };
        for (old, new) in [(rooted, three), (rooted, rooted), (empty, rooted)] {
            assert_eq!(
                verify_consistency(old, new, &[]),
                Err(ProofError::EmptyRoot)
            );
        }
        assert_eq!(
            verify_consistency(three, head(2), &[]),
            Err(ProofError::Shrinks { old: 3, new: 2 })
        );
        assert_eq!(
            verify_inclusion(leaf(0), 0, empty, &[]),
            Err(ProofError::NoLeaf { index: 0, size: 0 })
        );
        let long = vec![hash; MAX_PROOF_HASHES + 1];
        assert_eq!(
            verify_inclusion(leaf(0), 0, three, &long),
            Err(ProofError::Length(65))
        );
        assert_eq!(
            verify_consistency(head(1), three, &long),
            Err(ProofError::Length(65))
        );
    }

    proptest! {
        #[test]
        fn larger_trees_and_a_flipped_bit(size in 2_u64..2_000, place in any::<prop::sample::Index>(), bit in 0_usize..256) {
            let (all, head) = (leaves(size), head(size));
            let m = place.index(all.len());
            let index = u64::try_from(m).unwrap();
            let mut path = path(m, &all);
            prop_assert!(verify_inclusion(leaf(index), index, head, &path).is_ok());
            let at = place.index(path.len());
            path[at] = flipped(path[at], bit);
            prop_assert_eq!(verify_inclusion(leaf(index), index, head, &path), Err(ProofError::OtherRoot));

            let old = TreeHead { size: index + 1, root: root(&all[..=m]) };
            let mut proof = proof(m + 1, &all);
            prop_assert!(verify_consistency(old, head, &proof).is_ok());
            if !proof.is_empty() {
                let at = place.index(proof.len());
                proof[at] = flipped(proof[at], bit);
                prop_assert!(verify_consistency(old, head, &proof).is_err());
            }
        }

        #[test]
        fn no_proof_makes_work_without_end(first in any::<u64>(), second in any::<u64>(), count in 0_usize..70) {
            let hashes = vec![TreeHash([1; 32]); count];
            let head = |size| TreeHead { size, root: TreeHash([1; 32]) };
            let _ = verify_inclusion(leaf(0), first, head(second), &hashes);
            let _ = verify_consistency(head(first), head(second), &hashes);
        }
    }
}
