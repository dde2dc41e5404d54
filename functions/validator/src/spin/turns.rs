//! Turns at the log: one request writes for all that wait.
//!
//! A file has one writer at a time, and that one waits for the disk. Requests of
//! an instance that come while one of them writes queue up; the next one to
//! write takes the whole queue along in its transaction, so that the disk is
//! waited for once. An entry is acknowledged after the commit that holds it, as
//! if it had been alone. A server takes a few writers at a time, each with its
//! own entry: here the turns keep an instance from using up its connections.
//!
//! The right to write is a value. Whatever happens to the request that holds it
//! (done, failed, out of time) dropping it passes the turn on.
//!
//! A request may not wake another one by Rust's means: every request is a task
//! of the component model, and its bindings panic when a waker of one task is
//! called from another (their feature against that traps on wasmtime 48). So
//! each one that waits reads from a stream of its own, and its end is the call.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use sluis_gate::LogError;
use sluis_log::{PendingEntry, Receipt};
use spin_sdk::wasip3::{wit_bindgen::StreamWriter, wit_stream};

/// How many may write at a time, and how many entries each.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) writers: usize,
    pub(super) entries: usize,
}

/// The queue of one instance.
#[derive(Clone)]
pub(super) struct Turns(Rc<Queue>);

struct Queue {
    rules: Rules,
    /// How many may still begin to write.
    free: Cell<usize>,
    waiting: RefCell<VecDeque<Waiter>>,
}

/// An entry that another request writes.
pub(super) struct Waiter {
    pub(super) entry: PendingEntry,
    /// Gone when the request no longer waits.
    turn: Weak<RefCell<Option<Turn>>>,
    /// Dropping it calls the request.
    _call: StreamWriter<u8>,
}

/// What comes of waiting.
pub(super) enum Turn {
    /// Another request has written the entry, or failed to.
    Done(Result<Receipt, LogError>),
    /// It is this request's turn to write, its own entry and the others'.
    Write(Writer),
}

/// The right to write.
pub(super) struct Writer(Turns);

impl Turns {
    pub(super) fn new(rules: Rules) -> Self {
        Self(Rc::new(Queue {
            rules,
            free: Cell::new(rules.writers),
            waiting: RefCell::default(),
        }))
    }

    /// Waits for a turn, or for another request to write the entry.
    pub(super) async fn wait(&self, entry: &PendingEntry) -> Turn {
        if let Some(left) = self.0.free.get().checked_sub(1) {
            self.0.free.set(left);
            return Turn::Write(Writer(self.clone()));
        }
        let turn = Rc::new(RefCell::new(None));
        let (call, mut called) = wit_stream::new();
        self.0.waiting.borrow_mut().push_back(Waiter {
            entry: entry.clone(),
            turn: Rc::downgrade(&turn),
            _call: call,
        });
        _ = called.read(Vec::with_capacity(1)).await;
        // The request that took the entry may have run out of time with it.
        let unwritten = Turn::Done(Err(LogError::Unavailable));
        turn.take().unwrap_or(unwritten)
    }

    fn next(&self) -> Option<Waiter> {
        let mut waiting = self.0.waiting.borrow_mut();
        std::iter::from_fn(|| waiting.pop_front()).find(|waiter| waiter.turn.strong_count() > 0)
    }
}

impl Writer {
    /// The entries that wait, to be written along with one's own.
    pub(super) fn others(&self) -> Vec<Waiter> {
        std::iter::from_fn(|| self.0.next())
            .take(self.0.0.rules.entries.saturating_sub(1))
            .collect()
    }
}

impl Waiter {
    /// Tells the request, unless it has gone.
    pub(super) fn answer(self, result: Result<Receipt, LogError>) {
        if let Some(turn) = self.turn.upgrade() {
            turn.replace(Some(Turn::Done(result)));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        match self.0.next() {
            None => {
                let free = &self.0.0.free;
                free.set(free.get().saturating_add(1));
            }
            Some(waiter) => {
                // A request that goes before it looks drops the right in turn.
                if let Some(turn) = waiter.turn.upgrade() {
                    turn.replace(Some(Turn::Write(Self(self.0.clone()))));
                }
            }
        }
    }
}
