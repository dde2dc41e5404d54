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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_come_is_as_long_ago_as_can_be() {
        assert_eq!(since(1_000, 1_250), 250);
        assert_eq!(since(1_000, 1_000), 0);
        assert_eq!(since(1_001, 1_000), u64::MAX);
    }

    #[test]
    fn a_limit_ends_on_time_and_when_the_clock_is_set_back() {
        assert!(within(Some(1_000), 250, 1_000));
        assert!(within(Some(1_000), 250, 1_249));
        assert!(!within(Some(1_000), 250, 1_250));
        assert!(!within(Some(1_000), 250, 999));
        assert!(!within(None, u64::MAX, 1_000));
    }
}
