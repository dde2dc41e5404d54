//! The verification systems, as the tests play them: keys of every algorithm, a server of their key sets, and tokens of every kind.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use sluis_log::EntryId;
use sluis_token::sign::{SigningKey, jwks_json};
use sluis_token::{Algorithm, Ssin, SubjectPseudonym};

use crate::backend::{Answer, HttpServer, lock};

/// Every algorithm of the token profile.
pub const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::EdDsa,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Ps256,
    Algorithm::Rs256,
];
/// The audience of `simulation.toml`.
pub const AUDIENCE: &str = "https://api.simulation.sluis.invalid";
/// The data subject of the tests: Belgif's own example.
pub const SSIN: &str = "53480200724";
/// Another person: a bis number without a birth date.
pub const OTHER_SSIN: &str = "53400003597";
/// The mandate holder whom the plain tokens name.
pub const ENTERPRISE_NUMBER: &str = "0202239951";

/// Seconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "a test mints tokens for the runtime's real clock"
)]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// An instant as records have it.
pub fn instant(ms: u64) -> Result<String> {
    Ok(sluis_log::UnixMillis::new(ms)?.to_string())
}

/// One verification system of `simulation.toml`: its name, the path of its key set, and a key an algorithm.
#[derive(Debug)]
pub struct Issuer {
    /// `iss`.
    pub issuer: &'static str,
    path: &'static str,
    keys: HashMap<&'static str, SigningKey>,
}

impl Issuer {
    fn new(issuer: &'static str, path: &'static str) -> Result<Self> {
        let mut keys = HashMap::new();
        for algorithm in ALGORITHMS {
            keys.insert(algorithm.as_str(), SigningKey::generate(algorithm)?);
        }
        Ok(Self { issuer, path, keys })
    }

    /// Its key of that algorithm.
    pub fn key(&self, algorithm: Algorithm) -> Result<&SigningKey> {
        self.keys
            .get(algorithm.as_str())
            .context("an issuer has a key of every algorithm")
    }

    /// The set of its own keys.
    pub fn key_set(&self) -> String {
        key_set(self.keys.values())
    }

    /// A token with those claims, under its `EdDSA` key.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        self.sign_with(Algorithm::EdDsa, claims)
    }

    /// The same with another of its keys.
    pub fn sign_with(&self, algorithm: Algorithm, claims: &Value) -> Result<String> {
        sign(self.key(algorithm)?, claims)
    }
}

/// An access token (RFC 9068) with those claims under that key.
pub fn sign(key: &SigningKey, claims: &Value) -> Result<String> {
    Ok(key.sign("at+jwt", claims)?)
}

/// A JWK set of the public halves.
pub fn key_set<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> String {
    jwks_json(keys)
}

/// What the server of key sets does when it is asked.
#[derive(Clone, Debug)]
enum Publication {
    Answer(Answer),
    Down,
}

/// Both verification systems and the server of their key sets.
#[derive(Debug)]
pub struct Issuers {
    /// Plays the verification system of the Crossroads Bank.
    pub cbss: Issuer,
    /// Plays the managing institution of a secondary network.
    pub nic: Issuer,
    server: HttpServer,
    published: Arc<Mutex<HashMap<String, Publication>>>,
    fetches: Arc<Mutex<HashMap<String, u64>>>,
}

impl Issuers {
    /// Generates the keys and serves them.
    pub fn start() -> Result<Self> {
        let cbss = Issuer::new(
            "https://cbss.simulation.sluis.invalid",
            "/simulation/cbss/.well-known/jwks.json",
        )?;
        let nic = Issuer::new(
            "https://nic.simulation.sluis.invalid",
            "/simulation/nic/.well-known/jwks.json",
        )?;
        let published = Arc::new(Mutex::new(HashMap::new()));
        let fetches = Arc::new(Mutex::new(HashMap::new()));
        let (sets, counts) = (Arc::clone(&published), Arc::clone(&fetches));
        let server = HttpServer::start(
            0,
            Arc::new(move |request| {
                *lock(&counts).entry(request.target.clone()).or_insert(0) += 1;
                match lock(&sets).get(&request.target)? {
                    Publication::Answer(answer) => Some(answer.clone()),
                    Publication::Down => None,
                }
            }),
        )?;
        let issuers = Self {
            cbss,
            nic,
            server,
            published,
            fetches,
        };
        issuers.publish_own();
        Ok(issuers)
    }

    /// Where the key sets are served.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Publishes each issuer's own keys.
    pub fn publish_own(&self) {
        self.publish(&self.cbss, self.cbss.key_set());
        self.publish(&self.nic, self.nic.key_set());
    }

    /// Publishes another set for one issuer.
    #[expect(clippy::needless_pass_by_value, reason = "a set is made for this")]
    pub fn publish(&self, issuer: &Issuer, set: String) {
        self.answer(issuer, Answer::json(&set));
    }

    /// Lets the address of one issuer's key set give that answer, whatever it is.
    pub fn answer(&self, issuer: &Issuer, answer: Answer) {
        lock(&self.published).insert(issuer.path.to_owned(), Publication::Answer(answer));
    }

    /// Serves something else beside the key sets: a status list.
    pub fn serve(&self, path: &str, answer: Answer) {
        lock(&self.published).insert(path.to_owned(), Publication::Answer(answer));
    }

    /// The address of one issuer's key set.
    pub fn url(&self, issuer: &Issuer) -> String {
        format!("http://{}{}", self.address(), issuer.path)
    }

