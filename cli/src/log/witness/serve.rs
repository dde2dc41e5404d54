//! `sluis log witness serve`: the witness over HTTP.
//!
//! | request | answer |
//! |---|---|
//! | `POST /add-checkpoint` | 200 a cosignature; 400, 403, 404, 409 with the last size, 413, 422; 500 if it could not be stored |
//! | `GET /<SHA-256 of the origin>/checkpoint` | 200 the checkpoint that was cosigned last; 404 |

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use sluis_log::{AddCheckpoint, WitnessRefusal};

use super::http::{Answer, Incoming, NoRequest, Request};
use super::store::{NotCosigned, WitnessStore};
use super::{ServeArguments, signer};
use crate::clock;
use crate::log::failure::LogFailure;

/// Connections at once; a further one waits to be accepted by nobody and is closed.
const MAX_CONNECTIONS: usize = 32;

pub(crate) fn serve(arguments: &ServeArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let ServeArguments {
        name,
        key_file,
        logs,
        state,
        listen,
    } = arguments;
    let store = WitnessStore::open(state, signer(name, key_file)?, logs)?;
    let failed = |error| LogFailure::Listen {
        address: *listen,
        error,
    };
    let listener = TcpListener::bind(listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    writeln!(out, "{}\nhttp://{address}", store.verifier())
        .and_then(|()| out.flush())
        .map_err(LogFailure::Output)?;
    accept(&listener, store);
    Ok(())
}

/// Answers until the process ends.
pub(crate) fn accept(listener: &TcpListener, store: WitnessStore) {
    let store = Arc::new(Mutex::new(store));
    let open = Arc::new(AtomicUsize::new(0));
    for connection in listener.incoming() {
        let Ok(connection) = connection else { continue };
        if open.fetch_add(1, Ordering::SeqCst) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (store, open) = (Arc::clone(&store), Arc::clone(&open));
        thread::spawn(move || {
            converse(connection, &store);
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

fn converse(mut connection: TcpStream, store: &Mutex<WitnessStore>) {
    let mut incoming = Incoming::new(&mut connection);
    loop {
        let (answer, last) = match incoming.next() {
            Ok(request) => (answer(&request, store), request.last),
            Err(NoRequest::Bad(answer)) => (answer, true),
            Err(NoRequest::Gone) => return,
        };
        if answer.write(incoming.connection(), last).is_err() || last {
            return;
        }
    }
}

fn answer(request: &Request, store: &Mutex<WitnessStore>) -> Answer {
    // A thread that panicked may have left the store between two states: then nothing is cosigned any more.
    let Ok(mut store) = store.lock() else {
        return Answer::text(500, "the witness has failed");
    };
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/add-checkpoint") => add_checkpoint(&request.body, &mut store),
        (_, "/add-checkpoint") => Answer::text(405, "POST is wanted"),
        ("GET", path) => {
            let hash = path.strip_prefix('/');
            let hash = hash.and_then(|path| path.strip_suffix("/checkpoint"));
            match hash.and_then(|hash| store.checkpoint(hash)) {
                Some(note) => Answer {
                    status: 200,
                    content_type: "text/plain; charset=utf-8",
                    body: note,
                },
                None => Answer::text(404, "no such checkpoint was cosigned here"),
            }
        }
        _ => Answer::text(404, "nothing is here"),
    }
}

fn add_checkpoint(body: &[u8], store: &mut WitnessStore) -> Answer {
    let question = match AddCheckpoint::parse(body) {
        Ok(question) => question,
        Err(error) => return Answer::text(400, &error.to_string()),
    };
    let Ok(now) = clock::now() else {
        return Answer::text(500, "the witness has no clock");
    };
    match store.add_checkpoint(question, now.as_seconds()) {
        Ok(line) => Answer {
            status: 200,
            content_type: "text/plain; charset=utf-8",
            body: line,
        },
        Err(NotCosigned::Refused(WitnessRefusal::Conflict(size))) => Answer {
            status: 409,
            content_type: "text/x.tlog.size",
            body: format!("{size}\n"),
        },
        Err(NotCosigned::Refused(refusal)) => Answer::text(refusal.status(), &refusal.to_string()),
        Err(NotCosigned::Failed(problem)) => Answer::text(500, &problem),
    }
}
