//! The rules, their order and the requirement behind each.

use serde::{Deserialize, Serialize};

/// Declares the rules once: name in decisions and in `securityMeasures.check`, requirement ids, meaning.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $check:literal [$($requirement:literal),+]),+ $(,)?) => {
        /// A rule of `decide`, in the order in which they are applied.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Rule {
            $($(#[$doc])* #[serde(rename = $check)] $rule,)+
        }

        impl Rule {
            /// Every rule, in the order of application.
            pub const ALL: &'static [Self] = &[$(Self::$rule),+];

            /// The stable name of the check.
            pub const fn check(self) -> &'static str {
                match self {
                    $(Self::$rule => $check,)+
                }
            }

            /// The requirements it enforces, the leading one first.
            pub const fn requirements(self) -> &'static [&'static str] {
                match self {
                    $(Self::$rule => &[$($requirement),+],)+
                }
            }
        }
    };
}

rules! {
    /// A statutory operation is covered by a statutory deliberation for its purpose.
    StatutoryBasisKnown = "statutoryBasisKnown" ["S-4.1", "S-1.2"],
    /// That deliberation is in force at the time of the request.
    StatutoryBasisInForce = "statutoryBasisInForce" ["S-4.1", "S-12.1", "S-12.2"],
    /// Mandate tokens serve mandate operations, and only those.
    FlowSeparated = "flowSeparated" ["M-11.1", "M-1.3"],
    /// The mandate type is one of the standard ones.
    MandateTypeKnown = "mandateTypeKnown" ["M-12.1", "M-12.2"],
    /// Simulation types do not exist in production.
    EnvironmentMatches = "environmentMatches" ["M-12.2"],
    /// The mandate type has not been withdrawn.
    MandateTypeOffered = "mandateTypeOffered" ["M-12.2"],
    /// The general framework, whose conditions this catalogue holds, is in force.
    FrameworkInForce = "frameworkInForce" ["M-D.1", "M-8.1", "M-D.4"],
    /// The deliberation that the token names is one that approved this mandate type; the framework alone never is.
    DeliberationApprovesType = "deliberationApprovesType" ["M-12.2", "M-2.1", "M-7.1"],
    /// It is in force at the time of the request.
    DeliberationInForce = "deliberationInForce" ["M-3.1", "M-12.2", "M-D.3"],
    /// The verification system may attest this mandate type.
    VerificationSystemAdmissible = "verificationSystemAdmissible" ["M-16.2", "M-16.1"],
    /// The mandate type admits this kind of holder.
    HolderTypeAdmitted = "holderTypeAdmitted" ["M-1.1"],
    /// The purpose of the operation is one of the token's.
    PurposeCovered = "purposeCovered" ["M-5.2", "M-6.1"],
    /// Every purpose of the token is one that the deliberation approved.
    PurposesApproved = "purposesApproved" ["M-12.3", "M-5.2"],
    /// Every data category of the operation is one of the token's.
    DataCategoriesCovered = "dataCategoriesCovered" ["M-6.2", "M-12.3"],
    /// Every data category of the token is one that the deliberation approved.
    DataCategoriesApproved = "dataCategoriesApproved" ["M-12.3"],
    /// The mandate runs at this moment; no clock skew is granted on a mandate's window.
    MandateWindow = "mandateWindow" ["M-12.5"],
    /// The mandate does not run longer than the deliberation allows.
    MandateDuration = "mandateDuration" ["M-12.5"],
    /// The token does not outlive the mandate.
    TokenWithinMandate = "tokenWithinMandate" ["M-12.5"],
    /// Single or repeated use as approved.
    UsageAdmitted = "usageAdmitted" ["M-9.2"],
    /// Granted at level 400 or more of the Federal Authentication Service.
    GrantLevel = "grantLevel" ["M-13.2"],
    /// Granted by the data subject, nobody else.
    GrantedByDataSubject = "grantedByDataSubject" ["M-10.1", "M-26.1"],
    /// The data subject was informed of all five items.
    ConsentItems = "consentItems" ["M-13.1"],
    /// In a text version that the catalogue knows.
    ConsentVersion = "consentVersion" ["M-13.1"],
    /// The mandate is active: granted and accepted.
    MandateActive = "mandateActive" ["M-5.1", "M-1.2", "M-10.4"],
    /// The holder accepted the mandate's conditions before the request.
    HolderAccepted = "holderAccepted" ["M-5.1"],
    /// The holder is plain or pseudonymised as the catalogue demands.
    HolderIdentity = "holderIdentity" ["M-15.4", "M-17.3", "M-15.2"],
    /// The mandate type is offered over this channel.
    ChannelOffered = "channelOffered" ["M-23.1", "M-24.1"],
    /// Over the API only organisations and enterprises.
    ApiHolder = "apiHolder" ["M-23.1"],
    /// The Circle of Trust is accepted: its current version, before the request.
    CircleOfTrustAccepted = "circleOfTrustAccepted" ["M-23.1"],
    /// In the web application the token is for a known user.
    UserPresent = "userPresent" ["M-24.2", "M-17.2"],
    /// That user is authenticated at level 400 or more.
    UserLevel = "userLevel" ["M-24.2"],
    /// And acts in a role for this very holder.
    UserRole = "userRole" ["M-24.3"],
    /// The specific terms are accepted: their current version, before the request.
    TermsAccepted = "termsAccepted" ["M-23.1", "M-24.4"],
}

impl Rule {
    /// How many rules there are; bounds the trail of a decision.
    pub const COUNT: usize = Self::ALL.len();

    /// The leading requirement.
    pub const fn requirement(self) -> &'static str {
        match self.requirements() {
            [first, ..] => first,
            [] => "",
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.check())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_a_name_and_a_requirement() {
        let mut names: Vec<_> = Rule::ALL.iter().map(|rule| rule.check()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::COUNT);
        for rule in Rule::ALL {
            assert!(
                rule.requirements()
                    .iter()
                    .all(|id| id.starts_with("M-") || id.starts_with("S-")),
                "{rule}"
            );
        }
    }
}
