//! Calls with their entries, by the real sealing code, and the records of other parties of them.

use serde_json::{Value, json};
use sluis_log::trace::{
    Audience, Finding, LogKeys, Party, PartyRecord, Pass, Query, RecordKind, Report, Traced,
    TracedLog, Tracer,
};
use sluis_log::{
    BackendResult, Check, CheckOutcome, CommitmentRandom, DecisionRecord, DeliberationFacts,
    EdgeNode, EntryId, Envelope, Epoch, EpochKey, Event, EventSource, GateMode, HolderIdentity,
    MandateFacts, MemoryLog, OperationFacts, Origin, OutcomeRecord, PolicyDigest, ReferenceKey,
    StoredEntry, TokenFacts, Trace, TraceId, UnixMillis, Verdict, conformance, seal,
};

pub(crate) const AT: u64 = 1_767_323_045_678;
/// Two years after, when what is of the shortest term is over: 2028-01-02T03:04:05.678Z.
pub(crate) const LATER: u64 = AT + 730 * 86_400_000;
pub(crate) const POLICY: [u8; 32] = [0xca; 32];
pub(crate) const SYSTEM: &str = "simCbss";
pub(crate) const ISSUER: &str = "https://vs.example";
pub(crate) const ENTERPRISE: &str = "0202239951";

pub(crate) fn log_key() -> ReferenceKey {
    ReferenceKey::new([9; 32])
}

pub(crate) fn key() -> EpochKey {
    log_key().epoch(Epoch::of(UnixMillis::new(AT).unwrap()))
}

/// One call, number `n`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) n: u8,
    pub(crate) hidden: bool,
    pub(crate) outcome: bool,
    /// The same request once more: another decision, another answer.
    pub(crate) again: bool,
    pub(crate) mode: GateMode,
}

impl Sample {
    pub(crate) fn new(n: u8) -> Self {
        let (hidden, outcome, again) = (false, true, false);
        Self {
            n,
            hidden,
            outcome,
            again,
            mode: GateMode::Inline,
        }
    }

    pub(crate) fn hidden(n: u8) -> Self {
        let hidden = true;
        Self {
            hidden,
            ..Self::new(n)
        }
    }

    pub(crate) fn token_id(self) -> String {
        format!("token-{}", self.n)
    }

    pub(crate) fn token_hash(self) -> String {
        format!("{:02x}", self.n).repeat(32)
    }

    pub(crate) fn mandate_id(self) -> String {
        format!("mandate-{}", self.n)
    }

    pub(crate) fn subject(self) -> String {
        format!("subject-{}", self.n)
    }

    pub(crate) fn caller(self) -> String {
        format!("caller-{}", self.n)
    }

    pub(crate) fn answer(self) -> TraceId {
        TraceId::from(EntryId::from_random(
            [self.n + u8::from(self.again) * 60; 16],
        ))
    }

    pub(crate) fn at(self) -> u64 {
        AT + u64::from(self.n) * 120_000
    }

    pub(crate) fn append(self, log: &mut MemoryLog) {
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

    pub(crate) fn record(
        self,
        party: Party,
        kind: RecordKind,
        at: u64,
        mut data: Value,
    ) -> PartyRecord {
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

    pub(crate) fn issued(self) -> PartyRecord {
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

    pub(crate) fn granted(self) -> PartyRecord {
        let data = json!({"issuer": ISSUER, "mandateId": self.mandate_id(), "mandateType": "simPensionOverview", "grantLevel": 450});
        self.record(
            Party::VerificationSystem,
            RecordKind::MandateGranted,
            self.at() - 80_000_000,
            data,
        )
    }

    pub(crate) fn sent(self) -> PartyRecord {
        let data = json!({"traceId": self.caller(), "tokenHash": self.token_hash(), "userRef": "adviser", "operation": "getPensionOverview", "channel": "api"});
        self.record(
            Party::MandateHolder,
            RecordKind::RequestSent,
            self.at() - 10,
            data,
        )
    }

    pub(crate) fn received(self) -> PartyRecord {
        let data = json!({"traceId": self.caller(), "relatedTraceId": self.answer(), "tokenHash": self.token_hash(), "httpStatus": 200});
        self.record(
            Party::MandateHolder,
            RecordKind::ResponseReceived,
            self.at() + 20,
            data,
        )
    }

    pub(crate) fn records(self) -> Vec<PartyRecord> {
        vec![self.granted(), self.issued(), self.sent(), self.received()]
    }

    pub(crate) fn query(self) -> Query {
        Query {
            token_id: Some(self.token_id()),
            ..Query::default()
        }
    }
}

pub(crate) fn sealed(log: &mut MemoryLog, id: EntryId, at: u64, event: &Event<'_>) {
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

pub(crate) fn origin() -> Origin {
    Origin::parse("validator.example.be/log").unwrap()
}

pub(crate) fn log_of(samples: &[Sample]) -> Vec<StoredEntry> {
    let mut log = MemoryLog::new(origin());
    for sample in samples {
        sample.append(&mut log);
    }
    conformance::opened(log.read(0, u32::MAX))
}

/// Reads that log, when all that the tests have is over.
pub(crate) fn tracer<'a>(query: &'a Query, keys: &'a LogKeys) -> Tracer<'a> {
    let now = UnixMillis::new(LATER + 30 * 86_400_000).unwrap();
    let mut tracer = Tracer::new(query, keys, now);
    tracer.log(&origin());
    tracer
}

pub(crate) fn trace_with(
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

pub(crate) const BOTH: [Party; 2] = [Party::VerificationSystem, Party::MandateHolder];

pub(crate) fn findings(samples: &[Sample], of: Sample, records: &[PartyRecord]) -> Vec<Finding> {
    let made = trace_with(
        &of.query(),
        &LogKeys::default(),
        &log_of(samples),
        records,
        &BOTH,
    );
    made.findings().collect()
}

pub(crate) fn report(made: &Traced, audience: Audience) -> Report {
    let log = TracedLog {
        origin: origin(),
        size: 1,
        fault: None,
    };
    made.report(audience, vec![log])
}

pub(crate) fn text(made: &Traced, audience: Audience) -> String {
    serde_json::to_string(&report(made, audience)).unwrap()
}
