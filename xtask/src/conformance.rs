//! The profile of a local run for `sluis conformance`, the key files that it names, and a run of the whole of it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::secrets::{Secrets, write_private};
use crate::steps;

/// The target is a process on this machine.
const RATE: &str = "1000";
const CONCURRENCY: &str = "8";
/// On Spin each of many made-up keys waits for its turn, on two cores that do all the rest too.
const PATIENCE_SECONDS: &str = "30";

/// What is read of the report.
#[derive(Deserialize)]
struct Report {
    counts: Counts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    passed: u64,
    failed: u64,
    errors: u64,
    not_applicable: u64,
}

/// Runs every case that can be tried from outside; fails unless each is answered as it must be.
pub(crate) fn run(root: &Path, sluis: &Path, profile: &Path) -> Result<String> {
    let json = root.join(profile).with_file_name("report.json");
    steps::run(
        Command::new(root.join(sluis))
            .current_dir(root)
            .args(["conformance", "--rate", RATE, "--concurrency", CONCURRENCY])
            .args(["--timeout", PATIENCE_SECONDS])
            .arg("--profile")
            .arg(profile)
            .arg("--json")
            .arg(&json),
    )?;
    let text = fs::read_to_string(&json).with_context(|| format!("reading {}", json.display()))?;
    let Counts {
        passed,
        failed,
        errors,
        not_applicable,
    } = serde_json::from_str::<Report>(&text)
        .with_context(|| format!("{}", json.display()))?
        .counts;
    ensure!(
        passed > 0 && failed + errors == 0,
        "{passed} passed, {failed} failed, {errors} errors"
    );
    Ok(format!(
        "{} cases, {passed} as expected, {not_applicable} that cannot be tried from outside",
        passed + not_applicable
    ))
}

/// Writes them beside the secrets, and gives the profile's path.
pub(crate) fn write(state: &Path, secrets: &Secrets, gate: SocketAddr) -> Result<PathBuf> {
    write_private(&state.join("keys-cbss.json"), secrets.keys_cbss())?;
    write_private(&state.join("keys-nic.json"), secrets.keys_nic())?;
    write_private(&state.join("pseudonym-key"), secrets.pseudonym_key())?;
    let profile = state.join("conformance.toml");
    write_private(&profile, &text(gate))?;
    Ok(profile)
}

fn text(gate: SocketAddr) -> String {
    format!(
        r#"# Written by `cargo xtask dev`: what `sluis conformance` needs to know of this local run.

pseudonym_key_file = "pseudonym-key"

[target]
url = "http://{gate}"
audience = "https://api.simulation.sluis.invalid"
public_url = "https://api.simulation.sluis.invalid"
clock_skew_seconds = 5
max_token_lifetime_seconds = 300
abilities = ["simulation", "secondIssuer", "decisionEndpoint", "certificateField", "dpop", "singleUse"]

[[persons]]
ssin = "53480200724"

[[persons]]
ssin = "53400003597"

[issuer]
issuer = "https://cbss.simulation.sluis.invalid"
keys_file = "keys-cbss.json"

[issuer.mandate]
type = "simPensionOverview"
deliberation = "SIM/001"
purposes = ["simPensionSimulation"]
data_categories = ["simPensionRights"]
holder_type = "organization"
enterprise_number = "0202239951"
grant_level = "urn:be:fedict:iam:fas:citizen:Level400"
consent_version = "2026-01"
circle_of_trust_version = "1"
terms_version = "1"

[second_issuer]
issuer = "https://nic.simulation.sluis.invalid"
keys_file = "keys-nic.json"

[second_issuer.mandate]
type = "simMutualityBenefits"
deliberation = "SIM/002"
purposes = ["simBenefitAdvice"]
data_categories = ["simBenefitStatus"]
holder_type = "organization"
holder_pseudonym = "sim-holder-4f2a9c"
grant_level = "urn:be:fedict:iam:fas:citizen:Level400"
consent_version = "2026-01"
circle_of_trust_version = "1"
terms_version = "1"

[operations.path]
method = "GET"
path = "/pension/v1/persons/{{ssin}}/rights"

[operations.body]
method = "POST"
path = "/pension/v1/rights/get"
body = '{{"ssin":"{{ssin}}"}}'

[operations.second]
method = "POST"
path = "/mutuality/v1/benefits/get"
body = '{{"ssin":"{{ssin}}"}}'

[operations.statutory]
method = "POST"
path = "/research/v1/sample/query"
body = '{{}}'
"#
    )
}
