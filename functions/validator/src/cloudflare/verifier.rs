//! Signatures through the runtime's `crypto.subtle`.
//!
//! Chosen over verification in WebAssembly by measurement; see BENCHMARKS.md.
//! It is as strict: the token crate has checked key, algorithm and length, and
//! for Ed25519 the point R, before it asks (workerd's Ed25519 alone is not strict).

use std::cell::RefCell;
use std::collections::HashMap;

use sluis_token::{Algorithm, CompactJws, Jwk, SignatureError, SignatureVerifier};
use wasm_bindgen::JsValue;

use super::js;
use super::task::Operation;

/// Most imported keys that one generation of an instance keeps.
const KEYS_OF_GENERATION: usize = 64;

/// By algorithm and thumbprint. A thumbprint (RFC 7638) names the key and not
/// what it is for: two issuers may use one RSA key for RS256 and for PS256.
type KeyName = (u32, [u8; 32]);

/// Imported keys, in two generations: a full young one becomes the old one, whose
/// keys come back when they are used. The key of a DPoP proof is the sender's, so
/// senders decide what is new here; the issuers' keys, used all the time, stay.
#[derive(Default)]
struct ImportedKeys {
    young: HashMap<KeyName, JsValue>,
    old: HashMap<KeyName, JsValue>,
}

impl ImportedKeys {
    fn get(&mut self, name: &KeyName) -> Option<JsValue> {
        if let Some(key) = self.young.get(name) {
            return Some(key.clone());
        }
        let key = self.old.remove(name)?;
        self.put(*name, key.clone());
        Some(key)
    }

    fn put(&mut self, name: KeyName, key: JsValue) {
        if self.young.len() >= KEYS_OF_GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, key);
    }
}

thread_local! {
    static KEYS: RefCell<ImportedKeys> = RefCell::default();
}

/// The runtime's cryptography.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WebCrypto;

/// Index into the tables of `js/platform.mjs`.
fn index(algorithm: Algorithm) -> u32 {
    match algorithm {
        Algorithm::EdDsa => 0,
        Algorithm::Es256 => 1,
        Algorithm::Es384 => 2,
        Algorithm::Rs256 => 3,
        Algorithm::Ps256 => 4,
    }
}

async fn imported(key: &Jwk) -> Result<JsValue, SignatureError> {
    let algorithm = index(key.algorithm());
    let name = (algorithm, key.thumbprint());
    if let Some(known) = KEYS.with_borrow_mut(|keys| keys.get(&name)) {
        return Ok(known);
    }
    let jwk = key.to_jwk_json();
    let imported = Operation::begin(|number| js::import_key(number, algorithm, &jwk)).await;
    if imported.is_undefined() {
        return Err(SignatureError::Unavailable {
            operation: "importKey",
        });
    }
    KEYS.with_borrow_mut(|keys| keys.put(name, imported.clone()));
    Ok(imported)
}

impl SignatureVerifier for WebCrypto {
    async fn verify(&self, key: &Jwk, jws: &CompactJws<'_>) -> Result<(), SignatureError> {
        let imported = imported(key).await?;
        let algorithm = index(key.algorithm());
        let verdict = Operation::begin(|number| {
            js::verify(
                number,
                algorithm,
                &imported,
                jws.signature(),
                jws.signing_input(),
            );
        });
        match verdict.await.as_bool() {
            Some(true) => Ok(()),
            Some(false) => Err(SignatureError::Mismatch),
            None => Err(SignatureError::Unavailable {
                operation: "verify",
            }),
        }
    }
}
