//! `sluis token`: mint, sign, look into and verify tokens.

mod dpop;
mod inspect;
mod mint;
mod verify;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sluis_simulation::{MintError, SettingsError};
use sluis_token::sign::SignError;
use sluis_token::{
    AccessToken, BearerError, IssuerRulesError, JwkSetError, ParseError, UntrustedToken,
    VerifyError,
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::files::{FileFailure, read_text};
use crate::keys::{KeysFailure, read_key};

/// What to do with a token. A token is read from standard input, so that it is in no shell history.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Mint a token of the simulation, good or with one named defect
    Mint(mint::MintArguments),
    /// Sign claims of your own
    Sign(SignArguments),
    /// Make a DPoP proof for one call with a token
    Dpop(dpop::DpopArguments),
    /// Print header and claims of a token, without verifying it
    Inspect,
    /// Verify a token as the validator does, up to the catalogue
    Verify(verify::VerifyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SignArguments {
    /// The file with the private JWK
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The claims as a JSON object; - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    claims: PathBuf,
    /// The header's typ
    #[arg(long, default_value = "at+jwt")]
    typ: String,
}

/// Why a token command failed. Never shows a token or a key.
#[derive(Debug, Error)]
pub(crate) enum TokenFailure {
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error(transparent)]
    Keys(#[from] KeysFailure),
    #[error("refused ({code}): {0}", code = .0.code())]
    Bearer(BearerError),
    #[error("refused ({code}): {0}", code = .0.code())]
    Parse(ParseError),
    #[error("refused ({code}): {0}", code = .0.code())]
    Verify(VerifyError),
    #[error("{name}: not a key set: {error}")]
    KeySet { name: String, error: JwkSetError },
    #[error("the rules for the issuer cannot be used: {0}")]
    Rules(IssuerRulesError),
    #[error("{name}: expected the secrets of a local run, a JSON object with {member}")]
    Secrets { name: String, member: &'static str },
    #[error(
        "no secrets of a local run here: start `cargo xtask dev` first, or name the file with --secrets"
    )]
    NoSecrets,
    #[error("several local runs have secrets here: name the file with --secrets")]
    SeveralSecrets,
    #[error("{name}: {error}")]
    Settings { name: String, error: SettingsError },
    #[error("not minted: {0}")]
    Mint(#[from] MintError),
    #[error("{name}: expected a JSON object")]
    Claims { name: String },
    #[error("not signed: {0}")]
    Sign(SignError),
    #[error("no token: expected three parts of base64url with JSON objects in the first two")]
    NoToken,
}

impl TokenFailure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) | Self::NoSecrets | Self::SeveralSecrets | Self::Sign(_) => {
                FileFailure::EXIT_CODE
            }
            Self::Keys(failure) => failure.exit_code(),
            Self::Bearer(_) | Self::Parse(_) | Self::Verify(_) | Self::Mint(_) => 3,
            Self::KeySet { .. }
            | Self::Rules(_)
            | Self::Secrets { .. }
            | Self::Settings { .. }
            | Self::Claims { .. }
            | Self::NoToken => 4,
        }
    }
}

/// Runs the command and writes what it has to say.
pub(crate) fn run(command: &TokenCommand, out: &mut impl Write) -> Result<(), TokenFailure> {
    match command {
        TokenCommand::Mint(arguments) => mint::mint(arguments, out),
        TokenCommand::Sign(arguments) => sign(arguments, out),
        TokenCommand::Dpop(arguments) => dpop::dpop(arguments, out),
        TokenCommand::Inspect => inspect::inspect(out),
        TokenCommand::Verify(arguments) => verify::verify(arguments, out),
    }
}

fn sign(arguments: &SignArguments, out: &mut impl Write) -> Result<(), TokenFailure> {
    let key = read_key(&arguments.key)?;
    let text = read_text(&arguments.claims)?;
    let not_claims = |_| TokenFailure::Claims {
        name: crate::files::name_of(&arguments.claims),
    };
    let claims: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).map_err(not_claims)?;
    let token = key
        .sign(&arguments.typ, &claims)
        .map_err(TokenFailure::Sign)?;
    Ok(writeln!(out, "{token}").map_err(FileFailure::Output)?)
}

/// The token on standard input, without the white space around it.
fn read_token() -> Result<Zeroizing<String>, FileFailure> {
    let text = read_text(Path::new("-"))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// The token as the profile reads it.
fn parse(token: &str) -> Result<UntrustedToken, TokenFailure> {
    let token = AccessToken::parse(token).map_err(TokenFailure::Bearer)?;
    UntrustedToken::parse(&token).map_err(TokenFailure::Parse)
}
