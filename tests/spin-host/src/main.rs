//! A small Spin-compatible host on wasmtime, for tests and local runs.
//!
//! It runs the very `spin.toml` and `.wasm` that `spin up` takes, where no `spin`
//! is to be had. It is not Spin. In scope: HTTP components of `wasi:http@0.3`,
//! reused as Spin reuses them, with `spin:variables`, `spin:sqlite`,
//! `spin:key-value` and `spin:postgres`, and the manifest's grants enforced. Out of
//! scope: TLS on either side, other triggers, other imports (a component that
//! wants one does not start), runtime configuration, production.
//!
//! On purpose as in Spin, because components must live with it: instances are
//! shared and concurrent, a trap fails the neighbours, a failing statement shows
//! only in its verdict, every SQLite `open` is a connection of its own, a pooled
//! PostgreSQL connection keeps its open transaction, the sockets keep Nagle's
//! algorithm, and work that a component does after its answer is not cut short.

mod clock;
mod faults;
mod instance;
mod key_value;
mod manifest;
mod outbound;
#[expect(
    clippy::result_large_err,
    reason = "the import's error type is as large as its interface says"
)]
mod postgres;
mod results;
mod serve;
mod sqlite;
mod variables;

use std::{io::Write as _, net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use clap::Parser;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use wasmtime::{Cache, CacheConfig, Config, Engine};

use crate::{
    clock::WallClock,
    faults::Faults,
    instance::{Prepared, Shared},
    key_value::KeyValueFile,
    manifest::Application,
    serve::Server,
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "imports",
        imports: { default: trappable },
        with: {
            "spin:sqlite/sqlite.connection": crate::sqlite::Connection,
            "spin:key-value/key-value.store": crate::key_value::Store,
            "spin:postgres/postgres.connection": crate::postgres::Connection,
        },
    });
}

/// Run a Spin application on a small compatible host (which is not Spin).
#[derive(Parser)]
#[command(name = "sluis-spin-host", version)]
struct Arguments {
    /// The application manifest.
    #[arg(long, short, default_value = "spin.toml")]
    from: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Where `.spin/` with its databases goes; by default beside the manifest.
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// Set an application variable; `SPIN_VARIABLE_NAME` in the environment does too.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// For tests: a file that asks for faults of the databases.
    #[arg(long)]
    fault_file: Option<PathBuf>,
    /// For tests: a file that sets the wall clock ahead, or back.
    #[arg(long)]
    clock_file: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(arguments))
}

/// Where compiled components are kept, beside this program: compiling one takes seconds, and a test run starts the same
/// few a hundred times.
fn compiled() -> Result<Option<Cache>> {
    let program = std::env::current_exe().context("where this program is")?;
    let mut config = CacheConfig::new();
    config.with_directory(program.with_extension("compiled"));
    Cache::new(config).map(Some).map_err(from_wasmtime)
}

async fn run(arguments: Arguments) -> Result<()> {
    let overrides = variables::overrides(&arguments.variables)?;
    let mut application = Application::load(&arguments.from, &overrides)?;
    let beside = || {
        arguments
            .from
            .parent()
            .map(PathBuf::from)
            .unwrap_or_default()
    };
    let state = arguments.state_dir.unwrap_or_else(beside).join(".spin");
    std::fs::create_dir_all(&state)
        .with_context(|| format!("cannot create {}", state.display()))?;

    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.cache(compiled()?);
    let engine = Engine::new(&config).map_err(from_wasmtime)?;
    let shared = Shared {
        client: outbound::client(),
        postgres: Arc::default(),
        sqlite_folder: Arc::new(state.clone()),
        key_value: Arc::new(KeyValueFile::new(&state.join("sqlite_key_value.db"))),
        faults: Faults::new(arguments.fault_file),
        clock: WallClock::new(arguments.clock_file),
    };
    let prepared = std::mem::take(&mut application.components)
        .into_iter()
        .map(|component| Prepared::new(&engine, component, shared.clone()))
        .collect::<Result<Vec<_>>>()?;

    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let mut terminated = signal(SignalKind::terminate())?;
    let address = listener.local_addr()?;
    let name = application.name.clone();
    writeln!(
        std::io::stdout(),
        "{name}: listening on http://{address} (a Spin-compatible host, not Spin)"
    )?;
    tokio::select! {
        outcome = Server::new(application, prepared).run(listener) => outcome.map(|never| match never {}),
        _ = terminated.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// `wasmtime` has an error type of its own.
fn from_wasmtime(error: wasmtime::Error) -> anyhow::Error {
    anyhow::Error::from_boxed(error.into_boxed_dyn_error())
}

/// One line for whoever reads standard error.
fn report(line: &str) {
    _ = writeln!(std::io::stderr(), "sluis-spin-host: {line}");
}
