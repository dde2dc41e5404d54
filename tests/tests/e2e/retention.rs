//! The end of retention periods on a runtime: what is over goes, by an operator's order and no other way, and the log
//! says so (M-6.3, M-21, M-25).
//!
//! Databases go by the real date when they let something be destroyed. So the gate's clock is put back while the records
//! are written that shall be old, and stands right when they go.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sluis_log::{Erasable, LeafHash, MappedLog, ProofBundle, Quorum, Shard, StoredEntry};
use sluis_tests::client::{Request, Response};
use sluis_tests::issuer::{SSIN, now, set};
use sluis_tests::runtime::Build;
use sluis_tests::sluis::{Said, Sluis};
use sluis_tests::spin::sqlite_file_of;
use sluis_tests::sqlite::OwnedFile;
use sluis_tests::world::World;
use sluis_token::Algorithm;

use crate::problems::{INVALID_ACCESS_TOKEN, expect, expect_kind};
use crate::requests::rights_by_body;
use crate::{Case, Need};

pub(crate) const CASES: &[Case] =
    &[Case::new("what_is_over_is_destroyed_and_nothing_else", ended).needing(Need::Faults)];

/// 2024-12-28T12:00:00Z: the framework and the deliberation are in force, and a year from the next January is over.
const LONG_AGO: u64 = 1_735_387_200;
/// Days between the months in which something is refused for the second round.
const MONTH: u64 = 31 * 86_400;
/// How many there are: more than one order ends.
const MONTHS: u64 = 6;
/// With so many calls a log of the four has none in one case of a hundred, which is nothing wrong.
const CALLS: usize = 12;
const FOLDER: &str = "records";

fn ended(world: &mut World) -> Result<()> {
    let mut world = world.beside(Build::Comparing)?;
    world.restart_with_movable_clock()?;
    let sluis = Sluis::find(
        world
            .root()
            .join("target/e2e")
            .join(format!("sluis-{}", world.runtime_name().replace(' ', "-"))),
    )?;
    go_back(&mut world, LONG_AGO)?;
    let old = calls(&world)?;
    let proofs = proofs(&world, &old)?;
    world.set_clock(0)?;
    let earlier = kept(&world, "earlier")?;
    let new = calls(&world)?;
    nothing_goes_while_a_store_is_put_back(&world, &earlier)?;
    only_operators(&world)?;
    let before = entries(&world)?;
    let gone: BTreeSet<_> = old
        .iter()
        .map(|call| call.place(&before))
        .collect::<Result<_>>()?;

    let said = retain(&world, &sluis)?.well()?;
    ensure!(
        said.contains("2 periods have ended, and nothing is left that is due"),
        "{said}"
    );
    let files = record_files(&sluis)?;
    ensure!(
        files
            == [
                "accesses-2026-01-01.destruction",
                "refusals-2025-02-01.destruction"
            ],
        "{files:?}"
    );
    let after = entries(&world)?;
    let erased = only_old_ones_went(&before, &after)?;
    ensure!(
        said.contains(&format!("{erased} payloads deleted")),
        "{said}"
    );
    for place in &gone {
        ensure!(is_erased(&after, place), "{place:?} is still there");
    }
    for call in &new {
        let place = call.place(&after)?;
        ensure!(!is_erased(&after, &place), "{place:?} is gone");
    }
    still_proven(&world, &sluis, &proofs)?;
    the_log_is_whole(&world, &sluis, erased)?;
    records_verify(&world, &sluis, &files)?;
    the_holder_is_told(&world, &old, &new)?;
    a_trace_tells_it(&world, &sluis)?;

    // Once more: nothing to do, and nothing changes.
    let kept = contents(&sluis)?;
    let said = retain(&world, &sluis)?.well()?;
    ensure!(said.starts_with("0 payloads deleted; 2 periods"), "{said}");
    ensure!(contents(&sluis)? == kept, "the records are others");
    killed(&mut world, &sluis)?;
    a_clock_put_ahead_destroys_nothing(&mut world, &sluis)
}

/// A call: how it was answered, and whether it was allowed.
struct Made {
    response: Response,
    allowed: bool,
}

/// An index of a log.
type Place = (String, u64);

