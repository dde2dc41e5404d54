//! Tokens bound to their senders: DPoP and client certificates (profile §22–23).

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use futures::future::join_all;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sluis_gate::memory::{LogFault, MemoryRequest, ReplayFault};
use sluis_gate::{NONCE_STEP_SECONDS, Platform as _};
use sluis_token::sign::SigningKey;
use sluis_token::{Algorithm, DPOP_PROOF_LIFETIME_SECONDS, MAX_CLOCK_SKEW_SECONDS};

use crate::support::{Bench, SSIN, body_of, header};

/// `[institution] url` of the simulation.
const PUBLIC: &str = "https://api.simulation.sluis.invalid";
const PATH: &str = "/pension/v1/rights/get";

fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// A client with a key.
struct Client {
    key: SigningKey,
}

impl Client {
    fn new() -> Self {
        Self::with(Algorithm::Es256)
    }

    fn with(algorithm: Algorithm) -> Self {
        Self {
            key: SigningKey::generate(algorithm).unwrap(),
        }
    }

    fn jkt(&self) -> String {
        base64url(&self.key.public_key().thumbprint())
    }

    fn token(&self, bench: &Bench) -> String {
        bench.mint(json!({"cnf": {"jkt": self.jkt()}}))
    }

    /// A good proof for a call of `PATH`, but for the changes.
    fn proof(&self, bench: &Bench, token: &str, nonce: &str, changes: &Value) -> String {
        let mut claims = json!({
            "jti": base64url(&random()), "htm": "POST", "htu": format!("{PUBLIC}{PATH}"),
            "iat": bench.platform.now_ms() / 1000, "ath": base64url(&Sha256::digest(token)),
            "nonce": nonce,
        });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        let header = format!(
            r#"{{"typ":"dpop+jwt","alg":"{}","jwk":{}}}"#,
            self.key.algorithm(),
            self.key.public_key().to_jwk_json()
        );
        let signed = self
            .key
            .sign_compact(header.as_bytes(), claims.to_string().as_bytes());
        signed.unwrap()
    }
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn call(token: &str, proof: &str) -> MemoryRequest {
    let proof = Some(proof).filter(|proof| !proof.is_empty());
    let request = MemoryRequest::new("POST", PATH)
        .header("authorization", &format!("DPoP {token}"))
        .header("content-type", "application/json")
        .body(&format!("{{\"ssin\":\"{SSIN}\"}}"));
    proof
        .into_iter()
        .fold(request, |request, proof| request.header("dpop", proof))
}

/// The nonce that the gate gives to who has none.
fn nonce(bench: &Bench, client: &Client) -> String {
    let token = client.token(bench);
    let proof = client.proof(bench, &token, "", &json!({"nonce": null}));
    let reply = bench.serve(call(&token, &proof));
    assert_eq!(reply.status, 401, "{}", body_of(&reply));
    assert!(challenge_of(&reply).contains("error=\"use_dpop_nonce\""));
    header(&reply, "dpop-nonce").unwrap().to_owned()
}

fn challenge_of<B>(reply: &sluis_gate::Reply<B>) -> String {
    header(reply, "www-authenticate").unwrap().to_owned()
}

/// The reason of the last entry.
fn last_reason(bench: &Bench) -> String {
    let events = bench.events();
    let event = events.last().unwrap();
    event["data"]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_proof_by_the_tokens_key_lets_it_pass_with_every_algorithm() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384] {
        let (bench, client) = (Bench::new(), Client::with(algorithm));
        let nonce = nonce(&bench, &client);
        let token = client.token(&bench);
        for _ in 0..2 {
            let proof = client.proof(&bench, &token, &nonce, &json!({}));
            let reply = bench.serve(call(&token, &proof));
            assert_eq!(reply.status, 200, "{algorithm}: {}", body_of(&reply));
            assert_eq!(header(&reply, "dpop-nonce"), None);
        }
        let forwarded = bench.platform.forwarded();
        assert_eq!(forwarded.len(), 2);
        assert!(!forwarded[0].headers.contains_key("dpop"));
    }
}

