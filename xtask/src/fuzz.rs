//! `cargo xtask fuzz`: the fuzz targets, for some seconds each.
//!
//! On the pinned stable toolchain: without a sanitizer (there is no unsafe code of ours that one could watch), libFuzzer
//! needs coverage only, which stable Rust gives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::setup::cargo;
use crate::steps::{output, run};

/// The release of cargo-fuzz that builds the targets.
const CARGO_FUZZ: &str = "0.13.2";
/// Longest input that is made.
const MAX_INPUT_BYTES: usize = 16 * 1024;
/// An input that takes longer stops its target. A clock, but only against what never ends: the bound on work is
/// `tests/parsers/tests/work`.
const TIMEOUT_SECONDS: u32 = 20;
/// How many targets run at once.
const AT_ONCE: usize = 2;

/// Which targets, and for how long.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The targets; all of them if none is named.
    targets: Vec<String>,
    /// For how long each.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

/// Builds the targets and runs them. What they find stays in `target/fuzz/corpus`; an input that breaks one in
/// `target/fuzz/artifacts`.
pub(crate) fn fuzz(root: &Path, arguments: &Arguments) -> Result<()> {
    let known = targets(root)?;
    for target in &arguments.targets {
        ensure!(
            known.contains(target),
            "no target is called {target}: there are {}",
            known.join(", ")
        );
    }
    let chosen = if arguments.targets.is_empty() {
        &known
    } else {
        &arguments.targets
    };
    let programs = build(root)?;
    let mut broken = Vec::new();
    for group in chosen.chunks(AT_ONCE) {
        let mut started = Vec::new();
        for target in group {
            started.push((target, start(root, &programs, target, arguments.seconds)?));
        }
        for (target, (mut child, log)) in started {
            let status = child.wait()?;
            let said = fs::read(&log).with_context(|| log.display().to_string())?;
            let said = String::from_utf8_lossy(&said);
            let number = |label: &str| {
                said.lines()
                    .find_map(|line| line.strip_prefix(label))
                    .map_or("?", str::trim)
                    .to_owned()
            };
            let runs = number("stat::number_of_executed_units:");
            let slowest = number("stat::slowest_unit_time_sec:");
            if status.success() {
                println!(
                    "COUNT: Fuzz, {target}: {runs} inputs in {} s, the slowest under {} s",
                    arguments.seconds,
                    slowest
                        .parse::<u32>()
                        .map_or(slowest.clone(), |seconds| (seconds + 1).to_string())
                );
            } else {
                broken.push(target.as_str());
                println!("{said}");
            }
        }
    }
    if !broken.is_empty() {
        bail!(
            "broken: {}; the inputs are in target/fuzz/artifacts",
            broken.join(", ")
        );
    }
    Ok(())
}

/// The names of the targets, which are those of the files.
fn targets(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(root.join("fuzz/fuzz_targets"))? {
        let path = file?.path();
        let name = path.file_stem().context("a target's name")?;
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Builds the targets; where they are then.
fn build(root: &Path) -> Result<PathBuf> {
    let program = cargo_fuzz(root)?;
    let folder = root.join("fuzz");
    let target_dir = root.join("target/fuzz");
    let mut build = Command::new(program);
    run(build
        .current_dir(&folder)
        .args(["fuzz", "build", "--sanitizer", "none", "--fuzz-dir"])
        .arg(&folder)
        .env("CARGO_TARGET_DIR", &target_dir))?;
    let version = output(Command::new("rustc").arg("-vV").current_dir(root))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not name its host")?;
    Ok(target_dir.join(host).join("release"))
}

fn start(root: &Path, programs: &Path, target: &str, seconds: u32) -> Result<(Child, PathBuf)> {
    let work = root.join("target/fuzz");
    let corpus = work.join("corpus").join(target);
    let artifacts = work.join("artifacts").join(target);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    // The files that a parser is for are its best beginning.
    let seeds: &[&str] = match target {
        "configuration" => &["simulation.toml", "sluis.toml"],
        "catalogue" => &["catalogue.toml"],
        _ => &[],
    };
    for seed in seeds {
        fs::copy(root.join(seed), corpus.join(seed)).with_context(|| (*seed).to_owned())?;
    }
    let log = work.join(format!("{target}.log"));
    let file = fs::File::create(&log).with_context(|| log.display().to_string())?;
    let mut command = Command::new(programs.join(target));
    command
        .current_dir(root)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={MAX_INPUT_BYTES}"))
        .arg(format!("-timeout={TIMEOUT_SECONDS}"))
        .arg("-print_final_stats=1")
        .arg(format!("-dict={}", root.join("fuzz/words.dict").display()))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&corpus)
        .arg(root.join("fuzz/corpus").join(target));
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .with_context(|| format!("cannot start the target {target}"))?;
    Ok((child, log))
}

/// The path of cargo-fuzz; installs it once, into the project's own state.
fn cargo_fuzz(root: &Path) -> Result<PathBuf> {
    let tools = root.join(".sluis/tools");
    let program = tools.join("bin/cargo-fuzz");
    let version = Command::new(&program).args(["fuzz", "--version"]).output();
    let is_ours = version.is_ok_and(|version| {
        String::from_utf8_lossy(&version.stdout)
            .trim()
            .ends_with(CARGO_FUZZ)
    });
    if !is_ours {
        // A debug build: it only starts cargo.
        let mut install = cargo(
            root,
            [
                "install",
                "cargo-fuzz",
                "--locked",
                "--debug",
                "--version",
                CARGO_FUZZ,
                "--root",
            ],
        );
        run(install
            .arg(&tools)
            .arg("--target-dir")
            .arg(root.join("target/tools")))
        .context("cargo-fuzz is missing and could not be installed: run `cargo install cargo-fuzz --locked`")?;
    }
    Ok(program)
}
