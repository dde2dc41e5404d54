//! `POST /operator/keys/purge`: forget keys, here at once and everywhere soon.
//!
//! For the day on which an issuer's key is known to be in wrong hands and the
//! time until the set is refreshed is too long. The body is empty for the keys
//! of all issuers, or `{"issuer":"…"}`. What was derived from the keys goes
//! too. The next token of the issuer waits for a fresh set; if none comes it
//! gets 503.

use serde::{Deserialize, Serialize};

use crate::error::{Refusal, Stop};
use crate::gate::Gate;
use crate::keys::MARK_DEADLINE_MS;
use crate::permit::append;
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
struct Purged<'a> {
    /// The issuers whose keys were forgotten. Keys that are built in stay.
    purged: Vec<&'a str>,
    /// When every other instance has done so too.
    everywhere_within_seconds: u64,
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
        let mut purged = Vec::new();
        for issuer in &self.config.issuers {
            let name = issuer.rules.issuer();
            if chosen.is_none_or(|chosen| chosen.rules.issuer() == name)
                && self.keys.purge(platform, name).await
            {
                purged.push(name);
            }
        }
        let system = chosen.map(|issuer| issuer.system.id());
        let entry = record::purge(self, system, nonces, platform.now_ms())?;
        append(&entry, platform.log()).await?;
        let answer = Purged {
            purged,
            everywhere_within_seconds: (MARK_DEADLINE_MS + STORE_DELAY_MS) / 1000,
        };
        json_of(&answer)
    }
}

fn json_of<B>(value: &impl Serialize) -> Result<Reply<B>, Stop> {
    let body = serde_json::to_string(value).map_err(|_| crate::error::Fault::Record)?;
    Ok(json(200, body, crate::headers::NO_STORE.1))
}
