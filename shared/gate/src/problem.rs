//! Belgif problem details (RFC 9457): what a caller sees of a refusal or a fault.
//!
//! [`Kind::of`] is the one place where a [`Stop`] becomes an HTTP answer. The
//! body never depends on *why* a token is invalid: it is no oracle. The reason
//! is in the log; in the simulation, where there is nothing to protect, it is
//! in the body too ([`Candour`]).

use serde::Serialize;
use sluis_policy::{DenyReason, Environment};
use sluis_token::{AuthorizationScheme, BearerError, ClaimsError, MandateError, VerifyError};

use crate::challenge::challenge;
use crate::error::{AuditorRefusal, Fault, Refusal, Stop, SubjectError};
use crate::headers;
use crate::media_type::PROBLEM;
use crate::route::RouteError;
use crate::serve::{Reply, ReplyBody};

/// Seconds after which a caller may try again when we are at fault.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The problem types in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BadRequest,
    NoAccessToken,
    InvalidAccessToken,
    ExpiredAccessToken,
    MissingScope,
    MissingPermission,
    ResourceNotFound,
    MethodNotAllowed,
    PayloadTooLarge,
    InternalServerError,
    BadGateway,
    ServiceUnavailable,
}

impl Kind {
    /// The kind of problem that a stop is to its caller.
    pub(crate) fn of(stop: &Stop) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::of_refusal(refusal),
            Stop::Failed(fault) => match fault {
                Fault::NotStarted
                | Fault::Log(_)
                | Fault::Keys
                | Fault::Verifier
                | Fault::Replay(_)
                | Fault::StatusUnavailable => Self::ServiceUnavailable,
                Fault::Upstream(_) | Fault::Response(_) => Self::BadGateway,
                Fault::Random | Fault::Record | Fault::Assertion => Self::InternalServerError,
            },
        }
    }

    fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Route(error) => match error {
                RouteError::MalformedTarget | RouteError::UnknownQueryParameter => Self::BadRequest,
                RouteError::NotFound => Self::ResourceNotFound,
                RouteError::MethodNotAllowed { .. } => Self::MethodNotAllowed,
            },
            Refusal::Bearer(error) => match error {
                BearerError::Missing | BearerError::UnsupportedScheme => Self::NoAccessToken,
                BearerError::Ambiguous | BearerError::InQuery | BearerError::InForm => {
                    Self::BadRequest
                }
                BearerError::TooLarge { .. } | BearerError::NotToken68 => Self::InvalidAccessToken,
            },
            Refusal::Ambiguous | Refusal::Order => Self::BadRequest,
            Refusal::Parse(_)
            | Refusal::UnknownIssuer
            | Refusal::Binding(_)
            | Refusal::Dpop(_)
            | Refusal::ProofReplayed
            | Refusal::TokenReplayed
            | Refusal::Status(_)
            | Refusal::Auditor(AuditorRefusal::Unknown)
            | Refusal::Operator => Self::InvalidAccessToken,
            Refusal::Auditor(AuditorRefusal::Expired) => Self::ExpiredAccessToken,
            Refusal::Auditor(AuditorRefusal::NoPurpose) => Self::MissingPermission,
            Refusal::Verify(error) => match error {
                VerifyError::Unacceptable(ClaimsError::Expired { .. }) => Self::ExpiredAccessToken,
                // A well-formed request for something else than a mandate (profile §19).
                VerifyError::Unacceptable(ClaimsError::AuthorizationDetails(
                    MandateError::UnknownDetailType,
                )) => Self::MissingPermission,
                VerifyError::UnknownKey { .. }
                | VerifyError::NotAuthentic(_)
                | VerifyError::Unavailable { .. }
                | VerifyError::Unacceptable(_) => Self::InvalidAccessToken,
            },
            Refusal::Denied(reason) => match required_scope(reason) {
                Some(_) => Self::MissingScope,
                None => Self::MissingPermission,
            },
            Refusal::Subject(error) => match error {
                SubjectError::Mismatch => Self::MissingPermission,
                SubjectError::Malformed { .. }
                | SubjectError::Absent { .. }
                | SubjectError::NotJson
                | SubjectError::BodyTooSlow => Self::BadRequest,
                SubjectError::BodyTooLarge { .. } => Self::PayloadTooLarge,
            },
        }
    }

    fn name(self) -> &'static str {
        let urn = self.urn();
        urn.rsplit(':').next().unwrap_or(urn)
    }

    /// The problem's type.
    pub(crate) fn urn(self) -> &'static str {
        match self {
            // Belgif names no type for 405; the generic one fits.
            Self::BadRequest | Self::MethodNotAllowed => "urn:problem-type:belgif:badRequest",
            Self::NoAccessToken => "urn:problem-type:belgif:noAccessToken",
            Self::InvalidAccessToken => "urn:problem-type:belgif:invalidAccessToken",
            Self::ExpiredAccessToken => "urn:problem-type:belgif:expiredAccessToken",
            Self::MissingScope => "urn:problem-type:belgif:missingScope",
            Self::MissingPermission => "urn:problem-type:belgif:missingPermission",
            Self::ResourceNotFound => "urn:problem-type:belgif:resourceNotFound",
            Self::PayloadTooLarge => "urn:problem-type:belgif:payloadTooLarge",
            Self::InternalServerError => "urn:problem-type:belgif:internalServerError",
            Self::BadGateway => "urn:problem-type:belgif:badGateway",
            Self::ServiceUnavailable => "urn:problem-type:belgif:serviceUnavailable",
        }
    }

    fn href(self) -> String {
        format!(
            "https://www.belgif.be/specification/rest/api-guide/problems/{}.html",
            self.name()
        )
    }

    /// The HTTP status code.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::NoAccessToken | Self::InvalidAccessToken | Self::ExpiredAccessToken => 401,
            Self::MissingScope | Self::MissingPermission => 403,
            Self::ResourceNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::PayloadTooLarge => 413,
            Self::InternalServerError => 500,
            Self::BadGateway => 502,
            Self::ServiceUnavailable => 503,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::BadRequest | Self::MethodNotAllowed => "Bad Request",
            Self::NoAccessToken => "No Access Token",
            Self::InvalidAccessToken => "Invalid Access Token",
            Self::ExpiredAccessToken => "Expired Access Token",
            Self::MissingScope => "Missing Scope",
            Self::MissingPermission => "Missing Permission",
            Self::ResourceNotFound => "Resource Not Found",
            Self::PayloadTooLarge => "Payload Too Large",
            Self::InternalServerError => "Internal Server Error",
            Self::BadGateway => "Bad Gateway",
            Self::ServiceUnavailable => "Service is unavailable",
        }
    }

    fn detail(self) -> Option<&'static str> {
        match self {
            Self::BadRequest => Some("The input message is incorrect"),
            Self::NoAccessToken => {
                Some("No Bearer access token found in Authorization HTTP header")
            }
            Self::InvalidAccessToken => {
                Some("The Bearer access token found in the Authorization HTTP header is invalid")
            }
            Self::ExpiredAccessToken => {
                Some("The Bearer access token found in the Authorization HTTP header has expired")
            }
            Self::MissingScope => Some("Forbidden to consult the resource"),
            Self::MissingPermission => Some("Not permitted to perform the request"),
            Self::BadGateway => Some("Error in communication with upstream service"),
            Self::ResourceNotFound
            | Self::MethodNotAllowed
            | Self::PayloadTooLarge
            | Self::InternalServerError
            | Self::ServiceUnavailable => None,
        }
    }
}

