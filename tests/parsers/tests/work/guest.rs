//! The parsers as WebAssembly, on a machine that counts instructions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use wasmtime::{Config, Engine, Instance, Linker, Memory, Module, Store, TypedFunc};

/// Instructions after which an input is given up; no bound is near it.
const ENOUGH: u64 = 200_000_000_000;

/// Its errors are of a type of their own.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn wasm(error: wasmtime::Error) -> Error {
    anyhow!("{error:#}")
}

/// One instance with its memory.
pub(crate) struct Guest {
    store: Store<()>,
    memory: Memory,
    allocate: TypedFunc<(u32, u32), u32>,
    parse: TypedFunc<(u32, u32, u32), u32>,
}

/// The compiled parsers, of which instances are made.
pub(crate) struct Parsers {
    engine: Engine,
    module: Module,
}

impl Parsers {
    /// Builds the parsers for WebAssembly as a deployment builds the functions, and compiles them.
    pub(crate) fn build(root: &Path) -> Result<Self> {
        const TARGET: &str = "wasm32-unknown-unknown";
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .current_dir(root)
            .args([
                "build",
                "--release",
                "--quiet",
                "--lib",
                "-p",
                "sluis-parsers",
            ])
            .args(["--target", TARGET])
            .status()?;
        ensure!(status.success(), "the parsers do not build for {TARGET}");
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let file = root
            .join(target)
            .join(TARGET)
            .join("release/sluis_parsers.wasm");
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).map_err(wasm)?;
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        let module = Module::new(&engine, bytes).map_err(wasm)?;
        Ok(Self { engine, module })
    }

    pub(crate) fn instance(&self) -> Result<Guest> {
        let mut store = Store::new(&self.engine, ());
        store.set_fuel(ENOUGH).map_err(wasm)?;
        let mut linker = Linker::new(&self.engine);
        // Of JavaScript, which is asked for random bytes only: they stay zeros.
        linker
            .define_unknown_imports_as_default_values(&mut store, &self.module)
            .map_err(wasm)?;
        let instance: Instance = linker.instantiate(&mut store, &self.module).map_err(wasm)?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .context("no memory")?;
        let allocate = instance
            .get_typed_func(&mut store, "__wbindgen_malloc")
            .map_err(wasm)?;
        // wasm-bindgen puts a hash behind the name, and takes it off in a step of its own.
        let name = self
            .module
            .exports()
            .map(|export| export.name())
            .find(|name| name.starts_with("parse_"))
            .context("no function `parse`")?;
        let parse = instance.get_typed_func(&mut store, name).map_err(wasm)?;
        Ok(Guest {
            store,
            memory,
            allocate,
            parse,
        })
    }
}

impl Guest {
    /// Instructions that the parser at `place` needs for the input. A panic of the parser is an error.
    pub(crate) fn work(&mut self, place: usize, input: &[u8]) -> Result<u64> {
        let length = u32::try_from(input.len())?;
        let at = self
            .allocate
            .call(&mut self.store, (length, 1))
            .map_err(wasm)?;
        self.memory
            .write(&mut self.store, usize::try_from(at)?, input)?;
        self.store.set_fuel(ENOUGH).map_err(wasm)?;
        let place = u32::try_from(place)?;
        let found = self
            .parse
            .call(&mut self.store, (place, at, length))
            .map_err(wasm)?;
        if found == 0 {
            bail!("there is no parser at {place}");
        }
        Ok(ENOUGH - self.store.get_fuel().map_err(wasm)?)
    }
}
