//! Keys over time: rotation, issuers that fail, what instances share, and an operator's purge.
//!
//! The runtimes' clocks cannot be moved, so a set that is some minutes old is one that the test sealed itself, as another
//! instance would have.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rusqlite::Connection as Database;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluis_tests::backend::Answer;
use sluis_tests::client::{Connection, Request};
use sluis_tests::issuer::{Issuer, key_set, now, raw_token, sign};
use sluis_tests::wire::Body;
use sluis_tests::world::{LEFT_BEHIND, World, shared_places};
use sluis_token::Algorithm;
use sluis_token::sign::SigningKey;

use crate::Case;
use crate::problems::{INVALID_ACCESS_TOKEN, SERVICE_UNAVAILABLE, expect, expect_kind};
use crate::requests::{expect_unseen, rights};

pub(crate) const CASES: &[Case] = &[
    Case::new(
        "a_rotated_key_is_taken_and_the_old_one_refused_without_a_restart",
        rotation,
    ),
    Case::new("rotations_under_load_refuse_no_good_token", under_load),
    Case::new(
        "one_issuer_without_keys_does_not_block_the_other",
        issuers_apart,
    ),
    Case::new("a_slow_issuer_does_not_delay_the_other", slow_issuer),
    Case::new("a_first_fetch_that_fails_is_tried_again", first_fetch),
    Case::new("an_issuer_that_is_down_keeps_its_last_keys", issuer_down),
    Case::new("a_bad_key_set_leaves_the_last_good_one", bad_sets),
    Case::new("a_thousand_made_up_key_ids_make_few_fetches", made_up),
    Case::new("a_new_instance_takes_over_the_shared_set", shared),
    Case::new("a_shared_set_that_was_tampered_with_is_not_used", tampered),
    Case::new("a_shared_set_that_is_too_old_is_not_used", too_old),
    Case::new("a_purge_takes_effect_at_once_and_is_recorded", purge),
    Case::new("only_an_operator_purges_and_sees_the_keys_age", operators),
];

/// Soft age and longest life of a set, as README.md has them.
const SOFT_AGE: Duration = Duration::from_mins(5);
const MAX_STALE: Duration = Duration::from_hours(1);
const COOL_DOWN: Duration = Duration::from_secs(2);
/// How many instances may ask in one cool-down: one asks for all, and those that wake before its answer has come do not
/// know of it yet.
const AT_ONCE: u64 = 8;

fn status(world: &World) -> Result<u16> {
    let token = world.pension_token()?;
    Ok(world.send(&rights().bearer(&token))?.status)
}

fn fetches(world: &World) -> u64 {
    world.issuers.fetches(&world.issuers.cbss)
}

