//! Building the functions: cargo, and for Workers wasm-bindgen, wasm-opt and a bundler.
//!
//! ```text
//! cargo ─▶ <function>.wasm ─▶ wasm-bindgen ─▶ <function>_bg.{wasm,js}
//!                                wasm-opt ◀──┘        └──▶ esbuild with our js/worker.mjs
//!          dist/cloudflare/<function>_bg.wasm            dist/cloudflare/<function>.mjs
//! ```

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use sha2::{Digest, Sha256};
use sluis_tests::runtime::{Build, Function};
use wasm_bindgen_cli_support::Bindgen;

use crate::comparing;
use crate::node;
use crate::setup::cargo;
use crate::steps::run as run_command;

/// The configuration of a deployment, unless told otherwise.
const DEFAULT_CONFIG: &str = "sluis.toml";
/// The configuration of local runs and tests.
pub(crate) const SIMULATION_CONFIG: &str = "simulation.toml";

/// What the instance of a Worker supports and rustc emits; named, because an
/// optimiser that guesses may emit more.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Arguments of `cargo xtask build`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// For one platform only.
    platform: Option<Platform>,
    /// The configuration to build in; else the one `SLUIS_CONFIG` names, else sluis.toml.
    #[arg(long)]
    config: Option<PathBuf>,
    /// One function only.
    #[arg(long)]
    function: Option<FunctionName>,
    /// Skip wasm-opt.
    #[arg(long)]
    fast: bool,
    /// Everything that the end-to-end suite runs, and nothing else.
    #[arg(long, conflicts_with_all = ["platform", "config", "function", "fast"])]
    tests: bool,
}

/// What is built in, and where the result goes.
#[derive(Debug)]
pub(crate) struct Configured {
    /// The configuration, from the root or as a whole path.
    config: PathBuf,
    /// A folder from the root; each platform has one of its own in it.
    folder: &'static str,
    /// What is spent on it, unless told otherwise.
    pub(crate) effort: Effort,
}

impl Configured {
    /// The configuration of a deployment.
    fn deployment(config: PathBuf) -> Self {
        Self {
            config,
            folder: Build::Simulation.folder(),
            effort: Effort::Release,
        }
    }

    /// One of the builds of local runs and tests.
    pub(crate) fn of(root: &Path, build: Build) -> Result<Self> {
        let (config, effort) = match build {
            Build::Simulation => (SIMULATION_CONFIG.into(), Effort::Release),
            Build::Comparing => (comparing::write(root)?, Effort::Fast),
            Build::Sharded => (comparing::write_sharded(root)?, Effort::Release),
        };
        Ok(Self {
            config,
            folder: build.folder(),
            effort,
        })
    }
}

/// A platform to build for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Platform {
    Cloudflare,
    Spin,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FunctionName {
    Validator,
    Simulation,
}

/// How much is spent on optimising.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// wasm-opt at its fastest code.
    Release,
    /// Without wasm-opt: seconds instead of tens of them.
    Fast,
}

/// What a build leaves in `dist/`.
#[derive(Debug)]
pub(crate) struct Artifacts {
    /// The files, the one to deploy first.
    pub(crate) files: Vec<PathBuf>,
}

/// `cargo xtask build`.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    if arguments.tests {
        crate::setup::setup(root)?;
        return for_tests(root);
    }
    let effort = if arguments.fast {
        Effort::Fast
    } else {
        Effort::Release
    };
    let functions = match arguments.function {
        Some(FunctionName::Validator) => vec![Function::Validator],
        Some(FunctionName::Simulation) => vec![Function::Simulation],
        None => vec![Function::Validator, Function::Simulation],
    };
    let config = arguments
        .config
        .clone()
        .or_else(|| std::env::var_os("SLUIS_CONFIG").map(PathBuf::from))
        .unwrap_or_else(|| DEFAULT_CONFIG.into());
    let config = Configured::deployment(config);
    crate::setup::setup(root)?;
    for function in functions {
        for platform in [Platform::Cloudflare, Platform::Spin] {
            if arguments.platform.is_none_or(|only| only == platform) {
                let artifacts = build(root, &config, function, platform, effort)?;
                report(root, &artifacts)?;
            }
        }
    }
    Ok(())
}

