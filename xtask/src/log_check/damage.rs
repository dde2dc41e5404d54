//! One changed byte at a time, in files of every kind that an exported log has.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::expected::Expected;

/// A byte that was changed.
pub(super) struct Damage {
    file: PathBuf,
    at: u64,
    /// The file's kind, which is the folder of a tile.
    pub(super) kind: String,
    /// What the program must say of it.
    pub(super) expected: Expected,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} of {}", self.at, self.file.display())
    }
}

/// Changes `changes` bytes of each kind of file, one after the other, and puts each back; how many.
pub(super) fn all(
    log: &Path,
    changes: usize,
    seed: u64,
    mut look: impl FnMut(&Damage) -> Result<()>,
) -> Result<usize> {
    let kinds = kinds(log)?;
    for kind in [
        "checkpoint",
        "records.jsonl",
        "tile/0",
        "tile/1",
        "tile/entries",
    ] {
        ensure!(kinds.contains_key(kind), "the export has no {kind}");
    }
    let mut state = seed | 1;
    // Knuth's multiplier: which bytes they are need not be unpredictable.
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below.max(1)
    };
    let mut count = 0;
    for (kind, files) in &kinds {
        for _ in 0..changes {
            let file = files.get(usize::try_from(random(files.len() as u64))?);
            let file = file.context("a kind without a file")?;
            let at = random(fs::metadata(file)?.len());
            let change = u8::try_from(1 + random(255))?;
            let damage = Damage {
                at,
                expected: Expected::of(log, kind, file, at)?,
                kind: kind.clone(),
                file: file.clone(),
            };
            flip(file, at, change)?;
            let found = look(&damage);
            flip(file, at, change)?;
            found?;
            count += 1;
        }
    }
    Ok(count)
}

/// The files of a log by their kind, which is the folder of a tile.
fn kinds(log: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut folders = vec![log.to_owned()];
    while let Some(folder) = folders.pop() {
        for found in fs::read_dir(&folder)? {
            let path = found?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(log)?;
            let kind: Vec<_> = inside
                .iter()
                .take(2)
                .map(|part| part.to_string_lossy())
                .collect();
            kinds.entry(kind.join("/")).or_default().push(path);
        }
    }
    for files in kinds.values_mut() {
        files.sort();
    }
    Ok(kinds)
}

fn flip(path: &Path, at: u64, change: u8) -> Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut byte)?;
    let [old] = byte;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&[old ^ change])?;
    if change == 0 {
        bail!("nothing would change");
    }
    Ok(())
}
