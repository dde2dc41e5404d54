//! `sluis keys`: make the keys that the validator, the simulation and verification systems need.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sluis_log::{
    AuditorGrant, AuditorGrantError, AuditorKey, AuditorKeyError, CosignatureSigner, KeyName,
    NoteSigner, Origin, ReadingPurpose,
};
use sluis_token::sign::{SignError, SigningKey, jwks_json};
use sluis_token::{Algorithm, KeyId};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::clock::now_millis;
use crate::files::{FileFailure, name_of, read_text, write_secret};
use crate::log::parse_purpose;

/// Length of a symmetric key, and of a credential: that of the hash it is used with.
const RANDOM_BYTES: usize = 32;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a private key, as a JWK
    Generate(GenerateArguments),
    /// Print the public parts of private keys, as a JWK set
    Public(PublicArguments),
    /// Make a random key or credential of 32 bytes, in base64url
    Random(RandomArguments),
    /// Make a token with which an auditor reads the log
    AuditorToken(AuditorTokenArguments),
    /// Print the verifier key of a log's or a witness's private key
    Verifier(VerifierArguments),
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArguments {
    /// eddsa, es256, es384, ps256 or rs256
    #[arg(long, value_name = "NAME", value_parser = parse_algorithm)]
    algorithm: Algorithm,
    /// The key's id; by default its thumbprint (RFC 7638)
    #[arg(long, value_name = "ID", value_parser = parse_key_id)]
    kid: Option<KeyId>,
    /// The file to write, which only you can read; it must not exist. By default standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PublicArguments {
    /// Files with a private JWK each; - for standard input
    #[arg(value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RandomArguments {
    /// The file to write, which only you can read; it must not exist. By default standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifierArguments {
    /// Whose key it is: the log's origin, or the witness's name
    #[arg(long, value_name = "NAME", value_parser = KeyName::parse)]
    name: KeyName,
    /// A witness's key, for cosignatures; by default a log's, for checkpoints
    #[arg(long)]
    witness: bool,
    /// The file with the private key, as `sluis keys random` writes it; - for standard input
    #[arg(value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct AuditorTokenArguments {
    /// The file with the validator's `SLUIS_AUDITOR_KEY`; - for standard input
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Who reads: an office or a role, no person's name
    #[arg(long, value_name = "ID")]
    auditor: String,
    /// The origin of the log, `[log] origin` of the configuration
    #[arg(long, value_name = "ORIGIN", value_parser = Origin::parse)]
    log: Origin,
    /// What for: audit, complaint, dataSubjectRequest, supervision or securityIncident; without it checkpoints, tiles and proofs alone are shown
    #[arg(long, value_name = "PURPOSE", value_parser = parse_purpose)]
    purpose: Option<ReadingPurpose>,
    /// The case, by its owner's number; for every purpose but audit
    #[arg(long, value_name = "CASE", requires = "purpose")]
    reference: Option<String>,
    /// For how many hours it is valid
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    valid: u64,
    /// The file to write, which only you can read; it must not exist. By default standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Why a keys command failed. Never says anything of a key.
#[derive(Debug, Error)]
pub(crate) enum KeysFailure {
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error("{name}: expected a private JWK as `sluis keys generate` writes it: {error}")]
    NotAKey { name: String, error: SignError },
    #[error(
        "{name}: expected {RANDOM_BYTES} bytes in base64url, as `sluis keys random` writes them"
    )]
    NotASeed { name: String },
    #[error("{name}: {error}")]
    Unusable {
        name: String,
        error: sluis_log::SignerError,
    },
    #[error("{name}: {error}")]
    NotAnAuditorKey {
        name: String,
        error: AuditorKeyError,
    },
    #[error("no auditor token: {0}")]
    Grant(AuditorGrantError),
    #[error("no key could be made: {0}")]
    NotMade(SignError),
    #[error("the system gives no random bytes")]
    NoRandomness,
    #[error("the key id \"{key_id}\" stands for two keys")]
    SameKeyId { key_id: String },
}

impl KeysFailure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) | Self::NotMade(_) | Self::NoRandomness => FileFailure::EXIT_CODE,
            Self::Grant(_) => 2,
            Self::NotAKey { .. }
            | Self::NotAnAuditorKey { .. }
            | Self::NotASeed { .. }
            | Self::Unusable { .. }
            | Self::SameKeyId { .. } => 4,
        }
    }
}

/// Runs the command and writes what it has to say.
pub(crate) fn run(command: &KeysCommand, out: &mut impl Write) -> Result<(), KeysFailure> {
    match command {
        KeysCommand::Generate(arguments) => generate(arguments, out),
        KeysCommand::Public(arguments) => public(arguments, out),
        KeysCommand::Random(arguments) => random(arguments, out),
        KeysCommand::AuditorToken(arguments) => auditor_token(arguments, out),
        KeysCommand::Verifier(arguments) => verifier(arguments, out),
    }
}

