//! The whole verdict in shadow, before an API in use: everything goes on as it came, and is recorded.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sluis_tests::backend::Seen;
use sluis_tests::client::Request;
use sluis_tests::issuer::{OTHER_SSIN, SSIN, set};
use sluis_tests::wire::Body;
use sluis_tests::world::World;
use sluis_token::Algorithm;

use crate::Case;
use crate::problems::expect_kind;
use crate::requests::rights;

pub(crate) const CASES: &[Case] = &[
    Case::new("in_shadow_a_refused_request_goes_on_as_it_came", refused),
    Case::new(
        "in_shadow_what_has_no_token_goes_on_and_is_counted",
        counted,
    ),
    Case::new("in_shadow_a_hidden_holder_stays_hidden", hidden),
    Case::new("in_shadow_a_proxy_is_told_to_let_pass", decision),
];

/// The one request that reached the backend since the last look. It is not remembered for the search of leaks: in shadow
/// the caller's own headers go on, its token among them.
fn only(world: &World) -> Result<Seen> {
    let mut seen = world.backend()?.take_seen();
    ensure!(seen.len() == 1, "the backend saw {} requests", seen.len());
    seen.pop().context("nothing")
}

/// What a caller of an API in use may send, and what of it is of the hop.
fn with_headers(request: Request) -> Request {
    request
        .with("cookie", "session=1")
        .with("user-agent", "caller/1")
        .with("x-custom", "one")
        .with("x-custom", "two")
        .with("x-hop", "1")
        .with("te", "trailers")
        .with("sluis-assertion", "forged")
        .with("belgov-trace-id", "123e4567-e89b-12d3-a456-426614174000")
}

fn came_whole(seen: &Seen, authorization: &str) -> Result<()> {
    let all = |name: &str| seen.headers.all(name).collect::<Vec<_>>().join(", ");
    ensure!(all("authorization") == authorization, "{}", seen.headers);
    for (name, value) in [
        ("cookie", "session=1"),
        ("user-agent", "caller/1"),
        ("x-custom", "one, two"),
        ("x-hop", "1"),
    ] {
        ensure!(all(name) == value, "{name}: {}", seen.headers);
    }
    for name in ["te", "sluis-assertion"] {
        ensure!(all(name).is_empty(), "{name}: {}", seen.headers);
    }
    ensure!(
        !all("belgov-trace-id").contains("123e4567"),
        "the caller's trace id: {}",
        seen.headers
    );
    Ok(())
}

fn refused(world: &mut World) -> Result<()> {
    world.restart_in_shadow()?;
    let index = world.log_size()?;
    let mut claims = world.pension_claims()?;
    set(
        &mut claims,
        "/authorization_details/0/purposes",
        json!(["simBenefitAdvice"]),
    );
    let token = world.token(Algorithm::EdDsa, &claims)?;
    let body = json!({ "ssin": SSIN }).to_string();
    let request = Request::post_json("/pension/v1/rights/get", &body).bearer(&token);
    let response = world.send(&with_headers(request))?;
    ensure!(response.status == 200, "{}", response.text());
    let seen = only(world)?;
    came_whole(&seen, &format!("Bearer {token}"))?;
    ensure!(seen.body.text() == body, "{}", seen.body.text());
    let record = world.decision_of(index, &response)?;
    ensure!(
        record.kind == "refused"
            && record.data("reason") == "purposeNotCovered"
            && record.data("shadow") == true,
        "{record:?}"
    );
    let id = record.id().to_owned();
    world.records_until(index, |records| {
        records
            .iter()
            .any(|record| record.kind == "completed" && record.payload["relatedto"] == *id)
    })?;
    // An allowed one is marked as well, and has its assertion besides.
    let good = world.pension_token()?;
    let response = world.send(&rights().bearer(&good))?;
    ensure!(response.status == 200, "{}", response.text());
    let seen = only(world)?;
    ensure!(
        seen.headers.get("sluis-assertion").is_some()
            && seen.headers.get("authorization") == Some(&format!("Bearer {good}")),
        "{}",
        seen.headers
    );
    let record = world.decision_of(index, &response)?;
    ensure!(
        record.kind == "granted" && record.data("shadow") == true,
        "{record:?}"
    );
    let health = world.send(&Request::get("/health"))?;
    ensure!(
        health.text() == r#"{"status":"DEGRADED"}"#,
        "{}",
        health.text()
    );
    Ok(())
}

