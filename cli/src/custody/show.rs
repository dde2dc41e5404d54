//! `sluis custody show` and `check`: who has what, what happened, and what should have.

use std::io::Write;

use sluis_log::{
    CarrierCustody, CustodyAction, CustodyCode, CustodyPlace, CustodyRecord, CustodyRegister,
};

use super::arguments::{CheckArguments, ShowArguments};
use super::book::Book;
use super::failure::CustodyFailure;
use super::settings::Settings;
use crate::clock::now_millis;
use crate::files::FileFailure;

/// What is recorded later than that is listed by `check`.
const LATE_MS: u64 = 86_400_000;

pub(super) fn show(arguments: &ShowArguments, out: &mut impl Write) -> Result<(), CustodyFailure> {
    let settings = Settings::read(&arguments.register.config)?;
    let book = Book::open(&settings)?;
    let asked = |record: &&CustodyRecord| {
        let event = record.event();
        arguments.at.is_none_or(|at| event.happened_at <= at)
    };
    let mut known = book.records().iter().filter(asked);
    if let Some(carrier) = arguments.carrier()? {
        let of_it = known.filter(|record| record.event().carrier == carrier);
        let lines: Vec<String> = of_it.map(happened).collect();
        return if lines.is_empty() {
            Err(CustodyFailure::Unknown(carrier))
        } else {
            print(&lines, out)
        };
    }
    let mut register = CustodyRegister::default();
    known.try_for_each(|record| register.take(record))?;
    let lines: Vec<String> = register.carriers().map(stands).collect();
    print(&lines, out)
}

pub(super) fn check(
    arguments: &CheckArguments,
    out: &mut impl Write,
) -> Result<(), CustodyFailure> {
    let settings = Settings::read(&arguments.register.config)?;
    let book = Book::open(&settings)?;
    let carriers = book.register().carriers();
    let (ended, open): (Vec<_>, Vec<_>) = carriers.partition(|(_, known)| known.has_ended());
    let late = book.records().iter().zip(0_u64..);
    let late: Vec<String> = late
        .filter(|(record, _)| delay_ms(record) > LATE_MS)
        .map(|(_, index)| index.to_string())
        .collect();
    let late = if late.is_empty() {
        "none".to_owned()
    } else {
        late.join(", ")
    };
    let lines = [
        format!(
            "{}: {} records, all signed; every chain of custody holds",
            settings.origin,
            book.records().len(),
        ),
        format!(
            "carriers with data of {}: {}; without any more: {}",
            settings.basis,
            open.len(),
            ended.len(),
        ),
        format!("recorded more than a day after it happened: {late}"),
    ];
    print(&lines, out)?;
    let alarms = book.register().alarms(now_millis()?, settings.allowed);
    if alarms.is_empty() {
        Ok(())
    } else {
        Err(CustodyFailure::Alarm(alarms))
    }
}

/// From what happened to its record.
fn delay_ms(record: &CustodyRecord) -> u64 {
    let happened = record.event().happened_at.as_millis();
    record.recorded_at().as_millis().saturating_sub(happened)
}

fn print(lines: &[String], out: &mut impl Write) -> Result<(), CustodyFailure> {
    let mut lines = lines.iter();
    let written = lines.try_for_each(|line| writeln!(out, "{line}"));
    Ok(written.map_err(FileFailure::Output)?)
}

/// One line: where a carrier is.
fn stands((carrier, known): (&CustodyCode, &CarrierCustody)) -> String {
    let (custodian, since) = (known.custodian(), known.since());
    let place = match known.place() {
        CustodyPlace::InHand { outside: false } => format!("in the hands of {custodian}"),
        CustodyPlace::InHand { outside: true } => {
            format!("in the hands of {custodian}, outside the building")
        }
        CustodyPlace::Stored { location } => format!("stored in {location} by {custodian}"),
        CustodyPlace::Lost => format!("lost, {custodian} had it last,"),
        CustodyPlace::Destroyed { method } => format!("destroyed by {custodian} ({method})"),
        CustodyPlace::Withdrawn => format!("withdrawn by {custodian}, without data"),
    };
    let seal = known.seal().map(|seal| format!("seal {seal}, "));
    format!(
        "{carrier}  {place} since {since}; {}{}, data until {}",
        seal.unwrap_or_default(),
        known.encryption(),
        known.keep_until()
    )
}

/// One line: what happened.
fn happened(record: &CustodyRecord) -> String {
    let event = record.event();
    let where_to = |outside: &bool| {
        if *outside {
            ", outside the building"
        } else {
            ""
        }
    };
    let what = match &event.action {
        CustodyAction::Registered {
            custodian,
            encryption,
            keep_until,
        } => format!("registered: {custodian} has it; {encryption}, data until {keep_until}"),
        CustodyAction::Withdrawn { by } => format!("withdrawn: by {by}, without data"),
        CustodyAction::HandedOver {
            from,
            to,
            seal,
            outside,
        } => format!(
            "handed over: from {from} to {to}, seal {seal}{}",
            where_to(outside)
        ),
        CustodyAction::Moved { by, outside: true } => {
            format!("moved: by {by}, out of the building")
        }
        CustodyAction::Moved { by, outside: false } => {
            format!("moved: by {by}, back into the building")
        }
        CustodyAction::Stored { by, location } => format!("stored: by {by} in {location}"),
        CustodyAction::TakenOut { by, outside } => {
            format!("taken out: by {by}{}", where_to(outside))
        }
        CustodyAction::Used { by } => format!("used: by {by}, network off, no temporary files"),
        CustodyAction::KeptLonger { keep_until } => format!("kept longer: data until {keep_until}"),
        CustodyAction::Lost { by } => format!("lost: by {by}"),
        CustodyAction::Found { by } => format!("found: {by} has it"),
        CustodyAction::Destroyed { by, method } => format!("destroyed: by {by} ({method})"),
    };
    let recorded = record.recorded_at();
    let late = if delay_ms(record) > 0 {
        format!("; recorded {recorded}")
    } else {
        String::new()
    };
    format!("{}  {what}{late}", event.happened_at)
}
