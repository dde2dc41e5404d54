//! `sluis log trace` over the log of a gate that really ran, and the logs of those around it.

use std::fmt::Write as _;
use std::fs;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::Parser;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sluis_gate::memory::{MemoryPlatform, MemoryRequest};
use sluis_gate::{Config, Embedded, Gate, RawSecrets, Secrets};
use sluis_log::{Shard, StoredEntry};
use sluis_policy::Catalogue;
use sluis_simulation::{MintRequest, RawSettings, Simulation, SystemName};
use sluis_token::Algorithm;
use sluis_token::sign::SigningKey;

use super::{Command, Folder, exported, origin, run, serve};

pub(super) const SSIN: &str = "53480200724";
const OTHER_SSIN: &str = "53400003597";
const ENTERPRISE: &str = "0202239951";
const NAME: &str = "Mutualiteit van de proef";
pub(super) const NOW: u64 = 1_790_000_000;

/// A gate with the simulation before it; the parties write down what they do.
pub(super) struct World {
    pub(super) simulation: Simulation,
    pub(super) gate: Rc<Gate>,
    pub(super) platform: MemoryPlatform,
}

/// What one call left with the parties around the gate.
pub(super) struct CallLogs {
    pub(super) system: String,
    holder: String,
    pub(super) token_id: String,
    mandate_id: String,
    issuer: String,
}

