//! Spin: the component on the compatible host of this repository, or on `spin up` where that is on the PATH.
//!
//! Both take the same `spin.toml` and the same `.wasm`. The host is not Spin; a test that ran on it says so by the runtime's name.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sluis_log::Shard;

use crate::runtime::{
    Build, Function, Launch, LogCondition, ReplayCondition, Runtime, Surroundings,
};

/// The compatible host.
#[derive(Debug)]
pub struct CompatibleHost {
    program: PathBuf,
}

/// Spin itself.
#[derive(Debug)]
pub struct SpinUp {
    program: PathBuf,
}

impl CompatibleHost {
    /// The host as cargo built it beside the running test or tool.
    pub fn find() -> Result<Self, String> {
        let name = "sluis-spin-host";
        let beside = env::current_exe().map_err(|error| error.to_string())?;
        // `target/debug/xtask`, or `target/debug/deps/e2e-…`.
        let program = beside
            .ancestors()
            .skip(1)
            .take(2)
            .map(|folder| folder.join(name))
            .find(|program| program.is_file())
            .ok_or_else(|| format!("{name} is not built: cargo build -p {name}"))?;
        Ok(Self { program })
    }
}

impl SpinUp {
    /// The `spin` on the PATH.
    pub fn find() -> Result<Self, String> {
        let path = env::var_os("PATH").unwrap_or_default();
        let program = env::split_paths(&path)
            .map(|folder| folder.join("spin"))
            .find(|program| program.is_file())
            .ok_or("spin is not on the PATH")?;
        Ok(Self { program })
    }
}

impl Runtime for CompatibleHost {
    fn name(&self) -> &'static str {
        "spin-host"
    }

    fn supports(&self, _log: LogCondition) -> Result<(), String> {
        Ok(())
    }

    fn supports_faults(&self) -> Result<(), String> {
        Ok(())
    }

    fn set_clock(
        &self,
        surroundings: &Surroundings,
        _address: SocketAddr,
        ahead_ms: i64,
    ) -> Result<()> {
        let file = clock_file(&surroundings.state);
        fs::write(&file, ahead_ms.to_string())
            .with_context(|| format!("writing {}", file.display()))
    }

    fn launch(&self, surroundings: &Surroundings, address: SocketAddr) -> Result<Launch> {
        let fault_file = fault_file(&surroundings.state);
        let fault = match surroundings.replay {
            ReplayCondition::Well => fault(surroundings.log),
            ReplayCondition::Throws => "error in sluis_used",
        };
        set_fault(&surroundings.state, fault)?;
        let clock_file = clock_file(&surroundings.state);
        if clock_file.exists() {
            fs::remove_file(&clock_file)?;
        }
        let mut command = Command::new(&self.program);
        command
            .arg("--from")
            .arg(manifest(surroundings)?)
            .arg("--listen")
            .arg(address.to_string())
            .arg("--state-dir")
            .arg(&surroundings.state)
            .arg("--fault-file")
            .arg(fault_file);
        if surroundings.movable_clock {
            command.arg("--clock-file").arg(clock_file);
        }
        set_variables(&mut command, surroundings);
        Ok(command.into())
    }
}

impl Runtime for SpinUp {
    fn name(&self) -> &'static str {
        "spin-up"
    }

    fn supports(&self, log: LogCondition) -> Result<(), String> {
        match log {
            LogCondition::Well => Ok(()),
            LogCondition::Throws
            | LogCondition::Unavailable
            | LogCondition::Hangs
            | LogCondition::Full
            | LogCondition::WithoutTrustedPlace => Err("spin has no faults to order".to_owned()),
        }
    }

    fn launch(&self, surroundings: &Surroundings, address: SocketAddr) -> Result<Launch> {
        let mut command = Command::new(&self.program);
        command
            .arg("up")
            .arg("--from")
            .arg(manifest(surroundings)?)
            .arg("--listen")
            .arg(address.to_string())
            .arg("--state-dir")
            .arg(surroundings.state.join(".spin"));
        set_variables(&mut command, surroundings);
        Ok(command.into())
    }
}

/// The file by which a test asks the host for faults of its databases.
pub fn fault_file(state: &Path) -> PathBuf {
    state.join("fault")
}

/// The file by which a test sets the host's wall clock.
fn clock_file(state: &Path) -> PathBuf {
    state.join("clock")
}