/// Waits until there were more fetches than that.
fn fetched_after(world: &World, before: u64) -> Result<()> {
    for _ in 0..100 {
        if fetches(world) > before {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(anyhow!("no fetch behind the request"))
}

fn health(world: &World) -> Result<Value> {
    world.send(&Request::get("/health"))?.json()
}

fn rotation(world: &mut World) -> Result<()> {
    world.restart_cold()?;
    let old = world.pension_token()?;
    ensure!(
        world.send(&rights().bearer(&old))?.status == 200,
        "the old key"
    );
    let new_key = SigningKey::generate(Algorithm::Es256)?;
    world
        .issuers
        .publish(&world.issuers.cbss, key_set([&new_key]));
    let new = sign(&new_key, &world.pension_claims()?)?;
    world.remember_token(&new);
    let pid = world.pid()?;
    let first = world.send(&rights().bearer(&new))?;
    ensure!(
        first.status == 200,
        "the new key: {}: {}",
        first.status,
        first.text()
    );
    world.take_seen();
    // The old key is gone from the set: its tokens are refused, the one in the cache of verified tokens too.
    let later = world.pension_token()?;
    expect(&world.send(&rights().bearer(&later))?, INVALID_ACCESS_TOKEN)?;
    expect(&world.send(&rights().bearer(&old))?, INVALID_ACCESS_TOKEN)?;
    expect_unseen(world)?;
    ensure!(world.pid()? == pid, "there was a restart");
    world.issuers.publish_own();
    world.restart_cold()
}

fn under_load(world: &mut World) -> Result<()> {
    world.restart_cold()?;
    ensure!(status(world)? == 200, "before");
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let newest = Mutex::new(world.pension_token()?);
    let address = world.address()?;
    let caller = || -> Result<()> {
        let mut connection = Connection::open(address)?;
        while !stop.load(Ordering::SeqCst) {
            let token = newest
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let response = connection.exchange(&rights().bearer(&token), true)?;
            ensure!(
                response.status == 200,
                "a good token got {}: {}",
                response.status,
                response.text()
            );
            served.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    };
    let rotate = || -> Result<()> {
        // Both keys are published for a while, as a rotation is done; the new one signs at once.
        let mut key = world
            .issuers
            .cbss
            .key(Algorithm::EdDsa)?
            .to_private_jwk_json()
            .to_string();
        for _ in 0..4 {
            let next = SigningKey::generate(Algorithm::EdDsa)?;
            let last = SigningKey::from_jwk_json(&key)?;
            let both = key_set([&last, &next]);
            world.issuers.publish(&world.issuers.cbss, both);
            let token = sign(&next, &world.pension_claims()?)?;
            world.remember_token(&token);
            *newest.lock().unwrap_or_else(PoisonError::into_inner) = token;
            key = next.to_private_jwk_json().to_string();
            thread::sleep(Duration::from_millis(700));
        }
        Ok(())
    };
    let outcome = thread::scope(|scope| {
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(caller)).collect();
        let rotated = rotate();
        stop.store(true, Ordering::SeqCst);
        for caller in callers {
            caller.join().map_err(|_| anyhow!("a caller panicked"))??;
        }
        rotated
    });
    world.issuers.publish_own();
    outcome?;
    let served = served.load(Ordering::SeqCst);
    ensure!(served > 50, "only {served} requests in four rotations");
    world.take_seen();
    world.restart_cold()
}

fn issuers_apart(world: &mut World) -> Result<()> {
    world.issuers.take_down(&world.issuers.nic);
    world.restart_cold()?;
    let token = world.pension_token()?;
    let answer = world.send(&rights().bearer(&token));
    world.issuers.publish_own();
    ensure!(answer?.status == 200, "the other issuer is blocked");
    world.restart()
}

fn slow_issuer(world: &mut World) -> Result<()> {
    let mut slow = Answer::json(&world.issuers.nic.key_set());
    slow.delay = Duration::from_secs(2);
    world.issuers.answer(&world.issuers.nic, slow);
    world.restart_cold()?;
    let token = world.token(Algorithm::EdDsa, &world.mutuality_claims()?)?;
    let waiting = Request::post_json(
        "/mutuality/v1/benefits/get",
        &json!({"ssin": sluis_tests::issuer::SSIN}).to_string(),
    )
    .bearer(&token);
    let address = world.address()?;
    let turns = AtomicUsize::new(0);
    let turn = || turns.fetch_add(1, Ordering::SeqCst);
    let done = thread::scope(|scope| {
        let slow = scope.spawn(|| (waiting.send(address), turn()));
        thread::sleep(Duration::from_millis(100));
        let other = status(world);
        let other_turn = turn();
        let (response, slow_turn) = slow.join().map_err(|_| anyhow!("the caller panicked"))?;
        let response = response?;
        world.remember(&response);
        anyhow::Ok((response.status, other?, other_turn < slow_turn))
    });
    world.issuers.publish_own();
    let done = done?;
    ensure!(done == (200, 200, true), "{done:?}");
    world.take_seen();
    Ok(())
}

fn first_fetch(world: &mut World) -> Result<()> {
    world.issuers.take_down(&world.issuers.cbss);
    world.restart_cold()?;
    let token = world.pension_token()?;
    let down = world.send(&rights().bearer(&token));
    world.issuers.publish_own();
    expect(&down?, SERVICE_UNAVAILABLE)?;
    expect_unseen(world)?;
    // A failed fetch is not repeated for a second.
    thread::sleep(Duration::from_millis(1_500));
    let up = world.send(&rights().bearer(&token))?;
    ensure!(up.status == 200, "{}: {}", up.status, up.text());
    world.take_seen();
    Ok(())
}

fn issuer_down(world: &mut World) -> Result<()> {
    world.issuers.take_down(&world.issuers.cbss);
    restart_with_set_of_age(world, SOFT_AGE * 2)?;
    let before = fetches(world);
    let served = status(world);
    let fetched = fetched_after(world, before);
    // A key that it may have published since is not invalid for that.
    let unknown = SigningKey::generate(Algorithm::EdDsa)?;
    let token = sign(&unknown, &world.pension_claims()?)?;
    world.remember_token(&token);
    let could_not_ask = world.send(&rights().bearer(&token));
    let state = health(world);
    world.issuers.publish_own();
    ensure!(served? == 200, "the last good set");
    fetched?;
    expect(&could_not_ask?, SERVICE_UNAVAILABLE)?;
    ensure!(state? == json!({"status": "DEGRADED"}), "health");
    // And it recovers by itself.
    for _ in 0..10 {
        ensure!(status(world)? == 200, "meanwhile");
        if health(world)? == json!({"status": "UP"}) {
            world.take_seen();
            return Ok(());
        }
        thread::sleep(Duration::from_millis(500));
    }
    Err(anyhow!("still degraded"))
}

fn bad_sets(world: &mut World) -> Result<()> {
    let of_the_other = world.issuers.fetches(&world.issuers.nic);
    let mut redirect = Answer::json("");
    redirect.status = 302;
    let elsewhere = world.issuers.url(&world.issuers.nic);
    redirect.headers.push("location", &elsewhere);
    let own = world.issuers.cbss.key_set();
    let oct = r#"{"keys":[{"kty":"oct","kid":"x","alg":"HS256","k":"AAAA"},"#;
    let bad = [
        ("a redirect", redirect),
        ("an error", {
            let mut error = Answer::json(&own);
            error.status = 500;
            error
        }),
        ("rubbish", Answer::json("<html></html>")),
        ("nothing", Answer::json("")),
        ("no keys", Answer::json(r#"{"keys":[]}"#)),
        (
            "a MAC key",
            Answer::json(&own.replacen("{\"keys\":[", oct, 1)),
        ),
        ("too much", {
            let padding = format!("{{\"x\":\"{}\",", "a".repeat(70_000));
            Answer::json(&own.replacen('{', &padding, 1))
        }),
    ];
    for (name, answer) in bad {
        world.issuers.answer(&world.issuers.cbss, answer);
        restart_with_set_of_age(world, SOFT_AGE * 2)?;
        let before = fetches(world);
        let first = status(world);
        let fetched = fetched_after(world, before);
        // The answer was read by then, or soon will be.
        thread::sleep(Duration::from_millis(300));
        let (second, state) = (status(world), health(world));
        world.issuers.publish_own();
        ensure!(first? == 200, "{name}: at once");
        fetched.context(name)?;
        ensure!(second? == 200, "{name}: afterwards");
        ensure!(state? == json!({"status": "DEGRADED"}), "{name}: health");
    }
    ensure!(
        world.issuers.fetches(&world.issuers.nic) == of_the_other,
        "a redirect was followed"
    );
    world.take_seen();
    world.restart_cold()
}

fn made_up(world: &mut World) -> Result<()> {
    const THREADS: usize = 250;
    world.restart_cold()?;
    ensure!(status(world)? == 200, "a good token");
    let before = fetches(world);
    let started = now();
    let claims = world.pension_claims()?;
    let address = world.address()?;
    // More than a few at a time are told that nobody asked: 503, and never 401 unasked.
    let caller = |thread: usize| -> Result<()> {
        let mut connection = Connection::open(address)?;
        for number in 0..1_000 / THREADS {
            let kid = format!("made-up-{thread}-{number}");
            let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid});
            let token = raw_token(&header, &claims, &[7; 64]);
            let response = connection.exchange(&rights().bearer(&token), true)?;
            match response.status {
                401 | 503 => {}
                status => return Err(anyhow!("{status}: {}", response.text())),
            }
        }
        Ok(())
    };
    let caller = &caller;
    thread::scope(|scope| {
        let callers: Vec<_> = (0..THREADS)
            .map(|number| scope.spawn(move || caller(number)))
            .collect();
        for caller in callers {
            caller.join().map_err(|_| anyhow!("a caller panicked"))??;
        }
        anyhow::Ok(())
    })?;
    let made = fetches(world) - before;
    let cool_downs = (now() - started) / COOL_DOWN.as_secs() + 1;
    let bound = cool_downs * AT_ONCE;
    ensure!(
        (1..=bound).contains(&made),
        "{made} fetches in {cool_downs} cool-downs"
    );
    ensure!(status(world)? == 200, "a good token afterwards");
    let token = raw_token(
        &json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "made-up"}),
        &claims,
        &[7; 64],
    );
    expect(&world.send(&rights().bearer(&token))?, INVALID_ACCESS_TOKEN)?;
    world.take_seen();
    Ok(())
}

