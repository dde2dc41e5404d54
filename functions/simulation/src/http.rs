//! The simulation over HTTP.
//!
//! | method, path | answer |
//! |---|---|
//! | GET `/simulation` | what can be minted |
//! | GET `/simulation/{cbss,nic}/.well-known/jwks.json` | public keys |
//! | POST `/simulation/token` | a token; the body is a [`MintRequest`] |
//! | any `/simulation/backend/…` | the demo backend |

use serde_json::{Value, json};

use crate::backend::{self, Unanswered};
use crate::defect::Defect;
use crate::mint::{MintError, MintRequest};
use crate::settings::Simulation;
use crate::system::SystemName;

/// Largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// What the simulation needs of a request.
#[derive(Debug, Clone, Copy)]
pub struct SimRequest<'a> {
    /// Method, upper case.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The `Accept` header.
    pub accept: Option<&'a str>,
    /// The `Sluis-Assertion` header.
    pub assertion: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
    /// Seconds since the epoch.
    pub now: u64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimResponse {
    /// The HTTP status code.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Cache-Control`.
    pub cache_control: &'static str,
    /// The body.
    pub body: String,
}

/// Answers a request.
pub fn handle(simulation: &Simulation, request: &SimRequest<'_>) -> SimResponse {
    let path = request.target.split('?').next().unwrap_or_default();
    if path.starts_with(backend::PATH) {
        return match backend::answer(path, request.assertion) {
            Ok(data) => json_response(200, &data),
            Err(Unanswered::NoAssertion) => problem(
                403,
                "missingPermission",
                "Missing Permission",
                Some("No assertion: this call did not come through the gate"),
            ),
            Err(Unanswered::NoResource) => {
                problem(404, "resourceNotFound", "Resource Not Found", None)
            }
        };
    }
    match (request.method, path) {
        ("GET", "/simulation") => json_response(200, &description()),
        ("GET", "/simulation/cbss/.well-known/jwks.json") => keys(simulation, SystemName::Cbss),
        ("GET", "/simulation/nic/.well-known/jwks.json") => keys(simulation, SystemName::Nic),
        ("POST", "/simulation/token") => token(simulation, request),
        _ => problem(404, "resourceNotFound", "Resource Not Found", None),
    }
}

fn token(simulation: &Simulation, request: &SimRequest<'_>) -> SimResponse {
    let bad = |detail: &str| problem(400, "badRequest", "Bad Request", Some(detail));
    if request.body.len() > MAX_BODY_BYTES {
        return problem(413, "payloadTooLarge", "Payload Too Large", None);
    }
    let asked: MintRequest = if request.body.is_empty() {
        MintRequest::default()
    } else {
        match serde_json::from_slice(request.body) {
            Ok(asked) => asked,
            Err(error) => return bad(&unreadable(&error)),
        }
    };
    match simulation.mint(&asked, request.now) {
        Ok(minted) if request.accept == Some("text/plain") => SimResponse {
            status: 200,
            content_type: "text/plain",
            cache_control: "no-store",
            body: minted.access_token,
        },
        Ok(minted) => json_response(200, &json!(minted)),
        Err(error @ (MintError::Algorithm | MintError::Ssin | MintError::Lifetime)) => {
            bad(&error.to_string())
        }
        Err(MintError::NotSigned) => {
            problem(500, "internalServerError", "Internal Server Error", None)
        }
    }
}

/// What is wrong with a body, without the value that is: it could be a number
/// that somebody typed by mistake.
fn unreadable(error: &serde_json::Error) -> String {
    let message = error.to_string();
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        message
    } else {
        let (line, column) = (error.line(), error.column());
        format!("the body is no mint request: line {line}, column {column}")
    }
}

fn keys(simulation: &Simulation, name: SystemName) -> SimResponse {
    SimResponse {
        status: 200,
        content_type: "application/jwk-set+json",
        cache_control: "public, max-age=60",
        body: simulation.system(name).jwks_json(),
    }
}

fn description() -> Value {
    let defects: Vec<Value> = Defect::ALL
        .iter()
        .map(|defect| json!({"defect": defect, "expectedStatus": defect.expected_status()}))
        .collect();
    json!({
        "verificationSystems": ["cbss", "nic"],
        "algorithms": ["EdDSA", "ES256", "ES384", "PS256", "RS256"],
        "defects": defects,
    })
}

fn json_response(status: u16, body: &Value) -> SimResponse {
    SimResponse {
        status,
        content_type: "application/json",
        cache_control: "no-store",
        body: body.to_string(),
    }
}

fn problem(status: u16, kind: &str, title: &str, detail: Option<&str>) -> SimResponse {
    let mut body = json!({
        "type": format!("urn:problem-type:belgif:{kind}"),
        "href": format!("https://www.belgif.be/specification/rest/api-guide/problems/{kind}.html"),
        "status": status,
        "title": title,
    });
    if let (Some(detail), Value::Object(members)) = (detail, &mut body) {
        members.insert("detail".to_owned(), json!(detail));
    }
    SimResponse {
        content_type: "application/problem+json",
        ..json_response(status, &body)
    }
}
