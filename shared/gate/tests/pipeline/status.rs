//! Token status lists (profile §24).

use futures::future::join_all;
use serde_json::{Value, json};
use sluis_gate::memory::MemoryRequest;
use sluis_gate::{
    MAX_STATUS_LISTS, MAX_STATUS_MEMORY_BYTES, MAX_STATUS_STALE_MS, MAX_STATUS_TTL_MS,
    MIN_STATUS_TTL_MS, Platform as _, STATUS_TTL_MS,
};
use sluis_token::sign::StatusListClaims;
use sluis_token::{MAX_STATUS_LIST_INFLATED_BYTES, UnixTime};

use crate::support::{Bench, OPERATOR, body_of, header};

const ALLOWED: &str = "http://127.0.0.1:8788/simulation/cbss/status/";
const LIST: &str = "http://127.0.0.1:8788/simulation/cbss/status/1";

const VALID: u8 = 0;
const REVOKED: u8 = 1;
const SUSPENDED: u8 = 2;

fn now(bench: &Bench) -> UnixTime {
    UnixTime::from_seconds(bench.platform.now_ms() / 1000).unwrap()
}

fn claims<'a>(bench: &Bench, uri: &'a str, statuses: &'a [u8]) -> StatusListClaims<'a> {
    StatusListClaims {
        issuer: None,
        uri,
        issued_at: now(bench),
        expires_at: None,
        ttl_seconds: None,
        bits: 8,
        statuses,
    }
}

fn publish(bench: &Bench, statuses: &[u8]) {
    let list = bench.sign_list(&claims(bench, LIST, statuses));
    bench.platform.serve_keys(LIST, &list);
}

fn token(bench: &Bench, index: u64) -> String {
    token_at(bench, index, LIST)
}

fn token_at(bench: &Bench, index: u64, uri: &str) -> String {
    bench.mint(json!({"status": {"status_list": {"idx": index, "uri": uri}}}))
}

/// Asks with a token; the status code and the reason of the record.
fn ask(bench: &Bench, token: &str) -> (u16, String) {
    let before = bench.platform.entries().len();
    let reply = bench.serve(bench.request(token));
    let events = bench.events();
    let reason = &events[before]["data"]["reason"];
    (reply.status, reason.as_str().unwrap_or_default().to_owned())
}

fn refused(status: u16, reason: &str) -> (u16, String) {
    (status, reason.to_owned())
}

fn allowed() -> (u16, String) {
    refused(200, "")
}

