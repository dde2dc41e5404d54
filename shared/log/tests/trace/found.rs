//! Which calls are found, and what is found of them.

use serde_json::{Value, json};
use sluis_log::trace::{
    Audience, Finding, LogKeys, Member, Party, PartyRecord, Query, RecordKind, SoughtMandate,
    SoughtSubject,
};
use sluis_log::{GateMode, ReferenceKey, TraceId, UnixMillis};

use crate::calls::{
    BOTH, ENTERPRISE, ISSUER, SYSTEM, Sample, findings, log_key, log_of, report, text, trace_with,
    tracer,
};

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
