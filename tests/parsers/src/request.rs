//! A whole request to the gate, in line and as a proxy's question: method, target, headers and body.
//!
//! Here alone a signature is verified: `{token}` in a header stands for a good token, so that
//! what comes behind it is reached as well, up to forwarding.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use sluis_gate::memory::{MemoryPlatform, MemoryRequest};
use sluis_gate::{Config, Embedded, Gate, RawSecrets, Secrets};
use sluis_log::{AuditorGrant, AuditorKey, Origin, ReadingPurpose, UnixMillis};
use sluis_policy::Catalogue;
use sluis_token::sign::{SigningKey, jwks_json};
use sluis_token::{Ssin, SubjectPseudonym};

use crate::Parser;

pub(crate) const GATE_REQUEST: Parser = Parser {
    name: "gate_request",
    run: gate_request,
    longest: 32 * 1024,
    base: 60_000_000,
    per_byte: 700,
};

const CONFIGURATION: &str = include_str!("../../../simulation.toml");
const CATALOGUE: &str = include_str!("../../../catalogue.toml");
/// 32 bytes, in base64url.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const NOW_S: u64 = 1_790_000_000;
/// RFC 8037 A.1: everyone has this key.
const PRIVATE_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"a","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const KEY_URL: &str = "http://127.0.0.1:8788/simulation/cbss/.well-known/jwks.json";

/// What is made once.
struct Scene {
    gate: Rc<Gate>,
    key_set: String,
    token: String,
    auditor: String,
}

thread_local! {
    static SCENE: Option<Scene> = scene();
}

fn scene() -> Option<Scene> {
    let key = SigningKey::from_jwk_json(PRIVATE_KEY).ok()?;
    let subject = SubjectPseudonym::derive(&[1; 32], &Ssin::parse("53480200724").ok()?).ok()?;
    let claims = serde_json::json!({
        "iss": "https://cbss.simulation.sluis.invalid", "aud": "https://api.simulation.sluis.invalid",
        "sub": subject.to_base64url(), "client_id": "client", "jti": "t1", "iat": NOW_S, "exp": NOW_S + 300,
        "authorization_details": [{
            "type": "mandate", "mandateId": "6f2c1f0e-0000-4000-8000-000000000002", "mandateType": "simPensionOverview", "deliberation": "SIM/001",
            "status": "active", "purposes": ["simPensionSimulation"], "dataCategories": ["simPensionRights"],
            "validFrom": NOW_S - 86_400, "validUntil": NOW_S + 86_400, "usage": "repeated",
            "grant": {
                "level": "urn:be:fedict:iam:fas:citizen:Level450", "grantedBy": "dataSubject",
                "channel": "online", "consentVersion": "2026-01",
                "consentItems": ["scope", "holderIdentity", "authenticationLevel", "revocation", "registration"],
                "acceptedAt": NOW_S - 80_000
            },
            "holder": {"type": "enterprise", "enterpriseNumber": "0202239951"},
            "channel": "api", "tokenFor": "application",
            "circleOfTrust": {"version": "1", "acceptedAt": NOW_S - 90_000},
            "terms": {"version": "1", "acceptedAt": NOW_S - 90_000}
        }]
    });
    Some(Scene {
        gate: gate()?,
        key_set: jwks_json([&key]),
        token: key.sign("at+jwt", &claims).ok()?,
        auditor: auditor()?,
    })
}

/// The token of an auditor who may read records.
fn auditor() -> Option<String> {
    let grant = AuditorGrant::new("dpo", Some(ReadingPurpose::Audit), None).ok()?;
    let log = Origin::parse("gate.simulation.sluis.invalid/log").ok()?;
    let now = UnixMillis::new(NOW_S * 1000).ok()?;
    let key = AuditorKey::from_base64url(KEY).ok()?;
    key.mint(&grant, &log, now, 600).ok()
}

fn gate() -> Option<Rc<Gate>> {
    let embedded = Embedded::from_toml(CONFIGURATION, |_| Err(String::new())).ok()?;
    let config = Config::try_from(embedded).ok()?;
    let catalogue = Catalogue::from_toml(CATALOGUE).ok()?;
    let secrets = Secrets::try_from(RawSecrets {
        pseudonym_key: KEY.to_owned(),
        log_key: KEY.to_owned(),
        assertion_key: PRIVATE_KEY.to_owned(),
        checkpoint_key: KEY.to_owned(),
        payload_key: KEY.to_owned(),
        auditor_key: KEY.to_owned(),
        operator_token: Some("an operator token of the test, long enough".to_owned()),
    })
    .ok()?;
    Gate::new(config, catalogue, secrets).ok()
}

/// Lines: method, target, headers up to an empty line; then the body.
fn gate_request(input: &[u8]) {
    SCENE.with(|scene| {
        assert!(
            scene.is_some(),
            "the simulation's configuration makes a gate"
        );
        if let Some(scene) = scene {
            let _ = serve(scene, &String::from_utf8_lossy(input));
        }
    });
}

/// How often the request was forwarded.
fn serve(scene: &Scene, text: &str) -> usize {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.split('\n');
    let method = lines.next().unwrap_or_default();
    let target = lines.next().unwrap_or_default();
    let mut request = MemoryRequest::new(method, target).body(body);
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value
            .trim()
            .replace("{token}", &scene.token)
            .replace("{auditor}", &scene.auditor);
        request = request.header(&name.to_ascii_lowercase(), &value);
    }
    let Ok(origin) = Origin::parse("sluis.invalid/log") else {
        return 0;
    };
    let platform = MemoryPlatform::new(NOW_S * 1000, origin);
    platform.serve_keys(KEY_URL, &scene.key_set);
    let mut serving = std::pin::pin!(scene.gate.serve(&platform, request));
    let mut context = Context::from_waker(Waker::noop());
    // The memory platform wakes at once; a request that is not done by then waits for ever.
    let reply = (0..1000).find_map(|_| match serving.as_mut().poll(&mut context) {
        Poll::Ready(reply) => Some(reply),
        Poll::Pending => None,
    });
    assert!(reply.is_some(), "no answer");
    let forwarded = platform.forwarded().len();
    assert!(forwarded <= 1, "forwarded twice");
    assert!(
        forwarded <= platform.entries().len(),
        "forwarded without a record"
    );
    forwarded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_good_token_is_good() {
        let request = include_str!("../../../fuzz/corpus/gate_request/allowed");
        SCENE.with(|scene| {
            let scene = scene.as_ref().unwrap();
            assert_eq!(serve(scene, request), 1);
            assert_eq!(serve(scene, &request.replace("{token}", "a.b.c")), 0);
        });
    }
}