#[test]
fn each_part_of_a_proof_is_checked_and_each_refusal_recorded() {
    let (bench, client, thief) = (Bench::new(), Client::new(), Client::new());
    let nonce = nonce(&bench, &client);
    let token = client.token(&bench);
    let other = bench.mint(json!({"cnf": {"jkt": client.jkt()}, "jti": "another"}));
    let now = bench.platform.now_ms() / 1000;
    let by = |client: &Client, changes: Value| client.proof(&bench, &token, &nonce, &changes);
    let good = by(&client, json!({}));
    let good_of_thief = by(&thief, json!({}));
    let own = |changes| by(&client, changes);
    let invalid_proof = [
        ("", "dpopProofMissing"),
        ("a.b.c", "dpopProofMalformed"),
        (&format!("{good}, {good}"), "dpopProofRepeated"),
        (&format!("{good}{}", "A".repeat(4096)), "dpopProofTooLarge"),
        (&own(json!({"htm": "GET"})), "dpopMethodMismatch"),
        (&own(json!({"htm": "post"})), "dpopMethodMismatch"),
        (
            &own(json!({"htu": format!("{PUBLIC}/pension/v1/rights")})),
            "dpopUriMismatch",
        ),
        (
            &own(json!({"htu": format!("https://gate.invalid{PATH}")})),
            "dpopUriMismatch",
        ),
        (
            &own(json!({"iat": now - DPOP_PROOF_LIFETIME_SECONDS - MAX_CLOCK_SKEW_SECONDS})),
            "dpopProofStale",
        ),
        (
            &own(json!({"iat": now + MAX_CLOCK_SKEW_SECONDS + 1})),
            "dpopProofInFuture",
        ),
        (&own(json!({"ath": null})), "dpopClaimInvalid"),
        (
            &own(json!({"ath": base64url(&Sha256::digest(&other))})),
            "dpopTokenHashMismatch",
        ),
        (&own(json!({"jti": null})), "dpopClaimInvalid"),
    ];
    let mut entries = bench.platform.entries().len();
    let mut refused = |request: MemoryRequest, code: &str, reason: &str| {
        let reply = bench.serve(request);
        assert_eq!(reply.status, 401, "{reason}");
        assert!(body_of(&reply).contains("invalidAccessToken"), "{reason}");
        let challenge = challenge_of(&reply);
        let expected = format!("DPoP realm=\"sluis-simulation\", error=\"{code}\"");
        assert!(challenge.starts_with(&expected), "{reason}: {challenge}");
        assert!(
            challenge.ends_with("algs=\"EdDSA ES256 ES384 PS256 RS256\""),
            "{challenge}"
        );
        assert_eq!(last_reason(&bench), reason);
        entries += 1;
        assert_eq!(bench.platform.entries().len(), entries, "{reason}");
    };
    for (proof, reason) in invalid_proof {
        refused(call(&token, proof), "invalid_dpop_proof", reason);
    }
    refused(
        call(&token, &by(&thief, json!({}))),
        "invalid_token",
        "dpopKeyMismatch",
    );
    // Whose key is not the token's is not even asked whether it signed.
    let (signed, _) = good_of_thief.rsplit_once('.').unwrap();
    let (_, signature) = good.rsplit_once('.').unwrap();
    refused(
        call(&token, &format!("{signed}.{signature}")),
        "invalid_token",
        "dpopKeyMismatch",
    );
    let plain = bench.mint(json!({}));
    refused(call(&plain, &good), "invalid_token", "tokenNotKeyBound");
    for bad in [Value::Null, json!("A"), json!("bm9uY2U")] {
        let proof = own(json!({"nonce": bad}));
        refused(call(&token, &proof), "use_dpop_nonce", "dpopNonceNeeded");
    }
    // No proof that was refused is used up, and the good one is still good.
    assert!(bench.platform.used().is_empty());
    assert_eq!(bench.serve(call(&token, &good)).status, 200);
    assert_eq!(bench.platform.forwarded().len(), 1);
}

#[test]
fn a_bound_token_is_no_bearer_token() {
    let (bench, client) = (Bench::new(), Client::new());
    let nonce = nonce(&bench, &client);
    let token = client.token(&bench);
    let proof = client.proof(&bench, &token, &nonce, &json!({}));
    // Once as such, so that it is in the cache.
    assert_eq!(bench.serve(call(&token, &proof)).status, 200);
    let proof = client.proof(&bench, &token, &nonce, &json!({}));
    for request in [
        bench.request(&token),
        bench.request(&token).header("dpop", &proof),
    ] {
        let reply = bench.serve(request);
        assert_eq!(reply.status, 401);
        let challenge = challenge_of(&reply);
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(challenge.contains("invalid_token"), "{challenge}");
        assert_eq!(last_reason(&bench), "keyBoundTokenAsBearer");
    }
    assert_eq!(bench.platform.forwarded().len(), 1);
}

