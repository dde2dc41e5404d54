//! No bytes make a parser panic, or pass for what they are not. What stands behind a
//! signature is reached with signatures of our own.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use sluis_token::sign::SigningKey;
use sluis_token::{
    AccessToken, Algorithm, BearerRequest, DpopProof, DpopRequest, JwkSet, KeyRules,
    UntrustedStatusList, UntrustedToken, text_at_pointer,
};

use crate::common::*;
use crate::dpop::{METHOD, NONCE, URL, bound_token, header};

/// Bytes that look like JSON often enough to get somewhere.
fn jsonish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(":"),
        Just(","),
        Just("\""),
        Just("\\u0061"),
        Just("\\"),
        Just("null"),
        Just("-1"),
        Just("1e9"),
        Just("0.5"),
        Just("18446744073709551616"),
        Just("\"typ\":\"dpop+jwt\""),
        Just("\"typ\":\"at+jwt\""),
        Just("\"alg\":\"ES256\""),
        Just("\"jwk\":{\"kty\":\"EC\"}"),
        Just("\"kid\":\"k\""),
        Just("\"status_list\":{\"bits\":1,\"lst\":\"eNrbuRgAAhcBXQ\"}"),
        Just("\u{feff}"),
        Just("\u{0}"),
        Just("é"),
    ];
    prop_oneof![
        vec(any::<u8>(), 0..64),
        vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes()),
    ]
}

/// Text with dots that looks like a JWS often enough.
fn jwsish() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[A-Za-z0-9._=,~+/ -]{0,80}",
        (jsonish(), jsonish(), vec(any::<u8>(), 0..70)).prop_map(|(header, payload, signature)| {
            format!(
                "{}.{}.{}",
                encode(header),
                encode(payload),
                encode(signature)
            )
        }),
    ]
}

/// A good document with a member replaced by any other value.
fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<u64>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        any::<String>().prop_map(|value| json!(value)),
        "[A-Za-z0-9_-]{0,64}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| json!(values)),
            vec(("[a-z#5S26]{1,4}", inner), 0..4)
                .prop_map(|members| { serde_json::Value::Object(members.into_iter().collect()) }),
        ]
    })
}

fn signer() -> &'static SigningKey {
    key(Algorithm::EdDsa)
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in jwsish()) {
        for authorization in [text.clone(), format!("Bearer {text}"), format!("DPoP {text}")] {
            let _ = BearerRequest {
                authorization: Some(&authorization),
                query: Some(&text),
                content_type: Some(&text),
            }.parse();
        }
        if let Ok(token) = AccessToken::parse(&text) {
            // No such text is signed.
            if let Ok(untrusted) = UntrustedToken::parse(&token) {
                prop_assert!(untrusted.verify_locally(issuer(), AUDIENCE, at(NOW)).is_err());
            }
        }
        if let Ok(proof) = DpopProof::parse(&text) {
            let request = DpopRequest { method: METHOD, url: &text, access_token: &bound_token(), now: at(NOW) };
            prop_assert!(proof.verify_locally(&request, |_| true).is_err());
        }
    }

    #[test]
    fn no_bytes_make_a_document_panic(bytes in jsonish(), pointer in "(/[a-z~01]{0,3}){0,3}") {
        let _ = JwkSet::parse(&bytes, &KeyRules::default());
        let _ = text_at_pointer(&bytes, &pointer);
        if let Ok(list) = UntrustedStatusList::parse(&bytes) {
            prop_assert!(list.verify_locally(issuer(), URL, at(NOW)).is_err());
        }
    }

    /// A well-signed proof with anything in place of one claim: accepted only if it is
    /// the very value that it must be, or a claim in which many values are good.
    #[test]
    fn signed_proofs_with_any_claim(
        member in prop::sample::select(vec!["jti", "htm", "htu", "iat", "nonce", "ath", "exp", "nbf"]),
        value in values(),
    ) {
        let mut payload = json!({
            "jti": "x", "htm": METHOD, "htu": URL, "iat": NOW, "nonce": NONCE,
            "ath": encode(bound_token().sha256()),
        });
        payload[member] = value.clone();
        let text = signer()
            .sign_compact(header(Algorithm::EdDsa).to_string().as_bytes(), payload.to_string().as_bytes())
            .unwrap();
        let request = DpopRequest { method: METHOD, url: URL, access_token: &bound_token(), now: at(NOW) };
        let accepted = DpopProof::parse(&text)
            .and_then(|proof| proof.verify_locally(&request, |nonce| nonce == NONCE))
            .is_ok();
        let may_pass = match member {
            "jti" => value.as_str().is_some_and(|text| (1..=128).contains(&text.len())),
            "exp" => value.as_u64().is_some_and(|at| at > NOW - 60),
            "nbf" => value.as_u64().is_some_and(|at| at <= NOW + 60),
            _ => false,
        };
        prop_assert!(!accepted || may_pass, "{member} {value}");
    }

    #[test]
    fn signed_tokens_with_any_confirmation(value in values()) {
        let mut claims = claims();
        claims["cnf"] = value;
        if let Ok(verified) = verify_claims(&claims) {
            let confirmation = verified.confirmation().unwrap();
            prop_assert!(confirmation.names_key() || confirmation.names_certificate());
        }
    }

    #[test]
    fn signed_lists_with_anything_in_them(
        list in values(),
        stream in vec(any::<u8>(), 0..200),
        bits in 0..10_u8,
        index: u64,
    ) {
        let uri = "https://status.invalid/1";
        for list in [
            list,
            json!({"bits": bits, "lst": encode(&stream)}),
            json!({"bits": bits, "lst": encode(miniz_oxide::deflate::compress_to_vec_zlib(&stream, 1))}),
        ] {
            let payload = json!({"sub": uri, "iat": NOW, "status_list": list});
            let text = signer().sign("statuslist+jwt", &payload).unwrap();
            let Ok(parsed) = UntrustedStatusList::parse(text.as_bytes()) else {
                continue;
            };
            let Ok(list) = parsed.verify_locally(issuer(), uri, at(NOW)) else {
                continue;
            };
            prop_assert!(matches!(bits, 1 | 2 | 4 | 8) || payload["status_list"]["bits"] != json!(bits));
            for index in [index, index % 4096, list.entries(), list.entries().wrapping_sub(1)] {
                prop_assert_eq!(list.status(index, at(NOW)).is_ok(), index < list.entries());
            }
        }
    }
}
