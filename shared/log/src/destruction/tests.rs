//! The signed record of a destruction: one spelling, and no byte of it can be changed.

use super::*;
use crate::note::{DatedShardMap, VerifiedCheckpoint, VerifiedShardMap};
use crate::payload_key::PayloadKey;
use crate::shard::ShardMap;

const NAME: &str = "validator.example.be/log";
/// 2029-01-01T00:00:00Z.
const DUE: u64 = 1_861_920_000_000;

fn named(path: &str) -> Origin {
    Origin::parse(&format!("{NAME}{path}")).unwrap()
}

fn signer(name: &str) -> NoteSigner {
    NoteSigner::new(KeyName::parse(name).unwrap(), &[7; 32]).unwrap()
}

fn of(path: &str, payloads: Option<PayloadRange>) -> DestroyedPayloads {
    DestroyedPayloads {
        log: named(path),
        payloads,
    }
}

fn made(at: u64, logs: Vec<DestroyedPayloads>) -> Result<DestructionRecord, DestructionError> {
    let period = RetentionPeriod::parse("refusals/2029-01-01").unwrap();
    let key = PayloadKey::new(&named(""), period, [5; 32]);
    let entry = LoggedAt {
        log: named("/0"),
        index: 41,
        id: EntryId::from_random([9; 16]),
    };
    let at = UnixMillis::new(at).unwrap();
    DestructionRecord::new(named(""), (period, key.id()), at, entry, logs)
}

fn record() -> DestructionRecord {
    let logs = vec![of("/0", PayloadRange::new(12, 3, 40)), of("/1", None)];
    made(DUE, logs).unwrap()
}

#[test]
fn what_was_signed_is_read_and_verified() {
    let note = record().sign(&signer(NAME)).unwrap();
    assert!(note.text().starts_with("sluis log destruction v1\n"));
    let note = SignedNote::parse(note.to_string().as_bytes()).unwrap();
    let verified = VerifiedDestruction::verify(&note, &signer(NAME).verifier()).unwrap();
    assert_eq!(verified.record(), &record());
}

#[test]
fn no_byte_can_be_changed() {
    let note = record().sign(&signer(NAME)).unwrap().to_string();
    let key = signer(NAME).verifier();
    for at in 0..note.len() {
        let mut bytes = note.clone().into_bytes();
        bytes[at] ^= 1;
        let verified = SignedNote::parse(&bytes)
            .map_err(DestructionError::from)
            .and_then(|note| VerifiedDestruction::verify(&note, &key));
        assert!(verified.is_err(), "byte {at}");
    }
}

#[test]
fn only_the_deployments_own_key_signs() {
    let other = format!("{NAME}/0");
    assert!(matches!(
        record().sign(&signer(&other)),
        Err(DestructionError::OtherDeployment { .. })
    ));
    let note = record().sign(&signer(NAME)).unwrap();
    assert!(matches!(
        VerifiedDestruction::verify(&note, &signer(&other).verifier()),
        Err(DestructionError::OtherDeployment { .. })
    ));
    let foreign = NoteSigner::new(KeyName::parse(NAME).unwrap(), &[8; 32]).unwrap();
    assert!(matches!(
        VerifiedDestruction::verify(&note, &foreign.verifier()),
        Err(DestructionError::NotSigned(_))
    ));
}

#[test]
fn one_kind_of_note_is_never_taken_for_another() {
    let (signer, key) = (signer(NAME), signer(NAME).verifier());
    let note = record().sign(&signer).unwrap();
    assert!(VerifiedShardMap::verify(&note, &named(""), std::slice::from_ref(&key)).is_err());
    assert!(
        VerifiedCheckpoint::verify(note.clone(), &named(""), std::slice::from_ref(&key)).is_err()
    );
    let map = ShardMap::new(named(""), 2, &[]).unwrap();
    let map = DatedShardMap::new(map, UnixMillis::EPOCH);
    assert_eq!(
        VerifiedDestruction::verify(&map.sign(&signer).unwrap(), &key),
        Err(LinesError::OtherNote("sluis log destruction v1").into())
    );
}

#[test]
fn nothing_is_destroyed_before_its_day() {
    let logs = || vec![of("/0", None)];
    assert!(made(DUE, logs()).is_ok());
    assert!(matches!(
        made(DUE - 1, logs()),
        Err(DestructionError::NotDue { .. })
    ));
    // Nor can it be read, however well it is signed.
    let text = record()
        .to_string()
        .replace("2029-01-01T00:00:00.000Z", "2028-12-31T23:59:59.999Z");
    let signature = signer(NAME).sign(&text);
    let note = SignedNote::new(text, vec![signature]).unwrap();
    assert!(matches!(
        VerifiedDestruction::verify(&note, &signer(NAME).verifier()),
        Err(DestructionError::NotDue { .. })
    ));
}

#[test]
fn a_record_has_one_spelling_and_bounds() {
    assert_eq!(made(DUE, Vec::new()), Err(DestructionError::Logs));
    let twice = vec![of("/0", None), of("/0", None)];
    assert_eq!(made(DUE, twice), Err(DestructionError::Logs));
    let many = (0..18).map(|n| of(&format!("/{n}"), None)).collect();
    assert_eq!(made(DUE, many), Err(DestructionError::Logs));
    for (count, first, last) in [(0, 3, 3), (1, 4, 3), (3, 4, 5), (u64::MAX, 0, 1)] {
        assert_eq!(PayloadRange::new(count, first, last), None);
    }
    assert!(PayloadRange::new(2, 4, 5).is_some());

    let text = record().to_string();
    for (from, to) in [
        ("log/1 0\n", "log/1 00\n"),
        ("log/1 0\n", "log/1 0 0 0\n"),
        ("log/1 0\n", "log/1 0 \n"),
        ("log/1 0\n", "log/1 0\n\n"),
        ("log/1 0\n", "log/1 0\nmore\n"),
        ("12 3 40", "12 3"),
        ("12 3 40", "12 40 3"),
        ("12 3 40", "39 3 40"),
        ("log/0 41 ", "log/0 041 "),
        ("log/0 41 ", "log/0  41 "),
        (
            "payloads validator.example.be/log/0",
            "payloads  validator.example.be/log/0",
        ),
        ("refusals/", "Refusals/"),
        ("period ", "key "),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let signature = signer(NAME).sign(&changed);
        let read = SignedNote::new(changed, vec![signature])
            .map_err(DestructionError::from)
            .and_then(|note| DestructionRecord::parse(&note));
        assert!(
            matches!(
                read,
                Err(DestructionError::Lines(_) | DestructionError::Note(_))
            ),
            "{to:?}: {read:?}"
        );
    }
}
