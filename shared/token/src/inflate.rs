//! Decompression of a ZLIB stream (RFC 1950) that may come from anyone, within a bound.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use thiserror::Error;

/// The first buffer; it doubles until the stream or the bound ends.
const FIRST_BUFFER_BYTES: usize = 4096;

/// Why a ZLIB stream is not decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InflateError {
    /// It holds more than allowed.
    #[error("more than {limit} bytes when decompressed")]
    TooLarge {
        /// The most that is decompressed.
        limit: usize,
    },
    /// No ZLIB stream, a truncated one, or one whose checksum does not hold.
    #[error("not a ZLIB stream, or a damaged one")]
    Damaged,
    /// Something follows the stream.
    #[error("{bytes} bytes after the ZLIB stream")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
}

/// Decompresses a whole ZLIB stream of at most `limit` bytes. Memory grows with what
/// is really there, never above the limit and one.
pub(crate) fn inflate(stream: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    // The checksum is verified unless a flag says no.
    let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    // One byte more than may come, so that a stream that holds too much shows it.
    let largest = limit.saturating_add(1);
    let mut decompressor = Box::<DecompressorOxide>::default();
    let mut output = vec![0; FIRST_BUFFER_BYTES.min(largest)];
    let (mut rest, mut written) = (stream, 0);
    loop {
        let (status, read, wrote) =
            decompress(&mut decompressor, rest, &mut output, written, flags);
        rest = rest.get(read..).unwrap_or_default();
        written += wrote;
        if written > limit {
            return Err(InflateError::TooLarge { limit });
        }
        if status == TINFLStatus::Done {
            if !rest.is_empty() {
                return Err(InflateError::TrailingBytes { bytes: rest.len() });
            }
            output.truncate(written);
            return Ok(output);
        }
        // Input that ends too early and a wrong checksum are states of their own.
        if status != TINFLStatus::HasMoreOutput {
            return Err(InflateError::Damaged);
        }
        if output.len() >= largest {
            return Err(InflateError::TooLarge { limit });
        }
        output.resize(output.len().saturating_mul(2).min(largest), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec_zlib;

    #[test]
    fn round_trip_up_to_the_very_limit() {
        for size in [0, 1, 4095, 4096, 4097, 8192, 100_000] {
            let bytes: Vec<u8> = (0..size)
                .map(|n: u32| (n.wrapping_mul(n) >> 7).to_le_bytes()[0])
                .collect();
            for level in [0, 1, 6, 9] {
                let stream = compress_to_vec_zlib(&bytes, level);
                assert_eq!(inflate(&stream, bytes.len()).as_ref(), Ok(&bytes));
                if let Some(limit) = bytes.len().checked_sub(1) {
                    assert_eq!(
                        inflate(&stream, limit),
                        Err(InflateError::TooLarge { limit })
                    );
                }
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let stream = compress_to_vec_zlib(&vec![0; 50_000_000], 9);
        assert!(stream.len() < 60_000);
        assert_eq!(
            inflate(&stream, 1000),
            Err(InflateError::TooLarge { limit: 1000 })
        );
    }

    #[test]
    fn damaged_streams() {
        let stream = compress_to_vec_zlib(b"an array of bits, of all things", 9);
        for end in 0..stream.len() {
            assert_eq!(
                inflate(&stream[..end], 1000),
                Err(InflateError::Damaged),
                "{end}"
            );
        }
        for place in 0..4 {
            let mut changed = stream.clone();
            let last = changed.len() - 1;
            changed[last - place] ^= 1;
            assert_eq!(
                inflate(&changed, 1000),
                Err(InflateError::Damaged),
                "checksum {place}"
            );
        }
        let mut trailing = stream.clone();
        trailing.push(0);
        assert_eq!(
            inflate(&trailing, 1000),
            Err(InflateError::TrailingBytes { bytes: 1 })
        );
        // DEFLATE without the ZLIB frame, and a method that is not DEFLATE.
        assert_eq!(inflate(&stream[2..], 1000), Err(InflateError::Damaged));
        let mut method = stream;
        method[0] = 0x77;
        assert_eq!(inflate(&method, 1000), Err(InflateError::Damaged));
        assert_eq!(inflate(b"", 1000), Err(InflateError::Damaged));
    }

    proptest::proptest! {
        /// Whatever the bytes, the result is within the limit, and it is what was packed.
        #[test]
        fn arbitrary_streams(bytes in proptest::collection::vec(0..=u8::MAX, 0..300), limit in 0_usize..5000) {
            if let Ok(inflated) = inflate(&bytes, limit) {
                proptest::prop_assert!(inflated.len() <= limit);
            }
            let framed = [&[0x78, 0xda], bytes.as_slice()].concat();
            if let Ok(inflated) = inflate(&framed, limit) {
                proptest::prop_assert!(inflated.len() <= limit);
            }
            let stream = compress_to_vec_zlib(&bytes, 6);
            match inflate(&stream, limit) {
                Ok(inflated) => proptest::prop_assert_eq!(inflated, bytes),
                Err(error) => {
                    proptest::prop_assert_eq!(error, InflateError::TooLarge { limit });
                    proptest::prop_assert!(bytes.len() > limit);
                }
            }
        }

        /// A changed byte is seen: by the format, or by the checksum.
        #[test]
        fn a_changed_byte_is_seen(bytes in proptest::collection::vec(0..=u8::MAX, 1..300), place: proptest::sample::Index, bit in 0..8_u32) {
            let mut stream = compress_to_vec_zlib(&bytes, 6);
            let place = place.index(stream.len());
            stream[place] ^= 1 << bit;
            if let Ok(inflated) = inflate(&stream, 1000) {
                // Unused bits and hints about the window and the level say nothing.
                proptest::prop_assert_eq!(inflated, bytes);
            }
        }
    }
}
