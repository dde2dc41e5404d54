//! The register of custody: what may follow what, who has what at each moment, and how a record stands in a log.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use proptest::prelude::*;
use sluis_log::{
    ChainHead, CommitmentRandom, CustodyAction, CustodyCode, CustodyDay, CustodyError,
    CustodyEvent, CustodyPlace, CustodyRecord, CustodyRecordError, CustodyRegister,
    DestructionMethod, Encryption, EntryId, Envelope, Erasable, EventSource, Opening, Origin,
    PolicyDigest, StoredEntry, UnixMillis, verify_chain,
};

/// 2018-05-01T10:00:00Z.
const START: u64 = 1_525_168_800_000;
const HOUR: u64 = 3_600_000;

fn code(text: &str) -> CustodyCode {
    CustodyCode::parse(text).unwrap()
}

fn at(hours: u64) -> UnixMillis {
    UnixMillis::new(START + hours * HOUR).unwrap()
}

fn day(text: &str) -> CustodyDay {
    CustodyDay::parse(text).unwrap()
}

fn event(carrier: &str, hours: u64, action: CustodyAction) -> CustodyEvent {
    CustodyEvent {
        basis: code("mimosis"),
        deliberation: "17/020".to_owned(),
        carrier: code(carrier),
        happened_at: at(hours),
        action,
    }
}

fn registered(custodian: &str) -> CustodyAction {
    CustodyAction::Registered {
        custodian: code(custodian),
        encryption: Encryption::VeraCrypt,
        keep_until: day("2024-03-31"),
    }
}

fn handed_over(from: &str, to: &str, outside: bool) -> CustodyAction {
    CustodyAction::HandedOver {
        from: code(from),
        to: code(to),
        seal: code("S-1"),
        outside,
    }
}

fn stored(by: &str) -> CustodyAction {
    CustodyAction::Stored {
        by: code(by),
        location: code("safe-1"),
    }
}

fn taken_out(by: &str, outside: bool) -> CustodyAction {
    CustodyAction::TakenOut {
        by: code(by),
        outside,
    }
}

fn moved(by: &str, outside: bool) -> CustodyAction {
    CustodyAction::Moved {
        by: code(by),
        outside,
    }
}

fn withdrawn(by: &str) -> CustodyAction {
    CustodyAction::Withdrawn { by: code(by) }
}

fn lost(by: &str) -> CustodyAction {
    CustodyAction::Lost { by: code(by) }
}

fn found(by: &str) -> CustodyAction {
    CustodyAction::Found { by: code(by) }
}

fn used(by: &str) -> CustodyAction {
    CustodyAction::Used { by: code(by) }
}

fn kept_longer(until: &str) -> CustodyAction {
    let keep_until = day(until);
    CustodyAction::KeptLonger { keep_until }
}

fn destroyed(by: &str) -> CustodyAction {
    CustodyAction::Destroyed {
        by: code(by),
        method: DestructionMethod::PhysicalDestruction,
    }
}

/// The register after these, each recorded as it happened, an hour after the one before.
fn after(events: &[(&str, CustodyAction)]) -> CustodyRegister {
    let mut register = CustodyRegister::default();
    for ((carrier, action), hours) in events.iter().zip(0..) {
        let event = event(carrier, hours, action.clone());
        register.follow(at(hours), &event).unwrap();
    }
    register
}

/// What is said of that action as the next one, and the register is as it was.
fn refused(register: &CustodyRegister, carrier: &str, action: CustodyAction) -> CustodyError {
    let mut next = register.clone();
    let hours = 100;
    let error = next.follow(at(hours), &event(carrier, hours, action));
    assert_eq!(
        format!("{next:?}"),
        format!("{register:?}"),
        "a refused record changes nothing"
    );
    error.unwrap_err()
}

fn place(register: &CustodyRegister, carrier: &str) -> (String, CustodyPlace) {
    let found = register
        .carriers()
        .find(|(known, _)| **known == code(carrier));
    let (_, known) = found.unwrap();
    (known.custodian().to_string(), known.place().clone())
}

