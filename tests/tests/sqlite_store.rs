//! The log in SQLite: the schema and statements that the Durable Object and the single node use.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use sluis_log::conformance::{Store, opened, run, sample};
use sluis_log::sql::{DamagedRow, Existing, ExistingError, sqlite as sql, statements};
use sluis_log::{
    AppendError, ChainHead, Origin, PendingEntry, Receipt, Row, SealedEntry, verify_chain,
};

fn origin() -> Origin {
    Origin::parse("validator.example.be/log").unwrap()
}

/// A database file that is removed with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sluis-sqlite-{}-{name}", std::process::id()));
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", self.0.display()));
        }
    }
}

struct Sqlite {
    path: PathBuf,
    connection: Connection,
    origin: Origin,
}

#[derive(Debug)]
#[expect(
    dead_code,
    reason = "what is in them is for the message of a failing test"
)]
enum Failure {
    Conflict(AppendError),
    Damaged(DamagedRow),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<ExistingError> for Failure {
    fn from(error: ExistingError) -> Self {
        match error {
            ExistingError::Conflict(error) => Self::Conflict(error),
            ExistingError::Damaged(error) => Self::Damaged(error),
        }
    }
}

impl From<DamagedRow> for Failure {
    fn from(error: DamagedRow) -> Self {
        Self::Damaged(error)
    }
}

impl Sqlite {
    fn open(path: &Path) -> Result<Self, Failure> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(30))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Statement by statement, as Spin's interface wants it.
        for statement in statements(sql::SCHEMA) {
            connection.execute(statement, [])?;
        }
        Ok(Self {
            path: path.to_owned(),
            connection,
            origin: origin(),
        })
    }

    fn head(&self) -> Result<ChainHead, Failure> {
        let last = self
            .connection
            .query_row(sql::LAST, [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })
            .optional()?;
        let last = last
            .as_ref()
            .map(|(index, chain)| (*index, chain.as_slice()));
        Ok(ChainHead::of_last(&self.origin, last)?)
    }

    fn insert(&self, receipt: &Receipt, pending: &PendingEntry) -> Result<(), rusqlite::Error> {
        let row = self.row(receipt, pending);
        self.connection
            .execute(sql::APPEND, params_from_iter(row))
            .map(drop)
    }

    fn row(&self, receipt: &Receipt, pending: &PendingEntry) -> [Value; 9] {
        [
            self.origin.as_str().to_owned().into(),
            i64::try_from(receipt.index).unwrap().into(),
            receipt.previous.0.to_vec().into(),
            pending.id().as_bytes().to_vec().into(),
            i64::from(pending.stream().code()).into(),
            pending.entry_bytes().to_vec().into(),
            receipt.chain.0.to_vec().into(),
            pending.period().to_string().into(),
            pending.sealed().to_vec().into(),
        ]
    }

    /// All in one statement, behind each other.
    fn insert_together(&self, entries: &[PendingEntry]) -> Result<(), rusqlite::Error> {
        let mut head = self.head().unwrap();
        let mut rows = Vec::new();
        for pending in entries {
            let receipt = head.receipt_for(pending);
            rows.extend(self.row(&receipt, pending));
            head = receipt.head();
        }
        let statement = sql::append_together(entries.len());
        self.connection
            .execute(&statement, params_from_iter(rows))
            .map(drop)
    }
}

impl Store for Sqlite {
    type Error = Failure;

    fn append(&mut self, pending: &PendingEntry) -> Result<Receipt, Failure> {
        let existing = self
            .connection
            .query_row(sql::BY_ID, [pending.id().as_bytes()], |row| {
                let entry: Vec<u8> = row.get(1)?;
                let chain: Vec<u8> = row.get(2)?;
                let previous: Option<Vec<u8>> = row.get(3)?;
                Ok((row.get::<_, i64>(0)?, entry, chain, previous))
            })
            .optional()?;
        if let Some((index, entry, chain, previous)) = existing {
            let existing = Existing {
                index,
                entry: &entry,
                chain: &chain,
                previous: previous.as_deref(),
            };
            return Ok(existing.receipt(&self.origin, pending)?);
        }
        let receipt = self.head()?.receipt_for(pending);
        self.insert(&receipt, pending)?;
        Ok(receipt)
    }

    fn read(&mut self, from: u64, limit: u32) -> Result<Vec<SealedEntry>, Failure> {
        let mut statement = self.connection.prepare(sql::READ)?;
        let rows = statement.query_map(params![i64::try_from(from).unwrap(), limit], |row| {
            Ok(Row {
                index: row.get(0)?,
                id: row.get(1)?,
                stream: row.get(2)?,
                entry: row.get(3)?,
                chain: row.get(4)?,
                period: row.get(5)?,
                sealed: row.get(6)?,
            })
        })?;
        rows.map(|row| Ok(SealedEntry::try_from(row?).unwrap()))
            .collect()
    }

