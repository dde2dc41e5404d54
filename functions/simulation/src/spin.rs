//! The simulation on Spin (4.1 or later).

use std::cell::OnceCell;
use std::io::Write as _;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use spin_sdk::http::{
    FullBody, HeaderMap, HeaderName, HeaderValue, IntoResponse, Request, StatusCode,
};
use spin_sdk::key_value::Store;
use spin_sdk::{http_service, variables};

use crate::{MAX_BODY_BYTES, RawSettings, SimRequest, SimResponse, Simulation, handle};

/// Where the status lists are kept: an instance lives for a second or so.
const STATUSES: &str = "simulation-statuses";

thread_local! {
    static SIMULATION: OnceCell<Rc<Simulation>> = const { OnceCell::new() };
}

/// Answers a request.
#[http_service]
async fn serve(request: Request) -> impl IntoResponse {
    let Some(simulation) = simulation().await else {
        return respond(SimResponse {
            status: 503,
            content_type: "text/plain",
            cache_control: "no-store",
            body: String::new(),
            statuses: None,
        });
    };
    let (head, body) = request.into_parts();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    // One byte over the limit is enough for the simulation to say 413.
    let body = match Limited::new(body, MAX_BODY_BYTES + 1).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(_) => vec![b' '; MAX_BODY_BYTES + 1],
    };
    let store = Store::open_default().await.ok();
    let kept = match &store {
        Some(store) => store.get(STATUSES).await.ok().flatten().unwrap_or_default(),
        None => Vec::new(),
    };
    // Spin's server speaks HTTP itself; what stands before it is not known here.
    // WASI takes the `Host` field out of the fields: it is the target's authority.
    let host = match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => text("host").unwrap_or_default(),
    };
    let origin = format!("http://{host}");
    let mut response = handle(
        &simulation,
        &SimRequest {
            method: head.method.as_str(),
            target: head.uri.path(),
            accept: text("accept"),
            assertion: text("sluis-assertion"),
            body: &body,
            now: now(),
            origin: &origin,
            statuses: &kept,
        },
    );
    if let (Some(store), Some(statuses)) = (store, response.statuses.take())
        && store.set(STATUSES, statuses).await.is_err()
    {
        response.status = 503;
    }
    respond(response)
}

/// The simulation of this instance. Its variables are secrets: an error names
/// one and never says what it holds.
async fn simulation() -> Option<Rc<Simulation>> {
    if let Some(simulation) = SIMULATION.with(|cell| cell.get().cloned()) {
        return Some(simulation);
    }
    let settings = RawSettings {
        keys_cbss: variables::get("sluis_simulation_keys_cbss").await.ok()?,
        keys_nic: variables::get("sluis_simulation_keys_nic").await.ok()?,
        pseudonym_key: variables::get("sluis_pseudonym_key").await.ok()?,
    };
    match Simulation::try_from(settings) {
        Ok(simulation) => {
            let simulation = Rc::new(simulation);
            Some(SIMULATION.with(|cell| Rc::clone(cell.get_or_init(|| simulation))))
        }
        Err(error) => {
            _ = writeln!(std::io::stderr(), "sluis-simulation: {error}");
            None
        }
    }
}

/// With `content-length`: without it Spin's server sends the end of the body
/// apart, and the client's delayed acknowledgement costs 40 ms.
fn respond(response: SimResponse) -> (StatusCode, HeaderMap, FullBody<Bytes>) {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", response.content_type),
        ("cache-control", response.cache_control),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers.insert(
        HeaderName::from_static("content-length"),
        HeaderValue::from(response.body.len()),
    );
    (status, headers, FullBody::new(Bytes::from(response.body)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "an adapter is where the clock is read"
)]
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
