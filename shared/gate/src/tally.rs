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
    /// Whether the requests went on nevertheless.
    pub(crate) shadow: bool,
    /// How many.
    pub(crate) count: u64,
    /// Time of the first, milliseconds since the epoch.
    pub(crate) first_ms: u64,
    /// Time of the last.
    pub(crate) last_ms: u64,
}

/// What is counted apart: a reason, and whether the requests went on.
pub(crate) type Counter = (&'static str, bool);

impl Aggregate {
    fn counter(&self) -> Counter {
        (self.reason, self.shadow)
    }
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

/// A reason's open interval.
#[derive(Debug)]
struct Open {
    /// What was counted after the first.
    rest: Aggregate,
    /// When somebody promised to come for it; none if nobody will.
    attended_since_ms: Option<u64>,
}

/// The counts of this instance.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    open: RefCell<Vec<Open>>,
}

impl Tally {
    /// Counts one refusal. Whoever is told [`Counted::First`] comes back after
    /// an interval; one that has not come after two is not expected any more.
    pub(crate) fn count(
        &self,
        (reason, shadow): Counter,
        now_ms: u64,
        interval_ms: u32,
    ) -> Counted {
        let one = Aggregate {
            reason,
            shadow,
            count: 1,
            first_ms: now_ms,
            last_ms: now_ms,
        };
        let none = Aggregate { count: 0, ..one };
        let mut open = self.open.borrow_mut();
        let Some(entry) = open
            .iter_mut()
            .find(|entry| entry.rest.counter() == (reason, shadow))
        else {
            // The list is bounded: reasons are the program's own codes.
            open.push(Open {
                rest: none,
                attended_since_ms: Some(now_ms),
            });
            return Counted::First(one);
        };
        let patience_ms = 2 * u64::from(interval_ms);
        let attended = entry
            .attended_since_ms
            .is_some_and(|since| now_ms.saturating_sub(since) <= patience_ms);
        if attended {
            entry.rest = merge(entry.rest, one);
            return Counted::Later;
        }
        let all = merge(entry.rest, one);
        entry.rest = none;
        entry.attended_since_ms = Some(now_ms);
        Counted::First(all)
    }

    /// Closes a reason's interval and gives what was counted after its first.
    pub(crate) fn close(&self, counter: Counter) -> Option<Aggregate> {
        let mut open = self.open.borrow_mut();
        let position = open
            .iter()
            .position(|entry| entry.rest.counter() == counter)?;
        let rest = open.swap_remove(position).rest;
        (rest.count > 0).then_some(rest)
    }

    /// Puts back what could not be recorded. The next refusal of the reason
    /// takes it along.
    pub(crate) fn restore(&self, aggregate: Aggregate) {
        let mut open = self.open.borrow_mut();
        match open
            .iter_mut()
            .find(|entry| entry.rest.counter() == aggregate.counter())
        {
            Some(entry) => entry.rest = merge(entry.rest, aggregate),
            None => open.push(Open {
                rest: aggregate,
                attended_since_ms: None,
            }),
        }
    }
}

fn merge(a: Aggregate, b: Aggregate) -> Aggregate {
    match (a.count, b.count) {
        (0, _) => b,
        (_, 0) => a,
        (_, _) => Aggregate {
            reason: a.reason,
            shadow: a.shadow,
            count: a.count.saturating_add(b.count),
            first_ms: a.first_ms.min(b.first_ms),
            last_ms: a.last_ms.max(b.last_ms),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: u32 = 10_000;

    fn count(tally: &Tally, now_ms: u64) -> Counted {
        tally.count(("x", false), now_ms, INTERVAL)
    }

    fn first(counted: Counted) -> Aggregate {
        match counted {
            Counted::First(aggregate) => aggregate,
            Counted::Later => panic!("the first of an interval is recorded at once"),
        }
    }

    #[test]
    fn a_flood_is_two_aggregates_and_nothing_is_lost() {
        let tally = Tally::default();
        assert_eq!(first(count(&tally, 10)).count, 1);
        for now in 11..1010 {
            assert_eq!(count(&tally, now), Counted::Later);
        }
        let rest = tally.close(("x", false)).unwrap();
        assert_eq!((rest.count, rest.first_ms, rest.last_ms), (999, 11, 1009));
        assert_eq!(tally.close(("x", false)), None);
        assert_eq!(first(count(&tally, 2000)).count, 1);
    }

    #[test]
    fn what_could_not_be_recorded_goes_with_the_next_refusal() {
        let tally = Tally::default();
        count(&tally, 1);
        count(&tally, 2);
        let rest = tally.close(("x", false)).unwrap();
        tally.restore(rest);
        let all = first(count(&tally, 5));
        assert_eq!((all.count, all.first_ms, all.last_ms), (2, 2, 5));
        assert_eq!(count(&tally, 6), Counted::Later);
        // Put back while somebody attends: it goes with what that one takes.
        tally.restore(all);
        assert_eq!(tally.close(("x", false)).unwrap().count, 3);
    }

    #[test]
    fn who_never_comes_back_is_not_waited_for() {
        let tally = Tally::default();
        count(&tally, 0);
        assert_eq!(count(&tally, 20_000), Counted::Later);
        assert_eq!(first(count(&tally, 20_001)).count, 2);
    }
}
