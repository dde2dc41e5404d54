//! Keyed references: how a person or a holder appears in a record.
//!
//! A plain hash of a national number is found by trying them all; these are
//! HMACs under the log key (M-21.5). Each kind has its own domain, so that the
//! subject of one record never equals the holder of another.

use std::fmt;

use serde::{Serialize, Serializer};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::hash::{HASH_BYTES, HmacKey, base64url, from_base64url};

const SUBJECT_DOMAIN: &[u8] = b"sluis log subject v1\0";
const HOLDER_DOMAIN: &[u8] = b"sluis log holder v1\0";
const MANDATE_DOMAIN: &[u8] = b"sluis log mandate v1\0";
const KEY_ID_DOMAIN: &[u8] = b"sluis log key id v1\0";
/// Bytes of the key's identifier: enough to tell the epochs of a key apart.
const KEY_ID_BYTES: usize = 8;

/// The log key. It makes references; who holds it can look a person up, who
/// does not cannot.
pub struct ReferenceKey {
    key: HmacKey,
    id: ReferenceKeyId,
}

/// Why a text is no log key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the log key is not 32 bytes in base64url without padding")]
pub struct ReferenceKeyError;

impl fmt::Debug for ReferenceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReferenceKey(..)")
    }
}

/// How a mandate's holder is known to the institution.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HolderIdentity<'a> {
    /// By its enterprise number.
    EnterpriseNumber(&'a str),
    /// Only by a pseudonym that its verification system can resolve (M-15.4).
    Pseudonym {
        /// The verification system, whose pseudonyms are its own.
        issuer: &'a str,
        /// The pseudonym in the token.
        pseudonym: &'a str,
    },
}

impl ReferenceKey {
    /// Takes thirty-two secret bytes.
    pub fn new(key: [u8; HASH_BYTES]) -> Self {
        let key = HmacKey::new(&Zeroizing::new(key));
        let mut id = [0; KEY_ID_BYTES];
        let full = reference(&key, KEY_ID_DOMAIN, &[]);
        id.iter_mut().zip(full).for_each(|(to, from)| *to = from);
        let id = ReferenceKeyId(id);
        Self { key, id }
    }

    /// Takes thirty-two secret bytes in base64url without padding.
    pub fn from_base64url(text: &str) -> Result<Self, ReferenceKeyError> {
        let bytes = Zeroizing::new(from_base64url(text).ok_or(ReferenceKeyError)?);
        let key = <[u8; HASH_BYTES]>::try_from(bytes.as_slice()).map_err(|_| ReferenceKeyError)?;
        Ok(Self::new(key))
    }

    /// A public identifier of this key, so that a record tells which key its
    /// references are under, before and after a rotation.
    pub fn id(&self) -> ReferenceKeyId {
        self.id
    }

    /// The data subject, from the pairwise pseudonym in the token's `sub`.
    pub fn subject_ref(&self, subject: &str) -> SubjectRef {
        SubjectRef(self.reference(SUBJECT_DOMAIN, &[subject]))
    }

    /// The mandate holder, whichever way it is identified.
    pub fn holder_ref(&self, holder: HolderIdentity<'_>) -> HolderRef {
        match holder {
            HolderIdentity::EnterpriseNumber(number) => HolderRef {
                identification: "enterpriseNumber",
                reference: self.reference(HOLDER_DOMAIN, &["enterpriseNumber", number]),
            },
            HolderIdentity::Pseudonym { issuer, pseudonym } => HolderRef {
                identification: "pseudonym",
                reference: self.reference(HOLDER_DOMAIN, &["pseudonym", issuer, pseudonym]),
            },
        }
    }

    /// The mandate, whose identifier is its verification system's own.
    pub fn mandate_ref(&self, issuer: &str, mandate_id: &str) -> MandateRef {
        MandateRef(self.reference(MANDATE_DOMAIN, &[issuer, mandate_id]))
    }

    fn reference(&self, domain: &[u8], parts: &[&str]) -> [u8; HASH_BYTES] {
        reference(&self.key, domain, parts)
    }
}

/// HMAC over the domain and the parts, each behind its length, so that two
/// lists of parts never run together.
fn reference(key: &HmacKey, domain: &[u8], parts: &[&str]) -> [u8; HASH_BYTES] {
    let mut message = domain.to_vec();
    for part in parts {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part.as_bytes());
    }
    let message = Zeroizing::new(message);
    key.mac(&[&message])
}

macro_rules! reference {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; HASH_BYTES]);

        impl $name {
            /// As it stands in a record.
            pub(crate) fn text(&self) -> String {
                base64url(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text())
            }
        }
    };
}

reference! {
    /// A data subject in a record.
    SubjectRef
}
reference! {
    /// A mandate in a record.
    MandateRef
}

/// A mandate holder in a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HolderRef {
    pub(crate) identification: &'static str,
    pub(crate) reference: [u8; HASH_BYTES],
}

impl fmt::Debug for HolderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HolderRef(..)")
    }
}

/// Tells one log key from another, and says nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReferenceKeyId([u8; KEY_ID_BYTES]);

impl Serialize for ReferenceKeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64url(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_issuers_and_keys_are_kept_apart() {
        let key = ReferenceKey::new([1; 32]);
        let number = "0202239951";
        let plain = key.holder_ref(HolderIdentity::EnterpriseNumber(number));
        let pseudonym = key.holder_ref(HolderIdentity::Pseudonym {
            issuer: "https://a.example",
            pseudonym: number,
        });
        let other = key.holder_ref(HolderIdentity::Pseudonym {
            issuer: "https://b.example",
            pseudonym: number,
        });
        let all = [
            key.subject_ref(number).0,
            plain.reference,
            pseudonym.reference,
            other.reference,
            key.mandate_ref("https://a.example", number).0,
            key.mandate_ref("https://a.example0", "202239951").0,
            ReferenceKey::new([2; 32]).subject_ref(number).0,
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                assert_ne!(a, b);
            }
        }
        assert_eq!(key.subject_ref(number), key.subject_ref(number));
        assert_ne!(key.id(), ReferenceKey::new([2; 32]).id());
    }

    #[test]
    fn the_key_is_read_strictly_and_never_shown() {
        let text = base64url(&[7; 32]);
        let key = ReferenceKey::from_base64url(&text).unwrap();
        assert_eq!(
            key.subject_ref("x"),
            ReferenceKey::new([7; 32]).subject_ref("x")
        );
        assert_eq!(format!("{key:?}"), "ReferenceKey(..)");
        assert_eq!(format!("{:?}", key.subject_ref("x")), "SubjectRef(..)");
        for text in ["", "AA", &format!("{text}="), &text[..42]] {
            assert_eq!(
                ReferenceKey::from_base64url(text).unwrap_err(),
                ReferenceKeyError
            );
        }
    }
}
