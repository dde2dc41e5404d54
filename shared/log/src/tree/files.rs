//! The files of a log that grows: its tiles and bundles under their paths (C2SP
//! tlog-tiles).

use thiserror::Error;

use crate::tree::bundle::{BundleError, EntryBundle};
use crate::tree::edge::{EdgeTiles, TreeError, integrate};
use crate::tree::hash::TreeHead;
use crate::tree::tile::{TILE_WIDTH, TilePath, TilePathError};

/// A tile or bundle, and where it is served.
pub type TreeFile = (TilePath, Vec<u8>);

/// Makes the files of a log from its first entry on, a bundle at a time.
#[derive(Debug)]
pub struct TreeFiles {
    edge: EdgeTiles,
}

/// Why there are no files of some entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TreeFilesError {
    /// They are not a bundle.
    #[error("{0}")]
    Bundle(#[from] BundleError),
    /// There are entries behind the last full bundle already, which was the last one.
    #[error("{0} entries are there, and the last of them are not a full bundle")]
    Ended(u64),
    /// They do not extend the tree.
    #[error("{0}")]
    Tree(#[from] TreeError),
    /// A file would have no path.
    #[error("{0}")]
    Path(#[from] TilePathError),
}

impl Default for TreeFiles {
    fn default() -> Self {
        Self {
            edge: EdgeTiles::empty(),
        }
    }
}

impl TreeFiles {
    /// How many entries were added.
    pub const fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The bundle of the next entries, [`TILE_WIDTH`] of them or the last ones, and the
    /// tiles that are full with them.
    pub fn add(&mut self, entries: Vec<Vec<u8>>) -> Result<Vec<TreeFile>, TreeFilesError> {
        let (size, full) = (self.edge.size(), u64::from(TILE_WIDTH));
        if !size.is_multiple_of(full) {
            return Err(TreeFilesError::Ended(size));
        }
        let bundle = EntryBundle::new(entries)?;
        let leaves = bundle.leaf_hashes();
        let width = u16::try_from(leaves.len()).unwrap_or(u16::MAX);
        let index = size / full;
        let mut files = vec![(TilePath::of_entries(index, width)?, bundle.encode())];
        let grown = integrate(&self.edge, &leaves)?;
        for (tile, row) in grown.tiles {
            if tile.width_in(grown.head.size) == TILE_WIDTH {
                files.push((tile.path(TILE_WIDTH)?, row));
            }
        }
        self.edge = grown.edge;
        Ok(files)
    }

    /// The tiles on the edge, which are not full.
    pub fn edge(&self) -> Result<Vec<TreeFile>, TreeFilesError> {
        let size = self.edge.size();
        let files = self.edge.tiles();
        let files = files.map(|(tile, row)| Ok((tile.path(tile.width_in(size))?, row)));
        files.collect()
    }

    /// What a checkpoint over them is of.
    pub fn head(&self) -> TreeHead {
        self.edge.head()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_a_full_bundle_at_a_time_and_then_the_last_ones() {
        let mut files = TreeFiles::default();
        let mut names = |count| -> Vec<String> {
            let added = files.add(vec![vec![7]; count]).unwrap().into_iter();
            let edge = files.edge().unwrap();
            added
                .chain(edge)
                .map(|(path, _)| path.to_string())
                .collect()
        };
        assert_eq!(
            names(256),
            ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
        );
        let ended = ["tile/entries/001.p/3", "tile/0/001.p/3", "tile/1/000.p/1"];
        assert_eq!(names(3), ended);
        assert_eq!((files.size(), files.head().size), (259, 259));
        assert_eq!(files.add(vec![vec![7]]), Err(TreeFilesError::Ended(259)));
        for count in [0, 257] {
            let error = TreeFiles::default().add(vec![vec![7]; count]);
            assert_eq!(error, Err(BundleError::Count(count).into()));
        }
    }
}
