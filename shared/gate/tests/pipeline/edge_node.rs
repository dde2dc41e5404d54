//! Where a decision was made stands in its record (M-21.5), by the platform's word alone.

use serde_json::{Value, json};
use sluis_log::EdgeNode;

use crate::support::Bench;

#[test]
fn a_decision_says_where_it_was_made_once_the_gate_knows() {
    let bench = Bench::new();
    let node = |at: usize| bench.events()[at]["data"]["edgeNode"].clone();
    let good = bench.mint(json!({}));
    // Nothing of the request names it.
    let request = ["cf-ray", "cf-ipcountry", "x-edge-node", "via"];
    let request = request.iter().fold(bench.request(&good), |request, name| {
        request.header(name, "AMS")
    });
    assert_eq!(bench.serve(request).status, 200);
    assert_eq!(node(0), Value::Null);
    assert!(bench.events()[0]["data"].get("edgeNode").is_none());

    bench
        .gate
        .set_edge_node(EdgeNode::cloudflare("BRU").unwrap());
    // An instance does not move.
    bench
        .gate
        .set_edge_node(EdgeNode::cloudflare("AMS").unwrap());
    let before = bench.events().len();
    let wrong = bench.mint(json!({"purposes": ["simBenefitAdvice"]}));
    assert_eq!(bench.serve(bench.request(&wrong)).status, 403);
    assert_eq!(node(before), "cloudflare/BRU");
    let events = bench.events().len();
    assert_eq!(bench.serve(bench.request(&good)).status, 200);
    assert_eq!(node(events), "cloudflare/BRU");
    // What came of it is of the same call: it has no place of its own.
    assert_eq!(node(events + 1), Value::Null);
}
