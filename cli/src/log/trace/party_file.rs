//! Another party's log, line by line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use sluis_log::trace::{MAX_PARTY_LINE_BYTES, Party, PartyRecord, PartyRecordError};

use super::arguments::PartyLog;
use super::failure::TraceFailure;

pub(crate) struct PartyFile {
    party: Party,
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
}

impl PartyFile {
    pub(crate) fn open(log: &PartyLog) -> Result<Self, TraceFailure> {
        let file = File::open(&log.path).map_err(|error| TraceFailure::Party {
            path: log.path.clone(),
            error,
        })?;
        Ok(Self {
            party: log.party,
            path: log.path.clone(),
            reader: BufReader::new(file),
            line: 0,
        })
    }

    /// The next record, or none at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<PartyRecord>, TraceFailure> {
        self.line += 1;
        let mut text = Vec::new();
        // With its end, and one byte that tells a line that is too long.
        let most = MAX_PARTY_LINE_BYTES as u64 + 2;
        (&mut self.reader)
            .take(most)
            .read_until(b'\n', &mut text)
            .map_err(|error| TraceFailure::Party {
                path: self.path.clone(),
                error,
            })?;
        if text.is_empty() {
            return Ok(None);
        }
        let ended = text.pop_if(|last| *last == b'\n').is_some();
        if text.len() > MAX_PARTY_LINE_BYTES {
            return Err(self.bad(PartyRecordError::TooLong(text.len())));
        }
        if !ended {
            return Err(TraceFailure::CutOff {
                path: self.path.clone(),
                line: self.line,
            });
        }
        let record = PartyRecord::parse(self.party, &text);
        record.map(Some).map_err(|error| self.bad(error))
    }

    fn bad(&self, error: PartyRecordError) -> TraceFailure {
        TraceFailure::Record {
            path: self.path.clone(),
            line: self.line,
            error,
        }
    }
}
