//! The logs on Cloudflare: the Durable Objects that keep them, and the way there;
//! their trusted heads and the keys of their payloads ([`checkpoints`], [`keys`]); and the objects that remember what was used
//! once ([`used`]).

mod checkpoints;
mod keys;
pub(crate) mod log;
mod object;
mod publisher;
mod rows;
mod tree;
mod used;
