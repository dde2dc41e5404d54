//! The permit to forward: the one way from a decision to the backend.
//!
//! ```text
//! Allowance ──append──▶ RecordedAllowance ──issue──▶ ForwardPermit ──by value──▶ Platform::forward
//! ```
//!
//! An [`Allowance`] comes only from `sluis_policy::decide`. Recording consumes
//! it and yields a [`RecordedAllowance`] only when the log's receipt covers the
//! very entry of that decision; a permit consumes that. So forwarding without
//! an allowance, without a record, or twice on one record does not compile:
//!
//! ```compile_fail,E0451
//! // A permit has no public constructor and no public field.
//! let permit = sluis_gate::ForwardPermit { url: String::new() };
//! ```
//!
//! ```compile_fail,E0451
//! // Nor has the record of an allowance.
//! let recorded = sluis_gate::RecordedAllowance { index: 0 };
//! ```
//!
//! ```compile_fail,E0382
//! // A permit serves once: it is neither Clone nor Copy.
//! async fn twice<P: sluis_gate::Platform>(
//!     platform: &P,
//!     permit: sluis_gate::ForwardPermit,
//!     first: P::Request,
//!     second: P::Request,
//! ) {
//!     let _ = platform.forward(permit, first).await;
//!     let _ = platform.forward(permit, second).await;
//! }
//! ```
//!
//! ```compile_fail,E0308
//! // A platform forwards on a permit, not on an allowance.
//! async fn unrecorded<P: sluis_gate::Platform>(
//!     platform: &P,
//!     allowance: sluis_policy::Allowance,
//!     request: P::Request,
//! ) {
//!     let _ = platform.forward(allowance, request).await;
//! }
//! ```

use sluis_log::PendingEntry;
use sluis_policy::{Allowance, HolderIdentity};

use crate::config::UpstreamConfig;
use crate::error::Fault;
use crate::headers;
use crate::platform::{AuditLog, LogError};

/// An allowance whose entry is durable.
#[derive(Debug)]
pub struct RecordedAllowance {
    allowance: Allowance,
    index: u64,
}

impl RecordedAllowance {
    /// Appends the decision's entry and checks the receipt. The one
    /// constructor; it consumes the allowance, so what is forwarded is what
    /// was recorded.
    pub(crate) async fn record<L: AuditLog>(
        allowance: Allowance,
        entry: &PendingEntry,
        log: &L,
    ) -> Result<Self, Fault> {
        let index = append(entry, log).await?;
        Ok(Self { allowance, index })
    }

    /// Whether the mandate type hides its holders (M-17.3).
    fn is_holder_pseudonymised(&self) -> bool {
        self.allowance.mandate_type().holder_identity() == HolderIdentity::Pseudonymised
    }

    /// Index of the entry in the log.
    pub(crate) fn index(&self) -> u64 {
        self.index
    }
}

/// Appends an entry and checks that the receipt's link covers it: a store
/// that lost or swapped the entry is found here and not by an auditor.
pub(crate) async fn append<L: AuditLog>(entry: &PendingEntry, log: &L) -> Result<u64, Fault> {
    let receipt = log.append(entry).await?;
    if !receipt.is_for(entry) {
        return Err(Fault::Log(LogError::ReceiptMismatch));
    }
    Ok(receipt.index)
}

/// The right to forward one request, once.
#[derive(Debug)]
pub struct ForwardPermit {
    url: String,
    timeout_ms: u32,
    /// Headers of the caller that pass, besides [`headers::FORWARDED`].
    extra: Vec<String>,
    /// Headers that the gate sets.
    set: Vec<(&'static str, String)>,
}

impl ForwardPermit {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "taken by value so that one record gives one permit"
    )]
    /// Issues the permit. For a pseudonymised holder nothing beyond the fixed
    /// list passes: a configured header could name it (M-15.2).
    pub(crate) fn issue(
        recorded: RecordedAllowance,
        upstream: &UpstreamConfig,
        target: &str,
        assertion: String,
        upstream_trace_id: String,
    ) -> Self {
        let extra = if recorded.is_holder_pseudonymised() {
            Vec::new()
        } else {
            upstream.extra_headers.clone()
        };
        Self {
            url: format!("{}{target}", upstream.url),
            timeout_ms: upstream.timeout_ms,
            extra,
            set: vec![
                (headers::ASSERTION, assertion),
                (headers::TRACE_ID, upstream_trace_id),
            ],
        }
    }

    /// Where the request goes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How long to wait for the answer's head, in milliseconds.
    pub fn timeout_ms(&self) -> u32 {
        self.timeout_ms
    }

    /// Names of the caller's headers that pass, lower case. Any other stays here.
    pub fn passing(&self) -> impl Iterator<Item = &str> {
        let extra = self.extra.iter().map(String::as_str);
        headers::FORWARDED.into_iter().chain(extra)
    }

    /// Headers to set on the forwarded request.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.set
    }

    /// The assertion alone, for a proxy that forwards itself.
    pub(crate) fn into_assertion(self) -> Option<(&'static str, String)> {
        self.set
            .into_iter()
            .find(|(name, _)| *name == headers::ASSERTION)
    }
}
