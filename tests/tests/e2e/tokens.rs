//! Tokens: good ones of every algorithm, and every kind of bad one (token profile §2–21).

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sluis_tests::backend::ALLOWED;
use sluis_tests::issuer::{ALGORITHMS, AUDIENCE, SSIN, now, raw_token, set, sign, unset};
use sluis_tests::world::{BACKEND_PREFIX, World};
use sluis_token::Algorithm;
use sluis_token::sign::SigningKey;

use crate::Case;
use crate::passing::expect_asserted;
use crate::problems::{EXPIRED_ACCESS_TOKEN, INVALID_ACCESS_TOKEN, expect};
use crate::requests::{expect_unseen, rights};

pub(crate) const CASES: &[Case] = &[
    Case::new("a_good_token_of_each_algorithm_passes", each_algorithm),
    Case::new("a_good_token_passes_again", again),
    Case::new("a_forged_token_is_refused", forged),
    Case::new("an_expired_token_is_refused_and_recorded", expired),
    Case::new(
        "every_unacceptable_token_gets_one_and_the_same_answer",
        unacceptable,
    ),
    Case::new("a_wrong_header_gets_that_answer_too", wrong_headers),
];

fn each_algorithm(world: &mut World) -> Result<()> {
    for algorithm in ALGORITHMS {
        let index = world.log_size()?;
        let claims = world.pension_claims()?;
        let token = world.token(algorithm, &claims)?;
        let response = world.send(&rights().bearer(&token))?;
        let name = algorithm.as_str();
        ensure!(
            response.status == 200,
            "{name}: {}: {}",
            response.status,
            response.text()
        );
        ensure!(response.text() == ALLOWED, "{name}: {}", response.text());
        let seen = world.take_one_seen()?;
        ensure!(
            seen.method == "GET" && seen.target == format!("{BACKEND_PREFIX}{}", rights().target),
            "{}",
            seen.target
        );
        ensure!(
            seen.headers.get("authorization").is_none(),
            "{name}: the token went on"
        );
        let assertion = expect_asserted(world, &seen)?;
        ensure!(
            assertion["sub"] == claims["sub"],
            "{name}: another subject is asserted"
        );
        let decision = world.decision_of(index, &response)?;
        ensure!(decision.kind == "granted", "{name}: {}", decision.kind);
        ensure!(
            assertion["jti"] == decision.id(),
            "{name}: the assertion names another entry"
        );
        ensure!(
            decision.data("tokenId") == &claims["jti"],
            "{name}: another token is recorded"
        );
        ensure!(
            decision.data("deliberation") == "SIM/001",
            "{name}: {:?}",
            decision.data("deliberation")
        );
        let id = decision.id().to_owned();
        let records = world.records_until(index, |records| {
            records
                .iter()
                .any(|r| r.kind == "completed" && r.payload["relatedto"] == id.as_str())
        })?;
        let outcomes = records
            .iter()
            .filter(|r| r.payload["relatedto"] == id.as_str())
            .count();
        ensure!(outcomes == 1, "{name}: {outcomes} outcomes");
    }
    Ok(())
}

fn again(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let index = world.log_size()?;
    for _ in 0..3 {
        let response = world.send(&rights().bearer(&token))?;
        ensure!(response.status == 200, "{}", response.status);
        // A cached verification is no cached decision.
        ensure!(
            world.decision_of(index, &response)?.kind == "granted",
            "not granted anew"
        );
    }
    Ok(())
}

/// Another key under the id of a published one.
fn impostor(key: &SigningKey, algorithm: Algorithm) -> Result<SigningKey> {
    let mut jwk: Value =
        serde_json::from_str(&SigningKey::generate(algorithm)?.to_private_jwk_json())?;
    let published: Value = serde_json::from_str(&key.public_jwk_json())?;
    set(&mut jwk, "/kid", published["kid"].clone());
    Ok(SigningKey::from_jwk_json(&jwk.to_string())?)
}

