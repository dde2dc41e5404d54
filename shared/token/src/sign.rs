//! Signing: for the assertion that the validator gives a backend, for the
//! simulation, the command line and tests. Nothing here is used to verify.

mod proof;
mod status;

use std::fmt;

use getrandom::SysRng;
use jwt_compact::{AlgorithmExt as _, Claims, Header};
use rsa::rand_core::UnwrapErr;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BoxedUint, RsaPrivateKey, pkcs1v15, pss};
use serde::Serialize;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::fields::Fields;
use crate::jose;
use crate::json::{JsonError, Object};
use crate::jwk::{Jwk, JwkError};
use crate::key_rules::KeyId;
use crate::public_key::MIN_RSA_BITS;

pub use proof::ProofClaims;
pub use status::StatusListClaims;

/// Longest private JWK that is read: RSA of 4096 bits takes some 3 KiB.
pub const MAX_PRIVATE_JWK_BYTES: usize = 8 * 1024;

const MAX_NUMBER_CHARACTERS: usize = 1024;

/// Why a key cannot be had, or nothing signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignError {
    /// No random bytes from the platform.
    #[error("the platform gives no random bytes")]
    NoRandomness,
    /// A private JWK above [`MAX_PRIVATE_JWK_BYTES`].
    #[error("a private key of {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// A private JWK that is not JSON of the profile.
    #[error("private key: {0}")]
    Json(JsonError),
    /// The public part of a private JWK.
    #[error("private key: {0}")]
    PublicPart(JwkError),
    /// A private member is missing or is no private key.
    #[error("private key: {member} is missing or wrong")]
    PrivatePart {
        /// The member.
        member: &'static str,
    },
    /// The private and the public part belong to different keys.
    #[error("private key: its public part is of another key")]
    PartsDiffer,
    /// No key was found.
    #[error("no {algorithm} key could be made")]
    Generation {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// The claims are not a JSON object.
    #[error("the claims are not a JSON object")]
    Claims,
    /// The signature could not be made.
    #[error("{algorithm} could not sign")]
    Signing {
        /// The algorithm.
        algorithm: Algorithm,
    },
}

impl SignError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRandomness => "noRandomness",
            Self::TooLarge { .. } => "privateKeyTooLarge",
            Self::Json(error) => error.code(),
            Self::PublicPart(error) => error.code(),
            Self::PrivatePart { .. } => "privateKeyMember",
            Self::PartsDiffer => "privateKeyPartsDiffer",
            Self::Generation { .. } => "keyGeneration",
            Self::Claims => "claimsNotObject",
            Self::Signing { .. } => "signing",
        }
    }
}

enum Secret {
    EdDsa(Box<ed25519_dalek::SigningKey>),
    Es256(Box<p256::ecdsa::SigningKey>),
    Es384(Box<p384::ecdsa::SigningKey>),
    Ps256(Box<pss::SigningKey<Sha256>>),
    Rs256(Box<pkcs1v15::SigningKey<Sha256>>),
}

/// A private key with its id and its one algorithm.
///
/// `Debug` does not print it, and it is wiped when dropped.
pub struct SigningKey {
    secret: Secret,
    public: Jwk,
}

impl SigningKey {
    /// A new key; RSA keys have 2048 bits. Its id is its thumbprint (RFC 7638).
    pub fn generate(algorithm: Algorithm) -> Result<Self, SignError> {
        let secret = match algorithm {
            Algorithm::EdDsa => {
                let seed = random::<32>()?;
                Secret::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
            }
            Algorithm::Es256 => Secret::Es256(Box::new(retry(algorithm, || {
                Ok(p256::ecdsa::SigningKey::from_slice(random::<32>()?.as_slice()).ok())
            })?)),
            Algorithm::Es384 => Secret::Es384(Box::new(retry(algorithm, || {
                Ok(p384::ecdsa::SigningKey::from_slice(random::<48>()?.as_slice()).ok())
            })?)),
            Algorithm::Ps256 => Secret::Ps256(Box::new(pss::SigningKey::new(rsa(algorithm)?))),
            Algorithm::Rs256 => Secret::Rs256(Box::new(pkcs1v15::SigningKey::new(rsa(algorithm)?))),
        };
        Self::of_secret(secret, None)
    }

    /// The same key under another id.
    pub fn with_key_id(self, key_id: &KeyId) -> Result<Self, SignError> {
        Self::of_secret(self.secret, Some(key_id))
    }

