//! Where a log's checkpoint, tiles and entry bundles are read from: a folder, or a validator.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sluis_log::{
    MAX_BUNDLE_BYTES, MAX_NOTE_BYTES, MAX_TILE_BYTES, TileId, TileKind, TilePath, TreeError,
};

use super::failure::LogFailure;
use super::remote::RemoteLog;

/// The checkpoint's name, in a folder and on a server.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// The files of a log.
pub(crate) enum TreeSource<'a> {
    Folder(PathBuf),
    Server(&'a RemoteLog),
}

impl TreeSource<'_> {
    /// The checkpoint, unverified.
    pub(crate) fn checkpoint(&self) -> Result<Vec<u8>, LogFailure> {
        match self.read(CHECKPOINT, MAX_NOTE_BYTES)? {
            Some(bytes) => Ok(bytes),
            None => Err(match self {
                Self::Folder(folder) => LogFailure::File {
                    path: folder.join(CHECKPOINT),
                    error: io::Error::from(io::ErrorKind::NotFound),
                },
                Self::Server(log) => log.refused(CHECKPOINT, 404),
            }),
        }
    }

    /// A tile or bundle, unverified; nothing if it is not there.
    pub(crate) fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, LogFailure> {
        let most = match path.kind() {
            TileKind::Hashes { .. } => MAX_TILE_BYTES,
            TileKind::Entries => MAX_BUNDLE_BYTES,
        };
        self.read(&path.to_string(), most)
    }

    /// The same; where a partial one is gone, the full one that came in its place (tlog-tiles, Partial Tiles).
    pub(crate) fn tile_or_full(&self, path: &TilePath) -> Result<Option<Vec<u8>>, LogFailure> {
        match self.tile(path)? {
            None if path.is_partial() => {
                let full = path.with_width(sluis_log::TILE_WIDTH);
                self.tile(&full.map_err(LogFailure::Path)?)
            }
            found => Ok(found),
        }
    }

    /// The hashes of those tiles in a tree of that size, for a proof.
    pub(crate) fn tiles(&self, wanted: &[TileId], size: u64) -> Result<Tiles, LogFailure> {
        let mut tiles = Tiles::default();
        for id in wanted {
            let path = id.path(id.width_in(size)).map_err(LogFailure::Path)?;
            let bytes = self.tile_or_full(&path)?;
            let bytes = bytes.ok_or(LogFailure::Proof(TreeError::TileMissing(*id)))?;
            tiles.0.push((*id, bytes));
        }
        Ok(tiles)
    }

    /// A file of at most so many bytes; a longer one is given with one byte more, which nothing takes.
    fn read(&self, name: &str, most: usize) -> Result<Option<Vec<u8>>, LogFailure> {
        match self {
            Self::Folder(folder) => read_file(&folder.join(name), most),
            Self::Server(log) => log.file(name, most),
        }
    }
}

/// Tiles by their ids; few, so a list.
#[derive(Debug, Default)]
pub(crate) struct Tiles(Vec<(TileId, Vec<u8>)>);

impl Tiles {
    pub(crate) fn get(&self, id: TileId) -> Option<&[u8]> {
        let found = self.0.iter().find(|(other, _)| *other == id);
        found.map(|(_, bytes)| bytes.as_slice())
    }
}

/// A file, or nothing if there is none.
pub(crate) fn read_file(path: &Path, most: usize) -> Result<Option<Vec<u8>>, LogFailure> {
    let failed = |error| LogFailure::File {
        path: path.to_owned(),
        error,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// Keeps in a folder what is read of a log.
pub(crate) struct Copying<'a> {
    source: &'a TreeSource<'a>,
    folder: &'a Path,
    /// The folder that was made last.
    made: RefCell<Option<PathBuf>>,
}

impl<'a> Copying<'a> {
    pub(crate) const fn new(source: &'a TreeSource<'a>, folder: &'a Path) -> Self {
        Self {
            source,
            folder,
            made: RefCell::new(None),
        }
    }

    pub(crate) fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, LogFailure> {
        let bytes = self.source.tile(path)?;
        if let Some(bytes) = &bytes {
            self.keep(&path.to_string(), bytes)?;
        }
        Ok(bytes)
    }

    pub(crate) fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), LogFailure> {
        let file = self.folder.join(name);
        let failed = |error| LogFailure::File {
            path: file.clone(),
            error,
        };
        let parent = file.parent().map(Path::to_owned);
        if *self.made.borrow() != parent
            && let Some(folder) = &parent
        {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        *self.made.borrow_mut() = parent;
        fs::write(&file, bytes).map_err(failed)
    }
}
