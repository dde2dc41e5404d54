//! What each reader sees.

use serde_json::json;
use sluis_log::trace::{Audience, Finding, LogKeys, Party, RecordKind};

use crate::calls::{BOTH, ENTERPRISE, Sample, key, log_of, text, trace_with};

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
