//! The end of a retention period in the stores: what their own date, their triggers and their grants let be destroyed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::thread;

use postgres::{Client, NoTls};
use rusqlite::{Connection, OptionalExtension, params};
use sluis_log::sql::{postgres as pg, sqlite, statements};
use sluis_log::{
    CommitmentRandom, EntryId, Envelope, Event, EventSource, MemoryLog, Origin, PayloadKey,
    PayloadRange, PendingEntry, PolicyDigest, RefusalAggregate, RetentionPeriod, UnixMillis, seal,
};
use sluis_tests::postgres::PostgresServer;

/// Long over, and not within the life of this test.
const DUE: &str = "refusals/2012-05-01";
const ALSO_DUE: &str = "refusals/2012-06-01";
const LATER: &str = "refusals/9998-01-01";
const RECORD: &str = "the record of it";

fn origin() -> Origin {
    Origin::parse("validator.example.be/log").unwrap()
}

fn period(text: &str) -> RetentionPeriod {
    RetentionPeriod::parse(text).unwrap()
}

/// An entry of that period.
fn pending(number: u8, of: &str) -> PendingEntry {
    let key = PayloadKey::new(&origin(), period(of), [9; 32]);
    let source = EventSource::new("be.example.sim.validator.v1", "urn:sluis:test", "sim").unwrap();
    let at = UnixMillis::new(1_268_611_200_000).unwrap();
    let envelope = Envelope {
        source: &source,
        id: EntryId::from_random([number; 16]),
        at,
        policy: PolicyDigest([0; 32]),
    };
    let event = Event::RefusalAggregate(RefusalAggregate {
        reason: "sample",
        count: u64::from(number),
        from: at,
        until: at,
        shadow: false,
    });
    seal(&envelope, &event, CommitmentRandom::new([8; 32]), &key).unwrap()
}

/// Which periods the entries of the tests are of, in their order.
const PERIODS: [&str; 7] = [LATER, DUE, ALSO_DUE, DUE, LATER, DUE, DUE];

fn reference() -> MemoryLog {
    let mut log = MemoryLog::new(origin());
    for (number, of) in (1..).zip(PERIODS) {
        log.append(&pending(number, of)).unwrap();
    }
    log
}

fn texts(periods: impl IntoIterator<Item = RetentionPeriod>) -> Vec<String> {
    periods
        .into_iter()
        .map(|period| period.to_string())
        .collect()
}

fn range(count: i64, first: Option<i64>, last: Option<i64>) -> Option<PayloadRange> {
    let number = |n: i64| u64::try_from(n).unwrap();
    PayloadRange::new(number(count), number(first?), number(last?))
}

// SQLite --------------------------------------------------------------------

fn database(schema: &str) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    for statement in statements(schema) {
        database.execute(statement, []).unwrap();
    }
    database
}

fn sqlite_log() -> Connection {
    let log = database(sqlite::SCHEMA);
    let mut reference = MemoryLog::new(origin());
    for (number, of) in (1..).zip(PERIODS) {
        let pending = pending(number, of);
        let receipt = reference.append(&pending).unwrap();
        log.execute(
            sqlite::APPEND,
            params![
                origin().as_str(),
                i64::try_from(receipt.index).unwrap(),
                receipt.previous.0,
                pending.id().as_bytes(),
                pending.stream().code(),
                pending.entry_bytes(),
                receipt.chain.0,
                pending.period().to_string(),
                pending.sealed(),
            ],
        )
        .unwrap();
    }
    log
}

