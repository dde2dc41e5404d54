//! What crosses the gate in line, in either direction, and what does not (token profile §34–35).

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sluis_tests::backend::{Answer, Behaviour, Seen};
use sluis_tests::client::Request;
use sluis_tests::issuer::{SSIN, now};
use sluis_tests::wire::{Body, Headers};
use sluis_tests::world::{BACKEND_PREFIX, World};

use crate::Case;
use crate::problems::{BAD_GATEWAY, expect, expect_trace_id};
use crate::requests::{document, rights, rights_by_body};

pub(crate) const CASES: &[Case] = &[
    Case::new(
        "identity_trace_and_hop_by_hop_headers_do_not_reach_the_backend",
        stripped,
    ),
    Case::new("what_an_api_needs_does_reach_it", forwarded),
    Case::new("what_reaches_it_is_what_was_asserted", targets),
    Case::new("trace_ids_are_fresh_and_related", trace_ids),
    Case::new(
        "an_opaque_answer_of_the_backend_passes_whatever_its_status",
        answers,
    ),
    Case::new("a_body_is_forwarded_as_it_came", bodies),
    Case::new("fifty_megabytes_stream_down", stream_down),
    Case::new("fifty_megabytes_stream_up", stream_up),
    Case::new(
        "a_backend_that_is_down_gives_502_and_the_outcome_is_recorded",
        backend_down,
    ),
    Case::new(
        "a_backend_that_hangs_up_gives_502_and_the_outcome_is_recorded",
        backend_hangs_up,
    ),
    Case::new(
        "a_backend_that_is_too_slow_gives_502_and_the_outcome_is_recorded",
        backend_slow,
    ),
];

/// Checks the assertion among a forwarded request's headers as a backend would, with the published key; its claims.
pub(crate) fn expect_assertion(world: &World, headers: &Headers) -> Result<Value> {
    let assertion = headers
        .get("sluis-assertion")
        .context("not one assertion")?;
    let keys = world.send(&Request::get("/.well-known/jwks.json"))?;
    ensure!(keys.status == 200, "{}", keys.status);
    let keys = keys.json()?;
    let jwk = &keys["keys"][0];
    ensure!(
        jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519" && jwk.get("d").is_none(),
        "{jwk}"
    );
    let decode = |text: &str| Base64UrlUnpadded::decode_vec(text).context("base64url");
    let x = decode(jwk["x"].as_str().unwrap_or_default())?;
    let key = VerifyingKey::try_from(x.as_slice())?;
    let (signed, signature) = assertion.rsplit_once('.').context("no JWS")?;
    let signature = Signature::from_slice(&decode(signature)?)?;
    key.verify_strict(signed.as_bytes(), &signature)
        .context("the assertion's signature")?;
    let (header, claims) = signed.split_once('.').context("no JWS")?;
    let header: Value = serde_json::from_slice(&decode(header)?)?;
    ensure!(
        header["kid"] == jwk["kid"] && header["typ"] == "sluis-assertion+jwt",
        "{header}"
    );
    let claims: Value = serde_json::from_slice(&decode(claims)?)?;
    ensure!(
        claims["aud"] == "https://backend.simulation.sluis.invalid",
        "{claims}"
    );
    let (iat, exp) = (claims["iat"].as_u64(), claims["exp"].as_u64());
    let (iat, exp) = (iat.context("iat")?, exp.context("exp")?);
    ensure!(
        exp - iat == 30 && exp >= now() && iat <= now() + 1,
        "{iat} to {exp}"
    );
    Ok(claims)
}

/// The same of a request that the gate forwarded: the assertion is of what reached the backend.
pub(crate) fn expect_asserted(world: &World, seen: &Seen) -> Result<Value> {
    let claims = expect_assertion(world, &seen.headers)?;
    ensure!(
        claims["method"] == seen.method && claims["targetHash"] == target_hash(&seen.target),
        "{} {}: {claims}",
        seen.method,
        seen.target
    );
    Ok(claims)
}

/// How an assertion names a path and query.
pub(crate) fn target_hash(target: &str) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(target.as_bytes()))
}

