//! From a request to its answer: the gate's own endpoints and the proxy.
//!
//! | path | answer |
//! |---|---|
//! | `/health` | state of this gate |
//! | `/.well-known/jwks.json` | the key that checks its assertions |
//! | `/decide`, `/decide/…` | a decision for a proxy |
//! | `/log/receipt` | the receipt of a call, for who made it, see [`crate::receipt`] |
//! | `/log/…` | the log, for auditors, see [`crate::audit`] |
//! | `/operator/…` | what operators order and ask, see [`crate::purge`], [`crate::retain`], [`crate::compare`] |
//! | anything else | in line: decide, record, forward |

use std::rc::Rc;

use sluis_log::{BackendResult, ReceiptField};
use sluis_minimise::AllowList;
use sluis_token::AuthorizationScheme;

use crate::audit::Reading;
use crate::error::{Fault, Refusal, Stop};
use crate::gate::{Admission, Gate};
use crate::headers;
use crate::minimise::{Filter, Filtered};
use crate::original::{DECIDE_PATH, OriginalRequest};
use crate::platform::{InboundRequest as _, Platform, UpstreamResponse};
use crate::problem::{self, Candour};
use crate::receipt::RECEIPT_PATH;
use crate::route::RouteError;
use crate::shadow::Stopped;
use crate::trace::Nonces;

const HEALTH_PATH: &str = "/health";
const KEYS_PATH: &str = "/.well-known/jwks.json";
const PURGE_PATH: &str = "/operator/keys/purge";
const RETAIN_PATH: &str = "/operator/retain";
const COMPARISON_PATH: &str = "/operator/comparison";

/// An answer, for the platform to send.
#[derive(Debug)]
pub struct Reply<B> {
    /// The HTTP status code. With [`ReplyBody::Upstream`] it is the upstream's.
    pub status: u16,
    /// Headers to set, lower-case names, each once. They replace the
    /// upstream's of the same name.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: ReplyBody<B>,
}

/// Where an answer's body comes from.
#[derive(Debug)]
pub enum ReplyBody<B> {
    /// The gate itself; set `content-length`.
    Text(String),
    /// No body, and nothing said of one: to HEAD, or by a status that has none.
    Nothing,
    /// The same, of bytes that are no text.
    Bytes(Vec<u8>),
    /// The upstream's answer, streamed on with the headers that
    /// [`headers::passes_back`].
    Upstream(B),
}

