//! Public keys, each checked when it is made and made for one algorithm (token profile §12).

use ed25519_dalek::VerifyingKey as Ed25519Key;
use p256::ecdsa::VerifyingKey as P256Key;
use p384::ecdsa::VerifyingKey as P384Key;
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPublicKey};
use sha2::Sha256;
use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::ed25519::{self, Ed25519Error};

/// Fewest bits of an RSA modulus (RFC 7518 §3.3).
pub const MIN_RSA_BITS: usize = 2048;

/// Most bits of an RSA modulus; more costs time for no gain.
pub const MAX_RSA_BITS: usize = 4096;

/// Most bytes of an RSA exponent. 65537, the usual one, has three.
pub const MAX_RSA_EXPONENT_BYTES: usize = 4;

/// Why the parameters of a key are not those of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PublicKeyError {
    /// A coordinate is not as long as the curve's (RFC 7518 §6.2.1.2).
    #[error("a coordinate of {actual} bytes, not {expected}")]
    CoordinateLength {
        /// Its length.
        actual: usize,
        /// The length of the curve's coordinates.
        expected: usize,
    },
    /// The coordinates are not of a point on the curve.
    #[error("not a point on the curve")]
    NotOnCurve,
    /// An Ed25519 point that strict verification refuses.
    #[error(transparent)]
    Ed25519(#[from] Ed25519Error),
    /// A number with leading zero bytes (RFC 7518 §2, `Base64urlUInt`).
    #[error("a number with leading zeros")]
    LeadingZeros,
    /// A modulus outside [`MIN_RSA_BITS`]..=[`MAX_RSA_BITS`].
    #[error("a modulus of {bits} bits")]
    ModulusSize {
        /// Its size.
        bits: usize,
    },
    /// An even modulus is no product of two large primes.
    #[error("an even modulus")]
    EvenModulus,
    /// An exponent that is even, less than 3 or longer than [`MAX_RSA_EXPONENT_BYTES`].
    #[error("an exponent that is even, less than 3 or too large")]
    Exponent,
    /// A modulus whose primes were made by a generator that lets them be found
    /// (CVE-2017-15361): many smart cards and tokens had it.
    #[error("a modulus that can be factored: CVE-2017-15361")]
    WeakModulus,
    /// Refused by the RSA implementation.
    #[error("not an RSA key")]
    NotRsa,
}

impl PublicKeyError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CoordinateLength { .. } => "keyCoordinateLength",
            Self::NotOnCurve => "keyNotOnCurve",
            Self::Ed25519(_) => "keyEd25519Point",
            Self::LeadingZeros => "keyLeadingZeros",
            Self::ModulusSize { .. } => "keyModulusSize",
            Self::EvenModulus => "keyEvenModulus",
            Self::Exponent => "keyExponent",
            Self::WeakModulus => "keyModulusWeak",
            Self::NotRsa => "keyNotRsa",
        }
    }
}

/// A public key and the one algorithm it is for.
#[derive(Clone)]
pub struct PublicKey(pub(crate) KeyMaterial);

#[derive(Clone)]
pub(crate) enum KeyMaterial {
    EdDsa(Box<Ed25519Key>),
    Es256(Box<P256Key>),
    Es384(Box<P384Key>),
    Ps256(Box<rsa::pss::VerifyingKey<Sha256>>),
    Rs256(Box<rsa::pkcs1v15::VerifyingKey<Sha256>>),
}

