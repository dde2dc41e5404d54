//! What the program must say of one changed byte, by the file that it stands in.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};

/// Hashes of one tile, and entries of one bundle, at most (C2SP tlog-tiles).
const TILE: u64 = 256;
const HASH_BYTES: u64 = 32;
/// Bytes of an entry's length in a bundle.
const LENGTH_BYTES: u64 = 2;

/// What is wrong with a checkpoint's note itself.
const NO_NOTE: &str = "the checkpoint is no signed note";
/// What can be wrong, by the checkpoint's line: origin, size, root, the empty line, and what was signed with.
const OF_CHECKPOINT: [&[&str]; 5] = [
    &[
        NO_NOTE,
        "this is the checkpoint of",
        "the checkpoint's origin",
        "the checkpoint's size",
        "at least three lines",
    ],
    &[
        NO_NOTE,
        "the checkpoint is void",
        "the checkpoint's size",
        "the checkpoint's root",
        "at least three lines",
    ],
    &[
        NO_NOTE,
        "the checkpoint is void",
        "the checkpoint's root",
        "at least three lines",
    ],
    &[NO_NOTE],
    &[
        NO_NOTE,
        "the checkpoint is void",
        "is not signed by a key of the log",
    ],
];
/// What can be wrong with the first line of the records: its form, the log that it is of, how many there are.
const OF_HEADER: &[&str] = &[
    "line 1: ",
    "this is the log of",
    "truncated: ",
    "there are records of",
    "more than the",
];

/// What must be said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// This.
    Text(String),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// One of the entries.
    Entries(Range<u64>),
    /// The line of a record, or its entry.
    Record { line: u64, entry: u64 },
}

impl Expected {
    /// Of the byte at that place of a log's file, by the file's kind, before it is changed.
    pub(super) fn of(log: &Path, kind: &str, file: &Path, at: u64) -> Result<Self> {
        let path = file.strip_prefix(log)?;
        match kind {
            "checkpoint" => of_checkpoint(&fs::read(file)?, at),
            "records.jsonl" => {
                let line = line(file, at)?;
                Ok(match line.checked_sub(2) {
                    Some(entry) => Self::Record { line, entry },
                    None => Self::OneOf(OF_HEADER),
                })
            }
            "tile/entries" => of_bundle(&fs::read(file)?, path, at),
            tile => {
                let level = tile.strip_prefix("tile/").context("a file of no kind")?;
                of_tile(path, level.parse()?, at)
            }
        }
    }

    /// Whether it is said.
    pub(super) fn is_in(&self, said: &str) -> bool {
        let named = |label: &str| {
            let (_, rest) = said.split_once(label)?;
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            rest.get(..digits)?.parse::<u64>().ok()
        };
        match self {
            Self::Text(text) => said.contains(text),
            Self::OneOf(texts) => texts.iter().any(|text| said.contains(text)),
            Self::Entries(range) => named("entry ").is_some_and(|entry| range.contains(&entry)),
            Self::Record { line, entry } => {
                named("entry ") == Some(*entry) || named("line ") == Some(*line)
            }
        }
    }
}

fn of_checkpoint(bytes: &[u8], at: u64) -> Result<Expected> {
    let before = bytes.get(..usize::try_from(at)?);
    let before = before.context("a byte behind the end")?;
    let line = before.split(|byte| *byte == b'\n').count() - 1;
    // Every line behind the empty one is a signature.
    let known = OF_CHECKPOINT.get(line.min(OF_CHECKPOINT.len() - 1));
    Ok(Expected::OneOf(known.context("no such line")?))
}

/// The hash that is another, and the first of the entries under it.
fn of_tile(path: &Path, level: u32, at: u64) -> Result<Expected> {
    let below = TILE.checked_pow(level).context("no tile of that level")?;
    let entry = (number(path)? * TILE + at / HASH_BYTES) * below;
    Ok(Expected::Text(format!(
        "entry {entry}: {} has another hash over the {below} entries from there",
        path.display()
    )))
}

/// The very entry, which its leaf's hash gives away; where a length is changed, one of the bundle.
fn of_bundle(bytes: &[u8], path: &Path, at: u64) -> Result<Expected> {
    let first = number(path)? * TILE;
    let (mut start, mut entry) = (0, first);
    while let Some([high, low]) = bytes
        .get(usize::try_from(start)?..)
        .and_then(<[u8]>::first_chunk)
    {
        let content = start + LENGTH_BYTES;
        let end = content + u64::from(u16::from_be_bytes([*high, *low]));
        if (content..end).contains(&at) {
            let leaves = path.display().to_string();
            let leaves = leaves.replace("tile/entries/", "tile/0/");
            return Ok(Expected::Text(format!(
                "entry {entry}: {leaves} has another hash over the 1 entries from there"
            )));
        }
        (start, entry) = (end, entry + 1);
    }
    Ok(Expected::Entries(first..entry))
}

