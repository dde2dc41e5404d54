//! The commands against a log served by a thread, and against files that are not what they should be.

mod complaint;
mod destruction;
mod erased;
mod matrix;
mod proofs;
mod receipt;
mod reidentify;
mod served;
mod shards;
mod spread;
mod trace;
mod tree;
mod witness;
mod written;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use clap::Parser;
use sluis_log::{
    CommitmentError, EntryPage, Erasable, Fault, FsckError, MemoryLog, Origin, StoredEntry,
    conformance,
};

use super::{LogCommand, LogFailure, run};

const TOKEN: &str = "auditor-token-of-the-test";

#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    log: LogCommand,
}

/// A folder that goes with the value, with a token file in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sluis-log-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("token"), format!("{TOKEN}\n")).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn origin() -> Origin {
    Origin::parse("validator.example.be/log").unwrap()
}

fn log_of(size: u64) -> Vec<StoredEntry> {
    let mut log = MemoryLog::new(origin());
    for number in 0..size {
        log.append(&conformance::sample(number, 0).unwrap())
            .unwrap();
    }
    conformance::opened(log.read(0, u32::MAX))
}

/// Serves the entries, never more than 100 a page, and grows by one entry with every page, as a log does that records
/// its own readings. It ends with the test's process.
fn serve(entries: Vec<StoredEntry>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let entries = Arc::new(Mutex::new(entries));
    thread::spawn(move || {
        for connection in listener.incoming() {
            answer(connection.unwrap(), &mut entries.lock().unwrap());
        }
    });
    url
}

fn answer(connection: TcpStream, entries: &mut Vec<StoredEntry>) {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    let headers: Vec<String> = lines
        .map(Result::unwrap)
        .take_while(|line| !line.is_empty())
        .collect();
    let authorized = headers.iter().any(|line| {
        line.to_ascii_lowercase().starts_with("authorization:") && line.ends_with(TOKEN)
    });
    if request.starts_with("GET /log/shards ") {
        let map = String::from_utf8(served::one_log()).unwrap();
        let (status, body) = if authorized {
            ("200 OK", map)
        } else {
            ("401 Unauthorized", String::new())
        };
        reply(connection, status, &body);
        return;
    }
    let query = request.strip_prefix("GET /log/entries?from=").unwrap();
    let (from, rest) = query.split_once("&limit=").unwrap();
    let limit: usize = rest.split(' ').next().unwrap().parse().unwrap();
    let from: u64 = from.parse().unwrap();
    let size = entries
        .iter()
        .map(|entry| entry.index + 1)
        .max()
        .unwrap_or(0);
    let items: Vec<_> = entries
        .iter()
        .filter(|entry| entry.index >= from)
        .take(limit.min(100))
        .cloned()
        .collect();
    let (status, body) = if authorized {
        (
            "200 OK",
            serde_json::to_string(&EntryPage::new(origin(), size, items)).unwrap(),
        )
    } else {
        ("401 Unauthorized", String::new())
    };
    reply(connection, status, &body);
    if let Some(last) = entries.last().cloned() {
        entries.push(StoredEntry {
            index: last.index + 1,
            ..last
        });
    }
}

