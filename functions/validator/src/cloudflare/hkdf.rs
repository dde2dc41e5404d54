//! HKDF-SHA256 through the runtime's cryptography: for a record of 2 kB some 3 µs,
//! and 11 µs in WebAssembly. (Node's HMAC makes a stream of every call, which costs
//! twice as much, most of it for the collector.)

use sluis_log::HASH_BYTES;

use super::js;

/// The first thirty-two bytes of HKDF-SHA256.
pub(crate) fn hkdf_sha256(
    salt: &[u8; HASH_BYTES],
    keying_material: &[u8],
    info: &[u8],
) -> [u8; HASH_BYTES] {
    let mut output = [0; HASH_BYTES];
    if js::hkdf_sha256(salt, keying_material, info, &mut output) {
        output
    } else {
        sluis_log::hkdf_sha256(salt, keying_material, info)
    }
}
