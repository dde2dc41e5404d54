//! The simulation: where mandate holders try their tokens.
//!
//! In scope: two test verification systems, one like the Crossroads Bank's and
//! one like that of a secondary network, that mint good tokens and named kinds
//! of bad ones, bound to a key or certificate, for one use, or with a status that
//! anyone may change; and a demo backend with fictitious answers. Everything here is
//! platform-free but the adapters ([`handle`] is the whole function).
//! Out of scope: real verification systems, grant screens, real persons:
//! only bis-type test numbers are taken.

mod backend;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod cloudflare;
mod defect;
mod http;
mod mint;
mod settings;
#[cfg(target_os = "wasi")]
mod spin;
mod status;
mod system;

pub use defect::Defect;
pub use http::{MAX_BODY_BYTES, SimRequest, SimResponse, handle};
pub use mint::{MintError, MintRequest, MintedToken, StatusEntry};
pub use settings::{RawSettings, SettingsError, Simulation};
pub use status::{STATUS_ENTRIES, uri as status_list_uri};
pub use system::{SystemName, VerificationSystem};
