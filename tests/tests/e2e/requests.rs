//! What a request must look like before its token is even looked at, and what must not bring the runtime down.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sluis_tests::backend::Seen;
use sluis_tests::client::{Request, send_raw};
use sluis_tests::issuer::SSIN;
use sluis_tests::wire::Body;
use sluis_tests::world::World;

use crate::Case;
use crate::problems::{INVALID_ACCESS_TOKEN, NO_ACCESS_TOKEN, NOT_FOUND, expect, expect_kind};

pub(crate) const CASES: &[Case] = &[
    Case::new("health_is_up_and_says_nothing_else", health),
    Case::new("no_token_is_challenged_without_an_error", no_token),
    Case::new(
        "a_token_anywhere_but_in_one_header_is_refused",
        misplaced_tokens,
    ),
    Case::new("an_oversized_or_odd_token_is_just_invalid", odd_tokens),
    Case::new(
        "an_unknown_operation_method_or_parameter_is_refused",
        routing,
    ),
    Case::new("rubbish_does_not_bring_the_runtime_down", rubbish),
];

/// The operation that most cases use.
pub(crate) fn rights() -> Request {
    Request::get(&format!("/pension/v1/persons/{SSIN}/rights"))
}

/// An operation whose answer is not looked into.
pub(crate) fn document() -> Request {
    Request::get(&format!("/pension/v1/persons/{SSIN}/document"))
}

/// The same operation as [`rights`] with the SSIN in the body.
pub(crate) fn rights_by_body(json: &str) -> Request {
    Request::post_json("/pension/v1/rights/get", json)
}

/// Fails unless nothing reached the backend since the last look.
pub(crate) fn expect_unseen(world: &World) -> Result<()> {
    let seen: Vec<Seen> = world.take_seen();
    ensure!(
        seen.is_empty(),
        "the backend saw a refused request: {seen:?}"
    );
    Ok(())
}

fn health(world: &mut World) -> Result<()> {
    let response = world.send(&Request::get("/health"))?;
    ensure!(response.status == 200, "{}", response.status);
    ensure!(
        response.text() == r#"{"status":"UP"}"#,
        "{}",
        response.text()
    );
    ensure!(
        response.header("content-type") == Some("application/json"),
        "content-type"
    );
    ensure!(
        response.header("content-length") == Some("15"),
        "content-length"
    );
    Ok(())
}

