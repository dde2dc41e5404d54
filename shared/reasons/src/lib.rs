//! The reason codes: what each means and what to do about it, in Dutch, French,
//! German and English.
//!
//! In scope: the table ([`Table`]), which is `reasons.toml` as it was when this
//! was built, looking a code up, and the document that is made of it
//! ([`markdown`]). Out of scope: when which code is given. That is the program's;
//! `tests/codes.rs` reads its source, and the tests of `sluis-gate` its answers,
//! so that the table says neither more nor less than the program does.

mod error;
mod language;
mod markdown;
mod raw;
mod suggest;
mod table;

pub use error::ReasonsError;
pub use language::{Language, UnknownLanguage};
pub use markdown::markdown;
pub use table::{Explanation, LogEntry, Reason, Stage, Table, Wording};
