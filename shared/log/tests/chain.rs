//! The entry, the chain and their verification.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use sluis_log::{
    ChainHead, ChainVerifier, CommitmentError, ENTRY_BYTES, Entry, EntryError, EntryId, EntryPage,
    Erasable, Fault, FsckError, IdCheck, MemoryLog, Origin, OriginError, OutcomeCode, RECENT_IDS,
    SealedEntry, StoredEntry, Stream, conformance, verify_chain,
};
use support::{AT, origin, sealed};

fn log_of(kinds: &[u8]) -> Vec<StoredEntry> {
    let mut log = MemoryLog::new(origin());
    for (number, kind) in kinds.iter().enumerate() {
        let number = u8::try_from(number).unwrap();
        let at = AT + u64::from(number) * 1_000;
        log.append(&sealed(*kind, [number; 16], [number ^ 0x80; 32], at))
            .unwrap();
    }
    conformance::opened(log.read(0, u32::MAX))
}

fn first_fault(entries: Vec<StoredEntry>) -> FsckError {
    verify_chain(&origin(), entries).unwrap_err()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// Computed apart, with Python's hashlib and hmac, from the documented format.
#[test]
fn the_format_is_what_the_documentation_says() {
    let pending = sealed(0, [1; 16], [2; 32], AT);
    assert_eq!(
        hex(&pending.entry_bytes()),
        "01010101c17418cacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacabafee81883a33e0f725e1587c4b4e8b579db727928ea158a7388b51b31d6e0ab"
    );
    assert_eq!(
        hex(&pending.leaf_hash().0),
        "297f39e601ade795080dae057f2cd6c285277e2b1d3df6697842968a0739d29c"
    );
    let genesis = ChainHead::genesis(&origin());
    assert_eq!(
        hex(&genesis.hash.0),
        "0b8de937cbe129cdd02daeae94279bf21ed7db0a3bcead9a9c6a00fff93154cf"
    );
    assert_eq!(
        hex(&genesis.followed_by(pending.leaf_hash()).hash.0),
        "7c3194aacf3e2e9cb9c370ed043363e6cad0a5d77344752aa6ec5bd189f2c802"
    );
}

#[test]
fn two_logs_never_share_a_chain() {
    let other = Origin::parse("validator.example.be/log2").unwrap();
    assert_ne!(
        ChainHead::genesis(&origin()).hash,
        ChainHead::genesis(&other).hash
    );
    let entries = log_of(&[0, 1]);
    let error = verify_chain(&other, entries).unwrap_err();
    assert_eq!(
        error,
        FsckError {
            index: 0,
            fault: Fault::WrongChain
        }
    );
}

#[test]
fn an_origin_fits_a_checkpoint() {
    assert_eq!(Origin::parse(""), Err(OriginError::Length(0)));
    assert_eq!(
        Origin::parse(&"a".repeat(201)),
        Err(OriginError::Length(201))
    );
    for (text, character) in [("a b", ' '), ("a+b", '+'), ("a\n", '\n'), ("é", 'é')] {
        assert_eq!(Origin::parse(text), Err(OriginError::Character(character)));
    }
}

#[test]
fn damaged_entries_are_called_what_they_are() {
    let good = sealed(0, [1; 16], [2; 32], AT).entry_bytes();
    let with = |offset: usize, value: u8| {
        let mut bytes = good;
        bytes[offset] = value;
        Entry::decode(&bytes)
    };
    assert_eq!(Entry::decode(&[]), Err(EntryError::Length(0)));
    assert_eq!(Entry::decode(&good[..70]), Err(EntryError::Length(70)));
    assert_eq!(
        Entry::decode(&[&good[..], &[0]].concat()),
        Err(EntryError::Length(72))
    );
    assert_eq!(with(0, 2), Err(EntryError::Version(2)));
    assert_eq!(Entry::decode(&[9; 200]), Err(EntryError::Version(9)));
    assert_eq!(with(1, 3), Err(EntryError::Stream(3)));
    assert_eq!(with(2, 0), Err(EntryError::Outcome(0)));
    assert_eq!(
        with(2, 2),
        Err(EntryError::OutcomeOfOtherStream {
            stream: Stream::Accesses,
            outcome: OutcomeCode::Refused
        })
    );
}

#[test]
fn every_fault_is_named_with_its_index() {
    let log = log_of(&[0, 1, 2, 3, 4, 5]);
    let at = |index, fault| FsckError { index, fault };

    let mut gap = log.clone();
    gap.remove(2);
    assert_eq!(first_fault(gap), at(2, Fault::Gap { found: 3 }));

    let mut swapped = log.clone();
    swapped.swap(1, 2);
    assert_eq!(first_fault(swapped), at(1, Fault::Gap { found: 2 }));

    let mut doubled = log.clone();
    doubled.insert(3, log[2].clone());
    assert_eq!(first_fault(doubled), at(3, Fault::Gap { found: 2 }));

    let mut renumbered = log.clone();
    renumbered.swap(1, 2);
    renumbered[1].index = 1;
    renumbered[2].index = 2;
    assert_eq!(first_fault(renumbered), at(1, Fault::WrongChain));

    let mut short = log.clone();
    short[4].entry.pop();
    assert_eq!(
        first_fault(short),
        at(4, Fault::Undecodable(EntryError::Length(70)))
    );

    let mut other_stream = log.clone();
    other_stream[0].stream = Stream::Refusals;
    let fault = Fault::WrongStream {
        stored: Stream::Refusals,
        entry: Stream::Accesses,
    };
    assert_eq!(first_fault(other_stream), at(0, fault));

    let mut payload = log.clone();
    payload[5].erasable = log[4].erasable.clone();
    let fault = Fault::WrongCommitment(CommitmentError::Mismatch);
    assert_eq!(first_fault(payload), at(5, fault));

    let mut random = log.clone();
    random[3].erasable.opening_mut().unwrap().random.pop();
    let fault = Fault::WrongCommitment(CommitmentError::Random(31));
    assert_eq!(first_fault(random), at(3, fault));

    let mut id = log.clone();
    id[2].id = EntryId::from_stored(&[0; 16]).unwrap();
    assert_eq!(first_fault(id), at(2, Fault::WrongId));

    let mut verifier = ChainVerifier::new(&origin(), IdCheck::All);
    for entry in &log[..4] {
        verifier.next(entry).unwrap();
    }
    assert_eq!(verifier.finish(6), Err(at(4, Fault::Truncated { size: 6 })));
}

#[test]
fn a_writer_that_counted_a_retry_twice_is_found() {
    // Two logs whose stores knew no idempotency: the same id at two indices.
    let repeated = |distance: u64, check| {
        let mut verifier = ChainVerifier::new(&origin(), check);
        let mut head = ChainHead::genesis(&origin());
        let numbers = (0..distance).chain([0]);
        for number in numbers {
            let pending = conformance::sample(number, 0).unwrap();
            let receipt = head.receipt_for(&pending);
            let mut one = MemoryLog::new(origin());
            one.append(&pending).unwrap();
            let mut stored = conformance::opened(one.read(0, 1)).remove(0);
            stored.index = receipt.index;
            stored.chain = receipt.chain.0.to_vec();
            verifier.next(&stored)?;
            head = head.followed_by(pending.leaf_hash());
        }
        Ok::<_, FsckError>(verifier.summary().head)
    };
    let id = conformance::sample(0, 0).unwrap().id();
    for check in [IdCheck::All, IdCheck::Recent] {
        let fault = Fault::DuplicateId(id);
        assert_eq!(repeated(3, check), Err(FsckError { index: 3, fault }));
    }
    // The window is what the documentation says, no less and no more.
    let window = RECENT_IDS as u64;
    let fault = Fault::DuplicateId(id);
    assert_eq!(
        repeated(window, IdCheck::Recent),
        Err(FsckError {
            index: window,
            fault
        })
    );
    assert_eq!(
        repeated(window + 1, IdCheck::Recent).unwrap().size,
        window + 2
    );
}

#[test]
fn erasing_payloads_leaves_the_chain_whole() {
    let mut log = MemoryLog::new(origin());
    for number in 0..5 {
        log.append(&sealed(number, [number; 16], [number; 32], AT))
            .unwrap();
    }
    let before = log.head();
    assert!(log.erase(1) && log.erase(4) && !log.erase(4) && !log.erase(5));
    let entries = conformance::opened(log.read(0, 10));
    assert_eq!(entries[1].payload(), None);
    let mut verifier = ChainVerifier::new(&origin(), IdCheck::All);
    entries
        .iter()
        .try_for_each(|entry| verifier.next(entry))
        .unwrap();
    let summary = verifier.finish(5).unwrap();
    assert_eq!(summary.head, before);
    assert_eq!((summary.opened, summary.erased), (3, 2));
    assert_eq!((summary.granted, summary.refused), (1, 1));
}

#[test]
fn verification_resumes_behind_a_known_head() {
    let log = log_of(&[0, 1, 2, 3]);
    let head = verify_chain(&origin(), log[..2].to_vec()).unwrap();
    let mut verifier = ChainVerifier::resume(head, IdCheck::Recent);
    log[2..]
        .iter()
        .try_for_each(|entry| verifier.next(entry))
        .unwrap();
    assert_eq!(
        verifier.finish(4).unwrap().head,
        verify_chain(&origin(), log).unwrap()
    );
}

#[test]
fn the_log_in_memory_conforms() {
    struct InMemory(MemoryLog);
    impl conformance::Store for InMemory {
        type Error = sluis_log::AppendError;
        fn append(
            &mut self,
            pending: &sluis_log::PendingEntry,
        ) -> Result<sluis_log::Receipt, Self::Error> {
            self.0.append(pending)
        }
        fn read(&mut self, from: u64, limit: u32) -> Result<Vec<SealedEntry>, Self::Error> {
            Ok(self.0.read(from, limit))
        }
        fn is_conflict(_: &Self::Error) -> bool {
            true
        }
    }
    conformance::run(&mut InMemory(MemoryLog::new(origin())), &origin()).unwrap();
}

#[test]
fn the_suite_finds_stores_that_do_not_conform() {
    /// Forgets ids, or loses the last entry when opened again.
    struct Broken {
        log: MemoryLog,
        forgets_ids: bool,
        last: u64,
    }
    impl conformance::Store for Broken {
        type Error = sluis_log::AppendError;
        fn append(
            &mut self,
            pending: &sluis_log::PendingEntry,
        ) -> Result<sluis_log::Receipt, Self::Error> {
            if self.forgets_ids && self.log.head().size > 0 {
                return Ok(self.log.head().receipt_for(pending));
            }
            self.last += 1;
            self.log.append(pending)
        }
        fn read(&mut self, from: u64, limit: u32) -> Result<Vec<SealedEntry>, Self::Error> {
            Ok(self.log.read(from, limit))
        }
        fn is_conflict(_: &Self::Error) -> bool {
            true
        }
        fn reopen(&mut self) -> Result<(), Self::Error> {
            self.log = MemoryLog::new(origin());
            Ok(())
        }
    }
    let run = |forgets_ids| {
        let mut store = Broken {
            log: MemoryLog::new(origin()),
            forgets_ids,
            last: 0,
        };
        conformance::run(&mut store, &origin()).unwrap_err()
    };
    assert!(matches!(
        run(true),
        conformance::Deviation::Receipt {
            step: "a retry at once",
            ..
        }
    ));
    assert!(matches!(
        run(false),
        conformance::Deviation::Receipt {
            step: "a retry after reopening",
            ..
        }
    ));
}

#[test]
fn a_sealed_payload_that_was_changed_is_found_where_it_is() {
    let mut log = MemoryLog::new(origin());
    for number in 0..3 {
        log.append(&sealed(number, [number; 16], [number; 32], AT))
            .unwrap();
    }
    let entries = log.read(0, 10);
    let fault = Fault::WrongCommitment(CommitmentError::Unopened);
    let length = entries[1].payload.as_ref().unwrap().sealed.len();
    for at in [0, 31, 32, length - 1] {
        let mut damaged = entries.clone();
        damaged[1].payload.as_mut().unwrap().sealed[at] ^= 1;
        let read = conformance::opened(damaged);
        let found = first_fault(read.clone());
        assert_eq!(found, FsckError { index: 1, fault }, "{at}");
        // It arrives so at a reader who is far away.
        let json = serde_json::to_string(&read).unwrap();
        let read: Vec<StoredEntry> = serde_json::from_str(&json).unwrap();
        assert_eq!(first_fault(read), found);
    }
    // Under another entry of the same period, or said to be of another period.
    let mut moved = entries.clone();
    moved[1].payload = entries[2].payload.clone();
    assert_eq!(first_fault(conformance::opened(moved)).index, 1);
    let mut elsewhere = entries;
    "accesses/2999-01-01".clone_into(&mut elsewhere[1].payload.as_mut().unwrap().period);
    assert_eq!(first_fault(conformance::opened(elsewhere)).index, 1);
}

#[test]
fn reading_about_a_person_is_told_from_reading_about_the_log() {
    let log = log_of(&[0, 1, 2, 3, 4, 5]);
    let about: Vec<bool> = log.iter().map(StoredEntry::is_about_a_person).collect();
    assert_eq!(about, [true, true, true, true, false, false]);
    let erased = StoredEntry {
        erasable: Erasable::Erased,
        ..log[0].clone()
    };
    assert!(!erased.is_about_a_person());
    let damaged = StoredEntry {
        entry: Vec::new(),
        ..log[4].clone()
    };
    assert!(damaged.is_about_a_person());
}

#[test]
fn a_page_says_where_the_next_one_begins() {
    let log = log_of(&[0, 1, 2, 3]);
    let page = EntryPage::new(origin(), 4, log[1..3].to_vec());
    assert_eq!(page.next, Some(3));
    let json = serde_json::to_string(&page).unwrap();
    assert_eq!(serde_json::from_str::<EntryPage>(&json).unwrap(), page);
    assert_eq!(EntryPage::new(origin(), 4, log[3..].to_vec()).next, None);
    assert_eq!(EntryPage::new(origin(), 4, vec![]).next, None);
}

#[test]
fn a_stored_entry_is_read_strictly() {
    let stored = log_of(&[0]).remove(0);
    let json = serde_json::to_value(&stored).unwrap();
    let with = |change: fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut json = json.clone();
        change(json.as_object_mut().unwrap());
        serde_json::from_value::<StoredEntry>(json).map_err(|error| error.to_string())
    };
    assert_eq!(with(|_| {}), Ok(stored));
    assert!(
        with(|json| {
            json.insert("x".into(), 1.into());
        })
        .unwrap_err()
        .contains("unknown")
    );
    assert!(
        with(|json| {
            json.remove("chain");
        })
        .unwrap_err()
        .contains("missing field")
    );
    assert_eq!(
        with(|json| {
            json.remove("random");
        })
        .unwrap_err(),
        "entry 0: a payload is erased with all that belongs to it or not at all"
    );
    assert_eq!(
        with(|json| {
            json.insert("chain".into(), "AB".into());
        })
        .unwrap_err(),
        "entry 0: chain is not base64url without padding"
    );
    assert_eq!(
        with(|json| {
            json.insert("stream".into(), "other".into());
        })
        .unwrap_err(),
        "entry 0: unknown stream"
    );
    let erased = with(|json| {
        json.remove("random");
        json.remove("payload");
    });
    assert_eq!(erased.unwrap().payload(), None);
}

