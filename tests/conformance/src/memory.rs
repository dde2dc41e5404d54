//! The library as a target: a gate on the in-memory platform, a fresh one for each case.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::Value;
use sluis_gate::memory::{MemoryPlatform, MemoryRequest};
use sluis_gate::{
    Config, ConfigError, Embedded, Gate, Platform as _, RawSecrets, ReplyBody, Secrets,
};
use sluis_log::{Origin, OriginError};
use sluis_policy::{Catalogue, CatalogueError};
use sluis_token::Algorithm;
use sluis_token::sign::{SignError, SigningKey};
use thiserror::Error;

use crate::case::{IssuerName, Need};
use crate::error::TargetError;
use crate::keys::IssuerKeySet;
use crate::request::{Publication, WireRequest};
use crate::target::{Answer, Target, Witness};

/// The pseudonym key of the gate in memory.
pub const PSEUDONYM_KEY: [u8; 32] = [1; 32];
/// When the clock in memory stands: some second of 2026.
const NOW_SECONDS: u64 = 1_790_000_000;
/// The origin that a redirect leads to.
const ELSEWHERE: &str = "/elsewhere/jwks.json";

/// Why there is no gate in memory.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] SignError),
    /// The log has no name.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The secrets that this makes do not fit.
    #[error("the secrets do not fit")]
    Secrets,
}

/// A gate in memory, and what it is made anew from.
pub struct MemoryTarget {
    config: Embedded,
    catalogue: Catalogue,
    assertion_key: SigningKey,
    origin: Origin,
    /// Where each issuer's keys are fetched, and what is there.
    keys: [(String, String); 2],
    gate: RefCell<Option<(Rc<Gate>, MemoryPlatform)>>,
    seen: Cell<Seen>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    forwarded: usize,
    fetches: usize,
    entries: usize,
}

impl MemoryTarget {
    /// A gate of that configuration and catalogue; `key_urls` are those of the configuration's
    /// first and second issuer, `keys` what they publish.
    pub fn new(
        config: &str,
        catalogue: &str,
        key_urls: [&str; 2],
        keys: [&IssuerKeySet; 2],
    ) -> Result<Self, MemoryError> {
        let config = Embedded::from_toml(config, |_| Err("no key files here".to_owned()))?;
        let catalogue = Catalogue::from_toml(catalogue)?;
        let [first_url, second_url] = key_urls.map(str::to_owned);
        let [first, second] = keys.map(|keys| keys.public_set().to_string());
        Ok(Self {
            config,
            catalogue,
            assertion_key: SigningKey::generate(Algorithm::EdDsa)?,
            origin: Origin::parse("memory.invalid/log")?,
            keys: [(first_url, first), (second_url, second)],
            gate: RefCell::new(None),
            seen: Cell::default(),
        })
    }

    fn start(&self) -> Result<(Rc<Gate>, MemoryPlatform), MemoryError> {
        let secrets = Secrets::try_from(RawSecrets {
            pseudonym_key: Base64UrlUnpadded::encode_string(&PSEUDONYM_KEY),
            log_key: Base64UrlUnpadded::encode_string(&[2; 32]),
            assertion_key: self.assertion_key.to_private_jwk_json().to_string(),
            checkpoint_key: Base64UrlUnpadded::encode_string(&[3; 32]),
            payload_key: Base64UrlUnpadded::encode_string(&[5; 32]),
            auditor_key: Base64UrlUnpadded::encode_string(&[4; 32]),
            operator_token: None,
        })
        .map_err(|_| MemoryError::Secrets)?;
        let config = Config::try_from(self.config.clone())?;
        let catalogue = self.catalogue.clone();
        let platform = MemoryPlatform::new(NOW_SECONDS * 1000, self.origin.clone());
        for (url, set) in &self.keys {
            platform.serve_keys(url, set);
        }
        Ok((Gate::new(config, catalogue, secrets)?, platform))
    }

    fn with<T>(&self, act: impl FnOnce(&Rc<Gate>, &MemoryPlatform) -> T) -> Result<T, TargetError> {
        let gate = self.gate.borrow();
        let (gate, platform) = gate.as_ref().ok_or(TargetError::Surroundings {
            problem: "no gate is running".to_owned(),
        })?;
        Ok(act(gate, platform))
    }
}

