//! The `Sluis-Receipt` field of an answer, a Dictionary of RFC 9651 §3.2 in one spelling:
//!
//! ```text
//! log="gate.example/log", index=5, leaf=:<32 bytes>:, outcome="<UUID>", capability=:<32 bytes>:
//! ```

use std::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::chain::{MAX_ORIGIN_BYTES, Origin};
use crate::entry::LeafHash;
use crate::hash::{HASH_BYTES, HmacKey, base64, decimal, from_base64, hmac_sha256};
use crate::id::EntryId;

/// Longest field taken: an origin of which every character is escaped, and the rest.
pub const MAX_RECEIPT_FIELD_BYTES: usize = 2 * MAX_ORIGIN_BYTES + 256;
/// Largest number that such a field can hold (RFC 9651 §3.3.1).
const MAX_INDEX: u64 = 999_999_999_999_999;
const KEY_DOMAIN: &[u8] = b"sluis receipt key v1\0";
const CAPABILITY_DOMAIN: &[u8] = b"sluis receipt capability v1\0";
const ANSWER_DOMAIN: &[u8] = b"sluis receipt answer v1\0";

/// Makes and checks capabilities.
pub struct ReceiptKey(HmacKey);

impl fmt::Debug for ReceiptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiptKey(..)")
    }
}

/// What the holder alone has: an HMAC over the rest of its field.
#[derive(Clone, Copy)]
pub struct Capability([u8; HASH_BYTES]);

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capability(..)")
    }
}

impl Capability {
    /// A digest of an answer's body that says nothing to whoever has not the
    /// capability, not even to one who guesses the body.
    pub fn digest(&self, body: &[u8]) -> [u8; HASH_BYTES] {
        HmacKey::new(&self.0).mac(&[ANSWER_DOMAIN, body])
    }
}

/// Where the decision over a call stands, and the right to its receipt.
#[derive(Debug, Clone)]
pub struct ReceiptField {
    log: Origin,
    index: u64,
    leaf: LeafHash,
    outcome: EntryId,
    capability: Capability,
}

/// The text is no such field. Never says what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a Sluis-Receipt field as a validator writes it")]
pub struct ReceiptFieldError;

impl ReceiptKey {
    /// Derives it from the log key.
    pub fn derive(log_key: &[u8; HASH_BYTES]) -> Self {
        let key = Zeroizing::new(hmac_sha256(log_key, KEY_DOMAIN));
        Self(HmacKey::new(&key))
    }

    /// The field for a decision at that place, whose outcome will have that id.
    pub fn field(
        &self,
        log: &Origin,
        index: u64,
        leaf: LeafHash,
        outcome: EntryId,
    ) -> ReceiptField {
        ReceiptField {
            log: log.clone(),
            index,
            leaf,
            outcome,
            capability: Capability(self.mac(log, index, leaf, outcome)),
        }
    }

    /// Whether this key made the field. Nothing has to be looked up for it.
    pub fn made(&self, field: &ReceiptField) -> bool {
        let ReceiptField {
            log,
            index,
            leaf,
            outcome,
            capability,
        } = field;
        let expected = self.mac(log, *index, *leaf, *outcome);
        expected.ct_eq(&capability.0).into()
    }

    fn mac(&self, log: &Origin, index: u64, leaf: LeafHash, outcome: EntryId) -> [u8; HASH_BYTES] {
        // The origin is the one part of no fixed length, and stands last.
        self.0.mac(&[
            CAPABILITY_DOMAIN,
            &index.to_be_bytes(),
            &leaf.0,
            outcome.as_bytes(),
            log.as_str().as_bytes(),
        ])
    }
}

impl ReceiptField {
    /// Reads a field, to its last byte.
    pub fn parse(text: &str) -> Result<Self, ReceiptFieldError> {
        if text.len() > MAX_RECEIPT_FIELD_BYTES {
            return Err(ReceiptFieldError);
        }
        let field = Self::read(text).ok_or(ReceiptFieldError)?;
        // One spelling.
        if field.to_string() == text {
            Ok(field)
        } else {
            Err(ReceiptFieldError)
        }
    }

