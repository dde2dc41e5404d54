//! The log in PostgreSQL, on a real server: the one function that all validators append through.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "how fast it was is worth a line"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use sluis_log::conformance::{Store, opened, run, sample};
use sluis_log::sql::postgres as sql;
use sluis_log::{ChainHash, Origin, PendingEntry, Receipt, Row, SealedEntry, verify_chain};
use sluis_tests::postgres::PostgresServer;

const WRITERS: u64 = 16;

fn origin() -> Origin {
    Origin::parse("validator.example.be/log").unwrap()
}

/// A server with the schema, and an account for the validator that may do only what the schema's header grants.
fn server() -> PostgresServer {
    let server = PostgresServer::start().unwrap();
    server.run_sql("postgres", sql::SCHEMA).unwrap();
    // Once more: a second validator's operator applies it too.
    server.run_sql("postgres", sql::SCHEMA).unwrap();
    let grants: Vec<&str> = sql::SCHEMA
        .lines()
        .filter_map(|line| line.strip_prefix("--   "))
        .collect();
    assert_eq!(
        grants.len(),
        6,
        "the header of the schema says what a validator needs"
    );
    server
        .run_sql(
            "postgres",
            &format!("CREATE ROLE validator LOGIN; {}", grants.join("\n")),
        )
        .unwrap();
    server
}

struct Postgres {
    client: Client,
    address: String,
    origin: Origin,
}

impl Postgres {
    fn connect(server: &PostgresServer) -> Result<Self, postgres::Error> {
        let address = server.address("validator", "postgres");
        Ok(Self {
            client: Client::connect(&address, NoTls)?,
            address,
            origin: origin(),
        })
    }

    fn all(&mut self) -> Vec<SealedEntry> {
        self.read(0, u32::MAX).unwrap()
    }
}

impl Store for Postgres {
    type Error = postgres::Error;

    fn append(&mut self, pending: &PendingEntry) -> Result<Receipt, postgres::Error> {
        let row = self.client.query_one(
            sql::APPEND,
            &[
                &self.origin.as_str(),
                &pending.id().as_bytes().as_slice(),
                &i16::from(pending.stream().code()),
                &pending.entry_bytes().as_slice(),
                &pending.period().to_string(),
                &pending.sealed(),
            ],
        )?;
        let hash = |name| ChainHash(row.get::<_, Vec<u8>>(name).try_into().unwrap());
        Ok(Receipt {
            index: row.get::<_, i64>("index").try_into().unwrap(),
            previous: hash("previous"),
            chain: hash("chain"),
        })
    }

    fn read(&mut self, from: u64, limit: u32) -> Result<Vec<SealedEntry>, postgres::Error> {
        let from = i64::try_from(from).unwrap();
        let rows = self.client.query(sql::READ, &[&from, &i64::from(limit)])?;
        let stored = rows.into_iter().map(|row| {
            let row = Row {
                index: row.get(0),
                id: row.get(1),
                stream: row.get::<_, i16>(2).into(),
                entry: row.get(3),
                chain: row.get(4),
                period: row.get(5),
                sealed: row.get(6),
            };
            SealedEntry::try_from(row).unwrap()
        });
        Ok(stored.collect())
    }

    fn is_conflict(error: &postgres::Error) -> bool {
        code(error) == sql::CONFLICT
    }

    fn reopen(&mut self) -> Result<(), postgres::Error> {
        self.client = Client::connect(&self.address, NoTls)?;
        Ok(())
    }
}

fn code(error: &postgres::Error) -> &str {
    error.code().map_or("", |state| state.code())
}

