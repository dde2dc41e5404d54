//! `sluis custody show` and `check`: who has what, what happened, and what should have.

use std::io::Write;

use sluis_log::{
    CarrierCustody, CustodyAction, CustodyCode, CustodyDay, CustodyPlace, CustodyRecord,
    CustodyRegister,
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
    let now = now_millis()?;
    if let Some(at) = arguments.at.filter(|at| *at > now) {
        return Err(CustodyFailure::StillToCome(at));
    }
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
    let mut lines: Vec<String> = register.carriers().map(stands).collect();
    if lines.is_empty() {
        lines.push("no carrier".to_owned());
    }
    print(&lines, out)
}

pub(super) fn check(
    arguments: &CheckArguments,
    out: &mut impl Write,
) -> Result<(), CustodyFailure> {
    let settings = Settings::read(&arguments.register.config)?;
    let book = Book::open(&settings)?;
    let register = book.register();
    let numbered = || book.records().iter().zip(0_u64..);
    let late = numbered().filter(|(record, _)| delay_ms(record) > LATE_MS);
    let after = numbered().filter(|(record, _)| is_after_its_day(record, register, &settings));
    let index = |(_, index): (&CustodyRecord, u64)| index.to_string();
    let named = |wanted: fn(&CarrierCustody) -> bool| {
        let carriers = register.carriers().filter(|(_, known)| wanted(known));
        listed(carriers.map(|(carrier, _)| carrier.to_string()))
    };
    let mut lines = vec![
        format!(
            "{}: {} records, all signed; every chain of custody holds",
            settings.origin,
            book.records().len(),
        ),
        format!(
            "carriers with data of {}: {}; destroyed: {}; withdrawn: {}",
            settings.basis,
            named(|known| !known.has_ended()),
            named(|known| matches!(known.place(), CustodyPlace::Destroyed { .. })),
            named(|known| *known.place() == CustodyPlace::Withdrawn),
        ),
        format!(
            "recorded more than a day after it happened: {}",
            listed(late.map(index))
        ),
        format!(
            "used or destroyed after the last day: {}",
            listed(after.map(index))
        ),
    ];
    if !book.is_settled() {
        lines.push(
            "the folder has not all of it yet: the next command that records something finishes it"
                .to_owned(),
        );
    }
    print(&lines, out)?;
    let alarms = register.alarms(now_millis()?, settings.allowed);
    if alarms.is_empty() {
        Ok(())
    } else {
        Err(CustodyFailure::Alarm(alarms))
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// Whether something was done with data that were to be gone (S-18.5).
fn is_after_its_day(
    record: &CustodyRecord,
    register: &CustodyRegister,
    settings: &Settings,
) -> bool {
    let event = record.event();
    let acts = matches!(
        event.action,
        CustodyAction::Used { .. } | CustodyAction::Destroyed { .. }
    );
    let mut carriers = register.carriers();
    let known = carriers.find(|(carrier, _)| **carrier == event.carrier);
    let last_day = known.map(|(_, known)| known.last_day(settings.allowed));
    acts && last_day.is_some_and(|day| CustodyDay::in_brussels(event.happened_at) > day)
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