fn sqlite_periods(log: &Connection) -> Vec<String> {
    let mut statement = log.prepare(sqlite::PERIODS).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn sqlite_payloads(log: &Connection, of: &str) -> Option<PayloadRange> {
    log.query_row(sqlite::PAYLOADS, [of], |row| {
        Ok(range(row.get(0)?, row.get(1)?, row.get(2)?))
    })
    .unwrap()
}

/// How many a limited order erased.
fn sqlite_erase(log: &Connection, of: &str, limit: i64) -> usize {
    let mut statement = log.prepare(sqlite::ERASE).unwrap();
    let rows = statement.query_map(params![of, limit], |row| row.get::<_, i64>(0));
    rows.unwrap().map(Result::unwrap).count()
}

#[test]
fn sqlite_erases_by_its_own_date() {
    let (log, mut reference) = (sqlite_log(), reference());
    assert_eq!(sqlite_periods(&log), texts(reference.periods()));
    for of in [DUE, ALSO_DUE, LATER, "refusals/2012-07-01"] {
        let found = sqlite_payloads(&log, of);
        assert_eq!(found, reference.payloads(period(of)), "{of}");
    }
    assert_eq!(sqlite_erase(&log, LATER, 100), 0);
    for (of, limit) in [(DUE, 3), (DUE, 0), (DUE, 3), (DUE, 3), (ALSO_DUE, 9)] {
        let expected = reference.erase_period(period(of), limit);
        let found = sqlite_erase(&log, of, limit.into());
        assert_eq!(u64::try_from(found), Ok(expected), "{of} {limit}");
        assert_eq!(sqlite_periods(&log), texts(reference.periods()));
    }
    assert_eq!(sqlite_periods(&log), [LATER]);
    // Nor by hand.
    let error = log.execute("DELETE FROM sluis_payloads", []).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("sluis: a payload is kept until the day"),
        "{error}"
    );
    assert_eq!(
        sqlite_payloads(&log, LATER),
        reference.payloads(period(LATER))
    );
}

#[test]
fn sqlite_knows_the_day() {
    let log = database(sqlite::SCHEMA);
    let day = |offset: &str| {
        let day = log.query_row("SELECT 'x/' || date('now', ?)", [offset], |row| {
            row.get::<_, String>(0)
        });
        day.unwrap()
    };
    for (offset, due) in [
        ("-1 day", 1),
        ("+0 days", 1),
        ("+1 day", 0),
        ("+1 month", 0),
    ] {
        let of = day(offset);
        let found = log.query_row(sqlite::IS_DUE, [&of, &of], |row| row.get::<_, i64>(0));
        // Midnight may just have passed.
        assert!(
            found == Ok(due) || day(offset) != of,
            "{offset}: {of} {found:?}"
        );
    }
}

#[test]
fn sqlite_destroys_a_key_once_and_from_its_day_on() {
    let place = database(sqlite::TRUSTED_SCHEMA);
    let origin = origin();
    for of in [LATER, DUE] {
        let row = params![origin.as_str(), of, [3_u8; 72]];
        place.execute(sqlite::OFFER_PAYLOAD_KEY, row).unwrap();
    }
    let key = |of: &str| {
        let row = place.query_row(sqlite::PAYLOAD_KEY, [origin.as_str(), of], |row| {
            Ok((
                row.get::<_, Option<Vec<u8>>>(0)?,
                row.get::<_, Option<String>>(1)?,
            ))
        });
        row.optional().unwrap()
    };
    let held = Some((Some(vec![3; 72]), None));
    let gone = Some((None, Some(RECORD.to_owned())));
    let destroy = |of: &str, record: &str| {
        let row = params![record, origin.as_str(), of];
        place.execute(sqlite::DESTROY_PAYLOAD_KEY, row).unwrap()
    };
    assert_eq!((destroy(LATER, RECORD), key(LATER)), (0, held.clone()));
    let by_hand = "UPDATE sluis_payload_keys SET wrapped = NULL, destroyed = 'x'";
    let error = place.execute(by_hand, []).unwrap_err().to_string();
    assert!(
        error.contains("sluis: a key is kept until the day"),
        "{error}"
    );
    assert_eq!((key(LATER), key(DUE)), (held.clone(), held.clone()));

    assert_eq!((destroy(DUE, RECORD), key(DUE)), (1, gone.clone()));
    // Whoever comes later finds that record, and gets no new key.
    assert_eq!((destroy(DUE, "another"), key(DUE)), (0, gone.clone()));
    let row = params![origin.as_str(), DUE, [4_u8; 72]];
    place.execute(sqlite::OFFER_PAYLOAD_KEY, row).unwrap();
    assert_eq!(key(DUE), gone);
    let error = place
        .execute("DELETE FROM sluis_payload_keys", [])
        .unwrap_err();
    assert!(
        error.to_string().contains("a period is never forgotten"),
        "{error}"
    );
    let mut statement = place.prepare(sqlite::PAYLOAD_KEYS).unwrap();
    let rows = statement.query_map([origin.as_str()], |row| row.get::<_, String>(0));
    let all: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!(all, [DUE, LATER]);
    let mut rows = statement.query(["other.example.be/log"]).unwrap();
    assert!(rows.next().unwrap().is_none());
}

// PostgreSQL ----------------------------------------------------------------

