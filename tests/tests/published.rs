//! Tiles, checkpoints and trusted heads in the relational stores: the same sequencer over SQLite and over PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::cell::RefCell;
use std::fmt::Display;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use postgres::{Client, NoTls};
use rusqlite::{Connection, OptionalExtension as _, params};
use sluis_log::conformance::sample;
use sluis_log::sequencer::{
    Checkpoints, Published, Sequencer, SequencerError, StoredCheckpoint, StoredLeaf, Swap,
    TreeStore, conformance,
};
use sluis_log::sql::{self, statements, tiles_json, tree_head};
use sluis_log::{
    ChainHead, EdgeTiles, KeyName, LeafHash, NoteSigner, Origin, PendingEntry, TileId, TreeHead,
    integrate,
};
use sluis_tests::postgres::PostgresServer;

fn origin() -> Origin {
    Origin::parse("validator.example.be/log").unwrap()
}

fn signer() -> NoteSigner {
    let name = KeyName::parse(origin().as_str()).unwrap();
    NoteSigner::new(name, &[7; 32]).unwrap()
}

/// Both drivers block, so nothing is ever waited for.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the driver does not wait"),
    }
}

fn round<S: TreeStore, C: Checkpoints>(
    store: &S,
    checkpoints: &C,
) -> Result<Published, SequencerError<S::Error, C::Error>> {
    let (origin, signer) = (origin(), signer());
    let sequencer = Sequencer {
        origin: &origin,
        store,
        checkpoints,
        signer: &signer,
    };
    now(sequencer.round())
}

fn integer(value: u64) -> i64 {
    value.try_into().unwrap()
}

// SQLite --------------------------------------------------------------------

/// A database file that is removed with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let name = format!("sluis-published-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self) -> Sqlite {
        let connection = Connection::open(&self.0).unwrap();
        connection.busy_timeout(Duration::from_secs(30)).unwrap();
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .unwrap();
        for statement in statements(sql::sqlite::SCHEMA) {
            connection.execute(statement, []).unwrap();
        }
        Sqlite(connection)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", self.0.display()));
        }
    }
}

struct Sqlite(Connection);

impl Sqlite {
    fn append(&self, pending: &PendingEntry) -> rusqlite::Result<()> {
        let last = self
            .0
            .query_row(sql::sqlite::LAST, [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })
            .optional()?;
        let last = last
            .as_ref()
            .map(|(index, chain)| (*index, chain.as_slice()));
        let receipt = ChainHead::of_last(&origin(), last)
            .unwrap()
            .receipt_for(pending);
        let (origin, id) = (origin(), pending.id());
        let row = params![
            origin.as_str(),
            integer(receipt.index),
            receipt.previous.0,
            id.as_bytes(),
            pending.stream().code(),
            pending.entry_bytes(),
            receipt.chain.0,
            pending.period().to_string(),
            pending.sealed(),
        ];
        self.0.execute(sql::sqlite::APPEND, row).map(drop)
    }
}

impl TreeStore for Sqlite {
    type Error = rusqlite::Error;

    async fn leaves(&self, from: u64, limit: u64) -> rusqlite::Result<Vec<StoredLeaf>> {
        let mut statement = self.0.prepare(sql::sqlite::LEAVES)?;
        let rows = statement.query_map(params![integer(from), integer(limit)], |row| {
            Ok(StoredLeaf {
                index: row.get::<_, i64>(0)?.try_into().unwrap(),
                entry: row.get(1)?,
                chain: row.get(2)?,
            })
        })?;
        rows.collect()
    }

    async fn checkpoint(&self) -> rusqlite::Result<Option<StoredCheckpoint>> {
        let found = self.0.query_row(sql::sqlite::CHECKPOINT, [], |row| {
            Ok(StoredCheckpoint {
                head: tree_head(row.get(0)?, &row.get::<_, Vec<u8>>(1)?).unwrap(),
                note: row.get(2)?,
            })
        });
        found.optional()
    }

    async fn tile(&self, id: TileId) -> rusqlite::Result<Option<Vec<u8>>> {
        let parameters = params![id.level, integer(id.index)];
        let found = self
            .0
            .query_row(sql::sqlite::TILE, parameters, |row| row.get(0));
        found.optional()
    }