/// Asks the host that runs over `state` for a fault, from its next call of a database on; an empty word for none.
pub fn set_fault(state: &Path, fault: &str) -> Result<()> {
    let file = fault_file(state);
    // Written apart and moved, so that the host never reads half a word.
    let draft = file.with_extension("draft");
    fs::write(&draft, fault).with_context(|| format!("writing {}", draft.display()))?;
    fs::rename(&draft, &file).with_context(|| format!("writing {}", file.display()))
}

/// The SQLite file of the component that runs over `state`.
pub fn sqlite_file(state: &Path) -> PathBuf {
    sqlite_file_of(state, Shard::Whole)
}

/// The same of one of several logs.
pub fn sqlite_file_of(state: &Path, shard: Shard) -> PathBuf {
    let name = match shard {
        Shard::Whole => "sqlite_db.db".to_owned(),
        Shard::Part(number) => format!("sqlite_db-log-{number}.db"),
    };
    state.join(".spin").join(name)
}

fn fault(log: LogCondition) -> &'static str {
    match log {
        LogCondition::Well => "",
        LogCondition::Throws => "error",
        LogCondition::Unavailable => "refuse",
        LogCondition::Hangs => "hang",
        LogCondition::Full => "full",
        LogCondition::WithoutTrustedPlace => "error in key-value",
    }
}

fn manifest(surroundings: &Surroundings) -> Result<PathBuf> {
    let root = &surroundings.root;
    let (manifest, name, source) = match surroundings.function {
        Function::Validator => ("spin.toml", "validator.wasm", "dist/spin/validator.wasm"),
        Function::Simulation => (
            "functions/simulation/spin.toml",
            "simulation.wasm",
            "../../dist/spin/simulation.wasm",
        ),
    };
    let component = root.join(surroundings.artefacts()).join("spin").join(name);
    ensure!(
        component.is_file(),
        "{} is not built: cargo xtask build --tests",
        component.display()
    );
    let manifest = root.join(manifest);
    if surroundings.artefacts() == Build::Simulation.folder() {
        return Ok(manifest);
    }
    // The project's own manifest, of another component.
    let text =
        fs::read_to_string(&manifest).with_context(|| format!("reading {}", manifest.display()))?;
    let source = format!("source = \"{source}\"");
    ensure!(
        text.contains(&source),
        "{}: no {source}",
        manifest.display()
    );
    let component = component.to_str().context("a path that is no text")?;
    let other = surroundings.state.join("spin.toml");
    // Its logs are several, each in a file of its own.
    let labels = "sqlite_databases = [\"default\", \"log-0\", \"log-1\", \"log-2\", \"log-3\"]";
    fs::write(
        &other,
        text.replace(&source, &format!("source = {component:?}"))
            .replace("sqlite_databases = [\"default\"]", labels),
    )
    .with_context(|| format!("writing {}", other.display()))?;
    Ok(other)
}

/// Variables go by the environment: arguments can be read by everyone on the machine.
fn set_variables(command: &mut Command, surroundings: &Surroundings) {
    let given = &surroundings.variables;
    let value = |wanted: &str| {
        let found = given.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    for (name, value) in given {
        command.env(format!("SPIN_VARIABLE_{name}"), value);
    }
    // The manifest names the origins that the component may reach apart from the addresses in use.
    let origins = [
        ("SLUIS_UPSTREAM_ORIGIN", "SLUIS_UPSTREAM"),
        ("SLUIS_KEYS_ORIGIN", "SLUIS_SIMULATION_ORIGIN"),
        ("SLUIS_LOG_POSTGRES_ORIGIN", "SLUIS_LOG_POSTGRES"),
    ];
    for (name, of) in origins {
        if value(name).is_none()
            && let Some(origin) = value(of).and_then(origin)
        {
            command.env(format!("SPIN_VARIABLE_{name}"), origin);
        }
    }
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let host = authority.rsplit('@').next()?;
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_neither_credentials_nor_a_path() {
        let of = |url| origin(url).unwrap();
        assert_eq!(of("http://127.0.0.1:80/a?b"), "http://127.0.0.1:80");
        assert_eq!(of("postgres://u:p@db:5433/log"), "postgres://db:5433");
        assert_eq!(origin("host=db"), None);
    }
}