pub(super) fn root(file: &str) -> String {
    fs::read_to_string(format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn line(party: &str, number: &str, kind: &str, ms: u64, mut data: Value) -> String {
    data["party"] = json!(party);
    let service = if party == "mandateHolder" {
        "be.mutualiteit-van-de-proef.app.v1"
    } else {
        "be.example.mandates.v1"
    };
    let line = json!({
        "specversion": "1.0", "id": number, "source": format!("urn:{service}"), "service": service,
        "type": format!("{service}.{kind}"), "data": data,
        "time": sluis_log::UnixMillis::new(ms).unwrap().to_string(),
    });
    format!("{line}\n")
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(&root("simulation.toml"))
    }

    /// A gate with that many logs.
    pub(super) fn spread(shards: u16) -> Self {
        let text = root("simulation.toml");
        let line = "aggregate_interval_ms = 10000";
        assert!(text.contains(line));
        Self::with(&text.replace(line, &format!("{line}\nshards = {shards}")))
    }

    /// Of that configuration.
    pub(super) fn with(configuration: &str) -> Self {
        let keys = || {
            let algorithms = ["EdDSA", "ES256", "ES384", "PS256", "RS256"];
            let keys = algorithms.map(|name| {
                let key = SigningKey::generate(Algorithm::parse(name).unwrap()).unwrap();
                key.to_private_jwk_json().to_string()
            });
            format!("[{}]", keys.join(","))
        };
        let simulation = Simulation::try_from(RawSettings {
            keys_cbss: keys(),
            keys_nic: keys(),
            pseudonym_key: Base64UrlUnpadded::encode_string(&[7; 32]),
        })
        .unwrap();
        let platform = MemoryPlatform::new(NOW * 1000, origin());
        for (system, path) in [(SystemName::Cbss, "cbss"), (SystemName::Nic, "nic")] {
            let url = format!("http://127.0.0.1:8788/simulation/{path}/.well-known/jwks.json");
            platform.serve_keys(&url, &simulation.system(system).jwks_json());
        }
        let no_files = |_: &str| Err("none".to_owned());
        let embedded = Embedded::from_toml(configuration, no_files).unwrap();
        let assertion = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let secrets = Secrets::try_from(RawSecrets {
            pseudonym_key: Base64UrlUnpadded::encode_string(&[7; 32]),
            log_key: Base64UrlUnpadded::encode_string(&[8; 32]),
            assertion_key: assertion.to_private_jwk_json().to_string(),
            checkpoint_key: Base64UrlUnpadded::encode_string(&[9; 32]),
            auditor_key: Base64UrlUnpadded::encode_string(&[4; 32]),
            payload_key: Base64UrlUnpadded::encode_string(&[10; 32]),
            operator_token: None,
        });
        let catalogue = Catalogue::from_toml(&root("catalogue.toml")).unwrap();
        let config = Config::try_from(embedded).unwrap();
        Self {
            simulation,
            gate: Gate::new(config, catalogue, secrets.unwrap()).unwrap(),
            platform,
        }
    }

    /// A call about that person; each party writes its lines.
    pub(super) fn call(&self, system: SystemName, ssin: &str, caller: &str) -> CallLogs {
        let request = MintRequest {
            verification_system: system,
            ssin: Some(ssin.to_owned()),
            ..MintRequest::default()
        };
        let token = self.simulation.mint(&request, NOW).unwrap().access_token;
        let claims = token.split('.').nth(1).unwrap();
        let claims = Base64UrlUnpadded::decode_vec(claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let digest = Sha256::digest(token.as_bytes());
        let hash = digest.iter().fold(String::new(), |mut hash, b| {
            let _ = write!(hash, "{b:02x}");
            hash
        });
        let hidden = system == SystemName::Nic;
        let path = if hidden {
            "/mutuality/v1/benefits/get"
        } else {
            "/pension/v1/rights/get"
        };
        let request = MemoryRequest::new("POST", path)
            .header("authorization", &format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("belgov-trace-id", caller)
            .body(&format!("{{\"ssin\":\"{ssin}\"}}"));
        let reply = pollster::block_on(self.gate.serve(&self.platform, request));
        assert_eq!(reply.status, 200);
        pollster::block_on(self.platform.run_deferred());
        let answer = reply
            .headers
            .iter()
            .find(|(name, _)| *name == "belgov-trace-id")
            .unwrap();

        let detail = &claims["authorization_details"][0];
        let (id, issuer) = (detail["mandateId"].clone(), claims["iss"].clone());
        let party = if hidden {
            "secondaryNetwork"
        } else {
            "verificationSystem"
        };
        let mut token_data = json!({
            "traceId": "issue", "tokenId": claims["jti"], "tokenHash": hash, "issuer": issuer, "mandateId": id,
            "mandateType": detail["mandateType"], "subjectPseudonym": claims["sub"],
            "verificationSystem": if hidden { "simNic" } else { "simCbss" },
        });
        let first = if hidden {
            token_data["holderPseudonym"] = detail["holder"]["pseudonym"].clone();
            let data = json!({"traceId": "confirm", "issuer": issuer, "mandateId": id, "holderPseudonym": detail["holder"]["pseudonym"]});
            line(
                party,
                "1",
                "relations.notify.confirmed",
                NOW * 1000 - 200,
                data,
            )
        } else {
            token_data["holderEnterpriseNumber"] = detail["holder"]["enterpriseNumber"].clone();
            let data = json!({"issuer": issuer, "mandateId": id, "mandateType": detail["mandateType"], "grantLevel": 450});
            line(
                party,
                "1",
                "mandates.notify.granted",
                NOW * 1000 - 80_000_000,
                data,
            )
        };
        let sent = json!({"traceId": caller, "tokenHash": hash, "userRef": NAME, "channel": "api"});
        let got = json!({"traceId": caller, "relatedTraceId": answer.1, "tokenHash": hash, "httpStatus": 200});
        CallLogs {
            system: first
                + &line(
                    party,
                    "2",
                    "tokens.notify.issued",
                    NOW * 1000 - 100,
                    token_data,
                ),
            holder: line(
                "mandateHolder",
                &format!("{caller}-1"),
                "requests.notify.sent",
                NOW * 1000,
                sent,
            ) + &line(
                "mandateHolder",
                &format!("{caller}-2"),
                "responses.notify.received",
                NOW * 1000 + 9,
                got,
            ),
            token_id: claims["jti"].as_str().unwrap().to_owned(),
            mandate_id: id.as_str().unwrap().to_owned(),
            issuer: issuer.as_str().unwrap().to_owned(),
        }
    }

    pub(super) fn entries(&self) -> Vec<StoredEntry> {
        self.entries_of(Shard::Whole)
    }

    pub(super) fn entries_of(&self, shard: Shard) -> Vec<StoredEntry> {
        let sealed = self.platform.entries_of(shard);
        pollster::block_on(self.gate.open_entries(&self.platform, sealed)).unwrap()
    }

    /// Lets time pass.
    pub(super) fn wait(&self) {
        self.platform.advance_ms(1);
    }
}

/// Runs the command; what it printed, and how it ended.
pub(super) fn trace(arguments: &[&str]) -> (String, u8, String) {
    let command = Command::try_parse_from([&["sluis-log"], arguments].concat()).unwrap();
    let mut out = Vec::new();
    let ended = run(&command.log, &mut out);
    let (code, said) =
        ended.map_or_else(|e| (e.exit_code(), e.to_string()), |()| (0, String::new()));
    (String::from_utf8(out).unwrap(), code, said)
}

/// Files of one plain and one hidden call, and of a third about somebody else.
pub(super) struct Case {
    pub(super) folder: Folder,
    pub(super) plain: CallLogs,
    pub(super) hidden: CallLogs,
    pub(super) export: String,
    parties: [String; 3],
    keys: [String; 2],
    pub(super) entries: Vec<StoredEntry>,
}

impl Case {
    pub(super) fn new() -> Self {
        let (folder, world) = (Folder::new(), World::new());
        let plain = world.call(
            SystemName::Cbss,
            SSIN,
            "7d0f9a52-0000-4000-8000-000000000001",
        );
        let hidden = world.call(
            SystemName::Nic,
            SSIN,
            "7d0f9a52-0000-4000-8000-000000000002",
        );
        let other = world.call(
            SystemName::Cbss,
            OTHER_SSIN,
            "7d0f9a52-0000-4000-8000-000000000003",
        );
        let entries = world.entries();
        let (export, said) = exported(&folder, entries.clone());
        assert!(said.unwrap().contains("6 entries"));
        let write = |role: &str, text: String| {
            format!("{role}={}", folder.write(&format!("{role}.jsonl"), &text))
        };
        let parties = [
            write(
                "verificationSystem",
                plain.system.clone() + &other.system.replace("\"id\":\"", "\"id\":\"o"),
            ),
            write("secondaryNetwork", hidden.system.clone()),
            write(
                "mandateHolder",
                other.holder + &hidden.holder + &plain.holder,
            ),
        ];
        let seed = |name, byte| folder.write(name, &Base64UrlUnpadded::encode_string(&[byte; 32]));
        let keys = [seed("pseudonym.key", 7), seed("log.key", 8)];
        Self {
            folder,
            plain,
            hidden,
            export,
            parties,
            keys,
            entries,
        }
    }

    /// The log and the logs around it.
    pub(super) fn all(&self) -> Vec<&str> {
        let mut all = vec!["trace", "--file", &self.export];
        all.extend(self.parties.iter().flat_map(|party| ["--party", party]));
        all
    }

    fn run(&self, more: &[&str]) -> (String, u8, String) {
        trace(&[&self.all()[..], more].concat())
    }
}

#[test]
fn three_logs_answer_who_what_where_when_and_why_in_one_command() {
    let case = Case::new();
    let catalogue = format!("{}/../catalogue.toml", env!("CARGO_MANIFEST_DIR"));
    let (token, key) = (case.plain.token_id.as_str(), case.keys[1].as_str());
    let (table, code, said) = case.run(&[
        "--token-id",
        token,
        "--for",
        "supervisor",
        "--catalogue",
        &catalogue,
        "--log-key-file",
        key,
    ]);
    assert_eq!((code, said.as_str()), (0, ""), "{table}");
    for line in [
        "verificationSystem holderEnterpriseNumber 0202239951",
        "mandateHolder userRef Mutualiteit van de proef",
        "what validator decision granted",
        "who validator holderType enterprise",
        "validator operation getPensionRights",
        "validator outcome 200",
        "mandateHolder httpStatus 200",
        "validator institution",
        "when validator decided 2026-09-21T14:13:20.000Z",
        "mandateHolder requestSent 2026-09-21T14:13:20.000Z",
        "why validator purpose simPensionSimulation",
        "validator deliberation SIM/001@1",
        "verificationSystem grantLevel 450",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let found = table.lines().any(|l| {
            let l: Vec<&str> = l.split_whitespace().collect();
            l.ends_with(&words) || l.windows(words.len()).any(|w| w == words.as_slice())
        });
        assert!(found, "{line}\n{table}");
    }
    assert_eq!(table.matches("Call ").count(), 1);

    // The same by URL, as JSON, found by the mandate and by the trace.
    let url = serve(case.entries.clone());
    let server = [
        "trace",
        "--url",
        &url,
        "--auditor-token-file",
        &case.folder.path("token"),
        "--key",
        &super::written::key(),
    ];
    let parties: Vec<&str> = case.all().split_off(3);
    let mandate = [
        "--mandate",
        &case.plain.mandate_id,
        "--issuer",
        &case.plain.issuer,
        "--log-key-file",
        key,
        "--trace-id",
        "7d0f9a52-0000-4000-8000-000000000001",
    ];
    let (text, code, said) = trace(
        &[
            &server[..],
            &parties,
            &mandate,
            &["--for", "supervisor", "--json"],
        ]
        .concat(),
    );
    assert_eq!((code, said.as_str()), (0, ""), "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["calls"].as_array().unwrap().len(), 1);
    assert_eq!(report["calls"][0]["index"], 0);
    assert_eq!(report["calls"][0]["answers"].as_array().unwrap().len(), 5);
}

#[test]
fn the_institution_does_not_learn_a_hidden_holder_and_nobody_a_national_number() {
    let case = Case::new();
    for reader in ["institution", "verificationSystem", "supervisor"] {
        for form in [&[][..], &["--json"]] {
            let (text, code, _) = case.run(
                &[
                    &["--token-id", &case.hidden.token_id, "--for", reader],
                    form,
                ]
                .concat(),
            );
            assert_eq!(code, 0, "{text}");
            let lower = text.to_lowercase();
            for secret in [
                NAME,
                "mutualiteit-van-de-proef",
                ENTERPRISE,
                SSIN,
                "secondaryNetwork.jsonl",
            ] {
                assert!(
                    !lower.contains(&secret.to_lowercase()),
                    "{reader}: {secret}\n{text}"
                );
            }
            assert!(text.contains("holderHidden"), "{text}");
            assert!(text.contains("holderPseudonym"), "{text}");
        }
    }
}

#[test]
fn a_person_s_calls_are_found_by_the_number_in_a_file_and_under_the_keys_only() {
    let case = Case::new();
    let ssin = case.folder.write("ssin", &format!("{SSIN}\n"));
    let keys = [
        "--pseudonym-key-file",
        &case.keys[0],
        "--log-key-file",
        &case.keys[1],
    ];
    let (text, code, _) = case.run(
        &[
            &["--subject", &ssin, "--for", "dataSubject", "--json"],
            &keys[..],
        ]
        .concat(),
    );
    assert_eq!(code, 0, "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    let indices: Vec<u64> = report["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indices, [0, 2]);
    for secret in [SSIN, NAME, &case.plain.token_id] {
        assert!(!text.contains(secret), "{secret}");
    }
    // The holder of the plain call, and nobody in the other.
    assert_eq!(text.matches(ENTERPRISE).count(), 1);

    // Another person, another key, a number that is none.
    let born = case.folder.write("other", "05400001115");
    let (_, code, said) =
        case.run(&[&["--subject", &born, "--for", "dataSubject"], &keys[..]].concat());
    assert_eq!((code, said.as_str()), (8, "nothing was found"));
    let wrong = [
        "--pseudonym-key-file",
        &case.keys[0],
        "--log-key-file",
        &case.keys[0],
    ];
    let (_, code, _) =
        case.run(&[&["--subject", &ssin, "--for", "dataSubject"], &wrong[..]].concat());
    assert_eq!(code, 8);
    let none = case.folder.write("none", "53480200725");
    let (_, code, said) =
        case.run(&[&["--subject", &none, "--for", "dataSubject"], &keys[..]].concat());
    assert_eq!(code, 4);
    assert!(
        said.ends_with("expected one line with a national number"),
        "{said}"
    );
    // Who it is for is not enough: it could be about anybody.
    let (_, code, _) = case.run(&["--token-id", &case.plain.token_id, "--for", "dataSubject"]);
    assert_eq!(code, 2);
    let (_, code, _) = case.run(&["--for", "supervisor"]);
    assert_eq!(code, 2);
    // A number on the command line would stand in the list of processes.
    let arguments = [
        &["sluis-log"],
        &case.all()[..],
        &["--ssin", SSIN, "--for", "supervisor"],
    ]
    .concat();
    assert!(Command::try_parse_from(arguments).is_err());
}

#[test]
fn gaps_a_changed_log_and_lines_that_are_none_have_codes_of_their_own() {
    let case = Case::new();
    let token = ["--token-id", &case.plain.token_id, "--for", "institution"];
    // The holder's log is empty; the catalogue is another.
    let empty = format!("mandateHolder={}", case.folder.write("empty", ""));
    let catalogue = root("catalogue.toml") + "# changed\n";
    let catalogue = case.folder.write("catalogue.toml", &catalogue);
    let file = [
        "trace",
        "--file",
        &case.export,
        "--party",
        &empty,
        "--catalogue",
        &catalogue,
    ];
    let (table, code, said) = trace(&[&file[..], &token].concat());
    assert_eq!(code, 7, "{table}");
    assert_eq!(
        said,
        "the trace is not whole: 3 gaps, 0 contradictions, 0 entries that cannot be read"
    );
    for gap in ["noRequestSent", "noResponseReceived", "policyNotGiven"] {
        assert!(table.contains(gap), "{table}");
    }

    // One entry altered, one removed: traced, with a warning.
    let mut altered = case.entries.clone();
    let opening = altered[3].erasable.opening_mut().unwrap();
    opening.payload = opening.payload.replace("200", "500");
    let (export, _) = exported(&Folder::new(), altered.clone());
    assert!(!std::path::Path::new(&export).exists());
    let folder = Folder::new();
    let (export, _) = exported(&folder, altered);
    let (table, code, said) = trace(&[&["trace", "--file", &export], &token[..]].concat());
    assert_eq!(code, 3, "{table}");
    assert!(
        said.starts_with("the log does not verify: entry 3: "),
        "{said}"
    );
    assert!(
        table.contains("WARNING: the log does not verify: entry 3: "),
        "{table}"
    );
    assert!(table.contains("getPensionRights"), "{table}");
    let cut = fs::read_to_string(&case.export).unwrap();
    let cut = case.folder.write("cut", &cut[..cut.len() - 5]);
    let (table, code, _) = trace(&[&["trace", "--file", &cut], &token[..]].concat());
    assert_eq!((table.as_str(), code), ("", 4));

    for (text, expected) in [
        (
            case.plain.holder.replace("userRef", "ssin"),
            "line 1: data.\"ssin\" is not a field that a mandateHolder may send",
        ),
        (
            case.plain.holder.replace(NAME, SSIN),
            "line 1: data.userRef is a national number",
        ),
        (case.plain.holder.trim_end().to_owned(), "line 2: cut off"),
        (
            format!("{}not JSON\n", case.plain.holder),
            "line 3: not a record",
        ),
        (format!("{}\n", " ".repeat(33_000)), "line 1: 327"),
        (
            case.plain.system.clone(),
            "line 1: type: a mandateHolder writes no record of this type",
        ),
    ] {
        let path = case.folder.write("bad", &text);
        let party = format!("mandateHolder={path}");
        let (table, code, said) = trace(
            &[
                &["trace", "--file", &case.export, "--party", &party],
                &token[..],
            ]
            .concat(),
        );
        assert_eq!((table.as_str(), code), ("", 4), "{said}");
        assert!(said.starts_with(&format!("{path}: {expected}")), "{said}");
        assert!(!said.contains(SSIN));
    }
    let (_, code, _) = trace(
        &[
            &[
                "trace",
                "--file",
                &case.export,
                "--party",
                "mandateHolder=/none",
            ],
            &token[..],
        ]
        .concat(),
    );
    assert_eq!(code, 1);
    for wrong in ["validator=x", "somebody=x", "mandateHolder"] {
        let arguments = [
            &["sluis-log", "trace", "--file", "x", "--party", wrong],
            &token[..],
        ]
        .concat();
        assert!(Command::try_parse_from(arguments).is_err(), "{wrong}");
    }
}