fn is_decide_path(path: &str) -> bool {
    path.strip_prefix(DECIDE_PATH)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path is one of the gate's own.
pub(crate) fn is_own_path(path: &str) -> bool {
    ["/health", "/decide", "/log", "/operator", "/.well-known"]
        .iter()
        .any(|own| {
            path.strip_prefix(own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
}

/// What an instance answers to everything while its gate cannot start. What is
/// wrong is for operators, not for callers.
pub fn not_started<B>() -> Reply<B> {
    let bearer = AuthorizationScheme::Bearer;
    problem::answer(
        &Fault::NotStarted.into(),
        "sluis",
        bearer,
        Candour::Production,
    )
}

impl Gate {
    /// Answers one request. Total: every failure is a [`Reply`].
    pub async fn serve<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        mut request: P::Request,
    ) -> Reply<P::Response> {
        let Ok(nonces) = Nonces::draw() else {
            let realm = &self.config.institution.realm;
            let bearer = AuthorizationScheme::Bearer;
            return problem::answer(&Fault::Random.into(), realm, bearer, Candour::Production);
        };
        let target = request.target();
        let path = target.split('?').next().unwrap_or_default();
        if !is_own_path(path) {
            let original = OriginalRequest::inline(&request);
            let answer = if self.config.upstream.inline {
                self.forward(platform, request, &original, &nonces).await
            } else {
                Err(Refusal::Route(RouteError::NotFound).into())
            };
            return self.finish(platform, answer, &nonces, &original);
        }
        let asking = OriginalRequest::inline(&request);
        let reads = matches!(request.method().as_str(), "GET" | "HEAD");
        let reading = Reading::of(path);
        let answer = match path {
            _ if !reads
                && (matches!(path, HEALTH_PATH | KEYS_PATH | RECEIPT_PATH)
                    || reading.is_some()) =>
            {
                let allow = "GET, HEAD".to_owned();
                Err(Refusal::Route(RouteError::MethodNotAllowed { allow }).into())
            }
            HEALTH_PATH => Ok(self.health(platform, &request).await),
            KEYS_PATH => Ok(json(
                200,
                self.assertion_keys().to_owned(),
                "public, max-age=300",
            )),
            RECEIPT_PATH => self.call_receipt(platform, &request).await,
            // Without a credential there are no operators and no endpoints.
            PURGE_PATH | RETAIN_PATH | COMPARISON_PATH if self.secrets.has_operator() => {
                self.operate(platform, &mut request, path, &nonces).await
            }
            _ if let Some(reading) = reading => {
                self.audit(platform, &request, reading, &nonces).await
            }
            _ if self.config.upstream.decision && is_decide_path(path) => {
                self.decide(platform, &mut request, &nonces).await
            }
            _ => Err(Refusal::Route(RouteError::NotFound).into()),
        };
        self.finish(platform, answer, &nonces, &asking)
    }

    /// Decide, record, forward.
    async fn forward<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        mut request: P::Request,
        original: &OriginalRequest,
        nonces: &Nonces,
    ) -> Result<Reply<P::Response>, Stop> {
        let admitted = self.admit(platform, original, &mut request, nonces).await;
        self.compare(platform, original, outcome_of(&admitted));
        let (permit, outcome, fields, receipt, next_nonce) = match admitted {
            Ok(admission) => (
                admission.permit,
                Some(admission.outcome),
                admission.fields,
                admission.receipt,
                admission.next_nonce,
            ),
            Err(stopped) => {
                let next_nonce = self.nonce_after(&stopped.stop, platform.now_ms());
                let (passage, outcome) = self.pass_in_shadow(platform, stopped, nonces)?;
                let permit = self.permit_in_shadow(passage, original, nonces);
                (permit, outcome, None, None, next_nonce)
            }
        };
        let started_ms = platform.now_ms();
        let result = platform.forward(permit, request).await;
        let duration_ms = platform.now_ms().saturating_sub(started_ms);
        let passed = match (result, fields) {
            (Err(error), _) => Err(Fault::Upstream(error)),
            (Ok(response), None) => Ok(streamed(response)),
            (Ok(response), Some(fields)) => {
                // Boxed: no other answer has to keep room for it.
                let filtered = self.filter(platform, response, &original.method, &fields);
                Box::pin(filtered).await
            }
        };
        if let Some(outcome) = outcome {
            let ended = match &passed {
                Ok(filtered) => BackendResult::Answered {
                    http_status: filtered.status,
                    dropped_members: filtered.dropped,
                    answer_digest: answer_digest(receipt.as_ref(), &filtered.body),
                },
                Err(fault) => BackendResult::Failed {
                    failure: fault.code(),
                    http_status: problem::Kind::BadGateway.status(),
                },
            };
            self.record_outcome(platform, outcome, ended, duration_ms);
        }
        let passed = passed?;
        let mut headers = answer_headers(next_nonce, receipt.as_ref());
        headers.extend(passed.headers);
        Ok(Reply {
            status: passed.status,
            headers,
            body: passed.body,
        })
    }

    /// Takes what may pass out of an answer (profile §35).
    async fn filter<P: Platform>(
        &self,
        platform: &P,
        response: P::Response,
        method: &str,
        fields: &AllowList,
    ) -> Result<Filtered<P::Response>, Fault> {
        let filter = Filter {
            fields,
            problem: &self.field_lists.problem,
            method,
            limit: self.config.filtered_body_limit,
            limit_ms: self.config.upstream.timeout_ms,
        };
        Ok(filter.apply(platform, response).await?)
    }

    /// Decide and record; the proxy that asks does the forwarding.
    async fn decide<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        request: &mut P::Request,
        nonces: &Nonces,
    ) -> Result<Reply<P::Response>, Stop> {
        let admitted = match OriginalRequest::asked(request) {
            Ok(original) => {
                let admitted = self.admit(platform, &original, request, nonces).await;
                self.compare(platform, &original, outcome_of(&admitted));
                admitted
            }
            Err(refusal) => Err(refusal.into()),
        };
        let mut enforcement = "shadow";
        let (assertion, receipt, next_nonce) = match admitted {
            Ok(admission) => (
                admission.permit.into_assertion(),
                admission.receipt,
                admission.next_nonce,
            ),
            Err(stopped) => {
                let next_nonce = self.nonce_after(&stopped.stop, platform.now_ms());
                // The proxy forwards; there is nothing to assert, and it must be told
                // what the gate itself would not let out.
                let (passage, _) = self.pass_in_shadow(platform, stopped, nonces)?;
                if passage.has_fixed_headers() {
                    enforcement = "shadow; holder=hidden";
                }
                (None, None, next_nonce)
            }
        };
        let shadow = self.config.enforcement.licence();
        let shadow = shadow.map(|_| (headers::ENFORCEMENT, enforcement.to_owned()));
        let further = answer_headers(next_nonce, receipt.as_ref())
            .into_iter()
            .chain(shadow);
        Ok(Reply {
            status: 200,
            headers: assertion.into_iter().chain(further).collect(),
            body: ReplyBody::Text(String::new()),
        })
    }

    /// An operator's order or question, from an operator.
    async fn operate<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        request: &mut P::Request,
        path: &str,
        nonces: &Nonces,
    ) -> Result<Reply<P::Response>, Stop> {
        let orders = matches!(path, PURGE_PATH | RETAIN_PATH);
        let allow = if orders { "POST" } else { "GET" };
        if request.method() != allow {
            let allow = allow.to_owned();
            return Err(Refusal::Route(RouteError::MethodNotAllowed { allow }).into());
        }
        if !self
            .secrets
            .is_operator(request.header("authorization").as_deref())
        {
            return Err(Refusal::Operator.into());
        }
        if path == PURGE_PATH {
            return self.purge_keys(platform, request, nonces).await;
        }
        if path == RETAIN_PATH {
            return self.retain(platform, request).await;
        }
        match &self.comparison {
            Some(comparison) => comparison.show(),
            None => Err(Refusal::Route(RouteError::NotFound).into()),
        }
    }

    /// Turns a stop into its problem, counts it where nothing was recorded,
    /// and sets the trace headers.
    fn finish<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        answer: Result<Reply<P::Response>, Stop>,
        nonces: &Nonces,
        request: &OriginalRequest,
    ) -> Reply<P::Response> {
        let mut reply = answer.unwrap_or_else(|stop| {
            self.count(platform, &stop);
            let candour = Candour::from(self.config.environment);
            let realm = &self.config.institution.realm;
            let mut reply = problem::answer(&stop, realm, request.scheme(), candour);
            let nonce = self.nonce_after(&stop, platform.now_ms());
            reply
                .headers
                .extend(nonce.map(|nonce| (headers::DPOP_NONCE, nonce)));
            reply
        });
        // Generated here and never copied from the request (Belgif).
        reply
            .headers
            .push((headers::TRACE_ID, nonces.trace_id().as_str().to_owned()));
        if let Some(related) = request.related_trace_id {
            reply
                .headers
                .push((headers::RELATED_TRACE_ID, related.as_str().to_owned()));
        }
        reply
    }
}