impl PublicKey {
    /// The algorithm that the key is for.
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            KeyMaterial::EdDsa(_) => Algorithm::EdDsa,
            KeyMaterial::Es256(_) => Algorithm::Es256,
            KeyMaterial::Es384(_) => Algorithm::Es384,
            KeyMaterial::Ps256(_) => Algorithm::Ps256,
            KeyMaterial::Rs256(_) => Algorithm::Rs256,
        }
    }

    /// The length of every signature under the key (RFC 7518 §3.3–3.5, RFC 8032 §5.1.6).
    pub fn signature_bytes(&self) -> usize {
        match &self.0 {
            KeyMaterial::EdDsa(_) => ed25519::SIGNATURE_BYTES,
            KeyMaterial::Es256(_) => 64,
            KeyMaterial::Es384(_) => 96,
            KeyMaterial::Ps256(key) => AsRef::<RsaPublicKey>::as_ref(key.as_ref()).size(),
            KeyMaterial::Rs256(key) => AsRef::<RsaPublicKey>::as_ref(key.as_ref()).size(),
        }
    }

    /// An Ed25519 key of its encoded point (RFC 8037 §2).
    pub(crate) fn ed25519(x: &[u8]) -> Result<Self, PublicKeyError> {
        let point = exact(x)?;
        ed25519::check_point(point)?;
        let key = Ed25519Key::from_bytes(point).map_err(|_| PublicKeyError::NotOnCurve)?;
        Ok(Self(KeyMaterial::EdDsa(Box::new(key))))
    }

    /// A P-256 key of its coordinates (RFC 7518 §6.2.1).
    pub(crate) fn p256(x: &[u8], y: &[u8]) -> Result<Self, PublicKeyError> {
        let point = uncompressed::<32>(x, y)?;
        let key = P256Key::from_sec1_bytes(&point).map_err(|_| PublicKeyError::NotOnCurve)?;
        Ok(Self(KeyMaterial::Es256(Box::new(key))))
    }

    /// A P-384 key of its coordinates (RFC 7518 §6.2.1).
    pub(crate) fn p384(x: &[u8], y: &[u8]) -> Result<Self, PublicKeyError> {
        let point = uncompressed::<48>(x, y)?;
        let key = P384Key::from_sec1_bytes(&point).map_err(|_| PublicKeyError::NotOnCurve)?;
        Ok(Self(KeyMaterial::Es384(Box::new(key))))
    }

    /// An RSA key for PSS with SHA-256.
    pub(crate) fn ps256(modulus: &[u8], exponent: &[u8]) -> Result<Self, PublicKeyError> {
        let key = rsa_key(modulus, exponent)?;
        // `new` sets the salt length to the hash length (RFC 7518 §3.5).
        let key = rsa::pss::VerifyingKey::new(key);
        Ok(Self(KeyMaterial::Ps256(Box::new(key))))
    }

    /// An RSA key for PKCS #1 v1.5 with SHA-256.
    pub(crate) fn rs256(modulus: &[u8], exponent: &[u8]) -> Result<Self, PublicKeyError> {
        let key = rsa::pkcs1v15::VerifyingKey::new(rsa_key(modulus, exponent)?);
        Ok(Self(KeyMaterial::Rs256(Box::new(key))))
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("PublicKey")
            .field(&self.algorithm())
            .finish()
    }
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], PublicKeyError> {
    bytes
        .try_into()
        .map_err(|_| PublicKeyError::CoordinateLength {
            actual: bytes.len(),
            expected: N,
        })
}

/// SEC 1 §2.3.3: 4, x, y. The decoder then checks the curve equation.
fn uncompressed<const N: usize>(x: &[u8], y: &[u8]) -> Result<Vec<u8>, PublicKeyError> {
    let (x, y) = (exact::<N>(x)?, exact::<N>(y)?);
    Ok([&[4], x.as_slice(), y.as_slice()].concat())
}

fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Result<RsaPublicKey, PublicKeyError> {
    if [modulus, exponent]
        .iter()
        .any(|number| number.first().is_none_or(|byte| *byte == 0))
    {
        return Err(PublicKeyError::LeadingZeros);
    }
    let leading_zeros = modulus.first().map_or(0, |byte| byte.leading_zeros());
    let bits = modulus.len() * 8 - usize::try_from(leading_zeros).unwrap_or(0);
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(PublicKeyError::ModulusSize { bits });
    }
    if modulus.last().is_none_or(|byte| byte % 2 == 0) {
        return Err(PublicKeyError::EvenModulus);
    }
    let is_odd = exponent.last().is_some_and(|byte| byte % 2 == 1);
    if !is_odd || exponent == [1] || exponent.len() > MAX_RSA_EXPONENT_BYTES {
        return Err(PublicKeyError::Exponent);
    }
    if is_weak(modulus) {
        return Err(PublicKeyError::WeakModulus);
    }
    let number = |bytes: &[u8]| {
        let precision = u32::try_from(bytes.len() * 8).unwrap_or(u32::MAX);
        BoxedUint::from_be_slice(bytes, precision).map_err(|_| PublicKeyError::NotRsa)
    };
    RsaPublicKey::new_with_size_limits(
        number(modulus)?,
        number(exponent)?,
        MIN_RSA_BITS..=MAX_RSA_BITS,
    )
    .map_err(|_| PublicKeyError::NotRsa)
}

/// Primes modulo which the powers of 65537 are few.
const FINGERPRINT_PRIMES: [u32; 17] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

/// Whether the modulus has the fingerprint of CVE-2017-15361: modulo every small prime
/// it is a power of 65537, as each of its factors is (Nemec and others 2017, §2). Of
/// other moduli, fewer than one in 2^27 has it.
fn is_weak(modulus: &[u8]) -> bool {
    FINGERPRINT_PRIMES.iter().all(|prime| {
        let remainder = modulus.iter().fold(0, |remainder, byte| {
            (remainder * 256 + u32::from(*byte)) % prime
        });
        let mut power = 1;
        for _ in 0..*prime {
            if power == remainder {
                return true;
            }
            power = power * 65537 % prime;
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_that_of_powers_of_65537() {
        let mut power: u128 = 1;
        for _ in 0..7 {
            assert!(is_weak(&power.to_be_bytes()), "{power}");
            assert!(!is_weak(&(power + 1).to_be_bytes()), "{power} + 1");
            power *= 65537;
        }
        // A multiple of one of the primes is no power.
        assert!(!is_weak(&[11]));
    }
}
