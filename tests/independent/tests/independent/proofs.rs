//! The DPoP proofs of RFC 9449, as they stand there and with one thing changed.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use sluis_independent::divergences::Listed;
use sluis_independent::{Expected, Set, Verdict, keys, read, replaced};
use sluis_token::{AccessToken, AuthorizationScheme, DpopProof, DpopRequest, UnixTime};

use crate::{Found, Source};

pub(crate) const SOURCES: &[Source] = &[Source {
    name: "RFC 9449",
    run,
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proofs {
    /// The access token beside each of them.
    token: String,
    /// The thumbprint of the key of each, in base64url.
    jkt: String,
    proof: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    name: String,
    text: String,
    method: String,
    url: String,
    at: u64,
    ours: String,
    but: Vec<Change>,
}

/// What is other than in the specification.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    what: String,
    ours: String,
    /// What stands in the text, and what is put there.
    text: Option<[String; 2]>,
    method: Option<String>,
    url: Option<String>,
    at: Option<u64>,
    token: Option<String>,
}

fn run(set: &mut Set) -> Result<Found> {
    let proofs: Proofs = read("dpop.toml")?;
    for example in &proofs.proof {
        let proof = DpopProof::parse(&example.text).with_context(|| example.name.clone())?;
        ensure!(
            keys::text(&proof.key_thumbprint()) == proofs.jkt,
            "{}: a key of another thumbprint",
            example.name
        );
        let mut add = |id: String, expected, verdict: Verdict, ours: &str| {
            let code = verdict.err().unwrap_or(Listed::ACCEPTED);
            ensure!(code == ours, "{id}: {code}, not {ours}");
            set.case(id, expected, verdict);
            Ok(())
        };
        let as_it_is = example.judge(&example.text, &proofs.token, None)?;
        add(
            example.name.clone(),
            Expected::Accepted,
            as_it_is,
            &example.ours,
        )?;
        for change in &example.but {
            let id = format!("{}, but {}", example.name, change.what);
            let text = replaced(&example.text, change.text.as_ref()).context(id.clone())?;
            let token = change.token.as_ref().unwrap_or(&proofs.token);
            let verdict = example.judge(&text, token, Some(change))?;
            add(id, Expected::Refused, verdict, &change.ours)?;
        }
    }
    Ok(Found::Here)
}

impl Example {
    /// The verdict on a proof beside a token, for the example's request or a changed one. Any
    /// nonce would do: there is none in these proofs.
    fn judge(&self, text: &str, token: &str, change: Option<&Change>) -> Result<Verdict> {
        let token = AccessToken::parse_as(AuthorizationScheme::Dpop, token)?;
        let at = change.and_then(|change| change.at).unwrap_or(self.at);
        let method = change.and_then(|change| change.method.as_ref());
        let url = change.and_then(|change| change.url.as_ref());
        let request = DpopRequest {
            method: method.unwrap_or(&self.method),
            url: url.unwrap_or(&self.url),
            access_token: &token,
            now: UnixTime::from_seconds(at).context("a moment")?,
        };
        let verdict = DpopProof::parse(text)
            .and_then(|proof| proof.verify_locally(&request, |_| true).map(drop));
        Ok(verdict.map_err(|error| error.code()))
    }
}
