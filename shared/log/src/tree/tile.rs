//! Tiles and the paths they are served and stored under (C2SP tlog-tiles).
//!
//! `tile/<L>/<N>[.p/<W>]` holds hashes, `tile/entries/<N>[.p/<W>]` the entries
//! below tile N of level 0. N is in groups of three digits, all but the last
//! with an `x` before it. A path has one spelling; any other is refused, so that
//! a cache, a file system and this code cannot mean two things by one path.

use std::fmt;

use thiserror::Error;

use crate::hash::{HASH_BYTES, decimal};
use crate::tree::edge::MAX_TREE_SIZE;

/// Hashes of a full tile, and entries of a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Bytes of a full tile.
pub const MAX_TILE_BYTES: usize = TILE_WIDTH as usize * HASH_BYTES;
/// Longest path taken: what the largest tree has, with room.
pub const MAX_TILE_PATH_BYTES: usize = 64;
/// Levels of a tree are eight of a tile: `TILE_WIDTH` is two to this.
pub(crate) const TILE_HEIGHT: u32 = 8;
/// The highest level that a path can name.
const MAX_PATH_LEVEL: u8 = 63;
/// The end of a partial tile's path.
const PARTIAL: &str = ".p/";

/// A tile: its level, and which one of that level it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 holds the leaves' hashes; each hash of a higher level is the root of a full tile below.
    pub level: u8,
    /// Counted from the left.
    pub index: u64,
}

impl TileId {
    /// How many hashes the tile has in a tree of that size; 0 if the tree does not have it.
    pub fn width_in(self, size: u64) -> u16 {
        let before = u128::from(self.index) << TILE_HEIGHT;
        let hashes = size
            .checked_shr(TILE_HEIGHT * u32::from(self.level))
            .unwrap_or_default();
        let here = u128::from(hashes).saturating_sub(before);
        u16::try_from(here).map_or(TILE_WIDTH, |here| here.min(TILE_WIDTH))
    }

    /// How many entries stand below one of its hashes.
    pub fn below_one(self) -> u64 {
        1_u64
            .checked_shl(TILE_HEIGHT * u32::from(self.level))
            .unwrap_or(u64::MAX)
    }

    /// The first entry below a hash of it, counted from 0.
    pub fn first_entry(self, hash: u64) -> u64 {
        (self.index << TILE_HEIGHT)
            .saturating_add(hash)
            .saturating_mul(self.below_one())
    }

    /// The path of the tile of that width.
    pub fn path(self, width: u16) -> Result<TilePath, TilePathError> {
        TilePath::new(TileKind::Hashes { level: self.level }, self.index, width)
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile {} of level {}", self.index, self.level)
    }
}

/// What stands under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Hashes of that level.
    Hashes {
        /// Which.
        level: u8,
    },
    /// The entries themselves.
    Entries,
}

/// The path of a tile or of an entry bundle, full or partial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    width: u16,
}

/// Why a text is no such path, or a tile has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TilePathError {
    /// Longer than any.
    #[error("a path of {0} bytes; the longest has {MAX_TILE_PATH_BYTES}")]
    Length(usize),
    /// Not of this form, or another spelling of one that is.
    #[error("not tile/<L>/<N> or tile/entries/<N>, each with .p/<W> or without")]
    Form,
    /// There is no such level.
    #[error("no level {0}; the highest is {MAX_PATH_LEVEL}")]
    Level(u8),
    /// No tree is so large.
    #[error("no tile {0}: no tree is so large")]
    Index(u64),
    /// Not a width.
    #[error("a width of {0}; a partial tile has 1 to 255, a full one {TILE_WIDTH}")]
    Width(u64),
}

impl TilePath {
    fn new(kind: TileKind, index: u64, width: u16) -> Result<Self, TilePathError> {
        if let TileKind::Hashes { level } = kind
            && level > MAX_PATH_LEVEL
        {
            return Err(TilePathError::Level(level));
        }
        if index > MAX_TREE_SIZE >> TILE_HEIGHT {
            return Err(TilePathError::Index(index));
        }
        if width == 0 || width > TILE_WIDTH {
            return Err(TilePathError::Width(width.into()));
        }
        Ok(Self { kind, index, width })
    }

    /// The path of the bundle of entries `index * 256` and so on.
    pub fn of_entries(index: u64, width: u16) -> Result<Self, TilePathError> {
        Self::new(TileKind::Entries, index, width)
    }

