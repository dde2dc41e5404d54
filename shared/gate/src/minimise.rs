//! What of the backend's answer passes (profile §35, M-6.2).
//!
//! Each route says whether its answer is looked into. Where it is, the catalogue
//! says which fields pass, by the mandate type that allowed the request and the
//! route's purpose and data categories; anything else of the answer stays here:
//!
//! | status | what passes |
//! |---|---|
//! | 2xx | the listed fields of a JSON document in plain encoding, or an empty body; anything else is 502 |
//! | 204, 304, to HEAD | no body |
//! | 3xx | no body |
//! | 4xx, 5xx | of a problem (RFC 9457) the members that name nobody; instead of any other body a problem that says the status |
//!
//! Of the headers pass those of a fixed list ([`headers::FILTERED_BACK`]).
//!
//! The body is read whole before a byte of it is passed on, so that one that turns
//! out to be malformed, cut short or too large leaves nothing behind: bounded in
//! size by the configuration and in time as the backend's head is.

use std::collections::BTreeMap;
use std::rc::Rc;

use sluis_minimise::{AllowList, MinimiseError, Minimised, PATH_SEPARATOR, minimise};
use sluis_policy::Catalogue;

use crate::config::{ConfigError, unusable};
use crate::headers;
use crate::media_type;
use crate::platform::{BodyError, Platform, UpstreamResponse};
use crate::route::{Route, RouteTable};
use crate::serve::ReplyBody;
use crate::subject::race;

/// Largest problem of a backend that is read, in bytes.
pub const MAX_PROBLEM_BYTES: usize = 16 * 1024;

/// The members of a backend's problem that pass: those of Belgif that are the same
/// for everybody. `detail`, `instance` and an issue's `value` and `detail` are not
/// among them: they repeat what was asked, and about whom.
const PROBLEM_MEMBERS: [&str; 12] = [
    "type",
    "href",
    "status",
    "title",
    "requiredScopes",
    "limit",
    "retryAfterSec",
    "issues.type",
    "issues.href",
    "issues.title",
    "issues.in",
    "issues.name",
];

/// What of a route's answer passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All of it, as it comes: it is streamed and not looked into.
    Opaque,
    /// The fields of the operation's data categories.
    Fields {
        /// The path of the member in which they stand, if not in the document itself.
        within: Option<String>,
    },
}

/// Why an answer cannot be filtered. The caller gets nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// It is of another media type, or in another character encoding than UTF-8.
    #[error("the answer is no JSON in UTF-8")]
    NotJson,
    /// It is compressed or otherwise encoded, although plain encoding was asked for.
    #[error("the answer is encoded")]
    Encoded,
    /// It is a part of a document, although no part was asked for.
    #[error("the answer is a part of a document")]
    Partial,
    /// It broke off.
    #[error("the answer ended early")]
    Incomplete,
    /// It did not arrive in time.
    #[error("the answer did not arrive within {limit_ms} ms")]
    TooSlow {
        /// The limit that passed.
        limit_ms: u32,
    },
    /// It is too large, or not a document that is read.
    #[error(transparent)]
    Document(#[from] MinimiseError),
}

impl ResponseError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotJson => "responseNotJson",
            Self::Encoded => "responseEncoded",
            Self::Partial => "responsePartial",
            Self::Incomplete => "responseIncomplete",
            Self::TooSlow { .. } => "responseTooSlow",
            Self::Document(error) => error.code(),
        }
    }
}

/// The allowed fields of every operation whose answer is filtered.
#[derive(Debug)]
pub(crate) struct FieldLists {
    /// By operation and mandate type.
    lists: BTreeMap<String, BTreeMap<String, Rc<AllowList>>>,
    /// For a mandate type that approves none of an operation's data categories: only
    /// a rule in shadow lets one come so far.
    nothing: Rc<AllowList>,
    pub(crate) problem: AllowList,
}

impl FieldLists {
    /// Takes the lists out of the catalogue, if each of them is one.
    pub(crate) fn new(routes: &RouteTable, catalogue: &Catalogue) -> Result<Self, ConfigError> {
        let mut lists = BTreeMap::new();
        for Route {
            operation, answer, ..
        } in routes.iter()
        {
            let Answer::Fields { within } = answer else {
                continue;
            };
            let mut by_type = BTreeMap::new();
            for (code, fields) in catalogue.approved_fields(operation) {
                let place = |field: &&str| match within {
                    Some(within) => format!("{within}{PATH_SEPARATOR}{field}"),
                    None => (*field).to_owned(),
                };
                let list = AllowList::new(fields.iter().map(place))
                    .map_err(|error| unusable("routes.fields_in", &error))?;
                by_type.insert(code.to_owned(), Rc::new(list));
            }
            lists.insert(operation.id().to_owned(), by_type);
        }
        Ok(Self {
            lists,
            nothing: Rc::default(),
            problem: AllowList::new(PROBLEM_MEMBERS)
                .map_err(|error| unusable("problem members", &error))?,
        })
    }

    /// What of an answer to that route passes under that mandate type; none if it is
    /// not looked into.
    pub(crate) fn of(&self, route: &Route, mandate_type: &str) -> Option<Rc<AllowList>> {
        match route.answer {
            Answer::Opaque => None,
            Answer::Fields { .. } => {
                let by_type = self.lists.get(route.operation.id());
                let list = by_type.and_then(|by_type| by_type.get(mandate_type));
                Some(Rc::clone(list.unwrap_or(&self.nothing)))
            }
        }
    }
}

