//! The server's nonce of DPoP (RFC 9449 §9; profile §22): a proof made in advance,
//! or by somebody who had the client's key for a moment, is of no use later.
//!
//! Nothing is stored. A nonce is an HMAC over the number of the time step, so
//! every instance of a deployment gives the same one and knows it. The nonce of
//! this step and of the step before are good: one that was just given out is good for
//! at least [`NONCE_STEP_SECONDS`], and none for longer than twice that.
//!
//! The key is derived from `SLUIS_LOG_KEY` under a name of its own. Whoever has it
//! can make nonces, and those alone open nothing: the proof is still to be signed.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sluis_log::hmac_sha256;
use sluis_token::UnixTime;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Length of a time step, in seconds.
pub const NONCE_STEP_SECONDS: u64 = 150;

const KEY_DOMAIN: &[u8] = b"sluis dpop nonce key v1\0";
const NONCE_DOMAIN: &[u8] = b"sluis dpop nonce v1\0";
/// Bytes of a nonce: a guess succeeds once in 2^128.
const NONCE_BYTES: usize = 16;

/// The key that makes the nonces.
pub(crate) struct NonceKey(Zeroizing<[u8; 32]>);

/// How long a nonce of ours is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Of this step.
    Current,
    /// Of the step before: near its end.
    Ending,
}

impl NonceKey {
    /// Derives the key from a secret of this deployment.
    pub(crate) fn derive(secret: &[u8; 32]) -> Self {
        Self(Zeroizing::new(hmac_sha256(secret, KEY_DOMAIN)))
    }

    /// The nonce to give out now.
    pub(crate) fn current(&self, now: UnixTime) -> String {
        self.of_step(step(now))
    }

    /// Whether a nonce is ours and good, and for how long.
    pub(crate) fn check(&self, nonce: &str, now: UnixTime) -> Option<Freshness> {
        let step = step(now);
        let is_of = |step| bool::from(nonce.as_bytes().ct_eq(self.of_step(step).as_bytes()));
        if is_of(step) {
            return Some(Freshness::Current);
        }
        let before = step.checked_sub(1)?;
        is_of(before).then_some(Freshness::Ending)
    }

    fn of_step(&self, step: u64) -> String {
        let message = [NONCE_DOMAIN, &step.to_be_bytes()].concat();
        let tag = hmac_sha256(&self.0, &message);
        let (nonce, _) = tag.split_at(NONCE_BYTES);
        Base64UrlUnpadded::encode_string(nonce)
    }
}

impl std::fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NonceKey(redacted)")
    }
}

fn step(now: UnixTime) -> u64 {
    now.as_seconds() / NONCE_STEP_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds).unwrap()
    }

    #[test]
    fn a_nonce_is_good_for_its_step_and_the_next() {
        let key = NonceKey::derive(&[2; 32]);
        let start = 1_790_000_000 / NONCE_STEP_SECONDS * NONCE_STEP_SECONDS;
        let nonce = key.current(at(start + NONCE_STEP_SECONDS - 1));
        let check = |seconds| key.check(&nonce, at(seconds));
        assert_eq!(check(start), Some(Freshness::Current));
        assert_eq!(check(start + NONCE_STEP_SECONDS), Some(Freshness::Ending));
        assert_eq!(
            check(start + 2 * NONCE_STEP_SECONDS - 1),
            Some(Freshness::Ending)
        );
        assert_eq!(check(start + 2 * NONCE_STEP_SECONDS), None);
        assert_eq!(check(start - 1), None);
    }

    #[test]
    fn nobody_elses_nonce_is_ours() {
        let (ours, theirs) = (NonceKey::derive(&[2; 32]), NonceKey::derive(&[3; 32]));
        let now = at(1_790_000_000);
        let nonce = ours.current(now);
        assert_eq!(nonce.len(), 22);
        assert_eq!(theirs.check(&nonce, now), None);
        for other in [
            "",
            "A",
            &nonce[1..],
            &format!("{nonce}A"),
            &nonce.to_lowercase(),
        ] {
            assert_eq!(ours.check(other, now), None, "{other}");
        }
        assert_eq!(ours.check(&nonce, at(0)), None);
    }
}
