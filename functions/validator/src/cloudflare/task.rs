//! Futures on a Worker: polled once where the request comes in, and after that
//! whenever an operation of JavaScript ends.
//!
//! wasm-bindgen's executor is fine and costs too much here: it queues a future
//! for a later microtask even if it is ready, and each promise awaited takes two
//! closures that WebAssembly allocates. A decision about a cached token needs no
//! promise at all, and one about a new token exactly one.
//!
//! Invariant: no future waits for another request's. Workers bind I/O to the
//! request that began it, so a task must only be woken in its own request.

#![expect(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::js;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A place for one task at a time; its waker outlives the tasks.
struct Slot {
    waker: Waker,
    /// None while it is polled, or free.
    task: Option<Task>,
}

thread_local! {
    static SLOTS: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
    static FREE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static READY: RefCell<VecDeque<usize>> = const { RefCell::new(VecDeque::new()) };
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    static SCHEDULED: Cell<bool> = const { Cell::new(false) };
    static OPERATIONS: RefCell<Operations> = const { RefCell::new(Operations { all: Vec::new(), free: Vec::new() }) };
}

/// Wakes whatever task is in a slot. A wake for a task that has ended reaches
/// its successor, which is then polled once for nothing.
struct SlotWaker(usize);

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        make_ready(self.0);
    }
}

fn make_ready(slot: usize) {
    READY.with_borrow_mut(|ready| ready.push_back(slot));
    // Never polled from here: whoever wakes may be in the middle of something.
    if !RUNNING.get() && !SCHEDULED.replace(true) {
        js::schedule();
    }
}

/// Takes a free slot; its number and waker.
fn take_slot() -> (usize, Waker) {
    let free = FREE.with_borrow_mut(Vec::pop);
    SLOTS.with_borrow_mut(|slots| {
        if let Some(number) = free
            && let Some(slot) = slots.get(number)
        {
            return (number, slot.waker.clone());
        }
        let number = slots.len();
        let waker = Waker::from(Arc::new(SlotWaker(number)));
        slots.push(Slot {
            waker: waker.clone(),
            task: None,
        });
        (number, waker)
    })
}

fn put(slot: usize, task: Task) {
    SLOTS.with_borrow_mut(|slots| {
        if let Some(slot) = slots.get_mut(slot) {
            slot.task = Some(task);
        }
    });
}

/// Polls a future now. Its output if it is ready; otherwise the future goes on
/// as a task and `done` gets the output when it ends.
pub(crate) fn start<F, D>(future: F, done: D) -> Option<F::Output>
where
    F: Future + 'static,
    D: FnOnce(F::Output) + 'static,
{
    let (slot, waker) = take_slot();
    let mut future = Box::pin(future);
    let was_running = RUNNING.replace(true);
    let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
    let output = match polled {
        Poll::Ready(output) => {
            FREE.with_borrow_mut(|free| free.push(slot));
            Some(output)
        }
        Poll::Pending => {
            put(slot, Box::pin(async move { done(future.await) }));
            None
        }
    };
    RUNNING.set(was_running);
    if !was_running {
        run();
    }
    output
}

/// Runs a future as a task of its own, after what runs now.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    let (slot, _) = take_slot();
    put(slot, Box::pin(future));
    make_ready(slot);
}

/// Polls every task that is ready.
#[wasm_bindgen]
pub fn run() {
    SCHEDULED.set(false);
    if RUNNING.replace(true) {
        return;
    }
    while let Some(slot) = READY.with_borrow_mut(VecDeque::pop_front) {
        let taken = SLOTS.with_borrow_mut(|slots| {
            slots
                .get_mut(slot)
                .and_then(|slot| Some((slot.task.take()?, slot.waker.clone())))
        });
        let Some((mut task, waker)) = taken else {
            continue;
        };
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => FREE.with_borrow_mut(|free| free.push(slot)),
            Poll::Pending => put(slot, task),
        }
    }
    RUNNING.set(false);
}

enum State {
    Begun,
    Awaited(Waker),
    Ended(JsValue),
    /// Nobody waits any more; the number is free once JavaScript is done with it.
    Abandoned,
}

struct Operations {
    all: Vec<Option<State>>,
    free: Vec<u32>,
}

impl Operations {
    fn begin(&mut self) -> u32 {
        if let Some(number) = self.free.pop() {
            if let Some(state) = self.get(number) {
                *state = Some(State::Begun);
            }
            return number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(Some(State::Begun));
        number
    }

    fn get(&mut self, number: u32) -> Option<&mut Option<State>> {
        self.all.get_mut(usize::try_from(number).ok()?)
    }
}

/// An operation of JavaScript under way; its outcome is a value, `undefined` if it failed.
#[derive(Debug)]
pub(crate) struct Operation {
    number: u32,
    over: bool,
}

impl Operation {
    /// Begins an operation: `call` hands its number to JavaScript.
    pub(crate) fn begin(call: impl FnOnce(u32)) -> Self {
        let number = OPERATIONS.with_borrow_mut(Operations::begin);
        call(number);
        Self {
            number,
            over: false,
        }
    }
}

impl Future for Operation {
    type Output = JsValue;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JsValue> {
        let number = self.number;
        let outcome = OPERATIONS.with_borrow_mut(|operations| {
            let state = operations.get(number)?;
            match state.take() {
                Some(State::Ended(value)) => {
                    operations.free.push(number);
                    Some(value)
                }
                Some(State::Begun | State::Awaited(_)) => {
                    *state = Some(State::Awaited(context.waker().clone()));
                    None
                }
                // Polled after its end.
                Some(State::Abandoned) | None => Some(JsValue::UNDEFINED),
            }
        });
        match outcome {
            Some(value) => {
                self.over = true;
                Poll::Ready(value)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let number = self.number;
        let old = OPERATIONS.with_borrow_mut(|operations| {
            let state = operations.get(number)?;
            let old = state.take();
            match old {
                Some(State::Ended(_)) => operations.free.push(number),
                Some(State::Begun | State::Awaited(_) | State::Abandoned) | None => {
                    *state = Some(State::Abandoned);
                }
            }
            old
        });
        // Outside the borrow: dropping a value may run code.
        drop(old);
    }
}

/// JavaScript tells that an operation has ended. The task that waits for it is
/// polled before this returns.
#[wasm_bindgen]
pub fn complete(operation: u32, value: JsValue) {
    let was_running = RUNNING.replace(true);
    let waker = OPERATIONS.with_borrow_mut(|operations| {
        let state = operations.get(operation)?;
        match state.replace(State::Ended(value)) {
            Some(State::Awaited(waker)) => Some(waker),
            Some(State::Begun | State::Ended(_)) => None,
            Some(State::Abandoned) | None => {
                *state = None;
                operations.free.push(operation);
                None
            }
        }
    });
    if let Some(waker) = waker {
        waker.wake();
    }
    RUNNING.set(was_running);
    if !was_running {
        run();
    }
}
