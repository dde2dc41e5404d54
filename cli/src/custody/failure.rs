//! What can go wrong with a register of custody, and the exit code that says so.

use std::path::PathBuf;

use sluis_log::{
    CustodyAlarm, CustodyCode, CustodyCodeError, CustodyDay, CustodyError, CustodyRecordError,
    PayloadError, UnixMillis,
};
use thiserror::Error;

use super::book::MAX_RECORDS;
use crate::catalogue::CatalogueFailure;
use crate::files::FileFailure;
use crate::keys::KeysFailure;
use crate::log::LogFailure;

/// Why a custody command failed. One line.
#[derive(Debug, Error)]
pub(crate) enum CustodyFailure {
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error(transparent)]
    Keys(#[from] KeysFailure),
    #[error(transparent)]
    Catalogue(#[from] CatalogueFailure),
    #[error(transparent)]
    Log(#[from] LogFailure),
    #[error("{name}: {problem}")]
    Settings { name: String, problem: String },
    #[error("{option}: {error}")]
    Code {
        option: &'static str,
        error: CustodyCodeError,
    },
    #[error("{}: stands in the register's folder: who puts that back would put it back too", .0.display())]
    NotApart(PathBuf),
    #[error("{}: no register was begun there (sluis custody begin)", .0.display())]
    NotBegun(PathBuf),
    #[error("{}: gone, and the register's folder is there: nothing tells what was signed last (CUSTODY.md, If something is lost)", .0.display())]
    HeadGone(PathBuf),
    #[error("{}: a register was begun there before, or something else is there", .0.display())]
    BegunBefore(PathBuf),
    #[error("{}: not the private key of the register's key", .0.display())]
    OtherKey(PathBuf),
    #[error("{}: other processes have used the register for five seconds: try again", .0.display())]
    Busy(PathBuf),
    #[error("not recorded: {0}")]
    Event(#[from] CustodyError),
    #[error("not recorded: {0}")]
    Payload(#[from] PayloadError),
    #[error(
        "not recorded: under {deliberation} the data may be kept until {allowed}, and longer only by a later version of the catalogue (S-12.1, S-12.2)"
    )]
    TooLong {
        deliberation: String,
        allowed: CustodyDay,
    },
    #[error("not recorded: {deliberation} is not in force at {at} by the catalogue (S-12.2)")]
    NotInForce {
        deliberation: String,
        at: UnixMillis,
    },
    #[error("the catalogue has no last day for data of {0}: say it, with --keep-until")]
    NoDay(CustodyCode),
    #[error(
        "record {index} stands, and the next command has to finish the register's folder: {failure}"
    )]
    Unsettled {
        index: u64,
        failure: Box<LogFailure>,
    },
    #[error("not recorded: a register has {MAX_RECORDS} records at most")]
    Full,
    #[error("the register does not hold: record {index}: {error}")]
    Record {
        index: u64,
        error: CustodyRecordError,
    },
    #[error("the register does not hold: record {index}: {error}")]
    History { index: u64, error: CustodyError },
    #[error("the register does not hold: record {index}: it is of {found}, not of {expected}")]
    OtherBasis {
        index: u64,
        found: CustodyCode,
        expected: CustodyCode,
    },
    #[error("the register does not hold: record {records} is missing; {signed} were signed")]
    RolledBack { records: u64, signed: u64 },
    #[error("the register does not hold: its first {size} records are not those of the {name}")]
    Forked { name: &'static str, size: u64 },
    #[error(
        "the register does not hold: there are {records} records, and from record {signed} on they were never signed"
    )]
    Unsigned { records: u64, signed: u64 },
    #[error(
        "{}: the trusted head is of {signed} records, and the checkpoint of {shown}: it was put back, or is another's", .head.display()
    )]
    TrustedBehind {
        head: PathBuf,
        shown: u64,
        signed: u64,
    },
    #[error("{0} is not registered")]
    Unknown(CustodyCode),
    #[error("{0} is still to come: nobody knows what will be then")]
    StillToCome(UnixMillis),
    #[error("alarm: {}", one_line(.0))]
    Alarm(Vec<CustodyAlarm>),
}

fn one_line(alarms: &[CustodyAlarm]) -> String {
    let alarms = alarms.iter().map(CustodyAlarm::to_string);
    alarms.collect::<Vec<_>>().join("; ")
}

impl CustodyFailure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) | Self::Busy(_) => FileFailure::EXIT_CODE,
            Self::Keys(failure) => failure.exit_code(),
            Self::Catalogue(failure) => failure.exit_code(),
            Self::Log(failure) => failure.exit_code(),
            Self::Unsettled { failure, .. } => failure.exit_code(),
            Self::NoDay(_) | Self::Code { .. } | Self::StillToCome(_) => 2,
            Self::Event(_)
            | Self::Payload(_)
            | Self::TooLong { .. }
            | Self::Full
            | Self::Record { .. }
            | Self::History { .. }
            | Self::RolledBack { .. }
            | Self::Forked { .. }
            | Self::Unsigned { .. }
            | Self::OtherBasis { .. }
            | Self::HeadGone(_)
            | Self::NotInForce { .. }
            | Self::TrustedBehind { .. } => 3,
            Self::Settings { .. }
            | Self::NotApart(_)
            | Self::NotBegun(_)
            | Self::BegunBefore(_)
            | Self::OtherKey(_)
            | Self::Unknown(_) => 4,
            Self::Alarm(_) => 7,
        }
    }
}
