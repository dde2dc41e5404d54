//! Tokens that are good until they are revoked: status lists (token profile §24).

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use sluis_tests::client::Request;
use sluis_tests::issuer::set;
use sluis_tests::world::World;
use sluis_token::Algorithm;
use sluis_token::sign::StatusListClaims;

use crate::problems::{INVALID_ACCESS_TOKEN, SERVICE_UNAVAILABLE, expect};
use crate::requests::{expect_unseen, rights};
use crate::senders::{expect_recorded, passes, time};
use crate::{Case, Need};

pub(crate) const CASES: &[Case] = &[
    Case::new("a_status_list_is_asked", status),
    Case::new("a_status_list_that_cannot_be_had_is_503", status_down),
    Case::new("a_revocation_takes_effect", revocation),
    Case::new(
        "an_old_status_list_serves_for_ten_minutes_and_no_longer",
        status_stale,
    )
    .needing(Need::Faults),
];

/// Where an issuer's status lists stand.
const LISTS: &str = "/simulation/cbss/status/";

/// Publishes a list; its address.
fn publish(world: &World, name: &str, statuses: &[u8], ttl_seconds: u64) -> Result<String> {
    let target = format!("{LISTS}{name}");
    let uri = format!("http://{}{target}", world.issuers.address());
    let key = world.issuers.cbss.key(Algorithm::EdDsa)?;
    let list = key.sign_status_list(&StatusListClaims {
        issuer: None,
        uri: &uri,
        issued_at: time(world.now())?,
        expires_at: Some(time(world.now() + 3_600)?),
        ttl_seconds: Some(ttl_seconds),
        bits: 2,
        statuses,
    })?;
    world.issuers.publish_document(&target, &list);
    Ok(uri)
}

fn listed(world: &World, index: u64, uri: &str) -> Result<Request> {
    let mut claims = world.pension_claims()?;
    let status: Value = json!({"status_list": {"idx": index, "uri": uri}});
    set(&mut claims, "/status", status);
    Ok(rights().bearer(&world.token(Algorithm::EdDsa, &claims)?))
}

fn status(world: &mut World) -> Result<()> {
    let uri = publish(world, "asked", &[0, 1, 2, 3], 300)?;
    passes(&world.send(&listed(world, 0, &uri)?)?)?;
    world.take_seen();
    for (position, reason) in [
        (1, "tokenRevoked"),
        (2, "tokenSuspended"),
        (3, "tokenStatusNotValid"),
        (4, "statusIndexOutOfRange"),
    ] {
        let index = world.log_size()?;
        let response = world.send(&listed(world, position, &uri)?)?;
        expect(&response, INVALID_ACCESS_TOKEN).context(reason)?;
        expect_recorded(world, index, &response, reason)?;
    }
    let index = world.log_size()?;
    let elsewhere = uri.replace("/status/", "/other/");
    let response = world.send(&listed(world, 0, &elsewhere)?)?;
    expect(&response, INVALID_ACCESS_TOKEN)?;
    expect_recorded(world, index, &response, "statusListNotAllowed")?;
    expect_unseen(world)
}

/// A token of that list waits for it, and one without a status goes on.
fn stopped_alone(world: &mut World, uri: &str) -> Result<()> {
    let index = world.log_size()?;
    let response = world.send(&listed(world, 0, uri)?)?;
    expect(&response, SERVICE_UNAVAILABLE)?;
    expect_recorded(world, index, &response, "statusUnavailable")?;
    expect_unseen(world)?;
    passes(&world.send(&rights().bearer(&world.pension_token()?))?)
}

fn status_down(world: &mut World) -> Result<()> {
    let uri = publish(world, "down", &[0], 300)?;
    world.issuers.take_down_document(&format!("{LISTS}down"));
    stopped_alone(world, &uri)?;
    // It goes on once its list is there.
    publish(world, "down", &[0], 300)?;
    thread::sleep(Duration::from_millis(1_200));
    passes(&world.send(&listed(world, 0, &uri)?)?)
}

fn revocation(world: &mut World) -> Result<()> {
    // The shortest time that a list can ask for is ten seconds.
    let uri = publish(world, "revoking", &[0], 1)?;
    let request = listed(world, 0, &uri)?;
    passes(&world.send(&request)?)?;
    publish(world, "revoking", &[1], 1)?;
    let mut last = 200;
    for _ in 0..30 {
        last = world.send(&request)?.status;
        if last == 401 {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(500));
    }
    Err(anyhow!("still {last} after 15 s"))
}

fn status_stale(world: &mut World) -> Result<()> {
    world.restart_with_movable_clock()?;
    let uri = publish(world, "stale", &[0], 300)?;
    passes(&world.send(&listed(world, 0, &uri)?)?)?;
    let place = format!("{LISTS}stale");
    world.issuers.take_down_document(&place);
    // The issuer gives no newer one, which is tried: what is known serves, and no longer than its bound.
    world.set_clock(9 * 60 + 50)?;
    passes(&world.send(&listed(world, 0, &uri)?)?)?;
    world.take_seen();
    world.set_clock(10 * 60 + 5)?;
    stopped_alone(world, &uri)?;
    // It goes on once there is a list.
    publish(world, "stale", &[0], 300)?;
    world.set_clock(11 * 60)?;
    passes(&world.send(&listed(world, 0, &uri)?)?)
}
