//! JSON Web Keys (token profile §12; RFC 7517).

use std::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::fields::{FieldError, Fields};
use crate::json::{Json, Object};
use crate::key_rules::{KeyId, KeyRules, Shape};
use crate::public_key::{PublicKey, PublicKeyError};

/// Longest base64url member of a key that is read: an RSA modulus of 8192 bits.
const MAX_NUMBER_CHARACTERS: usize = 1366;

const MAX_NAME_BYTES: usize = 64;

const MAX_KEY_OPERATIONS: usize = 8;

/// Members that only a private or a symmetric key has (RFC 7518 §6.2.2, §6.3.2,
/// §6.4.1; RFC 8037 §2).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why one key of a set is not used. The others are: a bad key must not silence
/// a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwkError {
    /// `use` or `key_ops` are for something else (RFC 7517 §4.2–4.3).
    #[error("not for signatures")]
    NotForSignatures,
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
            Self::NotForSignatures => "keyNotForSignatures",
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
    /// Reads a key that verifies.
    pub(crate) fn parse(object: &Object<'_>, rules: &KeyRules) -> Result<Self, JwkError> {
        check_use(Fields(object), "verify")?;
        Self::parse_named(object, rules)
    }

    /// Reads the public part of a key that signs. Private members are not looked at.
    pub(crate) fn parse_signing(object: &Object<'_>) -> Result<Self, JwkError> {
        check_use(Fields(object), "sign")?;
        Self::parse_named(object, &KeyRules::default())
    }

    /// Reads the key that a DPoP proof brings to verify that very proof, whose header
    /// names `algorithm` (RFC 9449 §4.2). Its id is its thumbprint: a `kid` is not
    /// looked at. The caller has refused private members.
    pub(crate) fn parse_embedded(
        object: &Object<'_>,
        algorithm: Algorithm,
    ) -> Result<Self, JwkError> {
        check_use(Fields(object), "verify")?;
        let (public_key, canonical) =
            parse_public(object, |named, shape| match named.map(Algorithm::parse) {
                Some(None) => Err(JwkError::UnsupportedAlgorithm),
                Some(Some(own)) if own != algorithm => {
                    Err(JwkError::AlgorithmMismatch { algorithm: own })
                }
                Some(Some(_)) | None => shape.check(algorithm),
            })?;
        Ok(Self::new(None, public_key, canonical))
    }

    fn parse_named(object: &Object<'_>, rules: &KeyRules) -> Result<Self, JwkError> {
        let key_id = KeyId::new(Fields(object).text("kid", KeyId::MAX_BYTES)?);
        let (public_key, canonical) = parse_public(object, |named, shape| {
            rules.algorithm(&key_id, named, shape)
        })?;
        Ok(Self::new(Some(key_id), public_key, canonical))
    }

    fn new(key_id: Option<KeyId>, public_key: PublicKey, canonical: String) -> Self {
        let thumbprint: [u8; 32] = Sha256::digest(canonical.as_bytes()).into();
        Self {
            key_id: key_id.unwrap_or_else(|| KeyId::new(&base64url::encode(&thumbprint))),
            public_key,
            canonical: canonical.into(),
            thumbprint,
        }
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

    /// The public members alone, without `kid`, `alg` and `use`, as the
    /// `importKey` of Web Cryptography takes them.
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

/// Whether a key has a member that only private and symmetric keys have, or is one.
pub(crate) fn is_secret(object: &Object<'_>) -> bool {
    matches!(object.get("kty"), Some(Json::Text(kty)) if kty.eq_ignore_ascii_case("oct"))
        || SECRET_MEMBERS
            .iter()
            .any(|member| object.get(member).is_some())
}

/// The key, and its required members in the order of RFC 7638 §3. `algorithm_of`
/// says what the key is for, by its `alg` and its kind.
fn parse_public(
    object: &Object<'_>,
    algorithm_of: impl Fn(Option<&str>, Shape) -> Result<Algorithm, JwkError>,
) -> Result<(PublicKey, String), JwkError> {
    let fields = Fields(object);
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
    let named = fields.optional_text("alg", MAX_NAME_BYTES)?;
    let member = |name| Member::read(fields, name);
    let read = match algorithm_of(named, shape)? {
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
    Ok(read)
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

fn check_use(fields: Fields<'_, '_>, operation: &str) -> Result<(), JwkError> {
    if fields
        .optional_text("use", MAX_NAME_BYTES)?
        .is_some_and(|name| name != "sig")
    {
        return Err(JwkError::NotForSignatures);
    }
    if fields.any("key_ops").is_some() {
        let operations = fields.set("key_ops", MAX_KEY_OPERATIONS, |name| Ok(name == operation));
        // No other operation beside it: a key has one use (RFC 7517 §4.3).
        if operations.ok().as_deref() != Some(&[true]) {
            return Err(JwkError::NotForSignatures);
        }
    }
    Ok(())
}
