//! Compare: a candidate catalogue or candidate key sets beside those that decide.
//!
//! After a request has its answer, the same question is put to the candidate,
//! and where its verdict would have been another one that is counted: by the
//! reason now and the reason then. The candidate changes no answer, delays
//! none and can fail none; without one nothing of this runs.
//!
//! Compared are authentication and policy. What comes besides (binding to a
//! sender, status, the subject of the request, single use) does not depend on
//! a catalogue or on keys and is taken as it was; where it was not reached
//! because something else refused first, the candidate's verdict is taken to
//! end as `granted`. Requests that neither could decide otherwise (no route,
//! no token, our own faults) are not compared.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::Serialize;
use sluis_log::PendingEntry;
use sluis_policy::{Outcome, Question, decide_in_shadow};
use sluis_token::{AccessToken, BearerRequest, UntrustedToken, VerifiedAccessToken};

use crate::config::{Config, IssuerConfig};
use crate::error::{Fault, Refusal, Stop};
use crate::gate::{Gate, unix_time};
use crate::keys::KeyRing;
use crate::original::OriginalRequest;
use crate::platform::Platform;
use crate::record;
use crate::secrets::Secrets;
use crate::serve::{Reply, json};

/// Pairs of reasons that are told apart; the others are counted together.
pub const MAX_COMPARED_PAIRS: usize = 64;
/// What a request that passes has instead of a reason.
const GRANTED: &str = "granted";
/// The reasons of pairs beyond the limit.
const OTHER: &str = "other";

/// Disagreements for one pair of reasons.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disagreement {
    pub(crate) now: &'static str,
    pub(crate) then: &'static str,
    /// Since the instance began.
    total: u64,
    /// Since the last record.
    pub(crate) unrecorded: u64,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
}

/// The candidate, and how it would have decided.
#[derive(Debug)]
pub(crate) struct Comparison {
    keys: KeyRing,
    compared: Cell<u64>,
    pairs: RefCell<Vec<Disagreement>>,
    /// Whether somebody will come to record.
    attended_since_ms: Cell<Option<u64>>,
}

