//! Lines of other parties' logs.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluis_log::UnixMillis;
use sluis_log::trace::{KINDS, MAX_PARTY_LINE_BYTES, Member, Party, PartyRecord, PartyRecordError};

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

    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,200}") {
        for party in Party::ALL {
            let _ = PartyRecord::parse(*party, &bytes);
            let _ = PartyRecord::parse(*party, text.as_bytes());
            let _ = UnixMillis::parse(&text);
        }
    }
}
