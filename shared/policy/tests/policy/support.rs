//! Questions about real tokens: signed with a throw-away key and verified, because there is no other way to a
//! `VerifiedAccessToken`.

use std::sync::OnceLock;

use serde_json::{Value, json};
use sluis_policy::{
    Basis, Catalogue, Decision, Environment, Operation, Question, ShadowRules, VerificationSystem,
    VerificationSystemKind, decide, decide_in_shadow,
};
use sluis_token::sign::{SigningKey, jwks_json};
use sluis_token::{
    AccessToken, Algorithm, IssuerKeys, IssuerRules, JwkSet, KeyRules, UnixTime, UntrustedToken,
    VerifiedAccessToken,
};

/// The catalogue of the project.
pub(crate) const CATALOGUE: &str = include_str!("../../../../catalogue.toml");
/// Fictitious entries for what the catalogue itself has no case of.
pub(crate) const EXTRA: &str = include_str!("extra.toml");

/// 2026-05-28, well within every fictitious deliberation that has not ended.
pub(crate) const NOW: u64 = 1_780_000_000;
pub(crate) const DAY: u64 = 86_400;

const ISSUER: &str = "https://verification.example";
const AUDIENCE: &str = "https://institution.example";

pub(crate) fn time(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(seconds).unwrap()
}

/// The project's catalogue with the extra entries.
pub(crate) fn extended() -> &'static Catalogue {
    static PARSED: OnceLock<Catalogue> = OnceLock::new();
    PARSED.get_or_init(|| Catalogue::from_toml(&extended_text()).unwrap())
}

pub(crate) fn extended_text() -> String {
    format!("{CATALOGUE}\n{EXTRA}")
}

/// One question, as loose data that a test can spoil.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) mandate: Value,
    pub(crate) at: u64,
    /// The token's `exp`, counted from `at`.
    pub(crate) expires_in: u64,
    pub(crate) basis: Basis,
    pub(crate) purpose: String,
    pub(crate) data_categories: Vec<String>,
    pub(crate) environment: Environment,
    pub(crate) system: (String, VerificationSystemKind),
}

impl Case {
    /// A named holder over the API.
    pub(crate) fn api() -> Self {
        Self {
            mandate: json!({
                "type": "mandate",
                "mandateId": "3d1c9a52-6d7f-4f0e-9b51-0f1f6d6f8a11",
                "mandateType": "simPensionOverview",
                "deliberation": "SIM/001",
                "status": "active",
                "purposes": ["simPensionSimulation"],
                "dataCategories": ["simPensionRights"],
                "validFrom": NOW - DAY,
                "validUntil": NOW + 300 * DAY,
                "usage": "repeated",
                "grant": {
                    "level": "urn:be:fedict:iam:fas:citizen:Level400",
                    "grantedBy": "dataSubject",
                    "channel": "online",
                    "consentVersion": "2026-01",
                    "consentItems": ["scope", "holderIdentity", "authenticationLevel", "revocation", "registration"],
                    "acceptedAt": NOW - DAY,
                },
                "holder": { "type": "organization", "enterpriseNumber": "0202239951" },
                "channel": "api",
                "tokenFor": "application",
                "circleOfTrust": { "version": "1", "acceptedAt": NOW - 10 * DAY },
                "terms": { "version": "1", "acceptedAt": NOW - 10 * DAY },
            }),
            at: NOW,
            expires_in: 120,
            basis: Basis::Mandate,
            purpose: "simPensionSimulation".into(),
            data_categories: vec!["simPensionRights".into()],
            environment: Environment::Simulation,
            system: ("sim-cbss".into(), VerificationSystemKind::Cbss),
        }
    }

    /// A pseudonymised holder whose user is in the web application.
    pub(crate) fn web_app() -> Self {
        let mut case = Self::api();
        case.set("/mandateType", "simMutualityBenefits");
        case.set("/deliberation", "SIM/002");
        case.set("/purposes", json!(["simBenefitAdvice"]));
        case.set("/dataCategories", json!(["simBenefitStatus"]));
        case.set("/validUntil", NOW + 20 * DAY);
        case.set(
            "/holder",
            json!({ "type": "organization", "pseudonym": "p-7c21" }),
        );
        case.set("/channel", "webApp");
        case.set("/tokenFor", "user");
        case.remove("circleOfTrust");
        case.set(
            "/user",
            json!({ "level": "urn:be:fedict:iam:fas:enterprise:Level450", "role": "caseHandler", "actingFor": "p-7c21" }),
        );
        case.purpose = "simBenefitAdvice".into();
        case.data_categories = vec!["simBenefitStatus".into()];
        case.system = (
            "sim-secondary".into(),
            VerificationSystemKind::SecondaryNetwork,
        );
        case
    }

