//! What all records come to: who has which carrier, and what may follow.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::custody::event::{CustodyAction, CustodyEvent, DestructionMethod, Encryption};
use crate::custody::record::CustodyRecord;
use crate::custody::word::{CustodyCode, CustodyDay};
use crate::time::UnixMillis;

/// Most carriers with the data at any moment (S-17.1).
pub const MAX_OPEN_CARRIERS: usize = 2;

/// The carriers of one statutory basis.
#[derive(Debug, Clone, Default)]
pub struct CustodyRegister {
    carriers: BTreeMap<CustodyCode, CarrierCustody>,
    last_recorded: Option<UnixMillis>,
}

/// A carrier, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierCustody {
    encryption: Encryption,
    keep_until: CustodyDay,
    custodian: CustodyCode,
    place: CustodyPlace,
    seal: Option<CustodyCode>,
    /// From when on there were data on it.
    began: UnixMillis,
    /// Since when it is there, with whom it is.
    since: UnixMillis,
    /// The last that happened to it.
    last: UnixMillis,
    /// Whether nothing but its registration is known of it.
    is_new: bool,
}

/// Where a carrier is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustodyPlace {
    /// In its custodian's hands.
    InHand {
        /// Out of the building.
        outside: bool,
    },
    /// Put away, where its custodian answers for it.
    Stored {
        /// Where.
        location: CustodyCode,
    },
    /// Nobody knows.
    Lost,
    /// Nowhere: its data are gone.
    Destroyed {
        /// How.
        method: DestructionMethod,
    },
    /// There never were data on it.
    Withdrawn,
}

/// What an access manager has to act on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CustodyAlarm {
    /// A carrier that was to be destroyed by now and is not (S-18.5).
    #[error("{carrier} was to be destroyed by {keep_until}, and {custodian} answers for it")]
    Overdue {
        /// The carrier.
        carrier: CustodyCode,
        /// The last day of its data.
        keep_until: CustodyDay,
        /// Who has it, or had it last.
        custodian: CustodyCode,
    },
    /// A carrier that nobody has (S-18.3).
    #[error("{carrier} is lost since {since}, and {custodian} had it last")]
    Lost {
        /// The carrier.
        carrier: CustodyCode,
        /// When it was found to be gone.
        since: UnixMillis,
        /// Who had it last.
        custodian: CustodyCode,
    },
}

/// Why a record does not follow from those before.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CustodyError {
    /// Recorded before the last record.
    #[error(
        "recorded at {at}, and the record before it at {last}: this clock is behind, or that one was ahead"
    )]
    ClockBack {
        /// Now.
        at: UnixMillis,
        /// The last record.
        last: UnixMillis,
    },
    /// Of a time to come.
    #[error("happened at {happened}, which is after {recorded}, when it is recorded")]
    Early {
        /// When it is said to have happened.
        happened: UnixMillis,
        /// When it is recorded.
        recorded: UnixMillis,
    },
    /// Before what is known of the carrier.
    #[error("happened at {happened}, before the last that is known of {carrier}, at {last}")]
    OutOfOrder {
        /// The carrier.
        carrier: CustodyCode,
        /// When it is said to have happened.
        happened: UnixMillis,
        /// The last that happened to it.
        last: UnixMillis,
    },
    /// Never registered.
    #[error("{0} is not registered")]
    Unknown(CustodyCode),
    /// Registered before; a destroyed carrier's name is not used again either.
    #[error("{0} is registered already, or was")]
    Known(CustodyCode),
    /// One carrier too many.
    #[error(
        "{MAX_OPEN_CARRIERS} other carriers have the data then or later, and no more may (S-17.1)"
    )]
    TooMany,
    /// The data were to be gone by then.
    #[error("the data may be kept until {keep_until} (S-12.1)")]
    Ended {
        /// Their last day.
        keep_until: CustodyDay,
    },
    /// Its chain has ended.
    #[error("the chain of custody of {0} has ended")]
    Closed(CustodyCode),
    /// Somebody else has it: there is a gap, or a mistake.
    #[error("{carrier} is in the custody of {custodian}, not of {said} (S-18.3)")]
    NotCustodian {
        /// The carrier.
        carrier: CustodyCode,
        /// Who has it.
        custodian: CustodyCode,
        /// Who is said to.
        said: CustodyCode,
    },
    /// From a hand into itself.
    #[error("{0} has it already")]
    SameCustodian(CustodyCode),
    /// It is put away.
    #[error("{carrier} is stored in {location}: it is taken out first")]
    Stored {
        /// The carrier.
        carrier: CustodyCode,
        /// Where it is.
        location: CustodyCode,
    },
    /// It is not put away.
    #[error("{0} is not stored")]
    NotStored(CustodyCode),
    /// It is where it is said to have been moved to.
    #[error("{carrier} is {} the building already", if *.outside { "out of" } else { "in" })]
    NotMoved {
        /// The carrier.
        carrier: CustodyCode,
        /// Where it is.
        outside: bool,
    },
    /// Nobody has it.
    #[error("{0} is lost: it is found first")]
    Lost(CustodyCode),
    /// It was never lost.
    #[error("{0} is not lost")]
    NotLost(CustodyCode),
    /// More is known of it than its registration.
    #[error("{0} is not new: it was no mistake to register it")]
    NotNew(CustodyCode),
    /// The new last day is not later.
    #[error("the data may be kept until {keep_until} already")]
    NotLater {
        /// Their last day.
        keep_until: CustodyDay,
    },
}

