//! The keys of issuers over time: rotation, failure, sharing, purge. The clock
//! is the platform's, so hours pass at once.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up should panic"
)]
#![expect(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    dead_code,
    reason = "the bench's methods read the same at every call, and each file uses some"
)]

mod support;

use std::rc::Rc;

use futures::future::{Either, join_all, select};
use serde_json::{Value, json};
use sluis_gate::memory::{LogFault, MemoryRequest};
use sluis_gate::{
    FetchError, Gate, HELD_SPREAD_MS, MARK_DEADLINE_MS, MAX_FAILURE_COOL_DOWN_MS,
    MAX_QUEUED_REQUESTS, MAX_REVALIDATE_MS, MAX_STALE_MS, SOFT_AGE_MS, UNKNOWN_KEY_COOL_DOWN_MS,
};
use support::{Bench, KEYS, OPERATOR, auditor, body_of, header};

const CBSS: &str = "https://cbss.simulation.sluis.invalid";

/// Answers of the bench's gate to a fresh token.
fn status(bench: &Bench) -> u16 {
    bench.serve(bench.request(&bench.mint(json!({})))).status
}

fn nic_status(bench: &Bench) -> u16 {
    let token = bench.mint_nic(json!({}));
    let request = bench.request_to("POST", "/mutuality/v1/benefits/get", &token);
    bench.serve(request).status
}

fn statuses(bench: &Bench, tokens: impl IntoIterator<Item = String>) -> Vec<u16> {
    let requests = tokens.into_iter().map(|token| bench.request(&token));
    let all = requests.map(|request| bench.gate.serve(&bench.platform, request));
    let replies = pollster::block_on(join_all(all));
    bench.run_deferred();
    replies.into_iter().map(|reply| reply.status).collect()
}

fn health(bench: &Bench) -> Value {
    let reply = bench.serve(MemoryRequest::new("GET", "/health"));
    serde_json::from_str(&body_of(&reply)).unwrap()
}

fn purge(token: &str, body: &str) -> MemoryRequest {
    MemoryRequest::new("POST", "/operator/keys/purge")
        .header("authorization", &format!("Bearer {token}"))
        .body(body)
}

#[test]
fn a_set_serves_at_once_past_its_soft_age_and_is_refreshed_behind() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    bench.platform.advance_ms(SOFT_AGE_MS);
    bench.platform.slow_keys(3_000);
    let token = bench.mint(json!({}));
    let before = bench.platform.fetches();
    let replies = statuses_only(&bench, &token, 20);
    assert_eq!(replies, [200; 20]);
    assert_eq!(bench.platform.fetches(), before, "somebody waited");
    bench.run_deferred();
    assert_eq!(bench.platform.fetches(), before + 1);
    assert_eq!(status(&bench), 200);
    assert_eq!(bench.platform.fetches(), before + 1, "it is fresh again");
}

/// Answers without running what was put off.
fn statuses_only(bench: &Bench, token: &str, count: usize) -> Vec<u16> {
    let all = (0..count).map(|_| bench.gate.serve(&bench.platform, bench.request(token)));
    let replies = pollster::block_on(join_all(all));
    replies.into_iter().map(|reply| reply.status).collect()
}

#[test]
fn nothing_is_asked_of_anybody_while_a_set_is_fresh() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let (fetches, reads) = (bench.platform.fetches(), bench.platform.shared_reads());
    let token = bench.mint(json!({}));
    assert_eq!(statuses_only(&bench, &token, 500), [200; 500]);
    assert_eq!(bench.platform.fetches(), fetches);
    assert_eq!(bench.platform.shared_reads(), reads);
}

