//! The own log, to which a step's record is added, durable before the step has an effect.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::failure::ReidentifyFailure;

pub(super) struct PartyLogFile {
    path: PathBuf,
    file: File,
}

impl PartyLogFile {
    /// Opens it, or makes it, readable by its owner alone. To a line that was not ended nothing is added: two records
    /// would be none.
    pub(super) fn open(path: &Path) -> Result<Self, ReidentifyFailure> {
        let failed = |error| ReidentifyFailure::Append {
            path: path.to_owned(),
            error,
        };
        let mut options = File::options();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        if !ends(&mut file).map_err(failed)? {
            return Err(ReidentifyFailure::CutOff(path.to_owned()));
        }
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    pub(super) fn append(mut self, line: &str) -> Result<(), ReidentifyFailure> {
        // In one write, so that what others add at the same time stands before or behind it.
        let line = format!("{line}\n");
        let written = self.file.write_all(line.as_bytes());
        written
            .and_then(|()| self.file.sync_all())
            .map_err(|error| ReidentifyFailure::Append {
                path: self.path,
                error,
            })
    }
}

fn ends(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