impl Made {
    /// Where its decision stands, found by the trace id of the answer while its payload was there.
    fn place(&self, logs: &[(MappedLog, Vec<StoredEntry>)]) -> Result<Place> {
        let trace = self.response.header("belgov-trace-id");
        let trace = trace.context("an answer without a trace id")?;
        for (log, entries) in logs {
            for entry in entries {
                let Some(payload) = entry.payload() else {
                    continue;
                };
                let payload: Value = serde_json::from_str(payload)?;
                let kind = payload["type"].as_str().unwrap_or_default();
                let decision = kind.ends_with(".granted") || kind.ends_with(".refused");
                if decision && payload["data"]["traceId"] == trace {
                    return Ok((log.shard.path(), entry.index));
                }
            }
        }
        anyhow::bail!("no decision on {trace}")
    }
}

fn go_back(world: &mut World, to: u64) -> Result<()> {
    let back = i64::try_from(now())? - i64::try_from(to)?;
    world.set_clock(-back)
}

/// Allowed calls, whose outcomes are waited for, and refused ones.
fn calls(world: &World) -> Result<Vec<Made>> {
    let ended = |entries: &[(MappedLog, Vec<StoredEntry>)]| {
        let all = entries.iter().flat_map(|(_, entries)| entries);
        all.filter(|entry| {
            let leaf = entry.decode().ok();
            leaf.is_some_and(|leaf| leaf.outcome == sluis_log::OutcomeCode::Completed)
        })
        .count()
    };
    let before = ended(&entries(world)?);
    let body = json!({ "ssin": SSIN }).to_string();
    let mut made = Vec::new();
    for _ in 0..CALLS {
        let response = world.send(&rights_by_body(&body).bearer(&world.pension_token()?))?;
        response.expect_status(200)?;
        made.push(Made {
            response,
            allowed: true,
        });
    }
    made.push(refused(world)?);
    for _ in 0..100 {
        if ended(&entries(world)?) == before + CALLS {
            return Ok(made);
        }
        thread::sleep(Duration::from_millis(50));
    }
    anyhow::bail!("not every call has its outcome")
}

fn refused(world: &World) -> Result<Made> {
    let mut claims = world.pension_claims()?;
    let other = "/authorization_details/0/purposes";
    set(&mut claims, other, json!(["simBenefitAdvice"]));
    let token = world.token(Algorithm::EdDsa, &claims)?;
    let body = json!({ "ssin": SSIN }).to_string();
    let response = world.send(&rights_by_body(&body).bearer(&token))?;
    response.expect_status(403)?;
    Ok(Made {
        response,
        allowed: false,
    })
}

/// The entries of every log, as an auditor reads them.
fn entries(world: &World) -> Result<Vec<(MappedLog, Vec<StoredEntry>)>> {
    let logs = world.logs()?;
    let read = |log: &MappedLog| Ok((log.clone(), world.entries_of(log, 0)?));
    logs.logs().iter().map(read).collect()
}

fn is_erased(logs: &[(MappedLog, Vec<StoredEntry>)], (path, index): &Place) -> bool {
    let log = logs.iter().find(|(log, _)| log.shard.path() == *path);
    let mut entries = log.into_iter().flat_map(|(_, entries)| entries);
    entries.any(|entry| entry.index == *index && entry.erasable == Erasable::Erased)
}

/// Nothing of an entry changed but that it has no payload, and that only where it was old. How many.
fn only_old_ones_went(
    before: &[(MappedLog, Vec<StoredEntry>)],
    after: &[(MappedLog, Vec<StoredEntry>)],
) -> Result<u64> {
    let mut erased = 0;
    for ((log, before), (_, after)) in before.iter().zip(after) {
        for (old, new) in before.iter().zip(after) {
            let path = log.shard.path();
            ensure!(
                (old.index, old.id, &old.entry, &old.chain)
                    == (new.index, new.id, &new.entry, &new.chain),
                "{path} {} is another entry",
                old.index
            );
            let minute = u64::from(old.decode()?.minute.as_minutes());
            let is_old = minute * 60 < LONG_AGO + 86_400;
            let gone = new.erasable == Erasable::Erased;
            ensure!(gone == is_old, "{path} {}: erased: {gone}", old.index);
            ensure!(gone || old.erasable == new.erasable, "{path} {}", old.index);
            erased += u64::from(gone);
        }
    }
    ensure!(erased > 0, "nothing was old");
    Ok(erased)
}

