//! The published log: what auditors are served of it, and a store that is not the one that was signed.

use pollster::block_on;
use serde_json::{Value, json};
use sluis_gate::memory::{Damage, MemoryRequest};
use sluis_gate::{LogSlice, Reply, ReplyBody};
use sluis_log::{
    EntryBundle, LeafHash, NoteVerifier, ProofBundle, Quorum, SignedNote, TileId,
    VerifiedCheckpoint,
};

use crate::support::{Bench, OPERATOR, auditor, body_of, checkpoint_key, header, origin};

fn verifier() -> NoteVerifier {
    checkpoint_key(&origin()).signer().verifier()
}

fn publish(bench: &Bench) {
    block_on(bench.platform.publish(checkpoint_key(&origin()).signer()));
}

fn get(bench: &Bench) -> impl Fn(&str) -> Reply<sluis_gate::memory::MemoryResponse> {
    |path| {
        let request = MemoryRequest::new("GET", &format!("/log/{path}"));
        bench.serve(request.header("authorization", &format!("Bearer {}", auditor())))
    }
}

fn bytes_of<B>(reply: &Reply<B>) -> &[u8] {
    match &reply.body {
        ReplyBody::Bytes(bytes) => bytes,
        ReplyBody::Text(_) | ReplyBody::Nothing | ReplyBody::Upstream(_) => &[],
    }
}

fn pass(bench: &Bench) -> u16 {
    bench.serve(bench.request(&bench.mint(json!({})))).status
}

fn health(bench: &Bench) -> (u16, Value) {
    bench.platform.advance_ms(1_000);
    let request = MemoryRequest::new("GET", "/health");
    let request = request.header("authorization", &format!("Bearer {OPERATOR}"));
    let reply = bench.serve(request);
    (
        reply.status,
        serde_json::from_str(&body_of(&reply)).unwrap(),
    )
}

