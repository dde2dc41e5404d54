//! Several logs: where entries go, what auditors are served of each, and what one that fails keeps from passing.

use std::collections::BTreeMap;

use pollster::block_on;
use serde_json::{Value, json};
use sluis_gate::Reply;
use sluis_gate::memory::{LogFault, MemoryRequest, MemoryResponse};
use sluis_log::{
    NoteVerifier, Shard, SignedNote, StoredEntry, TreeHead, VerifiedCheckpoint, VerifiedShardMap,
};

use crate::support::{Bench, OPERATOR, auditor, body_of, checkpoint_key, deployment, origin};

/// Four open logs, and the one that there was before.
pub(crate) fn four() -> Bench {
    let line = "aggregate_interval_ms = 10000";
    Bench::changed(&[(line, &format!("{line}\nshards = 4\nclosed = [\"/log\"]"))])
}

fn parts() -> impl Iterator<Item = Shard> {
    (0..4).map(Shard::Part)
}

fn get(bench: &Bench, target: &str, token: &str) -> Reply<MemoryResponse> {
    let request = MemoryRequest::new("GET", target);
    bench.serve(request.header("authorization", &format!("Bearer {token}")))
}

fn pass(bench: &Bench) -> u16 {
    bench.serve(bench.request(&bench.mint(json!({})))).status
}

fn verifier() -> NoteVerifier {
    checkpoint_key(&deployment()).signer().verifier()
}

pub(crate) fn publish(bench: &Bench, shard: Shard) {
    let key = checkpoint_key(&shard.origin(&origin()).unwrap());
    block_on(bench.platform.publish_shard(shard, key.signer()));
}

fn event(entry: &StoredEntry) -> Value {
    serde_json::from_str(entry.payload().unwrap()).unwrap()
}

#[test]
fn a_decision_and_its_outcome_stand_in_one_log_and_all_logs_are_used() {
    let bench = four();
    for _ in 0..60 {
        assert_eq!(pass(&bench), 200);
    }
    assert!(bench.stored_of(Shard::Whole).is_empty());
    let mut decisions = 0;
    for shard in parts() {
        let events: Vec<_> = bench.stored_of(shard).iter().map(event).collect();
        let (outcomes, decided): (Vec<_>, Vec<_>) = events
            .iter()
            .partition(|event| event.get("relatedto").is_some());
        // With sixty decisions a log without any is one chance in 7 million.
        assert!(!decided.is_empty(), "{shard:?}");
        assert_eq!(outcomes.len(), decided.len());
        for outcome in outcomes {
            assert!(
                decided
                    .iter()
                    .any(|event| event["id"] == outcome["relatedto"])
            );
        }
        decisions += decided.len();
    }
    assert_eq!(decisions, 60);
}

#[test]
fn every_log_of_the_map_is_served_and_no_other() {
    let bench = four();
    for _ in 0..40 {
        assert_eq!(pass(&bench), 200);
    }
    for shard in parts() {
        publish(&bench, shard);
        let path = shard.path();
        let checkpoint = body_of(&get(&bench, &format!("{path}/checkpoint"), &auditor()));
        assert!(
            checkpoint.starts_with(&format!("test.invalid{path}\n")),
            "{checkpoint}"
        );
        assert_eq!(
            get(&bench, &format!("{path}/proof/0"), &auditor()).status,
            200
        );
        let page = get(&bench, &format!("{path}/entries"), &auditor());
        let page: Value = serde_json::from_str(&body_of(&page)).unwrap();
        assert_eq!(
            page["origin"],
            format!("gate.simulation.sluis.invalid{path}")
        );
        // Each reading is recorded, and the record says which log was read.
        let all: Vec<_> = parts()
            .flat_map(|shard| bench.stored_of(shard))
            .map(|entry| event(&entry))
            .collect();
        let read = all
            .iter()
            .filter(|event| event["data"]["log"] == page["origin"]);
        assert_eq!(read.count(), 1);
    }
    // The closed one is empty, and there.
    assert_eq!(get(&bench, "/log/entries", &auditor()).status, 200);
    let nothing = body_of(&get(&bench, "/log/checkpoint", &auditor()));
    let nothing = SignedNote::parse(nothing.as_bytes()).unwrap();
    let nothing = VerifiedCheckpoint::verify(nothing, &deployment(), &[verifier()]).unwrap();
    assert_eq!(nothing.head(), TreeHead::empty());
    for target in [
        "/log/4/entries",
        "/log/00/entries",
        "/log/0",
        "/log/0/",
        "/log/16/entries",
    ] {
        assert_eq!(get(&bench, target, &auditor()).status, 404, "{target}");
    }
    assert_eq!(get(&bench, "/log/1/entries", OPERATOR).status, 401);
    let one = Bench::new();
    assert_eq!(get(&one, "/log/0/entries", &auditor()).status, 404);
}

