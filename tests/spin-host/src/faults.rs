//! Faults on demand, for tests: `--fault-file FILE` names a file that is read at
//! every call of a database; an absent or empty file means none. Words:
//!
//! - `refuse`: no connection is to be had;
//! - `error`: statements fail;
//! - `error in TEXT`: statements that name it fail;
//! - `error in key-value`: every use of the key-value store fails;
//! - `slow MILLISECONDS`: the call takes that much longer;
//! - `hang`: the call never returns;
//! - `full`: SQLite's writes fail as on a full disk;
//! - `readonly`: SQLite's writes fail as on a read-only file system.

use std::{io::ErrorKind, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};

/// The first words of statements that write.
const WRITES: [&str; 4] = ["create", "delete", "insert", "update"];

/// Where faults are asked for.
#[derive(Clone, Default)]
pub(crate) struct Faults(Option<Arc<PathBuf>>);

/// A fault to inject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Refuse,
    Error,
    ErrorIn(String),
    Slow(Duration),
    Hang,
    Full,
    ReadOnly,
}

impl Faults {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self(file.map(Arc::new))
    }

    /// Wait as a slow or hanging fault asks; then the error that `statement` is
    /// to fail with, if any.
    pub(crate) async fn apply(&self, statement: &str) -> Result<(), String> {
        let fault = self.current().map_err(|error| error.to_string())?;
        let verb = statement.split_whitespace().next().unwrap_or_default();
        let is = |word: &&str| verb.eq_ignore_ascii_case(word);
        let writes = WRITES.iter().any(is);
        match fault {
            Some(Fault::Error) => Err("injected fault".to_owned()),
            Some(Fault::ErrorIn(text)) if statement.contains(&text) => {
                Err("injected fault".to_owned())
            }
            Some(Fault::Slow(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Full) if writes => Err("database or disk is full".to_owned()),
            Some(Fault::ReadOnly) if writes || is(&"begin") => {
                Err("attempt to write a readonly database".to_owned())
            }
            None | Some(Fault::Refuse | Fault::ErrorIn(_) | Fault::Full | Fault::ReadOnly) => {
                Ok(())
            }
        }
    }

    /// The error that a use of the key-value store is to fail with, if any.
    pub(crate) fn in_key_value(&self) -> Result<(), String> {
        match self.current() {
            Ok(Some(Fault::ErrorIn(text))) if text == "key-value" => {
                Err("injected fault".to_owned())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The error that opening a connection is to fail with, if any.
    pub(crate) fn on_open(&self) -> Result<(), String> {
        match self.current() {
            Ok(Some(Fault::Refuse)) => Err("injected fault".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn current(&self) -> Result<Option<Fault>> {
        let Some(file) = &self.0 else {
            return Ok(None);
        };
        match std::fs::read_to_string(file.as_path()) {
            Ok(text) => Fault::parse(text.trim()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }
}

impl Fault {
    fn parse(word: &str) -> Result<Option<Self>> {
        Ok(Some(match word {
            "" => return Ok(None),
            "refuse" => Self::Refuse,
            "error" => Self::Error,
            "hang" => Self::Hang,
            "full" => Self::Full,
            "readonly" => Self::ReadOnly,
            _ if word.starts_with("error in ") => {
                Self::ErrorIn(word.trim_start_matches("error in ").to_owned())
            }
            _ => {
                let Some(milliseconds) = word.strip_prefix("slow ") else {
                    bail!("the fault file says `{word}`, which is no fault");
                };
                Self::Slow(Duration::from_millis(milliseconds.parse()?))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_or_refused() {
        assert_eq!(Fault::parse("").unwrap(), None);
        assert_eq!(Fault::parse("hang").unwrap(), Some(Fault::Hang));
        let slow = Fault::Slow(Duration::from_millis(250));
        assert_eq!(Fault::parse("slow 250").unwrap(), Some(slow));
        let one = Fault::ErrorIn("a_table".to_owned());
        assert_eq!(Fault::parse("error in a_table").unwrap(), Some(one));
        assert!(Fault::parse("slow down").is_err());
        assert!(Fault::parse("crash").is_err());
    }
}
