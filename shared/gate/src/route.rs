//! Routes: which operation a method and path stand for.
//!
//! Paths are matched in one spelling only. A path that two servers could read
//! differently (`%2f`, `..`, `//`, `;`) is refused and never forwarded, so
//! the gate and the upstream cannot disagree on which operation was asked.

use sluis_policy::Operation;

use crate::config::ConfigError;
use crate::config::RawSubject;
use crate::minimise::Answer;

/// Longest path and query together, in bytes.
pub const MAX_TARGET_BYTES: usize = 2048;

/// What a query never holds here: what some servers take for another separator, or
/// escape; and `'`, which a client after the URL standard (WHATWG), such as Workers',
/// sends on as `%27`: then the backend would get another target than was asserted.
const QUERY_REFUSED: [u8; 10] = *b"#;\"'<>\\^`|";

/// Where a request carries the data subject's identifier (profile §17).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SubjectLocation {
    /// A parameter of the path.
    Path(String),
    /// A JSON pointer (RFC 6901) into the body.
    Body(String),
}

impl TryFrom<RawSubject> for SubjectLocation {
    type Error = ConfigError;

    fn try_from(raw: RawSubject) -> Result<Self, ConfigError> {
        match (raw.path, raw.body) {
            (Some(name), None) => Ok(Self::Path(name)),
            (None, Some(pointer)) if pointer.starts_with('/') => Ok(Self::Body(pointer)),
            (None, Some(pointer)) => Err(ConfigError::invalid(
                "routes.subject.body",
                &pointer,
                "a JSON pointer that begins with `/`",
            )),
            (Some(_), Some(_)) | (None, None) => Err(ConfigError::invalid(
                "routes.subject",
                "both or none",
                "exactly one of `path` and `body`",
            )),
        }
    }
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Parameter(String),
}

/// One configured route.
#[derive(Debug)]
pub(crate) struct Route {
    method: String,
    segments: Vec<Segment>,
    query: Vec<String>,
    pub(crate) subject: Option<SubjectLocation>,
    pub(crate) operation: Operation,
    /// What of the answer passes.
    pub(crate) answer: Answer,
}

/// All configured routes.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    routes: Vec<Route>,
}

/// A request's route and the values of its path parameters.
#[derive(Debug)]
pub(crate) struct RouteMatch<'a> {
    pub(crate) route: &'a Route,
    path: &'a str,
}

/// Why a request has no route. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The path or query is not in the one accepted spelling.
    #[error("the request target is not in normal form")]
    MalformedTarget,
    /// No operation has this path.
    #[error("no operation has this path")]
    NotFound,
    /// An operation has this path, with another method.
    #[error("the operation is served by other methods: {allow}")]
    MethodNotAllowed {
        /// The `Allow` header's value.
        allow: String,
    },
    /// The query holds a parameter that the operation does not know.
    #[error("the operation does not know this query parameter")]
    UnknownQueryParameter,
}

impl RouteTable {
    pub(crate) fn add(
        &mut self,
        method: &str,
        path: &str,
        query: Vec<String>,
        subject: Option<SubjectLocation>,
        operation: Operation,
        answer: Answer,
    ) -> Result<(), ConfigError> {
        const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        if !METHODS.contains(&method) {
            return Err(ConfigError::invalid(
                "routes.method",
                method,
                "an HTTP method",
            ));
        }
        let segments = parse_template(path)?;
        if crate::serve::is_own_path(path) {
            return Err(ConfigError::invalid(
                "routes.path",
                path,
                "a path that the gate does not serve itself",
            ));
        }
        if let Some(SubjectLocation::Path(name)) = &subject {
            let named = |s: &Segment| matches!(s, Segment::Parameter(p) if p == name);
            if !segments.iter().any(named) {
                return Err(ConfigError::invalid(
                    "routes.subject.path",
                    name,
                    "a parameter of the route's path",
                ));
            }
        }
        if self
            .routes
            .iter()
            .any(|r| r.method == method && overlap(&r.segments, &segments))
        {
            return Err(ConfigError::invalid(
                "routes.path",
                path,
                "a path that no other route of the same method also matches",
            ));
        }
        self.routes.push(Route {
            method: method.to_owned(),
            segments,
            query,
            subject,
            operation,
            answer,
        });
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.iter().map(|route| &route.operation)
    }

    /// The route of a request, by method and `path?query`.
    pub(crate) fn find<'a>(
        &'a self,
        method: &str,
        target: &'a str,
    ) -> Result<RouteMatch<'a>, RouteError> {
        if target.len() > MAX_TARGET_BYTES {
            return Err(RouteError::MalformedTarget);
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        if !is_normal_path(path) {
            return Err(RouteError::MalformedTarget);
        }
        let mut allow: Vec<&str> = Vec::new();
        for route in self.routes.iter().filter(|r| r.matches(path)) {
            if route.method == method {
                route.check_query(query)?;
                return Ok(RouteMatch { route, path });
            }
            allow.push(&route.method);
        }
        if allow.is_empty() {
            Err(RouteError::NotFound)
        } else {
            Err(RouteError::MethodNotAllowed {
                allow: allow.join(", "),
            })
        }
    }
}

impl Route {
    fn matches(&self, path: &str) -> bool {
        let mut parts = path.split('/').skip(1);
        self.segments
            .iter()
            .all(|segment| match (segment, parts.next()) {
                (Segment::Literal(literal), Some(part)) => literal == part,
                (Segment::Parameter(_), Some(part)) => !part.is_empty(),
                (Segment::Literal(_) | Segment::Parameter(_), None) => false,
            })
            && parts.next().is_none()
    }