impl CustodyRegister {
    /// Takes the next record, if it follows from those before.
    pub fn take(&mut self, record: &CustodyRecord) -> Result<(), CustodyError> {
        self.follow(record.recorded_at(), record.event())
    }

    /// The same of an event that is still to be recorded.
    pub fn follow(&mut self, at: UnixMillis, event: &CustodyEvent) -> Result<(), CustodyError> {
        if let Some(last) = self.last_recorded.filter(|last| at < *last) {
            return Err(CustodyError::ClockBack { at, last });
        }
        let happened = event.happened_at;
        if happened > at {
            let recorded = at;
            return Err(CustodyError::Early { happened, recorded });
        }
        let carrier = &event.carrier;
        let known = self.carriers.get(carrier);
        let next = match (&event.action, known) {
            (
                CustodyAction::Registered {
                    custodian,
                    encryption,
                    keep_until,
                },
                None,
            ) => {
                self.room_from(happened)?;
                kept(*keep_until, happened)?;
                CarrierCustody {
                    encryption: *encryption,
                    keep_until: *keep_until,
                    custodian: custodian.clone(),
                    place: CustodyPlace::InHand { outside: false },
                    seal: None,
                    began: happened,
                    since: happened,
                    last: happened,
                    is_new: true,
                }
            }
            (CustodyAction::Registered { .. }, Some(_)) => {
                return Err(CustodyError::Known(carrier.clone()));
            }
            (_, None) => return Err(CustodyError::Unknown(carrier.clone())),
            (action, Some(known)) => {
                let last = known.last;
                if happened < last {
                    let carrier = carrier.clone();
                    return Err(CustodyError::OutOfOrder {
                        carrier,
                        happened,
                        last,
                    });
                }
                let mut next = known.clone();
                next.follow(carrier, action)?;
                if (&next.custodian, &next.place) != (&known.custodian, &known.place) {
                    next.since = happened;
                }
                // What was to be destroyed by then was no mistake.
                if next.place == CustodyPlace::Withdrawn {
                    kept(known.keep_until, happened)?;
                }
                next.last = happened;
                next.is_new = false;
                next
            }
        };
        self.carriers.insert(carrier.clone(), next);
        self.last_recorded = Some(at);
        Ok(())
    }

    /// Every carrier that was ever registered, by its code.
    pub fn carriers(&self) -> impl Iterator<Item = (&CustodyCode, &CarrierCustody)> {
        self.carriers.iter()
    }

    /// What is to be acted on: carriers that are lost, and those whose day is over and
    /// whose chain has not ended (S-18.5). `allowed` is the last day by the catalogue in
    /// force, where it has one: a later one that was recorded does not count.
    pub fn alarms(&self, now: UnixMillis, allowed: Option<CustodyDay>) -> Vec<CustodyAlarm> {
        let mut alarms = Vec::new();
        for (carrier, known) in &self.carriers {
            let carrier = carrier.clone();
            let custodian = known.custodian.clone();
            if known.place == CustodyPlace::Lost {
                alarms.push(CustodyAlarm::Lost {
                    carrier: carrier.clone(),
                    since: known.since,
                    custodian: custodian.clone(),
                });
            }
            let keep_until = known.last_day(allowed);
            if !known.has_ended() && kept(keep_until, now).is_err() {
                alarms.push(CustodyAlarm::Overdue {
                    carrier,
                    keep_until,
                    custodian,
                });
            }
        }
        alarms
    }

    /// Whether one more carrier may have the data from then on: at no moment are there too
    /// many, in whatever order it was recorded. One that is lost counts.
    fn room_from(&self, moment: UnixMillis) -> Result<(), CustodyError> {
        let open_at = |at: UnixMillis| {
            let open = |known: &&CarrierCustody| {
                known.began <= at && known.ended_at().is_none_or(|end| end > at)
            };
            self.carriers.values().filter(open).count()
        };
        // There are most of them when one has just begun.
        let begins = self.carriers.values().map(|known| known.began);
        let mut moments = begins.filter(|at| *at > moment).chain([moment]);
        if moments.all(|at| open_at(at) < MAX_OPEN_CARRIERS) {
            Ok(())
        } else {
            Err(CustodyError::TooMany)
        }
    }
}

/// Whether data that may be kept until that day may be there at that moment.
fn kept(keep_until: CustodyDay, moment: UnixMillis) -> Result<(), CustodyError> {
    if CustodyDay::in_brussels(moment) <= keep_until {
        Ok(())
    } else {
        Err(CustodyError::Ended { keep_until })
    }
}

