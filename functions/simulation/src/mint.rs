//! Minting: a good token for whoever asks, or one with a named defect.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluis_log::EntryId;
use sluis_token::sign::SigningKey;
use sluis_token::{Algorithm, Ssin, SubjectPseudonym};

use crate::defect::Defect;
use crate::settings::Simulation;
use crate::system::SystemName;

/// The person whom a token is about when nobody is named: Belgif's example.
const DEFAULT_SSIN: &str = "53480200724";
/// The person of [`Defect::OtherSubject`].
const OTHER_SSIN: &str = "53400003597";
/// The holder's enterprise number: a test number with a good checksum.
const ENTERPRISE_NUMBER: &str = "0202239951";
/// `aud` of the simulation's API.
const AUDIENCE: &str = "https://api.simulation.sluis.invalid";
/// Lifetime of a token when none is asked for, and the longest, in seconds.
const MAX_LIFETIME_SECONDS: u64 = 300;
const DAY: u64 = 86_400;

/// What kind of token is asked for. `{}` is a good one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MintRequest {
    /// `cbss` (default) or `nic`.
    #[serde(default)]
    pub verification_system: SystemName,
    /// `EdDSA` (default), `ES256`, `ES384`, `PS256`, `RS256`.
    #[serde(default)]
    pub algorithm: Option<String>,
    /// A bis-type test number; default `53480200724`.
    #[serde(default)]
    pub ssin: Option<String>,
    /// 1 to 300; default 300.
    #[serde(default)]
    pub lifetime_seconds: Option<u64>,
    /// What should be wrong; default nothing.
    #[serde(default)]
    pub defect: Option<Defect>,
    /// Binds the token to the key of that RFC 7638 thumbprint (`cnf.jkt`): then it
    /// is sent with DPoP proofs.
    #[serde(default)]
    pub key_thumbprint: Option<String>,
    /// Binds the token to the certificate of that SHA-256 (`cnf.x5t#S256`).
    #[serde(default)]
    pub certificate_thumbprint: Option<String>,
    /// For one use only; of the system `cbss`.
    #[serde(default)]
    pub single_use: bool,
    /// Gives the token an entry of a status list.
    #[serde(default)]
    pub status: Option<StatusEntry>,
}

/// An entry of a status list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusEntry {
    /// Its index.
    pub index: u64,
    /// Where the list stands; over HTTP by default the system's own there.
    #[serde(default)]
    pub uri: Option<String>,
}

/// A minted token, as OAuth answers (RFC 6749 §5.1).
#[derive(Debug, Clone, Serialize)]
pub struct MintedToken {
    /// The token.
    pub access_token: String,
    /// `Bearer`, or `DPoP` for a token that is bound to a key.
    pub token_type: &'static str,
    /// Seconds until it expires.
    pub expires_in: u64,
}

/// Why no token was minted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// No such algorithm, or no key for it here.
    #[error("algorithm: expected one that this verification system has a key for")]
    Algorithm,
    /// No SSIN, or one that could be a person's.
    #[error("ssin: expected a bis-type test number such as {DEFAULT_SSIN}")]
    Ssin,
    /// Out of bounds.
    #[error("lifetimeSeconds: expected 1 to {MAX_LIFETIME_SECONDS}")]
    Lifetime,
    /// No SHA-256.
    #[error("keyThumbprint, certificateThumbprint: expected 32 bytes in base64url")]
    Thumbprint,
    /// There is a type for it in one system only.
    #[error("singleUse: expected the verification system cbss")]
    SingleUse,
    /// A gate looks the entry up there.
    #[error("status.uri: expected the address of the status list")]
    StatusList,
    /// The system gave no random bytes, or the key does not sign.
    #[error("the token could not be signed")]
    NotSigned,
}

impl Simulation {
    /// Mints a token at `now`, seconds since the epoch.
    pub fn mint(&self, request: &MintRequest, now: u64) -> Result<MintedToken, MintError> {
        let system = self.system(request.verification_system);
        let key = match &request.algorithm {
            None => system.first_key(),
            Some(name) => Algorithm::parse(name).and_then(|algorithm| system.key(algorithm)),
        };
        let key = key.ok_or(MintError::Algorithm)?;
        let lifetime = request.lifetime_seconds.unwrap_or(MAX_LIFETIME_SECONDS);
        if lifetime == 0 || lifetime > MAX_LIFETIME_SECONDS {
            return Err(MintError::Lifetime);
        }
        let ssin = match request.defect {
            Some(Defect::OtherSubject) => OTHER_SSIN,
            Some(_) | None => request.ssin.as_deref().unwrap_or(DEFAULT_SSIN),
        };
        let mut claims = self.good_claims(request.verification_system, ssin, now, lifetime)?;
        constrain(&mut claims, request)?;
        if let Some(defect) = request.defect {
            spoil(&mut claims, defect, now);
        }
        Ok(MintedToken {
            access_token: sign(key, &claims, request.defect)?,
            token_type: if request.key_thumbprint.is_some() {
                "DPoP"
            } else {
                "Bearer"
            },
            expires_in: lifetime,
        })
    }

