//! The wall clock, which a test can set ahead, or back: `--clock-file FILE` names a file with a
//! number of milliseconds, below 0 for back, read at every look at the clock; an absent one means
//! none. Sleeps go by another clock and take as long as ever.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::HostWallClock;

/// The clock of one instance.
#[derive(Clone, Default)]
pub(crate) struct WallClock(Option<Arc<PathBuf>>);

impl WallClock {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self(file.map(Arc::new))
    }

    /// By how many milliseconds it is ahead of this machine's.
    fn ahead_ms(&self) -> i64 {
        let text = self
            .0
            .as_ref()
            .and_then(|file| std::fs::read_to_string(file.as_path()).ok());
        let milliseconds = text.and_then(|text| text.trim().parse().ok());
        milliseconds.unwrap_or_default()
    }
}

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Duration {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let (since, ahead_ms) = (since.unwrap_or_default(), self.ahead_ms());
        let by = Duration::from_millis(ahead_ms.unsigned_abs());
        if ahead_ms < 0 {
            since.saturating_sub(by)
        } else {
            since + by
        }
    }
}
