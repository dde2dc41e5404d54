//! Re-identification: neither side alone learns anything, and no note passes for another.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up should panic"
)]

use proptest::prelude::*;
use serde_json::json;
use sluis_log::reidentify::{
    AnswerableRequest, Author, HolderNumber, MAX_REQUEST_AGE_MS, Reason, ReidentificationError,
    ReidentificationRequest, Requesters, SplitRandoms, Step, VerifiedHalf, VerifiedRequest,
    combine,
};
use sluis_log::trace::{Party, PartyRecord};
use sluis_log::{KeyName, LinesError, NoteSigner, SignedNote, UnixMillis};

const AT: u64 = 1_767_323_045_678;
const HOLDER: &str = "0202239951";
const OTHER_HOLDER: &str = "0123456749";

fn signer(name: &str, seed: u8) -> NoteSigner {
    NoteSigner::new(KeyName::parse(name).unwrap(), &[seed; 32]).unwrap()
}

fn institution() -> NoteSigner {
    signer("institution.example/complaints", 1)
}

fn supervisor() -> NoteSigner {
    signer("supervisor.example/files", 2)
}

fn system() -> NoteSigner {
    signer("nic.example/reidentification", 3)
}

fn requesters() -> Requesters {
    Requesters::new(institution().verifier(), supervisor().verifier()).unwrap()
}

fn at(ms: u64) -> UnixMillis {
    UnixMillis::new(ms).unwrap()
}

fn request(nonce: u8) -> ReidentificationRequest {
    let token = "11".repeat(32);
    let reason = (Reason::Complaint, "complaint 2026-17");
    ReidentificationRequest::new(
        "https://nic.example",
        ("token-1", &token),
        reason,
        at(AT),
        [nonce; 16],
    )
    .unwrap()
}

fn verified(nonce: u8) -> VerifiedRequest {
    let note = request(nonce).sign(&institution()).unwrap();
    VerifiedRequest::verify(&note, requesters()).unwrap()
}

/// The record of the token's issue, to a hidden holder or a named one.
fn issued(hash: &str, holder: (&str, &str)) -> PartyRecord {
    let mut line = json!({
        "specversion": "1.0", "id": "1", "source": "urn:nic", "service": "be.nic.network.v1",
        "type": "be.nic.network.v1.tokens.notify.issued", "time": at(AT - 1000).to_string(),
        "data": {
            "party": "verificationSystem", "traceId": "t", "tokenId": "token-1", "tokenHash": hash,
            "verificationSystem": "simNic", "issuer": "https://nic.example", "mandateId": "m", "mandateType": "t",
        },
    });
    line["data"][holder.0] = json!(holder.1);
    PartyRecord::parse(Party::VerificationSystem, line.to_string().as_bytes()).unwrap()
}

fn hidden() -> PartyRecord {
    issued(&"11".repeat(32), ("holderPseudonym", "pseudonym"))
}

fn answerable(nonce: u8) -> AnswerableRequest {
    verified(nonce).answerable(at(AT + 5), &hidden()).unwrap()
}

fn split(nonce: u8, holder: &str, mask: [u8; 32], pair: u8) -> (SignedNote, SignedNote) {
    let randoms = SplitRandoms {
        mask: mask.into(),
        pair: [pair; 16],
    };
    let holder = HolderNumber::parse(holder).unwrap();
    answerable(nonce)
        .split(&holder, randoms, &system())
        .unwrap()
}

fn half(note: &SignedNote) -> VerifiedHalf {
    VerifiedHalf::verify(note, &system().verifier()).unwrap()
}

#[test]
fn both_halves_say_who_it_is_and_neither_does_alone() {
    let (one, other) = split(1, HOLDER, [0x5a; 32], 7);
    for (one, other) in [(&one, &other), (&other, &one)] {
        let holder = combine(&verified(1), &half(one), &half(other)).unwrap();
        assert_eq!(holder.expose(), HOLDER);
        assert_eq!(format!("{holder:?}"), "HolderNumber(..)");
    }
    let again = combine(&verified(1), &half(&one), &half(&one));
    assert!(matches!(again, Err(ReidentificationError::SameSide(_))));
    // The institution's half is the random itself: the same whoever the holder is.
    let (same, differs) = split(1, OTHER_HOLDER, [0x5a; 32], 7);
    assert_eq!(same.to_string(), one.to_string());
    assert_ne!(differs.to_string(), other.to_string());
    assert_eq!(differs.to_string().len(), other.to_string().len());
    for note in [&one, &other, &request(1).sign(&institution()).unwrap()] {
        assert!(!note.to_string().contains(HOLDER));
    }
    assert!(!format!("{:?}", half(&one)).contains("5a5a"));
}

