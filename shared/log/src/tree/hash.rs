//! The hashes of the tree (RFC 6962 §2.1) and its head.

use std::fmt;

use crate::entry::LeafHash;
use crate::hash::{HASH_BYTES, base64, from_base64, sha256};

/// RFC 6962 §2.1: the prefix of a node, so that no node is a leaf.
const NODE_PREFIX: &[u8] = &[0x01];

/// A node of the tree, or its root.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHash(pub [u8; HASH_BYTES]);

impl TreeHash {
    /// The root of the empty tree: the hash of nothing.
    pub fn of_nothing() -> Self {
        Self(sha256(&[]))
    }

    /// The node over two others.
    #[must_use]
    pub fn over(left: Self, right: Self) -> Self {
        Self(sha256(&[NODE_PREFIX, &left.0, &right.0]))
    }

    /// Reads base64 with padding (RFC 4648 §4), as checkpoints and proofs hold it; strictly.
    pub fn parse(text: &str) -> Option<Self> {
        // INVARIANT: 32 bytes are 44 characters; a longer text is not even decoded.
        if text.len() != 44 {
            return None;
        }
        from_base64(text)?.try_into().ok().map(Self)
    }

    /// The root over hashes that are two, four, eight… or one.
    pub(crate) fn over_all(hashes: &[Self]) -> Option<Self> {
        if !hashes.len().is_power_of_two() {
            return None;
        }
        let mut row = hashes.to_vec();
        while row.len() > 1 {
            row = row
                .chunks_exact(2)
                .filter_map(|pair| match pair {
                    [left, right] => Some(Self::over(*left, *right)),
                    _ => None,
                })
                .collect();
        }
        row.first().copied()
    }
}

/// A leaf's hash is the node over one leaf.
impl From<LeafHash> for TreeHash {
    fn from(leaf: LeafHash) -> Self {
        Self(leaf.0)
    }
}

/// base64 with padding.
impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64(&self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeHash({self})")
    }
}

/// A tree: how many leaves it has, and its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHead {
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: TreeHash,
}

impl TreeHead {
    /// The tree without leaves.
    pub fn empty() -> Self {
        Self {
            size: 0,
            root: TreeHash::of_nothing(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_tree_is_that_of_rfc_6962() {
        // §2.1: SHA-256 of the empty string.
        let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(TreeHash::of_nothing().to_string(), text);
        assert_eq!(TreeHash::parse(text), Some(TreeHash::of_nothing()));
    }

    #[test]
    fn only_the_one_text_of_a_hash_is_read() {
        for text in [
            "",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            " 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF=",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
        ] {
            assert_eq!(TreeHash::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_power_of_two_of_hashes_has_a_root() {
        let hash = TreeHash([7; HASH_BYTES]);
        assert_eq!(TreeHash::over_all(&[]), None);
        assert_eq!(TreeHash::over_all(&[hash]), Some(hash));
        assert_eq!(TreeHash::over_all(&[hash; 3]), None);
        let two = TreeHash::over(hash, hash);
        assert_eq!(
            TreeHash::over_all(&[hash; 4]),
            Some(TreeHash::over(two, two))
        );
    }
}
