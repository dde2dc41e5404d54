//! What a fresh machine with rustup and any Node still lacks, fetched; and one clear line for what a person must do.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

pub(crate) use sluis_tests::runtime::on_path;

use crate::steps::{output, run};

/// What the functions are compiled for: Workers and Spin.
pub(crate) const WASM_TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip2"];

/// Where Debian puts PostgreSQL's server programs, which it keeps off PATH.
const POSTGRESQL_LIB: &str = "/usr/lib/postgresql";

/// Fetches everything the functions need to be built and run.
pub(crate) fn setup(root: &Path) -> Result<()> {
    wasm_targets(root)?;
    crate::node::install(root)?;
    let state = root.join(".sluis");
    fs::create_dir_all(&state).with_context(|| format!("creating {}", state.display()))
}

/// What the printed lines call.
pub(crate) fn curl() -> Result<()> {
    need(
        "curl",
        "curl is missing: install it (Debian: apt-get install curl)",
    )
}

/// Adds the WebAssembly targets that the toolchain lacks.
fn wasm_targets(root: &Path) -> Result<()> {
    need(
        "rustup",
        "rustup is missing: install it from https://rustup.rs, it brings the pinned Rust and its targets",
    )?;
    let mut list = Command::new("rustup");
    let installed = output(
        list.args(["target", "list", "--installed"])
            .current_dir(root),
    )?;
    for target in WASM_TARGETS {
        if !installed.lines().any(|line| line.trim() == target) {
            println!("Adding the Rust target {target}");
            run(Command::new("rustup")
                .args(["target", "add", target])
                .current_dir(root))
            .with_context(|| {
                format!("the Rust target {target} is missing: run `rustup target add {target}`")
            })?;
        }
    }
    Ok(())
}

/// Whether PostgreSQL's server is here; installs it where that needs nobody's leave (root on a Debian system).
/// If not: why not, in one line.
pub(crate) fn postgresql() -> Result<(), String> {
    let found = || on_path("initdb") || postgresql_programs().is_some();
    debian_package("postgresql", "PostgreSQL's server programs", found)
}

/// The folder of PostgreSQL's server programs as Debian installs them, the newest if there are several.
fn postgresql_programs() -> Option<PathBuf> {
    let versions = fs::read_dir(POSTGRESQL_LIB).ok()?.flatten();
    let bin = versions
        .map(|v| v.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file());
    bin.max()
}

/// The same for nginx.
pub(crate) fn nginx() -> Result<(), String> {
    debian_package("nginx-light", "nginx", || on_path("nginx"))
}

fn debian_package(package: &str, what: &str, found: impl Fn() -> bool) -> Result<(), String> {
    if found() {
        return Ok(());
    }
    if !on_path("apt-get") || !rustix::process::geteuid().is_root() {
        return Err(format!(
            "{what} not found (Debian: apt-get install {package})"
        ));
    }
    println!("Installing the Debian package {package}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(["-q", "-y"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        run(command.stdout(Stdio::null()))
    };
    let installed =
        apt(&["update"]).and_then(|()| apt(&["install", "--no-install-recommends", package]));
    match installed {
        Ok(()) if found() => Ok(()),
        Ok(()) => Err(format!(
            "{what} not found after installing the Debian package {package}"
        )),
        Err(error) => Err(format!("{what} not found, and {error:#}")),
    }
}

fn need(program: &str, otherwise: &str) -> Result<()> {
    if !on_path(program) {
        bail!("{otherwise}");
    }
    Ok(())
}

/// The cargo that runs us.
pub(crate) fn cargo<I: AsRef<OsStr>>(
    root: &Path,
    arguments: impl IntoIterator<Item = I>,
) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_one_line_that_says_what_to_do() {
        assert!(on_path("sh"));
        let error = need("no-such-program-anywhere", "it is missing: do this").unwrap_err();
        assert_eq!(error.to_string(), "it is missing: do this");
    }
}
