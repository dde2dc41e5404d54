//! `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1 and §9): in the scheme in which
//! the token came.
//!
//! The realm is restricted to plain characters by the configuration and a scope by
//! the catalogue, so nothing needs quoting.

use std::fmt::Write as _;

use sluis_token::{Algorithm, AuthorizationScheme, BindingError, DpopError};

use crate::error::{Refusal, Stop};
use crate::problem::Kind;

/// The error code and its description.
type Code = (&'static str, &'static str);

const INVALID_TOKEN: Code = ("invalid_token", "The access token is invalid");
const EXPIRED_TOKEN: Code = ("invalid_token", "The access token expired");
const INVALID_PROOF: Code = ("invalid_dpop_proof", "The DPoP proof is invalid");
const USE_NONCE: Code = ("use_dpop_nonce", "The DPoP proof lacks a current nonce");
const INSUFFICIENT_SCOPE: Code = ("insufficient_scope", "Missing scope to perform request");

/// The challenge of an answer, if it has one.
pub(crate) fn challenge(
    stop: &Stop,
    kind: Kind,
    scope: Option<&str>,
    realm: &str,
    scheme: AuthorizationScheme,
) -> Option<String> {
    let mut challenge = format!("{} realm=\"{realm}\"", scheme.as_str());
    match (error(stop), kind, scope) {
        (Some((code, description)), _, _) => push(&mut challenge, (code, description)),
        // RFC 6750 §3.1: no error code where no authentication was attempted.
        (None, Kind::NoAccessToken, _) => {}
        (None, Kind::InvalidAccessToken, _) => push(&mut challenge, INVALID_TOKEN),
        (None, Kind::ExpiredAccessToken, _) => push(&mut challenge, EXPIRED_TOKEN),
        (None, Kind::MissingScope, Some(scope)) => {
            push(&mut challenge, INSUFFICIENT_SCOPE);
            // Writing to a string does not fail.
            _ = write!(challenge, ", scope=\"{scope}\"");
        }
        // Belgif's table gives a 400 no challenge; RFC 6750 §3.1 does, and clients
        // of OAuth look for it.
        (None, Kind::BadRequest, _) if matches!(stop, Stop::Refused(Refusal::Bearer(_))) => {
            challenge.push_str(", error=\"invalid_request\"");
        }
        (None, _, _) => return None,
    }
    if scheme == AuthorizationScheme::Dpop {
        challenge.push_str(", algs=\"");
        for (position, algorithm) in Algorithm::ALL.into_iter().enumerate() {
            let separator = if position == 0 { "" } else { " " };
            _ = write!(challenge, "{separator}{}", algorithm.as_str());
        }
        challenge.push('"');
    }
    Some(challenge)
}

fn push(challenge: &mut String, (code, description): Code) {
    _ = write!(
        challenge,
        ", error=\"{code}\", error_description=\"{description}\""
    );
}

/// What RFC 9449 wants told of a proof: whether it is the proof that is to be
/// mended, or only its nonce. Of a token nothing is told.
fn error(stop: &Stop) -> Option<Code> {
    let Stop::Refused(refusal) = stop else {
        return None;
    };
    match refusal {
        Refusal::Dpop(DpopError::NonceNeeded) => Some(USE_NONCE),
        Refusal::Dpop(_)
        | Refusal::ProofReplayed
        | Refusal::Binding(BindingError::ProofMissing | BindingError::ProofForAnotherToken) => {
            Some(INVALID_PROOF)
        }
        Refusal::Binding(
            BindingError::KeyBoundAsBearer
            | BindingError::NotKeyBound
            | BindingError::KeyMismatch
            | BindingError::CertificateMissing
            | BindingError::CertificateMismatch,
        )
        | Refusal::Route(_)
        | Refusal::Bearer(_)
        | Refusal::Ambiguous
        | Refusal::Parse(_)
        | Refusal::UnknownIssuer
        | Refusal::Verify(_)
        | Refusal::TokenReplayed
        | Refusal::Status(_)
        | Refusal::Denied(_)
        | Refusal::Subject(_)
        | Refusal::Auditor(_)
        | Refusal::Operator
        | Refusal::Order => None,
    }
}
