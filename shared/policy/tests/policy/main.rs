//! The policy from outside: rules, catalogue, and a second decider.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod catalogue;
mod mistakes;
mod reference;
mod rules;
mod shadow;
mod support;