#[test]
fn the_last_good_set_serves_for_a_bounded_time_and_is_asked_for_ever_less() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    bench.stop_keys();
    bench.platform.advance_ms(SOFT_AGE_MS);
    let before = bench.platform.fetches();
    for _ in 0..600 {
        assert_eq!(status(&bench), 200);
        bench.platform.advance_ms(1_000);
    }
    // 1 + 2 + 4 + 8 + 16 s, then every 30 s.
    let fetches = bench.platform.fetches() - before;
    let bound = 6 + 600 / usize::try_from(MAX_FAILURE_COOL_DOWN_MS / 1000).unwrap();
    assert!((6..=bound).contains(&fetches), "{fetches}");
    assert_eq!(health(&bench)["status"], "DEGRADED");
    bench
        .platform
        .advance_ms(MAX_STALE_MS - SOFT_AGE_MS - 600_000 - 1);
    assert_eq!(status(&bench), 200);
    bench.platform.advance_ms(1);
    assert_eq!(status(&bench), 503);
    assert_eq!(health(&bench)["status"], "DEGRADED");
    bench.start_keys();
    bench.platform.advance_ms(1_000);
    assert_eq!(status(&bench), 200);
    assert_eq!(health(&bench)["status"], "UP");
}

#[test]
fn a_first_fetch_that_fails_is_tried_again() {
    let bench = Bench::new();
    bench.stop_keys();
    let token = bench.mint(json!({}));
    assert_eq!(statuses_only(&bench, &token, 20), [503; 20]);
    assert_eq!(bench.platform.fetches(), 1, "throttled");
    bench.run_deferred();
    assert_eq!(bench.fault_counts()[0], "keysUnavailable");
    bench.start_keys();
    bench.platform.advance_ms(1_000);
    assert_eq!(status(&bench), 200);
}

#[test]
fn rotations_refuse_no_good_token_under_load() {
    let mut bench = Bench::new();
    bench.platform.slow_keys(500);
    let first = bench.mint(json!({}));
    assert_eq!(statuses(&bench, vec![first; 100]), [200; 100]);
    assert_eq!(bench.platform.fetches(), 1);
    // One right after the other, and each time many at once that come with it.
    for rotation in 2..=5 {
        bench = bench.rotate();
        let token = bench.mint(json!({}));
        assert_eq!(statuses_only(&bench, &token, 100), [200; 100]);
        assert_eq!(bench.platform.fetches(), rotation);
    }
}

#[test]
fn a_rotation_right_after_a_made_up_key_id_refuses_no_good_token() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let made_up = bench.mint_with_kid("made-up");
    assert_eq!(bench.serve_only(bench.request(&made_up)).status, 401);
    let bench = bench.rotate();
    let (before_ms, fetches) = (now_ms(&bench), bench.platform.fetches());
    let token = bench.mint(json!({}));
    assert_eq!(statuses_only(&bench, &token, 16), [200; 16]);
    // It waited for the end of the cool-down, and all of them for one fetch.
    assert!((1..=UNKNOWN_KEY_COOL_DOWN_MS * 17).contains(&(now_ms(&bench) - before_ms)));
    assert_eq!(bench.platform.fetches(), fetches + 1);
}

#[test]
fn a_rotation_while_a_fetch_is_under_way_refuses_no_good_token() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    bench.platform.advance_ms(SOFT_AGE_MS);
    bench.platform.slow_keys(500);
    // This one begins the refresh, which brings what is published now.
    let old = bench.mint(json!({}));
    assert_eq!(bench.serve_only(bench.request(&old)).status, 200);
    let gate = Rc::clone(&bench.gate);
    let platform = bench.platform.clone();
    let refresh = async move {
        platform.run_deferred().await;
        drop(gate);
    };
    let bench = bench.rotate_later();
    let token = bench.mint(json!({}));
    let request = bench.request(&token);
    let served = async {
        // The fetch has begun; only now is the new key published.
        sluis_gate::Platform::sleep(&bench.platform, 100).await;
        bench.start_keys();
        bench.gate.serve(&bench.platform, request).await.status
    };
    let ((), status) = pollster::block_on(futures::future::join(refresh, served));
    assert_eq!(status, 200);
}

fn now_ms(bench: &Bench) -> u64 {
    sluis_gate::Platform::now_ms(&bench.platform)
}