fn generate(arguments: &GenerateArguments, out: &mut impl Write) -> Result<(), KeysFailure> {
    let mut key = SigningKey::generate(arguments.algorithm).map_err(KeysFailure::NotMade)?;
    if let Some(key_id) = &arguments.kid {
        key = key.with_key_id(key_id).map_err(KeysFailure::NotMade)?;
    }
    Ok(write_secret(
        arguments.out.as_ref(),
        &key.to_private_jwk_json(),
        out,
    )?)
}

fn public(arguments: &PublicArguments, out: &mut impl Write) -> Result<(), KeysFailure> {
    let mut keys: Vec<SigningKey> = Vec::new();
    for path in &arguments.keys {
        let key = read_key(path)?;
        if keys.iter().any(|other| other.key_id() == key.key_id()) {
            return Err(KeysFailure::SameKeyId {
                key_id: key.key_id().as_str().to_owned(),
            });
        }
        keys.push(key);
    }
    Ok(writeln!(out, "{}", jwks_json(&keys)).map_err(FileFailure::Output)?)
}

/// The private key in a file.
pub(crate) fn read_key(path: &Path) -> Result<SigningKey, KeysFailure> {
    let json = read_text(path)?;
    SigningKey::from_jwk_json(json.trim()).map_err(|error| KeysFailure::NotAKey {
        name: name_of(path),
        error,
    })
}

fn random(arguments: &RandomArguments, out: &mut impl Write) -> Result<(), KeysFailure> {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let mut bytes = Zeroizing::new([0; RANDOM_BYTES]);
    getrandom::fill(bytes.as_mut()).map_err(|_| KeysFailure::NoRandomness)?;
    let text = Zeroizing::new(Base64UrlUnpadded::encode_string(bytes.as_ref()));
    Ok(write_secret(arguments.out.as_ref(), &text, out)?)
}

fn auditor_token(
    arguments: &AuditorTokenArguments,
    out: &mut impl Write,
) -> Result<(), KeysFailure> {
    let AuditorTokenArguments {
        key_file,
        auditor,
        log,
        purpose,
        reference,
        valid,
        out: file,
    } = arguments;
    let key = read_auditor_key(key_file)?;
    let seconds = valid.saturating_mul(3600);
    let now = now_millis()?;
    let token = AuditorGrant::new(auditor, *purpose, reference.as_deref())
        .and_then(|grant| key.mint(&grant, log, now, seconds))
        .map_err(KeysFailure::Grant)?;
    Ok(write_secret(file.as_ref(), &token, out)?)
}

/// The auditor key in a file.
pub(crate) fn read_auditor_key(path: &Path) -> Result<AuditorKey, KeysFailure> {
    let text = read_text(path)?;
    AuditorKey::from_base64url(text.trim()).map_err(|error| KeysFailure::NotAnAuditorKey {
        name: name_of(path),
        error,
    })
}

fn verifier(arguments: &VerifierArguments, out: &mut impl Write) -> Result<(), KeysFailure> {
    let (name, path) = (arguments.name.clone(), &arguments.key);
    let unusable = |error| KeysFailure::Unusable {
        name: name_of(path),
        error,
    };
    let key = if arguments.witness {
        let seed = read_seed(path)?;
        let signer = CosignatureSigner::new(name, &seed).map_err(unusable)?;
        signer.verifier().to_string()
    } else {
        read_signer(&name, path)?.verifier().to_string()
    };
    Ok(writeln!(out, "{key}").map_err(FileFailure::Output)?)
}

/// The key of that name in a file, which signs notes.
pub(crate) fn read_signer(name: &KeyName, path: &Path) -> Result<NoteSigner, KeysFailure> {
    let seed = read_seed(path)?;
    let signer = NoteSigner::new(name.clone(), &seed);
    signer.map_err(|error| KeysFailure::Unusable {
        name: name_of(path),
        error,
    })
}

/// The 32 bytes in a file, from which an Ed25519 key is made.
pub(crate) fn read_seed(path: &Path) -> Result<Zeroizing<[u8; RANDOM_BYTES]>, KeysFailure> {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let text = read_text(path)?;
    let mut seed = Zeroizing::new([0; RANDOM_BYTES]);
    let decoded = Base64UrlUnpadded::decode(text.trim(), seed.as_mut());
    if decoded.map(<[u8]>::len) == Ok(RANDOM_BYTES) {
        Ok(seed)
    } else {
        Err(KeysFailure::NotASeed {
            name: name_of(path),
        })
    }
}

/// Fresh random bytes.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], KeysFailure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| KeysFailure::NoRandomness)?;
    Ok(bytes)
}

/// The algorithm of that name; on a command line case does not count.
pub(crate) fn parse_algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::ALL
        .into_iter()
        .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| "expected eddsa, es256, es384, ps256 or rs256".to_owned())
}

fn parse_key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| format!("expected 1 to {} bytes", KeyId::MAX_BYTES))
}
