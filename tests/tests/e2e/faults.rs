//! A log that does not take the decision: the answer is 503 and nothing is forwarded (token profile §33).

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sluis_tests::client::Request;
use sluis_tests::issuer::SSIN;
use sluis_tests::runtime::LogCondition;
use sluis_tests::world::World;

use crate::problems::{NO_ACCESS_TOKEN, SERVICE_UNAVAILABLE, expect};
use crate::requests::{expect_unseen, rights, rights_by_body};
use crate::{Case, Need};

pub(crate) const CASES: &[Case] = &[
    Case::new("a_log_that_throws_stops_everything", |w| {
        down(w, LogCondition::Throws)
    })
    .needing(Need::Log(LogCondition::Throws)),
    Case::new("a_log_that_is_unavailable_stops_everything", |w| {
        down(w, LogCondition::Unavailable)
    })
    .needing(Need::Log(LogCondition::Unavailable)),
    Case::new("a_log_that_hangs_stops_everything", |w| {
        down(w, LogCondition::Hangs)
    })
    .needing(Need::Log(LogCondition::Hangs)),
    Case::new("a_full_log_stops_everything", |w| {
        down(w, LogCondition::Full)
    })
    .needing(Need::Log(LogCondition::Full)),
    // What was not compared with the last signed head is not added to.
    Case::new("without_its_trusted_place_the_log_takes_nothing", |w| {
        down(w, LogCondition::WithoutTrustedPlace)
    })
    .needing(Need::Log(LogCondition::WithoutTrustedPlace)),
];

/// The longest that a caller waits for a log that does not answer.
const PATIENCE: Duration = Duration::from_secs(8);

#[expect(
    clippy::disallowed_methods,
    reason = "a test measures how long a real answer takes"
)]
fn down(world: &mut World, condition: LogCondition) -> Result<()> {
    let size = world.log_size()?;
    world.restart_with(condition)?;
    let token = world.pension_token()?;
    let other_person = Request::get("/pension/v1/persons/53400003597/rights");
    for (name, request) in [
        ("allowed", rights().bearer(&token)),
        (
            "allowed, with a body",
            rights_by_body(&format!(r#"{{"ssin":"{SSIN}"}}"#)).bearer(&token),
        ),
        // A refusal whose record is owed is no refusal without it.
        ("refused", other_person.bearer(&token)),
        (
            "asked by a proxy",
            Request::get(&format!("/decide{}", rights().target)).bearer(&token),
        ),
    ] {
        let start = Instant::now();
        expect(&world.send(&request)?, SERVICE_UNAVAILABLE).context(name)?;
        ensure!(start.elapsed() < PATIENCE, "{name}: {:?}", start.elapsed());
    }
    // What needs no record of its own is still answered.
    expect(&world.send(&rights())?, NO_ACCESS_TOKEN)?;
    let health = world.send(&Request::get("/health"))?;
    ensure!(
        health.status == 503 && health.text() == r#"{"status":"DOWN"}"#,
        "{}",
        health.text()
    );
    expect_unseen(world)?;
    // Nothing of it is in the log afterwards, and everything before is.
    world.restart()?;
    let response = world.send(&rights().bearer(&token))?;
    response.expect_status(200)?;
    let records = world.records(size)?;
    let granted = records
        .iter()
        .filter(|record| record.kind == "granted")
        .count();
    ensure!(granted == 1, "{granted} grants where one request passed");
    world.verify_log()?;
    Ok(())
}
