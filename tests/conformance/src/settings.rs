//! What is known of a target: whose tokens it takes, for which audience, and which operations it has.

use crate::keys::IssuerKeySet;

/// Everything a corpus needs to know of a target.
#[derive(Debug)]
pub struct Settings {
    /// `aud`.
    pub audience: String,
    /// The difference of clocks that the target tolerates.
    pub clock_skew_seconds: u64,
    /// The longest lifetime of a token that it takes.
    pub max_token_lifetime_seconds: u64,
    /// The person whom the tokens are about.
    pub person: Person,
    /// Another person.
    pub other_person: Person,
    /// Whose tokens it takes.
    pub issuer: IssuerSettings,
    /// Another whose tokens it takes.
    pub second_issuer: Option<IssuerSettings>,
    /// What can be called.
    pub operations: Operations,
    /// The public base URL that `htu` of a DPoP proof begins with; none where the target takes no DPoP.
    pub public_url: Option<String>,
    /// Where the first issuer's status lists can be; none where they are not ours.
    pub status_prefix: Option<String>,
}

/// A person: the number in requests, and the pseudonym in tokens.
#[derive(Debug, Clone)]
pub struct Person {
    /// The SSIN: of the bis type, never a real person's.
    pub ssin: String,
    /// The `sub` for this institution.
    pub subject: String,
}

/// An issuer that the target trusts, and its private keys.
#[derive(Debug)]
pub struct IssuerSettings {
    /// `iss`.
    pub issuer: String,
    /// The keys.
    pub keys: IssuerKeySet,
    /// Its mandates.
    pub mandate: MandateSettings,
}

/// A mandate that the target accepts.
#[derive(Debug, Clone)]
pub struct MandateSettings {
    /// `mandateType`.
    pub mandate_type: String,
    /// `deliberation`.
    pub deliberation: String,
    /// `purposes`.
    pub purposes: Vec<String>,
    /// `dataCategories`.
    pub data_categories: Vec<String>,
    /// `holder.type`.
    pub holder_type: String,
    /// `holder`.
    pub holder: Holder,
    /// `grant.level`.
    pub grant_level: String,
    /// `grant.consentVersion`.
    pub consent_version: String,
    /// `circleOfTrust.version`.
    pub circle_of_trust_version: String,
    /// `terms.version`.
    pub terms_version: String,
}

/// How a holder is named.
#[derive(Debug, Clone)]
pub enum Holder {
    /// By enterprise number.
    EnterpriseNumber(String),
    /// By pseudonym.
    Pseudonym(String),
}

/// What can be called.
#[derive(Debug, Clone, Default)]
pub struct Operations {
    /// The person stands in the path.
    pub path: Option<Operation>,
    /// The person stands in the body.
    pub body: Option<Operation>,
    /// Of the second issuer's mandates.
    pub second: Option<Operation>,
    /// Of a statutory basis.
    pub statutory: Option<Operation>,
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The method.
    pub method: String,
    /// The path, `{ssin}` for the number.
    pub path: String,
    /// The JSON body, `{ssin}` for the number.
    pub body: Option<String>,
}

/// The simulation's settings (`simulation.toml`, `catalogue.toml`), for its keys.
pub fn simulation(
    [person, other_person]: [Person; 2],
    first: IssuerKeySet,
    second: IssuerKeySet,
) -> Settings {
    let operation = |method: &str, path: &str, body: Option<&str>| {
        Some(Operation {
            method: method.to_owned(),
            path: path.to_owned(),
            body: body.map(str::to_owned),
        })
    };
    let mandate =
        |mandate_type: &str, deliberation: &str, purpose: &str, category: &str, holder| {
            MandateSettings {
                mandate_type: mandate_type.to_owned(),
                deliberation: deliberation.to_owned(),
                purposes: vec![purpose.to_owned()],
                data_categories: vec![category.to_owned()],
                holder_type: "organization".to_owned(),
                holder,
                grant_level: "urn:be:fedict:iam:fas:citizen:Level400".to_owned(),
                consent_version: "2026-01".to_owned(),
                circle_of_trust_version: "1".to_owned(),
                terms_version: "1".to_owned(),
            }
        };
    let body = Some(r#"{"ssin":"{ssin}"}"#);
    Settings {
        audience: "https://api.simulation.sluis.invalid".to_owned(),
        clock_skew_seconds: 5,
        max_token_lifetime_seconds: 300,
        person,
        other_person,
        issuer: IssuerSettings {
            issuer: "https://cbss.simulation.sluis.invalid".to_owned(),
            keys: first,
            mandate: mandate(
                "simPensionOverview",
                "SIM/001",
                "simPensionSimulation",
                "simPensionRights",
                Holder::EnterpriseNumber("0202239951".to_owned()),
            ),
        },
        second_issuer: Some(IssuerSettings {
            issuer: "https://nic.simulation.sluis.invalid".to_owned(),
            keys: second,
            mandate: mandate(
                "simMutualityBenefits",
                "SIM/002",
                "simBenefitAdvice",
                "simBenefitStatus",
                Holder::Pseudonym("sim-holder-4f2a9c".to_owned()),
            ),
        }),
        operations: Operations {
            path: operation("GET", "/pension/v1/persons/{ssin}/rights", None),
            body: operation("POST", "/pension/v1/rights/get", body),
            second: operation("POST", "/mutuality/v1/benefits/get", body),
            statutory: operation("POST", "/research/v1/sample/query", body),
        },
        public_url: Some("https://api.simulation.sluis.invalid".to_owned()),
        status_prefix: Some("http://127.0.0.1:8788/simulation/cbss/status/".to_owned()),
    }
}

/// The simulation's two persons: numbers of the bis type.
pub const SIMULATION_SSINS: [&str; 2] = ["53480200724", "53400003597"];

/// Why a person is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    /// Not an SSIN.
    #[error("the SSIN: {0}")]
    Ssin(sluis_token::SsinError),
    /// No pseudonym could be derived.
    #[error("the pseudonym: {0}")]
    Pseudonym(sluis_token::PseudonymError),
}

impl Person {
    /// The person of that number, as the institution of that key calls them.
    pub fn new(pseudonym_key: &[u8], ssin: &str) -> Result<Self, PersonError> {
        let number = sluis_token::Ssin::parse(ssin).map_err(PersonError::Ssin)?;
        let subject = sluis_token::SubjectPseudonym::derive(pseudonym_key, &number)
            .map_err(PersonError::Pseudonym)?;
        Ok(Self {
            ssin: ssin.to_owned(),
            subject: subject.to_base64url(),
        })
    }
}
