//! Bodies that pass through, from the caller to the backend and back.
//!
//! The host joins the two ends of a stream that is handed on untouched, so a
//! body of any size costs no memory here. Trailers do not pass: they could name
//! what the headers may not. How a body ended does pass, so that one that broke
//! off is never taken for a whole one.

use std::future::Future;

use sluis_gate::BodyError;
use spin_sdk::wasip3::{
    http::types::{ErrorCode, Trailers},
    wit_bindgen::{FutureReader, StreamReader, StreamResult},
    wit_future, wit_stream,
};

/// How many bytes are read at a time where a body is looked at.
pub(super) const CHUNK_BYTES: usize = 16 * 1024;

/// How a body ended: well, maybe with trailers, or not.
pub(super) type End = FutureReader<Result<Option<Trailers>, ErrorCode>>;

/// An incoming body.
pub(super) struct Incoming {
    pub(super) bytes: StreamReader<u8>,
    pub(super) end: End,
}

impl Incoming {
    /// All of it, at most so many bytes.
    pub(super) async fn whole(mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.next().await {
            if whole.len().saturating_add(chunk.len()) > limit {
                return Err(BodyError::TooLarge { limit });
            }
            whole.extend_from_slice(&chunk);
        }
        match self.end.await {
            Ok(_) => Ok(whole),
            Err(_) => Err(BodyError::Incomplete),
        }
    }

    /// The next bytes; none once the body has ended, well or not.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let (result, bytes) = self.bytes.read(Vec::with_capacity(CHUNK_BYTES)).await;
            match result {
                StreamResult::Complete(0) => {}
                StreamResult::Complete(_) => return Some(bytes),
                StreamResult::Dropped if !bytes.is_empty() => return Some(bytes),
                StreamResult::Dropped | StreamResult::Cancelled => return None,
            }
        }
    }
}

/// An outgoing body: what the message gets, and the work that feeds it.
pub(super) struct Outgoing<W> {
    pub(super) bytes: Option<StreamReader<u8>>,
    pub(super) end: End,
    pub(super) work: W,
}

/// What feeds an outgoing body.
pub(super) type Work = std::pin::Pin<Box<dyn Future<Output = ()>>>;

fn broken_off() -> Result<Option<Trailers>, ErrorCode> {
    Err(ErrorCode::InternalError(None))
}

/// No body.
pub(super) fn empty() -> Outgoing<Option<Work>> {
    // A writer that is dropped writes the default.
    let (_, end) = wit_future::new(|| Ok(None));
    Outgoing {
        bytes: None,
        end,
        work: None,
    }
}

/// These bytes.
pub(super) fn bytes(bytes: Vec<u8>) -> Outgoing<Option<Work>> {
    if bytes.is_empty() {
        return empty();
    }
    let (mut writer, reader) = wit_stream::new();
    let (end_writer, end) = wit_future::new(broken_off);
    let work = async move {
        let unwritten = writer.write_all(bytes).await;
        drop(writer);
        if unwritten.is_empty() {
            // A reader that went away needs no end.
            _ = end_writer.write(Ok(None)).await;
        }
    };
    Outgoing {
        bytes: Some(reader),
        end,
        work: Some(Box::pin(work)),
    }
}

/// A body whose length its header tells: joined end to end.
pub(super) fn passed(incoming: Incoming) -> Outgoing<Option<Work>> {
    let (end_writer, end) = wit_future::new(broken_off);
    let work = async move {
        let ended = incoming.end.await.map(|_trailers| None);
        _ = end_writer.write(ended).await;
    };
    Outgoing {
        bytes: Some(incoming.bytes),
        end,
        work: Some(Box::pin(work)),
    }
}

/// A body of unknown length, its first bytes already read.
pub(super) fn continued(first: Vec<u8>, mut incoming: Incoming) -> Outgoing<Option<Work>> {
    let (mut writer, reader) = wit_stream::new();
    let (end_writer, end) = wit_future::new(broken_off);
    let work = async move {
        let mut next = Some(first);
        while let Some(chunk) = next {
            if !writer.write_all(chunk).await.is_empty() {
                return;
            }
            next = incoming.next().await;
        }
        drop(writer);
        let ended = incoming.end.await.map(|_trailers| None);
        _ = end_writer.write(ended).await;
    };
    Outgoing {
        bytes: Some(reader),
        end,
        work: Some(Box::pin(work)),
    }
}
