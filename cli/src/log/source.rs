//! A whole log, entry by entry, over HTTP or from an export: never more than a page of it in memory.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sluis_log::{ExportHeader, MAX_PAGE_ENTRIES, MAX_PAYLOAD_BYTES, Origin, StoredEntry};

use super::failure::LogFailure;
use super::remote::RemoteLog;

/// Longest line of an export: a payload in which JSON escapes every byte, and the rest of an entry.
const MAX_LINE_BYTES: u64 = 6 * MAX_PAYLOAD_BYTES as u64 + 4_096;

/// What a source says before its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) origin: Origin,
    pub(crate) size: u64,
}

/// The entries of a served log, up to the size it had when this began.
pub(crate) struct RemoteEntries<'a> {
    log: &'a RemoteLog,
    announced: Announced,
    page: VecDeque<StoredEntry>,
    next: u64,
}

impl<'a> RemoteEntries<'a> {
    pub(crate) fn begin(log: &'a RemoteLog) -> Result<Self, LogFailure> {
        let first = log.page(0, MAX_PAGE_ENTRIES)?;
        let announced = Announced {
            origin: first.origin,
            size: first.size,
        };
        let mut entries = Self {
            log,
            announced,
            page: VecDeque::new(),
            next: 0,
        };
        entries.accept(first.items);
        Ok(entries)
    }

    pub(crate) const fn announced(&self) -> &Announced {
        &self.announced
    }

    fn next_page(&mut self) -> Result<(), LogFailure> {
        // No more than the log had: it grows while it is read, also by the record of this very reading.
        let left = self.announced.size.saturating_sub(self.next);
        let limit = u32::try_from(left)
            .unwrap_or(MAX_PAGE_ENTRIES)
            .min(MAX_PAGE_ENTRIES);
        if limit == 0 {
            return Ok(());
        }
        let page = self.log.page(self.next, limit)?;
        self.accept(page.items);
        Ok(())
    }

    fn accept(&mut self, items: Vec<StoredEntry>) {
        // A page without entries ends it, whatever was announced.
        self.next = items
            .last()
            .map_or(self.announced.size, |last| last.index.saturating_add(1));
        self.page = items.into();
    }
}

impl Iterator for RemoteEntries<'_> {
    type Item = Result<StoredEntry, LogFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && let Err(error) = self.next_page()
        {
            // After an error nothing follows.
            self.next = self.announced.size;
            return Some(Err(error));
        }
        self.page
            .pop_front()
            .filter(|entry| entry.index < self.announced.size)
            .map(Ok)
    }
}

/// The entries of an export.
pub(crate) struct ExportedEntries {
    lines: Lines,
    announced: Announced,
    found: u64,
}

impl ExportedEntries {
    pub(crate) fn open(path: &Path) -> Result<Self, LogFailure> {
        let file = File::open(path).map_err(|error| LogFailure::File {
            path: path.to_owned(),
            error,
        })?;
        let mut lines = Lines {
            path: path.to_owned(),
            reader: BufReader::new(file),
            line: 0,
            cut_off: false,
        };
        let Some(ExportHeader { origin, size }) = lines.read()? else {
            return Err(lines.bad("the file is empty".to_owned()));
        };
        Ok(Self {
            lines,
            announced: Announced { origin, size },
            found: 0,
        })
    }

    pub(crate) const fn announced(&self) -> &Announced {
        &self.announced
    }
}

impl Iterator for ExportedEntries {
    type Item = Result<StoredEntry, LogFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self {
            lines,
            announced: Announced { size, .. },
            found,
        } = self;
        let (path, size) = (&lines.path, *size);
        let missing = (*found < size).then(|| LogFailure::TruncatedExport {
            path: path.clone(),
            found: *found,
            size,
        });
        match lines.read() {
            Ok(Some(entry)) if missing.is_some() => {
                *found += 1;
                Some(Ok(entry))
            }
            Ok(Some(_)) => {
                let (path, line) = (lines.path.clone(), lines.line);
                Some(Err(LogFailure::OverlongExport { path, line, size }))
            }
            Ok(None) => missing.map(Err),
            // A line that breaks off is a file that breaks off.
            Err(_) if lines.cut_off => missing.map(Err),
            Err(error) => Some(Err(error)),
        }
    }
}

/// JSON Lines, each of bounded length.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
    cut_off: bool,
}

impl Lines {
    /// The next line, or none at the end of the file.
    fn read<T: DeserializeOwned + Serialize>(&mut self) -> Result<Option<T>, LogFailure> {
        self.line += 1;
        let mut text = Vec::new();
        (&mut self.reader)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut text)
            .map_err(|error| LogFailure::File {
                path: self.path.clone(),
                error,
            })?;
        if text.is_empty() {
            return Ok(None);
        }
        if text.last() != Some(&b'\n') {
            if text.len() as u64 == MAX_LINE_BYTES {
                return Err(self.bad(format!("longer than {MAX_LINE_BYTES} bytes")));
            }
            self.cut_off = true;
        }
        let value: T =
            serde_json::from_slice(&text).map_err(|error| self.bad(error.to_string()))?;
        // A line has one spelling, so that no byte of a file can be another and nobody sees it.
        let mut written =
            serde_json::to_vec(&value).map_err(|error| self.bad(error.to_string()))?;
        written.push(b'\n');
        if written != text {
            return Err(self.bad("not as an export is written".to_owned()));
        }
        Ok(Some(value))
    }

    fn bad(&self, problem: String) -> LogFailure {
        LogFailure::Line {
            path: self.path.clone(),
            line: self.line,
            problem,
        }
    }
}
