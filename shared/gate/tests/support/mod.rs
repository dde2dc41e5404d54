//! A gate on the in-memory platform, and tokens for it.

use std::cell::RefCell;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};
use sluis_gate::memory::{MemoryPlatform, MemoryRequest, MemoryResponse};
use sluis_gate::{CheckpointKey, Config, Embedded, Gate, RawSecrets, Reply, ReplyBody, Secrets};
use sluis_log::{AuditorGrant, AuditorKey, Origin, ReadingPurpose, Shard, StoredEntry, UnixMillis};
use sluis_policy::Catalogue;
use sluis_token::sign::{SigningKey, StatusListClaims};
use sluis_token::{Algorithm, KeyId, Ssin, SubjectPseudonym};

pub(crate) const SSIN: &str = "53480200724";
pub(crate) const ENTERPRISE: &str = "0202239951";
pub(crate) const HOLDER_PSEUDONYM: &str = "holder-pseudonym-of-the-test";
const CHECKPOINT_KEY: [u8; 32] = [3; 32];
const AUDITOR_KEY: [u8; 32] = [4; 32];
pub(crate) const OPERATOR: &str = "an operator token of the test, long enough";
const CBSS: &str = "https://cbss.simulation.sluis.invalid";
const NIC: &str = "https://nic.simulation.sluis.invalid";
pub(crate) const KEYS: [&str; 4] = [
    "http://127.0.0.1:8788/simulation/cbss/.well-known/jwks.json",
    "http://127.0.0.1:8788/simulation/nic/.well-known/jwks.json",
    "https://keys.invalid/simulation/cbss/.well-known/jwks.json",
    "https://keys.invalid/simulation/nic/.well-known/jwks.json",
];
const NOW_S: u64 = 1_790_000_000;
pub(crate) const AUDITOR_SECONDS: u64 = 30 * 86_400;

pub(crate) struct Bench {
    pub(crate) gate: Rc<Gate>,
    pub(crate) platform: MemoryPlatform,
    key: SigningKey,
    assertion_key: SigningKey,
    start_s: RefCell<u64>,
    rotation: u32,
}

