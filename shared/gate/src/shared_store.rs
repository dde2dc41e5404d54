//! What the instances of a deployment leave for each other, in a small store
//! that nobody trusts.

/// Longest value that is put into a shared store or taken from one, in bytes.
pub const MAX_SHARED_VALUE_BYTES: usize = 128 * 1024;

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
    /// the store can. A failure is nobody's concern: the value is then absent.
    async fn put(&self, key: &str, value: &[u8], lifetime_seconds: u32);
}