/// A problem in Belgif's member order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    #[serde(rename = "type")]
    urn: &'a str,
    href: String,
    status: u16,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required_scopes: Option<[&'a str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_sec: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issues: Option<[Issue<'a>; 1]>,
    /// An extension: the first entry of the log that is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    /// An extension, in the simulation only: the reason code of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Problem<'_> {
    /// One of that kind, without anything more to say.
    fn of(kind: Kind) -> Self {
        Self {
            urn: kind.urn(),
            href: kind.href(),
            status: kind.status(),
            title: kind.title(),
            detail: kind.detail(),
            required_scopes: None,
            limit: None,
            retry_after_sec: None,
            issues: None,
            index: None,
            reason: None,
        }
    }

    fn to_json(&self) -> String {
        // Only a map with non-text keys could fail to serialise; there is none.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One issue of a `badRequest`. Never carries the value.
#[derive(Debug, Serialize)]
struct Issue<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    href: &'static str,
    title: &'static str,
    #[serde(rename = "in")]
    location: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// Type, href and title of the issues in use.
type IssueKind = (&'static str, &'static str, &'static str);

const INVALID_STRUCTURE: IssueKind = (
    "urn:problem-type:belgif-ext:input-validation:invalidStructure",
    "https://www.belgif.be/specification/rest/api-guide/issues/ext/invalidStructure.html",
    "Input value has invalid structure",
);
const REQUIRED_INPUT: IssueKind = (
    "urn:problem-type:belgif-ext:input-validation:requiredInput",
    "https://www.belgif.be/specification/rest/api-guide/issues/ext/requiredInput.html",
    "Input is required in this context",
);
const SCHEMA_VIOLATION: IssueKind = (
    "urn:problem-type:belgif:input-validation:schemaViolation",
    "https://www.belgif.be/specification/rest/api-guide/issues/schemaViolation.html",
    "Input value is invalid with respect to the schema",
);
const UNKNOWN_INPUT: IssueKind = (
    "urn:problem-type:belgif:input-validation:unknownInput",
    "https://www.belgif.be/specification/rest/api-guide/issues/unknownInput.html",
    "Unknown input",
);

/// How much a caller is told of why its token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Candour {
    /// Nothing beyond the problem's type: the body is no oracle.
    Production,
    /// The reason code, for developers of mandate holders.
    Simulation,
}

impl From<Environment> for Candour {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Production => Self::Production,
            Environment::Simulation => Self::Simulation,
        }
    }
}