    fn good_claims(
        &self,
        system: SystemName,
        ssin: &str,
        now: u64,
        lifetime: u64,
    ) -> Result<Value, MintError> {
        let ssin = Ssin::parse(ssin).map_err(|_| MintError::Ssin)?;
        if !is_bis(&ssin) {
            return Err(MintError::Ssin);
        }
        let subject = SubjectPseudonym::derive(&self.pseudonym_key, &ssin)
            .map_err(|_| MintError::NotSigned)?;
        let (mandate_type, deliberation, purpose, category) = match system {
            SystemName::Cbss => (
                "simPensionOverview",
                "SIM/001",
                "simPensionSimulation",
                "simPensionRights",
            ),
            SystemName::Nic => (
                "simMutualityBenefits",
                "SIM/002",
                "simBenefitAdvice",
                "simBenefitStatus",
            ),
        };
        Ok(json!({
            "iss": system.issuer(),
            "sub": subject.to_base64url(),
            "aud": AUDIENCE,
            "client_id": "sluis-simulation-client",
            "jti": random_id()?,
            "iat": now,
            "exp": now + lifetime,
            "authorization_details": [{
                "type": "mandate",
                "mandateId": random_id()?,
                "mandateType": mandate_type,
                "deliberation": deliberation,
                "status": "active",
                "purposes": [purpose],
                "dataCategories": [category],
                "validFrom": now.saturating_sub(DAY),
                "validUntil": now + 20 * DAY,
                "usage": "repeated",
                "grant": {
                    "level": "urn:be:fedict:iam:fas:citizen:Level450",
                    "grantedBy": "dataSubject",
                    "channel": "online",
                    "consentVersion": "2026-01",
                    "consentItems": [
                        "scope", "holderIdentity", "authenticationLevel", "revocation", "registration"
                    ],
                    "acceptedAt": now.saturating_sub(DAY),
                },
                "holder": match system {
                    SystemName::Cbss => json!({
                        "type": "enterprise", "enterpriseNumber": ENTERPRISE_NUMBER
                    }),
                    SystemName::Nic => json!({
                        "type": "organization", "pseudonym": "sim-holder-7f3a"
                    }),
                },
                "channel": "api",
                "tokenFor": "application",
                "circleOfTrust": {"version": "1", "acceptedAt": now.saturating_sub(2 * DAY)},
                "terms": {"version": "1", "acceptedAt": now.saturating_sub(2 * DAY)},
            }],
        }))
    }
}

/// What makes the token good for its sender alone, once, or until it is revoked.
fn constrain(claims: &mut Value, request: &MintRequest) -> Result<(), MintError> {
    let mut confirmation = serde_json::Map::new();
    for (name, thumbprint) in [
        ("jkt", &request.key_thumbprint),
        ("x5t#S256", &request.certificate_thumbprint),
    ] {
        let Some(thumbprint) = thumbprint else {
            continue;
        };
        match Base64UrlUnpadded::decode_vec(thumbprint) {
            Ok(bytes) if bytes.len() == 32 => {}
            Ok(_) | Err(_) => return Err(MintError::Thumbprint),
        }
        confirmation.insert(name.to_owned(), json!(thumbprint));
    }
    if !confirmation.is_empty() {
        set(claims, "/cnf", Value::Object(confirmation));
    }
    if request.single_use {
        if request.verification_system != SystemName::Cbss {
            return Err(MintError::SingleUse);
        }
        let mandate_type = json!("simPensionQuote");
        set(claims, "/authorization_details/0/mandateType", mandate_type);
        set(claims, "/authorization_details/0/usage", json!("singleUse"));
    }
    if let Some(entry) = &request.status {
        let uri = entry.uri.as_ref().ok_or(MintError::StatusList)?;
        let status = json!({"status_list": {"idx": entry.index, "uri": uri}});
        set(claims, "/status", status);
    }
    Ok(())
}

