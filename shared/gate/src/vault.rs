//! Seals for what stands in the shared store: key sets and the marks of a purge.
//!
//! An instance that starts takes over what another one fetched, instead of
//! asking the issuer again. The store is no authority: a value is sealed with
//! an HMAC under a key derived from `SLUIS_LOG_KEY`, over its kind, what it is
//! of (an issuer and the URL of its keys, say), its time and its content. One
//! that was altered, belongs elsewhere or is too old counts as absent, and so
//! does a store that does not answer. What comes out is parsed like what comes
//! from the issuer.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use sluis_log::hmac_sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::shared_store::{MAX_SHARED_VALUE_BYTES, NotShared, SharedStore};

/// How far the clocks of two instances may be apart, in milliseconds. A value
/// from further in the future counts as absent.
pub const MAX_CLOCK_DIFFERENCE_MS: u64 = 5_000;

const KEY_DOMAIN: &[u8] = b"sluis shared store key v1\0";
const VALUE_DOMAIN: &[u8] = b"sluis shared store value v1\0";
const TAG_BYTES: usize = 32;
const TIME_BYTES: usize = 8;

/// What a value is of: its kind, and the parts that name the thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label<'a> {
    pub(crate) kind: &'static str,
    pub(crate) parts: [&'a str; 2],
}

/// What is to be sealed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sealable<'a> {
    /// Its time, milliseconds since the epoch.
    pub(crate) at_ms: u64,
    pub(crate) content: &'a [u8],
    /// How long it is of use to anybody.
    pub(crate) lifetime_ms: u64,
}

/// A value whose seal held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// When it was sealed (a key set: fetched), milliseconds since the epoch.
    pub(crate) at_ms: u64,
    pub(crate) content: Vec<u8>,
}

/// The key that seals values, and whose values they are.
pub(crate) struct Vault {
    key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(redacted)")
    }
}

impl Vault {
    /// Derives the sealing key from a secret of this deployment alone. Not the
    /// pseudonym key: verification systems hold that one too.
    pub(crate) fn derive(secret: &[u8]) -> Self {
        let secret = Zeroizing::new(Sha256::digest(secret).into());
        Self {
            key: Zeroizing::new(hmac_sha256(&secret, KEY_DOMAIN)),
        }
    }

    /// The value under a label, if there is one whose seal holds and that is at
    /// most `max_age_ms` old.
    pub(crate) async fn get<S: SharedStore>(
        &self,
        store: &S,
        label: Label<'_>,
        now_ms: u64,
        max_age_ms: u64,
    ) -> Option<Opened> {
        let value = store.get(&label.name()).await?;
        let opened = self.open(label, &value)?;
        let too_old = now_ms.saturating_sub(opened.at_ms) > max_age_ms;
        let too_new = opened.at_ms > now_ms.saturating_add(MAX_CLOCK_DIFFERENCE_MS);
        (!too_old && !too_new).then_some(opened)
    }

    /// Seals a value and puts it under its label, within `limit_ms`.
    pub(crate) async fn put<S: SharedStore>(
        &self,
        store: &S,
        label: Label<'_>,
        value: Sealable<'_>,
        limit_ms: u32,
    ) -> Result<(), NotShared> {
        let sealed = self.seal(label, value.at_ms, value.content);
        if sealed.len() > MAX_SHARED_VALUE_BYTES {
            return Err(NotShared::TooLarge {
                bytes: sealed.len(),
                limit: MAX_SHARED_VALUE_BYTES,
            });
        }
        let seconds = u32::try_from(value.lifetime_ms.div_ceil(1000)).unwrap_or(u32::MAX);
        store.put(&label.name(), &sealed, seconds, limit_ms).await
    }

    /// `tag ‖ time ‖ content`.
    fn seal(&self, label: Label<'_>, at_ms: u64, content: &[u8]) -> Vec<u8> {
        let time = at_ms.to_be_bytes();
        let mut value = self.tag(label, time, content).to_vec();
        value.extend_from_slice(&time);
        value.extend_from_slice(content);
        value
    }

