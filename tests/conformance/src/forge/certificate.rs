//! A certificate that an attacker signed for itself.

use sluis_token::Algorithm;

use super::{der, ecdsa, hash, pem};
use crate::case::{EcdsaForm, Hash};
use crate::error::BuildError;
use crate::keys::{Attacker, encode};

/// The certificate in DER: version 1, P-256, its own issuer.
pub(crate) fn self_signed(attacker: &Attacker) -> Result<Vec<u8>, BuildError> {
    let key = attacker.key(Algorithm::Es256)?;
    let name = der::sequence(&[&der::value(
        0x31,
        &der::sequence(&[der::COMMON_NAME, &der::value(0x0c, b"attacker.invalid")]),
    )]);
    let time = |text: &[u8]| der::value(0x17, text);
    let validity = der::sequence(&[&time(b"250101000000Z"), &time(b"450101000000Z")]);
    let algorithm = der::sequence(&[der::ECDSA_SHA256]);
    let body = der::sequence(&[
        &der::integer(&[1]),
        &algorithm,
        &name,
        &validity,
        &name,
        &pem::spki(key)?,
    ]);
    let signature = key.signing().sign_bytes(&body)?;
    let signature = ecdsa::written(EcdsaForm::Der, &signature);
    Ok(der::sequence(&[&body, &algorithm, &der::bits(&signature)]))
}

/// `x5t#S256` of a certificate.
pub(crate) fn sha256(certificate: &[u8]) -> String {
    encode(&hash(Hash::Sha256, certificate))
}

/// SHA-256 of somebody's certificate, as a platform tells it.
pub(crate) fn digest(owner: &Attacker) -> Result<[u8; 32], BuildError> {
    hash(Hash::Sha256, &self_signed(owner)?)
        .try_into()
        .map_err(|_| BuildError::Forgery {
            forgery: "certificate",
            problem: "a digest of another length",
        })
}

/// `x5t` of a certificate.
pub(crate) fn sha1(certificate: &[u8]) -> String {
    encode(&hash(Hash::Sha1, certificate))
}