/// Both functions on both platforms, with the simulation's configuration, and the validator with
/// that of comparing.
pub(crate) fn for_tests(root: &Path) -> Result<()> {
    let (comparing, simulation) = (
        Configured::of(root, Build::Comparing)?,
        Configured::of(root, Build::Simulation)?,
    );
    // The simulation's last: what is built next is most likely of it, and cargo keeps one.
    for (config, function) in [
        (&comparing, Function::Validator),
        (&simulation, Function::Validator),
        (&simulation, Function::Simulation),
    ] {
        for platform in [Platform::Cloudflare, Platform::Spin] {
            let artifacts = build(root, config, function, platform, config.effort)?;
            report(root, &artifacts)?;
        }
    }
    Ok(())
}

/// Builds one function for one platform.
pub(crate) fn build(
    root: &Path,
    config: &Configured,
    function: Function,
    platform: Platform,
    effort: Effort,
) -> Result<Artifacts> {
    match platform {
        Platform::Cloudflare => cloudflare(root, config, function, effort),
        Platform::Spin => spin(root, config, function),
    }
}

/// A function as a Worker.
pub(crate) fn cloudflare(
    root: &Path,
    config: &Configured,
    function: Function,
    effort: Effort,
) -> Result<Artifacts> {
    let recipe = Recipe {
        name: function.name(),
        package: package(function),
        scripts: PathBuf::from("functions").join(function.name()).join("js"),
        out: Path::new(config.folder).join("cloudflare"),
    };
    worker(root, &config.config, &recipe, effort)
}

/// A function as a Spin component.
pub(crate) fn spin(root: &Path, config: &Configured, function: Function) -> Result<Artifacts> {
    let module = compile(root, &config.config, package(function), "wasm32-wasip2")?;
    let to = root
        .join(config.folder)
        .join("spin")
        .join(format!("{}.wasm", function.name()));
    copy_if_changed(&module, &to)?;
    Ok(Artifacts { files: vec![to] })
}

/// What a Worker is made of.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// Stem of the files.
    pub(crate) name: &'static str,
    /// The crate, a cdylib.
    pub(crate) package: &'static str,
    /// Folder of `worker.mjs`, the entry, and of what it imports.
    pub(crate) scripts: PathBuf,
    /// Where the two files go.
    pub(crate) out: PathBuf,
}

/// Compiles, binds, optimises and bundles a Worker.
pub(crate) fn worker(
    root: &Path,
    config: &Path,
    recipe: &Recipe,
    effort: Effort,
) -> Result<Artifacts> {
    let module = compile(root, config, recipe.package, "wasm32-unknown-unknown")?;
    let work = root
        .join("target/xtask")
        .join(&recipe.out)
        .join(recipe.name);
    fs::create_dir_all(&work).with_context(|| format!("creating {}", work.display()))?;
    let out = root.join(&recipe.out);
    fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
    let script = out.join(format!("{}.mjs", recipe.name));
    let bound = work.join(format!("{}_bg.wasm", recipe.name));
    let wasm = out.join(format!("{}_bg.wasm", recipe.name));
    // One stamp over everything that goes in: a second build does nothing.
    let stamp = stamp(root, &module, &root.join(&recipe.scripts), effort)?;
    let stamp_file = work.join("stamp");
    let same = fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp);
    if !(same && script.is_file() && wasm.is_file()) {
        Bindgen::new()
            .input_path(&module)
            .out_name(recipe.name)
            .bundler(true)?
            .typescript(false)
            .remove_name_section(true)
            .remove_producers_section(true)
            .generate(&work)
            .context("wasm-bindgen")?;
        match effort {
            Effort::Release => optimise(root, &bound, &wasm)?,
            Effort::Fast => copy_if_changed(&bound, &wasm)?,
        }
        bundle(root, recipe, &work, &script)?;
        fs::write(&stamp_file, stamp).context("writing the stamp of the build")?;
    }
    Ok(Artifacts {
        files: vec![script, wasm],
    })
}

