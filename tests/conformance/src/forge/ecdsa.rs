//! ECDSA: r and s at their edges, and signatures in other forms than JOSE's.

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use sluis_token::Algorithm;

use super::{der, hash};
use crate::arithmetic::{minus, plus};
use crate::case::{EcdsaForm, Hash};
use crate::error::BuildError;
use crate::keys::PrivateKey;
use crate::token::{hex, unhex};

/// Order and field of P-256 (SEC 2 §2.4.2).
const P256: [&str; 2] = [
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
];
/// Order and field of P-384 (SEC 2 §2.5.1).
const P384: [&str; 2] = [
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
];

fn halves(signature: &[u8]) -> (&[u8], &[u8]) {
    signature
        .split_at_checked(signature.len() / 2)
        .unwrap_or_default()
}

/// r and s as their names say.
pub(crate) fn pair(key: &PrivateKey, good: &[u8], r: &str, s: &str) -> Result<Vec<u8>, BuildError> {
    let [order, field] = match key.algorithm() {
        Algorithm::Es256 => P256,
        Algorithm::Es384 => P384,
        Algorithm::EdDsa | Algorithm::Ps256 | Algorithm::Rs256 => {
            return Err(BuildError::Forgery {
                forgery: "ecdsa",
                problem: "a key of another kind",
            });
        }
    };
    let (order, field) = (unhex(order)?, unhex(field)?);
    let number = |value: u8| {
        let mut bytes = vec![0; order.len()];
        if let Some(last) = bytes.last_mut() {
            *last = value;
        }
        bytes
    };
    let named = |name: &str, signed: &[u8]| {
        Ok(match name {
            "signed" => signed.to_vec(),
            "-signed" => minus(&order, signed),
            "0" => number(0),
            "1" => number(1),
            "n" => order.clone(),
            "n-1" => minus(&order, &number(1)),
            "n+1" => plus(&order, &number(1)),
            "p" => field.clone(),
            "max" => vec![0xff; order.len()],
            _ => {
                return Err(BuildError::Forgery {
                    forgery: "ecdsa",
                    problem: "a number of another name",
                });
            }
        })
    };
    let (signed_r, signed_s) = halves(good);
    Ok([named(r, signed_r)?, named(s, signed_s)?].concat())
}

/// The good signature in another form.
pub(crate) fn written(form: EcdsaForm, good: &[u8]) -> Vec<u8> {
    let (r, s) = halves(good);
    match form {
        EcdsaForm::Der => der::sequence(&[&der::integer(r), &der::integer(s)]),
        EcdsaForm::Swapped => [s, r].concat(),
        EcdsaForm::WideHalves => [&[0], r, &[0], s].concat(),
        EcdsaForm::HexText => hex(good).into_bytes(),
        EcdsaForm::LittleEndian => r.iter().rev().chain(s.iter().rev()).copied().collect(),
    }
}

/// The issuer's key over the hash of the other curve's algorithm.
pub(crate) fn other_hash(key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, BuildError> {
    let failed = || BuildError::Forgery {
        forgery: "ecdsaOtherHash",
        problem: "the key does not sign so",
    };
    let secret = key.member("d")?;
    match key.algorithm() {
        Algorithm::Es256 => {
            let signing = p256::ecdsa::SigningKey::from_slice(&secret).map_err(|_| failed())?;
            let signature: p256::ecdsa::Signature = signing
                .sign_prehash(&hash(Hash::Sha512, message))
                .map_err(|_| failed())?;
            Ok(signature.to_bytes().to_vec())
        }
        Algorithm::Es384 => {
            let signing = p384::ecdsa::SigningKey::from_slice(&secret).map_err(|_| failed())?;
            let signature: p384::ecdsa::Signature = signing
                .sign_prehash(&hash(Hash::Sha512, message))
                .map_err(|_| failed())?;
            Ok(signature.to_bytes().to_vec())
        }
        Algorithm::EdDsa | Algorithm::Ps256 | Algorithm::Rs256 => Err(failed()),
    }
}
