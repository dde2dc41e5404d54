//! What the instances of a deployment leave for each other, in a small store
//! that nobody trusts.

/// Longest value that is put into a shared store or taken from one, in bytes.
pub const MAX_SHARED_VALUE_BYTES: usize = 128 * 1024;

/// Longest that a value is waited for which may as well be absent, in milliseconds.
pub const SHARED_PUT_MS: u32 = 500;
/// Longest that the mark of a purge is waited for: without it no other instance
/// learns of the purge.
pub const MARK_PUT_MS: u32 = 5_000;

/// A store that all instances of a deployment reach: Workers KV, Spin's
/// key-value store, or memory. It may forget, be late, or lie.
#[expect(
    async_fn_in_trait,
    reason = "single-threaded runtimes: no caller needs a Send bound"
)]
pub trait SharedStore {
    /// The value under a key, if the store has one and says so in time.
    async fn get(&self, key: &str) -> Option<Vec<u8>>;

    /// Puts a value under a key, to be forgotten after `lifetime_seconds` where
    /// the store can. Ends within `limit_ms`. `Ok` only if the store said that
    /// it has the value.
    async fn put(
        &self,
        key: &str,
        value: &[u8],
        lifetime_seconds: u32,
        limit_ms: u32,
    ) -> Result<(), NotShared>;
}

/// A value of which nobody knows that the other instances can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotShared {
    /// The deployment has no shared store.
    #[error("there is no shared store")]
    NoStore,
    /// Larger than [`MAX_SHARED_VALUE_BYTES`].
    #[error("a value of {bytes} bytes for the shared store, more than {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most that is put there.
        limit: usize,
    },
    /// The store refused it, or could not be reached.
    #[error("the shared store did not take a value")]
    Refused,
    /// The store did not answer; the value may come to stand there later.
    #[error("the shared store did not answer within {limit_ms} ms")]
    Timeout {
        /// The limit that passed.
        limit_ms: u32,
    },
}
