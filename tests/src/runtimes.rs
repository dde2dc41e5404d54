//! Which runtimes there are on this machine.

use std::path::Path;

use crate::runtime::Runtime;
use crate::spin::{CompatibleHost, SpinUp};
use crate::workerd::Workerd;

/// A runtime that the suite is for.
#[derive(Debug)]
pub enum Found {
    /// It is here.
    Here(Box<dyn Runtime>),
    /// It should be here and is not: one line that says what to do.
    Missing(String),
    /// It is not here and need not be.
    Absent(String),
}

/// Every runtime that the suite is for. Spin itself is none of the tools that a set-up can fetch.
pub fn runtimes(root: &Path) -> [Found; 3] {
    let needed = |name| named(root, name).map_or_else(Found::Missing, Found::Here);
    let spin_up = named(root, "spin up").map_or_else(Found::Absent, Found::Here);
    [needed("workerd"), needed("spin"), spin_up]
}

/// A runtime by its name: `workerd`, `spin` (the compatible host) or `spin up`.
pub fn named(root: &Path, name: &str) -> Result<Box<dyn Runtime>, String> {
    match name {
        "workerd" => Workerd::find(root).map(|runtime| Box::new(runtime) as Box<dyn Runtime>),
        "spin" => CompatibleHost::find().map(|runtime| Box::new(runtime) as Box<dyn Runtime>),
        "spin up" => SpinUp::find().map(|runtime| Box::new(runtime) as Box<dyn Runtime>),
        _ => Err("there is no runtime of that name".to_owned()),
    }
    .map_err(|reason| format!("{name}: {reason}"))
}
