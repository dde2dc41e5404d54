//! The records, byte for byte: what is written is a format, and stays.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use serde_json::{Value, json};
use sluis_log::{
    CommitmentRandom, DecisionRecord, EntryError, EntryId, Envelope, Event, EventSource,
    MAX_CHECKS, MAX_TEXT_BYTES, OperationFacts, PayloadError, PendingEntry, PendingError,
    PolicyDigest, Receipt, RefusalAggregate, RetentionPeriodError, Stream, TraceId, UnixMillis,
    conformance, seal,
};
use support::{AT, sealed, source, with_event};

fn text_of(pending: &PendingEntry) -> String {
    conformance::opening(pending).unwrap().payload
}

fn payload(kind: u8) -> Value {
    serde_json::from_str(&text_of(&sealed(kind, [1; 16], [2; 32], AT))).unwrap()
}

const ID: &str = "01010101-0101-4101-8101-010101010101";
const TRACE: &str = "03030303-0303-4303-8303-030303030303";

#[test]
fn a_granted_access_answers_the_five_questions() {
    // The references were computed with Python's hmac and hashlib.
    let hashes = "ca".repeat(32);
    let expected = json!({
        "specversion": "1.0",
        "id": ID,
        "source": "urn:sluis:validator.example.be",
        "service": "be.example.sim.validator.v1",
        "type": "be.example.sim.validator.v1.accesses.notify.granted",
        "time": "2026-01-02T03:04:05.678Z",
        "datacontenttype": "application/json",
        "data": {
            "traceId": TRACE,
            "relatedTraceId": "caller-0001",
            "institution": "SIM institution",
            "mode": "inline",
            "decision": "granted",
            "operation": "getPensionOverview",
            "basis": "mandate",
            "purpose": "simPensionSimulation",
            "dataCategories": ["simPensionRights"],
            "verificationSystem": "https://vs.example",
            "tokenHash": "11".repeat(32),
            "tokenId": "0b1f7c7e-0000-4000-8000-000000000001",
            "keyThumbprint": "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI",
            "referenceKey": "WoP3OALQg8M",
            "mandateRef": "3QMwMdAHhmM78dVyXM7iqpn-V9Ld7V7D_UAbZ-uMX1o",
            "mandateType": "simPensionOverview",
            "actor": {
                "type": "organization",
                "identification": "enterpriseNumber",
                "holderRef": "M9J6yB788heUW8sKHEW3DUkW620oqk6P6f7pGOGRI-8",
            },
            "subjectRef": "Q76ioOtvHR59ij-JPk5CxpXEzkRPKZLGb_z5tl3eyTk",
            "channel": "api",
            "deliberation": "SIM/001",
            "deliberationVersion": "1",
            "policyDigest": hashes,
            "checks": [
                {"by": "validator", "held": ["M-12.5 mandateDuration"], "failed": ["M-13.2 grantLevel"]},
            ],
        },
    });
    assert_eq!(payload(0), expected);
}

#[test]
fn a_refusal_says_what_is_known_and_nothing_else() {
    let refused = payload(1);
    assert_eq!(
        refused["type"],
        "be.example.sim.validator.v1.accesses.notify.refused"
    );
    assert_eq!(
        refused["data"],
        json!({
            "traceId": TRACE,
            "institution": "SIM institution",
            "mode": "decision",
            "decision": "refused",
            "reason": "expired",
            "problemType": "urn:problem-type:belgif:expiredAccessToken",
            "httpStatus": 401,
            "verificationSystem": "https://vs.example",
            "tokenHash": "11".repeat(32),
            "keyThumbprint": "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI",
            "policyDigest": "ca".repeat(32),
            "checks": [],
        })
    );
}

#[test]
fn outcomes_name_the_decision_they_follow() {
    let decision = "04040404-0404-4404-8404-040404040404";
    for (kind, participle, data) in [
        (
            2,
            "completed",
            json!({"httpStatus": 200, "droppedMembers": 3, "durationMs": 12}),
        ),
        (
            3,
            "failed",
            json!({"httpStatus": 502, "durationMs": 30_000, "failure": "timeout"}),
        ),
    ] {
        let outcome = payload(kind);
        assert_eq!(
            outcome["type"],
            format!("be.example.sim.validator.v1.accesses.notify.{participle}")
        );
        assert_eq!(outcome["relatedto"], decision);
        assert_eq!(outcome["relatedtosource"], outcome["source"]);
        let mut expected = json!({
            "traceId": TRACE, "relatedTraceId": "caller-0001", "institution": "SIM institution",
        });
        let members = expected.as_object_mut().unwrap();
        members.extend(data.as_object().unwrap().clone());
        assert_eq!(outcome["data"], expected);
    }
}

