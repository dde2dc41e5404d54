//! The keys of payloads as the gate uses them: in the object of the log's trusted head,
//! whose storage is apart from the payloads'.

use std::cell::RefCell;

use sluis_gate::{LogError, PayloadKeys, PeriodKey};
use sluis_log::{Origin, RetentionPeriod, WrappedKey};
use worker::{Env, ObjectNamespace};

use super::checkpoints::{BINDING, Question, ask};
use super::log::DurableLogs;

thread_local! {
    static NAMESPACE: RefCell<Option<ObjectNamespace>> = const { RefCell::new(None) };
}

/// Remembers where the keys are; the binding is the instance's.
pub(super) fn bind(env: &Env) {
    NAMESPACE.with_borrow_mut(|namespace| {
        if namespace.is_none() {
            *namespace = env.durable_object(BINDING).ok();
        }
    });
}

async fn key(origin: &Origin, question: &Question) -> Result<Option<PeriodKey>, LogError> {
    let namespace = NAMESPACE.with_borrow(Clone::clone);
    let namespace = namespace.ok_or(LogError::Unavailable)?;
    let key: Option<StoredKey> = ask(&namespace, origin, question).await?;
    key.map(PeriodKey::try_from).transpose()
}

/// A row of the trusted place on its way.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct StoredKey {
    pub(super) wrapped: Option<Vec<u8>>,
    pub(super) destroyed: Option<String>,
}

impl TryFrom<StoredKey> for PeriodKey {
    type Error = LogError;

    fn try_from(row: StoredKey) -> Result<Self, LogError> {
        match (row.wrapped, row.destroyed) {
            (Some(wrapped), None) => WrappedKey::try_from(wrapped.as_slice())
                .map(Self::Held)
                .map_err(|_| LogError::Malformed),
            (None, Some(destroyed)) => Ok(Self::Destroyed(destroyed)),
            (Some(_), Some(_)) | (None, None) => Err(LogError::Malformed),
        }
    }
}

impl PayloadKeys for DurableLogs {
    async fn obtain(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        candidate: &WrappedKey,
    ) -> Result<PeriodKey, LogError> {
        let question = Question::ObtainKey {
            origin: origin.as_str().to_owned(),
            period: period.to_string(),
            candidate: candidate.as_bytes().to_vec(),
        };
        key(origin, &question).await?.ok_or(LogError::Malformed)
    }

    async fn find(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
    ) -> Result<Option<PeriodKey>, LogError> {
        let question = Question::FindKey {
            origin: origin.as_str().to_owned(),
            period: period.to_string(),
        };
        key(origin, &question).await
    }

    async fn list(&self, origin: &Origin) -> Result<Vec<(RetentionPeriod, PeriodKey)>, LogError> {
        let question = Question::ListKeys {
            origin: origin.as_str().to_owned(),
        };
        let namespace = NAMESPACE.with_borrow(Clone::clone);
        let namespace = namespace.ok_or(LogError::Unavailable)?;
        let rows: Vec<(RetentionPeriod, StoredKey)> = ask(&namespace, origin, &question).await?;
        let rows = rows.into_iter();
        rows.map(|(period, key)| Ok((period, key.try_into()?)))
            .collect()
    }

    async fn destroy(
        &self,
        origin: &Origin,
        period: RetentionPeriod,
        record: &str,
    ) -> Result<PeriodKey, LogError> {
        let question = Question::DestroyKey {
            origin: origin.as_str().to_owned(),
            period: period.to_string(),
            record: record.to_owned(),
        };
        key(origin, &question).await?.ok_or(LogError::Malformed)
    }
}