/// Runs cargo; the module's path.
fn compile(root: &Path, config: &Path, package: &str, target: &str) -> Result<PathBuf> {
    let config = root
        .join(config)
        .canonicalize()
        .with_context(|| format!("the configuration {}", config.display()))?;
    let mut command = cargo(
        root,
        [
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--target",
            target,
            "--package",
            package,
        ],
    );
    // wasm-bindgen reads the target features from a custom section that a full
    // strip removes; it drops names and debug information itself.
    command
        .env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo")
        .env("SLUIS_CONFIG", config);
    run_command(&mut command)?;
    let target_dir =
        std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
    let file = format!("{}.wasm", package.replace('-', "_"));
    Ok(root
        .join(target_dir)
        .join(target)
        .join("release")
        .join(file))
}

fn optimise(root: &Path, from: &Path, to: &Path) -> Result<()> {
    let mut command = node::wasm_opt(root);
    run_command(
        command
            .arg("-O3")
            .args(WASM_FEATURES)
            .arg(from)
            .arg("-o")
            .arg(to),
    )
}

/// One module of our script, its imports and wasm-bindgen's glue.
fn bundle(root: &Path, recipe: &Recipe, work: &Path, to: &Path) -> Result<()> {
    let alias = |name: &str, path: &Path| {
        let mut argument = OsString::from(format!("--alias:{name}="));
        argument.push(path);
        argument
    };
    let glue = work.join(format!("{}_bg.js", recipe.name));
    let mut command = node::esbuild(root);
    command
        .arg(root.join(&recipe.scripts).join("worker.mjs"))
        .args([
            "--bundle",
            "--format=esm",
            "--target=esnext",
            "--log-level=warning",
            "--external:*.wasm",
            "--external:cloudflare:*",
            "--external:node:*",
        ])
        .arg(alias("sluis-glue", &glue))
        .arg(alias(
            "sluis-platform",
            &root.join("functions/validator/js/platform.mjs"),
        ));
    let mut outfile = OsString::from("--outfile=");
    outfile.push(to);
    run_command(command.arg(outfile))
}

fn stamp(root: &Path, module: &Path, scripts: &Path, effort: Effort) -> Result<String> {
    let mut digest = Sha256::new();
    digest.update(fs::read(module).with_context(|| format!("reading {}", module.display()))?);
    for folder in [scripts.to_owned(), root.join("functions/validator/js")] {
        let mut files: Vec<_> = fs::read_dir(&folder)
            .with_context(|| format!("reading {}", folder.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        files.sort();
        for file in files {
            digest.update(fs::read(&file)?);
        }
    }
    digest.update(fs::read(root.join("package-lock.json"))?);
    Ok(format!("{effort:?} {:?}", digest.finalize()))
}

fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(to, bytes).with_context(|| format!("writing {}", to.display()))
}

fn package(function: Function) -> &'static str {
    match function {
        Function::Validator => "sluis-validator",
        Function::Simulation => "sluis-simulation",
    }
}

fn report(root: &Path, artifacts: &Artifacts) -> Result<()> {
    let files: Vec<&Path> = artifacts.files.iter().map(PathBuf::as_path).collect();
    let gzipped = node::gzip_sizes(root, &files)?;
    for (file, gzipped) in files.iter().zip(gzipped) {
        let size = fs::metadata(file)?.len();
        let name = file.strip_prefix(root).unwrap_or(file).display();
        println!(
            "{name}: {} KiB, {} KiB gzip",
            size.div_ceil(1024),
            gzipped.div_ceil(1024)
        );
    }
    Ok(())
}
