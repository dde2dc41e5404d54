//! The log as an auditor sees it, and what survives a restart and a crash (token profile §33; M-21.1, M-25.1).

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64ct::{Base64UrlUnpadded, Encoding};
use sluis_tests::client::{Connection, Request};
use sluis_tests::workerd::CF_FIELD;
use sluis_tests::world::{AUDITOR, AUDITOR_CASE, EDGE_NODE, Record, World};

use crate::Case;
use crate::problems::{INVALID_ACCESS_TOKEN, expect, expect_kind};
use crate::requests::rights;

pub(crate) const CASES: &[Case] = &[
    Case::new("only_the_auditor_reads_the_log", auditor),
    Case::new("reading_the_log_is_recorded", reading),
    Case::new(
        "refusals_before_a_signature_held_are_counted_not_listed",
        aggregates,
    ),
    Case::new("a_decision_says_where_it_was_made", edge_node),
    Case::new("a_restart_loses_nothing", restart),
    Case::new("sigkill_under_load_loses_no_acknowledged_decision", sigkill),
];

fn auditor(world: &mut World) -> Result<()> {
    let good = world.pension_token()?;
    world.send(&rights().bearer(&good))?.expect_status(200)?;
    let auditor = world.auditor_token()?;
    let half = auditor.get(1..).unwrap_or_default().to_owned();
    let entries = || Request::get("/log/entries?from=0&limit=10");
    for (name, request) in [
        ("nobody", entries()),
        ("a mandate holder", entries().bearer(&good)),
        ("half the credential", entries().bearer(&half)),
        (
            "another scheme",
            entries().with("authorization", &format!("Basic {auditor}")),
        ),
        (
            "in the query",
            Request::get(&format!(
                "/log/entries?from=0&limit=10&access_token={auditor}"
            )),
        ),
    ] {
        let response = request.send(world.address()?)?;
        expect(&response, INVALID_ACCESS_TOKEN).context(name)?;
    }
    for query in ["from=x", "limit=-1", "to=5", "from", "from=0&&limit=1"] {
        let request = Request::get(&format!("/log/entries?{query}")).bearer(&auditor);
        expect_kind(&world.send(&request)?, 400).context(query)?;
    }
    ensure!(!world.entries(0)?.is_empty(), "the auditor sees no entry");
    // Without a purpose the tree alone is shown.
    let monitor = world.auditor_token_for(None)?;
    expect_kind(&world.send(&entries().bearer(&monitor))?, 403)?;
    let checkpoint = Request::get("/log/checkpoint").bearer(&monitor);
    let status = world.send(&checkpoint)?.status;
    ensure!(
        matches!(status, 200 | 404),
        "the checkpoint answers {status}"
    );
    Ok(())
}

fn reading(world: &mut World) -> Result<()> {
    ensure!(
        world
            .send(&rights().bearer(&world.pension_token()?))?
            .status
            == 200,
        "not passed"
    );
    let index = world.log_size()?;
    world.entries(0)?;
    let records = world.records_until(index, |records| records.iter().any(|r| r.kind == "read"))?;
    let read = records
        .iter()
        .find(|record| record.kind == "read")
        .context("not recorded")?;
    ensure!(
        read.data("auditor") == AUDITOR
            && read.data("purpose") == "audit"
            && read.data("reference") == AUDITOR_CASE,
        "{read:?}"
    );
    // A signature or a header of a token would begin so.
    ensure!(
        !read.payload.to_string().contains("eyJ"),
        "with the credential"
    );
    Ok(())
}

/// Requests of the flood.
const COUNT: u64 = 200;

fn aggregates(world: &mut World) -> Result<()> {
    world.restart()?;
    let index = world.log_size()?;
    for _ in 0..COUNT {
        expect(
            &world.send(&rights().bearer("a.b.c"))?,
            INVALID_ACCESS_TOKEN,
        )?;
    }
    let counted = |records: &[Record]| -> u64 {
        let counts = records.iter().filter(|record| record.kind == "counted");
        counts
            .filter_map(|record| record.data("count").as_u64())
            .sum()
    };
    // The first is recorded at once, the rest when the interval of ten seconds ends.
    world.records_until(index, |records| counted(records) >= 1)?;
    thread::sleep(Duration::from_secs(10));
    let records = world.records_until(index, |records| counted(records) >= COUNT)?;
    ensure!(
        counted(&records) == COUNT,
        "{} counted of {COUNT}",
        counted(&records)
    );
    let entries = records
        .iter()
        .filter(|record| record.kind == "counted")
        .count();
    // Two an instance; a runtime may run a few.
    ensure!(entries <= 8, "{entries} entries for a flood of one reason");
    ensure!(
        !records.iter().any(|record| record.kind == "refused"),
        "listed one by one"
    );
    Ok(())
}

