//! On good tokens our parser says what jwt-compact's says. On bad ones ours is the stricter.

use jwt_compact::UntrustedToken as Peer;
use serde_json::{Value, json};
use sluis_token::{Algorithm, UntrustedToken};

use crate::common::*;

#[test]
fn both_read_the_same() {
    let mut payloads = vec![
        claims(),
        with("/aud", json!([AUDIENCE, "https://other.invalid"])),
        with("/jti", json!("\u{e9}\u{1f600}\n\"")),
        with("/scope", json!({"nested": [1, -2, 3.5, null, true]})),
    ];
    payloads.push(with_mandate("/usage", json!("singleUse")));
    for algorithm in Algorithm::ALL {
        for payload in &payloads {
            let token = token(key(algorithm), payload);
            let peer = Peer::new(token.as_str()).unwrap();
            let ours = UntrustedToken::parse(&token).unwrap();
            assert_eq!(peer.algorithm(), ours.algorithm().as_str());
            assert_eq!(
                peer.header().key_id.as_deref(),
                Some(ours.key_id().as_str())
            );
            assert_eq!(peer.header().token_type.as_deref(), Some("at+jwt"));

            let peer_claims = peer.deserialize_claims_unchecked::<Value>().unwrap();
            assert_eq!(peer_claims.custom["iss"], ours.issuer());
            let ours = ours
                .verify_locally(&keys_of(&[algorithm]), AUDIENCE, at(NOW))
                .unwrap();
            assert_eq!(peer_claims.custom["sub"], ours.subject().to_base64url());
            assert_eq!(peer_claims.custom["jti"], ours.token_id());
            assert_eq!(peer_claims.custom["client_id"], ours.client_id());
            let seconds = |time: u64| i64::try_from(time).unwrap();
            assert_eq!(
                peer_claims.expiration.unwrap().timestamp(),
                seconds(ours.expires_at().as_seconds())
            );
            assert_eq!(
                peer_claims.issued_at.unwrap().timestamp(),
                seconds(ours.issued_at().as_seconds())
            );
            let mandate = &peer_claims.custom["authorization_details"][0];
            assert_eq!(mandate["mandateId"], ours.mandate().id());
            assert_eq!(
                mandate["validUntil"],
                ours.mandate().valid_until().as_seconds()
            );
        }
    }
}

#[test]
fn ours_is_never_the_looser() {
    let good = token(key(Algorithm::EdDsa), &claims());
    let text = good.as_str();
    for position in 0..text.len() {
        for replacement in ["", ".", "A", "_", "="] {
            let mut changed = text.to_owned();
            changed.replace_range(position..=position, replacement);
            let Ok(token) = sluis_token::AccessToken::parse(&changed) else {
                continue;
            };
            if UntrustedToken::parse(&token).is_ok() {
                assert!(
                    Peer::new(token.as_str()).is_ok(),
                    "{position} {replacement:?}"
                );
            }
        }
    }
}