#[test]
fn a_thousand_made_up_key_ids_make_one_fetch_a_cool_down() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let (before, before_ms) = (bench.platform.fetches(), now_ms(&bench));
    let made_up = |n: usize| bench.mint_with_kid(&format!("made-up-{n}"));
    for chunk in 0..10 {
        let requests = (0..100).map(|n| bench.request(&made_up(chunk * 100 + n)));
        let all = requests.map(|request| bench.gate.serve(&bench.platform, request));
        let replies = pollster::block_on(join_all(all));
        // Those for whom nobody could ask are not told that their key is none.
        assert!(
            replies
                .iter()
                .all(|reply| [401, 503].contains(&reply.status))
        );
        let good = bench.mint(json!({}));
        assert_eq!(statuses_only(&bench, &good, 1), [200], "not disturbed");
    }
    let fetches = bench.platform.fetches() - before;
    let cool_downs = (now_ms(&bench) - before_ms) / UNKNOWN_KEY_COOL_DOWN_MS;
    let allowed = usize::try_from(cool_downs).unwrap() + 1;
    assert!((1..=allowed).contains(&fetches), "{fetches} of {allowed}");
}

#[test]
fn made_up_key_ids_at_many_instances_make_one_fetch_a_cool_down_together() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let gates: Vec<Rc<Gate>> = (0..20).map(|_| bench.another_instance()).collect();
    let (before, before_ms) = (bench.platform.fetches(), now_ms(&bench));
    for round in 0..3 {
        for (number, gate) in gates.iter().enumerate() {
            let token = bench.mint_with_kid(&format!("made-up-{round}-{number}"));
            let request = bench.request(&token);
            let reply = pollster::block_on(gate.serve(&bench.platform, request));
            assert_eq!(reply.status, 401);
            bench.run_deferred();
        }
    }
    // Running what was put off moves the clock by an interval a count.
    let fetches = bench.platform.fetches() - before;
    let cool_downs = (now_ms(&bench) - before_ms) / UNKNOWN_KEY_COOL_DOWN_MS;
    let allowed = usize::try_from(cool_downs).unwrap() + 1;
    assert!((1..=allowed).contains(&fetches), "{fetches} of {allowed}");
}

#[test]
fn another_instance_keeps_the_cool_down_that_one_began() {
    let bench = Bench::new();
    let second = bench.another_instance();
    let good = bench.mint(json!({}));
    assert_eq!(bench.serve(bench.request(&good)).status, 200);
    assert_eq!(bench.status_at(&second, bench.request(&good)), 200);
    bench.platform.advance_ms(1_000);
    let made_up = bench.mint_with_kid("made-up");
    assert_eq!(bench.serve_only(bench.request(&made_up)).status, 401);
    // The mark is left behind the answer; the count of the refusal waits.
    pollster::block_on(bench.platform.run_oldest_deferred());
    let (before_ms, fetches) = (now_ms(&bench), bench.platform.fetches());
    let other = bench.mint_with_kid("another");
    let reply = pollster::block_on(second.serve(&bench.platform, bench.request(&other)));
    assert_eq!(reply.status, 401);
    let held_ms = now_ms(&bench) - before_ms;
    let expected = UNKNOWN_KEY_COOL_DOWN_MS..UNKNOWN_KEY_COOL_DOWN_MS + HELD_SPREAD_MS;
    assert!(expected.contains(&held_ms), "held for {held_ms} ms");
    assert_eq!(bench.platform.fetches(), fetches + 1);
}

#[test]
fn one_made_up_key_id_costs_one_fetch_and_no_further_wait() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let token = bench.mint_with_kid("made-up");
    assert_eq!(bench.serve_only(bench.request(&token)).status, 401);
    let (fetches, then_ms) = (bench.platform.fetches(), now_ms(&bench));
    for _ in 0..50 {
        assert_eq!(bench.serve_only(bench.request(&token)).status, 401);
    }
    assert_eq!(
        (bench.platform.fetches(), now_ms(&bench)),
        (fetches, then_ms)
    );
    // An issuer that signs before it publishes is believed in the end.
    bench.platform.advance_ms(sluis_gate::ABSENT_KEY_MS);
    assert_eq!(bench.serve_only(bench.request(&token)).status, 401);
    assert_eq!(bench.platform.fetches(), fetches + 1);
}

#[test]
fn an_unknown_key_of_an_issuer_that_does_not_answer_is_no_invalid_token() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    bench.stop_keys();
    let new = bench.rotate_later();
    assert_eq!(status(&new), 503);
    new.start_keys();
    new.platform.advance_ms(1_000);
    assert_eq!(status(&new), 200);
}

