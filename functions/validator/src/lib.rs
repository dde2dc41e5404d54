//! The validator function: the gate behind a Cloudflare Worker or a Spin component.
//!
//! In scope: what a platform must do for [`sluis_gate`] (read a request, reach
//! the backend, keep the log, check a signature). Out of scope: every decision;
//! those are the gate's.
//!
//! The target chooses the adapter, so there are no feature flags: a
//! `wasm32-unknown-unknown` build is the Worker, a `wasm32-wasip2` build is the
//! component.

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod cloudflare;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod durable;
#[cfg(target_family = "wasm")]
mod embedded;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod entry;

#[cfg(target_os = "wasi")]
mod spin;
