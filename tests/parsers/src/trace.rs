//! The logs of other parties, as `sluis log trace` reads them.

use sluis_log::UnixMillis;
use sluis_log::trace::{MAX_PARTY_LINE_BYTES, Party, PartyRecord};

use crate::Parser;

pub(crate) const PARTY_RECORD: Parser = Parser {
    name: "party_record",
    run: party_record,
    longest: MAX_PARTY_LINE_BYTES,
    base: 100_000,
    // It is read as each party's.
    per_byte: 1_200,
};

/// A line of each party's log; or an instant.
fn party_record(input: &[u8]) {
    for party in Party::ALL {
        if let Ok(record) = PartyRecord::parse(*party, input) {
            assert_eq!(record.party(), *party);
            assert_ne!(record.party(), Party::Validator);
        }
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(at) = UnixMillis::parse(text)
    {
        assert_eq!(UnixMillis::parse(&at.to_string()), Ok(at));
    }
}
