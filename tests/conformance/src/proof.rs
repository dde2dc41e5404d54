//! Builds a DPoP proof from its recipe (RFC 9449 §4.2).

use serde_json::json;
use sluis_token::Algorithm;

use crate::case::{Hash, ProofKey, ProofRecipe};
use crate::error::BuildError;
use crate::forge::{self, Forged};
use crate::json_edit::edited;
use crate::keys::{Attacker, encode};
use crate::random::Seeded;
use crate::request::WireRequest;
use crate::token::{Signing, TokenBuilder, respelled};

/// When and how often.
pub(crate) struct Moment<'a> {
    /// What tells the ids of this step apart.
    pub(crate) mark: &'a str,
    /// The time.
    pub(crate) now: u64,
    /// The how-manieth.
    pub(crate) number: u32,
    /// The target's nonce.
    pub(crate) nonce: Option<&'a str>,
}

/// The values of the request's `DPoP` fields.
pub(crate) fn fields(
    tokens: &TokenBuilder<'_>,
    recipe: &ProofRecipe,
    token: &str,
    request: &WireRequest,
    moment: &Moment<'_>,
) -> Result<Vec<String>, BuildError> {
    let mut scope = tokens.scope(moment.now, moment.number);
    scope.text("token", token);
    scope.text("nonce", moment.nonce.unwrap_or_default());
    let hash = |token: &str| encode(&forge::hash(Hash::Sha256, token.as_bytes()));
    scope.text("ath", hash(token));
    scope.text("otherAth", hash("another token"));
    let algorithm = match recipe.key {
        ProofKey::ES256 => Algorithm::Es256,
        ProofKey::EdDSA => Algorithm::EdDsa,
    };
    let keys: &Attacker = if recipe.other_key {
        tokens.attacker
    } else {
        tokens.client
    };
    let key = keys.key(algorithm)?;
    let mut jwk = key.public_jwk();
    if let Some(members) = jwk.as_object_mut() {
        // The bare key, as clients send it.
        for name in ["kid", "alg", "use"] {
            members.remove(name);
        }
    }
    scope.text("jwk", jwk.to_string());
    scope.text("privateJwk", key.private_jwk().to_string());
    let public_url = tokens.settings.public_url.as_deref().unwrap_or_default();
    let path = request.target.split('?').next().unwrap_or_default();
    scope.text("htu", format!("{public_url}{path}"));
    scope.text("path", path);
    scope.text("htm", &request.method);

    let mark = format!("proof of {}", recipe.mark.as_deref().unwrap_or(moment.mark));
    let mut random = Seeded::new(tokens.seed, &mark);
    let header = json!({"typ": "dpop+jwt", "alg": algorithm.as_str(), "jwk": jwk});
    let mut claims = json!({
        "jti": random.uuid(), "htm": request.method, "htu": format!("{public_url}{path}"),
        "iat": moment.now, "ath": hash(token),
    });
    if let (Some(nonce), false, Some(members)) =
        (moment.nonce, recipe.no_nonce, claims.as_object_mut())
    {
        members.insert("nonce".to_owned(), nonce.into());
    }
    let header = edited(&header, &recipe.header, &scope)?;
    let payload = edited(&claims, &recipe.claims, &scope)?;
    let mut parts = [
        encode(header.as_bytes()),
        encode(payload.as_bytes()),
        String::new(),
    ];
    let input = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(payload.as_bytes())
    );
    let mut signing = Signing {
        key,
        signer: key,
        set: json!({}),
        attacker: tokens.attacker,
        scope: &scope,
        random,
        input,
        payload,
    };
    let signature = match &recipe.forge {
        None => forge::sign(key, signing.input.as_bytes(), &mut signing.random)?,
        Some(forgery) => match forge::forge(forgery, &mut signing)? {
            Forged::Signature(bytes) => bytes,
            Forged::Token(_) => {
                return Err(BuildError::Forgery {
                    forgery: "proof",
                    problem: "a JWE is no proof",
                });
            }
        },
    };
    if let Some(part) = parts.last_mut() {
        *part = encode(&signature);
    }
    let missing = || BuildError::Forgery {
        forgery: "proof",
        problem: "no such spelling",
    };
    for (name, part) in ["header", "payload", "signature"].iter().zip(&mut parts) {
        if let Some(template) = recipe.written.get(*name) {
            *part = respelled(template, part, &scope)?.ok_or_else(missing)?;
        }
    }
    let mut proof = parts.join(".");
    if let Some(template) = recipe.written.get("token") {
        proof = respelled(template, &proof, &scope)?.ok_or_else(missing)?;
    }
    scope.text("proof", &proof);
    let whole = ["${proof}".to_owned()];
    recipe
        .fields
        .as_deref()
        .unwrap_or(&whole)
        .iter()
        .map(|field| scope.expand(field))
        .collect()
}
