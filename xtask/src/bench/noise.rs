//! What else the machine did meanwhile.

use std::fs;

use anyhow::{Context, Result};

/// The machine at the beginning.
#[derive(Debug)]
pub(crate) struct Noise {
    before: Ticks,
    load_before: f64,
}

/// The machine over the whole run.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) cores: usize,
    pub(crate) load_before: f64,
    pub(crate) load_after: f64,
    /// Of all processor time, what the hypervisor gave to others, in percent.
    pub(crate) steal: f64,
    /// Of all processor time, what was spent at all, in percent.
    pub(crate) busy: f64,
}

#[derive(Clone, Copy, Debug)]
struct Ticks {
    all: f64,
    idle: f64,
    steal: f64,
}

impl Noise {
    pub(crate) fn begin() -> Result<Self> {
        Ok(Self {
            before: ticks()?,
            load_before: load()?,
        })
    }

    pub(crate) fn end(self) -> Result<Heard> {
        let after = ticks()?;
        let all = (after.all - self.before.all).max(1.0);
        Ok(Heard {
            cores: std::thread::available_parallelism()?.get(),
            load_before: self.load_before,
            load_after: load()?,
            steal: 100.0 * (after.steal - self.before.steal) / all,
            busy: 100.0 * (1.0 - (after.idle - self.before.idle) / all),
        })
    }
}

/// The first line of `/proc/stat`: user nice system idle iowait irq softirq steal …
fn ticks() -> Result<Ticks> {
    let text = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let numbers: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|n| n.parse().ok())
        .collect();
    let at = |index: usize| {
        numbers
            .get(index)
            .copied()
            .context("a number of /proc/stat")
    };
    Ok(Ticks {
        all: numbers.iter().sum(),
        idle: at(3)? + at(4)?,
        steal: at(7)?,
    })
}

/// The load average of the last minute.
fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg").context("reading /proc/loadavg")?;
    text.split(' ')
        .next()
        .unwrap_or_default()
        .parse()
        .context("the load average")
}
