//! The shared store: the key-value store `default`.
//!
//! It cannot forget by itself, so values stay until they are overwritten: one
//! key set an issuer, which is marked with its time and too old soon.

use sluis_gate::{NotShared, SharedStore};
use spin_sdk::key_value::Store;

use super::time::within;

/// A value must be here by then; asking the issuer takes about as long.
const TIMEOUT_MS: u32 = 500;

/// The store. A component that is not granted one has an empty one.
pub(super) struct KeyValueStore;

impl SharedStore for KeyValueStore {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let read = async {
            let store = Store::open_default().await.ok()?;
            store.get(key).await.ok()?
        };
        within(TIMEOUT_MS, read).await?
    }

    async fn put(
        &self,
        key: &str,
        value: &[u8],
        _lifetime_seconds: u32,
        limit_ms: u32,
    ) -> Result<(), NotShared> {
        let write = async {
            let store = Store::open_default().await;
            let store = store.map_err(|_| NotShared::NoStore)?;
            let written = store.set(key, value).await;
            written.map_err(|_| NotShared::Refused)
        };
        let written = within(limit_ms, write).await;
        written.unwrap_or(Err(NotShared::Timeout { limit_ms }))
    }
}
