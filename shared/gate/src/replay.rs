//! What was used once and must not be used again: DPoP proofs (RFC 9449 §11.1;
//! profile §22) and single-use mandates (profile §25).
//!
//! A key is a SHA-256 that `sluis-token` computes over what names the thing, with
//! a context of its own for each kind: never over bytes that have a second
//! spelling (profile §13). The store learns nothing else.

use std::future::Future;

use sluis_token::UnixTime;

/// How long after its time a key stays in a store, in seconds: stores and gates
/// need not have one clock. The schemas under `shared/gate/sql` have it too.
pub const USED_KEY_MARGIN_SECONDS: u64 = 300;

/// A memory of used keys that all instances of a deployment share.
///
/// Strongly consistent and durable: of all that consume one key, at whatever
/// instance and time, exactly one is told [`Use::First`]. An implementation may
/// forget a key [`USED_KEY_MARGIN_SECONDS`] after its time, never before.
pub trait ReplayStore {
    /// Uses a key that nobody may use again until that time. Returns only once
    /// this survives a crash.
    fn consume(
        &self,
        key: &[u8; 32],
        until: UnixTime,
    ) -> impl Future<Output = Result<Use, ReplayError>>;
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It was not used before, and is used now.
    First,
    /// It was used before.
    Repeated,
}

/// Why nobody knows whether a key was used. All of them are our fault, and the
/// key may or may not be used up now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The store answered with an error or could not be reached.
    #[error("the store of used keys is unavailable")]
    Unavailable,
    /// The store did not answer in time.
    #[error("the store of used keys did not answer within {limit_ms} ms")]
    Timeout {
        /// The limit that passed.
        limit_ms: u32,
    },
    /// The store's answer is none.
    #[error("the store of used keys gave a malformed answer")]
    Malformed,
}

/// The relational stores: schema and statements, as data.
///
/// A use is one statement in every store, so that nothing can come between
/// looking and writing. Each use also clears away a few keys whose time is long
/// past: a bounded price, and the table is never larger than what was used lately.
pub mod sql {
    /// `SQLite`, 3.37 or later: a Durable Object's storage, or a file on one node.
    /// Statements are separated by empty lines, for drivers that take one at a time.
    pub mod sqlite {
        /// The table, and the trigger that clears away.
        pub const SCHEMA: &str = include_str!("../sql/used-sqlite.sql");
        /// The last thing that the schema makes.
        pub const IS_PREPARED: &str =
            "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = 'sluis_used_clear'";
        /// Uses a key. Parameters: `key`, `until`. One row if it was the first
        /// use, none if it was not.
        pub const CONSUME: &str = "INSERT INTO sluis_used (key, until) VALUES (?, ?) \
             ON CONFLICT (key) DO NOTHING RETURNING 1";
        /// Clears away what nobody clears away by using another key. Parameter: the
        /// time before which keys are no longer needed, margin included.
        pub const CLEAR: &str = "DELETE FROM sluis_used WHERE key IN \
             (SELECT key FROM sluis_used WHERE until < ? ORDER BY until LIMIT 1000)";
        /// The first time at which a key will be past its time, or null. Column: `until`.
        pub const NEXT: &str = "SELECT min(until) AS until FROM sluis_used";
    }

    /// `PostgreSQL`, 14 or later, for several nodes.
    pub mod postgres {
        /// The table, and the function to use a key. The operator applies it.
        pub const SCHEMA: &str = include_str!("../sql/used-postgres.sql");
        /// Uses a key. Parameters: `key` bytea, `until` bigint. Column: `first`, a boolean.
        pub const CONSUME: &str = "SELECT sluis.consume($1, $2) AS first";
    }
}
