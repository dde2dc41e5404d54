//! What can be done to the bytes of a signature.

use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sluis_token::Algorithm;

use crate::draft::SignatureChange;

/// L of RFC 8032 §5.1, little-endian.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// HMAC-SHA-256.
pub(crate) fn mac(key: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let mac = Hmac::<Sha256>::new_from_slice(key).context("HMAC takes any key")?;
    Ok(mac.chain_update(message).finalize().into_bytes().to_vec())
}

/// The signature, changed. A change that makes no sense for the algorithm flips a bit.
pub(crate) fn change(
    change: SignatureChange,
    algorithm: Algorithm,
    mut signature: Vec<u8>,
) -> Vec<u8> {
    match change {
        SignatureChange::None => {}
        SignatureChange::FlipBit(place) => flip(&mut signature, place),
        SignatureChange::Truncate => {
            signature.pop();
        }
        SignatureChange::Extend => signature.push(0),
        SignatureChange::Empty => signature.clear(),
        SignatureChange::Zeros => signature.fill(0),
        SignatureChange::Scalars(which) => scalars(which, algorithm, &mut signature),
        SignatureChange::OtherS => signature = other_s(algorithm, signature),
        SignatureChange::Der => signature = der(algorithm, &signature),
        SignatureChange::AddOrder => add_order(&mut signature),
        SignatureChange::SmallOrderR => {
            // The neutral point: y is 1.
            for (place, byte) in signature.iter_mut().take(32).enumerate() {
                *byte = u8::from(place == 0);
            }
        }
        SignatureChange::LeadingZero => signature.insert(0, 0),
        SignatureChange::Reversed => signature.reverse(),
    }
    signature
}

fn flip(signature: &mut [u8], place: usize) {
    let length = signature.len().max(1);
    if let Some(byte) = signature.get_mut(place % length) {
        *byte ^= 1 << (place % 8);
    }
}

fn scalars(which: u8, algorithm: Algorithm, signature: &mut [u8]) {
    let order: &[u8] = match algorithm {
        Algorithm::Es256 => &P256_ORDER,
        Algorithm::Es384 => &P384_ORDER,
        Algorithm::EdDsa | Algorithm::Ps256 | Algorithm::Rs256 => {
            return flip(signature, usize::from(which));
        }
    };
    // There may be none, or a MAC.
    if signature.len() != 2 * order.len() {
        return;
    }
    let (r, s) = signature.split_at_mut(order.len());
    if which & 1 == 0 {
        r.fill(0);
    }
    if which & 2 == 0 {
        s.fill(0);
    }
    if which & 4 != 0 {
        r.copy_from_slice(order);
    }
    if which & 8 != 0 {
        s.copy_from_slice(order);
    }
}

fn other_s(algorithm: Algorithm, mut signature: Vec<u8>) -> Vec<u8> {
    let other = match algorithm {
        Algorithm::Es256 => p256::ecdsa::Signature::from_slice(&signature)
            .ok()
            .and_then(|both| {
                let (r, s) = both.split_scalars();
                p256::ecdsa::Signature::from_scalars(*r, -*s).ok()
            })
            .map(|both| both.to_bytes().to_vec()),
        Algorithm::Es384 => p384::ecdsa::Signature::from_slice(&signature)
            .ok()
            .and_then(|both| {
                let (r, s) = both.split_scalars();
                p384::ecdsa::Signature::from_scalars(*r, -*s).ok()
            })
            .map(|both| both.to_bytes().to_vec()),
        Algorithm::EdDsa | Algorithm::Ps256 | Algorithm::Rs256 => None,
    };
    other.unwrap_or_else(|| {
        flip(&mut signature, 40);
        signature
    })
}

fn der(algorithm: Algorithm, signature: &[u8]) -> Vec<u8> {
    let size = match algorithm {
        Algorithm::Es256 => 32,
        Algorithm::Es384 => 48,
        Algorithm::EdDsa | Algorithm::Ps256 | Algorithm::Rs256 => signature.len() / 2,
    };
    let (r, s) = signature.split_at(size.min(signature.len()));
    let integer = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let digits = bytes.get(zeros..).unwrap_or_default();
        let sign = digits.first().is_none_or(|byte| *byte >= 0x80);
        let mut content = vec![0; usize::from(sign)];
        content.extend_from_slice(digits);
        [vec![2], length(content.len()), content].concat()
    };
    let content = [integer(r), integer(s)].concat();
    [vec![0x30], length(content.len()), content].concat()
}

fn length(bytes: usize) -> Vec<u8> {
    match u8::try_from(bytes) {
        Ok(short @ 0..0x80) => vec![short],
        Ok(long) => vec![0x81, long],
        Err(_) => [&[0x82][..], bytes.to_be_bytes().as_slice().split_at(6).1].concat(),
    }
}

fn add_order(signature: &mut [u8]) {
    let mut carry = 0_u16;
    for (byte, add) in signature.iter_mut().skip(32).zip(ED25519_ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
}

const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];
