//! Checks configuration and catalogue, and embeds them: a wrong one does not build.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use sluis_gate::{Config, ConfigError, Embedded};
use sluis_policy::Catalogue;

/// The variable that names another configuration than the default.
const CONFIG_VARIABLE: &str = "SLUIS_CONFIG";
const DEFAULT_CONFIG: &str = "sluis.toml";
const CATALOGUE: &str = "catalogue.toml";

fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

/// Writes `config.json` and `catalogue.json`; on failure one line that names
/// file, field and what was expected.
fn embed() -> Result<(), String> {
    let package = folder("CARGO_MANIFEST_DIR")?;
    let root = package
        .ancestors()
        .find(|folder| folder.join(CATALOGUE).is_file())
        .ok_or_else(|| format!("{CATALOGUE}: not found at the root of the repository"))?;
    let out = folder("OUT_DIR")?;
    println!("cargo::rerun-if-env-changed={CONFIG_VARIABLE}");
    let config = env::var_os(CONFIG_VARIABLE).unwrap_or_else(|| DEFAULT_CONFIG.into());
    let config = root.join(config);
    let beside = config.parent().unwrap_or(root);
    let in_config = |error: ConfigError| located(&config, &error.to_string());
    let embedded =
        Embedded::from_toml(&read(&config)?, |name| read(&beside.join(name))).map_err(in_config)?;
    let catalogue = root.join(CATALOGUE);
    let checked = Catalogue::from_toml(&read(&catalogue)?)
        .map_err(|error| located(&catalogue, &error.to_string()))?;
    // An operation that the catalogue does not approve would never be allowed.
    let parsed = Config::try_from(embedded.clone()).map_err(in_config)?;
    parsed.check_against(&checked).map_err(in_config)?;
    for warning in parsed.warnings() {
        println!("cargo::warning={}", located(&config, &warning));
    }
    write(
        &out.join("config.json"),
        &embedded.to_json().map_err(in_config)?,
    )?;
    write(&out.join("catalogue.json"), &checked.to_embedded())
}

fn folder(variable: &str) -> Result<PathBuf, String> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{variable} is not set"))
}

fn read(file: &Path) -> Result<String, String> {
    println!("cargo::rerun-if-changed={}", file.display());
    fs::read_to_string(file).map_err(|error| located(file, &error.to_string()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| located(file, &error.to_string()))
}

/// The message on one line, as cargo wants it.
fn located(file: &Path, message: &str) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    format!("{}: {}", name.display(), message.replace('\n', " "))
}
