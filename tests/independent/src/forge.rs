//! Access tokens of the profile, good but for what a recipe says.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use sluis_token::sign::{SigningKey, jwks_json};
use sluis_token::{
    AccessToken, Algorithm, IssuerKeys, IssuerRules, JwkSet, KeyId, KeyRules, UnixTime,
    UntrustedToken,
};

use crate::set::Verdict;

/// Who signed the good token.
pub const ISSUER: &str = "https://vs.example";
/// For whom it is.
pub const AUDIENCE: &str = "https://api.example";
/// When it is verified.
pub const NOW: u64 = 1_770_000_000;
/// The difference of clocks that is tolerated.
pub const SKEW: u64 = 30;

const LIFETIME: u64 = 300;

/// The issuer's algorithms: one key of each, whose id is the algorithm's name. ES384 is not
/// among them.
const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::EdDsa,
    Algorithm::Es256,
    Algorithm::Ps256,
    Algorithm::Rs256,
];

/// What is changed of a good token. Objects stand in their texts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Members that are put into the header, in place of what is there.
    header: Option<String>,
    /// Members that the header lacks.
    header_without: Vec<String>,
    /// The whole text of the header.
    header_text: Option<String>,
    /// Members that are put into the payload, in place of what is there.
    claims: Option<String>,
    /// Members that the payload lacks.
    without: Vec<String>,
    /// The whole text of the payload.
    payload: Option<String>,
    /// The payload as it is sent, encoded.
    payload_part: Option<String>,
    /// How it is signed.
    signed: Signed,
    /// The signature as it is sent, encoded.
    signature_part: Option<String>,
    /// What is sent, where `{header}`, `{payload}` and `{signature}` stand for the parts.
    token: Option<String>,
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Signed {
    /// By the issuer's key for the algorithm that the header names; by its Ed25519 key where it
    /// names none that the issuer has.
    #[default]
    Well,
    /// By a key of the same kind that is not the issuer's.
    OtherKey,
    /// Well, and then a bit of the signature was changed.
    Changed,
    /// Well, but the last character of the signature has stray bits.
    SecondSpelling,
    /// By HMAC-SHA-256 with the text of the public key.
    MacOfPublicKey,
    /// By HMAC-SHA-256 with an empty key.
    MacOfNothing,
}

/// The verdict on the token of a recipe.
pub fn verdict(recipe: &Recipe) -> Result<Verdict> {
    Ok(judge(&forge(recipe)?))
}

/// The verdict on any text as the issuer's token.
pub fn judge(text: &str) -> Verdict {
    let token = AccessToken::parse(text).map_err(|error| error.code())?;
    let token = UntrustedToken::parse(&token).map_err(|error| error.code())?;
    let party = party();
    let verdict = token.verify_locally(&party.keys, AUDIENCE, party.now);
    verdict.map(drop).map_err(|error| error.code())
}

/// The token of a recipe.
pub fn forge(recipe: &Recipe) -> Result<String> {
    let header = changed(
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "EdDSA"}),
        recipe.header.as_deref(),
        &recipe.header_without,
    )?;
    let payload = changed(claims(), recipe.claims.as_deref(), &recipe.without)?;
    let text = |whole: &Option<String>, object: &Value| {
        whole.clone().unwrap_or_else(|| object.to_string())
    };
    let header_part = encode(text(&recipe.header_text, &header).as_bytes());
    let payload_part = match &recipe.payload_part {
        Some(part) => part.clone(),
        None => encode(text(&recipe.payload, &payload).as_bytes()),
    };
    let algorithm = header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(Algorithm::parse)
        .filter(|algorithm| ALGORITHMS.contains(algorithm))
        .unwrap_or(Algorithm::EdDsa);
    let signature_part = match &recipe.signature_part {
        Some(part) => part.clone(),
        None => sign(
            recipe.signed,
            algorithm,
            format!("{header_part}.{payload_part}").as_bytes(),
        )?,
    };
    let template = recipe.token.as_deref();
    Ok(template
        .unwrap_or("{header}.{payload}.{signature}")
        .replace("{header}", &header_part)
        .replace("{payload}", &payload_part)
        .replace("{signature}", &signature_part))
}

