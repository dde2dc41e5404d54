//! A validator on a runtime with everything around it: backend, verification systems, log, and a memory of all that passed.

mod log;
mod memory;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sluis_log::{
    AuditorGrant, AuditorKey, KeyName, NoteSigner, NoteVerifier, Origin, ReadingPurpose, UnixMillis,
};
use sluis_token::Algorithm;
use sluis_token::sign::SigningKey;

use crate::backend::{ALLOWED, Answer, Backend, Behaviour};
use crate::issuer::{self, Issuers};
use crate::runtime::{
    Build, Function, LogCondition, ReplayCondition, Running, Runtime, Surroundings,
};

use log::LOG_ORIGIN;
pub use log::Record;
use memory::Memory;

/// Where `simulation.toml` has the demo backend; the tests' backend answers there too.
pub const BACKEND_PREFIX: &str = "/simulation/backend";
/// The variable that puts the simulation in shadow.
const ENFORCEMENT: &str = "SLUIS_SIMULATION_ENFORCEMENT";
/// Who reads the log here.
pub const AUDITOR: &str = "dpo";
/// What its tokens give as the case.
pub const AUDITOR_CASE: &str = "SIM/2026/42";
const AUDITOR_SECONDS: u64 = 600;
/// The node by the validator's variable; where the platform tells, that counts.
pub const EDGE_NODE: &str = "sim/node-1";

/// The validator and its surroundings.
#[derive(Debug)]
pub struct World {
    runtime: Arc<dyn Runtime>,
    surroundings: Surroundings,
    /// By how many seconds its clock is ahead of ours.
    ahead: i64,
    running: Option<Running>,
    backend: Option<Backend>,
    backend_port: u16,
    /// The verification systems.
    pub issuers: Issuers,
    pseudonym_key: Vec<u8>,
    auditor_key: String,
    operator_token: String,
    log_key: String,
    checkpoint_key: String,
    secrets: Vec<String>,
    memory: Mutex<Memory>,
}

impl World {
    /// Starts everything, with an empty log in `state`.
    pub fn start(runtime: Arc<dyn Runtime>, root: &Path, state: PathBuf) -> Result<Self> {
        Self::start_with(runtime, root, state, Build::Simulation, &[])
    }

    /// A world of its own on the same runtime, of another build of the validator.
    pub fn beside(&self, build: Build) -> Result<Self> {
        let Surroundings { root, state, .. } = &self.surroundings;
        let mut name = state.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{build:?}").to_ascii_lowercase());
        let state = state.with_file_name(name);
        let mut world = Self::start_with(Arc::clone(&self.runtime), root, state, build, &[])?;
        world.reset()?;
        Ok(world)
    }

    /// The same with further variables, by their upper-case names.
    pub fn start_with(
        runtime: Arc<dyn Runtime>,
        root: &Path,
        state: PathBuf,
        build: Build,
        further: &[(&str, &str)],
    ) -> Result<Self> {
        if state.exists() {
            std::fs::remove_dir_all(&state)?;
        }
        let backend = Backend::start(0)?;
        let issuers = Issuers::start()?;
        let mut pseudonym_key = vec![0; 32];
        getrandom::fill(&mut pseudonym_key)?;
        let auditor_key = issuer::random_secret(32)?;
        let operator_token = issuer::random_secret(32)?;
        let log_key = issuer::random_secret(32)?;
        let checkpoint_key = issuer::random_secret(32)?;
        let payload_key = issuer::random_secret(32)?;
        let assertion_key = SigningKey::generate(Algorithm::EdDsa)?
            .to_private_jwk_json()
            .to_string();
        let pseudonym_secret = {
            use base64ct::{Base64UrlUnpadded, Encoding};
            Base64UrlUnpadded::encode_string(&pseudonym_key)
        };
        let upstream = format!("http://{}{BACKEND_PREFIX}", backend.address());
        let key_origin = format!("http://{}", issuers.address());
        let variables = [
            ("SLUIS_PSEUDONYM_KEY", pseudonym_secret.clone()),
            ("SLUIS_LOG_KEY", log_key.clone()),
            ("SLUIS_CHECKPOINT_KEY", checkpoint_key.clone()),
            ("SLUIS_PAYLOAD_KEY", payload_key.clone()),
            ("SLUIS_ASSERTION_KEY", assertion_key),
            ("SLUIS_AUDITOR_KEY", auditor_key.clone()),
            ("SLUIS_OPERATOR_TOKEN", operator_token.clone()),
            ("SLUIS_UPSTREAM", upstream),
            ("SLUIS_SIMULATION_ORIGIN", key_origin),
            ("SLUIS_EDGE_NODE", EDGE_NODE.to_owned()),
        ];
        let mut world = Self {
            runtime,
            surroundings: Surroundings {
                root: root.to_owned(),
                build,
                state,
                function: Function::Validator,
                variables: variables
                    .into_iter()
                    .chain(
                        further
                            .iter()
                            .map(|(name, value)| (*name, (*value).to_owned())),
                    )
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
                log: LogCondition::Well,
                replay: ReplayCondition::Well,
                movable_clock: false,
            },
            ahead: 0,
            running: None,
            backend_port: backend.address().port(),
            backend: Some(backend),
            issuers,
            pseudonym_key,
            secrets: vec![
                auditor_key.clone(),
                operator_token.clone(),
                log_key.clone(),
                checkpoint_key.clone(),
                payload_key,
                pseudonym_secret,
            ],
            log_key,
            checkpoint_key,
            operator_token,
            auditor_key,
            memory: Mutex::default(),
        };
        world.restart()?;
        Ok(world)
    }

