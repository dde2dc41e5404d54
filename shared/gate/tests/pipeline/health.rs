//! What `/health` costs: one question to the logs for all who ask, within its time.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use futures::future::join_all;
use pollster::block_on;
use serde_json::{Value, json};
use sluis_gate::memory::{LogFault, MemoryRequest};
use sluis_gate::{HEALTH_LIMIT_MS, HEALTH_QUESTION_MS, Platform as _};
use sluis_log::Shard;

use crate::shards::four;
use crate::support::{Bench, OPERATOR, body_of};

const HUNG: Shard = Shard::Part(2);

fn request() -> MemoryRequest {
    let request = MemoryRequest::new("GET", "/health");
    request.header("authorization", &format!("Bearer {OPERATOR}"))
}

fn told(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

fn asked(bench: &Bench) -> Vec<usize> {
    let logs = [0, 1, 2, 3].map(Shard::Part).into_iter();
    let logs = logs.chain([Shard::Whole]);
    logs.map(|shard| bench.platform.times_asked(shard))
        .collect()
}

/// A request for health that was begun, and waits.
fn begun(bench: &Bench) -> Pin<Box<impl Future>> {
    let mut asking = Box::pin(bench.gate.serve(&bench.platform, request()));
    assert!(is_waiting(asking.as_mut()));
    asking
}

fn is_waiting(asking: Pin<&mut impl Future>) -> bool {
    asking
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_pending()
}

#[test]
fn a_log_that_hangs_is_down_and_keeps_the_answer_back_for_its_limit_only() {
    let bench = four();
    bench.platform.break_shard(HUNG, LogFault::Hangs);
    let before = bench.platform.now_ms();
    let reply = bench.serve_only(request());
    let taken = bench.platform.now_ms() - before;
    assert_eq!(taken, u64::from(HEALTH_QUESTION_MS));
    let body = told(&body_of(&reply));
    assert_eq!((reply.status, &body["status"]), (200, &json!("DEGRADED")));
    assert_eq!(body["logs"]["/log/2"], json!({"status": "DOWN"}));
    assert_eq!(body["logs"]["/log/3"]["status"], "UP");
}

#[test]
fn many_who_ask_at_once_ask_each_log_once() {
    let bench = four();
    bench.platform.break_shard(HUNG, LogFault::Hangs);
    let all = (0..20).map(|_| bench.gate.serve(&bench.platform, request()));
    let replies = block_on(join_all(all));
    let bodies: Vec<_> = replies.iter().map(|reply| told(&body_of(reply))).collect();
    assert_eq!(bodies[0]["logs"]["/log/2"], json!({"status": "DOWN"}));
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(asked(&bench), [1; 5]);
}

#[test]
fn a_question_that_was_lost_with_its_request_holds_nobody_up_for_long() {
    let bench = four();
    bench.platform.break_shard(HUNG, LogFault::Hangs);
    let begin = || begun(&bench);
    // Dropped, as a platform does whose client has gone: the next one asks at once.
    drop(begin());
    let late = begin();
    assert_eq!(asked(&bench), [2; 5]);
    drop(late);
    // Never ended at all: the next one takes its place once that is certain.
    std::mem::forget(begin());
    bench.platform.break_shard(HUNG, LogFault::None);
    let before = bench.platform.now_ms();
    let reply = bench.serve_only(request());
    assert_eq!(told(&body_of(&reply))["status"], "UP");
    assert_eq!(asked(&bench), [4; 5]);
    // Nobody waited for what the logs would have had to answer.
    let waited = bench.platform.now_ms() - before;
    assert!(waited <= u64::from(HEALTH_LIMIT_MS) / 4, "{waited}");
    let mut again = pin!(bench.gate.serve(&bench.platform, request()));
    let context = &mut Context::from_waker(Waker::noop());
    assert!(again.as_mut().poll(context).is_ready());
    assert_eq!(asked(&bench), [4; 5]);
}

#[test]
fn the_limit_holds_behind_questions_that_were_lost_before_a_log_that_hangs() {
    // One that was lost before, and more that begin while this one waits and are lost too.
    for lost_meanwhile in 0..6 {
        let bench = four();
        bench.platform.break_shard(HUNG, LogFault::Hangs);
        std::mem::forget(begun(&bench));
        let before = bench.platform.now_ms();
        let mut asking = pin!(bench.gate.serve(&bench.platform, request()));
        assert!(is_waiting(asking.as_mut()));
        for _ in 0..lost_meanwhile {
            bench.platform.advance_ms(480);
            std::mem::forget(begun(&bench));
            if bench.platform.now_ms() - before < u64::from(HEALTH_LIMIT_MS) - 500 {
                assert!(is_waiting(asking.as_mut()));
            }
        }
        let reply = block_on(asking);
        let taken = bench.platform.now_ms() - before;
        assert!(
            taken <= u64::from(HEALTH_LIMIT_MS),
            "{lost_meanwhile}: {taken}"
        );
        let body = told(&body_of(&reply));
        assert_eq!(body["logs"]["/log/2"], json!({"status": "DOWN"}));
        // Those that answer have had the time to.
        assert_eq!((reply.status, &body["status"]), (200, &json!("DEGRADED")));
        assert_eq!(body["logs"]["/log/3"]["status"], "UP");
    }
}
