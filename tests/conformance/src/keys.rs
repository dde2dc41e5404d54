//! Private keys: the issuers', and those that an attacker makes up.

use std::fmt;
use std::sync::OnceLock;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BoxedUint, RsaPrivateKey};
use serde_json::{Map, Value, json};
use sluis_token::Algorithm;
use sluis_token::sign::{SignError, SigningKey};
use thiserror::Error;

use crate::error::BuildError;
use crate::random::Seeded;

/// Why a text is no set of private keys. Never shows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeySetError {
    /// Neither an array nor a set.
    #[error("expected a JWK set, or an array of JWKs")]
    Form,
    /// A key that does not sign.
    #[error("key {index}: {error}")]
    Key {
        /// Its place, from 0.
        index: usize,
        /// What is wrong.
        error: SignError,
    },
    /// Two of one algorithm.
    #[error("two keys for {algorithm}")]
    Twice {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// A set without any.
    #[error("no key")]
    Empty,
}

/// The private keys of an issuer, at most one an algorithm, in the profile's order.
pub struct IssuerKeySet(Vec<PrivateKey>);

impl IssuerKeySet {
    /// Reads `{"keys":[…]}` or `[…]` of private JWKs.
    pub fn parse(json: &str) -> Result<Self, KeySetError> {
        let document: Value = serde_json::from_str(json).map_err(|_| KeySetError::Form)?;
        let elements = document
            .get("keys")
            .unwrap_or(&document)
            .as_array()
            .ok_or(KeySetError::Form)?;
        let mut keys: Vec<PrivateKey> = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let key =
                PrivateKey::parse(element).map_err(|error| KeySetError::Key { index, error })?;
            let algorithm = key.algorithm();
            if keys.iter().any(|other| other.algorithm() == algorithm) {
                return Err(KeySetError::Twice { algorithm });
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(KeySetError::Empty);
        }
        keys.sort_by_key(PrivateKey::algorithm);
        Ok(Self(keys))
    }

    /// New keys, one an algorithm.
    pub fn generate() -> Result<Self, SignError> {
        let keys = Algorithm::ALL
            .into_iter()
            .map(|algorithm| PrivateKey::of(&SigningKey::generate(algorithm)?));
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// The key for that algorithm.
    pub fn get(&self, algorithm: Algorithm) -> Result<&PrivateKey, BuildError> {
        self.0
            .iter()
            .find(|key| key.algorithm() == algorithm)
            .ok_or(BuildError::NoKey { algorithm })
    }

    /// The public set, as the issuer publishes it.
    pub fn public_set(&self) -> Value {
        let keys: Vec<Value> = self.0.iter().map(PrivateKey::public_jwk).collect();
        json!({ "keys": keys })
    }

    /// The private set, to be kept as a secret.
    pub fn private_set(&self) -> Value {
        let keys: Vec<&Value> = self.0.iter().map(|key| &key.jwk).collect();
        json!({ "keys": keys })
    }
}

impl fmt::Debug for IssuerKeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "IssuerKeySet({} keys)", self.0.len())
    }
}

/// A private key of which every part can be had, for forgeries are made of parts.
pub struct PrivateKey {
    jwk: Value,
    signing: SigningKey,
}

impl PrivateKey {
    fn parse(jwk: &Value) -> Result<Self, SignError> {
        Ok(Self {
            signing: SigningKey::from_jwk_json(&jwk.to_string())?,
            jwk: jwk.clone(),
        })
    }

    /// The parts of a key.
    pub fn of(key: &SigningKey) -> Result<Self, SignError> {
        let jwk =
            serde_json::from_str(&key.to_private_jwk_json()).map_err(|_| SignError::Claims)?;
        Self::parse(&jwk)
    }