/// A server with log and trusted place, and an account that may do what their heads grant.
fn server() -> PostgresServer {
    let server = PostgresServer::start().unwrap();
    let schemas = [pg::SCHEMA, pg::TRUSTED_SCHEMA];
    let grants = schemas.into_iter().flat_map(str::lines);
    let grants: Vec<&str> = grants
        .filter_map(|line| line.strip_prefix("--   "))
        .collect();
    for schema in schemas {
        server.run_sql("postgres", schema).unwrap();
    }
    let role = format!(
        "CREATE ROLE validator LOGIN; CREATE ROLE other LOGIN; {}",
        grants.join("\n")
    );
    server.run_sql("postgres", &role).unwrap();
    server
}

fn connect(server: &PostgresServer, role: &str) -> Client {
    Client::connect(&server.address(role, "postgres"), NoTls).unwrap()
}

fn refusal(client: &mut Client, statement: &str) -> String {
    let error = client.batch_execute(statement).unwrap_err();
    error
        .code()
        .map_or_else(String::new, |state| state.code().to_owned())
}

fn append(client: &mut Client, number: u8, of: &str) {
    let pending = pending(number, of);
    client
        .query_one(
            pg::APPEND,
            &[
                &origin().as_str(),
                &pending.id().as_bytes().as_slice(),
                &i16::from(pending.stream().code()),
                &pending.entry_bytes().as_slice(),
                &pending.period().to_string(),
                &pending.sealed(),
            ],
        )
        .unwrap();
}

fn pg_erase(client: &mut Client, of: &str, limit: i64) -> i64 {
    let row = client.query_one(pg::ERASE, &[&of, &limit]).unwrap();
    row.get(0)
}

