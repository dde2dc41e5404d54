//! The stores of the log under the component, over real HTTP: SQLite on one node, PostgreSQL on a real server.
//!
//! Needs the built component (`cargo xtask build spin --config simulation.toml`) and the compatible host beside this test; where
//! either is missing it says so and fails.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "how fast it was is worth a line"
)]

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;
use sluis_gate::replay::sql::postgres as used_sql;
use sluis_log::sql::postgres as sql;
use sluis_tests::client::{Connection, Request};
use sluis_tests::issuer::{SSIN, random_secret, set};
use sluis_tests::postgres::PostgresServer;
use sluis_tests::runtime::Build;
use sluis_tests::runtimes::named;
use sluis_tests::spin::{set_fault, sqlite_file};
use sluis_tests::world::World;
use sluis_token::Algorithm;

/// Clients at a time: more than one instance takes (16), so that several write.
const CLIENTS: usize = 64;
/// Requests of a round.
const REQUESTS: usize = 1_500;
/// No store may keep a caller waiting for longer (the component's own limit is 4 s).
const PATIENCE: Duration = Duration::from_secs(8);
/// Every log is published within a second or so, on a machine that does little else.
const PUBLISHED: Duration = Duration::from_secs(10);

/// The lock of `sluis.append`.
const ADVISORY_LOCK: i64 = 8_317_151_707_610_836_071;

/// One at a time: the machine is small, and rounds are timed.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn state(name: &str) -> PathBuf {
    root().join("target/spin-store").join(name)
}

fn world(name: &str, further: &[(&str, &str)]) -> World {
    let host = named(&root(), "spin").unwrap();
    World::start_with(
        host.into(),
        &root(),
        state(name),
        Build::Simulation,
        further,
    )
    .unwrap()
}

const PAYLOAD_KEY: &str = "SLUIS_PAYLOAD_KEY";

/// A server with the schema, an account for the validator, and the variables that lead there.
fn postgres() -> (PostgresServer, Vec<(&'static str, String)>) {
    let server = PostgresServer::start().unwrap();
    let schemas = [sql::SCHEMA, sql::TRUSTED_SCHEMA, used_sql::SCHEMA];
    for schema in schemas {
        server.run_sql("postgres", schema).unwrap();
    }
    let grants: Vec<&str> = schemas
        .into_iter()
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("--   "))
        .collect();
    let role = format!("CREATE ROLE validator LOGIN; {}", grants.join("\n"));
    server.run_sql("postgres", &role).unwrap();
    let mut variables = address_of(&server);
    // Validators of one log open each other's payloads.
    variables.push((PAYLOAD_KEY, random_secret(32).unwrap()));
    (server, variables)
}

fn address_of(server: &PostgresServer) -> Vec<(&'static str, String)> {
    let address = server.address("validator", "postgres");
    let port = address
        .split_whitespace()
        .find_map(|pair| pair.strip_prefix("port="))
        .unwrap();
    let origin = format!("postgres://127.0.0.1:{port}");
    vec![
        ("SLUIS_LOG_STORE", "postgres".to_owned()),
        ("SLUIS_LOG_POSTGRES_ORIGIN", origin),
        ("SLUIS_LOG_POSTGRES", address),
    ]
}

fn world_on_postgres(name: &str, variables: &[(&'static str, String)]) -> World {
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    world(name, &variables)
}

fn rights(token: &str) -> Request {
    Request::get(&format!("/pension/v1/persons/{SSIN}/rights")).bearer(token)
}

/// CPU time of a process, in milliseconds.
fn cpu_ms(pid: u32) -> u128 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    // utime and stime, in ticks of 10 ms.
    let ticks = after_name.split(' ').skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u128>().unwrap() * 10).sum()
}

/// Sends `count` requests over as many connections as clients; status and trace id of each answer.
fn load(address: SocketAddr, token: &str, clients: usize, count: usize) -> Vec<(u16, String)> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut connection = Connection::open(address).unwrap();
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    let answer = connection.exchange(&rights(token), true).unwrap();
                    let trace_id = answer.header("belgov-trace-id").unwrap().to_owned();
                    answers.lock().unwrap().push((answer.status, trace_id));
                }
            });
        }
    });
    answers.into_inner().unwrap()
}

/// Every answer was 200 and has one decision and one outcome in a log that verifies.
fn every_answer_is_in_the_log(world: &World, from: u64, answers: &[(u16, String)]) {
    let refused = answers.iter().filter(|(status, _)| *status != 200).count();
    assert_eq!(refused, 0, "of {} requests", answers.len());
    let records = world
        .records_until(from, |records| {
            records.iter().filter(|r| r.kind == "completed").count() >= answers.len()
        })
        .unwrap();
    let mut decisions: HashMap<&str, usize> = HashMap::new();
    for record in records.iter().filter(|record| record.kind == "granted") {
        *decisions
            .entry(record.data("traceId").as_str().unwrap())
            .or_default() += 1;
    }
    for (_, trace_id) in answers {
        assert_eq!(decisions.remove(trace_id.as_str()), Some(1), "{trace_id}");
    }
    assert!(decisions.is_empty(), "decisions over no request");
    world.verify_log().unwrap();
}