    async fn advance(
        &self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> rusqlite::Result<Swap> {
        self.0.execute_batch("BEGIN IMMEDIATE")?;
        let write = || {
            for (id, hashes) in tiles {
                let row = params![id.level, integer(id.index), hashes];
                self.0.execute(sql::sqlite::PUT_TILE, row)?;
            }
            let row = params![
                integer(old.size),
                old.root.0,
                integer(new.head.size),
                new.head.root.0,
                new.note
            ];
            self.0.execute(sql::sqlite::PUBLISH, row)
        };
        match write() {
            Ok(_) => self.0.execute_batch("COMMIT").map(|()| Swap::Done),
            Err(error) => {
                self.0.execute_batch("ROLLBACK")?;
                let moved = error
                    .to_string()
                    .contains(sql::sqlite::CHECKPOINT_HAS_MOVED);
                if moved { Ok(Swap::Moved) } else { Err(error) }
            }
        }
    }
}

/// The trusted place of the Durable Objects, in memory.
struct SqliteTrusted(Connection);

impl SqliteTrusted {
    fn new() -> Self {
        let connection = Connection::open_in_memory().unwrap();
        for statement in statements(sql::sqlite::TRUSTED_SCHEMA) {
            connection.execute(statement, []).unwrap();
        }
        Self(connection)
    }
}

impl Checkpoints for SqliteTrusted {
    type Error = rusqlite::Error;

    async fn last(&self, origin: &Origin) -> rusqlite::Result<Option<TreeHead>> {
        let found = self
            .0
            .query_row(sql::sqlite::TRUSTED, [origin.as_str()], |row| {
                Ok(tree_head(row.get(0)?, &row.get::<_, Vec<u8>>(1)?).unwrap())
            });
        found.optional()
    }

    async fn advance(
        &self,
        origin: &Origin,
        old: TreeHead,
        new: TreeHead,
    ) -> rusqlite::Result<Swap> {
        let (origin, from, to) = (origin.as_str(), integer(old.size), integer(new.size));
        let row = params![
            origin, to, new.root.0, from, origin, to, from, from, old.root.0
        ];
        let found = self.0.query_row(sql::sqlite::ADVANCE_TRUSTED, row, |row| {
            row.get::<_, i64>(0)
        });
        Ok(swap(found.optional()?.is_some()))
    }
}

#[test]
fn sqlite_conforms_and_guards_what_was_published() {
    let file = File::new("conforms");
    let store = file.open();
    let heads = SqliteTrusted::new();
    let append = |pending: &_| store.append(pending);
    now(conformance::run(
        append,
        &store,
        &heads,
        &origin(),
        &signer(),
    ))
    .unwrap();
    for (statement, message) in [
        ("DELETE FROM sluis_tiles", "sluis: tiles are never deleted"),
        (
            "DELETE FROM sluis_checkpoint",
            "sluis: the checkpoint is never deleted",
        ),
        (
            "UPDATE sluis_checkpoint SET root = zeroblob(32)",
            "sluis: the checkpoint only grows",
        ),
        (
            "UPDATE sluis_tiles SET hashes = zeroblob(32)",
            "sluis: a tile only grows",
        ),
        (
            "INSERT INTO sluis_tiles VALUES (0, 99, zeroblob(33))",
            "CHECK constraint",
        ),
    ] {
        let error = store.0.execute(statement, []).unwrap_err().to_string();
        assert!(error.contains(message), "{statement}: {error}");
    }
    let prepared = store
        .0
        .query_row(sql::sqlite::IS_PREPARED, [], |row| row.get::<_, i64>(0));
    assert_eq!(prepared, Ok(1));
    for (statement, message) in [
        (
            "DELETE FROM sluis_heads",
            "sluis: a trusted head is never deleted",
        ),
        (
            "UPDATE sluis_heads SET size = 1",
            "sluis: a trusted head only grows",
        ),
    ] {
        let error = heads.0.execute(statement, []).unwrap_err().to_string();
        assert!(error.contains(message), "{statement}: {error}");
    }
    drop(store);
    let again = round(&file.open(), &heads).unwrap();
    assert_eq!(
        again.head.size, 858,
        "what came after the suite's last round"
    );
}

// PostgreSQL ----------------------------------------------------------------

/// A server with log and trusted place, and the account of a validator.
fn server() -> PostgresServer {
    let server = PostgresServer::start().unwrap();
    let schemas = [sql::postgres::SCHEMA, sql::postgres::TRUSTED_SCHEMA];
    // Once more: a second validator's operator applies them too.
    for schema in schemas.into_iter().chain(schemas) {
        server.run_sql("postgres", schema).unwrap();
    }
    let grants = schemas.into_iter().flat_map(str::lines);
    let grants: Vec<&str> = grants
        .filter_map(|line| line.strip_prefix("--   "))
        .collect();
    assert_eq!(
        grants.len(),
        11,
        "the heads of the schemas say what a validator needs"
    );
    let role = format!("CREATE ROLE validator LOGIN; {}", grants.join("\n"));
    server.run_sql("postgres", &role).unwrap();
    server
}

struct Postgres(RefCell<Client>);

/// A database error with its SQLSTATE.
#[derive(Debug)]
struct Failure(postgres::Error);

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.0, self.0.code())
    }
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self(error)
    }
}

