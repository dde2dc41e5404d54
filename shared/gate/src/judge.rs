//! Everything that must hold besides the token: its status, the policy, the
//! subject, and that it was not used before (profile §17, §24–32).

use std::rc::Rc;

use sluis_log::OutcomeCode;
use sluis_policy::{Allowance, Decision, Outcome, Question, decide_in_shadow};
use sluis_token::{MAX_CLOCK_SKEW_SECONDS, Usage, VerifiedAccessToken};

use crate::config::IssuerConfig;
use crate::error::{Fault, Refusal, Stop};
use crate::gate::{Gate, unix_time};
use crate::platform::Platform;
use crate::replay::{ReplayStore as _, Use};
use crate::route::RouteMatch;
use crate::subject::{self, MAX_BODY_WAIT_MS, SubjectSource};

/// A decision, and what stops the request in spite or because of it.
pub(crate) struct Judged {
    pub(crate) decision: Decision,
    pub(crate) stop: Option<Stop>,
    /// SHA-256 of the body, where the subject was found in it.
    pub(crate) body_sha256: Option<[u8; 32]>,
}

impl Judged {
    /// The rules that did not hold and were only watched.
    pub(crate) fn failed_in_shadow(&self) -> Vec<&'static str> {
        let rules = self.decision.rules().iter();
        rules
            .filter(|rule| rule.failed_in_shadow())
            .map(|rule| rule.check())
            .collect()
    }

    /// What a record of it is.
    pub(crate) fn outcome_code(&self) -> OutcomeCode {
        if self.stop.is_none() {
            OutcomeCode::Granted
        } else {
            OutcomeCode::Refused
        }
    }

    /// The allowance, if nothing stops the request.
    pub(crate) fn into_allowance(self) -> Result<Allowance, Stop> {
        match (self.stop, self.decision.into_outcome()) {
            (None, Outcome::Allow(allowance)) => Ok(allowance),
            (Some(stop), Outcome::Allow(_) | Outcome::Deny(_)) => Err(stop),
            (None, Outcome::Deny(reason)) => Err(Refusal::Denied(reason).into()),
        }
    }
}

impl Gate {
    /// Profile §17, §24–32: everything that must hold besides the token. A single
    /// use is used up last, by a request that passes if its record can be written.
    pub(crate) async fn judge<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        found: &RouteMatch<'_>,
        token: &VerifiedAccessToken,
        issuer: &IssuerConfig,
        source: SubjectSource<'_, P::Request>,
        now_ms: u64,
    ) -> Result<Judged, Fault> {
        let question = Question {
            token,
            operation: &found.route.operation,
            environment: self.config.environment,
            verification_system: &issuer.system,
            at: unix_time(now_ms)?,
        };
        let status = match token.status_reference() {
            None => Ok(()),
            Some(_) => Box::pin(self.check_status(platform, issuer, token)).await,
        };
        let shadow = self.config.enforcement.rules;
        let decision = decide_in_shadow(&self.catalogue, &question, shadow);
        let bound = match decision.outcome() {
            // It is no longer a valid token, whatever it would have opened.
            Outcome::Allow(_) | Outcome::Deny(_) if let Err(stop) = status => Err(stop),
            Outcome::Deny(reason) => Err(Refusal::Denied(reason.clone()).into()),
            Outcome::Allow(_) => {
                let key = &self.secrets.pseudonym_key;
                let limit = self.config.body_limit;
                let timeout = platform.sleep(MAX_BODY_WAIT_MS);
                let bound = subject::bind(found, token, key, source, limit, timeout).await;
                match (bound, token.mandate().usage()) {
                    (Ok(body), Usage::SingleUse) => {
                        Box::pin(use_up(platform, token)).await.map(|()| body)
                    }
                    (bound, Usage::SingleUse | Usage::Repeated) => bound,
                }
            }
        };
        let (stop, body_sha256) = match bound {
            Ok(body_sha256) => (None, body_sha256),
            Err(stop) => (Some(stop), None),
        };
        Ok(Judged {
            decision,
            stop,
            body_sha256,
        })
    }
}

/// Profile §25: uses up a single-use mandate, by (`iss`, `jti`). It is remembered
/// for as long as the token could pass anywhere.
async fn use_up<P: Platform>(platform: &P, token: &VerifiedAccessToken) -> Result<(), Stop> {
    let until = token.expires_at().saturating_add(MAX_CLOCK_SKEW_SECONDS);
    let used = platform.replay().consume(&token.replay_key(), until).await;
    match used.map_err(Fault::from)? {
        Use::First => Ok(()),
        Use::Repeated => Err(Refusal::TokenReplayed.into()),
    }
}
