//! Counts of refusals that came before a signature held.
//!
//! Anyone can send rubbish, so rubbish must not buy a durable write a request.
//! The first refusal of a reason in an interval is recorded at once, the rest
//! of the interval as one count: at most two entries a reason and interval,
//! whatever the load.

use std::cell::RefCell;

/// A number of refusals for one reason in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aggregate {
    /// The reason code.
    pub(crate) reason: &'static str,
    /// How many.
    pub(crate) count: u64,
    /// Time of the first, milliseconds since the epoch.
    pub(crate) first_ms: u64,
    /// Time of the last.
    pub(crate) last_ms: u64,
}

/// What to do after a refusal was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// The first of its reason in this interval: record it now, and come back
    /// for the rest when the interval ends.
    First(Aggregate),
    /// Counted; somebody will come for it.
    Later,
}

/// The counts of this instance.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    open: RefCell<Vec<Aggregate>>,
}

impl Tally {
    /// Counts one refusal.
    pub(crate) fn count(&self, reason: &'static str, now_ms: u64) -> Counted {
        let mut open = self.open.borrow_mut();
        if let Some(entry) = open.iter_mut().find(|a| a.reason == reason) {
            if entry.count == 0 {
                entry.first_ms = now_ms;
            }
            entry.count += 1;
            entry.last_ms = now_ms;
            return Counted::Later;
        }
        // The list is bounded: reasons are the program's own codes.
        open.push(Aggregate {
            reason,
            count: 0,
            first_ms: now_ms,
            last_ms: now_ms,
        });
        Counted::First(Aggregate {
            reason,
            count: 1,
            first_ms: now_ms,
            last_ms: now_ms,
        })
    }

    /// Closes a reason's interval and gives what was counted after its first.
    pub(crate) fn close(&self, reason: &'static str) -> Option<Aggregate> {
        let mut open = self.open.borrow_mut();
        let position = open.iter().position(|a| a.reason == reason)?;
        let aggregate = open.swap_remove(position);
        (aggregate.count > 0).then_some(aggregate)
    }

    /// Puts back what could not be recorded.
    pub(crate) fn restore(&self, aggregate: Aggregate) {
        let mut open = self.open.borrow_mut();
        match open.iter_mut().find(|a| a.reason == aggregate.reason) {
            Some(entry) => {
                entry.first_ms = entry.first_ms.min(aggregate.first_ms);
                entry.last_ms = entry.last_ms.max(aggregate.last_ms);
                entry.count += aggregate.count;
            }
            None => open.push(aggregate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_two_aggregates_and_nothing_is_lost() {
        let tally = Tally::default();
        let Counted::First(first) = tally.count("x", 10) else {
            panic!("the first of an interval is recorded at once");
        };
        assert_eq!(first.count, 1);
        for now in 11..1010 {
            assert_eq!(tally.count("x", now), Counted::Later);
        }
        let rest = tally.close("x").unwrap();
        assert_eq!((rest.count, rest.first_ms, rest.last_ms), (999, 11, 1009));
        assert_eq!(tally.close("x"), None);
        assert!(matches!(tally.count("x", 2000), Counted::First(_)));
    }

    #[test]
    fn what_could_not_be_recorded_is_counted_again() {
        let tally = Tally::default();
        tally.count("x", 1);
        tally.count("x", 2);
        let rest = tally.close("x").unwrap();
        tally.restore(rest);
        assert_eq!(tally.count("x", 5), Counted::Later);
        assert_eq!(
            tally.close("x").unwrap(),
            Aggregate {
                reason: "x",
                count: 2,
                first_ms: 2,
                last_ms: 5
            }
        );
    }
}
