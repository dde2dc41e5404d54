//! JSON Web Key Sets (token profile §11; RFC 7517 §5).

use std::collections::BTreeSet;

use thiserror::Error;

use crate::fields::{Fault, FieldError, Fields};
use crate::json::{Json, JsonError, Object};
use crate::jwk::{Jwk, JwkError, is_secret};
use crate::key_rules::{KeyId, KeyRules};

/// Largest key set that is read.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;

/// Most keys of a set.
pub const MAX_JWKS_KEYS: usize = 32;

/// Why a whole key set is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwkSetError {
    /// Larger than [`MAX_JWKS_BYTES`].
    #[error("a key set of {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// More keys than [`MAX_JWKS_KEYS`].
    #[error("more than {limit} keys")]
    TooManyKeys {
        /// The most that are read.
        limit: usize,
    },
    /// Not JSON of the profile.
    #[error("key set: {0}")]
    Json(JsonError),
    /// `keys` is missing or no array of objects (RFC 7517 §5).
    #[error("key set: {0}")]
    Keys(FieldError),
    /// A private key was published: nothing that it signed can be believed.
    #[error("key {index} is private or symmetric")]
    SecretKey {
        /// Its place in the set, from 0.
        index: usize,
    },
    /// Two keys have one id (RFC 7517 §4.5), so which of them is meant is open.
    #[error("key {index} has the id of an earlier key")]
    DuplicateKeyId {
        /// The place of the second, from 0.
        index: usize,
    },
    /// No key of the set can verify a token.
    #[error("none of {keys} keys can be used")]
    NoUsableKey {
        /// How many keys there are.
        keys: usize,
    },
}

impl JwkSetError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "keySetTooLarge",
            Self::TooManyKeys { .. } => "keySetTooManyKeys",
            Self::Json(error) => error.code(),
            Self::Keys(_) => "keySetKeys",
            Self::SecretKey { .. } => "keySetSecretKey",
            Self::DuplicateKeyId { .. } => "keySetDuplicateKeyId",
            Self::NoUsableKey { .. } => "keySetNoUsableKey",
        }
    }
}

/// A key of a set that is not used, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IgnoredKey {
    /// Its place in the set, from 0.
    pub index: usize,
    /// Why it is not used.
    pub reason: JwkError,
}

/// The usable keys of an issuer.
#[derive(Debug, Clone)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    ignored: Vec<IgnoredKey>,
}

impl JwkSet {
    /// Reads a key set.
    ///
    /// A private or symmetric key, or a key id that occurs twice, refuses the whole
    /// set. A key that cannot be used for another reason is left out and listed in
    /// [`ignored`](Self::ignored): real sets hold encryption keys and algorithms
    /// that are none of ours.
    pub fn parse(json: &[u8], pins: &KeyRules) -> Result<Self, JwkSetError> {
        if json.len() > MAX_JWKS_BYTES {
            return Err(JwkSetError::TooLarge {
                bytes: json.len(),
                limit: MAX_JWKS_BYTES,
            });
        }
        let document = Object::parse(json).map_err(JwkSetError::Json)?;
        let elements = match document.get("keys") {
            Some(Json::Array(elements)) if elements.len() > MAX_JWKS_KEYS => {
                return Err(JwkSetError::TooManyKeys {
                    limit: MAX_JWKS_KEYS,
                });
            }
            _ => Fields(&document)
                .array("keys", MAX_JWKS_KEYS)
                .map_err(JwkSetError::Keys)?,
        };
        let mut objects = Vec::with_capacity(elements.len());
        for element in elements {
            let Json::Object(object) = element else {
                return Err(JwkSetError::Keys(FieldError::new("keys", Fault::WrongType)));
            };
            objects.push(object);
        }
        refuse_secrets_and_duplicates(&objects)?;

        let mut set = Self {
            keys: Vec::with_capacity(objects.len()),
            ignored: Vec::new(),
        };
        for (index, object) in objects.iter().enumerate() {
            match Jwk::parse(object, pins) {
                Ok(key) => set.keys.push(key),
                Err(reason) => set.ignored.push(IgnoredKey { index, reason }),
            }
        }
        if set.keys.is_empty() {
            return Err(JwkSetError::NoUsableKey {
                keys: objects.len(),
            });
        }
        Ok(set)
    }

    /// The key of that id.
    pub fn get(&self, key_id: &KeyId) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.key_id() == key_id)
    }

    /// Every usable key.
    pub fn iter(&self) -> impl Iterator<Item = &Jwk> {
        self.keys.iter()
    }

    /// The keys that are not used.
    pub fn ignored(&self) -> &[IgnoredKey] {
        &self.ignored
    }
}

fn refuse_secrets_and_duplicates(objects: &[&Object<'_>]) -> Result<(), JwkSetError> {
    let mut seen = BTreeSet::new();
    for (index, object) in objects.iter().enumerate() {
        if is_secret(object) {
            return Err(JwkSetError::SecretKey { index });
        }
        if let Some(Json::Text(key_id)) = object.get("kid")
            && !seen.insert(key_id.as_ref())
        {
            return Err(JwkSetError::DuplicateKeyId { index });
        }
    }
    Ok(())
}
