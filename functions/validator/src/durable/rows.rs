//! Rows of a Durable Object's storage.

use worker::{SqlStorage, SqlStorageValue};

use super::object::Failure;

/// Runs a statement to its end, and gives its rows.
pub(super) fn rows(
    sql: &SqlStorage,
    query: &str,
    values: Vec<SqlStorageValue>,
) -> Result<Vec<Vec<SqlStorageValue>>, Failure> {
    // The raw iterator alone reports an error of the storage; the others
    // throw through WebAssembly.
    Ok(sql.exec(query, values)?.raw().collect::<Result<_, _>>()?)
}

/// A row, column by column.
pub(super) struct Columns(std::vec::IntoIter<SqlStorageValue>);

impl From<Vec<SqlStorageValue>> for Columns {
    fn from(row: Vec<SqlStorageValue>) -> Self {
        Self(row.into_iter())
    }
}

impl Columns {
    pub(super) fn integer(&mut self, name: &'static str) -> Result<i64, Failure> {
        match self.0.next() {
            Some(SqlStorageValue::Integer(value)) => Ok(value),
            _ => Err(Failure::Row(name)),
        }
    }

    pub(super) fn blob(&mut self, name: &'static str) -> Result<Vec<u8>, Failure> {
        self.blob_or_null(name)?.ok_or(Failure::Row(name))
    }

    pub(super) fn blob_or_null(&mut self, name: &'static str) -> Result<Option<Vec<u8>>, Failure> {
        match self.0.next() {
            Some(SqlStorageValue::Blob(value)) => Ok(Some(value)),
            Some(SqlStorageValue::Null) => Ok(None),
            _ => Err(Failure::Row(name)),
        }
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<String, Failure> {
        self.text_or_null(name)?.ok_or(Failure::Row(name))
    }

    pub(super) fn text_or_null(&mut self, name: &'static str) -> Result<Option<String>, Failure> {
        match self.0.next() {
            Some(SqlStorageValue::String(value)) => Ok(Some(value)),
            Some(SqlStorageValue::Null) => Ok(None),
            _ => Err(Failure::Row(name)),
        }
    }
}

pub(super) fn integer(value: u64) -> Result<SqlStorageValue, Failure> {
    let value = i64::try_from(value).map_err(|_| Failure::Row("an index"))?;
    Ok(SqlStorageValue::try_from_i64(value)?)
}
