//! RSA: paddings that are not the one, made with the private key itself, as Wycheproof makes its own.

use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPrivateKey, hazmat};

use super::{der, hash};
use crate::arithmetic::{minus, plus};
use crate::case::{Hash, Pkcs1Forgery};
use crate::error::BuildError;
use crate::random::Seeded;

/// `AlgorithmIdentifier`s end in the last bytes of the hash's identifier.
const fn identifier(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Sha1 => &[0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a],
        Hash::Sha256 => &[
            0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        ],
        Hash::Sha384 => &[
            0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02,
        ],
        Hash::Sha512 => &[
            0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03,
        ],
    }
}

const NULL: &[u8] = &[0x05, 0x00];

fn digest_info(parameters: &[u8], identifier: &[u8], digest: &[u8]) -> Vec<u8> {
    der::sequence(&[
        &der::sequence(&[identifier, parameters]),
        &der::value(0x04, digest),
    ])
}

/// RSASP1 (RFC 8017 §5.2.1).
pub(crate) fn raw(key: &RsaPrivateKey, encoded: &[u8]) -> Result<Vec<u8>, BuildError> {
    let failed = |_| BuildError::Forgery {
        forgery: "rsa",
        problem: "the encoded message is no number below the modulus",
    };
    let precision = key.n().as_ref().bits_precision();
    let message =
        BoxedUint::from_be_slice(encoded, precision).map_err(|_| BuildError::Forgery {
            forgery: "rsa",
            problem: "the encoded message is too long",
        })?;
    let signature = hazmat::rsa_decrypt::<Seeded>(None, key, &message).map_err(failed)?;
    Ok(fitted(&signature.to_be_bytes(), key.size()))
}

/// Big-endian bytes of that length.
fn fitted(bytes: &[u8], length: usize) -> Vec<u8> {
    let number = crate::keys::strip(bytes);
    let mut fitted = vec![0; length.saturating_sub(number.len())];
    fitted.extend(number);
    fitted
}

/// EMSA-PKCS1-v1_5 (RFC 8017 §9.2) of any contents.
fn block(size: usize, first: u8, kind: u8, fill: u8, separator: u8, content: &[u8]) -> Vec<u8> {
    let padding = size.saturating_sub(content.len() + 3);
    [
        &[first, kind][..],
        &vec![fill; padding],
        &[separator],
        content,
    ]
    .concat()
}

/// The good encoding of a SHA-256 digest, for a modulus of that many bytes.
pub(crate) fn encoded(size: usize, digest: &[u8]) -> Vec<u8> {
    let content = digest_info(NULL, identifier(Hash::Sha256), digest);
    block(size, 0, 1, 0xff, 0, &content)
}

/// A good padding over a digest of any hash.
pub(crate) fn pkcs1_hash(
    key: &RsaPrivateKey,
    message: &[u8],
    with: Hash,
) -> Result<Vec<u8>, BuildError> {
    let content = digest_info(NULL, identifier(with), &hash(with, message));
    raw(key, &block(key.size(), 0, 1, 0xff, 0, &content))
}

