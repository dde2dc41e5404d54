//! What strict Ed25519 verification refuses beyond the equation (token profile §13).
//!
//! RFC 8032 leaves open what a verifier makes of points of small order and of
//! second encodings, and implementations differ: the Ed25519 of Web
//! Cryptography in workerd takes signatures that `verify_strict` refuses. These functions compare
//! bytes only. They run before *any* verifier, so that one verdict is given on
//! every platform: on a key when its set is read, on a signature before it is
//! verified.

use thiserror::Error;

/// Bytes of an encoded point.
pub const POINT_BYTES: usize = 32;

/// Bytes of a signature: the point R, then the scalar S.
pub const SIGNATURE_BYTES: usize = 64;

/// Why a point or signature is refused without any arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Ed25519Error {
    /// The y coordinate is not below p: a second encoding of a point (RFC 8032 §5.1.3).
    #[error("a point that is not canonically encoded")]
    NonCanonicalPoint,
    /// One of the eight points of small order, under which a signature says nothing.
    #[error("a point of small order")]
    SmallOrderPoint,
    /// S is not below the order of the base point: a second encoding of a signature
    /// (RFC 8032 §5.1.7).
    #[error("a scalar that is not canonically encoded")]
    NonCanonicalScalar,
    /// Not [`SIGNATURE_BYTES`] long.
    #[error("a signature of {bytes} bytes")]
    SignatureLength {
        /// Its length.
        bytes: usize,
    },
}

/// p = 2^255 − 19, little-endian.
const P: [u8; 32] = {
    let mut p = [0xff; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    p
};

/// L = 2^252 + 27742317777372353535851937790883648493, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
];

/// The y coordinates of the points of order 1, 2, 4 and 8. Either sign of x gives
/// such a point, or none.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = P;
        minus_one[0] -= 1;
        minus_one
    },
    [0; 32],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Refuses a point that is not canonically encoded or has small order. Does not
/// tell whether the bytes are a point at all.
pub fn check_point(encoded: &[u8; POINT_BYTES]) -> Result<(), Ed25519Error> {
    let mut y = *encoded;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    if !is_below(&y, &P) {
        return Err(Ed25519Error::NonCanonicalPoint);
    }
    if SMALL_ORDER_Y.contains(&y) {
        return Err(Ed25519Error::SmallOrderPoint);
    }
    Ok(())
}

/// Refuses a signature whose R or S has a second encoding, or whose R has small order.
pub fn check_signature(signature: &[u8]) -> Result<(), Ed25519Error> {
    let Some((point, scalar)) = split(signature) else {
        return Err(Ed25519Error::SignatureLength {
            bytes: signature.len(),
        });
    };
    check_point(point)?;
    if is_below(scalar, &L) {
        Ok(())
    } else {
        Err(Ed25519Error::NonCanonicalScalar)
    }
}

fn split(signature: &[u8]) -> Option<(&[u8; POINT_BYTES], &[u8; POINT_BYTES])> {
    let (point, scalar) = signature.split_first_chunk()?;
    Some((point, scalar.try_into().ok()?))
}

/// Whether `a` is less than `b`, both little-endian. Nothing here is secret.
fn is_below(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::VerifyingKey;

    fn with_sign(mut y: [u8; 32]) -> [u8; 32] {
        y[31] |= 0x80;
        y
    }

    #[test]
    fn the_list_is_that_of_the_weak_keys() {
        for y in SMALL_ORDER_Y {
            assert_eq!(check_point(&y), Err(Ed25519Error::SmallOrderPoint));
            assert_eq!(
                check_point(&with_sign(y)),
                Err(Ed25519Error::SmallOrderPoint)
            );
            assert!(VerifyingKey::from_bytes(&y).unwrap().is_weak());
        }
    }

    /// y in p..2^255 encodes y − p a second time.
    #[test]
    fn second_encodings() {
        for low in 0xed..=0xff_u8 {
            let mut y = P;
            y[0] = low;
            assert_eq!(check_point(&y), Err(Ed25519Error::NonCanonicalPoint));
            assert_eq!(
                check_point(&with_sign(y)),
                Err(Ed25519Error::NonCanonicalPoint)
            );
        }
        let mut y = P;
        y[0] = 0xeb;
        assert_eq!(check_point(&y), Ok(()));
        assert_eq!(check_point(&with_sign(y)), Ok(()));
    }

    /// Bytes decide as dalek's arithmetic does, around every small-order point.
    #[test]
    fn agrees_with_arithmetic_on_small_order() {
        for y in SMALL_ORDER_Y {
            for low in 0..=255_u8 {
                let mut near = y;
                near[0] = low;
                let Ok(key) = VerifyingKey::from_bytes(&near) else {
                    continue;
                };
                let refused = check_point(&near) == Err(Ed25519Error::SmallOrderPoint);
                let canonical = check_point(&near) != Err(Ed25519Error::NonCanonicalPoint);
                if canonical {
                    assert_eq!(refused, key.is_weak(), "{near:02x?}");
                }
            }
        }
    }

    #[test]
    fn signatures() {
        let mut signature = [0; 64];
        signature[0] = 9;
        assert_eq!(check_signature(&signature), Ok(()));
        signature[32..].copy_from_slice(&L);
        assert_eq!(
            check_signature(&signature),
            Err(Ed25519Error::NonCanonicalScalar)
        );
        signature[32] -= 1;
        assert_eq!(check_signature(&signature), Ok(()));
        signature[..32].copy_from_slice(&SMALL_ORDER_Y[0]);
        assert_eq!(
            check_signature(&signature),
            Err(Ed25519Error::SmallOrderPoint)
        );
        for bytes in [0, 31, 32, 63, 65, 128] {
            assert_eq!(
                check_signature(&vec![9; bytes]),
                Err(Ed25519Error::SignatureLength { bytes })
            );
        }
    }
}
