//! What the end-to-end tests and `cargo xtask dev` are driven with.
//!
//! In scope: starting and killing a runtime with the built functions in it, and the parties around it: an HTTP client that can
//! send what no polite client sends, a backend that remembers what it saw, a server of key sets, an implementation of the log's formats that is not ours.
//! Out of scope: any rule of the validator itself; it is only ever seen from the outside, over HTTP.

pub mod backend;
pub mod client;
pub mod comparing;
pub mod corpus;
pub mod issuer;
pub mod outsider;
pub mod postgres;
pub mod runtime;
pub mod runtimes;
pub mod sluis;
pub mod spin;
pub mod sqlite;
pub mod wire;
pub mod workerd;
pub mod world;
