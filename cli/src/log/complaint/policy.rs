//! Under which policy each call was decided, who checked what, and what the parties agreed (M-21.2, M-21.4).

use serde_json::{Value, json};
use sluis_log::trace::Traced;
use sluis_policy::Catalogue;

pub(crate) fn policy(traced: &Traced, catalogues: &[Catalogue]) -> Value {
    let calls = traced.calls().map(|call| {
        let decision = call.decision();
        let deliberation = decision.deliberation();
        json!({
            "index": decision.index,
            "policyDigest": decision.policy,
            "deliberation": deliberation.map(|(number, version)| format!("{number}@{version}")),
            "checks": decision.checks(),
        })
    });
    let types: Vec<&str> = traced
        .calls()
        .filter_map(|call| call.decision().mandate_type())
        .collect();
    let numbers: Vec<&str> = traced
        .calls()
        .filter_map(|call| call.decision().deliberation())
        .map(|(number, _)| number)
        .collect();
    let catalogues = catalogues.iter().map(|catalogue| {
        let digest: String = hex(&catalogue.digest());
        // The framework holds on top of each deliberation (M-8.1).
        let applied = catalogue.deliberations().filter(|one| {
            numbers.contains(&one.number()) || one.kind().as_str() == "framework"
        });
        let deliberations: Vec<Value> = applied
            .map(|one| {
                let versions = one.versions().iter().map(|version| {
                    json!({
                        "version": version.number(),
                        "adoptedOn": version.adopted_on().to_string(),
                        "inForceFrom": version.in_force_from().to_string(),
                        "inForceUntil": version.in_force_until().map(ToString::to_string),
                    })
                });
                json!({"number": one.number(), "versions": versions.collect::<Vec<_>>()})
            })
            .collect();
        let responsibilities: Vec<Value> = catalogue
            .mandate_types()
            .filter(|one| types.contains(&one.code()))
            .map(|one| {
                let measures = one.security_measures().iter().map(|measure| {
                    json!({
                        "id": measure.id(), "class": measure.class().as_str(), "nl": measure.text_nl(),
                    })
                });
                json!({"mandateType": one.code(), "securityMeasures": measures.collect::<Vec<_>>()})
            })
            .collect();
        let matrix: Vec<Value> = catalogue
            .mandate_types()
            .filter(|one| types.contains(&one.code()))
            .map(|one| json!({"mandateType": one.code(), "logs": one.logging()}))
            .collect();
        json!({
            "digest": digest,
            "deliberations": deliberations,
            "responsibilities": responsibilities,
            "loggingMatrix": matrix,
        })
    });
    json!({"calls": calls.collect::<Vec<_>>(), "catalogues": catalogues.collect::<Vec<_>>()})
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
