//! The one face that every runtime shows to the tests: a program that serves a function over HTTP until it is stopped.
//!
//! An adapter (`workerd`, `spin`) only says which command serves a function; starting, waiting, stopping and killing are here,
//! once, so that a SIGKILL means the same on each of them.

use std::any::Any;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// A runtime may need this long from its start to its first answer, compiling the module included.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// After a polite request to stop, how long until it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a state that takes milliseconds to change is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Which built function to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `functions/validator`.
    Validator,
    /// `functions/simulation`.
    Simulation,
}

impl Function {
    /// The name of its artefacts under `dist/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Simulation => "simulation",
        }
    }
}

/// A configuration that the validator is built with. Each build has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// `simulation.toml`.
    Simulation,
    /// The same, with candidates that are compared with what decides, with four logs, and with the shortest retention.
    Comparing,
    /// `simulation.toml` with four logs, for the benchmark.
    Sharded,
}

impl Build {
    /// The folder of its artefacts, from the root.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Simulation => "dist",
            Self::Comparing => "dist/comparing",
            Self::Sharded => "target/bench/sharded",
        }
    }
}

/// The state that the durable log is in, from the point of view of the validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogCondition {
    /// It works.
    Well,
    /// It fails in the middle of a call.
    Throws,
    /// It answers that it can not serve.
    Unavailable,
    /// It never answers.
    Hangs,
    /// It has no room left.
    Full,
    /// The trusted place, which has the last head that was signed, cannot be had: on workerd it never answers, on Spin
    /// it fails.
    WithoutTrustedPlace,
}

/// The state that the memory of what was used once is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayCondition {
    /// It works.
    Well,
    /// It fails in the middle of a call.
    Throws,
}

/// Everything one run of a function gets from outside.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The repository; built functions are in its `dist/`.
    pub root: PathBuf,
    /// Which build of the validator; of the simulation there is one.
    pub build: Build,
    /// A directory of this run's own. It survives a restart, and so does the log in it.
    pub state: PathBuf,
    /// What to serve.
    pub function: Function,
    /// Secrets and variables by their upper-case names (`SLUIS_UPSTREAM`, `SLUIS_LOG_KEY`, …).
    pub variables: Vec<(String, String)>,
    /// How the log fares.
    pub log: LogCondition,
    /// How the memory of what was used once fares.
    pub replay: ReplayCondition,
    /// Whether the clock can be set while it runs.
    pub movable_clock: bool,
}

impl Surroundings {
    /// The folder from the root with the built function in it, for every platform.
    pub fn artefacts(&self) -> &'static str {
        match self.function {
            Function::Validator => self.build.folder(),
            Function::Simulation => Build::Simulation.folder(),
        }
    }
}

/// A command that serves a function, and whatever must live as long as it does (a held lock, a helper process).
pub struct Launch {
    /// The command; its output is taken over, and it gets a process group of its own.
    pub command: Command,
    /// Dropped after the process has ended.
    pub guard: Option<Box<dyn Any + Send>>,
}

impl From<Command> for Launch {
    fn from(command: Command) -> Self {
        Self {
            command,
            guard: None,
        }
    }
}

impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launch")
            .field("program", &self.command.get_program())
            .finish_non_exhaustive()
    }
}

/// A program that can serve the functions.
pub trait Runtime: std::fmt::Debug + Send + Sync {
    /// How test names and messages call it.
    fn name(&self) -> &'static str;

    /// Whether this runtime can put the log in that condition; if not, why not, in one line.
    fn supports(&self, log: LogCondition) -> Result<(), String>;

    /// Whether this runtime can fail at what was used once, and have its clock moved; if not, why not, in one line.
    fn supports_faults(&self) -> Result<(), String> {
        Err(format!("{} has no such faults to order", self.name()))
    }

