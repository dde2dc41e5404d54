//! The profile file: what is known of a target. Unknown fields are refused.
//!
//! ```toml
//! [target]
//! url = "https://gate.test.example"          # where the validator listens
//! audience = "https://api.test.example"      # `aud`
//! public_url = "https://api.test.example"    # optional: begins `htu` of DPoP proofs
//! clock_skew_seconds = 5
//! max_token_lifetime_seconds = 300
//! abilities = ["dpop"]                        # see `Need` in tests/conformance/src/case.rs
//!
//! [[persons]]                                 # two, numbers of the bis type
//! ssin = "53480200724"
//! subject = "…"                               # the `sub`; or pseudonym_key_file below
//!
//! [issuer]                                    # and, optional, [second_issuer]
//! issuer = "https://issuer.test.example"
//! keys_file = "keys.json"                     # made by `sluis conformance keys`; beside this file
//!
//! [issuer.mandate]
//! type = "…"
//! deliberation = "…"
//! purposes = ["…"]
//! data_categories = ["…"]
//! holder_type = "organization"
//! enterprise_number = "0202239951"            # or holder_pseudonym
//! grant_level = "urn:be:fedict:iam:fas:citizen:Level400"
//! consent_version = "…"
//! circle_of_trust_version = "…"
//! terms_version = "…"
//!
//! [operations.path]                           # also body, second, statutory; at least path
//! method = "GET"
//! path = "/persons/{ssin}"
//! body = '{"ssin":"{ssin}"}'                  # where there is one
//! ```

use std::path::{Path, PathBuf};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::Deserialize;
use sluis_conformance::case::Need;
use sluis_conformance::keys::IssuerKeySet;
use sluis_conformance::settings::{
    Holder, IssuerSettings, MandateSettings, Operation, Operations, Person, Settings,
};
use sluis_token::Ssin;
use zeroize::Zeroizing;

use super::{ConformanceFailure, RunArguments};
use crate::files::read_text;
use crate::local_run::{self, NotOne};

/// Where `cargo xtask dev` keeps the profile of a local run.
const PROFILE: &str = "conformance.toml";