fn root(file: &str) -> String {
    let path = format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// The log that the platform keeps.
pub(crate) fn origin() -> Origin {
    Origin::parse("test.invalid/log").unwrap()
}

/// The log that the configuration names.
pub(crate) fn deployment() -> Origin {
    Origin::parse("gate.simulation.sluis.invalid/log").unwrap()
}

/// What signs the checkpoints of a log of that name.
pub(crate) fn checkpoint_key(origin: &Origin) -> CheckpointKey {
    let seed = Base64UrlUnpadded::encode_string(&CHECKPOINT_KEY);
    CheckpointKey::parse(&seed, origin).unwrap()
}

pub(crate) fn simulation() -> Config {
    let no_files = |_: &str| Err("the simulation names no key file".to_owned());
    Config::try_from(Embedded::from_toml(&root("simulation.toml"), no_files).unwrap()).unwrap()
}

fn start(config: Config, assertion_key: &SigningKey, operator: Option<&str>) -> Rc<Gate> {
    let secrets = Secrets::try_from(RawSecrets {
        pseudonym_key: Base64UrlUnpadded::encode_string(&[1; 32]),
        log_key: Base64UrlUnpadded::encode_string(&[2; 32]),
        assertion_key: assertion_key.to_private_jwk_json().to_string(),
        checkpoint_key: Base64UrlUnpadded::encode_string(&CHECKPOINT_KEY),
        payload_key: Base64UrlUnpadded::encode_string(&[5; 32]),
        auditor_key: Base64UrlUnpadded::encode_string(&AUDITOR_KEY),
        operator_token: operator.map(str::to_owned),
    })
    .unwrap();
    let catalogue = Catalogue::from_toml(&root("catalogue.toml")).unwrap();
    Gate::new(config, catalogue, secrets).unwrap()
}

/// A token of an auditor who reads for that purpose, or for none.
pub(crate) fn auditor_for(purpose: Option<ReadingPurpose>) -> String {
    auditor_at(purpose, NOW_S * 1000)
}

/// The same, made at that time.
pub(crate) fn auditor_at(purpose: Option<ReadingPurpose>, now_ms: u64) -> String {
    let reference = purpose.filter(|purpose| purpose.needs_reference());
    let grant = AuditorGrant::new("dpo", purpose, reference.map(|_| "SIM/2026/42")).unwrap();
    let log = deployment();
    let from = UnixMillis::new(now_ms).unwrap();
    let key = AuditorKey::new(&AUDITOR_KEY);
    key.mint(&grant, &log, from, AUDITOR_SECONDS).unwrap()
}

/// A token that reads records for an audit.
pub(crate) fn auditor() -> String {
    auditor_for(Some(ReadingPurpose::Audit))
}

fn signing_key(kid: &str) -> SigningKey {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    key.with_key_id(&KeyId::parse(kid).unwrap()).unwrap()
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(simulation())
    }

    /// A gate that stands in front in that one way.
    pub(crate) fn in_mode(mode: &str) -> Self {
        Self::changed(&[
            ("mode = \"both\"", &format!("mode = \"{mode}\"")),
            (
                "trust_client_cert_field = true",
                &format!("trust_client_cert_field = {}", mode == "decision"),
            ),
        ])
    }

    /// A production gate before which the simulation's verification systems stand.
    pub(crate) fn in_production() -> Self {
        Self::changed(&[
            (
                "environment = \"simulation\"",
                "environment = \"production\"",
            ),
            ("mode = \"both\"", "mode = \"inline\""),
            (
                "trust_client_cert_field = true",
                "trust_client_cert_field = false",
            ),
            (
                "http://127.0.0.1:8788/simulation/cbss",
                "https://keys.invalid/simulation/cbss",
            ),
            (
                "http://127.0.0.1:8788/simulation/cbss",
                "https://keys.invalid/simulation/cbss",
            ),
            (
                "http://127.0.0.1:8788/simulation/nic",
                "https://keys.invalid/simulation/nic",
            ),
            (
                "http://127.0.0.1:8788/simulation/nic",
                "https://keys.invalid/simulation/nic",
            ),
        ])
    }

    /// A gate under the simulation's configuration with some of its text replaced.
    pub(crate) fn changed(changes: &[(&str, &str)]) -> Self {
        let mut text = root("simulation.toml");
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        let embedded = Embedded::from_toml(&text, |file| {
            std::fs::read_to_string(format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR")))
                .map_err(|error| error.to_string())
        });
        Self::with(Config::try_from(embedded.unwrap()).unwrap())
    }

    fn with(config: Config) -> Self {
        let assertion_key = signing_key("assertion");
        let bench = Self {
            gate: start(config, &assertion_key, Some(OPERATOR)),
            platform: MemoryPlatform::new(NOW_S * 1000, origin()),
            key: signing_key("key-1"),
            assertion_key,
            start_s: RefCell::new(NOW_S),
            rotation: 1,
        };
        bench.start_keys();
        bench
    }

    /// A gate under the simulation's configuration with an `[enforcement]` section.
    pub(crate) fn enforcing(section: &str) -> Self {
        let section = format!("[enforcement]\n{section}\n\n[upstream]");
        Self::changed(&[("[upstream]", &section)])
    }

    /// A gate with a `[compare]` section and `catalogue.next.toml`: the project's
    /// catalogue with some of its text replaced.
    pub(crate) fn comparing(section: &str, changes: &[(&str, &str)]) -> Self {
        let mut candidate = root("catalogue.toml");
        for (from, to) in changes {
            assert!(candidate.contains(from), "{from}");
            candidate = candidate.replace(from, to);
        }
        let text = format!("{}\n{section}", root("simulation.toml"));
        let embedded = Embedded::from_toml(&text, |file| {
            assert_eq!(file, "catalogue.next.toml");
            Ok(candidate.clone())
        });
        // As the build does it: through the embedded form.
        let embedded = Embedded::from_json(&embedded.unwrap().to_json().unwrap());
        Self::with(Config::try_from(embedded.unwrap()).unwrap())
    }

    /// Another instance of the same deployment: its own memory, the same
    /// clock, log, issuers and shared store.
    pub(crate) fn another_instance(&self) -> Rc<Gate> {
        start(simulation(), &self.assertion_key, Some(OPERATOR))
    }

    /// The same deployment without operators.
    pub(crate) fn without_operators(&self) -> Rc<Gate> {
        start(simulation(), &self.assertion_key, None)
    }

    /// The status of another instance's answer.
    pub(crate) fn status_at(&self, gate: &Rc<Gate>, request: MemoryRequest) -> u16 {
        let reply = pollster::block_on(gate.serve(&self.platform, request));
        self.run_deferred();
        reply.status
    }

    /// The same gate; the issuer has another key from now on.
    pub(crate) fn rotate(self) -> Self {
        let bench = self.rotate_later();
        bench.start_keys();
        bench
    }

    /// The same gate; the issuer signs with another key and has not published it.
    pub(crate) fn rotate_later(self) -> Self {
        let next = self.rotation + 1;
        Self {
            key: signing_key(&format!("key-{next}")),
            rotation: next,
            ..self
        }
    }

    pub(crate) fn start_keys(&self) {
        let set = format!("{{\"keys\":[{}]}}", self.key.public_jwk_json());
        for url in KEYS {
            self.platform.serve_keys(url, &set);
        }
    }

    /// Serves the set at another address.
    pub(crate) fn serve_set(&self, url: &str) {
        let set = format!("{{\"keys\":[{}]}}", self.key.public_jwk_json());
        self.platform.serve_keys(url, &set);
    }

    pub(crate) fn stop_keys(&self) {
        for url in KEYS {
            self.platform.drop_keys(url);
        }
    }

    pub(crate) fn subject(&self) -> String {
        let ssin = Ssin::parse(SSIN).unwrap();
        SubjectPseudonym::derive(&[1; 32], &ssin)
            .unwrap()
            .to_base64url()
    }

    fn now_s(&self) -> u64 {
        use sluis_gate::Platform as _;
        let now = self.platform.now_ms() / 1000;
        self.start_s.replace(now);
        now
    }

    pub(crate) fn claims(&self, nic: bool, changes: Value) -> Value {
        let now = self.now_s();
        let (iss, mandate_type, deliberation, purpose, category) = if nic {
            (
                NIC,
                "simMutualityBenefits",
                "SIM/002",
                "simBenefitAdvice",
                "simBenefitStatus",
            )
        } else {
            (
                CBSS,
                "simPensionOverview",
                "SIM/001",
                "simPensionSimulation",
                "simPensionRights",
            )
        };
        let holder = if nic {
            json!({"type": "organization", "pseudonym": HOLDER_PSEUDONYM})
        } else {
            json!({"type": "enterprise", "enterpriseNumber": ENTERPRISE})
        };
        let mut claims = json!({
            "iss": iss, "aud": "https://api.simulation.sluis.invalid", "sub": self.subject(),
            "client_id": "client", "jti": "6f2c1f0e-0000-4000-8000-000000000001",
            "iat": now, "exp": now + 300,
            "authorization_details": [{
                "type": "mandate", "mandateId": "6f2c1f0e-0000-4000-8000-000000000002",
                "mandateType": mandate_type, "deliberation": deliberation, "status": "active",
                "purposes": [purpose], "dataCategories": [category],
                "validFrom": now - 86_400, "validUntil": now + 86_400, "usage": "repeated",
                "grant": {
                    "level": "urn:be:fedict:iam:fas:citizen:Level450", "grantedBy": "dataSubject",
                    "channel": "online", "consentVersion": "2026-01",
                    "consentItems": ["scope", "holderIdentity", "authenticationLevel", "revocation", "registration"],
                    "acceptedAt": now - 80_000
                },
                "holder": holder, "channel": "api", "tokenFor": "application",
                "circleOfTrust": {"version": "1", "acceptedAt": now - 90_000},
                "terms": {"version": "1", "acceptedAt": now - 90_000}
            }]
        });
        for (name, value) in changes.as_object().unwrap() {
            match name.as_str() {
                "lifetime" => {
                    // A token that was good once.
                    claims["iat"] = json!(now - 250);
                    claims["exp"] = json!(now.checked_add_signed(value.as_i64().unwrap()).unwrap());
                }
                "purposes" | "dataCategories" | "mandateType" | "usage" => {
                    claims["authorization_details"][0][name] = value.clone();
                }
                _ => claims[name] = value.clone(),
            }
        }
        claims
    }

    pub(crate) fn mint(&self, changes: Value) -> String {
        self.key
            .sign("at+jwt", &self.claims(false, changes))
            .unwrap()
    }

    pub(crate) fn mint_nic(&self, changes: Value) -> String {
        self.key
            .sign("at+jwt", &self.claims(true, changes))
            .unwrap()
    }

    /// A status list under the issuers' key.
    pub(crate) fn sign_list(&self, claims: &StatusListClaims<'_>) -> String {
        self.key.sign_status_list(claims).unwrap()
    }

    pub(crate) fn mint_with_kid(&self, kid: &str) -> String {
        let key = signing_key(kid);
        key.sign("at+jwt", &self.claims(false, json!({}))).unwrap()
    }

    pub(crate) fn request(&self, token: &str) -> MemoryRequest {
        self.request_to("POST", "/pension/v1/rights/get", token)
    }

    pub(crate) fn request_to(&self, method: &str, target: &str, token: &str) -> MemoryRequest {
        MemoryRequest::new(method, target)
            .header("authorization", &format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(&format!("{{\"ssin\":\"{SSIN}\"}}"))
    }

    /// Serves, then runs what was put off.
    pub(crate) fn serve(&self, request: MemoryRequest) -> Reply<MemoryResponse> {
        let reply = self.serve_only(request);
        self.run_deferred();
        reply
    }

    pub(crate) fn serve_only(&self, request: MemoryRequest) -> Reply<MemoryResponse> {
        pollster::block_on(self.gate.serve(&self.platform, request))
    }

    pub(crate) fn run_deferred(&self) {
        pollster::block_on(self.platform.run_deferred());
    }

    /// The entries of the log, opened.
    pub(crate) fn stored(&self) -> Vec<StoredEntry> {
        self.stored_of(Shard::Whole)
    }

    /// The same of one of the logs.
    pub(crate) fn stored_of(&self, shard: Shard) -> Vec<StoredEntry> {
        let sealed = self.platform.entries_of(shard);
        pollster::block_on(self.gate.open_entries(&self.platform, sealed)).unwrap()
    }

    /// The payloads of the log.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stored()
            .iter()
            .map(|entry| serde_json::from_str(entry.payload().unwrap()).unwrap())
            .collect()
    }

    /// Reasons of the counted stops.
    pub(crate) fn fault_counts(&self) -> Vec<String> {
        let events = self.events();
        let reasons = events.iter().filter_map(|e| e["data"]["reason"].as_str());
        reasons.map(str::to_owned).collect()
    }

    /// Checks an assertion's signature and gives its claims.
    pub(crate) fn open_assertion(&self, jws: &str) -> Value {
        let parts: Vec<&str> = jws.split('.').collect();
        let decode = |part: &str| Base64UrlUnpadded::decode_vec(part).unwrap();
        let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
        assert_eq!(header["typ"], "sluis-assertion+jwt");
        let jwk: Value = serde_json::from_str(&self.assertion_key.public_jwk_json()).unwrap();
        let x: [u8; 32] = decode(jwk["x"].as_str().unwrap()).try_into().unwrap();
        let key = ed25519_dalek::VerifyingKey::from_bytes(&x).unwrap();
        let signature = ed25519_dalek::Signature::from_slice(&decode(parts[2])).unwrap();
        let message = format!("{}.{}", parts[0], parts[1]);
        key.verify_strict(message.as_bytes(), &signature).unwrap();
        serde_json::from_slice(&decode(parts[1])).unwrap()
    }
}

pub(crate) fn header<'a, B>(reply: &'a Reply<B>, name: &str) -> Option<&'a str> {
    reply
        .headers
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, value)| value.as_str())
}

pub(crate) fn body_of<B>(reply: &Reply<B>) -> String {
    match &reply.body {
        ReplyBody::Text(text) => text.clone(),
        ReplyBody::Bytes(_) | ReplyBody::Nothing | ReplyBody::Upstream(_) => String::new(),
    }
}
