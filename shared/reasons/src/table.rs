//! The table: every reason code, and what is said of it.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::error::ReasonsError;
use crate::language::Language;
use crate::raw::{Everywhere, RawExplanation, RawReason, RawStage, RawTable};
use crate::suggest;

/// The table's text.
const SOURCE: &str = include_str!("../reasons.toml");

/// Every reason, by stage.
#[derive(Debug, Clone)]
pub struct Table {
    words: Everywhere<Wording>,
    stages: Vec<Stage>,
}

/// A part of a request's way, and the reasons for which it ends there.
#[derive(Debug, Clone)]
pub struct Stage {
    id: String,
    title: Everywhere<String>,
    reasons: Vec<Reason>,
}

/// One reason code.
#[derive(Debug, Clone)]
pub struct Reason {
    code: String,
    status: u16,
    problem: String,
    basis: Vec<String>,
    entry: LogEntry,
    told: bool,
    explanation: Everywhere<Explanation>,
}

/// What is said of a reason in one language. A sentence each.
#[derive(Debug, Clone)]
pub struct Explanation {
    meaning: String,
    action: String,
}

/// What the log has of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogEntry {
    /// An entry for each request: the token's signature held.
    Own,
    /// The first in an interval, and how many others there were.
    Counted,
    /// The request was allowed; the record of its outcome has it.
    Outcome,
    /// Nothing.
    None,
}

/// The words around the reasons in one language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is named after the word that it holds")]
pub struct Wording {
    pub id: String,
    pub name: String,
    pub intro: String,
    pub code: String,
    pub answer: String,
    pub meaning: String,
    pub action: String,
    pub stage: String,
    pub basis: String,
    pub log: String,
    pub simulation: String,
    pub yes: String,
    pub no: String,
    pub own: String,
    pub counted: String,
    pub outcome: String,
    pub none: String,
}

impl Table {
    /// The table that this was built with.
    pub fn load() -> Result<Self, ReasonsError> {
        Self::parse(SOURCE)
    }

    pub(crate) fn parse(source: &str) -> Result<Self, ReasonsError> {
        let raw: RawTable = toml::from_str(source)?;
        let words = words(&raw.language)?;
        let mut stages: Vec<Stage> = raw.stage.into_iter().map(Stage::from).collect();
        let mut codes = BTreeSet::new();
        for reason in raw.reason {
            if !codes.insert(reason.code.clone()) {
                return Err(ReasonsError::Twice { code: reason.code });
            }
            let Some(stage) = stages.iter_mut().find(|stage| stage.id == reason.stage) else {
                return Err(ReasonsError::UnknownStage {
                    code: reason.code,
                    stage: reason.stage,
                });
            };
            stage.reasons.push(Reason::from(reason));
        }
        Ok(Self { words, stages })
    }

    /// The stages, in the order in which a request passes them.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Every reason.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        self.stages.iter().flat_map(|stage| &stage.reasons)
    }

    /// The reason with this code, and its stage.
    pub fn find(&self, code: &str) -> Option<(&Stage, &Reason)> {
        self.stages.iter().find_map(|stage| {
            let reason = stage.reasons.iter().find(|reason| reason.code == code)?;
            Some((stage, reason))
        })
    }

    /// The code that was probably meant.
    pub fn suggest(&self, code: &str) -> Option<&str> {
        suggest::nearest(code, self.reasons().map(Reason::code))
    }

    /// The words around the reasons.
    pub fn words(&self, language: Language) -> &Wording {
        self.words.in_language(language)
    }
}

impl Stage {
    /// Its name in the file.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its title.
    pub fn title(&self, language: Language) -> &str {
        self.title.in_language(language)
    }

    /// Its reasons.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }
}

impl Reason {
    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The HTTP status code of the answer.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The Belgif problem type, without what all types begin with.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What it rests on: sections of the token profile, RFCs, requirements.
    pub fn basis(&self) -> &[String] {
        &self.basis
    }

    /// What the log has of it.
    pub fn entry(&self) -> LogEntry {
        self.entry
    }

