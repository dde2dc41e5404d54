//! The stores of what was used once: `SQLite` (a Durable Object, a single node) and `PostgreSQL` on a real server.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use postgres::NoTls;
use rusqlite::{Connection, params};
use sluis_gate::USED_KEY_MARGIN_SECONDS;
use sluis_gate::replay::sql::{postgres as server_sql, sqlite as sql};
use sluis_log::sql::statements;
use sluis_tests::issuer::now;
use sluis_tests::postgres::PostgresServer;

/// Who uses one key at a time.
const USERS: usize = 16;

/// A database file that is removed with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let file = format!("sluis-used-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(file))
    }

    fn open(&self) -> Connection {
        let connection = Connection::open(&self.0).unwrap();
        connection.busy_timeout(Duration::from_secs(30)).unwrap();
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .unwrap();
        for statement in statements(sql::SCHEMA) {
            connection.execute_batch(statement).unwrap();
        }
        connection
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", self.0.display()));
        }
    }
}

fn consume(connection: &Connection, key: [u8; 32], until: u64) -> bool {
    let mut statement = connection.prepare(sql::CONSUME).unwrap();
    let until = i64::try_from(until).unwrap();
    let rows = statement.query_map(params![key.as_slice(), until], |row| row.get::<_, i64>(0));
    let rows = rows.unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert!(rows.is_empty() || rows == [1], "{rows:?}");
    !rows.is_empty()
}

fn stored(connection: &Connection) -> i64 {
    let count = connection.query_row("SELECT count(*) FROM sluis_used", [], |row| row.get(0));
    count.unwrap()
}

#[test]
fn sqlite_lets_a_key_be_used_once_by_whomever() {
    let file = File::new("once");
    file.open();
    for round in 0..20 {
        let firsts: usize = thread::scope(|scope| {
            let user = || usize::from(consume(&file.open(), [round; 32], now() + 60));
            let users: Vec<_> = (0..USERS).map(|_| scope.spawn(user)).collect();
            users.into_iter().map(|user| user.join().unwrap()).sum()
        });
        assert_eq!(firsts, 1, "round {round}");
    }
    // And after everything was closed.
    assert!(!consume(&file.open(), [0; 32], now() + 60));
    assert!(consume(&file.open(), [99; 32], now() + 60));
}

#[test]
fn sqlite_forgets_keys_long_past_their_time_and_no_others() {
    let file = File::new("forget");
    let connection = file.open();
    let margin = USED_KEY_MARGIN_SECONDS;
    let needed = [(1, now() + 60), (2, now()), (3, now() - margin + 30)];
    for (key, until) in needed {
        assert!(consume(&connection, [key; 32], until));
    }
    for key in 100..120 {
        assert!(consume(&connection, [key; 32], now() - margin - 30));
    }
    // Even one that comes too late is not free to be used again at once.
    assert!(!consume(&connection, [119; 32], now() - margin - 30));
    for key in 10..15 {
        assert!(consume(&connection, [key; 32], now() + 60));
    }
    assert_eq!(stored(&connection), 3 + 5);
    for (key, until) in needed {
        assert!(!consume(&connection, [key; 32], until));
    }
    // The Durable Object's alarm.
    let next: Option<i64> = connection
        .query_row(sql::NEXT, [], |row| row.get(0))
        .unwrap();
    assert!(next.is_some());
    let all = i64::try_from(now() + 3600).unwrap();
    connection.execute(sql::CLEAR, [all]).unwrap();
    let next: Option<i64> = connection
        .query_row(sql::NEXT, [], |row| row.get(0))
        .unwrap();
    assert_eq!(next, None);
}

#[test]
fn sqlite_knows_when_it_is_prepared() {
    let connection = Connection::open_in_memory().unwrap();
    let prepared = |connection: &Connection| {
        let mut statement = connection.prepare(sql::IS_PREPARED).unwrap();
        statement.exists([]).unwrap()
    };
    assert!(!prepared(&connection));
    for statement in statements(sql::SCHEMA) {
        connection.execute_batch(statement).unwrap();
    }
    assert!(prepared(&connection));
    for key in [vec![0_u8; 31], vec![0; 33]] {
        assert!(connection.execute(sql::CONSUME, params![key, 1]).is_err());
    }
}

#[test]
fn postgres_lets_a_key_be_used_once_and_forgets_in_time() {
    let server = PostgresServer::start().unwrap();
    for _ in 0..2 {
        server.run_sql("postgres", server_sql::SCHEMA).unwrap();
    }
    let grants: Vec<&str> = server_sql::SCHEMA
        .lines()
        .filter_map(|line| line.strip_prefix("--   "))
        .collect();
    assert_eq!(grants.len(), 2, "the header says what a validator needs");
    let role = format!("CREATE ROLE validator LOGIN; {}", grants.join("\n"));
    server.run_sql("postgres", &role).unwrap();
    let connect =
        || postgres::Client::connect(&server.address("validator", "postgres"), NoTls).unwrap();
    let consume = |client: &mut postgres::Client, key: u8, until: u64| -> bool {
        let (key, until) = (vec![key; 32], i64::try_from(until).unwrap());
        let row = client.query_one(server_sql::CONSUME, &[&key, &until]);
        row.unwrap().get("first")
    };
    for round in 0..20 {
        let firsts: usize = thread::scope(|scope| {
            let user = || usize::from(consume(&mut connect(), round, now() + 60));
            let users: Vec<_> = (0..USERS).map(|_| scope.spawn(user)).collect();
            users.into_iter().map(|user| user.join().unwrap()).sum()
        });
        assert_eq!(firsts, 1, "round {round}");
    }
    let mut client = connect();
    for key in 100..110 {
        let past = now() - USED_KEY_MARGIN_SECONDS - 30;
        assert!(consume(&mut client, key, past));
    }
    for key in 110..115 {
        assert!(consume(&mut client, key, now() + 60));
    }
    let left = server
        .run_sql("postgres", "SELECT count(*) FROM sluis.used")
        .unwrap();
    assert_eq!(left.trim(), "25");
    // The validator can neither look nor free a key.
    for refused in ["SELECT * FROM sluis.used", "DELETE FROM sluis.used"] {
        assert!(client.batch_execute(refused).is_err(), "{refused}");
    }
}