fn shared(world: &mut World) -> Result<()> {
    world.restart_cold()?;
    ensure!(status(world)? == 200, "the first instance");
    // The set is written behind the answer.
    thread::sleep(Duration::from_millis(500));
    let before = fetches(world);
    world.restart()?;
    ensure!(status(world)? == 200, "the second instance");
    ensure!(fetches(world) == before, "it asked the issuer");
    // Also while the issuer is down.
    world.issuers.take_down(&world.issuers.cbss);
    world.restart()?;
    let served = status(world);
    world.issuers.publish_own();
    ensure!(served? == 200, "the third instance");
    world.take_seen();
    Ok(())
}

fn tampered(world: &mut World) -> Result<()> {
    world.restart_cold()?;
    ensure!(status(world)? == 200, "the first instance");
    thread::sleep(Duration::from_millis(500));
    for byte in [0, 35, 39, 100] {
        let before = fetches(world);
        world.restart_after(|state| {
            let database = open_shared(state)?;
            let mut rows = 0;
            for (key, mut value) in values(&database)? {
                let place = value.get_mut(byte).context("a short value")?;
                *place ^= 1;
                rows += database.execute(
                    "UPDATE key_value SET value = ?2 WHERE key = ?1",
                    (key, value),
                )?;
            }
            ensure!(rows > 0, "nothing to tamper with");
            Ok(())
        })?;
        ensure!(status(world)? == 200, "byte {byte}");
        ensure!(fetches(world) == before + 1, "byte {byte}: it was used");
        // The good set is written again.
        thread::sleep(Duration::from_millis(500));
    }
    world.take_seen();
    Ok(())
}

