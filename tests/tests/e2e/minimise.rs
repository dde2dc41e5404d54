//! What of the backend's answer comes out where it is filtered (token profile §35).

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use sluis_tests::backend::{Answer, Behaviour};
use sluis_tests::issuer::SSIN;
use sluis_tests::wire::{Body, Headers};
use sluis_tests::world::World;

use crate::Case;
use crate::passing::expect_failed;
use crate::requests::rights;

pub(crate) const CASES: &[Case] = &[
    Case::new(
        "fields_that_are_not_allowed_stay_here_and_are_counted",
        fields,
    ),
    Case::new("a_filtered_answer_has_only_headers_of_the_list", headers),
    Case::new("an_answer_that_cannot_be_filtered_is_502", unfiltered),
    Case::new("half_an_answer_is_none", half),
    Case::new("a_problem_of_the_backend_names_nobody", problems),
    Case::new("a_status_without_a_body_passes", bodiless),
];

/// What must not come out.
const SECRET: &str = "of nobody's business";

fn answer(status: u16, headers: &[(&str, &str)], body: Body) -> Behaviour {
    Behaviour::Answers(Answer {
        status,
        headers: Headers::new(headers),
        body,
        delay: Duration::ZERO,
    })
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn fields(world: &mut World) -> Result<()> {
    // Larger than what a runtime reads at once, and with and without an announced length.
    let row = format!(
        r#"{{"scheme":"\u00e9 é {}","bankAccount":"{SECRET}","careerStart":1.50e+2}}"#,
        "x".repeat(300)
    );
    let left = row.replace(&format!(r#""bankAccount":"{SECRET}","#), "");
    let rows = |row: &str| vec![row; 1000].join(",");
    let body = format!(" {{\"ssin\": \"{SSIN}\", \"data\": [{}]}}\n", rows(&row));
    let expected = format!("{{\"data\":[{}]}}", rows(&left));
    let index = world.log_size()?;
    world
        .backend()?
        .behave(answer(200, &[JSON], Body::text(&body)));
    let request = rights().with("accept-encoding", "gzip, br");
    let response = world.send(&request.bearer(&world.pension_token()?))?;
    ensure!(response.status == 200, "{}", response.text());
    ensure!(
        response.body.length == expected.len() as u64,
        "{} bytes",
        response.body.length
    );
    // Of a body that long the beginning is kept.
    ensure!(
        expected.as_bytes().starts_with(&response.body.start),
        "{}",
        response.text()
    );
    let length = response.header("content-length").map(str::to_owned);
    ensure!(
        length == Some(expected.len().to_string()),
        "content-length: {length:?}"
    );
    let seen = world.take_one_seen()?;
    ensure!(
        seen.headers.get("accept-encoding") == Some("identity"),
        "accept-encoding: {:?}",
        seen.headers.get("accept-encoding")
    );
    let claims = crate::passing::expect_asserted(world, &seen)?;
    let listed = [
        "accruedRights",
        "careerStart",
        "earliestPensionDate",
        "scheme",
    ];
    let listed = listed.map(|field| format!("data.{field}"));
    ensure!(claims["fields"] == json!(listed), "{claims}");
    let decision = world.decision_of(index, &response)?;
    world.records_until(index, |records| {
        records.iter().any(|record| {
            record.payload["relatedto"] == decision.id()
                && record.data("httpStatus") == 200
                && record.data("droppedMembers") == 1001
        })
    })?;
    Ok(())
}

fn headers(world: &mut World) -> Result<()> {
    let sent = [
        JSON,
        ("etag", "\"of-all-of-it\""),
        ("last-modified", "Sun, 22 Nov 2026 09:00:00 GMT"),
        ("content-md5", "AAAA"),
        ("content-digest", "sha-256=:AAAA:"),
        ("accept-ranges", "bytes"),
        ("set-cookie", "a=b"),
        ("x-person", SECRET),
        ("cache-control", "public"),
        ("location", "/elsewhere"),
        ("content-language", "nl"),
    ];
    let body = format!("{{\"ssin\":\"{SSIN}\"}}");
    world
        .backend()?
        .behave(answer(201, &sent, Body::text(&body)));
    let response = world.send(&rights().bearer(&world.pension_token()?))?;
    ensure!(
        (response.status, response.text().as_str()) == (201, "{}"),
        "{}",
        response.text()
    );
    for (name, value) in [
        ("content-type", Some("application/json")),
        ("content-length", Some("2")),
        ("location", Some("/elsewhere")),
        ("content-language", Some("nl")),
        ("cache-control", Some("no-store, max-age=0")),
        ("etag", None),
        ("last-modified", None),
        ("content-md5", None),
        ("content-digest", None),
        ("accept-ranges", None),
        ("set-cookie", None),
        ("x-person", None),
    ] {
        let found: Vec<&str> = response.headers.all(name).collect();
        ensure!(
            found == value.into_iter().collect::<Vec<_>>(),
            "{name}: {found:?}"
        );
    }
    Ok(())
}

fn unfiltered(world: &mut World) -> Result<()> {
    let body = format!("{{\"data\":{{\"scheme\":\"{SECRET}\"}}}}");
    let text = || Body::text(&body);
    let large = Body::Pattern(2 << 20);
    for (behaviour, code) in [
        (
            answer(200, &[("content-type", "application/pdf")], large.clone()),
            "responseNotJson",
        ),
        (answer(200, &[], text()), "responseNotJson"),
        (answer(200, &[JSON], large), "responseTooLarge"),
        (
            answer(200, &[JSON], Body::ChunkedPattern(2 << 20)),
            "responseTooLarge",
        ),
        (
            answer(200, &[JSON, ("content-encoding", "gzip")], text()),
            "responseEncoded",
        ),
        (
            answer(206, &[JSON, ("content-range", "bytes 0-9/99")], text()),
            "responsePartial",
        ),
        (
            answer(200, &[JSON], Body::text(&format!("{body},"))),
            "responseSyntax",
        ),
        (
            answer(200, &[JSON], Body::Bytes(vec![b'"', 0xff, b'"'])),
            "responseNotUtf8",
        ),
    ] {
        world.backend()?.behave(behaviour);
        expect_failed(world, code)?;
        ensure!(
            world.take_seen().len() == 1,
            "{code}: the request was repeated"
        );
    }
    ensure!(
        world.leaks(&[SECRET])?.is_empty(),
        "{:?}",
        world.leaks(&[SECRET])?
    );
    Ok(())
}

fn half(world: &mut World) -> Result<()> {
    for (closes, code) in [(true, "responseIncomplete"), (false, "responseTooSlow")] {
        let bytes = format!("{{\"data\":{{\"scheme\":\"{SECRET}\"}}}}").into_bytes();
        let body = Body::Short { bytes, closes };
        world.backend()?.behave(answer(200, &[JSON], body));
        expect_failed(world, code)?;
    }
    Ok(())
}

fn problems(world: &mut World) -> Result<()> {
    let problem = json!({
        "type": "urn:problem-type:belgif:resourceNotFound", "status": 404, "title": "Resource Not Found",
        "detail": format!("no person {SSIN}"),
        "issues": [{"in": "path", "name": "ssin", "value": SSIN}],
    });
    let kind = [("content-type", "application/problem+json")];
    let body = Body::text(&problem.to_string());
    world.backend()?.behave(answer(404, &kind, body));
    let response = world.send(&rights().bearer(&world.pension_token()?))?;
    ensure!(response.status == 404, "{}", response.status);
    ensure!(
        response.json()?
            == json!({
                "type": "urn:problem-type:belgif:resourceNotFound", "status": 404, "title": "Resource Not Found",
                "issues": [{"in": "path", "name": "ssin"}],
            }),
        "{}",
        response.text()
    );
    for (headers, body) in [
        (&[JSON], problem.to_string()),
        (&[("content-type", "text/html")], format!("<p>{SSIN}")),
    ] {
        world
            .backend()?
            .behave(answer(500, headers, Body::text(&body)));
        let response = world.send(&rights().bearer(&world.pension_token()?))?;
        ensure!(response.status == 500, "{}", response.status);
        ensure!(
            response.header("content-type") == Some("application/problem+json"),
            "{:?}",
            response.headers
        );
        ensure!(
            response.json()? == json!({"type": "about:blank", "status": 500}),
            "{}",
            response.text()
        );
    }
    Ok(())
}

fn bodiless(world: &mut World) -> Result<()> {
    for (status, headers) in [
        (204, vec![]),
        (304, vec![("etag", "\"v\"")]),
        (303, vec![("location", "/elsewhere")]),
        (200, vec![]),
    ] {
        world
            .backend()?
            .behave(answer(status, &headers, Body::None));
        let response = world.send(&rights().bearer(&world.pension_token()?))?;
        ensure!(
            response.status == status,
            "{} instead of {status}",
            response.status
        );
        ensure!(response.body.length == 0, "{status}: {}", response.text());
        ensure!(response.header("etag").is_none(), "{status}: etag");
        let length = response.header("content-length");
        ensure!(
            length.is_none_or(|length| length == "0"),
            "{status}: {length:?}"
        );
        ensure!(status != 204 || length.is_none(), "{status}: {length:?}");
    }
    Ok(())
}
