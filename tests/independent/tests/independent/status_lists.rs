//! The examples and test vectors of the Token Status List (draft-ietf-oauth-status-list).

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use sluis_independent::divergences::Listed;
use sluis_independent::{Expected, Set, Verdict, read, replaced};
use sluis_token::sign::{SigningKey, jwks_json};
use sluis_token::{
    Algorithm, IssuerKeys, IssuerRules, JwkSet, KeyRules, StatusList, TokenStatus, UnixTime,
    UntrustedStatusList,
};

use crate::{Found, Source};

pub(crate) const SOURCES: &[Source] = &[Source {
    name: "Token Status List",
    run,
}];

/// The difference of clocks that is tolerated, and a lifetime that plays no part here.
const SKEW: u64 = 30;
const LIFETIME: u64 = 300;
/// The issuer, the place and the time of the lists that stand alone.
const ISSUER: &str = "https://vs.example";
const URI: &str = "https://vs.example/status/1";
const NOW: u64 = 1_770_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    list: Vec<List>,
    token: Vec<Token>,
}

/// A list without a token around it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    name: String,
    bits: u8,
    lst: String,
    entries: u64,
    statuses: Vec<(u64, u8)>,
}

/// A whole status list token, and the key that signs it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    name: String,
    text: String,
    key: String,
    issuer: String,
    uri: String,
    at: u64,
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
    issuer: Option<String>,
    uri: Option<String>,
    at: Option<u64>,
}

fn run(set: &mut Set) -> Result<Found> {
    let file: File = read("status-list.toml")?;
    for list in &file.list {
        list.run(set)?;
    }
    for token in &file.token {
        token.run(set)?;
    }
    Ok(Found::Here)
}

impl List {
    /// Every entry that is named, and all the others at once; one beyond the end is none.
    fn run(&self, set: &mut Set) -> Result<()> {
        let list = signed(self.bits, &self.lst)?;
        ensure!(
            list.entries() == self.entries,
            "{}: {} entries",
            self.name,
            list.entries()
        );
        let named: BTreeMap<u64, u8> = self.statuses.iter().copied().collect();
        for (index, value) in &named {
            let id = format!("{}, index {index}", self.name);
            set.case(id, Expected::Accepted, says(&list, *index, *value));
        }
        let others = (0..self.entries).filter(|index| !named.contains_key(index));
        let mut others = others.map(|index| says(&list, index, 0));
        let id = format!("{}, every other index", self.name);
        set.case(
            id,
            Expected::Accepted,
            others.find(Result::is_err).unwrap_or(Ok(())),
        );
        let id = format!("{}, beyond the end", self.name);
        set.case(id, Expected::Refused, says(&list, self.entries, 0));
        Ok(())
    }
}

/// Whether an entry has that status.
fn says(list: &StatusList, index: u64, value: u8) -> Verdict {
    let now = UnixTime::from_seconds(NOW).ok_or("no moment")?;
    let found = list.status(index, now).map_err(|error| error.code())?;
    let expected = match value {
        0 => TokenStatus::Valid,
        1 => TokenStatus::Invalid,
        2 => TokenStatus::Suspended,
        other => TokenStatus::ApplicationSpecific(other),
    };
    if found == expected {
        Ok(())
    } else {
        Err("another status")
    }
}

/// The list, in a token of ours.
fn signed(bits: u8, lst: &str) -> Result<StatusList> {
    let key = SigningKey::generate(Algorithm::EdDsa)?;
    let payload = json!({"sub": URI, "iat": NOW, "status_list": {"bits": bits, "lst": lst}});
    let text = key.sign("statuslist+jwt", &payload)?;
    let keys = issuer(ISSUER, jwks_json([&key]).as_bytes())?;
    let now = UnixTime::from_seconds(NOW).context("a moment")?;
    let untrusted = UntrustedStatusList::parse(text.as_bytes())?;
    Ok(untrusted.verify_locally(&keys, URI, now)?)
}

fn issuer(name: &str, set: &[u8]) -> Result<IssuerKeys> {
    let rules = IssuerRules::new(name, &Algorithm::ALL, LIFETIME, SKEW)?;
    Ok(IssuerKeys::new(
        rules,
        JwkSet::parse(set, &KeyRules::default())?,
    ))
}

impl Token {
    fn run(&self, set: &mut Set) -> Result<()> {
        let as_it_is = self.judge(&self.text, None)?;
        set.case(&self.name, Expected::Accepted, as_it_is);
        for change in &self.but {
            let id = format!("{}, but {}", self.name, change.what);
            let text = replaced(&self.text, change.text.as_ref()).context(id.clone())?;
            let verdict = self.judge(&text, Some(change))?;
            let code = verdict.err().unwrap_or(Listed::ACCEPTED);
            ensure!(code == change.ours, "{id}: {code}, not {}", change.ours);
            set.case(id, Expected::Refused, verdict);
        }
        Ok(())
    }

    fn judge(&self, text: &str, change: Option<&Change>) -> Result<Verdict> {
        let name = change.and_then(|change| change.issuer.as_ref());
        let uri = change.and_then(|change| change.uri.as_ref());
        let at = change.and_then(|change| change.at).unwrap_or(self.at);
        let key: Value = serde_json::from_str(&self.key).context("the key")?;
        let set = json!({"keys": [key]}).to_string();
        let keys = issuer(name.unwrap_or(&self.issuer), set.as_bytes())?;
        let now = UnixTime::from_seconds(at).context("a moment")?;
        let verdict = UntrustedStatusList::parse(text.as_bytes())
            .and_then(|list| list.verify_locally(&keys, uri.unwrap_or(&self.uri), now));
        Ok(verdict.map(drop).map_err(|error| error.code()))
    }
}