fn pg_periods(client: &mut Client) -> Vec<String> {
    let rows = client.query(pg::PERIODS, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn pg_payloads(client: &mut Client, of: &str) -> Option<PayloadRange> {
    let row = client.query_one(pg::PAYLOADS, &[&of]).unwrap();
    range(row.get(0), row.get(1), row.get(2))
}

#[test]
fn postgres_erases_by_its_own_date_and_for_who_was_granted_it() {
    let (server, mut reference) = (server(), reference());
    let mut validator = connect(&server, "validator");
    for (number, of) in (1..).zip(PERIODS) {
        append(&mut validator, number, of);
    }
    assert_eq!(pg_periods(&mut validator), texts(reference.periods()));
    for of in [DUE, ALSO_DUE, LATER, "refusals/2012-07-01"] {
        let found = pg_payloads(&mut validator, of);
        assert_eq!(found, reference.payloads(period(of)), "{of}");
    }
    assert_eq!(pg_erase(&mut validator, LATER, 100), 0);
    for (of, limit) in [(DUE, 3), (DUE, 0), (DUE, 3), (DUE, 3), (ALSO_DUE, 9)] {
        let expected = reference.erase_period(period(of), limit);
        let found = pg_erase(&mut validator, of, limit.into());
        assert_eq!(u64::try_from(found), Ok(expected), "{of} {limit}");
        assert_eq!(pg_periods(&mut validator), texts(reference.periods()));
    }
    // What is no period is no way around the date.
    for of in ["", "refusals", "refusals/soon", "9998-01-01"] {
        let called = format!("SELECT sluis.erase('{of}', 9)");
        assert!(refusal(&mut validator, &called).starts_with("22"), "{of}");
    }
    for statement in ["DELETE FROM sluis.payloads", "TRUNCATE sluis.payloads"] {
        assert_eq!(refusal(&mut validator, statement), "42501", "{statement}");
    }
    let mut other = connect(&server, "other");
    for statement in [
        "SELECT sluis.erase('refusals/2012-05-01', 9)",
        "SELECT sluis_trusted.destroy_payload_key('x', 'refusals/2012-05-01', 'x')",
        "SELECT sluis_trusted.payload_key('x', 'refusals/2012-05-01', 'x')",
    ] {
        assert_eq!(refusal(&mut other, statement), "42501", "{statement}");
    }
    // The owner is kept from accidents.
    let mut owner = Client::connect(&server.admin_address(), NoTls).unwrap();
    for statement in ["DELETE FROM sluis.payloads", "TRUNCATE sluis.payloads"] {
        assert_eq!(refusal(&mut owner, statement), "SL003", "{statement}");
    }
    assert_eq!(pg_periods(&mut owner), [LATER]);
}

#[test]
fn postgres_destroys_a_key_once_and_from_its_day_on() {
    let server = server();
    let mut validator = connect(&server, "validator");
    let origin = origin();
    let mut obtain = |of: &str, byte: u8| -> (Option<Vec<u8>>, Option<String>) {
        let candidate = vec![byte; 72];
        let values: [&(dyn postgres::types::ToSql + Sync); 3] = [&origin.as_str(), &of, &candidate];
        let row = validator
            .query_one(pg::OBTAIN_PAYLOAD_KEY, &values)
            .unwrap();
        (row.get(0), row.get(1))
    };
    let held = (Some(vec![3; 72]), None);
    assert_eq!(obtain(LATER, 3), held);
    assert_eq!(obtain(DUE, 3), held);
    let mut second = connect(&server, "validator");
    let mut destroy = |of: &str, record: &str| -> bool {
        let values: [&(dyn postgres::types::ToSql + Sync); 3] = [&origin.as_str(), &of, &record];
        second
            .query_one(pg::DESTROY_PAYLOAD_KEY, &values)
            .unwrap()
            .get(0)
    };
    assert!(!destroy(LATER, RECORD));
    assert_eq!(obtain(LATER, 4), held);
    assert!(destroy(DUE, RECORD));
    assert!(!destroy(DUE, "another"));
    assert_eq!(obtain(DUE, 4), (None, Some(RECORD.to_owned())));
    let rows = second.query(pg::PAYLOAD_KEYS, &[&origin.as_str()]).unwrap();
    let all: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(all, [DUE, LATER]);
    for statement in [
        "UPDATE sluis_trusted.payload_keys SET wrapped = NULL, destroyed = 'x'",
        "DELETE FROM sluis_trusted.payload_keys",
    ] {
        assert_eq!(refusal(&mut second, statement), "42501", "{statement}");
    }
    // The owner is kept from accidents.
    let mut owner = Client::connect(&server.admin_address(), NoTls).unwrap();
    for statement in [
        "DELETE FROM sluis_trusted.payload_keys",
        "TRUNCATE sluis_trusted.payload_keys",
        // Before its day.
        "UPDATE sluis_trusted.payload_keys SET wrapped = NULL, destroyed = 'x' WHERE wrapped IS NOT NULL",
        // Of the one that is gone: another record, and the key back.
        "UPDATE sluis_trusted.payload_keys SET destroyed = 'x' WHERE wrapped IS NULL",
        "UPDATE sluis_trusted.payload_keys SET wrapped = decode(repeat('03', 72), 'hex'), \
         destroyed = NULL WHERE wrapped IS NULL",
        // Of the one that is there: another key, and another period.
        "UPDATE sluis_trusted.payload_keys SET wrapped = decode(repeat('04', 72), 'hex') \
         WHERE wrapped IS NOT NULL",
        "UPDATE sluis_trusted.payload_keys SET period = 'refusals/2012-04-01' \
         WHERE wrapped IS NOT NULL",
    ] {
        assert_eq!(refusal(&mut owner, statement), "SL003", "{statement}");
    }
    assert_eq!(obtain(LATER, 4), held);
    assert_eq!(obtain(DUE, 4), (None, Some(RECORD.to_owned())));
}

/// Orders at the same time: each payload is erased by one of them, and none takes rows for kept that are just going.
#[test]
fn orders_that_race_on_postgres_erase_each_payload_once() {
    const ORDERS: usize = 4;
    const PAYLOADS: u8 = 200;
    let server = server();
    let mut validator = connect(&server, "validator");
    for number in 1..=PAYLOADS {
        append(&mut validator, number, DUE);
    }
    let erased: Vec<i64> = thread::scope(|scope| {
        let orders: Vec<_> = (0..ORDERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = connect(&server, "validator");
                    let mut erased = 0;
                    loop {
                        match pg_erase(&mut client, DUE, 7) {
                            0 => break,
                            found => erased += found,
                        }
                    }
                    // Whoever erased nothing found nothing left.
                    assert_eq!(pg_payloads(&mut client, DUE), None);
                    erased
                })
            })
            .collect();
        orders
            .into_iter()
            .map(|order| order.join().unwrap())
            .collect()
    });
    assert_eq!(
        erased.iter().sum::<i64>(),
        i64::from(PAYLOADS),
        "{erased:?}"
    );
    assert_eq!(
        pg_periods(&mut validator)
            .into_iter()
            .collect::<BTreeSet<_>>(),
        BTreeSet::new()
    );
}
