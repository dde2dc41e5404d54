//! `sluis token mint`: a token of the simulation, with the keys of a local run.

use std::io::Write;
use std::path::PathBuf;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::Args;
use serde_json::{Map, Value};
use sluis_simulation::{
    Defect, MintRequest, RawSettings, Simulation, StatusEntry, SystemName, status_list_uri,
};
use sluis_token::Algorithm;

use super::TokenFailure;
use crate::clock;
use crate::files::{FileFailure, read_text};
use crate::keys::{parse_algorithm, read_key};
use crate::local_run::{self, NotOne};

/// Where `cargo xtask dev` keeps the secrets of a local run.
const SECRETS: &str = "secrets.json";
/// What it calls the address there at which the simulation listens.
const ORIGIN: &str = "SLUIS_SIMULATION_ORIGIN";

#[derive(Debug, Args)]
pub(crate) struct MintArguments {
    /// The secrets of the simulation; by default those of the local run
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// The verification system: cbss (a named holder) or nic (a pseudonymised one)
    #[arg(long, value_name = "NAME", default_value = "cbss", value_parser = ["cbss", "nic"])]
    system: String,
    /// eddsa, es256, es384, ps256 or rs256; by default the system's first key
    #[arg(long, value_name = "NAME", value_parser = parse_algorithm)]
    algorithm: Option<Algorithm>,
    /// The data subject, a bis-type test number
    #[arg(long, value_name = "NUMBER")]
    ssin: Option<String>,
    /// Lifetime in seconds
    #[arg(long, value_name = "SECONDS")]
    lifetime: Option<u64>,
    /// The one thing that is wrong
    #[arg(long, value_name = "NAME", value_parser = parse_defect)]
    defect: Option<Defect>,
    /// Bind the token to the public part of the private JWK in that file, for DPoP
    #[arg(long, value_name = "FILE")]
    dpop_key: Option<PathBuf>,
    /// Bind the token to the certificate whose DER has that SHA-256, in base64url
    #[arg(long, value_name = "SHA256")]
    certificate: Option<String>,
    /// For one use only
    #[arg(long)]
    single_use: bool,
    /// Give the token this entry of a status list
    #[arg(long, value_name = "INDEX")]
    status_index: Option<u64>,
    /// Where that list stands; by default at the simulation of the local run
    #[arg(long, value_name = "URL", requires = "status_index")]
    status_list: Option<String>,
}

pub(super) fn mint(arguments: &MintArguments, out: &mut impl Write) -> Result<(), TokenFailure> {
    let secrets = Secrets::read(arguments)?;
    let simulation = secrets.simulation()?;
    let system = if arguments.system == "nic" {
        SystemName::Nic
    } else {
        SystemName::Cbss
    };
    let status = match (arguments.status_index, &arguments.status_list) {
        (None, _) => None,
        (Some(index), Some(uri)) => Some((index, uri.clone())),
        (Some(index), None) => {
            let origin = secrets.value(ORIGIN)?;
            Some((index, status_list_uri(&origin, system)))
        }
    };
    let key_thumbprint = match &arguments.dpop_key {
        None => None,
        Some(path) => {
            let thumbprint = read_key(path)?.public_key().thumbprint();
            Some(Base64UrlUnpadded::encode_string(&thumbprint))
        }
    };
    let request = MintRequest {
        verification_system: system,
        algorithm: arguments
            .algorithm
            .map(|algorithm| algorithm.as_str().to_owned()),
        ssin: arguments.ssin.clone(),
        lifetime_seconds: arguments.lifetime,
        defect: arguments.defect,
        key_thumbprint,
        certificate_thumbprint: arguments.certificate.clone(),
        single_use: arguments.single_use,
        status: status.map(|(index, uri)| StatusEntry {
            index,
            uri: Some(uri),
        }),
    };
    let token = simulation.mint(&request, clock::now()?.as_seconds())?;
    Ok(writeln!(out, "{}", token.access_token).map_err(FileFailure::Output)?)
}

/// The keys of a local run by name, and where its simulation listens.
struct Secrets {
    name: String,
    values: Map<String, Value>,
}

impl Secrets {
    fn read(arguments: &MintArguments) -> Result<Self, TokenFailure> {
        let path = match &arguments.secrets {
            Some(path) => path.clone(),
            None => local_run()?,
        };
        let name = path.display().to_string();
        let text = read_text(&path)?;
        match serde_json::from_str(&text) {
            Ok(values) => Ok(Self { name, values }),
            Err(_) => Err(TokenFailure::Secrets {
                name,
                member: "the keys by name",
            }),
        }
    }

    fn value(&self, member: &'static str) -> Result<String, TokenFailure> {
        let value = self.values.get(member).and_then(Value::as_str);
        value.map(str::to_owned).ok_or(TokenFailure::Secrets {
            name: self.name.clone(),
            member,
        })
    }

    fn simulation(&self) -> Result<Simulation, TokenFailure> {
        let raw = RawSettings {
            keys_cbss: self.value("SLUIS_SIMULATION_KEYS_CBSS")?,
            keys_nic: self.value("SLUIS_SIMULATION_KEYS_NIC")?,
            pseudonym_key: self.value("SLUIS_PSEUDONYM_KEY")?,
        };
        Simulation::try_from(raw).map_err(|error| TokenFailure::Settings {
            name: self.name.clone(),
            error,
        })
    }
}

/// The secrets of the one local run.
fn local_run() -> Result<PathBuf, TokenFailure> {
    local_run::file(SECRETS).map_err(|error| match error {
        NotOne::None => TokenFailure::NoSecrets,
        NotOne::Several => TokenFailure::SeveralSecrets,
    })
}

fn parse_defect(text: &str) -> Result<Defect, String> {
    Defect::ALL
        .iter()
        .copied()
        .find(|defect| name_of(*defect) == text)
        .ok_or_else(|| {
            let names: Vec<_> = Defect::ALL.iter().map(|defect| name_of(*defect)).collect();
            format!("expected one of {}", names.join(", "))
        })
}

/// As the simulation spells it.
fn name_of(defect: Defect) -> String {
    match serde_json::to_value(defect) {
        Ok(Value::String(name)) => name,
        Ok(_) | Err(_) => String::new(),
    }
}
