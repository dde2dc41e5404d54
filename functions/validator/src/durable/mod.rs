//! The logs on Cloudflare: the Durable Objects that keep them, and the way there;
//! their trusted heads ([`checkpoints`]); and the objects that remember what was used
//! once ([`used`]).

mod checkpoints;
pub(crate) mod log;
mod object;
mod publisher;
mod rows;
mod tree;
mod used;