/// How far a request came, and its reason code.
#[derive(Debug, Clone, Copy)]
enum Reached {
    /// Its token did not verify.
    Authentication(&'static str),
    /// The policy decided.
    Policy(&'static str),
    /// Something stopped it that the candidate has no part in.
    Beyond(&'static str),
}

impl Comparison {
    /// The comparison that the configuration asks for, if it does.
    pub(crate) fn new(config: &Config, secrets: &Secrets) -> Option<Self> {
        let asked = config.candidate.is_some()
            || config
                .issuers
                .iter()
                .any(|issuer| issuer.candidate_keys.is_some());
        asked.then(|| Self {
            keys: KeyRing::candidate(config, &secrets.vault),
            compared: Cell::default(),
            pairs: RefCell::default(),
            attended_since_ms: Cell::default(),
        })
    }

    /// Notes one comparison.
    fn note(&self, now: &'static str, then: &'static str, at_ms: u64) {
        self.compared.set(self.compared.get().saturating_add(1));
        if now == then {
            return;
        }
        let mut pairs = self.pairs.borrow_mut();
        let place = |now, then| {
            let mut known = pairs.iter().map(|pair| (pair.now, pair.then));
            known.position(|pair| pair == (now, then))
        };
        let (now, then, found) = match place(now, then) {
            None if pairs.len() >= MAX_COMPARED_PAIRS => (OTHER, OTHER, place(OTHER, OTHER)),
            found => (now, then, found),
        };
        if let Some(pair) = found.and_then(|at| pairs.get_mut(at)) {
            if pair.unrecorded == 0 {
                pair.first_ms = at_ms;
            }
            pair.last_ms = at_ms;
            pair.total = pair.total.saturating_add(1);
            pair.unrecorded = pair.unrecorded.saturating_add(1);
        } else {
            pairs.push(Disagreement {
                now,
                then,
                total: 1,
                unrecorded: 1,
                first_ms: at_ms,
                last_ms: at_ms,
            });
        }
    }

    /// Takes what is to be recorded.
    fn take(&self) -> Vec<Disagreement> {
        let mut pairs = self.pairs.borrow_mut();
        let due = pairs.iter_mut().filter(|pair| pair.unrecorded > 0);
        due.map(|pair| {
            let taken = *pair;
            pair.unrecorded = 0;
            taken
        })
        .collect()
    }

    /// Puts back what could not be recorded.
    fn restore(&self, taken: &Disagreement) {
        let mut pairs = self.pairs.borrow_mut();
        let found = pairs
            .iter_mut()
            .find(|pair| (pair.now, pair.then) == (taken.now, taken.then));
        if let Some(pair) = found {
            pair.unrecorded = pair.unrecorded.saturating_add(taken.unrecorded);
            pair.first_ms = pair.first_ms.min(taken.first_ms);
        }
    }

    /// `GET /operator/comparison`: what this instance counted since it began.
    pub(crate) fn show<B>(&self) -> Result<Reply<B>, Stop> {
        let pairs = self.pairs.borrow();
        let disagreements = pairs.iter().map(|pair| Shown {
            reason_now: pair.now,
            reason_then: pair.then,
            count: pair.total,
        });
        let shown = Summary {
            compared: self.compared.get(),
            disagreements: disagreements.collect(),
        };
        let body = serde_json::to_string(&shown).map_err(|_| Fault::Record)?;
        Ok(json(200, body, crate::headers::NO_STORE.1))
    }

    /// Whether the caller is the one to come back and record. One that has not
    /// come after two intervals is not expected any more.
    fn attend(&self, now_ms: u64, interval_ms: u32) -> bool {
        let patience_ms = 2 * u64::from(interval_ms);
        let attended = self
            .attended_since_ms
            .get()
            .is_some_and(|since| now_ms.saturating_sub(since) <= patience_ms);
        let due = self.pairs.borrow().iter().any(|pair| pair.unrecorded > 0);
        if attended || !due {
            return false;
        }
        self.attended_since_ms.set(Some(now_ms));
        true
    }
}

impl Reached {
    /// What can be compared of an outcome; `None` if the candidate could not
    /// have decided otherwise.
    fn of(outcome: Result<(), &Stop>) -> Option<Self> {
        let stop = match outcome {
            Ok(()) => return Some(Self::Policy(GRANTED)),
            Err(stop) => stop,
        };
        let Stop::Refused(refusal) = stop else {
            return None;
        };
        let code = refusal.code();
        match refusal {
            Refusal::Verify(_) => Some(Self::Authentication(code)),
            Refusal::Denied(_) => Some(Self::Policy(code)),
            Refusal::Binding(_)
            | Refusal::Dpop(_)
            | Refusal::ProofReplayed
            | Refusal::TokenReplayed
            | Refusal::Status(_)
            | Refusal::Subject(_) => Some(Self::Beyond(code)),
            Refusal::Route(_)
            | Refusal::Bearer(_)
            | Refusal::Ambiguous
            | Refusal::Parse(_)
            | Refusal::UnknownIssuer
            | Refusal::Auditor(_)
            | Refusal::Operator
            | Refusal::Order => None,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Authentication(code) | Self::Policy(code) | Self::Beyond(code) => code,
        }
    }
}

impl Gate {
    /// Puts the request's question to the candidate, behind the answer.
    pub(crate) fn compare<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        original: &OriginalRequest,
        outcome: Result<(), &Stop>,
    ) {
        let Some(comparison) = &self.comparison else {
            return;
        };
        let Some(reached) = Reached::of(outcome) else {
            return;
        };
        let bearer = BearerRequest {
            authorization: original.authorization.as_deref(),
            query: original.query(),
            content_type: original.content_type.as_deref(),
        };
        let Ok(bearer) = bearer.parse() else {
            return;
        };
        let asked_ms = platform.now_ms();
        let (gate, later, comparison) = (Rc::clone(self), platform.clone(), Rc::clone(comparison));
        let (method, target) = (original.method.clone(), original.target.clone());
        platform.defer(async move {
            let route = (method.as_str(), target.as_str());
            let then = gate
                .candidate_verdict(&later, &comparison, route, &bearer, reached, asked_ms)
                .await;
            let Some(then) = then else {
                return;
            };
            comparison.note(reached.code(), then, later.now_ms());
            let interval_ms = gate.config.aggregate_interval_ms;
            if comparison.attend(later.now_ms(), interval_ms) {
                later.sleep(interval_ms).await;
                gate.record_comparison(&later, &comparison).await;
            }
        });
    }

    /// The reason code that the request would have had with the candidate;
    /// `None` if that cannot be told.
    async fn candidate_verdict<P: Platform>(
        &self,
        platform: &P,
        comparison: &Comparison,
        (method, target): (&str, &str),
        bearer: &AccessToken,
        now: Reached,
        asked_ms: u64,
    ) -> Option<&'static str> {
        let found = self.config.routes.find(method, target).ok()?;
        let untrusted = UntrustedToken::parse(bearer).ok()?;
        let issuer = self.config.issuer(untrusted.issuer())?;
        let token = if issuer.candidate_keys.is_some() {
            match self
                .authenticate_with_candidate(platform, comparison, untrusted, issuer, asked_ms)
                .await?
            {
                Ok(token) => token,
                Err(code) => return Some(code),
            }
        } else {
            match now {
                // The same keys say the same.
                Reached::Authentication(code) => return Some(code),
                Reached::Policy(_) | Reached::Beyond(_) => {
                    self.verified_again(platform, issuer, bearer, asked_ms)
                        .await?
                }
            }
        };
        let question = Question {
            token: &token,
            operation: &found.route.operation,
            environment: self.config.environment,
            verification_system: &issuer.system,
            at: unix_time(asked_ms).ok()?,
        };
        let catalogue = self.config.candidate.as_ref().unwrap_or(&self.catalogue);
        let decision = decide_in_shadow(catalogue, &question, self.config.enforcement.rules);
        Some(match (decision.outcome(), now) {
            (Outcome::Deny(reason), _) => reason.code(),
            (Outcome::Allow(_), Reached::Beyond(code)) => code,
            (Outcome::Allow(_), Reached::Authentication(_) | Reached::Policy(_)) => GRANTED,
        })
    }

    /// The token that was verified for the request itself, as it was then.
    async fn verified_again<P: Platform>(
        &self,
        platform: &P,
        issuer: &IssuerConfig,
        bearer: &AccessToken,
        asked_ms: u64,
    ) -> Option<VerifiedAccessToken> {
        let cached = self.cache.borrow_mut().get(bearer)?;
        let resolved = self.keys.resolve(platform, issuer, cached.key_id()).await;
        let keys = resolved.ok()?;
        let audience = &self.config.institution.audience;
        let now = unix_time(asked_ms).ok()?;
        cached.recheck(&keys, audience, now).ok()
    }

    /// Verifies a token with the candidate keys: the token or a reason code.
    async fn authenticate_with_candidate<P: Platform>(
        &self,
        platform: &P,
        comparison: &Comparison,
        untrusted: UntrustedToken,
        issuer: &IssuerConfig,
        asked_ms: u64,
    ) -> Option<Result<VerifiedAccessToken, &'static str>> {
        let audience = &self.config.institution.audience;
        let resolved = comparison
            .keys
            .resolve(platform, issuer, untrusted.key_id());
        let keys = match resolved.await {
            Ok(keys) => keys,
            Err(fault) => return Some(Err(fault.code())),
        };
        let now = unix_time(asked_ms).ok()?;
        let verified = untrusted.verify(&keys, audience, platform.verifier(), now);
        Some(verified.await.map_err(|error| error.code()))
    }

    async fn record_comparison<P: Platform>(&self, platform: &P, comparison: &Comparison) {
        comparison.attended_since_ms.set(None);
        for disagreement in comparison.take() {
            let entry: Result<PendingEntry, Fault> =
                record::comparison(self, platform, &disagreement).await;
            let recorded = match entry {
                Ok(entry) => self.append(platform, &entry).await,
                Err(fault) => Err(fault),
            };
            if recorded.is_err() {
                comparison.restore(&disagreement);
            }
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    compared: u64,
    disagreements: Vec<Shown>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    reason_now: &'static str,
    reason_then: &'static str,
    count: u64,
}
