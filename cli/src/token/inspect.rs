//! `sluis token inspect`: what a token says, whoever wrote it.

use std::io::{self, Write};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Map, Value, json};

use super::{TokenFailure, parse, read_token};
use crate::files::FileFailure;

const WARNING: &str = "sluis: not verified: anyone can write this";

pub(super) fn inspect(out: &mut impl Write) -> Result<(), TokenFailure> {
    let token = read_token()?;
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenFailure::NoToken);
    };
    // What the validator thinks of its form; a token with a bad form can be looked into all the same.
    let form = match parse(&token) {
        Ok(_) => Value::from("good"),
        Err(refusal) => Value::from(refusal.to_string()),
    };
    let shown = json!({
        "verified": false,
        "form": form,
        "header": object(header)?,
        "claims": object(claims)?,
    });
    // A warning that cannot be given is no reason to hide the token: the output says it as well.
    let _ = writeln!(io::stderr(), "{WARNING}");
    Ok(writeln!(out, "{shown:#}").map_err(FileFailure::Output)?)
}

fn object(part: &str) -> Result<Map<String, Value>, TokenFailure> {
    let bytes = Base64UrlUnpadded::decode_vec(part).map_err(|_| TokenFailure::NoToken)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenFailure::NoToken)
}
