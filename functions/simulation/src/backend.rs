//! The demo backend: fictitious data about nobody, and what it learned from the gate.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};

/// Path under which the backend stands.
pub(crate) const PATH: &str = "/simulation/backend";

/// Answers a call. Says which claims the assertion held, so that a newcomer
/// sees what a real backend would get; a real one checks its signature.
pub(crate) fn answer(path: &str, assertion: Option<&str>) -> (u16, Value) {
    let Some(claims) = assertion.and_then(claims_of) else {
        return (
            403,
            json!({"error": "no assertion: this call did not come through the gate"}),
        );
    };
    let data = if path.starts_with("/simulation/backend/mutuality/") {
        json!({"increasedAllowance": false, "benefitAmount": "1000-1249", "benefitSince": "2025-03"})
    } else if path.starts_with("/simulation/backend/pension/") {
        json!({"scheme": "fictitious", "careerStart": "2001-09", "accruedRights": "20000-24999",
               "earliestPensionDate": "2047-05"})
    } else {
        return (404, json!({"error": "no such resource"}));
    };
    (
        200,
        json!({"fictitious": true, "data": data, "assertion": claims}),
    )
}

fn claims_of(assertion: &str) -> Option<Value> {
    let payload = assertion.split('.').nth(1)?;
    let bytes = Base64UrlUnpadded::decode_vec(payload).ok()?;
    serde_json::from_slice(&bytes).ok()
}
