//! The signed assertion of a decision, for the backend (profile §34, M-21.3).
//!
//! A JWS of type `sluis-assertion+jwt`, valid for seconds. It names the
//! operation, the purpose and the entry in the log; of persons it carries the
//! pseudonym of the data subject, and the holder as the token names it: an
//! enterprise number, or a pseudonym where the catalogue demands one.

use serde::Serialize;
use sluis_log::{EntryId, TraceId};
use sluis_policy::Operation;
use sluis_token::{HolderIdentity, VerifiedAccessToken};

use crate::error::Fault;
use crate::gate::Gate;
use crate::permit::RecordedAllowance;
use crate::secrets::Secrets;

/// The JWS header's `typ`.
pub const TYP: &str = "sluis-assertion+jwt";

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
    operation: &'a str,
    purpose: &'a str,
    data_categories: Vec<&'a str>,
    mandate_type: &'a str,
    deliberation: &'a str,
    holder: AssertedHolder<'a>,
    trace_id: &'a str,
    log_index: u64,
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
    pub(crate) operation: &'a Operation,
    pub(crate) entry_id: EntryId,
    pub(crate) trace_id: TraceId,
    pub(crate) now_ms: u64,
}

/// Signs the assertion of a recorded allowance; there is none of another.
pub(crate) fn sign(
    facts: &AssertionFacts<'_>,
    recorded: &RecordedAllowance,
) -> Result<String, Fault> {
    let AssertionFacts {
        gate,
        token,
        operation,
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
        operation: operation.id(),
        purpose: operation.purpose(),
        data_categories: operation.data_categories().collect(),
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
    };
    gate.secrets
        .assertion_key
        .sign(TYP, &claims)
        .map_err(|_| Fault::Assertion)
}

/// The public JWK set of the assertion key.
pub(crate) fn key_set(secrets: &Secrets) -> String {
    format!("{{\"keys\":[{}]}}", secrets.assertion_key.public_jwk_json())
}