    fn check_query(&self, query: Option<&str>) -> Result<(), RouteError> {
        let Some(query) = query else { return Ok(()) };
        if !query
            .bytes()
            .all(|b| b.is_ascii_graphic() && !QUERY_REFUSED.contains(&b))
        {
            return Err(RouteError::MalformedTarget);
        }
        let known = |pair: &str| {
            let name = pair.split('=').next().unwrap_or_default();
            self.query.iter().any(|q| q == name)
        };
        if query.split('&').all(known) {
            Ok(())
        } else {
            Err(RouteError::UnknownQueryParameter)
        }
    }
}

impl RouteMatch<'_> {
    /// The value of a path parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let position = self
            .route
            .segments
            .iter()
            .position(|s| matches!(s, Segment::Parameter(p) if p == name))?;
        self.path.split('/').nth(position + 1)
    }
}

/// One spelling per path: `/`-separated, unreserved characters only (RFC 3986
/// §2.3), no empty, `.` or `..` segment.
pub(crate) fn is_normal_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    rest.split('/').all(|segment| {
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(unreserved)
    })
}

fn parse_template(path: &str) -> Result<Vec<Segment>, ConfigError> {
    let bad = || {
        ConfigError::invalid(
            "routes.path",
            path,
            "`/segments/{parameter}` of letters, digits, `-`, `.`, `_`, `~`",
        )
    };
    let rest = path.strip_prefix('/').ok_or_else(bad)?;
    rest.split('/')
        .map(|part| {
            let parameter = part.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
            let (name, segment) = match parameter {
                Some(name) => (name, Segment::Parameter(name.to_owned())),
                None => (part, Segment::Literal(part.to_owned())),
            };
            if is_normal_path(&format!("/{name}")) {
                Ok(segment)
            } else {
                Err(bad())
            }
        })
        .collect()
}

/// Whether some path matches both. Two routes for one request would make the
/// order of the file decide.
fn overlap(a: &[Segment], b: &[Segment]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|pair| match pair {
            (Segment::Literal(x), Segment::Literal(y)) => x == y,
            (Segment::Parameter(_), _) | (_, Segment::Parameter(_)) => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluis_policy::Basis;

    fn table() -> RouteTable {
        let mut table = RouteTable::default();
        let operation = |id: &str| Operation::new(id, Basis::Statutory, "p", ["d"]).unwrap();
        table
            .add(
                "GET",
                "/api/v1/things/{id}",
                vec!["from".to_owned()],
                None,
                operation("a"),
                Answer::Opaque,
            )
            .unwrap();
        table
            .add(
                "POST",
                "/api/v1/things/{id}",
                vec![],
                None,
                operation("b"),
                Answer::Opaque,
            )
            .unwrap();
        table
    }

    #[test]
    fn a_route_is_found_with_its_parameter() {
        let table = table();
        let found = table.find("GET", "/api/v1/things/7?from=1").unwrap();
        assert_eq!(found.parameter("id"), Some("7"));
        assert_eq!(found.parameter("other"), None);
        assert_eq!(found.route.operation.id(), "a");
    }

    #[test]
    fn another_spelling_of_a_path_is_no_path() {
        for target in [
            "",
            "api/v1/things/7",
            "/api//v1/things/7",
            "/api/v1/things/7/",
            "/api/v1/../v1/things/7",
            "/api/v1/./things/7",
            "/api/v1/things/%37",
            "/api/v1/things/a%2fb",
            "/api/v1/things/7;x=1",
            "/api/v1/things\\7",
            "/api/v1/things/7\u{0}",
            "/api/v1/things/é",
            "http://host/api/v1/things/7",
            "*",
        ] {
            assert_eq!(
                table().find("GET", target).unwrap_err(),
                RouteError::MalformedTarget,
                "{target}"
            );
        }
    }

    #[test]
    fn unknown_paths_methods_and_parameters_are_refused() {
        let table = table();
        assert_eq!(
            table.find("GET", "/api/v1").unwrap_err(),
            RouteError::NotFound
        );
        assert_eq!(
            table.find("DELETE", "/api/v1/things/7").unwrap_err(),
            RouteError::MethodNotAllowed {
                allow: "GET, POST".to_owned()
            }
        );
        for query in ["from=a;x=b", "from=a#x", "from=\\x", "from='x"] {
            let target = format!("/api/v1/things/7?{query}");
            assert_eq!(
                table.find("GET", &target).unwrap_err(),
                RouteError::MalformedTarget
            );
        }
        for query in ["to=1", "from=1&to=2", "from=1&", "", "FROM=1", "fr%6fm=1"] {
            assert_eq!(
                table
                    .find("GET", &format!("/api/v1/things/7?{query}"))
                    .unwrap_err(),
                RouteError::UnknownQueryParameter,
                "{query}"
            );
        }
        let long = format!("/{}", "a".repeat(MAX_TARGET_BYTES));
        assert_eq!(
            table.find("GET", &long).unwrap_err(),
            RouteError::MalformedTarget
        );
    }

    #[test]
    fn ambiguous_or_reserved_routes_are_no_configuration() {
        let mut table = table();
        let operation = || Operation::new("x", Basis::Statutory, "p", ["d"]).unwrap();
        let mut add = |path: &str, subject| {
            table.add("GET", path, vec![], subject, operation(), Answer::Opaque)
        };
        for path in [
            "/api/v1/{any}/7",
            "/health",
            "/decide/x",
            "/log/entries",
            "/a//b",
            "/a/{b",
            "/",
        ] {
            assert!(add(path, None).is_err(), "{path}");
        }
        let subject = Some(SubjectLocation::Path("ssin".to_owned()));
        assert!(add("/x/{id}", subject).is_err());
    }
}
