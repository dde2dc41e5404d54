//! What came out: counts of agreements, of each rule, and every disagreement that no rule explains.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, ensure};

use crate::rules::{Library, Rules};

/// Examples of an unexplained disagreement that the report has, with their tokens.
const MAX_EXAMPLES: usize = 3;

/// How often a change was made, and how often the token was good all the same.
#[derive(Debug, Default, Clone, Copy)]
struct Change {
    made: usize,
    accepted: usize,
}

/// A disagreement that no rule explains.
#[derive(Debug, Default)]
struct Unexplained {
    tokens: usize,
    /// How often after each change.
    after: BTreeMap<&'static str, usize>,
    examples: Vec<String>,
}

/// The sums of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    tokens: usize,
    accepted: usize,
    both_accept: BTreeMap<Library, usize>,
    both_refuse: BTreeMap<Library, usize>,
    explained: BTreeMap<(usize, Library), usize>,
    unexplained: BTreeMap<(Library, String, String), Unexplained>,
    changes: BTreeMap<&'static str, Change>,
}

/// One token and what everybody says of it.
pub(crate) struct Judged<'a> {
    pub(crate) token: &'a str,
    pub(crate) changes: &'a [&'static str],
    pub(crate) ours: &'a str,
    pub(crate) theirs: [(Library, &'a str); 3],
}

impl Report {
    pub(crate) fn add(&mut self, rules: &Rules, judged: &Judged<'_>) {
        self.tokens += 1;
        let accepted = judged.ours == "accepted";
        self.accepted += usize::from(accepted);
        for change in judged.changes {
            let change = self.changes.entry(change).or_default();
            change.made += 1;
            change.accepted += usize::from(accepted);
        }
        for (library, theirs) in judged.theirs {
            let accepts = theirs == "accepted";
            if accepts == accepted {
                let counts = if accepted {
                    &mut self.both_accept
                } else {
                    &mut self.both_refuse
                };
                *counts.entry(library).or_default() += 1;
            } else if let Some(rule) = rules.find(library, judged.ours, theirs, judged.changes) {
                *self.explained.entry((rule, library)).or_default() += 1;
            } else {
                let key = (library, judged.ours.to_owned(), theirs.to_owned());
                let unexplained = self.unexplained.entry(key).or_default();
                unexplained.tokens += 1;
                for change in judged.changes {
                    *unexplained.after.entry(change).or_default() += 1;
                }
                if unexplained.examples.len() < MAX_EXAMPLES {
                    let example = format!("{:?}: {}", judged.changes, judged.token);
                    unexplained.examples.push(example);
                }
            }
        }
    }

    /// The lines of counts.
    pub(crate) fn counts(&self) -> Vec<String> {
        let line = |library: Library| {
            let sum = |counts: &BTreeMap<Library, usize>| {
                counts.get(&library).copied().unwrap_or_default()
            };
            let explained: usize = self
                .explained
                .iter()
                .filter(|((_, by), _)| *by == library)
                .map(|(_, count)| count)
                .sum();
            let rules = self
                .explained
                .keys()
                .filter(|(_, by)| *by == library)
                .count();
            let unexplained: usize = self
                .unexplained
                .iter()
                .filter(|((by, _, _), _)| *by == library)
                .map(|(_, unexplained)| unexplained.tokens)
                .sum();
            format!(
                "Differential, {}: {} tokens, {} accepted by both, {} refused by both, {explained} differ by {rules} rules, {unexplained} unexplained",
                library.name(),
                self.tokens,
                sum(&self.both_accept),
                sum(&self.both_refuse)
            )
        };
        Library::ALL.into_iter().map(line).collect()
    }

    /// The whole report, in Markdown.
    pub(crate) fn text(&self, rules: &Rules, seed: u64) -> String {
        let mut text = format!(
            "# Differential test\n\nSeed {seed}, {} tokens, of which we accept {}.\n\n",
            self.tokens, self.accepted
        );
        for line in self.counts() {
            let _ = writeln!(text, "- {line}");
        }
        text.push_str(
            "\n| rule | library | we say | they say | tokens | why |\n|---|---|---|---|---|---|\n",
        );
        for (number, rule) in rules.iter().enumerate() {
            for library in rule.libraries() {
                let count = self.explained.get(&(number, *library)).copied();
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} | {} | {} |",
                    number + 1,
                    library.name(),
                    rule.ours(),
                    rule.theirs(),
                    count.unwrap_or_default(),
                    rule.reason()
                );
            }
        }
        text.push_str("\n| change | tokens | accepted by us |\n|---|---|---|\n");
        for (name, Change { made, accepted }) in &self.changes {
            let _ = writeln!(text, "| {name} | {made} | {accepted} |");
        }
        if !self.unexplained.is_empty() {
            text.push_str("\n## Unexplained\n\n");
            text.push_str(&self.unexplained_text(MAX_EXAMPLES));
        }
        text
    }

    fn unexplained_text(&self, examples: usize) -> String {
        let mut text = String::new();
        for ((library, ours, theirs), unexplained) in &self.unexplained {
            let _ = writeln!(
                text,
                "- {} tokens: we say {ours}, {} says {theirs}; after {:?}",
                unexplained.tokens,
                library.name(),
                unexplained.after
            );
            for example in unexplained.examples.iter().take(examples) {
                let _ = writeln!(text, "  - {example}");
            }
        }
        text
    }

    /// Whether every disagreement is explained and, where enough tokens ran, every rule needed.
    pub(crate) fn check(&self, rules: &Rules, every_rule: bool) -> Result<()> {
        ensure!(
            self.unexplained.is_empty(),
            "disagreements that no rule explains (the tokens are in the report):\n{}",
            self.unexplained_text(0)
        );
        if every_rule {
            for (number, rule) in rules.iter().enumerate() {
                for library in rule.libraries() {
                    ensure!(
                        self.explained.contains_key(&(number, *library)),
                        "the rule {rule:?} explains nothing of {}",
                        library.name()
                    );
                }
            }
        }
        Ok(())
    }
}
