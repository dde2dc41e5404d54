//! Traces over entries of the real sealing code and records of other parties.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up should panic"
)]

use proptest::prelude::*;
use serde_json::{Value, json};
use sluis_log::trace::{
    Audience, Finding, KINDS, LogKeys, MAX_CALLS, MAX_DESTRUCTIONS_OF_A_TRACE,
    MAX_PARTY_LINE_BYTES, Member, Party, PartyRecord, PartyRecordError, Pass, Query, RecordKind,
    Report, SoughtMandate, SoughtSubject, TraceError, Traced, TracedLog, Tracer,
};
use sluis_log::{
    BackendResult, Check, CheckOutcome, CommitmentRandom, DecisionRecord, DeliberationFacts,
    DestroyedPayloads, EdgeNode, EntryId, Envelope, Epoch, EpochKey, Erasable, Event, EventSource,
    GateMode, HolderIdentity, MandateFacts, MemoryLog, OperationFacts, Origin, OutcomeRecord,
    PayloadKey, PayloadRange, PayloadsDestroyed, PolicyDigest, ReferenceKey, RetentionPeriod,
    StoredEntry, TokenFacts, Trace, TraceId, UnixMillis, Verdict, conformance, seal,
};

const AT: u64 = 1_767_323_045_678;
/// Two years after, when what is of the shortest term is over: 2028-01-02T03:04:05.678Z.
const LATER: u64 = AT + 730 * 86_400_000;
const POLICY: [u8; 32] = [0xca; 32];
const SYSTEM: &str = "simCbss";
const ISSUER: &str = "https://vs.example";
const ENTERPRISE: &str = "0202239951";

fn log_key() -> ReferenceKey {
    ReferenceKey::new([9; 32])
}

fn key() -> EpochKey {
    log_key().epoch(Epoch::of(UnixMillis::new(AT).unwrap()))
}

/// One call, number `n`.
#[derive(Debug, Clone, Copy)]
struct Sample {
    n: u8,
    hidden: bool,
    outcome: bool,
    /// The same request once more: another decision, another answer.
    again: bool,
    mode: GateMode,
}

impl Sample {
    fn new(n: u8) -> Self {
        let (hidden, outcome, again) = (false, true, false);
        Self {
            n,
            hidden,
            outcome,
            again,
            mode: GateMode::Inline,
        }
    }

    fn hidden(n: u8) -> Self {
        let hidden = true;
        Self {
            hidden,
            ..Self::new(n)
        }
    }

    fn token_id(self) -> String {
        format!("token-{}", self.n)
    }

    fn token_hash(self) -> String {
        format!("{:02x}", self.n).repeat(32)
    }

    fn mandate_id(self) -> String {
        format!("mandate-{}", self.n)
    }

    fn subject(self) -> String {
        format!("subject-{}", self.n)
    }

    fn caller(self) -> String {
        format!("caller-{}", self.n)
    }

    fn answer(self) -> TraceId {
        TraceId::from(EntryId::from_random(
            [self.n + u8::from(self.again) * 60; 16],
        ))
    }

    fn at(self) -> u64 {
        AT + u64::from(self.n) * 120_000
    }

