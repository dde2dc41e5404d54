//! The two primitives everything here is made of, and their text forms.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Length of a SHA-256 or HMAC-SHA256 value.
pub const HASH_BYTES: usize = 32;
/// Block length of SHA-256, to which HMAC pads its key (RFC 2104 §2).
const BLOCK_BYTES: usize = 64;

/// SHA-256 of the parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; HASH_BYTES] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// What calculates HKDF-SHA256: [`hkdf_sha256`], or a platform's own, which must
/// give the same.
pub type HkdfSha256 =
    fn(salt: &[u8; HASH_BYTES], keying_material: &[u8], info: &[u8]) -> [u8; HASH_BYTES];

/// A key of HMAC-SHA256, its two first blocks hashed already: a key that is used
/// often is made once. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub(crate) struct HmacKey(Hmac<Sha256>);

impl HmacKey {
    pub(crate) fn new(key: &[u8; HASH_BYTES]) -> Self {
        // RFC 2104 §2 pads a short key with zeros to the block; doing it here makes
        // the constructor the infallible one.
        let mut block = Zeroizing::new([0; BLOCK_BYTES]);
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self(Hmac::<Sha256>::new((&*block).into()))
    }

    /// The code of the parts, one after the other.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; HASH_BYTES] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// HMAC-SHA256 (RFC 2104) of one message.
pub fn hmac_sha256(key: &[u8; HASH_BYTES], message: &[u8]) -> [u8; HASH_BYTES] {
    HmacKey::new(key).mac(&[message])
}

/// The first thirty-two bytes of HKDF-SHA256 (RFC 5869 §2): one round of its expansion.
pub fn hkdf_sha256(
    salt: &[u8; HASH_BYTES],
    keying_material: &[u8],
    info: &[u8],
) -> [u8; HASH_BYTES] {
    let extracted = hmac_sha256(salt, keying_material);
    HmacKey::new(&extracted).mac(&[info, &[1]])
}

/// base64url without padding (RFC 4648 §5).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Strict reverse of [`base64url`]: no padding, no white space, canonical
/// trailing bits.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let bytes = Base64UrlUnpadded::decode_vec(text).ok()?;
    (base64url(&bytes) == text).then_some(bytes)
}

/// base64 with padding (RFC 4648 §4), as C2SP's formats hold it.
pub(crate) fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Strict reverse of [`base64`]: padded, no white space, canonical trailing bits.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = Base64::decode_vec(text).ok()?;
    (base64(&bytes) == text).then_some(bytes)
}

/// Reads a decimal number as C2SP's formats write it: ASCII digits, no leading
/// zero but in `0` itself.
pub fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = text.bytes().all(|digit| digit.is_ascii_digit());
    (canonical && digits).then(|| text.parse().ok()).flatten()
}

/// The two lower-case hexadecimal digits of a byte.
pub(crate) const fn hex_digits(byte: u8) -> [u8; 2] {
    const fn digit(value: u8) -> u8 {
        if value < 10 {
            b'0' + value
        } else {
            b'a' - 10 + value
        }
    }
    [digit(byte >> 4), digit(byte & 0x0f)]
}

/// Lower-case hexadecimal, as `sha256sum` prints it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.extend_from_slice(&hex_digits(*byte));
    }
    // INVARIANT: digits are ASCII.
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_agrees_with_rfc_4231() {
        // RFC 4231 §4.7 needs a longer key than ours; §4.2 padded with zeros to
        // 32 bytes is the same HMAC, by RFC 2104 §2.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        assert_eq!(
            hex(&HmacKey::new(&key).mac(&[b"Hi ", b"There"])),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    /// RFC 5869 §A.1, whose salt of thirteen bytes is ours padded with zeros (RFC 2104 §2),
    /// and whose forty-two bytes begin with ours.
    #[test]
    fn hkdf_agrees_with_rfc_5869() {
        let mut salt = [0; 32];
        (0..13).for_each(|at| salt[usize::from(at)] = at);
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        assert_eq!(
            hex(&hkdf_sha256(&salt, &[0x0b; 22], &info)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
        );
    }

    #[test]
    fn base64_is_strict() {
        assert_eq!(from_base64("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(from_base64(""), Some(vec![]));
        for text in [
            "+/8", "+/9=", "-_8=", "+/8= ", "+/8=\n", "+/8=+/8=", "A", "====",
        ] {
            assert_eq!(from_base64(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        for text in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1_0",
            "0x1",
            "٣",
            "18446744073709551616",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    #[test]
    fn base64url_is_strict() {
        assert_eq!(from_base64url("AA"), Some(vec![0]));
        for text in ["AB", "AA==", "A", "A A", "AA\n", "+/"] {
            assert_eq!(from_base64url(text), None, "{text}");
        }
    }
}