    fn is_conflict(error: &Failure) -> bool {
        matches!(error, Failure::Conflict(_))
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

fn refusal(result: Result<impl Sized, rusqlite::Error>) -> String {
    result
        .err()
        .map_or_else(String::new, |error| error.to_string())
}

#[test]
fn it_conforms_and_guards_what_stands() {
    let file = File::new("guards");
    let mut store = Sqlite::open(&file.0).unwrap();
    run(&mut store, &origin()).unwrap();
    let size = store.head().unwrap().size;

    // A writer with a stale head, or a gap, or another past, writes nothing, not even in part.
    let head = store.head().unwrap();
    let pending = sample(100, 0).unwrap();
    let receipt = head.receipt_for(&pending);
    let payloads = |store: &Sqlite| -> i64 {
        store
            .connection
            .query_row("SELECT count(*) FROM sluis_payloads", [], |row| row.get(0))
            .unwrap()
    };
    let before = payloads(&store);
    for wrong in [
        Receipt {
            index: size - 1,
            ..receipt
        },
        Receipt {
            index: size + 1,
            ..receipt
        },
        Receipt {
            previous: receipt.chain,
            ..receipt
        },
    ] {
        assert_eq!(refusal(store.insert(&wrong, &pending)), sql::HEAD_HAS_MOVED);
    }
    store.origin = Origin::parse("other.example.be/log").unwrap();
    assert_eq!(refusal(store.insert(&receipt, &pending)), sql::OTHER_ORIGIN);
    store.origin = origin();
    // An id that stands already.
    let known = sample(1, 0).unwrap();
    assert!(refusal(store.insert(&head.receipt_for(&known), &known)).contains("UNIQUE"));
    assert_eq!((store.head().unwrap(), payloads(&store)), (head, before));

    for statement in [
        "UPDATE sluis_entries SET entry = x'00'",
        "DELETE FROM sluis_entries",
        "UPDATE sluis_payloads SET period = 'x'",
    ] {
        assert!(
            refusal(store.connection.execute(statement, [])).contains("sluis: "),
            "{statement}"
        );
    }

    assert_eq!(
        store
            .connection
            .execute("DELETE FROM sluis_payloads WHERE idx = 1", [])
            .unwrap(),
        1
    );
    let entries = store.read(0, 100).unwrap();
    assert_eq!(entries[1].payload, None);
    assert_eq!(verify_chain(&origin(), opened(entries)).unwrap().size, size);

    // Who goes around the triggers is found by the chain.
    store
        .connection
        .execute("DROP TRIGGER sluis_entries_keep", [])
        .unwrap();
    store
        .connection
        .execute(
            "UPDATE sluis_entries SET chain = zeroblob(32) WHERE idx = 3",
            [],
        )
        .unwrap();
    assert_eq!(
        verify_chain(&origin(), opened(store.read(0, 100).unwrap()))
            .unwrap_err()
            .index,
        3
    );
}

#[test]
fn several_are_appended_in_one_statement_or_none_is() {
    let file = File::new("together");
    let mut store = Sqlite::open(&file.0).unwrap();
    let batch = |from: u64| [from, from + 1, from + 2].map(|n| sample(n, 0).unwrap());
    store.insert_together(&batch(1)).unwrap();
    assert_eq!(store.head().unwrap().size, 3);
    // The last of these stands there already.
    let [first, second, _] = batch(10);
    let known = sample(3, 0).unwrap();
    let refused = store.insert_together(&[first, second, known]);
    assert!(refusal(refused).contains("UNIQUE"));
    assert_eq!(store.head().unwrap().size, 3);
    store.insert_together(&batch(20)[..1]).unwrap();
    let entries = store.read(0, 100).unwrap();
    assert_eq!(verify_chain(&origin(), opened(entries)).unwrap().size, 4);
}

/// Without a transaction around reading the head and writing: who loses the race starts again.
#[test]
fn unguarded_writers_cannot_fork_it() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 25;
    let file = File::new("writers");
    drop(Sqlite::open(&file.0).unwrap());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let path = &file.0;
            scope.spawn(move || {
                let mut store = Sqlite::open(path).unwrap();
                for number in 0..EACH {
                    let pending = sample(writer * 1_000 + number, 0).unwrap();
                    let receipt = loop {
                        match store.append(&pending) {
                            Ok(receipt) => break receipt,
                            Err(Failure::Database(error)) => {
                                assert_eq!(error.to_string(), sql::HEAD_HAS_MOVED);
                            }
                            Err(error) => panic!("{error:?}"),
                        }
                    };
                    assert!(receipt.is_for(&pending));
                }
            });
        }
    });
    let mut store = Sqlite::open(&file.0).unwrap();
    let head = verify_chain(&origin(), opened(store.read(0, u32::MAX).unwrap())).unwrap();
    assert_eq!(head, store.head().unwrap());
    assert_eq!(head.size, WRITERS * EACH);
}
