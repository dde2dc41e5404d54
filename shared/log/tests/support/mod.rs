//! Events to test with, borrowed from one place.

use sluis_log::{
    BackendResult, Check, CheckOutcome, CommitmentRandom, ComparisonCount, DecisionRecord,
    DeliberationFacts, DestroyedPayloads, EntryId, Envelope, Epoch, Event, EventSource, GateMode,
    HolderIdentity, KeysPurged, LogRead, MandateFacts, OperationFacts, Origin, OutcomeRecord,
    PayloadRange, PayloadsDestroyed, PendingEntry, PolicyDigest, ReadingPurpose, ReferenceKey,
    RefusalAggregate, Stream, TokenFacts, Trace, TraceId, UnixMillis, Verdict, conformance, seal,
};

/// 2026-01-02T03:04:05.678Z.
pub(crate) const AT: u64 = 1_767_323_045_678;

pub(crate) fn origin() -> Origin {
    Origin::parse("validator.example.be/log").unwrap()
}

pub(crate) fn source() -> EventSource {
    EventSource::new(
        "be.example.sim.validator.v1",
        "urn:sluis:validator.example.be",
        "SIM institution",
    )
    .unwrap()
}

pub(crate) fn trace() -> Trace {
    Trace {
        id: TraceId::from(EntryId::from_random([3; 16])),
        related: TraceId::parse("caller-0001"),
    }
}

/// Seals an event of the kind that `kind` selects.
pub(crate) fn sealed(kind: u8, id: [u8; 16], random: [u8; 32], millis: u64) -> PendingEntry {
    with_event(kind, |event| {
        let envelope = Envelope {
            source: &source(),
            id: EntryId::from_random(id),
            at: UnixMillis::new(millis).unwrap(),
            policy: PolicyDigest([0xca; 32]),
        };
        let key = conformance::key(event.outcome_code().stream());
        seal(&envelope, event, CommitmentRandom::new(random), &key).unwrap()
    })
}

/// Five kinds: granted, refused with little known, outcome, aggregate, reading.
#[expect(clippy::too_many_lines, reason = "one of each event, spelled out")]
pub(crate) fn with_event<T>(kind: u8, then: impl FnOnce(&Event<'_>) -> T) -> T {
    let key = ReferenceKey::new([9; 32]).epoch(Epoch::of(UnixMillis::new(AT).unwrap()));
    let issuer = "https://vs.example";
    let checks = [
        Check {
            id: "mandateDuration",
            requirement: "M-12.5",
            outcome: CheckOutcome::Held,
            by: "validator",
        },
        Check {
            id: "grantLevel",
            requirement: "M-13.2",
            outcome: CheckOutcome::Failed,
            by: "validator",
        },
    ];
    let granted = DecisionRecord {
        verdict: Verdict::Granted,
        mode: GateMode::Inline,
        edge_node: None,
        trace: trace(),
        token: TokenFacts {
            sha256: [0x11; 32],
            id: Some("0b1f7c7e-0000-4000-8000-000000000001"),
            verification_system: issuer,
            key_thumbprint: [0x22; 32],
        },
        mandate: Some(MandateFacts {
            reference_key: key.id(),
            mandate: key.mandate_ref(issuer, "b0a7e6b2-0000-4000-8000-000000000002"),
            mandate_type: "simPensionOverview",
            subject: key.subject_ref("pairwise-pseudonym"),
            holder: Some(key.holder_ref(HolderIdentity::EnterpriseNumber("0202239951"))),
            holder_type: "organization",
            channel: "api",
        }),
        deliberation: Some(DeliberationFacts {
            number: "SIM/001",
            version: "1",
        }),
        operation: Some(OperationFacts {
            id: "getPensionOverview",
            basis: "mandate",
            purpose: "simPensionSimulation",
            data_categories: &["simPensionRights"],
        }),
        checks: &checks,
        shadow: false,
    };
    let refused = DecisionRecord {
        mode: GateMode::Decision,
        edge_node: None,
        verdict: Verdict::Refused {
            reason: "expired",
            problem_type: "urn:problem-type:belgif:expiredAccessToken",
            http_status: 401,
        },
        trace: Trace {
            related: None,
            ..trace()
        },
        token: TokenFacts {
            id: None,
            ..granted.token
        },
        mandate: None,
        deliberation: None,
        operation: None,
        checks: &[],
        shadow: false,
    };
    let at = UnixMillis::new(AT).unwrap();
    let event = match kind % 9 {
        0 => Event::Decision(&granted),
        1 => Event::Decision(&refused),
        2 => Event::Outcome(OutcomeRecord {
            decision: EntryId::from_random([4; 16]),
            trace: trace(),
            result: BackendResult::Answered {
                http_status: 200,
                dropped_members: Some(3),
                answer_digest: None,
            },
            duration_ms: 12,
        }),
        3 => Event::Outcome(OutcomeRecord {
            decision: EntryId::from_random([4; 16]),
            trace: trace(),
            result: BackendResult::Failed {
                failure: "timeout",
                http_status: 502,
            },
            duration_ms: 30_000,
        }),
        4 => Event::RefusalAggregate(RefusalAggregate {
            reason: "signatureMismatch",
            count: 17,
            from: at,
            until: UnixMillis::new(AT + 60_000).unwrap(),
            shadow: false,
        }),
        6 => Event::KeysPurged(purged()),
        7 => Event::ComparisonCount(compared(at)),
        8 => {
            return then(&Event::PayloadsDestroyed(PayloadsDestroyed {
                operator: "operator",
                trace: trace(),
                period: conformance::key(Stream::Refusals).period(),
                key: conformance::key(Stream::Refusals).id(),
                logs: &destroyed(),
            }));
        }
        _ => Event::LogRead(LogRead {
            auditor: "dpo",
            purpose: ReadingPurpose::Complaint,
            reference: Some("SIM/2026/42"),
            trace: trace(),
            log: "gate.example.be/log",
            from: 10,
            limit: 100,
        }),
    };
    then(&event)
}

fn purged() -> KeysPurged<'static> {
    KeysPurged {
        operator: "operator",
        trace: trace(),
        verification_system: Some("simCbss"),
    }
}

/// What two logs had of a period.
pub(crate) fn destroyed() -> [DestroyedPayloads; 2] {
    let log = |path: &str| Origin::parse(&format!("{}{path}", origin())).unwrap();
    [
        DestroyedPayloads {
            log: log("/0"),
            payloads: PayloadRange::new(12, 3, 40),
        },
        DestroyedPayloads {
            log: log("/1"),
            payloads: None,
        },
    ]
}

fn compared(at: UnixMillis) -> ComparisonCount<'static> {
    ComparisonCount {
        now: "granted",
        then: "purposesNotApproved",
        count: 3,
        from: at,
        until: at,
        candidate: Some([7; 32]),
    }
}
