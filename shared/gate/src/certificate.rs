//! The client's certificate (RFC 8705; profile §23): whose word is taken for it.
//!
//! In line it is the platform's, which ended the TLS connection and verified the
//! certificate; a field of the request that names one is the client's own text and is
//! never read. Asked by a proxy, the connection's certificate is the proxy's, so
//! what counts is the `Client-Cert` field (RFC 9440) by which the proxy tells of its
//! client's: if the configuration says that this proxy sets or removes that field.

use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha256};

use crate::original::OriginalRequest;
use crate::platform::InboundRequest;

/// Longest `Client-Cert` field that is read, in bytes.
pub const MAX_CLIENT_CERT_BYTES: usize = 16 * 1024;

/// The field of RFC 9440 §2.
const CLIENT_CERT: &str = "client-cert";

/// SHA-256 of the DER of the certificate that the sender of the original request
/// has shown to have the key of.
pub(crate) fn of_sender<R: InboundRequest>(
    original: &OriginalRequest,
    request: &R,
    trust_field: bool,
) -> Option<[u8; 32]> {
    if !original.asked {
        return request.client_certificate();
    }
    if !trust_field {
        return None;
    }
    parse_field(&request.header(CLIENT_CERT)?)
}

/// RFC 9440 §2.1: one byte sequence of RFC 8941, `:base64:`. Two fields are joined
/// by a comma, which no base64 has.
fn parse_field(field: &str) -> Option<[u8; 32]> {
    if field.len() > MAX_CLIENT_CERT_BYTES {
        return None;
    }
    let text = field.trim_matches([' ', '\t']);
    let text = text.strip_prefix(':')?.strip_suffix(':')?;
    let der = Base64::decode_vec(text).ok()?;
    (!der.is_empty()).then(|| Sha256::digest(&der).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_sequence_is_a_certificate() {
        let der = [0x30, 0x82, 1, 2, 3];
        let field = format!(":{}:", Base64::encode_string(&der));
        let expected: [u8; 32] = Sha256::digest(der).into();
        assert_eq!(parse_field(&field), Some(expected));
        assert_eq!(parse_field(&format!(" {field} ")), Some(expected));
        let bare = field.trim_matches(':');
        for bad in [
            "",
            ":",
            "::",
            bare,
            &format!("{field}, {field}"),
            &format!(":{bare}"),
            &format!(":{bare}=:"),
            &format!("{field};a=1"),
            ":-_-_:",
            &format!(":{}:", "A".repeat(MAX_CLIENT_CERT_BYTES)),
        ] {
            assert_eq!(parse_field(bad), None, "{bad:.40}");
        }
    }
}