    /// Makes everything well again, whatever a case left behind, and forgets what the backend saw.
    pub fn reset(&mut self) -> Result<()> {
        if self.backend.is_none() {
            self.backend = Some(Backend::start(self.backend_port)?);
        }
        self.backend()?
            .behave(Behaviour::Answers(Answer::json(ALLOWED)));
        self.take_seen();
        let alive = match &mut self.running {
            Some(running) => running.is_alive()?,
            None => false,
        };
        let variables = &mut self.surroundings.variables;
        let before = variables.len();
        variables.retain(|(name, _)| name != ENFORCEMENT);
        let changed = variables.len() != before;
        let surroundings = &mut self.surroundings;
        let changed = changed
            || surroundings.movable_clock
            || surroundings.replay != ReplayCondition::Well
            || surroundings.log != LogCondition::Well;
        surroundings.movable_clock = false;
        surroundings.replay = ReplayCondition::Well;
        if !alive || changed {
            self.restart()?;
        }
        Ok(())
    }

    /// Seconds since the Unix epoch, by the validator's clock.
    pub fn now(&self) -> u64 {
        issuer::now().saturating_add_signed(self.ahead)
    }

    /// Whether its clock can be set, and its memory of uses fail.
    pub fn supports_faults(&self) -> bool {
        self.runtime.supports_faults().is_ok()
    }

    /// Starts the runtime again with a clock that can be set, until the next reset.
    pub fn restart_with_movable_clock(&mut self) -> Result<()> {
        self.surroundings.movable_clock = true;
        self.restart()
    }

    /// Whether the clock can be set.
    pub fn has_movable_clock(&self) -> bool {
        self.surroundings.movable_clock
    }

    /// By how many seconds the clock is ahead of ours.
    pub fn ahead(&self) -> i64 {
        self.ahead
    }

    /// Sets the clock so many seconds ahead of ours, below 0 back. Tokens are made by it from now on.
    pub fn set_clock(&mut self, ahead: i64) -> Result<()> {
        ensure!(self.surroundings.movable_clock, "the clock is not movable");
        self.runtime
            .set_clock(&self.surroundings, self.address()?, ahead * 1_000)?;
        self.ahead = ahead;
        Ok(())
    }

    /// Starts the runtime again with the memory of what was used once down, until the next reset.
    pub fn restart_without_replay(&mut self) -> Result<()> {
        self.surroundings.replay = ReplayCondition::Throws;
        self.restart()
    }

    /// The repository.
    pub fn root(&self) -> &Path {
        &self.surroundings.root
    }

    /// Where the runtime keeps what it keeps.
    pub fn state(&self) -> &Path {
        &self.surroundings.state
    }

    /// The backend.
    pub fn backend(&self) -> Result<&Backend> {
        self.backend.as_ref().context("the backend is closed")
    }

    /// Closes the backend's port until the next reset.
    pub fn close_backend(&mut self) {
        self.take_seen();
        self.backend = None;
    }

