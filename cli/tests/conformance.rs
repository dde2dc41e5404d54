//! `sluis conformance` as a process: against servers that answer everything alike, and with wrong profiles.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

const INVALID: &str = r#"{"type":"urn:problem-type:belgif:invalidAccessToken","status":401}"#;

/// A server that gives every request one answer, and keeps what it was sent.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(status: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                    match stream.read(&mut piece) {
                        Ok(read) if read > 0 => {
                            request.extend_from_slice(piece.get(..read).unwrap_or_default());
                        }
                        Ok(_) | Err(_) => break,
                    }
                }
                if request.is_empty() {
                    continue;
                }
                kept.lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&request).into_owned());
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
                     www-authenticate: Bearer\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { address, requests }
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluis-conformance-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sluis"))
            .arg("conformance")
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .unwrap()
    }

    /// A profile of a target at that URL, changed by `change`.
    fn profile(&self, url: &str, change: impl Fn(String) -> String) {
        let text = format!(
            r#"
            [target]
            url = "{url}"
            audience = "https://api.test.invalid"
            clock_skew_seconds = 5
            max_token_lifetime_seconds = 300
            [[persons]]
            ssin = "53480200724"
            subject = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            [[persons]]
            ssin = "53400003597"
            subject = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            [issuer]
            issuer = "https://issuer.test.invalid"
            keys_file = "keys.json"
            [issuer.mandate]
            type = "someType"
            deliberation = "SIM/001"
            purposes = ["somePurpose"]
            data_categories = ["someCategory"]
            holder_type = "organization"
            enterprise_number = "0202239951"
            grant_level = "urn:be:fedict:iam:fas:citizen:Level400"
            consent_version = "1"
            circle_of_trust_version = "1"
            terms_version = "1"
            [operations.path]
            method = "GET"
            path = "/persons/{{ssin}}"
            "#
        );
        fs::write(self.0.join("profile.toml"), change(text)).unwrap();
    }

    fn keys(&self) -> String {
        let made = self.run(&["keys", "--out", "keys.json"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        text(&made.stdout)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn keys_are_made_and_the_public_ones_printed() {
    let folder = Folder::new();
    let printed: Value = serde_json::from_str(&folder.keys()).unwrap();
    let keys = printed.get("keys").unwrap().as_array().unwrap();
    assert_eq!(keys.len(), 5);
    assert!(keys.iter().all(|key| key.get("d").is_none()));
    let private = fs::read_to_string(folder.0.join("keys.json")).unwrap();
    assert!(private.contains("\"d\""));
    let again = folder.run(&["keys", "--out", "keys.json"]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
}

#[test]
fn a_validator_that_refuses_as_it_must_passes() {
    let server = Server::start("401 Unauthorized", INVALID);
    let folder = Folder::new();
    folder.keys();
    folder.profile(&format!("http://{}/base/", server.address), |text| text);
    let run = [
        "--profile",
        "profile.toml",
        "--case",
        "A03",
        "--json",
        "report.json",
        "--junit",
        "report.xml",
    ];
    let ran = folder.run(&run);
    assert_eq!(
        ran.status.code(),
        Some(0),
        "{}{}",
        text(&ran.stdout),
        text(&ran.stderr)
    );
    assert!(
        text(&ran.stdout).contains("algorithms"),
        "{}",
        text(&ran.stdout)
    );
    let report: Value =
        serde_json::from_str(&fs::read_to_string(folder.0.join("report.json")).unwrap()).unwrap();
    assert_eq!(report.pointer("/counts/passed").unwrap(), 5);
    let junit = fs::read_to_string(folder.0.join("report.xml")).unwrap();
    assert!(junit.contains("tests=\"5\" failures=\"0\""), "{junit}");
    let requests = server.requests.lock().unwrap();
    assert_eq!(requests.len(), 5);
    assert!(
        requests
            .iter()
            .all(|request| request.starts_with("GET /base/persons/53480200724 HTTP/1.1\r\n"))
    );
}

#[test]
fn a_validator_that_lets_a_forgery_pass_fails() {
    let server = Server::start("200 OK", "{}");
    let folder = Folder::new();
    folder.keys();
    folder.profile(&format!("http://{}", server.address), |text| text);
    let ran = folder.run(&["--profile", "profile.toml", "--case", "A01"]);
    assert_eq!(ran.status.code(), Some(3), "{}", text(&ran.stderr));
    assert!(
        text(&ran.stdout).contains("status 200, expected 401"),
        "{}",
        text(&ran.stdout)
    );
    assert_eq!(text(&ran.stderr).lines().count(), 1);
}

#[test]
fn an_answer_that_differs_among_its_kind_is_seen() {
    // Refuses with a body that shows what it was sent.
    let server = Server::start(
        "401 Unauthorized",
        r#"{"type":"urn:problem-type:belgif:invalidAccessToken","detail":"sluis-conformance-client"}"#,
    );
    let folder = Folder::new();
    folder.keys();
    folder.profile(&format!("http://{}", server.address), |text| text);
    let ran = folder.run(&["--profile", "profile.toml", "--case", "A03"]);
    assert_eq!(ran.status.code(), Some(3));
    assert!(
        text(&ran.stdout).contains("the answer shows an identifier"),
        "{}",
        text(&ran.stdout)
    );
}

#[test]
fn what_a_target_cannot_take_is_told_with_its_reason() {
    let server = Server::start("401 Unauthorized", INVALID);
    let folder = Folder::new();
    folder.keys();
    folder.profile(&format!("http://{}", server.address), |text| text);
    let ran = folder.run(&["--profile", "profile.toml", "--case", "A77"]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let out = text(&ran.stdout);
    assert!(
        out.contains("not applicable (9): what the issuers publish cannot be changed"),
        "{out}"
    );
    assert!(server.requests.lock().unwrap().is_empty());
}

#[test]
fn a_wrong_profile_or_target_is_refused_before_anything_is_sent() {
    let server = Server::start("200 OK", "{}");
    let url = format!("http://{}", server.address);
    let folder = Folder::new();
    folder.keys();
    let ran = |arguments: &[&str]| {
        let whole = [&["--profile", "profile.toml", "--case", "A03"], arguments].concat();
        let ran = folder.run(&whole);
        (ran.status.code(), text(&ran.stderr))
    };
    let expect = |(code, error): (Option<i32>, String), expected: i32, words: &str| {
        assert_eq!(code, Some(expected), "{error}");
        assert!(error.contains(words), "{error}");
    };
    folder.profile(&url, |text| format!("unknown = 1\n{text}"));
    expect(ran(&[]), 4, "unknown");
    folder.profile(&url, |text| text.replacen("53480200724", "53080200744", 1));
    let (code, _) = ran(&[]);
    assert_eq!(code, Some(4), "a number that could be a person's");
    folder.profile(&url, |text| text.replace("keys.json", "profile.toml"));
    expect(ran(&[]), 4, "no private keys");
    folder.profile(&url, |text| text);
    expect(ran(&["--case", "Z"]), 2, "cannot be used multiple times");
    expect(ran(&["--target", "http://192.0.2.1/"]), 2, "https");
    expect(ran(&["--target", "https://192.0.2.1/"]), 2, "--authorized");
    expect(ran(&["--target", "http://127.0.0.1:1"]), 6, "127.0.0.1:1");
    expect(ran(&["--rate", "0"]), 2, "--rate");
    let none = folder.run(&["--case", "A03"]);
    assert_eq!(none.status.code(), Some(1), "{}", text(&none.stderr));
    assert!(server.requests.lock().unwrap().is_empty());
}