/// The months of a number of the bis type begin here (CBSS registers).
const FIRST_BIS_MONTH: u8 = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    target: Target,
    persons: [RawPerson; 2],
    pseudonym_key_file: Option<PathBuf>,
    issuer: RawIssuer,
    second_issuer: Option<RawIssuer>,
    operations: RawOperations,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    url: String,
    audience: String,
    public_url: Option<String>,
    clock_skew_seconds: u64,
    max_token_lifetime_seconds: u64,
    #[serde(default)]
    abilities: Vec<Need>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPerson {
    ssin: String,
    subject: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssuer {
    issuer: String,
    keys_file: PathBuf,
    mandate: RawMandate,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMandate {
    #[serde(rename = "type")]
    mandate_type: String,
    deliberation: String,
    purposes: Vec<String>,
    data_categories: Vec<String>,
    holder_type: String,
    enterprise_number: Option<String>,
    holder_pseudonym: Option<String>,
    grant_level: String,
    consent_version: String,
    circle_of_trust_version: String,
    terms_version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOperations {
    path: RawOperation,
    body: Option<RawOperation>,
    second: Option<RawOperation>,
    statutory: Option<RawOperation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOperation {
    method: String,
    path: String,
    body: Option<String>,
}

/// What a run needs: where, what is known of it, and what it can do.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) url: String,
    pub(super) settings: Settings,
    pub(super) abilities: Vec<Need>,
}

/// The profile that the arguments name, with what they replace in it.
pub(super) fn read(arguments: &RunArguments) -> Result<Known, ConformanceFailure> {
    let path = match &arguments.profile {
        Some(path) => path.clone(),
        None => local_run()?,
    };
    let name = path.display().to_string();
    let text = read_text(&path)?;
    let bad = |problem: String| ConformanceFailure::Profile {
        name: name.clone(),
        problem,
    };
    let mut profile: Profile = toml::from_str(&text)
        .map_err(|error| bad(error.to_string().lines().collect::<Vec<_>>().join(" ")))?;
    let beside = |file: &Path| match path.parent() {
        Some(folder) if file.is_relative() => folder.join(file),
        Some(_) | None => file.to_owned(),
    };
    if let Some(keys) = &arguments.keys {
        profile.issuer.keys_file = std::path::absolute(keys).unwrap_or_else(|_| keys.clone());
    }
    if let Some(issuer) = &arguments.issuer {
        profile.issuer.issuer.clone_from(issuer);
    }
    let pseudonym_key = profile
        .pseudonym_key_file
        .as_deref()
        .map(|file| {
            let text = read_text(&beside(file))?;
            Base64UrlUnpadded::decode_vec(text.trim())
                .map(Zeroizing::new)
                .map_err(|_| bad("pseudonym_key_file: expected base64url".to_owned()))
        })
        .transpose()?;
    let person = |raw: RawPerson, place| {
        let number =
            Ssin::parse(&raw.ssin).map_err(|_| bad(format!("{place}: expected an SSIN")))?;
        if !is_bis(&number) {
            return Err(ConformanceFailure::RealPerson {
                name: name.clone(),
                ssin_place: place,
            });
        }
        match (raw.subject, &pseudonym_key) {
            (Some(subject), _) => Ok(Person {
                ssin: raw.ssin,
                subject,
            }),
            (None, Some(key)) => {
                Person::new(key, &raw.ssin).map_err(|error| ConformanceFailure::Person {
                    name: name.clone(),
                    error,
                })
            }
            (None, None) => Err(bad(format!(
                "{place}: expected `subject`, or `pseudonym_key_file` for both persons"
            ))),
        }
    };
    let [first, second] = profile.persons;
    let issuer = |raw: RawIssuer| issuer(raw, &beside, &bad);
    let settings = Settings {
        audience: arguments
            .audience
            .clone()
            .unwrap_or(profile.target.audience),
        clock_skew_seconds: profile.target.clock_skew_seconds,
        max_token_lifetime_seconds: profile.target.max_token_lifetime_seconds,
        person: person(first, "the first of persons")?,
        other_person: person(second, "the second of persons")?,
        issuer: issuer(profile.issuer)?,
        second_issuer: profile.second_issuer.map(issuer).transpose()?,
        operations: Operations {
            path: Some(operation(profile.operations.path)),
            body: profile.operations.body.map(operation),
            second: profile.operations.second.map(operation),
            statutory: profile.operations.statutory.map(operation),
        },
        public_url: profile.target.public_url,
        status_prefix: None,
    };
    Ok(Known {
        url: arguments.target.clone().unwrap_or(profile.target.url),
        settings,
        abilities: profile.target.abilities,
    })
}

/// The profile of the one local run.
fn local_run() -> Result<PathBuf, ConformanceFailure> {
    local_run::file(PROFILE).map_err(|error| match error {
        NotOne::None => ConformanceFailure::NoProfile,
        NotOne::Several => ConformanceFailure::SeveralProfiles,
    })
}

fn is_bis(ssin: &Ssin) -> bool {
    let month = ssin
        .as_str()
        .get(2..4)
        .and_then(|month| month.parse::<u8>().ok());
    month.is_some_and(|month| month >= FIRST_BIS_MONTH)
}

fn issuer(
    raw: RawIssuer,
    beside: &impl Fn(&Path) -> PathBuf,
    bad: &impl Fn(String) -> ConformanceFailure,
) -> Result<IssuerSettings, ConformanceFailure> {
    let file = beside(&raw.keys_file);
    let mandate = raw.mandate;
    let holder = match (mandate.enterprise_number, mandate.holder_pseudonym) {
        (Some(number), None) => Holder::EnterpriseNumber(number),
        (None, Some(pseudonym)) => Holder::Pseudonym(pseudonym),
        (Some(_), Some(_)) | (None, None) => {
            return Err(bad(
                "mandate: expected exactly one of `enterprise_number` and `holder_pseudonym`"
                    .to_owned(),
            ));
        }
    };
    Ok(IssuerSettings {
        issuer: raw.issuer,
        keys: IssuerKeySet::parse(&read_text(&file)?).map_err(|error| {
            ConformanceFailure::Keys {
                name: file.display().to_string(),
                error,
            }
        })?,
        mandate: MandateSettings {
            mandate_type: mandate.mandate_type,
            deliberation: mandate.deliberation,
            purposes: mandate.purposes,
            data_categories: mandate.data_categories,
            holder_type: mandate.holder_type,
            holder,
            grant_level: mandate.grant_level,
            consent_version: mandate.consent_version,
            circle_of_trust_version: mandate.circle_of_trust_version,
            terms_version: mandate.terms_version,
        },
    })
}

fn operation(raw: RawOperation) -> Operation {
    Operation {
        method: raw.method,
        path: raw.path,
        body: raw.body,
    }
}
