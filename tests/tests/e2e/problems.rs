//! Belgif's problems, byte for byte, and one way to check an answer against them.

use anyhow::{Context, Result, ensure};
use sluis_tests::client::Response;

/// A problem as it must be on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) body: &'static str,
    pub(crate) challenge: Option<&'static str>,
}

pub(crate) const NO_ACCESS_TOKEN: Problem = Problem {
    status: 401,
    body: r#"{"type":"urn:problem-type:belgif:noAccessToken","href":"https://www.belgif.be/specification/rest/api-guide/problems/noAccessToken.html","status":401,"title":"No Access Token","detail":"No Bearer access token found in Authorization HTTP header"}"#,
    challenge: Some(r#"Bearer realm="sluis-simulation""#),
};

pub(crate) const INVALID_ACCESS_TOKEN: Problem = Problem {
    status: 401,
    body: r#"{"type":"urn:problem-type:belgif:invalidAccessToken","href":"https://www.belgif.be/specification/rest/api-guide/problems/invalidAccessToken.html","status":401,"title":"Invalid Access Token","detail":"The Bearer access token found in the Authorization HTTP header is invalid"}"#,
    challenge: Some(
        r#"Bearer realm="sluis-simulation", error="invalid_token", error_description="The access token is invalid""#,
    ),
};

pub(crate) const EXPIRED_ACCESS_TOKEN: Problem = Problem {
    status: 401,
    body: r#"{"type":"urn:problem-type:belgif:expiredAccessToken","href":"https://www.belgif.be/specification/rest/api-guide/problems/expiredAccessToken.html","status":401,"title":"Expired Access Token","detail":"The Bearer access token found in the Authorization HTTP header has expired"}"#,
    challenge: Some(
        r#"Bearer realm="sluis-simulation", error="invalid_token", error_description="The access token expired""#,
    ),
};

pub(crate) const MISSING_PERMISSION: Problem = Problem {
    status: 403,
    body: r#"{"type":"urn:problem-type:belgif:missingPermission","href":"https://www.belgif.be/specification/rest/api-guide/problems/missingPermission.html","status":403,"title":"Missing Permission","detail":"Not permitted to perform the request"}"#,
    challenge: None,
};

pub(crate) const BAD_GATEWAY: Problem = Problem {
    status: 502,
    body: r#"{"type":"urn:problem-type:belgif:badGateway","href":"https://www.belgif.be/specification/rest/api-guide/problems/badGateway.html","status":502,"title":"Bad Gateway","detail":"Error in communication with upstream service"}"#,
    challenge: None,
};

pub(crate) const SERVICE_UNAVAILABLE: Problem = Problem {
    status: 503,
    body: r#"{"type":"urn:problem-type:belgif:serviceUnavailable","href":"https://www.belgif.be/specification/rest/api-guide/problems/serviceUnavailable.html","status":503,"title":"Service is unavailable","retryAfterSec":5}"#,
    challenge: None,
};

pub(crate) const NOT_FOUND: Problem = Problem {
    status: 404,
    body: r#"{"type":"urn:problem-type:belgif:resourceNotFound","href":"https://www.belgif.be/specification/rest/api-guide/problems/resourceNotFound.html","status":404,"title":"Resource Not Found"}"#,
    challenge: None,
};

/// Fails unless the answer is exactly that problem.
pub(crate) fn expect(response: &Response, problem: Problem) -> Result<()> {
    expect_kind(response, problem.status)?;
    let body = without_reason(&response.text());
    ensure!(body == problem.body, "{body} instead of {}", problem.body);
    let challenges: Vec<&str> = response.headers.all("www-authenticate").collect();
    let expected: Vec<&str> = problem.challenge.into_iter().collect();
    ensure!(
        challenges == expected,
        "www-authenticate {challenges:?}, not {expected:?}"
    );
    let retry = response.header("retry-after");
    ensure!(
        retry == (problem.status == 503).then_some("5"),
        "retry-after {retry:?}"
    );
    Ok(())
}

/// The body without the member that the simulation adds at its end: the reason code, letters only.
pub(crate) fn without_reason(body: &str) -> String {
    let cut = body.rsplit_once(",\"reason\":\"").filter(|(_, reason)| {
        let code = reason.strip_suffix("\"}").unwrap_or_default();
        !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    cut.map_or_else(|| body.to_owned(), |(start, _)| format!("{start}}}"))
}

/// Fails unless the answer is a problem of that status with the headers that every problem has.
pub(crate) fn expect_kind(response: &Response, status: u16) -> Result<()> {
    ensure!(
        response.status == status,
        "{} instead of {status}: {}",
        response.status,
        response.text()
    );
    let header = |name: &str| {
        response
            .header(name)
            .with_context(|| format!("not one {name}"))
    };
    ensure!(
        header("content-type")? == "application/problem+json",
        "{}",
        header("content-type")?
    );
    ensure!(
        header("cache-control")? == "no-store, max-age=0",
        "{}",
        header("cache-control")?
    );
    // Without it every answer of our own costs a stall on kept connections.
    ensure!(
        header("content-length")? == response.body.length.to_string(),
        "content-length"
    );
    expect_trace_id(header("belgov-trace-id")?)?;
    ensure!(
        response.json()?.get("status") == Some(&status.into()),
        "a status of its own"
    );
    Ok(())
}

/// Fails unless it is a random UUID in lower case.
pub(crate) fn expect_trace_id(id: &str) -> Result<()> {
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    ensure!(lengths == [8, 4, 4, 4, 12], "trace id {id}");
    ensure!(
        id.bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-')),
        "trace id {id}"
    );
    ensure!(
        id.as_bytes().get(14) == Some(&b'4'),
        "trace id {id} is not of version 4"
    );
    Ok(())
}
