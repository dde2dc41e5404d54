//! `sluis token verify`: the token profile §2–21, with a key set from a file.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sluis_token::{
    Algorithm, Confirmation, IssuerKeys, IssuerRules, JwkSet, KeyRules, MAX_CLOCK_SKEW_SECONDS,
    MAX_TOKEN_LIFETIME_SECONDS, UnixTime,
};

use super::{TokenFailure, parse, read_token};
use crate::clock;
use crate::files::{FileFailure, name_of, read_text};
use crate::keys::parse_algorithm;

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The issuer's public keys, a JWK set
    #[arg(long, value_name = "FILE")]
    jwks: PathBuf,
    /// The issuer, exactly as the token names it
    #[arg(long, value_name = "ISSUER")]
    issuer: String,
    /// Our own identifier, exactly as the token names it
    #[arg(long, value_name = "AUDIENCE")]
    audience: String,
    /// Accept this algorithm only; may be given several times
    #[arg(long, value_name = "NAME", value_parser = parse_algorithm)]
    algorithm: Vec<Algorithm>,
    /// The longest lifetime that is accepted, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = MAX_TOKEN_LIFETIME_SECONDS)]
    max_lifetime: u64,
    /// How far clocks may differ, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=MAX_CLOCK_SKEW_SECONDS))]
    skew: u64,
    /// The moment of verification, such as 2026-05-28T12:00:00+02:00, or seconds since 1970; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    at: Option<UnixTime>,
}

pub(super) fn verify(
    arguments: &VerifyArguments,
    out: &mut impl Write,
) -> Result<(), TokenFailure> {
    let json = read_text(&arguments.jwks)?;
    let keys = JwkSet::parse(json.as_bytes(), &KeyRules::default()).map_err(|error| {
        TokenFailure::KeySet {
            name: name_of(&arguments.jwks),
            error,
        }
    })?;
    let algorithms = if arguments.algorithm.is_empty() {
        &Algorithm::ALL[..]
    } else {
        &arguments.algorithm
    };
    let rules = IssuerRules::new(
        &arguments.issuer,
        algorithms,
        arguments.max_lifetime,
        arguments.skew,
    )
    .map_err(TokenFailure::Rules)?;
    let untrusted = parse(&read_token()?)?;
    let at = arguments.at.map_or_else(clock::now, Ok)?;
    let token = untrusted
        .verify_locally(&IssuerKeys::new(rules, keys), &arguments.audience, at)
        .map_err(TokenFailure::Verify)?;
    let mandate = token.mandate();
    let confirmation = token.confirmation();
    // What names the holder or the subject is not repeated: the output may end up in a ticket.
    let shown = json!({
        "verified": true,
        "issuer": token.issuer(),
        "keyId": token.key_id().as_str(),
        "algorithm": token.algorithm().as_str(),
        "tokenId": token.token_id(),
        "issuedAt": clock::show(token.issued_at()),
        "expiresAt": clock::show(token.expires_at()),
        "mandateType": mandate.mandate_type(),
        "deliberation": mandate.deliberation(),
        "purposes": mandate.purposes(),
        "dataCategories": mandate.data_categories(),
        "validUntil": clock::show(mandate.valid_until()),
        "holderPseudonymised": mandate.holder().identity().is_pseudonym(),
        // Said, not checked: there is no sender here to prove anything.
        "boundToKey": confirmation.is_some_and(Confirmation::names_key),
        "boundToCertificate": confirmation.is_some_and(Confirmation::names_certificate),
        "hasStatusReference": token.status_reference().is_some(),
    });
    Ok(writeln!(out, "{shown:#}").map_err(FileFailure::Output)?)
}
