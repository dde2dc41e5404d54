//! `cargo xtask test`: every check and every test there is, in one run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::dev::RuntimeName;
use crate::setup::{self, WASM_TARGETS, cargo};
use crate::steps::{Steps, output, run};

/// The crates that are nothing on any other target than WebAssembly.
const WASM_ONLY: [&str; 2] = ["sluis-validator", "sluis-bench-worker"];
/// The functions, which each of [`WASM_TARGETS`] lints.
const FUNCTIONS: [&str; 2] = ["sluis-validator", "sluis-simulation"];
/// The platform-free crates.
const SHARED: [&str; 4] = ["sluis-token", "sluis-policy", "sluis-log", "sluis-gate"];
/// What no platform-free crate may depend on. (`js-sys` is below getrandom on Workers' target and nowhere else.)
const PLATFORM_CRATES: [&str; 5] = [
    "worker",
    "spin-sdk",
    "tokio",
    "web-sys",
    "wasm-bindgen-futures",
];
/// The suite that wants PostgreSQL's server programs.
const POSTGRESQL_SUITE: &str = "postgres_store";
/// The release of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Runs everything; fails if anything failed.
pub(crate) fn test(root: &Path) -> Result<()> {
    let mut steps = Steps::new();
    if !steps.check("set up", || setup::setup(root)) {
        return steps.close();
    }
    style(&mut steps, root);
    dependencies(&mut steps, root);
    unit_tests(&mut steps, root);

    let built = steps.check("build the functions", || crate::build::for_tests(root))
        & steps.check("build the Spin-compatible host", || {
            run(&mut cargo(root, ["build", "-p", "sluis-spin-host"]))
        });
    if built {
        end_to_end(&mut steps, root);
    } else {
        steps.skip("the end-to-end suites: what they run is not built");
    }
    steps.close()
}

/// Formatting, lints and documentation, none of which may warn.
fn style(steps: &mut Steps, root: &Path) {
    steps.check("format", || {
        run(&mut cargo(root, ["fmt", "--all", "--check"]))
    });
    let clippy = |packages: &[&str], only: &[&str]| {
        let mut clippy = cargo(root, ["clippy"]);
        run(clippy
            .args(packages)
            .args(only)
            .args(["--", "-D", "warnings"]))
    };
    let doc = |packages: &[&str], only: &[&str]| {
        let mut doc = cargo(root, ["doc", "--no-deps"]);
        run(doc
            .args(packages)
            .args(only)
            .env("RUSTDOCFLAGS", "-D warnings"))
    };
    let native = natively();
    steps.check("lints", || clippy(&native, &["--all-targets"]));
    steps.check("documentation", || doc(&native, &[]));
    let functions = packages(&FUNCTIONS);
    for target in WASM_TARGETS {
        let only = ["--target", target];
        steps.check(&format!("lints of the functions for {target}"), || {
            clippy(&functions, &only)
        });
        steps.check(
            &format!("documentation of the functions for {target}"),
            || doc(&functions, &only),
        );
    }
    steps.check("lints of the benchmark's Worker", || {
        clippy(&packages(&[WASM_ONLY[1]]), &["--target", WASM_TARGETS[0]])
    });
}

/// Arguments that choose everything that is something on this machine.
fn natively() -> Vec<&'static str> {
    let excluded = WASM_ONLY.iter().flat_map(|krate| ["--exclude", krate]);
    ["--workspace"].into_iter().chain(excluded).collect()
}

