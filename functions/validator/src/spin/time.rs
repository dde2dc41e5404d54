//! The clock, and a limit on every call that may hang.

use std::future::Future;
use std::pin::pin;

use futures::future::{Either, select};
use spin_sdk::wasip3::clocks::{monotonic_clock, system_clock};

/// Milliseconds since the Unix epoch; 0 for a clock that stands before it.
pub(super) fn now_ms() -> u64 {
    let now = system_clock::now();
    let seconds = u64::try_from(now.seconds).unwrap_or_default();
    seconds
        .saturating_mul(1_000)
        .saturating_add(u64::from(now.nanoseconds / 1_000_000))
}

/// Milliseconds of a clock that only goes forward, from whenever.
pub(super) fn passed_ms() -> u64 {
    monotonic_clock::now() / 1_000_000
}

/// Waits.
pub(super) async fn sleep(milliseconds: u32) {
    monotonic_clock::wait_for(u64::from(milliseconds).saturating_mul(1_000_000)).await;
}

/// What `work` gives, or `None` once the limit has passed: the work is then
/// dropped, which cancels the host's call.
pub(super) async fn within<T>(milliseconds: u32, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(sleep(milliseconds))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}
