//! JSON Web Keys and key sets (token profile §11–12; RFC 7517).

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::fields::{FieldError, Fields};
use crate::json::{Json, JsonError, Object};
use crate::public_key::{PublicKey, PublicKeyError};

/// Largest key set that is read.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;

/// Most keys of a set.
pub const MAX_JWKS_KEYS: usize = 32;

/// Longest base64url member of a key that is read: an RSA modulus of 8192 bits.
const MAX_NUMBER_CHARACTERS: usize = 1366;

const MAX_NAME_BYTES: usize = 64;

/// Members that only a private or a symmetric key has (RFC 7518 §6.2.2, §6.3.2,
/// §6.4.1; RFC 8037 §2).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

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
}

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

/// Why one key of a set is not used. The others are: a bad key must not silence
/// a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwkError {
    /// `use` or `key_ops` keep it from verifying (RFC 7517 §4.2–4.3).
    #[error("not for verifying")]
    NotForVerifying,
    /// A `kty` or `crv` that no algorithm of the profile uses.
    #[error("an unknown key type or curve")]
    UnsupportedKeyType,
    /// An `alg` that is not of the profile.
    #[error("an unknown algorithm")]
    UnsupportedAlgorithm,
    /// An `alg` that the key type does not fit.
    #[error("a key that {algorithm} cannot use")]
    AlgorithmMismatch {
        /// The algorithm of the key.
        algorithm: Algorithm,
    },
    /// The configuration pins another algorithm to the key.
    #[error("{algorithm}, but configuration says {pinned}")]
    PinMismatch {
        /// The algorithm that the key names.
        algorithm: Algorithm,
        /// The algorithm that configuration pins to it.
        pinned: Algorithm,
    },
    /// No `alg`, no pin and no default.
    #[error("no algorithm, and none configured")]
    NoAlgorithm,
    /// A member is missing or of a wrong type.
    #[error("{0}")]
    Member(FieldError),
    /// A member is not canonical base64url.
    #[error("{member} is not base64url")]
    Encoding {
        /// The member.
        member: &'static str,
    },
    /// The parameters are not those of a key, or of one too weak.
    #[error(transparent)]
    Parameters(#[from] PublicKeyError),
}

impl JwkError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotForVerifying => "keyNotForVerifying",
            Self::UnsupportedKeyType => "keyTypeUnsupported",
            Self::UnsupportedAlgorithm => "keyAlgorithmUnsupported",
            Self::AlgorithmMismatch { .. } => "keyAlgorithmMismatch",
            Self::PinMismatch { .. } => "keyPinMismatch",
            Self::NoAlgorithm => "keyAlgorithmNotPinned",
            Self::Member(_) => "keyMemberInvalid",
            Self::Encoding { .. } => "keyEncoding",
            Self::Parameters(error) => error.code(),
        }
    }
}

impl From<FieldError> for JwkError {
    fn from(error: FieldError) -> Self {
        Self::Member(error)
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

/// The kinds of keys that the algorithms use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Ed25519,
    P256,
    P384,
    Rsa,
}

impl Shape {
    const fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EdDsa => Self::Ed25519,
            Algorithm::Es256 => Self::P256,
            Algorithm::Es384 => Self::P384,
            Algorithm::Ps256 | Algorithm::Rs256 => Self::Rsa,
        }
    }
}

/// A public key with its id and its one algorithm.
#[derive(Clone)]
pub struct Jwk {
    key_id: KeyId,
    public_key: PublicKey,
    /// The required members in the order of RFC 7638 §3.
    canonical: Box<str>,
    thumbprint: [u8; 32],
}

