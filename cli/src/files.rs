//! Reading what is given, never without a bound; writing secrets so that only their owner can read them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

/// The largest input: a catalogue of the largest size.
pub(crate) const MAX_INPUT_BYTES: u64 = sluis_policy::MAX_CATALOGUE_BYTES as u64;

/// A file or stream that could not be read or written.
#[derive(Debug, Error)]
pub(crate) enum FileFailure {
    #[error("{name}: {error}")]
    Read { name: String, error: io::Error },
    #[error("{name}: larger than {MAX_INPUT_BYTES} bytes")]
    TooLarge { name: String },
    #[error("{name}: expected text in UTF-8")]
    NotText { name: String },
    #[error("{name}: there is a file already, which is not overwritten")]
    Exists { name: String },
    #[error("{name}: {error}")]
    Write { name: String, error: io::Error },
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    #[error("the system's clock stands before 1970 or beyond the last moment of a token")]
    Clock,
}

/// How a path is called in messages.
pub(crate) fn name_of(path: &Path) -> String {
    if is_stdin(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The text of a file, or of standard input for `-`. It is wiped afterwards, for it may be a key or a token.
pub(crate) fn read_text(path: &Path) -> Result<Zeroizing<String>, FileFailure> {
    let name = || name_of(path);
    let read = |error| FileFailure::Read {
        name: name(),
        error,
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let source: Box<dyn Read> = if is_stdin(path) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(read)?)
    };
    source
        .take(MAX_INPUT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(read)?;
    if bytes.len() as u64 > MAX_INPUT_BYTES {
        return Err(FileFailure::TooLarge { name: name() });
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(FileFailure::NotText { name: name() }),
    }
}

/// Writes one line to a new file that only its owner can read, or to `out` when no file is named.
pub(crate) fn write_secret(
    path: Option<&PathBuf>,
    secret: &str,
    out: &mut impl Write,
) -> Result<(), FileFailure> {
    let Some(path) = path else {
        return writeln!(out, "{secret}").map_err(FileFailure::Output);
    };
    let failed = |error: io::Error| {
        let name = path.display().to_string();
        if error.kind() == io::ErrorKind::AlreadyExists {
            FileFailure::Exists { name }
        } else {
            FileFailure::Write { name, error }
        }
    };
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(format!("{secret}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever the system lets.
    Any,
    /// Its owner: it may be about persons.
    Owner,
}

/// Replaces a file: afterwards the new one is on the disk, and at no time is there none, or half of one.
pub(crate) fn replace(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let new = beside(path, ".new");
    // One that a stopped command left, or that somebody put there to have another file written through it.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(&new)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&new, path)) {
        // Half a file is of no use to anybody; what stood there stands.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    sync_folder_of(path)
}

/// Makes a folder and those above it; afterwards they are on the disk.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    fs::create_dir(path)?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// The folder that a file is in, by a name that can be opened.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let parent = path.parent();
    let named = parent.filter(|parent| !parent.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

/// The file whose name is that one's with an ending.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
