//! The gate of this instance: started by its first request, kept for the others.

use std::cell::RefCell;
use std::rc::Rc;

use sluis_gate::{Config, ConfigError, Embedded, Gate, RawSecrets, SecretError, Secrets};
use sluis_log::ShardMap;
use sluis_policy::{Catalogue, CatalogueError};
use worker::Env;

use super::hkdf::hkdf_sha256;
use super::replay::DurableReplay;
use super::shared::KvStore;
use crate::embedded::{CATALOGUE, CONFIG};

thread_local! {
    static GATE: RefCell<Option<Rc<Gate>>> = const { RefCell::new(None) };
}

/// What signs the log's checkpoints.
pub(crate) const CHECKPOINT_KEY: &str = "SLUIS_CHECKPOINT_KEY";

/// Why the gate cannot start. Never says what a secret holds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("the secret {name} is missing: set it with `wrangler secret put {name}`")]
    Missing { name: &'static str },
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
}

/// This instance's gate.
pub(crate) fn gate(env: &Env) -> Result<Rc<Gate>, StartError> {
    if let Some(gate) = GATE.with_borrow(Clone::clone) {
        return Ok(gate);
    }
    let gate = start(env)?;
    KvStore::bind(env);
    DurableReplay::bind(env);
    GATE.set(Some(Rc::clone(&gate)));
    Ok(gate)
}

/// The logs that the Durable Objects keep.
pub(crate) fn logs() -> Result<ShardMap, StartError> {
    let config = Config::try_from(Embedded::from_json(CONFIG)?)?;
    Ok(config.logs().clone())
}

fn start(env: &Env) -> Result<Rc<Gate>, StartError> {
    let mut config = Config::try_from(Embedded::from_json(CONFIG)?)?;
    if let Some(url) = variable(env, "SLUIS_UPSTREAM") {
        config = config.with_upstream(&url)?;
    }
    if let Some(origin) = variable(env, "SLUIS_SIMULATION_ORIGIN") {
        config = config.with_simulation_origin(&origin)?;
    }
    if let Some(verdict) = variable(env, "SLUIS_SIMULATION_ENFORCEMENT") {
        config = config.with_simulation_enforcement(&verdict)?;
    }
    let secrets = Secrets::try_from(RawSecrets {
        pseudonym_key: secret(env, "SLUIS_PSEUDONYM_KEY")?,
        log_key: secret(env, "SLUIS_LOG_KEY")?,
        assertion_key: secret(env, "SLUIS_ASSERTION_KEY")?,
        checkpoint_key: secret(env, CHECKPOINT_KEY)?,
        payload_key: secret(env, "SLUIS_PAYLOAD_KEY")?,
        auditor_key: secret(env, "SLUIS_AUDITOR_KEY")?,
        operator_token: secret(env, "SLUIS_OPERATOR_TOKEN").ok(),
    })?;
    Ok(Gate::with_hkdf(
        config,
        Catalogue::from_embedded(CATALOGUE)?,
        secrets,
        hkdf_sha256,
    )?)
}

fn variable(env: &Env, name: &str) -> Option<String> {
    env.var(name)
        .ok()
        .map(|value| value.to_string())
        .filter(|value| !value.is_empty())
}

pub(crate) fn secret(env: &Env, name: &'static str) -> Result<String, StartError> {
    let secret = env.secret(name).map_err(|_| StartError::Missing { name })?;
    Ok(secret.to_string())
}
