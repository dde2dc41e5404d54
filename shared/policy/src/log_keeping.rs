//! Who keeps which logs of a mandate type's calls (M-21.4): the matrix of the catalogue, a row a party.

use serde::{Deserialize, Serialize};

use crate::vocabulary::{LogParty, LogRecords};

/// One party and what it logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogKeeping {
    pub(crate) party: LogParty,
    pub(crate) records: Vec<LogRecords>,
}

impl LogKeeping {
    /// Whose log it is.
    pub fn party(&self) -> LogParty {
        self.party
    }

    /// Of what it has records.
    pub fn records(&self) -> &[LogRecords] {
        &self.records
    }
}

impl LogParty {
    /// What a party of this kind has to record at all. More it must not keep: it may not know it (M-22.1), or
    /// another party answers for it.
    pub fn writes(self) -> &'static [LogRecords] {
        match self {
            Self::VerificationSystem => &[
                LogRecords::Mandates,
                LogRecords::Tokens,
                LogRecords::Reidentifications,
            ],
            Self::SecondaryNetwork => &[
                LogRecords::Relations,
                LogRecords::Tokens,
                LogRecords::Reidentifications,
            ],
            Self::MandateHolder => &[LogRecords::Requests, LogRecords::Responses],
            Self::Validator => &[LogRecords::Accesses],
            Self::Institution | Self::Supervisor => &[LogRecords::Reidentifications],
        }
    }
}
