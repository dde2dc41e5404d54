//! Checks 22, 23 and 25 of the token profile: whose token it is, and that it is used once.

use serde_json::json;
use sluis_token::sign::{ProofClaims, SigningKey};
use sluis_token::{
    AccessToken, Algorithm, AuthorizationScheme, BindingError, DpopProof, DpopRequest, Presented,
    UntrustedToken, VerifiedAccessToken, VerifiedDpopProof,
};

use crate::common::*;

const CERTIFICATE: [u8; 32] = [7; 32];

fn verified(claims: &serde_json::Value) -> (AccessToken, VerifiedAccessToken) {
    let token = token(key(Algorithm::EdDsa), claims);
    let verified = verify(&token).unwrap();
    (token, verified)
}

fn proof_for(key: &SigningKey, token: &AccessToken) -> VerifiedDpopProof {
    let url = "https://api.invalid/";
    let claims = ProofClaims {
        proof_id: "x",
        method: "GET",
        url,
        issued_at: at(NOW),
        access_token: Some(token),
        nonce: Some("n"),
    };
    let request = DpopRequest {
        method: "GET",
        url,
        access_token: token,
        now: at(NOW),
    };
    DpopProof::parse(&key.sign_dpop_proof(&claims).unwrap())
        .unwrap()
        .verify_locally(&request, |_| true)
        .unwrap()
}

fn holder_key() -> &'static SigningKey {
    key(Algorithm::Es256)
}

fn jkt() -> String {
    encode(holder_key().public_key().thumbprint())
}

fn bind(
    token: &VerifiedAccessToken,
    scheme: AuthorizationScheme,
    proof: Option<&VerifiedDpopProof>,
    certificate: Option<[u8; 32]>,
) -> Result<(), BindingError> {
    let presented = Presented {
        scheme,
        proof,
        certificate,
    };
    let bound = token.clone().bind(&presented)?;
    assert_eq!(bound.token_id(), token.token_id());
    assert!(!format!("{bound:?}").contains(token.token_id()));
    Ok(())
}

use AuthorizationScheme::{Bearer, Dpop};

#[test]
fn a_token_bound_to_nothing() {
    let (token, plain) = verified(&claims());
    let proof = proof_for(holder_key(), &token);
    assert_eq!(bind(&plain, Bearer, None, None), Ok(()));
    // What is not asked for is not looked at.
    assert_eq!(
        bind(&plain, Bearer, Some(&proof), Some(CERTIFICATE)),
        Ok(())
    );
    // RFC 9449 §7.1.
    for proof in [None, Some(&proof)] {
        let verdict = bind(&plain, Dpop, proof, None);
        assert_eq!(verdict, Err(BindingError::NotKeyBound));
    }
}

#[test]
fn check_22_a_token_bound_to_a_key() {
    let (token, bound) = verified(&with("/cnf", json!({"jkt": jkt()})));
    let proof = proof_for(holder_key(), &token);
    assert_eq!(bind(&bound, Dpop, Some(&proof), None), Ok(()));
    assert_eq!(bind(&bound, Dpop, Some(&proof), Some(CERTIFICATE)), Ok(()));
    assert_eq!(
        bind(&bound, Dpop, None, None),
        Err(BindingError::ProofMissing)
    );
    // RFC 9449 §7.2: not even with a good proof.
    for proof in [None, Some(&proof)] {
        let verdict = bind(&bound, Bearer, proof, Some(CERTIFICATE));
        assert_eq!(verdict, Err(BindingError::KeyBoundAsBearer));
    }
    // RFC 9449 §4.3, check 12, second half: another key, even of another kind.
    for algorithm in [Algorithm::EdDsa, Algorithm::Es384, Algorithm::Rs256] {
        let swapped = proof_for(key(algorithm), &token);
        let verdict = bind(&bound, Dpop, Some(&swapped), None);
        assert_eq!(verdict, Err(BindingError::KeyMismatch));
    }
    // A good proof by the same key, for another token of its.
    let (other, _) = verified(&with("/jti", json!("another")));
    let verdict = bind(&bound, Dpop, Some(&proof_for(holder_key(), &other)), None);
    assert_eq!(verdict, Err(BindingError::ProofForAnotherToken));
}

#[test]
fn check_23_a_token_bound_to_a_certificate() {
    let cnf = json!({"x5t#S256": encode(CERTIFICATE)});
    let (token, bound) = verified(&with("/cnf", cnf));
    assert_eq!(bind(&bound, Bearer, None, Some(CERTIFICATE)), Ok(()));
    assert_eq!(
        bind(&bound, Bearer, None, None),
        Err(BindingError::CertificateMissing)
    );
    for place in 0..32 {
        let mut other = CERTIFICATE;
        other[place] ^= 1;
        let verdict = bind(&bound, Bearer, None, Some(other));
        assert_eq!(verdict, Err(BindingError::CertificateMismatch), "{place}");
    }
    // A proof does not stand in for the certificate.
    let proof = proof_for(holder_key(), &token);
    let verdict = bind(&bound, Bearer, Some(&proof), None);
    assert_eq!(verdict, Err(BindingError::CertificateMissing));
    let verdict = bind(&bound, Dpop, Some(&proof), Some(CERTIFICATE));
    assert_eq!(verdict, Err(BindingError::NotKeyBound));
}