/// To who may know that there was a record: its retention period has ended. Belgif has no
/// type for that (RFC 9457 §4.2.1).
pub(crate) fn gone<B>() -> Reply<B> {
    const BODY: &str = r#"{"type":"about:blank","status":410,"title":"Gone","detail":"The retention period of this record has ended, and what it said was erased"}"#;
    reply(410, BODY.to_owned())
}

/// To who reads the log: what is to stand there is missing or no entry, and stays so however often it is asked for. Not 404:
/// the signed checkpoint has it.
pub(crate) fn damaged<B>(index: u64) -> Reply<B> {
    let problem = Problem {
        detail: Some("An entry of the log, or what the tree has of it, is missing or damaged"),
        index: Some(index),
        ..Problem::of(Kind::InternalServerError)
    };
    reply(problem.status, problem.to_json())
}

/// The answer to a stopped request.
pub(crate) fn answer<B>(
    stop: &Stop,
    realm: &str,
    scheme: AuthorizationScheme,
    candour: Candour,
) -> Reply<B> {
    let kind = Kind::of(stop);
    let retry = (kind == Kind::ServiceUnavailable).then_some(RETRY_AFTER_SECONDS);
    let scope = match stop {
        Stop::Refused(Refusal::Denied(reason)) => required_scope(reason),
        Stop::Refused(_) | Stop::Failed(_) => None,
    };
    let limit = match stop {
        Stop::Refused(Refusal::Subject(SubjectError::BodyTooLarge { limit })) => Some(*limit),
        Stop::Refused(_) | Stop::Failed(_) => None,
    };
    let issue = match stop {
        Stop::Refused(refusal) => issue(refusal),
        Stop::Failed(_) => None,
    };
    let problem = Problem {
        required_scopes: scope.map(|scope| [scope]),
        limit,
        retry_after_sec: retry,
        issues: issue.map(|issue| [issue]),
        reason: match candour {
            Candour::Production => None,
            Candour::Simulation => told_reason(stop),
        },
        ..Problem::of(kind)
    };
    let mut reply = reply(problem.status, problem.to_json());
    let headers = &mut reply.headers;
    if let Some(seconds) = retry {
        headers.push(("retry-after", seconds.to_string()));
    }
    if let Some(challenge) = challenge(stop, kind, scope, realm, scheme) {
        headers.push(("www-authenticate", challenge));
    }
    if let Stop::Refused(Refusal::Route(RouteError::MethodNotAllowed { allow })) = stop {
        headers.push(("allow", allow.clone()));
    }
    reply
}