#[test]
fn a_key_that_its_issuer_took_back_is_refused_also_for_tokens_seen_before() {
    let bench = Bench::new();
    let token = bench.mint(json!({}));
    assert_eq!(bench.serve(bench.request(&token)).status, 200);
    let bench = bench.rotate();
    assert_eq!(
        bench.serve(bench.request(&token)).status,
        200,
        "until it is known"
    );
    assert_eq!(status(&bench), 200);
    assert_eq!(bench.serve(bench.request(&token)).status, 401);
}

/// A token of the issuer's key of now that is good when its sets are as old as
/// they may be while the issuer answers.
fn for_later(bench: &Bench) -> String {
    let then = (now_ms(bench) + MAX_REVALIDATE_MS) / 1000;
    bench.mint(json!({"iat": then, "exp": then + 300}))
}

#[test]
fn an_idle_instance_asks_before_it_uses_a_key_that_may_be_taken_back() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let old = for_later(&bench);
    bench.platform.advance_ms(MAX_REVALIDATE_MS);
    assert_eq!(bench.serve(bench.request(&old)).status, 200);
    let old = for_later(&bench);
    bench.platform.advance_ms(MAX_REVALIDATE_MS);
    let bench = bench.rotate();
    assert_eq!(bench.serve(bench.request(&old)).status, 401);
    assert_eq!(status(&bench), 200);
}

#[test]
fn a_cold_instance_takes_over_no_old_set_while_the_issuer_answers() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let old = for_later(&bench);
    let bench = bench.rotate();
    bench.platform.advance_ms(MAX_REVALIDATE_MS);
    let cold = bench.another_instance();
    assert_eq!(bench.status_at(&cold, bench.request(&old)), 401);
}

#[test]
fn a_set_is_as_old_as_the_question_for_it() {
    let bench = Bench::new();
    bench.platform.slow_keys(3_000);
    assert_eq!(status(&bench), 200);
    let request =
        MemoryRequest::new("GET", "/health").header("authorization", &format!("Bearer {OPERATOR}"));
    let value: Value = serde_json::from_str(&body_of(&bench.serve(request))).unwrap();
    let age = value["details"]["simCbss"]["keysAgeSeconds"].as_u64();
    assert!(age.unwrap() >= 3, "{value}");
}

#[test]
fn a_bounded_number_waits_for_one_fetch_with_unknown_keys() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let bench = bench.rotate();
    bench.platform.slow_keys(500);
    let token = bench.mint(json!({}));
    let replies = statuses_only(&bench, &token, 1 + MAX_QUEUED_REQUESTS + 4);
    let count = |status: u16| replies.iter().filter(|reply| **reply == status).count();
    assert_eq!((count(200), count(503)), (1 + MAX_QUEUED_REQUESTS, 4));
}

#[test]
fn an_issuer_that_signs_before_it_publishes_is_believed_after_the_cool_down() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let bench = bench.rotate_later();
    let token = bench.mint(json!({}));
    assert_eq!(bench.serve_only(bench.request(&token)).status, 401);
    bench.start_keys();
    bench.platform.advance_ms(UNKNOWN_KEY_COOL_DOWN_MS);
    assert_eq!(bench.serve_only(bench.request(&token)).status, 200);
}

#[test]
fn a_bad_set_leaves_the_last_good_one() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let oct = r#"{"keys":[{"kty":"oct","kid":"key-1","k":"AAAA","alg":"HS256"}]}"#.to_owned();
    let twice = {
        let key = r#"{"kty":"OKP","crv":"Ed25519","kid":"a","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        format!("{{\"keys\":[{key},{key}]}}")
    };
    let sets = [
        Ok(String::new()),
        Ok("<html>moved</html>".to_owned()),
        Ok("[]".to_owned()),
        Ok(r#"{"keys":[]}"#.to_owned()),
        Ok(oct),
        Ok(twice),
        Ok(format!("{{\"keys\":[],\"x\":\"{}\"}}", "a".repeat(70_000))),
        Err(FetchError::Status { status: 302 }),
        Err(FetchError::Status { status: 500 }),
        Err(FetchError::Timeout { limit_ms: 1 }),
    ];
    for set in sets {
        for url in KEYS {
            match &set {
                Ok(set) => bench.platform.serve_keys(url, set),
                Err(error) => bench.platform.fail_keys(url, *error),
            }
        }
        bench.platform.advance_ms(SOFT_AGE_MS);
        let before = bench.platform.fetches();
        assert_eq!(status(&bench), 200, "{set:?}");
        assert_eq!(bench.platform.fetches(), before + 1, "{set:?}");
        assert_eq!(status(&bench), 200, "{set:?}");
        assert_eq!(health(&bench)["status"], "DEGRADED", "{set:?}");
        // Nor does it reach another instance.
        let held = bench.platform.shared_values();
        assert_eq!(held.len(), 1, "{set:?}");
        bench.start_keys();
        bench.platform.advance_ms(MAX_FAILURE_COOL_DOWN_MS);
        assert_eq!(status(&bench), 200);
        assert_eq!(health(&bench)["status"], "UP");
    }
}