/// RFC 8705 §3.1: the shape of its example, with its very thumbprint.
#[test]
fn the_example_of_rfc_8705() {
    let thumbprint = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";
    // That thumbprint is not canonical base64url: the last character has stray bits.
    assert_eq!(
        refusal(&with("/cnf", json!({"x5t#S256": thumbprint}))),
        "memberMalformed"
    );
    let canonical = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0";
    let (_, bound) = verified(&with("/cnf", json!({"x5t#S256": canonical})));
    let digest = {
        use base64ct::{Base64UrlUnpadded, Encoding};
        Base64UrlUnpadded::decode_vec(canonical).unwrap()
    };
    let certificate = digest.try_into().unwrap();
    assert_eq!(bind(&bound, Bearer, None, Some(certificate)), Ok(()));
}

#[test]
fn a_token_bound_to_both_needs_both() {
    let cnf = json!({"jkt": jkt(), "x5t#S256": encode(CERTIFICATE)});
    let (token, bound) = verified(&with("/cnf", cnf));
    let proof = proof_for(holder_key(), &token);
    assert_eq!(bind(&bound, Dpop, Some(&proof), Some(CERTIFICATE)), Ok(()));
    for (scheme, proof, certificate, expected) in [
        (Dpop, Some(&proof), None, BindingError::CertificateMissing),
        (
            Dpop,
            Some(&proof),
            Some([0; 32]),
            BindingError::CertificateMismatch,
        ),
        (Dpop, None, Some(CERTIFICATE), BindingError::ProofMissing),
        (
            Bearer,
            Some(&proof),
            Some(CERTIFICATE),
            BindingError::KeyBoundAsBearer,
        ),
    ] {
        assert_eq!(bind(&bound, scheme, proof, certificate), Err(expected));
    }
}

/// What is not named is nobody's: it equals no thumbprint.
#[test]
fn a_confirmation_answers_for_what_it_names() {
    let key = holder_key().public_key().thumbprint();
    for (cnf, is_key, is_certificate) in [
        (json!({"jkt": jkt()}), true, false),
        (json!({"x5t#S256": encode(CERTIFICATE)}), false, true),
        (
            json!({"jkt": jkt(), "x5t#S256": encode(CERTIFICATE)}),
            true,
            true,
        ),
        // Crosswise, they are neither.
        (
            json!({"jkt": encode(CERTIFICATE), "x5t#S256": jkt()}),
            false,
            false,
        ),
    ] {
        let (_, bound) = verified(&with("/cnf", cnf.clone()));
        let confirmation = bound.confirmation().unwrap();
        assert_eq!(confirmation.is_key(&key), is_key, "{cnf}");
        assert_eq!(
            confirmation.is_certificate(&CERTIFICATE),
            is_certificate,
            "{cnf}"
        );
    }
}

/// The scheme is the request's: a token that was verified under one scheme and is
/// cached is not thereby good under the other.
#[test]
fn a_cached_token_has_no_scheme() {
    let text = key(Algorithm::EdDsa)
        .sign("at+jwt", &with("/cnf", json!({"jkt": jkt()})))
        .unwrap();
    let dpop = AccessToken::parse_as(Dpop, &text).unwrap();
    let mut cache = sluis_token::VerifiedTokenCache::new(10);
    let verified = UntrustedToken::parse(&dpop)
        .unwrap()
        .verify_locally(issuer(), AUDIENCE, at(NOW))
        .unwrap();
    cache.insert(&dpop, verified);
    let bearer = AccessToken::parse(&text).unwrap();
    let again = cache.get(&bearer).unwrap();
    let again = again.recheck(issuer(), AUDIENCE, at(NOW)).unwrap();
    assert_eq!(
        bind(&again, bearer.scheme(), None, None),
        Err(BindingError::KeyBoundAsBearer)
    );
}

#[test]
fn check_25_a_token_has_one_name_in_the_store() {
    use sha2::{Digest, Sha256};
    let (_, first) = verified(&claims());
    let mut input = b"sluis single use v1\0".to_vec();
    input.extend(u64::try_from(ISSUER.len()).unwrap().to_be_bytes());
    input.extend(ISSUER.as_bytes());
    input.extend(b"b5c7d6f0-2f4e-4a39-9d1c-0f2b7a0c9e11");
    assert_eq!(first.replay_key(), <[u8; 32]>::from(Sha256::digest(input)));
    // Another text, the same token.
    let (_, again) = verified(&with("/scope", json!("x")));
    assert_eq!(again.replay_key(), first.replay_key());
    let (_, other) = verified(&with("/jti", json!("other")));
    assert_ne!(other.replay_key(), first.replay_key());
}
