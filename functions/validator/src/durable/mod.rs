//! The log on Cloudflare: the Durable Object that keeps it, and the way there.

pub(crate) mod log;
mod object;
