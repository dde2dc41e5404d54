//! A witness over HTTP: what it cosigns, what it refuses, and what it remembers.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use sluis_log::{AddCheckpoint, CosignatureSigner, KeyName, NoteVerifier, SignedNote};

use super::written::{key, signer, write};
use super::{Folder, LogFailure, sluis};
use crate::log::witness::serve::accept;
use crate::log::witness::store::WitnessStore;

fn witness(number: u8) -> CosignatureSigner {
    let name = KeyName::parse(&format!("witness.example/w{number}")).unwrap();
    CosignatureSigner::new(name, &[40 + number; 32]).unwrap()
}

pub(super) fn verifier(number: u8) -> String {
    witness(number).verifier().to_string()
}

fn open(state: &Path, number: u8) -> Result<WitnessStore, LogFailure> {
    let logs = [NoteVerifier::parse(&key()).unwrap()];
    WitnessStore::open(state, witness(number), &logs)
}

/// A witness, served by a thread that ends with the test's process.
fn serve(state: &Path, number: u8) -> String {
    serve_logs(state, number, &[NoteVerifier::parse(&key()).unwrap()])
}

/// The same of the logs of these keys.
pub(super) fn serve_logs(state: &Path, number: u8, logs: &[NoteVerifier]) -> String {
    let store = WitnessStore::open(state, witness(number), logs).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || accept(&listener, store));
    url
}

struct Answered {
    status: u16,
    content_type: String,
    body: String,
}

fn send(url: &str, request: &[u8]) -> Answered {
    let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    connection.write_all(request).unwrap();
    let mut reader = BufReader::new(connection);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let status = line()[9..12].parse().unwrap();
    let fields: Vec<String> =
        std::iter::from_fn(|| Some(line()).filter(|l| !l.is_empty())).collect();
    let field = |name: &str| {
        let found = fields.iter().find_map(|field| field.strip_prefix(name));
        found.unwrap_or_default().to_owned()
    };
    let (content_type, length) = (field("content-type: "), field("content-length: "));
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Answered {
        status,
        content_type,
        body: String::from_utf8(body).unwrap(),
    }
}

