//! An implementation of the log's formats that is not ours, `aics-tlog` from the Python registry: in a Python that is new
//! enough, with the package in an environment of its own under `target/tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// What is pinned in `tests/outsider/requirements.txt`, for the lines of counts.
pub const NAME: &str = "aics-tlog 0.2.1";
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

/// Whether the package can run here.
#[derive(Debug)]
pub enum Found {
    /// It can.
    Here(Outsider),
    /// It cannot, through no fault of ours.
    Absent {
        /// Why.
        reason: &'static str,
    },
}

/// A Python with the package.
#[derive(Debug)]
pub struct Outsider {
    python: PathBuf,
}

/// What is put to the outsider.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The folder of an exported log, or the address of a served one.
    pub log: &'a str,
    /// The log's verifier key.
    pub log_key: &'a str,
    /// A checkpoint of the same log, not larger.
    pub earlier: &'a Path,
    /// The proof of one entry.
    pub bundle: &'a Path,
    /// Whose cosignature the checkpoint and the proof must have.
    pub witness: Option<&'a str>,
    /// The file with an auditor's token, for a served log.
    pub token_file: Option<&'a Path>,
}

/// What the outsider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it holds: so many entries, tiles and bundles, and since which size the log only grew.
    Accepted(Value),
    /// Something does not.
    Refused(String),
}

impl Outsider {
    /// Installs the package where it is not yet.
    pub fn find() -> Result<Found> {
        let Some(program) = program() else {
            let reason = "no CPython 3.12 to 3.14 is here (SLUIS_PYTHON names one)";
            return Ok(Found::Absent { reason });
        };
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let requirements = here.join("outsider/requirements.txt");
        let wanted = fs::read_to_string(&requirements)?;
        let folder = here.join("../target/tools/aics-tlog");
        let python = folder.join("bin/python3");
        let installed = folder.join("installed.txt");
        if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
            return Ok(Found::Here(Self { python }));
        }
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
            fs::write(&installed, wanted)?;
            return Ok(Found::Here(Self { python }));
        }
        if NO_REGISTRY.iter().any(|words| said.contains(words)) {
            let reason = "the package registry does not have it, or is not there";
            return Ok(Found::Absent { reason });
        }
        bail!("aics-tlog cannot be installed: {said}")
    }

    /// Runs `check.py`. That it cannot run is no verdict.
    pub fn judge(&self, question: &Question<'_>) -> Result<Verdict> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("outsider/check.py");
        let mut check = Command::new(&self.python);
        check
            .arg(script)
            .args([question.log, question.log_key])
            .args([question.earlier, question.bundle]);
        if let Some(witness) = question.witness {
            check.args(["--witness", witness]);
        }
        if let Some(file) = question.token_file {
            check.arg("--token-file").arg(file);
        }
        let Output {
            status,
            stdout,
            stderr,
        } = run(&mut check)?;
        let said = String::from_utf8_lossy(&stderr);
        let line: Value = serde_json::from_slice(&stdout)
            .with_context(|| format!("check.py gives no verdict: {status}, {said}"))?;
        let refused = line.get("error").and_then(Value::as_str);
        ensure!(
            status.success() == refused.is_none(),
            "check.py ends with {status} and says {line}"
        );
        Ok(match refused {
            Some(error) => Verdict::Refused(error.to_owned()),
            None => Verdict::Accepted(line),
        })
    }
}

fn run(command: &mut Command) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output();
    output.with_context(|| format!("cannot start {}", command.get_program().display()))
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