fn no_token(world: &mut World) -> Result<()> {
    for request in [
        rights(),
        rights().with("authorization", "Basic dXNlcjpwYXNz"),
        rights_by_body(&format!(r#"{{"ssin":"{SSIN}"}}"#)),
    ] {
        expect(&world.send(&request)?, NO_ACCESS_TOKEN)?;
    }
    expect_unseen(world)
}

fn misplaced_tokens(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let bearer = format!("Bearer {token}");
    let twice = rights()
        .with("authorization", &bearer)
        .with("authorization", &bearer);
    let joined = rights().with("authorization", &format!("{bearer}, {bearer}"));
    let two_schemes = rights()
        .with("authorization", &bearer)
        .with("authorization", "Basic eA==");
    let target = format!("/pension/v1/persons/{SSIN}/rights?access_token={token}");
    let query = Request::get(&target);
    let both = Request::get(&target).bearer(&token);
    let form = Request::new("POST", "/pension/v1/rights/get")
        .with("content-type", "application/x-www-form-urlencoded")
        .body(Body::text(&format!("access_token={token}")));
    for (name, request) in [
        ("two fields", twice),
        ("two in one field", joined),
        ("two schemes", two_schemes),
        ("in the query", query),
        ("in the query and the header", both),
        ("in a form", form.clone()),
        ("in a form and the header", form.bearer(&token)),
    ] {
        let response = world.send(&request)?;
        expect_kind(&response, 400).map_err(|error| error.context(name))?;
        let kind = response.json()?["type"].clone();
        ensure!(
            kind == "urn:problem-type:belgif:badRequest",
            "{name}: {kind}"
        );
    }
    expect_unseen(world)
}

fn odd_tokens(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let dots = ".".repeat(6000);
    // Beyond the profile's 8 KiB, and within what every runtime's own parser takes.
    let long = format!("{token}{}", "A".repeat(8 * 1024));
    for odd in [
        "x",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "null",
        "{}",
        &dots,
        &long,
        &format!("{token}."),
        &format!("{token}.x"),
        &format!("{token}="),
        &token.replacen('.', "..", 1),
        &token.replace('.', "-"),
        &token.to_uppercase(),
    ] {
        let start: String = odd.chars().take(40).collect();
        let response = world.send(&rights().bearer(odd))?;
        expect(&response, INVALID_ACCESS_TOKEN).map_err(|error| error.context(start))?;
    }
    expect_unseen(world)
}

fn routing(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let send = |request: Request| world.send(&request.bearer(&token));
    for target in [
        "/pension/v1/persons",
        "/simulation/backend/x",
        "/decisions",
        "/log",
        "/healthy",
    ] {
        expect(&send(Request::get(target))?, NOT_FOUND).context(target)?;
    }
    let deleted = send(Request::new(
        "DELETE",
        &format!("/pension/v1/persons/{SSIN}/rights"),
    ))?;
    expect_kind(&deleted, 405)?;
    ensure!(
        deleted
            .header("allow")
            .is_some_and(|allow| allow.contains("GET")),
        "allow"
    );
    // Known parameters pass, others do not (Belgif, unknownInput).
    let known = send(Request::get(&format!(
        "/pension/v1/persons/{SSIN}/rights?lang=nl"
    )))?;
    ensure!(known.status == 200, "{}: {}", known.status, known.text());
    let target = world
        .take_seen()
        .pop()
        .map(|seen| seen.target)
        .unwrap_or_default();
    ensure!(target.ends_with("/rights?lang=nl"), "{target}");
    let unknown = send(Request::get(&format!(
        "/pension/v1/persons/{SSIN}/rights?limit=1"
    )))?;
    expect_kind(&unknown, 400)?;
    ensure!(
        unknown.text().contains("unknownInput"),
        "{}",
        unknown.text()
    );
    // Two spellings of one path would be two routes to whoever reads the log.
    for odd in [
        format!("/pension/v1/persons/{SSIN}/rights/"),
        format!("/pension/v1//persons/{SSIN}/rights"),
        format!("/pension/v1/persons/./{SSIN}/rights"),
        format!("/pension/v1/x/../persons/{SSIN}/rights"),
        format!(
            "/pension/v1/persons/%35{}/rights",
            SSIN.get(1..).unwrap_or_default()
        ),
        format!("/pension/v1/persons/{SSIN}%2frights"),
        format!("/pension/v1/persons/{SSIN}/rights%00"),
        format!("/pension/v1/persons/{SSIN};x=1/rights"),
    ] {
        let response = send(Request::get(&odd))?;
        // Some runtimes normalise `/./` and `/../` before anybody sees them; what then fits is one and the same operation.
        let normalised = odd.contains("/./") || odd.contains("/../");
        let good = matches!(response.status, 400 | 404) || (normalised && response.status == 200);
        ensure!(good, "{odd}: {}", response.status);
        let seen = world.take_seen();
        ensure!(
            seen.iter()
                .all(|s| s.target.ends_with(&format!("/persons/{SSIN}/rights"))),
            "{odd}: {seen:?}"
        );
    }
    expect_unseen(world)
}

fn rubbish(world: &mut World) -> Result<()> {
    let address = world.address()?;
    let silence = Duration::from_millis(500);
    let head = format!(
        "GET /pension/v1/persons/{SSIN}/rights HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
    );
    let with = |name: &str, value: &[u8]| {
        [head.as_bytes(), name.as_bytes(), b": ", value, b"\r\n\r\n"].concat()
    };
    let mut random = vec![0_u8; 600];
    getrandom::fill(&mut random)?;
    let printable: Vec<u8> = random.iter().map(|byte| 33 + byte % 94).collect();
    let high: Vec<u8> = random.iter().map(|byte| byte | 0x80).collect();
    let cases: Vec<Vec<u8>> = vec![
        with(
            "authorization",
            &[b"Bearer ", printable.as_slice()].concat(),
        ),
        with("authorization", &[b"Bearer ", high.as_slice()].concat()),
        with("authorization", b"Bearer \xff\xfe\xc3\x28.\xe2\x82.\x80"),
        with("authorization", b"Bearer a\x00b.c.d"),
        with("authorization", b"\tBearer\t \t"),
        with("authorization", &b"B".repeat(200_000)),
        with("x-large", &b"x".repeat(1_000_000)),
        with("belgov-trace-id", &high),
        with("content-length", b"-1"),
        with("content-length", b"18446744073709551616"),
        with("transfer-encoding", b"chunked, chunked"),
        with("transfer-encoding", b"chunked\r\ncontent-length: 5"),
        [head.as_bytes(), &b"a: b\r\n".repeat(5_000), b"\r\n"].concat(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET http://169.254.0.1/pension/v1 HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec(),
        b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        b"TRACE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec(),
        random,
        vec![0; 10_000],
        vec![b'\n'; 10_000],
    ];
    for case in cases {
        let start = String::from_utf8_lossy(case.get(..case.len().min(60)).unwrap_or_default())
            .into_owned();
        let answer = send_raw(address, &case, silence)?;
        let status = answer
            .strip_prefix(b"HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        // What a tunnel is answered is the runtime's own affair, so long as there is none.
        let refused = |status: &[u8]| {
            status.starts_with(b"4") || start.starts_with("CONNECT") && status.starts_with(b"5")
        };
        ensure!(status.is_none_or(refused), "{start:?}: {status:?}");
        ensure!(world.is_alive()?, "the runtime ended after {start:?}");
    }
    expect_unseen(world)?;
    let token = world.pension_token()?;
    let after = world.send(&rights().bearer(&token))?;
    ensure!(
        after.status == 200,
        "{} after the rubbish: {}",
        after.status,
        after.text()
    );
    Ok(())
}