#[test]
fn nothing_beyond_the_checkpoint_is_served() {
    let bench = Bench::new();
    let get = get(&bench);
    for path in [
        "checkpoint",
        "tile/0/000",
        "tile/0/000.p/1",
        "tile/entries/000.p/1",
        "proof/0",
    ] {
        assert_eq!(get(path).status, 404, "{path}");
    }
    assert_eq!(pass(&bench), 200);
    assert_eq!(get("checkpoint").status, 404);
    publish(&bench);
    // Granted and completed; what comes after is not published.
    assert_eq!(pass(&bench), 200);
    let reply = get("checkpoint");
    assert_eq!(
        header(&reply, "content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(header(&reply, "cache-control"), Some("no-store, max-age=0"));
    let note = SignedNote::parse(body_of(&reply).as_bytes()).unwrap();
    let signed = VerifiedCheckpoint::verify(note, &origin(), &[verifier()]).unwrap();
    let size = signed.head().size;
    assert!(size > 0 && size < bench.platform.entries().len() as u64);

    let reply = get(&format!("tile/entries/000.p/{size}"));
    assert_eq!(
        header(&reply, "content-type"),
        Some("application/octet-stream")
    );
    let immutable = "private, max-age=31536000, immutable";
    assert_eq!(header(&reply, "cache-control"), Some(immutable));
    let bundle = EntryBundle::decode(bytes_of(&reply)).unwrap();
    let entries = bench.platform.entries();
    let stored: Vec<_> = entries.iter().map(|stored| stored.entry.clone()).collect();
    assert_eq!(bundle.entries(), &stored[..usize::try_from(size).unwrap()]);
    let hashes: Vec<u8> = bundle
        .leaf_hashes()
        .iter()
        .flat_map(|leaf| leaf.0)
        .collect();
    assert_eq!(bytes_of(&get(&format!("tile/0/000.p/{size}"))), hashes);
    assert_eq!(bytes_of(&get("tile/0/000.p/1")), &hashes[..32]);
    for path in [
        format!("tile/0/000.p/{}", size + 1),
        format!("tile/entries/000.p/{}", size + 1),
        "tile/0/000".to_owned(),
        "tile/1/000.p/1".to_owned(),
        format!("proof/{size}"),
    ] {
        assert_eq!(get(&path).status, 404, "{path}");
    }
    for index in 0..size {
        let proof = ProofBundle::parse(body_of(&get(&format!("proof/{index}"))).as_bytes());
        let proof = proof.unwrap();
        let leaf = LeafHash::of(&stored[usize::try_from(index).unwrap()]);
        let keys = [verifier()];
        proof
            .verify(leaf, &origin(), &keys, &Quorum::none())
            .unwrap();
        assert_eq!(
            proof.extra.as_deref(),
            stored
                .get(usize::try_from(index).unwrap())
                .map(Vec::as_slice)
        );
    }
}

#[test]
fn the_tree_is_the_auditors_too() {
    let bench = Bench::new();
    assert_eq!(pass(&bench), 200);
    publish(&bench);
    for path in [
        "checkpoint",
        "tile/0/000.p/1",
        "tile/entries/000.p/1",
        "proof/0",
    ] {
        let target = format!("/log/{path}");
        for token in ["", "wrong", OPERATOR] {
            let request = MemoryRequest::new("GET", &target);
            let request = request.header("authorization", &format!("Bearer {token}"));
            assert_eq!(bench.serve(request).status, 401, "{path}");
        }
        let ask = |method: &str, target: &str| {
            let request = MemoryRequest::new(method, target);
            bench
                .serve(request.header("authorization", &format!("Bearer {}", auditor())))
                .status
        };
        assert_eq!(ask("GET", &target), 200, "{path}");
        assert_eq!(ask("HEAD", &target), 200, "{path}");
        assert_eq!(ask("POST", &target), 405, "{path}");
        assert_eq!(ask("GET", &format!("{target}?from=0")), 400, "{path}");
        assert_eq!(ask("GET", &format!("{target}/")), 404, "{path}");
    }
}

#[test]
fn what_is_damaged_is_named_and_nothing_is_served_in_its_place() {
    let bench = Bench::new();
    for _ in 0..3 {
        assert_eq!(pass(&bench), 200);
    }
    publish(&bench);
    assert_eq!(pass(&bench), 200);
    let get = get(&bench);
    let whole = TileId { level: 0, index: 0 };
    for (damage, path, index) in [
        // The next one would stand in its place, under a path that never changes.
        (Damage::Lost(2), "tile/entries/000.p/5", Some(2)),
        (Damage::Lost(4), "tile/entries/000.p/5", Some(4)),
        (Damage::Lost(5), "tile/entries/000.p/5", None),
        (Damage::Lost(2), "proof/2", Some(2)),
        (Damage::Tile(whole, 3), "tile/0/000.p/5", Some(3)),
        (Damage::Tile(whole, 3), "tile/0/000.p/3", None),
        (Damage::Tile(whole, 0), "tile/0/000.p/5", Some(0)),
        (Damage::Tile(whole, 0), "proof/1", Some(1)),
        (Damage::Unreadable(2), "entries?from=2", Some(2)),
        (Damage::Unreadable(2), "entries?from=1", None),
        (Damage::Unreadable(2), "entries?from=3", None),
    ] {
        bench.platform.damage_log(damage);
        let reply = get(path);
        bench.platform.damage_log(Damage::None);
        let Some(index) = index else {
            assert_eq!(reply.status, 200, "{damage:?} {path}");
            continue;
        };
        assert_eq!(reply.status, 500, "{damage:?} {path}");
        assert_eq!(header(&reply, "cache-control"), Some("no-store, max-age=0"));
        let problem: Value = serde_json::from_str(&body_of(&reply)).unwrap();
        assert_eq!(
            (&problem["index"], &problem["type"]),
            (
                &json!(index),
                &json!("urn:problem-type:belgif:internalServerError")
            )
        );
        assert_eq!(get(path).status, 200, "{path}");
    }
    // A page ends before it, and says where to go on.
    bench.platform.damage_log(Damage::Unreadable(2));
    let page: Value = serde_json::from_str(&body_of(&get("entries?from=0"))).unwrap();
    assert_eq!(
        (&page["items"][1]["index"], &page["next"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_log_that_was_put_back_lets_nothing_through_and_says_so() {
    let bench = Bench::new();
    assert_eq!(pass(&bench), 200);
    publish(&bench);
    let (status, told) = health(&bench);
    assert_eq!((status, &told["log"]["status"]), (200, &json!("UP")));
    assert_eq!(told["log"]["published"], told["log"]["sequenced"]);

    bench.platform.roll_back_log(1);
    // Whoever asks how it stands finds it out.
    assert_eq!(health(&bench).0, 503);
    let before = (
        bench.platform.entries().len(),
        bench.platform.forwarded().len(),
    );
    assert_eq!(pass(&bench), 503);
    let after = (
        bench.platform.entries().len(),
        bench.platform.forwarded().len(),
    );
    assert_eq!(after, before, "recorded or forwarded");
    let (status, told) = health(&bench);
    assert_eq!((status, &told["status"]), (503, &json!("DOWN")));
    assert_eq!(
        told["log"],
        json!({
            "status": "DOWN", "sequenced": 1, "published": 0, "evidence": "rolledBack"
        })
    );
    // A caller is not told what stands behind the gate.
    let reply = bench.serve(MemoryRequest::new("GET", "/health"));
    assert_eq!(body_of(&reply), r#"{"status":"DOWN"}"#);
}

#[test]
fn an_entry_that_came_while_a_page_was_read_is_not_missing() {
    let bench = Bench::new();
    bench.serve(bench.request(&bench.mint(json!({}))));
    let entries = bench.platform.entries();
    let count = u64::try_from(entries.len()).unwrap();
    assert!(count > 0);
    // Seen although it was not there before, and there before although it was not asked for.
    assert_eq!(LogSlice::read_after(0, entries.clone()).size, count);
    assert_eq!(LogSlice::read_after(count + 1, entries).size, count + 1);
    // Not there before, and not seen: that it has come since is no damage.
    assert_eq!(LogSlice::read_after(count, Vec::new()).size, count);
}
