//! `cargo xtask log-check`: a log of so many entries that the real validator made, verified by the real program, and
//! found damaged wherever one byte is changed.
//!
//! The validator runs on loopback before a backend of the tests, answers allowed requests until its log is long enough,
//! and is killed once on the way (SIGKILL, under load). An implementation that is not ours reads what is served and must
//! agree. The program exports the log and verifies it; then single bytes of files of every kind are changed, and the
//! program must fail and say where.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sluis_tests::client::Request;
use sluis_tests::runtime::{Build, Function};
use sluis_tests::runtimes;
use sluis_tests::world::World;

use crate::build::{self, Configured, Platform};
use crate::dev::RuntimeName;
use crate::load::{self, Load};
use crate::setup::{self, cargo};
use crate::steps::run as run_command;

mod damage;
mod expected;
mod outside;

use damage::Damage;
use outside::Outside;

/// Connections of the load: twice as many requests as one instance on Spin takes at a time.
const CONNECTIONS: usize = 32;
/// How long one round of load lasts at most: a token lives for five minutes, and the backend's memory is emptied between.
const ROUND: Duration = Duration::from_secs(15);
/// The first round, which tells how quick this machine is.
const FIRST_ROUND: Duration = Duration::from_millis(300);
/// After so much of the last round the validator is killed.
const KILLED_AFTER: Duration = Duration::from_millis(250);
/// More rounds than any machine needs: the run ends by itself.
const MAX_ROUNDS: usize = 2_000;
/// How long the checkpoint over the last entry may take on a machine that does other things too.
const PUBLISHED: Duration = Duration::from_mins(1);
/// From so many entries on the program is built to be quick: it reads up to a gigabyte, over and over.
const LONG: u64 = 10_000;
/// Entries of the log that every test run makes.
const ENTRIES_OF_A_TEST: u64 = 2_000;

/// How many entries, on what.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many entries the log has at least.
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// On the Spin-compatible host instead of workerd.
    #[arg(long)]
    spin: bool,
    /// How many bytes of each kind of file are changed, one after the other.
    #[arg(long, default_value_t = 4)]
    changes: usize,
    /// Which bytes: the same number changes the same places of logs of one size.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Builds what it needs and runs.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    setup::setup(root)?;
    let (runtime, platform) = if arguments.spin {
        (RuntimeName::Spin, Platform::Spin)
    } else {
        (RuntimeName::Workerd, Platform::Cloudflare)
    };
    let config = Configured::of(root, Build::Simulation)?;
    build::build(root, &config, Function::Validator, platform, config.effort)?;
    if arguments.spin {
        run_command(&mut cargo(
            root,
            ["build", "--quiet", "-p", "sluis-spin-host"],
        ))?;
    }
    let (profile, folder) = if arguments.entries >= LONG {
        (&["--release"][..], "target/release/sluis")
    } else {
        (&[][..], "target/debug/sluis")
    };
    run_command(cargo(root, ["build", "--quiet", "-p", "sluis-cli"]).args(profile))?;
    let sluis = root.join(folder);
    let said = check(root, &sluis, runtime, arguments)?;
    println!("{said}");
    Ok(())
}

/// A short log, with what is built already; what it counted.
pub(crate) fn short(root: &Path, runtime: RuntimeName) -> Result<String> {
    let sluis = crate::dev::beside_us("sluis")?;
    let arguments = Arguments {
        entries: ENTRIES_OF_A_TEST,
        spin: runtime == RuntimeName::Spin,
        changes: 4,
        seed: 1,
    };
    check(root, &sluis, runtime, &arguments)
}

