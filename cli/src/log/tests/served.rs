//! A log's folder over HTTP.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use sluis_log::{EntryPage, StoredEntry};

use super::{TOKEN, origin};

/// Serves a log's folder as a validator does, with the records that are in it, never more than 100 a page. It ends with
/// the test's process.
pub(super) fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    thread::spawn(move || {
        for connection in listener.incoming() {
            answer(connection.unwrap(), &folder);
        }
    });
    url
}

fn answer(mut connection: TcpStream, folder: &Path) {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    let fields: Vec<String> = lines
        .map(Result::unwrap)
        .take_while(|line| !line.is_empty())
        .collect();
    assert!(fields.iter().any(|field| field.ends_with(TOKEN)));
    let path = request.strip_prefix("GET /log/").unwrap();
    let path = path.split(' ').next().unwrap();
    let body = match path.strip_prefix("entries?from=") {
        Some(query) => {
            let (from, limit) = query.split_once("&limit=").unwrap();
            let (from, limit): (usize, usize) = (from.parse().unwrap(), limit.parse().unwrap());
            let records = fs::read_to_string(folder.join("records.jsonl")).unwrap();
            let all: Vec<StoredEntry> = records
                .lines()
                .skip(1)
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let items = all
                .iter()
                .skip(from)
                .take(limit.min(100))
                .cloned()
                .collect();
            let page = EntryPage::new(origin(), u64::try_from(all.len()).unwrap(), items);
            Some(serde_json::to_vec(&page).unwrap())
        }
        None => fs::read(folder.join(path)).ok(),
    };
    let status = if body.is_some() {
        "200 OK"
    } else {
        "404 Not Found"
    };
    let body = body.unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    connection
        .write_all(&[head.as_bytes(), &body].concat())
        .unwrap();
}
