//! A whole log against its head, from the front: every entry, every leaf hash,
//! every tile, the root. At any time it holds one bundle and the tree's edge.

use thiserror::Error;

use crate::entry::{Entry, EntryError};
use crate::hash::HASH_BYTES;
use crate::tree::bundle::{BundleError, EntryBundle};
use crate::tree::edge::{EdgeTiles, TreeError, integrate};
use crate::tree::hash::{TreeHash, TreeHead};
use crate::tree::tile::{TILE_HEIGHT, TILE_WIDTH, TileId, TilePath};

/// The first thing found wrong in the files of a log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TreeFault {
    /// A tile or bundle that the tree has is not there.
    #[error("entry {index}: {path} is missing")]
    Missing {
        /// The first entry in it or below it.
        index: u64,
        /// Which.
        path: TilePath,
    },
    /// The bundle is none.
    #[error("entry {index}: {path}: {error}")]
    Bundle {
        /// The first entry that cannot be read.
        index: u64,
        /// Which.
        path: TilePath,
        /// What is wrong.
        error: BundleError,
    },
    /// The bundle has other entries than its path says.
    #[error("entry {index}: {path} has {found} entries")]
    BundleWidth {
        /// The first entry that is missing, or is one too many.
        index: u64,
        /// Which.
        path: TilePath,
        /// How many it has.
        found: usize,
    },
    /// An entry cannot be decoded.
    #[error("entry {index}: {error}")]
    Entry {
        /// Which.
        index: u64,
        /// Why.
        error: EntryError,
    },
    /// A tile of another length than its path says.
    #[error("entry {index}: {path} has {found} bytes, not {}", usize::from(.path.width()) * HASH_BYTES)]
    TileLength {
        /// The first entry below the tile.
        index: u64,
        /// Which.
        path: TilePath,
        /// Its length.
        found: usize,
    },
    /// A hash in a tile is not that of the entries below it.
    #[error("entry {index}: {path} has another hash over the {count} entries from there")]
    TileHash {
        /// The first entry below that hash.
        index: u64,
        /// Which tile.
        path: TilePath,
        /// How many entries stand below one of its hashes.
        count: u64,
    },
    /// Every tile follows from the entries, but the checkpoint does not.
    #[error("the root of all {size} entries is {found}, and not {signed} as the checkpoint says")]
    Root {
        /// The size of the tree.
        size: u64,
        /// What the entries give.
        found: TreeHash,
        /// What was signed.
        signed: TreeHash,
    },
    /// The tree cannot be.
    #[error("{0}")]
    Tree(#[from] TreeError),
}

/// Verifies a log's bundles and tiles one after the other.
#[derive(Debug)]
pub struct TreeCheck {
    head: TreeHead,
    edge: EdgeTiles,
}

/// Where a bundle or tile is read from: nothing if it is not there.
type Read<'a, E> = dyn FnMut(&TilePath) -> Result<Option<Vec<u8>>, E> + 'a;

impl TreeCheck {
    /// Begins at the front of the log that has this head.
    pub fn new(head: TreeHead) -> Self {
        Self {
            head,
            edge: EdgeTiles::empty(),
        }
    }

    /// How many entries have been verified.
    pub const fn checked(&self) -> u64 {
        self.edge.size()
    }

