//! The `spin:sqlite` import: every `open` is a connection of its own to one file,
//! with SQLite's defaults as Spin leaves them (synchronous FULL) and rusqlite's
//! busy timeout of 5 seconds.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::ValueRef;
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use crate::{
    bindings::spin::sqlite::sqlite::{
        Error, Host, HostConnection, HostConnectionWithStore, RowResult, Value,
    },
    instance::Instance,
    results,
};

/// An open connection, as the guest holds it.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Connection(Arc<Mutex<rusqlite::Connection>>);

type Answer = (
    Vec<String>,
    StreamReader<RowResult>,
    FutureReader<Result<(), Error>>,
);
type Sender = results::Sender<Vec<String>, RowResult, Error>;

impl Host for Instance {}

/// The file of a label, which the manifest grants: `default` has the name that Spin gives it.
fn file(folder: &Path, label: &str) -> PathBuf {
    match label {
        "default" => folder.join("sqlite_db.db"),
        _ => folder.join(format!("sqlite_db-{label}.db")),
    }
}

impl HostConnection for Instance {
    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send> HostConnectionWithStore<T> for HasSelf<Instance> {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        database: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        let (granted, file, faults) = accessor.with(|mut access| {
            let instance = access.get();
            let granted = instance.component.sqlite_databases.contains(&database);
            let shared = &instance.shared;
            (
                granted,
                file(&shared.sqlite_folder, &database),
                shared.faults.clone(),
            )
        });
        if !granted {
            return Ok(Err(Error::AccessDenied));
        }
        if let Err(fault) = faults.on_open() {
            return Ok(Err(Error::Io(fault)));
        }
        let opened = tokio::task::spawn_blocking(move || rusqlite::Connection::open(file)).await?;
        match opened {
            Ok(connection) => {
                let connection = Connection(Arc::new(Mutex::new(connection)));
                let resource = accessor.with(|mut access| access.get().table.push(connection))?;
                Ok(Ok(resource))
            }
            Err(error) => Ok(Err(Error::Io(error.to_string()))),
        }
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<Answer, Error>> {
        let (connection, faults) = accessor.with(|mut access| -> wasmtime::Result<_> {
            let instance = access.get();
            let connection = instance.table.get(&connection)?;
            Ok((Arc::clone(&connection.0), instance.shared.faults.clone()))
        })?;
        let (mut sender, mut receiver) = results::channel();
        tokio::spawn(async move {
            // A statement that hangs ends when its caller gives up, and lets go
            // of the connection: a transaction must not outlive both.
            let fault = tokio::select! {
                fault = faults.apply(&statement) => fault,
                () = sender.columns.closed() => return,
            };
            if let Err(fault) = fault {
                _ = sender.columns.send(Vec::new());
                _ = sender.verdict.send(Err(Error::Io(fault)));
                return;
            }
            tokio::task::spawn_blocking(move || run(&connection, &statement, parameters, sender));
        });
        let columns = (&mut receiver.columns).await?;
        let (rows, verdict) = accessor.with(|access| receiver.into_readers(access))?;
        Ok(Ok((columns, rows, verdict)))
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        with_connection(
            accessor,
            &connection,
            rusqlite::Connection::last_insert_rowid,
        )
    }

    async fn changes_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        with_connection(accessor, &connection, rusqlite::Connection::changes)
    }
}

fn with_connection<T, R>(
    accessor: &Accessor<T, HasSelf<Instance>>,
    connection: &Resource<Connection>,
    read: impl FnOnce(&rusqlite::Connection) -> R,
) -> wasmtime::Result<R> {
    accessor.with(|mut access| {
        let connection = access.get().table.get(connection)?;
        Ok(read(
            &connection.0.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    })
}

/// Run one statement on a thread that may block.
fn run(
    connection: &Mutex<rusqlite::Connection>,
    statement: &str,
    parameters: Vec<Value>,
    sender: Sender,
) {
    let Sender {
        columns,
        rows,
        verdict,
    } = sender;
    let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
    let run = || -> Result<(), Error> {
        let mut statement = match connection.prepare(statement) {
            Ok(statement) => statement,
            Err(error) => {
                _ = columns.send(Vec::new());
                return Err(io(&error));
            }
        };
        let names = statement.column_names();
        _ = columns.send(names.into_iter().map(str::to_owned).collect());
        let parameters = rusqlite::params_from_iter(parameters.into_iter().map(to_sqlite));
        let mut found = statement.query(parameters).map_err(|error| io(&error))?;
        while let Some(row) = found.next().map_err(|error| io(&error))? {
            let row = to_guest(row).map_err(|error| io(&error))?;
            rows.blocking_send(row)
                .map_err(|_| Error::Io("row send error".to_owned()))?;
        }
        Ok(())
    };
    let outcome = run();
    drop(rows);
    _ = verdict.send(outcome);
}

fn io(error: &rusqlite::Error) -> Error {
    Error::Io(error.to_string())
}

fn to_sqlite(value: Value) -> rusqlite::types::Value {
    match value {
        Value::Integer(integer) => integer.into(),
        Value::Real(real) => real.into(),
        Value::Text(text) => text.into(),
        Value::Blob(blob) => blob.into(),
        Value::Null => rusqlite::types::Value::Null,
    }
}

fn to_guest(row: &rusqlite::Row<'_>) -> rusqlite::Result<RowResult> {
    let columns = row.as_ref().column_count();
    let mut values = Vec::with_capacity(columns);
    for column in 0..columns {
        values.push(match row.get_ref(column)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(integer) => Value::Integer(integer),
            ValueRef::Real(real) => Value::Real(real),
            ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
        });
    }
    Ok(RowResult { values })
}
