//! Node and the npm packages that `package-lock.json` pins: wrangler, workerd, wasm-opt, esbuild.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::setup::on_path;
use crate::steps::{output, run};

/// The oldest Node that runs what the lockfile installs, and the oldest npm that reads a
/// lockfile of version 3.
const OLDEST: [(&str, u32); 2] = [("node", 18), ("npm", 7)];
const INSTALL: &str = "install any Node from version 18 on with its npm (Debian: apt-get install nodejs npm; macOS: brew install node)";

/// What the stamp file holds once `node_modules` is that of the lockfile.
const STAMP: &str = "node_modules/.sluis-lock";

/// Silence towards the vendor, and nothing asked of the person.
const QUIET: [(&str, &str); 5] = [
    ("WRANGLER_SEND_METRICS", "false"),
    ("WRANGLER_SEND_ERROR_REPORTS", "false"),
    ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
    ("WRANGLER_HIDE_BANNER", "true"),
    ("NO_UPDATE_NOTIFIER", "1"),
];

/// Installs the packages of the lockfile, unless they are there already.
pub(crate) fn install(root: &Path) -> Result<()> {
    let lock = fs::read(root.join("package-lock.json")).context("reading package-lock.json")?;
    let stamp = format!("{:?}", Sha256::digest(&lock));
    if fs::read_to_string(root.join(STAMP)).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    for (program, oldest) in OLDEST {
        new_enough(program, oldest)?;
    }
    println!("Installing the Node tools of package-lock.json");
    // No package's install script runs: those of workerd and esbuild only
    // replace a wrapper by the program that we start directly.
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    run(npm.current_dir(root)).context("`npm ci` could not install the Node tools")?;
    fs::write(root.join(STAMP), stamp).context("writing the stamp of node_modules")
}

/// Fails in one line that says what to do if a program is missing or older than that.
fn new_enough(program: &str, oldest: u32) -> Result<()> {
    if !on_path(program) {
        bail!("{program} is missing: {INSTALL}");
    }
    let version = output(Command::new(program).arg("--version"))?;
    match major(&version) {
        Some(major) if major >= oldest => Ok(()),
        Some(_) | None => bail!(
            "{program} {} is older than version {oldest}: {INSTALL}",
            version.trim()
        ),
    }
}

/// The first number of `v20.1.2` or `10.2.3`.
fn major(version: &str) -> Option<u32> {
    let version = version.trim();
    let (major, _) = version
        .strip_prefix('v')
        .unwrap_or(version)
        .split_once('.')?;
    major.parse().ok()
}

/// A Node that wrangler accepts: the pinned one, or else the one on PATH.
pub(crate) fn program(root: &Path) -> PathBuf {
    let pinned = root.join("node_modules/.bin/node");
    if pinned.is_file() {
        pinned
    } else {
        "node".into()
    }
}

/// A script run by that Node.
pub(crate) fn node(root: &Path, script: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program(root));
    command.arg(script).current_dir(root);
    command
}

/// `wrangler`, quiet and off line. A `build` command of `wrangler.toml` finds the pinned Node too.
pub(crate) fn wrangler(root: &Path) -> Command {
    let mut command = node(root, "node_modules/wrangler/bin/wrangler.js");
    command.envs(QUIET).env("CI", "1");
    command
}

/// Binaryen's optimiser, itself WebAssembly.
pub(crate) fn wasm_opt(root: &Path) -> Command {
    node(root, "node_modules/binaryen/bin/wasm-opt")
}

/// The bundler that makes one module of the glue.
pub(crate) fn esbuild(root: &Path) -> Command {
    node(root, "node_modules/esbuild/bin/esbuild")
}

/// Whether wrangler takes `wrangler.toml` and both functions. They are those of the tests:
/// what people deploy differs from them in what is configured alone, and would be one more
/// build.
pub(crate) fn wrangler_dry_run(root: &Path) -> Result<()> {
    let out = root.join("target/wrangler");
    for environment in ["", "simulation"] {
        let mut command = wrangler(root);
        command.args(["deploy", "--dry-run", "--env", environment, "--outdir"]);
        // wrangler builds first; the build for the tests, which comes after this, then
        // finds these done.
        run(command
            .arg(&out)
            .env("SLUIS_CONFIG", root.join("simulation.toml")))?;
    }
    Ok(())
}

/// Bytes of each file after gzip, as a deployment counts them.
pub(crate) fn gzip_sizes(root: &Path, files: &[&Path]) -> Result<Vec<u64>> {
    let script = "for (const f of process.argv.slice(1)) console.log(require('zlib').gzipSync(require('fs').readFileSync(f), {level: 9}).length)";
    let mut command = node(root, "-e");
    let printed = output(command.arg(script).args(files))?;
    printed
        .lines()
        .map(|line| line.parse().context("a size"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_too_old_is_one_line_that_says_what_to_do() {
        assert_eq!(major("v18.20.1\n"), Some(18));
        assert_eq!(major("6.14.4"), Some(6));
        assert_eq!(major("next"), None);
        new_enough("node", 1).unwrap();
        let error = new_enough("node", u32::MAX).unwrap_err().to_string();
        assert!(error.starts_with("node v"), "{error}");
        assert!(error.contains("install any Node"), "{error}");
        assert_eq!(error.lines().count(), 1);
        let error = new_enough("no-such-program-anywhere", 1).unwrap_err();
        assert!(error.to_string().contains("is missing: install"), "{error}");
    }
}
