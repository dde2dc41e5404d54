//! The sequencer: what it publishes, what it refuses to sign, and what stops it half way.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]
#![expect(
    clippy::print_stdout,
    reason = "how many crashes there were is worth a line"
)]

mod crash;
mod evidence;
mod faults;
mod rounds;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sluis_log::{KeyName, NoteSigner};
use sluis_log::{Origin, PendingEntry, conformance};

/// Runs a future that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("memory does not wait"),
    }
}

fn origin() -> Origin {
    Origin::parse("validator.example.be/log").unwrap()
}

fn signer() -> NoteSigner {
    let name = KeyName::parse(origin().as_str()).unwrap();
    NoteSigner::new(name, &[7; 32]).unwrap()
}

/// The `number`th entry.
fn entry(number: u64) -> PendingEntry {
    conformance::sample(number, 0).unwrap()
}
