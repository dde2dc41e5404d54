//! `cargo xtask dev`: the validator with simulation, demo backend and log on this machine, and what to try.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use sluis_tests::runtime::{
    Build, Function, LogCondition, ReplayCondition, Running, Runtime, Surroundings,
};
use sluis_tests::runtimes;

use crate::attempts::{self, Attempt, Expected, Places};
use crate::build::{self, Configured, Platform};
use crate::conformance;
use crate::questions;
use crate::secrets::{Secrets, write_private};
use crate::setup::{self, cargo};
use crate::steps::run as run_command;

/// The validator that people try has a candidate beside it, so that a comparison can be seen.
const SHOWN: Build = Build::Comparing;

/// Arguments of `cargo xtask dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to run the functions on.
    #[arg(long, value_enum, default_value_t = RuntimeName::Workerd)]
    runtime: RuntimeName,
    /// The port of the validator; the simulation takes the next one.
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Begin with new keys and an empty log.
    #[arg(long)]
    fresh: bool,
    /// Run every line that would be printed, compare what comes, and end.
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuntimeName {
    /// Cloudflare's own runtime.
    Workerd,
    /// The Spin-compatible host of this repository.
    Spin,
}

/// `cargo xtask dev`.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    setup::curl()?;
    setup::setup(root)?;
    build_for(root, arguments.runtime)?;
    let state = state_of(root, arguments.runtime);
    if arguments.fresh && state.exists() {
        fs::remove_dir_all(&state).with_context(|| format!("clearing {}", state.display()))?;
    }
    let site = Site::start(root, &state, arguments.runtime, arguments.port, SHOWN)?;
    if arguments.check {
        return site.check();
    }
    site.print();
    site.wait()
}

/// Runs every printed line against functions that are built already, with fresh keys, on ports of its own.
pub(crate) fn check(root: &Path, runtime: RuntimeName) -> Result<()> {
    fresh(root, "dev", runtime, SHOWN)?.check()
}

/// Runs `sluis conformance` whole, likewise; what it counted. A case that comes out otherwise than it must is an error.
pub(crate) fn conformance(root: &Path, runtime: RuntimeName) -> Result<String> {
    let site = fresh(root, "conformance", runtime, Build::Simulation)?;
    let counts = conformance::run(root, &site.sluis, &site.conformance)?;
    Ok(format!(
        "sluis conformance on {}: {counts}",
        site.runtime.name()
    ))
}

/// Traces one call of a holder over three logs, likewise; what was counted.
pub(crate) fn five_questions(root: &Path, runtime: RuntimeName) -> Result<String> {
    let site = fresh(root, "questions", runtime, Build::Simulation)?;
    let counts = site.five_questions()?;
    Ok(format!("trace on {}: {counts}", site.runtime.name()))
}

/// Functions that are built already, on free ports, with new keys and an empty log.
fn fresh(root: &Path, what: &str, runtime: RuntimeName, build: Build) -> Result<Site> {
    let state = root
        .join("target/e2e")
        .join(format!("{what}-{}", runtime_name(runtime)));
    if state.exists() {
        fs::remove_dir_all(&state)?;
    }
    Site::start(root, &state, runtime, two_free_ports()?, build)
}

fn state_of(root: &Path, runtime: RuntimeName) -> PathBuf {
    root.join(".sluis/dev").join(runtime_name(runtime))
}

pub(crate) fn runtime_name(runtime: RuntimeName) -> &'static str {
    match runtime {
        RuntimeName::Workerd => "workerd",
        RuntimeName::Spin => "spin",
    }
}

fn build_for(root: &Path, runtime: RuntimeName) -> Result<()> {
    let platform = match runtime {
        RuntimeName::Workerd => Platform::Cloudflare,
        RuntimeName::Spin => Platform::Spin,
    };
    println!("Building the functions (minutes the first time, seconds after that)");
    for (function, built) in [
        (Function::Validator, SHOWN),
        (Function::Simulation, Build::Simulation),
    ] {
        let config = Configured::of(root, built)?;
        build::build(root, &config, function, platform, config.effort)?;
    }
    // What one of the printed lines runs.
    run_command(&mut cargo(root, ["build", "--quiet", "-p", "sluis-cli"]))?;
    if runtime == RuntimeName::Spin {
        println!("Building the Spin-compatible host (minutes the first time)");
        run_command(&mut cargo(
            root,
            ["build", "--quiet", "-p", "sluis-spin-host"],
        ))?;
    }
    Ok(())
}

/// A port whose successor is free too.
fn two_free_ports() -> Result<u16> {
    for _ in 0..100 {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        if let Some(second) = first.checked_add(1)
            && TcpListener::bind((Ipv4Addr::LOCALHOST, second)).is_ok()
        {
            return Ok(first);
        }
    }
    bail!("no two neighbouring loopback ports are free")
}

/// Both functions, running.
struct Site {
    validator: Running,
    simulation: Running,
    secrets: Secrets,
    root: PathBuf,
    runtime: Box<dyn Runtime>,
    /// The profile for `sluis conformance`, from the root.
    conformance: PathBuf,
    /// The command line, as a person in the root types it.
    sluis: PathBuf,
}

/// A program that cargo built into the folder where it built us.
pub(crate) fn beside_us(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    ensure!(
        program.is_file(),
        "{} is not built: cargo build -p sluis-cli",
        program.display()
    );
    Ok(program)
}

/// A path as it is from the root.
fn from_root<'a>(root: &Path, path: &'a Path) -> &'a Path {
    path.strip_prefix(root).unwrap_or(path)
}

