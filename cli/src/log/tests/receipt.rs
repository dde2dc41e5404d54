//! `sluis log receipt`: fetched from a validator, verified without one.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sluis_gate::memory::MemoryRequest;
use sluis_gate::{CheckpointKey, ReplyBody};
use sluis_log::{KeyName, NoteSigner, NoteVerifier, ReceiptField, ShardMap};
use sluis_simulation::{MintRequest, SystemName};

use super::trace::{NOW, SSIN, World, root};
use super::{Folder, LogFailure, origin, sluis};

/// A call, as its holder keeps it, and what the validator answers about it.
struct Kept {
    token: String,
    field: String,
    body: String,
    receipt: String,
    key: String,
}

/// A call at a gate with so many logs.
fn kept(shards: u16) -> Kept {
    let text = root("simulation.toml");
    let line = "aggregate_interval_ms = 10000";
    assert!(text.contains(line));
    let text = text.replace(line, &format!("{line}\nshards = {shards}"));
    let changed = text.replace("gate.simulation.sluis.invalid/log", origin().as_str());
    assert_ne!(changed, text);
    let world = World::with(&changed);
    let request = MintRequest {
        verification_system: SystemName::Cbss,
        ssin: Some(SSIN.to_owned()),
        ..MintRequest::default()
    };
    let token = world.simulation.mint(&request, NOW).unwrap().access_token;
    let ask = |request| {
        let reply = pollster::block_on(world.gate.serve(&world.platform, request));
        pollster::block_on(world.platform.run_deferred());
        assert_eq!(reply.status, 200);
        let body = match reply.body {
            ReplyBody::Text(text) => text,
            ReplyBody::Nothing | ReplyBody::Bytes(_) | ReplyBody::Upstream(_) => String::new(),
        };
        let field = reply
            .headers
            .into_iter()
            .find(|(name, _)| *name == "sluis-receipt");
        (field.map(|(_, value)| value), body)
    };
    let call = MemoryRequest::new("POST", "/pension/v1/rights/get")
        .header("authorization", &format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(&format!("{{\"ssin\":\"{SSIN}\"}}"));
    let (field, body) = ask(call);
    let field = field.unwrap();
    let seed = Base64UrlUnpadded::encode_string(&[9; 32]);
    let key = CheckpointKey::parse(&seed, &origin()).unwrap();
    let map = ShardMap::new(origin(), shards, &[]).unwrap();
    let log = ReceiptField::parse(&field).unwrap().log().clone();
    let mapped = map.logs().iter().find(|mapped| mapped.origin == log);
    let name = KeyName::parse(log.as_str()).unwrap();
    let signer = NoteSigner::new(name, &[9; 32]).unwrap();
    pollster::block_on(world.platform.publish_shard(mapped.unwrap().shard, &signer));
    let (_, receipt) =
        ask(MemoryRequest::new("GET", "/log/receipt").header("sluis-receipt", &field));
    let key = key.signer().verifier().to_string();
    Kept {
        token,
        field,
        body,
        receipt,
        key,
    }
}

/// Answers once, to whoever sends the field.
fn serve(field: String, status: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let lines = BufReader::new(connection.try_clone().unwrap()).lines();
        let head: Vec<String> = lines
            .map(Result::unwrap)
            .take_while(|line| !line.is_empty())
            .collect();
        assert_eq!(head[0], "GET /log/receipt HTTP/1.1");
        let sent = head
            .iter()
            .any(|line| *line == format!("sluis-receipt: {field}"));
        let (status, body) = if sent {
            (status, body)
        } else {
            ("404 Not Found", String::new())
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        connection.write_all(answer.as_bytes()).unwrap();
    });
    url
}

#[test]
fn a_receipt_is_fetched_and_shows_the_call_without_a_network() {
    let (folder, kept) = (Folder::new(), kept(1));
    let field = folder.write("field", &format!("{}\n", kept.field));
    let (token, answer) = (
        folder.write("token", &kept.token),
        folder.write("answer", &kept.body),
    );
    let receipt = folder.path("receipt.json");
    let fetch = |status: &'static str| {
        let url = serve(kept.field.clone(), status, kept.receipt.clone());
        sluis(&[
            "receipt", "fetch", "--url", &url, "--field", &field, "--out", &receipt,
        ])
    };
    for (status, code) in [
        ("202 Accepted", 5),
        ("404 Not Found", 5),
        ("410 Gone", 5),
        ("500 Oops", 5),
    ] {
        assert_eq!(fetch(status).unwrap_err().exit_code(), code, "{status}");
    }
    fetch("200 OK").unwrap();
    let verify = |more: &[&str]| {
        let all = [
            "receipt", "verify", &receipt, "--key", &kept.key, "--field", &field,
        ];
        sluis(&[&all, more].concat())
    };
    let said = verify(&["--token", &token, "--answer", &answer]).unwrap();
    assert!(
        said.contains("getPensionRights") && said.contains("this body is what was sent"),
        "{said}"
    );
    assert!(
        !said.contains(SSIN) && !said.contains("capability"),
        "{said}"
    );

    let other = folder.write("other", "another");
    let code = |result: Result<String, LogFailure>| result.unwrap_err().exit_code();
    assert_eq!(code(verify(&["--token", &other])), 3);
    assert_eq!(code(verify(&["--answer", &other])), 3);
    let stranger = super::written::key();
    assert_eq!(
        code(sluis(&["receipt", "verify", &receipt, "--key", &stranger])),
        3
    );
    assert_eq!(
        code(sluis(&["receipt", "verify", &other, "--key", &kept.key])),
        4
    );
    let wrong = sluis(&[
        "receipt", "verify", &receipt, "--key", &kept.key, "--field", &other,
    ]);
    assert_eq!(code(wrong), 4);
}

#[test]
fn a_receipt_of_one_of_several_logs_verifies_under_the_key_of_the_deployment() {
    let (folder, kept) = (Folder::new(), kept(4));
    let log = ReceiptField::parse(&kept.field).unwrap().log().clone();
    assert!(log.as_str().starts_with(&format!("{}/", origin())), "{log}");
    let receipt = folder.write("receipt.json", &kept.receipt);
    let verify = |key: &str| sluis(&["receipt", "verify", &receipt, "--key", key]);
    let renamed = |name: &str| {
        let name = KeyName::parse(name).unwrap();
        let key = NoteVerifier::parse(&kept.key).unwrap();
        key.renamed(name).to_string()
    };
    for own in [kept.key.clone(), renamed(log.as_str())] {
        let said = verify(&own).unwrap();
        assert!(said.contains(log.as_str()), "{said}");
    }
    let mut numbered = (0..4).map(|number| format!("{}/{number}", origin()));
    let next = numbered.find(|name| name != log.as_str()).unwrap();
    for other in [
        renamed(&next),
        renamed("other.example.be/log"),
        super::written::key(),
    ] {
        let failure = verify(&other).unwrap_err();
        assert_eq!(failure.exit_code(), 3, "{failure}");
    }
}
