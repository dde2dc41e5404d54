//! The signed assertion of a decision, for the backend (profile §34, M-21.3).
//!
//! A JWS of type `sluis-assertion+jwt`, valid for seconds. It is bound to the
//! method, the target and, where the subject stands in the body, to the body:
//! it proves nothing about any other request. It names the operation, the
//! purpose and the entry in the log; of persons it carries the pseudonym of the
//! data subject, and the holder as the token names it: an enterprise number, or
//! a pseudonym where the catalogue demands one.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sluis_log::{EntryId, GateMode, TraceId};
use sluis_minimise::AllowList;
use sluis_policy::Operation;
use sluis_token::{HolderIdentity, VerifiedAccessToken};

use crate::config::UpstreamConfig;
use crate::error::Fault;
use crate::gate::Gate;
use crate::original::OriginalRequest;
use crate::permit::RecordedAllowance;
use crate::platform::Platform;
use crate::secrets::Secrets;

/// The JWS header's `typ`.
pub const TYP: &str = "sluis-assertion+jwt";

/// Room for an assertion, so that it is not moved while it grows.
const USUAL_BYTES: usize = 2048;

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Assertion<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    /// The decision's entry: what an auditor looks up.
    jti: String,
    sub: String,
    method: &'a str,
    target_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_hash: Option<String>,
    operation: &'a str,
    purpose: &'a str,
    data_categories: Vec<&'a str>,
    /// What of the answer passes, so that the backend sends no more; and where a
    /// proxy forwards, so that somebody filters at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a [String]>,
    mandate_type: &'a str,
    deliberation: &'a str,
    holder: AssertedHolder<'a>,
    trace_id: &'a str,
    log_index: u64,
    /// So that the backend knows what it would not have got with every rule enforced.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    failed_in_shadow: &'a [&'static str],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssertedHolder<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    enterprise_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pseudonym: Option<&'a str>,
}

/// What an assertion is made of, besides the recorded allowance.
pub(crate) struct AssertionFacts<'a> {
    pub(crate) gate: &'a Gate,
    pub(crate) token: &'a VerifiedAccessToken,
    pub(crate) original: &'a OriginalRequest,
    /// SHA-256 of the body, where it was read to find the subject.
    pub(crate) body_sha256: Option<[u8; 32]>,
    pub(crate) operation: &'a Operation,
    /// The fields of its answer; none where the answer is not looked into.
    pub(crate) fields: Option<&'a AllowList>,
    /// Rules of the policy that did not hold and are in shadow.
    pub(crate) failed_in_shadow: Vec<&'static str>,
    pub(crate) entry_id: EntryId,
    pub(crate) trace_id: TraceId,
    pub(crate) now_ms: u64,
}

/// Signs the assertion of a recorded allowance; there is none of another.
pub(crate) fn sign<P: Platform>(
    platform: &P,
    facts: &AssertionFacts<'_>,
    recorded: &RecordedAllowance,
) -> Result<String, Fault> {
    let AssertionFacts {
        gate,
        token,
        original,
        body_sha256,
        operation,
        fields,
        failed_in_shadow,
        entry_id,
        trace_id,
        now_ms,
    } = facts;
    let upstream = &gate.config.upstream;
    let iat = now_ms / 1000;
    let mandate = token.mandate();
    let claims = Assertion {
        iss: &gate.config.institution.id,
        aud: &upstream.assertion_audience,
        iat,
        exp: iat + upstream.assertion_lifetime_seconds,
        jti: entry_id.to_string(),
        sub: token.subject().to_base64url(),
        method: &original.method,
        target_hash: base64url(&target_sha256(original, upstream)),
        body_hash: body_sha256.map(|hash| base64url(&hash)),
        operation: operation.id(),
        purpose: operation.purpose(),
        data_categories: operation.data_categories().collect(),
        fields: fields.map(AllowList::paths),
        mandate_type: mandate.mandate_type(),
        deliberation: mandate.deliberation(),
        holder: match mandate.holder().identity() {
            HolderIdentity::EnterpriseNumber(number) => AssertedHolder {
                enterprise_number: Some(number.as_str()),
                pseudonym: None,
            },
            HolderIdentity::Pseudonym(pseudonym) => AssertedHolder {
                enterprise_number: None,
                pseudonym: Some(pseudonym),
            },
        },
        trace_id: trace_id.as_str(),
        log_index: recorded.index(),
        failed_in_shadow,
    };
    let key = &gate.secrets.assertion_key;
    let mut token = String::with_capacity(USUAL_BYTES);
    token.push_str(header(gate)?);
    token.push('.');
    push_part(&mut token, &claims)?;
    let signature = platform.sign(key, token.as_bytes());
    let signature = signature.map_err(|_| Fault::Assertion)?;
    token.push('.');
    BASE64URL.encode_string(signature, &mut token);
    Ok(token)
}

/// SHA-256 of path and query as the backend gets them: behind the upstream's prefix
/// where the gate forwards. A proxy that asks forwards by its own rules, which the
/// gate does not know: there it is what the proxy named.
fn target_sha256(original: &OriginalRequest, upstream: &UpstreamConfig) -> [u8; 32] {
    let prefix = match original.mode() {
        GateMode::Inline => upstream.path_prefix(),
        GateMode::Decision => "",
    };
    let mut hash = Sha256::new();
    hash.update(prefix);
    hash.update(&original.target);
    hash.finalize().into()
}

/// A part of the JWS: JSON in base64url (RFC 7515 §7.1).
fn push_part(token: &mut String, value: &impl Serialize) -> Result<(), Fault> {
    let mut json = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut json, value).map_err(|_| Fault::Assertion)?;
    BASE64URL.encode_string(json, token);
    Ok(())
}

fn base64url(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

/// The header, which is that of every assertion of a gate.
fn header(gate: &Gate) -> Result<&str, Fault> {
    let known = &gate.assertion_header;
    if let Some(header) = known.get() {
        return Ok(header);
    }
    let key = &gate.secrets.assertion_key;
    let mut header = String::new();
    push_part(
        &mut header,
        &Header {
            alg: key.algorithm().as_str(),
            typ: TYP,
            kid: key.key_id().as_str(),
        },
    )?;
    Ok(known.get_or_init(|| header))
}

/// The public JWK set of the assertion key.
pub(crate) fn key_set(secrets: &Secrets) -> String {
    format!("{{\"keys\":[{}]}}", secrets.assertion_key.public_jwk_json())
}
