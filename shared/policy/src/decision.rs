//! The answer of `decide`, with everything an auditor needs to follow it.

use std::fmt;
use std::sync::Arc;

use sluis_token::UnixTime;

use crate::catalogue::{DeliberationVersion, MandateType};
use crate::reason::DenyReason;
use crate::rule::Rule;
use crate::shadow::ShadowRules;
use crate::time::Retention;
use crate::vocabulary::{HolderIdentity, OnwardTransfer};

/// A rule that was applied, and whether it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppliedRule {
    rule: Rule,
    held: bool,
    shadowed: bool,
}

impl AppliedRule {
    /// Which.
    pub fn rule(self) -> Rule {
        self.rule
    }

    /// The leading requirement, `M-12.5`.
    pub fn requirement(self) -> &'static str {
        self.rule.requirement()
    }

    /// Every requirement that it enforces.
    pub fn requirements(self) -> &'static [&'static str] {
        self.rule.requirements()
    }

    /// The stable name of the check.
    pub fn check(self) -> &'static str {
        self.rule.check()
    }

    /// Whether it held. In a refusal the last one did not; there is no other that did not, but for those in shadow.
    pub fn held(self) -> bool {
        self.held
    }

    /// Whether it did not hold and was only watched.
    pub fn failed_in_shadow(self) -> bool {
        self.shadowed
    }
}

/// The rules as they are applied, without an allocation.
#[derive(Clone)]
pub(crate) struct Trail {
    rules: [AppliedRule; Rule::COUNT],
    length: usize,
    shadow: ShadowRules,
}

impl Trail {
    pub(crate) fn new(shadow: ShadowRules) -> Self {
        // The unused places are never shown; `held: false` is the harmless filling.
        Self {
            rules: [AppliedRule {
                rule: Rule::FlowSeparated,
                held: false,
                shadowed: false,
            }; Rule::COUNT],
            length: 0,
            shadow,
        }
    }

    /// Records `rule` with its result and hands the result on.
    ///
    /// Each rule is applied at most once, so the places suffice; were one missing, the record would be short of a
    /// rule but the result would still count.
    pub(crate) fn apply<T>(
        &mut self,
        rule: Rule,
        result: Result<T, DenyReason>,
    ) -> Result<T, DenyReason> {
        self.note(rule, result.is_ok(), false);
        result
    }

    /// The same for a rule that no later one rests on: in shadow its failure is recorded and goes no further.
    pub(crate) fn require(
        &mut self,
        rule: Rule,
        result: Result<(), DenyReason>,
    ) -> Result<(), DenyReason> {
        if result.is_err() && self.shadow.contains(rule) {
            self.note(rule, false, true);
            return Ok(());
        }
        self.apply(rule, result)
    }

    fn note(&mut self, rule: Rule, held: bool, shadowed: bool) {
        if let Some(place) = self.rules.get_mut(self.length) {
            *place = AppliedRule {
                rule,
                held,
                shadowed,
            };
            self.length += 1;
        }
    }

    fn as_slice(&self) -> &[AppliedRule] {
        self.rules.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// What was decided, by which rules of which deliberation in which version.
///
/// Only [`crate::decide`] makes one, and it cannot be copied: one question, one decision, one record.
#[derive(Debug)]
#[must_use = "a decision that nobody looks at protects nothing"]
pub struct Decision {
    pub(crate) outcome: Outcome,
    pub(crate) trail: Trail,
    pub(crate) deliberation: Option<DeliberationVersion>,
    pub(crate) framework: Option<DeliberationVersion>,
    pub(crate) holder_identity: HolderIdentity,
    pub(crate) alarm: bool,
    pub(crate) catalogue_digest: [u8; 32],
    pub(crate) at: UnixTime,
}

impl Decision {
    /// Allow or deny.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The answer itself. An allowance comes out once: whoever records it consumes it.
    pub fn into_outcome(self) -> Outcome {
        self.outcome
    }

    /// The allowance, if it is one.
    pub fn allowance(&self) -> Option<&Allowance> {
        match &self.outcome {
            Outcome::Allow(allowance) => Some(allowance),
            Outcome::Deny(_) => None,
        }
    }

    /// The reason of a refusal, if it is one.
    pub fn deny_reason(&self) -> Option<&DenyReason> {
        match &self.outcome {
            Outcome::Allow(_) => None,
            Outcome::Deny(reason) => Some(reason),
        }
    }

    /// The rules in the order in which they were applied, up to the first that did not hold.
    pub fn rules(&self) -> &[AppliedRule] {
        self.trail.as_slice()
    }

    /// Whether it is what it is only because a rule is in shadow, or a rule in shadow did not hold besides.
    pub fn has_shadowed_failure(&self) -> bool {
        self.rules().iter().any(|rule| rule.failed_in_shadow())
    }

    /// The version of the specific deliberation that was in force, for a refusal too where one was found.
    pub fn deliberation(&self) -> Option<&DeliberationVersion> {
        self.deliberation.as_ref()
    }

    /// The framework that was in force.
    pub fn framework(&self) -> Option<&DeliberationVersion> {
        self.framework.as_ref()
    }

    /// How the holder must be treated from here on: a pseudonymised one never reaches a log, a header or a body.
    ///
    /// Where the mandate type is unknown or a secondary network attests it, this is `Pseudonymised` whatever the
    /// token shows.
    pub fn holder_identity(&self) -> HolderIdentity {
        self.holder_identity
    }

    /// Whether the token let out a holder's identity that must stay unknown (M-15.4): warn the operator, answer
    /// neutrally. Set whichever rule refused the request.
    pub fn alarm(&self) -> bool {
        self.alarm
    }

    /// SHA-256 of the catalogue file that was applied.
    pub fn catalogue_digest(&self) -> [u8; 32] {
        self.catalogue_digest
    }

    /// The time of the request, as at which everything was evaluated.
    pub fn at(&self) -> UnixTime {
        self.at
    }
}

/// Allow or deny.
#[derive(Debug)]
pub enum Outcome {
    /// Every rule held.
    Allow(Allowance),
    /// One did not.
    Deny(DenyReason),
}

/// What an allowed request may have.
#[derive(Debug)]
pub struct Allowance {
    pub(crate) mandate_type: Arc<MandateType>,
    pub(crate) deliberation: DeliberationVersion,
    pub(crate) framework: DeliberationVersion,
}

impl Allowance {
    /// The mandate type, with its data categories and their fields.
    pub fn mandate_type(&self) -> &MandateType {
        &self.mandate_type
    }

    /// The specific deliberation that allows it.
    pub fn deliberation(&self) -> &DeliberationVersion {
        &self.deliberation
    }

    /// The framework whose conditions were met.
    pub fn framework(&self) -> &DeliberationVersion {
        &self.framework
    }

    /// How long the recipient may keep the data (M-12.4).
    pub fn retention(&self) -> &Retention {
        self.mandate_type.retention()
    }

    /// What the recipient may do with it towards others.
    pub fn onward_transfer(&self) -> OnwardTransfer {
        self.mandate_type.onward_transfer()
    }
}