    /// Reads the next bundle and the tiles that it completes, and verifies them. After the last bundle, which the
    /// signed root has confirmed, there is none.
    pub fn next<E: From<TreeFault>>(
        &mut self,
        read: &mut Read<'_, E>,
    ) -> Result<Option<EntryBundle>, E> {
        let first = self.edge.size();
        if first == self.head.size {
            self.finish()?;
            return Ok(None);
        }
        let id = TileId {
            level: 0,
            index: first >> TILE_HEIGHT,
        };
        let width = id.width_in(self.head.size);
        let path = TilePath::of_entries(id.index, width).map_err(|_| too_large())?;
        let bytes = read(&path)?.ok_or(TreeFault::Missing { index: first, path })?;
        let bundle = bundle(first, path, &bytes)?;
        let leaves = bundle.leaf_hashes();
        let grown = integrate(&self.edge, &leaves).map_err(TreeFault::from)?;
        let full = grown.tiles.iter().filter(|(tile, _)| {
            // A tile that is not full yet is read when it is, or when the log ends.
            tile.width_in(grown.head.size) == TILE_WIDTH
        });
        let mut tiles: Vec<_> = full.cloned().collect();
        if grown.head.size == self.head.size {
            tiles.extend(grown.edge.tiles());
        }
        for (tile, expected) in &tiles {
            let width = tile.width_in(grown.head.size);
            let path = tile.path(width).map_err(|_| too_large())?;
            let index = tile.first_entry(0);
            let found = read(&path)?.ok_or(TreeFault::Missing { index, path })?;
            compare(path, expected, &found)?;
        }
        for (index, entry) in (first..).zip(bundle.entries()) {
            Entry::decode(entry).map_err(|error| TreeFault::Entry { index, error })?;
        }
        self.edge = grown.edge;
        Ok(Some(bundle))
    }

    fn finish(&self) -> Result<(), TreeFault> {
        let TreeHead { size, root } = self.edge.head();
        if root == self.head.root {
            return Ok(());
        }
        Err(TreeFault::Root {
            size,
            found: root,
            signed: self.head.root,
        })
    }
}

fn too_large() -> TreeFault {
    TreeError::TooLarge.into()
}

fn bundle(first: u64, path: TilePath, bytes: &[u8]) -> Result<EntryBundle, TreeFault> {
    let width = usize::from(path.width());
    // A wrong length in the last entry shows as one entry too many: the last is the one to look at.
    let index = |found: usize| {
        let place = found.min(width.saturating_sub(1));
        first.saturating_add(u64::try_from(place).unwrap_or(u64::MAX))
    };
    let bundle = EntryBundle::decode(bytes).map_err(|error| {
        let whole = match error {
            BundleError::CutOff(whole) => whole,
            BundleError::TooLong(_) | BundleError::Count(_) | BundleError::EntryTooLong(_) => 0,
        };
        TreeFault::Bundle {
            index: index(whole),
            path,
            error,
        }
    })?;
    let found = bundle.entries().len();
    if found != width {
        return Err(TreeFault::BundleWidth {
            index: index(found),
            path,
            found,
        });
    }
    Ok(bundle)
}

/// Compares a tile with what the entries give, and names the first entry below the first hash that differs.
fn compare(path: TilePath, expected: &[u8], found: &[u8]) -> Result<(), TreeFault> {
    let tile = path.tile();
    if found.len() != expected.len() {
        return Err(TreeFault::TileLength {
            index: tile.first_entry(0),
            path,
            found: found.len(),
        });
    }
    let pairs = expected.chunks(HASH_BYTES).zip(found.chunks(HASH_BYTES));
    match pairs.into_iter().position(|(one, other)| one != other) {
        None => Ok(()),
        Some(place) => Err(TreeFault::TileHash {
            index: tile.first_entry(u64::try_from(place).unwrap_or(u64::MAX)),
            path,
            count: tile.below_one(),
        }),
    }
}

impl TreeFault {
    /// The first entry that is not as it should be, if one can be named.
    pub const fn index(&self) -> Option<u64> {
        match self {
            Self::Missing { index, .. }
            | Self::Bundle { index, .. }
            | Self::BundleWidth { index, .. }
            | Self::Entry { index, .. }
            | Self::TileLength { index, .. }
            | Self::TileHash { index, .. } => Some(*index),
            Self::Root { .. } | Self::Tree(_) => None,
        }
    }
}

/// A log's files, for tests: what [`TreeCheck`] reads.
#[cfg(test)]
pub(crate) mod files {
    use std::collections::BTreeMap;

    use super::*;
    use crate::conformance;

    pub(crate) struct LogFiles {
        pub(crate) files: BTreeMap<String, Vec<u8>>,
        pub(crate) head: TreeHead,
    }