/// Makes the one thing wrong. What concerns header and signature is [`sign`]'s.
fn spoil(claims: &mut Value, defect: Defect, now: u64) {
    let (path, value) = match defect {
        Defect::AlgNone | Defect::ForgedSignature | Defect::WrongType | Defect::OtherSubject => {
            return;
        }
        Defect::Expired => {
            set(claims, "/iat", json!(now.saturating_sub(200)));
            ("/exp", json!(now.saturating_sub(60)))
        }
        Defect::NotYetValid => ("/nbf", json!(now + 3600)),
        Defect::LongLived => ("/exp", json!(now + 10 * 365 * DAY)),
        Defect::WrongAudience => ("/aud", json!("https://other.simulation.sluis.invalid")),
        Defect::UnknownIssuer => ("/iss", json!("https://unknown.simulation.sluis.invalid")),
        Defect::Confirmation => ("/cnf", json!({"jkt": "sim-thumbprint"})),
        Defect::WrongPurpose => ("/authorization_details/0/purposes", json!(["simOther"])),
        Defect::WrongDataCategory => (
            "/authorization_details/0/dataCategories",
            json!(["simOther"]),
        ),
        Defect::EndedDeliberation => {
            set(
                claims,
                "/authorization_details/0/mandateType",
                json!("simEndedOverview"),
            );
            ("/authorization_details/0/deliberation", json!("SIM/003"))
        }
        Defect::FrameworkOnly => ("/authorization_details/0/deliberation", json!("24/222")),
        Defect::MandateExpired => (
            "/authorization_details/0/validUntil",
            json!(now.saturating_sub(1)),
        ),
        Defect::MandateTooLong => (
            "/authorization_details/0/validUntil",
            json!(now + 400 * DAY),
        ),
        Defect::LowGrantLevel => (
            "/authorization_details/0/grant/level",
            json!("urn:be:fedict:iam:fas:citizen:Level350"),
        ),
        Defect::ConsentIncomplete => (
            "/authorization_details/0/grant/consentItems",
            json!([
                "scope",
                "holderIdentity",
                "authenticationLevel",
                "registration"
            ]),
        ),
        Defect::NoCircleOfTrust => {
            if let Some(Value::Object(mandate)) = claims.pointer_mut("/authorization_details/0") {
                mandate.remove("circleOfTrust");
            }
            return;
        }
        Defect::HolderIdentity => {
            let named = claims
                .pointer("/authorization_details/0/holder/enterpriseNumber")
                .is_some();
            let holder = if named {
                json!({"type": "enterprise", "pseudonym": "sim-holder-7f3a"})
            } else {
                json!({"type": "organization", "enterpriseNumber": ENTERPRISE_NUMBER})
            };
            ("/authorization_details/0/holder", holder)
        }
        Defect::SingleUse => ("/authorization_details/0/usage", json!("singleUse")),
        Defect::StatusList => (
            "/status",
            json!({"status_list": {"idx": 0, "uri": "https://status.simulation.sluis.invalid/1"}}),
        ),
    };
    set(claims, path, value);
}

/// Sets a member, whether or not it is there.
fn set(claims: &mut Value, path: &str, value: Value) {
    let Some((parent, name)) = path.rsplit_once('/') else {
        return;
    };
    if let Some(Value::Object(object)) = claims.pointer_mut(parent) {
        object.insert(name.to_owned(), value);
    }
}

fn sign(key: &SigningKey, claims: &Value, defect: Option<Defect>) -> Result<String, MintError> {
    let typ = match defect {
        Some(Defect::WrongType) => "JWT",
        Some(_) | None => "at+jwt",
    };
    let token = key.sign(typ, claims).map_err(|_| MintError::NotSigned)?;
    match defect {
        Some(Defect::ForgedSignature) => Ok(flip_signature(&token)),
        Some(Defect::AlgNone) => {
            let header = json!({"alg": "none", "typ": "at+jwt", "kid": key.key_id().as_str()});
            let header = Base64UrlUnpadded::encode_string(header.to_string().as_bytes());
            let payload = token.split('.').nth(1).unwrap_or_default();
            Ok(format!("{header}.{payload}."))
        }
        Some(_) | None => Ok(token),
    }
}

/// Another first character of the signature: still base64url, another signature.
fn flip_signature(token: &str) -> String {
    let Some((signed, signature)) = token.rsplit_once('.') else {
        return String::new();
    };
    let mut characters = signature.chars();
    let first = match characters.next() {
        Some('A') => 'B',
        Some(_) | None => 'A',
    };
    format!("{signed}.{first}{}", characters.as_str())
}

fn random_id() -> Result<String, MintError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| MintError::NotSigned)?;
    Ok(EntryId::from_random(bytes).to_string())
}

/// Bis numbers have 20 or 40 added to the month of birth. Most persons have a
/// national register number, which has not, so few mistakes get through. (The
/// pseudonym key must be the simulation's own: whoever mints learns pseudonyms.)
fn is_bis(ssin: &Ssin) -> bool {
    let month = ssin
        .as_str()
        .get(2..4)
        .and_then(|month| month.parse::<u8>().ok());
    month.is_some_and(|month| month >= 20)
}
