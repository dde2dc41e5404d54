//! A MAC keyed by what is public: the confusion of CVE-2015-9235 and its many kin.

use ring::hmac;

use super::pem;
use crate::case::{Hash, PublicForm};
use crate::error::BuildError;
use crate::token::{Signing, unhex};

pub(crate) fn forged(
    hash: Hash,
    key: &str,
    public: Option<PublicForm>,
    hex: Option<&str>,
    signing: &Signing<'_>,
) -> Result<Vec<u8>, BuildError> {
    let secret = match (public, hex) {
        (Some(form), _) => public_bytes(form, signing)?,
        (None, Some(hex)) => unhex(hex)?,
        (None, None) => signing.scope.expand(key)?.into_bytes(),
    };
    let algorithm = match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    };
    let tag = hmac::sign(
        &hmac::Key::new(algorithm, &secret),
        signing.input.as_bytes(),
    );
    Ok(tag.as_ref().to_vec())
}

fn public_bytes(form: PublicForm, signing: &Signing<'_>) -> Result<Vec<u8>, BuildError> {
    let key = signing.key;
    let spki_pem = || Ok::<_, BuildError>(pem::pem("PUBLIC KEY", &pem::spki(key)?));
    Ok(match form {
        PublicForm::SpkiPem => spki_pem()?.into_bytes(),
        PublicForm::SpkiPemBare => spki_pem()?.trim_end().as_bytes().to_vec(),
        PublicForm::SpkiPemCrLf => spki_pem()?.replace('\n', "\r\n").into_bytes(),
        PublicForm::SpkiDer => pem::spki(key)?,
        PublicForm::Pkcs1Pem => pem::pem("RSA PUBLIC KEY", &pem::pkcs1(key)?).into_bytes(),
        PublicForm::Jwk => key.public_jwk().to_string().into_bytes(),
        PublicForm::JwkCanonical => key.signing().public_key().to_jwk_json().into_bytes(),
        PublicForm::Raw => match key.algorithm() {
            sluis_token::Algorithm::EdDsa => key.member("x")?,
            sluis_token::Algorithm::Es256 | sluis_token::Algorithm::Es384 => pem::point(key)?,
            sluis_token::Algorithm::Ps256 | sluis_token::Algorithm::Rs256 => key.member("n")?,
        },
        PublicForm::Compressed => pem::compressed(key)?,
        PublicForm::XCoordinate => key.member("x")?,
        PublicForm::Ssh => pem::ssh(key)?.into_bytes(),
        PublicForm::KeySet => signing.set.to_string().into_bytes(),
    })
}
