//! A register of custody, as `sluis custody` reads it.

use serde::Deserialize;
use sluis_log::{
    Commitment, CommitmentRandom, CustodyCode, CustodyDay, CustodyRecord, CustodyRegister, Entry,
    EntryId, Erasable, Opening, OutcomeCode, PolicyDigest, StoredEntry, UnixMillis,
};

use crate::Parser;

pub(crate) const CUSTODY_RECORD: Parser = Parser {
    name: "custody_record",
    run: custody_record,
    longest: 16 * 1024,
    base: 200_000,
    per_byte: 1_000,
};

/// What an entry is found by.
#[derive(Deserialize)]
struct Named {
    id: EntryId,
    time: String,
}

/// The payload of a record, in an entry that commits to it; or a code, or a day.
fn custody_record(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(code) = CustodyCode::parse(text) {
        assert_eq!(code.as_str(), text);
    }
    if let Ok(day) = CustodyDay::parse(text) {
        assert_eq!(day.to_string(), text);
    }
    let named = serde_json::from_str::<Named>(text).ok();
    let (id, at) = named.map_or((EntryId::from_random([1; 16]), None), |named| {
        (named.id, UnixMillis::parse(&named.time).ok())
    });
    let random = CommitmentRandom::new([1; 32]);
    let entry = Entry {
        outcome: OutcomeCode::Custody,
        minute: at.unwrap_or(UnixMillis::EPOCH).minute(),
        policy: PolicyDigest([1; 32]),
        commitment: Commitment::to(text, id, &random),
    };
    let stored = StoredEntry {
        index: 0,
        id,
        stream: entry.stream(),
        entry: entry.encode().to_vec(),
        chain: Vec::new(),
        erasable: Erasable::Opened(Opening {
            random: random.as_bytes().to_vec(),
            payload: text.to_owned(),
        }),
    };
    if let Ok(record) = CustodyRecord::read(&stored) {
        assert_eq!(Some(record.recorded_at()), at);
        let mut register = CustodyRegister::default();
        if register.take(&record).is_ok() {
            assert_eq!(register.carriers().count(), 1);
        }
    }
}
