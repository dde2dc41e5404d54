//! Who takes part, each in a process of its own, all with the same keys and secrets.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use sluis_tests::issuer::{Issuers, random_secret};
use sluis_tests::runtime::{
    Build, Function, Launch, LogCondition, ReplayCondition, Running, Runtime, Surroundings,
};
use sluis_tests::spin::CompatibleHost;
use sluis_tests::workerd::{COMPATIBILITY_DATE, Objects, Worker, Workerd, serving, text};
use sluis_token::Algorithm;
use sluis_token::sign::SigningKey;

use super::cores;
use crate::build::Recipe;
use crate::node;
use crate::steps::run;

/// Where everything that is only measured is built.
const OUT: &str = "target/bench";
/// The service that has the log's object.
const LOG: &str = "log";

/// A program to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Contender {
    /// The validator's Worker over a log that keeps nothing.
    Forgetful,
    /// The validator's Worker as it is deployed, its log an isolate of its own.
    Durable,
    /// The same with four logs, each an object of its own in that isolate.
    Shards,
    /// The peer with `jose`.
    Peer { log: bool },
    /// The component.
    Spin,
    /// The same with four logs.
    SpinShards,
}

impl Contender {
    fn build(self) -> Build {
        match self {
            Self::Forgetful | Self::Durable | Self::Peer { .. } | Self::Spin => Build::Simulation,
            Self::Shards | Self::SpinShards => Build::Sharded,
        }
    }
}

/// The Worker of `xtask/bench/worker`.
pub(crate) fn forgetful() -> Recipe {
    Recipe {
        name: "bench",
        package: "sluis-bench-worker",
        scripts: "xtask/bench/worker/js".into(),
        out: OUT.into(),
    }
}

/// One file of the peer and `jose`.
pub(crate) fn bundle_peer(root: &Path) -> Result<()> {
    let mut outfile = std::ffi::OsString::from("--outfile=");
    outfile.push(root.join(OUT).join("peer.mjs"));
    let mut command = node::esbuild(root);
    command.arg("xtask/bench/peer/peer.mjs");
    run(command
        .args([
            "--bundle",
            "--format=esm",
            "--target=esnext",
            "--log-level=warning",
        ])
        .arg(outfile))
}

/// What all contenders share.
#[derive(Debug)]
pub(crate) struct Party {
    root: PathBuf,
    pub(crate) issuers: Issuers,
    pub(crate) pseudonym_key: Vec<u8>,
    variables: Vec<(String, String)>,
    started: Cell<u32>,
}

impl Party {
    /// Draws keys and secrets and serves the key sets.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let issuers = Issuers::start()?;
        let pseudonym = random_secret(32)?;
        let pseudonym_key = Base64UrlUnpadded::decode_vec(&pseudonym)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let assertion = SigningKey::generate(Algorithm::EdDsa)?
            .to_private_jwk_json()
            .to_string();
        let variables = [
            ("SLUIS_PSEUDONYM_KEY", pseudonym),
            ("SLUIS_LOG_KEY", random_secret(32)?),
            ("SLUIS_CHECKPOINT_KEY", random_secret(32)?),
            ("SLUIS_PAYLOAD_KEY", random_secret(32)?),
            ("SLUIS_ASSERTION_KEY", assertion),
            ("SLUIS_AUDITOR_KEY", random_secret(32)?),
            (
                "SLUIS_SIMULATION_ORIGIN",
                format!("http://{}", issuers.address()),
            ),
            ("PEER_JWKS", issuers.cbss.key_set()),
        ];
        Ok(Self {
            root: root.to_owned(),
            issuers,
            pseudonym_key,
            variables: variables
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            started: Cell::new(0),
        })
    }

    /// Starts a contender with an empty log.
    pub(crate) fn start(&self, contender: Contender) -> Result<Running> {
        self.start_with(contender, &[])
    }

    /// The same with further variables.
    pub(crate) fn start_with(
        &self,
        contender: Contender,
        further: &[(&str, String)],
    ) -> Result<Running> {
        let mut variables = self.variables.clone();
        let further = further.iter();
        variables.extend(further.map(|(name, value)| ((*name).to_owned(), value.clone())));
        let number = self.started.replace(self.started.get() + 1);
        let state = self.root.join(OUT).join(format!("state-{number}"));
        if state.exists() {
            fs::remove_dir_all(&state).with_context(|| format!("removing {}", state.display()))?;
        }
        let surroundings = Surroundings {
            root: self.root.clone(),
            build: contender.build(),
            state,
            function: Function::Validator,
            variables,
            log: LogCondition::Well,
            replay: ReplayCondition::Well,
            movable_clock: false,
        };
        let workerd = Workerd::find(&self.root).map_err(anyhow::Error::msg)?;
        let running = match contender {
            Contender::Spin | Contender::SpinShards => {
                let host = CompatibleHost::find().map_err(anyhow::Error::msg)?;
                Running::start(&host, &surroundings)
            }
            Contender::Forgetful
            | Contender::Durable
            | Contender::Shards
            | Contender::Peer { .. } => {
                Running::start(&Measured { workerd, contender }, &surroundings)
            }
        }?;
        cores::give_one(running.pid())?;
        Ok(running)
    }
}