    /// Makes one issuer's key set unreachable.
    pub fn take_down(&self, issuer: &Issuer) {
        lock(&self.published).insert(issuer.path.to_owned(), Publication::Down);
    }

    /// Publishes any document at a path of the same server.
    pub fn publish_document(&self, target: &str, document: &str) {
        let answer = Publication::Answer(Answer::json(document));
        lock(&self.published).insert(target.to_owned(), answer);
    }

    /// Makes it unreachable.
    pub fn take_down_document(&self, target: &str) {
        lock(&self.published).insert(target.to_owned(), Publication::Down);
    }

    /// How often an issuer's key set was asked for.
    pub fn fetches(&self, issuer: &Issuer) -> u64 {
        lock(&self.fetches)
            .get(issuer.path)
            .copied()
            .unwrap_or_default()
    }
}

/// The claims of a good token of the Crossroads Bank's verification system: a plain mandate of type `simPensionOverview`.
pub fn pension_claims(pseudonym_key: &[u8]) -> Result<Value> {
    let mut claims = common_claims("https://cbss.simulation.sluis.invalid", pseudonym_key)?;
    set(
        &mut claims,
        "/authorization_details/0/mandateType",
        json!("simPensionOverview"),
    );
    set(
        &mut claims,
        "/authorization_details/0/deliberation",
        json!("SIM/001"),
    );
    set(
        &mut claims,
        "/authorization_details/0/purposes",
        json!(["simPensionSimulation"]),
    );
    set(
        &mut claims,
        "/authorization_details/0/dataCategories",
        json!(["simPensionRights"]),
    );
    Ok(claims)
}

/// The claims of a good token of the secondary network: a pseudonymised mandate of type `simMutualityBenefits`.
pub fn mutuality_claims(pseudonym_key: &[u8]) -> Result<Value> {
    let mut claims = common_claims("https://nic.simulation.sluis.invalid", pseudonym_key)?;
    set(
        &mut claims,
        "/authorization_details/0/mandateType",
        json!("simMutualityBenefits"),
    );
    set(
        &mut claims,
        "/authorization_details/0/deliberation",
        json!("SIM/002"),
    );
    set(
        &mut claims,
        "/authorization_details/0/purposes",
        json!(["simBenefitAdvice"]),
    );
    set(
        &mut claims,
        "/authorization_details/0/dataCategories",
        json!(["simBenefitStatus"]),
    );
    set(
        &mut claims,
        "/authorization_details/0/holder",
        json!({ "type": "organization", "pseudonym": HOLDER_PSEUDONYM }),
    );
    Ok(claims)
}

/// The holder of the pseudonymised mandates, as the institution may know it.
pub const HOLDER_PSEUDONYM: &str = "sim-holder-4f2a9c";

fn common_claims(issuer: &str, pseudonym_key: &[u8]) -> Result<Value> {
    let now = now();
    Ok(json!({
        "iss": issuer,
        "sub": subject(pseudonym_key, SSIN)?,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 240,
        "jti": random_uuid()?,
        "client_id": "sim-client",
        "authorization_details": [{
            "type": "mandate",
            "mandateId": random_uuid()?,
            "mandateType": "", "deliberation": "", "status": "active",
            "purposes": [], "dataCategories": [],
            "validFrom": now - 86_400,
            "validUntil": now + 86_400,
            "usage": "repeated",
            "grant": {
                "level": "urn:be:fedict:iam:fas:citizen:Level400",
                "grantedBy": "dataSubject",
                "channel": "online",
                "consentVersion": "2026-01",
                "consentItems": ["scope", "holderIdentity", "authenticationLevel", "revocation", "registration"],
                "acceptedAt": now - 86_400,
            },
            "holder": { "type": "organization", "enterpriseNumber": ENTERPRISE_NUMBER },
            "channel": "api",
            "tokenFor": "application",
            "circleOfTrust": { "version": "1", "acceptedAt": now - 86_400 },
            "terms": { "version": "1", "acceptedAt": now - 86_400 },
        }],
    }))
}

/// The pairwise pseudonym of a person for the institution that holds that key.
pub fn subject(pseudonym_key: &[u8], ssin: &str) -> Result<String> {
    Ok(SubjectPseudonym::derive(pseudonym_key, &Ssin::parse(ssin)?)?.to_base64url())
}

/// Sets a claim by its JSON pointer; a missing last member is added.
pub fn set(claims: &mut Value, pointer: &str, value: Value) {
    let (parent, member) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(Value::Object(parent)) = claims.pointer_mut(parent) {
        parent.insert(member.to_owned(), value);
    }
}

/// Removes a claim by its JSON pointer.
pub fn unset(claims: &mut Value, pointer: &str) {
    let (parent, member) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(Value::Object(parent)) = claims.pointer_mut(parent) {
        parent.remove(member);
    }
}

/// A JWS of that header and payload, and whatever signature.
pub fn raw_token(header: &Value, payload: &Value, signature: &[u8]) -> String {
    let part = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    format!(
        "{}.{}.{}",
        part(header.to_string().as_bytes()),
        part(payload.to_string().as_bytes()),
        part(signature)
    )
}

/// Random bytes as unpadded base64url.
pub fn random_secret(bytes: usize) -> Result<String> {
    let mut secret = vec![0; bytes];
    getrandom::fill(&mut secret)?;
    Ok(Base64UrlUnpadded::encode_string(&secret))
}

/// A random UUID in its version 4 form.
pub fn random_uuid() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(EntryId::from_random(bytes).to_string())
}
