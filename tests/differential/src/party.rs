//! Who signs, for whom, and when it is verified.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sluis_token::sign::{SigningKey, jwks_json};
use sluis_token::{Algorithm, IssuerKeys, IssuerRules, JwkSet, KeyId, KeyRules, UnixTime};

/// The issuer of good tokens.
pub(crate) const ISSUER: &str = "https://vs.example/système";
/// For whom they are.
pub(crate) const AUDIENCE: &str = "https://api.example/pensions";
/// When they are verified. Far from any day on which the test runs: whoever looks at a clock of
/// its own would show.
pub(crate) const NOW: u64 = 3_000_000_000;
/// The difference of clocks that every verifier tolerates.
pub(crate) const SKEW: u64 = 30;
/// The longest lifetime that the issuer may give.
pub(crate) const LIFETIME: u64 = 300;

/// Keys of the issuer and of a stranger, one of each algorithm, whose ids are the algorithms' names.
pub(crate) struct Party {
    pub(crate) own: BTreeMap<Algorithm, SigningKey>,
    pub(crate) strangers: BTreeMap<Algorithm, SigningKey>,
    pub(crate) keys: IssuerKeys,
    pub(crate) jwks: String,
    pub(crate) now: UnixTime,
}

impl Party {
    pub(crate) fn new() -> Result<Self> {
        let own = keys()?;
        let jwks = jwks_json(own.values());
        let set = JwkSet::parse(jwks.as_bytes(), &KeyRules::default())?;
        let rules = IssuerRules::new(ISSUER, &Algorithm::ALL, LIFETIME, SKEW)?;
        Ok(Self {
            keys: IssuerKeys::new(rules, set),
            own,
            strangers: keys()?,
            jwks,
            now: UnixTime::from_seconds(NOW).context("a moment")?,
        })
    }
}

fn keys() -> Result<BTreeMap<Algorithm, SigningKey>> {
    let key = |algorithm: Algorithm| {
        let id = KeyId::parse(algorithm.as_str()).context("a key id")?;
        let key = SigningKey::generate(algorithm)?.with_key_id(&id)?;
        anyhow::Ok((algorithm, key))
    };
    Algorithm::ALL.into_iter().map(key).collect()
}
