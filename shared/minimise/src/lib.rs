//! Minimisation of an answer: only the fields of an allow-list pass (profile §35,
//! M-6.2).
//!
//! ```
//! use sluis_minimise::{AllowList, minimise};
//!
//! let allowed = AllowList::new(["pension.amount", "status"])?;
//! let answer = br#"{"pension":[{"amount":1e3,"bank":"x"}],"status":"ok","ssin":"y"}"#;
//! let minimised = minimise(answer, &allowed)?;
//! assert_eq!(minimised.document(), r#"{"pension":[{"amount":1e3}],"status":"ok"}"#);
//! assert_eq!(minimised.dropped(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In scope: what a list can say ([`AllowList`]), and a strict reader of JSON that
//! passes on what is listed, byte for byte, and nothing else ([`minimise()`]).
//! Out of scope: which list is whose (the catalogue's), the answer around the
//! document (the gate's), and the precision of a value: a field that the catalogue
//! gives as a class or as a year and month is passed as it is.
//!
//! The strict reader of `sluis-token` is not used here: it builds a tree, in which
//! a number is no longer what was written. What passes here is copied from the
//! source; what is read of it is its structure alone.

mod allow_list;
mod error;
mod filter;
mod names;
mod scanner;

pub use allow_list::{
    AllowList, ListError, MAX_LIST_BYTES, MAX_PATH_MEMBERS, MAX_PATHS, PATH_SEPARATOR,
};
pub use error::MinimiseError;
pub use filter::{MAX_DEPTH, MAX_DOCUMENT_BYTES, Minimised, minimise};
pub use names::MAX_MEMBERS;
