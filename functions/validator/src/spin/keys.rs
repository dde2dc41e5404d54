//! The keys of payloads: in the trusted place of the store, not in the store.
//!
//! Beside a file on one node that is the key-value store, one value for all periods.
//! It has no compare-and-swap; as for the trusted head, the log's write lock around
//! reading and writing makes up for that. Beside PostgreSQL it is a table behind
//! functions that make a key once and destroy it once.

use serde::{Deserialize, Serialize};
use sluis_gate::{LogError, PayloadKeys, PeriodKey};
use sluis_log::sql::postgres;
use sluis_log::{Origin, RetentionPeriod, WrappedKey};
use spin_sdk::key_value::Store as KeyValue;
use spin_sdk::pg::{DbValue, ParameterValue};

use super::log::{SpinLog, Store, limited};
use super::postgres::{PostgresLog, open, run};
use super::sqlite::SqliteLog;

/// Periods of one log at most: far more than thirty years have.
const MAX_PERIODS: usize = 4096;

fn name(origin: &Origin) -> String {
    format!("sluis.v1.payload-keys.{origin}")
}

/// A period in the key-value store.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    period: RetentionPeriod,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrapped: Option<WrappedKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destroyed: Option<String>,
}

impl Row {
    fn key(&self) -> Result<PeriodKey, LogError> {
        match (&self.wrapped, &self.destroyed) {
            (Some(wrapped), None) => Ok(PeriodKey::Held(wrapped.clone())),
            (None, Some(destroyed)) => Ok(PeriodKey::Destroyed(destroyed.clone())),
            (Some(_), Some(_)) | (None, None) => Err(LogError::Malformed),
        }
    }
}

/// All periods of a log. A value that cannot be read is no empty one.
async fn rows(origin: &Origin) -> Result<Vec<Row>, LogError> {
    let unavailable = |_| LogError::Unavailable;
    let store = KeyValue::open_default().await.map_err(unavailable)?;
    match store.get(name(origin)).await.map_err(unavailable)? {
        None => Ok(Vec::new()),
        Some(value) => serde_json::from_slice(&value).map_err(|_| LogError::Malformed),
    }
}

async fn write(origin: &Origin, rows: &[Row]) -> Result<(), LogError> {
    let value = serde_json::to_vec(rows).map_err(|_| LogError::Malformed)?;
    let unavailable = |_| LogError::Unavailable;
    let store = KeyValue::open_default().await.map_err(unavailable)?;
    store.set(name(origin), value).await.map_err(unavailable)
}

fn of(rows: &[Row], period: RetentionPeriod) -> Result<Option<PeriodKey>, LogError> {
    let row = rows.iter().find(|row| row.period == period);
    row.map(Row::key).transpose()
}

impl SqliteLog {
    async fn obtain_key(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        candidate: &WrappedKey,
    ) -> Result<PeriodKey, LogError> {
        // Most often it is there.
        if let Some(key) = of(&rows(origin).await?, period)? {
            return Ok(key);
        }
        let lock = self.lock().await?;
        let mut rows = rows(origin).await?;
        if let Some(key) = of(&rows, period)? {
            return Ok(key);
        }
        if rows.len() >= MAX_PERIODS {
            return Err(LogError::Malformed);
        }
        rows.push(Row {
            period,
            wrapped: Some(candidate.clone()),
            destroyed: None,
        });
        write(origin, &rows).await?;
        drop(lock);
        Ok(PeriodKey::Held(candidate.clone()))
    }

    /// The key-value store has no date of its own, so the file is asked for it: what
    /// it would not erase yet keeps its key.
    async fn destroy_key(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        record: &str,
    ) -> Result<PeriodKey, LogError> {
        let lock = self.lock().await?;
        let mut rows = rows(origin).await?;
        let row = rows.iter_mut().find(|row| row.period == period);
        let row = row.ok_or(LogError::Malformed)?;
        let key = row.key()?;
        if matches!(key, PeriodKey::Destroyed(_)) || !self.is_due(period).await? {
            return Ok(key);
        }
        row.wrapped = None;
        row.destroyed = Some(record.to_owned());
        write(origin, &rows).await?;
        drop(lock);
        Ok(PeriodKey::Destroyed(record.to_owned()))
    }
}

