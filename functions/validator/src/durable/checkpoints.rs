//! The trusted place: a Durable Object of a class of its own, whose storage is put
//! back, exported or deleted apart from the log's. It has the tree head that may be
//! signed, and the wrapped keys of payloads ([`super::keys`]).

use serde::{Deserialize, Serialize};
use sluis_gate::LogError;
use sluis_log::sequencer::{Checkpoints, Swap};
use sluis_log::sql::{sqlite, statements, tree_head};
use sluis_log::{Origin, TreeHash, TreeHead};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{
    DurableObject, Env, ObjectNamespace, Request, Response, SqlStorage, State, durable_object,
};

use super::keys::StoredKey;
use super::log::{FAILED, TIMEOUT_MS};
use super::object::Failure;
use super::rows::{Columns, integer, rows};
use crate::cloudflare::js;
use crate::cloudflare::task::Operation;

/// Binding of the objects' namespace. Each log's head is in an object of its own, by
/// its origin.
pub(super) const BINDING: &str = "CHECKPOINTS";

/// A head on its way between two objects.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    size: u64,
    root: Vec<u8>,
}

/// What is asked: of heads by the log's object, of keys by Workers.
#[derive(Serialize, Deserialize)]
pub(super) enum Question {
    Last {
        origin: String,
    },
    Advance {
        origin: String,
        old: Head,
        new: Head,
    },
    ObtainKey {
        origin: String,
        period: String,
        candidate: Vec<u8>,
    },
    FindKey {
        origin: String,
        period: String,
    },
    ListKeys {
        origin: String,
    },
    DestroyKey {
        origin: String,
        period: String,
        record: String,
    },
}

/// Asks the object of a log.
pub(super) async fn ask<T: serde::de::DeserializeOwned>(
    namespace: &ObjectNamespace,
    origin: &Origin,
    question: &Question,
) -> Result<T, LogError> {
    let stub = namespace.get_by_name(origin.as_str());
    let stub: JsValue = stub.map_err(|_| LogError::Unavailable)?.into_rpc();
    let question = serde_json::to_string(question).map_err(|_| LogError::Malformed)?;
    let begin = |number| js::ask(number, &stub, &question, TIMEOUT_MS);
    let answer = Operation::begin(begin).await;
    let answer = answer.as_string().ok_or(LogError::Unavailable)?;
    serde_json::from_str(&answer).map_err(|_| LogError::Malformed)
}

impl From<TreeHead> for Head {
    fn from(head: TreeHead) -> Self {
        Self {
            size: head.size,
            root: head.root.0.to_vec(),
        }
    }
}

impl TryFrom<Head> for TreeHead {
    type Error = LogError;

    fn try_from(head: Head) -> Result<Self, LogError> {
        let root = head.root.try_into().map_err(|_| LogError::Malformed)?;
        Ok(Self {
            size: head.size,
            root: TreeHash(root),
        })
    }
}

/// The trusted place as the log's object uses it.
pub(super) struct DurableHeads(ObjectNamespace);

impl DurableHeads {
    pub(super) fn bound(env: &Env) -> Option<Self> {
        env.durable_object(BINDING).ok().map(Self)
    }
}

impl Checkpoints for DurableHeads {
    type Error = LogError;

    async fn last(&self, origin: &Origin) -> Result<Option<TreeHead>, LogError> {
        let question = Question::Last {
            origin: origin.as_str().to_owned(),
        };
        let head: Option<Head> = ask(&self.0, origin, &question).await?;
        head.map(TreeHead::try_from).transpose()
    }

    async fn advance(
        &self,
        origin: &Origin,
        old: TreeHead,
        new: TreeHead,
    ) -> Result<Swap, LogError> {
        let question = Question::Advance {
            origin: origin.as_str().to_owned(),
            old: old.into(),
            new: new.into(),
        };
        let done: bool = ask(&self.0, origin, &question).await?;
        Ok(if done { Swap::Done } else { Swap::Moved })
    }
}

/// The trusted head of one log, and the wrapped keys of its payloads.
#[durable_object(fetch)]
pub struct CheckpointStore {
    sql: SqlStorage,
}

impl DurableObject for CheckpointStore {
    fn new(state: State, _env: Env) -> Self {
        Self {
            sql: state.storage().sql(),
        }
    }

