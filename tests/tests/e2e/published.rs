//! The published log: checkpoints, tiles and proofs over HTTP, and a store that is not the one that was signed
//! (C2SP tlog-checkpoint, tlog-tiles, tlog-proof; M-21.1, M-25.1).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sluis_log::{
    EdgeTiles, Entry, LeafHash, ProofBundle, Quorum, SignedNote, TreeCheck, TreeHead,
    VerifiedCheckpoint, integrate,
};
use sluis_tests::client::{Connection, Request, Response};
use sluis_tests::sluis::Sluis;
use sluis_tests::spin::sqlite_file;
use sluis_tests::sqlite::OwnedFile;
use sluis_tests::world::World;

use crate::Case;
use crate::problems::{INVALID_ACCESS_TOKEN, SERVICE_UNAVAILABLE, expect, expect_kind};
use crate::requests::rights;

pub(crate) const CASES: &[Case] = &[
    Case::new("an_allowed_call_is_soon_under_a_checkpoint", published),
    Case::new("the_tree_is_served_to_auditors_only", auditors),
    Case::new("checkpoints_over_restarts_and_sigkill_are_one_log", sigkill),
    Case::new("a_log_that_was_put_back_is_not_signed", put_back),
];

/// From an acknowledged entry to a checkpoint over it, on a machine that does other things too.
const PUBLISHED: Duration = Duration::from_secs(3);

fn get(world: &World, path: &str) -> Result<Response> {
    let request = Request::get(&format!("/log/{path}"));
    request
        .bearer(&world.auditor_token()?)
        .send(world.address()?)
}

/// The checkpoint as it is served, verified under the log's key.
fn checkpoint(world: &World) -> Result<VerifiedCheckpoint> {
    let response = get(world, "checkpoint")?;
    response.expect_status(200)?;
    let note = SignedNote::parse(&response.body.start)?;
    let keys = [world.log_verifier()?];
    Ok(VerifiedCheckpoint::verify(
        note,
        &World::log_origin()?,
        &keys,
    )?)
}

fn checkpoint_over(world: &World, index: u64) -> Result<VerifiedCheckpoint> {
    for _ in 0..100 {
        let checkpoint = checkpoint(world)?;
        if checkpoint.head().size > index {
            return Ok(checkpoint);
        }
        thread::sleep(Duration::from_millis(50));
    }
    anyhow::bail!("entry {index} is under no checkpoint")
}

/// Reads the whole log under a head as any client of tlog-tiles does, and gives its leaves.
fn read_all(world: &World, head: TreeHead) -> Result<Vec<LeafHash>> {
    let mut leaves = Vec::new();
    let mut check = TreeCheck::new(head);
    let mut read = |path: &sluis_log::TilePath| -> Result<Option<Vec<u8>>> {
        let response = get(world, &path.to_string())?;
        if response.status == 404 {
            return Ok(None);
        }
        response.expect_status(200)?;
        ensure!(
            response.header("content-type") == Some("application/octet-stream"),
            "{path}: {:?}",
            response.header("content-type")
        );
        Ok(Some(response.body.start))
    };
    while let Some(bundle) = check.next::<anyhow::Error>(&mut read)? {
        leaves.extend(bundle.leaf_hashes());
    }
    Ok(leaves)
}

