//! How far a long reading of a log has come: a bar, where a person looks at a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error; nothing at all where that is no terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn of(entries: u64) -> Self {
        let bar = ProgressBar::new(entries);
        let style = "{wide_bar} {pos} of {len} entries, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(crate) fn at(&self, entries: u64) {
        self.0.set_position(entries);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