impl Jwk {
    /// Reads a key that must be usable. Private members are not looked at.
    pub(crate) fn parse(object: &Object<'_>, rules: &KeyRules) -> Result<Self, JwkError> {
        let fields = Fields(object);
        check_use(fields)?;
        let key_id = KeyId::new(fields.text("kid", KeyId::MAX_BYTES)?);
        let shape = match (
            fields.text("kty", MAX_NAME_BYTES)?,
            fields.optional_text("crv", MAX_NAME_BYTES)?,
        ) {
            ("OKP", Some("Ed25519")) => Shape::Ed25519,
            ("EC", Some("P-256")) => Shape::P256,
            ("EC", Some("P-384")) => Shape::P384,
            ("RSA", None) => Shape::Rsa,
            _ => return Err(JwkError::UnsupportedKeyType),
        };
        let algorithm = algorithm(fields, &key_id, shape, rules)?;
        let member = |name| Member::read(fields, name);
        let (public_key, canonical) = match algorithm {
            Algorithm::EdDsa => {
                let x = member("x")?;
                (
                    PublicKey::ed25519(&x.bytes)?,
                    format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, x.text),
                )
            }
            Algorithm::Es256 => {
                let (x, y) = (member("x")?, member("y")?);
                (
                    PublicKey::p256(&x.bytes, &y.bytes)?,
                    canonical_ec("P-256", &x, &y),
                )
            }
            Algorithm::Es384 => {
                let (x, y) = (member("x")?, member("y")?);
                (
                    PublicKey::p384(&x.bytes, &y.bytes)?,
                    canonical_ec("P-384", &x, &y),
                )
            }
            Algorithm::Ps256 => {
                let (n, e) = (member("n")?, member("e")?);
                (PublicKey::ps256(&n.bytes, &e.bytes)?, canonical_rsa(&n, &e))
            }
            Algorithm::Rs256 => {
                let (n, e) = (member("n")?, member("e")?);
                (PublicKey::rs256(&n.bytes, &e.bytes)?, canonical_rsa(&n, &e))
            }
        };
        Ok(Self {
            key_id,
            public_key,
            thumbprint: Sha256::digest(canonical.as_bytes()).into(),
            canonical: canonical.into(),
        })
    }

    /// The key's id.
    pub const fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The one algorithm that the key is for.
    pub const fn algorithm(&self) -> Algorithm {
        self.public_key.algorithm()
    }

    /// SHA-256 thumbprint of the key (RFC 7638).
    pub const fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }

    /// The key itself.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The public members alone, without `kid`, `alg` and `use`, as WebCrypto's
    /// `importKey` takes them.
    pub fn to_jwk_json(&self) -> String {
        self.canonical.to_string()
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Jwk")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// A base64url member: as it stands, and decoded. Only one text decodes to the
/// same bytes, so the thumbprint may be taken of the text.
struct Member<'o> {
    text: &'o str,
    bytes: Vec<u8>,
}

impl<'o> Member<'o> {
    fn read(fields: Fields<'o, '_>, name: &'static str) -> Result<Self, JwkError> {
        let text = fields.text(name, MAX_NUMBER_CHARACTERS)?;
        let bytes = base64url::decode(text).map_err(|_| JwkError::Encoding { member: name })?;
        Ok(Self { text, bytes })
    }
}

fn canonical_ec(curve: &str, x: &Member<'_>, y: &Member<'_>) -> String {
    format!(
        r#"{{"crv":"{curve}","kty":"EC","x":"{}","y":"{}"}}"#,
        x.text, y.text
    )
}

fn canonical_rsa(n: &Member<'_>, e: &Member<'_>) -> String {
    format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, e.text, n.text)
}

fn check_use(fields: Fields<'_, '_>) -> Result<(), JwkError> {
    if fields
        .optional_text("use", MAX_NAME_BYTES)?
        .is_some_and(|name| name != "sig")
    {
        return Err(JwkError::NotForVerifying);
    }
    if fields.any("key_ops").is_some() {
        let operations = fields.set("key_ops", MAX_JWKS_KEYS, |name| Ok(name == "verify"));
        // `set` refuses two operations that are both not "verify"; neither is one
        // that we want beside it, since a key has one use (RFC 7517 §4.3).
        if operations.ok().as_deref() != Some(&[true]) {
            return Err(JwkError::NotForVerifying);
        }
    }
    Ok(())
}

fn algorithm(
    fields: Fields<'_, '_>,
    key_id: &KeyId,
    shape: Shape,
    rules: &KeyRules,
) -> Result<Algorithm, JwkError> {
    let pinned = rules.pins.get(key_id).copied();
    let algorithm = match (fields.optional_text("alg", MAX_NAME_BYTES)?, pinned) {
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
        (None, None) => rules
            .defaults
            .iter()
            .copied()
            .find(|algorithm| Shape::of(*algorithm) == shape)
            .ok_or(JwkError::NoAlgorithm)?,
    };
    if Shape::of(algorithm) == shape {
        Ok(algorithm)
    } else {
        Err(JwkError::AlgorithmMismatch { algorithm })
    }
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
                return Err(JwkSetError::Keys(FieldError::new(
                    "keys",
                    crate::fields::Fault::WrongType,
                )));
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
        self.keys.iter().find(|key| key.key_id == *key_id)
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
    let mut seen = std::collections::BTreeSet::new();
    for (index, object) in objects.iter().enumerate() {
        let is_symmetric =
            matches!(object.get("kty"), Some(Json::Text(kty)) if kty.eq_ignore_ascii_case("oct"));
        if is_symmetric
            || SECRET_MEMBERS
                .iter()
                .any(|member| object.get(member).is_some())
        {
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
