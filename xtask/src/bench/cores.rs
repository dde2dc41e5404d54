//! Who runs on which core: what is measured has one for itself and the load
//! generator the other, so that neither takes the other's time and threads that
//! a runtime has beside its own (a garbage collector's, say) count as they do
//! where a deployment pays for its processor time.

use std::fs;

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, Pid, sched_setaffinity};

const MEASURED: usize = 0;
const LOAD: usize = 1;

/// Moves every thread of a contender to its core. New threads follow.
pub(crate) fn give_one(pid: u32) -> Result<()> {
    if !enough()? {
        return Ok(());
    }
    let threads =
        fs::read_dir(format!("/proc/{pid}/task")).context("the threads of a contender")?;
    for thread in threads {
        let name = thread?.file_name();
        let id = name.to_str().and_then(|name| name.parse().ok());
        let id = id.and_then(Pid::from_raw).context("a thread's number")?;
        // A thread may have ended since.
        let _ = sched_setaffinity(Some(id), &only(MEASURED));
    }
    Ok(())
}

/// Moves this thread, which makes the load, to the other core.
pub(crate) fn take_the_other() -> Result<()> {
    if enough()? {
        sched_setaffinity(None, &only(LOAD)).context("choosing a core")?;
    }
    Ok(())
}

fn enough() -> Result<bool> {
    Ok(fs::read_to_string("/proc/cpuinfo")?
        .matches("processor")
        .count()
        > LOAD)
}

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}
