//! The negative tests of other libraries, expressed as data for tokens and keys of the profile.

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use sluis_independent::divergences::Listed;
use sluis_independent::forge::{self, Recipe};
use sluis_independent::{Expected, Set, Verdict, keys, read};
use sluis_token::{JwkSet, KeyRules};

use crate::{Found, Source};

pub(crate) const SOURCES: &[Source] = &[
    Source {
        name: "PyJWT, ported",
        run: |set| run(set, "pyjwt.toml"),
    },
    Source {
        name: "joserfc, ported",
        run: |set| run(set, "joserfc.toml"),
    },
];

/// A file of cases, each of which that library refuses.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    token: Vec<TokenCase>,
    key: Vec<KeyCase>,
}

#[derive(Deserialize)]
struct TokenCase {
    case: String,
    /// Our reason code, or that we accept it.
    ours: String,
    #[serde(flatten)]
    recipe: Recipe,
}

/// A key in an issuer's set, or a whole set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyCase {
    case: String,
    ours: String,
    jwk: Option<String>,
    jwks: Option<String>,
}

fn run(set: &mut Set, file: &str) -> Result<Found> {
    let cases: Cases = read(file)?;
    let good = forge::verdict(&Recipe::default())?;
    ensure!(good == Ok(()), "the good token itself is refused: {good:?}");
    let mut wrong = Vec::new();
    let mut add = |case: &str, ours: &str, verdict: Verdict| {
        let code = verdict.err().unwrap_or(Listed::ACCEPTED);
        if code != ours {
            wrong.push(format!("{case}: {code}, not {ours}"));
        }
        set.case(case, Expected::Refused, verdict);
    };
    for case in &cases.token {
        let verdict = forge::verdict(&case.recipe).with_context(|| case.case.clone())?;
        add(&case.case, &case.ours, verdict);
    }
    for case in &cases.key {
        let verdict = match (&case.jwk, &case.jwks) {
            (Some(jwk), None) => {
                let jwk: Value = serde_json::from_str(jwk).with_context(|| case.case.clone())?;
                keys::key(&jwk).map(drop)
            }
            (None, Some(jwks)) => JwkSet::parse(jwks.as_bytes(), &KeyRules::default())
                .map(drop)
                .map_err(|error| error.code()),
            _ => bail!("{}: either a key or a set", case.case),
        };
        add(&case.case, &case.ours, verdict);
    }
    ensure!(
        wrong.is_empty(),
        "{file}: other reasons than it says:\n  {}",
        wrong.join("\n  ")
    );
    Ok(Found::Here)
}
