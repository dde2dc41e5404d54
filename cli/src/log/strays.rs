//! What else lies in a log's folder. A file that the signed tree does not vouch for must not look as if it did.

use std::fs;
use std::path::Path;

use sluis_log::{EntryBundle, TileKind, TilePath};

use super::failure::LogFailure;
use super::fsck::is_records;
use super::tree_source::{CHECKPOINT, TreeSource};

/// Deepest folder of a tile: its path's groups of digits, and `tile`, the level and `.p` besides.
const MAX_DEPTH: usize = 12;

/// Every file of the folder is the checkpoint, the records, or a tile or bundle of the tree of that size: one that was
/// verified, or an earlier partial one, which is then compared with it.
pub(crate) fn check(folder: &Path, source: &TreeSource<'_>, size: u64) -> Result<(), LogFailure> {
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let failed = |error| LogFailure::File {
            path: next.clone(),
            error,
        };
        for entry in fs::read_dir(&next).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let stray = || LogFailure::Stray {
                path: path.clone(),
                size,
            };
            let within = path.strip_prefix(folder).map_err(|_| stray())?;
            if entry.file_type().map_err(failed)?.is_dir() {
                if within.components().count() > MAX_DEPTH {
                    return Err(stray());
                }
                folders.push(path);
            } else if within != Path::new(CHECKPOINT) && !is_records(within) {
                let tile = tile_of(within).ok_or_else(stray)?;
                belongs(source, &tile, size)?
                    .then_some(())
                    .ok_or_else(stray)?;
            }
        }
    }
    Ok(())
}

fn tile_of(within: &Path) -> Option<TilePath> {
    let parts = within.components().map(|part| part.as_os_str().to_str());
    let parts: Option<Vec<&str>> = parts.collect();
    TilePath::parse(&parts?.join("/")).ok()
}

/// Whether the tree of that size has the tile, or has it wider and both agree.
fn belongs(source: &TreeSource<'_>, path: &TilePath, size: u64) -> Result<bool, LogFailure> {
    let width = path.tile().width_in(size);
    if path.width() == width {
        // Verified already.
        return Ok(true);
    }
    if path.width() > width {
        return Ok(false);
    }
    let whole = path.with_width(width).map_err(LogFailure::Path)?;
    let (Some(earlier), Some(whole)) = (source.tile(path)?, source.tile(&whole)?) else {
        return Ok(false);
    };
    let count = usize::from(path.width());
    Ok(match path.kind() {
        TileKind::Hashes { .. } => {
            earlier.len() == count * sluis_log::HASH_BYTES && whole.starts_with(&earlier)
        }
        TileKind::Entries => {
            let entries = EntryBundle::decode(&earlier);
            entries.is_ok_and(|bundle| bundle.entries().len() == count)
                && whole.starts_with(&earlier)
        }
    })
}