fn reply(mut connection: TcpStream, status: &str, body: &str) {
    write!(
        connection,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
}

fn sluis(arguments: &[&str]) -> Result<String, LogFailure> {
    let command = Command::try_parse_from([&["sluis-log"], arguments].concat()).unwrap();
    let mut out = Vec::new();
    run(&command.log, &mut out).map(|()| String::from_utf8(out).unwrap())
}

fn exported(folder: &Folder, entries: Vec<StoredEntry>) -> (String, Result<String, LogFailure>) {
    let (url, file) = (serve(entries), folder.path("export.jsonl"));
    let token = folder.path("token");
    let said = sluis(&[
        "export",
        "--url",
        &url,
        "--auditor-token-file",
        &token,
        "--out",
        &file,
    ]);
    (file, said)
}

#[test]
fn a_log_is_shown_verified_and_exported() {
    let folder = Folder::new();
    let token = folder.path("token");
    let url = serve(log_of(250));
    let server = ["--url", &url, "--auditor-token-file", &token];

    let shown =
        sluis(&[&["show"], &server[..], &["--from", "98", "--limit", "4"]].concat()).unwrap();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(
        lines[3],
        "      101 2026-01-01T00:01:41.000Z refusals refusalsCounted sample count=0 \
         from=2026-01-01T00:01:41.000Z until=2026-01-01T00:01:41.000Z"
    );

    // The first reading has made the served log grow by entries that do not verify; a new one is served.
    let url = serve(log_of(250));
    let said = sluis(&[
        "fsck",
        "--chain-only",
        "--url",
        &url,
        "--auditor-token-file",
        &token,
    ])
    .unwrap();
    assert!(
        said.starts_with("map of the logs of validator.example.be/log: 1, not verified\nvalidator.example.be/log: 250 entries, all verify\n"),
        "{said}"
    );
    assert!(said.contains("250 payloads opened, 0 erased\n"), "{said}");
    let head = said
        .lines()
        .last()
        .unwrap()
        .strip_prefix("head ")
        .unwrap()
        .to_owned();

    let (file, said) = exported(&folder, log_of(250));
    assert_eq!(said.unwrap(), format!("{file}: 250 entries, all verify\n"));
    let verified = sluis(&["fsck", "--file", &file, "--extends", &head]).unwrap();
    assert!(verified.ends_with(&format!("head {head}\n")), "{verified}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    // Nothing is overwritten, and nothing half done is left.
    assert!(matches!(
        exported(&folder, log_of(1)).1,
        Err(LogFailure::File { .. })
    ));
    assert!(!Path::new(&format!("{file}.partial")).exists());
}

#[test]
fn an_empty_log_verifies() {
    let folder = Folder::new();
    let (file, said) = exported(&folder, Vec::new());
    assert!(said.unwrap().ends_with("0 entries, all verify\n"));
    assert!(
        sluis(&["fsck", "--file", &file])
            .unwrap()
            .contains("0 entries")
    );
}

#[test]
fn a_log_that_was_changed_is_named_by_its_first_bad_index() {
    let folder = Folder::new();
    let mut entries = log_of(150);
    entries[120].erasable = entries[119].erasable.clone();
    let (file, said) = exported(&folder, entries);
    let fault = Fault::WrongCommitment(CommitmentError::Mismatch);
    for failure in [
        said.unwrap_err(),
        sluis(&["fsck", "--file", &file]).unwrap_err(),
    ] {
        assert!(
            matches!(failure, LogFailure::Fsck(FsckError { index: 120, fault: f }) if f == fault),
            "{failure}"
        );
        assert_eq!(failure.exit_code(), 3);
    }

    let mut gap = log_of(150);
    gap.remove(130);
    let url = serve(gap);
    let token = folder.path("token");
    let failure = sluis(&[
        "fsck",
        "--chain-only",
        "--url",
        &url,
        "--auditor-token-file",
        &token,
    ])
    .unwrap_err();
    assert_eq!(
        failure.to_string(),
        "the log does not verify: entry 130: missing; index 131 follows instead"
    );

    let shown = sluis(&[
        "show",
        "--url",
        &url,
        "--auditor-token-file",
        &token,
        "--limit",
        "2",
    ]);
    assert_eq!(shown.unwrap().lines().count(), 2);
}

#[test]
fn a_log_that_did_not_only_grow_is_found() {
    let folder = Folder::new();
    let (file, _) = exported(&folder, log_of(20));
    let said = sluis(&["fsck", "--file", &file]).unwrap();
    let head = said
        .lines()
        .last()
        .unwrap()
        .strip_prefix("head 20:")
        .unwrap()
        .to_owned();
    for (known, ok) in [(format!("20:{head}"), true), (format!("19:{head}"), false)] {
        let verdict = sluis(&["fsck", "--file", &file, "--extends", &known]);
        assert_eq!(verdict.is_ok(), ok);
        assert!(ok || matches!(verdict, Err(LogFailure::Rewritten { size: 19, .. })));
    }
    let failure =
        sluis(&["fsck", "--file", &file, "--extends", &format!("21:{head}")]).unwrap_err();
    assert!(matches!(
        failure,
        LogFailure::RolledBack {
            known: 21,
            found: 20
        }
    ));
    assert_eq!(failure.exit_code(), 3);

    let failure =
        sluis(&["fsck", "--file", &file, "--origin", "other.example.be/log"]).unwrap_err();
    assert!(matches!(failure, LogFailure::OtherOrigin { .. }));
    assert_eq!(failure.exit_code(), 3);
}

#[test]
fn files_that_are_no_whole_export_are_called_so() {
    let folder = Folder::new();
    let (file, _) = exported(&folder, log_of(3));
    let whole = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = whole.split_inclusive('\n').collect();
    let verify = |text: &str| {
        let file = folder.write("other.jsonl", text);
        let failure = sluis(&["fsck", "--file", &file]).unwrap_err();
        assert_eq!(failure.exit_code(), 4, "{failure}");
        failure.to_string().replacen(&format!("{file}: "), "", 1)
    };
    assert_eq!(
        verify(&lines[..3].concat()),
        "truncated: 2 of 3 entries are there"
    );
    // Cut anywhere behind the header.
    for cut in [whole.len() - 2, lines[0].len() + 1, lines[0].len()] {
        assert!(verify(&whole[..cut]).starts_with("truncated: "), "{cut}");
    }
    assert_eq!(
        verify(&format!("{whole}{}", lines[3])),
        "line 5: more than the 3 entries that the header announces"
    );
    assert_eq!(verify(""), "line 1: the file is empty");
    assert!(
        verify("{\"format\":\"other\",\"origin\":\"a\",\"size\":1}\n")
            .starts_with("line 1: format")
    );
    assert!(verify(&format!("{}not JSON\n", lines[0])).starts_with("line 2: "));
    let long = format!("{}{}\n", lines[0], "x".repeat(1_000_000));
    assert_eq!(verify(&long), "line 2: longer than 790528 bytes");

    let failure = sluis(&["fsck", "--file", &folder.path("none")]).unwrap_err();
    assert_eq!(failure.exit_code(), 1);
}

#[test]
fn the_token_goes_where_it_belongs_only() {
    let folder = Folder::new();
    let token = folder.path("token");
    let verify = |url: &str, token: &str| {
        sluis(&[
            "fsck",
            "--chain-only",
            "--url",
            url,
            "--auditor-token-file",
            token,
        ])
        .unwrap_err()
    };
    for url in [
        "http://validator.example.be",
        "ftp://127.0.0.1",
        "/log",
        "https://user@validator.example.be",
        "https://validator.example.be?x=1",
        "http://localhost.example.be",
    ] {
        assert!(
            matches!(verify(url, &token), LogFailure::Url { .. }),
            "{url}"
        );
    }
    let wrong = folder.write("wrong", "another-token");
    let failure = verify(&serve(log_of(1)), &wrong);
    assert_eq!(failure.exit_code(), 5);
    assert!(
        failure
            .to_string()
            .ends_with("answered 401: the auditor token is not accepted")
    );
    for text in ["", "two\nlines", "sp ace"] {
        let file = folder.write("bad", text);
        assert!(matches!(
            verify("https://validator.example.be", &file),
            LogFailure::Token(_)
        ));
    }
    // A port that was free a moment ago: nobody is there.
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(verify(&format!("http://{free}"), &token).exit_code(), 6);
}

#[test]
fn a_record_cannot_move_the_cursor() {
    let mut entry = log_of(1).remove(0);
    let opening = entry.erasable.opening_mut().unwrap();
    opening.payload = opening
        .payload
        .replace("\"sample\"", "\"\\u001b[2Jx\\n\\u009b\"");
    let line = super::line::line(&entry);
    assert!(line.contains("\u{fffd}[2Jx\u{fffd}\u{fffd}"), "{line}");
    assert!(!line.chars().any(char::is_control));
    entry.erasable = Erasable::Unopened;
    assert!(super::line::line(&entry).ends_with("refusalsCounted (payload does not open)"));
    entry.erasable = Erasable::Erased;
    assert!(super::line::line(&entry).ends_with("refusals refusalsCounted (payload erased)"));
    entry.entry.pop();
    assert!(super::line::line(&entry).ends_with("an entry has 71 bytes, not 70"));
}