#[test]
fn it_conforms_and_guards_what_stands() {
    let server = server();
    let mut store = Postgres::connect(&server).unwrap();
    run(&mut store, &origin()).unwrap();
    let size = store.all().len();
    for stored in store.all() {
        let id = stored.id.as_bytes().as_slice();
        let row = store.client.query_one(sql::INDEX_OF, &[&id]).unwrap();
        assert_eq!(u64::try_from(row.get::<_, i64>(0)), Ok(stored.index));
    }
    let unknown = sample(100, 0).unwrap().id();
    let id = unknown.as_bytes().as_slice();
    let found = store.client.query_opt(sql::INDEX_OF, &[&id]).unwrap();
    assert!(found.is_none());

    // Another origin is another log.
    store.origin = Origin::parse("other.example.be/log").unwrap();
    assert_eq!(
        code(&store.append(&sample(100, 0).unwrap()).unwrap_err()),
        sql::OTHER_ORIGIN
    );
    store.origin = origin();

    // The validator's account can append and read, nothing else.
    for statement in [
        "INSERT INTO sluis.entries VALUES (99, '\\x00', 1, '\\x00', '\\x00')",
        "UPDATE sluis.entries SET entry = '\\x00'",
        "DELETE FROM sluis.entries",
        "DELETE FROM sluis.payloads",
        "UPDATE sluis.log SET origin = 'x'",
    ] {
        assert_eq!(
            code(&store.client.execute(statement, &[]).unwrap_err()),
            "42501",
            "{statement}"
        );
    }
    // The owner is kept from accidents.
    let mut owner = Client::connect(&server.admin_address(), NoTls).unwrap();
    for statement in [
        "UPDATE sluis.entries SET entry = '\\x00'",
        "DELETE FROM sluis.entries",
        "TRUNCATE sluis.entries CASCADE",
        "UPDATE sluis.payloads SET period = 'x'",
    ] {
        assert_eq!(
            code(&owner.execute(statement, &[]).unwrap_err()),
            "SL003",
            "{statement}"
        );
    }
    assert_eq!(store.all().len(), size);

    // Erasing what is due is no accident.
    assert_eq!(
        owner
            .execute("DELETE FROM sluis.payloads WHERE idx = 1", &[])
            .unwrap(),
        1
    );
    let entries = store.all();
    assert_eq!(entries[1].payload, None);
    verify_chain(&origin(), opened(entries)).unwrap();

    // Who goes around the triggers is found by the chain.
    owner
        .batch_execute(
            "SET session_replication_role = replica;
             UPDATE sluis.entries SET entry = set_byte(entry, 5, get_byte(entry, 5) # 1) WHERE idx = 3",
        )
        .unwrap();
    assert_eq!(
        verify_chain(&origin(), opened(store.all()))
            .unwrap_err()
            .index,
        3
    );
}

#[test]
fn an_append_is_durable_and_never_waits_for_ever() {
    let server = server();
    let mut store = Postgres::connect(&server).unwrap();

    // Also where the account trades durability for speed.
    store
        .client
        .batch_execute("SET synchronous_commit = off; BEGIN")
        .unwrap();
    store.append(&sample(0, 0).unwrap()).unwrap();
    let setting: String = store
        .client
        .query_one("SHOW synchronous_commit", &[])
        .unwrap()
        .get(0);
    assert_eq!(setting, "on");

    // That transaction is still open, as a client's that died would be: the others get an error, not a hang.
    let mut other = Postgres::connect(&server).unwrap();
    let started = Instant::now();
    assert_eq!(
        code(&other.append(&sample(1, 0).unwrap()).unwrap_err()),
        "55P03"
    );
    assert!(started.elapsed() < Duration::from_secs(10));
    // And the session timeout of the account ends it.
    thread::sleep(Duration::from_secs(6));
    assert_eq!(other.append(&sample(1, 0).unwrap()).unwrap().index, 0);
}

#[test]
fn sixteen_writers_make_one_chain() {
    const EACH: u64 = 100;
    let server = server();
    let started = Instant::now();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let server = &server;
            scope.spawn(move || {
                let mut store = Postgres::connect(server).unwrap();
                let mut last = None;
                for number in 0..EACH {
                    // Every tenth entry is everyone's: sixteen writers race for one id.
                    let number = if number % 10 == 0 {
                        number
                    } else {
                        (writer + 1) * 1_000 + number
                    };
                    let pending = sample(number, 0).unwrap();
                    let receipt = store.append(&pending).unwrap();
                    assert!(receipt.is_for(&pending));
                    assert_eq!(store.append(&pending).unwrap(), receipt);
                    assert!(number < 1_000 || last < Some(receipt.index));
                    last = last.max(Some(receipt.index));
                }
            });
        }
    });
    let expected = WRITERS * EACH - (WRITERS - 1) * EACH / 10;
    println!("{} appends in {:?}", WRITERS * EACH * 2, started.elapsed());
    let entries = Postgres::connect(&server).unwrap().all();
    assert_eq!(
        verify_chain(&origin(), opened(entries)).unwrap().size,
        expected
    );
}

#[test]
fn what_was_acknowledged_survives_sigkill() {
    let mut server = server();
    let mut acknowledged = BTreeMap::new();
    let numbers = AtomicU64::new(0);
    for round in 1..=3 {
        let killed = AtomicBool::new(false);
        let mut unanswered = Vec::new();
        thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|_| {
                    let mut store = Postgres::connect(&server).unwrap();
                    let (numbers, killed) = (&numbers, &killed);
                    scope.spawn(move || {
                        let mut receipts = Vec::new();
                        loop {
                            let number = numbers.fetch_add(1, Ordering::Relaxed);
                            match store.append(&sample(number, 0).unwrap()) {
                                Ok(receipt) => receipts.push((number, receipt)),
                                Err(error) => {
                                    assert!(killed.load(Ordering::SeqCst), "{error}");
                                    return (receipts, number);
                                }
                            }
                        }
                    })
                })
                .collect();
            // Under load: long enough for every writer to be in the middle of something.
            let enough = numbers.load(Ordering::Relaxed) + 10 * WRITERS;
            let deadline = Instant::now() + Duration::from_mins(1);
            while numbers.load(Ordering::Relaxed) < enough && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
            killed.store(true, Ordering::SeqCst);
            server.kill().unwrap();
            for writer in writers {
                let (receipts, number) = writer.join().unwrap();
                acknowledged.extend(receipts);
                unanswered.push(number);
            }
        });
        server.restart().unwrap();

        let mut store = Postgres::connect(&server).unwrap();
        let entries = store.all();
        let head = verify_chain(&origin(), opened(entries.clone())).unwrap();
        println!(
            "round {round}: {} acknowledged, {} stored",
            acknowledged.len(),
            head.size
        );
        assert!(
            acknowledged.len() >= 100 * round,
            "the server was under load"
        );
        for (number, receipt) in &acknowledged {
            let stored = &entries[usize::try_from(receipt.index).unwrap()];
            assert_eq!(stored.id, sample(*number, 0).unwrap().id());
            assert_eq!(stored.chain, receipt.chain.0);
        }
        // A writer that got no answer asks again: stored or not, now it is, once.
        for number in unanswered {
            acknowledged.insert(number, store.append(&sample(number, 0).unwrap()).unwrap());
        }
        let head = verify_chain(&origin(), opened(store.all())).unwrap();
        assert_eq!(head.size, acknowledged.len() as u64);
    }
}