fn get(world: &World, path: &str) -> Result<Response> {
    let response = world.send(&Request::get(path).bearer(&world.auditor_token()?))?;
    response.expect_status(200)?;
    Ok(response)
}

/// A proof of each decision, and the record that it is of.
fn proofs(world: &World, calls: &[Made]) -> Result<Vec<(MappedLog, ProofBundle)>> {
    let logs = entries(world)?;
    let mut proofs = Vec::new();
    for call in calls {
        let (path, index) = call.place(&logs)?;
        let log = logs.iter().map(|(log, _)| log);
        let log = log.into_iter().find(|log| log.shard.path() == path);
        let log = log.context("no log")?;
        let proof = (0..60).find_map(|_| {
            let request = Request::get(&format!("{path}/proof/{index}"));
            let answer = world
                .send(&request.bearer(&world.auditor_token().ok()?))
                .ok()?;
            if answer.status == 200 {
                return Some(answer);
            }
            thread::sleep(Duration::from_millis(50));
            None
        });
        let proof = proof.with_context(|| format!("{path}/proof/{index}: not published"))?;
        proofs.push((log.clone(), ProofBundle::parse(&proof.body.start)?));
    }
    Ok(proofs)
}

/// Who is no operator destroys nothing, nor does an order that says more than it should.
fn only_operators(world: &World) -> Result<()> {
    let before = entries(world)?;
    let order = || Request::new("POST", "/operator/retain");
    let operator = world.operator_token();
    expect(&world.send(&order())?, INVALID_ACCESS_TOKEN)?;
    for other in [&world.auditor_token()?, &world.pension_token()?, "x"] {
        expect(&world.send(&order().bearer(other))?, INVALID_ACCESS_TOKEN)?;
    }
    for body in ["{}", r#"{"period":"accesses/2028-01-01"}"#, "\u{0}", "true"] {
        let request = Request::post_json("/operator/retain", body).bearer(operator);
        expect_kind(&world.send(&request)?, 400).context(body.to_owned())?;
    }
    for method in ["GET", "PUT", "DELETE"] {
        let request = Request::new(method, "/operator/retain").bearer(operator);
        expect_kind(&world.send(&request)?, 405).context(method)?;
    }
    for other in [
        "/operator/retain/",
        "/operator/retain/x",
        "/operator/Retain",
    ] {
        let request = Request::new("POST", other).bearer(operator);
        expect_kind(&world.send(&request)?, 404).context(other)?;
    }
    let after = entries(world)?;
    let gone = |(_, entries): &(MappedLog, Vec<StoredEntry>)| {
        entries
            .iter()
            .any(|entry| entry.erasable == Erasable::Erased)
    };
    ensure!(
        !before.iter().any(gone) && !after.iter().any(gone),
        "destroyed"
    );
    Ok(())
}

/// How all logs stand, none of them ill.
fn sound(world: &World) -> Result<Value> {
    // What was answered a moment ago is forgotten by then.
    thread::sleep(Duration::from_millis(1_100));
    let health = Request::get("/health").bearer(world.operator_token());
    let health = world.send(&health)?.json()?;
    ensure!(health["status"] == "UP", "{health}");
    Ok(health)
}

/// How many entries each log has, once all of them are published, and copies of their stores by that name, where they are
/// files.
fn kept(world: &World, name: &str) -> Result<Vec<(Shard, u64, PathBuf)>> {
    let health = sound(world)?;
    let mut copies = Vec::new();
    for log in world.logs()?.logs() {
        let told = &health["logs"][log.shard.path()];
        ensure!(told["published"] == told["sequenced"], "{health}");
        let size = told["sequenced"].as_u64().context("no size")?;
        let file = sqlite_file_of(world.state(), log.shard);
        if file.exists() {
            let copy = file.with_extension(name);
            OwnedFile::open(&file)?.keep(&copy)?;
            copies.push((log.shard, size, copy));
        }
    }
    Ok(copies)
}