#[test]
fn a_slow_issuer_does_not_delay_another() {
    let bench = Bench::new();
    bench.platform.slow_keys_at(KEYS[0], 3_000);
    let slow = bench.request(&bench.mint(json!({})));
    let token = bench.mint_nic(json!({}));
    let fast = bench.request_to("POST", "/mutuality/v1/benefits/get", &token);
    let slow = Box::pin(bench.gate.serve(&bench.platform, slow));
    let fast = Box::pin(bench.gate.serve(&bench.platform, fast));
    let before_ms = now_ms(&bench);
    match pollster::block_on(select(slow, fast)) {
        Either::Right((reply, _)) => assert_eq!(reply.status, 200),
        Either::Left(_) => panic!("the slow issuer's token was served first"),
    }
    assert!(now_ms(&bench) - before_ms < 100);
    // Nor does one that is gone.
    let bench = Bench::new();
    bench.platform.drop_keys(KEYS[0]);
    assert_eq!(status(&bench), 503);
    assert_eq!(nic_status(&bench), 200);
}

#[test]
fn a_fetch_that_does_not_end_holds_nobody_for_long() {
    let bench = Bench::new();
    bench.platform.slow_keys(60_000);
    let token = bench.mint(json!({}));
    let two = [0, 1].map(|_| bench.gate.serve(&bench.platform, bench.request(&token)));
    let replies = pollster::block_on(join_all(two));
    assert_eq!(replies[1].status, 503);
    assert_eq!(bench.platform.fetches(), 1);
    bench.run_deferred();
}

#[test]
fn another_instance_takes_over_what_one_fetched() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    assert_eq!(bench.platform.fetches(), 1);
    let second = bench.another_instance();
    let request = || bench.request(&bench.mint(json!({})));
    assert_eq!(bench.status_at(&second, request()), 200);
    assert_eq!(bench.platform.fetches(), 1);
    // Also while the issuer is down, and no longer than the set may serve.
    bench.stop_keys();
    bench.platform.advance_ms(MAX_STALE_MS - 1);
    let third = bench.another_instance();
    assert_eq!(bench.status_at(&third, request()), 200);
    bench.platform.advance_ms(2);
    let fourth = bench.another_instance();
    assert_eq!(bench.status_at(&fourth, request()), 503);
}

#[test]
fn a_rotation_is_fetched_once_for_all_instances() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    let second = bench.another_instance();
    let request = |bench: &Bench| bench.request(&bench.mint(json!({})));
    assert_eq!(bench.status_at(&second, request(&bench)), 200);
    let bench = bench.rotate();
    bench.platform.advance_ms(1);
    assert_eq!(status(&bench), 200);
    assert_eq!(bench.platform.fetches(), 2);
    assert_eq!(bench.status_at(&second, request(&bench)), 200);
    assert_eq!(bench.platform.fetches(), 2);
}

