//! The component: the gate on Spin (4.1 or later), through `wasi:http@0.3`.
//!
//! | file | what |
//! |---|---|
//! | `settings` | variables and secrets; the gate, started once per instance |
//! | `platform` | what the gate asks of a platform |
//! | `request` | an inbound request and its body |
//! | `upstream` | outbound HTTP: the backend and the issuers' documents |
//! | `reply` | answers |
//! | `body` | bodies that pass through, and where their trailers end |
//! | `log`, `sqlite`, `turns`, `postgres` | the durable log's stores |
//! | `heads` | the trusted places of its tree head |
//! | `keys` | the keys of its payloads, in the same places |
//! | `shared` | what instances leave for each other |
//! | `replay` | what was used once |
//! | `sqlite_file` | a connection to an SQLite file, and waiting for its write lock |
//! | `time` | the clock, and a limit on every call that may hang |
//!
//! An instance serves many requests, several at a time, so a panic would fail
//! the neighbours and nothing here may share a database connection.

mod body;
mod heads;
mod keys;
mod log;
mod platform;
mod postgres;
mod replay;
mod reply;
mod request;
mod settings;
mod shared;
mod sqlite;
mod sqlite_file;
mod time;
mod turns;
mod upstream;

use spin_sdk::wasip3::{
    exports::http::handler::Guest,
    http::{
        service::export,
        types::{ErrorCode, Request, Response},
    },
};

use self::request::SpinRequest;

struct Component;

export!(Component with_types_in spin_sdk::wasip3);

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let service = match settings::service().await {
            Ok(service) => service,
            Err(error) => return reply::not_started(&error),
        };
        let request = SpinRequest::new(request);
        let method = request.method.clone();
        let answer = service.gate.serve(&service.platform, request).await;
        reply::send(answer, &method)
    }
}