#[test]
fn halves_of_another_answer_or_request_make_nothing() {
    let (one, _) = split(1, HOLDER, [0x5a; 32], 7);
    let (_, second) = split(1, HOLDER, [0xa5; 32], 8);
    let (_, other) = split(2, HOLDER, [0x5a; 32], 7);
    let with = |other: &SignedNote| combine(&verified(1), &half(&one), &half(other));
    assert_eq!(with(&second), Err(ReidentificationError::OtherPair));
    assert_eq!(with(&other), Err(ReidentificationError::OtherRequest));
    // Two randoms under one answer's name: no number.
    let (_, wrong) = split(1, HOLDER, [0xa5; 32], 7);
    assert_eq!(with(&wrong), Err(ReidentificationError::NoHolder));
    // A half for somebody else, by the system's own hand.
    let others = Requesters::new(institution().verifier(), signer("x", 9).verifier()).unwrap();
    let note = request(1).sign(&institution()).unwrap();
    let for_others = VerifiedRequest::verify(&note, others).unwrap();
    let (_, stranger) = for_others
        .answerable(at(AT), &hidden())
        .unwrap()
        .split(
            &HolderNumber::parse(HOLDER).unwrap(),
            SplitRandoms {
                mask: [0x5a; 32].into(),
                pair: [7; 16],
            },
            &system(),
        )
        .unwrap();
    assert!(matches!(
        with(&stranger),
        Err(ReidentificationError::OtherRecipient(_))
    ));
}

#[test]
fn who_may_not_ask_or_answer_is_refused() {
    let ask = |signer: &NoteSigner| {
        VerifiedRequest::verify(&request(1).sign(signer).unwrap(), requesters())
    };
    assert!(ask(&institution()).is_ok() && ask(&supervisor()).is_ok());
    assert!(matches!(
        ask(&system()),
        Err(ReidentificationError::NotRequested { .. })
    ));
    // The right name under another key.
    assert!(ask(&signer("supervisor.example/files", 9)).is_err());
    for same in [signer("institution.example/complaints", 9), signer("x", 1)] {
        let one = Requesters::new(institution().verifier(), same.verifier());
        assert_eq!(one.unwrap_err(), ReidentificationError::OneRequester);
    }
    let (one, _) = split(1, HOLDER, [0x5a; 32], 7);
    assert!(matches!(
        VerifiedHalf::verify(&one, &supervisor().verifier()),
        Err(ReidentificationError::NotAnswered(_))
    ));
    // One kind of note is never taken for the other.
    let note = request(1).sign(&system()).unwrap();
    assert!(matches!(
        VerifiedHalf::verify(&note, &system().verifier()),
        Err(ReidentificationError::Lines(LinesError::OtherNote(_)))
    ));
    assert!(matches!(
        VerifiedRequest::verify(&one, requesters()),
        Err(ReidentificationError::Lines(LinesError::OtherNote(_)))
    ));
}

#[test]
fn only_a_recent_request_about_a_hidden_holders_token_is_answered() {
    let answer = |now, record: &PartyRecord| verified(1).answerable(at(now), record).map(|_| ());
    assert_eq!(answer(AT + MAX_REQUEST_AGE_MS, &hidden()), Ok(()));
    assert_eq!(answer(AT - 60_000, &hidden()), Ok(()));
    assert!(matches!(
        answer(AT + MAX_REQUEST_AGE_MS + 1, &hidden()),
        Err(ReidentificationError::Old { .. })
    ));
    assert!(matches!(
        answer(AT - 60_001, &hidden()),
        Err(ReidentificationError::Early { .. })
    ));
    let named = issued(&"11".repeat(32), ("holderEnterpriseNumber", HOLDER));
    assert_eq!(answer(AT, &named), Err(ReidentificationError::NotHidden));
    let other = issued(&"22".repeat(32), ("holderPseudonym", "pseudonym"));
    assert_eq!(answer(AT, &other), Err(ReidentificationError::OtherToken));
}