    /// Reads a private JWK with `kid` and `alg`; an RSA key needs its two primes.
    pub fn from_jwk_json(json: &str) -> Result<Self, SignError> {
        if json.len() > MAX_PRIVATE_JWK_BYTES {
            return Err(SignError::TooLarge {
                bytes: json.len(),
                limit: MAX_PRIVATE_JWK_BYTES,
            });
        }
        let object = Object::parse(json.as_bytes()).map_err(SignError::Json)?;
        let public = Jwk::parse_signing(&object).map_err(SignError::PublicPart)?;
        let fields = Fields(&object);
        let d = private_member(fields, "d")?;
        let wrong_d = SignError::PrivatePart { member: "d" };
        let rsa = || {
            let number = |name| private_member(fields, name).and_then(|bytes| unsigned(&bytes));
            RsaPrivateKey::from_components(
                number("n")?,
                number("e")?,
                unsigned(&d)?,
                vec![number("p")?, number("q")?],
            )
            .map_err(|_| wrong_d)
        };
        let secret = match public.algorithm() {
            Algorithm::EdDsa => {
                let seed = d.as_slice().try_into().map_err(|_| wrong_d)?;
                Secret::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))
            }
            Algorithm::Es256 => Secret::Es256(Box::new(
                p256::ecdsa::SigningKey::from_slice(&d).map_err(|_| wrong_d)?,
            )),
            Algorithm::Es384 => Secret::Es384(Box::new(
                p384::ecdsa::SigningKey::from_slice(&d).map_err(|_| wrong_d)?,
            )),
            Algorithm::Ps256 => Secret::Ps256(Box::new(pss::SigningKey::new(rsa()?))),
            Algorithm::Rs256 => Secret::Rs256(Box::new(pkcs1v15::SigningKey::new(rsa()?))),
        };
        let key = Self::of_secret(secret, Some(public.key_id()))?;
        if key.public.thumbprint() == public.thumbprint() {
            Ok(key)
        } else {
            Err(SignError::PartsDiffer)
        }
    }

    fn of_secret(secret: Secret, key_id: Option<&KeyId>) -> Result<Self, SignError> {
        let public = public_part(&secret, key_id)?;
        Ok(Self { secret, public })
    }

    /// The private JWK, to be kept as a secret.
    pub fn to_private_jwk_json(&self) -> Zeroizing<String> {
        let mut json = Zeroizing::new(self.public_jwk_json());
        json.pop();
        let mut member = |name: &str, bytes: &[u8]| {
            for part in [",\"", name, "\":\""] {
                json.push_str(part);
            }
            json.push_str(&Zeroizing::new(base64url::encode(bytes)));
            json.push('"');
        };
        match &self.secret {
            Secret::EdDsa(key) => member("d", key.as_bytes()),
            Secret::Es256(key) => member("d", &key.to_bytes()),
            Secret::Es384(key) => member("d", &key.to_bytes()),
            Secret::Ps256(key) => rsa_members(AsRef::<RsaPrivateKey>::as_ref(key.as_ref()), member),
            Secret::Rs256(key) => rsa_members(AsRef::<RsaPrivateKey>::as_ref(key.as_ref()), member),
        }
        json.push('}');
        json
    }

    /// The public JWK with `kid`, `alg` and `use`, to be published.
    pub fn public_jwk_json(&self) -> String {
        let members = self.public.to_jwk_json();
        // A JSON text of a text: only quotes, backslashes and controls are escaped.
        let key_id = serde_json::Value::from(self.key_id().as_str());
        format!(
            r#"{{"kid":{key_id},"alg":"{}","use":"sig",{}"#,
            self.algorithm(),
            members.trim_start_matches('{')
        )
    }

    /// The public part.
    pub const fn public_key(&self) -> &Jwk {
        &self.public
    }

    /// The key's id.
    pub const fn key_id(&self) -> &KeyId {
        self.public.key_id()
    }

    /// The key's one algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// A token of `claims` with the header `typ`, `alg` and `kid`.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        let header = Header::empty()
            .with_token_type(typ)
            .with_key_id(self.key_id().as_str());
        let claims = Claims::new(claims);
        let token = match &self.secret {
            Secret::EdDsa(key) => jose::EdDsa.token(&header, &claims, key),
            Secret::Es256(key) => jose::Es256.token(&header, &claims, key),
            Secret::Es384(key) => jose::Es384.token(&header, &claims, key),
            Secret::Ps256(key) => jose::Ps256.token(&header, &claims, key),
            Secret::Rs256(key) => jose::Rs256.token(&header, &claims, key),
        }
        .map_err(|_| SignError::Claims)?;
        if token.ends_with('.') {
            return Err(self.signing_failed());
        }
        Ok(token)
    }

    /// The bare signature over `message`, for a caller that makes its own header.
    pub fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        use jwt_compact::{Algorithm as _, AlgorithmSignature as _};
        let signature = match &self.secret {
            Secret::EdDsa(key) => jose::EdDsa.sign(key, message),
            Secret::Es256(key) => jose::Es256.sign(key, message),
            Secret::Es384(key) => jose::Es384.sign(key, message),
            Secret::Ps256(key) => jose::Ps256.sign(key, message),
            Secret::Rs256(key) => jose::Rs256.sign(key, message),
        };
        let bytes = signature.as_bytes().into_owned();
        if bytes.is_empty() {
            return Err(self.signing_failed());
        }
        Ok(bytes)
    }

    const fn signing_failed(&self) -> SignError {
        SignError::Signing {
            algorithm: self.algorithm(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// A published set of the public parts of `keys` (RFC 7517 §5).
pub fn jwks_json<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> String {
    let keys: Vec<_> = keys.into_iter().map(SigningKey::public_jwk_json).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, SignError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut()).map_err(|_| SignError::NoRandomness)?;
    Ok(bytes)
}

/// Random bytes are a private scalar except with a chance of about 2^-32 or less.
fn retry<T>(
    algorithm: Algorithm,
    mut make: impl FnMut() -> Result<Option<T>, SignError>,
) -> Result<T, SignError> {
    for _ in 0..8 {
        if let Some(made) = make()? {
            return Ok(made);
        }
    }
    Err(SignError::Generation { algorithm })
}

fn rsa(algorithm: Algorithm) -> Result<RsaPrivateKey, SignError> {
    // The search for primes takes a source that cannot fail, so ask it first.
    random::<32>()?;
    RsaPrivateKey::new(&mut UnwrapErr(SysRng), MIN_RSA_BITS)
        .map_err(|_| SignError::Generation { algorithm })
}

fn private_member(
    fields: Fields<'_, '_>,
    member: &'static str,
) -> Result<Zeroizing<Vec<u8>>, SignError> {
    fields
        .text(member, MAX_NUMBER_CHARACTERS)
        .ok()
        .and_then(|text| base64url::decode(text).ok())
        .map(Zeroizing::new)
        .ok_or(SignError::PrivatePart { member })
}

fn unsigned(bytes: &[u8]) -> Result<BoxedUint, SignError> {
    let precision = u32::try_from(bytes.len() * 8).unwrap_or(u32::MAX);
    BoxedUint::from_be_slice(bytes, precision).map_err(|_| SignError::PrivatePart { member: "d" })
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn rsa_members(key: &RsaPrivateKey, mut member: impl FnMut(&str, &[u8])) {
    let mut number = |name: &str, number: &BoxedUint| {
        let bytes = Zeroizing::new(number.to_be_bytes().into_vec());
        member(name, without_leading_zeros(&bytes));
    };
    number("d", key.d());
    for (name, prime) in ["p", "q"].iter().zip(key.primes()) {
        number(name, prime.as_ref());
    }
    for (name, value) in [
        ("dp", key.dp().cloned()),
        ("dq", key.dq().cloned()),
        ("qi", key.crt_coefficient()),
    ] {
        if let Some(value) = value {
            number(name, &value);
        }
    }
}

fn public_part(secret: &Secret, key_id: Option<&KeyId>) -> Result<Jwk, SignError> {
    let number = |bytes: &[u8]| base64url::encode(without_leading_zeros(bytes));
    let rsa = |key: &RsaPrivateKey| {
        format!(
            r#""kty":"RSA","n":"{}","e":"{}""#,
            number(&key.n_bytes()),
            number(&key.e_bytes())
        )
    };
    let ec = |curve: &str, x: Option<&[u8]>, y: Option<&[u8]>| {
        format!(
            r#""kty":"EC","crv":"{curve}","x":"{}","y":"{}""#,
            base64url::encode(x.unwrap_or_default()),
            base64url::encode(y.unwrap_or_default())
        )
    };
    let (algorithm, members) = match secret {
        Secret::EdDsa(key) => (
            Algorithm::EdDsa,
            format!(
                r#""kty":"OKP","crv":"Ed25519","x":"{}""#,
                base64url::encode(key.verifying_key().as_bytes())
            ),
        ),
        Secret::Es256(key) => {
            let point = key.verifying_key().to_sec1_point(false);
            (
                Algorithm::Es256,
                ec(
                    "P-256",
                    point.x().map(AsRef::as_ref),
                    point.y().map(AsRef::as_ref),
                ),
            )
        }
        Secret::Es384(key) => {
            let point = key.verifying_key().to_sec1_point(false);
            (
                Algorithm::Es384,
                ec(
                    "P-384",
                    point.x().map(AsRef::as_ref),
                    point.y().map(AsRef::as_ref),
                ),
            )
        }
        Secret::Ps256(key) => (
            Algorithm::Ps256,
            rsa(AsRef::<RsaPrivateKey>::as_ref(key.as_ref())),
        ),
        Secret::Rs256(key) => (
            Algorithm::Rs256,
            rsa(AsRef::<RsaPrivateKey>::as_ref(key.as_ref())),
        ),
    };
    let parse = |key_id: &str| {
        let key_id = serde_json::Value::from(key_id);
        let json = format!(r#"{{"kid":{key_id},"alg":"{algorithm}",{members}}}"#);
        let object = Object::parse(json.as_bytes()).map_err(SignError::Json)?;
        Jwk::parse_signing(&object).map_err(SignError::PublicPart)
    };
    if let Some(key_id) = key_id {
        parse(key_id.as_str())
    } else {
        let thumbprint = parse("-")?.thumbprint();
        parse(&base64url::encode(&thumbprint))
    }
}