    fn open(&self, label: Label<'_>, value: &[u8]) -> Option<Opened> {
        if value.len() > MAX_SHARED_VALUE_BYTES {
            return None;
        }
        let (tag, rest) = value.split_first_chunk::<TAG_BYTES>()?;
        let (time, content) = rest.split_first_chunk::<TIME_BYTES>()?;
        let expected = self.tag(label, *time, content);
        bool::from(expected.ct_eq(tag)).then(|| Opened {
            at_ms: u64::from_be_bytes(*time),
            content: content.to_vec(),
        })
    }

    fn tag(&self, label: Label<'_>, time: [u8; TIME_BYTES], content: &[u8]) -> [u8; TAG_BYTES] {
        let mut message = VALUE_DOMAIN.to_vec();
        label.feed(|bytes| message.extend_from_slice(bytes));
        message.extend_from_slice(&time);
        message.extend_from_slice(content);
        hmac_sha256(&self.key, &message)
    }
}

impl Label<'_> {
    /// The key in the store: short, plain, and without the issuer's name in it.
    pub(crate) fn name(self) -> String {
        let mut hasher = Sha256::new();
        self.feed(|bytes| hasher.update(bytes));
        let digest: [u8; 32] = hasher.finalize().into();
        let mut name = format!("sluis.v1.{}.", self.kind);
        for byte in digest {
            let _ = write!(name, "{byte:02x}");
        }
        name
    }

    /// Each text behind its length, so that two lists never run together.
    fn feed(self, mut to: impl FnMut(&[u8])) {
        for text in [self.kind].into_iter().chain(self.parts) {
            to(&(text.len() as u64).to_be_bytes());
            to(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: Label<'_> = Label {
        kind: "keys",
        parts: ["https://issuer.invalid", "https://issuer.invalid/jwks"],
    };

    #[test]
    fn a_value_opens_under_its_own_label_and_key_only() {
        let vault = Vault::derive(b"secret");
        let value = vault.seal(LABEL, 7, b"content");
        let opened = vault.open(LABEL, &value).unwrap();
        assert_eq!((opened.at_ms, &*opened.content), (7, &b"content"[..]));
        for other in [
            Label {
                kind: "purge",
                ..LABEL
            },
            Label {
                parts: ["https://issuer.invalid", "https://other.invalid/jwks"],
                ..LABEL
            },
            // The same bytes, cut elsewhere.
            Label {
                parts: ["https://issuer.invalidh", "ttps://issuer.invalid/jwks"],
                ..LABEL
            },
        ] {
            assert_eq!(vault.open(other, &value), None);
            assert_ne!(other.name(), LABEL.name());
        }
        assert_eq!(Vault::derive(b"other").open(LABEL, &value), None);
    }

    #[test]
    fn a_value_that_is_too_old_or_from_the_future_counts_as_absent() {
        let vault = Vault::derive(b"secret");
        let store = crate::memory::MemorySharedStore::default();
        let is_there = |at_ms: u64, now_ms: u64| {
            pollster::block_on(async {
                let value = Sealable {
                    at_ms,
                    content: b"content",
                    lifetime_ms: 1000,
                };
                vault.put(&store, LABEL, value, 1).await.unwrap();
                vault.get(&store, LABEL, now_ms, 1000).await.is_some()
            })
        };
        assert!(is_there(5_000, 6_000));
        assert!(!is_there(5_000, 6_001));
        assert!(is_there(5_000 + MAX_CLOCK_DIFFERENCE_MS, 5_000));
        assert!(!is_there(5_001 + MAX_CLOCK_DIFFERENCE_MS, 5_000));
    }

    #[test]
    fn no_bit_of_a_value_can_be_changed() {
        let vault = Vault::derive(b"secret");
        let value = vault.seal(LABEL, 7, b"content");
        for bit in 0..value.len() * 8 {
            let mut changed = value.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(vault.open(LABEL, &changed), None, "bit {bit}");
        }
        for length in 0..value.len() {
            assert_eq!(vault.open(LABEL, &value[..length]), None);
        }
    }
}
