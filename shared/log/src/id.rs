//! The identifier of an entry: a UUID that is also the key of idempotency.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::hash::hex_digits;

/// Length of the identifier in bytes.
pub const ENTRY_ID_BYTES: usize = 16;
/// Length of its text form, RFC 9562 §4.
const TEXT_BYTES: usize = 36;
/// Where the hyphens stand in the text form.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
/// Where the two digits of each byte do.
const PLACES: [usize; ENTRY_ID_BYTES] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// Identifies one entry, wherever it is written, sent or retried.
///
/// It is chosen by the writer, at random, before the first attempt to append:
/// an append that is repeated with the same identifier and the same entry
/// gives the receipt of the first one, so a lost answer costs nothing. It is
/// also the `id` of the `CloudEvent`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId([u8; ENTRY_ID_BYTES]);

/// Why a text or a byte string is not an [`EntryId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EntryIdError {
    /// The text is not a lower-case hyphenated UUID.
    #[error("not a UUID in lower-case hyphenated form")]
    NotAUuid,
    /// The bytes are not sixteen.
    #[error("an entry id has 16 bytes, not {0}")]
    Length(usize),
    /// The UUID is not a random one (RFC 9562 §5.4).
    #[error("not a version 4 UUID")]
    NotRandom,
}

impl EntryId {
    /// Makes a version 4 UUID of sixteen random bytes (RFC 9562 §5.4).
    pub const fn from_random(mut random: [u8; ENTRY_ID_BYTES]) -> Self {
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut random;
        *version = (*version & 0x0f) | 0x40;
        *variant = (*variant & 0x3f) | 0x80;
        Self(random)
    }

    /// Takes the bytes a store returned. Any UUID is taken, so that a damaged
    /// row can be read and named by the verification; see
    /// [`EntryId::is_random`].
    pub fn from_stored(bytes: &[u8]) -> Result<Self, EntryIdError> {
        <[u8; ENTRY_ID_BYTES]>::try_from(bytes)
            .map(Self)
            .map_err(|_| EntryIdError::Length(bytes.len()))
    }

    /// Reads the lower-case hyphenated form.
    pub fn parse(text: &str) -> Result<Self, EntryIdError> {
        if text.len() != TEXT_BYTES {
            return Err(EntryIdError::NotAUuid);
        }
        let mut bytes = [0; ENTRY_ID_BYTES];
        let mut digits = 0_usize;
        for (position, character) in text.bytes().enumerate() {
            if HYPHENS.contains(&position) {
                if character != b'-' {
                    return Err(EntryIdError::NotAUuid);
                }
                continue;
            }
            let digit = match character {
                b'0'..=b'9' => character - b'0',
                b'a'..=b'f' => character - b'a' + 10,
                _ => return Err(EntryIdError::NotAUuid),
            };
            let byte = bytes.get_mut(digits / 2).ok_or(EntryIdError::NotAUuid)?;
            *byte = (*byte << 4) | digit;
            digits += 1;
        }
        Ok(Self(bytes))
    }

    /// Whether this is a version 4 UUID, as every written id is.
    pub const fn is_random(&self) -> bool {
        let [_, _, _, _, _, _, version, _, variant, ..] = self.0;
        version & 0xf0 == 0x40 && variant & 0xc0 == 0x80
    }

    /// The lower-case hyphenated form, in ASCII.
    pub(crate) fn text(&self) -> [u8; TEXT_BYTES] {
        let mut text = [b'-'; TEXT_BYTES];
        for (place, byte) in PLACES.into_iter().zip(self.0) {
            let to = text.get_mut(place..).and_then(<[u8]>::first_chunk_mut);
            if let Some(to) = to {
                *to = hex_digits(byte);
            }
        }
        text
    }

    /// The sixteen bytes.
    pub const fn as_bytes(&self) -> &[u8; ENTRY_ID_BYTES] {
        &self.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // INVARIANT: digits and hyphens are ASCII.
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryId({self})")
    }
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // INVARIANT: digits and hyphens are ASCII.
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_become_a_version_4_uuid() {
        let id = EntryId::from_random([0xff; 16]);
        assert_eq!(id.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert!(id.is_random());
        assert_eq!(EntryId::parse(&id.to_string()), Ok(id));
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        for text in [
            "",
            "FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF",
            "ffffffff0ffff-4fff-bfff-ffffffffffff",
            "ffffffff-ffff-4fff-bfff-fffffffffff",
            "ffffffff-ffff-4fff-bfff-fffffffffff-",
            "{fffffff-ffff-4fff-bfff-ffffffffffff",
            "ffffffff-ffff-4fff-bfff-fffffffff\u{e9}f",
        ] {
            assert_eq!(EntryId::parse(text), Err(EntryIdError::NotAUuid), "{text}");
        }
    }

    #[test]
    fn a_stored_id_of_another_length_is_refused() {
        assert_eq!(
            EntryId::from_stored(&[0; 15]),
            Err(EntryIdError::Length(15))
        );
        let nil = EntryId::from_stored(&[0; 16]).unwrap();
        assert!(!nil.is_random());
    }
}