#[test]
fn only_a_valid_token_passes() {
    let bench = Bench::new();
    publish(&bench, &[VALID, REVOKED, SUSPENDED, 3, 0x0f]);
    let expected = [
        allowed(),
        refused(401, "tokenRevoked"),
        refused(401, "tokenSuspended"),
        refused(401, "tokenStatusNotValid"),
        refused(401, "tokenStatusNotValid"),
        refused(401, "statusIndexOutOfRange"),
    ];
    for (index, expected) in expected.into_iter().enumerate() {
        let token = token(&bench, index.try_into().unwrap());
        assert_eq!(ask(&bench, &token), expected, "{index}");
    }
    // One fetch of the keys and one of the list for all of them.
    assert_eq!(bench.platform.fetches(), 2);
    let reply = bench.serve(bench.request(&token(&bench, 1)));
    assert!(body_of(&reply).contains("invalidAccessToken"));
    assert!(
        header(&reply, "www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
    assert_eq!(bench.platform.forwarded().len(), 1);
}

#[test]
fn a_revocation_is_told_even_where_the_policy_would_refuse() {
    let bench = Bench::new();
    publish(&bench, &[VALID, REVOKED]);
    let status = json!({"status_list": {"idx": 1, "uri": LIST}});
    let token = bench.mint(json!({"mandateType": "simUnknown", "status": status}));
    assert_eq!(ask(&bench, &token), refused(401, "tokenRevoked"));
}

#[test]
fn no_list_is_fetched_from_elsewhere() {
    let bench = Bench::new();
    let good = bench.sign_list(&claims(&bench, LIST, &[VALID]));
    for uri in [
        "https://attacker.invalid/simulation/cbss/status/1",
        "http://127.0.0.1:8788/simulation/cbss/status",
        "http://127.0.0.1:8788/simulation/cbss/status/",
        "http://127.0.0.1:8788/simulation/nic/status/1",
        "http://127.0.0.1:8788/simulation/cbss/status/../../nic/status/1",
        "http://127.0.0.1:8788/simulation/cbss/status/%2e%2e/1",
        "http://127.0.0.1:8788/simulation/cbss/status/1?a=b",
        "http://127.0.0.1:8788/simulation/cbss/status/1#a",
        "http://127.0.0.1:8788@attacker.invalid/simulation/cbss/status/1",
        "HTTP://127.0.0.1:8788/simulation/cbss/status/1",
    ] {
        bench.platform.serve_keys(uri, &good);
        let expected = refused(401, "statusListNotAllowed");
        assert_eq!(ask(&bench, &token_at(&bench, 0, uri)), expected, "{uri}");
    }
    for status in [json!({}), json!({"other": {}})] {
        let token = bench.mint(json!({"status": status}));
        assert_eq!(ask(&bench, &token), refused(401, "statusMechanismUnknown"));
    }
    // The keys alone.
    assert_eq!(bench.platform.fetches(), 1);
}

#[test]
fn a_list_that_is_not_the_issuers_own_for_that_place_is_none() {
    let bench = Bench::new();
    let expires_at = UnixTime::from_seconds(now(&bench).as_seconds() - 60);
    let good = claims(&bench, LIST, &[VALID]);
    let elsewhere = format!("{ALLOWED}2");
    let stranger = Bench::new();
    let bad = [
        String::new(),
        "rubbish".to_owned(),
        bench.sign_list(&StatusListClaims {
            uri: &elsewhere,
            ..good
        }),
        bench.sign_list(&StatusListClaims {
            issuer: Some("https://other.invalid"),
            ..good
        }),
        bench.sign_list(&StatusListClaims { expires_at, ..good }),
        stranger.sign_list(&good),
        bench.mint(json!({})),
        "A".repeat(2 * 1024 * 1024),
    ];
    for list in bad {
        bench.platform.serve_keys(LIST, &list);
        let unavailable = refused(503, "statusUnavailable");
        assert_eq!(ask(&bench, &token(&bench, 0)), unavailable, "{list:.40}");
        bench.platform.advance_ms(2_000);
    }
    assert!(bench.platform.forwarded().is_empty());
    publish(&bench, &[VALID]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
}

#[test]
fn a_list_that_cannot_be_had_is_503_and_not_asked_for_at_each_request() {
    let bench = Bench::new();
    for _ in 0..20 {
        assert_eq!(ask(&bench, &token(&bench, 0)).0, 503);
    }
    // Serving moves no clock here, so all of them fall into one cool-down.
    assert_eq!(bench.platform.fetches(), 2);
    bench.platform.advance_ms(2_000);
    publish(&bench, &[VALID]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
}

#[test]
fn an_old_list_serves_while_a_newer_one_is_fetched_and_no_longer_than_its_bound() {
    let bench = Bench::new();
    publish(&bench, &[VALID]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    // Within the time that it is good for, nobody asks.
    bench.platform.advance_ms(STATUS_TTL_MS - 1);
    publish(&bench, &[REVOKED]);
    let fetches = bench.platform.fetches();
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    assert_eq!(bench.platform.fetches(), fetches);
    // After it, one request more gets the old answer, and the next the new one.
    bench.platform.advance_ms(1);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    assert_eq!(bench.platform.fetches(), fetches + 1);
    assert_eq!(ask(&bench, &token(&bench, 0)), refused(401, "tokenRevoked"));
    // The issuer is down: the last list serves up to its bound, and never beyond.
    bench.platform.advance_ms(STATUS_TTL_MS);
    publish(&bench, &[VALID]);
    ask(&bench, &token(&bench, 0));
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    bench.platform.drop_keys(LIST);
    bench.platform.advance_ms(MAX_STATUS_STALE_MS - 1);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    bench.platform.advance_ms(1);
    assert_eq!(
        ask(&bench, &token(&bench, 0)),
        refused(503, "statusUnavailable")
    );
}

#[test]
fn what_a_list_says_of_its_own_time_counts_within_bounds() {
    for (ttl_seconds, ttl_ms) in [
        (1, MIN_STATUS_TTL_MS),
        (120, 120_000),
        (86_400, MAX_STATUS_TTL_MS),
    ] {
        let bench = Bench::new();
        let list = StatusListClaims {
            ttl_seconds: Some(ttl_seconds),
            ..claims(&bench, LIST, &[VALID])
        };
        bench.platform.serve_keys(LIST, &bench.sign_list(&list));
        assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
        let fetches = bench.platform.fetches();
        bench.platform.advance_ms(ttl_ms - 1);
        assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
        assert_eq!(bench.platform.fetches(), fetches, "{ttl_seconds}");
        // After it, a newer one is fetched behind the next request.
        bench.platform.advance_ms(1);
        publish(&bench, &[REVOKED]);
        if ttl_ms < MAX_STATUS_TTL_MS {
            assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
        }
        let revoked = refused(401, "tokenRevoked");
        assert_eq!(ask(&bench, &token(&bench, 0)), revoked, "{ttl_seconds}");
    }
    // A list that has expired does not serve on.
    let bench = Bench::new();
    let list = StatusListClaims {
        expires_at: UnixTime::from_seconds(now(&bench).as_seconds() + 20),
        ..claims(&bench, LIST, &[VALID])
    };
    bench.platform.serve_keys(LIST, &bench.sign_list(&list));
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    bench.platform.advance_ms(26_000);
    assert_eq!(
        ask(&bench, &token(&bench, 0)),
        refused(503, "statusUnavailable")
    );
    // And is asked for anew at once, however long it said that it may be kept.
    bench.platform.advance_ms(2_000);
    let list = StatusListClaims {
        expires_at: UnixTime::from_seconds(now(&bench).as_seconds() + 20),
        ttl_seconds: Some(300),
        ..claims(&bench, LIST, &[VALID])
    };
    bench.platform.serve_keys(LIST, &bench.sign_list(&list));
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    bench.platform.advance_ms(26_000);
    publish(&bench, &[VALID]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
}

#[test]
fn an_older_list_takes_back_no_revocation() {
    let bench = Bench::new();
    let old = bench.sign_list(&claims(&bench, LIST, &[VALID]));
    bench.platform.advance_ms(5_000);
    publish(&bench, &[REVOKED]);
    assert_eq!(ask(&bench, &token(&bench, 0)).0, 401);
    bench.platform.serve_keys(LIST, &old);
    for _ in 0..3 {
        bench.platform.advance_ms(STATUS_TTL_MS);
        assert_eq!(ask(&bench, &token(&bench, 0)).0, 401);
    }
}

#[test]
fn a_list_goes_with_the_key_that_signed_it() {
    let bench = Bench::new();
    publish(&bench, &[VALID]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    let bench = bench.rotate();
    // The key of the list is gone, and nobody signs it anew.
    assert_eq!(
        ask(&bench, &token(&bench, 0)),
        refused(503, "statusUnavailable")
    );
    bench.platform.advance_ms(2_000);
    publish(&bench, &[VALID]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
}

#[test]
fn many_at_a_time_fetch_a_list_once() {
    let bench = Bench::new();
    publish(&bench, &[VALID]);
    bench.platform.slow_keys(300);
    let token = token(&bench, 0);
    let all = (0..100).map(|_| bench.gate.serve(&bench.platform, bench.request(&token)));
    let replies = pollster::block_on(join_all(all));
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(bench.platform.fetches(), 2);
}

#[test]
fn an_issuer_with_many_lists_takes_a_bounded_place() {
    let bench = Bench::new();
    let uri = |number: usize| format!("{ALLOWED}{number}");
    let fetches_of = |number: usize| {
        let before = bench.platform.fetches();
        let uri = uri(number);
        let list = bench.sign_list(&claims(&bench, &uri, &[VALID]));
        bench.platform.serve_keys(&uri, &list);
        assert_eq!(ask(&bench, &token_at(&bench, 0, &uri)), allowed());
        bench.platform.fetches() - before
    };
    fetches_of(0);
    for number in 1..=MAX_STATUS_LISTS {
        bench.platform.advance_ms(1);
        assert_eq!(fetches_of(number), 1);
    }
    // The one that was not asked for the longest is gone; the last one is there.
    assert_eq!(fetches_of(MAX_STATUS_LISTS), 0);
    bench.platform.advance_ms(1);
    assert_eq!(fetches_of(0), 1);
}

#[test]
fn an_issuer_with_many_lists_takes_no_place_of_anothers() {
    let bench = Bench::new();
    let theirs = "http://127.0.0.1:8788/simulation/nic/status/1";
    let list = bench.sign_list(&claims(&bench, theirs, &[VALID]));
    bench.platform.serve_keys(theirs, &list);
    let status = json!({"status_list": {"idx": 0, "uri": theirs}});
    let nic = bench.mint_nic(json!({"status": status}));
    let ask_nic = || {
        let before = bench.platform.fetches();
        let request = bench.request_to("POST", "/mutuality/v1/benefits/get", &nic);
        assert_eq!(bench.serve(request).status, 200);
        bench.platform.fetches() - before
    };
    assert_eq!(ask_nic(), 2, "keys and list");
    for number in 0..=MAX_STATUS_LISTS {
        bench.platform.advance_ms(1);
        let uri = format!("{ALLOWED}{number}");
        let list = bench.sign_list(&claims(&bench, &uri, &[VALID]));
        bench.platform.serve_keys(&uri, &list);
        assert_eq!(ask(&bench, &token_at(&bench, 0, &uri)), allowed());
    }
    assert_eq!(ask_nic(), 0, "its list is there still");
}

#[test]
fn a_list_that_is_being_fetched_keeps_its_place_and_is_fetched_once() {
    let bench = Bench::new();
    publish(&bench, &[VALID]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    bench.platform.slow_keys(300);
    let before = bench.platform.fetches();
    let uris: Vec<String> = (10..14 + MAX_STATUS_LISTS)
        .map(|number| format!("{ALLOWED}{number}"))
        .collect();
    for uri in &uris {
        let list = bench.sign_list(&claims(&bench, uri, &[VALID]));
        bench.platform.serve_keys(uri, &list);
    }
    let twice = uris.iter().chain(&uris);
    let all = twice.map(|uri| {
        let token = token_at(&bench, 0, uri);
        bench.gate.serve(&bench.platform, bench.request(&token))
    });
    let replies = pollster::block_on(join_all(all));
    let count = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    // More at a time than there is place for are told so, and start nothing.
    assert_eq!((count(200), count(503)), (2 * MAX_STATUS_LISTS, 8));
    assert_eq!(bench.platform.fetches() - before, MAX_STATUS_LISTS);
}

#[test]
fn an_instance_that_was_idle_asks_for_a_newer_list_before_it_answers() {
    let bench = Bench::new();
    publish(&bench, &[VALID]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    bench.platform.advance_ms(MAX_STATUS_TTL_MS);
    publish(&bench, &[REVOKED]);
    let revoked = refused(401, "tokenRevoked");
    assert_eq!(ask(&bench, &token(&bench, 0)), revoked);
    // Only where that fails does the older one answer, and is not asked for each time.
    let bench = Bench::new();
    publish(&bench, &[VALID]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    bench.platform.drop_keys(LIST);
    bench.platform.advance_ms(MAX_STATUS_TTL_MS);
    let before = bench.platform.fetches();
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    let made = bench.platform.fetches() - before;
    assert!((1..=2).contains(&made), "the list, and the keys behind it");
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    assert_eq!(bench.platform.fetches() - before, made);
}

#[test]
fn one_issuers_list_says_nothing_of_anothers_tokens() {
    let bench = Bench::new();
    publish(&bench, &[VALID]);
    let status: Value = json!({"status_list": {"idx": 0, "uri": LIST}});
    let token = bench.mint_nic(json!({"status": status}));
    let request: MemoryRequest = bench.request_to("POST", "/mutuality/v1/benefits/get", &token);
    assert_eq!(bench.serve(request).status, 401);
}

#[test]
fn a_purge_of_keys_takes_the_lists_along() {
    let bench = Bench::new();
    publish(&bench, &[VALID]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    publish(&bench, &[REVOKED]);
    assert_eq!(ask(&bench, &token(&bench, 0)), allowed());
    let purge = MemoryRequest::new("POST", "/operator/keys/purge")
        .header("authorization", &format!("Bearer {OPERATOR}"));
    assert_eq!(bench.serve(purge).status, 200);
    assert_eq!(ask(&bench, &token(&bench, 0)), refused(401, "tokenRevoked"));
}

#[test]
fn lists_take_a_bounded_memory() {
    let bench = Bench::new();
    let statuses = vec![VALID; MAX_STATUS_LIST_INFLATED_BYTES];
    let most = MAX_STATUS_MEMORY_BYTES / statuses.len();
    for number in 0..=most {
        let uri = format!("{ALLOWED}{number}");
        let list = bench.sign_list(&claims(&bench, &uri, &statuses));
        bench.platform.serve_keys(&uri, &list);
    }
    let fetches_of = |number: usize| {
        let uri = format!("{ALLOWED}{number}");
        bench.platform.advance_ms(1);
        let before = bench.platform.fetches();
        assert_eq!(ask(&bench, &token_at(&bench, 0, &uri)), allowed());
        bench.platform.fetches() - before
    };
    // The first of them also fetches the keys.
    fetches_of(0);
    for number in 1..most {
        assert_eq!(fetches_of(number), 1);
    }
    for number in 0..most {
        assert_eq!(fetches_of(number), 0, "{number}");
    }
    assert_eq!(fetches_of(most), 1);
    assert_eq!(fetches_of(0), 1, "the first one had to go");
    assert_eq!(fetches_of(most), 0);
}