proptest! {
    #[test]
    fn entries_survive_encoding(kind: u8, id: [u8; 16], random: [u8; 32], minute: u32) {
        let pending = sealed(kind, id, random, u64::from(minute) * 30_000);
        let entry = *pending.entry();
        prop_assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(
        mut bytes in vec(any::<u8>(), ENTRY_BYTES), stream in 0..4_u8, outcome in 0..8_u8,
    ) {
        bytes[0] = 1;
        bytes[1] = stream;
        bytes[2] = outcome;
        if let Ok(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(entry.encode().to_vec(), bytes);
        }
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in vec(any::<u8>(), 0..100)) {
        let _ = Entry::decode(&bytes);
    }

    #[test]
    fn stored_entries_survive_their_json_form(kinds in vec(0..6_u8, 1..4), erased: bool) {
        for mut stored in log_of(&kinds) {
            if erased {
                stored.erasable = Erasable::Erased;
            }
            let json = serde_json::to_string(&stored).unwrap();
            prop_assert_eq!(serde_json::from_str::<StoredEntry>(&json).unwrap(), stored);
        }
    }

    /// Any one bit, in any part of any row.
    #[test]
    fn a_flipped_bit_is_found_where_it_is(
        kinds in vec(0..6_u8, 1..6), row: prop::sample::Index, part in 0..5_u8, bit: prop::sample::Index,
    ) {
        let log = log_of(&kinds);
        prop_assert!(verify_chain(&origin(), log.clone()).is_ok());
        let row = row.index(log.len());
        let mut damaged = log;
        let stored = &mut damaged[row];
        let flip = |bytes: &mut [u8]| {
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        };
        match part {
            0 => flip(&mut stored.entry),
            1 => flip(&mut stored.chain),
            2 => flip(&mut stored.erasable.opening_mut().unwrap().random),
            3 => {
                let payload = &mut stored.erasable.opening_mut().unwrap().payload;
                let mut bytes = payload.clone().into_bytes();
                flip(&mut bytes);
                // A payload that is no text any more is not even read back.
                let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
                *payload = text;
            }
            _ => {
                let mut id = *stored.id.as_bytes();
                flip(&mut id);
                stored.id = EntryId::from_stored(&id).unwrap();
            }
        }
        prop_assert_eq!(verify_chain(&origin(), damaged).unwrap_err().index, row as u64);
    }
}
