//! What one component instance has: WASI, outbound HTTP, and the component's
//! grants; and the linker that offers the imports.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use wasmtime::{
    Engine, Store,
    component::{self, HasSelf, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView, p3::bindings::ServicePre};

use crate::{
    bindings,
    clock::WallClock,
    faults::Faults,
    key_value::KeyValueFile,
    manifest::Component,
    outbound::{HttpClient, Outbound},
    postgres::Pools,
};

/// What all instances of all components share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) client: HttpClient,
    pub(crate) postgres: Arc<Pools>,
    pub(crate) sqlite_folder: Arc<PathBuf>,
    pub(crate) key_value: Arc<KeyValueFile>,
    pub(crate) faults: Faults,
    pub(crate) clock: WallClock,
}

/// The store data of one instance.
pub(crate) struct Instance {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    pub(crate) table: ResourceTable,
    pub(crate) component: Arc<Component>,
    pub(crate) shared: Shared,
}

/// A compiled component, ready to be instantiated.
pub(crate) struct Prepared {
    engine: Engine,
    pub(crate) service: ServicePre<Instance>,
    component: Arc<Component>,
    shared: Shared,
}

impl Prepared {
    /// Compile `component` and link it to what this host offers.
    pub(crate) fn new(engine: &Engine, component: Component, shared: Shared) -> Result<Self> {
        let source = component.source.clone();
        let compile = || -> wasmtime::Result<_> {
            let compiled = component::Component::from_file(engine, &source)?;
            let mut linker = Linker::new(engine);
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            wasmtime_wasi::p3::add_to_linker(&mut linker)?;
            wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
            bindings::Imports::add_to_linker::<_, HasSelf<Instance>>(&mut linker, |instance| {
                instance
            })?;
            ServicePre::new(linker.instantiate_pre(&compiled)?)
        };
        let service = compile()
            .map_err(crate::from_wasmtime)
            .with_context(|| format!("component `{}`: {}", component.id, source.display()))?;
        Ok(Self {
            engine: engine.clone(),
            service,
            component: Arc::new(component),
            shared,
        })
    }

    /// A fresh store for one instance.
    pub(crate) fn store(&self) -> Store<Instance> {
        let outbound = Outbound {
            client: self.shared.client.clone(),
            allowed: self.component.allowed_hosts.clone(),
        };
        // The guest's own lines go to standard error: standard output carries
        // the one line that says where the host listens.
        let wasi = WasiCtxBuilder::new()
            .stdout(wasmtime_wasi::cli::stderr())
            .inherit_stderr()
            .wall_clock(self.shared.clock.clone())
            .build();
        let instance = Instance {
            wasi,
            http: WasiHttpCtx::new(),
            outbound,
            table: ResourceTable::new(),
            component: Arc::clone(&self.component),
            shared: self.shared.clone(),
        };
        Store::new(&self.engine, instance)
    }
}

impl WasiView for Instance {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Instance {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outbound,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
