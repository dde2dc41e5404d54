//! The custody of a carrier: who has the disk with protected data, at each moment
//! (17/020: S-17.1, S-17.2, S-17.5, S-18, S-A.21).
//!
//! A register of custody is a log like the audit log: the same entries, commitments,
//! chain, tree and checkpoints, so whatever verifies one verifies the other. One
//! record is one thing that happened to one carrier ([`CustodyEvent`]), and a
//! [`CustodyRegister`] is what all of them come to: it says what may follow, so that
//! a chain of custody has no gap, and which carriers were to be destroyed and are not.
//!
//! | requirement | rule |
//! |---|---|
//! | S-17.1 | at most [`MAX_OPEN_CARRIERS`] carriers at any moment; a third is refused |
//! | S-17.2 | a carrier is encrypted as a whole, with one of [`Encryption`] |
//! | S-17.5 | outside the building it is in another bag than the computer |
//! | S-18.1, S-18.2 | who uses it declares the network off and no temporary files |
//! | S-18.3, S-A.21 | each record begins where the one before ended: who has it hands it over |
//! | S-18.4 | in storage it has a location, and is taken out by who has it |
//! | S-18.5, S-12.1 | it is destroyed by the last day of its data, which ends its chain; else an alarm |
//! | S-18.3 | one that nobody has is lost, which is an alarm until it is found; it keeps its place |
//! | S-12.2 | that day is moved only as far as the catalogue in force allows |
//!
//! Out of scope: where the register is kept, a clock, and who a code stands for. There
//! is no field for a name or a national number.

mod event;
mod members;
mod record;
mod register;
mod word;

pub(crate) use members::CustodyMembers;

pub use event::{CustodyAction, CustodyEvent, DestructionMethod, Encryption};
pub use record::{CustodyRecord, CustodyRecordError};
pub use register::{
    CarrierCustody, CustodyAlarm, CustodyError, CustodyPlace, CustodyRegister, MAX_OPEN_CARRIERS,
};
pub use word::{
    CustodyCode, CustodyCodeError, CustodyDay, CustodyDayError, MAX_CUSTODY_CODE_BYTES,
};