fn check(root: &Path, sluis: &Path, runtime: RuntimeName, arguments: &Arguments) -> Result<String> {
    let name = crate::dev::runtime_name(runtime);
    let folder = root.join("target/e2e").join(format!("log-check-{name}"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let runtime = runtimes::named(root, name).map_err(anyhow::Error::msg)?;
    let world = World::start(Arc::from(runtime), root, folder.join("state"))?;
    let key = world.log_verifier()?.to_string();
    let mut made = Made {
        outside: Outside::new(&folder, key.clone())?,
        world,
        sluis: sluis.to_owned(),
        folder: folder.clone(),
        answered: 0,
    };
    let (filled, fill_time) = timed(|| made.fill(arguments.entries));
    let size = filled?;
    made.outside.served(&made.world, size)?;
    let (exported, export_time) = timed(|| made.export(size));
    let log = exported?;
    println!("exported in {}", seconds(export_time));
    let Made {
        world,
        mut outside,
        answered,
        ..
    } = made;
    drop(world);

    let program = Program {
        path: sluis.to_owned(),
        log,
        key,
    };
    let bundle = program.prove(&folder, size / 2)?;
    outside.exported(&program.log, &bundle)?;
    let (verified, fsck_time) = timed(|| program.fsck());
    let said = String::from_utf8(success("fsck", &verified?)?.stdout)?;
    println!("verified in {}", seconds(fsck_time));
    // Whoever got its answer finds it in the log, however the validator ended.
    let granted = said
        .split_whitespace()
        .zip(said.split_whitespace().skip(1))
        .find_map(|(count, word)| word.starts_with("granted").then(|| count.parse::<u64>()));
    let granted = granted.context("fsck counts no granted entries")??;
    ensure!(
        granted >= answered,
        "{answered} requests were answered, {granted} are in the log"
    );
    let (changed, damage_time) = timed(|| {
        damage::all(&program.log, arguments.changes, arguments.seed, |change| {
            program.finds(change)?;
            outside.finds(change, &program.log, &bundle)
        })
    });
    let changed = changed?;
    let per_second = size
        .checked_div(fill_time.as_secs().max(1))
        .unwrap_or_default();
    fs::remove_dir_all(&folder)?;
    Ok(format!(
        "log-check on {name}: {size} entries by the validator, killed once, in {} ({per_second} entries/s); \
         exported in {}, fsck in {}; {changed} changed bytes, each found, in {}; {}",
        seconds(fill_time),
        seconds(export_time),
        seconds(fsck_time),
        seconds(damage_time),
        outside.report(),
    ))
}

/// The validator and the log that it makes.
struct Made {
    world: World,
    outside: Outside,
    sluis: PathBuf,
    folder: PathBuf,
    /// Requests that were answered with 200.
    answered: u64,
}

impl Made {
    /// Has requests answered until the log has that many entries, all of them published; its size.
    fn fill(&mut self, entries: u64) -> Result<u64> {
        let (mut size, mut killed, mut round) = (self.size()?, false, FIRST_ROUND);
        for _ in 0..MAX_ROUNDS {
            if !killed && size >= entries / 2 {
                self.published(size)?;
                self.outside.keep_checkpoint(&self.world)?;
                self.killed_under_load()?;
                killed = true;
                size = self.size()?;
                continue;
            }
            if size >= entries {
                return self.published(size);
            }
            let goal = if killed { entries } else { entries.div_ceil(2) };
            let before = size;
            self.load(round)?;
            size = self.size()?;
            let grown = size.saturating_sub(before).max(1);
            let missing = u32::try_from(goal.saturating_sub(size).max(1)).unwrap_or(u32::MAX);
            let each = round / u32::try_from(grown).unwrap_or(u32::MAX).max(1);
            // What is cold gets quicker: a step of three, not more.
            let next = each.saturating_mul(missing).min(round * 3);
            round = next.clamp(FIRST_ROUND, ROUND);
            println!("{size} entries");
        }
        bail!("{MAX_ROUNDS} rounds, and {size} entries only")
    }

    fn requests(&self) -> Result<Vec<Vec<u8>>> {
        let token = self.world.pension_token()?;
        let request = format!(
            "GET /pension/v1/persons/53480200724/rights HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        Ok(vec![request.into_bytes()])
    }

    fn load(&mut self, time: Duration) -> Result<()> {
        let load = Load {
            address: self.world.address()?,
            connections: CONNECTIONS,
            requests: &self.requests()?,
            time,
        };
        let done = load::run(&load, 0)?;
        // Not remembered: they are as many as the log has decisions.
        drop(self.world.backend()?.take_seen());
        for (status, count) in &done.statuses {
            match status {
                200 => self.answered += count,
                // A log that cannot keep up for a moment; nothing was let through.
                503 => {}
                other => bail!("{count} requests were answered {other}"),
            }
        }
        ensure!(self.answered > 0, "nothing was allowed");
        Ok(())
    }

    /// SIGKILL while requests are under way, and a new start over what it left.
    fn killed_under_load(&mut self) -> Result<()> {
        let (address, requests) = (self.world.address()?, self.requests()?);
        thread::scope(|scope| {
            let under_way = scope.spawn(|| {
                let load = Load {
                    address,
                    connections: CONNECTIONS,
                    requests: &requests,
                    time: ROUND,
                };
                // Its connections break: that is what this is about.
                load::run(&load, 0).is_err()
            });
            thread::sleep(KILLED_AFTER);
            self.world.kill()?;
            let broken = under_way.join().unwrap_or_default();
            ensure!(broken, "the load ended before the validator was killed");
            Ok(())
        })?;
        println!("killed");
        self.world.restart()
    }

    /// Entries that the log has, published or not.
    fn size(&self) -> Result<u64> {
        self.world.log_size()
    }

    /// Entries under the checkpoint, as the operators see it.
    fn under_checkpoint(&self) -> Result<u64> {
        let request = Request::get("/health").bearer(self.world.operator_token());
        let health = request.send(self.world.address()?)?.json()?;
        let value = health.pointer("/log/published");
        let value = value.and_then(serde_json::Value::as_u64);
        value.with_context(|| format!("no log.published in {health}"))
    }

    /// Waits until all are under a checkpoint; how many those are.
    fn published(&self, size: u64) -> Result<u64> {
        let (mut waited, pause) = (Duration::ZERO, Duration::from_millis(100));
        while waited < PUBLISHED {
            let published = self.under_checkpoint()?;
            if published >= size {
                return Ok(published);
            }
            thread::sleep(pause);
            waited += pause;
        }
        bail!("{size} entries are under no checkpoint after {PUBLISHED:?}")
    }

    /// The whole log, as the program reads it from the running validator.
    fn export(&self, size: u64) -> Result<PathBuf> {
        let (token, log) = (self.folder.join("auditor-token"), self.folder.join("log"));
        crate::secrets::write_private(&token, &self.world.auditor_token()?)?;
        let mut export = Command::new(&self.sluis);
        export
            .args(["log", "export", "--url"])
            .arg(format!("http://{}", self.world.address()?))
            .arg("--auditor-token-file")
            .arg(token)
            .arg("--key")
            .arg(self.world.log_verifier()?.to_string())
            .arg("--dir")
            .arg(&log);
        success("export", &finish(&mut export)?)?;
        ensure!(size > 0, "an empty log");
        Ok(log)
    }
}

/// The program over an exported log, without any network.
struct Program {
    path: PathBuf,
    log: PathBuf,
    key: String,
}

impl Program {
    fn fsck(&self) -> Result<Output> {
        finish(
            Command::new(&self.path)
                .args(["log", "fsck", "--key", &self.key, "--dir"])
                .arg(&self.log),
        )
    }

    /// One entry's proof, made and verified.
    fn prove(&self, folder: &Path, index: u64) -> Result<PathBuf> {
        let bundle = folder.join("entry.tlog-proof");
        let mut prove = Command::new(&self.path);
        prove
            .args(["log", "prove", "--key", &self.key, "--index"])
            .arg(index.to_string())
            .arg("--dir")
            .arg(&self.log)
            .arg("--out")
            .arg(&bundle);
        success("prove", &finish(&mut prove)?)?;
        let mut verify = Command::new(&self.path);
        verify
            .args(["log", "verify", "--key", &self.key])
            .arg(&bundle);
        success("verify", &finish(&mut verify)?)?;
        Ok(bundle)
    }

    /// With that byte changed the log does not verify, and it is said where.
    fn finds(&self, damage: &Damage) -> Result<()> {
        let output = self.fsck()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(
            matches!(output.status.code(), Some(3 | 4)),
            "{damage}: {}, {said}",
            output.status
        );
        let expected = &damage.expected;
        ensure!(
            expected.is_in(&said),
            "{damage}: {said}, and not {expected:?}"
        );
        Ok(())
    }
}

fn finish(command: &mut Command) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output();
    output.context("the program cannot be started")
}

fn success(what: &str, output: &Output) -> Result<Output> {
    ensure!(
        output.status.success(),
        "{what}: {}, {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.clone())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long it took is for the reader"
)]
fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = run();
    (done, start.elapsed())
}
