//! One changed byte at a time, in files of every kind that an exported log has, and which entries that is about.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// Entries of one tile (C2SP tlog-tiles).
const TILE: u64 = 256;

/// A byte that was changed.
pub(super) struct Damage {
    file: PathBuf,
    at: u64,
    /// The entries that the byte is about, if it is about some.
    entries: Option<Range<u64>>,
    /// Its line, of a file that has lines, from 1.
    line: Option<u64>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} of {}", self.at, self.file.display())
    }
}

impl Damage {
    /// Whether a message names one of the entries, or the line.
    pub(super) fn is_named_by(&self, said: &str) -> bool {
        let named = |label: &str| {
            let (_, rest) = said.split_once(label)?;
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            rest.get(..digits)?.parse::<u64>().ok()
        };
        let Some(entries) = &self.entries else {
            return !said.is_empty();
        };
        named("entry ").is_some_and(|entry| entries.contains(&entry))
            || self.line.is_some() && named("line ") == self.line
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
                entries: entries(log, kind, file, at)?,
                line: (kind == "records.jsonl")
                    .then(|| line(file, at))
                    .transpose()?,
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

/// The entries that a byte is about: of a tile all that are under it, for a changed hash is found where it is needed.
fn entries(log: &Path, kind: &str, file: &Path, at: u64) -> Result<Option<Range<u64>>> {
    let level = match kind.strip_prefix("tile/") {
        Some("entries") => 0,
        Some(level) => level.parse::<u32>()?,
        None if kind == "records.jsonl" => {
            // The first line is the header: of the log, and of no entry.
            let line = line(file, at)?;
            return Ok(line.checked_sub(2).map(|entry| entry..entry + 1));
        }
        None => return Ok(None),
    };
    let mut number = 0;
    for part in file.strip_prefix(log)?.iter().skip(2) {
        let part = part.to_string_lossy();
        let digits = part.trim_start_matches('x');
        let (digits, partial) = match digits.strip_suffix(".p") {
            Some(digits) => (digits, true),
            None => (digits, false),
        };
        number = number * 1_000 + digits.parse::<u64>().with_context(|| part.to_string())?;
        if partial {
            break;
        }
    }
    let span = TILE
        .checked_pow(level + 1)
        .context("no tile of that level")?;
    Ok(Some(number * span..(number + 1) * span))
}

/// The number of the line that a byte stands in, from 1.
fn line(file: &Path, at: u64) -> Result<u64> {
    let mut before = BufReader::new(File::open(file)?).take(at);
    let (mut line, mut skipped) = (1, Vec::new());
    while before.read_until(b'\n', &mut skipped)? > 0 {
        line += u64::from(skipped.ends_with(b"\n"));
        skipped.clear();
    }
    Ok(line)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_about_the_entries_of_its_tile_or_line() {
        let log = Path::new("/log");
        let of = |kind, path| entries(log, kind, Path::new(path), 5).unwrap();
        assert_eq!(
            of("tile/0", "/log/tile/0/x001/234"),
            Some(1234 * 256..1235 * 256)
        );
        assert_eq!(of("tile/1", "/log/tile/1/000.p/15"), Some(0..65_536));
        assert_eq!(of("tile/entries", "/log/tile/entries/002"), Some(512..768));
        assert_eq!(of("checkpoint", "/log/checkpoint"), None);
    }

    #[test]
    fn a_message_names_an_entry_of_the_range_or_it_does_not() {
        let damage = |entries, line| Damage {
            file: PathBuf::from("f"),
            at: 0,
            entries,
            line,
        };
        let tile = damage(Some(256..512), None);
        assert!(tile.is_named_by("sluis: the log does not verify: entry 300: x"));
        assert!(!tile.is_named_by("sluis: the log does not verify: entry 512: x"));
        assert!(!tile.is_named_by("the root is another"));
        let record = damage(Some(3..4), Some(5));
        assert!(record.is_named_by("f: line 5: x") && record.is_named_by("entry 3: x"));
        assert!(!record.is_named_by("f: line 4: x") && !record.is_named_by("entry 4: x"));
    }
}