impl Site {
    fn start(
        root: &Path,
        state: &Path,
        runtime: RuntimeName,
        port: u16,
        build: Build,
    ) -> Result<Self> {
        let mut secrets = Secrets::load_or_generate(state)?;
        let runtime = runtimes::named(root, runtime_name(runtime)).map_err(anyhow::Error::msg)?;
        let address = |offset: u16| -> Result<SocketAddr> {
            let port = port
                .checked_add(offset)
                .context("--port: there is no port after 65535")?;
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
            free.with_context(|| format!("port {port} is in use: choose another with --port"))?;
            Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        };
        let (gate, simulation) = (address(0)?, address(1)?);
        let surroundings = |function: Function, variables| Surroundings {
            root: root.to_owned(),
            build,
            state: state.join(function.name()),
            function,
            variables,
            log: LogCondition::Well,
            replay: ReplayCondition::Well,
            movable_clock: false,
        };
        secrets.note_origin(&format!("http://{simulation}"))?;
        let simulation = Running::start_at(
            &*runtime,
            &surroundings(Function::Simulation, secrets.for_simulation()),
            simulation,
        )?;
        let validator = Running::start_at(
            &*runtime,
            &surroundings(Function::Validator, secrets.for_validator()),
            gate,
        )?;
        conformance::write(state, &secrets, gate)?;
        Ok(Self {
            validator,
            simulation,
            conformance: from_root(root, &state.join("conformance.toml")).to_owned(),
            secrets,
            root: root.to_owned(),
            runtime,
            sluis: from_root(root, &beside_us("sluis")?).to_owned(),
        })
    }

    /// What to try, in the order in which a newcomer would.
    fn attempts(&self) -> Vec<Attempt> {
        let shown = |file: &Path| from_root(&self.root, file).display().to_string();
        let secrets = self.secrets.file();
        attempts::all(&Places {
            gate: format!("http://{}", self.validator.address()),
            simulation: format!("http://{}", self.simulation.address()),
            sluis: shown(&self.sluis),
            secrets: shown(secrets),
            client: shown(&secrets.with_file_name("client.jwk")),
            auditor: shown(self.secrets.auditor_key_file()),
            operator: shown(self.secrets.operator_token_file()),
            conformance: shown(&self.conformance),
        })
    }

    fn print(&self) {
        println!(
            "\nThe validator listens on http://{} ({}), the simulation on http://{}.",
            self.validator.address(),
            self.runtime.name(),
            self.simulation.address()
        );
        println!("Paste these lines into another terminal, in this folder:\n");
        for Attempt {
            what,
            line,
            expected,
        } in self.attempts()
        {
            match expected {
                Expected::Status(status) => println!("# {what} ({status})\n{line}\n"),
                Expected::Without(status, word) => {
                    println!("# {what} ({status}, no {word})\n{line}\n");
                }
                Expected::Prints(words) => println!("# {what} ({})\n{line}\n", words.join(", ")),
            }
        }
        println!(
            "Keys and log stay in .sluis/dev over restarts (--fresh begins anew). Ctrl-C stops."
        );
    }

    /// One call with a token of the simulation, and the five questions about it over three logs; what was counted.
    fn five_questions(&self) -> Result<String> {
        let folder = self.secrets.file().with_file_name("parties");
        fs::create_dir_all(&folder)?;
        let checkpoint_key = folder.join("checkpoint.key");
        write_private(&checkpoint_key, self.secrets.checkpoint_key())?;
        questions::ask(&questions::Places {
            root: &self.root,
            sluis: self.sluis.clone(),
            gate: self.validator.address(),
            simulation: self.simulation.address(),
            folder,
            auditor_key: self.secrets.auditor_key_file().to_owned(),
            checkpoint_key,
        })
    }

    /// Pastes the lines, as a person would.
    fn check(&self) -> Result<()> {
        setup::curl()?;
        for Attempt {
            what,
            line,
            expected,
        } in self.attempts()
        {
            let mut shell = Command::new("sh");
            let output = shell
                .arg("-c")
                .arg(&line)
                .current_dir(&self.root)
                .stdin(Stdio::null())
                .output()?;
            let text = String::from_utf8_lossy(&output.stdout);
            let failed = || {
                format!(
                    "{what}: {line}\n{text}\n{}",
                    String::from_utf8_lossy(&output.stderr)
                )
            };
            ensure!(output.status.success(), "{}", failed());
            match expected {
                Expected::Status(status) | Expected::Without(status, _) => {
                    let found = text.split(' ').nth(1).and_then(|word| word.parse().ok());
                    ensure!(
                        found == Some(status),
                        "{found:?} instead of {status}: {}",
                        failed()
                    );
                    if let Expected::Without(_, word) = expected {
                        ensure!(!text.contains(word), "`{word}` came out: {}", failed());
                    }
                    println!("{status}  {what}");
                }
                Expected::Prints(words) => {
                    for word in words {
                        ensure!(text.contains(word), "no `{word}`: {}", failed());
                    }
                    println!("ok   {what}");
                }
            }
        }
        Ok(())
    }

    /// Until Ctrl-C, or until one of the functions ends by itself.
    fn wait(mut self) -> Result<()> {
        let (sender, receiver) = mpsc::channel();
        ctrlc::set_handler(move || {
            // The receiver is gone only when we are ending anyway.
            let _ = sender.send(());
        })?;
        loop {
            if receiver.recv_timeout(Duration::from_millis(500)).is_ok() {
                println!("\nStopping");
                self.validator.stop()?;
                self.simulation.stop()?;
                return Ok(());
            }
            for running in [&mut self.validator, &mut self.simulation] {
                if !running.is_alive()? {
                    bail!(
                        "a function ended by itself; it printed:\n{}",
                        running.output()?
                    );
                }
            }
        }
    }
}
