//! Test vectors that others made, run against the token layer.
//!
//! A [`Set`] is compared with what its makers expect. Where the profile wants another verdict
//! than they do, `tests/vectors/independent/divergences.toml` lists the case with our verdict and
//! the reason; a case that differs and is not listed fails, and so does one that is listed and
//! does not differ.

pub mod divergences;
pub mod forge;
pub mod keys;
pub mod set;

pub use divergences::Divergences;
pub use set::{Expected, Set, Summary, Verdict};

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The folder of the data that these tests read.
pub fn vectors() -> PathBuf {
    workspace().join("tests/vectors/independent")
}
