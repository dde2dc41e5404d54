//! `cargo xtask test`: every check and every test there is, in one run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::dev::RuntimeName;
use crate::setup::{self, WASM_TARGETS, cargo};
use crate::steps::{Steps, output, run};

/// The crates that are only built for WebAssembly.
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
    let postgresql = setup::postgresql();
    unit_tests(&mut steps, root);

    let built = steps.check("build the functions", || crate::build::for_tests(root))
        & steps.check("build the Spin-compatible host", || {
            run(&mut cargo(root, ["build", "-p", "sluis-spin-host"]))
        });
    if built {
        end_to_end(&mut steps, root, postgresql);
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
    let natively = [
        "--workspace",
        "--exclude",
        FUNCTIONS[0],
        "--exclude",
        FUNCTIONS[1],
    ];
    let functions = ["-p", FUNCTIONS[0], "-p", FUNCTIONS[1]];
    steps.check("lints", || {
        let mut clippy = cargo(root, ["clippy", "--all-targets"]);
        run(clippy.args(natively).args(["--", "-D", "warnings"]))
    });
    for target in WASM_TARGETS {
        steps.check(&format!("lints of the functions for {target}"), || {
            let mut clippy = cargo(root, ["clippy", "--target", target]);
            run(clippy.args(functions).args(["--", "-D", "warnings"]))
        });
    }
    steps.check("documentation", || {
        let doc = |arguments: &[&str]| {
            let mut doc = cargo(root, ["doc", "--no-deps"]);
            run(doc.args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
        };
        doc(&natively)?;
        WASM_TARGETS
            .iter()
            .try_for_each(|target| doc(&[&["--target", *target], &functions[..]].concat()))
    });
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
    let mut all = cargo(root, ["test", "--workspace", "--exclude", "sluis-tests"]);
    for function in FUNCTIONS {
        all.args(["--exclude", function]);
    }
    steps.tests(
        "unit tests",
        vec![all, cargo(root, ["test", "-p", "sluis-tests", "--lib"])],
    );
}

fn end_to_end(steps: &mut Steps, root: &Path, postgresql: Result<(), String>) {
    if let Err(reason) = postgresql {
        steps.skip(&format!("the log on PostgreSQL: {reason}"));
    }
    if let Err(reason) = setup::nginx() {
        steps.skip(&format!("nginx with auth_request: {reason}"));
    }
    steps.tests(
        "end to end",
        vec![cargo(root, ["test", "-p", "sluis-tests", "--test", "*"])],
    );
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
