//! Every token that the simulation mints, against the gate itself.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up should panic"
)]

use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sluis_gate::ReplyBody;
use sluis_gate::memory::{MemoryPlatform, MemoryRequest, MemoryResponse};
use sluis_gate::{Config, Embedded, Gate, RawSecrets, Secrets};
use sluis_log::Origin;
use sluis_policy::Catalogue;
use sluis_simulation::{
    Defect, MintError, MintRequest, RawSettings, SimRequest, Simulation, SystemName, handle,
};
use sluis_token::sign::{ProofClaims, SigningKey};
use sluis_token::{AccessToken, Algorithm, UnixTime};

const NOW: u64 = 1_790_000_000;
const ALGORITHMS: [&str; 5] = ["EdDSA", "ES256", "ES384", "PS256", "RS256"];

fn keys() -> String {
    let keys: Vec<String> = ALGORITHMS
        .iter()
        .map(|name| {
            let key = SigningKey::generate(Algorithm::parse(name).unwrap()).unwrap();
            key.to_private_jwk_json().to_string()
        })
        .collect();
    format!("[{}]", keys.join(","))
}

fn simulation() -> Simulation {
    Simulation::try_from(RawSettings {
        keys_cbss: keys(),
        keys_nic: keys(),
        pseudonym_key: Base64UrlUnpadded::encode_string(&[7; 32]),
    })
    .unwrap()
}

struct World {
    simulation: Simulation,
    gate: Rc<Gate>,
    platform: MemoryPlatform,
}