#[test]
fn a_chain_goes_from_hand_to_hand_to_its_end() {
    let in_hand = |outside| CustodyPlace::InHand { outside };
    let safe = CustodyPlace::Stored {
        location: code("safe-1"),
    };
    let ended = CustodyPlace::Destroyed {
        method: DestructionMethod::PhysicalDestruction,
    };
    let steps = [
        (registered("kt-1"), "kt-1", in_hand(false)),
        (used("kt-1"), "kt-1", in_hand(false)),
        (moved("kt-1", true), "kt-1", in_hand(true)),
        (moved("kt-1", false), "kt-1", in_hand(false)),
        (stored("kt-1"), "kt-1", safe.clone()),
        (taken_out("kt-1", true), "kt-1", in_hand(true)),
        (handed_over("kt-1", "kt-2", true), "kt-2", in_hand(true)),
        (used("kt-2"), "kt-2", in_hand(true)),
        (stored("kt-2"), "kt-2", safe),
        // Out of the safe into the next one's hands.
        (handed_over("kt-2", "kt-3", false), "kt-3", in_hand(false)),
        (kept_longer("2026-03-31"), "kt-3", in_hand(false)),
        (lost("kt-3"), "kt-3", CustodyPlace::Lost),
        (kept_longer("2027-03-31"), "kt-3", CustodyPlace::Lost),
        (found("kt-4"), "kt-4", in_hand(false)),
        (destroyed("kt-4"), "kt-4", ended),
    ];
    for last in 0..steps.len() {
        let events: Vec<_> = steps
            .iter()
            .take(last + 1)
            .map(|(action, _, _)| ("hd-1", action.clone()))
            .collect();
        let (_, custodian, expected) = &steps[last];
        let found = place(&after(&events), "hd-1");
        assert_eq!(found, ((*custodian).to_owned(), expected.clone()), "{last}");
    }
}

#[test]
fn a_gap_is_refused_and_named() {
    let register = after(&[("hd-1", registered("kt-1")), ("hd-2", registered("kt-2"))]);
    for action in [
        handed_over("kt-2", "kt-3", false),
        stored("kt-2"),
        used("kt-2"),
        destroyed("kt-2"),
        moved("kt-2", true),
        lost("kt-2"),
        withdrawn("kt-2"),
    ] {
        let said = refused(&register, "hd-1", action).to_string();
        assert_eq!(said, "hd-1 is in the custody of kt-1, not of kt-2 (S-18.3)");
    }
    let refused = |carrier, action| refused(&register, carrier, action);
    assert!(matches!(
        refused("hd-1", handed_over("kt-1", "kt-1", false)),
        CustodyError::SameCustodian(_)
    ));
    assert!(matches!(
        refused("hd-1", taken_out("kt-1", false)),
        CustodyError::NotStored(_)
    ));
    assert!(matches!(
        refused("hd-3", used("kt-1")),
        CustodyError::Unknown(_)
    ));
    assert!(matches!(
        refused("hd-1", registered("kt-1")),
        CustodyError::Known(_)
    ));
    assert!(matches!(
        refused("hd-1", moved("kt-1", false)),
        CustodyError::NotMoved { outside: false, .. }
    ));
    assert!(matches!(
        refused("hd-1", found("kt-1")),
        CustodyError::NotLost(_)
    ));
    assert!(matches!(
        refused("hd-1", kept_longer("2024-03-31")),
        CustodyError::NotLater { .. }
    ));
}

#[test]
fn a_mistake_is_withdrawn_as_long_as_nothing_else_is_known() {
    let two = [("hd-1", registered("kt-1")), ("hd-2", registered("kt-1"))];
    let mut register = after(&two);
    let mistake = event("hd-2", 10, withdrawn("kt-1"));
    register.follow(at(10), &mistake).unwrap();
    assert_eq!(place(&register, "hd-2").1, CustodyPlace::Withdrawn);
    let third = event("hd-3", 10, registered("kt-1"));
    assert_eq!(register.follow(at(10), &third), Ok(()));
    let used = event("hd-3", 11, used("kt-1"));
    register.follow(at(11), &used).unwrap();
    let error = refused(&register, "hd-3", withdrawn("kt-1"));
    assert!(matches!(error, CustodyError::NotNew(_)), "{error}");
    // An alarm is not ended by saying that there was nothing to be destroyed.
    let mut late = event("hd-1", 0, withdrawn("kt-1"));
    late.happened_at = UnixMillis::parse("2024-03-31T22:00:00Z").unwrap();
    let error = register.follow(late.happened_at, &late).unwrap_err();
    assert!(matches!(error, CustodyError::Ended { .. }), "{error}");
}

