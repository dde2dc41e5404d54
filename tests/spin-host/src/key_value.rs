//! The `spin:key-value` import, kept in one SQLite file behind one connection.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::OptionalExtension as _;
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use crate::{
    bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore},
    instance::Instance,
    results::Rows,
};

const SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS key_value (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT";

/// The file, opened at its first use.
pub(crate) struct KeyValueFile {
    path: PathBuf,
    connection: Mutex<Option<rusqlite::Connection>>,
}

/// An open store, as the guest holds it.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Store;

impl KeyValueFile {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            connection: Mutex::new(None),
        }
    }

    fn with<R>(
        &self,
        run: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<R>,
    ) -> Result<R, Error> {
        let mut slot = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let attempt = || {
            let connection = if let Some(connection) = slot.take() {
                connection
            } else {
                let connection = rusqlite::Connection::open(&self.path)?;
                connection.execute_batch(SCHEMA)?;
                connection
            };
            run(slot.insert(connection))
        };
        attempt().map_err(|error| Error::Other(error.to_string()))
    }
}

impl Host for Instance {}

impl HostStore for Instance {
    fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

async fn run<T, R: Send + 'static>(
    accessor: &Accessor<T, HasSelf<Instance>>,
    run: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<R> + Send + 'static,
) -> wasmtime::Result<Result<R, Error>> {
    let (file, fault) = accessor.with(|mut access| {
        let shared = &access.get().shared;
        (Arc::clone(&shared.key_value), shared.faults.in_key_value())
    });
    if let Err(fault) = fault {
        return Ok(Err(Error::Other(fault)));
    }
    Ok(tokio::task::spawn_blocking(move || file.with(run)).await?)
}

type Keys = (StreamReader<String>, FutureReader<Result<(), Error>>);

impl<T: Send> HostStoreWithStore<T> for HasSelf<Instance> {
    async fn open(
        accessor: &Accessor<T, Self>,
        label: String,
    ) -> wasmtime::Result<Result<Resource<Store>, Error>> {
        accessor.with(|mut access| {
            let instance = access.get();
            if !instance.component.key_value_stores.contains(&label) {
                return Ok(Err(Error::AccessDenied));
            }
            Ok(Ok(instance.table.push(Store)?))
        })
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        _store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        run(accessor, move |file| {
            file.query_row("SELECT value FROM key_value WHERE key = ?1", [key], |row| {
                row.get(0)
            })
            .optional()
        })
        .await
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        _store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        run(accessor, move |file| {
            let statement = "INSERT INTO key_value (key, value) VALUES (?1, ?2) \
                             ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            file.execute(statement, (key, value)).map(drop)
        })
        .await
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        _store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        run(accessor, move |file| {
            file.execute("DELETE FROM key_value WHERE key = ?1", [key])
                .map(drop)
        })
        .await
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        _store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        run(accessor, move |file| {
            file.query_row(
                "SELECT EXISTS (SELECT 1 FROM key_value WHERE key = ?1)",
                [key],
                |row| row.get(0),
            )
        })
        .await
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        _store: Resource<Store>,
    ) -> wasmtime::Result<Keys> {
        let keys = run(accessor, |file| {
            let mut statement = file.prepare("SELECT key FROM key_value ORDER BY key")?;
            let keys = statement.query_map((), |row| row.get(0))?;
            keys.collect::<rusqlite::Result<Vec<String>>>()
        })
        .await?;
        let (keys, outcome) = match keys {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        let (verdict_sender, verdict) = oneshot::channel::<Result<(), Error>>();
        let (key_sender, key_receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            for key in keys {
                if key_sender.send(key).await.is_err() {
                    break;
                }
            }
            drop(key_sender);
            _ = verdict_sender.send(outcome);
        });
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, Rows(key_receiver))?;
            let verdict = FutureReader::new(&mut access, verdict)?;
            Ok((keys, verdict))
        })
    }
}
