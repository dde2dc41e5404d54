//! The wall clock, which a test can set ahead: `--clock-file FILE` names a file with a number of
//! milliseconds, read at every look at the clock; an absent one means none. Sleeps go by another
//! clock and take as long as ever.

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

    /// How far it is ahead of this machine's.
    fn ahead(&self) -> Duration {
        let text = self
            .0
            .as_ref()
            .and_then(|file| std::fs::read_to_string(file.as_path()).ok());
        let milliseconds = text.and_then(|text| text.trim().parse().ok());
        Duration::from_millis(milliseconds.unwrap_or_default())
    }
}

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Duration {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default() + self.ahead()
    }
}