    /// Where the validator listens.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self
            .running
            .as_ref()
            .context("the runtime is down")?
            .address())
    }

    /// The process that serves.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.running.as_ref().context("the runtime is down")?.pid())
    }

    /// Whether that process lives on.
    pub fn is_alive(&mut self) -> Result<bool> {
        match &mut self.running {
            Some(running) => running.is_alive(),
            None => Ok(false),
        }
    }

    /// Stops the runtime and starts it again over the same state, the log working.
    pub fn restart(&mut self) -> Result<()> {
        self.restart_with(LogCondition::Well)
    }

    /// The same with the log in that condition.
    pub fn restart_with(&mut self, log: LogCondition) -> Result<()> {
        if let Some(running) = self.running.take() {
            running.stop()?;
        }
        self.surroundings.log = log;
        self.ahead = 0;
        self.running = Some(Running::start(&*self.runtime, &self.surroundings)?);
        Ok(())
    }

    /// Starts the runtime again with the whole verdict in shadow, until the next reset.
    pub fn restart_in_shadow(&mut self) -> Result<()> {
        let variable = (ENFORCEMENT.to_owned(), "shadow".to_owned());
        self.surroundings.variables.push(variable);
        self.restart()
    }

    /// Stops the runtime, lets `edit` change what it keeps in its directory, and starts it again.
    pub fn restart_after(&mut self, edit: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        if let Some(running) = self.running.take() {
            running.stop()?;
        }
        edit(&self.surroundings.state)?;
        self.restart()
    }

    /// The same, and what instances left for each other is gone: the next one asks the issuers.
    pub fn restart_cold(&mut self) -> Result<()> {
        self.restart_after(|state| {
            let (spin, objects) = shared_places(state);
            if spin.exists() {
                let store = rusqlite::Connection::open(spin)?;
                store.execute(&format!("DELETE FROM key_value WHERE {LEFT_BEHIND}"), ())?;
            }
            if objects.exists() {
                std::fs::remove_dir_all(objects)?;
            }
            Ok(())
        })
    }

    /// SIGKILL. The next [`World::restart`] starts over the same state.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            running.kill()?;
        }
        Ok(())
    }

    /// Everything the runtime printed since the world began.
    pub fn output(&self) -> Result<String> {
        match &self.running {
            Some(running) => running.output(),
            None => bail!("the runtime is down"),
        }
    }

    /// What the runtime is called.
    pub fn runtime_name(&self) -> &str {
        self.runtime.name()
    }

    /// The claims of a good token of the Crossroads Bank's verification system.
    pub fn pension_claims(&self) -> Result<Value> {
        Ok(self.on_time(issuer::pension_claims(&self.pseudonym_key)?))
    }

    /// The claims of a good token of the secondary network.
    pub fn mutuality_claims(&self) -> Result<Value> {
        Ok(self.on_time(issuer::mutuality_claims(&self.pseudonym_key)?))
    }

    /// Claims that were made by our clock, by the validator's.
    fn on_time(&self, mut claims: Value) -> Value {
        const DETAIL: &str = "/authorization_details/0";
        let of_mandate = [
            "validFrom",
            "validUntil",
            "grant/acceptedAt",
            "circleOfTrust/acceptedAt",
            "terms/acceptedAt",
        ];
        let of_mandate = of_mandate.map(|name| format!("{DETAIL}/{name}"));
        for pointer in ["/iat", "/exp"]
            .map(str::to_owned)
            .into_iter()
            .chain(of_mandate)
        {
            if let Some(value) = claims.pointer_mut(&pointer)
                && let Some(seconds) = value.as_u64()
            {
                *value = seconds.saturating_add_signed(self.ahead).into();
            }
        }
        claims
    }

    /// A good token, not used before.
    pub fn pension_token(&self) -> Result<String> {
        self.token(Algorithm::EdDsa, &self.pension_claims()?)
    }

    /// A token of whichever issuer the claims name, under its key of that algorithm; remembered as one that must never show.
    pub fn token(&self, algorithm: Algorithm, claims: &Value) -> Result<String> {
        let issuer = if claims.get("iss").and_then(Value::as_str) == Some(self.issuers.nic.issuer) {
            &self.issuers.nic
        } else {
            &self.issuers.cbss
        };
        let token = issuer.sign_with(algorithm, claims)?;
        self.remember_token(&token);
        Ok(token)
    }

    /// The credential of an auditor who may read records.
    pub fn auditor_token(&self) -> Result<String> {
        self.auditor_token_for(Some(ReadingPurpose::Audit))
    }

    /// The credential of an auditor for that purpose, valid by the validator's clock.
    pub fn auditor_token_for(&self, purpose: Option<ReadingPurpose>) -> Result<String> {
        let grant = AuditorGrant::new(AUDITOR, purpose, purpose.map(|_| AUDITOR_CASE))?;
        let now = UnixMillis::new(self.now() * 1000)?;
        let key = AuditorKey::from_base64url(&self.auditor_key)?;
        Ok(key.mint(&grant, &Self::log_origin()?, now, AUDITOR_SECONDS)?)
    }

    /// The credential of the operators.
    pub fn operator_token(&self) -> &str {
        &self.operator_token
    }

    /// The deployment's log key, from which the seal of shared values is derived.
    pub fn log_key(&self) -> &str {
        &self.log_key
    }

    /// The name of the deployment's log.
    pub fn log_origin() -> Result<Origin> {
        Ok(Origin::parse(LOG_ORIGIN)?)
    }

    /// The key that verifies the log's checkpoints.
    pub fn log_verifier(&self) -> Result<NoteVerifier> {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let mut seed = [0; 32];
        Base64UrlUnpadded::decode(&self.checkpoint_key, &mut seed)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(NoteSigner::new(KeyName::parse(LOG_ORIGIN)?, &seed)?.verifier())
    }

    /// The pseudonym of a person under this institution's key.
    pub fn subject(&self, ssin: &str) -> Result<String> {
        issuer::subject(&self.pseudonym_key, ssin)
    }
}

/// Of the rows of Spin's key-value store those that instances left for each other. The log's trusted
/// head and the keys of its payloads stand in the same file, and are not for that.
pub const LEFT_BEHIND: &str =
    "key NOT LIKE 'sluis.v1.head.%' AND key NOT LIKE 'sluis.v1.payload-keys.%'";

/// Where a runtime keeps what its instances share: Spin's file, and the folder of workerd's object.
pub fn shared_places(state: &Path) -> (PathBuf, PathBuf) {
    (
        state.join(".spin/sqlite_key_value.db"),
        state.join("objects").join(crate::workerd::SHARED_OBJECTS),
    )
}