#[test]
fn a_value_that_the_store_made_up_or_moved_counts_as_absent() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    assert_eq!(nic_status(&bench), 200);
    let good = bench.platform.shared_values();
    let names: Vec<&String> = good.keys().collect();
    assert_eq!(names.len(), 2);
    assert!(
        names.iter().all(|name| !name.contains("issuer")),
        "{names:?}"
    );
    let fetches_of_a_cold_instance = || {
        let before = bench.platform.fetches();
        let gate = bench.another_instance();
        let request = bench.request(&bench.mint(json!({})));
        assert_eq!(bench.status_at(&gate, request), 200);
        bench.platform.fetches() - before
    };
    assert_eq!(fetches_of_a_cold_instance(), 0);
    let restore = || {
        for (name, value) in &good {
            bench.platform.set_shared(name, value.clone());
        }
    };
    // Each of the two under the other's name.
    bench.platform.set_shared(names[0], good[names[1]].clone());
    bench.platform.set_shared(names[1], good[names[0]].clone());
    assert_eq!(fetches_of_a_cold_instance(), 1);
    restore();
    let tamperings: [fn(&mut Vec<u8>); 4] = [
        |value| value.clear(),
        |value| *value.last_mut().unwrap() ^= 1,
        |value| value[0] ^= 1,
        // The time of the fetch.
        |value| value[39] ^= 1,
    ];
    for tamper in tamperings {
        for (name, value) in &good {
            let mut value = value.clone();
            tamper(&mut value);
            bench.platform.set_shared(name, value);
        }
        assert_eq!(fetches_of_a_cold_instance(), 1);
        restore();
    }
    // An older set never replaces a newer one.
    let bench = bench.rotate();
    bench.platform.advance_ms(1_000);
    assert_eq!(status(&bench), 200);
    for (name, value) in &good {
        bench.platform.set_shared(name, value.clone());
    }
    bench.platform.advance_ms(SOFT_AGE_MS - 2_000);
    let before = bench.platform.fetches();
    assert_eq!(
        bench.serve(bench.request(&bench.mint_with_kid("x"))).status,
        401
    );
    assert_eq!(bench.platform.fetches(), before + 1);
    assert_eq!(status(&bench), 200);
}

#[test]
fn without_the_store_it_is_as_if_there_were_none() {
    let bench = Bench::new();
    bench.platform.break_shared(true);
    assert_eq!(status(&bench), 200);
    let second = bench.another_instance();
    let request = bench.request(&bench.mint(json!({})));
    assert_eq!(bench.status_at(&second, request), 200);
    assert_eq!(bench.platform.fetches(), 2);
    assert!(bench.platform.shared_values().is_empty());
}

#[test]
fn a_purge_takes_effect_here_at_once_and_elsewhere_by_its_deadline() {
    let bench = Bench::new();
    let second = bench.another_instance();
    let old = bench.mint(json!({}));
    let ask =
        |bench: &Bench, gate: &Rc<Gate>, token: &str| bench.status_at(gate, bench.request(token));
    assert_eq!(ask(&bench, &bench.gate, &old), 200);
    assert_eq!(ask(&bench, &second, &old), 200);
    // The key is in wrong hands: its issuer has taken it back.
    let bench = bench.rotate();
    let reply = bench.serve(purge(OPERATOR, ""));
    assert_eq!(reply.status, 200, "{}", body_of(&reply));
    let answer: Value = serde_json::from_str(&body_of(&reply)).unwrap();
    assert_eq!(answer["purged"].as_array().unwrap().len(), 2);
    assert_eq!(answer["everywhereWithinSeconds"], 90);
    assert_eq!(ask(&bench, &bench.gate, &old), 401);
    assert_eq!(status(&bench), 200);
    // The other one hears of it behind a request, or before one.
    assert_eq!(ask(&bench, &second, &old), 200);
    bench.platform.advance_ms(MARK_DEADLINE_MS);
    assert_eq!(ask(&bench, &second, &old), 401);
    let purged = bench.events();
    let record = purged
        .iter()
        .find(|event| {
            event["type"]
                .as_str()
                .unwrap()
                .ends_with("keys.notify.purged")
        })
        .unwrap();
    assert_eq!(record["data"]["operator"], "operator");
    assert_eq!(
        record["data"]["traceId"],
        header(&reply, "belgov-trace-id").unwrap()
    );
}

#[test]
fn a_purge_is_heard_of_behind_a_request_well_before_its_deadline() {
    let bench = Bench::new();
    let second = bench.another_instance();
    let old = bench.mint(json!({}));
    assert_eq!(bench.status_at(&second, bench.request(&old)), 200);
    let bench = bench.rotate();
    assert_eq!(bench.serve(purge(OPERATOR, "")).status, 200);
    bench.platform.advance_ms(sluis_gate::MARK_BACKGROUND_MS);
    assert_eq!(bench.status_at(&second, bench.request(&old)), 200);
    assert_eq!(bench.status_at(&second, bench.request(&old)), 401);
}

