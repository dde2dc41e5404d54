//! The document for people: `REASONS.md`.
//!
//! First what is the same in every language, one row a code, which `#code` leads to; then a chapter a language, a table
//! a stage. Whoever reads one language sees no other.

use std::fmt::Write as _;

use crate::language::Language;
use crate::table::{Reason, Stage, Table};

/// Renders the whole document.
pub fn markdown(table: &Table) -> String {
    let count = table.reasons().count();
    let mut text = String::from("# Reason codes\n\n");
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "Why a request was refused, or could not be judged: {count} codes. A code stands in the log; the simulation tells it in the answer too (`reason`), production never does. A code \
         never changes its meaning. The same on the command line: `sluis reason tokenExpired --language nl`."
    );
    text.push('\n');
    for (position, language) in Language::ALL.into_iter().enumerate() {
        let separator = if position == 0 { "" } else { " · " };
        let name = &table.words(language).name;
        let _ = write!(text, "{separator}[{name}](#{language})");
    }
    text.push_str("\n\n");
    text.push_str(
        "*Made of `shared/reasons/reasons.toml` by `sluis reason --markdown`; a test compares.*\n\n",
    );
    overview(&mut text, table);
    for language in Language::ALL {
        chapter(&mut text, table, language);
    }
    text
}

/// One row a code.
fn overview(text: &mut String, table: &Table) {
    let words = table.words(Language::En);
    text.push_str("## All codes\n\n");
    text.push_str(
        "`profile §` is the token profile, `M-n` deliberation 24/222 §n, `S-n` deliberation 17/020 §n. *Counted*: the first in an interval has an entry, the others are a number. \
         *With the outcome*: the request was allowed, and the record of its outcome says what went wrong. \
         A comparison also counts `granted`, a request that passes, and `other`, pairs of reasons beyond its limit: neither is a code.\n\n",
    );
    text.push_str("| code | answer | rests on | log | told by the simulation | |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for reason in table.reasons() {
        let code = reason.code();
        let entry = words.entry(reason.entry());
        let told = words.yes_or_no(reason.is_told());
        let _ = write!(
            text,
            "| <a id=\"{code}\"></a>`{code}` | {} | {} | {entry} | {told} |",
            answer(reason),
            reason.basis().join(", "),
        );
        for language in Language::ALL {
            let _ = write!(text, " [{language}](#{language}-{code})");
        }
        text.push_str(" |\n");
    }
    text.push('\n');
}

/// Everything in one language.
fn chapter(text: &mut String, table: &Table, language: Language) {
    let words = table.words(language);
    let _ = writeln!(text, "<a id=\"{language}\"></a>\n\n## {}\n", words.name);
    let _ = writeln!(text, "{}\n", words.intro);
    for stage in table.stages() {
        let _ = writeln!(text, "### {}\n", stage.title(language));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |\n|---|---|---|---|",
            words.code, words.answer, words.meaning, words.action
        );
        rows(text, stage, language);
        text.push('\n');
    }
}

fn rows(text: &mut String, stage: &Stage, language: Language) {
    for reason in stage.reasons() {
        let code = reason.code();
        let said = reason.explanation(language);
        let _ = writeln!(
            text,
            "| <a id=\"{language}-{code}\"></a>[`{code}`](#{code}) | {} | {} | {} |",
            answer(reason),
            said.meaning(),
            said.action()
        );
    }
}

/// `401 invalidAccessToken`.
fn answer(reason: &Reason) -> String {
    format!("{} `{}`", reason.status(), reason.problem())
}
