//! A trace as a table for people.

use std::io::{self, Write};

use sluis_log::trace::{CallReport, FindingReport, Report, Shown};

use super::super::line::printable;

pub(crate) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    for log in &report.logs {
        writeln!(
            out,
            "Trace for the {}, from {}: {} entries",
            report.audience, log.origin, log.size
        )?;
        match &log.fault {
            None => writeln!(out, "The log verifies.")?,
            Some(fault) => writeln!(
                out,
                "WARNING: the log does not verify: {}",
                printable(fault)
            )?,
        }
    }
    if let Some(time) = &report.map_signed {
        writeln!(
            out,
            "These are all logs of the map that was signed at {time}."
        )?;
    }
    let parties: Vec<&str> = report.parties.iter().map(|party| party.as_str()).collect();
    if parties.is_empty() {
        writeln!(out, "No other party's log was given.")?;
    } else {
        writeln!(out, "Other logs: {}", parties.join(", "))?;
    }
    if report.erased > 0 {
        writeln!(
            out,
            "{} decisions could not be looked at: their payloads were erased.",
            report.erased
        )?;
        for ended in &report.ended {
            writeln!(
                out,
                "The end of {} was logged at {}.",
                ended.period, ended.at
            )?;
        }
    }
    if report.unreadable > 0 {
        writeln!(
            out,
            "{} entries could not be read, or do not open their commitment.",
            report.unreadable
        )?;
    }
    for (number, call) in report.calls.iter().enumerate() {
        writeln!(out)?;
        let of = match report.logs.as_slice() {
            [_] => String::new(),
            _ => format!(" of {}", call.log),
        };
        writeln!(
            out,
            "Call {}: entry {}{of}, {}",
            number + 1,
            call.index,
            call.decision
        )?;
        write_call(call, out)?;
    }
    if !report.findings.is_empty() {
        writeln!(out, "\nBeyond the calls:")?;
        write_findings(&report.findings, out)?;
    }
    Ok(())
}

fn write_call(call: &CallReport, out: &mut impl Write) -> io::Result<()> {
    for link in &call.chain {
        writeln!(
            out,
            "  {:<24}  {:<18}  {:<26}  by {}",
            link.time,
            link.party.as_str(),
            link.event,
            link.by
        )?;
    }
    for answer in &call.answers {
        let mut question = answer.question.as_str();
        for fact in &answer.facts {
            let value = match &fact.shown {
                Shown::Value(value) => printable(value),
                Shown::Withheld(why) => format!("(withheld: {why})"),
                Shown::Agrees(true) => {
                    "(withheld: holderHidden; agrees with the validator)".to_owned()
                }
                Shown::Agrees(false) => {
                    "(withheld: holderHidden; DIFFERS from the validator)".to_owned()
                }
            };
            writeln!(
                out,
                "  {question:<6}  {:<18}  {:<22}  {value}",
                fact.party.as_str(),
                fact.name
            )?;
            question = "";
        }
        for party in &answer.silent {
            writeln!(out, "  {question:<6}  {:<18}  (nothing)", party.as_str())?;
            question = "";
        }
    }
    write_findings(&call.findings, out)
}

fn write_findings(findings: &[FindingReport], out: &mut impl Write) -> io::Result<()> {
    for finding in findings {
        writeln!(
            out,
            "  {:<13}  {}: {}",
            finding.severity.as_str(),
            finding.code,
            finding.text
        )?;
    }
    Ok(())
}