fn forged(world: &mut World) -> Result<()> {
    let claims = world.pension_claims()?;
    for algorithm in ALGORITHMS {
        let good = world.token(algorithm, &claims)?;
        let forged = sign(
            &impostor(world.issuers.cbss.key(algorithm)?, algorithm)?,
            &claims,
        )?;
        let other = world.token(algorithm, &world.mutuality_claims()?)?;
        let parts = |token: &str| -> Vec<String> { token.split('.').map(str::to_owned).collect() };
        let (good, other) = (parts(&good), parts(&other));
        let join = |header: &[String], payload: &[String], signature: &[String]| {
            [header.first(), payload.get(1), signature.get(2)]
                .map(|part| part.cloned().unwrap_or_default())
                .join(".")
        };
        let mut flipped = good.clone();
        if let Some(signature) = flipped.get_mut(2) {
            let first = if signature.starts_with('A') { "B" } else { "A" };
            signature.replace_range(..1, first);
        }
        for (name, token) in [
            ("another key under the same id", forged),
            ("the signature of another token", join(&good, &good, &other)),
            ("a flipped signature", flipped.join(".")),
            (
                "no signature",
                format!("{}.", join(&good, &good, &[]).trim_end_matches('.')),
            ),
        ] {
            world.remember_token(&token);
            let response = world.send(&rights().bearer(&token))?;
            expect(&response, INVALID_ACCESS_TOKEN)
                .with_context(|| format!("{}: {name}", algorithm.as_str()))?;
        }
    }
    expect_unseen(world)
}

fn expired(world: &mut World) -> Result<()> {
    let mut claims = world.pension_claims()?;
    set(&mut claims, "/iat", json!(now() - 200));
    set(&mut claims, "/exp", json!(now() - 60));
    let token = world.token(Algorithm::EdDsa, &claims)?;
    let index = world.log_size()?;
    let response = world.send(&rights().bearer(&token))?;
    expect(&response, EXPIRED_ACCESS_TOKEN)?;
    let decision = world.decision_of(index, &response)?;
    ensure!(decision.kind == "refused", "{}", decision.kind);
    expect_unseen(world)?;
    // A token that expires while it is cached.
    let mut claims = world.pension_claims()?;
    set(&mut claims, "/exp", json!(now() + 1));
    let token = world.token(Algorithm::EdDsa, &claims)?;
    ensure!(
        world.send(&rights().bearer(&token))?.status == 200,
        "not yet expired"
    );
    world.take_seen();
    // One second of life and five of tolerated skew.
    thread::sleep(Duration::from_secs(7));
    expect(&world.send(&rights().bearer(&token))?, EXPIRED_ACCESS_TOKEN)?;
    expect_unseen(world)
}

/// What to make of a claim, by its pointer; `None` takes it away.
type Change = (&'static str, &'static str, Option<Value>);

