//! Counting the stops that leave no entry of their own, and recording the counts.

use std::rc::Rc;

use crate::error::{Fault, Refusal, Stop};
use crate::gate::Gate;
use crate::platform::Platform;
use crate::record;
use crate::tally::{Aggregate, Counted, Counter};

impl Gate {
    /// Counts a stop that left no entry of its own.
    pub(crate) fn count<P: Platform>(self: &Rc<Self>, platform: &P, stop: &Stop) {
        if !leaves_no_entry(stop) {
            return;
        }
        self.count_reason(platform, (stop.code(), false));
    }

    /// Counts a stop by its reason, and by whether its request went on.
    pub(crate) fn count_reason<P: Platform>(self: &Rc<Self>, platform: &P, counter: Counter) {
        let Counted::First(first) = self.tally.count(
            counter,
            platform.now_ms(),
            self.config.aggregate_interval_ms,
        ) else {
            return;
        };
        let (gate, later) = (Rc::clone(self), platform.clone());
        platform.defer(async move {
            gate.record_count(&later, first).await;
            later.sleep(gate.config.aggregate_interval_ms).await;
            if let Some(rest) = gate.tally.close(counter) {
                gate.record_count(&later, rest).await;
            }
        });
    }

    async fn record_count<P: Platform>(&self, platform: &P, aggregate: Aggregate) {
        let recorded = match record::aggregate(self, platform, &aggregate).await {
            Ok(entry) => self.append(platform, &entry).await,
            Err(fault) => Err(fault),
        };
        if recorded.is_err() {
            self.tally.restore(aggregate);
        }
    }
}

/// Whether a stop came before a signature held, or is a fault that no entry names.
pub(crate) fn leaves_no_entry(stop: &Stop) -> bool {
    match stop {
        Stop::Refused(refusal) => match refusal {
            Refusal::Route(_)
            | Refusal::Bearer(_)
            | Refusal::Ambiguous
            | Refusal::Parse(_)
            | Refusal::UnknownIssuer
            | Refusal::Auditor(_)
            | Refusal::Operator
            | Refusal::Order => true,
            Refusal::Verify(error) => !error.signature_held(),
            Refusal::Binding(_)
            | Refusal::Dpop(_)
            | Refusal::ProofReplayed
            | Refusal::TokenReplayed
            | Refusal::Status(_)
            | Refusal::Denied(_)
            | Refusal::Subject(_) => false,
        },
        Stop::Failed(fault) => match fault {
            Fault::Keys | Fault::Verifier => true,
            // A log that is down takes no count either; the others have entries.
            Fault::NotStarted
            | Fault::Log(_)
            | Fault::Replay(_)
            | Fault::StatusUnavailable
            | Fault::Upstream(_)
            | Fault::Response(_)
            | Fault::Random
            | Fault::Record
            | Fault::Assertion => false,
        },
    }
}