#[test]
fn a_nonce_is_given_in_shadow_too_or_no_proof_would_ever_hold() {
    let bench = Bench::enforcing("verdict = \"shadow\"");
    let client = Client::new();
    let token = client.token(&bench);
    let send = |proof: &str| {
        let length = format!("{{\"ssin\":\"{SSIN}\"}}").len().to_string();
        bench.serve(call(&token, proof).header("content-length", &length))
    };
    let first = send(&client.proof(&bench, &token, "", &json!({"nonce": null})));
    assert_eq!(first.status, 200);
    assert_eq!(last_decision(&bench)["reason"], "dpopNonceNeeded");
    let nonce = header(&first, "dpop-nonce").unwrap();
    assert_eq!(
        send(&client.proof(&bench, &token, nonce, &json!({}))).status,
        200
    );
    assert_eq!(last_decision(&bench)["decision"], "granted");
    // And through a proxy that asks.
    let target = format!("/pension/v1/persons/{SSIN}/rights");
    let ask = |proven: &str| {
        let changes = json!({"nonce": null, "htm": "GET", "htu": format!("{PUBLIC}{proven}")});
        let asked = MemoryRequest::new("GET", "/decide")
            .header("authorization", &format!("DPoP {token}"))
            .header("dpop", &client.proof(&bench, &token, "", &changes))
            .header("x-original-method", "GET")
            .header("x-original-uri", &target);
        bench.serve(asked)
    };
    let lacking = ask(&target);
    assert_eq!(header(&lacking, "sluis-enforcement"), Some("shadow"));
    assert!(header(&lacking, "dpop-nonce").is_some());
    // A proof for another address does not only lack a nonce.
    let wrong = ask("/elsewhere");
    assert_eq!(header(&wrong, "sluis-enforcement"), Some("shadow"));
    assert_eq!(header(&wrong, "dpop-nonce"), None);
}

fn last_decision(bench: &Bench) -> Value {
    let events = bench.events().into_iter().rev();
    let mut decisions = events.filter(|event| event["data"].get("decision").is_some());
    decisions.next().unwrap()["data"].clone()
}

#[test]
fn a_proof_is_good_once() {
    let (bench, client) = (Bench::new(), Client::new());
    let nonce = nonce(&bench, &client);
    let token = client.token(&bench);
    let proof = client.proof(&bench, &token, &nonce, &json!({"jti": "the one"}));
    let many = (0..50).map(|_| bench.gate.serve(&bench.platform, call(&token, &proof)));
    let replies = pollster::block_on(join_all(many));
    // It is remembered for as long as it could pass otherwise.
    let ends = bench.platform.now_ms() / 1000 + DPOP_PROOF_LIFETIME_SECONDS;
    let used = bench.platform.used();
    let until: Vec<u64> = used.values().map(|until| until.as_seconds()).collect();
    assert_eq!(until, [ends + MAX_CLOCK_SKEW_SECONDS]);
    let passed = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(passed, 1);
    let refused = replies.iter().find(|reply| reply.status == 401).unwrap();
    assert!(challenge_of(refused).contains("error=\"invalid_dpop_proof\""));
    bench.run_deferred();
    // Another proof with that id is the same one, for this client; not for another.
    let earlier = bench.platform.now_ms() / 1000 - 1;
    let changes = json!({"jti": "the one", "iat": earlier});
    let again = client.proof(&bench, &token, &nonce, &changes);
    assert_ne!(again, proof);
    assert_eq!(bench.serve(call(&token, &again)).status, 401);
    assert_eq!(last_reason(&bench), "dpopProofReplayed");
    let other = Client::new();
    let token = other.token(&bench);
    let proof = other.proof(&bench, &token, &nonce, &json!({"jti": "the one"}));
    assert_eq!(bench.serve(call(&token, &proof)).status, 200);
}