    /// An attacker's key.
    pub fn made_up(algorithm: Algorithm, random: &mut Seeded) -> Result<Self, BuildError> {
        let generation = || SignError::Generation { algorithm };
        let coordinates = |curve: &str, x: &[u8], y: &[u8], d: &[u8]| json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y), "d": encode(d)});
        let mut jwk = match algorithm {
            Algorithm::EdDsa => {
                let secret: [u8; 32] = random.bytes();
                let key = ed25519_dalek::SigningKey::from_bytes(&secret);
                let x = encode(key.verifying_key().as_bytes());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x, "d": encode(&secret)})
            }
            Algorithm::Es256 => {
                let secret: [u8; 32] = random.bytes();
                let key = p256::ecdsa::SigningKey::from_slice(&secret).map_err(|_| generation())?;
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = (
                    point.x().ok_or_else(generation)?,
                    point.y().ok_or_else(generation)?,
                );
                coordinates("P-256", x, y, &secret)
            }
            Algorithm::Es384 => {
                let secret: [u8; 48] = random.bytes();
                let key = p384::ecdsa::SigningKey::from_slice(&secret).map_err(|_| generation())?;
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = (
                    point.x().ok_or_else(generation)?,
                    point.y().ok_or_else(generation)?,
                );
                coordinates("P-384", x, y, &secret)
            }
            Algorithm::Ps256 | Algorithm::Rs256 => {
                let key = RsaPrivateKey::new(random, 2048).map_err(|_| generation())?;
                rsa_jwk(&key)
            }
        };
        if let Value::Object(members) = &mut jwk {
            members.insert("alg".to_owned(), algorithm.as_str().into());
            members.insert("kid".to_owned(), format!("attacker-{algorithm}").into());
        }
        Ok(Self::parse(&jwk)?)
    }

    /// Its algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.signing.algorithm()
    }

    /// Its id.
    pub fn key_id(&self) -> &str {
        self.signing.key_id().as_str()
    }

    /// The key as the library signs with it.
    pub const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The public JWK with `kid`, `alg` and `use`.
    pub fn public_jwk(&self) -> Value {
        let mut members = Map::new();
        if let Value::Object(all) = &self.jwk {
            let public = ["kty", "crv", "x", "y", "n", "e", "kid", "alg"];
            members.extend(
                all.iter()
                    .filter(|(name, _)| public.contains(&name.as_str()))
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        members.insert("use".to_owned(), "sig".into());
        Value::Object(members)
    }

    /// The private JWK.
    pub const fn private_jwk(&self) -> &Value {
        &self.jwk
    }

    /// SHA-256 thumbprint (RFC 7638).
    pub const fn thumbprint(&self) -> [u8; 32] {
        self.signing.public_key().thumbprint()
    }

    /// A member of the JWK, decoded.
    pub fn member(&self, name: &str) -> Result<Vec<u8>, BuildError> {
        self.jwk
            .get(name)
            .and_then(Value::as_str)
            .and_then(|text| Base64UrlUnpadded::decode_vec(text).ok())
            .ok_or(BuildError::Forgery {
                forgery: "private key",
                problem: "it has not the parts that this forgery is made of",
            })
    }

    /// The key as an RSA key.
    pub fn rsa(&self) -> Result<RsaPrivateKey, BuildError> {
        let number = |name| {
            self.member(name)
                .map(|bytes| BoxedUint::from_be_slice_vartime(&bytes))
        };
        RsaPrivateKey::from_components(
            number("n")?,
            number("e")?,
            number("d")?,
            vec![number("p")?, number("q")?],
        )
        .map_err(|_| BuildError::Forgery {
            forgery: "private key",
            problem: "it is no RSA key",
        })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey({})", self.algorithm())
    }
}

fn rsa_jwk(key: &RsaPrivateKey) -> Value {
    let number = |number: &BoxedUint| encode(&strip(&number.to_be_bytes()));
    let mut primes = key.primes().iter();
    let mut prime = || primes.next().map(|prime| number(prime)).unwrap_or_default();
    json!({
        "kty": "RSA", "n": encode(&strip(&key.n_bytes())), "e": encode(&strip(&key.e_bytes())),
        "d": number(key.d()), "p": prime(), "q": prime(),
    })
}

/// base64url without padding.
pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Without leading zeros.
pub(crate) fn strip(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect()
}

/// An attacker's keys, made when they are wanted: an RSA key takes a while.
#[derive(Debug)]
pub struct Attacker {
    seed: Vec<u8>,
    keys: [OnceLock<PrivateKey>; 5],
    weak: OnceLock<RsaPrivateKey>,
}

impl Attacker {
    /// The attacker of that seed.
    pub fn new(seed: &[u8]) -> Self {
        Self {
            seed: seed.to_vec(),
            keys: Default::default(),
            weak: OnceLock::new(),
        }
    }

    /// Its key for that algorithm.
    pub fn key(&self, algorithm: Algorithm) -> Result<&PrivateKey, BuildError> {
        let missing = BuildError::NoKey { algorithm };
        let place = Algorithm::ALL
            .iter()
            .position(|known| *known == algorithm)
            .and_then(|at| self.keys.get(at))
            .ok_or(missing.clone())?;
        if place.get().is_none() {
            let mut random = Seeded::new(&self.seed, algorithm.as_str());
            // Whoever comes second made the same key of the same seed.
            let _ = place.set(PrivateKey::made_up(algorithm, &mut random)?);
        }
        place.get().ok_or(missing)
    }

    /// An RSA key of 1024 bits.
    pub fn short_rsa(&self) -> Result<&RsaPrivateKey, BuildError> {
        let missing = BuildError::NoKey {
            algorithm: Algorithm::Rs256,
        };
        if self.weak.get().is_none() {
            let mut random = Seeded::new(&self.seed, "short RSA");
            let key =
                RsaPrivateKey::new_unchecked(&mut random, 1024).map_err(|_| missing.clone())?;
            let _ = self.weak.set(key);
        }
        self.weak.get().ok_or(missing)
    }

    /// Randomness of that name.
    pub fn random(&self, label: &str) -> Seeded {
        Seeded::new(&self.seed, label)
    }
}
