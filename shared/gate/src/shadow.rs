//! The whole verdict in shadow: decide, record, do not block.
//!
//! An institution that puts the gate before an API in use wants to see what it
//! would refuse before it does. Then a refused request goes on as it came:
//! with all its headers but those of the hop, for the API may well need its
//! caller's own `Authorization`. Three things are not given up:
//!
//! - the verdict is recorded or counted first, marked as shadow;
//! - a holder that must stay unknown is not let out: where the token's holder
//!   is pseudonymised, only the fixed list of headers passes (M-15.2);
//! - a target that the gate cannot name in one way is not forwarded.
//!
//! No refused request gets an assertion. A log that takes no writes stops
//! nothing here (it does wherever the verdict counts): the request goes on and
//! is counted until the log is back.
//!
//! ```compile_fail,E0451
//! // A passage has no public constructor and no public field.
//! let passage = sluis_gate::ShadowPassage { fixed_headers: false };
//! ```
//!
//! ```compile_fail,E0308
//! // A platform forwards on a permit, not on a passage.
//! async fn unissued<P: sluis_gate::Platform>(
//!     platform: &P,
//!     passage: sluis_gate::ShadowPassage,
//!     request: P::Request,
//! ) {
//!     let _ = platform.forward(passage, request).await;
//! }
//! ```

use std::rc::Rc;

use sluis_log::{EntryId, PendingEntry, RetentionTerms};

use crate::config::ShadowLicence;
use crate::error::{Fault, Refusal, Stop, SubjectError};
use crate::gate::Gate;
use crate::original::OriginalRequest;
use crate::permit::{ForwardPermit, append};
use crate::platform::{AuditLog, Platform};
use crate::record::OutcomeTicket;
use crate::route::RouteError;
use crate::trace::Nonces;

/// A refusal whose entry is durable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordedRefusal {
    entry: EntryId,
    hides_holder: bool,
    /// Of what becomes of the request, if it goes on.
    terms: RetentionTerms,
}

impl RecordedRefusal {
    /// Appends the refusal's entry and checks the receipt.
    pub(crate) async fn record<L: AuditLog>(
        entry: &PendingEntry,
        hides_holder: bool,
        terms: RetentionTerms,
        log: &L,
    ) -> Result<Self, Fault> {
        append(entry, log).await?;
        Ok(Self {
            entry: entry.id(),
            hides_holder,
            terms,
        })
    }
}

/// Why a request was stopped, and the record of that if it has one of its own.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) stop: Stop,
    refusal: Option<RecordedRefusal>,
    hides_holder: bool,
}

impl Stopped {
    /// A stop with what became of its record.
    pub(crate) fn recorded(stop: Stop, refusal: RecordedRefusal) -> Self {
        Self {
            stop,
            hides_holder: refusal.hides_holder,
            refusal: Some(refusal),
        }
    }

    /// A fault after a token was verified.
    pub(crate) fn failed(fault: Fault, hides_holder: bool) -> Self {
        Self {
            stop: fault.into(),
            refusal: None,
            hides_holder,
        }
    }
}

impl<S: Into<Stop>> From<S> for Stopped {
    fn from(stop: S) -> Self {
        Self {
            stop: stop.into(),
            refusal: None,
            hides_holder: false,
        }
    }
}

/// The right of one stopped request to go on, because nothing is enforced.
#[derive(Debug)]
pub struct ShadowPassage {
    fixed_headers: bool,
}

impl ShadowPassage {
    /// The one constructor. It wants the licence that only a configuration in
    /// shadow gives; `None` for what is not forwarded in shadow either.
    fn of(_licence: &ShadowLicence, stopped: &Stopped) -> Option<Self> {
        let passes = match &stopped.stop {
            Stop::Refused(refusal) => match refusal {
                // Gate and backend might read it as two operations.
                Refusal::Route(RouteError::MalformedTarget)
                // The body did not come whole, so it cannot be sent on.
                | Refusal::Subject(SubjectError::BodyTooSlow)
                | Refusal::Auditor(_)
                | Refusal::Operator
                | Refusal::Order => false,
                Refusal::Route(
                    RouteError::NotFound
                    | RouteError::MethodNotAllowed { .. }
                    | RouteError::UnknownQueryParameter,
                )
                | Refusal::Bearer(_)
                | Refusal::Ambiguous
                | Refusal::Parse(_)
                | Refusal::UnknownIssuer
                | Refusal::Verify(_)
                | Refusal::Binding(_)
                | Refusal::Dpop(_)
                | Refusal::ProofReplayed
                | Refusal::TokenReplayed
                | Refusal::Status(_)
                | Refusal::Denied(_)
                | Refusal::Subject(
                    SubjectError::Mismatch
                    | SubjectError::Malformed { .. }
                    | SubjectError::Absent { .. }
                    | SubjectError::NotJson
                    | SubjectError::BodyTooLarge { .. },
                ) => true,
            },
            // What we could not do stops nobody where nothing is enforced.
            Stop::Failed(_) => true,
        };
        passes.then_some(Self {
            fixed_headers: stopped.hides_holder,
        })
    }

    /// Whether only the fixed list of headers passes.
    pub(crate) fn has_fixed_headers(&self) -> bool {
        self.fixed_headers
    }
}

impl Gate {
    /// Lets a stopped request go on if the whole verdict is in shadow; else
    /// gives the stop back. What has no entry of its own is counted.
    pub(crate) fn pass_in_shadow<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        stopped: Stopped,
        nonces: &Nonces,
    ) -> Result<(ShadowPassage, Option<OutcomeTicket>), Stop> {
        let licence = self.config.enforcement.licence();
        let passage = licence.and_then(|licence| ShadowPassage::of(licence, &stopped));
        let Some(passage) = passage else {
            return Err(stopped.stop);
        };
        let outcome = stopped
            .refusal
            .map(|refusal| OutcomeTicket::new(refusal.entry, nonces, refusal.terms));
        if outcome.is_none() {
            self.count_reason(platform, (stopped.stop.code(), true));
        }
        Ok((passage, outcome))
    }

    /// The permit of a passage.
    pub(crate) fn permit_in_shadow(
        &self,
        passage: ShadowPassage,
        original: &OriginalRequest,
        nonces: &Nonces,
    ) -> ForwardPermit {
        ForwardPermit::issue_in_shadow(
            passage,
            &self.config.upstream,
            &original.target,
            nonces.upstream_trace_id().as_str().to_owned(),
        )
    }
}