/// A store is put back to what was published to the end at that time, under an instance that has just found it sound:
/// a record over it would count too few for ever.
fn nothing_goes_while_a_store_is_put_back(
    world: &World,
    earlier: &[(Shard, u64, PathBuf)],
) -> Result<()> {
    // Reading records is recorded: after that nothing comes but the order.
    let before = entries(world)?;
    let later = kept(world, "later")?;
    let pairs = earlier.iter().zip(&later);
    let mut grown = pairs.filter(|((_, before, _), (_, after, _))| before < after);
    let Some(((shard, _, earlier), (.., later))) = grown.next() else {
        return match earlier {
            [] => Ok(()),
            _ => anyhow::bail!("no log has grown"),
        };
    };
    let store = OwnedFile::open(&sqlite_file_of(world.state(), *shard))?;
    store.put_back(earlier)?;
    let order = Request::new("POST", "/operator/retain").bearer(world.operator_token());
    let answer = world.send(&order)?.json()?;
    ensure!(
        answer == json!({ "records": [], "erased": 0, "more": true, "fault": "logNotTrusted" }),
        "{answer}"
    );
    store.put_back(later)?;
    sound(world)?;
    let after = entries(world)?;
    let erased = after.iter().flat_map(|(_, entries)| entries);
    ensure!(
        erased
            .filter(|entry| entry.erasable == Erasable::Erased)
            .count()
            == 0,
        "destroyed"
    );
    for ((log, before), (_, after)) in before.iter().zip(&after) {
        let path = log.shard.path();
        ensure!(after.starts_with(before), "{path}: other entries");
    }
    Ok(())
}

/// The command, as an operator's timer runs it.
fn retain(world: &World, sluis: &Sluis) -> Result<Said> {
    sluis.write("operator", world.operator_token())?;
    let url = format!("http://{}", world.address()?);
    let key = world.log_verifier()?.to_string();
    let credential = ["--operator-token-file", "operator", "--out", FOLDER];
    sluis.run(
        &[
            &["log", "retain", "--url", &url, "--key", &key],
            &credential[..],
        ]
        .concat(),
    )
}

fn record_files(sluis: &Sluis) -> Result<Vec<String>> {
    Ok(contents(sluis)?.into_iter().map(|(name, _)| name).collect())
}

/// The records that were kept, by name.
fn contents(sluis: &Sluis) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for file in fs::read_dir(sluis.path(FOLDER))? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        files.push((name, fs::read_to_string(file.path())?));
    }
    files.sort();
    Ok(files)
}

/// What was proven before is proven after, by the old file and by a new one.
fn still_proven(world: &World, sluis: &Sluis, proofs: &[(MappedLog, ProofBundle)]) -> Result<()> {
    for (log, proof) in proofs {
        let leaf = LeafHash::of(proof.extra.as_deref().context("no entry")?);
        let name = sluis_log::KeyName::parse(log.origin.as_str())?;
        let keys = [world.log_verifier()?.renamed(name)];
        proof.verify(leaf, &log.origin, &keys, &Quorum::none())?;
        let path = format!("{}/proof/{}", log.shard.path(), proof.index);
        let now = ProofBundle::parse(&get(world, &path)?.body.start)?;
        now.verify(leaf, &log.origin, &keys, &Quorum::none())?;
    }
    let (_, proof) = proofs.first().context("no proof")?;
    sluis.write("old.tlog-proof", &proof.to_string())?;
    let key = world.log_verifier()?.to_string();
    let verified = sluis.run(&["log", "verify", "old.tlog-proof", "--key", &key])?;
    verified.well().map(drop)
}

/// The whole deployment verifies, and what is gone is counted.
fn the_log_is_whole(world: &World, sluis: &Sluis, erased: u64) -> Result<()> {
    let said = sluis.of_log(world, true, &["fsck"])?.well()?;
    let counts = said.lines().filter_map(|line| {
        let count = line.strip_suffix(" erased")?.rsplit(' ').next()?;
        count.parse::<u64>().ok()
    });
    let counts: Vec<u64> = counts.collect();
    ensure!(
        counts.len() == 5 && counts.iter().sum::<u64>() == erased,
        "{erased} are erased: {said}"
    );
    Ok(())
}

fn records_verify(world: &World, sluis: &Sluis, files: &[String]) -> Result<()> {
    let key = world.log_verifier()?.to_string();
    for file in files {
        let file = format!("{FOLDER}/{file}");
        let off_line = sluis.run(&["log", "verify-destruction", &file, "--key", &key])?;
        let said = off_line.well()?;
        ensure!(said.matches("verified: ").count() == 1, "{said}");
        let said = sluis.of_log(world, true, &["verify-destruction", &file])?;
        let said = said.well()?;
        ensure!(said.matches("verified: ").count() == 3, "{said}");
    }
    Ok(())
}