    fn read(text: &str) -> Option<Self> {
        // An origin holds no space.
        let (log, rest) = text.strip_prefix("log=\"")?.split_once("\", index=")?;
        let (index, rest) = rest.split_once(", leaf=:")?;
        let (leaf, rest) = rest.split_once(":, outcome=\"")?;
        let (outcome, rest) = rest.split_once("\", capability=:")?;
        let bytes = |text| <[u8; HASH_BYTES]>::try_from(from_base64(text)?).ok();
        Some(Self {
            log: Origin::parse(&unescaped(log)).ok()?,
            index: decimal(index).filter(|index| *index <= MAX_INDEX)?,
            leaf: LeafHash(bytes(leaf)?),
            outcome: EntryId::parse(outcome).ok()?,
            capability: Capability(bytes(rest.strip_suffix(':')?)?),
        })
    }

    /// The log that has the decision.
    pub const fn log(&self) -> &Origin {
        &self.log
    }

    /// Where it stands there.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// What stands there.
    pub const fn leaf(&self) -> LeafHash {
        self.leaf
    }

    /// The id of the outcome's entry.
    pub const fn outcome(&self) -> EntryId {
        self.outcome
    }

    /// What opens the receipt.
    pub const fn capability(&self) -> &Capability {
        &self.capability
    }
}

/// RFC 9651 §3.3.3: a backslash before a quote and before itself.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => out.extend(characters.next()),
            other => out.push(other),
        }
    }
    out
}

/// The field's value.
impl fmt::Display for ReceiptField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("log=\"")?;
        for part in self.log.as_str().split_inclusive(['"', '\\']) {
            match part.strip_suffix(['"', '\\']) {
                None => f.write_str(part)?,
                Some(before) => {
                    let escaped = part.get(before.len()..).unwrap_or_default();
                    write!(f, "{before}\\{escaped}")?;
                }
            }
        }
        write!(
            f,
            "\", index={}, leaf=:{}:, outcome=\"{}\", capability=:{}:",
            self.index,
            base64(&self.leaf.0),
            self.outcome,
            base64(&self.capability.0)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(origin: &str) -> (ReceiptKey, ReceiptField) {
        let key = ReceiptKey::derive(&[7; 32]);
        let log = Origin::parse(origin).unwrap();
        let outcome = EntryId::from_random([3; 16]);
        let field = key.field(&log, 5, LeafHash([9; 32]), outcome);
        (key, field)
    }

    #[test]
    fn a_field_is_read_as_it_was_written() {
        for origin in ["gate.example/log", r#"a"b\c", index=5"#] {
            let Ok(_) = Origin::parse(origin) else {
                continue;
            };
            let (key, field) = field(origin);
            let read = ReceiptField::parse(&field.to_string()).unwrap();
            assert!(key.made(&read));
            assert_eq!(read.to_string(), field.to_string());
        }
        let (key, quoted) = field(r#"gate"\.example"#);
        let text = quoted.to_string();
        assert!(
            text.starts_with(r#"log="gate\"\\.example", index=5, "#),
            "{text}"
        );
        assert!(key.made(&ReceiptField::parse(&text).unwrap()));
        assert!(!ReceiptKey::derive(&[8; 32]).made(&quoted));
        let shown = format!("{quoted:?}");
        assert!(shown.contains("Capability(..)"), "{shown}");
    }

    #[test]
    fn no_changed_character_of_a_field_is_taken() {
        let (key, field) = field("gate.example/log");
        let text = field.to_string();
        for place in 0..text.len() {
            for other in ['0', 'A', 'b', '"', ' '] {
                let mut changed: Vec<char> = text.chars().collect();
                if changed[place] == other {
                    continue;
                }
                changed[place] = other;
                let changed: String = changed.into_iter().collect();
                let taken = ReceiptField::parse(&changed).is_ok_and(|field| key.made(&field));
                assert!(!taken, "{changed}");
            }
            assert!(ReceiptField::parse(&text[..place]).is_err());
        }
        for other in [
            format!("{text} "),
            format!(" {text}"),
            format!("{text}, x=1"),
            text.replace("index=5", "index=05"),
            text.replace("index=5", "index=1000000000000000"),
            text.replace(", leaf", ",leaf"),
            format!("{text}{}", "x".repeat(MAX_RECEIPT_FIELD_BYTES)),
        ] {
            assert!(ReceiptField::parse(&other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_digest_is_of_the_holder_and_the_body() {
        let (_, one) = field("gate.example/log");
        let (_, two) = field("gate.example/log2");
        let digest = one.capability().digest(b"body");
        assert_eq!(digest, one.capability().digest(b"body"));
        assert_ne!(digest, one.capability().digest(b"other"));
        assert_ne!(digest, two.capability().digest(b"body"));
    }
}
