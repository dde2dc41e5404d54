//! Reads the corpus: files of cases, variants laid over them.
//!
//! ```toml
//! [[case]]
//! id = "A02"
//! …what all variants share…
//! [[case.variants]]        # A02-upper: its members replace those of the case, table by table
//! id = "upper"
//! token.header."/alg" = '"NONE"'
//! ```
//!
//! `expect` is replaced as a whole. `each` makes one case a pair: every pointer set to every value, in `claims`, `mandate` or `header`.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::{Table, Value};

use crate::case::{Case, Need};
use crate::error::CorpusError;

/// Name and text of a file of the corpus.
macro_rules! corpus_file {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../vectors/attack-corpus/", $name)),
        )
    };
}

/// The files, as they were when this program was built.
const FILES: &[(&str, &str)] = &[
    corpus_file!("algorithms.toml"),
    corpus_file!("algorithm-names.toml"),
    corpus_file!("header.toml"),
    corpus_file!("kid.toml"),
    corpus_file!("encoding.toml"),
    corpus_file!("json.toml"),
    corpus_file!("claims.toml"),
    corpus_file!("time.toml"),
    corpus_file!("signatures.toml"),
    corpus_file!("keys.toml"),
    corpus_file!("requests.toml"),
    corpus_file!("subject.toml"),
    corpus_file!("mandate.toml"),
    corpus_file!("policy.toml"),
    corpus_file!("sender.toml"),
    corpus_file!("status.toml"),
];

/// Why no target of a kind can take some cases.
const NEEDS: (&str, &str) = corpus_file!("needs.toml");

/// A file of cases, and the theme it is about.
#[derive(Debug)]
pub struct Theme {
    /// The file's name without its ending.
    pub name: &'static str,
    /// Its cases, in its order.
    pub cases: Vec<Case>,
}