fn post(url: &str, body: &str) -> Answered {
    let length = body.len();
    send(
        url,
        format!(
            "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    )
}

fn question(log: &Path, old: u64) -> String {
    let checkpoint = fs::read(log.join("checkpoint")).unwrap();
    let checkpoint = SignedNote::parse(&checkpoint).unwrap();
    AddCheckpoint {
        old_size: old,
        proof: Vec::new(),
        checkpoint,
    }
    .to_string()
}

fn ask(log: &Path, url: &str, number: u8) -> Result<String, LogFailure> {
    let (dir, witness) = (log.to_str().unwrap(), verifier(number));
    sluis(&[
        "witness",
        "ask",
        "--dir",
        dir,
        "--key",
        &key(),
        "--to",
        url,
        "--witness",
        &witness,
    ])
}

#[test]
fn a_log_that_grows_is_cosigned_and_the_cosignature_kept() {
    let folder = Folder::new();
    let (one, two) = (
        serve(&folder.0.join("w1"), 1),
        serve(&folder.0.join("w2"), 2),
    );
    let mut last = String::new();
    for size in [3, 3, 260, 700] {
        let log = folder.0.join(format!("log-{size}"));
        if !log.exists() {
            write(&log, size, false);
        }
        let said = ask(&log, &one, 1).unwrap();
        assert!(
            said.contains(&format!(
                "size {size}, cosigned by witness.example/w1 at 20"
            )),
            "{said}"
        );
        ask(&log, &two, 2).unwrap();
        let dir = log.to_str().unwrap();
        let (w1, w2) = (verifier(1), verifier(2));
        let quorum = ["--key", &key(), "--witness", &w1, "--witness", &w2];
        let said = sluis(&[&["fsck", "--tree-only", "--dir", dir][..], &quorum].concat()).unwrap();
        assert_eq!(said.matches("cosigned by").count(), 2, "{said}");
        let bundle = folder.path(&format!("bundle-{}", last.len()));
        sluis(
            &[
                &["prove", "--dir", dir, "--index", "2", "--out", &bundle][..],
                &quorum,
            ]
            .concat(),
        )
        .unwrap();
        let said = sluis(&[&["verify", &bundle][..], &quorum].concat()).unwrap();
        assert_eq!(said.matches("cosigned by").count(), 2, "{said}");
        last += "x";
    }
    // The witness shows what it cosigned last, with both signatures.
    let other = format!("GET /{}/checkpoint HTTP/1.1\r\n\r\n", "0".repeat(64));
    assert_eq!(send(&one, other.as_bytes()).status, 404);
    let state = fs::read_dir(folder.0.join("w1")).unwrap();
    let names = state.map(|file| file.unwrap().file_name().into_string().unwrap());
    let hash = names.into_iter().find(|name| name.len() == 64).unwrap();
    let shown = send(
        &one,
        format!("GET /{hash}/checkpoint HTTP/1.1\r\n\r\n").as_bytes(),
    );
    assert_eq!(shown.status, 200);
    assert!(
        shown.body.starts_with("validator.example.be/log\n700\n"),
        "{}",
        shown.body
    );
    assert_eq!(
        SignedNote::parse(shown.body.as_bytes())
            .unwrap()
            .signatures()
            .len(),
        2
    );
}

#[test]
fn a_rolled_back_or_forked_log_is_refused_also_after_a_restart() {
    let folder = Folder::new();
    let (small, large) = (folder.0.join("small"), folder.0.join("large"));
    write(&small, 200, false);
    write(&large, 300, false);
    let state = folder.0.join("state");
    {
        let mut store = open(&state, 1).unwrap();
        let body = question(&large, 0);
        let line = store.add_checkpoint(
            AddCheckpoint::parse(body.as_bytes()).unwrap(),
            1_800_000_000,
        );
        assert!(line.unwrap().starts_with("— witness.example/w1 "));
        // Nobody else has the folder meanwhile.
        let failure = open(&state, 1).err().unwrap();
        assert!(matches!(failure, LogFailure::State { .. }));
    }
    let url = serve(&state, 1);
    let failure = ask(&small, &url, 1).unwrap_err();
    assert!(
        failure
            .to_string()
            .ends_with("it has cosigned 300 entries of this log, and this checkpoint has 200"),
        "{failure}"
    );
    assert_eq!(failure.exit_code(), 4);
    for old in [0, 200] {
        let answer = post(&url, &question(&small, old));
        assert_eq!(
            (
                answer.status,
                answer.content_type.as_str(),
                answer.body.as_str()
            ),
            (409, "text/x.tlog.size", "300\n")
        );
    }
    // The same size with another root, signed by the log itself: a fork.
    let checkpoint = fs::read_to_string(small.join("checkpoint")).unwrap();
    let root = checkpoint.lines().nth(2).unwrap();
    let fork = format!("validator.example.be/log\n300\n{root}\n");
    let fork = sluis_log::Checkpoint::parse(&fork)
        .unwrap()
        .sign(&signer(1))
        .unwrap();
    let answer = post(&url, &format!("old 300\n\n{}", fork.note()));
    assert_eq!(answer.status, 422, "{}", answer.body);
    // A larger tree whose proof does not hold.
    let fork = format!("validator.example.be/log\n301\n{root}\n");
    let fork = sluis_log::Checkpoint::parse(&fork)
        .unwrap()
        .sign(&signer(1))
        .unwrap();
    assert_eq!(
        post(&url, &format!("old 300\n{root}\n\n{}", fork.note())).status,
        422
    );
    assert_eq!(
        post(&url, &format!("old 302\n\n{}", fork.note())).status,
        400
    );
}

#[test]
fn strangers_and_rubbish_are_refused() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 3, false);
    let url = serve(&folder.0.join("state"), 1);
    let good = question(&log, 0);
    // 404 an unknown log; 403 a known one without its signature, or with a wrong one; 400 no question.
    let other = good.replace("validator.example.be", "other.example.be");
    assert_eq!(post(&url, &other).status, 404);
    assert_eq!(post(&url, &good.replace("\n3\n", "\n4\n")).status, 403);
    assert_eq!(post(&url, &good.replace("old 0", "old 00")).status, 400);
    assert_eq!(post(&url, "").status, 400);
    let text = |text: &str| send(&url, text.as_bytes()).status;
    assert_eq!(text("GET /add-checkpoint HTTP/1.1\r\n\r\n"), 405);
    assert_eq!(text("GET / HTTP/1.1\r\n\r\n"), 404);
    assert_eq!(text("rubbish\r\n\r\n"), 400);
    assert_eq!(
        text("POST /add-checkpoint HTTP/1.1\r\ncontent-length: 9999999\r\n\r\n"),
        413
    );
    assert_eq!(
        text("POST /add-checkpoint HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx"),
        400
    );
    assert_eq!(
        text("POST /add-checkpoint HTTP/1.1\r\ncontent-length: +1\r\n\r\nx"),
        400
    );
    assert_eq!(
        text("POST /add-checkpoint HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        411
    );
    assert_eq!(
        text(&format!(
            "GET / HTTP/1.1\r\nx: {}\r\n\r\n",
            "y".repeat(9_000)
        )),
        400
    );
    // Nothing of that was remembered; and two questions go over one connection.
    let body = format!(
        "POST /add-checkpoint HTTP/1.1\r\ncontent-length: {}\r\n\r\n{good}",
        good.len()
    );
    assert_eq!(text(&body), 200);
    let wrong = ask(&log, &url, 2).unwrap_err();
    assert!(
        wrong
            .to_string()
            .ends_with("it answered without a cosignature of witness.example/w2"),
        "{wrong}"
    );
}

#[test]
fn a_cosignature_that_cannot_be_stored_does_not_leave() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 3, false);
    let state = folder.0.join("state");
    let url = serve(&state, 1);
    // What stands in the place of the new file cannot be written over.
    let hash = {
        let logs = sluis_log::WitnessedLog {
            origin: super::origin(),
            keys: Vec::new(),
        };
        logs.origin_hash()
    };
    let obstacle = state.join(format!("{hash}.new"));
    fs::create_dir(&obstacle).unwrap();
    let answer = post(&url, &question(&log, 0));
    assert_eq!(answer.status, 500);
    assert!(!answer.body.contains('—'), "{}", answer.body);
    fs::remove_dir(obstacle).unwrap();
    // It was not remembered either.
    assert_eq!(post(&url, &question(&log, 0)).status, 200);
    assert_eq!(post(&url, &question(&log, 0)).status, 409);
    assert_eq!(post(&url, &question(&log, 3)).status, 200);
}

