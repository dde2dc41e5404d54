//! `POST /operator/keys/purge`: forget keys, here at once and everywhere soon.
//!
//! For the day on which an issuer's key is known to be in wrong hands and the
//! time until the set is refreshed is too long. The body is empty for the keys
//! of all issuers, or `{"issuer":"…"}`. What was derived from the keys goes
//! too. The next token of the issuer waits for a fresh set; if none comes it
//! gets 503.
//!
//! An issuer of which the other instances cannot be told is in `hereOnly`, and
//! the answer is 503: nothing is promised of them. Giving the order again is
//! safe and tries again.

use serde::{Deserialize, Serialize};

use crate::error::{Fault, Refusal, Stop};
use crate::gate::Gate;
use crate::keys::MARK_DEADLINE_MS;
use crate::platform::{InboundRequest, Platform};
use crate::record;
use crate::serve::{Reply, json};
use crate::trace::Nonces;

/// Largest body of an order, in bytes.
pub const MAX_PURGE_BODY_BYTES: usize = 4096;
/// How long a write to the shared store may take to be seen by all: what
/// Workers KV states. Spin's stores are faster.
pub const STORE_DELAY_MS: u64 = 60 * 1000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    issuer: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    /// The issuers whose keys were forgotten here, of which all instances can
    /// learn. Keys that are built in stay.
    purged: Vec<&'a str>,
    /// When every other instance has done so too.
    #[serde(skip_serializing_if = "Option::is_none")]
    everywhere_within_seconds: Option<u64>,
    /// Those whose mark was not written: forgotten by this instance alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    here_only: Vec<&'a str>,
}

impl Gate {
    /// Purges, then records it: an order to forget is obeyed even if the log
    /// is down, and then answered with 503.
    pub(crate) async fn purge_keys<P: Platform>(
        &self,
        platform: &P,
        request: &mut P::Request,
        nonces: &Nonces,
    ) -> Result<Reply<P::Response>, Stop> {
        let body = request.buffer_body(MAX_PURGE_BODY_BYTES).await;
        let body = body.map_err(|_| Refusal::Order)?;
        let order = if body.is_empty() {
            Order::default()
        } else {
            serde_json::from_slice(&body).map_err(|_| Refusal::Order)?
        };
        let chosen = match &order.issuer {
            None => None,
            Some(issuer) => Some(self.config.issuer(issuer).ok_or(Refusal::Order)?),
        };
        // Here all are forgotten before the shared store can take its time.
        let now_ms = platform.now_ms();
        let names = self
            .config
            .issuers
            .iter()
            .map(|issuer| issuer.rules.issuer());
        let marks: Vec<_> = names
            .filter(|name| chosen.is_none_or(|chosen| chosen.rules.issuer() == *name))
            .filter_map(|name| Some((name, self.keys.purge(name, now_ms)?)))
            .collect();
        let (mut purged, mut here_only) = (Vec::new(), Vec::new());
        for (name, mark) in marks {
            match mark.tell(platform).await {
                Ok(()) => purged.push(name),
                Err(_) => here_only.push(name),
            }
        }
        let system = chosen.map(|issuer| issuer.system.id());
        let entry = record::purge(self, platform, system, nonces).await?;
        self.append(platform, &entry).await?;
        let everywhere = here_only.is_empty();
        let answer = Answer {
            purged,
            everywhere_within_seconds: everywhere
                .then_some((MARK_DEADLINE_MS + STORE_DELAY_MS) / 1000),
            here_only,
        };
        let body = serde_json::to_string(&answer).map_err(|_| Fault::Record)?;
        let status = if everywhere { 200 } else { 503 };
        Ok(json(status, body, crate::headers::NO_STORE.1))
    }
}
