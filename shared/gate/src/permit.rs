//! The permit to forward: the one way from a decision to the backend.
//!
//! ```text
//! Allowance ──append──▶ RecordedAllowance ──issue──▶ ForwardPermit ──by value──▶ Platform::forward
//! ```
//!
//! An [`Allowance`] comes only from `sluis_policy::decide`. Recording consumes
//! it and yields a [`RecordedAllowance`] only when the log's receipt covers the
//! very entry of that decision; a permit consumes that. So forwarding without
//! an allowance, without a record, or twice on one record does not compile.
//! There is one other way, where the configuration puts the whole verdict in
//! shadow: a [`ShadowPassage`] (see `shadow`), which gives a permit without an
//! assertion.
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
use sluis_policy::{Allowance, HolderIdentity, MandateType};

use crate::config::{ShadowLicence, UpstreamConfig};
use crate::error::Fault;
use crate::headers;
use crate::original::OriginalRequest;
use crate::platform::{AuditLog, LogError};
use crate::shadow::ShadowPassage;

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
        self.mandate_type().holder_identity() == HolderIdentity::Pseudonymised
    }

    /// The mandate type that allows it.
    pub(crate) fn mandate_type(&self) -> &MandateType {
        self.allowance.mandate_type()
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
    passing: Passing,
    /// Headers that do not pass for this request.
    withheld: &'static [&'static str],
    /// Headers that the gate sets.
    set: Vec<(&'static str, String)>,
}

/// Which headers of the caller pass.
#[derive(Debug)]
enum Passing {
    /// [`headers::FORWARDED`], and these.
    Listed(Vec<String>),
    /// All that [`headers::passes_in_shadow`]: the API behind is in use and
    /// needs what it needed before.
    AsItCame,
}

impl ForwardPermit {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "taken by value so that one record gives one permit"
    )]
    /// Issues the permit. For a pseudonymised holder nothing beyond the fixed
    /// list passes: a configured header could name it (M-15.2). An answer that is
    /// filtered is asked for whole and in plain encoding.
    pub(crate) fn issue(
        recorded: RecordedAllowance,
        upstream: &UpstreamConfig,
        original: &OriginalRequest,
        assertion: String,
        upstream_trace_id: String,
        licence: Option<&ShadowLicence>,
        filtered: bool,
    ) -> Self {
        let passing = match (recorded.is_holder_pseudonymised(), licence) {
            (true, _) => Passing::Listed(Vec::new()),
            (false, None) => Passing::Listed(upstream.extra_headers.clone()),
            (false, Some(_)) => Passing::AsItCame,
        };
        let identity = filtered.then(|| (headers::IDENTITY.0, headers::IDENTITY.1.to_owned()));
        Self {
            url: format!("{}{}", upstream.url, original.target),
            timeout_ms: upstream.timeout_ms,
            passing,
            withheld: if filtered {
                headers::withheld_of_filtered(&original.method)
            } else {
                &[]
            },
            set: [
                (headers::ASSERTION, assertion),
                (headers::TRACE_ID, upstream_trace_id),
            ]
            .into_iter()
            .chain(identity)
            .collect(),
        }
    }

    /// Issues the permit of a request that goes on although it was refused. It
    /// has no assertion: nothing was allowed.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "taken by value so that one passage gives one permit"
    )]
    pub(crate) fn issue_in_shadow(
        passage: ShadowPassage,
        upstream: &UpstreamConfig,
        target: &str,
        upstream_trace_id: String,
    ) -> Self {
        Self {
            url: format!("{}{target}", upstream.url),
            timeout_ms: upstream.timeout_ms,
            passing: if passage.has_fixed_headers() {
                Passing::Listed(Vec::new())
            } else {
                Passing::AsItCame
            },
            withheld: &[],
            set: vec![(headers::TRACE_ID, upstream_trace_id)],
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

    /// Names of the caller's headers that pass, lower case. Any other stays
    /// here, unless [`Self::passes_as_it_came`].
    pub fn passing(&self) -> impl Iterator<Item = &str> {
        let extra = match &self.passing {
            Passing::Listed(extra) => extra.as_slice(),
            Passing::AsItCame => &[],
        };
        headers::FORWARDED
            .into_iter()
            .chain(extra.iter().map(String::as_str))
            .filter(|name| !self.withheld.contains(name))
    }

    /// Whether every header passes that [`headers::passes_in_shadow`].
    pub fn passes_as_it_came(&self) -> bool {
        match self.passing {
            Passing::Listed(_) => false,
            Passing::AsItCame => true,
        }
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
