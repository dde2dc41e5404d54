//! Making status list tokens (draft-ietf-oauth-status-list §4–5).

use miniz_oxide::deflate::compress_to_vec_zlib;
use serde_json::json;

use super::{SignError, SigningKey};
use crate::base64url;
use crate::time::UnixTime;

/// The best compression, which the draft's examples have.
const COMPRESSION_LEVEL: u8 = 9;

/// What the issuer of a status list says.
#[derive(Debug, Clone, Copy)]
pub struct StatusListClaims<'a> {
    /// `iss`
    pub issuer: Option<&'a str>,
    /// `sub`: where the list is found.
    pub uri: &'a str,
    /// `iat`
    pub issued_at: UnixTime,
    /// `exp`
    pub expires_at: Option<UnixTime>,
    /// `ttl`
    pub ttl_seconds: Option<u64>,
    /// Bits an entry: 1, 2, 4 or 8.
    pub bits: u8,
    /// The status of each token, from index 0; each fits in `bits`.
    pub statuses: &'a [u8],
}

impl SigningKey {
    /// A status list token by this key.
    pub fn sign_status_list(&self, claims: &StatusListClaims<'_>) -> Result<String, SignError> {
        let packed = pack(claims.statuses, claims.bits).ok_or(SignError::Claims)?;
        let compressed = compress_to_vec_zlib(&packed, COMPRESSION_LEVEL);
        let mut payload = json!({
            "sub": claims.uri,
            "iat": claims.issued_at.as_seconds(),
            "status_list": {"bits": claims.bits, "lst": base64url::encode(&compressed)},
        });
        let optional = [
            ("iss", claims.issuer.map(Into::into)),
            ("exp", claims.expires_at.map(|at| at.as_seconds().into())),
            ("ttl", claims.ttl_seconds.map(Into::into)),
        ];
        if let Some(members) = payload.as_object_mut() {
            for (name, value) in optional {
                members.extend(value.map(|value| (name.to_owned(), value)));
            }
        }
        self.sign("statuslist+jwt", &payload)
    }
}

/// The entries in bytes, each byte from its least significant bit on (§4.1); `None` for
/// other `bits` than the draft knows, or an entry that does not fit.
fn pack(statuses: &[u8], bits: u8) -> Option<Vec<u8>> {
    if !matches!(bits, 1 | 2 | 4 | 8) {
        return None;
    }
    let largest = u8::MAX >> (8 - bits);
    statuses
        .chunks(usize::from(8 / bits))
        .map(|entries| {
            entries.iter().rev().try_fold(0_u8, |byte, status| {
                let shifted = byte.checked_shl(u32::from(bits)).unwrap_or(0);
                (*status <= largest).then_some(shifted | status)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_begin_at_the_least_significant_bit() {
        assert_eq!(pack(&[1, 0, 0, 0, 0, 0, 0, 0, 1], 1), Some(vec![1, 1]));
        assert_eq!(pack(&[1, 2, 3], 2), Some(vec![0b0011_1001]));
        assert_eq!(pack(&[0xa, 0xb, 0xc], 4), Some(vec![0xba, 0x0c]));
        assert_eq!(pack(&[0xff, 0], 8), Some(vec![0xff, 0]));
        assert_eq!(pack(&[], 1), Some(Vec::new()));
        for (statuses, bits) in [
            (&[2_u8][..], 1),
            (&[4], 2),
            (&[16], 4),
            (&[0], 3),
            (&[0], 0),
        ] {
            assert_eq!(pack(statuses, bits), None);
        }
    }
}