#[test]
fn a_memory_that_was_tampered_with_starts_no_witness() {
    let folder = Folder::new();
    let log = folder.0.join("log");
    write(&log, 3, false);
    let state = folder.0.join("state");
    let file = {
        let mut store = open(&state, 1).unwrap();
        let body = question(&log, 0);
        store
            .add_checkpoint(
                AddCheckpoint::parse(body.as_bytes()).unwrap(),
                1_800_000_000,
            )
            .unwrap();
        let files = fs::read_dir(&state).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        files
            .find(|path| path.file_name().unwrap().len() == 64)
            .unwrap()
    };
    assert!(open(&state, 1).is_ok());
    let whole = fs::read_to_string(&file).unwrap();
    let unsigned = fs::read_to_string(log.join("checkpoint")).unwrap();
    for text in [
        whole.replace("\n3\n", "\n2\n"),
        unsigned,
        String::new(),
        whole[..whole.len() - 1].to_owned(),
    ] {
        fs::write(&file, text).unwrap();
        let failure = open(&state, 1).err().unwrap();
        assert!(matches!(failure, LogFailure::State { .. }), "{failure}");
        assert_eq!(failure.exit_code(), 4);
    }
    // Another witness's memory is not this one's.
    fs::write(&file, whole).unwrap();
    assert!(open(&state, 1).is_ok());
    assert!(matches!(open(&state, 2), Err(LogFailure::State { .. })));
}
