//! The settings of a register, from its file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sluis_log::{CustodyCode, CustodyDay, EventSource, NoteVerifier, Origin, UnixMillis};
use sluis_policy::{Catalogue, Retention, Standing};
use sluis_token::UnixTime;

use super::failure::CustodyFailure;
use crate::catalogue::read_catalogue;
use crate::files::{name_of, read_text};

/// `custody.toml`. Paths are taken from the folder that it stands in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    folder: PathBuf,
    head: PathBuf,
    key: String,
    catalogue: PathBuf,
    basis: String,
    institution: String,
    service: String,
    source: String,
}

/// A register: where it is, who writes it, and of which data.
pub(super) struct Settings {
    /// The log.
    pub(super) folder: PathBuf,
    /// The last head that was signed, where whoever puts the folder back does not reach.
    pub(super) head: PathBuf,
    pub(super) origin: Origin,
    pub(super) key: NoteVerifier,
    pub(super) basis: CustodyCode,
    pub(super) deliberation: String,
    /// The last day of the data by the catalogue in force, where it has one.
    pub(super) allowed: Option<CustodyDay>,
    pub(super) catalogue: Catalogue,
    pub(super) source: EventSource,
}

impl Settings {
    pub(super) fn read(path: &Path) -> Result<Self, CustodyFailure> {
        let wrong = |member: &str, problem: &dyn fmt::Display| CustodyFailure::Settings {
            name: name_of(path),
            problem: format!("{member}: {problem}"),
        };
        let text = read_text(path)?;
        let SettingsFile {
            folder,
            head,
            key,
            catalogue,
            basis,
            institution,
            service,
            source,
        } = toml::from_str(&text).map_err(|error| {
            // Without the lines of the file that the error's own text quotes.
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.unwrap_or_default().matches('\n').count() + 1;
            wrong(&format!("line {line}"), &error.message())
        })?;
        let key = NoteVerifier::parse(&key).map_err(|error| wrong("key", &error))?;
        let origin = Origin::parse(key.name().as_str()).map_err(|error| wrong("key", &error))?;
        let base = path.parent().unwrap_or(Path::new(""));
        for (member, path) in [("folder", &folder), ("head", &head)] {
            if path.file_name().is_none() {
                return Err(wrong(member, &"expected a path with a name at its end"));
            }
        }
        // Without a slash at the end, as other files are named after it.
        let whole = |path: PathBuf| base.join(path).components().collect::<PathBuf>();
        let (folder, head) = (whole(folder), whole(head));
        let catalogue = read_catalogue(&base.join(catalogue))?;
        let mut entries = catalogue.statutory_bases();
        let found = entries.find(|entry| entry.code() == basis).map(|entry| {
            let allowed = match entry.retention() {
                Retention::Until(day) => CustodyDay::parse(&day.to_string()).ok(),
                Retention::For(_) => None,
            };
            (entry.deliberation().to_string(), allowed)
        });
        let (deliberation, allowed) = found.ok_or_else(|| {
            let problem = format!("the catalogue has no statutory basis {basis:?}");
            wrong("basis", &problem)
        })?;
        drop(entries);
        let basis = CustodyCode::parse(&basis);
        let source = EventSource::new(&service, &source, &institution);
        Ok(Self {
            folder,
            head,
            origin,
            key,
            basis: basis.map_err(|error| wrong("basis", &error))?,
            allowed,
            deliberation,
            catalogue,
            source: source.map_err(|error| wrong("service, source or institution", &error))?,
        })
    }

    /// The last day of data on a carrier: the wanted one, if the catalogue allows it and its deliberation is in force at
    /// that moment (S-12.1, S-12.2).
    pub(super) fn last_day(
        &self,
        wanted: Option<CustodyDay>,
        at: UnixMillis,
    ) -> Result<CustodyDay, CustodyFailure> {
        let moment = UnixTime::from_seconds(at.as_millis() / 1_000);
        let standing = moment.and_then(|at| self.catalogue.standing(&self.deliberation, at));
        match standing {
            Some(Standing::InForce(_)) => {}
            Some(Standing::NotYet { .. } | Standing::Ended { .. } | Standing::Repealed { .. })
            | None => {
                let deliberation = self.deliberation.clone();
                return Err(CustodyFailure::NotInForce { deliberation, at });
            }
        }
        match (wanted, self.allowed) {
            (Some(wanted), Some(allowed)) if wanted > allowed => Err(CustodyFailure::TooLong {
                deliberation: self.deliberation.clone(),
                allowed,
            }),
            (Some(day), _) | (None, Some(day)) => Ok(day),
            (None, None) => Err(CustodyFailure::NoDay(self.basis.clone())),
        }
    }
}