    /// Whether the simulation tells it in the body of its answer.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// What is said of it.
    pub fn explanation(&self, language: Language) -> &Explanation {
        self.explanation.in_language(language)
    }
}

impl Explanation {
    /// What is wrong.
    pub fn meaning(&self) -> &str {
        &self.meaning
    }

    /// What to do.
    pub fn action(&self) -> &str {
        &self.action
    }
}

impl Wording {
    /// The words for what the log has.
    pub fn entry(&self, entry: LogEntry) -> &str {
        match entry {
            LogEntry::Own => &self.own,
            LogEntry::Counted => &self.counted,
            LogEntry::Outcome => &self.outcome,
            LogEntry::None => &self.none,
        }
    }

    /// Yes or no.
    pub fn yes_or_no(&self, yes: bool) -> &str {
        if yes { &self.yes } else { &self.no }
    }
}

fn words(raw: &[Wording]) -> Result<Everywhere<Wording>, ReasonsError> {
    for words in raw {
        words.id.parse::<Language>()?;
    }
    let of = |language: Language| {
        let mut found = raw.iter().filter(|words| words.id == language.as_str());
        match (found.next(), found.count()) {
            (Some(words), 0) => Ok(words.clone()),
            (first, others) => Err(ReasonsError::Words {
                language,
                found: usize::from(first.is_some()) + others,
            }),
        }
    };
    Ok(Everywhere {
        nl: of(Language::Nl)?,
        fr: of(Language::Fr)?,
        de: of(Language::De)?,
        en: of(Language::En)?,
    })
}

impl From<RawStage> for Stage {
    fn from(raw: RawStage) -> Self {
        Self {
            id: raw.id,
            title: Everywhere {
                nl: raw.nl,
                fr: raw.fr,
                de: raw.de,
                en: raw.en,
            },
            reasons: Vec::new(),
        }
    }
}

impl From<RawReason> for Reason {
    fn from(raw: RawReason) -> Self {
        Self {
            code: raw.code,
            status: raw.status,
            problem: raw.problem,
            basis: raw.basis,
            entry: raw.entry,
            told: raw.told,
            explanation: Everywhere {
                nl: raw.nl.into(),
                fr: raw.fr.into(),
                de: raw.de.into(),
                en: raw.en.into(),
            },
        }
    }
}

impl From<RawExplanation> for Explanation {
    fn from(raw: RawExplanation) -> Self {
        Self {
            meaning: raw.meaning,
            action: raw.action,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(from: &str, to: &str) -> ReasonsError {
        assert!(SOURCE.contains(from));
        Table::parse(&SOURCE.replacen(from, to, 1)).unwrap_err()
    }

    #[test]
    fn mistakes_are_named() {
        let twice = refused("code = \"operationUnknown\"", "code = \"targetMalformed\"");
        assert!(matches!(twice, ReasonsError::Twice { code } if code == "targetMalformed"));
        let stage = refused("stage = \"request\"", "stage = \"elsewhere\"");
        assert!(matches!(stage, ReasonsError::UnknownStage { stage, .. } if stage == "elsewhere"));
        let words = refused("id = \"fr\"", "id = \"nl\"");
        assert!(matches!(
            words,
            ReasonsError::Words {
                language: Language::Nl,
                found: 2
            }
        ));
        let language = refused("id = \"fr\"", "id = \"it\"");
        assert!(matches!(language, ReasonsError::Language(_)));
        for (from, to) in [
            ("entry = \"counted\"", "entry = \"sometimes\""),
            ("told = false", "tell = false"),
            ("fr.action = ", "fr.actions = "),
        ] {
            assert!(matches!(refused(from, to), ReasonsError::Form(_)), "{to}");
        }
    }

    #[test]
    fn every_code_is_found_and_no_other() {
        let table = Table::load().unwrap();
        for stage in table.stages() {
            for reason in stage.reasons() {
                let (found_in, found) = table.find(reason.code()).unwrap();
                assert_eq!((found_in.id(), found.code()), (stage.id(), reason.code()));
            }
        }
        for text in ["", "token", "TokenExpired", "tokenExpired "] {
            assert!(table.find(text).is_none(), "{text}");
        }
    }
}