/// What became of an admission, for who compares.
fn outcome_of(admitted: &Result<Admission, Stopped>) -> Result<(), &Stop> {
    admitted
        .as_ref()
        .map(|_| ())
        .map_err(|stopped| &stopped.stop)
}

/// An answer that is not looked into.
fn streamed<B: UpstreamResponse>(response: B) -> Filtered<B> {
    Filtered {
        status: response.status(),
        headers: Vec::new(),
        body: ReplyBody::Upstream(response),
        dropped: None,
    }
}

/// The digest of a body that was read here, for the holder of a receipt. Of a streamed
/// one there is none: its bytes are not looked at.
fn answer_digest<B>(receipt: Option<&ReceiptField>, body: &ReplyBody<B>) -> Option<[u8; 32]> {
    let capability = receipt?.capability();
    match body {
        ReplyBody::Text(text) => Some(capability.digest(text.as_bytes())),
        ReplyBody::Bytes(bytes) => Some(capability.digest(bytes)),
        ReplyBody::Nothing | ReplyBody::Upstream(_) => None,
    }
}

/// Headers of every answer that lets something through.
fn answer_headers(
    next_nonce: Option<String>,
    receipt: Option<&ReceiptField>,
) -> Vec<(&'static str, String)> {
    let mut headers = Vec::with_capacity(5);
    headers.extend(receipt.map(|field| (headers::RECEIPT, field.to_string())));
    headers.push((headers::NO_STORE.0, headers::NO_STORE.1.to_owned()));
    // RFC 9449 §8.2: before the client's own runs out.
    headers.extend(next_nonce.map(|nonce| (headers::DPOP_NONCE, nonce)));
    headers
}

pub(crate) fn json<B>(status: u16, body: String, cache_control: &str) -> Reply<B> {
    Reply {
        status,
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("cache-control", cache_control.to_owned()),
        ],
        body: ReplyBody::Text(body),
    }
}
