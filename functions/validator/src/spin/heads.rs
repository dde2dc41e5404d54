//! The trusted places of the log: the last tree head that may be signed.
//!
//! Beside a file on one node it is the key-value store, another file than the
//! log's, sealed. It has no compare-and-swap that could be built on; the log's
//! write transaction around it makes up for that. Beside PostgreSQL it is a table
//! that a function alone can move forward.

use sluis_gate::LogError;
use sluis_log::Origin;
use sluis_log::TreeHead;
use sluis_log::sequencer::{Checkpoints, HeadSeal, Swap};
use sluis_log::sql::{postgres, tree_head};
use spin_sdk::key_value::Store;
use spin_sdk::pg::{Connection, DbValue, ParameterValue};

use super::postgres::run;

/// The key-value store `default`.
pub(super) struct SealedHeads<'a>(pub(super) &'a HeadSeal);

fn name(origin: &Origin) -> String {
    format!("sluis.v1.head.{origin}")
}

impl Checkpoints for SealedHeads<'_> {
    type Error = LogError;

    async fn last(&self, origin: &Origin) -> Result<Option<TreeHead>, LogError> {
        let unavailable = |_| LogError::Unavailable;
        let store = Store::open_default().await.map_err(unavailable)?;
        let sealed = store.get(name(origin)).await.map_err(unavailable)?;
        // A head that does not open is no empty place: nothing is signed over it.
        let opened = sealed.map(|sealed| self.0.open(origin, &sealed).ok_or(LogError::Malformed));
        opened.transpose()
    }

    async fn advance(
        &self,
        origin: &Origin,
        old: TreeHead,
        new: TreeHead,
    ) -> Result<Swap, LogError> {
        let stored = self.last(origin).await?.unwrap_or_else(TreeHead::empty);
        if stored != old || new.size <= old.size {
            return Ok(Swap::Moved);
        }
        let unavailable = |_| LogError::Unavailable;
        let store = Store::open_default().await.map_err(unavailable)?;
        let sealed = self.0.seal(origin, new);
        store.set(name(origin), sealed).await.map_err(unavailable)?;
        Ok(Swap::Done)
    }
}

/// The table of `postgres-trusted.sql`.
pub(super) struct PostgresHeads<'a>(pub(super) &'a Connection);

impl Checkpoints for PostgresHeads<'_> {
    type Error = LogError;

    async fn last(&self, origin: &Origin) -> Result<Option<TreeHead>, LogError> {
        let parameters = vec![ParameterValue::Str(origin.as_str().to_owned())];
        let rows = run(self.0, postgres::TRUSTED, parameters).await?;
        match rows.first().map(Vec::as_slice) {
            None => Ok(None),
            Some([DbValue::Int64(size), DbValue::Binary(root)]) => {
                let head = tree_head(*size, root);
                Ok(Some(head.map_err(|_| LogError::Malformed)?))
            }
            Some(_) => Err(LogError::Malformed),
        }
    }

    async fn advance(
        &self,
        origin: &Origin,
        old: TreeHead,
        new: TreeHead,
    ) -> Result<Swap, LogError> {
        let size = |size| i64::try_from(size).map_err(|_| LogError::Malformed);
        let parameters = vec![
            ParameterValue::Str(origin.as_str().to_owned()),
            ParameterValue::Int64(size(old.size)?),
            ParameterValue::Binary(old.root.0.to_vec()),
            ParameterValue::Int64(size(new.size)?),
            ParameterValue::Binary(new.root.0.to_vec()),
        ];
        swapped(&run(self.0, postgres::ADVANCE_TRUSTED, parameters).await?)
    }
}

/// What a function that compares and swaps has answered.
pub(super) fn swapped(rows: &[Vec<DbValue>]) -> Result<Swap, LogError> {
    match rows.first().map(Vec::as_slice) {
        Some([DbValue::Boolean(true)]) => Ok(Swap::Done),
        Some([DbValue::Boolean(false)]) => Ok(Swap::Moved),
        Some(_) | None => Err(LogError::Malformed),
    }
}
