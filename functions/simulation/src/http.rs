//! The simulation over HTTP.
//!
//! | method, path | answer |
//! |---|---|
//! | GET `/simulation` | what can be minted |
//! | GET `/simulation/{cbss,nic}/.well-known/jwks.json` | public keys |
//! | GET `/simulation/{cbss,nic}/status/1` | that system's status list |
//! | POST `/simulation/{cbss,nic}/status/1` | changes an entry of it: `{"index": 7, "status": "revoked"}` |
//! | POST `/simulation/token` | a token; the body is a [`MintRequest`] |
//! | any `/simulation/backend/…` | the demo backend |

use serde_json::{Value, json};

use crate::backend::{self, Unanswered};
use crate::defect::Defect;
use crate::mint::{MintError, MintRequest};
use crate::settings::Simulation;
use crate::status;
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
    /// Scheme and authority that the simulation was called by.
    pub origin: &'a str,
    /// What was kept of the status lists; empty at first.
    pub statuses: &'a [u8],
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
    /// What is to be kept of the status lists from now on, if they changed.
    pub statuses: Option<Vec<u8>>,
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
        (method, path) if path == status::path(SystemName::Cbss) => {
            status_list(simulation, SystemName::Cbss, method, request)
        }
        (method, path) if path == status::path(SystemName::Nic) => {
            status_list(simulation, SystemName::Nic, method, request)
        }
        ("POST", "/simulation/token") => token(simulation, request),
        _ => problem(404, "resourceNotFound", "Resource Not Found", None),
    }
}

fn token(simulation: &Simulation, request: &SimRequest<'_>) -> SimResponse {
    let bad = |detail: &str| problem(400, "badRequest", "Bad Request", Some(detail));
    if request.body.len() > MAX_BODY_BYTES {
        return problem(413, "payloadTooLarge", "Payload Too Large", None);
    }
    let mut asked: MintRequest = if request.body.is_empty() {
        MintRequest::default()
    } else {
        match serde_json::from_slice(request.body) {
            Ok(asked) => asked,
            Err(error) => return bad(&unreadable(&error)),
        }
    };
    if let Some(entry) = &mut asked.status {
        let here = || status::uri(request.origin, asked.verification_system);
        entry.uri.get_or_insert_with(here);
    }
    match simulation.mint(&asked, request.now) {
        Ok(minted) if request.accept == Some("text/plain") => SimResponse {
            status: 200,
            content_type: "text/plain",
            cache_control: "no-store",
            body: minted.access_token,
            statuses: None,
        },
        Ok(minted) => json_response(200, &json!(minted)),
        Err(
            error @ (MintError::Algorithm
            | MintError::Ssin
            | MintError::Lifetime
            | MintError::Thumbprint
            | MintError::SingleUse
            | MintError::StatusList),
        ) => bad(&error.to_string()),
        Err(MintError::NotSigned) => {
            problem(500, "internalServerError", "Internal Server Error", None)
        }
    }
}

/// A system's status list: given, or changed.
fn status_list(
    simulation: &Simulation,
    system: SystemName,
    method: &str,
    request: &SimRequest<'_>,
) -> SimResponse {
    match method {
        "GET" => {
            let (origin, kept) = (request.origin, request.statuses);
            match status::list(simulation, system, origin, kept, request.now) {
                Ok(list) => SimResponse {
                    status: 200,
                    content_type: "application/statuslist+jwt",
                    cache_control: "no-store",
                    body: list,
                    statuses: None,
                },
                Err(_) => problem(500, "internalServerError", "Internal Server Error", None),
            }
        }
        "POST" => match status::change(system, request.statuses, request.body) {
            Ok(statuses) => SimResponse {
                statuses: Some(statuses),
                ..json_response(200, &json!({"changed": true}))
            },
            Err(error) => problem(400, "badRequest", "Bad Request", Some(&error.to_string())),
        },
        _ => problem(405, "badRequest", "Bad Request", None),
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
        statuses: None,
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
        statuses: None,
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