#[test]
fn aggregates_and_readings_have_their_own_types() {
    let counted = payload(4);
    assert_eq!(
        counted["type"],
        "be.example.sim.validator.v1.refusals.notify.counted"
    );
    assert_eq!(
        counted["data"],
        json!({
            "institution": "SIM institution",
            "reason": "signatureMismatch",
            "count": 17,
            "from": "2026-01-02T03:04:05.678Z",
            "until": "2026-01-02T03:05:05.678Z",
            "policyDigest": "ca".repeat(32),
        })
    );
    let read = payload(5);
    assert_eq!(
        read["type"],
        "be.example.sim.validator.v1.entries.notify.read"
    );
    assert_eq!(
        read["data"],
        json!({
            "traceId": TRACE, "relatedTraceId": "caller-0001", "institution": "SIM institution",
            "auditor": "dpo", "purpose": "complaint", "reference": "SIM/2026/42",
            "log": "gate.example.be/log", "from": 10, "limit": 100,
        })
    );
}

#[test]
fn purges_and_comparisons_have_their_own_types() {
    let purged = payload(6);
    assert_eq!(
        purged["type"],
        "be.example.sim.validator.v1.keys.notify.purged"
    );
    assert_eq!(
        purged["data"],
        json!({
            "traceId": TRACE, "relatedTraceId": "caller-0001", "institution": "SIM institution",
            "operator": "operator", "verificationSystem": "simCbss",
        })
    );
    let compared = payload(7);
    assert_eq!(
        compared["type"],
        "be.example.sim.validator.v1.comparisons.notify.counted"
    );
    assert_eq!(
        compared["data"],
        json!({
            "institution": "SIM institution",
            "reasonNow": "granted",
            "reasonThen": "purposesNotApproved",
            "count": 3,
            "from": "2026-01-02T03:04:05.678Z",
            "until": "2026-01-02T03:04:05.678Z",
            "policyDigest": "ca".repeat(32),
            "candidateDigest": "07".repeat(32),
        })
    );
}

#[test]
fn a_destruction_tells_what_was_destroyed_and_of_nobody() {
    let destroyed = payload(8);
    assert_eq!(
        destroyed["type"],
        "be.example.sim.validator.v1.payloads.notify.destroyed"
    );
    let key = conformance::key(Stream::Refusals);
    assert_eq!(
        destroyed["data"],
        json!({
            "traceId": TRACE, "relatedTraceId": "caller-0001", "institution": "SIM institution",
            "operator": "operator", "period": key.period().to_string(),
            "keyId": key.id().to_string(),
            "logs": [
                {
                    "log": "validator.example.be/log/0", "payloads": 12,
                    "firstIndex": 3, "lastIndex": 40,
                },
                { "log": "validator.example.be/log/1", "payloads": 0 },
            ],
        })
    );
}

#[test]
fn the_streams_are_apart() {
    for (kind, stream) in [
        (0, Stream::Accesses),
        (1, Stream::Refusals),
        (2, Stream::Accesses),
        (3, Stream::Accesses),
        (4, Stream::Refusals),
        (5, Stream::Accesses),
        (6, Stream::Accesses),
        (7, Stream::Refusals),
        (8, Stream::Accesses),
    ] {
        assert_eq!(sealed(kind, [1; 16], [2; 32], AT).stream(), stream);
    }
}

fn seal_aggregate(reason: &str) -> Result<PendingEntry, PayloadError> {
    let at = UnixMillis::new(AT).unwrap();
    let envelope = Envelope {
        source: &source(),
        id: EntryId::from_random([1; 16]),
        at,
        policy: PolicyDigest([0; 32]),
    };
    let event = Event::RefusalAggregate(RefusalAggregate {
        reason,
        count: 1,
        from: at,
        until: at,
        shadow: false,
    });
    let key = conformance::key(Stream::Refusals);
    seal(&envelope, &event, CommitmentRandom::new([0; 32]), &key)
}

#[test]
fn text_is_bounded_and_cannot_break_the_json() {
    let nasty = "\u{0}\n\r\"\\\u{1b}[2J\u{2028}</script>";
    let sealed = seal_aggregate(nasty).unwrap();
    let text = text_of(&sealed);
    assert!(!text.bytes().any(|byte| byte < 0x20));
    let back: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(back["data"]["reason"], nasty);

    assert!(seal_aggregate(&"x".repeat(MAX_TEXT_BYTES)).is_ok());
    assert_eq!(
        seal_aggregate(&"x".repeat(MAX_TEXT_BYTES + 1)),
        Err(PayloadError::TextTooLong {
            field: "reason",
            length: MAX_TEXT_BYTES + 1
        })
    );
}

#[test]
fn lists_and_their_items_are_bounded() {
    with_event(0, |event| {
        let Event::Decision(record) = event else {
            panic!("a decision")
        };
        let seal = |record: &DecisionRecord<'_>| {
            let envelope = Envelope {
                source: &source(),
                id: EntryId::from_random([1; 16]),
                at: UnixMillis::new(AT).unwrap(),
                policy: PolicyDigest([0; 32]),
            };
            seal(
                &envelope,
                &Event::Decision(record),
                CommitmentRandom::new([0; 32]),
                &conformance::key(Stream::Accesses),
            )
        };
        let checks = vec![record.checks[0]; MAX_CHECKS + 1];
        assert!(
            seal(&DecisionRecord {
                checks: &checks[1..],
                ..**record
            })
            .is_ok()
        );
        assert_eq!(
            seal(&DecisionRecord {
                checks: &checks,
                ..**record
            }),
            Err(PayloadError::ListTooLong {
                field: "checks",
                length: 65,
                limit: 64
            })
        );
        let long = "x".repeat(257);
        let operation = OperationFacts {
            data_categories: &[&long],
            ..record.operation.unwrap()
        };
        assert_eq!(
            seal(&DecisionRecord {
                operation: Some(operation),
                ..**record
            }),
            Err(PayloadError::TextTooLong {
                field: "dataCategories[]",
                length: 257
            })
        );
    });
}

