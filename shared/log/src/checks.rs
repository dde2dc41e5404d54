//! The checks of a record as they are written: by who made them, then by what
//! came of them.
//!
//! ```json
//! [{"by": "sluis", "held": ["M-12.5 mandateWindow"], "failed": ["M-13.2 grantLevel"]}]
//! ```
//!
//! Some thirty checks stand in every decision's record, which is hashed and
//! stored for ten years; an object for each would be most of the record. One list
//! follows another that is the same, so the text of the last one is kept.

use std::cell::RefCell;

use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::event::{Check, CheckOutcome};

/// The checks of one record.
pub(crate) struct Checks<'a>(pub(crate) &'a [Check]);

thread_local! {
    static LAST: RefCell<Option<Written>> = const { RefCell::new(None) };
}

/// A list and its text.
struct Written {
    checks: Vec<Check>,
    text: Box<RawValue>,
}

impl Written {
    fn is_of(&self, checks: &[Check]) -> bool {
        // By address: the names are constants of the program, and where a constant has
        // two addresses the list is written once more.
        self.checks.len() == checks.len()
            && self.checks.iter().zip(checks).all(|(one, other)| {
                one.outcome == other.outcome
                    && std::ptr::eq(one.id, other.id)
                    && std::ptr::eq(one.requirement, other.requirement)
                    && std::ptr::eq(one.by, other.by)
            })
    }
}

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        LAST.with_borrow_mut(|last| {
            let known = last.take().filter(|written| written.is_of(self.0));
            let written = match known {
                Some(written) => written,
                None => Written {
                    checks: self.0.to_vec(),
                    text: to_raw_value(&ByParty(self.0)).map_err(S::Error::custom)?,
                },
            };
            last.insert(written).text.serialize(serializer)
        })
    }
}

/// The list itself.
struct ByParty<'a>(&'a [Check]);

/// Those of one party.
struct MadeBy<'a> {
    by: &'a str,
    checks: &'a [Check],
}

/// Those of one party with one outcome.
struct With<'a> {
    party: &'a MadeBy<'a>,
    outcome: CheckOutcome,
}

const OUTCOMES: [(CheckOutcome, &str); 3] = [
    (CheckOutcome::Held, "held"),
    (CheckOutcome::Failed, "failed"),
    (CheckOutcome::FailedInShadow, "failedInShadow"),
];

impl Serialize for ByParty<'_> {
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
    fn iter(&self) -> impl Iterator<Item = &'a Check> {
        let (by, outcome) = (self.party.by, self.outcome);
        let mine = move |check: &&Check| check.outcome == outcome && check.by == by;
        self.party.checks.iter().filter(mine)
    }
}

/// Each as `M-12.5 mandateWindow`.
impl Serialize for With<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let mut text = String::new();
        for Check {
            id, requirement, ..
        } in self.iter()
        {
            text.clear();
            text.push_str(requirement);
            text.push(' ');
            text.push_str(id);
            list.serialize_element(&text)?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Check = Check {
        id: "grantLevel",
        requirement: "M-13.2",
        outcome: CheckOutcome::Held,
        by: "sluis",
    };

    /// The text of the list before must not stand for another one, whatever differs.
    #[test]
    fn each_list_has_its_own_text() {
        let text = |checks: &[Check]| serde_json::to_string(&Checks(checks)).unwrap();
        for (other, expected) in [
            (
                Check {
                    id: "mandateWindow",
                    ..HELD
                },
                r#"[{"by":"sluis","held":["M-13.2 mandateWindow"]}]"#,
            ),
            (
                Check {
                    requirement: "M-12.5",
                    ..HELD
                },
                r#"[{"by":"sluis","held":["M-12.5 grantLevel"]}]"#,
            ),
            (
                Check {
                    outcome: CheckOutcome::Failed,
                    ..HELD
                },
                r#"[{"by":"sluis","failed":["M-13.2 grantLevel"]}]"#,
            ),
            (
                Check { by: "peer", ..HELD },
                r#"[{"by":"peer","held":["M-13.2 grantLevel"]}]"#,
            ),
        ] {
            for _ in 0..2 {
                assert_eq!(
                    text(&[HELD]),
                    r#"[{"by":"sluis","held":["M-13.2 grantLevel"]}]"#
                );
            }
            assert_eq!(text(&[other]), expected);
            assert_eq!(
                text(&[other, HELD]).matches("grantLevel").count(),
                1 + expected.matches("grantLevel").count()
            );
        }
        assert_eq!(text(&[]), "[]");
    }
}
