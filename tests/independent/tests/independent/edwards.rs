//! Ed25519 where verifiers differ: points of small and of mixed order, second encodings of points
//! and scalars. The situations are those of the Ed25519 vectors of C2SP's CCTV and of
//! "Taming the many `EdDSAs`" (Chalkias, Garillot, Nikolaenko 2020), made here by calculation.

use anyhow::{Context as _, Result, ensure};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest as _, Sha512};
use sluis_independent::{Expected, Set, keys};

use crate::{Found, Source};

pub(crate) const SOURCES: &[Source] = &[Source {
    name: "Ed25519 edges",
    run,
}];

const MESSAGE: &[u8] = b"message";

fn run(set: &mut Set) -> Result<Found> {
    small_order(set)?;
    second_encodings(set);
    scalars(set)?;
    mixed_order(set)?;
    Ok(Found::Here)
}

/// Somebody with a private scalar, who signs without the rules of RFC 8032 §5.1.6.
struct Signer {
    secret: Scalar,
    nonce: Scalar,
}

impl Signer {
    fn new() -> Self {
        let scalar = |seed: &[u8]| Scalar::from_bytes_mod_order_wide(&Sha512::digest(seed).into());
        Self {
            secret: scalar(b"secret"),
            nonce: scalar(b"nonce"),
        }
    }

    fn public(&self) -> EdwardsPoint {
        ED25519_BASEPOINT_POINT * self.secret
    }