fn packages(names: &[&'static str]) -> Vec<&'static str> {
    names.iter().flat_map(|name| ["-p", *name]).collect()
}

/// What the crates depend on: the direction of the arrows, licences, known faults.
fn dependencies(steps: &mut Steps, root: &Path) {
    for krate in SHARED {
        steps.check(&format!("{krate} knows no platform"), || {
            knows_no_platform(root, krate)
        });
    }
    let deny = match cargo_deny(root) {
        Ok(deny) => deny,
        Err(error) => {
            steps.check("cargo deny", || Err(error));
            return;
        }
    };
    let check = |what: &[&str]| {
        let mut command = Command::new(&deny);
        run(command
            .current_dir(root)
            .args(["--all-features", "check", "--hide-inclusion-graph"])
            .args(what))
    };
    steps.check("bans, licences and sources of the dependencies", || {
        check(&["bans", "licenses", "sources"])
    });
    let mut fetch = Command::new(&deny);
    if run(fetch.current_dir(root).args(["fetch", "db"])).is_ok() {
        steps.check("advisories about the dependencies", || {
            check(&["advisories"])
        });
    } else {
        steps.skip("advisories about the dependencies: the advisory database can not be reached");
    }
}

/// Fails if anything of a platform is below `krate`, on any target.
fn knows_no_platform(root: &Path, krate: &str) -> Result<()> {
    let tree = output(&mut cargo(
        root,
        [
            "tree",
            "-p",
            krate,
            "-e",
            "normal,build",
            "--target",
            "all",
            "--prefix",
            "none",
            "-f",
            "{p}",
        ],
    ))?;
    let names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    ensure!(
        names.contains(&krate),
        "cargo tree does not list {krate} itself"
    );
    for platform in PLATFORM_CRATES {
        if names.contains(&platform) {
            bail!(
                "{krate} depends on {platform}: run `cargo tree -p {krate} --target all -i {platform}`"
            );
        }
    }
    Ok(())
}

/// The path of cargo-deny; installs it once, into the project's own state.
fn cargo_deny(root: &Path) -> Result<std::path::PathBuf> {
    let tools = root.join(".sluis/tools");
    let program = tools.join("bin/cargo-deny");
    let is_ours = |program: &Path| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|v| {
            String::from_utf8_lossy(&v.stdout).trim() == format!("cargo-deny {CARGO_DENY}")
        })
    };
    if is_ours(Path::new("cargo-deny")) {
        return Ok("cargo-deny".into());
    }
    if !is_ours(&program) {
        // A debug build: it runs for seconds, and optimising it takes minutes.
        let mut install = cargo(
            root,
            [
                "install",
                "cargo-deny",
                "--locked",
                "--debug",
                "--version",
                CARGO_DENY,
            ],
        );
        run(install.arg("--root").arg(&tools).arg("--target-dir").arg(root.join("target/tools")))
            .context("cargo-deny is missing and could not be installed: run `cargo install cargo-deny --locked`")?;
    }
    Ok(program)
}

fn unit_tests(steps: &mut Steps, root: &Path) {
    steps.tests("unit tests", || {
        let mut all = cargo(root, ["test"]);
        all.args(natively()).args(["--exclude", "sluis-tests"]);
        Ok(vec![
            all,
            cargo(root, ["test", "-p", "sluis-tests", "--lib"]),
        ])
    });
}

fn end_to_end(steps: &mut Steps, root: &Path) {
    let with_postgresql = setup::postgresql();
    if let Err(reason) = &with_postgresql {
        steps.skip(&format!("the log on PostgreSQL: {reason}"));
    }
    if let Err(reason) = setup::nginx() {
        println!("nginx with auth_request will be skipped: {reason}");
    }
    steps.tests("stores and end to end", || {
        let mut suites = suites(root)?;
        suites.retain(|suite| with_postgresql.is_ok() || suite != POSTGRESQL_SUITE);
        let test = |suite: &String| {
            let mut test = cargo(root, ["test", "-p", "sluis-tests", "--test", suite]);
            if with_postgresql.is_err() {
                // Other suites have single cases on PostgreSQL, which say so in their names.
                test.args(["--", "--skip", "postgres"]);
            }
            test
        };
        Ok(suites.iter().map(test).collect())
    });
    for (name, runtime) in [
        ("workerd", RuntimeName::Workerd),
        ("spin", RuntimeName::Spin),
    ] {
        steps.check(
            &format!("what `cargo xtask dev --runtime {name}` prints is true"),
            || crate::dev::check(root, runtime),
        );
    }
    steps.check("wrangler deploy --dry-run", || {
        crate::node::wrangler_dry_run(root)
    });
}

/// Every suite of `tests/tests`: a file or a folder each.
fn suites(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("tests/tests");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut suites: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.path().file_stem()?.to_str().map(str::to_owned))
        .collect();
    suites.sort();
    ensure!(suites.len() > 1, "no suites in {}", folder.display());
    Ok(suites)
}