#[test]
fn a_purged_set_does_not_come_back_from_the_store_or_from_a_fetch_under_way() {
    let bench = Bench::new();
    let old = bench.mint(json!({}));
    assert_eq!(status(&bench), 200);
    let stored = bench.platform.shared_values();
    let bench = bench.rotate();
    assert_eq!(bench.serve(purge(OPERATOR, "")).status, 200);
    // Its owner puts the old set back; a cold instance reads the mark first.
    for (name, value) in stored {
        bench.platform.set_shared(&name, value);
    }
    let cold = bench.another_instance();
    assert_eq!(bench.status_at(&cold, bench.request(&old)), 401);
    assert_eq!(bench.serve(bench.request(&old)).status, 401);
    // A refresh that began before the purge brings what was published then.
    bench.platform.advance_ms(SOFT_AGE_MS);
    bench.platform.slow_keys(1_000);
    let before = bench.mint(json!({}));
    assert_eq!(bench.serve_only(bench.request(&before)).status, 200);
    let platform = bench.platform.clone();
    let bench = bench.rotate_later();
    let meanwhile = async {
        sluis_gate::Platform::sleep(&bench.platform, 100).await;
        bench.start_keys();
        let reply = bench.gate.serve(&bench.platform, purge(OPERATOR, "")).await;
        assert_eq!(reply.status, 200);
    };
    let both = futures::future::join(platform.run_deferred(), meanwhile);
    pollster::block_on(both);
    bench.platform.slow_keys(0);
    assert_eq!(bench.serve(bench.request(&before)).status, 401);
    assert_eq!(status(&bench), 200);
}

#[test]
fn after_a_purge_an_issuer_that_does_not_answer_has_no_keys() {
    let bench = Bench::new();
    let token = bench.mint(json!({}));
    assert_eq!(bench.serve(bench.request(&token)).status, 200);
    assert_eq!(nic_status(&bench), 200);
    bench.stop_keys();
    let body = json!({"issuer": CBSS}).to_string();
    assert_eq!(bench.serve(purge(OPERATOR, &body)).status, 200);
    assert_eq!(bench.serve(bench.request(&token)).status, 503);
    // The other issuer's keys stay.
    assert_eq!(nic_status(&bench), 200);
    let record = bench.events().into_iter().find(|event| {
        event["data"]["verificationSystem"] == "simCbss" && event["data"]["operator"] == "operator"
    });
    assert!(record.is_some());
}

#[test]
fn only_operators_purge_and_without_them_there_is_no_such_endpoint() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    for token in ["", "wrong", &auditor()] {
        let reply = bench.serve(purge(token, ""));
        assert_eq!(reply.status, 401, "{token}");
    }
    assert_eq!(
        bench
            .serve(MemoryRequest::new("POST", "/operator/keys/purge"))
            .status,
        401
    );
    for body in [
        "[]",
        "{\"issuer\":\"https://other.invalid\"}",
        "{\"x\":1}",
        "x",
    ] {
        assert_eq!(bench.serve(purge(OPERATOR, body)).status, 400, "{body}");
    }
    let get = MemoryRequest::new("GET", "/operator/keys/purge")
        .header("authorization", &format!("Bearer {OPERATOR}"));
    assert_eq!(bench.serve(get).status, 405);
    let other = MemoryRequest::new("POST", "/operator/other")
        .header("authorization", &format!("Bearer {OPERATOR}"));
    assert_eq!(bench.serve(other).status, 404);
    let none = bench.without_operators();
    assert_eq!(bench.status_at(&none, purge(OPERATOR, "")), 404);
    assert_eq!(bench.status_at(&none, purge("", "")), 404);
    assert_eq!(status(&bench), 200);
    assert_eq!(bench.platform.fetches(), 1, "nothing was purged");
}

