//! Several logs: the build that compares has four, and one that is closed.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sluis_log::{
    KeyName, LeafHash, MappedLog, ProofBundle, Quorum, Shard, SignedNote, StoredEntry,
    VerifiedCheckpoint,
};
use sluis_tests::client::Request;
use sluis_tests::issuer::SSIN;
use sluis_tests::runtime::Build;
use sluis_tests::spin::sqlite_file_of;
use sluis_tests::sqlite::OwnedFile;
use sluis_tests::world::World;

use crate::Case;
use crate::requests::rights_by_body;

pub(crate) const CASES: &[Case] = &[Case::new(
    "every_shard_is_a_log_of_its_own_over_a_sigkill",
    shards,
)];

/// The log whose store is emptied, where that can be done from outside.
const EMPTIED: Shard = Shard::Part(2);

/// Requests of a round: with so many, a log without an entry is one chance in two thousand.
const REQUESTS: usize = 30;

fn shards(world: &mut World) -> Result<()> {
    let mut sharded = world.beside(Build::Comparing)?;
    let body = json!({ "ssin": SSIN }).to_string();
    for round in 1..=2 {
        for _ in 0..REQUESTS {
            let token = sharded.pension_token()?;
            let answer = sharded.send(&rights_by_body(&body).bearer(&token))?;
            ensure!(answer.status == 200, "{}", answer.text());
        }
        // Outcomes come after the answers.
        let wanted = round * REQUESTS;
        sharded.records_until(0, |records| {
            let ended = records.iter().filter(|record| record.kind == "completed");
            ended.count() == wanted
        })?;
        check(&sharded, wanted)?;
        if round == 1 {
            sharded.kill()?;
            sharded.restart()?;
        }
    }
    let file = sqlite_file_of(sharded.state(), EMPTIED);
    if file.exists() {
        emptied(&sharded, &file)?;
    }
    Ok(())
}

/// The store of one log loses everything under an instance that has just found it sound: it looks like one that never had
/// an entry, for which a checkpoint over nothing is signed. The trusted place knows better, and is asked.
fn emptied(world: &World, file: &Path) -> Result<()> {
    let checkpoint = || {
        let request = Request::get(&format!("{}/checkpoint", EMPTIED.path()));
        world.send(&request.bearer(&world.auditor_token()?))
    };
    ensure!(checkpoint()?.status == 200, "not sound before");
    let store = OwnedFile::open(file)?;
    store.empty()?;
    let answer = checkpoint()?;
    ensure!(
        answer.status == 404,
        "{}: a checkpoint of an emptied store: {}",
        answer.status,
        answer.text()
    );
    // Nothing is added to it; the other logs go on.
    world.take_seen();
    let body = json!({ "ssin": SSIN }).to_string();
    let mut passed = 0;
    for _ in 0..REQUESTS {
        let answer = world.send(&rights_by_body(&body).bearer(&world.pension_token()?))?;
        ensure!(matches!(answer.status, 200 | 503), "{}", answer.text());
        passed += usize::from(answer.status == 200);
    }
    let seen = world.take_seen().len();
    ensure!(
        seen == passed && (1..REQUESTS).contains(&passed),
        "{passed} of {REQUESTS} passed, and the backend saw {seen}"
    );
    let count = store.count("sluis_entries")?;
    ensure!(count == 0, "{count} entries were added");
    // What was answered for health a moment ago is forgotten by then.
    thread::sleep(Duration::from_millis(1_100));
    let health = Request::get("/health").bearer(world.operator_token());
    let health = world.send(&health)?.json()?;
    ensure!(
        health["status"] == "DEGRADED" && health["logs"]["/log/2"]["evidence"] == "rolledBack",
        "{health}"
    );
    Ok(())
}

/// Every log verifies, and what belongs together stands in one of them.
fn check(world: &World, wanted: usize) -> Result<()> {
    let map = world.logs()?;
    let paths: Vec<_> = map.logs().iter().map(|log| log.shard.path()).collect();
    ensure!(
        paths == ["/log/0", "/log/1", "/log/2", "/log/3", "/log"],
        "{paths:?}"
    );
    world.verify_log()?;
    let mut decisions = 0;
    for log in map.logs() {
        let entries = world.entries_of(log, 0)?;
        if log.shard == Shard::Whole {
            ensure!(entries.is_empty(), "entries in the closed log");
        } else {
            decisions += paired(&entries).with_context(|| log.shard.path())?;
        }
        published(world, log).with_context(|| log.shard.path())?;
    }
    ensure!(decisions == wanted, "{decisions} decisions of {wanted}");
    let health = Request::get("/health").bearer(world.operator_token());
    let health = world.send(&health)?.json()?;
    ensure!(health["status"] == "UP", "{health}");
    let logs = health["logs"].as_object().context("no logs")?;
    ensure!(logs.len() == 5, "{health}");
    Ok(())
}

/// How many decisions there are, each with its outcome.
fn paired(entries: &[StoredEntry]) -> Result<usize> {
    let events = entries.iter().map(|entry| {
        let payload = entry.payload().context("no payload")?;
        Ok(serde_json::from_str::<Value>(payload)?)
    });
    let events = events.collect::<Result<Vec<_>>>()?;
    let granted = |event: &&Value| {
        event["type"]
            .as_str()
            .is_some_and(|kind| kind.ends_with(".granted"))
    };
    let decisions: Vec<_> = events.iter().filter(granted).collect();
    ensure!(!decisions.is_empty(), "no decision");
    for decision in &decisions {
        let outcomes = events
            .iter()
            .filter(|event| event["relatedto"] == decision["id"]);
        ensure!(outcomes.count() == 1, "no outcome beside {decision}");
    }
    Ok(decisions.len())
}

/// The log has a checkpoint of its own, and its first entry is in the tree under it.
fn published(world: &World, log: &MappedLog) -> Result<()> {
    let get = |what: &str| -> Result<Vec<u8>> {
        let request = Request::get(&format!("{}/{what}", log.shard.path()));
        let answer = world.send(&request.bearer(&world.auditor_token()?))?;
        ensure!(answer.status == 200, "{what}: {}", answer.status);
        Ok(answer.body.start.clone())
    };
    let key = world
        .log_verifier()?
        .renamed(KeyName::parse(log.origin.as_str())?);
    let keys = [key];
    let note = SignedNote::parse(&get("checkpoint")?)?;
    let head = VerifiedCheckpoint::verify(note, &log.origin, &keys)?.head();
    ensure!((head.size == 0) != log.open, "{} entries", head.size);
    if log.open {
        let bundle = ProofBundle::parse(&get("proof/0")?)?;
        let entry = bundle.extra.clone().context("no entry")?;
        let leaf = LeafHash::of(&entry);
        bundle.verify(leaf, &log.origin, &keys, &Quorum::none())?;
    }
    Ok(())
}
