//! From what the pipeline knows to what the log takes.

use std::rc::Rc;

use sluis_log::{
    BackendResult, Check, CheckOutcome, CommitmentRandom, ComparisonCount, DecisionRecord,
    DeliberationFacts, DestroyedPayloads, EntryId, Envelope, Event, GateMode, KeysPurged, LogRead,
    MandateFacts, MappedLog, OperationFacts, OutcomeCode, OutcomeRecord, PayloadKey, PayloadKeyId,
    PayloadsDestroyed, PendingEntry, PolicyDigest, RefusalAggregate, RetentionPeriod,
    RetentionTerms, TokenFacts, Trace, TraceId, UnixMillis, Verdict, seal_with,
};
use sluis_policy::{Catalogue, HolderIdentity as HolderMode};
use sluis_token::{AccessToken, VerifiedAccessToken};

use crate::audit::Reader;
use crate::compare::Disagreement;
use crate::error::{Fault, Stop};
use crate::gate::Gate;
use crate::judge::Judged;
use crate::original::OriginalRequest;
use crate::platform::Platform;
use crate::problem;
use crate::route::RouteMatch;
use crate::tally::Aggregate;
use crate::trace::Nonces;

/// Who performed the checks of a record (M-21.2).
const CHECKED_BY: &str = "sluis";
/// The check that stands in a record when a pseudonymised holder was named.
const HOLDER_EXPOSED_ALARM: &str = "holderExposedAlarm";
/// How the one operators' credential of a deployment is named in records.
const OPERATOR: &str = "operator";

/// What every record of one request shares.
pub(crate) struct Context<'a> {
    gate: &'a Gate,
    nonces: &'a Nonces,
    now_ms: u64,
    related_trace_id: Option<TraceId>,
    mode: GateMode,
    route: &'a RouteMatch<'a>,
}

impl<'a> Context<'a> {
    pub(crate) const fn new(
        gate: &'a Gate,
        nonces: &'a Nonces,
        now_ms: u64,
        original: &OriginalRequest,
        route: &'a RouteMatch<'a>,
    ) -> Self {
        Self {
            gate,
            nonces,
            now_ms,
            related_trace_id: original.related_trace_id,
            mode: original.mode(),
            route,
        }
    }

    /// The key for a record of that outcome, kept on those terms.
    pub(crate) async fn key<P: Platform>(
        &self,
        platform: &P,
        outcome: OutcomeCode,
        terms: RetentionTerms,
    ) -> Result<Rc<PayloadKey>, Fault> {
        let key = self.gate.payload_key(platform, outcome, terms, self.now_ms);
        key.await
    }

    /// The record of a decision over a verified token.
    pub(crate) fn judged(
        &self,
        payload_key: &PayloadKey,
        token: &VerifiedAccessToken,
        verification_system: &str,
        judged: &Judged,
    ) -> Result<PendingEntry, Fault> {
        let key = &self.gate.secrets.log_key;
        let mandate = token.mandate();
        let decision = &judged.decision;
        let mut checks: Vec<Check> = decision
            .rules()
            .iter()
            .map(|rule| Check {
                id: rule.check(),
                requirement: rule.requirement(),
                outcome: match (rule.held(), rule.failed_in_shadow()) {
                    (true, _) => CheckOutcome::Held,
                    (false, true) => CheckOutcome::FailedInShadow,
                    (false, false) => CheckOutcome::Failed,
                },
                by: CHECKED_BY,
            })
            .collect();
        // A secondary network that names its holder (M-15.4) must be seen
        // whichever rule refused first.
        if decision.alarm() {
            checks.push(Check {
                id: HOLDER_EXPOSED_ALARM,
                requirement: "M-15.4",
                outcome: CheckOutcome::Failed,
                by: CHECKED_BY,
            });
        }
        // A holder that must stay unknown is not referred to either.
        let must_hide = decision.holder_identity() == HolderMode::Pseudonymised;
        let hidden = must_hide && !mandate.holder().identity().is_pseudonym();
        let references = self.gate.references.of(token, key, millis(self.now_ms)?);
        let facts = MandateFacts {
            reference_key: references.key,
            mandate: references.mandate,
            mandate_type: mandate.mandate_type(),
            subject: references.subject,
            holder: (!hidden).then_some(references.holder),
            holder_type: mandate.holder().kind().as_str(),
            channel: mandate.channel().as_str(),
        };
        let version = decision.deliberation();
        let number = version.map(|v| v.version().to_string());
        let record = DecisionRecord {
            verdict: verdict(judged.stop.as_ref()),
            mode: self.mode,
            edge_node: self.gate.edge_node(),
            trace: self.trace(),
            token: TokenFacts {
                sha256: token.token_sha256(),
                id: Some(token.token_id()),
                verification_system,
                key_thumbprint: token.key_thumbprint(),
            },
            mandate: Some(facts),
            deliberation: version
                .zip(number.as_deref())
                .map(|(v, version)| DeliberationFacts {
                    number: v.number(),
                    version,
                }),
            operation: None,
            checks: &checks,
            shadow: self.is_shadow() || decision.has_shadowed_failure(),
        };
        self.seal(payload_key, &record)
    }

