//! Check 22 of the token profile: RFC 9449, by its own numbers (§4.3).

use serde_json::{Value, json};
use sluis_token::sign::ProofClaims;
use sluis_token::{
    AccessToken, Algorithm, AuthorizationScheme, DPOP_PROOF_LIFETIME_SECONDS, DpopError, DpopProof,
    DpopRequest, MAX_CLOCK_SKEW_SECONDS, MAX_DPOP_NONCE_BYTES, MAX_DPOP_PROOF_BYTES,
    MAX_DPOP_PROOF_ID_BYTES, VerifiedDpopProof,
};

use crate::common::*;

pub(crate) const METHOD: &str = "GET";
pub(crate) const URL: &str =
    "https://api.sluis-simulation.invalid/pensions/v1/persons/53480200724/rights";
pub(crate) const NONCE: &str = "a-nonce-of-ours";

/// The token that the proofs of these tests go with.
pub(crate) fn bound_token() -> AccessToken {
    let jkt = encode(key(Algorithm::Es256).public_key().thumbprint());
    let claims = with("/cnf", json!({"jkt": jkt}));
    let text = key(Algorithm::EdDsa).sign("at+jwt", &claims).unwrap();
    AccessToken::parse_as(AuthorizationScheme::Dpop, &text).unwrap()
}

/// A good payload.
fn payload() -> Value {
    json!({
        "jti": "b1f0e6c2-proof",
        "htm": METHOD,
        "htu": URL,
        "iat": NOW,
        "nonce": NONCE,
        "ath": encode(bound_token().sha256()),
    })
}

/// A good header, for the key of `algorithm`.
pub(crate) fn header(algorithm: Algorithm) -> Value {
    let jwk: Value = serde_json::from_str(&key(algorithm).public_key().to_jwk_json()).unwrap();
    json!({"typ": "dpop+jwt", "alg": algorithm.as_str(), "jwk": jwk})
}

pub(crate) fn proof(algorithm: Algorithm, header: &Value, payload: &Value) -> String {
    let (header, payload) = (header.to_string(), payload.to_string());
    key(algorithm)
        .sign_compact(header.as_bytes(), payload.as_bytes())
        .unwrap()
}

/// What is said of a `DPoP` field at [`NOW`].
pub(crate) fn verdict(field: &str) -> Result<VerifiedDpopProof, DpopError> {
    verdict_at(field, NOW)
}

fn verdict_at(field: &str, now: u64) -> Result<VerifiedDpopProof, DpopError> {
    let request = DpopRequest {
        method: METHOD,
        url: URL,
        access_token: &bound_token(),
        now: at(now),
    };
    DpopProof::parse(field)?.verify_locally(&request, |nonce| nonce == NONCE)
}

/// The reason code of the refusal of a proof with that header.
fn header_code(header: &Value) -> &'static str {
    verdict(&proof(Algorithm::Es256, header, &payload()))
        .expect_err("refused")
        .code()
}

/// The reason code of the refusal of a proof with that payload.
fn payload_code(payload: &Value) -> &'static str {
    let header = header(Algorithm::Es256);
    verdict(&proof(Algorithm::Es256, &header, payload))
        .expect_err("refused")
        .code()
}

fn good() -> String {
    proof(Algorithm::Es256, &header(Algorithm::Es256), &payload())
}

#[test]
fn a_good_proof_passes_with_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let text = proof(algorithm, &header(algorithm), &payload());
        let verified = verdict(&text).unwrap();
        let thumbprint = key(algorithm).public_key().thumbprint();
        assert_eq!(verified.key_thumbprint(), thumbprint);
        assert_eq!(
            DpopProof::parse(&text).unwrap().key_thumbprint(),
            thumbprint
        );
        assert_eq!(verified.valid_until(), at(NOW + 120));
        // Optional space around a field is no part of it (RFC 9110 §5.5).
        assert!(verdict(&format!("\t {text} ")).is_ok());
    }
}

#[test]
fn our_signer_makes_good_proofs() {
    let token = bound_token();
    let mut claims = ProofClaims {
        proof_id: "x",
        method: METHOD,
        url: URL,
        issued_at: at(NOW),
        access_token: Some(&token),
        nonce: Some(NONCE),
    };
    for algorithm in Algorithm::ALL {
        assert!(verdict(&key(algorithm).sign_dpop_proof(&claims).unwrap()).is_ok());
    }
    let key = key(Algorithm::EdDsa);
    claims.nonce = None;
    let text = key.sign_dpop_proof(&claims).unwrap();
    assert_eq!(verdict(&text).unwrap_err(), DpopError::NonceNeeded);
    claims.nonce = Some(NONCE);
    claims.access_token = None;
    let text = key.sign_dpop_proof(&claims).unwrap();
    assert_eq!(verdict(&text).unwrap_err().code(), "dpopClaimInvalid");
}

