//! A Python that is new enough, with the package in an environment of its own under `target/tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Names the Python to use, where it is not found by itself.
const CHOICE: &str = "SLUIS_PYTHON";
/// The programs that are tried.
const NAMES: [&str; 4] = ["python3", "python3.14", "python3.13", "python3.12"];
/// Exits with 0 where the package runs: what it wants of Python, and what its hashes are pinned for.
const SUITABLE: &str = "import platform, sys; \
    here = (sys.platform, platform.machine()) in (('linux', 'x86_64'), ('linux', 'aarch64'), ('darwin', 'arm64')); \
    sys.exit(0 if here and (3, 12) <= sys.version_info < (3, 15) and sys.implementation.name == 'cpython' else 1)";
/// What pip says where the registry is not there, and not where something is wrong with what came from it.
const NO_REGISTRY: [&str; 3] = [
    "No matching distribution found",
    "NewConnectionError",
    "Max retries exceeded",
];

/// A Python with the package.
pub(crate) struct Python(PathBuf);

pub(crate) enum Found {
    Here(Python),
    Absent { reason: &'static str },
}

impl Python {
    pub(crate) fn with_aics_tlog() -> Result<Found, String> {
        let Some(program) = program() else {
            let reason = "no CPython 3.12 to 3.14 is here (SLUIS_PYTHON names one)";
            return Ok(Found::Absent { reason });
        };
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let requirements = here.join("tests/outsiders/requirements.txt");
        let wanted = fs::read_to_string(&requirements).map_err(|error| error.to_string())?;
        let folder = here.join("../target/tools/aics-tlog");
        let python = folder.join("bin/python3");
        let installed = folder.join("installed.txt");
        if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
            return Ok(Found::Here(Self(python)));
        }
        let run = |command: &mut Command| command.output().map_err(|error| error.to_string());
        let made = run(Command::new(program)
            .args(["-m", "venv", "--clear"])
            .arg(&folder))?;
        if !made.status.success() {
            let reason = "Python makes no virtual environment here";
            return Ok(Found::Absent { reason });
        }
        let pip = run(Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(["--require-hashes", "--only-binary=:all:", "-r"])
            .arg(&requirements))?;
        let said = String::from_utf8_lossy(&pip.stderr).into_owned();
        if pip.status.success() {
            fs::write(&installed, wanted).map_err(|error| error.to_string())?;
            return Ok(Found::Here(Self(python)));
        }
        if NO_REGISTRY.iter().any(|words| said.contains(words)) {
            let reason = "the package registry does not have it, or is not there";
            return Ok(Found::Absent { reason });
        }
        Err(format!("aics-tlog cannot be installed: {said}"))
    }

    /// Runs `check.py`: its line if it accepts, and what it says if not.
    pub(crate) fn check(&self, arguments: &[&str]) -> Result<String, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outsiders/check.py");
        let Output { status, stdout, .. } = Command::new(&self.0)
            .arg(script)
            .args(arguments)
            .output()
            .map_err(|error| error.to_string())?;
        let line = String::from_utf8_lossy(&stdout).trim().to_owned();
        if status.success() {
            Ok(line)
        } else {
            Err(line)
        }
    }
}

/// The first program that is suitable: the one that is named, those on the path, those of a version manager.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os(CHOICE).map(PathBuf::from);
    let managed = std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv/versions"));
    let managed = managed.and_then(|folder| fs::read_dir(folder).ok());
    let managed = managed.into_iter().flatten().flatten();
    named
        .into_iter()
        .chain(NAMES.map(PathBuf::from))
        .chain(managed.map(|version| version.path().join("bin/python3")))
        .find(|program| {
            let run = Command::new(program).args(["-c", SUITABLE]).output();
            run.is_ok_and(|run| run.status.success())
        })
}
