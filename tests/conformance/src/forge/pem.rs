//! Public keys in the forms in which a library might keep them, and mistake them for a MAC's secret.

use base64ct::{Base64, Encoding as _};
use sluis_token::Algorithm;

use super::der;
use crate::error::BuildError;
use crate::keys::PrivateKey;

/// base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// PEM with lines of 64 characters, a line feed at the end.
pub(crate) fn pem(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64(bytes).as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str(&["-----END ", label, "-----\n"].concat());
    text
}

/// `SubjectPublicKeyInfo`.
pub(crate) fn spki(key: &PrivateKey) -> Result<Vec<u8>, BuildError> {
    let (algorithm, public) = match key.algorithm() {
        Algorithm::EdDsa => (der::sequence(&[der::ED25519]), key.member("x")?),
        Algorithm::Es256 => (der::sequence(&[der::EC, der::P256]), point(key)?),
        Algorithm::Es384 => (der::sequence(&[der::EC, der::P384]), point(key)?),
        Algorithm::Ps256 | Algorithm::Rs256 => (der::sequence(&[der::RSA]), pkcs1(key)?),
    };
    Ok(der::sequence(&[&algorithm, &der::bits(&public)]))
}

/// `RSAPublicKey`.
pub(crate) fn pkcs1(key: &PrivateKey) -> Result<Vec<u8>, BuildError> {
    let (n, e) = (key.member("n")?, key.member("e")?);
    Ok(der::sequence(&[&der::integer(&n), &der::integer(&e)]))
}

/// The uncompressed point.
pub(crate) fn point(key: &PrivateKey) -> Result<Vec<u8>, BuildError> {
    Ok([vec![4], key.member("x")?, key.member("y")?].concat())
}

/// The compressed point.
pub(crate) fn compressed(key: &PrivateKey) -> Result<Vec<u8>, BuildError> {
    let odd = key.member("y")?.last().is_some_and(|byte| byte % 2 == 1);
    Ok([vec![2 + u8::from(odd)], key.member("x")?].concat())
}

/// A line as OpenSSH writes it, without a comment.
pub(crate) fn ssh(key: &PrivateKey) -> Result<String, BuildError> {
    let field = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap_or_default();
        [&length.to_be_bytes()[..], bytes].concat()
    };
    let number = |bytes: Vec<u8>| {
        let mut bytes = bytes;
        if bytes.first().is_some_and(|byte| *byte >= 0x80) {
            bytes.insert(0, 0);
        }
        field(&bytes)
    };
    let (name, rest) = match key.algorithm() {
        Algorithm::EdDsa => ("ssh-ed25519", field(&key.member("x")?)),
        Algorithm::Es256 => (
            "ecdsa-sha2-nistp256",
            [field(b"nistp256"), field(&point(key)?)].concat(),
        ),
        Algorithm::Es384 => (
            "ecdsa-sha2-nistp384",
            [field(b"nistp384"), field(&point(key)?)].concat(),
        ),
        Algorithm::Ps256 | Algorithm::Rs256 => (
            "ssh-rsa",
            [number(key.member("e")?), number(key.member("n")?)].concat(),
        ),
    };
    let blob = [field(name.as_bytes()), rest].concat();
    Ok(format!("{name} {}", base64(&blob)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Attacker;

    /// The forms begin as every tool writes them.
    #[test]
    fn public_keys_have_their_usual_forms() {
        let attacker = Attacker::new(b"seed");
        for (algorithm, start, ssh_start) in [
            (
                Algorithm::EdDsa,
                "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA",
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI",
            ),
            (
                Algorithm::Es256,
                "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
                "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBB",
            ),
            (
                Algorithm::Es384,
                "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE",
                "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhB",
            ),
            (
                Algorithm::Rs256,
                "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA",
                "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ",
            ),
        ] {
            let key = attacker.key(algorithm).unwrap();
            let text = pem("PUBLIC KEY", &spki(key).unwrap());
            assert!(text.starts_with(start), "{text}");
            assert!(text.ends_with("-----END PUBLIC KEY-----\n"), "{text}");
            assert!(ssh(key).unwrap().starts_with(ssh_start), "{algorithm}");
        }
    }
}
