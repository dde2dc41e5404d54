//! `sluis reason`: what a reason code means and what to do about it.

use std::io::Write;

use clap::Args;
use sluis_reasons::{Language, Reason, ReasonsError, Stage, Table, markdown};
use thiserror::Error;

use crate::files::FileFailure;

/// Which code, in which language.
#[derive(Debug, Args)]
pub(crate) struct ReasonArguments {
    /// The code, such as tokenExpired; without one, all of them
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// nl, fr, de or en
    #[arg(long, value_name = "LANGUAGE", default_value_t = Language::En)]
    language: Language,
    /// Print the document of all codes in all languages, REASONS.md
    #[arg(long, conflicts_with_all = ["code", "language"])]
    markdown: bool,
}

/// Why the command failed.
#[derive(Debug, Error)]
pub(crate) enum ReasonFailure {
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error(transparent)]
    Table(#[from] ReasonsError),
    #[error("no reason code {code:?}; did you mean {meant}?")]
    Misspelt { code: String, meant: String },
    #[error("no reason code {code:?}; sluis reason lists them")]
    Unknown { code: String },
}

impl ReasonFailure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) => FileFailure::EXIT_CODE,
            Self::Table(_) | Self::Misspelt { .. } | Self::Unknown { .. } => 4,
        }
    }
}

/// Runs the command and writes what it has to say.
pub(crate) fn run(arguments: &ReasonArguments, out: &mut impl Write) -> Result<(), ReasonFailure> {
    let table = Table::load()?;
    let language = arguments.language;
    let text = match &arguments.code {
        _ if arguments.markdown => markdown(&table),
        None => list(&table, language),
        Some(code) => match table.find(code) {
            Some((stage, reason)) => explain(&table, stage, reason, language),
            None => return Err(unknown(&table, code)),
        },
    };
    Ok(out
        .write_all(text.as_bytes())
        .map_err(FileFailure::Output)?)
}

fn unknown(table: &Table, code: &str) -> ReasonFailure {
    let code = code.to_owned();
    match table.suggest(&code) {
        Some(meant) => ReasonFailure::Misspelt {
            meant: meant.to_owned(),
            code,
        },
        None => ReasonFailure::Unknown { code },
    }
}

/// One line a code, by stage.
fn list(table: &Table, language: Language) -> String {
    let mut lines = Vec::new();
    for stage in table.stages() {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(stage.title(language).to_owned());
        lines.extend(stage.reasons().iter().map(|reason| {
            let meaning = reason.explanation(language).meaning();
            format!("  {:<29} {} {meaning}", reason.code(), reason.status())
        }));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn explain(table: &Table, stage: &Stage, reason: &Reason, language: Language) -> String {
    let words = table.words(language);
    let said = reason.explanation(language);
    let lines = [
        reason.code().to_owned(),
        format!("  {}: {}", words.meaning, said.meaning()),
        format!("  {}: {}", words.action, said.action()),
        format!(
            "  {}: {} {}",
            words.answer,
            reason.status(),
            reason.problem()
        ),
        format!("  {}: {}", words.stage, stage.title(language)),
        format!("  {}: {}", words.basis, reason.basis().join(", ")),
        format!("  {}: {}", words.log, words.entry(reason.entry())),
        format!(
            "  {}: {}",
            words.simulation,
            words.yes_or_no(reason.is_told())
        ),
        String::new(),
    ];
    lines.join("\n")
}
