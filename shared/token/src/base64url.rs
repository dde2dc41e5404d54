//! base64url without padding, one encoding per value (token profile §4).
//!
//! RFC 7515 §2 takes the alphabet of RFC 4648 §5 without padding, line breaks or
//! white space. RFC 4648 §3.5 lets a decoder refuse non-zero trailing bits; we
//! do, or one token would have several spellings (libjwt, tink-java and joserfc
//! each had to fix that).

use base64ct::{Base64UrlUnpadded, Encoding};
use thiserror::Error;

/// Why a text is not canonical base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Base64UrlError {
    /// A character outside the alphabet; padding and white space are such.
    #[error("a character outside the base64url alphabet")]
    Alphabet,
    /// A length that no encoding has: one more than a multiple of four.
    #[error("{characters} characters are no base64url encoding")]
    Length {
        /// Number of characters.
        characters: usize,
    },
    /// The unused bits of the last character are not zero.
    #[error("the last character has stray bits")]
    TrailingBits,
}

const INVALID: u8 = 0xff;

#[expect(
    clippy::indexing_slicing,
    reason = "calculated by the compiler, which refuses an index out of range"
)]
const VALUES: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut values = [INVALID; 256];
    let mut value = 0_u8;
    while value < 64 {
        values[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    values
};

fn value(character: u8) -> u8 {
    VALUES
        .get(usize::from(character))
        .copied()
        .unwrap_or(INVALID)
}

/// Decodes `text`, which must be the one encoding of the result.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Base64UrlError> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len() / 4 * 3 + 2);
    let mut groups = bytes.chunks_exact(4);
    // Valid values have six bits; an invalid one sets the highest two.
    let mut seen = 0_u8;
    for group in &mut groups {
        if let [a, b, c, d] = *group {
            let (a, b, c, d) = (value(a), value(b), value(c), value(d));
            seen |= a | b | c | d;
            decoded.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
        }
    }
    let stray = match *groups.remainder() {
        [] => 0,
        [a, b] => {
            let (a, b) = (value(a), value(b));
            seen |= a | b;
            decoded.push(a << 2 | b >> 4);
            b & 0x0f
        }
        [a, b, c] => {
            let (a, b, c) = (value(a), value(b), value(c));
            seen |= a | b | c;
            decoded.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2]);
            c & 0x03
        }
        _ => {
            return Err(Base64UrlError::Length {
                characters: bytes.len(),
            });
        }
    };
    if seen & 0xc0 != 0 {
        return Err(Base64UrlError::Alphabet);
    }
    if stray != 0 {
        return Err(Base64UrlError::TrailingBits);
    }
    Ok(decoded)
}

/// Encodes `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_an_independent_decoder() {
        // Every length up to a few groups, every value of the last two characters.
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= .";
        for length in 0..10_usize {
            let head = "QmV-_a09Zz".get(..length).unwrap();
            for a in alphabet {
                for b in alphabet {
                    let text = format!("{head}{}{}", char::from(*a), char::from(*b));
                    assert_eq!(
                        decode(&text).ok(),
                        Base64UrlUnpadded::decode_vec(&text).ok(),
                        "{text:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn round_trip() {
        let mut bytes = Vec::new();
        for byte in 0..=255_u8 {
            assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
            bytes.push(byte.wrapping_mul(151));
        }
    }

    #[test]
    fn refusals_are_named() {
        assert_eq!(decode("QQ==").unwrap_err(), Base64UrlError::Alphabet);
        assert_eq!(decode("Q+Q/").unwrap_err(), Base64UrlError::Alphabet);
        assert_eq!(decode("QQ\n").unwrap_err(), Base64UrlError::Alphabet);
        assert_eq!(
            decode("QUF\u{e9}").unwrap_err(),
            Base64UrlError::Length { characters: 5 }
        );
        assert_eq!(
            decode("QQQQQ").unwrap_err(),
            Base64UrlError::Length { characters: 5 }
        );
        assert_eq!(decode("QR").unwrap_err(), Base64UrlError::TrailingBits);
        assert_eq!(decode("QUJ").unwrap_err(), Base64UrlError::TrailingBits);
        assert_eq!(decode("").unwrap(), b"");
        assert_eq!(decode("QQ").unwrap(), b"A");
    }
}
