//! The one pipeline from request to answer, and the traits a platform implements.
//!
//! ```text
//! request → parse → resolve → verify → bind → decide → record → forward → answer, outcome
//! ```
//!
//! In scope: the order of the steps and what each failure means over HTTP,
//! configuration, key refresh and purges, the binding of tokens to their sender
//! and to the person of the request, status lists, what may be used once, the
//! permit without which nothing is forwarded ([`permit`]), what of the answer
//! passes, shadow and comparison, and a platform in memory ([`memory`]).
//! Out of scope: what a token is (`sluis-token`), what is allowed
//! (`sluis-policy`), what an entry is (`sluis-log`), and every platform's own
//! calls (the functions).

mod age;
mod assertion;
mod audit;
mod authenticate;
mod certificate;
mod challenge;
mod compare;
mod config;
mod count;
mod error;
mod gate;
pub mod headers;
mod health;
mod judge;
mod keys;
mod log_watch;
mod media_type;
pub mod memory;
mod minimise;
mod nonce;
mod original;
mod payload_keys;
pub mod permit;
mod platform;
mod problem;
mod purge;
#[cfg(test)]
mod reasons;
mod receipt;
mod record;
mod references;
pub mod replay;
mod retain;
mod route;
mod secrets;
mod sender;
mod serve;
mod shadow;
mod shards;
mod shared_store;
mod status;
mod subject;
mod tally;
mod trace;
mod vault;

pub use assertion::TYP as ASSERTION_TYP;
pub use certificate::MAX_CLIENT_CERT_BYTES;
pub use compare::MAX_COMPARED_PAIRS;
pub use config::{
    Config, ConfigError, Embedded, MAX_AGGREGATE_INTERVAL_MS, MAX_BUFFERED_BODY_BYTES,
    MAX_TOKEN_LIFETIME_SECONDS, MAX_UPSTREAM_TIMEOUT_MS,
};
pub use error::{Fault, Refusal, StatusError, Stop, SubjectError};
pub use gate::{Gate, OUTCOME_RETRY_MS};
pub use keys::{
    ABSENT_KEY_MS, FAILURE_COOL_DOWN_MS, HELD_SPREAD_MS, MARK_BACKGROUND_MS, MARK_DEADLINE_MS,
    MAX_ABSENT_KEYS, MAX_FAILURE_COOL_DOWN_MS, MAX_HELD_REQUESTS, MAX_QUEUED_REQUESTS,
    MAX_REVALIDATE_MS, MAX_STALE_MS, MAX_WAIT_MS, SOFT_AGE_MS, UNKNOWN_KEY_COOL_DOWN_MS,
};
pub use log_watch::{HEALTH_LIMIT_MS, HEALTH_QUESTION_MS};
pub use minimise::{MAX_PROBLEM_BYTES, ResponseError};
pub use nonce::NONCE_STEP_SECONDS;
pub use payload_keys::{MAX_KNOWN_PAYLOAD_KEYS, MAX_PERIODS_OF_A_PAGE, PayloadKeys, PeriodKey};
pub use permit::{ForwardPermit, RecordedAllowance};
pub use platform::{
    AuditLog, BodyError, DOCUMENT_LIMIT_MS, FetchError, InboundRequest, LogError, LogSlice,
    LogState, Platform, Standing, UpstreamError, UpstreamResponse,
};
pub use purge::{MAX_PURGE_BODY_BYTES, STORE_DELAY_MS};
pub use replay::{ReplayError, ReplayStore, USED_KEY_MARGIN_SECONDS, Use};
pub use retain::{MAX_ENDED_PERIODS, MAX_ERASED_PAYLOADS, MAX_STANDING_QUESTIONS};
pub use route::{MAX_TARGET_BYTES, RouteError};
pub use secrets::{
    CheckpointKey, KEY_BYTES, MIN_OPERATOR_TOKEN_CHARS, RawSecrets, SecretError, Secrets,
};
pub use serve::{Reply, ReplyBody, not_started};
pub use shadow::ShadowPassage;
pub use shared_store::{
    MARK_PUT_MS, MAX_SHARED_VALUE_BYTES, NotShared, SHARED_PUT_MS, SharedStore,
};
pub use status::{
    MAX_STATUS_FETCHES, MAX_STATUS_LISTS, MAX_STATUS_MEMORY_BYTES, MAX_STATUS_STALE_MS,
    MAX_STATUS_TTL_MS, MIN_STATUS_TTL_MS, STALE_COOL_DOWN_MS, STATUS_TTL_MS,
};
pub use subject::MAX_BODY_WAIT_MS;
pub use vault::MAX_CLOCK_DIFFERENCE_MS;
