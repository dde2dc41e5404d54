//! The keys of payloads: one a retention period, kept wrapped in the trusted place,
//! and for a while in this instance.
//!
//! A record whose period has no key to be had is not made: then nothing is let
//! through, as with a log that takes nothing. A key that is due for destruction is
//! never taken from memory, so that an instance forgets what was destroyed elsewhere.

mod known;

use std::collections::HashMap;
use std::rc::Rc;

use sluis_log::{
    KnownKey, NONCE_BYTES, Origin, OutcomeCode, PayloadKey, RetentionPeriod, RetentionTerms,
    SealedEntry, StoredEntry, UnixMillis, WrappedKey,
};

use sluis_policy::MandateType;

use crate::error::Fault;
use crate::gate::Gate;
use crate::platform::{LogError, Platform};

pub(crate) use known::KnownPayloadKeys;
pub use known::MAX_KNOWN_PAYLOAD_KEYS;

/// Periods of one page of entries that are looked up at most: the page ends before the
/// first entry of one more.
pub const MAX_PERIODS_OF_A_PAGE: usize = 64;

/// How long a request waits in all for a key that others ask for, in milliseconds.
const MAX_KEY_WAIT_MS: u32 = 4_000;
/// Time between two looks at whether they have it.
const WAIT_STEP_MS: u32 = 10;

/// What the trusted place knows of the key of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeriodKey {
    /// The key, wrapped.
    Held(WrappedKey),
    /// It was destroyed. The text is the signed record of that.
    Destroyed(String),
}

/// Where the keys are kept: the trusted place, not beside the payloads.
#[expect(
    async_fn_in_trait,
    reason = "single-threaded runtimes: no caller needs a Send bound"
)]
pub trait PayloadKeys {
    /// The key of a period. `candidate` becomes it, in one step, if the period never
    /// had one: whoever asks at the same time gets the same.
    async fn obtain(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        candidate: &WrappedKey,
    ) -> Result<PeriodKey, LogError>;

    /// The key of a period, if it ever had one.
    async fn find(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
    ) -> Result<Option<PeriodKey>, LogError>;

    /// Every period that ever had a key.
    async fn list(&self, origin: &Origin) -> Result<Vec<(RetentionPeriod, PeriodKey)>, LogError>;

    /// Destroys the key of a period whose day has come, once and for ever; what is
    /// known of it then, which may be another's record of it. Afterwards the key is not
    /// to be had from the place in any way.
    async fn destroy(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        record: &str,
    ) -> Result<PeriodKey, LogError>;
}

impl Gate {
    /// How long records are kept that concern a mandate of that type, or none.
    pub(crate) fn retention_of(&self, mandate_type: Option<&str>) -> RetentionTerms {
        let own = mandate_type.and_then(|code| self.catalogue.mandate_type(code));
        let own = own.and_then(MandateType::log_retention);
        // INVARIANT: `check_against` has refused a catalogue with other bounds.
        own.and_then(|own| RetentionTerms::new(own.access_years(), own.refusal_months()).ok())
            .unwrap_or(self.config.log.retention)
    }

    /// The key for a record of that outcome.
    pub(crate) async fn payload_key<P: Platform>(
        &self,
        platform: &P,
        outcome: OutcomeCode,
        terms: RetentionTerms,
        now_ms: u64,
    ) -> Result<Rc<PayloadKey>, Fault> {
        let at = UnixMillis::new(now_ms).map_err(|_| Fault::Record)?;
        let period = terms.period_of(outcome, at);
        let unavailable = Fault::Log(LogError::KeyUnavailable);
        let mut left_ms = MAX_KEY_WAIT_MS;
        loop {
            if let Some(key) = self.payload_keys.get(period) {
                return Ok(key);
            }
            let Some(question) = self.payload_keys.question(period, platform.now_ms()) else {
                return self.ask(platform, period).await;
            };
            // No future of another request is awaited: Workers bind it to the request
            // that began it.
            while question.is_open(platform.now_ms()) {
                if left_ms == 0 {
                    return Err(unavailable);
                }
                platform.sleep(WAIT_STEP_MS).await;
                left_ms = left_ms.saturating_sub(WAIT_STEP_MS);
            }
            if question.has_failed() {
                return Err(unavailable);
            }
        }
    }