impl std::fmt::Debug for MemoryTarget {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("MemoryTarget")
            .finish_non_exhaustive()
    }
}

impl Target for MemoryTarget {
    fn name(&self) -> String {
        "library".to_owned()
    }

    fn offers(&self, need: Need) -> bool {
        match need {
            Need::KeyServer
            | Need::Simulation
            | Need::FixedClock
            | Need::MovableClock
            | Need::SecondIssuer
            | Need::DecisionEndpoint
            | Need::ClientCertificate
            | Need::CertificateField
            | Need::Dpop
            | Need::SingleUse
            | Need::StatusList => true,
        }
    }

    fn now(&self) -> u64 {
        self.with(|_, platform| platform.now_ms() / 1000)
            .unwrap_or(NOW_SECONDS)
    }

    fn begin(&self, _publishes: bool) -> Result<(), TargetError> {
        let started = self.start().map_err(|error| TargetError::Surroundings {
            problem: error.to_string(),
        })?;
        self.gate.replace(Some(started));
        self.seen.set(Seen::default());
        Ok(())
    }

    fn publish(&self, issuer: IssuerName, what: &Publication) -> Result<(), TargetError> {
        let (first, second) = (&self.keys[0], &self.keys[1]);
        let (url, _) = match issuer {
            IssuerName::First => first,
            IssuerName::Second => second,
        };
        self.publish_status(url, what)
    }

    fn publish_status(&self, url: &str, what: &Publication) -> Result<(), TargetError> {
        self.with(|_, platform| match what {
            Publication::Answer { status: 200, body } => platform.serve_keys(url, body),
            // The platform in memory follows no redirect and gives no body of an error.
            Publication::Redirect { body } => {
                platform.drop_keys(url);
                platform.serve_keys(ELSEWHERE, body);
            }
            Publication::Answer { .. } | Publication::Down => platform.drop_keys(url),
        })
    }

    fn send(&self, request: &WireRequest) -> Result<Answer, TargetError> {
        let mut inbound = MemoryRequest::new(&request.method, &request.target);
        for (name, value) in &request.headers {
            inbound = inbound.header(name, value);
        }
        if let Some(certificate) = request.certificate {
            inbound = inbound.certificate(certificate);
        }
        if let Some(body) = &request.body {
            inbound = inbound.body(&String::from_utf8_lossy(body));
        }
        let reply =
            self.with(|gate, platform| pollster::block_on(gate.serve(platform, inbound)))?;
        let body = match reply.body {
            ReplyBody::Text(text) => text.into_bytes(),
            ReplyBody::Bytes(bytes) => bytes,
            ReplyBody::Nothing | ReplyBody::Upstream(_) => Vec::new(),
        };
        Ok(Answer {
            status: reply.status,
            headers: reply
                .headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            body,
        })
    }

    fn move_on(&self, seconds: u64) -> Result<(), TargetError> {
        self.with(|_, platform| platform.advance_ms(seconds * 1000))
    }

    fn witness(&self, _expected: Option<&str>) -> Result<Witness, TargetError> {
        let last = self.seen.get();
        let (now, reasons) = self.with(|gate, platform| {
            // Counts are recorded after the answer; this moves the clock.
            pollster::block_on(platform.run_deferred());
            let sealed = platform.entries();
            let opening = gate.open_entries(platform, sealed);
            let entries = pollster::block_on(opening).unwrap_or_default();
            let reasons: Vec<String> = entries
                .iter()
                .skip(last.entries)
                .filter_map(|entry| serde_json::from_str::<Value>(entry.payload()?).ok())
                .filter_map(|payload| Some(payload.pointer("/data/reason")?.as_str()?.to_owned()))
                .collect();
            let now = Seen {
                forwarded: platform.forwarded().len(),
                fetches: platform.fetches(),
                entries: entries.len(),
            };
            (now, reasons)
        })?;
        self.seen.set(now);
        Ok(Witness {
            forwarded: Some(now.forwarded - last.forwarded),
            fetches: Some(now.fetches - last.fetches),
            reasons: Some(reasons),
        })
    }
}
