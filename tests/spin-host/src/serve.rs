//! The HTTP server: routes a request to its component and reuses instances with
//! wasmtime's own `ProxyHandler`, the machinery that Spin uses, with Spin's
//! default numbers.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant as StdInstant},
};

use anyhow::{Context as _, Result};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header, uri};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, time::Sleep};
use wasmtime::{Store, StoreContextMut, component::GuestTaskId};
use wasmtime_wasi_http::{
    Error, WasiBody, WasiHttpView as _,
    handler::{
        HandlerState, Instance as Worker, Proxy, ProxyHandler, ShouldAccept, WorkerExpiration,
        WorkerState, WorkerStatus,
    },
};

use crate::{
    instance::{Instance, Prepared},
    manifest::{Application, Route},
    report,
};

/// How many requests an instance serves in all, and at a time; how long it is
/// kept when idle. Spin's defaults.
const REUSE: usize = 128;
const CONCURRENT_REUSE: usize = 16;
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// The paths that Spin answers itself.
const WELL_KNOWN: &str = "/.well-known/spin/";

/// The server of one application.
pub(crate) struct Server {
    application: Application,
    handlers: Vec<ProxyHandler<Component>>,
}

/// The handler state of one component.
struct Component(Prepared);

impl Server {
    pub(crate) fn new(application: Application, prepared: Vec<Prepared>) -> Self {
        let handlers = prepared
            .into_iter()
            .map(|prepared| ProxyHandler::new(Component(prepared)))
            .collect();
        Self {
            application,
            handlers,
        }
    }

    /// Serve connections until the process ends. As in Spin, the sockets keep
    /// Nagle's algorithm: an answer without `content-length` pays for it.
    pub(crate) async fn run(self, listener: TcpListener) -> Result<Infallible> {
        let server = Arc::new(self);
        loop {
            let (stream, client) = listener.accept().await.context("cannot accept")?;
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let server = Arc::clone(&server);
                    async move { Ok::<_, Infallible>(server.answer(request, client).await) }
                });
                // The client going away is the client's affair.
                _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>, client: SocketAddr) -> Response<WasiBody> {
        let path = request.uri().path();
        if let Some(name) = path.strip_prefix(WELL_KNOWN) {
            return match name {
                "health" => plain(StatusCode::OK),
                _ => plain(StatusCode::NOT_FOUND),
            };
        }
        let route = self.application.route(path);
        let handler = route.and_then(|route| Some((route, self.handlers.get(route.component)?)));
        let Some((route, handler)) = handler else {
            return plain(StatusCode::NOT_FOUND);
        };
        let request = match prepare(request, route, client) {
            Ok(request) => request,
            Err(error) => {
                report(&format!("cannot prepare a request: {error:#}"));
                return plain(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        match handler.handle((), request).await {
            Ok(response) => response,
            Err(error) => {
                report(&format!("{}: {error:#}", route.pattern));
                plain(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

fn plain(status: StatusCode) -> Response<WasiBody> {
    let body = Full::default().map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}

/// The request as the guest gets it: an absolute URI, no `connection` header, and
/// the headers in which Spin tells the component about the route.
fn prepare(
    request: Request<Incoming>,
    route: &Route,
    client: SocketAddr,
) -> Result<Request<WasiBody>> {
    let mut request = request.map(|body| body.map_err(Error::from).boxed_unsync());
    let host = if let Some(host) = request.headers().get(header::HOST) {
        host.to_str().context("the host header is not text")?
    } else {
        let authority = request.uri().authority().context("no host header")?;
        authority.as_str()
    };
    let host = host.to_owned();
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(uri::Scheme::HTTP);
    parts.authority = Some(host.parse().context("the host header is no authority")?);
    let uri = Uri::from_parts(parts)?;

    let path_info = route.remainder(uri.path());
    let told = [
        ("spin-path-info", path_info.to_owned()),
        ("spin-full-url", uri.to_string()),
        ("spin-matched-route", route.pattern.clone()),
        ("spin-base-path", "/".to_owned()),
        ("spin-raw-component-route", route.pattern.clone()),
        ("spin-component-route", route.prefix().to_owned()),
        ("spin-client-addr", client.to_string()),
    ];
    let headers = request.headers_mut();
    headers.remove(header::CONNECTION);
    for (name, value) in told {
        let value = HeaderValue::from_str(&value).context("a route header")?;
        headers.append(HeaderName::from_static(name), value);
    }
    *request.uri_mut() = uri;
    Ok(request)
}

impl HandlerState for Component {
    type StoreData = Instance;
    type WorkerExpiration = Expiration;
    type WorkerState = Limits;

    async fn instantiate(&self) -> wasmtime::Result<Worker<Instance, Expiration, Limits>> {
        let mut store = self.0.store();
        let service = self.0.service.instantiate_async(&mut store).await?;
        Ok(Worker {
            store,
            proxy: Proxy::P3(service),
            view: |instance| instance.http(),
            expiration: Expiration(Box::pin(tokio::time::sleep(IDLE_TIMEOUT))),
            state: Limits,
        })
    }
}

/// Drops an instance that has been idle for long enough. Requests, and the work
/// that a guest does after its answer, are never cut short: Spin's default.
struct Expiration(Pin<Box<Sleep>>);

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        start: StdInstant,
    ) -> Poll<()> {
        match status {
            WorkerStatus::Requests | WorkerStatus::PostReturn => Poll::Pending,
            WorkerStatus::Idle => {
                let deadline = (start + IDLE_TIMEOUT).into();
                if self.0.deadline() != deadline {
                    self.0.as_mut().reset(deadline);
                }
                self.0.as_mut().poll(context)
            }
        }
    }
}

/// How many requests one instance takes.
struct Limits;

impl WorkerState for Limits {
    type StoreData = Instance;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= REUSE {
            ShouldAccept::Never
        } else if concurrent >= CONCURRENT_REUSE {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _store: StoreContextMut<'_, Instance>,
        _data: (),
        _task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, _store: Store<Instance>, result: Result<(), wasmtime::Error>) {
        if let Err(error) = result {
            report(&format!("an instance failed: {error:#}"));
        }
    }
}