/// Who holds the receipt field of a call that was erased learns that it was, and of another still gets its receipt.
fn the_holder_is_told(world: &World, old: &[Made], new: &[Made]) -> Result<()> {
    let ask = |call: &Made| -> Result<Response> {
        let field = call.response.header("sluis-receipt").context("no field")?;
        world.send(&Request::get("/log/receipt").with("sluis-receipt", field))
    };
    let of = |calls: &'_ [Made]| calls.iter().position(|call| call.allowed);
    let old = &old[of(old).context("no call")?];
    expect_kind(&ask(old)?, 410)?;
    let new = &new[of(new).context("no call")?];
    for _ in 0..60 {
        let answer = ask(new)?;
        if answer.status != 202 {
            return answer.expect_status(200);
        }
        thread::sleep(Duration::from_millis(50));
    }
    anyhow::bail!("no receipt")
}

/// A trace over the time of the old calls says when they were erased, and under which period.
fn a_trace_tells_it(world: &World, sluis: &Sluis) -> Result<()> {
    let of_period = [
        "trace",
        "--for",
        "institution",
        "--until",
        "2025-01-01T00:00:00Z",
    ];
    let said = sluis.of_log(world, true, &of_period)?;
    ensure!(
        said.out.contains("payloadErased") && said.out.contains("accesses/2026-01-01"),
        "{} {}",
        said.out,
        said.error
    );
    let of_token = [&of_period[..], &["--token-id", "sim-unknown"]].concat();
    let said = sluis.of_log(world, true, &of_token)?;
    ensure!(said.code == 8, "{said:?}");
    ensure!(
        said.error.contains("erased") && said.out.contains("accesses/2026-01-01"),
        "{said:?}"
    );
    Ok(())
}

/// Killed in the middle of an order, again and again: the next one finishes it.
fn killed(world: &mut World, sluis: &Sluis) -> Result<()> {
    world.restart_with_movable_clock()?;
    for month in 1..=MONTHS {
        go_back(world, LONG_AGO + month * MONTH)?;
        refused(world)?;
    }
    world.set_clock(0)?;
    for patience_ms in [3, 12, 30] {
        let address = world.address()?;
        let order = Request::new("POST", "/operator/retain").bearer(world.operator_token());
        let ordered = thread::spawn(move || order.send(address).map(|answer| answer.status));
        thread::sleep(Duration::from_millis(patience_ms));
        world.kill()?;
        // Whether it was answered before is chance.
        let _ = ordered.join();
        world.restart()?;
    }
    let said = retain(world, sluis)?.well()?;
    let periods = usize::try_from(MONTHS)? + 2;
    ensure!(
        said.contains(&format!("{periods} periods have ended")),
        "{said}"
    );
    let files = record_files(sluis)?;
    ensure!(files.len() == periods, "{files:?}");
    let after = entries(world)?;
    let mut erased = 0;
    for entry in after.iter().flat_map(|(_, entries)| entries) {
        let minute = u64::from(entry.decode()?.minute.as_minutes());
        let refusal = entry.stream == sluis_log::Stream::Refusals;
        let long_ago = minute * 60 < LONG_AGO + 86_400;
        let is_old = long_ago || (refusal && minute * 60 < LONG_AGO + (MONTHS + 1) * MONTH);
        let gone = entry.erasable == Erasable::Erased;
        ensure!(gone == is_old, "entry {}: erased: {gone}", entry.index);
        erased += u64::from(gone);
    }
    the_log_is_whole(world, sluis, erased)?;
    records_verify(world, sluis, &files)
}

/// The gate's own clock may be wrong: the stores go by theirs.
fn a_clock_put_ahead_destroys_nothing(world: &mut World, sluis: &Sluis) -> Result<()> {
    world.restart_with_movable_clock()?;
    world.set_clock(3 * 366 * 86_400)?;
    let before = entries(world)?;
    let said = retain(world, sluis)?;
    ensure!(
        said.code == 5 && said.error.contains("periodNotDue"),
        "{said:?}"
    );
    world.set_clock(0)?;
    for ((log, before), (_, after)) in before.iter().zip(entries(world)?) {
        for (old, new) in before.iter().zip(&after) {
            let path = log.shard.path();
            ensure!(old == new, "{path} {} went early", old.index);
        }
    }
    Ok(())
}