    /// The record of a token whose signature held and whose claims do not:
    /// nothing of its claims is taken over.
    pub(crate) fn unacceptable(
        &self,
        payload_key: &PayloadKey,
        bearer: &AccessToken,
        verification_system: &str,
        key_thumbprint: [u8; 32],
        stop: &Stop,
    ) -> Result<PendingEntry, Fault> {
        let record = DecisionRecord {
            verdict: verdict(Some(stop)),
            mode: self.mode,
            edge_node: self.gate.edge_node(),
            trace: self.trace(),
            token: TokenFacts {
                sha256: bearer.sha256(),
                id: None,
                verification_system,
                key_thumbprint,
            },
            mandate: None,
            deliberation: None,
            operation: None,
            checks: &[],
            shadow: self.is_shadow(),
        };
        self.seal(payload_key, &record)
    }

    /// Whether nothing is enforced.
    fn is_shadow(&self) -> bool {
        self.gate.config.enforcement.licence().is_some()
    }

    fn trace(&self) -> Trace {
        Trace {
            id: self.nonces.trace_id(),
            related: self.related_trace_id,
        }
    }

    fn seal(&self, key: &PayloadKey, decision: &DecisionRecord<'_>) -> Result<PendingEntry, Fault> {
        let operation = &self.route.route.operation;
        let categories: Vec<&str> = operation.data_categories().collect();
        let decision = DecisionRecord {
            operation: Some(OperationFacts {
                id: operation.id(),
                basis: operation.basis().as_str(),
                purpose: operation.purpose(),
                data_categories: &categories,
            }),
            ..*decision
        };
        let entry = self.nonces.decision_entry();
        let event = Event::Decision(&decision);
        seal_event(self.gate, key, entry, self.now_ms, &event)
    }
}

fn verdict(stop: Option<&Stop>) -> Verdict<'_> {
    match stop {
        None => Verdict::Granted,
        Some(stop) => {
            let kind = problem::Kind::of(stop);
            Verdict::Refused {
                reason: stop.code(),
                problem_type: kind.urn(),
                http_status: kind.status(),
            }
        }
    }
}

/// What an outcome record needs of the decision it follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutcomeTicket {
    decision: EntryId,
    trace: Trace,
    entry: (EntryId, CommitmentRandom),
    terms: RetentionTerms,
}

impl OutcomeTicket {
    /// The outgoing call has a trace id of its own; it relates to that of the
    /// answer, which the decision's record carries.
    pub(crate) fn new(decision: EntryId, nonces: &Nonces, terms: RetentionTerms) -> Self {
        Self {
            decision,
            trace: Trace {
                id: nonces.upstream_trace_id(),
                related: Some(nonces.trace_id()),
            },
            entry: nonces.outcome_entry(),
            terms,
        }
    }

    /// The entry that it belongs to, and whose log is its own.
    pub(crate) const fn decision(&self) -> EntryId {
        self.decision
    }

    pub(crate) async fn seal<P: Platform>(
        self,
        gate: &Gate,
        platform: &P,
        result: BackendResult<'static>,
        duration_ms: u64,
        now_ms: u64,
    ) -> Result<PendingEntry, Fault> {
        let event = Event::Outcome(OutcomeRecord {
            decision: self.decision,
            trace: self.trace,
            result,
            duration_ms,
        });
        let key = gate.payload_key(platform, event.outcome_code(), self.terms, now_ms);
        seal_event(gate, &*key.await?, self.entry, now_ms, &event)
    }
}

