//! Keyed references: how a person or a holder appears in a record.
//!
//! A plain hash of a national number is found by trying them all; these are
//! HMACs under the log key (M-21.5). Each kind has its own domain, so that the
//! subject of one record never equals the holder of another.
//!
//! The key is one of an [`Epoch`], a calendar month: who is given the key of a month,
//! or links references by what else is known of them, follows nobody into the next.
//! Who has the log key makes the key of any month.

use std::fmt;

use serde::{Serialize, Serializer};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::hash::{HASH_BYTES, HmacKey, base64url, from_base64url};
use crate::time::UnixMillis;

const SUBJECT_DOMAIN: &[u8] = b"sluis log subject v1\0";
const HOLDER_DOMAIN: &[u8] = b"sluis log holder v1\0";
const MANDATE_DOMAIN: &[u8] = b"sluis log mandate v1\0";
const KEY_ID_DOMAIN: &[u8] = b"sluis log key id v1\0";
const EPOCH_DOMAIN: &[u8] = b"sluis log epoch v1\0";
/// Bytes of a key's identifier: enough to tell the epochs of a log key apart.
const KEY_ID_BYTES: usize = 8;

/// The log key, from which the keys of the epochs come; who holds it can look a
/// person up, who does not cannot.
#[derive(Clone)]
pub struct ReferenceKey(HmacKey);

/// How long references of one thing are the same: a calendar month of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    year: u64,
    month: u64,
}

impl Epoch {
    /// The epoch of an event.
    pub fn of(at: UnixMillis) -> Self {
        let (year, month, _) = at.date();
        Self { year, month }
    }
}

/// `2026-01`.
impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// What makes the references of one epoch.
pub struct EpochKey {
    key: HmacKey,
    id: ReferenceKeyId,
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey(..)")
    }
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
        Self(HmacKey::new(&Zeroizing::new(key)))
    }

    /// Takes thirty-two secret bytes in base64url without padding.
    pub fn from_base64url(text: &str) -> Result<Self, ReferenceKeyError> {
        let bytes = Zeroizing::new(from_base64url(text).ok_or(ReferenceKeyError)?);
        let key = <[u8; HASH_BYTES]>::try_from(bytes.as_slice()).map_err(|_| ReferenceKeyError)?;
        Ok(Self::new(key))
    }

    /// The key of an epoch.
    pub fn epoch(&self, epoch: Epoch) -> EpochKey {
        let name = epoch.to_string();
        let key = Zeroizing::new(self.0.mac(&[EPOCH_DOMAIN, name.as_bytes()]));
        let key = HmacKey::new(&key);
        let mut id = [0; KEY_ID_BYTES];
        let full = reference(&key, KEY_ID_DOMAIN, &[]);
        id.iter_mut().zip(full).for_each(|(to, from)| *to = from);
        let id = ReferenceKeyId(id);
        EpochKey { key, id }
    }
}

impl EpochKey {
    /// A public identifier of this key, so that a record tells which key its
    /// references are under, before and after a rotation or the end of a month.
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

/// Tells the key of one epoch from another's, and says nothing about it.
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

    /// The key of the month of that day since 1970.
    fn month(key: &ReferenceKey, day: u64) -> EpochKey {
        key.epoch(Epoch::of(UnixMillis::new(day * 86_400_000).unwrap()))
    }

    #[test]
    fn an_epoch_is_a_month_of_utc() {
        let at = |millis| Epoch::of(UnixMillis::new(millis).unwrap());
        // 2026-02-01T00:00:00Z.
        let february = 1_769_904_000_000;
        assert_eq!(at(february).to_string(), "2026-02");
        assert_eq!(at(february - 1).to_string(), "2026-01");
        assert!(at(february - 1) < at(february));
        assert_eq!(at(february), at(february + 27 * 86_400_000));
    }

    #[test]
    fn kinds_issuers_and_keys_are_kept_apart() {
        let key = month(&ReferenceKey::new([1; 32]), 0);
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
            month(&ReferenceKey::new([2; 32]), 0).subject_ref(number).0,
            month(&ReferenceKey::new([1; 32]), 31).subject_ref(number).0,
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                assert_ne!(a, b);
            }
        }
        assert_eq!(key.subject_ref(number), key.subject_ref(number));
        for other in [
            month(&ReferenceKey::new([2; 32]), 0),
            month(&ReferenceKey::new([1; 32]), 31),
        ] {
            assert_ne!(key.id(), other.id());
        }
    }

    #[test]
    fn the_key_is_read_strictly_and_never_shown() {
        let text = base64url(&[7; 32]);
        let key = ReferenceKey::from_base64url(&text).unwrap();
        assert_eq!(format!("{key:?}"), "ReferenceKey(..)");
        let key = month(&key, 0);
        assert_eq!(
            key.subject_ref("x"),
            month(&ReferenceKey::new([7; 32]), 0).subject_ref("x")
        );
        assert_eq!(format!("{key:?}"), "EpochKey(..)");
        assert_eq!(format!("{:?}", key.subject_ref("x")), "SubjectRef(..)");
        for text in ["", "AA", &format!("{text}="), &text[..42]] {
            assert_eq!(
                ReferenceKey::from_base64url(text).unwrap_err(),
                ReferenceKeyError
            );
        }
    }
}