/// Whether a head is that of the first entries of a log of those leaves.
fn is_prefix(head: TreeHead, leaves: &[LeafHash]) -> Result<bool> {
    let first = leaves
        .get(..usize::try_from(head.size)?)
        .context("a smaller log")?;
    Ok(integrate(&EdgeTiles::empty(), first)?.head == head)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test measures how long it really takes"
)]
fn published(world: &mut World) -> Result<()> {
    let index = world.log_size()?;
    let response = world.send(&rights().bearer(&world.pension_token()?))?;
    response.expect_status(200)?;
    let start = Instant::now();
    let decision = world.decision_of(index, &response)?.index;
    // Not by asking for it, which brings it up to date: by itself.
    let mut health = json!({});
    while start.elapsed() < PUBLISHED {
        let request = Request::get("/health").bearer(world.operator_token());
        health = world.send(&request)?.json()?;
        if health["log"]["published"].as_u64() > Some(decision) {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    ensure!(
        health["log"]["published"].as_u64() > Some(decision),
        "{health}"
    );
    let signed = checkpoint(world)?;
    ensure!(signed.head().size > decision, "of {}", signed.head().size);
    let leaves = read_all(world, signed.head())?;
    // The entry that the auditor reads with its payload is the one in the tree.
    let entries = world.entries(decision)?;
    let entry = entries.first().context("no entry")?;
    let leaf = LeafHash::of(&entry.entry);
    ensure!(
        leaves.get(usize::try_from(decision)?) == Some(&leaf),
        "another leaf"
    );

    let response = get(world, &format!("proof/{decision}"))?;
    response.expect_status(200)?;
    let bundle = ProofBundle::parse(&response.body.start)?;
    let keys = [world.log_verifier()?];
    bundle.verify(leaf, &World::log_origin()?, &keys, &Quorum::none())?;
    ensure!(bundle.index == decision, "a proof of {}", bundle.index);
    let extra = bundle.extra.as_deref().context("no entry in the bundle")?;
    Entry::decode(extra)?;
    ensure!(extra == entry.entry, "another entry in the bundle");
    let other = LeafHash::of(b"another");
    ensure!(
        bundle
            .verify(other, &World::log_origin()?, &keys, &Quorum::none())
            .is_err(),
        "it proves anything"
    );
    Ok(())
}

fn auditors(world: &mut World) -> Result<()> {
    world.send(&rights().bearer(&world.pension_token()?))?;
    let size = checkpoint_over(world, 0)?.head().size;
    let width = size % 256;
    let partial = format!("tile/0/{:03}.p/{width}", size >> 8);
    let good = world.pension_token()?;
    for path in [
        "checkpoint",
        "tile/0/000",
        "tile/entries/000",
        "proof/0",
        &partial,
    ] {
        let asked = || Request::get(&format!("/log/{path}"));
        for request in [
            asked(),
            asked().bearer(&good),
            asked().bearer(world.operator_token()),
        ] {
            let response = request.send(world.address()?)?;
            expect(&response, INVALID_ACCESS_TOKEN).context(path.to_owned())?;
        }
        let auditor = &world.auditor_token()?;
        let post = Request::new("POST", &format!("/log/{path}")).bearer(auditor);
        expect_kind(&world.send(&post)?, 405).context(path.to_owned())?;
        let query = Request::get(&format!("/log/{path}?x=1")).bearer(auditor);
        expect_kind(&world.send(&query)?, 400).context(path.to_owned())?;
    }
    let response = get(world, "checkpoint")?;
    ensure!(
        response.header("content-type") == Some("text/plain; charset=utf-8")
            && response.header("cache-control") == Some("no-store, max-age=0"),
        "{response:?}"
    );
    if width > 0 {
        let response = get(world, &partial)?;
        response.expect_status(200)?;
        ensure!(
            response.body.start.len() == usize::try_from(width)? * 32
                && response.header("cache-control") == Some("private, max-age=31536000, immutable"),
            "{response:?}"
        );
        let head = Request::new("HEAD", &format!("/log/{partial}")).bearer(&world.auditor_token()?);
        let response = world.send(&head)?;
        ensure!(
            response.status == 200 && response.body.start.is_empty(),
            "{response:?}"
        );
    }
    for path in [
        "tile/0/0",
        "tile/00/000",
        "tile/0/x999/999",
        "tile/7/000",
        "tile/entries/x999/999",
        "proof/999999999",
        "proof/01",
        "proof/-1",
        "proof/",
        "tile/",
        "",
        "checkpoint/",
        "checkpoint.sig",
    ] {
        expect_kind(&get(world, path)?, 404).context(path)?;
    }
    Ok(())
}

fn sigkill(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    world.send(&rights().bearer(&token))?.expect_status(200)?;
    let mut heads = vec![checkpoint_over(world, 0)?.head()];
    for _ in 0..2 {
        let address = world.address()?;
        let stop = AtomicBool::new(false);
        thread::scope(|scope| -> Result<()> {
            for _ in 0..8 {
                scope.spawn(|| {
                    // A connection that breaks is what this is about; it ends its thread.
                    let Ok(mut connection) = Connection::open(address) else {
                        return;
                    };
                    let request = rights().bearer(&token);
                    while !stop.load(Ordering::SeqCst) {
                        if connection.exchange(&request, true).is_err() {
                            return;
                        }
                    }
                });
            }
            for _ in 0..15 {
                thread::sleep(Duration::from_millis(100));
                heads.push(checkpoint(world)?.head());
            }
            let killed = world.kill();
            stop.store(true, Ordering::SeqCst);
            killed
        })?;
        world.restart()?;
        heads.push(checkpoint(world)?.head());
    }
    world.restart()?;
    let size = world.log_size()?;
    let last = checkpoint_over(world, size.saturating_sub(1))?.head();
    let leaves = read_all(world, last)?;
    for pair in heads.windows(2) {
        ensure!(
            pair[0].size <= pair[1].size,
            "{} after {}",
            pair[1].size,
            pair[0].size
        );
    }
    heads.dedup();
    ensure!(heads.len() > 4, "{} checkpoints under load", heads.len());
    for head in heads {
        ensure!(is_prefix(head, &leaves)?, "a fork at {}", head.size);
    }
    world.verify_log()?;
    Ok(())
}

/// The files of the log's store, wherever the runtime keeps them.
fn store_files(state: &Path) -> Result<Vec<PathBuf>> {
    let spin = sqlite_file(state);
    let (folder, prefix) = if spin.exists() {
        (
            spin.parent().context("no folder")?.to_owned(),
            "sqlite_db.db",
        )
    } else {
        (state.join("objects/sluis-audit-log"), "")
    };
    let files = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let files = files.flatten().map(|file| file.path());
    let of_log = |file: &PathBuf| {
        let name = file.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(prefix))
    };
    Ok(files.filter(of_log).collect())
}

/// Puts the files from one folder in the place of those of the store.
fn put(state: &Path, from: &Path) -> Result<()> {
    let old = store_files(state)?;
    let folder = old
        .first()
        .and_then(|file| file.parent())
        .context("no store")?
        .to_owned();
    for file in &old {
        fs::remove_file(file)?;
    }
    for file in fs::read_dir(from)?.flatten() {
        fs::copy(file.path(), folder.join(file.file_name()))?;
    }
    Ok(())
}

/// Copies the files of the store into a folder.
fn keep(state: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for file in store_files(state)? {
        fs::copy(&file, to.join(file.file_name().context("a file")?))?;
    }
    Ok(())
}

fn put_back(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let call = |world: &World| world.send(&rights().bearer(&token));
    call(world)?.expect_status(200)?;
    checkpoint_over(world, 0)?;
    world.restart_after(|state| keep(state, &state.join("earlier")))?;
    for _ in 0..3 {
        call(world)?.expect_status(200)?;
    }
    let size = world.log_size()?;
    let signed = checkpoint_over(world, size.saturating_sub(1))?.head();
    world.restart_after(|state| {
        keep(state, &state.join("later"))?;
        put(state, &state.join("earlier"))
    })?;
    world.take_seen();

    // Nothing is let through, nothing is signed, and operators are told what it is.
    expect(&call(world)?, SERVICE_UNAVAILABLE)?;
    ensure!(
        world.take_seen().is_empty(),
        "forwarded on a log that was put back"
    );
    let health = world.send(&Request::get("/health").bearer(world.operator_token()))?;
    let told = health.json()?;
    ensure!(
        health.status == 503
            && told["status"] == "DOWN"
            && told["log"]["evidence"] == "rolledBack"
            && told["log"]["status"] == "DOWN",
        "{told}"
    );
    let health = world.send(&Request::get("/health"))?;
    ensure!(health.text() == r#"{"status":"DOWN"}"#, "{}", health.text());
    let stands = checkpoint(world)?.head();
    ensure!(stands.size < signed.size, "signed: {}", stands.size);

    // The right one comes back, and so does the gate.
    world.restart_after(|state| put(state, &state.join("later")))?;
    call(world)?.expect_status(200)?;
    let last = checkpoint_over(world, signed.size)?.head();
    let leaves = read_all(world, last)?;
    ensure!(
        is_prefix(signed, &leaves)? && is_prefix(stands, &leaves)?,
        "a fork"
    );
    world.verify_log()?;
    let file = sqlite_file(world.state());
    if file.exists() {
        let store = OwnedFile::open(&file)?;
        put_back_while_served(world, &store)?;
        damaged_while_served(world, &store)?;
    }
    Ok(())
}

/// What the owner of a store did to one row, what undoes it, and the first entry that is not what it was.
const DAMAGES: [(&str, &str, u64); 7] = [
    (
        "UPDATE sluis_entries SET idx = -3 WHERE idx = 2",
        "UPDATE sluis_entries SET idx = 2 WHERE idx = -3",
        2,
    ),
    (
        "CREATE TABLE aside AS SELECT * FROM sluis_entries WHERE idx = 1;
         UPDATE sluis_entries SET entry = (SELECT entry FROM sluis_entries WHERE idx = 3) WHERE idx = 1",
        "UPDATE sluis_entries SET entry = (SELECT entry FROM aside) WHERE idx = 1; DROP TABLE aside",
        1,
    ),
    (
        "UPDATE sluis_entries SET stream = stream + 6 WHERE idx = 2",
        "UPDATE sluis_entries SET stream = stream - 6 WHERE idx = 2",
        2,
    ),
    (
        "UPDATE sluis_payloads SET idx = -3 WHERE idx = 2",
        "UPDATE sluis_payloads SET idx = 2 WHERE idx = -3",
        2,
    ),
    (
        "CREATE TABLE aside AS SELECT * FROM sluis_payloads WHERE idx = 1;
         UPDATE sluis_payloads SET sealed = (SELECT sealed FROM sluis_payloads WHERE idx = 3) WHERE idx = 1",
        "UPDATE sluis_payloads SET sealed = (SELECT sealed FROM aside) WHERE idx = 1; DROP TABLE aside",
        1,
    ),
    (
        "UPDATE sluis_tiles SET level = 9 WHERE level = 0 AND idx = 0",
        "UPDATE sluis_tiles SET level = 0 WHERE level = 9",
        0,
    ),
    (
        "INSERT INTO sluis_tiles SELECT 9, idx, hashes FROM sluis_tiles WHERE level = 0 AND idx = 0;
         UPDATE sluis_tiles SET hashes = substr(hashes, 1, 96) WHERE level = 0 AND idx = 0",
        "DELETE FROM sluis_tiles WHERE level = 0 AND idx = 0;
         UPDATE sluis_tiles SET level = 0 WHERE level = 9",
        3,
    ),
];

/// One row of a table is changed or gone: whoever verifies the served log is told the first entry that is damaged, also
/// where the gate takes nothing on that store any more.
fn damaged_while_served(world: &World, store: &OwnedFile) -> Result<()> {
    let sluis = Sluis::find(world.root().join("target/e2e/sluis-damaged"))?;
    for (damage, undo, index) in DAMAGES {
        at_rest(world)?;
        store.change(damage)?;
        let told = sluis.of_log(world, true, &["fsck"])?;
        let again = sluis.of_log(world, true, &["fsck"])?;
        store.change(undo)?;
        let named = format!("entry {index}: ");
        for told in [told, again] {
            ensure!(
                told.code == 3 && told.error.contains(&named),
                "{damage}: {told:?}"
            );
        }
    }
    at_rest(world)?;
    sluis.of_log(world, true, &["fsck"])?.well()?;
    Ok(())
}

/// How the log stands, once what was answered a moment ago is forgotten.
fn health(world: &World) -> Result<Response> {
    thread::sleep(Duration::from_millis(1_100));
    world.send(&Request::get("/health").bearer(world.operator_token()))
}

/// How many entries there are, all of them published.
fn at_rest(world: &World) -> Result<u64> {
    let told = health(world)?.json()?;
    let log = &told["log"];
    let rests = told["status"] == "UP" && log["published"] == log["sequenced"];
    ensure!(rests, "{told}");
    log["sequenced"].as_u64().context("no size")
}

/// From the right store's return to a request that passes: a gate looks every few seconds.
const BACK: Duration = Duration::from_secs(8);

/// The same under an instance that has just found its store sound, with a state that was published to the end.
fn put_back_while_served(world: &World, store: &OwnedFile) -> Result<()> {
    let state = world.state();
    let (earlier, later) = (state.join("earlier.db"), state.join("later.db"));
    let token = world.pension_token()?;
    let call = || world.send(&rights().bearer(&token));
    let size = at_rest(world)?;
    store.keep(&earlier)?;
    call()?.expect_status(200)?;
    ensure!(at_rest(world)? > size, "nothing was recorded");
    store.keep(&later)?;
    store.put_back(&earlier)?;

    let told = health(world)?;
    let log = &told.json()?["log"];
    ensure!(
        told.status == 503 && log["status"] == "DOWN" && log["evidence"] == "rolledBack",
        "{}",
        told.text()
    );
    world.take_seen();
    expect(&call()?, SERVICE_UNAVAILABLE)?;
    ensure!(world.take_seen().is_empty(), "forwarded");

    // Nobody asks how it stands, and the gate goes on all the same.
    store.put_back(&later)?;
    let calls = u64::try_from(BACK.as_millis())? / 250;
    let passed = (0..calls).any(|_| {
        thread::sleep(Duration::from_millis(250));
        call().is_ok_and(|answer| answer.status == 200)
    });
    ensure!(passed, "the right store is back, and nothing passes");
    world.verify_log()?;
    Ok(())
}
