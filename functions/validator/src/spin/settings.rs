//! Variables and secrets; the gate, started once per instance.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use sluis_gate::{
    CheckpointKey, Config, ConfigError, Embedded, Gate, RawSecrets, SecretError, Secrets,
};
use sluis_log::{EdgeNode, EdgeNodeError, MappedLog, Shard};
use sluis_policy::Catalogue;
use spin_sdk::variables::{self, Error as VariableError};

use crate::embedded;

use super::log::{SpinLog, Store};
use super::platform::SpinPlatform;
use super::postgres::PostgresLog;
use super::replay::SpinReplay;
use super::sqlite::SqliteLog;

/// The gate and what it runs on.
pub(super) struct Service {
    pub(super) gate: Rc<Gate>,
    pub(super) platform: SpinPlatform,
}

/// Why the gate cannot start. The text is for the operator and names no value.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// A variable that must be there is not.
    #[error("variable {name}: not set in the manifest or not granted to the component")]
    Variable {
        /// The variable.
        name: &'static str,
    },
    /// The log's store is not one that there is.
    #[error("variable sluis_log_store: expected `sqlite` or `postgres`")]
    LogStore,
    /// The node's name is not of its form.
    #[error("variable sluis_edge_node: {0}")]
    EdgeNode(#[from] EdgeNodeError),
    /// Several logs, and one database.
    #[error(
        "variable sluis_log_postgres: each of several logs wants a database of its own: put {LOG_PLACE} where `_` and its number stand in the database's name"
    )]
    OneDatabase,
    /// A place for the log's number where all logs stand together.
    #[error(
        "variable sluis_trusted_postgres: all logs have one trusted place: {LOG_PLACE} has no meaning there"
    )]
    ManyTrusted,
    /// A variable does not go with the configuration.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The catalogue that was built in cannot be read back.
    #[error("the embedded catalogue: {0}")]
    Catalogue(#[from] sluis_policy::CatalogueError),
    /// A secret is not usable.
    #[error("{0}")]
    Secret(#[from] SecretError),
}

/// In a connection string, where the log's number stands.
const LOG_PLACE: &str = "{log}";

thread_local! {
    static SERVICE: OnceCell<Rc<Service>> = const { OnceCell::new() };
}

/// The service of this instance. A failure is not kept: the next request tries again.
pub(super) async fn service() -> Result<Rc<Service>, StartError> {
    if let Some(service) = SERVICE.with(|cell| cell.get().cloned()) {
        return Ok(service);
    }
    let started = Rc::new(start().await?);
    // Several first requests may have started one each; the first is kept.
    Ok(SERVICE.with(|cell| Rc::clone(cell.get_or_init(|| started))))
}

async fn start() -> Result<Service, StartError> {
    let embedded = Embedded::from_json(embedded::CONFIG)?;
    let catalogue = Catalogue::from_embedded(embedded::CATALOGUE)?;
    let mut config = Config::try_from(embedded)?;
    if let Some(upstream) = optional("sluis_upstream").await? {
        config = config.with_upstream(&upstream)?;
    }
    if let Some(origin) = optional("sluis_simulation_origin").await? {
        config = config.with_simulation_origin(&origin)?;
    }
    if let Some(verdict) = optional("sluis_simulation_enforcement").await? {
        config = config.with_simulation_enforcement(&verdict)?;
    }
    let checkpoint_key = required("sluis_checkpoint_key").await?;
    let secrets = Secrets::try_from(RawSecrets {
        pseudonym_key: required("sluis_pseudonym_key").await?,
        log_key: required("sluis_log_key").await?,
        assertion_key: required("sluis_assertion_key").await?,
        checkpoint_key: checkpoint_key.clone(),
        payload_key: required("sluis_payload_key").await?,
        auditor_key: required("sluis_auditor_key").await?,
        operator_token: optional("sluis_operator_token").await?,
    })?;
    let kept = Kept::parse().await?;
    // What was used once stands where the logs stand.
    let replay = match &kept {
        Kept::Sqlite => SpinReplay::in_sqlite(),
        Kept::Postgres { address, .. } => {
            SpinReplay::in_postgres(address_of(address, Shard::Whole)?)
        }
    };
    let mut logs = BTreeMap::new();
    for mapped in config.logs().logs() {
        let key = CheckpointKey::parse(&checkpoint_key, &mapped.origin)?;
        logs.insert(mapped.shard, SpinLog::new(kept.store(mapped)?, key));
    }
    let gate = Gate::new(config, catalogue, secrets)?;
    if let Some(name) = optional("sluis_edge_node").await? {
        gate.set_edge_node(EdgeNode::parse(&name)?);
    }
    Ok(Service {
        gate,
        platform: SpinPlatform::new(logs, replay),
    })
}

/// Where the logs are kept.
enum Kept {
    /// Each in a file of its own, on one node.
    Sqlite,
    /// On a server, by its connection string, a password in it; and the same of the
    /// trusted place.
    Postgres { address: String, trusted: String },
}

impl Kept {
    async fn parse() -> Result<Self, StartError> {
        match required("sluis_log_store").await?.as_str() {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => {
                let address = required("sluis_log_postgres").await?;
                let trusted = optional("sluis_trusted_postgres").await?;
                let trusted = match trusted {
                    Some(trusted) if trusted.contains(LOG_PLACE) => {
                        return Err(StartError::ManyTrusted);
                    }
                    Some(trusted) => trusted,
                    None => address_of(&address, Shard::Whole)?,
                };
                Ok(Self::Postgres { address, trusted })
            }
            _ => Err(StartError::LogStore),
        }
    }

    fn store(&self, mapped: &MappedLog) -> Result<Store, StartError> {
        let MappedLog { shard, origin, .. } = mapped;
        let origin = origin.clone();
        match self {
            Self::Sqlite => Ok(Store::Sqlite(SqliteLog::new(*shard, origin))),
            Self::Postgres { address, trusted } => {
                let address = address_of(address, *shard)?;
                Ok(Store::Postgres(PostgresLog::new(
                    origin,
                    address,
                    trusted.clone(),
                )))
            }
        }
    }
}

/// The connection string of a log's database: each log has a database of its own, by a
/// place in the string for `_` and the shard's number, or nothing.
fn address_of(address: &str, shard: Shard) -> Result<String, StartError> {
    match shard {
        Shard::Whole => Ok(address.replace(LOG_PLACE, "")),
        Shard::Part(number) if address.contains(LOG_PLACE) => {
            Ok(address.replace(LOG_PLACE, &format!("_{number}")))
        }
        Shard::Part(_) => Err(StartError::OneDatabase),
    }
}

async fn required(name: &'static str) -> Result<String, StartError> {
    optional(name).await?.ok_or(StartError::Variable { name })
}

/// Spin has no variable without a value, so an empty one is an absent one.
async fn optional(name: &'static str) -> Result<Option<String>, StartError> {
    match variables::get(name).await {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VariableError::Undefined(_)) => Ok(None),
        Err(
            VariableError::InvalidName(_) | VariableError::Provider(_) | VariableError::Other(_),
        ) => Err(StartError::Variable { name }),
    }
}