    impl LogFiles {
        pub(crate) fn of(size: u64) -> Self {
            let entries: Vec<_> = (0..size)
                .map(|number| {
                    conformance::sample(number, 0)
                        .unwrap()
                        .entry()
                        .encode()
                        .to_vec()
                })
                .collect();
            let mut files = BTreeMap::new();
            let mut leaves = Vec::new();
            for (index, chunk) in (0..).zip(entries.chunks(256)) {
                let bundle = EntryBundle::new(chunk.to_vec()).unwrap();
                let width = u16::try_from(chunk.len()).unwrap();
                let path = TilePath::of_entries(index, width).unwrap();
                files.insert(path.to_string(), bundle.encode());
                leaves.extend(bundle.leaf_hashes());
            }
            let grown = integrate(&EdgeTiles::empty(), &leaves).unwrap();
            for (tile, row) in grown.tiles {
                let path = tile.path(tile.width_in(size)).unwrap();
                files.insert(path.to_string(), row);
            }
            Self {
                files,
                head: grown.head,
            }
        }

        pub(crate) fn check(&self) -> Result<u64, TreeFault> {
            let mut check = TreeCheck::new(self.head);
            let mut read =
                |path: &TilePath| Ok::<_, TreeFault>(self.files.get(&path.to_string()).cloned());
            while check.next(&mut read)?.is_some() {}
            Ok(check.checked())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::files::LogFiles;
    use super::*;

    #[test]
    fn whole_logs_verify() {
        for size in [0, 1, 255, 256, 257, 600] {
            assert_eq!(LogFiles::of(size).check(), Ok(size));
        }
    }

    #[test]
    fn any_changed_byte_of_any_file_is_found_and_named() {
        let mut log = LogFiles::of(259);
        let names: Vec<_> = log.files.keys().cloned().collect();
        assert_eq!(names.len(), 5, "{names:?}");
        for name in names {
            let whole = log.files[&name].clone();
            for place in 0..whole.len() {
                log.files.get_mut(&name).unwrap()[place] ^= 1 << (place % 8);
                let fault = log.check().unwrap_err();
                let index = fault.index().unwrap();
                let second = name.contains("/001");
                assert_eq!(index >= 256, second, "{name}[{place}]: {fault}");
                // A bundle whose lengths still hold, and a tile of leaves, name the very entry.
                let width = if name.contains("entries") { 73 } else { 32 };
                let is_length = name.contains("entries") && place % width < 2;
                if !name.starts_with("tile/1") && !is_length {
                    let within = u64::try_from(place / width).unwrap();
                    assert_eq!(index % 256, within, "{name}[{place}]: {fault}");
                }
                log.files.insert(name.clone(), whole.clone());
            }
            for changed in [[&whole[..], &[0; 32]].concat(), whole[32..].to_vec()] {
                log.files.insert(name.clone(), changed);
                assert!(log.check().is_err(), "{name}");
            }
            log.files.remove(&name);
            assert!(
                matches!(log.check(), Err(TreeFault::Missing { path, .. }) if path.to_string() == name)
            );
            log.files.insert(name, whole);
        }
        assert_eq!(log.check(), Ok(259));
    }

    #[test]
    fn another_root_or_size_than_the_checkpoints_is_found() {
        let mut log = LogFiles::of(300);
        let head = log.head;
        log.head.root.0[0] ^= 1;
        assert!(matches!(
            log.check(),
            Err(TreeFault::Root { size: 300, .. })
        ));
        for size in [0, 255, 256, 299, 301, u64::MAX] {
            log.head = TreeHead { size, ..head };
            assert!(log.check().is_err(), "{size}");
        }
    }

    #[test]
    fn a_leaf_that_is_no_entry_is_found_even_if_the_tree_has_it() {
        let bundle = EntryBundle::new(vec![vec![1; 71], vec![9; 3]]).unwrap();
        let grown = integrate(&EdgeTiles::empty(), &bundle.leaf_hashes()).unwrap();
        let mut check = TreeCheck::new(grown.head);
        let mut read = |path: &TilePath| {
            Ok::<_, TreeFault>(Some(match path.kind() {
                crate::TileKind::Entries => bundle.encode(),
                crate::TileKind::Hashes { .. } => grown.tiles[0].1.clone(),
            }))
        };
        let fault = check.next(&mut read).unwrap_err();
        assert_eq!(
            fault,
            TreeFault::Entry {
                index: 1,
                error: EntryError::Version(9)
            }
        );
    }
}
