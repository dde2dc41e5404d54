//! The pairwise pseudonym of a data subject (token profile §17, M-21.5).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::base64url;
use crate::ssin::Ssin;

/// Shortest key that a pseudonym is derived under: the length of the hash
/// (RFC 2104 §3). An SSIN has few values, so the key alone protects it.
pub const MIN_PSEUDONYM_KEY_BYTES: usize = 32;

const PSEUDONYM_BYTES: usize = 32;

/// Keeps pseudonyms apart from every other use of the key.
const DOMAIN: &[u8] = b"sluis subject v1\0";

/// Why no pseudonym could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PseudonymError {
    /// A key shorter than [`MIN_PSEUDONYM_KEY_BYTES`].
    #[error("a pseudonym key of {bytes} bytes, fewer than {minimum}")]
    KeyTooShort {
        /// Length of the key.
        bytes: usize,
        /// The fewest that are accepted.
        minimum: usize,
    },
    /// A text that is not the canonical base64url of 32 bytes.
    #[error("not the base64url encoding of 32 bytes")]
    Form,
}

/// The institution's key for pseudonyms, its two first blocks hashed already:
/// every request derives one. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct PseudonymKey(Hmac<Sha256>);

impl PseudonymKey {
    /// Takes a key of [`MIN_PSEUDONYM_KEY_BYTES`] or more.
    pub fn new(key: &[u8]) -> Result<Self, PseudonymError> {
        let too_short = PseudonymError::KeyTooShort {
            bytes: key.len(),
            minimum: MIN_PSEUDONYM_KEY_BYTES,
        };
        if key.len() < MIN_PSEUDONYM_KEY_BYTES {
            return Err(too_short);
        }
        // HMAC takes a key of any length; the error of the interface never comes.
        let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| too_short)?;
        Ok(Self(mac))
    }

    /// The pseudonym of `ssin`.
    pub fn pseudonym(&self, ssin: &Ssin) -> SubjectPseudonym {
        let mut mac = self.0.clone();
        mac.update(DOMAIN);
        mac.update(ssin.as_str().as_bytes());
        SubjectPseudonym(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PseudonymKey([redacted])")
    }
}

/// HMAC-SHA-256 of an SSIN under the institution's key.
///
/// Equality takes the same time wherever the first difference stands. `Debug`
/// does not print it.
#[derive(Clone, Copy)]
pub struct SubjectPseudonym([u8; PSEUDONYM_BYTES]);

impl SubjectPseudonym {
    /// The pseudonym of `ssin` for the institution that holds `key`.
    pub fn derive(key: &[u8], ssin: &Ssin) -> Result<Self, PseudonymError> {
        Ok(PseudonymKey::new(key)?.pseudonym(ssin))
    }

    /// Reads the `sub` of a token: 43 characters.
    pub fn parse(text: &str) -> Result<Self, PseudonymError> {
        base64url::decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(PseudonymError::Form)
    }

    /// The 43 characters that stand in a token.
    pub fn to_base64url(&self) -> String {
        base64url::encode(&self.0)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for SubjectPseudonym {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SubjectPseudonym {}

impl fmt::Debug for SubjectPseudonym {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SubjectPseudonym([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssin(text: &str) -> Ssin {
        Ssin::parse(text).unwrap()
    }

    #[test]
    fn depends_on_key_and_ssin() {
        let (key, other_key) = ([7; 32], [8; 32]);
        let pseudonym = SubjectPseudonym::derive(&key, &ssin("53480200724")).unwrap();
        assert_eq!(
            pseudonym,
            SubjectPseudonym::derive(&key, &ssin("53480200724")).unwrap()
        );
        assert_ne!(
            pseudonym,
            SubjectPseudonym::derive(&key, &ssin("53400003597")).unwrap()
        );
        assert_ne!(
            pseudonym,
            SubjectPseudonym::derive(&other_key, &ssin("53480200724")).unwrap()
        );
    }

    /// RFC 2104 by hand, so that a change of domain or order does not go unseen.
    #[test]
    fn is_the_documented_hmac() {
        use sha2::Digest;
        let mut inner = Sha256::new();
        inner.update([7 ^ 0x36; 32]);
        inner.update([0x36; 32]);
        inner.update(b"sluis subject v1\x0053480200724");
        let mut outer = Sha256::new();
        outer.update([7 ^ 0x5c; 32]);
        outer.update([0x5c; 32]);
        outer.update(inner.finalize());
        let pseudonym = SubjectPseudonym::derive(&[7; 32], &ssin("53480200724")).unwrap();
        assert_eq!(pseudonym.as_bytes().as_slice(), outer.finalize().as_slice());
    }

    #[test]
    fn text_form_is_canonical() {
        let pseudonym = SubjectPseudonym::derive(&[7; 32], &ssin("53480200724")).unwrap();
        let text = pseudonym.to_base64url();
        assert_eq!(text.len(), 43);
        assert_eq!(SubjectPseudonym::parse(&text), Ok(pseudonym));
        for bad in [
            "",
            "53480200724",
            &text[..42],
            &format!("{text}A"),
            &format!("{text}="),
        ] {
            assert_eq!(
                SubjectPseudonym::parse(bad),
                Err(PseudonymError::Form),
                "{bad}"
            );
        }
        // 43 characters carry 258 bits: the last two must be zero.
        assert!(SubjectPseudonym::parse(&format!("{}B", "A".repeat(42))).is_err());
    }

    #[test]
    fn short_keys_are_refused() {
        assert_eq!(
            SubjectPseudonym::derive(&[7; 31], &ssin("53480200724")),
            Err(PseudonymError::KeyTooShort {
                bytes: 31,
                minimum: 32
            })
        );
    }

    #[test]
    fn debug_is_redacted() {
        let pseudonym = SubjectPseudonym::derive(&[7; 32], &ssin("53480200724")).unwrap();
        assert_eq!(format!("{pseudonym:?}"), "SubjectPseudonym([redacted])");
    }
}