#[test]
fn the_number_of_logs_changes_and_nothing_is_added_to_the_closed_ones() {
    let line = "aggregate_interval_ms = 10000";
    let one = Bench::new();
    // Each bench has issuers of its own, whose keys the others must not learn.
    one.platform.break_shared(true);
    let over = |more: &str| {
        let mut bench = Bench::changed(&[(line, &format!("{line}\n{more}"))]);
        // Another configuration over the same stores.
        bench.platform = one.platform.clone();
        bench.start_keys();
        bench
    };
    let sizes = || {
        let logs = [Shard::Whole].into_iter().chain(parts());
        logs.map(|shard| one.platform.entries_of(shard).len())
            .collect::<Vec<_>>()
    };
    let pass_many = |bench: &Bench| (0..40).for_each(|_| assert_eq!(pass(bench), 200));
    pass_many(&one);
    let first = sizes();
    assert_eq!(first, [80, 0, 0, 0, 0]);
    let four = over("shards = 4\nclosed = [\"/log\"]");
    pass_many(&four);
    let second = sizes();
    assert_eq!((second[0], second.iter().sum::<usize>()), (80, 160));
    let two = over("shards = 2\nclosed = [\"/log\", \"/log/2\", \"/log/3\"]");
    pass_many(&two);
    let third = sizes();
    assert_eq!((third[0], &third[3..]), (80, &second[3..]));
    assert_eq!(third.iter().sum::<usize>(), 240);
    // All of them are served, and published when asked.
    for (shard, size) in [Shard::Whole].into_iter().chain(parts()).zip(third) {
        publish(&two, shard);
        let last = format!("{}/proof/{}", shard.path(), size - 1);
        assert_eq!(get(&two, &last, &auditor()).status, 200, "{last}");
    }
}

#[test]
fn only_a_log_that_never_had_an_entry_has_a_checkpoint_over_nothing() {
    let bench = four();
    let checkpoint = || get(&bench, "/log/1/checkpoint", &auditor()).status;
    assert_eq!(checkpoint(), 200);
    for _ in 0..40 {
        assert_eq!(pass(&bench), 200);
    }
    // Entries, and none of them published.
    assert_eq!(checkpoint(), 404);
    publish(&bench, Shard::Part(1));
    assert_eq!(checkpoint(), 200);
    // Its store is emptied; the trusted place knows better.
    bench.platform.roll_back_shard(Shard::Part(1), 0);
    publish(&bench, Shard::Part(1));
    assert_eq!(checkpoint(), 404);
}

#[test]
fn the_map_is_signed_and_has_every_log() {
    let bench = four();
    let read = || {
        let reply = get(&bench, "/log/shards", &auditor());
        assert_eq!(reply.status, 200);
        let note = SignedNote::parse(body_of(&reply).as_bytes()).unwrap();
        VerifiedShardMap::verify(&note, &deployment(), &[verifier()]).unwrap()
    };
    let before = read().at().as_millis();
    bench.platform.advance_ms(61_999);
    let map = read();
    // For each who asks, at that second.
    assert_eq!(map.at().as_millis(), before + 61_000);
    let logs: Vec<_> = map
        .map()
        .logs()
        .iter()
        .map(|log| (log.shard, log.open))
        .collect();
    let open = parts().map(|shard| (shard, true));
    assert_eq!(
        logs,
        open.chain([(Shard::Whole, false)]).collect::<Vec<_>>()
    );
    assert_eq!(get(&bench, "/log/shards", OPERATOR).status, 401);
    assert_eq!(get(&bench, "/log/shards?from=0", &auditor()).status, 400);
    let one = get(&Bench::new(), "/log/shards", &auditor());
    assert!(body_of(&one).contains("\nopen gate.simulation.sluis.invalid/log\n"));
}

#[test]
fn a_log_that_fails_stops_what_is_its_own_and_health_names_it() {
    let bench = four();
    let health = || {
        bench.platform.advance_ms(1_000);
        let reply = get(&bench, "/health", OPERATOR);
        let body: Value = serde_json::from_str(&body_of(&reply)).unwrap();
        (reply.status, body)
    };
    let passed = || {
        let mut statuses = BTreeMap::new();
        for _ in 0..60 {
            *statuses.entry(pass(&bench)).or_insert(0) += 1;
        }
        statuses
    };
    let (status, body) = health();
    assert_eq!((status, &body["status"]), (200, &json!("UP")));
    assert_eq!(body.get("log"), None);
    let before = bench.platform.forwarded().len();
    bench
        .platform
        .break_shard(Shard::Part(2), LogFault::Unavailable);
    let statuses = passed();
    assert!(
        statuses[&503] > 0 && statuses[&200] > statuses[&503],
        "{statuses:?}"
    );
    assert_eq!(bench.platform.forwarded().len() - before, statuses[&200]);
    let (status, body) = health();
    assert_eq!((status, &body["status"]), (200, &json!("DEGRADED")));
    let logs = body["logs"].as_object().unwrap();
    let paths = ["/log", "/log/0", "/log/1", "/log/2", "/log/3"];
    assert_eq!(logs.keys().collect::<Vec<_>>(), paths);
    assert_eq!(logs["/log/2"], json!({"status": "DOWN"}));
    assert_eq!(logs["/log/1"]["status"], "UP");
    for shard in parts() {
        bench.platform.break_shard(shard, LogFault::Unavailable);
    }
    assert_eq!(passed(), BTreeMap::from([(503, 60)]));
    let (status, body) = health();
    assert_eq!((status, &body["status"]), (503, &json!("DOWN")));
    // A closed log alone lets nothing pass, and without it everything does.
    for shard in parts() {
        bench.platform.break_shard(shard, LogFault::None);
    }
    assert_eq!(passed(), BTreeMap::from([(200, 60)]));
    bench
        .platform
        .break_shard(Shard::Whole, LogFault::Unavailable);
    let (status, body) = health();
    assert_eq!((status, &body["status"]), (200, &json!("DEGRADED")));
}
