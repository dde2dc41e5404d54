//! A trusted head where others could write: sealed, so that nobody else can make or change one.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::chain::Origin;
use crate::hash::{HASH_BYTES, hmac_sha256};
use crate::tree::{TreeHash, TreeHead};

const KEY_DOMAIN: &[u8] = b"sluis trusted head key v1\0";
const HEAD_DOMAIN: &[u8] = b"sluis trusted head v1\0";
const SIZE_BYTES: usize = 8;

/// The key that seals heads. What was sealed earlier can be put back by who owns the place; that is found when the store
/// has a checkpoint beyond it ([`Evidence::TrustedBehind`](super::Evidence)).
pub struct HeadSeal(Zeroizing<[u8; HASH_BYTES]>);

impl std::fmt::Debug for HeadSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeadSeal(..)")
    }
}

impl HeadSeal {
    /// Derives it from the seed of the log's key.
    pub fn derive(seed: &[u8; HASH_BYTES]) -> Self {
        Self(Zeroizing::new(hmac_sha256(seed, KEY_DOMAIN)))
    }

    /// `tag ‖ size ‖ root`.
    pub fn seal(&self, origin: &Origin, head: TreeHead) -> Vec<u8> {
        let size = head.size.to_be_bytes();
        [
            &self.tag(origin, size, &head.root.0),
            size.as_slice(),
            &head.root.0,
        ]
        .concat()
    }

    /// The head, if it was sealed for that log.
    pub fn open(&self, origin: &Origin, sealed: &[u8]) -> Option<TreeHead> {
        let (tag, rest) = sealed.split_first_chunk::<HASH_BYTES>()?;
        let (size, root) = rest.split_first_chunk::<SIZE_BYTES>()?;
        let root = <[u8; HASH_BYTES]>::try_from(root).ok()?;
        let expected = self.tag(origin, *size, &root);
        bool::from(expected.ct_eq(tag)).then(|| TreeHead {
            size: u64::from_be_bytes(*size),
            root: TreeHash(root),
        })
    }

    fn tag(
        &self,
        origin: &Origin,
        size: [u8; SIZE_BYTES],
        root: &[u8; HASH_BYTES],
    ) -> [u8; HASH_BYTES] {
        // What has a fixed length comes first, so that two messages never run together.
        let message = [HEAD_DOMAIN, &size, root, origin.as_str().as_bytes()].concat();
        hmac_sha256(&self.0, &message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_for_the_log_opens() {
        let origin = Origin::parse("validator.example.be/log").unwrap();
        let other = Origin::parse("validator.example.be/log/1").unwrap();
        let seal = HeadSeal::derive(&[1; 32]);
        let head = TreeHead {
            size: 7,
            root: TreeHash([3; 32]),
        };
        let sealed = seal.seal(&origin, head);
        assert_eq!(seal.open(&origin, &sealed), Some(head));
        assert_eq!(seal.open(&other, &sealed), None);
        assert_eq!(HeadSeal::derive(&[2; 32]).open(&origin, &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(&origin, &changed), None, "{at}");
        }
        assert_eq!(seal.open(&origin, &sealed[1..]), None);
        assert_eq!(
            seal.open(&origin, &[sealed.as_slice(), &[0]].concat()),
            None
        );
        assert_eq!(format!("{seal:?}"), "HeadSeal(..)");
    }
}