/// M-21.5. On Cloudflare the platform tells, on Spin a variable; a caller never does.
fn edge_node(world: &mut World) -> Result<()> {
    world.restart()?;
    let on_cloudflare = world.runtime_name() == "workerd";
    let expected = |known: &'static str| if on_cloudflare { known } else { EDGE_NODE };
    for (cf, node) in [
        (None, expected("")),
        (Some(r#"{"colo":"bru"}"#), expected("")),
        (Some(r#"{"colo":["BRU"]}"#), expected("")),
        (Some(r#"{"colo":"BRU"}"#), expected("cloudflare/BRU")),
        // An instance does not move.
        (Some(r#"{"colo":"AMS"}"#), expected("cloudflare/BRU")),
        (None, expected("cloudflare/BRU")),
    ] {
        let index = world.log_size()?;
        let request = rights().bearer(&world.pension_token()?);
        let request = ["cf-ray", "x-edge-node", "via"]
            .iter()
            .fold(request, |request, name| request.with(name, "1a-CDG"));
        let request = match cf {
            Some(cf) => request.with(CF_FIELD, cf),
            None => request,
        };
        let response = world.send(&request)?;
        response.expect_status(200)?;
        let record = world.decision_of(index, &response)?;
        let found = record.data("edgeNode").as_str().unwrap_or_default();
        ensure!(found == node, "{found:?} instead of {node:?} after {cf:?}");
    }
    Ok(())
}

fn restart(world: &mut World) -> Result<()> {
    ensure!(
        world
            .send(&rights().bearer(&world.pension_token()?))?
            .status
            == 200,
        "not passed"
    );
    // Outcomes come after their answers; wait until nothing more comes.
    thread::sleep(Duration::from_millis(500));
    let before = world.entries(0)?;
    let head = world.verify_log()?;
    world.restart()?;
    let after = world.entries(0)?;
    ensure!(
        after.len() > before.len() && after.starts_with(&before),
        "the log changed over a restart"
    );
    ensure!(world.verify_log()?.size > head.size, "the log did not grow");
    ensure!(
        world
            .send(&rights().bearer(&world.pension_token()?))?
            .status
            == 200,
        "not passed"
    );
    Ok(())
}

fn sigkill(world: &mut World) -> Result<()> {
    let index = world.log_size()?;
    let token = world.pension_token()?;
    for round in 0..3 {
        let address = world.address()?;
        let acknowledged = Mutex::new(Vec::new());
        let stop = AtomicBool::new(false);
        thread::scope(|scope| -> Result<()> {
            for _ in 0..16 {
                scope.spawn(|| {
                    // A connection that breaks is what this is about; it ends its thread.
                    let _ = hammer(address, &token, &stop, &acknowledged);
                });
            }
            // In the middle of the load: some are acknowledged, some are under way.
            for _ in 0..1_000 {
                thread::sleep(Duration::from_millis(20));
                if acknowledged
                    .lock()
                    .is_ok_and(|done| done.len() >= 150 + 100 * round)
                {
                    break;
                }
            }
            let killed = world.kill();
            stop.store(true, Ordering::SeqCst);
            killed
        })?;
        let acknowledged = acknowledged.into_inner()?;
        ensure!(
            acknowledged.len() >= 150,
            "{} requests before the kill",
            acknowledged.len()
        );
        world.restart()?;
        let records = world.records(index)?;
        for trace_id in &acknowledged {
            let found = records
                .iter()
                .filter(|record| record.is_decision_of(trace_id))
                .count();
            ensure!(
                found == 1,
                "{found} decisions over an acknowledged request, round {round}"
            );
        }
        // What the backend saw was recorded first, acknowledged or not.
        for seen in world.take_seen() {
            let assertion = seen
                .headers
                .get("sluis-assertion")
                .context("no assertion")?;
            let claims = assertion.split('.').nth(1).context("no JWS")?;
            let claims: serde_json::Value =
                serde_json::from_slice(&Base64UrlUnpadded::decode_vec(claims)?)?;
            let found = records
                .iter()
                .filter(|r| r.kind == "granted" && claims["jti"] == r.id())
                .count();
            ensure!(
                found == 1,
                "{found} decisions over a request that the backend saw"
            );
        }
        world.verify_log()?;
    }
    Ok(())
}

/// Sends request after request on one connection and notes each answer's trace id.
fn hammer(
    address: std::net::SocketAddr,
    token: &str,
    stop: &AtomicBool,
    acknowledged: &Mutex<Vec<String>>,
) -> Result<()> {
    let mut connection = Connection::open(address)?;
    let request = rights().bearer(token);
    while !stop.load(Ordering::SeqCst) {
        let response = connection.exchange(&request, true)?;
        // A busy log may refuse with 503, and says so; then nothing was acknowledged.
        if response.status == 200 {
            let trace_id = response.header("belgov-trace-id").context("no trace id")?;
            acknowledged
                .lock()
                .map_err(|_| anyhow::anyhow!("poisoned"))?
                .push(trace_id.to_owned());
        }
    }
    Ok(())
}
