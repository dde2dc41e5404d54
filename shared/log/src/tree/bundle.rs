//! Entry bundles (C2SP tlog-tiles, Log entries): each entry behind its length
//! as two bytes, big-endian.

use thiserror::Error;

use crate::entry::{ENTRY_BYTES, LeafHash};
use crate::tree::tile::TILE_WIDTH;

/// Bytes of a length.
const LENGTH_BYTES: usize = 2;
/// Longest bundle taken: 256 entries of this version. The format would allow 64 KiB for each.
pub const MAX_BUNDLE_BYTES: usize = TILE_WIDTH as usize * (LENGTH_BYTES + ENTRY_BYTES);

/// The entries of a bundle, one after the other; of their bytes nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryBundle {
    entries: Vec<Vec<u8>>,
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BundleError {
    /// Longer than any.
    #[error("{0} bytes; a bundle has {MAX_BUNDLE_BYTES} at most")]
    TooLong(usize),
    /// It breaks off within an entry.
    #[error("it ends within its entry {0}")]
    CutOff(usize),
    /// More entries than a bundle has, or none.
    #[error("{0} entries; a bundle has 1 to {TILE_WIDTH}")]
    Count(usize),
    /// An entry whose length two bytes cannot tell.
    #[error("an entry of {0} bytes")]
    EntryTooLong(usize),
}

impl EntryBundle {
    /// Takes 1 to 256 entries.
    pub fn new(entries: Vec<Vec<u8>>) -> Result<Self, BundleError> {
        if entries.is_empty() || entries.len() > TILE_WIDTH.into() {
            return Err(BundleError::Count(entries.len()));
        }
        let too_long = |entry: &&Vec<u8>| u16::try_from(entry.len()).is_err();
        if let Some(entry) = entries.iter().find(too_long) {
            return Err(BundleError::EntryTooLong(entry.len()));
        }
        Ok(Self { entries })
    }

    /// Reads a bundle, to its last byte.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(BundleError::TooLong(bytes.len()));
        }
        let mut entries = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let cut_off = BundleError::CutOff(entries.len());
            let (length, after) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or(cut_off)?;
            let length = u16::from_be_bytes(*length).into();
            let (entry, after) = after.split_at_checked(length).ok_or(cut_off)?;
            entries.push(entry.to_vec());
            rest = after;
        }
        Self::new(entries)
    }

    /// The bytes that are served.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(MAX_BUNDLE_BYTES);
        for entry in &self.entries {
            // INVARIANT: `new` took no entry that is longer.
            let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
            bytes.extend(length.to_be_bytes());
            bytes.extend(entry);
        }
        bytes
    }

    /// The entries.
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// Their leaf hashes, which are those of the tile of level 0.
    pub fn leaf_hashes(&self) -> Vec<LeafHash> {
        self.entries
            .iter()
            .map(|entry| LeafHash::of(entry))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_bundle_is_refused() {
        let decode = EntryBundle::decode;
        assert_eq!(decode(&[]), Err(BundleError::Count(0)));
        assert_eq!(decode(&[0]), Err(BundleError::CutOff(0)));
        assert_eq!(decode(&[0, 2, 7]), Err(BundleError::CutOff(0)));
        assert_eq!(decode(&[0, 1, 7, 0]), Err(BundleError::CutOff(1)));
        assert_eq!(decode(&[0; 2 * 257]), Err(BundleError::Count(257)));
        assert_eq!(decode(&[0; 2 * 256]).unwrap().entries().len(), 256);
        let long = vec![0; MAX_BUNDLE_BYTES + 1];
        assert_eq!(decode(&long), Err(BundleError::TooLong(long.len())));
        assert_eq!(
            EntryBundle::new(vec![vec![0; 65_536]]),
            Err(BundleError::EntryTooLong(65_536))
        );
    }

    #[test]
    fn the_leaf_hashes_are_those_of_the_entries() {
        let bundle = EntryBundle::new(vec![b"a".to_vec(), Vec::new()]).unwrap();
        assert_eq!(bundle.encode(), b"\0\x01a\0\0");
        assert_eq!(
            bundle.leaf_hashes(),
            [LeafHash::of(b"a"), LeafHash::of(b"")]
        );
    }

    proptest! {
        #[test]
        fn a_bundle_is_read_as_it_was_written(entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..72), 1..257)) {
            let bundle = EntryBundle::new(entries).unwrap();
            prop_assert_eq!(EntryBundle::decode(&bundle.encode()), Ok(bundle));
        }

        #[test]
        fn what_is_read_is_written_the_same(bytes in proptest::collection::vec(0_u8..4, 0..200)) {
            if let Ok(bundle) = EntryBundle::decode(&bytes) {
                prop_assert_eq!(bundle.encode(), bytes);
            }
        }
    }
}