#[test]
fn what_is_lost_keeps_its_place_and_is_an_alarm_until_it_is_found() {
    let mut register = after(&[
        ("hd-1", registered("kt-1")),
        ("hd-2", registered("kt-1")),
        ("hd-1", lost("kt-1")),
    ]);
    for action in [
        handed_over("kt-1", "kt-2", false),
        stored("kt-1"),
        moved("kt-1", true),
        used("kt-1"),
        lost("kt-1"),
        destroyed("kt-1"),
    ] {
        let error = refused(&register, "hd-1", action);
        assert!(matches!(error, CustodyError::Lost(_)), "{error}");
    }
    assert_eq!(
        refused(&register, "hd-3", registered("kt-1")),
        CustodyError::TooMany
    );
    let said = |register: &CustodyRegister| {
        let alarms = register.alarms(at(5), None).into_iter();
        alarms.map(|alarm| alarm.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        said(&register),
        ["hd-1 is lost since 2018-05-01T12:00:00.000Z, and kt-1 had it last"]
    );
    let late = UnixMillis::parse("2024-03-31T22:00:00Z").unwrap();
    let alarms = register.alarms(late, None);
    assert_eq!(
        alarms.len(),
        3,
        "lost, and to be destroyed, both: {alarms:?}"
    );
    let again = event("hd-1", 10, found("kt-2"));
    register.follow(at(10), &again).unwrap();
    assert!(said(&register).is_empty());
}

#[test]
fn the_last_seal_is_known_until_it_is_opened() {
    let mut register = after(&[
        ("hd-1", registered("kt-1")),
        ("hd-1", handed_over("kt-1", "kt-2", false)),
    ]);
    let seal = |register: &CustodyRegister| {
        let (_, known) = register.carriers().next().unwrap();
        known.seal().map(ToString::to_string)
    };
    assert_eq!(seal(&register).as_deref(), Some("S-1"));
    let opened = event("hd-1", 10, used("kt-2"));
    register.follow(at(10), &opened).unwrap();
    assert_eq!(seal(&register), None);
}

#[test]
fn what_is_stored_is_taken_out_before_anything_is_done_with_it() {
    let register = after(&[("hd-1", registered("kt-1")), ("hd-1", stored("kt-1"))]);
    for action in [
        used("kt-1"),
        destroyed("kt-1"),
        stored("kt-1"),
        moved("kt-1", true),
    ] {
        let error = refused(&register, "hd-1", action);
        assert!(matches!(error, CustodyError::Stored { .. }), "{error}");
    }
    let error = refused(&register, "hd-1", taken_out("kt-2", false));
    assert!(
        matches!(error, CustodyError::NotCustodian { .. }),
        "{error}"
    );
}

#[test]
fn a_chain_that_ended_stays_ended() {
    let register = after(&[("hd-1", registered("kt-1")), ("hd-1", destroyed("kt-1"))]);
    for action in [
        handed_over("kt-1", "kt-2", false),
        stored("kt-1"),
        taken_out("kt-1", false),
        used("kt-1"),
        kept_longer("2030-01-01"),
        destroyed("kt-1"),
    ] {
        let error = refused(&register, "hd-1", action);
        assert!(matches!(error, CustodyError::Closed(_)), "{error}");
    }
    let again = refused(&register, "hd-1", registered("kt-1"));
    assert!(matches!(again, CustodyError::Known(_)), "{again}");
}

#[test]
fn a_third_carrier_is_refused_at_every_moment() {
    let two = [("hd-1", registered("kt-1")), ("hd-2", registered("kt-1"))];
    let mut register = after(&two);
    let third = refused(&register, "hd-3", registered("kt-1"));
    assert_eq!(third, CustodyError::TooMany);
    let ended = event("hd-1", 10, destroyed("kt-1"));
    register.follow(at(20), &ended).unwrap();
    // Recorded afterwards, and at its time there still were two.
    let before = event("hd-3", 9, registered("kt-1"));
    let error = register.clone().follow(at(30), &before);
    assert_eq!(error, Err(CustodyError::TooMany));
    let from_then_on = event("hd-3", 10, registered("kt-1"));
    assert_eq!(register.follow(at(30), &from_then_on), Ok(()));
}

#[test]
fn carriers_that_came_after_each_other_take_one_place() {
    let mut register = CustodyRegister::default();
    let mut follow = |recorded, carrier, hours, action| {
        register.follow(at(recorded), &event(carrier, hours, action))
    };
    assert_eq!(follow(50, "hd-1", 10, registered("kt-1")), Ok(()));
    assert_eq!(follow(50, "hd-1", 20, destroyed("kt-1")), Ok(()));
    assert_eq!(follow(50, "hd-2", 20, registered("kt-1")), Ok(()));
    assert_eq!(follow(50, "hd-2", 30, destroyed("kt-1")), Ok(()));
    // Of before all that, and recorded after it.
    assert_eq!(follow(51, "hd-3", 5, registered("kt-1")), Ok(()));
    let error = follow(51, "hd-4", 6, registered("kt-1"));
    assert_eq!(error, Err(CustodyError::TooMany));
    assert_eq!(follow(51, "hd-3", 7, destroyed("kt-1")), Ok(()));
    assert_eq!(follow(52, "hd-4", 7, registered("kt-1")), Ok(()));
}

#[test]
fn since_when_it_is_there_is_told_apart_from_what_was_done_with_it() {
    let mut register = after(&[
        ("hd-1", registered("kt-1")),
        ("hd-1", handed_over("kt-1", "kt-2", false)),
        ("hd-1", used("kt-2")),
        ("hd-1", kept_longer("2026-03-31")),
    ]);
    let since = |register: &CustodyRegister| {
        let (_, known) = register.carriers().next().unwrap();
        known.since()
    };
    assert_eq!(since(&register), at(1));
    let gone = event("hd-1", 4, lost("kt-2"));
    register.follow(at(4), &gone).unwrap();
    let longer = event("hd-1", 5, kept_longer("2027-03-31"));
    register.follow(at(5), &longer).unwrap();
    assert_eq!(since(&register), at(4));
    // What happened before the last that is known does not follow, whatever it changes.
    let early = register.follow(at(9), &event("hd-1", 4, found("kt-2")));
    assert!(
        matches!(early, Err(CustodyError::OutOfOrder { .. })),
        "{early:?}"
    );
}

#[test]
fn time_goes_forward() {
    let mut register = after(&[("hd-1", registered("kt-1")), ("hd-1", used("kt-1"))]);
    let follow = |register: &mut CustodyRegister, recorded, happened| {
        register.follow(at(recorded), &event("hd-1", happened, used("kt-1")))
    };
    let early = follow(&mut register, 5, 6);
    assert!(
        matches!(early, Err(CustodyError::Early { .. })),
        "{early:?}"
    );
    let before = follow(&mut register, 5, 0);
    assert!(
        matches!(before, Err(CustodyError::OutOfOrder { .. })),
        "{before:?}"
    );
    // Recorded late, in its order.
    assert_eq!(follow(&mut register, 5, 3), Ok(()));
    let back = follow(&mut register, 4, 4);
    assert!(
        matches!(back, Err(CustodyError::ClockBack { .. })),
        "{back:?}"
    );
}

#[test]
fn what_was_to_be_destroyed_is_an_alarm_until_it_is() {
    let mut register = after(&[("hd-1", registered("kt-1")), ("hd-2", registered("kt-2"))]);
    let time = |text| UnixMillis::parse(text).unwrap();
    let said = |register: &CustodyRegister, now, allowed| {
        let alarms = register.alarms(now, allowed).into_iter();
        alarms.map(|alarm| alarm.to_string()).collect::<Vec<_>>()
    };
    assert!(said(&register, time("2024-03-31T21:59:59Z"), None).is_empty());
    assert_eq!(
        said(&register, time("2024-03-31T22:00:00Z"), None),
        [
            "hd-1 was to be destroyed by 2024-03-31, and kt-1 answers for it",
            "hd-2 was to be destroyed by 2024-03-31, and kt-2 answers for it"
        ]
    );
    let now = time("2024-04-02T12:00:00Z");
    let mut follow = |carrier, action| {
        let mut event = event(carrier, 0, action);
        event.happened_at = now;
        register.follow(now, &event).unwrap();
        said(&register, now, None).len()
    };
    assert_eq!(follow("hd-1", destroyed("kt-1")), 1);
    assert_eq!(follow("hd-2", kept_longer("2026-03-31")), 0);
    // Only as far as the catalogue in force goes, whatever was recorded.
    assert_eq!(
        said(&register, now, Some(day("2024-03-31"))),
        ["hd-2 was to be destroyed by 2024-03-31, and kt-2 answers for it"]
    );
    assert!(said(&register, now, Some(day("2030-03-31"))).is_empty());
    let later = time("2026-04-02T12:00:00Z");
    assert_eq!(said(&register, later, Some(day("2030-03-31"))).len(), 1);
    // Nothing is put on a carrier that should be gone by then.
    let mut third = event("hd-3", 0, registered("kt-1"));
    third.happened_at = now;
    let error = register.follow(now, &third).unwrap_err();
    assert!(matches!(error, CustodyError::Ended { .. }), "{error}");
}

fn origin() -> Origin {
    Origin::parse("custody.example.be/17-020").unwrap()
}

/// The record of that event, which follows a log of that head.
fn entry(number: u8, event: &CustodyEvent, head: ChainHead) -> StoredEntry {
    let source = EventSource::new("be.example.custody.v1", "https://custody.example.be", "fps");
    let envelope = Envelope {
        source: &source.unwrap(),
        id: EntryId::from_random([number; 16]),
        at: at(200),
        policy: PolicyDigest([7; 32]),
    };
    CustodyRecord::entry(&envelope, event, CommitmentRandom::new([number; 32]), head).unwrap()
}

fn every_action() -> Vec<CustodyAction> {
    vec![
        registered("kt-1"),
        handed_over("kt-1", "kt-2", false),
        handed_over("kt-2", "kt-1", true),
        moved("kt-1", false),
        moved("kt-1", true),
        stored("kt-1"),
        taken_out("kt-1", false),
        taken_out("kt-1", true),
        used("kt-1"),
        kept_longer("2026-03-31"),
        lost("kt-1"),
        found("kt-1"),
        withdrawn("kt-1"),
        destroyed("kt-1"),
    ]
}

#[test]
fn records_are_a_log_and_are_read_as_they_were_written() {
    let mut head = ChainHead::genesis(&origin());
    let mut entries = Vec::new();
    for (action, number) in every_action().into_iter().zip(1..) {
        let event = event("hd-1", number.into(), action);
        let entry = entry(number, &event, head);
        let read = CustodyRecord::read(&entry).unwrap();
        assert_eq!((read.event(), read.recorded_at()), (&event, at(200)));
        head = head.followed_by(entry.decode().unwrap().leaf_hash());
        entries.push(entry);
    }
    assert_eq!(entries.len(), 14);
    assert_eq!(verify_chain(&origin(), entries), Ok(head));
}

#[test]
fn a_record_reads_as_documented() {
    let event = event("hd-1", 1, handed_over("kt-1", "kt-2", true));
    let entry = entry(1, &event, ChainHead::genesis(&origin()));
    assert_eq!(
        entry.payload().unwrap(),
        concat!(
            r#"{"specversion":"1.0","id":"01010101-0101-4101-8101-010101010101","source":"https://custody.example.be","#,
            r#""service":"be.example.custody.v1","type":"be.example.custody.v1.carriers.notify.handedOver","#,
            r#""time":"2018-05-09T18:00:00.000Z","datacontenttype":"application/json","data":{"institution":"fps","#,
            r#""basis":"mimosis","deliberation":"17/020","carrier":"hd-1","happenedAt":"2018-05-01T11:00:00.000Z","#,
            r#""from":"kt-1","to":"kt-2","seal":"S-1","outside":true,"separateBag":true}}"#
        )
    );
}

/// The entry that commits to another payload: what one with the key could write.
fn rewritten(entry: &StoredEntry, from: &str, to: &str) -> StoredEntry {
    let random = CommitmentRandom::new([1; 32]);
    let payload = entry.payload().unwrap().replacen(from, to, 1);
    assert_ne!(Some(payload.as_str()), entry.payload(), "{from}");
    let mut leaf = entry.decode().unwrap();
    leaf.commitment = sluis_log::Commitment::to(&payload, entry.id, &random);
    let mut other = entry.clone();
    other.entry = leaf.encode().to_vec();
    other.erasable = Erasable::Opened(Opening {
        random: random.as_bytes().to_vec(),
        payload,
    });
    other
}

#[test]
fn a_record_has_one_spelling_and_no_other_fields() {
    let event = event("hd-1", 1, handed_over("kt-1", "kt-2", true));
    let good = entry(1, &event, ChainHead::genesis(&origin()));
    for (from, to) in [
        ("\"kt-2\"", "\"85073003328\""),
        ("\"kt-2\"", "\"Jan Peeters\""),
        ("\"kt-2\",", "\"kt-2\",\"name\":\"Jan\","),
        (",\"separateBag\":true", ""),
        (",\"separateBag\":true", ",\"separateBag\":false"),
        (",\"seal\":\"S-1\"", ""),
        ("handedOver", "handedover"),
        ("handedOver", "stored"),
        ("carriers.notify", "keys.notify"),
        ("11:00:00.000Z", "11:00:00Z"),
        ("T18:00:00.000Z", "T18:01:00.000Z"),
        ("\"1.0\"", "\"1.1\""),
        ("{\"specversion\"", "{ \"specversion\""),
    ] {
        let read = CustodyRecord::read(&rewritten(&good, from, to));
        assert_eq!(read, Err(CustodyRecordError::Payload), "{from} → {to}");
    }
    let mut changed = good.clone();
    changed.erasable.opening_mut().unwrap().payload.push(' ');
    let read = CustodyRecord::read(&changed);
    assert!(
        matches!(read, Err(CustodyRecordError::Commitment(_))),
        "{read:?}"
    );
    let mut erased = good;
    erased.erasable = Erasable::Erased;
    assert_eq!(
        CustodyRecord::read(&erased),
        Err(CustodyRecordError::Erased)
    );
    let sample = sluis_log::conformance::sample(1, 0).unwrap();
    let mut log = sluis_log::MemoryLog::new(origin());
    log.append(&sample).unwrap();
    let other = sluis_log::conformance::opened(log.read(0, 1)).remove(0);
    assert_eq!(
        CustodyRecord::read(&other),
        Err(CustodyRecordError::OtherKind)
    );
}

fn any_step() -> impl Strategy<Value = (usize, u8, CustodyAction)> {
    let who = || prop::sample::select(vec!["kt-1", "kt-2", "kt-3"]);
    let action = prop_oneof![
        who().prop_map(registered),
        (who(), who(), any::<bool>()).prop_map(|(from, to, out)| handed_over(from, to, out)),
        who().prop_map(stored),
        (who(), any::<bool>()).prop_map(|(by, out)| taken_out(by, out)),
        (who(), any::<bool>()).prop_map(|(by, out)| moved(by, out)),
        who().prop_map(used),
        who().prop_map(lost),
        who().prop_map(found),
        who().prop_map(withdrawn),
        who().prop_map(destroyed),
    ];
    (0..4_usize, 0..6_u8, action)
}

proptest! {
    /// Whatever is tried, what was taken is a chain without a gap for each carrier; never are there more than two with
    /// the data at one moment; and what stood at a moment is what the records up to it come to.
    #[test]
    fn whatever_is_recorded_each_carrier_is_with_one_at_each_moment(
        steps in prop::collection::vec(any_step(), 0..80),
    ) {
        let mut register = CustodyRegister::default();
        let mut taken: Vec<CustodyEvent> = Vec::new();
        for ((carrier, back, action), hours) in steps.into_iter().zip(10_u64..) {
            let happened = hours - u64::from(back);
            let event = event(["a", "b", "c", "d"][carrier], happened, action);
            if register.follow(at(hours), &event).is_ok() {
                taken.push(event);
            }
        }
        for carrier in ["a", "b", "c", "d"] {
            let mut holder: Option<CustodyCode> = None;
            for event in taken.iter().filter(|event| event.carrier == code(carrier)) {
                match &event.action {
                    CustodyAction::Registered { custodian, .. } => {
                        prop_assert_eq!(&holder, &None);
                        holder = Some(custodian.clone());
                    }
                    CustodyAction::HandedOver { from, to, .. } => {
                        prop_assert_eq!(&holder, &Some(from.clone()));
                        holder = Some(to.clone());
                    }
                    CustodyAction::Stored { by, .. }
                    | CustodyAction::TakenOut { by, .. }
                    | CustodyAction::Moved { by, .. }
                    | CustodyAction::Used { by }
                    | CustodyAction::Withdrawn { by }
                    | CustodyAction::Lost { by }
                    | CustodyAction::Destroyed { by, .. } => {
                        prop_assert_eq!(&holder, &Some(by.clone()));
                    }
                    CustodyAction::Found { by } => holder = Some(by.clone()),
                    CustodyAction::KeptLonger { .. } => {}
                }
            }
        }
        for hours in 0..100 {
            let mut then = CustodyRegister::default();
            for event in taken.iter().filter(|event| event.happened_at <= at(hours)) {
                prop_assert_eq!(then.follow(at(1_000), event), Ok(()));
            }
            let open = then.carriers().filter(|(_, known)| !known.has_ended());
            prop_assert!(open.count() <= 2);
        }
    }
}
