//! `GET /health`, as Belgif has it: `UP`, `DEGRADED` or `DOWN`.
//!
//! Anyone gets the status, and nothing else: the guide forbids to show
//! infrastructure to callers who are not trusted. An operator's credential adds
//! `details`, a status a verification system with the age of its keys, `log`, and
//! `enforcement`. A gate whose whole verdict is in shadow is never better than
//! `DEGRADED`: it stands there and keeps nobody out.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::gate::Gate;
use crate::headers;
use crate::platform::{InboundRequest as _, LogState, Platform, Standing};
use crate::serve::{Reply, json};

/// Belgif's health states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Up,
    /// It serves, and somebody should look at it.
    Degraded,
    /// No request can pass.
    Down,
}

#[derive(Serialize)]
struct Health<'a> {
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    enforcement: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<BTreeMap<&'a str, KeysDetail>>,
}

#[derive(Serialize)]
struct LogDetail {
    status: Status,
    /// Entries that are durable.
    sequenced: u64,
    /// Entries under the published checkpoint.
    published: u64,
    /// What speaks against the store, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

impl From<LogState> for LogDetail {
    fn from(state: LogState) -> Self {
        let status = status_of(&state);
        let LogState {
            sequenced,
            published,
            standing,
        } = state;
        let evidence = match standing {
            Standing::Refused(evidence) => Some(evidence),
            Standing::Unchecked | Standing::Sound | Standing::Unpublished => None,
        };
        Self {
            status,
            sequenced,
            published,
            evidence,
        }
    }
}

/// A log that takes nothing serves nobody; one that takes entries and signs no checkpoint wants a look.
fn status_of(state: &LogState) -> Status {
    match &state.standing {
        Standing::Sound => Status::Up,
        Standing::Unpublished => Status::Degraded,
        Standing::Unchecked | Standing::Refused(_) => Status::Down,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeysDetail {
    status: Status,
    keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys_age_seconds: Option<u64>,
}

impl Gate {
    /// `DEGRADED` when an issuer's keys are old or no checkpoint can be published,
    /// `DOWN` when the log does not answer or is not the one that was signed: then
    /// no request could pass anyway.
    pub(crate) async fn health<P: Platform>(
        &self,
        platform: &P,
        request: &P::Request,
    ) -> Reply<P::Response> {
        let is_shadow = self.config.enforcement.licence().is_some();
        let log = self.log_state(platform).await;
        let state = log
            .as_ref()
            .filter(|_| self.log_takes_writes(platform.now_ms()));
        let status = match state.map_or(Status::Down, status_of) {
            Status::Down if !is_shadow => Status::Down,
            Status::Up if !is_shadow && !self.keys.is_degraded(platform.now_ms()) => Status::Up,
            Status::Down | Status::Degraded | Status::Up => Status::Degraded,
        };
        let trusted = self.secrets.has_operator()
            && self
                .secrets
                .is_operator(request.header("authorization").as_deref());
        let health = Health {
            status,
            enforcement: trusted.then_some(
                match (is_shadow, self.config.enforcement.rules.is_empty()) {
                    (true, _) => "shadow",
                    (false, false) => "partly",
                    (false, true) => "enforced",
                },
            ),
            log: log.filter(|_| trusted).map(LogDetail::from),
            details: trusted.then(|| self.keys_details(platform.now_ms())),
        };
        let code = match status {
            Status::Up | Status::Degraded => 200,
            Status::Down => 503,
        };
        // Only a map with non-text keys could fail to serialise; there is none.
        let body = serde_json::to_string(&health).unwrap_or_default();
        json(code, body, headers::NO_STORE.1)
    }

    fn keys_details(&self, now_ms: u64) -> BTreeMap<&str, KeysDetail> {
        let issuers = self.config.issuers.iter();
        issuers
            .map(|issuer| {
                let health = self.keys.health(issuer.rules.issuer(), now_ms);
                let detail = KeysDetail {
                    status: if health.degraded {
                        Status::Degraded
                    } else {
                        Status::Up
                    },
                    keys: health.keys,
                    keys_age_seconds: health.age_ms.map(|age| age / 1000),
                };
                (issuer.system.id(), detail)
            })
            .collect()
    }
}
