//! The gate on Cloudflare Workers.
//!
//! In scope: the way of a request into the gate and of its answer out
//! ([`worker`]), the platform the gate runs on ([`platform`]), the log in a
//! Durable Object ([`object`], [`durable_log`]). `worker` gives the bindings of
//! the platform; requests, signatures and answers cross over in fewer and
//! cheaper calls than it makes, each for a measured reason stated there.

pub(crate) mod durable_log;
pub(crate) mod instance;
pub(crate) mod js;
pub(crate) mod object;
pub(crate) mod platform;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod serve;
pub(crate) mod task;
pub(crate) mod verifier;