#[test]
fn a_purge_that_cannot_be_recorded_is_done_and_says_so() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    bench.platform.break_log(LogFault::Unavailable);
    assert_eq!(bench.serve(purge(OPERATOR, "")).status, 503);
    bench.platform.break_log(LogFault::None);
    assert_eq!(status(&bench), 200);
    assert_eq!(bench.platform.fetches(), 2);
}

#[test]
fn a_purge_of_which_no_other_instance_can_learn_is_done_here_and_says_so() {
    let bench = Bench::new();
    let second = bench.another_instance();
    let old = bench.mint(json!({}));
    assert_eq!(bench.serve(bench.request(&old)).status, 200);
    assert_eq!(bench.status_at(&second, bench.request(&old)), 200);
    let bench = bench.rotate();
    bench.platform.break_shared(true);
    let reply = bench.serve(purge(OPERATOR, ""));
    assert_eq!(reply.status, 503);
    let answer: Value = serde_json::from_str(&body_of(&reply)).unwrap();
    assert_eq!(answer["purged"], json!([]));
    assert_eq!(answer["hereOnly"].as_array().unwrap().len(), 2);
    assert_eq!(answer.get("everywhereWithinSeconds"), None);
    assert_eq!(bench.serve(bench.request(&old)).status, 401, "done here");
    assert!(bench.events().iter().any(|event| {
        let kind = event["type"].as_str().unwrap();
        kind.ends_with("keys.notify.purged")
    }));
    // The order given again, with the store back, reaches the others.
    bench.platform.advance_ms(MARK_DEADLINE_MS);
    assert_eq!(bench.status_at(&second, bench.request(&old)), 200);
    bench.platform.break_shared(false);
    assert_eq!(bench.serve(purge(OPERATOR, "")).status, 200);
    bench.platform.advance_ms(MARK_DEADLINE_MS);
    assert_eq!(bench.status_at(&second, bench.request(&old)), 401);
}

#[test]
fn a_second_purge_in_the_same_millisecond_forgets_too_and_is_heard_of() {
    let bench = Bench::new();
    let second = bench.another_instance();
    let old = bench.mint(json!({}));
    assert_eq!(bench.serve(purge(OPERATOR, "")).status, 200);
    // Both fetch what is published now, after the first order and its mark.
    assert_eq!(bench.status_at(&second, bench.request(&old)), 200);
    let purged_ms = now_ms(&bench);
    assert_eq!(bench.serve(bench.request(&old)).status, 200);
    assert_eq!(now_ms(&bench), purged_ms);
    let bench = bench.rotate();
    assert_eq!(bench.serve(purge(OPERATOR, "")).status, 200);
    assert_eq!(bench.serve(bench.request(&old)).status, 401);
    bench.platform.advance_ms(MARK_DEADLINE_MS);
    assert_eq!(bench.status_at(&second, bench.request(&old)), 401);
}

#[test]
fn where_nobody_can_purge_nobody_looks_for_marks() {
    let bench = Bench::new();
    let gate = bench.without_operators();
    let token = bench.mint(json!({}));
    assert_eq!(bench.status_at(&gate, bench.request(&token)), 200);
    let reads = bench.platform.shared_reads();
    bench.platform.advance_ms(MARK_DEADLINE_MS);
    assert_eq!(bench.status_at(&gate, bench.request(&token)), 200);
    assert_eq!(bench.platform.shared_reads(), reads);
}

#[test]
fn health_shows_the_keys_age_to_operators_only() {
    let bench = Bench::new();
    assert_eq!(status(&bench), 200);
    bench.platform.advance_ms(12_345);
    assert_eq!(health(&bench), json!({"status": "UP"}));
    let ask = |token: &str| {
        let request = MemoryRequest::new("GET", "/health")
            .header("authorization", &format!("Bearer {token}"));
        let value: Value = serde_json::from_str(&body_of(&bench.serve(request))).unwrap();
        value
    };
    assert_eq!(ask(&auditor()), json!({"status": "UP"}));
    assert_eq!(
        ask(OPERATOR),
        json!({"status": "UP", "enforcement": "enforced",
        "log": {"status": "UP", "sequenced": 2, "published": 0},
        "details": {
            "simCbss": {"status": "UP", "keys": 1, "keysAgeSeconds": 12},
            "simNic": {"status": "UP", "keys": 0},
        }})
    );
}