/// The whole corpus.
#[derive(Debug)]
pub struct Corpus {
    themes: Vec<Theme>,
    needs: Vec<(Need, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeedEntry {
    need: Need,
    reason: String,
}

impl Corpus {
    /// The corpus that this program was built with.
    pub fn load() -> Result<Self, CorpusError> {
        let themes: Vec<Theme> = FILES
            .iter()
            .map(|(file, text)| {
                Ok(Theme {
                    name: file.trim_end_matches(".toml"),
                    cases: read(file, text)?,
                })
            })
            .collect::<Result<_, CorpusError>>()?;
        let mut ids = BTreeSet::new();
        for case in themes.iter().flat_map(|theme| &theme.cases) {
            if !ids.insert(case.id.as_str()) {
                return Err(CorpusError::Twice {
                    id: case.id.clone(),
                });
            }
        }
        let (file, text) = NEEDS;
        Ok(Self {
            themes,
            needs: entries(file, text, "need")?
                .into_iter()
                .map(|entry| {
                    let entry: NeedEntry = Value::Table(entry).try_into().map_err(form(file))?;
                    Ok((entry.need, entry.reason))
                })
                .collect::<Result<_, CorpusError>>()?,
        })
    }

    /// The files.
    pub fn themes(&self) -> &[Theme] {
        &self.themes
    }

    /// Every case, with its theme.
    pub fn cases(&self) -> impl Iterator<Item = (&'static str, &Case)> {
        self.themes
            .iter()
            .flat_map(|theme| theme.cases.iter().map(|case| (theme.name, case)))
    }

    /// Why a target without that ability cannot take a case.
    pub fn reason(&self, need: Need) -> &str {
        self.needs
            .iter()
            .find(|(known, _)| *known == need)
            .map_or("", |(_, reason)| reason.as_str())
    }
}

fn form(file: &'static str) -> impl Fn(toml::de::Error) -> CorpusError {
    move |error| CorpusError::Form {
        file,
        error: Box::new(error),
    }
}

/// The array of tables of that name, which is all that a file holds.
fn entries(file: &'static str, text: &str, name: &'static str) -> Result<Vec<Table>, CorpusError> {
    let mut document: Table = toml::from_str(text).map_err(form(file))?;
    let incomplete = |problem| CorpusError::Incomplete {
        file,
        id: String::new(),
        problem,
    };
    let Some(Value::Array(entries)) = document.remove(name) else {
        return Err(incomplete("no entries"));
    };
    if !document.is_empty() {
        return Err(incomplete("something besides the entries"));
    }
    entries
        .into_iter()
        .map(|entry| {
            let Value::Table(table) = entry else {
                return Err(incomplete("an entry that is no table"));
            };
            Ok(table)
        })
        .collect()
}

fn read(file: &'static str, text: &str) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for mut entry in entries(file, text, "case")? {
        let id = text_of(file, &entry, "id")?;
        let name = text_of(file, &entry, "name")?;
        let variants = tables(entry.remove("variants"));
        let each = entry.remove("each");
        let mut whole: Vec<Table> = Vec::new();
        for variant in variants {
            let mut table = entry.clone();
            let variant_id = text_of(file, &variant, "id")?;
            let detail = variant
                .get("name")
                .and_then(Value::as_str)
                .map_or_else(|| variant_id.clone(), str::to_owned);
            lay_over(&mut table, variant);
            table.insert("id".to_owned(), format!("{id}-{variant_id}").into());
            table.insert("name".to_owned(), format!("{name}: {detail}").into());
            whole.push(table);
        }
        if let Some(each) = each {
            whole.extend(every_pair(file, &entry, &id, &name, &each)?);
        }
        if whole.is_empty() {
            whole.push(entry);
        }
        for table in whole {
            cases.push(case(file, table)?);
        }
    }
    Ok(cases)
}

/// `each = { in = "claims", pointers = [...], values = [...] }`, or `values = { text = …, number = … }`.
fn every_pair(
    file: &'static str,
    entry: &Table,
    id: &str,
    name: &str,
    each: &Value,
) -> Result<Vec<Table>, CorpusError> {
    let incomplete = || CorpusError::Incomplete {
        file,
        id: id.to_owned(),
        problem: "`each` without `in`, `pointers` and `values`",
    };
    let place = each
        .get("in")
        .and_then(Value::as_str)
        .ok_or_else(incomplete)?;
    let pointers = each
        .get("pointers")
        .and_then(Value::as_array)
        .ok_or_else(incomplete)?;
    let values = each
        .get("values")
        .and_then(Value::as_table)
        .ok_or_else(incomplete)?;
    let mut made = Vec::new();
    for pointer in pointers {
        let pointer = pointer.as_str().ok_or_else(incomplete)?;
        for (label, value) in values {
            let mut edits = Table::new();
            edits.insert(pointer.to_owned(), value.clone());
            let mut token = Table::new();
            token.insert(place.to_owned(), edits.into());
            let mut over = Table::new();
            over.insert("token".to_owned(), token.into());
            let mut table = entry.clone();
            lay_over(&mut table, over);
            let member = pointer.trim_start_matches('/').replace('/', ".");
            table.insert("id".to_owned(), format!("{id}-{member}-{label}").into());
            table.insert(
                "name".to_owned(),
                format!("{name}: {member} is {label}").into(),
            );
            made.push(table);
        }
    }
    Ok(made)
}

/// A table as a case: what belongs to a step goes into its one step, or under each of its steps.
fn case(file: &'static str, mut table: Table) -> Result<Case, CorpusError> {
    let id = text_of(file, &table, "id")?;
    let mut shared = Table::new();
    for name in [
        "keys",
        "status_list",
        "token",
        "proof",
        "request",
        "times",
        "at_once",
        "after_seconds",
        "expect",
    ] {
        if let Some(value) = table.remove(name) {
            shared.insert(name.to_owned(), value);
        }
    }
    let given = tables(table.remove("steps"));
    let steps: Vec<Value> = if given.is_empty() {
        vec![shared.into()]
    } else {
        given
            .into_iter()
            .map(|step| {
                let mut whole = shared.clone();
                lay_over(&mut whole, step);
                whole.into()
            })
            .collect()
    };
    table.insert("steps".to_owned(), steps.into());
    Value::Table(table)
        .try_into()
        .map_err(|error| CorpusError::Case {
            file,
            id,
            error: Box::new(error),
        })
}

fn text_of(file: &'static str, table: &Table, name: &'static str) -> Result<String, CorpusError> {
    table
        .get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| CorpusError::Incomplete {
            file,
            id: table.get("id").map(ToString::to_string).unwrap_or_default(),
            problem: name,
        })
}

fn tables(value: Option<Value>) -> Vec<Table> {
    let Some(Value::Array(elements)) = value else {
        return Vec::new();
    };
    elements
        .into_iter()
        .filter_map(|element| {
            let Value::Table(table) = element else {
                return None;
            };
            Some(table)
        })
        .collect()
}

/// Replaces members, and goes into tables that both have. An expectation is replaced as a whole:
/// a part of another would mean nothing.
fn lay_over(below: &mut Table, above: Table) {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(above)) if name != "expect" => {
                lay_over(below, above);
            }
            (_, value) => {
                below.insert(name, value);
            }
        }
    }
}
