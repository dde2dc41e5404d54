//! The checks of a record as they are written: by who made them, then by what
//! came of them.
//!
//! ```json
//! [{"by": "sluis", "held": ["M-12.5 mandateWindow"], "failed": ["M-13.2 grantLevel"]}]
//! ```
//!
//! Some thirty checks stand in every decision's record, which is hashed and
//! stored for ten years; an object for each would be most of the record.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::event::{Check, CheckOutcome};

/// The checks of one record.
pub(crate) struct Checks<'a>(pub(crate) &'a [Check<'a>]);

/// Those of one party.
struct MadeBy<'a> {
    by: &'a str,
    checks: &'a [Check<'a>],
}

/// Those of one party with one outcome.
struct With<'a> {
    party: &'a MadeBy<'a>,
    outcome: CheckOutcome,
}

/// `M-12.5 mandateWindow`
struct Named<'a>(&'a Check<'a>);

const OUTCOMES: [(CheckOutcome, &str); 3] = [
    (CheckOutcome::Held, "held"),
    (CheckOutcome::Failed, "failed"),
    (CheckOutcome::FailedInShadow, "failedInShadow"),
];

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parties = serializer.serialize_seq(None)?;
        for (at, check) in self.0.iter().enumerate() {
            let earlier = self.0.iter().take(at).any(|other| other.by == check.by);
            if !earlier {
                parties.serialize_element(&MadeBy {
                    by: check.by,
                    checks: self.0,
                })?;
            }
        }
        parties.end()
    }
}

impl Serialize for MadeBy<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("by", self.by)?;
        for (outcome, name) in OUTCOMES {
            let list = With {
                party: self,
                outcome,
            };
            if list.iter().next().is_some() {
                members.serialize_entry(name, &list)?;
            }
        }
        members.end()
    }
}

impl<'a> With<'a> {
    fn iter(&self) -> impl Iterator<Item = &'a Check<'a>> {
        let (by, outcome) = (self.party.by, self.outcome);
        let mine = move |check: &&Check<'_>| check.by == by && check.outcome == outcome;
        self.party.checks.iter().filter(mine)
    }
}

impl Serialize for With<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Named))
    }
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Check {
            id, requirement, ..
        } = self.0;
        let mut text = String::with_capacity(requirement.len() + 1 + id.len());
        text.push_str(requirement);
        text.push(' ');
        text.push_str(id);
        serializer.serialize_str(&text)
    }
}
