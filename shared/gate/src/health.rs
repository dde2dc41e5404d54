//! `GET /health`, as Belgif has it: `UP`, `DEGRADED` or `DOWN`.
//!
//! Anyone gets the status, and nothing else: the guide forbids to show
//! infrastructure to callers who are not trusted. An operator's credential adds
//! `details`, a status a verification system with the age of its keys, and
//! `enforcement`. A gate whose whole verdict is in shadow is never better than
//! `DEGRADED`: it stands there and keeps nobody out.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::gate::Gate;
use crate::headers;
use crate::platform::{InboundRequest as _, Platform};
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
    details: Option<BTreeMap<&'a str, KeysDetail>>,
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
    /// `DEGRADED` when an issuer's keys are old, `DOWN` when the log does not
    /// answer: then no request could pass anyway.
    pub(crate) async fn health<P: Platform>(
        &self,
        platform: &P,
        request: &P::Request,
    ) -> Reply<P::Response> {
        let is_shadow = self.config.enforcement.licence().is_some();
        let status = if !self.log_answers(platform).await && !is_shadow {
            Status::Down
        } else if is_shadow || self.keys.is_degraded(platform.now_ms()) {
            Status::Degraded
        } else {
            Status::Up
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
