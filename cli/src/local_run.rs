//! What `cargo xtask dev` leaves in its folders, one a runtime.

use std::path::{Path, PathBuf};

const FOLDERS: [&str; 2] = [".sluis/dev/workerd", ".sluis/dev/spin"];

/// Why there is no one local run to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotOne {
    None,
    Several,
}

/// A file of the one local run: a guess between two would mean the wrong one.
pub(crate) fn file(name: &str) -> Result<PathBuf, NotOne> {
    let paths = FOLDERS.iter().map(|folder| Path::new(folder).join(name));
    let mut found = paths.filter(|path| path.is_file());
    match (found.next(), found.next()) {
        (Some(path), None) => Ok(path),
        (Some(_), Some(_)) => Err(NotOne::Several),
        (None, _) => Err(NotOne::None),
    }
}