impl Postgres {
    fn connect(server: &PostgresServer) -> Self {
        let address = server.address("validator", "postgres");
        Self(RefCell::new(Client::connect(&address, NoTls).unwrap()))
    }

    fn append(&self, pending: &PendingEntry) -> Result<(), Failure> {
        self.0.borrow_mut().query_one(
            sql::postgres::APPEND,
            &[
                &origin().as_str(),
                &pending.id().as_bytes().as_slice(),
                &i16::from(pending.stream().code()),
                &pending.entry_bytes().as_slice(),
                &pending.period().to_string(),
                &pending.sealed(),
            ],
        )?;
        Ok(())
    }

    fn refusal(&self, statement: &str) -> String {
        let error = self.0.borrow_mut().execute(statement, &[]).unwrap_err();
        error
            .code()
            .map_or_else(String::new, |state| state.code().to_owned())
    }
}

fn swap(done: bool) -> Swap {
    if done { Swap::Done } else { Swap::Moved }
}

impl TreeStore for Postgres {
    type Error = Failure;

    async fn leaves(&self, from: u64, limit: u64) -> Result<Vec<StoredLeaf>, Failure> {
        let parameters: [&(dyn postgres::types::ToSql + Sync); 2] =
            [&integer(from), &integer(limit)];
        let rows = self
            .0
            .borrow_mut()
            .query(sql::postgres::LEAVES, &parameters)?;
        let leaves = rows.iter().map(|row| StoredLeaf {
            index: row.get::<_, i64>(0).try_into().unwrap(),
            entry: row.get(1),
            chain: row.get(2),
        });
        Ok(leaves.collect())
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, Failure> {
        let row = self
            .0
            .borrow_mut()
            .query_opt(sql::postgres::CHECKPOINT, &[])?;
        Ok(row.map(|row| StoredCheckpoint {
            head: tree_head(row.get(0), row.get(1)).unwrap(),
            note: row.get(2),
        }))
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<u8>>, Failure> {
        let (level, index) = (i16::from(id.level), integer(id.index));
        let row = self
            .0
            .borrow_mut()
            .query_opt(sql::postgres::TILE, &[&level, &index])?;
        Ok(row.map(|row| row.get(0)))
    }

    async fn advance(
        &self,
        old: TreeHead,
        tiles: &[(TileId, Vec<u8>)],
        new: &StoredCheckpoint,
    ) -> Result<Swap, Failure> {
        let row = self.0.borrow_mut().query_one(
            sql::postgres::PUBLISH,
            &[
                &integer(old.size),
                &old.root.0.as_slice(),
                &integer(new.head.size),
                &new.head.root.0.as_slice(),
                &new.note,
                &tiles_json(tiles),
            ],
        )?;
        Ok(swap(row.get(0)))
    }
}

/// The trusted place, on a connection of its own.
struct Trusted(Postgres);

impl Checkpoints for Trusted {
    type Error = Failure;

    async fn last(&self, origin: &Origin) -> Result<Option<TreeHead>, Failure> {
        let mut client = self.0.0.borrow_mut();
        let row = client.query_opt(sql::postgres::TRUSTED, &[&origin.as_str()])?;
        Ok(row.map(|row| tree_head(row.get(0), row.get(1)).unwrap()))
    }

    async fn advance(
        &self,
        origin: &Origin,
        old: TreeHead,
        new: TreeHead,
    ) -> Result<Swap, Failure> {
        let row = self.0.0.borrow_mut().query_one(
            sql::postgres::ADVANCE_TRUSTED,
            &[
                &origin.as_str(),
                &integer(old.size),
                &old.root.0.as_slice(),
                &integer(new.size),
                &new.root.0.as_slice(),
            ],
        )?;
        Ok(swap(row.get(0)))
    }
}

#[test]
fn postgres_conforms_and_a_validator_can_only_go_forward() {
    let server = server();
    let (store, trusted) = (
        Postgres::connect(&server),
        Trusted(Postgres::connect(&server)),
    );
    let append = |pending: &_| store.append(pending);
    now(conformance::run(
        append,
        &store,
        &trusted,
        &origin(),
        &signer(),
    ))
    .unwrap();
    for statement in [
        "UPDATE sluis.checkpoint SET size = 1",
        "DELETE FROM sluis.tiles",
        "INSERT INTO sluis.tiles VALUES (0, 99, '\\x00')",
        "UPDATE sluis_trusted.heads SET size = 1",
        "DELETE FROM sluis_trusted.heads",
        "INSERT INTO sluis_trusted.heads VALUES ('x', 1, '\\x00')",
    ] {
        assert_eq!(store.refusal(statement), "42501", "{statement}");
    }
    // The owner is kept from accidents.
    let owner = Client::connect(&server.admin_address(), NoTls).unwrap();
    let owner = Postgres(RefCell::new(owner));
    for (statement, state) in [
        (
            "UPDATE sluis.tiles SET hashes = decode(repeat('00', 32), 'hex')",
            "SL004",
        ),
        ("DELETE FROM sluis.tiles", "SL003"),
        ("DELETE FROM sluis.checkpoint", "SL003"),
        ("TRUNCATE sluis.checkpoint", "SL003"),
        ("UPDATE sluis.checkpoint SET size = 1", "SL003"),
        // The same size with another root.
        (
            "UPDATE sluis.checkpoint SET root = decode(repeat('00', 32), 'hex')",
            "SL003",
        ),
        ("DELETE FROM sluis_trusted.heads", "SL003"),
        ("TRUNCATE sluis_trusted.heads", "SL003"),
        ("UPDATE sluis_trusted.heads SET size = 1", "SL003"),
        (
            "UPDATE sluis_trusted.heads SET root = decode(repeat('00', 32), 'hex')",
            "SL003",
        ),
        // Larger, but another log's.
        (
            "UPDATE sluis_trusted.heads SET size = size + 1, origin = 'x'",
            "SL003",
        ),
    ] {
        assert_eq!(owner.refusal(statement), state, "{statement}");
    }
    // What the functions do still goes.
    let again = round(&store, &trusted).unwrap();
    assert_eq!(
        again.head.size, 858,
        "what came after the suite's last round"
    );
}

/// Many sequencers at once, while entries come: each checkpoint that stands at some time is of the one log.
#[test]
fn publishers_that_race_on_postgres_publish_one_log() {
    const PUBLISHERS: u64 = 4;
    const ENTRIES: u64 = 400;
    let server = server();
    let seen = thread::scope(|scope| {
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|_| {
                scope.spawn(|| {
                    let store = Postgres::connect(&server);
                    let trusted = Trusted(Postgres::connect(&server));
                    let mut seen = Vec::new();
                    loop {
                        match round(&store, &trusted) {
                            Ok(published) => seen.push(published.head),
                            Err(SequencerError::Overtaken) => {}
                            Err(error) => panic!("{error}"),
                        }
                        if seen.last().is_some_and(|head| head.size == ENTRIES) {
                            return seen;
                        }
                    }
                })
            })
            .collect();
        let store = Postgres::connect(&server);
        for number in 0..ENTRIES {
            store.append(&sample(number, 0).unwrap()).unwrap();
        }
        let seen = publishers
            .into_iter()
            .flat_map(|publisher| publisher.join().unwrap());
        seen.collect::<Vec<_>>()
    });
    let leaves = now(Postgres::connect(&server).leaves(0, ENTRIES)).unwrap();
    let leaves: Vec<_> = leaves
        .iter()
        .map(|leaf| LeafHash::of(&leaf.entry))
        .collect();
    assert!(seen.len() > 10, "{} checkpoints", seen.len());
    for head in seen {
        let until = usize::try_from(head.size).unwrap();
        let grown = integrate(&EdgeTiles::empty(), &leaves[..until]).unwrap();
        assert_eq!(grown.head, head);
    }
}
