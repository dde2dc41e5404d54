//! The log keys that a trace is given, and what they make for the month of a decision.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::reference::{Epoch, EpochKey, ReferenceKey};
use crate::time::UnixMillis;

/// Log keys, as many as there were: a decision was recorded under one of them, by the
/// key of its month.
#[derive(Default)]
pub struct LogKeys {
    keys: Vec<ReferenceKey>,
    /// A log is read in the order of its time: the last month is mostly the next one too.
    last: RefCell<Option<(Epoch, Rc<[EpochKey]>)>>,
}

impl fmt::Debug for LogKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKeys({} keys)", self.keys.len())
    }
}

impl From<Vec<ReferenceKey>> for LogKeys {
    fn from(keys: Vec<ReferenceKey>) -> Self {
        Self {
            keys,
            last: RefCell::default(),
        }
    }
}

impl LogKeys {
    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys of the month in which that was.
    pub(crate) fn at(&self, at: UnixMillis) -> Rc<[EpochKey]> {
        let epoch = Epoch::of(at);
        let mut last = self.last.borrow_mut();
        match &*last {
            Some((of, keys)) if *of == epoch => Rc::clone(keys),
            Some(_) | None => {
                let keys: Rc<[EpochKey]> = self.keys.iter().map(|key| key.epoch(epoch)).collect();
                *last = Some((epoch, Rc::clone(&keys)));
                keys
            }
        }
    }

    /// Whether a reference of that time is one that the keys make. None of no reference, or without keys.
    pub(crate) fn made(
        &self,
        at: UnixMillis,
        reference: Option<&String>,
        make: &dyn Fn(&EpochKey) -> String,
    ) -> Option<bool> {
        let keys = self.at(at);
        let reference = reference.filter(|_| !keys.is_empty())?;
        Some(keys.iter().any(|key| make(key) == *reference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_found_in_every_month_and_by_its_key_alone() {
        let key = || ReferenceKey::new([9; 32]);
        let keys = LogKeys::from(vec![ReferenceKey::new([1; 32]), key()]);
        let make = |key: &EpochKey| key.subject_ref("person").text();
        let at = |day: u64| UnixMillis::new(day * 86_400_000).unwrap();
        // January, January, February and January of another year.
        for day in [0, 30, 31, 365] {
            let own = key().epoch(Epoch::of(at(day)));
            let found = |day| keys.made(at(day), Some(&make(&own)), &make);
            assert_eq!(found(day), Some(true), "{day}");
            assert_eq!(found(day + 40), Some(false), "{day}");
        }
        assert_eq!(keys.made(at(0), None, &make), None);
        let text = make(&key().epoch(Epoch::of(at(0))));
        assert_eq!(LogKeys::default().made(at(0), Some(&text), &make), None);
    }
}
