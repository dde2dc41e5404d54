//! Subject binding: the person the request is about must be the person the
//! token is about (profile §17, M-21.5).
//!
//! The SSIN in the request is turned into the pairwise pseudonym under the
//! institution's key and compared with `sub`. It is not kept.

use sluis_token::{Ssin, SubjectPseudonym, VerifiedAccessToken};

use crate::error::{Stop, SubjectError};
use crate::platform::{BodyError, InboundRequest};
use crate::route::{RouteMatch, SubjectLocation};

/// The identifier where the route says that it stands.
pub(crate) enum SubjectSource<'a, R> {
    /// The request itself is here: its body can be read.
    Request(&'a mut R),
    /// A proxy asks about a request whose body stayed there.
    HeadOnly,
}

/// Checks that the request is about the token's data subject. A route without
/// a subject (statutory basis) has nothing to bind.
pub(crate) async fn bind<R: InboundRequest>(
    found: &RouteMatch<'_>,
    token: &VerifiedAccessToken,
    key: &[u8],
    source: SubjectSource<'_, R>,
    body_limit: usize,
) -> Result<(), Stop> {
    let (location, name, ssin) = match &found.route.subject {
        None => return Ok(()),
        Some(SubjectLocation::Path(name)) => (
            "path",
            name.as_str(),
            found.parameter(name).map(str::to_owned),
        ),
        Some(SubjectLocation::Body(pointer)) => {
            let ssin = match source {
                SubjectSource::HeadOnly => None,
                SubjectSource::Request(request) => {
                    read_pointer(request, pointer, body_limit).await?
                }
            };
            ("body", pointer.as_str(), ssin)
        }
    };
    let name = || name.to_owned();
    let ssin = ssin.ok_or_else(|| SubjectError::Absent {
        location,
        name: name(),
    });
    let ssin = Ssin::parse(&ssin.map_err(refused)?).map_err(|_| {
        refused(SubjectError::Malformed {
            location,
            name: name(),
        })
    })?;
    match SubjectPseudonym::derive(key, &ssin) {
        // The comparison takes the same time wherever the two differ.
        Ok(pseudonym) if pseudonym == *token.subject() => Ok(()),
        Ok(_) | Err(_) => Err(refused(SubjectError::Mismatch)),
    }
}

/// The string at a JSON pointer of the body. A member that stands twice makes
/// the whole body unusable: the backend might read the other one.
async fn read_pointer<R: InboundRequest>(
    request: &mut R,
    pointer: &str,
    limit: usize,
) -> Result<Option<String>, Stop> {
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_json = media_type.eq_ignore_ascii_case("application/json");
    if !is_json || request.header("content-encoding").is_some() {
        return Err(refused(SubjectError::NotJson));
    }
    let body = request.buffer_body(limit).await.map_err(|error| {
        refused(match error {
            BodyError::TooLarge { limit } => SubjectError::BodyTooLarge { limit },
            BodyError::Incomplete => SubjectError::NotJson,
        })
    })?;
    sluis_token::text_at_pointer(&body, pointer).map_err(|_| refused(SubjectError::NotJson))
}

fn refused(error: SubjectError) -> Stop {
    Stop::Refused(error.into())
}
