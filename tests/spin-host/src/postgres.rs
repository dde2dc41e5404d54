//! The `spin:postgres` import: pooled connections per address, cleaned when they
//! are taken again, as Spin's pool does it. Without TLS, and with the types that
//! an audit log needs: boolean, integers, floats, text and binary.

use std::{
    collections::HashMap,
    error::Error as StdError,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use futures::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{
    Client, NoTls, Row,
    config::Host as PgHost,
    types::{FromSql, IsNull, ToSql, Type},
};
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use crate::{
    bindings::spin::postgres::postgres::{
        Column, DbDataType, DbError, DbValue, Error, Host, HostConnection, HostConnectionWithStore,
        ParameterValue, QueryError,
    },
    instance::Instance,
    results,
};

/// Connections per address; as in Spin.
const POOL_SIZE: usize = 64;
/// What Spin's pool runs on a connection before it is used again. It ends no
/// open transaction: one that a trapped guest left open stays open.
const CLEAN: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
                     SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES;";

/// One pool for each address.
#[derive(Default)]
pub(crate) struct Pools(Mutex<HashMap<String, Arc<Pool>>>);

struct Pool {
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Client>>,
}

/// An open connection, as the guest holds it.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Connection(Arc<Pooled>);

/// A connection that goes back to its pool.
struct Pooled {
    client: Option<Client>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

type Rows = Vec<DbValue>;
type Answer = (
    Vec<Column>,
    StreamReader<Rows>,
    FutureReader<Result<(), Error>>,
);

impl Pools {
    async fn connect(&self, address: &str) -> Result<Pooled, Error> {
        let pool = {
            let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let pool = pools.entry(address.to_owned()).or_insert_with(|| {
                Arc::new(Pool {
                    permits: Arc::new(Semaphore::new(POOL_SIZE)),
                    idle: Mutex::default(),
                })
            });
            Arc::clone(pool)
        };
        let failed = |error: &dyn StdError| Error::ConnectionFailed(chain(error));
        let permit = Arc::clone(&pool.permits).acquire_owned().await;
        let permit = permit.map_err(|error| failed(&error))?;
        loop {
            let idle = pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let client = match idle {
                Some(client) if client.batch_execute(CLEAN).await.is_ok() => client,
                // A connection that the server closed: the next one, then a new one.
                Some(_) => continue,
                None => {
                    let (client, driver) = tokio_postgres::connect(address, NoTls)
                        .await
                        .map_err(|error| failed(&error))?;
                    tokio::spawn(driver);
                    client
                }
            };
            return Ok(Pooled {
                client: Some(client),
                pool,
                _permit: permit,
            });
        }
    }
}

impl Pooled {
    fn client(&self) -> Result<&Client, Error> {
        let gone = || Error::ConnectionFailed("connection already returned".to_owned());
        self.client.as_ref().ok_or_else(gone)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(client) = self.client.take().filter(|client| !client.is_closed()) {
            let mut idle = self
                .pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            idle.push(client);
        }
    }
}

impl Host for Instance {}

impl HostConnection for Instance {
    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send> HostConnectionWithStore<T> for HasSelf<Instance> {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        address: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        let (pools, faults, allowed) = accessor.with(|mut access| {
            let instance = access.get();
            let allowed = instance.component.allowed_hosts.clone();
            let shared = &instance.shared;
            (Arc::clone(&shared.postgres), shared.faults.clone(), allowed)
        });
        if let Err(fault) = faults.on_open() {
            return Ok(Err(Error::ConnectionFailed(fault)));
        }
        let config: tokio_postgres::Config = match address.parse() {
            Ok(config) => config,
            Err(error) => return Ok(Err(Error::ConnectionFailed(chain(&error)))),
        };
        for (index, host) in config.get_hosts().iter().enumerate() {
            let ports = config.get_ports();
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            let granted = match host {
                PgHost::Tcp(host) => allowed.allows("postgres", host, port),
                PgHost::Unix(_) => false,
            };
            if !granted {
                let refusal = format!("address port {port} is not permitted");
                return Ok(Err(Error::ConnectionFailed(refusal)));
            }
        }
        match pools.connect(&address).await {
            Ok(pooled) => {
                let connection = Connection(Arc::new(pooled));
                let resource = accessor.with(|mut access| access.get().table.push(connection))?;
                Ok(Ok(resource))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        params: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<Answer, Error>> {
        let pooled = pooled(accessor, &connection)?;
        let faults = accessor.with(|mut access| access.get().shared.faults.clone());
        if let Err(fault) = faults.apply(&statement).await {
            return Ok(Err(Error::QueryFailed(QueryError::Text(fault))));
        }
        let rows = async {
            let params = params.into_iter().map(Parameter);
            pooled
                .client()?
                .query_raw(&statement, params)
                .await
                .map_err(|error| query_failed(&error))
        };
        let found = match rows.await {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let (sender, mut receiver) = results::channel();
        let _task = tokio::spawn(async move {
            let results::Sender {
                columns,
                rows,
                verdict,
            } = sender;
            let mut columns = Some(columns);
            let mut found = pin!(found);
            let outcome = loop {
                match found.next().await {
                    None => break Ok(()),
                    Some(Err(error)) => break Err(query_failed(&error)),
                    Some(Ok(row)) => {
                        if let Some(columns) = columns.take() {
                            _ = columns.send(describe(&row));
                        }
                        let converted = match convert(&row) {
                            Ok(converted) => converted,
                            Err(error) => break Err(error),
                        };
                        // A guest that wants no more rows is no failure.
                        if rows.send(converted).await.is_err() {
                            break Ok(());
                        }
                    }
                }
            };
            if let Some(columns) = columns {
                _ = columns.send(Vec::new());
            }
            drop(rows);
            _ = verdict.send(outcome);
        });
        let columns = (&mut receiver.columns).await?;
        let (rows, verdict) = accessor.with(|access| receiver.into_readers(access))?;
        Ok(Ok((columns, rows, verdict)))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        params: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let pooled = pooled(accessor, &connection)?;
        let params = params.into_iter().map(Parameter);
        let execute = async {
            pooled
                .client()?
                .execute_raw(&statement, params)
                .await
                .map_err(|error| query_failed(&error))
        };
        Ok(execute.await)
    }
}

fn pooled<T>(
    accessor: &Accessor<T, HasSelf<Instance>>,
    connection: &Resource<Connection>,
) -> wasmtime::Result<Arc<Pooled>> {
    accessor.with(|mut access| Ok(Arc::clone(&access.get().table.get(connection)?.0)))
}

fn describe(row: &Row) -> Vec<Column> {
    let column = |column: &tokio_postgres::Column| Column {
        name: column.name().to_owned(),
        data_type: match *column.type_() {
            Type::BOOL => DbDataType::Boolean,
            Type::BYTEA => DbDataType::Binary,
            Type::FLOAT4 => DbDataType::Floating32,
            Type::FLOAT8 => DbDataType::Floating64,
            Type::INT2 => DbDataType::Int16,
            Type::INT4 => DbDataType::Int32,
            Type::INT8 => DbDataType::Int64,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
            ref other => DbDataType::Other(other.name().to_owned()),
        },
    };
    row.columns().iter().map(column).collect()
}

fn convert(row: &Row) -> Result<Rows, Error> {
    fn get<'a, V: FromSql<'a>>(
        row: &'a Row,
        index: usize,
        wrap: impl FnOnce(V) -> DbValue,
    ) -> Result<DbValue, Error> {
        let value: Option<V> = row
            .try_get(index)
            .map_err(|error| Error::ValueConversionFailed(chain(&error)))?;
        Ok(value.map_or(DbValue::DbNull, wrap))
    }
    let column = |(index, column): (usize, &tokio_postgres::Column)| match *column.type_() {
        Type::BOOL => get(row, index, DbValue::Boolean),
        Type::BYTEA => get(row, index, DbValue::Binary),
        Type::FLOAT4 => get(row, index, DbValue::Floating32),
        Type::FLOAT8 => get(row, index, DbValue::Floating64),
        Type::INT2 => get(row, index, DbValue::Int16),
        Type::INT4 => get(row, index, DbValue::Int32),
        Type::INT8 => get(row, index, DbValue::Int64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => get(row, index, DbValue::Str),
        ref other => Err(Error::ValueConversionFailed(format!(
            "this host does not convert a column of type {}",
            other.name()
        ))),
    };
    row.columns().iter().enumerate().map(column).collect()
}

/// A parameter, in the PostgreSQL type of its own name only: a mismatch is an
/// error of the statement, never a silent conversion.
#[derive(Debug)]
struct Parameter(ParameterValue);

type EncodeResult = Result<IsNull, Box<dyn StdError + Sync + Send>>;

impl ToSql for Parameter {
    fn to_sql(&self, ty: &Type, out: &mut bytes::BytesMut) -> EncodeResult {
        fn encode<V: ToSql>(value: &V, ty: &Type, out: &mut bytes::BytesMut) -> EncodeResult {
            if !V::accepts(ty) {
                return Err(format!("this parameter cannot be a {}", ty.name()).into());
            }
            value.to_sql(ty, out)
        }
        match &self.0 {
            ParameterValue::Boolean(value) => encode(value, ty, out),
            ParameterValue::Int8(value) => encode(value, ty, out),
            ParameterValue::Int16(value) => encode(value, ty, out),
            ParameterValue::Int32(value) => encode(value, ty, out),
            ParameterValue::Int64(value) => encode(value, ty, out),
            ParameterValue::Floating32(value) => encode(value, ty, out),
            ParameterValue::Floating64(value) => encode(value, ty, out),
            ParameterValue::Str(value) => encode(value, ty, out),
            ParameterValue::Binary(value) => encode(value, ty, out),
            ParameterValue::DbNull => Ok(IsNull::Yes),
            ParameterValue::Date(_)
            | ParameterValue::Time(_)
            | ParameterValue::Datetime(_)
            | ParameterValue::Timestamp(_)
            | ParameterValue::Uuid(_)
            | ParameterValue::Jsonb(_)
            | ParameterValue::Decimal(_)
            | ParameterValue::RangeInt32(_)
            | ParameterValue::RangeInt64(_)
            | ParameterValue::RangeDecimal(_)
            | ParameterValue::ArrayInt32(_)
            | ParameterValue::ArrayInt64(_)
            | ParameterValue::ArrayDecimal(_)
            | ParameterValue::ArrayStr(_)
            | ParameterValue::Interval(_) => {
                Err("this host does not convert a parameter of this type".into())
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

fn query_failed(error: &tokio_postgres::Error) -> Error {
    Error::QueryFailed(match error.as_db_error() {
        None => QueryError::Text(chain(error)),
        Some(db) => QueryError::DbError(DbError {
            as_text: chain(error),
            severity: db.severity().to_owned(),
            code: db.code().code().to_owned(),
            message: db.message().to_owned(),
            detail: db.detail().map(str::to_owned),
            extras: Vec::new(),
        }),
    })
}

/// An error with its causes, in one line.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