pub(crate) fn pkcs1(
    which: Pkcs1Forgery,
    key: &RsaPrivateKey,
    message: &[u8],
) -> Result<Vec<u8>, BuildError> {
    let size = key.size();
    let digest = hash(Hash::Sha256, message);
    let sha256 = identifier(Hash::Sha256);
    let good = digest_info(NULL, sha256, &digest);
    let padded = |content: &[u8]| block(size, 0, 1, 0xff, 0, content);
    let encoded = match which {
        Pkcs1Forgery::MissingNull => padded(&digest_info(&[], sha256, &digest)),
        Pkcs1Forgery::LongNull => padded(&digest_info(&[0x05, 0x81, 0x00], sha256, &digest)),
        Pkcs1Forgery::NoDigestInfo => padded(&digest),
        Pkcs1Forgery::TrailingBytes => {
            // Eight bytes of padding, then DigestInfo, then whatever fills the block.
            let head = [&[0, 1][..], &[0xff; 8], &[0], &good].concat();
            let rest = vec![0xaa; size.saturating_sub(head.len())];
            [head, rest].concat()
        }
        Pkcs1Forgery::BytesInParameters => {
            let parameters = der::value(0x04, &[0xaa; 64]);
            padded(&digest_info(&parameters, sha256, &digest))
        }
        Pkcs1Forgery::LongLength => {
            let inner = good.get(2..).unwrap_or_default();
            let length = u8::try_from(inner.len()).unwrap_or_default();
            padded(&[&[0x30, 0x81, length][..], inner].concat())
        }
        Pkcs1Forgery::BlockType0 => block(size, 0, 0, 0, 0, &good),
        Pkcs1Forgery::BlockType2 => block(size, 0, 2, 0xff, 0, &good),
        Pkcs1Forgery::FirstByte => block(size, 1, 1, 0xff, 0, &good),
        Pkcs1Forgery::PaddingByte => {
            let mut encoded = padded(&good);
            if let Some(byte) = encoded.get_mut(20) {
                *byte = 0xfe;
            }
            encoded
        }
        Pkcs1Forgery::ShortPadding => {
            let zeros = vec![0; size.saturating_sub(good.len() + 3)];
            [&[0, 1, 0][..], &zeros, &good].concat()
        }
        Pkcs1Forgery::Separator => block(size, 0, 1, 0xff, 0xff, &good),
        Pkcs1Forgery::Digest => {
            let mut other = digest.clone();
            if let Some(first) = other.first_mut() {
                *first ^= 1;
            }
            padded(&digest_info(NULL, sha256, &other))
        }
        Pkcs1Forgery::OtherIdentifier => {
            padded(&digest_info(NULL, identifier(Hash::Sha384), &digest))
        }
        Pkcs1Forgery::Unsigned => return Ok(padded(&good)),
        Pkcs1Forgery::PlusModulus => {
            let signature = fitted(&raw(key, &padded(&good))?, size + 1);
            let modulus = fitted(&key.n_bytes(), size + 1);
            return Ok(plus(&signature, &modulus));
        }
        Pkcs1Forgery::Zero => return Ok(vec![0; size]),
        Pkcs1Forgery::One => return Ok(fitted(&[1], size)),
        Pkcs1Forgery::ModulusMinusOne => {
            return Ok(minus(&fitted(&key.n_bytes(), size), &fitted(&[1], size)));
        }
    };
    raw(key, &encoded)
}

/// RSASSA-PSS (RFC 8017 §9.1.1) with any salt, hash and hash of the mask.
pub(crate) fn pss(
    key: &RsaPrivateKey,
    message: &[u8],
    salt_length: usize,
    with: Hash,
    mask: Option<Hash>,
    random: &mut Seeded,
) -> Result<Vec<u8>, BuildError> {
    let size = key.size();
    let digest = hash(with, message);
    let mut salt = vec![0; salt_length];
    for piece in salt.chunks_mut(32) {
        piece
            .iter_mut()
            .zip(random.bytes::<32>())
            .for_each(|(to, from)| *to = from);
    }
    let h = hash(with, &[&[0; 8][..], &digest, &salt].concat());
    let block_length = size
        .checked_sub(h.len() + 1)
        .filter(|length| *length > salt_length)
        .ok_or(BuildError::Forgery {
            forgery: "pss",
            problem: "no room for the salt",
        })?;
    let mut block = vec![0; block_length - salt_length - 1];
    block.push(1);
    block.extend(&salt);
    let mask = mgf1(mask.unwrap_or(with), &h, block_length);
    block
        .iter_mut()
        .zip(mask)
        .for_each(|(to, from)| *to ^= from);
    // The modulus has a whole number of bytes; the encoded message one bit less.
    if let Some(first) = block.first_mut() {
        *first &= 0x7f;
    }
    raw(key, &[&block[..], &h, &[0xbc]].concat())
}

fn mgf1(with: Hash, seed: &[u8], length: usize) -> Vec<u8> {
    (0_u32..)
        .flat_map(|counter| hash(with, &[seed, &counter.to_be_bytes()].concat()))
        .take(length)
        .collect()
}