    /// A mandate token on the route of a statutory task.
    pub(crate) fn statutory() -> Self {
        let mut case = Self::api();
        case.basis = Basis::Statutory;
        case.purpose = "policySupportResearch".into();
        case.data_categories = vec!["career".into()];
        case
    }

    /// Replaces or adds the member at `pointer` of the mandate.
    pub(crate) fn set(&mut self, pointer: &str, value: impl Into<Value>) {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let parent = self
            .mandate
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap();
        parent.insert(member.to_owned(), value.into());
    }

    pub(crate) fn remove(&mut self, member: &str) {
        self.mandate.as_object_mut().unwrap().remove(member);
    }

    /// Moves the case to another time: the token, the mandate and its acceptances with it.
    pub(crate) fn move_to(&mut self, at: u64) {
        let shift = |value: &mut Value| {
            if let Some(seconds) = value.as_u64() {
                *value = (seconds + at).saturating_sub(NOW).into();
            }
        };
        for pointer in [
            "/validFrom",
            "/validUntil",
            "/grant/acceptedAt",
            "/circleOfTrust/acceptedAt",
            "/terms/acceptedAt",
        ] {
            self.mandate.pointer_mut(pointer).map(shift);
        }
        self.at = at;
    }

    pub(crate) fn operation(&self) -> Operation {
        Operation::new(
            "getOverview",
            self.basis,
            &self.purpose,
            &self.data_categories,
        )
        .unwrap()
    }

    pub(crate) fn verification_system(&self) -> VerificationSystem {
        VerificationSystem::new(&self.system.0, self.system.1).unwrap()
    }

    pub(crate) fn expires_at(&self) -> u64 {
        self.at + self.expires_in
    }

    pub(crate) fn token(&self) -> VerifiedAccessToken {
        static KEY: OnceLock<(SigningKey, IssuerKeys)> = OnceLock::new();
        let (key, keys) = KEY.get_or_init(|| {
            let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
            let set = JwkSet::parse(jwks_json([&key]).as_bytes(), &KeyRules::default()).unwrap();
            let rules = IssuerRules::new(ISSUER, &[Algorithm::EdDsa], 3_600, 0).unwrap();
            (key, IssuerKeys::new(rules, set))
        });
        let claims = json!({
            "iss": ISSUER,
            "sub": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "aud": AUDIENCE,
            "iat": self.at - 10,
            "exp": self.expires_at(),
            "jti": "b8c1f4f0-5c55-4f2c-8f7a-5b1d4f4f9f10",
            "client_id": "sim:client",
            "authorization_details": [self.mandate],
        });
        let signed = key.sign("at+jwt", &claims).unwrap();
        let token = AccessToken::parse(&signed).unwrap();
        UntrustedToken::parse(&token)
            .unwrap()
            .verify_locally(keys, AUDIENCE, time(self.at))
            .unwrap_or_else(|error| panic!("{error}: {claims}"))
    }

    pub(crate) fn decide(&self, catalogue: &Catalogue) -> Decision {
        self.ask(catalogue, decide)
    }

    /// With those rules only watched.
    pub(crate) fn decide_in_shadow(&self, catalogue: &Catalogue, rules: ShadowRules) -> Decision {
        self.ask(catalogue, |catalogue, question| {
            decide_in_shadow(catalogue, question, rules)
        })
    }

    fn ask(
        &self,
        catalogue: &Catalogue,
        decide: impl FnOnce(&Catalogue, &Question<'_>) -> Decision,
    ) -> Decision {
        let (token, operation, system) =
            (self.token(), self.operation(), self.verification_system());
        decide(
            catalogue,
            &Question {
                token: &token,
                operation: &operation,
                environment: self.environment,
                verification_system: &system,
                at: time(self.at),
            },
        )
    }
}

pub(crate) fn verdict(decision: &Decision) -> &'static str {
    decision
        .deny_reason()
        .map_or("allow", |reason| reason.code())
}
