//! `sluis log show`: entries as lines for people.

use std::io::Write;
use std::thread;
use std::time::Duration;

use sluis_log::{Fault, FsckError, MAX_PAGE_ENTRIES};

use super::ShowArguments;
use super::deployment;
use super::failure::LogFailure;
use super::line::line;
use super::remote::RemoteLog;

/// How often a followed log is asked for more.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

/// Those of the log that was chosen; else of all, one log after the other.
pub(crate) fn show(arguments: &ShowArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let server = RemoteLog::new(&arguments.server.url, &arguments.server.credential)?;
    if arguments.choice.shard.is_some() {
        return entries(&arguments.choice.on(&server)?, arguments, out);
    }
    let map = deployment::served(&server)?;
    // Following one would never come to the next, and an index is of one log.
    if arguments.follow || arguments.from > 0 {
        deployment::only(&map)?;
    }
    let several = map.logs().len() > 1;
    let mut worst = Ok(());
    for log in map.logs() {
        if several {
            writeln!(out, "{}", log.origin).map_err(LogFailure::Output)?;
        }
        let shown = entries(&server.at(log.shard), arguments, out);
        match shown {
            // What is damaged in one log keeps nothing of the others back.
            Err(LogFailure::Fsck(_)) if worst.is_ok() => worst = shown,
            Ok(()) | Err(LogFailure::Fsck(_)) => {}
            Err(_) => return shown,
        }
    }
    worst
}

fn entries(
    log: &RemoteLog,
    arguments: &ShowArguments,
    out: &mut impl Write,
) -> Result<(), LogFailure> {
    let mut next = arguments.from;
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    let mut damaged = None;
    while left > 0 {
        let limit = u32::try_from(left)
            .unwrap_or(MAX_PAGE_ENTRIES)
            .min(MAX_PAGE_ENTRIES);
        let page = log.page(next, limit)?;
        for entry in &page.items {
            let verdict = entry.verify_commitment();
            let mark = if verdict.is_ok() { " " } else { "!" };
            writeln!(out, "{mark}{}", line(entry)).map_err(LogFailure::Output)?;
            if let (None, Err(error)) = (damaged, verdict) {
                let fault = Fault::WrongCommitment(error);
                damaged = Some(FsckError {
                    index: entry.index,
                    fault,
                });
            }
            next = entry.index.saturating_add(1);
            left = left.saturating_sub(1);
        }
        out.flush().map_err(LogFailure::Output)?;
        match page.next {
            Some(_) if !page.items.is_empty() => {}
            _ if arguments.follow => thread::sleep(FOLLOW_INTERVAL),
            _ => break,
        }
    }
    damaged.map_or(Ok(()), |error| Err(error.into()))
}
