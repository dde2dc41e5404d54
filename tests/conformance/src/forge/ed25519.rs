//! Ed25519: what RFC 8032 leaves open, and what it does not (CVE-less, but verifiers differ: CCTV, Chalkias et al. 2020).

use rsa::BoxedUint;

use super::hash;
use crate::arithmetic::plus;
use crate::case::{Ed25519Forgery, Hash};
use crate::error::BuildError;
use crate::keys::PrivateKey;

/// Order of the base point, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
];

/// A point of order 8 (its y).
const ORDER_8: [u8; 32] = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];

/// The identity, (0, 1).
pub(crate) fn identity() -> [u8; 32] {
    let mut point = [0; 32];
    point[0] = 1;
    point
}

/// The identity with y = p + 1.
pub(crate) fn identity_not_canonical() -> [u8; 32] {
    let mut point = [0xff; 32];
    point[0] = 0xee;
    point[31] = 0x7f;
    point
}

/// The identity with the sign of x = 0 set.
fn identity_of_negative_zero() -> [u8; 32] {
    let mut point = identity();
    point[31] = 0x80;
    point
}

pub(crate) fn forged(
    which: Ed25519Forgery,
    key: &PrivateKey,
    message: &[u8],
) -> Result<Vec<u8>, BuildError> {
    let good = key.signing().sign_bytes(message)?;
    let (r, s) = good.split_at_checked(32).unwrap_or_default();
    let join = |r: &[u8], s: &[u8]| [r, s].concat();
    Ok(match which {
        Ed25519Forgery::ScalarPlusOrder => {
            let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
            let sum = plus(&reversed(s), &reversed(&ORDER));
            join(r, &reversed(&sum))
        }
        Ed25519Forgery::ScalarIsOrder => join(r, &ORDER),
        Ed25519Forgery::ScalarZero => join(r, &[0; 32]),
        Ed25519Forgery::IdentityR => join(&identity(), &scalar(key, &identity(), message)?),
        Ed25519Forgery::NonCanonicalIdentityR => {
            let point = identity_not_canonical();
            join(&point, &scalar(key, &point, message)?)
        }
        Ed25519Forgery::SmallOrderR => join(&ORDER_8, &[0; 32]),
        Ed25519Forgery::NegativeZeroR => {
            let point = identity_of_negative_zero();
            join(&point, &scalar(key, &point, message)?)
        }
        Ed25519Forgery::Zeros => vec![0; 64],
    })
}

/// S = k·a, for which [S]B = R + [k]A holds when R is the identity: only a strict verifier refuses it.
fn scalar(key: &PrivateKey, point: &[u8], message: &[u8]) -> Result<Vec<u8>, BuildError> {
    let failed = || BuildError::Forgery {
        forgery: "ed25519",
        problem: "no arithmetic with this key",
    };
    let secret: [u8; 32] = key.member("d")?.try_into().map_err(|_| failed())?;
    let public = key.member("x")?;
    let mut wide = [0; 64];
    wide.iter_mut().zip(ORDER).for_each(|(to, from)| *to = from);
    let number = |bytes: &[u8]| {
        let bits = u32::try_from(bytes.len() * 8).map_err(|_| failed())?;
        BoxedUint::from_le_slice(bytes, bits).map_err(|_| failed())
    };
    let order = number(&wide)?.to_nz().into_option().ok_or_else(failed)?;
    let k = number(&hash(Hash::Sha512, &[point, &public, message].concat()))?.rem(&order);
    let mut a = ed25519_dalek::SigningKey::from_bytes(&secret).to_scalar_bytes();
    a[0] &= 0xf8;
    a[31] = a[31] & 0x7f | 0x40;
    let scalar = (k * number(&a)?).rem(&order).to_le_bytes();
    Ok(scalar.get(..32).ok_or_else(failed)?.to_vec())
}
