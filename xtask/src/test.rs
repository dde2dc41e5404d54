//! `cargo xtask test`: every check and every test there is, in one run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use sluis_tests::outsider::{Found, NAME, Outsider};

use crate::dev::RuntimeName;
use crate::setup::{self, WASM_TARGETS, cargo};
use crate::steps::{Steps, output, run};

/// The crates that are nothing on any other target than WebAssembly.
const WASM_ONLY: [&str; 2] = ["sluis-validator", "sluis-bench-worker"];
/// The functions, which each of [`WASM_TARGETS`] lints.
const FUNCTIONS: [&str; 2] = ["sluis-validator", "sluis-simulation"];
/// The platform-free crates.
const SHARED: [&str; 6] = [
    "sluis-token",
    "sluis-policy",
    "sluis-log",
    "sluis-minimise",
    "sluis-gate",
    "sluis-reasons",
];
/// What no platform-free crate may depend on. (`js-sys` is below getrandom on Workers' target and nowhere else.)
const PLATFORM_CRATES: [&str; 5] = [
    "worker",
    "spin-sdk",
    "tokio",
    "web-sys",
    "wasm-bindgen-futures",
];
/// The package of the suites that run the built functions.
const END_TO_END: &str = "sluis-tests";
/// The release of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Tokens of the differential test: some two minutes on two cores.
const DIFFERENTIAL_TOKENS: usize = 100_000;

/// For how long each fuzz target runs. What a longer run finds becomes a file of its corpus, which every run begins with.
const FUZZ_SECONDS: &str = "5";

