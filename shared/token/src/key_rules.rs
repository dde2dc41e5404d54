//! Which key is meant, and for which algorithm (token profile §9–10).

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::jwk::JwkError;

/// A key's identifier, unique among the keys of an issuer; a map key and nothing
/// else (token profile §9).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Box<str>);

impl KeyId {
    /// Longest key id.
    pub const MAX_BYTES: usize = 128;

    /// A key id of 1 to [`MAX_BYTES`](Self::MAX_BYTES) bytes.
    pub fn parse(text: &str) -> Option<Self> {
        (1..=Self::MAX_BYTES)
            .contains(&text.len())
            .then(|| Self::new(text))
    }

    /// For a text whose length was checked.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The key id, as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyId({:?})", self.0)
    }
}

/// Why rules for keys contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyRulesError {
    /// Two algorithms for one key id. One key, one algorithm.
    #[error("key {key_id:?} is pinned twice")]
    PinnedTwice {
        /// The key id.
        key_id: KeyId,
    },
    /// Two defaults that fit the same keys.
    #[error("{first} and {second} fit the same keys; only one can be the default")]
    AmbiguousDefault {
        /// One of them.
        first: Algorithm,
        /// The other.
        second: Algorithm,
    },
}

/// The algorithm of keys, by configuration (token profile §10; RFC 8725 §3.1).
///
/// A pin binds a key id to an algorithm. A key without `alg` and without a pin takes
/// the default that fits it; without one, the key is not used. The header of a
/// token never decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRules {
    pins: BTreeMap<KeyId, Algorithm>,
    defaults: Vec<Algorithm>,
}

impl KeyRules {
    /// Rules of `pins`, and of `defaults` for the keys that have no `alg`.
    pub fn new(
        pins: impl IntoIterator<Item = (KeyId, Algorithm)>,
        defaults: impl IntoIterator<Item = Algorithm>,
    ) -> Result<Self, KeyRulesError> {
        let mut rules = Self::default();
        for (key_id, algorithm) in pins {
            if rules.pins.insert(key_id.clone(), algorithm).is_some() {
                return Err(KeyRulesError::PinnedTwice { key_id });
            }
        }
        for second in defaults {
            let shape = Shape::of(second);
            if let Some(first) = rules
                .defaults
                .iter()
                .find(|first| Shape::of(**first) == shape)
            {
                return Err(KeyRulesError::AmbiguousDefault {
                    first: *first,
                    second,
                });
            }
            rules.defaults.push(second);
        }
        Ok(rules)
    }

    /// The algorithm of a key that names `named` or none.
    pub(crate) fn algorithm(
        &self,
        key_id: &KeyId,
        named: Option<&str>,
        shape: Shape,
    ) -> Result<Algorithm, JwkError> {
        let pinned = self.pins.get(key_id).copied();
        let algorithm = match (named, pinned) {
            (Some(name), pinned) => {
                let algorithm = Algorithm::parse(name).ok_or(JwkError::UnsupportedAlgorithm)?;
                match pinned {
                    Some(pinned) if pinned != algorithm => {
                        return Err(JwkError::PinMismatch { algorithm, pinned });
                    }
                    Some(_) | None => algorithm,
                }
            }
            (None, Some(pinned)) => pinned,
            (None, None) => self
                .defaults
                .iter()
                .copied()
                .find(|algorithm| Shape::of(*algorithm) == shape)
                .ok_or(JwkError::NoAlgorithm)?,
        };
        shape.check(algorithm)
    }
}

/// The kinds of keys that the algorithms use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Ed25519,
    P256,
    P384,
    Rsa,
}

impl Shape {
    /// `algorithm`, if keys of this kind can be used for it.
    pub(crate) fn check(self, algorithm: Algorithm) -> Result<Algorithm, JwkError> {
        if Self::of(algorithm) == self {
            Ok(algorithm)
        } else {
            Err(JwkError::AlgorithmMismatch { algorithm })
        }
    }

    pub(crate) const fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EdDsa => Self::Ed25519,
            Algorithm::Es256 => Self::P256,
            Algorithm::Es384 => Self::P384,
            Algorithm::Ps256 | Algorithm::Rs256 => Self::Rsa,
        }
    }
}
