//! The validator's Worker over a log that keeps nothing but its head.
//!
//! It tells what the gate costs apart from its durable log. It is a crate of
//! its own because the function itself has no way to turn its log off.

#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]

#[path = "../../../../functions/validator/src/cloudflare/mod.rs"]
mod cloudflare;
#[path = "../../../../functions/validator/src/embedded.rs"]
mod embedded;
mod entry;
