//! The log on Cloudflare: the Durable Object that keeps it, and the way there;
//! its trusted head ([`checkpoints`]); and the objects that remember what was used
//! once ([`used`]).

mod checkpoints;
pub(crate) mod log;
mod object;
mod publisher;
mod rows;
mod tree;
mod used;
