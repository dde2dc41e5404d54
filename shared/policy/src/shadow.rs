//! Rules that are only watched: a failure of one is recorded and the decision
//! goes on with the next rule.
//!
//! For an institution that puts the gate before an API in use and wants to see
//! what a rule would refuse before it does. Never in shadow are the rules that
//! later ones rest on, those that keep environments, systems and flows apart,
//! those about time and single use, and the one that hides a holder.

use thiserror::Error;

use crate::rule::Rule;

/// Why rules cannot be put in shadow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ShadowRulesError {
    /// No rule has that name.
    #[error("no rule is called {id:?}")]
    Unknown {
        /// What was given.
        id: String,
    },
    /// The rule is always enforced.
    #[error("the rule {rule} is always enforced")]
    AlwaysEnforced {
        /// The rule.
        rule: Rule,
    },
    /// The rule is named twice.
    #[error("the rule {rule} is named twice")]
    Twice {
        /// The rule.
        rule: Rule,
    },
}

/// A set of rules in shadow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShadowRules {
    /// A bit a rule, by its place in [`Rule::ALL`].
    bits: u64,
}

const _: () = assert!(Rule::COUNT <= 64, "a bit a rule");

impl ShadowRules {
    /// No rule: everything is enforced.
    pub const NONE: Self = Self { bits: 0 };

    /// The rules of those names.
    pub fn parse<'a>(ids: impl IntoIterator<Item = &'a str>) -> Result<Self, ShadowRulesError> {
        let mut rules = Self::NONE;
        for id in ids {
            let rule = Rule::ALL.iter().copied().find(|rule| rule.check() == id);
            let rule = rule.ok_or_else(|| ShadowRulesError::Unknown { id: id.to_owned() })?;
            if !rule.may_be_shadowed() {
                return Err(ShadowRulesError::AlwaysEnforced { rule });
            }
            if rules.contains(rule) {
                return Err(ShadowRulesError::Twice { rule });
            }
            rules.bits |= bit(rule);
        }
        Ok(rules)
    }

    /// Whether a rule is in shadow.
    pub const fn contains(self, rule: Rule) -> bool {
        self.bits & bit(rule) != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }
}

const fn bit(rule: Rule) -> u64 {
    1 << (rule as u32)
}

impl Rule {
    /// Whether a failure of this rule may be recorded without refusing.
    pub const fn may_be_shadowed(self) -> bool {
        match self {
            // What later rules read comes from these.
            Self::StatutoryBasisKnown
            | Self::StatutoryBasisInForce
            | Self::MandateTypeKnown
            | Self::FrameworkInForce
            | Self::DeliberationApprovesType
            | Self::DeliberationInForce
            | Self::ChannelOffered
            | Self::UserPresent
            // Apart: flows, environments, systems.
            | Self::FlowSeparated
            | Self::EnvironmentMatches
            | Self::VerificationSystemAdmissible
            // Time and single use.
            | Self::MandateWindow
            | Self::TokenWithinMandate
            | Self::UsageAdmitted
            // The holder stays hidden (M-15.2).
            | Self::HolderIdentity => false,
            Self::MandateTypeOffered
            | Self::HolderTypeAdmitted
            | Self::PurposeCovered
            | Self::PurposesApproved
            | Self::DataCategoriesCovered
            | Self::DataCategoriesApproved
            | Self::MandateDuration
            | Self::GrantLevel
            | Self::GrantedByDataSubject
            | Self::ConsentItems
            | Self::ConsentVersion
            | Self::MandateActive
            | Self::HolderAccepted
            | Self::ApiHolder
            | Self::CircleOfTrustAccepted
            | Self::UserLevel
            | Self::UserRole
            | Self::TermsAccepted => true,
        }
    }
}