fn counted(world: &mut World) -> Result<()> {
    world.restart_in_shadow()?;
    let index = world.log_size()?;
    let target = format!("/pension/v1/persons/{SSIN}/document");
    let large = "0123456789abcdef".repeat(64 * 1024);
    let request = Request::new("PUT", &target)
        .with("authorization", "Basic dTpw")
        .body(Body::text(&large));
    let response = world.send(&with_headers(request))?;
    ensure!(response.status == 200, "{}", response.text());
    let seen = only(world)?;
    came_whole(&seen, "Basic dTpw")?;
    ensure!(
        seen.body.length == large.len() as u64,
        "{}",
        seen.body.length
    );
    // An operation that the configuration does not know.
    let response = world.send(&Request::get("/in/use/already?a=b"))?;
    ensure!(response.status == 200, "{}", response.text());
    ensure!(
        only(world)?.target.ends_with("/in/use/already?a=b"),
        "the target"
    );
    // The gate's own endpoints stay its own, and a target in a second spelling is none.
    expect_kind(&world.send(&Request::get("/log/entries"))?, 401)?;
    let response = world.send(&Request::get("/a%2fb"))?;
    ensure!(response.status == 400, "{}", response.status);
    ensure!(world.take_seen().is_empty(), "it was forwarded");
    world.records_until(index, |records| {
        let marked = |reason: &str| {
            records.iter().any(|record| {
                record.kind == "counted"
                    && record.data("reason") == reason
                    && record.data("shadow") == true
            })
        };
        marked("operationUnknown")
    })?;
    Ok(())
}

fn hidden(world: &mut World) -> Result<()> {
    world.restart_in_shadow()?;
    let mut claims = world.mutuality_claims()?;
    set(
        &mut claims,
        "/authorization_details/0/purposes",
        json!(["simPensionSimulation"]),
    );
    let token = world.token(Algorithm::EdDsa, &claims)?;
    let body = json!({ "ssin": SSIN }).to_string();
    let request = Request::post_json("/mutuality/v1/benefits/get", &body).bearer(&token);
    let response = world.send(&with_headers(request))?;
    ensure!(response.status == 200, "{}", response.text());
    let seen = only(world)?;
    for name in [
        "authorization",
        "cookie",
        "user-agent",
        "x-custom",
        "x-hop",
        "sluis-assertion",
    ] {
        ensure!(
            seen.headers.all(name).next().is_none(),
            "{name}: {}",
            seen.headers
        );
    }
    ensure!(
        seen.headers.get("content-type") == Some("application/json"),
        "{}",
        seen.headers
    );
    Ok(())
}

fn decision(world: &mut World) -> Result<()> {
    world.restart_in_shadow()?;
    let token = world.pension_token()?;
    for (ssin, asserted) in [(SSIN, true), (OTHER_SSIN, false)] {
        let request = Request::get("/decide")
            .bearer(&token)
            .with("x-original-method", "GET")
            .with(
                "x-original-uri",
                &format!("/pension/v1/persons/{ssin}/rights"),
            );
        let response = world.send(&request)?;
        ensure!(response.status == 200, "{}", response.text());
        ensure!(
            response.header("sluis-assertion").is_some() == asserted,
            "{}",
            response.headers
        );
        ensure!(
            response.header("sluis-enforcement") == Some("shadow"),
            "{}",
            response.headers
        );
    }
    let operator = world.operator_token().to_owned();
    let health = world.send(&Request::get("/health").bearer(&operator))?;
    let health: Value = health.json()?;
    ensure!(health["enforcement"] == "shadow", "{health}");
    Ok(())
}
