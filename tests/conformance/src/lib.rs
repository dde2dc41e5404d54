//! The attack corpus: what it says, how its cases are built, and how a validator of the token profile is judged by them.
//!
//! The cases are data, in `tests/vectors/attack-corpus/`; each names the section of the profile that stops it, and the
//! answer and reason code that must come of it.
//!
//! | piece | what it does |
//! |---|---|
//! | [`case`], [`corpus`] | the data |
//! | [`settings`], [`keys`] | what is known of a target |
//! | [`token`], `forge` (with [`arithmetic`]), [`request`] | build, the same from the same keys, time and seed |
//! | [`target`], [`memory`], [`http`] | what a case is sent to: the library, a server, or whatever implements [`target::Target`] |
//! | [`run`] | sends and compares |
//! | [`report`] | for a terminal, as JSON, as JUnit XML |
//!
//! Out of scope: a clock (`now` is the target's), and whatever starts servers.

pub mod arithmetic;
pub mod case;
pub mod corpus;
pub mod error;
mod forge;
pub mod http;
pub mod json_edit;
pub mod keys;
pub mod memory;
mod proof;
pub mod random;
pub mod report;
pub mod request;
pub mod run;
pub mod settings;
mod status_list;
pub mod target;
pub mod template;
pub mod token;
