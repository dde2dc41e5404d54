//! Answers. The gate's own carry `content-length`: without it Spin's server
//! sends the end of the body apart, and the client's delayed acknowledgement
//! costs 40 ms.

use std::io::Write as _;

use sluis_gate::headers::passes_back;
use sluis_gate::{Reply, ReplyBody, UpstreamResponse as _};
use spin_sdk::wasip3::{
    http::types::{ErrorCode, Fields, Response},
    spawn,
};

use super::body::{self, Outgoing};
use super::settings::StartError;
use super::upstream::{self, SpinResponse};

/// Sends the gate's answer to a request of that method.
pub(super) fn send(reply: Reply<SpinResponse>, method: &str) -> Result<Response, ErrorCode> {
    let Reply {
        status,
        headers,
        body,
    } = reply;
    let mut fields: Vec<(String, Vec<u8>)> = headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    let outgoing = match body {
        ReplyBody::Text(text) => own(text.into_bytes(), method, &mut fields),
        ReplyBody::Bytes(bytes) => own(bytes, method, &mut fields),
        ReplyBody::Nothing => body::empty(),
        ReplyBody::Upstream(upstream) => {
            let set: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
            let connection = upstream.header("connection");
            for (name, value) in upstream.response.get_headers().copy_all() {
                let name = name.to_ascii_lowercase();
                if passes_back(&name, connection.as_deref()) && !set.contains(&name) {
                    fields.push((name, value));
                }
            }
            // No body follows these, whatever their headers say (RFC 9110 §6.4.1).
            if method == "HEAD" || matches!(status, 204 | 304) {
                body::empty()
            } else {
                body::passed(upstream::read(upstream.response))
            }
        }
    };
    respond(status, &fields, outgoing)
}

/// Answers for a gate that could not start; the reason is the operator's.
pub(super) fn not_started(error: &StartError) -> Result<Response, ErrorCode> {
    _ = writeln!(std::io::stderr(), "sluis-validator: {error}");
    send(sluis_gate::not_started(), "")
}

/// The gate's own body, and its length.
fn own(
    bytes: Vec<u8>,
    method: &str,
    fields: &mut Vec<(String, Vec<u8>)>,
) -> Outgoing<Option<body::Work>> {
    fields.push(length(bytes.len()));
    if method == "HEAD" {
        body::empty()
    } else {
        body::bytes(bytes)
    }
}

fn length(bytes: usize) -> (String, Vec<u8>) {
    ("content-length".to_owned(), bytes.to_string().into_bytes())
}

fn respond(
    status: u16,
    fields: &[(String, Vec<u8>)],
    outgoing: Outgoing<Option<body::Work>>,
) -> Result<Response, ErrorCode> {
    let invalid = || ErrorCode::InternalError(None);
    let fields = Fields::from_list(fields).map_err(|_| invalid())?;
    let Outgoing { bytes, end, work } = outgoing;
    let (response, _transmitted) = Response::new(fields, bytes, end);
    response.set_status_code(status).map_err(|()| invalid())?;
    if let Some(work) = work {
        spawn(work);
    }
    Ok(response)
}