fn unacceptable(world: &mut World) -> Result<()> {
    let now = now();
    let changes: Vec<Change> = vec![
        (
            "wrong audience",
            "/aud",
            Some(json!("https://api.institution.invalid")),
        ),
        ("no audience", "/aud", None),
        ("empty audience", "/aud", Some(json!([]))),
        (
            "audience in another case",
            "/aud",
            Some(json!(AUDIENCE.to_uppercase())),
        ),
        ("audience with a number", "/aud", Some(json!([AUDIENCE, 1]))),
        (
            "unknown issuer",
            "/iss",
            Some(json!("https://verification.cbss.invalid")),
        ),
        (
            "issuer list",
            "/iss",
            Some(json!([world.issuers.cbss.issuer])),
        ),
        (
            "issuer with a slash",
            "/iss",
            Some(json!(format!("{}/", world.issuers.cbss.issuer))),
        ),
        (
            "the other issuer's key",
            "/iss",
            Some(json!(world.issuers.nic.issuer)),
        ),
        ("no expiry", "/exp", None),
        ("expiry as text", "/exp", Some(json!("99999999999"))),
        ("expiry in milliseconds", "/exp", Some(json!(now * 1000))),
        ("expiry as a fraction", "/exp", Some(json!(1e9 + 0.5))),
        ("too long a life", "/exp", Some(json!(now + 3_600))),
        ("issued in the future", "/iat", Some(json!(now + 120))),
        ("not before the future", "/nbf", Some(json!(now + 120))),
        ("not before as text", "/nbf", Some(json!("99999999999"))),
        ("no jti", "/jti", None),
        ("no subject", "/sub", None),
        ("an SSIN for a subject", "/sub", Some(json!(SSIN))),
        ("no client", "/client_id", None),
        ("a sender constraint", "/cnf", Some(json!({"jkt": "x"}))),
        ("an actor that is text", "/act", Some(json!("x"))),
        ("no mandate", "/authorization_details", Some(json!([]))),
        (
            "a wildcard",
            "/authorization_details/0/purposes",
            Some(json!(["*"])),
        ),
        (
            "an unknown member",
            "/authorization_details/0/holderName",
            Some(json!("x")),
        ),
        (
            "two names for a holder",
            "/authorization_details/0/holder/pseudonym",
            Some(json!("x")),
        ),
    ];
    for (name, pointer, value) in changes {
        let mut claims = world.pension_claims()?;
        match value {
            Some(value) => set(&mut claims, pointer, value),
            None => unset(&mut claims, pointer),
        }
        // Always under the first issuer's key, whatever issuer the claims name.
        let token = world.issuers.cbss.sign(&claims)?;
        world.remember_token(&token);
        expect(&world.send(&rights().bearer(&token))?, INVALID_ACCESS_TOKEN).context(name)?;
    }
    expect_unseen(world)
}

fn wrong_headers(world: &mut World) -> Result<()> {
    let claims = world.pension_claims()?;
    let key = world.issuers.cbss.key(Algorithm::EdDsa)?;
    let jwk: Value = serde_json::from_str(&key.public_jwk_json())?;
    let header = |alg: &str| json!({"typ": "at+jwt", "alg": alg, "kid": jwk["kid"]});
    let good = world.token(Algorithm::EdDsa, &claims)?;
    let signature = good.rsplit('.').next().unwrap_or_default();
    let mut tokens = Vec::new();
    for alg in [
        "none", "None", "NONE", "HS256", "HS512", "ES256", "RS256", "PS512", "ES256K", "",
    ] {
        tokens.push((format!("alg {alg}"), raw_token(&header(alg), &claims, b"")));
        let unsigned = raw_token(&header(alg), &claims, b"");
        tokens.push((
            format!("alg {alg}, a signature"),
            format!("{unsigned}{signature}"),
        ));
    }
    for (member, value) in [
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("jwk", jwk.clone()),
        ("jku", json!("http://127.0.0.1:9/jwks.json")),
        ("x5u", json!("http://127.0.0.1:9/x")),
        ("x5c", json!(["MIIB"])),
        ("cty", json!("JWT")),
        ("kid", json!(7)),
        ("kid", json!("../../dev/null")),
        ("typ", json!("JWT")),
    ] {
        let mut header = header("EdDSA");
        set(&mut header, &format!("/{member}"), value);
        let unsigned = raw_token(&header, &claims, b"");
        tokens.push((format!("header {header}"), format!("{unsigned}{signature}")));
    }
    // Signed properly, but as another kind of token (RFC 8725 §3.11).
    for typ in [
        "JWT",
        "id_token",
        "sluis-assertion+jwt",
        "dpop+jwt",
        "statuslist+jwt",
    ] {
        tokens.push((format!("typ {typ}"), key.sign(typ, &claims)?));
    }
    for (name, token) in tokens {
        world.remember_token(&token);
        expect(&world.send(&rights().bearer(&token))?, INVALID_ACCESS_TOKEN).context(name)?;
    }
    for typ in ["AT+JWT", "application/at+jwt"] {
        let token = key.sign(typ, &claims)?;
        world.remember_token(&token);
        let response = world.send(&rights().bearer(&token))?;
        ensure!(response.status == 200, "typ {typ}: {}", response.status);
    }
    world.take_seen();
    Ok(())
}