fn concurrency(world: &World, store: &str) {
    let token = world.pension_token().unwrap();
    // The first requests start the instances and fetch the keys.
    load(world.address().unwrap(), &token, 4, 8);
    for clients in [1, 16, CLIENTS] {
        let from = world.log_size().unwrap();
        let count = if clients == 1 { 200 } else { REQUESTS };
        let pid = world.pid().unwrap();
        let (cpu, started) = (cpu_ms(pid), Instant::now());
        let answers = load(world.address().unwrap(), &token, clients, count);
        let (elapsed, cpu) = (started.elapsed(), cpu_ms(pid) - cpu);
        let requests = answers.len() as u128;
        println!(
            "{store}, {clients} clients: {} requests/s, {} µs of CPU each (the host's), two entries a request",
            requests * 1_000 / elapsed.as_millis().max(1),
            cpu * 1_000 / requests
        );
        every_answer_is_in_the_log(world, from, &answers);
    }
}

/// One request that must fail for want of a log: 503, soon, and nothing reaches the backend.
fn stopped(world: &World, token: &str, why: &str) {
    world.take_seen();
    let started = Instant::now();
    let answer = world.send(&rights(token)).unwrap();
    assert_eq!(answer.status, 503, "{why}: {}", answer.text());
    assert!(
        started.elapsed() < PATIENCE,
        "{why}: {:?}",
        started.elapsed()
    );
    assert!(world.take_seen().is_empty(), "{why}: the backend saw it");
}

fn passes(world: &World, token: &str) {
    let answer = world.send(&rights(token)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Clients that go on until the connection breaks; the trace ids of the answers with 200.
fn hammer(address: SocketAddr, token: &str, enough: usize, stop: impl FnOnce()) -> Vec<String> {
    let acknowledged = Mutex::new(Vec::new());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let Ok(mut connection) = Connection::open(address) else {
                    return;
                };
                while !over.load(Ordering::SeqCst) {
                    let Ok(answer) = connection.exchange(&rights(token), true) else {
                        return;
                    };
                    if answer.status == 200 {
                        let trace_id = answer.header("belgov-trace-id").unwrap().to_owned();
                        acknowledged.lock().unwrap().push(trace_id);
                    }
                }
            });
        }
        let started = Instant::now();
        while acknowledged.lock().unwrap().len() < enough {
            assert!(started.elapsed() < Duration::from_mins(1), "too slow");
            thread::sleep(Duration::from_millis(5));
        }
        stop();
        over.store(true, Ordering::SeqCst);
    });
    acknowledged.into_inner().unwrap()
}

/// Each acknowledged request has one decision, and what the backend saw stands in the log too.
fn nothing_acknowledged_is_lost(world: &World, acknowledged: &[String], seen: usize) {
    let mut decisions: HashMap<String, usize> = HashMap::new();
    for record in world.records(0).unwrap() {
        if record.kind == "granted" {
            let trace_id = record.data("traceId").as_str().unwrap().to_owned();
            *decisions.entry(trace_id).or_default() += 1;
        }
    }
    for trace_id in acknowledged {
        assert_eq!(decisions.get(trace_id), Some(&1), "{trace_id}");
    }
    let granted = decisions.len();
    assert!(granted >= seen, "{granted} decisions, {seen} requests seen");
    world.verify_log().unwrap();
}

#[test]
fn sqlite_takes_many_clients_without_a_fork_or_a_gap() {
    let _turn = turn();
    concurrency(&world("sqlite-concurrency", &[]), "SQLite");
}

#[test]
fn postgres_takes_many_clients_without_a_fork_or_a_gap() {
    let _turn = turn();
    let (_server, variables) = postgres();
    concurrency(
        &world_on_postgres("postgres-concurrency", &variables),
        "PostgreSQL",
    );
}