fn too_old(world: &mut World) -> Result<()> {
    for (age, uses) in [
        (Duration::ZERO, true),
        (Duration::from_mins(59), true),
        (MAX_STALE + Duration::from_secs(1), false),
    ] {
        world.issuers.take_down(&world.issuers.cbss);
        restart_with_set_of_age(world, age)?;
        let served = status(world);
        world.issuers.publish_own();
        let expected = if uses { 200 } else { 503 };
        let served = served?;
        ensure!(served == expected, "of {age:?}: {served}");
    }
    world.take_seen();
    world.restart_cold()
}

fn purge(world: &mut World) -> Result<()> {
    world.restart_cold()?;
    let index = world.log_size()?;
    let old = world.pension_token()?;
    let good = world.send(&rights().bearer(&old))?;
    ensure!(good.status == 200, "the old key: {}", good.text());
    // The key was stolen: the issuer has taken it back, and nobody signs with a new one yet.
    let key = SigningKey::generate(Algorithm::EdDsa)?;
    world.issuers.publish(&world.issuers.cbss, key_set([&key]));
    let still = world.send(&rights().bearer(&old))?;
    ensure!(still.status == 200, "the set is not old yet");
    world.take_seen();
    let order = Request::new("POST", "/operator/keys/purge").bearer(world.operator_token());
    let reply = world.send(&order)?;
    ensure!(reply.status == 200, "{}: {}", reply.status, reply.text());
    ensure!(
        reply.json()?["purged"].as_array().map(Vec::len) == Some(2),
        "{}",
        reply.text()
    );
    expect(&world.send(&rights().bearer(&old))?, INVALID_ACCESS_TOKEN)?;
    expect_unseen(world)?;
    let records = world.records_until(index, |records| {
        records.iter().any(|record| record.kind == "purged")
    })?;
    let record = records
        .iter()
        .find(|record| record.kind == "purged")
        .context("no record")?;
    ensure!(
        reply.header("belgov-trace-id") == record.data("traceId").as_str(),
        "{record:?}"
    );
    // A new instance does not take the old set over, although the store's owner puts it back.
    let set = world.issuers.cbss.key_set();
    let value = sealed(world, Duration::from_secs(20), &set)?;
    world.restart_after(|state| put(state, &value))?;
    expect(&world.send(&rights().bearer(&old))?, INVALID_ACCESS_TOKEN)?;
    expect_unseen(world)?;
    world.issuers.publish_own();
    world.restart_cold()
}