/// A Worker that is not deployed.
#[derive(Debug)]
struct Measured {
    workerd: Workerd,
    contender: Contender,
}

impl Runtime for Measured {
    fn name(&self) -> &'static str {
        "workerd"
    }

    fn supports(&self, _log: LogCondition) -> Result<(), String> {
        Ok(())
    }

    fn launch(&self, surroundings: &Surroundings, address: SocketAddr) -> Result<Launch> {
        let state = &surroundings.state;
        let objects = state.join("objects");
        fs::create_dir_all(&objects)?;
        let names = || surroundings.variables.iter().map(|(name, _)| name.as_str());
        let folder = surroundings.root.join(OUT);
        let validator = |objects| Worker {
            name: "validator",
            folder: surroundings
                .root
                .join(surroundings.artefacts())
                .join("cloudflare"),
            variables: names().collect(),
            objects,
            movable_clock: false,
        };
        // The very object that both append to, apart from either.
        let log =
            || validator(Objects::Own(LogCondition::Well, ReplayCondition::Well)).service(LOG);
        let (services, name) = match self.contender {
            Contender::Peer { log: false } => (peer_service(&folder, names(), false)?, "peer"),
            Contender::Peer { log: true } => {
                (peer_service(&folder, names(), true)? + &log()?, "peer")
            }
            Contender::Durable | Contender::Shards => {
                let worker = validator(Objects::Of(LOG));
                (worker.service(worker.name)? + &log()?, worker.name)
            }
            Contender::Forgetful | Contender::Spin | Contender::SpinShards => {
                let worker = Worker {
                    name: "bench",
                    folder,
                    variables: names().collect(),
                    objects: Objects::None,
                    movable_clock: false,
                };
                (worker.service(worker.name)?, worker.name)
            }
        };
        let configuration = state.join("bench.capnp");
        fs::write(&configuration, serving(&services, name, &objects, address)?)?;
        let mut command = self.workerd.serve(&configuration);
        for (name, value) in &surroundings.variables {
            command.env(name, value);
        }
        Ok(command.into())
    }
}

fn peer_service<'a>(
    folder: &Path,
    names: impl Iterator<Item = &'a str>,
    log: bool,
) -> Result<String> {
    let mut bindings = String::new();
    for name in names {
        let _ = write!(
            bindings,
            "(name = \"{name}\", fromEnvironment = \"{name}\"), "
        );
    }
    let script = text(&folder.join("peer.mjs"))?;
    if log {
        bindings.push_str("(name = \"PEER_LOG\", text = \"1\"), ");
        bindings.push_str(
            "(name = \"AUDIT_LOG\", durableObjectNamespace = (className = \"AuditLog\", serviceName = \"log\"))",
        );
    }
    Ok(format!(
        "    (name = \"peer\", worker = (\n\
         \x20     compatibilityDate = \"{COMPATIBILITY_DATE}\",\n\
         \x20     modules = [(name = \"peer.mjs\", esModule = embed {script})],\n\
         \x20     bindings = [{bindings}]\n\
         \x20   )),\n"
    ))
}
