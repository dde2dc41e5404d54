//! M-21.4: who keeps which logs, so that the whole chain of a call can be found again.

use super::{Checked, not_empty, unique};
use crate::catalogue::entry::MandateType;
use crate::catalogue::error::CatalogueProblem;
use crate::catalogue::path::FieldPath;
use crate::vocabulary::{HolderIdentity, LogParty, LogRecords};

pub(super) fn lint(entry: &MandateType, path: &FieldPath) -> Checked {
    let place = path.key("logging");
    not_empty(&entry.logging, &place)?;
    unique(entry.logging.iter().map(|row| row.party), |index| {
        place.index(index).key("party")
    })?;
    for (index, row) in entry.logging.iter().enumerate() {
        let place = place.index(index).key("records");
        not_empty(&row.records, &place)?;
        unique(&row.records, |index| place.index(index))?;
        let foreign = |records: &&LogRecords| !row.party.writes().contains(records);
        if let Some(&found) = row.records.iter().find(foreign) {
            let party = row.party;
            return Err((place, CatalogueProblem::LogOfOthers { party, found }));
        }
    }
    // M-21.1: without its record nothing is forwarded, so nobody can agree it away.
    keeps(entry, LogParty::Validator, LogRecords::Accesses, &place)?;
    match entry.holder_identity {
        HolderIdentity::Plain => Ok(()),
        // M-15.3, M-15.4: who the holder is only the network between can tell, so its confirmation is part of the chain.
        HolderIdentity::Pseudonymised => keeps(
            entry,
            LogParty::SecondaryNetwork,
            LogRecords::Relations,
            &place,
        ),
    }
}

fn keeps(entry: &MandateType, party: LogParty, records: LogRecords, path: &FieldPath) -> Checked {
    let row = entry.logging.iter().find(|row| row.party == party);
    if row.is_some_and(|row| row.records.contains(&records)) {
        return Ok(());
    }
    let problem = CatalogueProblem::LogMissing { party, records };
    Err((path.clone(), problem))
}