    /// The log's object calls `ask`; nothing is served over HTTP.
    async fn fetch(&self, _request: Request) -> worker::Result<Response> {
        Response::error("not found", 404)
    }
}

#[wasm_bindgen]
impl CheckpointStore {
    /// Answers a [`Question`] (JSON); the answer (JSON) or [`FAILED`]. A head is moved
    /// in one statement, and nothing is awaited here.
    #[wasm_bindgen(js_name = ask)]
    pub fn ask_json(&self, question: &str) -> JsValue {
        match self.answer(question) {
            Ok(answer) => answer.into(),
            Err(failure) => {
                js::report(&format!("sluis checkpoints: {failure}"));
                FAILED.into()
            }
        }
    }
}

impl CheckpointStore {
    fn answer(&self, question: &str) -> Result<String, Failure> {
        for statement in statements(sqlite::TRUSTED_SCHEMA) {
            rows(&self.sql, statement, Vec::new())?;
        }
        let question: Question = serde_json::from_str(question)?;
        let answer = match question {
            Question::Last { origin } => serde_json::to_string(&self.last(&origin)?)?,
            Question::Advance { origin, old, new } => {
                serde_json::to_string(&self.advance(&origin, old, new)?)?
            }
            Question::ObtainKey {
                origin,
                period,
                candidate,
            } => {
                let values = vec![
                    origin.as_str().into(),
                    period.as_str().into(),
                    candidate.into(),
                ];
                rows(&self.sql, sqlite::OFFER_PAYLOAD_KEY, values)?;
                serde_json::to_string(&self.key(&origin, &period)?)?
            }
            Question::FindKey { origin, period } => {
                serde_json::to_string(&self.key(&origin, &period)?)?
            }
            Question::ListKeys { origin } => serde_json::to_string(&self.keys(&origin)?)?,
            Question::DestroyKey {
                origin,
                period,
                record,
            } => {
                let values = vec![
                    record.into(),
                    origin.as_str().into(),
                    period.as_str().into(),
                ];
                rows(&self.sql, sqlite::DESTROY_PAYLOAD_KEY, values)?;
                serde_json::to_string(&self.key(&origin, &period)?)?
            }
        };
        Ok(answer)
    }

    fn last(&self, origin: &str) -> Result<Option<Head>, Failure> {
        let Some(row) = rows(&self.sql, sqlite::TRUSTED, vec![origin.into()])?.pop() else {
            return Ok(None);
        };
        let mut columns = Columns::from(row);
        let (size, root) = (columns.integer("size")?, columns.blob("root")?);
        Ok(Some(tree_head(size, &root)?.into()))
    }

    fn key(&self, origin: &str, period: &str) -> Result<Option<StoredKey>, Failure> {
        let values = vec![origin.into(), period.into()];
        let Some(row) = rows(&self.sql, sqlite::PAYLOAD_KEY, values)?.pop() else {
            return Ok(None);
        };
        let mut columns = Columns::from(row);
        Ok(Some(StoredKey {
            wrapped: columns.blob_or_null("wrapped")?,
            destroyed: columns.text_or_null("destroyed")?,
        }))
    }

    fn keys(&self, origin: &str) -> Result<Vec<(String, StoredKey)>, Failure> {
        let rows = rows(&self.sql, sqlite::PAYLOAD_KEYS, vec![origin.into()])?;
        let key = |row| {
            let mut columns = Columns::from(row);
            let period = columns.text("period")?;
            let key = StoredKey {
                wrapped: columns.blob_or_null("wrapped")?,
                destroyed: columns.text_or_null("destroyed")?,
            };
            Ok((period, key))
        };
        rows.into_iter().map(key).collect()
    }

    fn advance(&self, origin: &str, old: Head, new: Head) -> Result<bool, Failure> {
        let values = vec![
            origin.into(),
            integer(new.size)?,
            new.root.into(),
            integer(old.size)?,
            origin.into(),
            integer(new.size)?,
            integer(old.size)?,
            integer(old.size)?,
            old.root.into(),
        ];
        Ok(!rows(&self.sql, sqlite::ADVANCE_TRUSTED, values)?.is_empty())
    }
}