/// A tile's number (C2SP tlog-tiles): groups of three digits, all but the last with an `x`.
fn number(path: &Path) -> Result<u64> {
    let mut number = 0;
    for part in path.iter().skip(2) {
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
    Ok(number)
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

#[cfg(test)]
mod tests {
    use sluis_log::{
        Checkpoint, CheckpointError, KeyName, NoteSigner, Origin, SignedNote, TreeHash, TreeHead,
        VerifiedCheckpoint,
    };

    use super::*;

    fn text(text: &str) -> Expected {
        Expected::Text(text.to_owned())
    }

    #[test]
    fn a_changed_hash_is_that_of_the_entries_below_it() {
        let tile = |path, level, at| of_tile(Path::new(path), level, at).unwrap();
        assert_eq!(
            tile("tile/0/x001/234", 0, 95),
            text("entry 315906: tile/0/x001/234 has another hash over the 1 entries from there")
        );
        assert_eq!(
            tile("tile/1/000.p/15", 1, 32),
            text("entry 256: tile/1/000.p/15 has another hash over the 256 entries from there")
        );
        let expected = tile("tile/2/001", 2, 0);
        assert!(expected.is_in("sluis: the log does not verify: entry 16777216: tile/2/001 has another hash over the 65536 entries from there"));
        for other in [
            "sluis: the log does not verify: entry 16777217: tile/2/001 has another hash over the 65536 entries from there",
            "sluis: the log does not verify: entry 16777216: tile/1/001 has another hash over the 256 entries from there",
            "sluis: the log does not verify: entry 16777216: tile/2/001 is missing",
        ] {
            assert!(!expected.is_in(other), "{other}");
        }
    }

    #[test]
    fn a_changed_entry_is_that_one_and_a_changed_length_one_of_its_bundle() {
        let bytes = [&[0, 3][..], b"abc", &[0, 2], b"de"].concat();
        let of = |at| of_bundle(&bytes, Path::new("tile/entries/002.p/2"), at).unwrap();
        let leaf = |entry| {
            text(&format!(
                "entry {entry}: tile/0/002.p/2 has another hash over the 1 entries from there"
            ))
        };
        assert_eq!((of(2), of(4), of(7)), (leaf(512), leaf(512), leaf(513)));
        assert_eq!((of(1), of(5)), (Expected::Entries(512..514), of(6)));
        assert!(of(0).is_in("entry 513: x") && !of(0).is_in("entry 514: x"));
        assert!(!of(0).is_in("the root is another"));
    }

    #[test]
    fn a_changed_record_is_named_by_its_line_or_entry() {
        let record = Expected::Record { line: 5, entry: 3 };
        assert!(record.is_in("f: line 5: x") && record.is_in("entry 3: x"));
        assert!(!record.is_in("f: line 4: x") && !record.is_in("entry 4: x"));
        let header = Expected::OneOf(OF_HEADER);
        assert!(header.is_in("f: line 1: x") && !header.is_in("f: line 10: x"));
        assert!(!header.is_in("entry 0: x"));
    }

    #[test]
    fn every_change_of_a_checkpoint_is_one_that_its_line_can_have() {
        let origin = Origin::parse("gate.example/log").unwrap();
        let signer = NoteSigner::new(KeyName::parse(origin.as_str()).unwrap(), &[1; 32]).unwrap();
        let head = TreeHead {
            size: 1_000_000,
            root: TreeHash([7; 32]),
        };
        let checkpoint = Checkpoint::new(origin.clone(), head);
        let checkpoint = checkpoint.sign(&signer).unwrap();
        let whole = checkpoint.note().to_string().into_bytes();
        for at in 0..whole.len() {
            let expected = of_checkpoint(&whole, u64::try_from(at).unwrap()).unwrap();
            for change in 1..=255 {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                let note = SignedNote::parse(&bytes).map_err(CheckpointError::from);
                let verify = |note| VerifiedCheckpoint::verify(note, &origin, &[signer.verifier()]);
                let said = note.and_then(verify).unwrap_err().to_string();
                assert!(expected.is_in(&said), "byte {at} by {change}: {said}");
            }
        }
    }
}
