//! RFC 6962 §2.1 word for word, by recursion over all leaves: what the rest is compared with.

use crate::entry::LeafHash;
use crate::hash::sha256;
use crate::tree::hash::TreeHash;

/// A leaf that has nothing to do with entries.
pub(crate) fn leaf(number: u64) -> LeafHash {
    LeafHash::of(&number.to_be_bytes())
}

pub(crate) fn leaves(count: u64) -> Vec<TreeHash> {
    (0..count).map(|number| leaf(number).into()).collect()
}

/// The largest power of two below n.
fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// §2.1: MTH.
pub(crate) fn root(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash(sha256(&[b""])),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            TreeHash(sha256(&[&[1], &root(left).0, &root(right).0]))
        }
    }
}

/// §2.1.1: PATH.
pub(crate) fn path(m: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, other) = if m < k {
        (path(m, left), root(right))
    } else {
        (path(m - k, right), root(left))
    };
    path.push(other);
    path
}

/// §2.1.2: PROOF.
pub(crate) fn proof(m: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
    subproof(m, leaves, true)
}

fn subproof(m: usize, leaves: &[TreeHash], known: bool) -> Vec<TreeHash> {
    if m == leaves.len() {
        return if known {
            Vec::new()
        } else {
            vec![root(leaves)]
        };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) = if m <= k {
        (subproof(m, left, known), root(right))
    } else {
        (subproof(m - k, right, false), root(left))
    };
    proof.push(other);
    proof
}