#[test]
fn several_logs_stand_each_in_a_database_of_its_own() {
    let _turn = turn();
    let (server, mut variables) = postgres();
    let databases: Vec<String> = (0..4).map(|number| format!("postgres_{number}")).collect();
    for database in &databases {
        let create = format!("CREATE DATABASE {database}");
        server.run_sql("postgres", &create).unwrap();
        for schema in [sql::SCHEMA, used_sql::SCHEMA] {
            server.run_sql(database, schema).unwrap();
            let grants = schema.lines().filter_map(|line| line.strip_prefix("--   "));
            let grants = grants.collect::<Vec<_>>().join("\n");
            server.run_sql(database, &grants).unwrap();
        }
    }
    for (name, value) in &mut variables {
        if *name == "SLUIS_LOG_POSTGRES" {
            *value = value.replace("dbname=postgres", "dbname=postgres{log}");
        }
    }
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let host = named(&root(), "spin").unwrap();
    let state = state("postgres-shards");
    let world = World::start_with(host.into(), &root(), state, Build::Comparing, &variables);
    let world = world.unwrap();
    let token = world.pension_token().unwrap();
    let answers = load(world.address().unwrap(), &token, 8, 60);
    assert!(answers.iter().all(|(status, _)| *status == 200));
    world
        .records_until(0, |records| {
            let ended = records.iter().filter(|record| record.kind == "completed");
            ended.count() == 60
        })
        .unwrap();
    world.verify_log().unwrap();
    let count = |database: &str| -> u64 {
        let count = server.run_sql(database, "SELECT count(*) FROM sluis.entries");
        count.unwrap().parse().unwrap()
    };
    assert_eq!(count("postgres"), 0);
    for database in &databases {
        assert!(count(database) > 0, "{database}");
        let origin = server.run_sql(database, "SELECT origin FROM sluis.log");
        let number = database.rsplit('_').next().unwrap();
        assert!(origin.unwrap().ends_with(&format!("/{number}")));
    }
    // The heads of all of them come into the one trusted place, each once it is published.
    let heads = || server.run_sql("postgres", "SELECT count(*) FROM sluis_trusted.heads");
    let started = Instant::now();
    while heads().unwrap() != "4" {
        assert!(started.elapsed() < PUBLISHED, "{}", heads().unwrap());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn two_gates_on_one_postgres_write_one_chain() {
    let _turn = turn();
    let (_server, variables) = postgres();
    let one = world_on_postgres("postgres-one", &variables);
    let other = world_on_postgres("postgres-other", &variables);
    let targets =
        [&one, &other].map(|world| (world.address().unwrap(), world.pension_token().unwrap()));
    let answers: Vec<_> = thread::scope(|scope| {
        let loads = targets
            .each_ref()
            .map(|(address, token)| scope.spawn(move || load(*address, token, 16, 300)));
        loads
            .into_iter()
            .flat_map(|load| load.join().unwrap())
            .collect()
    });
    assert_eq!(answers.len(), 600);
    every_answer_is_in_the_log(&one, 0, &answers);
    other.verify_log().unwrap();
}

#[test]
fn sigkill_under_load_loses_nothing_acknowledged_in_sqlite() {
    let _turn = turn();
    let mut world = world("sqlite-sigkill", &[]);
    let token = world.pension_token().unwrap();
    let address = world.address().unwrap();
    let acknowledged = hammer(address, &token, 300, || world.kill().unwrap());
    let seen = world.take_seen().len();
    world.restart().unwrap();
    nothing_acknowledged_is_lost(&world, &acknowledged, seen);
}

#[test]
fn sigkill_under_load_loses_nothing_acknowledged_in_postgres() {
    let _turn = turn();
    let (_server, variables) = postgres();
    let mut world = world_on_postgres("postgres-sigkill", &variables);
    let token = world.pension_token().unwrap();
    let address = world.address().unwrap();
    let acknowledged = hammer(address, &token, 300, || world.kill().unwrap());
    let seen = world.take_seen().len();
    world.restart().unwrap();
    nothing_acknowledged_is_lost(&world, &acknowledged, seen);
}

#[test]
fn a_postgres_that_dies_stops_everything_and_has_lost_nothing_acknowledged() {
    let _turn = turn();
    let (mut server, mut variables) = postgres();
    let world = world_on_postgres("postgres-dies", &variables);
    let token = world.pension_token().unwrap();
    let address = world.address().unwrap();
    let acknowledged = hammer(address, &token, 300, || server.kill().unwrap());
    let seen = world.take_seen().len();
    stopped(&world, &token, "the server is dead");
    drop(world);
    // It comes back on another port: another validator takes over its log.
    server.restart().unwrap();
    variables.retain(|(name, _)| *name == PAYLOAD_KEY);
    variables.extend(address_of(&server));
    let world = world_on_postgres("postgres-back", &variables);
    nothing_acknowledged_is_lost(&world, &acknowledged, seen);
    passes(&world, &world.pension_token().unwrap());
}

#[test]
fn a_locked_sqlite_file_stops_everything() {
    let _turn = turn();
    let world = world("sqlite-locked", &[]);
    let token = world.pension_token().unwrap();
    passes(&world, &token);
    let holder = Sqlite::open(sqlite_file(&state("sqlite-locked"))).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    stopped(&world, &token, "the database is locked");
    holder.execute_batch("ROLLBACK").unwrap();
    passes(&world, &token);
    world.verify_log().unwrap();
}

#[test]
fn a_postgres_lock_that_another_holds_stops_everything() {
    let _turn = turn();
    let (server, variables) = postgres();
    let world = world_on_postgres("postgres-locked", &variables);
    let token = world.pension_token().unwrap();
    passes(&world, &token);
    let mut holder = postgres::Client::connect(&server.admin_address(), postgres::NoTls).unwrap();
    let lock = |client: &mut postgres::Client, function: &str| {
        let statement = format!("SELECT pg_advisory_{function}({ADVISORY_LOCK})");
        client.batch_execute(&statement).unwrap();
    };
    lock(&mut holder, "lock");
    stopped(&world, &token, "the advisory lock is held");
    lock(&mut holder, "unlock");
    passes(&world, &token);
    world.verify_log().unwrap();
}

#[test]
fn a_store_that_fails_at_run_time_stops_everything_until_it_is_well() {
    let _turn = turn();
    let world = world("sqlite-faults", &[]);
    let token = world.pension_token().unwrap();
    for fault in ["error", "full", "readonly", "hang", "refuse"] {
        passes(&world, &token);
        set_fault(&state("sqlite-faults"), fault).unwrap();
        // The instance holds a connection, so one that refuses new ones is felt by the reader only.
        if fault == "refuse" {
            assert_eq!(world.send(&Request::get("/health")).unwrap().status, 503);
        } else {
            stopped(&world, &token, fault);
            // Those that wait for another one's turn to end do not wait for ever either.
            let started = Instant::now();
            let answers = load(world.address().unwrap(), &token, CLIENTS, CLIENTS);
            assert!(answers.iter().all(|(status, _)| *status == 503), "{fault}");
            assert!(started.elapsed() < 2 * PATIENCE, "{fault}");
            assert!(world.take_seen().is_empty(), "{fault}: the backend saw it");
        }
        set_fault(&state("sqlite-faults"), "").unwrap();
    }
    passes(&world, &token);
    published_by_itself(&world, &token);
    world.verify_log().unwrap();
}

/// What is written while the trusted place fails is published when it is well again, with nobody asking for it.
fn published_by_itself(world: &World, token: &str) {
    let file = Sqlite::open(sqlite_file(&state("sqlite-faults"))).unwrap();
    let count = |question: &str| -> i64 { file.query_row(question, (), |row| row.get(0)).unwrap() };
    let behind = || {
        let written = count("SELECT count(*) FROM sluis_entries");
        written - count("SELECT max(size) FROM sluis_checkpoint")
    };
    // Before the round, which takes many entries along.
    passes(world, token);
    set_fault(&state("sqlite-faults"), "error in key-value").unwrap();
    thread::sleep(Duration::from_secs(7));
    assert!(behind() > 0, "published without its trusted place");
    set_fault(&state("sqlite-faults"), "").unwrap();
    let started = Instant::now();
    while behind() > 0 {
        assert!(started.elapsed() < PUBLISHED, "{} behind", behind());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_postgres_database_of_another_log_is_not_written_to() {
    let _turn = turn();
    let (server, variables) = postgres();
    server
        .run_sql(
            "postgres",
            "INSERT INTO sluis.log (origin) VALUES ('another.example.be/log')",
        )
        .unwrap();
    let world = world_on_postgres("postgres-origin", &variables);
    stopped(&world, &world.pension_token().unwrap(), "another origin");
    let entries = server.run_sql("postgres", "SELECT count(*) FROM sluis.entries");
    assert_eq!(entries.unwrap(), "0");
}

#[test]
fn of_many_uses_of_one_mandate_postgres_lets_one_pass() {
    let _turn = turn();
    let (server, variables) = postgres();
    let mut world = world_on_postgres("postgres-single-use", &variables);
    let token = |world: &World| {
        let mut claims = world.pension_claims().unwrap();
        let details = "/authorization_details/0";
        set(
            &mut claims,
            &format!("{details}/mandateType"),
            "simPensionQuote".into(),
        );
        set(&mut claims, &format!("{details}/usage"), "singleUse".into());
        world.token(Algorithm::EdDsa, &claims).unwrap()
    };
    let once = token(&world);
    let answers = load(world.address().unwrap(), &once, 16, 50);
    let count = |status| answers.iter().filter(|(found, _)| *found == status).count();
    assert_eq!((count(200), count(401)), (1, 49), "{answers:?}");
    // The memory is the server's: another process of the validator has it too.
    world.kill().unwrap();
    world.restart().unwrap();
    assert_eq!(world.send(&rights(&once)).unwrap().status, 401);
    // Without it nothing of that kind passes.
    server
        .run_sql("postgres", "DROP FUNCTION sluis.consume")
        .unwrap();
    stopped(&world, &token(&world), "no memory of uses");
    let repeated = world.pension_token().unwrap();
    passes(&world, &repeated);
}