    /// R, and the S that makes [S]B = R + [k]A hold where `r` and `a` are `nonce`·B and `secret`·B.
    fn sign(&self, r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Vec<u8> {
        let s = self.nonce + challenge(r, a, message) * self.secret;
        [r.as_slice(), s.as_bytes()].concat()
    }
}

/// k of RFC 8032 §5.1.7.
fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(a)
        .chain_update(message)
        .finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

fn bytes(point: EdwardsPoint) -> [u8; 32] {
    point.compress().to_bytes()
}

/// Every 32 bytes that encode a point whose y is not below p: y + p for y in 0..19, either sign.
fn non_canonical() -> impl Iterator<Item = [u8; 32]> {
    (0..19_u8).flat_map(|y| {
        [0x7f, 0xff].map(|last| {
            let mut encoded = [0xff; 32];
            encoded[0] = 0xed + y;
            encoded[31] = last;
            encoded
        })
    })
}

/// Under a key of small order, R = −[k]A and S = 0 verify, whatever the message. With R of small
/// order, the holder of an honest key can do the like.
fn small_order(set: &mut Set) -> Result<()> {
    let signer = Signer::new();
    let honest = bytes(signer.public());
    for (order, point) in EIGHT_TORSION.into_iter().enumerate() {
        let a = bytes(point);
        let key = keys::ed25519(&a);
        for (other, r) in EIGHT_TORSION.into_iter().enumerate() {
            let signature = [bytes(r), [0; 32]].concat();
            let id = format!("key {order} of small order, R {other}, S 0");
            let verdict = keys::verdict(&key, MESSAGE, &signature);
            set.case(id, Expected::Refused, verdict);
        }
        // An honest key, R of small order: S = k·a, so that 8[S]B = 8R + 8[k]A.
        let s = challenge(&a, &honest, MESSAGE) * signer.secret;
        let signature = [a.as_slice(), s.as_bytes()].concat();
        let verdict = keys::verdict(&keys::ed25519(&honest), MESSAGE, &signature);
        set.case(
            format!("honest key, R {order} of small order"),
            Expected::Refused,
            verdict,
        );
    }
    ensure!(
        EIGHT_TORSION.iter().all(EdwardsPoint::is_small_order),
        "eight points of small order"
    );
    Ok(())
}

fn second_encodings(set: &mut Set) {
    let honest = keys::ed25519(&bytes(Signer::new().public()));
    for encoded in non_canonical() {
        let name = format!("{:02x}…{:02x}", encoded[0], encoded[31]);
        let kind = match CompressedEdwardsY(encoded).decompress() {
            Some(point) if point.is_small_order() => "of small order",
            Some(_) => "of large order",
            None => "no point",
        };
        let signature = [encoded, [0; 32]].concat();
        let verdict = keys::verdict(&keys::ed25519(&encoded), MESSAGE, &signature);
        let id = format!("key {name} with y not below p, {kind}");
        set.case(id, Expected::Refused, verdict);
        let verdict = keys::verdict(&honest, MESSAGE, &signature);
        let id = format!("R {name} with y not below p, {kind}");
        set.case(id, Expected::Refused, verdict);
    }
    // x = 0 with the sign of a negative number: RFC 8032 §5.1.3, step 4.
    for (y, name) in [(1_u8, "1"), (0xec, "-1")] {
        let mut encoded = if y == 1 { [0; 32] } else { [0xff; 32] };
        encoded[0] = y;
        encoded[31] |= 0x80;
        let signature = [encoded, [0; 32]].concat();
        let verdict = keys::verdict(&keys::ed25519(&encoded), MESSAGE, &signature);
        set.case(
            format!("key with x -0, y {name}"),
            Expected::Refused,
            verdict,
        );
        let verdict = keys::verdict(&honest, MESSAGE, &signature);
        set.case(format!("R with x -0, y {name}"), Expected::Refused, verdict);
    }
}

/// S and S + L are the same to the equation (RFC 8032 §5.1.7 wants S below L).
fn scalars(set: &mut Set) -> Result<()> {
    let signer = Signer::new();
    let a = bytes(signer.public());
    let key = keys::ed25519(&a);
    let r = bytes(ED25519_BASEPOINT_POINT * signer.nonce);
    let good = signer.sign(&r, &a, MESSAGE);
    set.case(
        "good",
        Expected::Accepted,
        keys::verdict(&key, MESSAGE, &good),
    );
    let order = {
        // L − 1 is the scalar −1.
        let mut order = (-Scalar::ONE).to_bytes();
        order[0] += 1;
        order
    };
    let mut scalar: [u8; 32] = good.get(32..).context("S")?.try_into()?;
    for times in 1..=14_u32 {
        let mut carry = 0_u16;
        for (byte, add) in scalar.iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        ensure!(carry == 0, "S + {times} L fits");
        let signature = [r, scalar].concat();
        let verdict = keys::verdict(&key, MESSAGE, &signature);
        set.case(format!("S + {times} L"), Expected::Refused, verdict);
    }
    for (name, s) in [("0", [0; 32]), ("L", order), ("2^256 - 1", [0xff; 32])] {
        let verdict = keys::verdict(&key, MESSAGE, &[r, s].concat());
        set.case(format!("S = {name}"), Expected::Refused, verdict);
    }
    Ok(())
}

/// A key A + T with T of small order: the equation without the cofactor, which a strict verifier
/// uses, holds when [k]T is the neutral point, and only then; with the cofactor it always holds.
fn mixed_order(set: &mut Set) -> Result<()> {
    let signer = Signer::new();
    let torsion = EIGHT_TORSION.get(1).context("a point of order 8")?;
    let a = bytes(signer.public() + torsion);
    let key = keys::ed25519(&a);
    let r = bytes(ED25519_BASEPOINT_POINT * signer.nonce);
    for number in 0..32_u8 {
        let message = [number];
        let neutral = challenge(&r, &a, &message).as_bytes()[0].is_multiple_of(8);
        let expected = if neutral {
            Expected::Accepted
        } else {
            Expected::Refused
        };
        let verdict = keys::verdict(&key, &message, &signer.sign(&r, &a, &message));
        set.case(
            format!("key of mixed order, message {number}"),
            expected,
            verdict,
        );
    }
    // R of mixed order: R − T + [k]A is short of T without the cofactor.
    let honest = bytes(signer.public());
    let r = bytes(ED25519_BASEPOINT_POINT * signer.nonce + torsion);
    let signature = signer.sign(&r, &honest, MESSAGE);
    let verdict = keys::verdict(&keys::ed25519(&honest), MESSAGE, &signature);
    set.case("R of mixed order", Expected::Refused, verdict);
    Ok(())
}
