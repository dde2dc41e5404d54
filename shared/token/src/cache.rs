//! Tokens seen before, so that their signatures are not verified again.
//!
//! Only the signature is spared. [`CachedToken::recheck`] asks again everything that
//! can have changed: the time, the issuer's keys and rules, the audience.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::sync::Arc;

use crate::authentic::{AuthenticityError, resolve};
use crate::bearer::AccessToken;
use crate::issuer::IssuerKeys;
use crate::key_rules::KeyId;
use crate::time::UnixTime;
use crate::verified::VerifiedAccessToken;
use crate::verify::{VerifyError, check_acceptable};

/// Capacity for a function at the edge: at most 8 KiB a token, some 2 MiB in practice.
pub const DEFAULT_CACHE_CAPACITY: usize = 1024;

/// Verified tokens by their whole text.
///
/// The whole text, since any shorter key would let one token stand for another. Two
/// generations: a token goes into the young one; when that is full it becomes the
/// old one and the old one is dropped, so an insertion costs the same whatever the
/// cache holds, and a token that is used stays. A token whose signature did not hold
/// is never in it, so rubbish cannot push good tokens out.
pub struct VerifiedTokenCache {
    capacity_of_generation: usize,
    young: Generation,
    old: Generation,
}

type Generation = HashMap<Arc<str>, VerifiedAccessToken, BySignature>;

/// How much of a token's end is hashed to find it: bytes of its signature, of which no two
/// tokens have the same.
const HASHED_BYTES: usize = 32;

/// Hashes the end of a token, not all of it; the whole text is compared then.
#[derive(Default, Clone)]
struct BySignature(RandomState);

impl BuildHasher for BySignature {
    type Hasher = EndHasher;

    fn build_hasher(&self) -> EndHasher {
        EndHasher(self.0.build_hasher())
    }
}

struct EndHasher(DefaultHasher);

impl Hasher for EndHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(
            bytes
                .last_chunk::<HASHED_BYTES>()
                .map_or(bytes, <[u8; _]>::as_slice),
        );
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

impl VerifiedTokenCache {
    /// A cache of at most `capacity` tokens, and of none when `capacity` is less than 2.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity_of_generation: capacity / 2,
            young: Generation::default(),
            old: Generation::default(),
        }
    }

    /// The token, if its signature was verified before. It must be rechecked.
    pub fn get(&mut self, token: &AccessToken) -> Option<CachedToken> {
        let text = token.as_str();
        if let Some(verified) = self.young.get(text) {
            return Some(CachedToken(verified.clone()));
        }
        let (text, verified) = self.old.remove_entry(text)?;
        self.put(text, verified.clone());
        Some(CachedToken(verified))
    }

    /// Keeps a verified token. `verified` must come from that very `token`; else it
    /// is not kept, or one token would get the claims of another.
    pub fn insert(&mut self, token: &AccessToken, verified: VerifiedAccessToken) {
        if *verified.verified().token == *token.as_str() {
            self.old.remove(token.as_str());
            self.put(token.shared(), verified);
        }
    }

    /// Forgets a token, for example one whose recheck failed.
    pub fn remove(&mut self, token: &AccessToken) {
        self.young.remove(token.as_str());
        self.old.remove(token.as_str());
    }

    /// Forgets every token of an issuer, for example because its keys are no
    /// longer trusted.
    pub fn remove_issuer(&mut self, issuer: &str) {
        self.young.retain(|_, token| token.issuer() != issuer);
        self.old.retain(|_, token| token.issuer() != issuer);
    }

    /// How many tokens are kept.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether no token is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn put(&mut self, token: Arc<str>, verified: VerifiedAccessToken) {
        if self.capacity_of_generation == 0 {
            return;
        }
        if self.young.len() >= self.capacity_of_generation && !self.young.contains_key(&token) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, verified);
    }
}

impl fmt::Debug for VerifiedTokenCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VerifiedTokenCache")
            .field("tokens", &self.len())
            .finish_non_exhaustive()
    }
}

/// A token whose signature was verified before. Of it only what
/// looks up its key can be seen.
pub struct CachedToken(VerifiedAccessToken);

impl CachedToken {
    /// The issuer.
    pub fn issuer(&self) -> &str {
        self.0.issuer()
    }

    /// The key that verified it.
    pub fn key_id(&self) -> &KeyId {
        self.0.key_id()
    }

    /// That key's thumbprint (RFC 7638).
    pub fn key_thumbprint(&self) -> [u8; 32] {
        self.0.key_thumbprint()
    }

    /// Checks everything again but the signature itself: that the key that verified it
    /// is still in the issuer's set and still for that algorithm, that the algorithm is
    /// still allowed, and time, lifetime and audience.
    pub fn recheck(
        self,
        keys: &IssuerKeys,
        audience: &str,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, VerifyError> {
        let verified = self.0.verified();
        let not_authentic = |error| Err(VerifyError::NotAuthentic(error));
        if *verified.issuer != *keys.rules().issuer() {
            return not_authentic(AuthenticityError::IssuerMismatch);
        }
        let key = resolve(keys, verified.algorithm, &verified.key_id)?;
        if key.thumbprint() != verified.key_thumbprint {
            return not_authentic(AuthenticityError::KeyReplaced);
        }
        check_acceptable(&verified.claims, keys.rules(), audience, now)
            .map_err(VerifyError::Unacceptable)?;
        Ok(self.0)
    }
}

impl fmt::Debug for CachedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CachedToken")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else a token would not be found again, or one would stand for another.
    #[test]
    fn tokens_with_one_end_have_one_hash_and_stay_two() {
        let end = "s".repeat(HASHED_BYTES - 1);
        let hasher = BySignature::default();
        let hash = |text: String| hasher.hash_one(Arc::<str>::from(text));
        assert_eq!(hash(format!("a.{end}s")), hash(format!("b.{end}s")));
        assert_ne!(hash(format!("a.{end}s")), hash(format!("a.{end}t")));
        assert_ne!(hash("a".to_owned()), hash("b".to_owned()));
        let mut texts: HashMap<Arc<str>, u8, BySignature> = HashMap::default();
        texts.insert(format!("a.{end}s").into(), 1);
        assert_eq!(texts.get(format!("b.{end}s").as_str()), None);
        assert_eq!(texts.get(format!("a.{end}s").as_str()), Some(&1));
    }
}