/// Every character that a path or a query may hold arrives as it was asserted.
fn targets(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let path = format!("/pension/v1/persons/{SSIN}/rights");
    let mut passed = 0;
    for character in 0x21..0x7f_u8 {
        let character = char::from(character);
        // A fragment is never sent.
        if character == '#' {
            continue;
        }
        let target = format!("{path}?lang=a{character}b");
        let response = world.send(&Request::get(&target).bearer(&token))?;
        let seen = world.take_seen();
        match (response.status, seen.as_slice()) {
            (200, [seen]) => {
                expect_asserted(world, seen).with_context(|| target.clone())?;
                ensure!(
                    seen.target == format!("{BACKEND_PREFIX}{target}"),
                    "{target}: {}",
                    seen.target
                );
                passed += 1;
            }
            (400, []) => {}
            (status, seen) => bail!("{target}: {status}, {seen:?}"),
        }
    }
    // Letters, digits, and `!$%()*+,-./:=?@[]_{}~`; `&` begins another parameter.
    ensure!(passed == 62 + 21, "{passed} characters pass");
    for query in ["lang", "lang=", "lang=a&lang=b", "lang==", "lang=%zz%2F%27"] {
        let response = world.send(&Request::get(&format!("{path}?{query}")).bearer(&token))?;
        response.expect_status(200)?;
        expect_asserted(world, &world.take_one_seen()?).context(query)?;
    }
    Ok(())
}

