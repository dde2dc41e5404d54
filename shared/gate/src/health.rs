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
use crate::log_watch::Watched;
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
    /// By their paths, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<BTreeMap<String, LogDetail>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<BTreeMap<&'a str, KeysDetail>>,
}

#[derive(Serialize)]
struct LogDetail {
    status: Status,
    /// Entries that are durable; none if the log does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequenced: Option<u64>,
    /// Entries under the published checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<u64>,
    /// What speaks against the store, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

impl From<&Watched> for LogDetail {
    fn from(log: &Watched) -> Self {
        let state = log.state.as_ref();
        let evidence = state.and_then(|state| match &state.standing {
            Standing::Refused(evidence) => Some(evidence.clone()),
            Standing::Unchecked | Standing::Sound | Standing::Unpublished => None,
        });
        Self {
            status: state.map_or(Status::Down, status_of),
            sequenced: state.map(|state| state.sequenced),
            published: state.map(|state| state.published),
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
    /// `DEGRADED` when an issuer's keys are old, no checkpoint can be published or one
    /// of several logs is down, `DOWN` when no log answers and is the one that was
    /// signed: then no request could pass anyway.
    pub(crate) async fn health<P: Platform>(
        &self,
        platform: &P,
        request: &P::Request,
    ) -> Reply<P::Response> {
        let is_shadow = self.config.enforcement.licence().is_some();
        let logs = self.log_states(platform).await;
        let status = match self.status_of_all(&logs, platform.now_ms()) {
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
            log: match &*logs {
                [log] if trusted && log.state.is_some() => Some(log.into()),
                _ => None,
            },
            logs: (trusted && logs.len() > 1).then(|| {
                let logs = logs.iter();
                logs.map(|log| (log.shard.path(), log.into())).collect()
            }),
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

    /// Requests pass for as long as one open log takes entries. A closed one keeps
    /// nobody out.
    fn status_of_all(&self, logs: &[Watched], now_ms: u64) -> Status {
        let status = |log: &Watched| {
            let state = log.state.as_ref();
            let state = state.filter(|_| self.log_watch.takes_writes(log.shard, now_ms));
            state.map_or(Status::Down, status_of)
        };
        let mut open = logs.iter().filter(|log| log.open).map(status);
        if open.all(|status| status == Status::Down) {
            return Status::Down;
        }
        if logs.iter().map(status).all(|status| status == Status::Up) {
            Status::Up
        } else {
            Status::Degraded
        }
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