#[test]
fn without_the_memory_of_proofs_nothing_passes() {
    for fault in [ReplayFault::Down, ReplayFault::Slow] {
        let (bench, client) = (Bench::new(), Client::new());
        let nonce = nonce(&bench, &client);
        let token = client.token(&bench);
        bench.platform.break_replay(fault);
        let proof = client.proof(&bench, &token, &nonce, &json!({}));
        let reply = bench.serve(call(&token, &proof));
        assert_eq!(reply.status, 503, "{fault:?}");
        assert_eq!(last_reason(&bench), "replayUnavailable");
        assert!(bench.platform.forwarded().is_empty());
        // A token that needs no memory passes all the same.
        assert_eq!(
            bench.serve(bench.request(&bench.mint(json!({})))).status,
            200
        );
    }
}

#[test]
fn a_refusal_that_cannot_be_recorded_is_503() {
    let (bench, client) = (Bench::new(), Client::new());
    let token = client.token(&bench);
    bench.platform.break_log(LogFault::Unavailable);
    assert_eq!(bench.serve(call(&token, "")).status, 503);
}

#[test]
fn a_nonce_is_renewed_before_it_ends_and_refused_after() {
    let (bench, client) = (Bench::new(), Client::new());
    let first = nonce(&bench, &client);
    let step_ms = NONCE_STEP_SECONDS * 1000;
    bench.platform.advance_ms(step_ms);
    let token = client.token(&bench);
    let proof = client.proof(&bench, &token, &first, &json!({}));
    let reply = bench.serve(call(&token, &proof));
    assert_eq!(reply.status, 200);
    let second = header(&reply, "dpop-nonce").unwrap();
    assert_ne!(second, first);
    let proof = client.proof(&bench, &token, second, &json!({}));
    let reply = bench.serve(call(&token, &proof));
    assert_eq!((reply.status, header(&reply, "dpop-nonce")), (200, None));
    bench.platform.advance_ms(step_ms);
    let proof = client.proof(&bench, &token, &first, &json!({}));
    let reply = bench.serve(call(&token, &proof));
    assert_eq!(reply.status, 401);
    assert!(header(&reply, "dpop-nonce").is_some());
}

#[test]
fn other_refusals_speak_the_scheme_of_the_request_and_bring_no_nonce() {
    let (bench, client) = (Bench::new(), Client::new());
    for token in [
        "a.b.c",
        &bench.mint(json!({"aud": "https://other.invalid", "cnf": {"jkt": client.jkt()}})),
    ] {
        let reply = bench.serve(call(token, "a.b.c"));
        assert_eq!(reply.status, 401);
        assert!(
            challenge_of(&reply)
                .starts_with("DPoP realm=\"sluis-simulation\", error=\"invalid_token\"")
        );
        assert_eq!(header(&reply, "dpop-nonce"), None);
    }
    let nothing = bench.serve(MemoryRequest::new("POST", PATH));
    assert_eq!(
        header(&nothing, "www-authenticate"),
        Some("Bearer realm=\"sluis-simulation\"")
    );
}

#[test]
fn a_proof_is_for_the_original_request_where_a_proxy_asks() {
    let (bench, client) = (Bench::new(), Client::new());
    let nonce = nonce(&bench, &client);
    let token = client.token(&bench);
    let target = format!("/pension/v1/persons/{SSIN}/rights");
    let ask = |uri: &str, proof: &str| {
        MemoryRequest::new("GET", "/decide")
            .header("authorization", &format!("DPoP {token}"))
            .header("dpop", proof)
            .header("x-original-method", "GET")
            .header("x-original-uri", uri)
    };
    let proof = |path: &str| {
        let changes = json!({"htm": "GET", "htu": format!("{PUBLIC}{path}")});
        client.proof(&bench, &token, &nonce, &changes)
    };
    // With a query in the request; `htu` has none (RFC 9449 §4.2).
    let reply = bench.serve(ask(&format!("{target}?lang=nl"), &proof(&target)));
    assert_eq!(reply.status, 200, "{}", body_of(&reply));
    assert_eq!(bench.serve(ask(&target, &proof("/decide"))).status, 401);
    // The nonce reaches the proxy's client through the proxy.
    bench.platform.advance_ms(NONCE_STEP_SECONDS * 1000);
    let reply = bench.serve(ask(&target, &proof(&target)));
    assert_eq!(reply.status, 200);
    assert!(header(&reply, "dpop-nonce").is_some());
}

/// A certificate, as far as the gate looks at it.
const DER: &[u8] = b"the DER of a certificate";

