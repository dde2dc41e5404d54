//! The secrets of a local run: generated once, kept in the run's own folder, readable by its owner alone.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};
use sluis_tests::issuer::{ALGORITHMS, random_secret};
use sluis_token::Algorithm;
use sluis_token::sign::SigningKey;

const PSEUDONYM_KEY: &str = "SLUIS_PSEUDONYM_KEY";
const LOG_KEY: &str = "SLUIS_LOG_KEY";
const CHECKPOINT_KEY: &str = "SLUIS_CHECKPOINT_KEY";
const PAYLOAD_KEY: &str = "SLUIS_PAYLOAD_KEY";
const ASSERTION_KEY: &str = "SLUIS_ASSERTION_KEY";
const AUDITOR_KEY: &str = "SLUIS_AUDITOR_KEY";
const OPERATOR_TOKEN: &str = "SLUIS_OPERATOR_TOKEN";
const KEYS_CBSS: &str = "SLUIS_SIMULATION_KEYS_CBSS";
const KEYS_NIC: &str = "SLUIS_SIMULATION_KEYS_NIC";

/// Where the simulation of the run listens: for the validator, and for the command line.
const SIMULATION_ORIGIN: &str = "SLUIS_SIMULATION_ORIGIN";

/// Name and value of each secret and variable that a function gets.
type Variables = Vec<(String, String)>;

/// The keys of the validator and of the simulation beside it, by name.
#[derive(Debug)]
pub(crate) struct Secrets {
    values: Map<String, Value>,
    file: PathBuf,
    auditor_key_file: PathBuf,
    operator_token_file: PathBuf,
}

impl Secrets {
    /// Reads those of an earlier run, or makes new ones.
    pub(crate) fn load_or_generate(state: &Path) -> Result<Self> {
        let file = state.join("secrets.json");
        let auditor_key_file = state.join("auditor-key");
        let operator_token_file = state.join("operator-token");
        let files = [&file, &auditor_key_file, &operator_token_file];
        if files.iter().all(|file| file.is_file()) {
            let values: Map<String, Value> = serde_json::from_str(&fs::read_to_string(&file)?)
                .with_context(|| format!("{} is damaged: start with --fresh", file.display()))?;
            ensure!(
                [PAYLOAD_KEY, AUDITOR_KEY]
                    .iter()
                    .all(|name| values.contains_key(*name)),
                "{} is of an earlier version: start with --fresh",
                file.display()
            );
            return Ok(Self {
                values,
                file,
                auditor_key_file,
                operator_token_file,
            });
        }
        // Of an older version, perhaps: other keys would not fit the log beside them.
        ensure!(
            !file.is_file(),
            "{} is not whole: start with --fresh",
            state.display()
        );
        fs::create_dir_all(state).with_context(|| format!("creating {}", state.display()))?;
        let secrets = Self {
            values: generate()?,
            file,
            auditor_key_file,
            operator_token_file,
        };
        write_private(&secrets.auditor_key_file, secrets.value(AUDITOR_KEY))?;
        write_private(&secrets.operator_token_file, secrets.value(OPERATOR_TOKEN))?;
        secrets.write()?;
        Ok(secrets)
    }

    /// Notes where the simulation of this run listens: the tokens that the command line
    /// mints name a status list there.
    pub(crate) fn note_origin(&mut self, origin: &str) -> Result<()> {
        self.values
            .insert(SIMULATION_ORIGIN.to_owned(), origin.into());
        self.write()
    }

    fn write(&self) -> Result<()> {
        write_private(&self.file, &serde_json::to_string_pretty(&self.values)?)
    }

    /// All of them, as the command line reads them.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The file with the credential of the operators.
    pub(crate) fn operator_token_file(&self) -> &Path {
        &self.operator_token_file
    }

    /// The file with the key that makes tokens for auditors.
    pub(crate) fn auditor_key_file(&self) -> &Path {
        &self.auditor_key_file
    }

    /// The seed of the key that signs the log's checkpoints.
    pub(crate) fn checkpoint_key(&self) -> &str {
        self.value(CHECKPOINT_KEY)
    }

    /// The private keys of the first issuer, as a JSON array.
    pub(crate) fn keys_cbss(&self) -> &str {
        self.value(KEYS_CBSS)
    }

    /// The private keys of the second issuer.
    pub(crate) fn keys_nic(&self) -> &str {
        self.value(KEYS_NIC)
    }

    /// The key that maps an SSIN to a `sub`.
    pub(crate) fn pseudonym_key(&self) -> &str {
        self.value(PSEUDONYM_KEY)
    }

    /// What the validator gets, once it is known where the simulation listens.
    pub(crate) fn for_validator(&self) -> Variables {
        let mut variables = self.pairs(&[
            PSEUDONYM_KEY,
            LOG_KEY,
            CHECKPOINT_KEY,
            PAYLOAD_KEY,
            ASSERTION_KEY,
            AUDITOR_KEY,
            OPERATOR_TOKEN,
            SIMULATION_ORIGIN,
        ]);
        let backend = format!("{}/simulation/backend", self.value(SIMULATION_ORIGIN));
        variables.push(("SLUIS_UPSTREAM".to_owned(), backend));
        variables
    }

    /// What the simulation gets.
    pub(crate) fn for_simulation(&self) -> Variables {
        self.pairs(&[PSEUDONYM_KEY, KEYS_CBSS, KEYS_NIC])
    }

    fn pairs(&self, names: &[&str]) -> Variables {
        names
            .iter()
            .map(|name| ((*name).to_owned(), self.value(name).to_owned()))
            .collect()
    }

    fn value(&self, name: &str) -> &str {
        self.values
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

fn generate() -> Result<Map<String, Value>> {
    let mut values = Map::new();
    for name in [
        PSEUDONYM_KEY,
        LOG_KEY,
        CHECKPOINT_KEY,
        PAYLOAD_KEY,
        AUDITOR_KEY,
        OPERATOR_TOKEN,
    ] {
        values.insert(name.to_owned(), random_secret(32)?.into());
    }
    let assertion = SigningKey::generate(Algorithm::EdDsa)?.to_private_jwk_json();
    values.insert(ASSERTION_KEY.to_owned(), assertion.as_str().into());
    for name in [KEYS_CBSS, KEYS_NIC] {
        let keys: Vec<Value> = ALGORITHMS
            .iter()
            .map(|algorithm| {
                let key = SigningKey::generate(*algorithm)?;
                Ok(serde_json::from_str(&key.to_private_jwk_json())?)
            })
            .collect::<Result<_>>()?;
        values.insert(name.to_owned(), Value::Array(keys).to_string().into());
    }
    Ok(values)
}

pub(crate) fn write_private(file: &Path, text: &str) -> Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut out = options
        .open(file)
        .with_context(|| format!("writing {}", file.display()))?;
    Ok(out.write_all(text.as_bytes())?)
}