#[test]
fn check_1_one_field() {
    let good = good();
    for field in [
        format!("{good}, {good}"),
        format!("{good},{good}"),
        format!("{good},"),
        format!(",{good}"),
        ",".to_owned(),
    ] {
        assert_eq!(verdict(&field).unwrap_err(), DpopError::Repeated);
    }
}

#[test]
fn check_2_a_well_formed_jwt() {
    let good = good();
    let (input, signature) = good.rsplit_once('.').unwrap();
    let unsigned = format!("{input}.");
    assert_eq!(
        verdict(&unsigned).unwrap_err().code(),
        "dpopSignatureInvalid"
    );
    for field in [
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        input.to_owned(),
        format!("{good}.{signature}"),
        format!("{good}="),
        format!("{good} x"),
        format!("\"{good}\""),
        format!("DPoP {good}"),
        json!({"payload": "", "signatures": []})
            .to_string()
            .replace(',', " "),
        format!("{}.{}.{signature}", encode("[]"), encode("{}")),
        format!(
            "{}.{}.{signature}",
            encode(header(Algorithm::Es256).to_string()),
            encode("[]")
        ),
        format!(
            "{}.{}.{signature}",
            encode(header(Algorithm::Es256).to_string()),
            encode("\u{feff}{}")
        ),
    ] {
        assert_eq!(
            verdict(&field).unwrap_err().code(),
            "dpopProofMalformed",
            "{field}"
        );
    }
    // A member that stands twice, in any spelling and at any depth.
    for (from, to) in [
        (r#""typ":"#, r#""typ":"x","typ":"#),
        (r#""kty":"#, r#""\u006bty":"oct","kty":"#),
        (r#""alg":"#, r#""x":{"y":1,"y":1},"alg":"#),
    ] {
        let header = header(Algorithm::Es256).to_string().replacen(from, to, 1);
        let text = key(Algorithm::Es256)
            .sign_compact(header.as_bytes(), payload().to_string().as_bytes())
            .unwrap();
        assert_eq!(
            verdict(&text).unwrap_err().code(),
            "dpopProofMalformed",
            "{header}"
        );
    }
    let payload = payload()
        .to_string()
        .replacen(r#""jti":"#, r#""jti":"x","jti":"#, 1);
    let header = header(Algorithm::Es256).to_string();
    let text = key(Algorithm::Es256)
        .sign_compact(header.as_bytes(), payload.as_bytes())
        .unwrap();
    assert_eq!(verdict(&text).unwrap_err().code(), "dpopProofMalformed");
}

#[test]
fn size_is_capped_before_anything_else() {
    let mut claims = payload();
    let room = MAX_DPOP_PROOF_BYTES - good().len();
    claims["padding"] = json!("x".repeat(room * 3 / 4 - 20));
    let long = proof(Algorithm::Es256, &header(Algorithm::Es256), &claims);
    assert!(long.len() <= MAX_DPOP_PROOF_BYTES && long.len() > MAX_DPOP_PROOF_BYTES - 40);
    assert!(verdict(&long).is_ok());
    for field in [".".repeat(MAX_DPOP_PROOF_BYTES + 1), ",".repeat(1_000_000)] {
        assert_eq!(
            verdict(&field).unwrap_err(),
            DpopError::TooLarge {
                bytes: field.len(),
                limit: 4096
            }
        );
    }
    assert_eq!(
        verdict(&".".repeat(MAX_DPOP_PROOF_BYTES))
            .unwrap_err()
            .code(),
        "dpopProofMalformed"
    );
}

#[test]
fn check_3_required_claims_with_strict_types() {
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        let without = changed(payload(), &format!("/{name}"), Value::Null);
        assert_eq!(payload_code(&without), "dpopClaimInvalid", "no {name}");
        for value in [json!(null), json!([]), json!({}), json!(true), json!(["x"])] {
            let mut claims = payload();
            claims[name] = value.clone();
            assert_eq!(payload_code(&claims), "dpopClaimInvalid", "{name} {value}");
        }
    }
    for (name, value) in [
        ("jti", json!(7)),
        ("jti", json!("")),
        ("jti", json!("x".repeat(MAX_DPOP_PROOF_ID_BYTES + 1))),
        ("htm", json!("")),
        ("htm", json!("X".repeat(65))),
        ("htu", json!("")),
        (
            "htu",
            json!(format!("https://a.invalid/{}", "x".repeat(2048))),
        ),
        ("iat", json!(NOW.to_string())),
        ("iat", json!(-1)),
        ("iat", json!(1.5)),
        ("iat", json!(1e9)),
        ("iat", json!(1_u64 << 53)),
        ("nonce", json!(7)),
        ("nonce", json!("")),
        ("nonce", json!("x".repeat(MAX_DPOP_NONCE_BYTES + 1))),
        ("ath", json!("x".repeat(65))),
        ("exp", json!("9999999999")),
        ("exp", json!(1.5)),
        ("nbf", json!("0")),
    ] {
        let mut claims = payload();
        claims[name] = value.clone();
        assert_eq!(payload_code(&claims), "dpopClaimInvalid", "{name} {value}");
    }
    let mut longest = payload();
    longest["jti"] = json!("x".repeat(MAX_DPOP_PROOF_ID_BYTES));
    longest["other"] = json!({"ignored": [1, null]});
    assert!(
        verdict(&proof(
            Algorithm::Es256,
            &header(Algorithm::Es256),
            &longest
        ))
        .is_ok()
    );
}

#[test]
fn check_4_typ() {
    let typed = |value: Value| {
        let mut header = header(Algorithm::Es256);
        header["typ"] = value;
        header
    };
    for typ in ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt"] {
        let text = proof(Algorithm::Es256, &typed(json!(typ)), &payload());
        assert!(verdict(&text).is_ok(), "{typ}");
    }
    for typ in [
        "JWT",
        "at+jwt",
        "dpop",
        "dpop+jwt ",
        "xdpop+jwt",
        "statuslist+jwt",
    ] {
        assert_eq!(header_code(&typed(json!(typ))), "dpopTypeWrong", "{typ}");
    }
    for typ in [json!(null), json!(""), json!(["dpop+jwt"]), json!(1)] {
        assert_eq!(header_code(&typed(typ)), "dpopHeaderParameterInvalid");
    }
    let without = changed(header(Algorithm::Es256), "/typ", Value::Null);
    assert_eq!(header_code(&without), "dpopHeaderParameterInvalid");
}

#[test]
fn check_8_the_method_in_its_very_case() {
    for method in ["get", "Get", "POST", "GET ", " GET", "*", "GETX", "GE"] {
        let mut claims = payload();
        claims["htm"] = json!(method);
        assert_eq!(payload_code(&claims), "dpopMethodMismatch", "{method}");
    }
}

#[test]
fn check_9_the_uri_after_normalisation() {
    let path = "/pensions/v1/persons/53480200724/rights";
    let host = "api.sluis-simulation.invalid";
    let code = |uri: String| {
        let mut claims = payload();
        claims["htu"] = json!(uri);
        verdict(&proof(Algorithm::Es256, &header(Algorithm::Es256), &claims))
            .map(drop)
            .map_err(|error| error.code())
    };
    for uri in [
        format!("https://{host}{path}?a=b"),
        format!("https://{host}{path}#f"),
        format!("HTTPS://{}{path}", host.to_uppercase()),
        format!("https://{host}:443{path}"),
        format!("https://{host}:{path}"),
        format!("https://{host}/x/..{path}"),
        format!("https://{host}{}", path.replace("rights", "%72ights")),
    ] {
        assert_eq!(code(uri.clone()), Ok(()), "{uri}");
    }
    for uri in [
        format!("http://{host}{path}"),
        format!("https://{host}:8443{path}"),
        format!("https://other.invalid{path}"),
        format!("https://{host}.{path}"),
        format!("https://{host}"),
        format!("https://{host}/"),
        format!("https://{host}{path}/"),
        format!("https://{host}/{path}"),
        format!("https://{host}{}", path.to_uppercase()),
        format!("https://{host}{}", path.replace("rights", "r%2Fights")),
        format!("https://user@{host}{path}"),
        path.to_owned(),
        format!("//{host}{path}"),
        "x".to_owned(),
    ] {
        assert_eq!(code(uri.clone()), Err("dpopUriMismatch"), "{uri}");
    }
    // Our own URI is held to the same rules; two that are none are not equal.
    let text = {
        let mut claims = payload();
        claims["htu"] = json!("nonsense");
        proof(Algorithm::Es256, &header(Algorithm::Es256), &claims)
    };
    let request = DpopRequest {
        method: METHOD,
        url: "nonsense",
        access_token: &bound_token(),
        now: at(NOW),
    };
    let error = DpopProof::parse(&text)
        .unwrap()
        .verify_locally(&request, |_| true);
    assert_eq!(error.unwrap_err(), DpopError::UriMismatch);
    // A query of the request is not looked at either.
    let url = format!("{URL}?page=2#f");
    let request = DpopRequest {
        url: &url,
        ..request
    };
    let proof = DpopProof::parse(&good()).unwrap();
    assert!(
        proof
            .verify_locally(&request, |nonce| nonce == NONCE)
            .is_ok()
    );
}

#[test]
fn check_10_the_nonce() {
    let without = changed(payload(), "/nonce", Value::Null);
    assert_eq!(payload_code(&without), "dpopNonceNeeded");
    for nonce in ["x", "A-nonce-of-ours", "a-nonce-of-ours ", "a-nonce-of-our"] {
        let mut claims = payload();
        claims["nonce"] = json!(nonce);
        assert_eq!(payload_code(&claims), "dpopNonceNeeded", "{nonce}");
    }
}

#[test]
fn check_11_the_window_of_time() {
    let text = good();
    let end = NOW + DPOP_PROOF_LIFETIME_SECONDS + MAX_CLOCK_SKEW_SECONDS;
    for now in [NOW - MAX_CLOCK_SKEW_SECONDS, NOW, end - 1] {
        assert_eq!(
            verdict_at(&text, now).unwrap().valid_until(),
            at(end),
            "{now}"
        );
    }
    for now in [end, end + 1, NOW + 1_000_000] {
        assert_eq!(
            verdict_at(&text, now).unwrap_err(),
            DpopError::Stale {
                at: at(NOW + DPOP_PROOF_LIFETIME_SECONDS),
                now: at(now)
            }
        );
    }
    for now in [NOW - MAX_CLOCK_SKEW_SECONDS - 1, 0] {
        assert_eq!(
            verdict_at(&text, now).unwrap_err(),
            DpopError::InFuture {
                at: at(NOW),
                now: at(now)
            }
        );
    }
    let with = |name: &str, value: u64| {
        let mut claims = payload();
        claims[name] = json!(value);
        proof(Algorithm::Es256, &header(Algorithm::Es256), &claims)
    };
    // `exp` and `nbf` are no claims of a proof, but they are obeyed.
    assert!(verdict(&with("exp", NOW + 5)).is_ok());
    assert_eq!(
        verdict(&with("exp", NOW - 10)).unwrap().valid_until(),
        at(NOW - 10 + MAX_CLOCK_SKEW_SECONDS)
    );
    assert_eq!(
        verdict(&with("exp", NOW + 9999)).unwrap().valid_until(),
        at(end)
    );
    let expired = with("exp", NOW - MAX_CLOCK_SKEW_SECONDS);
    assert_eq!(verdict(&expired).unwrap_err().code(), "dpopProofStale");
    assert!(verdict(&with("nbf", NOW + MAX_CLOCK_SKEW_SECONDS)).is_ok());
    let early = with("nbf", NOW + MAX_CLOCK_SKEW_SECONDS + 1);
    assert_eq!(verdict(&early).unwrap_err().code(), "dpopProofInFuture");
}

#[test]
fn check_12_the_hash_of_the_token() {
    let hash = encode(bound_token().sha256());
    let other = encode(access("other").sha256());
    for value in [
        other.clone(),
        format!("{hash}="),
        hash[..42].to_owned(),
        format!("{hash}A"),
        hash.to_lowercase(),
        bound_token().as_str()[..43].to_owned(),
        // In hexadecimal, as some write it.
        "ab".repeat(32),
    ] {
        let mut claims = payload();
        claims["ath"] = json!(value);
        assert_eq!(payload_code(&claims), "dpopTokenHashMismatch", "{value}");
    }
    // The whole proof, beside another token.
    let request = DpopRequest {
        method: METHOD,
        url: URL,
        access_token: &access("other"),
        now: at(NOW),
    };
    let proof = DpopProof::parse(&good()).unwrap();
    assert_eq!(
        proof.verify_locally(&request, |_| true).unwrap_err(),
        DpopError::TokenHashMismatch
    );
}

#[test]
fn a_proof_has_one_name_in_the_store() {
    let name = |algorithm, id: &str| {
        let mut claims = payload();
        claims["jti"] = json!(id);
        let text = proof(algorithm, &header(algorithm), &claims);
        verdict(&text).unwrap().replay_key()
    };
    let first = name(Algorithm::Es256, "a");
    assert_eq!(name(Algorithm::Es256, "a"), first, "whatever else it says");
    assert_ne!(name(Algorithm::Es256, "b"), first);
    assert_ne!(
        name(Algorithm::EdDsa, "a"),
        first,
        "a key names its own proofs"
    );
    let expected = {
        use sha2::{Digest, Sha256};
        let jkt = key(Algorithm::Es256).public_key().thumbprint();
        let input = [b"sluis dpop proof v1\0".as_slice(), &jkt, b"a"].concat();
        <[u8; 32]>::from(Sha256::digest(input))
    };
    assert_eq!(first, expected);
}

#[test]
fn nothing_of_a_proof_is_printed() {
    let text = good();
    let printed = format!(
        "{:?} {:?}",
        DpopProof::parse(&text).unwrap(),
        verdict(&text).unwrap()
    );
    for secret in [text.as_str(), "b1f0e6c2", "53480200724", NONCE] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
