//! `cargo xtask bench`: requests per second and CPU per request.

use std::path::{Path, PathBuf};

use anyhow::Result;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write a row a measure to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Short rounds: to see that it runs, not to quote.
    #[arg(long)]
    quick: bool,
}

/// Runs the benchmark.
pub(crate) fn run(_root: &Path, arguments: &Arguments) -> Result<()> {
    anyhow::bail!("not there yet: {arguments:?}")
}