#[test]
fn nothing_of_a_request_is_anybodys_number_or_another_spelling() {
    let new = |issuer: &str, id: &str, hash: &str, reference: &str| {
        let reason = (Reason::Supervision, reference);
        ReidentificationRequest::new(issuer, (id, hash), reason, at(AT), [1; 16])
    };
    let hash = "11".repeat(32);
    assert!(new("i", "t", &hash, "r").is_ok());
    for number in [
        "53480200724",
        "53.48.02-007.24",
        "0202239951",
        "BE 0202.239.951",
    ] {
        for error in [
            new(number, "t", &hash, "r"),
            new("i", number, &hash, "r"),
            new("i", "t", &hash, number),
        ] {
            let error = error.unwrap_err();
            assert!(matches!(
                error,
                ReidentificationError::Lines(LinesError::Number(_))
            ));
            assert!(!error.to_string().contains(number));
        }
    }
    for (id, hash) in [
        ("t\n", &*hash),
        ("", &hash),
        (" t", &hash),
        ("t", "11"),
        ("t", &"AA".repeat(32)),
        ("t", &"é".repeat(32)),
    ] {
        assert!(new("i", id, hash, "r").is_err(), "{id} {hash}");
    }
    for holder in [
        "",
        "0202239952",
        "0202.239.951",
        "2202239951",
        "53480200724",
    ] {
        assert_eq!(
            HolderNumber::parse(holder),
            Err(ReidentificationError::Holder)
        );
    }
    // Every line once, in its place.
    let note = request(1).sign(&institution()).unwrap().to_string();
    let (text, signature) = note.split_once("\n\n").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for left_out in 0..lines.len() {
        let mut fewer = lines.clone();
        let line = fewer.remove(left_out);
        let text = fewer.join("\n");
        let twice = format!("{line}\n{}", lines.join("\n"));
        for text in [text, twice] {
            let note = SignedNote::parse(format!("{text}\n\n{signature}").as_bytes()).unwrap();
            assert!(ReidentificationRequest::parse(&note).is_err(), "{text}");
        }
    }
}

#[test]
fn each_side_records_its_own_step_and_no_other() {
    let author = |party| Author {
        party,
        source: "urn:example:x".to_owned(),
        service: "be.example.x.v1".to_owned(),
    };
    let step = |party, step| author(party).record(step, &request(1), at(AT));
    for (party, requested, answered) in [
        (Party::Institution, true, false),
        (Party::Supervisor, true, false),
        (Party::VerificationSystem, false, true),
        (Party::SecondaryNetwork, false, true),
        (Party::MandateHolder, false, false),
        (Party::Validator, false, false),
    ] {
        assert_eq!(step(party, Step::Requested).is_ok(), requested, "{party}");
        assert_eq!(step(party, Step::Combined([1; 16])).is_ok(), requested);
        assert_eq!(step(party, Step::Answered([1; 16])).is_ok(), answered);
    }
    let line = step(Party::Institution, Step::Requested).unwrap();
    assert!(line.contains("complaint 2026-17"));
    let line = step(Party::SecondaryNetwork, Step::Answered([1; 16])).unwrap();
    assert!(!line.contains("complaint"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_changed_byte_of_a_note_passes(mask in any::<[u8; 32]>(), place in any::<prop::sample::Index>(), change in 1_u8..) {
        let (one, other) = split(1, HOLDER, mask, 7);
        let holder = combine(&verified(1), &half(&one), &half(&other)).unwrap();
        prop_assert_eq!(holder.expose(), HOLDER);
        let changed = |note: &SignedNote| {
            let mut bytes = note.to_string().into_bytes();
            let at = place.index(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= change;
            }
            SignedNote::parse(&bytes)
        };
        if let Ok(note) = changed(&one) {
            prop_assert!(VerifiedHalf::verify(&note, &system().verifier()).is_err());
        }
        if let Ok(note) = changed(&request(1).sign(&supervisor()).unwrap()) {
            prop_assert!(VerifiedRequest::verify(&note, requesters()).is_err());
        }
    }
}