fn stripped(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let inbound = [
        ("sluis-assertion", "forged"),
        ("x-user", "admin"),
        ("x-remote-user", "admin"),
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-user", "admin"),
        ("x-real-ip", "198.51.100.1"),
        ("forwarded", "for=198.51.100.1"),
        ("client-cert", ":MIIB:"),
        ("client-cert-chain", ":MIIB:"),
        ("x-ssl-client-cert", "MIIB"),
        ("cookie", "session=1"),
        ("dpop", "x.y.z"),
        ("proxy-authorization", "Basic eA=="),
        ("te", "trailers"),
        ("keep-alive", "timeout=5"),
        ("trailer", "x-end"),
        ("upgrade", "websocket"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("tracestate", "a=b"),
        ("baggage", "user=admin"),
        ("x-http-method-override", "DELETE"),
        ("x-original-uri", "/admin"),
        ("range", "bytes=0-1"),
    ];
    let mut request = rights().bearer(&token);
    for (name, value) in inbound {
        request = request.with(name, value);
    }
    let response = world.send(&request)?;
    response.expect_status(200)?;
    let seen = world.take_one_seen()?;
    ensure!(seen.method == "GET", "{}", seen.method);
    for (name, value) in inbound {
        let arrived: Vec<&str> = seen.headers.all(name).collect();
        ensure!(!arrived.contains(&value), "{name}: {arrived:?} arrived");
    }
    ensure!(
        seen.headers.get("authorization").is_none(),
        "the token arrived"
    );
    expect_asserted(world, &seen)?;
    // Nothing but a short list arrives at all, besides what a runtime's own HTTP client says of itself.
    let known = [
        "host",
        "accept",
        "accept-encoding",
        "accept-language",
        "content-length",
        "content-type",
        "user-agent",
        "connection",
        "transfer-encoding",
        "sluis-assertion",
        "belgov-trace-id",
        // Of our own fetch: nothing between here and the backend may answer from a cache.
        "cache-control",
        "pragma",
        // What workerd, as Cloudflare's network, tells of the Worker that calls; it names nobody.
        "cf-worker",
        "cf-connecting-ip",
        "x-real-ip",
        "cdn-loop",
        "cf-ew-via",
    ];
    for (name, value) in seen.headers.iter() {
        ensure!(known.contains(&name), "{name}: {value} arrived");
        ensure!(
            !value.contains("198.51.100.1") && !value.contains("admin"),
            "{name}: {value} arrived"
        );
    }
    Ok(())
}

fn forwarded(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let wanted = [
        ("accept", "application/json"),
        ("accept-language", "nl-BE"),
        ("if-none-match", "\"abc\""),
        ("prefer", "return=minimal"),
    ];
    let mut request = document().bearer(&token);
    for (name, value) in wanted {
        request = request.with(name, value);
    }
    ensure!(world.send(&request)?.status == 200, "not passed");
    let seen = world.take_one_seen()?;
    for (name, value) in wanted {
        ensure!(
            seen.headers.get(name) == Some(value),
            "{name}: {:?}",
            seen.headers.get(name)
        );
    }
    let host = seen.headers.get("host").unwrap_or_default();
    ensure!(
        host == world.backend()?.address().to_string(),
        "host: {host}"
    );
    Ok(())
}

fn trace_ids(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let asked = "5d0c8c6e-2f7e-4b5c-9a52-0f6f0f6f0f6f";
    let mut ids = Vec::new();
    for request in [rights().bearer(&token), rights(), rights().bearer("a.b.c")] {
        let response = world.send(&request.clone().with("belgov-trace-id", asked))?;
        let id = response
            .header("belgov-trace-id")
            .context("no trace id")?
            .to_owned();
        expect_trace_id(&id)?;
        let related = response.header("belgov-related-trace-id");
        ensure!(related == Some(asked), "related: {related:?}");
        ids.push(id);
        let without = world.send(&request)?;
        ensure!(
            without.header("belgov-related-trace-id").is_none(),
            "related to nothing"
        );
        ids.push(
            without
                .header("belgov-trace-id")
                .context("no trace id")?
                .to_owned(),
        );
    }
    for seen in world.take_seen() {
        let id = seen
            .headers
            .get("belgov-trace-id")
            .context("no trace id at the backend")?;
        expect_trace_id(id)?;
        ids.push(id.to_owned());
    }
    ids.push(asked.to_owned());
    let count = ids.len();
    ensure!(count == 9, "{count} ids");
    ids.sort();
    ids.dedup();
    ensure!(ids.len() == count, "an id was used twice");
    // One that is no id but could name somebody is dropped.
    for odd in [SSIN, "a b", "<script>", &"a".repeat(37)] {
        let response = world.send(&rights().bearer(&token).with("belgov-trace-id", odd))?;
        let related = response.header("belgov-related-trace-id");
        ensure!(related.is_none(), "{odd}: {related:?}");
    }
    Ok(())
}

fn answers(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    // What `Connection` names is of the hop; Spin's host takes that field away unseen.
    let named = (world.runtime_name() != "workerd").then_some("1");
    for status in [200, 201, 302, 400, 404, 409, 500, 503] {
        let index = world.log_size()?;
        let body = format!(r#"{{"status":{status}}}"#);
        world.backend()?.behave(Behaviour::Answers(Answer {
            status,
            headers: Headers::new(&[
                ("content-type", "application/json"),
                ("content-language", "nl"),
                ("etag", "\"v1\""),
                ("location", "/simulation/backend/elsewhere"),
                ("cache-control", "public, max-age=600"),
                ("belgov-trace-id", "00000000-0000-4000-8000-000000000000"),
                ("sluis-assertion", "reflected"),
                ("keep-alive", "timeout=60"),
                ("proxy-authenticate", "Basic"),
                ("connection", "X-Hop"),
                ("x-hop", "1"),
            ]),
            body: Body::text(&body),
            delay: Duration::ZERO,
        }));
        let response = world.send(&document().bearer(&token))?;
        ensure!(
            response.status == status,
            "{} instead of {status}",
            response.status
        );
        ensure!(response.text() == body, "{status}: {}", response.text());
        ensure!(
            world.take_seen().len() == 1,
            "{status}: a redirect was followed, or a request repeated"
        );
        for (name, value) in [
            ("content-type", Some("application/json")),
            ("content-language", Some("nl")),
            ("etag", Some("\"v1\"")),
            ("location", Some("/simulation/backend/elsewhere")),
            ("cache-control", Some("no-store, max-age=0")),
            ("sluis-assertion", None),
            ("proxy-authenticate", None),
            ("x-hop", named),
        ] {
            let found: Vec<&str> = response.headers.all(name).collect();
            ensure!(
                found == value.into_iter().collect::<Vec<_>>(),
                "{status}: {name}: {found:?}"
            );
        }
        let trace_id = response.header("belgov-trace-id").context("no trace id")?;
        ensure!(!trace_id.starts_with("00000000"), "the backend's trace id");
        let decision = world.decision_of(index, &response)?;
        world.records_until(index, |records| {
            records.iter().any(|record| {
                record.kind == "completed"
                    && record.payload["relatedto"] == decision.id()
                    && record.data("httpStatus") == status
            })
        })?;
    }
    Ok(())
}

fn bodies(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    // Spaces, order and unknown members stay as they came.
    let body = format!("{{ \"x\" : [1,2 ,3],\n\"ssin\":\"{SSIN}\", \"é\": \"\\u00e9\" }}");
    let response = world.send(&rights_by_body(&body).bearer(&token))?;
    response.expect_status(200)?;
    let seen = world.take_one_seen()?;
    ensure!(
        seen.method == "POST" && seen.body.text() == body,
        "{}",
        seen.body.text()
    );
    ensure!(
        seen.headers.get("content-type") == Some("application/json"),
        "content-type"
    );
    Ok(())
}

const LARGE: u64 = 50 * 1024 * 1024;
/// How much more memory a runtime may take while a large body goes by: far less than the body.
const MEMORY_BOUND: u64 = 24 * 1024 * 1024;

/// The most memory the process has had, where the system tells.
fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

/// Sets the peak back to what is used now.
fn reset_peak(pid: u32) -> bool {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").is_ok()
}

/// Fails if the runtime's memory grew as if it had held the body.
fn expect_streaming(world: &World, run: impl FnOnce(&World) -> Result<()>) -> Result<()> {
    let pid = world.pid()?;
    // Once small, so that what is allocated on first use does not count.
    ensure!(
        world
            .send(&rights().bearer(&world.pension_token()?))?
            .status
            == 200,
        "not passed"
    );
    world.take_seen();
    let before = reset_peak(pid).then(|| peak_memory(pid)).flatten();
    run(world)?;
    if let (Some(before), Some(after)) = (before, peak_memory(pid)) {
        let grown = after.saturating_sub(before);
        ensure!(
            grown < MEMORY_BOUND,
            "{} MiB of memory for a streamed body",
            grown >> 20
        );
    }
    Ok(())
}

fn stream_down(world: &mut World) -> Result<()> {
    expect_streaming(world, |world| {
        for body in [Body::Pattern(LARGE), Body::ChunkedPattern(LARGE)] {
            world.backend()?.behave(Behaviour::Answers(Answer {
                body,
                ..Answer::json("")
            }));
            let response = world.send(&document().bearer(&world.pension_token()?))?;
            ensure!(response.status == 200, "{}", response.status);
            ensure!(
                response.body.length == LARGE && response.body.is_pattern,
                "{} bytes",
                response.body.length
            );
        }
        Ok(())
    })
}

fn stream_up(world: &mut World) -> Result<()> {
    expect_streaming(world, |world| {
        for body in [Body::Pattern(LARGE), Body::ChunkedPattern(LARGE)] {
            let request = Request::new("PUT", &document().target)
                .with("content-type", "application/octet-stream")
                .body(body)
                .bearer(&world.pension_token()?);
            let response = world.send(&request)?;
            response.expect_status(200)?;
            let seen = world.take_one_seen()?;
            ensure!(
                seen.body.length == LARGE && seen.body.is_pattern,
                "{} bytes",
                seen.body.length
            );
        }
        Ok(())
    })
}

/// Sends one allowed request to a backend that fails, and expects 502 with its outcome on record.
pub(crate) fn expect_failed(world: &World, failure: &str) -> Result<()> {
    let index = world.log_size()?;
    let response = world.send(&rights().bearer(&world.pension_token()?))?;
    expect(&response, BAD_GATEWAY)?;
    let decision = world.decision_of(index, &response)?;
    ensure!(decision.kind == "granted", "{}", decision.kind);
    world.records_until(index, |records| {
        records.iter().any(|record| {
            record.kind == "failed"
                && record.payload["relatedto"] == decision.id()
                && record.data("failure") == failure
                && record.data("httpStatus") == 502
        })
    })?;
    Ok(())
}

fn backend_down(world: &mut World) -> Result<()> {
    world.close_backend();
    expect_failed(world, "upstreamUnreachable")
}

fn backend_hangs_up(world: &mut World) -> Result<()> {
    world.backend()?.behave(Behaviour::HangsUp);
    expect_failed(world, "upstreamUnreachable")?;
    ensure!(world.take_seen().len() == 1, "the request was repeated");
    Ok(())
}

fn backend_slow(world: &mut World) -> Result<()> {
    let late = Answer {
        delay: Duration::from_secs(12),
        ..Answer::json("{}")
    };
    world.backend()?.behave(Behaviour::Answers(late));
    expect_failed(world, "upstreamTimeout")
}
