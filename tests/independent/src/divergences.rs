//! The list of cases on which the profile wants another verdict than a vector's makers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The whole list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergences {
    #[serde(default, rename = "divergence")]
    entries: Vec<Listed>,
}

/// Cases of one set that diverge for one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The set's name.
    set: String,
    /// Our verdict: [`ACCEPTED`](Self::ACCEPTED), or the reason code of the refusal.
    ours: String,
    /// The cases, by the ids that the set gives them.
    cases: Vec<Id>,
    /// Why ours is right.
    reason: String,
}

impl Listed {
    /// Our verdict where it is no refusal.
    pub const ACCEPTED: &'static str = "accepted";
}

/// A case's id: a number where its makers number their cases.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Name(String),
}

impl Divergences {
    /// Reads the list.
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        Self::parse(&text).with_context(|| file.display().to_string())
    }

    /// Reads the text of a list.
    pub fn parse(text: &str) -> Result<Self> {
        let list: Self = toml::from_str(text)?;
        for entry in &list.entries {
            ensure!(
                !entry.reason.trim().is_empty() && !entry.cases.is_empty(),
                "an entry of {} lacks a reason or cases",
                entry.set
            );
        }
        Ok(list)
    }

    /// The names of the sets that entries are for.
    pub fn sets(&self) -> BTreeSet<&str> {
        self.entries
            .iter()
            .map(|entry| entry.set.as_str())
            .collect()
    }

    /// Our verdict on each diverging case of a set.
    pub fn of(&self, set: &str) -> Result<BTreeMap<String, &str>> {
        let mut verdicts = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.set == set) {
            for case in &entry.cases {
                let id = match case {
                    Id::Number(number) => number.to_string(),
                    Id::Name(name) => name.clone(),
                };
                ensure!(
                    verdicts.insert(id.clone(), entry.ours.as_str()).is_none(),
                    "{set}: {id} is listed twice"
                );
            }
        }
        Ok(verdicts)
    }
}
