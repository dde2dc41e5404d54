//! The request that a decision is about: the one that came in, or the one
//! that a proxy asks about.

use sluis_log::{GateMode, TraceId};
use sluis_token::AuthorizationScheme;

use crate::error::Refusal;
use crate::headers;
use crate::platform::InboundRequest;

/// Path of the decision endpoint.
pub(crate) const DECIDE_PATH: &str = "/decide";

/// Method, target and the headers that a decision needs.
#[derive(Debug)]
pub(crate) struct OriginalRequest {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) authorization: Option<String>,
    /// The `DPoP` field, where the token came in that scheme: no other request has
    /// to look for it.
    pub(crate) dpop: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) related_trace_id: Option<TraceId>,
    /// Whether a proxy asks about it: then what came in is the proxy's request.
    pub(crate) asked: bool,
    /// Whether its body can be read here.
    pub(crate) has_body_here: bool,
}

impl OriginalRequest {
    /// The request that came in, to be forwarded if it is allowed.
    pub(crate) fn inline(request: &impl InboundRequest) -> Self {
        Self::with(request, request.method(), request.target(), true, false)
    }

    /// The request that a proxy asks about. Exactly one convention must name
    /// it; a client that smuggles the headers of another convention through
    /// its proxy gets a refusal and never a decision about a request of its choice.
    ///
    /// - nginx `auth_request`, `HAProxy`: `X-Original-Method`, `X-Original-URI`
    /// - Traefik `ForwardAuth`: `X-Forwarded-Method`, `X-Forwarded-Uri`
    /// - Envoy `ext_authz` with `path_prefix: /decide`: method and path of the question itself
    pub(crate) fn asked(request: &impl InboundRequest) -> Result<Self, Refusal> {
        let target = request.target();
        let suffix = target.strip_prefix(DECIDE_PATH).unwrap_or_default();
        let pair = |method: &str, uri: &str| match (request.header(method), request.header(uri)) {
            (None, None) => Ok(None),
            (Some(method), Some(uri)) if !method.contains(',') => Ok(Some((method, uri, false))),
            (Some(_) | None, Some(_)) | (Some(_), None) => Err(Refusal::Ambiguous),
        };
        let original = pair("x-original-method", "x-original-uri")?;
        let forwarded = pair("x-forwarded-method", "x-forwarded-uri")?;
        let prefixed = suffix
            .starts_with('/')
            .then(|| (request.method(), suffix.to_owned(), true));
        let mut named = [original, forwarded, prefixed].into_iter().flatten();
        let (Some((method, target, has_body_here)), None) = (named.next(), named.next()) else {
            return Err(Refusal::Ambiguous);
        };
        Ok(Self::with(request, method, target, has_body_here, true))
    }

    fn with(
        request: &impl InboundRequest,
        method: String,
        target: String,
        has_body_here: bool,
        asked: bool,
    ) -> Self {
        let authorization = request.header("authorization");
        let dpop = match scheme_of(authorization.as_deref()) {
            AuthorizationScheme::Dpop => request.header("dpop"),
            AuthorizationScheme::Bearer => None,
        };
        Self {
            method,
            target,
            authorization,
            dpop,
            asked,
            content_type: request.header("content-type"),
            related_trace_id: request
                .header(headers::TRACE_ID)
                .and_then(|id| parse_trace_id(&id)),
            has_body_here,
        }
    }

    /// The scheme that an answer speaks in: that of the request, or `Bearer`.
    pub(crate) fn scheme(&self) -> AuthorizationScheme {
        scheme_of(self.authorization.as_deref())
    }

    /// Who forwards it if it is allowed.
    pub(crate) const fn mode(&self) -> GateMode {
        if self.asked {
            GateMode::Decision
        } else {
            GateMode::Inline
        }
    }

    /// The query of the target.
    pub(crate) fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }
}

fn scheme_of(authorization: Option<&str>) -> AuthorizationScheme {
    let field = authorization.unwrap_or_default().trim_matches([' ', '\t']);
    let scheme = field.split(' ').next().unwrap_or_default();
    let dpop = AuthorizationScheme::Dpop;
    if scheme.eq_ignore_ascii_case(dpop.as_str()) {
        dpop
    } else {
        AuthorizationScheme::Bearer
    }
}

/// A caller's trace id, echoed and logged only if it is a UUID: any freer form
/// could carry a number or the name of somebody.
fn parse_trace_id(id: &str) -> Option<TraceId> {
    let is_uuid = id.len() == 36
        && id.bytes().enumerate().all(|(position, b)| match position {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    if is_uuid { TraceId::parse(id) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryRequest;

    fn asked(request: &MemoryRequest) -> Result<(String, String, bool), Refusal> {
        OriginalRequest::asked(request).map(|o| (o.method, o.target, o.has_body_here))
    }

    #[test]
    fn each_proxy_convention_names_the_original_request() {
        let nginx = MemoryRequest::new("GET", "/decide")
            .header("x-original-method", "POST")
            .header("x-original-uri", "/a?b=c");
        assert_eq!(asked(&nginx), Ok(("POST".into(), "/a?b=c".into(), false)));
        let traefik = MemoryRequest::new("GET", "/decide")
            .header("x-forwarded-method", "PUT")
            .header("x-forwarded-uri", "/a");
        assert_eq!(asked(&traefik), Ok(("PUT".into(), "/a".into(), false)));
        let envoy = MemoryRequest::new("DELETE", "/decide/a?b=c");
        assert_eq!(asked(&envoy), Ok(("DELETE".into(), "/a?b=c".into(), true)));
    }

    #[test]
    fn two_conventions_or_half_of_one_are_refused() {
        for request in [
            MemoryRequest::new("GET", "/decide"),
            MemoryRequest::new("GET", "/decide?x=1"),
            MemoryRequest::new("GET", "/decide").header("x-original-uri", "/a"),
            MemoryRequest::new("GET", "/decide").header("x-forwarded-method", "GET"),
            MemoryRequest::new("GET", "/decide")
                .header("x-original-method", "GET")
                .header("x-original-uri", "/a")
                .header("x-forwarded-method", "GET")
                .header("x-forwarded-uri", "/b"),
            MemoryRequest::new("GET", "/decide/b")
                .header("x-original-method", "GET")
                .header("x-original-uri", "/a"),
            MemoryRequest::new("GET", "/decide")
                .header("x-original-method", "GET, POST")
                .header("x-original-uri", "/a"),
        ] {
            assert_eq!(asked(&request), Err(Refusal::Ambiguous), "{request:?}");
        }
    }

    #[test]
    fn a_trace_id_that_could_name_somebody_is_dropped() {
        for id in [
            "",
            "53480200724",
            "S53480200724",
            "BE0202239951",
            "a b",
            "ünï",
            &"a".repeat(37),
        ] {
            assert_eq!(parse_trace_id(id), None, "{id}");
        }
        assert!(parse_trace_id("123e4567-e89b-12d3-a456-426614174000").is_some());
    }
}
