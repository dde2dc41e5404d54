//! Versions of a deliberation: numbered, dated, in order, never two in force at once.

use super::{Checked, boxed, not_empty};
use crate::catalogue::entry::Version;
use crate::catalogue::error::CatalogueProblem;
use crate::catalogue::path::FieldPath;

/// S-0.1, M-D.3: versions are numbered, dated, in order and never in force together.
pub(super) fn lint(versions: &[Version], path: &FieldPath) -> Checked {
    not_empty(versions, path)?;
    let mut before: Option<&Version> = None;
    for (index, (expected, version)) in (1_u32..).zip(versions).enumerate() {
        let place = path.index(index);
        if version.number != expected {
            let problem = CatalogueProblem::VersionNumber {
                expected,
                found: version.number,
            };
            return Err((place.key("version"), problem));
        }
        let starts = &version.in_force_from;
        let day = version.adopted_on;
        let at_adoption = starts.local_date() == day && starts.is_local_midnight();
        if !version.in_force_from_stated && !at_adoption {
            let problem = CatalogueProblem::UnstatedEntryIntoForce {
                adopted_on: boxed(day),
                found: boxed(starts),
            };
            return Err((place.key("inForceFrom"), problem));
        }
        if starts.local_date() < day {
            let problem = CatalogueProblem::InForceBeforeAdoption {
                adopted_on: boxed(day),
                found: boxed(starts),
            };
            return Err((place.key("inForceFrom"), problem));
        }
        if let Some(until) = version
            .in_force_until
            .as_ref()
            .filter(|until| until.moment() <= starts.moment())
        {
            let problem = CatalogueProblem::VersionOverlap {
                limit: boxed(starts),
                found: boxed(until),
            };
            return Err((place.key("inForceUntil"), problem));
        }
        if let Some(before) = before {
            succession(before, version, path, index)?;
        }
        before = Some(version);
    }
    Ok(())
}

fn succession(before: &Version, version: &Version, path: &FieldPath, index: usize) -> Checked {
    let place = path.index(index);
    if version.adopted_on <= before.adopted_on {
        let problem = CatalogueProblem::VersionOrder {
            before: boxed(before.adopted_on),
            found: boxed(version.adopted_on),
        };
        return Err((place.key("adoptedOn"), problem));
    }
    let starts = &version.in_force_from;
    if starts.moment() <= before.in_force_from.moment() {
        let problem = CatalogueProblem::VersionOrder {
            before: boxed(&before.in_force_from),
            found: boxed(starts),
        };
        return Err((place.key("inForceFrom"), problem));
    }
    match before
        .in_force_until
        .as_ref()
        .filter(|until| until.moment() > starts.moment())
    {
        None => Ok(()),
        Some(until) => {
            let problem = CatalogueProblem::VersionOverlap {
                limit: boxed(starts),
                found: boxed(until),
            };
            Err((
                path.index(index.saturating_sub(1)).key("inForceUntil"),
                problem,
            ))
        }
    }
}
