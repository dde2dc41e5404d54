//! Keys, tokens and rules that the tests share.

use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};
use sluis_token::sign::{SigningKey, jwks_json};
use sluis_token::{
    AccessToken, Algorithm, CompactJws, IssuerKeys, IssuerRules, Jwk, JwkSet, KeyId, KeyRules,
    SignatureError, SignatureVerifier, Ssin, SubjectPseudonym, UnixTime, UntrustedToken,
    VerifiedAccessToken, VerifyError,
};

pub(crate) const ISSUER: &str = "https://cbss.sluis-simulation.invalid";
pub(crate) const AUDIENCE: &str = "https://api.sluis-simulation.invalid/pensions/v1";
pub(crate) const NOW: u64 = 1_770_000_000;
pub(crate) const LIFETIME: u64 = 300;
pub(crate) const SKEW: u64 = 30;

/// One key per algorithm, made once per test program. Its id is the algorithm's name.
pub(crate) fn key(algorithm: Algorithm) -> &'static SigningKey {
    static KEYS: [OnceLock<SigningKey>; 5] = [const { OnceLock::new() }; 5];
    let place = Algorithm::ALL
        .iter()
        .position(|candidate| *candidate == algorithm)
        .unwrap();
    KEYS[place].get_or_init(|| {
        SigningKey::generate(algorithm)
            .unwrap()
            .with_key_id(&KeyId::parse(algorithm.as_str()).unwrap())
            .unwrap()
    })
}

pub(crate) fn rules() -> IssuerRules {
    IssuerRules::new(ISSUER, &Algorithm::ALL, LIFETIME, SKEW).unwrap()
}

/// The issuer with the keys of `algorithms`.
pub(crate) fn keys_of(algorithms: &[Algorithm]) -> IssuerKeys {
    let set = jwks_json(algorithms.iter().map(|algorithm| key(*algorithm)));
    IssuerKeys::new(
        rules(),
        JwkSet::parse(set.as_bytes(), &KeyRules::default()).unwrap(),
    )
}

/// The issuer with its Ed25519 key, which most tests use since it is fast.
pub(crate) fn issuer() -> &'static IssuerKeys {
    static ISSUER_KEYS: OnceLock<IssuerKeys> = OnceLock::new();
    ISSUER_KEYS.get_or_init(|| keys_of(&[Algorithm::EdDsa]))
}

pub(crate) fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(seconds).unwrap()
}

pub(crate) fn subject() -> SubjectPseudonym {
    SubjectPseudonym::derive(&[7; 32], &Ssin::parse("53480200724").unwrap()).unwrap()
}

/// A good payload.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "sub": subject().to_base64url(),
        "aud": AUDIENCE,
        "exp": NOW + 200,
        "iat": NOW - 100,
        "jti": "b5c7d6f0-2f4e-4a39-9d1c-0f2b7a0c9e11",
        "client_id": "sim-holder-1",
        "authorization_details": [mandate()],
    })
}

/// A good mandate.
pub(crate) fn mandate() -> Value {
    json!({
        "type": "mandate",
        "mandateId": "3a4c9b1e-7d55-4b0e-8a57-6a1f0f6b2c3d",
        "mandateType": "simPensionOverview",
        "deliberation": "SIM/001",
        "status": "active",
        "purposes": ["simPensionSimulation"],
        "dataCategories": ["simPensionRights", "simCareer"],
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
    })
}

/// The good payload with one member changed; `null` as the value removes it.
pub(crate) fn with(pointer: &str, value: Value) -> Value {
    changed(claims(), pointer, value)
}

/// The good payload with one member of its mandate changed.
pub(crate) fn with_mandate(pointer: &str, value: Value) -> Value {
    json_with_mandate(&changed(mandate(), pointer, value))
}

pub(crate) fn json_with_mandate(mandate: &Value) -> Value {
    with("/authorization_details", json!([mandate]))
}

pub(crate) fn changed(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let object = document
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap();
    if value == Value::Null {
        assert!(object.remove(name).is_some(), "{pointer} was there");
    } else {
        object.insert(name.to_owned(), value);
    }
    document
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// The header that a good token has.
pub(crate) const HEADER: &str = r#"{"typ":"at+jwt","alg":"EdDSA","kid":"EdDSA"}"#;

/// A token of any header and payload, signed for what it is.
pub(crate) fn forge(
    key: &SigningKey,
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
) -> AccessToken {
    let input = format!("{}.{}", encode(header), encode(payload));
    let signature = key.sign_bytes(input.as_bytes()).unwrap();
    access(&format!("{input}.{}", encode(signature)))
}

/// A token of `claims` with the header that a good token has.
pub(crate) fn token(key: &SigningKey, claims: &Value) -> AccessToken {
    access(&key.sign("at+jwt", claims).unwrap())
}

pub(crate) fn access(text: &str) -> AccessToken {
    AccessToken::parse(text).unwrap()
}

/// Verifies a token at [`NOW`] with the issuer's Ed25519 key.
pub(crate) fn verify(token: &AccessToken) -> Result<VerifiedAccessToken, VerifyError> {
    UntrustedToken::parse(token)
        .unwrap()
        .verify_locally(issuer(), AUDIENCE, at(NOW))
}

/// Verifies a token of `claims` at [`NOW`].
pub(crate) fn verify_claims(claims: &Value) -> Result<VerifiedAccessToken, VerifyError> {
    verify(&token(key(Algorithm::EdDsa), claims))
}

/// The reason code of the refusal of `claims`, whose signature held.
pub(crate) fn refusal(claims: &Value) -> &'static str {
    let error = verify_claims(claims).expect_err("refused");
    assert!(error.signature_held(), "{error}");
    error.code()
}

/// A verifier that never says anything.
pub(crate) struct Broken;

impl SignatureVerifier for Broken {
    async fn verify(&self, _: &Jwk, _: &CompactJws<'_>) -> Result<(), SignatureError> {
        Err(SignatureError::Unavailable {
            operation: "importKey",
        })
    }
}

pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("no verifier of the tests waits"),
    }
}
