//! `sluis log trace`: who, what, where, when and why of calls (M-21.5), from the validator's log and those of the
//! other parties, as far as the reader may know it (M-22.1).

mod arguments;
mod failure;
mod party_file;
mod table;

use std::io::Write;

use sluis_log::trace::{Audience, Pass, Report, Severity, TracedLog, Tracer};
use sluis_log::{ChainVerifier, FsckError, IdCheck, StoredEntry};

pub(crate) use arguments::{Sought, TraceArguments};
pub(crate) use failure::TraceFailure;

use super::failure::LogFailure;
use super::remote::RemoteLog;
use super::source::{Announced, ExportedEntries, RemoteEntries};
use arguments::{Asked, LogFrom};
use party_file::PartyFile;

pub(crate) fn trace(arguments: &TraceArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let asked = arguments.sought.ask()?;
    let audience = arguments.audience()?;
    let (report, verdict) = make(&arguments.sought, &asked, audience, &mut |_| Ok(()))?;
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &report)
            .map_err(|error| LogFailure::Output(error.into()))?;
        writeln!(out).map_err(LogFailure::Output)?;
    } else {
        table::write(&report, out).map_err(LogFailure::Output)?;
    }
    // What was traced in a log that does not verify is shown all the same, and never passes for good.
    verdict?;
    Ok(verdict_of(&report)?)
}

/// Makes the trace. `keep` gets every entry of the validator's that is part of it.
pub(crate) fn make(
    sought: &Sought,
    asked: &Asked,
    audience: Audience,
    keep: &mut dyn FnMut(&StoredEntry) -> Result<(), LogFailure>,
) -> Result<(Report, Result<(), FsckError>), LogFailure> {
    let mut tracer = Tracer::new(&asked.query, &asked.keys);
    let (announced, verdict) = match sought.log()? {
        LogFrom::Server(url, token) => {
            let log = RemoteLog::new(url, token)?;
            let entries = RemoteEntries::begin(&log)?;
            let announced = entries.announced().clone();
            let verdict = read(&announced, entries, &mut tracer, keep)?;
            (announced, verdict)
        }
        LogFrom::Export(path) => {
            let entries = ExportedEntries::open(path)?;
            let announced = entries.announced().clone();
            let verdict = read(&announced, entries, &mut tracer, keep)?;
            (announced, verdict)
        }
    };
    for pass in [Pass::Calls, Pass::Mandates] {
        for given in sought.parties() {
            tracer.party(given.party);
            let mut file = PartyFile::open(given)?;
            while let Some(record) = file.next()? {
                tracer.record(pass, &record).map_err(TraceFailure::Limit)?;
            }
        }
    }
    let log = TracedLog {
        origin: announced.origin,
        size: announced.size,
        fault: verdict.err().map(|fault| fault.to_string()),
    };
    let made = tracer.finish(asked.digests().as_deref());
    Ok((made.report(audience, log), verdict))
}

/// Reads the validator's log once, and tells whether its chain and every commitment hold.
fn read(
    announced: &Announced,
    entries: impl Iterator<Item = Result<StoredEntry, LogFailure>>,
    tracer: &mut Tracer<'_>,
    keep: &mut dyn FnMut(&StoredEntry) -> Result<(), LogFailure>,
) -> Result<Result<(), FsckError>, LogFailure> {
    // A window of ids, so that memory has a bound; `fsck` looks at all of them.
    let mut verifier = ChainVerifier::new(&announced.origin, IdCheck::Recent);
    let mut verdict = Ok(());
    for entry in entries {
        let entry = entry?;
        if verdict.is_ok() {
            verdict = verifier.next(&entry);
        }
        if tracer.entry(&entry).map_err(TraceFailure::Limit)? {
            keep(&entry)?;
        }
    }
    Ok(verdict.and_then(|()| verifier.finish(announced.size).map(|_| ())))
}

/// Whether what was asked for was found, and is whole.
pub(crate) fn verdict_of(report: &Report) -> Result<(), TraceFailure> {
    let calls = report.calls.iter().flat_map(|call| &call.findings);
    let count = |severity| {
        let all = calls.clone().chain(&report.findings);
        all.filter(|finding| finding.severity == severity).count()
    };
    let (gaps, contradictions) = (count(Severity::Gap), count(Severity::Contradiction));
    if report.calls.is_empty() && gaps == 0 && contradictions == 0 {
        return Err(TraceFailure::NothingFound);
    }
    if gaps > 0 || contradictions > 0 || report.unreadable > 0 {
        return Err(TraceFailure::NotWhole {
            gaps,
            contradictions,
            unreadable: report.unreadable,
        });
    }
    Ok(())
}
