//! The file: a manifest and its parts.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::failure::ComplaintFailure;
use super::policy::hex;
use crate::log::export::Partial;
use crate::log::failure::LogFailure;

pub(super) const TRACE: &str = "trace.json";
pub(super) const ENTRIES: &str = "entries.jsonl";
pub(super) const PROOFS: &str = "proofs.json";
pub(super) const POLICY: &str = "policy.json";
pub(super) const CHECKPOINT: &str = "checkpoint";

const FORMAT: &str = "sluis-complaint/1 ";
/// Longest first and second line: four parts of short names, and a checkpoint of each log.
const MAX_LINE_BYTES: u64 = 16_384;
/// Longest part: the records of as many calls as a trace has, at ordinary length twenty times over.
const MAX_PART_BYTES: u64 = 256 * 1024 * 1024;

/// One part.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    parts: Vec<Listed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    bytes: u64,
    sha256: String,
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

impl Part {
    pub(super) fn new(name: &str, bytes: Vec<u8>) -> Self {
        let name = name.to_owned();
        Self { name, bytes }
    }

    pub(super) fn json(name: &str, value: &impl Serialize) -> Result<Self, LogFailure> {
        let mut bytes =
            serde_json::to_vec(value).map_err(|error| LogFailure::Output(error.into()))?;
        bytes.push(b'\n');
        Ok(Self::new(name, bytes))
    }
}

/// Writes the file, complete or not at all.
pub(super) fn write(path: &Path, parts: &[Part]) -> Result<(), LogFailure> {
    let failed = |error| LogFailure::File {
        path: path.to_owned(),
        error,
    };
    let listed = parts.iter().map(|part| Listed {
        name: part.name.clone(),
        bytes: part.bytes.len() as u64,
        sha256: digest(&part.bytes),
    });
    let manifest = Manifest {
        parts: listed.collect(),
    };
    let manifest = Part::json("manifest", &manifest)?.bytes;
    if path.exists() {
        return Err(failed(io::Error::from(io::ErrorKind::AlreadyExists)));
    }
    let partial = Partial::create(path).map_err(failed)?;
    let mut file = &partial.file;
    writeln!(file, "{FORMAT}{}", digest(&manifest)).map_err(failed)?;
    file.write_all(&manifest).map_err(failed)?;
    for part in parts {
        file.write_all(&part.bytes).map_err(failed)?;
    }
    partial.file.sync_all().map_err(failed)?;
    partial.complete(path).map_err(failed)
}

/// Reads the file, and finds any byte of it that is not as it was written.
pub(super) fn read(path: &Path) -> Result<Vec<Part>, LogFailure> {
    let failed = |error| LogFailure::File {
        path: path.to_owned(),
        error,
    };
    let own = || path.to_owned();
    let not_one = || ComplaintFailure::NotOne { path: own() };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut line = || {
        let mut line = Vec::new();
        (&mut file)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(failed)?;
        Ok::<_, LogFailure>(line)
    };
    let first = line()?;
    let manifest = line()?;
    let first = std::str::from_utf8(&first).ok();
    let sum = first
        .and_then(|text| text.strip_prefix(FORMAT))
        .ok_or_else(not_one)?;
    let part = "the manifest".to_owned();
    if manifest.last() != Some(&b'\n') {
        return Err(ComplaintFailure::Truncated { path: own(), part }.into());
    }
    if sum.strip_suffix('\n') != Some(&digest(&manifest)) {
        return Err(ComplaintFailure::Altered { path: own(), part }.into());
    }
    let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|_| not_one())?;
    let mut parts = Vec::new();
    for Listed {
        name,
        bytes,
        sha256,
    } in manifest.parts
    {
        if bytes > MAX_PART_BYTES {
            return Err(not_one().into());
        }
        let mut content = Vec::new();
        (&mut file)
            .take(bytes)
            .read_to_end(&mut content)
            .map_err(failed)?;
        let (path, part) = (own(), name.clone());
        if content.len() as u64 != bytes {
            return Err(ComplaintFailure::Truncated { path, part }.into());
        }
        if digest(&content) != sha256 {
            return Err(ComplaintFailure::Altered { path, part }.into());
        }
        parts.push(Part::new(&name, content));
    }
    if !file.fill_buf().map_err(failed)?.is_empty() {
        return Err(ComplaintFailure::Overlong { path: own() }.into());
    }
    Ok(parts)
}