fn root(file: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn world() -> World {
    let simulation = simulation();
    let platform = MemoryPlatform::new(NOW * 1000, Origin::parse("test.invalid/log").unwrap());
    for (system, path) in [(SystemName::Cbss, "cbss"), (SystemName::Nic, "nic")] {
        let url = format!("http://127.0.0.1:8788/simulation/{path}/.well-known/jwks.json");
        platform.serve_keys(&url, &simulation.system(system).jwks_json());
    }
    let no_files = |_: &str| Err("none".to_owned());
    let embedded = Embedded::from_toml(&root("simulation.toml"), no_files).unwrap();
    let secrets = Secrets::try_from(RawSecrets {
        pseudonym_key: Base64UrlUnpadded::encode_string(&[7; 32]),
        log_key: Base64UrlUnpadded::encode_string(&[8; 32]),
        assertion_key: SigningKey::generate(Algorithm::EdDsa)
            .unwrap()
            .to_private_jwk_json()
            .to_string(),
        checkpoint_key: Base64UrlUnpadded::encode_string(&[9; 32]),
        auditor_key: Base64UrlUnpadded::encode_string(&[4; 32]),
        payload_key: Base64UrlUnpadded::encode_string(&[10; 32]),
        operator_token: None,
    });
    let catalogue = Catalogue::from_toml(&root("catalogue.toml")).unwrap();
    let config = Config::try_from(embedded).unwrap();
    World {
        simulation,
        gate: Gate::new(config, catalogue, secrets.unwrap()).unwrap(),
        platform,
    }
}

impl World {
    fn status(&self, request: &MintRequest) -> u16 {
        let token = self.simulation.mint(request, NOW).unwrap().access_token;
        let path = match request.verification_system {
            SystemName::Cbss => "/pension/v1/rights/get",
            SystemName::Nic => "/mutuality/v1/benefits/get",
        };
        let request = MemoryRequest::new("POST", path)
            .header("authorization", &format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body("{\"ssin\":\"53480200724\"}");
        pollster::block_on(self.gate.serve(&self.platform, request)).status
    }
}

#[test]
fn a_good_token_of_each_system_and_algorithm_passes() {
    let world = world();
    for verification_system in [SystemName::Cbss, SystemName::Nic] {
        for algorithm in ALGORITHMS {
            let request = MintRequest {
                verification_system,
                algorithm: Some(algorithm.to_owned()),
                ..MintRequest::default()
            };
            assert_eq!(
                world.status(&request),
                200,
                "{verification_system:?} {algorithm}"
            );
        }
    }
}

#[test]
fn every_defect_gets_the_status_that_the_simulation_announces() {
    let world = world();
    for verification_system in [SystemName::Cbss, SystemName::Nic] {
        for defect in Defect::ALL {
            // The other system has no type whose deliberation ended.
            if verification_system == SystemName::Nic && *defect == Defect::EndedDeliberation {
                continue;
            }
            let request = MintRequest {
                verification_system,
                defect: Some(*defect),
                ..MintRequest::default()
            };
            assert_eq!(
                world.status(&request),
                defect.expected_status(),
                "{verification_system:?} {defect:?}"
            );
        }
    }
    assert_eq!(world.platform.forwarded().len(), 0);
}

#[test]
fn no_number_that_could_be_a_persons_is_taken() {
    let simulation = simulation();
    for ssin in ["05400001115", "12345678901", "", "00010100148"] {
        let request = MintRequest {
            ssin: Some(ssin.to_owned()),
            ..MintRequest::default()
        };
        let minted = simulation.mint(&request, NOW);
        let bis = ssin == "05400001115";
        assert_eq!(minted.is_ok(), bis, "{ssin}");
        if let Err(error) = minted {
            assert_eq!(error, MintError::Ssin);
        }
    }
}

/// A call of the gate with a token.
fn call(scheme: &str, token: &str) -> MemoryRequest {
    MemoryRequest::new("POST", "/pension/v1/rights/get")
        .header("authorization", &format!("{scheme} {token}"))
        .header("content-type", "application/json")
        .body("{\"ssin\":\"53480200724\"}")
}

fn ask(method: &str, target: &str, body: &str) -> (u16, String) {
    let request = SimRequest {
        method,
        target,
        accept: None,
        assertion: None,
        body: body.as_bytes(),
        now: NOW,
        origin: "http://127.0.0.1:8788",
        statuses: &[],
    };
    let response = handle(&simulation(), &request);
    (response.status, response.body)
}

#[test]
fn http_mints_publishes_and_refuses() {
    let (status, body) = ask("POST", "/simulation/token", "{}");
    assert_eq!(status, 200);
    assert!(body.contains("\"token_type\":\"Bearer\""));
    for (body, says) in [
        ("{\"defekt\":1}", "unknown field `defekt`"),
        ("{\"defect\":\"none\"}", "unknown variant `none`"),
        ("{\"algorithm\":\"HS256\"}", "algorithm"),
        ("{\"lifetimeSeconds\":301}", "lifetimeSeconds"),
        ("[", "line 1, column 1"),
        ("{\"ssin\":53480200724}", "no mint request"),
    ] {
        let (status, answer) = ask("POST", "/simulation/token", body);
        assert_eq!(status, 400, "{body}");
        assert!(answer.contains(says), "{answer}");
        assert!(!answer.contains("53480200724"), "{answer}");
    }
    assert_eq!(ask("POST", "/simulation/token", &" ".repeat(20_000)).0, 413);
    let (status, body) = ask("GET", "/simulation/nic/.well-known/jwks.json", "");
    assert_eq!(status, 200);
    assert!(!body.contains("\"d\":"), "a private key is published");
    assert_eq!(ask("GET", "/simulation", "").0, 200);
    assert_eq!(ask("GET", "/simulation/other", "").0, 404);
    assert_eq!(
        ask("GET", "/simulation/backend/pension/v1/rights/get", "").0,
        403
    );
}

impl World {
    fn serve(&self, request: MemoryRequest) -> sluis_gate::Reply<MemoryResponse> {
        pollster::block_on(self.gate.serve(&self.platform, request))
    }

    fn minted(&self, body: &str) -> String {
        let request = SimRequest {
            method: "POST",
            target: "/simulation/token",
            accept: Some("text/plain"),
            assertion: None,
            body: body.as_bytes(),
            now: NOW,
            origin: "http://127.0.0.1:8788",
            statuses: &[],
        };
        let response = handle(&self.simulation, &request);
        assert_eq!(response.status, 200, "{}", response.body);
        response.body
    }
}

#[test]
fn a_token_bound_to_a_key_passes_with_a_proof() {
    let world = world();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let thumbprint = Base64UrlUnpadded::encode_string(&key.public_key().thumbprint());
    let token = world.minted(&format!("{{\"keyThumbprint\":\"{thumbprint}\"}}"));
    assert_eq!(world.serve(call("Bearer", &token)).status, 401);
    let access_token = AccessToken::parse(&token).unwrap();
    let proof = |id: &str, nonce: Option<&str>| {
        let claims = ProofClaims {
            proof_id: id,
            method: "POST",
            url: "https://api.simulation.sluis.invalid/pension/v1/rights/get",
            issued_at: UnixTime::from_seconds(NOW).unwrap(),
            access_token: Some(&access_token),
            nonce,
        };
        key.sign_dpop_proof(&claims).unwrap()
    };
    let asked = world.serve(call("DPoP", &token).header("dpop", &proof("1", None)));
    let nonce = asked.headers.iter().find(|(name, _)| *name == "dpop-nonce");
    let nonce = nonce.map(|(_, nonce)| nonce.as_str());
    assert!(nonce.is_some());
    let proven = call("DPoP", &token).header("dpop", &proof("2", nonce));
    assert_eq!(world.serve(proven).status, 200);
}

#[test]
fn a_token_bound_to_a_certificate_passes_with_it() {
    let world = world();
    let thumbprint = Base64UrlUnpadded::encode_string(&[9; 32]);
    let token = world.minted(&format!("{{\"certificateThumbprint\":\"{thumbprint}\"}}"));
    assert_eq!(world.serve(call("Bearer", &token)).status, 401);
    let certified = call("Bearer", &token).certificate([9; 32]);
    assert_eq!(world.serve(certified).status, 200);
}

#[test]
fn what_the_demo_backend_sends_besides_does_not_come_out() {
    let world = world();
    let token = world.minted("{}");
    let first = world.serve(call("Bearer", &token));
    assert_eq!(first.status, 200);
    let forwarded = world.platform.forwarded().pop().unwrap();
    let target = "/simulation/backend/pension/v1/rights/get";
    let sent = handle(
        &world.simulation,
        &SimRequest {
            method: "POST",
            target,
            accept: None,
            assertion: forwarded.headers.get("sluis-assertion").map(String::as_str),
            body: &forwarded.body,
            now: NOW,
            origin: "http://127.0.0.1:8788",
            statuses: &[],
        },
    );
    assert!(forwarded.url.ends_with(target));
    for word in ["accruedRights", "bankAccount", "assertion"] {
        assert!(sent.body.contains(word), "{word}: {}", sent.body);
    }
    let answer = MemoryResponse::new(sent.status).header("content-type", sent.content_type);
    world.platform.answer(Ok(answer.body(sent.body.as_bytes())));
    let reply = world.serve(call("Bearer", &token));
    let ReplyBody::Text(left) = reply.body else {
        panic!("it was not filtered");
    };
    let left: serde_json::Value = serde_json::from_str(&left).unwrap();
    let expected = serde_json::json!({"data": {
        "scheme": "fictitious", "careerStart": "2001-09",
        "accruedRights": "20000-24999", "earliestPensionDate": "2047-05",
    }});
    assert_eq!(left, expected);
}

#[test]
fn a_token_for_one_use_passes_once() {
    let world = world();
    let token = world.minted("{\"singleUse\":true}");
    assert_eq!(world.serve(call("Bearer", &token)).status, 200);
    assert_eq!(world.serve(call("Bearer", &token)).status, 401);
}

#[test]
fn a_token_can_be_revoked_and_given_back() {
    let world = world();
    let token = world.minted("{\"status\":{\"index\":7}}");
    let other = world.minted("{\"status\":{\"index\":8}}");
    let path = "/simulation/cbss/status/1";
    let mut kept = Vec::new();
    let mut now = NOW;
    let mut ask = |method: &str, body: &str, now: u64| {
        let request = SimRequest {
            method,
            target: path,
            accept: None,
            assertion: None,
            body: body.as_bytes(),
            now,
            origin: "http://127.0.0.1:8788",
            statuses: &kept,
        };
        let response = handle(&world.simulation, &request);
        if let Some(statuses) = response.statuses {
            kept = statuses;
        }
        (response.status, response.body)
    };
    for (status, expected) in [
        ("valid", 200),
        ("revoked", 401),
        ("suspended", 401),
        ("valid", 200),
    ] {
        let change = format!("{{\"index\":7,\"status\":\"{status}\"}}");
        assert_eq!(ask("POST", &change, now).0, 200);
        let (_, list) = ask("GET", "", now);
        world
            .platform
            .serve_keys(&format!("http://127.0.0.1:8788{path}"), &list);
        // The last list is served once more while the new one is fetched.
        world.serve(call("Bearer", &other));
        pollster::block_on(world.platform.run_deferred());
        let answer = world.serve(call("Bearer", &token));
        assert_eq!(answer.status, expected, "{status}");
        assert_eq!(world.serve(call("Bearer", &other)).status, 200);
        world.platform.advance_ms(11_000);
        now += 11;
    }
    for change in [
        "",
        "{}",
        "{\"index\":1024,\"status\":\"valid\"}",
        "{\"index\":0,\"status\":\"x\"}",
    ] {
        assert_eq!(ask("POST", change, now).0, 400, "{change}");
    }
    assert_eq!(ask("DELETE", "", now).0, 405);
}

#[test]
fn a_constraint_that_cannot_be_is_refused() {
    for body in [
        "{\"keyThumbprint\":\"x\"}",
        "{\"certificateThumbprint\":\"AAAA\"}",
        "{\"singleUse\":true,\"verificationSystem\":\"nic\"}",
        "{\"status\":{}}",
    ] {
        assert_eq!(ask("POST", "/simulation/token", body).0, 400, "{body}");
    }
}
