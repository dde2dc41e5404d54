//! The configuration of the build that compares: the simulation's, with candidates beside what decides, with four logs,
//! and with the shortest retention.
//!
//! It is made of `simulation.toml` and `catalogue.toml`, so it changes with them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sluis_tests::comparing::{CANDIDATE_KEYS, CATALOGUE, FOLDER};
use sluis_tests::runtime::Build;

use crate::build::SIMULATION_CONFIG;

/// How often counts are recorded: soon enough for a test to wait for it. And over several logs: what is tested there
/// would take a build of its own.
const LOG: [&str; 2] = [
    "aggregate_interval_ms = 10000",
    "aggregate_interval_ms = 1000\nshards = 4\nclosed = [\"/log\"]",
];
/// The shortest terms, so that a test's records can be old enough to be destroyed.
const RETENTION: [&str; 2] = [
    "access_years = 10\nrefusal_months = 24",
    "access_years = 1\nrefusal_months = 1",
];
/// The candidate wants the next version of every type's terms.
const TERMS: [&str; 2] = ["termsVersion = \"1\"", "termsVersion = \"2\""];

/// Writes the candidate catalogue and the configuration that names it; the configuration's path.
pub(crate) fn write(root: &Path) -> Result<PathBuf> {
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let read = |name: &str| {
        let file = root.join(name);
        fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
    };
    let catalogue = changed(&read("catalogue.toml")?, TERMS)?;
    let nic = "/simulation/nic/.well-known/jwks.json";
    let keys = format!("jwks = {{ url = \"http://127.0.0.1:8788{nic}\" }}");
    let next = format!("candidate_jwks = {{ url = \"http://127.0.0.1:8788{CANDIDATE_KEYS}\" }}");
    let config = changed(&read(SIMULATION_CONFIG)?, LOG)?;
    let config = changed(&config, RETENTION)?;
    let config = changed(&config, [&keys, &format!("{keys}\n{next}")])?;
    let config = format!("{config}\n[compare]\ncatalogue = \"{CATALOGUE}\"\n");
    write_if_changed(&folder.join(CATALOGUE), &catalogue)?;
    let file = folder.join(SIMULATION_CONFIG);
    write_if_changed(&file, &config)?;
    Ok(file)
}

/// Writes the simulation's configuration with four logs; its path.
pub(crate) fn write_sharded(root: &Path) -> Result<PathBuf> {
    let file = root.join(SIMULATION_CONFIG);
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let four = format!("{0}\nshards = 4", LOG[0]);
    let folder = root.join(Build::Sharded.folder());
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let file = folder.join(SIMULATION_CONFIG);
    write_if_changed(&file, &changed(&text, [LOG[0], &four])?)?;
    Ok(file)
}

fn changed(text: &str, [from, to]: [&str; 2]) -> Result<String> {
    ensure!(text.contains(from), "no {from:?} to make a candidate of");
    Ok(text.replace(from, to))
}

/// A file that is as it was does not build the function again.
fn write_if_changed(file: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(file).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}
