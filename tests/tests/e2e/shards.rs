//! Several logs: the build that compares has four, and one that is closed.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sluis_log::{
    KeyName, LeafHash, MappedLog, ProofBundle, Quorum, Shard, SignedNote, StoredEntry,
    VerifiedCheckpoint,
};
use sluis_tests::client::Request;
use sluis_tests::issuer::SSIN;
use sluis_tests::runtime::Build;
use sluis_tests::world::World;

use crate::Case;
use crate::requests::rights_by_body;

pub(crate) const CASES: &[Case] = &[Case::new(
    "every_shard_is_a_log_of_its_own_over_a_sigkill",
    shards,
)];

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