    /// Sets the clock of a run so many milliseconds ahead of this machine's, below 0 back; only where
    /// `surroundings.movable_clock` asked for it.
    fn set_clock(
        &self,
        _surroundings: &Surroundings,
        _address: SocketAddr,
        _ahead_ms: i64,
    ) -> Result<()> {
        bail!("{} has no clock to set", self.name())
    }

    /// The command that serves `surroundings.function` at `address` (loopback).
    fn launch(&self, surroundings: &Surroundings, address: SocketAddr) -> Result<Launch>;
}

/// A runtime that is up. Dropping it kills it.
pub struct Running {
    child: Child,
    address: SocketAddr,
    output: PathBuf,
    _guard: Option<Box<dyn Any + Send>>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("pid", &self.child.id())
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// Starts `runtime` on a free loopback port and waits until it answers `GET /health`, whatever the answer is.
    pub fn start(runtime: &dyn Runtime, surroundings: &Surroundings) -> Result<Self> {
        Self::start_at(runtime, surroundings, free_address()?)
    }

    /// The same at a given address.
    pub fn start_at(
        runtime: &dyn Runtime,
        surroundings: &Surroundings,
        address: SocketAddr,
    ) -> Result<Self> {
        fs::create_dir_all(&surroundings.state)
            .with_context(|| format!("creating {}", surroundings.state.display()))?;
        let output = surroundings
            .state
            .join(format!("{}.out", surroundings.function.name()));
        // Appended, so that what a killed run printed is still there to be searched for leaks.
        let file = File::options()
            .create(true)
            .append(true)
            .open(&output)
            .with_context(|| format!("opening {}", output.display()))?;
        let Launch { mut command, guard } = runtime.launch(surroundings, address)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| {
                format!(
                    "starting {} ({})",
                    runtime.name(),
                    command.get_program().display()
                )
            })?;
        let mut running = Self {
            child,
            address,
            output,
            _guard: guard,
        };
        let mut waited = Duration::ZERO;
        while !answers(address) {
            if let Some(status) = running.child.try_wait()? {
                bail!(
                    "{} ended at its start with {status}:\n{}",
                    runtime.name(),
                    running.output_tail()
                );
            }
            if waited > START_TIMEOUT {
                bail!(
                    "{} did not answer at {address} within {START_TIMEOUT:?}:\n{}",
                    runtime.name(),
                    running.output_tail()
                );
            }
            thread::sleep(POLL);
            waited += POLL;
        }
        Ok(running)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process that serves.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that this function's runs with the same state directory printed so far.
    pub fn output(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.output)?).into_owned())
    }

    /// Whether the process still lives.
    pub fn is_alive(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Asks it to stop, and kills it if it does not.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM);
        let mut waited = Duration::ZERO;
        while waited < STOP_TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
            waited += POLL;
        }
        self.kill()
    }

    /// SIGKILL to the whole process group: no handler runs, nothing is flushed.
    pub fn kill(mut self) -> Result<ExitStatus> {
        self.signal(Signal::KILL);
        Ok(self.child.wait()?)
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Fails only when the group is gone, which is what was asked for.
            let _ = kill_process_group(pid, signal);
        }
    }

    fn output_tail(&self) -> String {
        let text = self.output().unwrap_or_else(|error| error.to_string());
        let lines: Vec<&str> = text.lines().collect();
        lines
            .get(lines.len().saturating_sub(20)..)
            .unwrap_or_default()
            .join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// A loopback address that nobody listens at just now.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free loopback port")?;
    Ok(listener.local_addr()?)
}

fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) else {
        return false;
    };
    let asked = stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .and_then(|()| {
            stream
                .write_all(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        });
    let mut start = [0_u8; 7];
    asked.is_ok() && stream.read_exact(&mut start).is_ok() && &start == b"HTTP/1."
}

/// Whether a program of that name is on PATH.
pub fn on_path(program: &str) -> bool {
    find_on_path(program).is_some()
}

/// The program of that name on PATH.
pub fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| is_program(file))
}

fn is_program(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}