/// What is left of an answer.
#[derive(Debug)]
pub(crate) struct Filtered<B> {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: ReplyBody<B>,
    /// How many members were dropped, if there was a document.
    pub(crate) dropped: Option<u64>,
}

/// How an answer is to be filtered.
pub(crate) struct Filter<'a> {
    pub(crate) fields: &'a AllowList,
    pub(crate) problem: &'a AllowList,
    /// The method of the request.
    pub(crate) method: &'a str,
    /// Most bytes that are read.
    pub(crate) limit: usize,
    /// Most time from the head of the answer to its end.
    pub(crate) limit_ms: u32,
}

impl Filter<'_> {
    /// Takes what may pass out of an answer.
    pub(crate) async fn apply<P: Platform>(
        &self,
        platform: &P,
        response: P::Response,
    ) -> Result<Filtered<P::Response>, ResponseError> {
        let status = response.status();
        let mut headers = passing_headers(&response);
        let (body, content_type, dropped) = match status {
            _ if self.method == "HEAD" => unread(response, ReplyBody::Nothing),
            204 | 304 => unread(response, ReplyBody::Nothing),
            ..300 => self.document(platform, response).await?,
            300..400 => unread(response, ReplyBody::Text(String::new())),
            400.. => self.problem(platform, response).await,
        };
        headers.extend(content_type.map(|content_type| ("content-type", content_type)));
        Ok(Filtered {
            status,
            headers,
            body,
            dropped,
        })
    }

    /// The listed fields of a document.
    async fn document<P: Platform>(
        &self,
        platform: &P,
        response: P::Response,
    ) -> Result<Part<P::Response>, ResponseError> {
        if response.status() == 206 || response.header("content-range").is_some() {
            response.discard();
            return Err(ResponseError::Partial);
        }
        if is_encoded(&response) {
            response.discard();
            return Err(ResponseError::Encoded);
        }
        let content_type = response.header("content-type").unwrap_or_default();
        let is_json = media_type::is_some_json(&content_type);
        // An empty body holds nothing, of whatever type it says it is.
        let limit = if is_json { self.limit } else { 0 };
        let body = match self.read(platform, response, limit).await {
            Err(ResponseError::Document(MinimiseError::TooLarge { .. })) if !is_json => {
                Err(ResponseError::NotJson)
            }
            read => read,
        }?;
        if body.is_empty() {
            return Ok((ReplyBody::Text(String::new()), None, None));
        }
        let minimised = minimise(&body, self.fields)?;
        Ok(part(minimised, content_type))
    }

    /// The members of a problem that name nobody. A problem that cannot be read is
    /// one that says no more than the status: what went wrong is known by that.
    async fn problem<P: Platform>(&self, platform: &P, response: P::Response) -> Part<P::Response> {
        let status = response.status();
        let content_type = response.header("content-type").unwrap_or_default();
        if media_type::is_problem(&content_type) && !is_encoded(&response) {
            let limit = MAX_PROBLEM_BYTES;
            let read = self.read(platform, response, limit).await;
            let left = read.and_then(|body| Ok(minimise(&body, self.problem)?));
            if let Ok(minimised) = left {
                return part(minimised, content_type);
            }
        } else {
            response.discard();
        }
        // RFC 9457 §4.2.1: no more than the status says.
        let body = format!("{{\"type\":\"about:blank\",\"status\":{status}}}");
        let content_type = media_type::PROBLEM.to_owned();
        (ReplyBody::Text(body), Some(content_type), None)
    }

    async fn read<P: Platform>(
        &self,
        platform: &P,
        response: P::Response,
        limit: usize,
    ) -> Result<Vec<u8>, ResponseError> {
        let limit_ms = self.limit_ms;
        let body = race(response.read_body(limit), platform.sleep(limit_ms)).await;
        let body = body.ok_or(ResponseError::TooSlow { limit_ms })?;
        body.map_err(|error| match error {
            BodyError::TooLarge { limit } => MinimiseError::TooLarge { limit }.into(),
            BodyError::Incomplete => ResponseError::Incomplete,
        })
    }
}

/// A body, its type, and how many members it lacks.
type Part<B> = (ReplyBody<B>, Option<String>, Option<u64>);

fn part<B>(minimised: Minimised, content_type: String) -> Part<B> {
    let dropped = minimised.dropped();
    let body = ReplyBody::Text(minimised.into_document());
    (body, Some(content_type), Some(dropped))
}

fn unread<B: UpstreamResponse>(response: B, instead: ReplyBody<B>) -> Part<B> {
    response.discard();
    (instead, None, None)
}

/// Whether the body is not the document itself (RFC 9110 §8.4).
fn is_encoded(response: &impl UpstreamResponse) -> bool {
    let encoding = response.header("content-encoding");
    encoding.is_some_and(|encoding| !encoding.trim().eq_ignore_ascii_case("identity"))
}

fn passing_headers(response: &impl UpstreamResponse) -> Vec<(&'static str, String)> {
    headers::FILTERED_BACK
        .into_iter()
        .filter_map(|name| Some((name, response.header(name)?)))
        .collect()
}