/// A problem, which no cache keeps.
fn reply<B>(status: u16, problem: String) -> Reply<B> {
    Reply {
        status,
        headers: vec![
            ("content-type", PROBLEM.to_owned()),
            (headers::NO_STORE.0, headers::NO_STORE.1.to_owned()),
        ],
        body: ReplyBody::Text(problem),
    }
}

/// The reason code of what is wrong with the token or with its use. Faults and
/// the gate's own endpoints keep theirs.
fn told_reason(stop: &Stop) -> Option<&'static str> {
    match stop {
        Stop::Refused(refusal) => match refusal {
            Refusal::Bearer(_)
            | Refusal::Parse(_)
            | Refusal::UnknownIssuer
            | Refusal::Verify(_)
            | Refusal::Binding(_)
            | Refusal::Dpop(_)
            | Refusal::ProofReplayed
            | Refusal::TokenReplayed
            | Refusal::Status(_)
            | Refusal::Denied(_)
            | Refusal::Subject(_) => Some(refusal.code()),
            Refusal::Route(_)
            | Refusal::Ambiguous
            | Refusal::Auditor(_)
            | Refusal::Operator
            | Refusal::Order => None,
        },
        Stop::Failed(_) => None,
    }
}

/// The purpose or category that the operation needs and the token lacks: it is
/// the API's own and says nothing of the token.
fn required_scope(reason: &DenyReason) -> Option<&str> {
    if let DenyReason::PurposeNotCovered { purpose: scope }
    | DenyReason::DataCategoryNotCovered { category: scope } = reason
    {
        Some(scope)
    } else {
        None
    }
}

/// What is wrong with the input, where a caller can mend it.
fn issue(refusal: &Refusal) -> Option<Issue<'_>> {
    let (kind, location, name): (IssueKind, _, Option<&str>) = match refusal {
        Refusal::Route(RouteError::MalformedTarget) => (SCHEMA_VIOLATION, "path", None),
        Refusal::Route(RouteError::UnknownQueryParameter)
        | Refusal::Bearer(BearerError::InQuery) => (UNKNOWN_INPUT, "query", None),
        Refusal::Bearer(BearerError::Ambiguous) => {
            (SCHEMA_VIOLATION, "header", Some("Authorization"))
        }
        Refusal::Bearer(BearerError::InForm)
        | Refusal::Order
        | Refusal::Subject(SubjectError::NotJson | SubjectError::BodyTooSlow) => {
            (SCHEMA_VIOLATION, "body", None)
        }
        Refusal::Ambiguous => (SCHEMA_VIOLATION, "header", None),
        Refusal::Subject(SubjectError::Malformed { location, name }) => {
            (INVALID_STRUCTURE, location, Some(name))
        }
        Refusal::Subject(SubjectError::Absent { location, name }) => {
            (REQUIRED_INPUT, location, Some(name))
        }
        Refusal::Route(RouteError::NotFound | RouteError::MethodNotAllowed { .. })
        | Refusal::Bearer(
            BearerError::Missing
            | BearerError::UnsupportedScheme
            | BearerError::TooLarge { .. }
            | BearerError::NotToken68,
        )
        | Refusal::Parse(_)
        | Refusal::UnknownIssuer
        | Refusal::Verify(_)
        | Refusal::Binding(_)
        | Refusal::Dpop(_)
        | Refusal::ProofReplayed
        | Refusal::TokenReplayed
        | Refusal::Status(_)
        | Refusal::Denied(_)
        | Refusal::Subject(SubjectError::Mismatch | SubjectError::BodyTooLarge { .. })
        | Refusal::Auditor(_)
        | Refusal::Operator => return None,
    };
    let (kind, href, title) = kind;
    Some(Issue {
        kind,
        href,
        title,
        location,
        name,
    })
}
