//! Subject binding: the person the request is about must be the person the
//! token is about (profile §17, M-21.5).
//!
//! The SSIN in the request is turned into the pairwise pseudonym under the
//! institution's key and compared with `sub`. It is not kept.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use sha2::{Digest, Sha256};
use sluis_token::{PseudonymKey, Ssin, VerifiedAccessToken};

use crate::error::{Stop, SubjectError};
use crate::media_type;
use crate::platform::{BodyError, InboundRequest};
use crate::route::{RouteMatch, SubjectLocation};

/// Longest time for a body to arrive whole, in milliseconds. The decision was
/// taken by then and must not grow old.
pub const MAX_BODY_WAIT_MS: u32 = 5000;

/// The identifier where the route says that it stands.
pub(crate) enum SubjectSource<'a, R> {
    /// The request itself is here: its body can be read.
    Request(&'a mut R),
    /// A proxy asks about a request whose body stayed there.
    HeadOnly,
    /// A body that is not read: it may be too large, and must go on whole.
    TooLarge,
}

/// Checks that the request is about the token's data subject, and gives the
/// SHA-256 of the body if the subject was found in it. A route without a
/// subject (statutory basis) has nothing to bind.
pub(crate) async fn bind<R: InboundRequest>(
    found: &RouteMatch<'_>,
    token: &VerifiedAccessToken,
    key: &PseudonymKey,
    source: SubjectSource<'_, R>,
    body_limit: usize,
    timeout: impl Future<Output = ()>,
) -> Result<Option<[u8; 32]>, Stop> {
    let mut body_sha256 = None;
    let (location, name, ssin) = match &found.route.subject {
        None => return Ok(None),
        Some(SubjectLocation::Path(name)) => (
            "path",
            name.as_str(),
            found.parameter(name).map(str::to_owned),
        ),
        Some(SubjectLocation::Body(pointer)) => {
            let ssin = match source {
                SubjectSource::HeadOnly => None,
                SubjectSource::TooLarge => {
                    return Err(refused(SubjectError::BodyTooLarge { limit: body_limit }));
                }
                SubjectSource::Request(request) => {
                    let (ssin, sha256) =
                        read_pointer(request, pointer, body_limit, timeout).await?;
                    body_sha256 = Some(sha256);
                    ssin
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
    // The comparison takes the same time wherever the two differ.
    if key.pseudonym(&ssin) == *token.subject() {
        Ok(body_sha256)
    } else {
        Err(refused(SubjectError::Mismatch))
    }
}

/// The string at a JSON pointer of the body. A member that stands twice makes
/// the whole body unusable: the backend might read the other one.
async fn read_pointer<R: InboundRequest>(
    request: &mut R,
    pointer: &str,
    limit: usize,
    timeout: impl Future<Output = ()>,
) -> Result<(Option<String>, [u8; 32]), Stop> {
    if !is_plain_json(request) {
        return Err(refused(SubjectError::NotJson));
    }
    // Whoever holds the body back holds the decision back, which was taken by
    // then.
    let body = race(request.buffer_body(limit), timeout).await;
    let body = body.ok_or_else(|| refused(SubjectError::BodyTooSlow))?;
    let body = body.map_err(|error| {
        refused(match error {
            BodyError::TooLarge { limit } => SubjectError::BodyTooLarge { limit },
            BodyError::Incomplete => SubjectError::NotJson,
        })
    })?;
    let ssin =
        sluis_token::text_at_pointer(&body, pointer).map_err(|_| refused(SubjectError::NotJson))?;
    Ok((ssin, Sha256::digest(&body).into()))
}

/// Whether backend and gate must read the same JSON from the body: one media
/// type, UTF-8, not encoded, and not the beginning of a longer one.
fn is_plain_json<R: InboundRequest>(request: &R) -> bool {
    let content_type = request.header("content-type").unwrap_or_default();
    media_type::is_json(&content_type)
        && request.header("content-encoding").is_none()
        // Envoy, asking with a body that it cut off (`allow_partial_message`).
        && request.header("x-envoy-auth-partial-body").is_none_or(|value| value == "false")
}

/// The first future's output, or none once the second has ended.
pub(crate) async fn race<T>(
    first: impl Future<Output = T>,
    second: impl Future<Output = ()>,
) -> Option<T> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| match first.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => second.as_mut().poll(context).map(|()| None),
    })
    .await
}

fn refused(error: SubjectError) -> Stop {
    Stop::Refused(error.into())
}
