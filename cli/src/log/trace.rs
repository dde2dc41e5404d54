//! `sluis log trace`: who, what, where, when and why of calls (M-21.5), from the validator's log and those of the
//! other parties, as far as the reader may know it (M-22.1).

mod arguments;
mod failure;
mod party_file;
mod table;

use std::io::Write;

use sluis_log::trace::{Audience, Finding, Pass, Report, Severity, Traced, TracedLog, Tracer};
use sluis_log::{
    ChainVerifier, FsckError, IdCheck, NoteVerifier, Origin, ShardMap, StoredEntry, UnixMillis,
};

pub(crate) use arguments::{LogFrom, PartyLog, Sought, TraceArguments};
pub(crate) use failure::TraceFailure;
pub(crate) use party_file::PartyFile;

use super::deployment;
use super::failure::LogFailure;
use super::remote::RemoteLog;
use super::source::{Announced, ExportedEntries, RemoteEntries};
use super::trust;
use crate::clock::now_millis;
use arguments::Asked;

pub(crate) fn trace(arguments: &TraceArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let asked = arguments.sought.ask()?;
    let audience = arguments.audience()?;
    let Made {
        report, verdict, ..
    } = make(
        &arguments.sought,
        &asked,
        audience,
        &arguments.keys,
        &mut |_, _, _| Ok(()),
    )?;
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

/// A trace, and what it was made of.
pub(crate) struct Made {
    pub(crate) traced: Traced,
    pub(crate) report: Report,
    /// Whether the validator's logs verify.
    pub(crate) verdict: Result<(), LogFailure>,
}

/// Sees every entry of the validator's, of which log it is, and whether it is part of the trace.
pub(crate) type See<'a> = &'a mut dyn FnMut(&Origin, &StoredEntry, bool) -> Result<(), LogFailure>;

/// Makes the trace.
pub(crate) fn make(
    sought: &Sought,
    asked: &Asked,
    audience: Audience,
    keys: &[NoteVerifier],
    see: See<'_>,
) -> Result<Made, LogFailure> {
    let now = now_millis().map_err(LogFailure::Clock)?;
    let mut joining = Tracer::new(&asked.query, &asked.keys, now);
    let mut verdicts = Vec::new();
    let mut map = None;
    match sought.log()? {
        LogFrom::Server(url, credential) => {
            let server = RemoteLog::new(url, credential)?;
            map = Some(map_of(&server, keys)?);
            for mapped in map.iter().flat_map(|(map, _)| map.logs()) {
                let log = server.at(mapped.shard);
                let entries = RemoteEntries::begin(&log)?;
                let announced = entries.announced().clone();
                // One log twice would hide another.
                if announced.origin != mapped.origin {
                    return Err(LogFailure::OtherOrigin {
                        expected: mapped.origin.clone(),
                        found: announced.origin,
                    });
                }
                let verdict = read(&announced, entries, &mut joining, see)?;
                verdicts.push((announced, verdict));
            }
        }
        LogFrom::Exports(paths) => {
            for path in paths {
                let entries = ExportedEntries::open(path)?;
                let announced = entries.announced().clone();
                let verdict = read(&announced, entries, &mut joining, see)?;
                verdicts.push((announced, verdict));
            }
        }
    }
    for pass in [Pass::Calls, Pass::Mandates] {
        for given in sought.parties() {
            joining.party(given.party);
            let mut file = PartyFile::open(given)?;
            while let Some(record) = file.next()? {
                joining.record(pass, &record).map_err(TraceFailure::Limit)?;
            }
        }
    }
    let verdict = verdict_over(&verdicts);
    let logs = verdicts.into_iter().map(|(announced, verdict)| TracedLog {
        origin: announced.origin,
        size: announced.size,
        fault: verdict.err().map(|fault| fault.to_string()),
    });
    let traced = joining.finish(asked.digests().as_deref());
    let mut report = traced.report(audience, logs.collect());
    match map {
        Some((_, Some(at))) => report.map_signed = Some(at.to_string()),
        Some((_, None)) => report.findings.push(Finding::LogsNotKnown.into()),
        None => {}
    }
    Ok(Made {
        traced,
        report,
        verdict,
    })
}

/// Which logs the server says there are; and when that was signed, if keys are known to verify it with.
fn map_of(
    server: &RemoteLog,
    keys: &[NoteVerifier],
) -> Result<(ShardMap, Option<UnixMillis>), LogFailure> {
    if keys.is_empty() {
        return Ok((deployment::served(server)?, None));
    }
    let origin = trust::origin_of(keys, None)?;
    let (verified, _) = deployment::signed_now(server, &origin, keys)?;
    Ok((verified.map().clone(), Some(verified.at())))
}

/// The first of the logs that does not verify.
fn verdict_over(verdicts: &[(Announced, Result<(), FsckError>)]) -> Result<(), LogFailure> {
    for (announced, verdict) in verdicts {
        let failure = match verdict {
            Ok(()) => continue,
            Err(fault) => LogFailure::Fsck(*fault),
        };
        return Err(if verdicts.len() == 1 {
            failure
        } else {
            LogFailure::OfShard {
                origin: announced.origin.clone(),
                failure: Box::new(failure),
            }
        });
    }
    Ok(())
}

/// Reads the validator's log once, and tells whether its chain and every commitment hold.
fn read(
    announced: &Announced,
    entries: impl Iterator<Item = Result<StoredEntry, LogFailure>>,
    tracer: &mut Tracer<'_>,
    see: See<'_>,
) -> Result<Result<(), FsckError>, LogFailure> {
    // A window of ids, so that memory has a bound; `fsck` looks at all of them.
    tracer.log(&announced.origin);
    let mut verifier = ChainVerifier::new(&announced.origin, IdCheck::Recent);
    let mut verdict = Ok(());
    for entry in entries {
        let entry = entry?;
        if verdict.is_ok() {
            verdict = verifier.next(&entry);
        }
        let selected = tracer.entry(&entry).map_err(TraceFailure::Limit)?;
        see(&announced.origin, &entry, selected)?;
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
        let erased = report.erased;
        return Err(TraceFailure::NothingFound { erased });
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