#[test]
fn the_source_follows_belgif() {
    for service in [
        "",
        "v1",
        "validator.v1",
        "be.example.validator",
        "be..x.v1",
        "be.example.v",
        "be.x.v1a",
    ] {
        assert_eq!(
            EventSource::new(service, "urn:a:b", "i"),
            Err(PayloadError::Service(service.to_owned())),
        );
    }
    for uri in [
        "",
        "/relative",
        "validator.example",
        "urn:",
        "1a:b",
        "urn:a b",
    ] {
        assert_eq!(
            EventSource::new("be.example.v1", uri, "i"),
            Err(PayloadError::Source(uri.to_owned())),
        );
    }
    assert_eq!(
        EventSource::new("be.example.v1", "urn:a:b", ""),
        Err(PayloadError::Empty("institution"))
    );
}

#[test]
fn a_trace_id_is_short_and_plain() {
    for text in ["a", "0b1f7c7e-0000-4000-8000-000000000001", "A_b.9-"] {
        assert_eq!(TraceId::parse(text).unwrap().as_str(), text);
    }
    for text in [
        "",
        "a b",
        "a\n",
        "é",
        "0b1f7c7e-0000-4000-8000-0000000000012",
    ] {
        assert_eq!(TraceId::parse(text), None, "{text}");
    }
}

#[test]
fn nothing_sealed_or_stored_shows_its_payload() {
    let pending = sealed(0, [1; 16], [2; 32], AT);
    let (debug, head) = (format!("{pending:?}"), pending.head_json().unwrap());
    for text in [debug, head] {
        assert!(
            !text.contains("simPensionOverview") && !text.contains("[2, 2"),
            "{text}"
        );
    }
    let needle = b"simPensionOverview";
    let found = pending.sealed().windows(needle.len()).any(|w| w == needle);
    assert!(!found && !pending.sealed().windows(32).any(|w| w == [2; 32]));
}

#[test]
fn a_pending_entry_survives_its_wire_form_and_is_read_strictly() {
    let pending = sealed(0, [1; 16], [2; 32], AT);
    let head = pending.head_json().unwrap();
    let read = PendingEntry::from_parts(&head, pending.sealed().to_vec()).unwrap();
    assert_eq!(read, pending);

    let json: Value = serde_json::from_str(&head).unwrap();
    let with = |name: &str, value: Value| {
        let mut json = json.clone();
        json[name] = value;
        PendingEntry::from_parts(&json.to_string(), pending.sealed().to_vec()).unwrap_err()
    };
    let id = with("id", json!("01010101-0101-1101-8101-010101010101"));
    assert_eq!(id, PendingError::Id);
    assert_eq!(with("entry", json!("AA==")), PendingError::Base64);
    let short = EntryError::Length(1);
    assert_eq!(with("entry", json!("AQ")), PendingError::Entry(short));
    assert_eq!(
        with("period", json!("accesses/2037-1-1")),
        PendingError::Period(RetentionPeriodError)
    );
    assert_eq!(
        with("period", json!("refusals/2037-01-01")),
        PendingError::Stream
    );
    assert_eq!(with("extra", json!(1)), PendingError::Head);
    for length in [0, 47, sluis_log::MAX_SEALED_BYTES + 1] {
        assert_eq!(
            PendingEntry::from_parts(&head, vec![0; length]),
            Err(PendingError::Sealed(length))
        );
    }
}

#[test]
fn a_record_is_sealed_only_under_a_key_of_its_stream() {
    with_event(0, |event| {
        let envelope = Envelope {
            source: &source(),
            id: EntryId::from_random([1; 16]),
            at: UnixMillis::new(AT).unwrap(),
            policy: PolicyDigest([0; 32]),
        };
        let key = conformance::key(Stream::Refusals);
        let sealed = seal(&envelope, event, CommitmentRandom::new([0; 32]), &key);
        assert_eq!(sealed, Err(PayloadError::Period(key.period())));
    });
}

#[test]
fn a_receipt_survives_its_json_form() {
    let mut log = sluis_log::MemoryLog::new(support::origin());
    let pending = sealed(0, [1; 16], [2; 32], AT);
    let receipt = log.append(&pending).unwrap();
    let json = serde_json::to_string(&receipt).unwrap();
    assert_eq!(serde_json::from_str::<Receipt>(&json).unwrap(), receipt);
    assert!(receipt.is_for(&pending));
    assert!(!receipt.is_for(&sealed(0, [1; 16], [3; 32], AT)));
}
