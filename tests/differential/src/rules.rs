//! The rules that explain where two verdicts differ.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The library that a verdict is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Library {
    Jose,
    Oauth4webapi,
    Jsonwebtoken,
}

impl Library {
    pub(crate) const ALL: [Self; 3] = [Self::Jose, Self::Oauth4webapi, Self::Jsonwebtoken];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Jose => "jose",
            Self::Oauth4webapi => "oauth4webapi",
            Self::Jsonwebtoken => "jsonwebtoken",
        }
    }
}

/// A disagreement that is no fault of ours, and why.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Who disagrees.
    libraries: Vec<Library>,
    /// Our verdict: a reason, of which `*` at the end leaves the member open, or `accepted`.
    ours: String,
    /// Theirs; `accepted` where ours is a reason.
    theirs: String,
    /// One of the changes that were made to the token; needed where we are the ones who accept.
    #[serde(default)]
    after: Vec<String>,
    /// Why ours is right.
    reason: String,
}

impl Rule {
    /// Whether the rule is about this disagreement.
    fn explains(&self, library: Library, ours: &str, theirs: &str, changes: &[&str]) -> bool {
        self.libraries.contains(&library)
            && matches(&self.ours, ours)
            && matches(&self.theirs, theirs)
            && (self.after.is_empty()
                || self
                    .after
                    .iter()
                    .any(|change| changes.contains(&change.as_str())))
    }

    pub(crate) fn ours(&self) -> &str {
        &self.ours
    }

    pub(crate) fn theirs(&self) -> &str {
        &self.theirs
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn libraries(&self) -> &[Library] {
        &self.libraries
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}

/// The list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    rule: Vec<Rule>,
}

impl Rules {
    pub(crate) fn read(file: &Path, changes: &BTreeSet<&str>) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let rules: Self = toml::from_str(&text).with_context(|| file.display().to_string())?;
        for rule in &rules.rule {
            ensure!(
                !rule.reason.trim().is_empty() && !rule.libraries.is_empty(),
                "a rule without a reason or a library: {rule:?}"
            );
            ensure!(
                (rule.ours == "accepted") != (rule.theirs == "accepted"),
                "a rule about no disagreement: {rule:?}"
            );
            ensure!(
                rule.ours != "accepted" || !rule.after.is_empty(),
                "a token that we accept and they do not is explained by what was done to it: {rule:?}"
            );
            for change in &rule.after {
                ensure!(
                    changes.contains(change.as_str()),
                    "no change is called {change:?}"
                );
            }
        }
        Ok(rules)
    }

    /// The rule that explains a disagreement, by its place in the list.
    pub(crate) fn find(
        &self,
        library: Library,
        ours: &str,
        theirs: &str,
        changes: &[&str],
    ) -> Option<usize> {
        self.rule
            .iter()
            .position(|rule| rule.explains(library, ours, theirs, changes))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rule.iter()
    }
}
