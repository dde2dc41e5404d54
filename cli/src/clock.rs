//! The one place where the command reads a clock, and how it reads times that are given.

use std::time::{SystemTime, UNIX_EPOCH};

use sluis_log::UnixMillis;
use sluis_policy::Instant;
use sluis_token::UnixTime;

use crate::files::FileFailure;

/// Now, in whole seconds.
pub(crate) fn now() -> Result<UnixTime, FileFailure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a tool for people; the libraries take the time as an argument"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| UnixTime::from_seconds(since.as_secs()))
        .ok_or(FileFailure::Clock)
}

/// Now, as the log counts it.
pub(crate) fn now_millis() -> Result<UnixMillis, FileFailure> {
    let millis = now()?.as_seconds().checked_mul(1_000);
    let millis = millis.map(UnixMillis::new);
    millis.and_then(Result::ok).ok_or(FileFailure::Clock)
}

/// `2026-01-02T03:04:05+01:00`, or seconds since 1970.
pub(crate) fn parse(text: &str) -> Result<UnixTime, String> {
    if let Ok(seconds) = text.parse() {
        return UnixTime::from_seconds(seconds)
            .ok_or_else(|| "beyond the last moment of a token".to_owned());
    }
    Instant::parse(text)
        .map(|instant| instant.moment())
        .map_err(|error| error.to_string())
}

/// RFC 3339 in UTC.
pub(crate) fn show(time: UnixTime) -> String {
    match time.as_seconds().checked_mul(1_000).map(UnixMillis::new) {
        Some(Ok(millis)) => millis.to_string().replace(".000Z", "Z"),
        Some(Err(_)) | None => time.to_string(),
    }
}
