//! The names of one object's members, each once.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::error::MinimiseError;

/// Most members of one object. Bounds the search for duplicates.
pub const MAX_MEMBERS: usize = 1024;

/// Up to this many names each is compared with every one before; among more, with
/// so many as a search takes, or long names that begin alike would cost the square
/// of their number.
const FEW: usize = 16;

/// The names so far.
#[derive(Default)]
pub(crate) struct Names<'a> {
    few: Vec<Cow<'a, str>>,
    many: BTreeSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    /// Takes the next name.
    pub(crate) fn add(&mut self, name: Cow<'a, str>) -> Result<(), MinimiseError> {
        if self.few.len() + self.many.len() >= MAX_MEMBERS {
            return Err(MinimiseError::TooManyMembers { limit: MAX_MEMBERS });
        }
        if self.many.is_empty() {
            if self.few.contains(&name) {
                return Err(MinimiseError::DuplicateMember);
            }
            if self.few.len() < FEW {
                self.few.push(name);
                return Ok(());
            }
            self.many = self.few.drain(..).collect();
        }
        if self.many.insert(name) {
            Ok(())
        } else {
            Err(MinimiseError::DuplicateMember)
        }
    }
}
