//! The gate on Cloudflare Workers.
//!
//! In scope: the way of a request into the gate and of its answer out
//! ([`serve`]), and the platform that the gate runs on ([`platform`]). Out of
//! scope: the log, see [`crate::durable`].
//!
//! The `worker` crate gives the bindings of the platform. Requests, signatures
//! and answers cross over in fewer and cheaper calls than it makes, each for a
//! measured reason stated there.

pub(crate) mod hkdf;
pub(crate) mod instance;
pub(crate) mod js;
pub(crate) mod platform;
pub(crate) mod replay;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod serve;
pub(crate) mod shared;
pub(crate) mod signer;
pub(crate) mod task;
pub(crate) mod verifier;
