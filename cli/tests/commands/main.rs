//! The command as a process: what it prints, where, and the exit code.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod catalogue;
mod keys;
mod run;
mod tokens;

use run::Folder;

#[test]
fn wrong_usage_is_2() {
    let folder = Folder::new();
    folder.run(&["tokens"]).bad(2, &["tokens"]);
    assert_eq!(
        folder.run(&["--version"]).good(),
        format!("sluis {}\n", env!("CARGO_PKG_VERSION"))
    );
}
