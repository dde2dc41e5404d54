//! The log on Cloudflare: the Durable Object that keeps it, and the way there;
//! and the objects that remember what was used once ([`used`]).

pub(crate) mod log;
mod object;
mod used;