    /// Reads a path, which has no slash before it.
    pub fn parse(text: &str) -> Result<Self, TilePathError> {
        if text.len() > MAX_TILE_PATH_BYTES {
            return Err(TilePathError::Length(text.len()));
        }
        let form = TilePathError::Form;
        let rest = text.strip_prefix("tile/").ok_or(form)?;
        let (level, rest) = rest.split_once('/').ok_or(form)?;
        let kind = if level == "entries" {
            TileKind::Entries
        } else {
            let level = decimal(level).ok_or(form)?;
            let level = u8::try_from(level).map_err(|_| form)?;
            TileKind::Hashes { level }
        };
        let (index, width) = match rest.split_once(PARTIAL) {
            Some((index, width)) => (index, decimal(width).ok_or(form)?),
            None => (rest, TILE_WIDTH.into()),
        };
        let mut number = 0_u64;
        for group in index.split('/') {
            // Where an x belongs and where not is seen below, when the path is written again.
            let digits = group.strip_prefix('x').unwrap_or(group);
            if digits.len() != 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(form);
            }
            let group: u64 = digits.parse().map_err(|_| form)?;
            number = number
                .checked_mul(1_000)
                .and_then(|number| number.checked_add(group))
                .ok_or(form)?;
        }
        let narrow = u16::try_from(width).map_err(|_| TilePathError::Width(width))?;
        let path = Self::new(kind, number, narrow)?;
        if path.to_string() == text {
            Ok(path)
        } else {
            Err(form)
        }
    }

    /// What stands there.
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Which tile of its level, or which bundle.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether a tile that is not full is meant.
    pub const fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// The tile whose width decides: for entries, the one of their hashes.
    pub const fn tile(&self) -> TileId {
        let level = match self.kind {
            TileKind::Hashes { level } => level,
            TileKind::Entries => 0,
        };
        TileId {
            level,
            index: self.index,
        }
    }

    /// The same at another width.
    pub fn with_width(&self, width: u16) -> Result<Self, TilePathError> {
        Self::new(self.kind, self.index, width)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1_000];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            groups.push(rest % 1_000);
            rest /= 1_000;
        }
        for (place, group) in groups.iter().enumerate().rev() {
            if place > 0 {
                write!(f, "x{group:03}/")?;
            } else {
                write!(f, "{group:03}")?;
            }
        }
        if self.is_partial() {
            write!(f, "{PARTIAL}{}", self.width)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_paths_of_the_specification() {
        let tile = TileId {
            level: 0,
            index: 1_234_067,
        };
        assert_eq!(
            tile.path(TILE_WIDTH).unwrap().to_string(),
            "tile/0/x001/x234/067"
        );
        assert_eq!(
            tile.path(8).unwrap().to_string(),
            "tile/0/x001/x234/067.p/8"
        );
        let entries = TilePath::of_entries(0, 255).unwrap();
        assert_eq!(entries.to_string(), "tile/entries/000.p/255");
        let longest = TilePath::of_entries(MAX_TREE_SIZE >> TILE_HEIGHT, 255).unwrap();
        assert!(longest.to_string().len() <= MAX_TILE_PATH_BYTES);
        assert_eq!(TilePath::parse(&longest.to_string()), Ok(longest));
    }

    #[test]
    fn the_tiles_of_the_specifications_example() {
        // tlog-tiles: a tree of 70 000 leaves.
        let width = |level, index| TileId { level, index }.width_in(70_000);
        assert_eq!(width(0, 272), TILE_WIDTH);
        assert_eq!(width(0, 273), 112);
        assert_eq!(width(0, 274), 0);
        assert_eq!(width(1, 0), TILE_WIDTH);
        assert_eq!(width(1, 1), 17);
        assert_eq!(width(2, 0), 1);
        assert_eq!(width(3, 0), 0);
        assert_eq!(width(63, 0), 0);
        let last = TileId {
            level: 0,
            index: u64::MAX,
        };
        assert_eq!(last.width_in(u64::MAX), 0);
    }

    #[test]
    fn any_other_spelling_is_refused() {
        for text in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000",
            "tile/0/x000/001",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/x001//000",
            "tile/0/000/",
            "/tile/0/000",
            "tile/00/000",
            "tile/-1/000",
            "tile/+1/000",
            "tile/256/000",
            "tile/data/000",
            "tile/8/0/000",
            "tile/0/0x1",
            "tile/0/+01",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/00",
            "tile/0/000.p/01",
            "tile/0/000.p/+1",
            "tile/0/000.p/1.p/1",
            "tile/0/000.p/256",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/٠٠٠",
            "tile/entries/000.P/1",
        ] {
            assert!(TilePath::parse(text).is_err(), "{text}");
        }
        let error = |text| TilePath::parse(text).unwrap_err();
        assert_eq!(error("tile/64/000"), TilePathError::Level(64));
        assert_eq!(error("tile/0/000.p/0"), TilePathError::Width(0));
        assert_eq!(error("tile/0/000.p/70000"), TilePathError::Width(70_000));
        assert_eq!(
            error("tile/0/x999/x999/x999/x999/x999/999"),
            TilePathError::Index(999_999_999_999_999_999)
        );
        assert_eq!(error(&"t".repeat(65)), TilePathError::Length(65));
    }

    proptest! {
        #[test]
        fn a_path_is_read_as_it_was_written(level in 0_u8..64, index in 0..=(MAX_TREE_SIZE >> 8), width in 1_u16..=256) {
            for path in [TileId { level, index }.path(width), TilePath::of_entries(index, width)] {
                let path = path.unwrap();
                prop_assert_eq!(TilePath::parse(&path.to_string()), Ok(path));
            }
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,2}[0-9]{3}(\\.p/[0-9]{1,3})?") {
            if let Ok(path) = TilePath::parse(&text) {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
