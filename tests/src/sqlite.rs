//! A log's SQLite file in the hands of who owns it: it is changed under a gate that runs on it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::Connection;

/// The file.
#[derive(Debug)]
pub struct OwnedFile(Connection);

impl OwnedFile {
    /// Opens it.
    pub fn open(file: &Path) -> Result<Self> {
        let connection =
            Connection::open(file).with_context(|| format!("opening {}", file.display()))?;
        connection
            .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")?;
        Ok(Self(connection))
    }

    /// Keeps what it holds now in another file.
    pub fn keep(&self, copy: &Path) -> Result<()> {
        if copy.exists() {
            fs::remove_file(copy)?;
        }
        let name = copy.to_str().context("the name is no text")?;
        self.0.execute("VACUUM INTO ?1", [name])?;
        Ok(())
    }

    /// Puts all that such a copy holds in the place of what is there.
    pub fn put_back(&self, copy: &Path) -> Result<()> {
        let name = copy.to_str().context("the name is no text")?;
        self.0.execute("ATTACH ?1 AS copy", [name])?;
        let tables = self.named("table", "name")?;
        let all = tables.iter().map(|table| {
            format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM copy.{table};")
        });
        self.change(&all.collect::<String>())?;
        self.0.execute_batch("DETACH copy")?;
        Ok(())
    }

    /// Takes everything out of it.
    pub fn empty(&self) -> Result<()> {
        let tables = self.named("table", "name")?;
        let all = tables.iter().map(|table| format!("DELETE FROM {table};"));
        self.change(&all.collect::<String>())
    }

    /// Changes it in one step. Its triggers and constraints, which keep others from that, do not bind the owner.
    pub fn change(&self, statements: &str) -> Result<()> {
        let dropped = self.named("trigger", "'DROP TRIGGER ' || name")?;
        let made = self.named("trigger", "sql")?;
        let batch = format!(
            "BEGIN IMMEDIATE; {}; {statements}; {}; COMMIT",
            dropped.join("; "),
            made.join("; ")
        );
        self.0.execute_batch(&batch)?;
        Ok(())
    }

    /// How many rows there are of a table.
    pub fn count(&self, table: &str) -> Result<u64> {
        let question = format!("SELECT count(*) FROM {table}");
        let count: i64 = self.0.query_row(&question, (), |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    fn named(&self, kind: &str, column: &str) -> Result<Vec<String>> {
        let question = format!(
            "SELECT {column} FROM main.sqlite_schema WHERE type = ?1 AND name LIKE 'sluis!_%' ESCAPE '!'"
        );
        let mut question = self.0.prepare(&question)?;
        let found = question.query_map([kind], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}