impl CarrierCustody {
    /// How it is encrypted.
    pub const fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// The last day of its data.
    pub const fn keep_until(&self) -> CustodyDay {
        self.keep_until
    }

    /// Who has it, or had it at its end.
    pub const fn custodian(&self) -> &CustodyCode {
        &self.custodian
    }

    /// Where it is.
    pub const fn place(&self) -> &CustodyPlace {
        &self.place
    }

    /// The seal it was closed with last, if it was not used since.
    pub const fn seal(&self) -> Option<&CustodyCode> {
        self.seal.as_ref()
    }

    /// The last day of its data, no later than the catalogue in force allows.
    pub fn last_day(&self, allowed: Option<CustodyDay>) -> CustodyDay {
        allowed.map_or(self.keep_until, |day| day.min(self.keep_until))
    }

    /// Since when it is there, with whom it is.
    pub const fn since(&self) -> UnixMillis {
        self.since
    }

    /// Whether its chain has ended: there are no data on it.
    pub const fn has_ended(&self) -> bool {
        self.ended_at().is_some()
    }

    const fn ended_at(&self) -> Option<UnixMillis> {
        match self.place {
            CustodyPlace::Destroyed { .. } | CustodyPlace::Withdrawn => Some(self.last),
            CustodyPlace::InHand { .. } | CustodyPlace::Stored { .. } | CustodyPlace::Lost => None,
        }
    }

    fn follow(
        &mut self,
        carrier: &CustodyCode,
        action: &CustodyAction,
    ) -> Result<(), CustodyError> {
        if self.has_ended() {
            return Err(CustodyError::Closed(carrier.clone()));
        }
        if let Some(said) = action.custodian() {
            self.in_custody_of(carrier, said)?;
        }
        match action {
            CustodyAction::Registered { .. } => return Err(CustodyError::Known(carrier.clone())),
            CustodyAction::Withdrawn { .. } => {
                if !self.is_new {
                    return Err(CustodyError::NotNew(carrier.clone()));
                }
                self.place = CustodyPlace::Withdrawn;
            }
            CustodyAction::HandedOver {
                from,
                to,
                seal,
                outside,
            } => {
                if to == from {
                    return Err(CustodyError::SameCustodian(to.clone()));
                }
                self.custodian = to.clone();
                self.seal = Some(seal.clone());
                self.place = CustodyPlace::InHand { outside: *outside };
            }
            CustodyAction::Moved { outside, .. } => {
                self.in_hand(carrier)?;
                let next = CustodyPlace::InHand { outside: *outside };
                if self.place == next {
                    return Err(CustodyError::NotMoved {
                        carrier: carrier.clone(),
                        outside: *outside,
                    });
                }
                self.place = next;
            }
            CustodyAction::Stored { location, .. } => {
                self.in_hand(carrier)?;
                let location = location.clone();
                self.place = CustodyPlace::Stored { location };
            }
            CustodyAction::TakenOut { outside, .. } => {
                if !matches!(self.place, CustodyPlace::Stored { .. }) {
                    return Err(CustodyError::NotStored(carrier.clone()));
                }
                self.place = CustodyPlace::InHand { outside: *outside };
            }
            CustodyAction::Used { .. } => {
                self.in_hand(carrier)?;
                self.seal = None;
            }
            CustodyAction::KeptLonger { keep_until } => {
                if *keep_until <= self.keep_until {
                    let keep_until = self.keep_until;
                    return Err(CustodyError::NotLater { keep_until });
                }
                self.keep_until = *keep_until;
            }
            CustodyAction::Lost { .. } => self.place = CustodyPlace::Lost,
            CustodyAction::Found { by } => {
                if self.place != CustodyPlace::Lost {
                    return Err(CustodyError::NotLost(carrier.clone()));
                }
                self.custodian = by.clone();
                self.place = CustodyPlace::InHand { outside: false };
            }
            CustodyAction::Destroyed { method, .. } => {
                self.in_hand(carrier)?;
                self.place = CustodyPlace::Destroyed { method: *method };
            }
        }
        Ok(())
    }

    /// Whether it is with whom the record says: nobody else can do anything with it.
    fn in_custody_of(&self, carrier: &CustodyCode, said: &CustodyCode) -> Result<(), CustodyError> {
        if self.place == CustodyPlace::Lost {
            return Err(CustodyError::Lost(carrier.clone()));
        }
        if *said == self.custodian {
            return Ok(());
        }
        Err(CustodyError::NotCustodian {
            carrier: carrier.clone(),
            custodian: self.custodian.clone(),
            said: said.clone(),
        })
    }

    fn in_hand(&self, carrier: &CustodyCode) -> Result<(), CustodyError> {
        match &self.place {
            CustodyPlace::Stored { location } => Err(CustodyError::Stored {
                carrier: carrier.clone(),
                location: location.clone(),
            }),
            CustodyPlace::InHand { .. }
            | CustodyPlace::Lost
            | CustodyPlace::Destroyed { .. }
            | CustodyPlace::Withdrawn => Ok(()),
        }
    }
}