    fn append(self, log: &mut MemoryLog) {
        let key = key();
        let (token_id, mandate_id) = (self.token_id(), self.mandate_id());
        let checks = [Check {
            id: "mandateWindow",
            requirement: "M-12.5",
            outcome: CheckOutcome::Held,
            by: "sluis",
        }];
        let holder = if self.hidden {
            HolderIdentity::Pseudonym {
                issuer: ISSUER,
                pseudonym: "pseudonym",
            }
        } else {
            HolderIdentity::EnterpriseNumber(ENTERPRISE)
        };
        let trace = Trace {
            id: self.answer(),
            related: TraceId::parse(&self.caller()),
        };
        let node = EdgeNode::cloudflare("BRU").unwrap();
        let decision = DecisionRecord {
            verdict: Verdict::Granted,
            mode: self.mode,
            edge_node: Some(&node),
            trace,
            token: TokenFacts {
                sha256: [self.n; 32],
                id: Some(&token_id),
                verification_system: SYSTEM,
                key_thumbprint: [0x22; 32],
            },
            mandate: Some(MandateFacts {
                reference_key: key.id(),
                mandate: key.mandate_ref(ISSUER, &mandate_id),
                mandate_type: "simPensionOverview",
                subject: key.subject_ref(&self.subject()),
                holder: Some(key.holder_ref(holder)),
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
        let id = EntryId::from_random([self.n + 100 + u8::from(self.again) * 30; 16]);
        sealed(log, id, self.at(), &Event::Decision(&decision));
        if self.outcome {
            let outcome = Event::Outcome(OutcomeRecord {
                decision: id,
                trace,
                result: BackendResult::Answered {
                    http_status: 200,
                    dropped_members: None,
                    answer_digest: None,
                },
                duration_ms: 12,
            });
            let id = EntryId::from_random([self.n + 160 + u8::from(self.again) * 30; 16]);
            sealed(log, id, self.at() + 12, &outcome);
        }
    }

    fn record(self, party: Party, kind: RecordKind, at: u64, mut data: Value) -> PartyRecord {
        data["party"] = json!(party.as_str());
        let service = "be.example.sim.v1";
        let line = json!({
            "specversion": "1.0", "id": format!("{party}-{kind}-{}", self.n),
            "source": format!("urn:example:{party}"), "service": service,
            "type": format!("{service}.{kind}"), "time": UnixMillis::new(at).unwrap().to_string(),
            "data": data,
        });
        PartyRecord::parse(party, line.to_string().as_bytes()).unwrap()
    }

    fn issued(self) -> PartyRecord {
        let mut data = json!({
            "traceId": "issue", "tokenId": self.token_id(), "tokenHash": self.token_hash(),
            "verificationSystem": SYSTEM, "issuer": ISSUER, "mandateId": self.mandate_id(),
            "mandateType": "simPensionOverview", "subjectPseudonym": self.subject(),
        });
        let party = if self.hidden {
            data["holderPseudonym"] = json!("pseudonym");
            Party::SecondaryNetwork
        } else {
            data["holderEnterpriseNumber"] = json!(ENTERPRISE);
            Party::VerificationSystem
        };
        self.record(party, RecordKind::TokenIssued, self.at() - 1_000, data)
    }

    fn granted(self) -> PartyRecord {
        let data = json!({"issuer": ISSUER, "mandateId": self.mandate_id(), "mandateType": "simPensionOverview", "grantLevel": 450});
        self.record(
            Party::VerificationSystem,
            RecordKind::MandateGranted,
            self.at() - 80_000_000,
            data,
        )
    }

    fn sent(self) -> PartyRecord {
        let data = json!({"traceId": self.caller(), "tokenHash": self.token_hash(), "userRef": "adviser", "operation": "getPensionOverview", "channel": "api"});
        self.record(
            Party::MandateHolder,
            RecordKind::RequestSent,
            self.at() - 10,
            data,
        )
    }

    fn received(self) -> PartyRecord {
        let data = json!({"traceId": self.caller(), "relatedTraceId": self.answer(), "tokenHash": self.token_hash(), "httpStatus": 200});
        self.record(
            Party::MandateHolder,
            RecordKind::ResponseReceived,
            self.at() + 20,
            data,
        )
    }

    fn records(self) -> Vec<PartyRecord> {
        vec![self.granted(), self.issued(), self.sent(), self.received()]
    }

    fn query(self) -> Query {
        Query {
            token_id: Some(self.token_id()),
            ..Query::default()
        }
    }
}

fn sealed(log: &mut MemoryLog, id: EntryId, at: u64, event: &Event<'_>) {
    let source = EventSource::new(
        "be.example.sim.validator.v1",
        "urn:sluis:validator.example.be",
        "SIM institution",
    );
    let envelope = Envelope {
        source: &source.unwrap(),
        id,
        at: UnixMillis::new(at).unwrap(),
        policy: PolicyDigest(POLICY),
    };
    let key = conformance::key(event.outcome_code().stream());
    let pending = seal(&envelope, event, CommitmentRandom::new([5; 32]), &key).unwrap();
    log.append(&pending).unwrap();
}

fn origin() -> Origin {
    Origin::parse("validator.example.be/log").unwrap()
}

fn log_of(samples: &[Sample]) -> Vec<StoredEntry> {
    let mut log = MemoryLog::new(origin());
    for sample in samples {
        sample.append(&mut log);
    }
    conformance::opened(log.read(0, u32::MAX))
}

/// Reads that log, when all that the tests have is over.
fn tracer<'a>(query: &'a Query, keys: &'a LogKeys) -> Tracer<'a> {
    let now = UnixMillis::new(LATER + 30 * 86_400_000).unwrap();
    let mut tracer = Tracer::new(query, keys, now);
    tracer.log(&origin());
    tracer
}

fn trace_with(
    query: &Query,
    keys: &LogKeys,
    entries: &[StoredEntry],
    records: &[PartyRecord],
    given: &[Party],
) -> Traced {
    let mut tracer = tracer(query, keys);
    for entry in entries {
        tracer.entry(entry).unwrap();
    }
    for party in given {
        tracer.party(*party);
    }
    for pass in [Pass::Calls, Pass::Mandates] {
        for record in records {
            tracer.record(pass, record).unwrap();
        }
    }
    tracer.finish(Some(&[POLICY]))
}

const BOTH: [Party; 2] = [Party::VerificationSystem, Party::MandateHolder];

fn findings(samples: &[Sample], of: Sample, records: &[PartyRecord]) -> Vec<Finding> {
    let made = trace_with(
        &of.query(),
        &LogKeys::default(),
        &log_of(samples),
        records,
        &BOTH,
    );
    made.findings().collect()
}

fn report(made: &Traced, audience: Audience) -> Report {
    let log = TracedLog {
        origin: origin(),
        size: 1,
        fault: None,
    };
    made.report(audience, vec![log])
}

fn text(made: &Traced, audience: Audience) -> String {
    serde_json::to_string(&report(made, audience)).unwrap()
}

#[test]
fn the_document_s_lines_are_records_and_its_table_is_the_list() {
    let path = format!("{}/../../TRACING.md", env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(path).unwrap();
    let (_, lines) = document.split_once("```jsonl\n").unwrap();
    let (lines, _) = lines.split_once("```").unwrap();
    let mut seen = Vec::new();
    for line in lines.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let party = Party::parse(value["data"]["party"].as_str().unwrap()).unwrap();
        let record = PartyRecord::parse(party, line.as_bytes()).unwrap();
        seen.push((record.party(), record.kind()));
    }
    assert_eq!(seen.len(), KINDS.len());
    for kind in KINDS {
        assert!(seen.contains(&(kind.party, kind.kind)), "{kind:?}");
        let start = format!("| `{}` | `{}` |", kind.party, kind.kind);
        let row = document
            .lines()
            .find(|line| line.starts_with(&start))
            .unwrap();
        let mut named: Vec<&str> = row.split('`').skip(5).step_by(2).collect();
        let mut listed: Vec<&str> = [kind.required, kind.one_of, kind.optional]
            .concat()
            .iter()
            .map(|m| m.as_str())
            .collect();
        named.sort_unstable();
        listed.sort_unstable();
        assert_eq!(named, listed, "{start}");
    }
}

#[test]
fn three_logs_answer_the_five_questions() {
    let sample = Sample::new(1);
    let made = trace_with(
        &sample.query(),
        &vec![log_key()].into(),
        &log_of(&[Sample::new(2), sample]),
        &sample.records(),
        &BOTH,
    );
    assert_eq!(
        made.findings().count(),
        0,
        "{:?}",
        made.findings().collect::<Vec<_>>()
    );
    let report = report(&made, Audience::Supervisor);
    let [call] = report.calls.as_slice() else {
        panic!("{report:?}")
    };
    for answer in &call.answers {
        assert!(
            !answer.facts.is_empty() && answer.silent.is_empty(),
            "{answer:?}"
        );
    }
    let value = serde_json::to_value(&report).unwrap();
    let said = |question: usize, party: &str, name: &str| {
        let facts = value["calls"][0]["answers"][question]["facts"]
            .as_array()
            .unwrap();
        let fact = facts
            .iter()
            .find(|fact| fact["party"] == party && fact["name"] == name);
        fact.unwrap_or_else(|| panic!("{party} {name}"))["value"].clone()
    };
    assert_eq!(
        said(0, "verificationSystem", "holderEnterpriseNumber"),
        ENTERPRISE
    );
    assert_eq!(said(0, "mandateHolder", "userRef"), "adviser");
    assert_eq!(said(1, "validator", "operation"), "getPensionOverview");
    assert_eq!(said(1, "mandateHolder", "httpStatus"), "200");
    assert_eq!(said(2, "validator", "institution"), "SIM institution");
    assert_eq!(said(2, "validator", "edgeNode"), "cloudflare/BRU");
    assert_eq!(
        said(2, "mandateHolder", "system"),
        "urn:example:mandateHolder"
    );
    assert_eq!(said(3, "validator", "decided"), "2026-01-02T03:06:05.678Z");
    assert_eq!(said(4, "validator", "deliberation"), "SIM/001@1");
    assert_eq!(said(4, "verificationSystem", "grantLevel"), "450");
    let chain: Vec<&str> = call.chain.iter().map(|link| link.event).collect();
    assert_eq!(
        chain,
        [
            "mandates.notify.granted",
            "tokens.notify.issued",
            "requests.notify.sent",
            "accesses.notify.granted",
            "accesses.notify.completed",
            "responses.notify.received"
        ]
    );
}

#[test]
fn calls_are_found_by_each_condition_and_by_all_of_them() {
    let samples: Vec<Sample> = (1..6).map(Sample::new).collect();
    let entries = log_of(&samples);
    let (wanted, other_key) = (samples[2], ReferenceKey::new([1; 32]));
    let keys = LogKeys::from(vec![other_key.clone(), log_key()]);
    let millis = |at| Some(UnixMillis::new(at).unwrap());
    let full = Query {
        token_id: Some(wanted.token_id()),
        trace_id: Some(wanted.answer()),
        mandate: Some(SoughtMandate::new(ISSUER, &wanted.mandate_id())),
        subject: Some(SoughtSubject::new(&wanted.subject())),
        from: millis(wanted.at()),
        until: millis(wanted.at() + 1),
    };
    let each = [
        Query {
            token_id: full.token_id.clone(),
            ..Query::default()
        },
        Query {
            trace_id: full.trace_id,
            ..Query::default()
        },
        Query {
            trace_id: TraceId::parse(&wanted.caller()),
            ..Query::default()
        },
        Query {
            mandate: full.mandate.clone(),
            ..Query::default()
        },
        Query {
            subject: full.subject.clone(),
            ..Query::default()
        },
        Query {
            from: full.from,
            until: full.until,
            ..Query::default()
        },
        full.clone(),
    ];
    for query in &each {
        let made = trace_with(query, &keys, &entries, &[], &[]);
        let found: Vec<u64> = made.calls().map(|call| call.decision().index).collect();
        assert_eq!(found, [4], "{query:?}");
        assert!(made.calls().all(|call| call.outcome().is_some()));
    }
    let other = Query {
        token_id: Some("token-1".to_owned()),
        ..full
    };
    assert_eq!(
        trace_with(&other, &keys, &entries, &[], &[])
            .calls()
            .count(),
        0
    );
    let without_key = Query {
        subject: Some(SoughtSubject::new(&wanted.subject())),
        ..Query::default()
    };
    assert_eq!(
        trace_with(&without_key, &vec![other_key].into(), &entries, &[], &[])
            .calls()
            .count(),
        0
    );
}

#[test]
fn what_is_missing_is_named() {
    let sample = Sample::new(1);
    let all = sample.records();
    let without = |kind: RecordKind| -> Vec<PartyRecord> {
        all.iter().filter(|r| r.kind() != kind).cloned().collect()
    };
    for (kind, finding) in [
        (RecordKind::TokenIssued, Finding::NoTokenIssued),
        (RecordKind::RequestSent, Finding::NoRequestSent),
        (RecordKind::ResponseReceived, Finding::NoResponseReceived),
    ] {
        assert_eq!(findings(&[sample], sample, &without(kind)), [finding]);
    }
    let silent = Sample {
        outcome: false,
        ..sample
    };
    assert_eq!(findings(&[silent], silent, &all), [Finding::NoOutcome]);
    // Nobody expects one where a proxy forwards.
    let asked = Sample {
        mode: GateMode::Decision,
        ..silent
    };
    assert_eq!(findings(&[asked], asked, &all), []);

    // The holder and the issuer know of a call that the log has not.
    let made = trace_with(
        &sample.query(),
        &LogKeys::default(),
        &log_of(&[Sample::new(2)]),
        &all,
        &BOTH,
    );
    assert_eq!(made.findings().collect::<Vec<_>>(), [Finding::TokenNotSeen]);
    let by_trace = Query {
        trace_id: TraceId::parse(&sample.caller()),
        ..Query::default()
    };
    let made = trace_with(
        &by_trace,
        &LogKeys::default(),
        &log_of(&[Sample::new(2)]),
        &all,
        &BOTH,
    );
    assert_eq!(
        made.findings().collect::<Vec<_>>(),
        [Finding::RequestNotDecided]
    );

    let hidden = Sample::hidden(3);
    let records = [hidden.issued(), hidden.sent(), hidden.received()];
    let made = trace_with(
        &hidden.query(),
        &LogKeys::default(),
        &log_of(&[hidden]),
        &records,
        &[Party::SecondaryNetwork],
    );
    assert_eq!(
        made.findings().collect::<Vec<_>>(),
        [Finding::NoRelationConfirmed]
    );

    let keys = LogKeys::default();
    let mut tracer_query = tracer(&Query::default(), &keys).finish(Some(&[[0; 32]]));
    assert_eq!(tracer_query.findings().count(), 0);
    let query = sample.query();
    let mut tracer = tracer(&query, &keys);
    for entry in log_of(&[sample]) {
        tracer.entry(&entry).unwrap();
    }
    tracer_query = tracer.finish(Some(&[[0; 32]]));
    assert_eq!(
        tracer_query.findings().collect::<Vec<_>>(),
        [Finding::PolicyNotGiven]
    );
}

#[test]
fn what_contradicts_is_named_and_what_claims_another_s_ids_is_left_out() {
    let sample = Sample::new(1);
    let hash = sample.token_hash();
    let with = |records: &[PartyRecord]| {
        let mut all = sample.records();
        all.retain(|r| !records.iter().any(|other| other.kind() == r.kind()));
        all.extend_from_slice(records);
        findings(&[sample], sample, &all)
    };
    let sent = |at, data| sample.record(Party::MandateHolder, RecordKind::RequestSent, at, data);
    let (holder, system) = (Party::MandateHolder, Party::VerificationSystem);
    let good = json!({"traceId": sample.caller(), "tokenHash": hash});

    let late = sample.at() + 60_001;
    assert_eq!(with(&[sent(late - 1, good.clone())]), []);
    let [Finding::OutOfOrder { by_ms: 60_001, .. }] = with(&[sent(late, good.clone())])[..] else {
        panic!()
    };
    let mut other = good.clone();
    other["purpose"] = json!("simBenefitAdvice");
    assert_eq!(
        with(&[sent(sample.at(), other)]),
        [Finding::Differs {
            party: holder,
            member: Member::Purpose
        }]
    );

    // The same trace id with another token is another's: nothing of it is shown.
    let stranger = sent(
        sample.at(),
        json!({"traceId": sample.caller(), "tokenHash": "ee".repeat(32), "userRef": "somebody-else"}),
    );
    let mut all = sample.records();
    all.push(stranger);
    let (query, none) = (sample.query(), LogKeys::default());
    let made = trace_with(&query, &none, &log_of(&[sample]), &all, &BOTH);
    assert_eq!(
        made.findings().collect::<Vec<_>>(),
        [Finding::OtherToken { party: holder }]
    );
    assert!(!text(&made, Audience::Supervisor).contains("somebody-else"));

    let mut data = json!({
        "traceId": "issue", "tokenId": sample.token_id(), "tokenHash": "ee".repeat(32),
        "verificationSystem": SYSTEM, "issuer": ISSUER, "mandateId": "m", "mandateType": "t",
        "holderPseudonym": "p",
    });
    let issued =
        |data: &Value| sample.record(system, RecordKind::TokenIssued, sample.at(), data.clone());
    assert_eq!(
        with(&[issued(&data)]),
        [
            Finding::OtherTokenHash { party: system },
            Finding::NoTokenIssued
        ]
    );
    data["tokenHash"] = json!(hash);
    assert_eq!(
        with(&[issued(&data)]),
        [Finding::Differs {
            party: system,
            member: Member::MandateType
        }]
    );

    // Under the log's key the mandate and the person are compared too.
    data["mandateType"] = json!("simPensionOverview");
    data["subjectPseudonym"] = json!("somebody");
    let made = trace_with(
        &sample.query(),
        &vec![log_key()].into(),
        &log_of(&[sample]),
        &[issued(&data)],
        &[system],
    );
    let differs = |member| Finding::Differs {
        party: system,
        member,
    };
    assert_eq!(
        made.findings().collect::<Vec<_>>(),
        [
            differs(Member::MandateId),
            differs(Member::SubjectPseudonym)
        ]
    );

    let revoked = sample.record(
        system,
        RecordKind::MandateRevoked,
        sample.at() - 60_001,
        json!({"issuer": ISSUER, "mandateId": sample.mandate_id()}),
    );
    assert!(matches!(
        with(&[revoked])[..],
        [Finding::OutOfOrder {
            then: "the end of the mandate",
            ..
        }]
    ));

    // A duplicate delivery is one event; one id with two contents is not.
    assert_eq!(with(&[sample.sent(), sample.sent()]), []);
    assert_eq!(
        with(&[sample.sent(), sent(sample.at(), good)]),
        [Finding::RecordTwice { party: holder }]
    );
}

#[test]
fn a_record_that_names_the_answer_is_of_that_call_alone() {
    let first = Sample::new(1);
    let again = Sample {
        again: true,
        ..first
    };
    let entries = log_of(&[first, again]);
    let records = [first.sent(), first.received(), again.received()];
    let made = trace_with(&first.query(), &LogKeys::default(), &entries, &records, &[]);
    let found: Vec<Finding> = made.findings().collect();
    let several = Finding::SeveralCalls {
        party: Party::MandateHolder,
    };
    assert_eq!(found, [several, several]);
    let report = report(&made, Audience::Supervisor);
    for call in &report.calls {
        let answers = call
            .chain
            .iter()
            .filter(|link| link.event == "responses.notify.received");
        assert_eq!(answers.count(), 1);
    }
}

#[test]
fn a_hidden_holder_stays_hidden_for_every_reader() {
    let hidden = Sample::hidden(1);
    let name = "Mutualiteit van de proef";
    let sent = hidden.record(
        Party::MandateHolder,
        RecordKind::RequestSent,
        hidden.at(),
        json!({"traceId": hidden.caller(), "tokenHash": hidden.token_hash(), "userRef": name, "operation": name, "purpose": name}),
    );
    // A verification system that says too much.
    let named = Sample {
        hidden: false,
        ..hidden
    }
    .issued();
    let records = [hidden.issued(), named, sent];
    let made = trace_with(
        &hidden.query(),
        &LogKeys::default(),
        &log_of(&[hidden]),
        &records,
        &BOTH,
    );
    let found: Vec<Finding> = made.findings().collect();
    assert!(
        found.contains(&Finding::HolderNamed {
            party: Party::VerificationSystem
        }),
        "{found:?}"
    );
    for audience in Audience::ALL {
        let text = text(&made, *audience);
        let own = *audience == Audience::VerificationSystem;
        assert_eq!(text.contains(ENTERPRISE), own, "{audience}");
        assert!(!text.contains(name), "{audience}");
        assert!(!text.contains("urn:example:mandateHolder"), "{audience}");
        assert!(text.contains("holderHidden"), "{audience}");
        assert!(text.contains("\"agrees\":false"), "{audience}");
    }
    assert!(
        text(&made, Audience::Institution).contains("\"holderPseudonym\",\"value\":\"pseudonym\"")
    );
}

#[test]
fn readers_see_what_is_theirs() {
    let sample = Sample::new(1);
    let made = trace_with(
        &sample.query(),
        &LogKeys::default(),
        &log_of(&[sample]),
        &sample.records(),
        &BOTH,
    );
    let subject_ref = serde_json::to_value(key().subject_ref(&sample.subject())).unwrap();
    let subject_ref = subject_ref.as_str().unwrap();
    for (audience, reference, user, token) in [
        (Audience::Institution, true, false, true),
        (Audience::VerificationSystem, false, false, true),
        (Audience::DataSubject, false, false, false),
        (Audience::Supervisor, true, true, true),
    ] {
        let text = text(&made, audience);
        assert_eq!(text.contains(subject_ref), reference, "{audience}");
        assert_eq!(text.contains("adviser"), user, "{audience}");
        assert_eq!(text.contains(&sample.token_hash()), token, "{audience}");
        assert!(text.contains(ENTERPRISE), "{audience}");
        assert!(!text.contains(&sample.subject()), "{audience}");
    }
}

/// The first period that a call of these can be of.
const PERIOD: &str = "accesses/2028-01-01";

/// The `n`th entry that says how a period ended.
fn tell(log: &mut MemoryLog, n: u64, at: u64, period: &str, range: Option<PayloadRange>) {
    let period = RetentionPeriod::parse(period).unwrap();
    let logs = [DestroyedPayloads {
        log: origin(),
        payloads: range,
    }];
    let event = Event::PayloadsDestroyed(PayloadsDestroyed {
        operator: "operator",
        trace: Trace {
            id: TraceId::parse("t").unwrap(),
            related: None,
        },
        period,
        key: PayloadKey::new(&origin(), period, [5; 32]).id(),
        logs: &logs,
    });
    let mut id = [0xe0; 16];
    id[8..].copy_from_slice(&n.to_be_bytes());
    sealed(log, EntryId::from_random(id), at, &event);
}

/// A call whose records were erased, and behind it what the log says of the period.
fn ended(range: Option<PayloadRange>) -> (Sample, Vec<StoredEntry>) {
    ended_as(PERIOD, LATER, range)
}

/// The same of that period, which was over by then.
fn ended_as(period: &str, then: u64, range: Option<PayloadRange>) -> (Sample, Vec<StoredEntry>) {
    let sample = Sample::new(1);
    let mut log = MemoryLog::new(origin());
    sample.append(&mut log);
    // Twice: the first order was not answered.
    for n in [1, 2] {
        let at = then + n * 86_400_000;
        tell(&mut log, n, at, period, range);
    }
    let mut entries = conformance::opened(log.read(0, u32::MAX));
    let (decision, outcome) = (0, 1);
    entries[decision].erasable = Erasable::Erased;
    entries[outcome].erasable = Erasable::Erased;
    (sample, entries)
}

#[test]
fn what_was_erased_by_right_is_said_with_its_period_and_day() {
    let both = PayloadRange::new(2, 0, 1);
    let (sample, entries) = ended(both);
    let all = Query {
        from: UnixMillis::new(0).ok(),
        ..Query::default()
    };
    let made = trace_with(&all, &LogKeys::default(), &entries, &[], &[]);
    let period = RetentionPeriod::parse(PERIOD).unwrap();
    let at = UnixMillis::new(LATER + 2 * 86_400_000).unwrap();
    let found: Vec<Finding> = made.findings().collect();
    // That nothing tells what became of it is no gap: it was erased with it.
    assert_eq!(found, [Finding::PayloadErased { period, at }]);
    assert_eq!(
        report(&made, Audience::DataSubject).calls[0].findings[0].text,
        "the payload was erased: the end of accesses/2028-01-01 was logged at \
         2028-01-04T03:04:05.678Z; the leaf alone answers, and nothing can be joined"
    );
    // What is asked for by name is not found; what it can have been is told.
    let made = trace_with(&sample.query(), &LogKeys::default(), &entries, &[], &[]);
    let told = report(&made, Audience::DataSubject);
    assert_eq!((told.calls.len(), told.erased), (0, 1));
    let ended_then = told
        .ended
        .iter()
        .map(|ended| (ended.period, ended.at.clone()));
    assert_eq!(ended_then.collect::<Vec<_>>(), [(period, at.to_string())]);
    // Another log, another place, or nothing: it is missing.
    for range in [PayloadRange::new(1, 1, 1), None] {
        let (_, entries) = ended(range);
        let made = trace_with(&all, &LogKeys::default(), &entries, &[], &[]);
        let found: Vec<Finding> = made.findings().collect();
        assert_eq!(found, [Finding::PayloadMissing], "{range:?}");
    }
    // Of a period that no call of its month can be of, or that is over by the log's clock alone.
    for (period, then) in [
        ("accesses/2026-01-01", LATER),
        ("accesses/2027-12-01", LATER),
        ("refusals/2028-01-01", LATER),
        ("accesses/2029-01-01", LATER + 366 * 86_400_000),
    ] {
        let (_, entries) = ended_as(period, then, both);
        let made = trace_with(&all, &LogKeys::default(), &entries, &[], &[]);
        let found: Vec<Finding> = made.findings().collect();
        assert_eq!(found, [Finding::PayloadMissing], "{period}");
        assert_eq!(report(&made, Audience::Supervisor).unreadable, 0);
    }
    // What says so must be what its entry commits to.
    let (_, mut entries) = ended(both);
    for told in [2, 3] {
        let opening = entries[told].erasable.opening_mut().unwrap();
        opening.payload = opening.payload.replace("\"payloads\":2", "\"payloads\":1");
    }
    let made = trace_with(&all, &LogKeys::default(), &entries, &[], &[]);
    assert_eq!(
        made.findings().collect::<Vec<_>>(),
        [Finding::PayloadMissing]
    );
    assert_eq!(report(&made, Audience::Supervisor).unreadable, 2);
}

#[test]
fn what_was_erased_or_altered_is_said_and_not_believed() {
    let sample = Sample::new(1);
    let mut entries = log_of(&[sample, Sample::new(2)]);
    entries[0].erasable = Erasable::Erased;
    let made = trace_with(&sample.query(), &LogKeys::default(), &entries, &[], &[]);
    assert_eq!(made.calls().count(), 0);
    assert_eq!(report(&made, Audience::Supervisor).erased, 1);
    let period = Query {
        from: UnixMillis::new(0).ok(),
        until: UnixMillis::new(sample.at()).ok(),
        ..Query::default()
    };
    let made = trace_with(&period, &LogKeys::default(), &entries, &[], &[]);
    let found: Vec<Finding> = made.findings().collect();
    assert_eq!(found, [Finding::PayloadMissing]);

    let mut entries = log_of(&[sample]);
    let opening = entries[0].erasable.opening_mut().unwrap();
    opening.payload = opening
        .payload
        .replace("getPensionOverview", "getSomethingElse!!");
    let made = trace_with(&sample.query(), &LogKeys::default(), &entries, &[], &[]);
    assert_eq!(
        (
            made.calls().count(),
            report(&made, Audience::Supervisor).unreadable
        ),
        (0, 1)
    );
}

#[test]
fn what_is_said_again_of_a_period_is_held_once() {
    let mut log = MemoryLog::new(origin());
    let most = u64::try_from(MAX_DESTRUCTIONS_OF_A_TRACE).unwrap();
    for last in 0..=most {
        let range = PayloadRange::new(1, 0, last);
        tell(&mut log, last, LATER, PERIOD, range);
    }
    let entries = conformance::opened(log.read(0, u32::MAX));
    let (query, keys) = (Sample::new(1).query(), LogKeys::default());
    let mut tracer = tracer(&query, &keys);
    for _ in 0..=MAX_DESTRUCTIONS_OF_A_TRACE {
        assert_eq!(tracer.entry(&entries[0]), Ok(false));
    }
    let (last, others) = entries.split_last().unwrap();
    for entry in others {
        assert_eq!(tracer.entry(entry), Ok(false));
    }
    assert_eq!(tracer.entry(last), Err(TraceError::TooManyDestructions));
}

#[test]
fn a_trace_has_a_bound() {
    let mut log = MemoryLog::new(origin());
    Sample {
        outcome: false,
        ..Sample::new(1)
    }
    .append(&mut log);
    let entry = conformance::opened(log.read(0, 1)).remove(0);
    let (query, keys) = (Sample::new(1).query(), LogKeys::default());
    let mut tracer = tracer(&query, &keys);
    for _ in 0..MAX_CALLS {
        assert_eq!(tracer.entry(&entry), Ok(true));
    }
    assert_eq!(tracer.entry(&entry), Err(TraceError::TooManyCalls));
    for _ in 0..10 {
        tracer
            .record(Pass::Calls, &Sample::new(1).issued())
            .unwrap();
    }
    for _ in 0..9 {
        let n = u64::from(Sample::new(1).n);
        for extra in 0..10 {
            let data = json!({"traceId": "caller-1", "tokenHash": "01".repeat(32), "userRef": format!("{n}-{extra}")});
            let record = Sample::new(1).record(
                Party::MandateHolder,
                RecordKind::RequestSent,
                AT + extra,
                data,
            );
            if tracer.record(Pass::Calls, &record) == Err(TraceError::TooManyRecords) {
                return;
            }
        }
    }
    panic!("never too many");
}

/// A record of the holder's as a line, with a change.
fn line(change: impl FnOnce(&mut Value)) -> String {
    let mut line = json!({
        "specversion": "1.0", "id": "1", "source": "urn:example:holder", "service": "be.example.app.v1",
        "type": "be.example.app.v1.requests.notify.sent", "time": "2026-01-02T03:04:05Z",
        "data": {"party": "mandateHolder", "traceId": "t", "tokenHash": "11".repeat(32)},
    });
    change(&mut line);
    line.to_string()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one line a case")]
fn a_line_that_is_no_record_is_refused_by_name() {
    type Change = fn(&mut Value);
    let refused = |change: Change| {
        let line = line(change);
        PartyRecord::parse(Party::MandateHolder, line.as_bytes())
            .unwrap_err()
            .to_string()
    };
    assert!(PartyRecord::parse(Party::MandateHolder, line(|_| ()).as_bytes()).is_ok());
    let cases: [(Change, &str); 24] = [
        (
            |l| l["data"]["ssin"] = json!("x"),
            "data.\"ssin\" is not a field that a mandateHolder may send with requests.notify.sent",
        ),
        (
            |l| l["data"]["holderEnterpriseNumber"] = json!("0202239951"),
            "data.\"holderEnterpriseNumber\" is not a field",
        ),
        (
            |l| l["data"]["userRef"] = json!("53480200724"),
            "data.userRef is a national number",
        ),
        (
            |l| l["data"]["userRef"] = json!("53.48.02-007.24"),
            "data.userRef is a national number",
        ),
        (
            |l| l["data"]["userRef"] = json!("05400001115"),
            "data.userRef is a national number",
        ),
        (
            |l| l["data"]["userRef"] = json!("BE 0202.239.951"),
            "data.userRef is an enterprise number",
        ),
        (
            |l| l["data"]["userRef"] = json!(7),
            "data.userRef: expected a text",
        ),
        (
            |l| l["data"]["userRef"] = json!("a\nb"),
            "data.userRef: expected a text",
        ),
        (
            |l| l["data"]["userRef"] = json!("x".repeat(257)),
            "data.userRef: expected a text",
        ),
        (
            |l| l["data"]["traceId"] = json!("a b"),
            "data.traceId: expected 1 to 36",
        ),
        (
            |l| l["data"]["tokenHash"] = json!("AA".repeat(32)),
            "data.tokenHash: expected SHA-256",
        ),
        (
            |l| l["data"]["channel"] = json!("fax"),
            "data.channel: expected api or webApp",
        ),
        (
            |l| l["data"]["party"] = json!("validator"),
            "data.party is not mandateHolder",
        ),
        (
            |l| {
                l["data"].as_object_mut().unwrap().remove("tokenHash");
            },
            "data.tokenHash is missing",
        ),
        (
            |l| l["subject"] = json!("x"),
            "\"subject\" is not a member of a record",
        ),
        (
            |l| {
                l.as_object_mut().unwrap().remove("source");
            },
            "source is missing",
        ),
        (
            |l| l["source"] = json!("relative"),
            "source: expected an absolute URI",
        ),
        (|l| l["service"] = json!("app"), "service: expected"),
        (
            |l| l["specversion"] = json!("0.3"),
            "specversion: expected 1.0",
        ),
        (
            |l| l["datacontenttype"] = json!("text/plain"),
            "datacontenttype: expected application/json",
        ),
        (
            |l| l["time"] = json!("2026-01-02"),
            "time: not an RFC 3339 instant",
        ),
        (
            |l| l["type"] = json!("be.example.app.v1.tokens.notify.issued"),
            "type: a mandateHolder writes no record of this type",
        ),
        (|l| l["data"] = json!("x"), "data: expected an object"),
        (
            |l| l["data"]["userRef"] = json!(null),
            "not a record: invalid type: null",
        ),
    ];
    for (change, expected) in cases {
        let said = refused(change);
        assert!(said.starts_with(expected), "{said}");
        assert!(
            !said.contains("53480200724") && !said.contains('\n'),
            "{said}"
        );
    }
    for text in [
        "",
        "[]",
        "{}",
        "null",
        "{\"id\":\"1\",\"id\":\"2\"}",
        "[[\"id\",\"1\"]]",
        "{\"id\":true}",
        "\u{feff}{}",
    ] {
        assert!(
            PartyRecord::parse(Party::MandateHolder, text.as_bytes()).is_err(),
            "{text}"
        );
    }
    let twice = line(|_| ()).replace(
        "\"traceId\":\"t\"",
        "\"traceId\":\"t\",\"tr\\u0061ceId\":\"u\"",
    );
    let error = PartyRecord::parse(Party::MandateHolder, twice.as_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("\"traceId\" stands twice"),
        "{error}"
    );
    assert_eq!(
        PartyRecord::parse(Party::Validator, b"{}"),
        Err(PartyRecordError::Validator)
    );
    let long = vec![b' '; MAX_PARTY_LINE_BYTES + 1];
    assert_eq!(
        PartyRecord::parse(Party::MandateHolder, &long),
        Err(PartyRecordError::TooLong(long.len()))
    );
    let many: Vec<String> = (0..40).map(|n| format!("\"m{n}\":1")).collect();
    let many = format!("{{{}}}", many.join(","));
    assert!(PartyRecord::parse(Party::MandateHolder, many.as_bytes()).is_err());
}

#[test]
fn a_network_may_not_name_its_holder() {
    let record = |holder: &str, party: &str| {
        line(|l| {
            l["type"] = json!("be.example.app.v1.tokens.notify.issued");
            l["data"] = json!({
                "party": party, "traceId": "t", "tokenId": "i", "tokenHash": "11".repeat(32), "verificationSystem": "v",
                "issuer": "i", "mandateId": "m", "mandateType": "t",
            });
            l["data"][holder] = json!("0202239951");
        })
    };
    let parse = |party: Party, text: String| PartyRecord::parse(party, text.as_bytes());
    let network = |holder| parse(Party::SecondaryNetwork, record(holder, "secondaryNetwork"));
    assert!(matches!(
        network("holderEnterpriseNumber"),
        Err(PartyRecordError::UnknownField { .. })
    ));
    assert_eq!(
        network("holderPseudonym"),
        Err(PartyRecordError::EnterpriseNumber(Member::HolderPseudonym))
    );
    let system = |text| parse(Party::VerificationSystem, text);
    let plain = record("holderEnterpriseNumber", "verificationSystem");
    assert!(system(plain.clone()).is_ok());
    let both = plain.replace("\"mandateId\"", "\"holderPseudonym\":\"p\",\"mandateId\"");
    assert_eq!(system(both), Err(PartyRecordError::OneOf));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the order of the records, and however many other calls there are, a call's trace is the same.
    #[test]
    fn order_does_not_matter_and_other_calls_do_not_leak(
        calls in prop::collection::btree_set(1_u8..60, 1..8),
        hidden in any::<u64>(),
        pick in any::<prop::sample::Index>(),
        order in any::<u64>(),
        keyed in any::<bool>(),
    ) {
        let samples: Vec<Sample> = calls.into_iter().map(|n| Sample { hidden: hidden >> n & 1 == 1, ..Sample::new(n) }).collect();
        let wanted = *pick.get(&samples);
        let given = [Party::VerificationSystem, Party::SecondaryNetwork, Party::MandateHolder];
        let keys = LogKeys::from(if keyed { vec![log_key()] } else { Vec::new() });
        let alone = trace_with(&wanted.query(), &keys, &log_of(&samples), &wanted.records(), &given);
        let mut all: Vec<PartyRecord> = samples.iter().flat_map(|sample| sample.records()).collect();
        // A permutation out of one number.
        let mut state = order | 1;
        for at in (1..all.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            all.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        let among = trace_with(&wanted.query(), &keys, &log_of(&samples), &all, &given);
        for audience in Audience::ALL {
            let text = text(&among, *audience);
            prop_assert_eq!(&text, &self::text(&alone, *audience));
            for other in samples.iter().filter(|sample| sample.n != wanted.n) {
                prop_assert!(!text.contains(&other.token_hash()));
            }
        }
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,200}") {
        for party in Party::ALL {
            let _ = PartyRecord::parse(*party, &bytes);
            let _ = PartyRecord::parse(*party, text.as_bytes());
            let _ = UnixMillis::parse(&text);
        }
    }
}
