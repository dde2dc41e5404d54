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

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::de::DeserializeOwned;

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The folder of the data that these tests read.
pub fn vectors() -> PathBuf {
    workspace().join("tests/vectors/independent")
}

/// Reads one of these files.
pub fn read<T: DeserializeOwned>(file: &str) -> Result<T> {
    let path = vectors().join(file);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

/// A text with what stands in it exactly once replaced, if something is to be.
pub fn replaced(text: &str, change: Option<&[String; 2]>) -> Result<String> {
    let Some([from, to]) = change else {
        return Ok(text.to_owned());
    };
    let found = text.matches(from.as_str()).count();
    ensure!(found == 1, "{from} stands there {found} times");
    Ok(text.replace(from.as_str(), to))
}