fn field_of(der: &[u8]) -> String {
    format!(":{}:", Base64::encode_string(der))
}

fn certified(bench: &Bench) -> String {
    bench.mint(json!({"cnf": {"x5t#S256": base64url(&Sha256::digest(DER))}}))
}

fn base16(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[test]
fn in_line_the_platforms_word_counts_and_no_header() {
    let bench = Bench::new();
    let token = certified(&bench);
    let sha256 = Sha256::digest(DER).into();
    let certificate = bench.request(&token).certificate(sha256);
    assert_eq!(bench.serve(certificate).status, 200);
    let other = bench.request(&token).certificate([0; 32]);
    assert_eq!(bench.serve(other).status, 401);
    assert_eq!(last_reason(&bench), "clientCertificateMismatch");
    let hex = base16(&sha256);
    let mut request = bench.request(&token);
    for (name, value) in [
        ("client-cert", field_of(DER)),
        ("client-cert-chain", field_of(DER)),
        ("x-client-cert", field_of(DER)),
        ("x-ssl-client-cert", field_of(DER)),
        ("x-forwarded-client-cert", format!("Hash={hex}")),
        ("cf-client-cert-sha256", hex.clone()),
    ] {
        request = request.header(name, &value);
        let reply = bench.serve(request.clone());
        assert_eq!(reply.status, 401, "{name}");
        assert_eq!(last_reason(&bench), "clientCertificateMissing");
    }
    // And none of them reaches the backend beside a certificate that is good.
    assert_eq!(bench.serve(request.certificate(sha256)).status, 200);
    let forwarded = bench.platform.forwarded();
    let seen = &forwarded.last().unwrap().headers;
    assert!(seen.keys().all(|name| !name.contains("cert")), "{seen:?}");
}

#[test]
fn asked_by_a_proxy_its_field_counts_if_the_configuration_says_so() {
    let ask = |token: &str| {
        MemoryRequest::new("GET", "/decide")
            .header("authorization", &format!("Bearer {token}"))
            .header("x-original-method", "GET")
            .header(
                "x-original-uri",
                &format!("/pension/v1/persons/{SSIN}/rights"),
            )
    };
    let trusting = Bench::in_mode("decision");
    let token = certified(&trusting);
    let status = |bench: &Bench, request| bench.serve(request).status;
    assert_eq!(
        status(&trusting, ask(&token).header("client-cert", &field_of(DER))),
        200
    );
    for other in [field_of(b"other"), String::new(), "::".to_owned()] {
        let request = ask(&token).header("client-cert", &other);
        assert_eq!(status(&trusting, request), 401, "{other}");
    }
    // Two fields: the client's and the proxy's, and nobody knows which is which.
    let twice = ask(&token).header("client-cert", &field_of(DER));
    let twice = twice.header("client-cert", &field_of(DER));
    assert_eq!(status(&trusting, twice), 401);
    // The certificate of the connection is the proxy's own.
    let proxys = ask(&token).certificate(Sha256::digest(DER).into());
    assert_eq!(status(&trusting, proxys), 401);
    let wary = Bench::changed(&[(
        "trust_client_cert_field = true",
        "trust_client_cert_field = false",
    )]);
    let token = certified(&wary);
    assert_eq!(
        status(&wary, ask(&token).header("client-cert", &field_of(DER))),
        401
    );
}

#[test]
fn a_token_bound_to_a_key_and_a_certificate_needs_both() {
    let (bench, client) = (Bench::new(), Client::new());
    let nonce = nonce(&bench, &client);
    let sha256: [u8; 32] = Sha256::digest(DER).into();
    let token = bench.mint(json!({"cnf": {"jkt": client.jkt(), "x5t#S256": base64url(&sha256)}}));
    let proof = client.proof(&bench, &token, &nonce, &json!({}));
    assert_eq!(bench.serve(call(&token, &proof)).status, 401);
    assert_eq!(last_reason(&bench), "clientCertificateMissing");
    assert_eq!(
        bench
            .serve(bench.request(&token).certificate(sha256))
            .status,
        401
    );
    assert_eq!(last_reason(&bench), "keyBoundTokenAsBearer");
    // The proof was not used up by a request that failed for the certificate.
    assert_eq!(
        bench.serve(call(&token, &proof).certificate(sha256)).status,
        200
    );
}
