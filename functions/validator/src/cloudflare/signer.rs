//! The assertion's signature through the runtime's `crypto.subtle`.
//!
//! Ed25519 takes some 16 µs there, promise included, and 29 µs in WebAssembly.
//! Another algorithm is signed in this program: nobody would choose one for speed.

use std::cell::RefCell;

use sluis_token::Algorithm;
use sluis_token::sign::{SignError, SigningKey};
use wasm_bindgen::{JsCast as _, JsValue};

use super::js;
use super::task::Operation;

thread_local! {
    /// The one key of a deployment, imported, by its thumbprint.
    static KEY: RefCell<Option<([u8; 32], JsValue)>> = const { RefCell::new(None) };
}

/// Signs a message.
pub(crate) async fn sign(key: &SigningKey, message: &[u8]) -> Result<Vec<u8>, SignError> {
    let failed = SignError::Signing {
        algorithm: key.algorithm(),
    };
    match key.algorithm() {
        Algorithm::EdDsa => {}
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Ps256 | Algorithm::Rs256 => {
            return key.sign_bytes(message);
        }
    }
    let imported = imported(key).await.ok_or(failed)?;
    let signature = Operation::begin(|number| js::sign(number, &imported, message)).await;
    match signature.dyn_into::<js_sys::ArrayBuffer>() {
        Ok(buffer) => Ok(js_sys::Uint8Array::new(&buffer).to_vec()),
        Err(_) => Err(failed),
    }
}

async fn imported(key: &SigningKey) -> Option<JsValue> {
    let thumbprint = key.public_key().thumbprint();
    let known = KEY.with_borrow(|known| {
        known
            .as_ref()
            .filter(|(of, _)| *of == thumbprint)
            .map(|(_, imported)| imported.clone())
    });
    if known.is_some() {
        return known;
    }
    let jwk = key.to_private_jwk_json();
    let imported = Operation::begin(|number| js::import_signing_key(number, &jwk)).await;
    if imported.is_undefined() {
        return None;
    }
    KEY.set(Some((thumbprint, imported.clone())));
    Some(imported)
}
