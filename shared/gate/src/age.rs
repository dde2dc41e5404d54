//! How long ago something was, by a clock that may have been set back.

/// Time since `at_ms`. A time in the future is of a clock that was set back: as
/// old as can be.
pub(crate) fn since(at_ms: u64, now_ms: u64) -> u64 {
    now_ms.checked_sub(at_ms).unwrap_or(u64::MAX)
}

/// Whether it was less than `limit_ms` ago, if it was at all.
pub(crate) fn within(at_ms: Option<u64>, limit_ms: u64, now_ms: u64) -> bool {
    at_ms.is_some_and(|at| since(at, now_ms) < limit_ms)
}
