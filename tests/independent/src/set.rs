//! A set of vectors: what was expected, what came out, and whether every difference is listed.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail, ensure};

use crate::divergences::{Divergences, Listed};

/// Accepted, or refused with a stable reason code.
pub type Verdict = Result<(), &'static str>;

/// What the makers of a vector expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A good one.
    Accepted,
    /// A bad one; or one that they leave open, since a strict verifier refuses it.
    Refused,
}

/// The cases of one source, as they were run.
#[derive(Debug)]
pub struct Set {
    name: &'static str,
    cases: BTreeMap<String, (Expected, Verdict)>,
    twice: Vec<String>,
}

impl Set {
    /// An empty set.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            cases: BTreeMap::new(),
            twice: Vec::new(),
        }
    }

    /// Adds a case that was run.
    pub fn case(&mut self, id: impl fmt::Display, expected: Expected, verdict: Verdict) {
        let id = id.to_string();
        if self.cases.insert(id.clone(), (expected, verdict)).is_some() {
            self.twice.push(id);
        }
    }

    /// Compares the verdicts with the expectations and the list of divergences.
    pub fn compare(self, divergences: &Divergences) -> Result<Summary> {
        ensure!(!self.cases.is_empty(), "{}: no case ran", self.name);
        ensure!(
            self.twice.is_empty(),
            "{}: ids that occur twice: {:?}",
            self.name,
            self.twice
        );
        let mut listed = divergences.of(self.name)?;
        let mut wrong = Vec::new();
        let mut diverging = 0_usize;
        for (id, (expected, verdict)) in &self.cases {
            let as_expected = verdict.is_ok() == (*expected == Expected::Accepted);
            let ours = verdict.err().unwrap_or(Listed::ACCEPTED);
            match (as_expected, listed.remove(id)) {
                (true, None) => {}
                (false, Some(said)) if said == ours => diverging += 1,
                (false, Some(said)) => {
                    wrong.push(format!("{id}: {ours}, but listed as {said}"));
                }
                (false, None) => {
                    wrong.push(format!("{id}: {ours}, expected {expected:?}, not listed"));
                }
                (true, Some(said)) => wrong.push(format!(
                    "{id}: {ours} as expected, but listed as diverging with {said}"
                )),
            }
        }
        for (id, said) in listed {
            wrong.push(format!(
                "{id}: listed with {said}, but there is no such case"
            ));
        }
        if !wrong.is_empty() {
            bail!(
                "{}: {} of {} cases:\n  {}",
                self.name,
                wrong.len(),
                self.cases.len(),
                wrong.join("\n  ")
            );
        }
        Ok(Summary {
            name: self.name,
            run: self.cases.len(),
            accepted: self.cases.values().filter(|(_, v)| v.is_ok()).count(),
            diverging,
        })
    }
}

/// What one line says of a set that came out right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    name: &'static str,
    run: usize,
    accepted: usize,
    diverging: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            run,
            accepted,
            diverging,
        } = self;
        let refused = run - accepted;
        write!(
            formatter,
            "{name}: {run} run ({accepted} accepted, {refused} refused), {} as expected, {diverging} listed divergences",
            run - diverging
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [[divergence]]
        set = "s"
        ours = "algorithmUnsupported"
        cases = [1]
        reason = "a reason"
    "#;

    fn compare(cases: &[(&str, Expected, Verdict)]) -> Result<Summary> {
        let mut set = Set::new("s");
        for (id, expected, verdict) in cases {
            set.case(id, *expected, *verdict);
        }
        set.compare(&Divergences::parse(LIST).unwrap())
    }

    #[test]
    fn only_a_listed_divergence_passes() {
        let good = ("2", Expected::Accepted, Ok(()));
        let bad = ("3", Expected::Refused, Err("signatureMismatch"));
        let listed = ("1", Expected::Accepted, Err("algorithmUnsupported"));
        let summary = compare(&[good, bad, listed]).unwrap();
        assert_eq!(
            summary,
            Summary {
                name: "s",
                run: 3,
                accepted: 1,
                diverging: 1
            }
        );
    }

    #[test]
    fn everything_else_fails() {
        let listed = ("1", Expected::Accepted, Err("algorithmUnsupported"));
        for (case, part) in [
            (("2", Expected::Refused, Ok(())), "not listed"),
            (("2", Expected::Accepted, Err("x")), "not listed"),
        ] {
            let error = compare(&[listed, case]).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        for (case, part) in [
            (("1", Expected::Accepted, Err("other")), "but listed as"),
            (("1", Expected::Accepted, Ok(())), "listed as diverging"),
            (("2", Expected::Accepted, Ok(())), "no such case"),
        ] {
            let error = compare(&[case]).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(compare(&[]).is_err());
        assert!(compare(&[listed, listed]).is_err());
    }
}