    /// Asks for a key, for all requests of this instance that want it.
    async fn ask<P: Platform>(
        &self,
        platform: &P,
        period: RetentionPeriod,
    ) -> Result<Rc<PayloadKey>, Fault> {
        let now_ms = platform.now_ms();
        let asking = self.payload_keys.ask(period, now_ms);
        let key = self.obtain(platform, period).await;
        if key.is_err() {
            asking.fail();
            // As with a write that failed, for `/health`: all logs want it.
            for log in self.config.log.shards.logs() {
                self.log_watch.noted(log.shard, Some(now_ms));
            }
        }
        key
    }

    async fn obtain<P: Platform>(
        &self,
        platform: &P,
        period: RetentionPeriod,
    ) -> Result<Rc<PayloadKey>, Fault> {
        let origin = self.config.log.shards.origin();
        let mut random = zeroize::Zeroizing::new([0; 32]);
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut *random).map_err(|_| Fault::Random)?;
        getrandom::fill(&mut nonce).map_err(|_| Fault::Random)?;
        let wrapping = &self.secrets.wrapping_key;
        let fresh = PayloadKey::new(origin, period, *random);
        let candidate = wrapping.wrap(origin, &fresh, nonce).ok_or(Fault::Record)?;
        let keys = platform.payload_keys();
        let found = keys.obtain(origin, period, &candidate).await;
        let unavailable = Fault::Log(LogError::KeyUnavailable);
        let PeriodKey::Held(wrapped) = found.map_err(|_| unavailable.clone())? else {
            // A period that has ended gets no record any more.
            return Err(unavailable);
        };
        let key = wrapping.unwrap(origin, period, &wrapped);
        let key = Rc::new(key.ok_or(unavailable)?);
        self.payload_keys.insert(&key);
        Ok(key)
    }

    /// Opens what the log returned, up to an entry of a period too many: whoever wants more
    /// asks from there.
    pub async fn open_entries<P: Platform>(
        &self,
        platform: &P,
        entries: Vec<SealedEntry>,
    ) -> Result<Vec<StoredEntry>, Fault> {
        let now = UnixMillis::new(platform.now_ms()).map_err(|_| Fault::Record)?;
        let mut periods: HashMap<RetentionPeriod, Known> = HashMap::new();
        let mut opened = Vec::with_capacity(entries.len());
        for entry in entries {
            let period = entry.period();
            if let Some(period) = period
                && !periods.contains_key(&period)
            {
                // Unopened it would look as if it had been tampered with.
                if periods.len() >= MAX_PERIODS_OF_A_PAGE {
                    break;
                }
                periods.insert(period, self.known(platform, period, now).await?);
            }
            opened.push(match period.and_then(|period| periods.get(&period)) {
                Some(Known::Held(key)) => entry.open(KnownKey::Held(key)),
                Some(Known::Destroyed) => entry.open(KnownKey::Destroyed),
                Some(Known::Unknown) | None => entry.open(KnownKey::Unknown),
            });
        }
        Ok(opened)
    }

    async fn known<P: Platform>(
        &self,
        platform: &P,
        period: RetentionPeriod,
        now: UnixMillis,
    ) -> Result<Known, Fault> {
        if !period.is_due(now)
            && let Some(key) = self.payload_keys.get(period)
        {
            return Ok(Known::Held(key));
        }
        let origin = self.config.log.shards.origin();
        let unavailable = Fault::Log(LogError::KeyUnavailable);
        let found = platform.payload_keys().find(origin, period).await;
        let wrapped = match found.map_err(|_| unavailable.clone())? {
            None => return Ok(Known::Unknown),
            Some(PeriodKey::Destroyed(_)) => return Ok(Known::Destroyed),
            Some(PeriodKey::Held(wrapped)) => wrapped,
        };
        let key = self.secrets.wrapping_key.unwrap(origin, period, &wrapped);
        // Another secret than the one it was wrapped under, or a damaged place: that
        // is no damage of the log.
        let key = Rc::new(key.ok_or(unavailable)?);
        if !period.is_due(now) {
            self.payload_keys.insert(&key);
        }
        Ok(Known::Held(key))
    }
}

/// What is known of a period's key here.
enum Known {
    Held(Rc<PayloadKey>),
    Destroyed,
    Unknown,
}