impl PostgresLog {
    async fn keys(&self, origin: &Origin) -> Result<Vec<(RetentionPeriod, PeriodKey)>, LogError> {
        let connection = open(self.trusted()).await?;
        let parameters = vec![ParameterValue::Str(origin.as_str().to_owned())];
        let rows = run(&connection, postgres::PAYLOAD_KEYS, parameters).await?;
        let key = |row: Vec<DbValue>| {
            let [period, wrapped, destroyed] =
                <[DbValue; 3]>::try_from(row).map_err(|_| LogError::Malformed)?;
            let DbValue::Str(period) = period else {
                return Err(LogError::Malformed);
            };
            let period = RetentionPeriod::parse(&period).map_err(|_| LogError::Malformed)?;
            Ok((period, period_key(wrapped, destroyed)?))
        };
        rows.into_iter().map(key).collect()
    }

    async fn key(
        &self,
        statement: &str,
        parameters: Vec<ParameterValue>,
    ) -> Result<Option<PeriodKey>, LogError> {
        let connection = open(self.trusted()).await?;
        let mut rows = run(&connection, statement, parameters).await?;
        let Some(row) = rows.pop() else {
            return Ok(None);
        };
        let [wrapped, destroyed] =
            <[DbValue; 2]>::try_from(row).map_err(|_| LogError::Malformed)?;
        Ok(Some(period_key(wrapped, destroyed)?))
    }
}

fn period_key(wrapped: DbValue, destroyed: DbValue) -> Result<PeriodKey, LogError> {
    match (wrapped, destroyed) {
        (DbValue::Binary(wrapped), DbValue::DbNull) => wrapped
            .as_slice()
            .try_into()
            .map(PeriodKey::Held)
            .map_err(|_| LogError::Malformed),
        (DbValue::DbNull, DbValue::Str(destroyed)) => Ok(PeriodKey::Destroyed(destroyed)),
        _ => Err(LogError::Malformed),
    }
}

/// The first two parameters of every question.
fn named(origin: &Origin, period: RetentionPeriod) -> Vec<ParameterValue> {
    vec![
        ParameterValue::Str(origin.as_str().to_owned()),
        ParameterValue::Str(period.to_string()),
    ]
}

/// Where the keys of a deployment are: beside the trusted heads of all its logs. One of
/// the logs gives the lock and the way there.
pub(super) struct SpinKeys(pub(super) Option<SpinLog>);

impl SpinKeys {
    fn log(&self) -> Result<&SpinLog, LogError> {
        self.0.as_ref().ok_or(LogError::Unavailable)
    }
}

impl PayloadKeys for SpinKeys {
    async fn obtain(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        candidate: &WrappedKey,
    ) -> Result<PeriodKey, LogError> {
        let place = self.log()?;
        let obtain = async {
            match place.store() {
                Store::Sqlite(log) => log.obtain_key(origin, period, candidate).await,
                Store::Postgres(log) => {
                    let mut parameters = named(origin, period);
                    parameters.push(ParameterValue::Binary(candidate.as_bytes().to_vec()));
                    let key = log.key(postgres::OBTAIN_PAYLOAD_KEY, parameters).await?;
                    key.ok_or(LogError::Malformed)
                }
            }
        };
        limited(obtain).await
    }

    async fn find(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
    ) -> Result<Option<PeriodKey>, LogError> {
        let place = self.log()?;
        let find = async {
            match place.store() {
                Store::Sqlite(_) => of(&rows(origin).await?, period),
                Store::Postgres(log) => log.key(postgres::PAYLOAD_KEY, named(origin, period)).await,
            }
        };
        limited(find).await
    }

    async fn list(&self, origin: &Origin) -> Result<Vec<(RetentionPeriod, PeriodKey)>, LogError> {
        let place = self.log()?;
        let list = async {
            match place.store() {
                Store::Sqlite(_) => {
                    let rows = rows(origin).await?;
                    rows.iter()
                        .map(|row| Ok((row.period, row.key()?)))
                        .collect()
                }
                Store::Postgres(log) => log.keys(origin).await,
            }
        };
        limited(list).await
    }

    async fn destroy(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        record: &str,
    ) -> Result<PeriodKey, LogError> {
        let place = self.log()?;
        let destroy = async {
            match place.store() {
                Store::Sqlite(log) => log.destroy_key(origin, period, record).await,
                Store::Postgres(log) => {
                    let mut parameters = named(origin, period);
                    parameters.push(ParameterValue::Str(record.to_owned()));
                    let connection = open(log.trusted()).await?;
                    run(&connection, postgres::DESTROY_PAYLOAD_KEY, parameters).await?;
                    let key = log
                        .key(postgres::PAYLOAD_KEY, named(origin, period))
                        .await?;
                    key.ok_or(LogError::Malformed)
                }
            }
        };
        limited(destroy).await
    }
}