/// The record of refusals that were only counted.
pub(crate) async fn aggregate<P: Platform>(
    gate: &Gate,
    platform: &P,
    aggregate: &Aggregate,
) -> Result<PendingEntry, Fault> {
    let event = Event::RefusalAggregate(RefusalAggregate {
        reason: aggregate.reason,
        count: aggregate.count,
        from: millis(aggregate.first_ms)?,
        until: millis(aggregate.last_ms)?,
        shadow: aggregate.shadow,
    });
    seal_own(gate, platform, Nonces::draw()?.decision_entry(), &event).await
}

/// The trace of a request to the gate's own endpoints.
fn unrelated(nonces: &Nonces) -> Trace {
    Trace {
        id: nonces.trace_id(),
        related: None,
    }
}

/// The record of an auditor's reading.
pub(crate) async fn reading<P: Platform>(
    gate: &Gate,
    platform: &P,
    (reader, read): (&Reader, &MappedLog),
    (from, limit): (u64, u32),
    nonces: &Nonces,
) -> Result<PendingEntry, Fault> {
    let event = Event::LogRead(LogRead {
        auditor: reader.auditor(),
        purpose: reader.purpose(),
        reference: reader.reference(),
        trace: unrelated(nonces),
        log: read.origin.as_str(),
        from,
        limit,
    });
    seal_own(gate, platform, nonces.decision_entry(), &event).await
}

/// The record of an operator's purge; of all keys if no system is named.
pub(crate) async fn purge<P: Platform>(
    gate: &Gate,
    platform: &P,
    verification_system: Option<&str>,
    nonces: &Nonces,
) -> Result<PendingEntry, Fault> {
    let event = Event::KeysPurged(KeysPurged {
        operator: OPERATOR,
        trace: unrelated(nonces),
        verification_system,
    });
    seal_own(gate, platform, nonces.decision_entry(), &event).await
}

/// The record of the end of a period.
pub(crate) async fn destruction<P: Platform>(
    gate: &Gate,
    platform: &P,
    (period, key): (RetentionPeriod, PayloadKeyId),
    logs: &[DestroyedPayloads],
    nonces: &Nonces,
) -> Result<PendingEntry, Fault> {
    let event = Event::PayloadsDestroyed(PayloadsDestroyed {
        operator: OPERATOR,
        trace: unrelated(nonces),
        period,
        key,
        logs,
    });
    seal_own(gate, platform, nonces.decision_entry(), &event).await
}

/// The record of disagreements with a candidate.
pub(crate) async fn comparison<P: Platform>(
    gate: &Gate,
    platform: &P,
    disagreement: &Disagreement,
) -> Result<PendingEntry, Fault> {
    let event = Event::ComparisonCount(ComparisonCount {
        now: disagreement.now,
        then: disagreement.then,
        count: disagreement.unrecorded,
        from: millis(disagreement.first_ms)?,
        until: millis(disagreement.last_ms)?,
        candidate: gate.config.candidate.as_ref().map(Catalogue::digest),
    });
    seal_own(gate, platform, Nonces::draw()?.decision_entry(), &event).await
}

/// Seals a record that is of no mandate, under the deployment's own terms.
async fn seal_own<P: Platform>(
    gate: &Gate,
    platform: &P,
    entry: (EntryId, CommitmentRandom),
    event: &Event<'_>,
) -> Result<PendingEntry, Fault> {
    let (now_ms, terms) = (platform.now_ms(), gate.retention_of(None));
    let key = gate.payload_key(platform, event.outcome_code(), terms, now_ms);
    seal_event(gate, &*key.await?, entry, now_ms, event)
}

fn seal_event(
    gate: &Gate,
    key: &PayloadKey,
    (id, random): (EntryId, CommitmentRandom),
    now_ms: u64,
    event: &Event<'_>,
) -> Result<PendingEntry, Fault> {
    let envelope = Envelope {
        source: &gate.config.log.source,
        id,
        at: millis(now_ms)?,
        policy: PolicyDigest(gate.catalogue.digest()),
    };
    seal_with(&envelope, event, random, key, gate.hkdf).map_err(|_| Fault::Record)
}

fn millis(ms: u64) -> Result<UnixMillis, Fault> {
    UnixMillis::new(ms).map_err(|_| Fault::Record)
}
