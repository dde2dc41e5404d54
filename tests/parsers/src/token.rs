//! Tokens, proofs, status lists and keys: all that the token crate reads.

use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use sluis_token::sign::SigningKey;
use sluis_token::{
    AccessToken, Algorithm, BearerRequest, CompactJws, DpopProof, DpopRequest, IssuerKeys,
    IssuerRules, Jwk, JwkSet, KeyRules, MAX_DPOP_PROOF_BYTES, MAX_JWKS_BYTES,
    MAX_STATUS_LIST_BYTES, MAX_TOKEN_BYTES, SignatureError, SignatureVerifier, UnixTime,
    UntrustedStatusList, UntrustedToken,
};

use crate::Parser;

const ISSUER: &str = "https://vs.example";
const AUDIENCE: &str = "https://api.example";
const LIST_URI: &str = "https://vs.example/status/1";
const NOW: u64 = 1_770_000_000;

pub(crate) const BEARER_REQUEST: Parser = Parser {
    name: "bearer_request",
    run: bearer_request,
    longest: 2 * MAX_TOKEN_BYTES,
    base: 20_000,
    per_byte: 400,
};
pub(crate) const COMPACT_TOKEN: Parser = Parser {
    name: "compact_token",
    run: compact_token,
    longest: MAX_TOKEN_BYTES,
    base: 100_000,
    per_byte: 300,
};
pub(crate) const DPOP_PROOF: Parser = Parser {
    name: "dpop_proof",
    run: dpop_proof,
    longest: MAX_DPOP_PROOF_BYTES,
    base: 500_000,
    per_byte: 300,
};
pub(crate) const STATUS_LIST: Parser = Parser {
    name: "status_list",
    run: status_list,
    longest: MAX_STATUS_LIST_BYTES,
    base: 100_000_000,
    per_byte: 300,
};
pub(crate) const JWK_SET: Parser = Parser {
    name: "jwk_set",
    run: jwk_set,
    longest: MAX_JWKS_BYTES,
    base: 1_000_000,
    per_byte: 3_000,
};
pub(crate) const PRIVATE_JWK: Parser = Parser {
    name: "private_jwk",
    run: private_jwk,
    longest: 8 * 1024,
    base: 20_000_000,
    per_byte: 500,
};

/// A verifier that believes everything.
struct AnySignature;

impl SignatureVerifier for AnySignature {
    async fn verify(&self, _: &Jwk, _: &CompactJws<'_>) -> Result<(), SignatureError> {
        Ok(())
    }
}

/// What the future of a verifier that never waits says.
fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The issuer: one Ed25519 key called `k`.
fn issuer() -> Option<&'static IssuerKeys> {
    static KEYS: OnceLock<Option<IssuerKeys>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let set = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let set = JwkSet::parse(set, &KeyRules::default()).ok()?;
        let rules = IssuerRules::new(ISSUER, &Algorithm::ALL, 300, 30).ok()?;
        Some(IssuerKeys::new(rules, set))
    })
    .as_ref()
}

/// Lines: `Authorization`, query, `Content-Type`; a missing one is a missing field.
fn bearer_request(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let request = BearerRequest {
        authorization: lines.next(),
        query: lines.next(),
        content_type: lines.next(),
    };
    if let Ok(token) = request.parse() {
        let text = token.as_str();
        assert!(!text.is_empty() && text.len() <= MAX_TOKEN_BYTES);
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',')
        );
    }
}

fn compact_token(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(token) = AccessToken::parse(&text) else {
        return;
    };
    let Ok(untrusted) = UntrustedToken::parse(&token) else {
        return;
    };
    let (Some(keys), Some(now)) = (issuer(), UnixTime::from_seconds(NOW)) else {
        return;
    };
    let Some(Ok(verified)) = ready(untrusted.verify(keys, AUDIENCE, &AnySignature, now)) else {
        return;
    };
    assert_eq!(verified.issuer(), ISSUER);
    assert!(!verified.token_id().is_empty());
}

/// Lines: the proof, and the token beside it.
fn dpop_proof(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (proof, token) = text.split_once('\n').unwrap_or((&text, "a.b.c"));
    let (Ok(proof), Ok(access_token)) = (DpopProof::parse(proof), AccessToken::parse(token)) else {
        return;
    };
    let Some(now) = UnixTime::from_seconds(NOW) else {
        return;
    };
    let thumbprint = proof.key_thumbprint();
    let request = DpopRequest {
        method: "GET",
        url: "https://api.example/pensions",
        access_token: &access_token,
        now,
    };
    if let Some(Ok(verified)) = ready(proof.verify(&AnySignature, &request, |_| true)) {
        assert_eq!(verified.key_thumbprint(), thumbprint);
        assert!(verified.valid_until() >= now);
    }
}

fn status_list(input: &[u8]) {
    let (Ok(list), Some(keys), Some(now)) = (
        UntrustedStatusList::parse(input),
        issuer(),
        UnixTime::from_seconds(NOW),
    ) else {
        return;
    };
    let Some(Ok(list)) = ready(list.verify(keys, LIST_URI, &AnySignature, now)) else {
        return;
    };
    assert!(list.inflated_bytes() <= sluis_token::MAX_STATUS_LIST_INFLATED_BYTES);
    let entries = list.entries();
    assert!(list.status(entries, now).is_err());
    if let Some(last) = entries.checked_sub(1) {
        assert!(list.status(last, now).is_ok() || list.status(0, now).is_err());
    }
}

fn jwk_set(input: &[u8]) {
    let Ok(rules) = KeyRules::new([], [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Ps256])
    else {
        return;
    };
    let Ok(set) = JwkSet::parse(input, &rules) else {
        return;
    };
    for key in set.iter() {
        assert_eq!(
            set.get(key.key_id()).map(Jwk::thumbprint),
            Some(key.thumbprint())
        );
        assert!(key.public_key().signature_bytes() >= 64);
    }
}

fn private_jwk(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // An RSA key is checked by arithmetic that takes seconds under a fuzzer, and
    // whoever offers one is the operator.
    if text.contains("RSA") {
        return;
    }
    if let Ok(key) = SigningKey::from_jwk_json(&text) {
        let public = serde_json::from_str::<serde_json::Value>(&key.public_jwk_json());
        assert!(
            public.is_ok_and(|public| public.get("kid").is_some() && public.get("d").is_none())
        );
    }
}
