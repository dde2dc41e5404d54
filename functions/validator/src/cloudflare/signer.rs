//! The assertion's signature through the runtime's cryptography.
//!
//! Ed25519 takes some 14 µs there and 29 µs in WebAssembly. Another algorithm is
//! signed in this program: nobody would choose one for speed.

use std::cell::RefCell;

use sluis_token::Algorithm;
use sluis_token::sign::{SignError, SigningKey};
use wasm_bindgen::JsValue;

use super::js;

/// Length of an Ed25519 signature (RFC 8032 §5.1.6).
const SIGNATURE_BYTES: usize = 64;

thread_local! {
    /// The one key of a deployment, by its thumbprint.
    static KEY: RefCell<Option<([u8; 32], JsValue)>> = const { RefCell::new(None) };
}

/// Signs a message.
pub(crate) fn sign(key: &SigningKey, message: &[u8]) -> Result<Vec<u8>, SignError> {
    match key.algorithm() {
        Algorithm::EdDsa => {}
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Ps256 | Algorithm::Rs256 => {
            return key.sign_bytes(message);
        }
    }
    let mut signature = vec![0; SIGNATURE_BYTES];
    let signed = with_key(key, |known| js::sign(known, message, &mut signature));
    if signed {
        Ok(signature)
    } else {
        Err(SignError::Signing {
            algorithm: key.algorithm(),
        })
    }
}

fn with_key(key: &SigningKey, sign: impl FnOnce(&JsValue) -> bool) -> bool {
    let thumbprint = key.public_key().thumbprint();
    KEY.with_borrow_mut(|known| {
        if known.as_ref().is_none_or(|(of, _)| *of != thumbprint) {
            let taken = js::signing_key(&key.to_private_jwk_json());
            *known = (!taken.is_undefined()).then_some((thumbprint, taken));
        }
        known.as_ref().is_some_and(|(_, known)| sign(known))
    })
}