fn sign(signed: Signed, algorithm: Algorithm, message: &[u8]) -> Result<String> {
    let party = party();
    let own = party.own.get(&algorithm).context("no key")?;
    let mac = |key: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(key).context("HMAC takes any key")?;
        anyhow::Ok(mac.chain_update(message).finalize().into_bytes().to_vec())
    };
    let mut signature = match signed {
        Signed::Well | Signed::Changed | Signed::SecondSpelling => own.sign_bytes(message)?,
        Signed::OtherKey => {
            let other = party.others.get(&algorithm).context("no other key")?;
            other.sign_bytes(message)?
        }
        Signed::MacOfPublicKey => mac(own.public_jwk_json().as_bytes())?,
        Signed::MacOfNothing => mac(&[])?,
    };
    if signed == Signed::Changed
        && let Some(byte) = signature.get_mut(7)
    {
        *byte ^= 1;
    }
    let mut text = encode(&signature);
    if signed == Signed::SecondSpelling {
        // 64 bytes leave four unused bits in the last character, which are zero: A, Q, g, w.
        let last = text.pop().context("an empty signature")?;
        text.push(char::from_u32(u32::from(last) + 1).context("no next character")?);
    }
    Ok(text)
}

/// The object with members put in and others taken out.
fn changed(object: Value, put: Option<&str>, taken: &[String]) -> Result<Value> {
    let Value::Object(mut members) = object else {
        return Ok(object);
    };
    if let Some(text) = put {
        let put: Map<String, Value> = serde_json::from_str(text).context("what is put in")?;
        members.extend(put);
    }
    for name in taken {
        members.remove(name).with_context(|| format!("no {name}"))?;
    }
    Ok(Value::Object(members))
}

/// The issuer, and somebody who would like to be it.
struct Party {
    own: BTreeMap<Algorithm, SigningKey>,
    others: BTreeMap<Algorithm, SigningKey>,
    keys: IssuerKeys,
    now: UnixTime,
}

fn party() -> &'static Party {
    static PARTY: OnceLock<Party> = OnceLock::new();
    #[expect(
        clippy::expect_used,
        reason = "a constant situation; a test that cannot set it up cannot go on"
    )]
    PARTY.get_or_init(|| make_party().expect("the issuer of the tests"))
}

fn make_party() -> Result<Party> {
    let keys = || {
        let key = |algorithm: Algorithm| {
            let id = KeyId::parse(algorithm.as_str()).context("a key id")?;
            let key = SigningKey::generate(algorithm)?.with_key_id(&id)?;
            anyhow::Ok((algorithm, key))
        };
        ALGORITHMS
            .into_iter()
            .map(key)
            .collect::<Result<BTreeMap<_, _>>>()
    };
    let own = keys()?;
    let set = JwkSet::parse(jwks_json(own.values()).as_bytes(), &KeyRules::default())?;
    let rules = IssuerRules::new(ISSUER, &ALGORITHMS, LIFETIME, SKEW)?;
    Ok(Party {
        keys: IssuerKeys::new(rules, set),
        others: keys()?,
        own,
        now: UnixTime::from_seconds(NOW).context("a moment")?,
    })
}

/// The payload of the good token.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "sub": "QmVsZ2lhbiBwc2V1ZG9ueW0gb2YgdGhlIHRlc3RzISE",
        "aud": AUDIENCE,
        "exp": NOW + 200,
        "iat": NOW - 100,
        "jti": "b5c7d6f0-2f4e-4a39-9d1c-0f2b7a0c9e11",
        "client_id": "sim-holder-1",
        "authorization_details": [{
            "type": "mandate",
            "mandateId": "3a4c9b1e-7d55-4b0e-8a57-6a1f0f6b2c3d",
            "mandateType": "simPensionOverview",
            "deliberation": "SIM/001",
            "status": "active",
            "purposes": ["simPensionSimulation"],
            "dataCategories": ["simPensionRights"],
            "validFrom": 1_760_000_000_u64,
            "validUntil": 1_790_000_000_u64,
            "usage": "repeated",
            "grant": {
                "level": "urn:be:fedict:iam:fas:citizen:Level450",
                "grantedBy": "dataSubject",
                "channel": "online",
                "consentVersion": "2026-01",
                "consentItems": ["scope", "holderIdentity", "authenticationLevel", "revocation", "registration"],
                "acceptedAt": 1_760_000_100_u64,
            },
            "holder": {"type": "organization", "enterpriseNumber": "0202239951"},
            "channel": "api",
            "tokenFor": "application",
            "circleOfTrust": {"version": "1", "acceptedAt": 1_750_000_000_u64},
            "terms": {"version": "2", "acceptedAt": 1_750_000_001_u64},
        }],
    })
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
