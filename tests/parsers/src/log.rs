//! The log as a store or a server returns it.

use sluis_log::{
    ChainHead, ChainVerifier, DestroyedPeriods, ENTRY_BYTES, Entry, EntryId, EntryPage, Erasures,
    ExportHeader, IdCheck, KnownKey, MemoryLog, Origin, PayloadKey, PendingEntry, Receipt,
    RetentionPeriod, Row, SealedEntry, StoredEntry, UnixMillis, WrappedKey, WrappingKey,
};

use crate::Parser;

pub(crate) const LOG_ENTRY: Parser = Parser {
    name: "log_entry",
    run: log_entry,
    longest: 2 * ENTRY_BYTES,
    base: 20_000,
    per_byte: 100,
};
pub(crate) const LOG_ROW: Parser = Parser {
    name: "log_row",
    run: log_row,
    longest: 16 * 1024,
    base: 50_000,
    per_byte: 200,
};
pub(crate) const LOG_MESSAGE: Parser = Parser {
    name: "log_message",
    run: log_message,
    longest: 64 * 1024,
    base: 100_000,
    per_byte: 400,
};
pub(crate) const LOG_PAGE: Parser = Parser {
    name: "log_page",
    run: log_page,
    longest: 256 * 1024,
    base: 100_000,
    per_byte: 600,
};
pub(crate) const LOG_EXPORT: Parser = Parser {
    name: "log_export",
    run: log_export,
    longest: 256 * 1024,
    base: 100_000,
    per_byte: 600,
};

/// The bytes of an entry; or the text of an id.
fn log_entry(input: &[u8]) {
    if let Ok(entry) = Entry::decode(input) {
        assert_eq!(entry.encode().as_slice(), input);
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(id) = EntryId::parse(text)
    {
        assert_eq!(EntryId::parse(&id.to_string()), Ok(id));
    }
}

/// A row's columns: eight bytes of index, one of stream, then the others with a length before each.
fn log_row(input: &[u8]) {
    let mut rest = input;
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at(count.min(rest.len()));
        rest = left;
        taken.to_vec()
    };
    let index = take(8).try_into().map_or(0, i64::from_be_bytes);
    let mut column = || {
        let length = take(1).first().copied().unwrap_or_default();
        take(usize::from(length) * 4)
    };
    let (stream, id, entry) = (column(), column(), column());
    let (chain, period, sealed) = (column(), column(), column());
    let row = Row {
        index,
        id,
        stream: i64::from(stream.first().copied().unwrap_or_default()),
        entry,
        chain,
        period: (!period.is_empty()).then(|| {
            let text = String::from_utf8_lossy(&period);
            text.trim_end_matches('\0').to_owned()
        }),
        sealed: (!sealed.is_empty()).then_some(sealed),
    };
    let Ok(origin) = Origin::parse("sluis.invalid/log") else {
        return;
    };
    let _ = ChainHead::of_last(&origin, Some((row.index, &row.chain)));
    if let Ok(stored) = SealedEntry::try_from(row) {
        let period = stored.period();
        let key = period.map(|period| PayloadKey::new(&origin, period, [7; 32]));
        let opened = stored.open(key.as_ref().map_or(KnownKey::Unknown, KnownKey::Held));
        look_at(&opened);
    }
}

/// What a Worker and the log's Durable Objects say to each other: an entry to append (its head, a line feed, the sealed
/// payload), rows, a receipt; and a wrapped key with its period before it.
fn log_message(input: &[u8]) {
    let Ok(origin) = Origin::parse("sluis.invalid/log") else {
        return;
    };
    let end = input.iter().position(|byte| *byte == b'\n');
    let (head, rest) = input.split_at(end.unwrap_or(input.len()));
    let head = String::from_utf8_lossy(head);
    let sealed = rest.get(1..).unwrap_or_default();
    if let Ok(period) = RetentionPeriod::parse(&head) {
        assert_eq!(period.to_string(), head);
        let wrapping = WrappingKey::derive(&[1; 32]);
        let wrapped = WrappedKey::try_from(sealed).ok();
        let _ = wrapped.and_then(|wrapped| wrapping.unwrap(&origin, period, &wrapped));
    }
    if let Ok(pending) = PendingEntry::from_parts(&head, sealed.to_vec()) {
        let mut log = MemoryLog::new(origin);
        if let Ok(receipt) = log.append(&pending) {
            assert!(receipt.is_for(&pending));
            let key = PayloadKey::new(log.origin(), pending.period(), [7; 32]);
            for stored in log.read(0, 1) {
                assert_eq!(stored.period(), Some(pending.period()));
                look_at(&stored.open(KnownKey::Held(&key)));
            }
        }
    }
    if let Ok(row) = serde_json::from_slice::<SealedEntry>(input) {
        let again = serde_json::to_vec(&row).ok();
        let again = again.and_then(|json| serde_json::from_slice::<SealedEntry>(&json).ok());
        assert!(again.as_ref() == Some(&row));
    }
    let _ = serde_json::from_slice::<Receipt>(input);
}

/// An answer to `GET /log/entries`, as the command line reads it.
fn log_page(input: &[u8]) {
    let Ok(page) = serde_json::from_slice::<EntryPage>(input) else {
        return;
    };
    let mut verifier = ChainVerifier::new(&page.origin, IdCheck::All);
    // Far on, so that much is over.
    let Ok(now) = UnixMillis::new(4_000_000_000_000) else {
        return;
    };
    let mut erasures = Erasures::new(page.origin.clone(), now);
    let mut destroyed = DestroyedPeriods::default();
    let mut holds = true;
    for stored in &page.items {
        look_at(stored);
        holds = holds && verifier.next(stored).is_ok();
        // Whatever the chain says, as if it held.
        let _ = erasures.next(stored, &mut destroyed);
    }
    let _ = erasures.finish(&destroyed);
    if holds {
        let _ = verifier.finish(page.size);
    }
    let again = serde_json::to_vec(&page).ok();
    let again = again.and_then(|json| serde_json::from_slice::<EntryPage>(&json).ok());
    assert_eq!(again, Some(page));
}

/// A file of `sluis log export`.
fn log_export(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let Ok(header) = serde_json::from_str::<ExportHeader>(header) else {
        return;
    };
    let mut verifier = ChainVerifier::new(&header.origin, IdCheck::Recent);
    for line in lines {
        let Ok(stored) = serde_json::from_str::<StoredEntry>(line) else {
            return;
        };
        look_at(&stored);
        if verifier.next(&stored).is_err() {
            return;
        }
    }
    let _ = verifier.finish(header.size);
}

fn look_at(stored: &StoredEntry) {
    let _ = stored.is_about_a_person();
    let _ = stored.chain_hash();
    if stored.verify_commitment().is_ok() {
        assert!(stored.decode().is_ok());
    }
}