fn operators(world: &mut World) -> Result<()> {
    let order = || Request::new("POST", "/operator/keys/purge");
    let auditor = world.auditor_token()?;
    for request in [order(), order().bearer("wrong"), order().bearer(&auditor)] {
        expect_kind(&world.send(&request)?, 401)?;
    }
    let operator = world.operator_token().to_owned();
    let unknown = order()
        .bearer(&operator)
        .body(Body::text(r#"{"issuer":"https://unknown.invalid"}"#));
    expect_kind(&world.send(&unknown)?, 400)?;
    ensure!(status(world)? == 200, "a good token");
    ensure!(
        health(world)? == json!({"status": "UP"}),
        "anyone sees the status alone"
    );
    let seen = world.send(&Request::get("/health").bearer(&operator))?;
    let details = &seen.json()?["details"]["simCbss"];
    ensure!(
        details["keysAgeSeconds"]
            .as_u64()
            .is_some_and(|age| age < 600)
            && details["keys"] == 5
            && details["status"] == "UP",
        "{}",
        seen.text()
    );
    world.take_seen();
    Ok(())
}

// What instances leave for each other ----------------------------------------

/// Starts over a store that holds the issuer's own set, as another instance would have left it that long ago.
fn restart_with_set_of_age(world: &mut World, age: Duration) -> Result<()> {
    let set = world.issuers.cbss.key_set();
    let value = sealed(world, age, &set)?;
    // The store must have been made before something can be put there.
    world.restart_cold()?;
    status(world)?;
    world.take_seen();
    thread::sleep(Duration::from_millis(500));
    world.restart_after(|state| put(state, &value))
}

/// A value for the store: its key and the sealed bytes.
type Sealed = (String, Vec<u8>);

fn sealed(world: &World, age: Duration, set: &str) -> Result<Sealed> {
    let issuer: &Issuer = &world.issuers.cbss;
    let url = world.issuers.url(issuer);
    let mut label = Vec::new();
    for text in ["keys", issuer.issuer, &url] {
        label.extend_from_slice(&(text.len() as u64).to_be_bytes());
        label.extend_from_slice(text.as_bytes());
    }
    let mut name = String::from("sluis.v1.keys.");
    for byte in Sha256::digest(&label) {
        write!(name, "{byte:02x}")?;
    }
    let log_key = {
        use base64ct::{Base64UrlUnpadded, Encoding};
        Base64UrlUnpadded::decode_vec(world.log_key()).map_err(|error| anyhow!("{error}"))?
    };
    let key = hmac(&Sha256::digest(&log_key), &[b"sluis shared store key v1\0"]);
    let at = (now().saturating_sub(age.as_secs()) * 1000).to_be_bytes();
    let domain = b"sluis shared store value v1\0";
    let mut value = hmac(&key, &[domain, &label, &at, set.as_bytes()]);
    value.extend_from_slice(&at);
    value.extend_from_slice(set.as_bytes());
    Ok((name, value))
}

/// HMAC-SHA256 (RFC 2104), written out so that the seal is checked against more than its own code.
fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let pad = |byte: u8| -> Vec<u8> {
        (0..64)
            .map(|place| key.get(place).copied().unwrap_or(0) ^ byte)
            .collect()
    };
    let mut inner = Sha256::new();
    inner.update(pad(0x36));
    for part in parts {
        inner.update(part);
    }
    let mut outer = Sha256::new();
    outer.update(pad(0x5c));
    outer.update(inner.finalize());
    outer.finalize().to_vec()
}

fn put(state: &Path, (key, value): &Sealed) -> Result<()> {
    let database = open_shared(state)?;
    let changed = database.execute(
        "UPDATE key_value SET value = ?2 WHERE key = ?1",
        (key, value),
    )?;
    if changed == 0 {
        database.execute("INSERT INTO key_value VALUES (?1, ?2)", (key, value))?;
    }
    Ok(())
}

/// What instances left for each other.
fn values(database: &Database) -> Result<Vec<(String, Vec<u8>)>> {
    let mut statement = database.prepare(&format!(
        "SELECT key, value FROM key_value WHERE {LEFT_BEHIND}"
    ))?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The store's file; on both runtimes a table of keys and values.
fn open_shared(state: &Path) -> Result<Database> {
    let (spin, objects) = shared_places(state);
    let file: PathBuf = if spin.exists() {
        spin
    } else {
        // workerd keeps an object's storage in a file of its own, beside that of the namespace's bookkeeping.
        let files = std::fs::read_dir(&objects)?
            .flatten()
            .map(|entry| entry.path());
        let is_object = |file: &PathBuf| {
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            file.extension().is_some_and(|ending| ending == "sqlite")
                && stem.is_some_and(|stem| stem.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        files
            .into_iter()
            .find(is_object)
            .context("workerd has kept nothing")?
    };
    Ok(Database::open(file)?)
}
