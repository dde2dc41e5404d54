//! The demo backend: fictitious data about nobody, and what it learned from the gate.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};

/// Path under which the backend stands.
pub(crate) const PATH: &str = "/simulation/backend";

/// Why the backend gives no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The call did not come through the gate.
    NoAssertion,
    /// It has no such data.
    NoResource,
}

/// Answers a call, with more than any mandate covers: the gate keeps that back.
/// Says which claims the assertion held, so that who calls past the gate sees what
/// a real backend would get; a real one checks its signature.
pub(crate) fn answer(path: &str, assertion: Option<&str>) -> Result<Value, Unanswered> {
    let claims = assertion
        .and_then(claims_of)
        .ok_or(Unanswered::NoAssertion)?;
    let data = if path.ends_with("/document") {
        json!({"document": "fictitious"})
    } else if path.starts_with("/simulation/backend/mutuality/") {
        json!({"increasedAllowance": false, "benefitAmount": "1000-1249", "benefitSince": "2025-03",
               "bankAccount": "of nobody's business here"})
    } else if path.starts_with("/simulation/backend/pension/") {
        json!({"scheme": "fictitious", "careerStart": "2001-09", "accruedRights": "20000-24999",
               "earliestPensionDate": "2047-05", "bankAccount": "of nobody's business here"})
    } else {
        return Err(Unanswered::NoResource);
    };
    Ok(json!({"fictitious": true, "data": data, "assertion": claims}))
}

fn claims_of(assertion: &str) -> Option<Value> {
    let payload = assertion.split('.').nth(1)?;
    let bytes = Base64UrlUnpadded::decode_vec(payload).ok()?;
    serde_json::from_slice(&bytes).ok()
}
