//! What happens to a carrier.

use crate::custody::word::{CustodyCode, CustodyDay};
use crate::names::names;
use crate::time::UnixMillis;

names! {
    /// With what the whole carrier is encrypted (S-17.2).
    Encryption {
        /// `BitLocker`.
        BitLocker = "bitLocker",
        /// `VeraCrypt`.
        VeraCrypt = "veraCrypt",
    }
}

names! {
    /// How it was made sure that nobody reads the data again (S-18.5, S-A.19).
    DestructionMethod {
        /// Written over as a whole.
        Overwritten = "overwritten",
        /// The key that encrypts it was destroyed, wherever it was.
        CryptographicErase = "cryptographicErase",
        /// The carrier itself was destroyed.
        PhysicalDestruction = "physicalDestruction",
    }
}

/// One thing that happened to one carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustodyEvent {
    /// The statutory basis of the catalogue that the data were delivered under.
    pub basis: CustodyCode,
    /// The number of its deliberation, as the catalogue has it.
    pub deliberation: String,
    /// The carrier.
    pub carrier: CustodyCode,
    /// When it happened, which may be before it was recorded.
    pub happened_at: UnixMillis,
    /// What.
    pub action: CustodyAction,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustodyAction {
    /// The data were put on it; its chain begins, in the building.
    Registered {
        /// Who has it.
        custodian: CustodyCode,
        /// How it is encrypted.
        encryption: Encryption,
        /// The last day of the data (S-12.1).
        keep_until: CustodyDay,
    },
    /// It was registered by mistake: there never were data on it.
    Withdrawn {
        /// By whom.
        by: CustodyCode,
    },
    /// It passed from hand to hand (S-18.3).
    HandedOver {
        /// Who had it.
        from: CustodyCode,
        /// Who has it now.
        to: CustodyCode,
        /// The seal it is closed with.
        seal: CustodyCode,
        /// Whether it is out of the building now, in another bag than the computer's (S-17.5).
        outside: bool,
    },
    /// It left the building, or came back, in the same hands.
    Moved {
        /// Whose.
        by: CustodyCode,
        /// Whether it is out of the building now, in another bag than the computer's (S-17.5).
        outside: bool,
    },
    /// It was put where only those get at it who may (S-18.4).
    Stored {
        /// By whom, who still answers for it.
        by: CustodyCode,
        /// Where.
        location: CustodyCode,
    },
    /// It was taken from there.
    TakenOut {
        /// By whom.
        by: CustodyCode,
        /// Whether it is out of the building now, in another bag than the computer's (S-17.5).
        outside: bool,
    },
    /// It was attached to a computer, whose network was off and which keeps no temporary
    /// files of it (S-18.1, S-18.2). Without both there is no such record.
    Used {
        /// By whom.
        by: CustodyCode,
    },
    /// Its data may stay longer, by a later version of the catalogue (S-12.2).
    KeptLonger {
        /// The last day of the data.
        keep_until: CustodyDay,
    },
    /// Nobody knows where it is.
    Lost {
        /// Who had it, or answered for it.
        by: CustodyCode,
    },
    /// It is there again.
    Found {
        /// Who has it now.
        by: CustodyCode,
    },
    /// Its data are gone, and its chain ends (S-18.5).
    Destroyed {
        /// By whom.
        by: CustodyCode,
        /// How.
        method: DestructionMethod,
    },
}

impl CustodyAction {
    /// The last part of the record's `type`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "registered",
            Self::Withdrawn { .. } => "withdrawn",
            Self::HandedOver { .. } => "handedOver",
            Self::Moved { .. } => "moved",
            Self::Stored { .. } => "stored",
            Self::TakenOut { .. } => "takenOut",
            Self::Used { .. } => "used",
            Self::KeptLonger { .. } => "keptLonger",
            Self::Lost { .. } => "lost",
            Self::Found { .. } => "found",
            Self::Destroyed { .. } => "destroyed",
        }
    }

    /// Who is said to have it, of those that only who has it can do.
    pub(crate) const fn custodian(&self) -> Option<&CustodyCode> {
        match self {
            Self::HandedOver { from: by, .. }
            | Self::Withdrawn { by }
            | Self::Moved { by, .. }
            | Self::Stored { by, .. }
            | Self::TakenOut { by, .. }
            | Self::Used { by }
            | Self::Lost { by }
            | Self::Destroyed { by, .. } => Some(by),
            Self::Registered { .. } | Self::KeptLonger { .. } | Self::Found { .. } => None,
        }
    }
}
