//! The catalogue's matrix of logs (M-21.4) speaks of the parties and records that a trace reads.

use std::collections::BTreeSet;

use sluis_log::trace::{KINDS, Party};
use sluis_policy::{LogParty, LogRecords};

use super::trace::Case;

#[test]
fn the_matrix_has_the_parties_and_records_of_a_trace() {
    let named: Vec<&str> = LogParty::ALL.iter().map(|one| one.as_str()).collect();
    let traced: Vec<&str> = Party::ALL.iter().map(|one| one.as_str()).collect();
    assert_eq!(named, traced);

    for (of_matrix, of_trace) in LogParty::ALL.iter().zip(Party::ALL) {
        let writes: BTreeSet<&str> = of_matrix.writes().iter().map(|one| one.as_str()).collect();
        assert_eq!(writes.len(), of_matrix.writes().len(), "{of_matrix}");
        // The validator's log has a format of its own: below.
        if *of_trace != Party::Validator {
            let kinds = KINDS.iter().filter(|kind| kind.party == *of_trace);
            let resources: BTreeSet<&str> = kinds
                .map(|kind| kind.kind.as_str().split(".notify.").next().unwrap())
                .collect();
            assert_eq!(writes, resources, "{of_matrix}");
        }
    }
    // Nothing can be listed that nobody writes.
    for records in LogRecords::ALL {
        let written = |party: &LogParty| party.writes().contains(records);
        assert!(LogParty::ALL.iter().any(written), "{records}");
    }
}

#[test]
fn what_the_validator_records_of_a_call_is_what_the_matrix_calls_it() {
    let case = Case::new();
    let [accesses] = LogParty::Validator.writes() else {
        panic!("{:?}", LogParty::Validator.writes());
    };
    let start = format!(".{accesses}.notify.");
    for index in [0, 1] {
        let text = serde_json::to_string(&case.entries[index]).unwrap();
        assert!(text.contains(&start), "{text}");
    }
}