/// Runs everything; fails if anything failed.
pub(crate) fn test(root: &Path) -> Result<()> {
    let mut steps = Steps::new();
    if !steps.check("set up", || setup::setup(root)) {
        return steps.close();
    }
    style(&mut steps, root);
    dependencies(&mut steps, root);
    // Before the build for the tests, which keeps what this one builds.
    steps.check("wrangler deploy --dry-run", || {
        crate::node::wrangler_dry_run(root)
    });
    let built = steps.check("build the functions", || crate::build::for_tests(root))
        & steps.check("build the tests and the Spin-compatible host", || {
            run(cargo(root, ["build", "--all-targets"]).args(natively()))
        });
    unit_tests(&mut steps, root);
    if built {
        steps.counted("differential test against three libraries", || {
            differential(root)
        });
        steps.counted("fuzz targets", || {
            // By cargo: the tests may have put another build in this one's place.
            Ok(cargo(root, ["xtask", "fuzz", "--seconds", FUZZ_SECONDS]))
        });
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
    let xtask = packages(&["xtask"]);
    steps.check("lints", || {
        clippy(&native, &["--all-targets"])?;
        clippy(&xtask, &["--all-targets"])
    });
    steps.check("documentation", || {
        doc(&native, &[])?;
        doc(&xtask, &[])
    });
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
    steps.check("a wrong configuration does not build", || {
        refuses_a_wrong_configuration(root)
    });
    steps.check("lints of the benchmark's Worker", || {
        clippy(&packages(&[WASM_ONLY[1]]), &["--target", WASM_TARGETS[0]])
    });
}

/// Builds the function with a misspelt field: it must not build, and must say
/// file, field and what was expected in one line.
fn refuses_a_wrong_configuration(root: &Path) -> Result<()> {
    let good = std::fs::read_to_string(root.join(crate::build::SIMULATION_CONFIG))?;
    let wrong = root.join("target/wrong.toml");
    std::fs::write(&wrong, good.replacen("realm = ", "relm = ", 1))?;
    let mut check = cargo(
        root,
        ["check", "--target", WASM_TARGETS[1], "-p", FUNCTIONS[0]],
    );
    let checked = check.env("SLUIS_CONFIG", &wrong).output()?;
    ensure!(!checked.status.success(), "a misspelt field built");
    let said = String::from_utf8_lossy(&checked.stderr);
    let line = said
        .lines()
        .find(|line| line.contains("wrong.toml") && line.contains("relm"));
    ensure!(
        line.is_some_and(|line| line.contains("`realm`")),
        "no line names file, field and what was expected: {said}"
    );
    Ok(())
}

/// Arguments that choose everything that is something on this machine, besides xtask, which cargo built to run it.
///
/// The same everywhere: with another choice of packages cargo chooses other features of what they share, and compiles
/// a whole wasmtime again.
fn natively() -> Vec<&'static str> {
    let excluded = WASM_ONLY
        .iter()
        .chain(&["xtask"])
        .flat_map(|krate| ["--exclude", krate]);
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

/// The tests that need nothing beside them.
fn unit_tests(steps: &mut Steps, root: &Path) {
    let test = |arguments: &[&str]| {
        let mut test = cargo(root, ["test"]);
        test.args(natively()).args(arguments);
        test
    };
    steps.tests("unit tests", || {
        Ok(vec![
            test(&["--lib", "--bins"]),
            test(&["--doc"]),
            cargo(root, ["test", "-p", "xtask"]),
        ])
    });
    steps.tests("integration tests", || {
        Ok(vec![suites(root, |package| package != END_TO_END, [])?])
    });
}

/// The differential test, which `cargo build` of the tests has built. `--tokens` of the program runs more.
fn differential(root: &Path) -> Result<Command> {
    // `target/debug/xtask` stands beside it.
    let here = std::env::current_exe().context("the path of xtask")?;
    let program = here.with_file_name("sluis-differential");
    let mut command = Command::new(program);
    let tokens = DIFFERENTIAL_TOKENS.to_string();
    command
        .current_dir(root)
        .args(["--tokens", &tokens, "--node"])
        .arg(crate::node::program(root));
    Ok(command)
}

/// The suites that run the built functions, a real PostgreSQL and a real nginx.
fn end_to_end(steps: &mut Steps, root: &Path) {
    let with_postgresql = setup::postgresql();
    if let Err(reason) = &with_postgresql {
        steps.skip(&format!("the log on PostgreSQL: {reason}"));
    }
    let with_nginx = setup::nginx();
    if let Err(reason) = &with_nginx {
        steps.skip(&format!("nginx with auth_request: {reason}"));
    }
    if let Ok(Found::Absent { reason }) = Outsider::find() {
        steps.skip(&format!("the served logs by {NAME}: {reason}"));
    }
    steps.tests("stores and end to end", || {
        Ok(vec![suites(
            root,
            |package| package == END_TO_END,
            [
                ("postgres", with_postgresql.is_ok()),
                ("nginx", with_nginx.is_ok()),
            ],
        )?])
    });
    for (name, runtime) in [
        ("workerd", RuntimeName::Workerd),
        ("spin", RuntimeName::Spin),
    ] {
        steps.check(
            &format!("what `cargo xtask dev --runtime {name}` prints is true"),
            || crate::dev::check(root, runtime),
        );
        steps.tallied(&format!("sluis conformance, whole, on {name}"), || {
            crate::dev::conformance(root, runtime)
        });
        steps.tallied(
            &format!("five questions about a call, over three logs, on {name}"),
            || crate::dev::five_questions(root, runtime),
        );
        steps.tallied(
            &format!("a log that is killed, exported and damaged, on {name}"),
            || crate::log_check::short(root, runtime),
        );
    }
}

/// One run of every suite (a test target of its own) of the packages that are wanted. Without what is needed for it, a suite or
/// a single case whose name says so is left out, which the caller has counted.
fn suites<const N: usize>(
    root: &Path,
    wanted: impl Fn(&str) -> bool,
    needed: [(&str, bool); N],
) -> Result<Command> {
    let metadata = output(&mut cargo(
        root,
        ["metadata", "--no-deps", "--format-version", "1"],
    ))?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("cargo metadata")?;
    let missing = || needed.iter().filter(|(_, there)| !there);
    let mut test = cargo(root, ["test", "--no-fail-fast"]);
    test.args(natively());
    let before = test.get_args().len();
    let packages = metadata
        .packages
        .into_iter()
        .filter(|package| wanted(&package.name));
    for target in packages.flat_map(|package| package.targets) {
        let is_suite = target.kind.iter().any(|kind| kind == "test");
        if is_suite && !missing().any(|(name, _)| target.name.starts_with(name)) {
            test.args(["--test", &target.name]);
        }
    }
    ensure!(test.get_args().len() > before, "no suite found");
    if missing().next().is_some() {
        test.arg("--");
    }
    for (name, _) in missing() {
        test.args(["--skip", name]);
    }
    Ok(test)
}

/// What is read of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}
