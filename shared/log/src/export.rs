//! The export file: JSON Lines, a header and then one stored entry a line.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chain::Origin;

/// The format this code writes, and the only one it reads.
const FORMAT: &str = "sluis-log-export/1";

/// The first line of an export. It says how many entries follow, so that a
/// truncated file is told from a short log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "HeaderJson", into = "HeaderJson")]
pub struct ExportHeader {
    /// The log's origin.
    pub origin: Origin,
    /// How many entries follow, from index 0.
    pub size: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderJson {
    format: String,
    origin: Origin,
    size: u64,
}

/// The file is in another format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("format {0:?} is not {FORMAT:?}")]
struct FormatError(String);

impl From<ExportHeader> for HeaderJson {
    fn from(header: ExportHeader) -> Self {
        Self {
            format: FORMAT.to_owned(),
            origin: header.origin,
            size: header.size,
        }
    }
}

impl TryFrom<HeaderJson> for ExportHeader {
    type Error = FormatError;

    fn try_from(json: HeaderJson) -> Result<Self, FormatError> {
        if json.format != FORMAT {
            return Err(FormatError(json.format));
        }
        Ok(Self {
            origin: json.origin,
            size: json.size,
        })
    }
}
