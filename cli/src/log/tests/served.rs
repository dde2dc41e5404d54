//! A log's folder over HTTP.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use sluis_log::{DatedShardMap, EntryPage, ExportHeader, ShardMap, StoredEntry, UnixMillis};

use super::written::signer;
use super::{TOKEN, origin};
use crate::clock::now_millis;

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

/// The map of a deployment with one log.
pub(super) fn one_log() -> Vec<u8> {
    let map = ShardMap::new(origin(), 1, &[]).unwrap();
    signed_at(&map, now_millis().unwrap()).into_bytes()
}

/// The note of a map that the deployment signed then.
pub(super) fn signed_at(map: &ShardMap, at: UnixMillis) -> String {
    let dated = DatedShardMap::new(map.clone(), at);
    dated.sign(&signer(1)).unwrap().to_string()
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
    let map = fs::read(folder.join("shards"));
    let is_one = map.is_err();
    // A folder of several logs has one for each, and the one without a number.
    let (folder, path) = match path.split_once('/') {
        Some((number, rest)) if number.parse::<u16>().is_ok() => (folder.join(number), rest),
        _ if is_one => (folder.to_owned(), path),
        _ => (folder.join("whole"), path),
    };
    let folder = folder.as_path();
    let body = match path.strip_prefix("entries?from=") {
        _ if path == "shards" => Some(map.unwrap_or_else(|_| one_log())),
        Some(query) => {
            let (from, limit) = query.split_once("&limit=").unwrap();
            let (from, limit): (usize, usize) = (from.parse().unwrap(), limit.parse().unwrap());
            let records = fs::read_to_string(folder.join("records.jsonl")).unwrap();
            let header: ExportHeader =
                serde_json::from_str(records.lines().next().unwrap()).unwrap();
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
            let page = EntryPage::new(header.origin, u64::try_from(all.len()).unwrap(), items);
            Some(serde_json::to_vec(&page).unwrap())
        }
        None => fs::read(folder.join(path)).ok(),
    };
    // A file of that name says what fails, and how: the beginning of a path, a status, a body.
    let fault = fs::read_to_string(folder.join("fault")).unwrap_or_default();
    let fault = fault.split_once(' ').and_then(|(failing, answer)| {
        let (status, body) = answer.split_once(' ')?;
        path.starts_with(failing).then_some((status, body))
    });
    let (status, body) = match (fault, body) {
        (Some((status, said)), _) => (status, said.as_bytes().to_vec()),
        (None, Some(body)) => ("200", body),
        (None, None) => ("404", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    connection
        .write_all(&[head.as_bytes(), &body].concat())
        .unwrap();
}
