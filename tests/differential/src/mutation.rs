//! Every way in which a good token is changed, by level.

mod claims;
mod header;
mod json;
mod parts;
mod time;

use crate::draft::Draft;
use crate::random::Random;

/// A named change.
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    pub(crate) apply: fn(&mut Draft, &mut Random),
}

/// All of them.
pub(crate) fn all() -> Vec<&'static Mutation> {
    [
        header::MUTATIONS,
        claims::MUTATIONS,
        time::MUTATIONS,
        json::MUTATIONS,
        parts::MUTATIONS,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// JSON texts of every type, none of which is a good value of any claim.
const STRANGE_VALUES: [&str; 22] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "1e3",
    "1E400",
    "\"\"",
    "\" \"",
    "\"0\"",
    "[]",
    "[[]]",
    "[null]",
    "{}",
    "{\"a\":1}",
    "18446744073709551616",
    "9007199254740993",
    "-0",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "[1,\"a\"]",
];

/// The claims that every token of the profile has.
const REQUIRED: [&str; 8] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "jti",
    "client_id",
    "authorization_details",
];
