//! What was used once, in the log's database: one statement a use.

use std::cell::RefCell;

use sluis_gate::replay::sql::{postgres, sqlite};
use sluis_gate::{ReplayError, ReplayStore, Use};
use sluis_token::UnixTime;
use spin_sdk::pg::{self, DbValue, ParameterValue};
use spin_sdk::sqlite::{self as spin_sqlite, Value};

use super::sqlite_file::{self, Schema};
use super::time::within;

/// The manifest's label.
const DATABASE: &str = "default";
const SCHEMA: Schema = Schema {
    is_there: sqlite::IS_PREPARED,
    statements: sqlite::SCHEMA,
};

/// Longest time for one use, as for one call of the log.
const STORE_LIMIT_MS: u32 = 4_000;

/// The used keys.
pub(super) struct SpinReplay(Store);

enum Store {
    /// A file on one node, and a connection that nobody uses now. Two requests
    /// on one connection would wait for each other, so it is taken out and put back.
    Sqlite(RefCell<Option<spin_sqlite::Connection>>),
    /// A server that several nodes share, by its connection string, a password in it.
    Postgres(String),
}

impl SpinReplay {
    pub(super) fn in_sqlite() -> Self {
        Self(Store::Sqlite(RefCell::new(None)))
    }

    pub(super) fn in_postgres(address: String) -> Self {
        Self(Store::Postgres(address))
    }
}

impl ReplayStore for SpinReplay {
    async fn consume(&self, key: &[u8; 32], until: UnixTime) -> Result<Use, ReplayError> {
        let until = i64::try_from(until.as_seconds()).map_err(|_| ReplayError::Malformed)?;
        let work = async {
            match &self.0 {
                Store::Sqlite(idle) => in_sqlite(idle, key, until).await,
                Store::Postgres(address) => in_postgres(address, key, until).await,
            }
        };
        let first = within(STORE_LIMIT_MS, work)
            .await
            .ok_or(ReplayError::Timeout {
                limit_ms: STORE_LIMIT_MS,
            })??;
        Ok(if first { Use::First } else { Use::Repeated })
    }
}

async fn in_sqlite(
    idle: &RefCell<Option<spin_sqlite::Connection>>,
    key: &[u8; 32],
    until: i64,
) -> Result<bool, ReplayError> {
    let unavailable = |_| ReplayError::Unavailable;
    let connection = idle.take();
    let connection = match connection {
        Some(connection) => connection,
        None => sqlite_file::open_to_write(DATABASE, &SCHEMA)
            .await
            .map_err(unavailable)?,
    };
    let parameters = vec![Value::Blob(key.to_vec()), Value::Integer(until)];
    let rows = sqlite_file::query_patiently(&connection, sqlite::CONSUME, parameters).await;
    let rows = rows.map_err(unavailable)?;
    // After a failure it is dropped instead.
    idle.replace(Some(connection));
    Ok(!rows.is_empty())
}

async fn in_postgres(address: &str, key: &[u8; 32], until: i64) -> Result<bool, ReplayError> {
    let unavailable = |_| ReplayError::Unavailable;
    let connection = pg::Connection::open(address).await.map_err(unavailable)?;
    let parameters = vec![
        ParameterValue::Binary(key.to_vec()),
        ParameterValue::Int64(until),
    ];
    let mut result = connection
        .query(postgres::CONSUME, parameters)
        .await
        .map_err(unavailable)?;
    let row = result.rows().next().await;
    let no_other = result.rows().next().await.is_none();
    result.result().await.map_err(unavailable)?;
    match row.as_deref() {
        Some([DbValue::Boolean(first)]) if no_other => Ok(*first),
        Some(_) | None => Err(ReplayError::Malformed),
    }
}
