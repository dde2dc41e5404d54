//! `sluis token dpop`: a proof of possession for one call (RFC 9449 §4.2).

use std::io::Write;
use std::path::PathBuf;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::Args;
use sluis_token::AccessToken;
use sluis_token::sign::ProofClaims;

use super::{TokenFailure, read_token};
use crate::clock;
use crate::files::FileFailure;
use crate::keys::{KeysFailure, read_key};

/// Bytes of a proof's `jti`.
const PROOF_ID_BYTES: usize = 16;

#[derive(Debug, Args)]
pub(crate) struct DpopArguments {
    /// The file with the private JWK that the token is bound to
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The method of the call
    #[arg(long, default_value = "GET")]
    method: String,
    /// The address of the call as the validator's configuration has it (`institution.url` and the path), without a query
    #[arg(long)]
    url: String,
    /// The nonce that the validator gave in `DPoP-Nonce`
    #[arg(long)]
    nonce: Option<String>,
}

/// Makes a proof for the token on standard input.
pub(super) fn dpop(arguments: &DpopArguments, out: &mut impl Write) -> Result<(), TokenFailure> {
    let key = read_key(&arguments.key)?;
    let token = read_token()?;
    let token = AccessToken::parse(&token).map_err(TokenFailure::Bearer)?;
    let mut id = [0; PROOF_ID_BYTES];
    getrandom::fill(&mut id).map_err(|_| KeysFailure::NoRandomness)?;
    let proof = key.sign_dpop_proof(&ProofClaims {
        proof_id: &Base64UrlUnpadded::encode_string(&id),
        method: &arguments.method,
        url: &arguments.url,
        issued_at: clock::now()?,
        access_token: Some(&token),
        nonce: arguments.nonce.as_deref(),
    });
    let proof = proof.map_err(TokenFailure::Sign)?;
    Ok(writeln!(out, "{proof}").map_err(FileFailure::Output)?)
}
